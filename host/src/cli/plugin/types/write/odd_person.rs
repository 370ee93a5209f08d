/// A row of `odd_person`.
#[derive(Debug, Clone, PartialEq)]
pub struct OddPerson {
    /// `person_id`: int not null, key
    pub person_id: i64,
    /// `type`: nvarchar(50)
    pub r#type: Option<String>,
    /// `a name`: nvarchar(255) not null
    pub a_name: String,
    /// `height`: float
    pub height: Option<f64>,
    /// `paid`: decimal(18,4)
    pub paid: Option<String>,
    /// `born`: datetime not null
    pub born: i64,
    /// `photo`: varbinary(max)
    pub photo: Option<Vec<u8>>,
    /// `row_guid`: uniqueidentifier
    pub row_guid: Option<String>,
    /// `class`: int
    pub class: Option<i64>,
}

impl OddPerson {
    /// What a plan names as `inputs` to get whole rows.
    pub const COLUMNS: [&str; 9] = [
        "person_id",
        "type",
        "a name",
        "height",
        "paid",
        "born",
        "photo",
        "row_guid",
        "class",
    ];

    /// The rows of such a batch; `None`: it is another.
    pub fn rows(columns: &[NamedColumn]) -> Option<Vec<Self>> {
        let [c0, c1, c2, c3, c4, c5, c6, c7, c8] = columns else { return None };
        let ColumnValues::Integer(c0) = &c0.values else { return None };
        let ColumnValues::Text(c1) = &c1.values else { return None };
        let ColumnValues::Text(c2) = &c2.values else { return None };
        let ColumnValues::Real(c3) = &c3.values else { return None };
        let ColumnValues::Decimal(c4) = &c4.values else { return None };
        let ColumnValues::Timestamp(c5) = &c5.values else { return None };
        let ColumnValues::Binary(c6) = &c6.values else { return None };
        let ColumnValues::Text(c7) = &c7.values else { return None };
        let ColumnValues::Integer(c8) = &c8.values else { return None };
        (0..c0.len())
            .map(|row| {
                Some(Self {
                    person_id: c0[row]?,
                    r#type: c1[row].clone(),
                    a_name: c2[row].clone()?,
                    height: c3[row],
                    paid: c4[row].clone(),
                    born: c5[row]?,
                    photo: c6[row].clone(),
                    row_guid: c7[row].clone(),
                    class: c8[row],
                })
            })
            .collect()
    }
}
