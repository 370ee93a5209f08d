//! Every value comes back as it went in, whatever its type.

use speil::protocol::columns::OwnedValue::{self, Binary, Decimal, Guid, Text, Time, Timestamp, TimestampOffset};
use speil::protocol::datetime::{self, MAX_TICKS};
use speil::protocol::sql_type::{Length, SqlType};

use super::StoreFactory;
use super::kit::*;

/// Writes values of one type, each in a row of its own beside a NULL, as inserts and again as updates.
async fn round_trip(f: &impl StoreFactory, cases: &[(SqlType, Vec<OwnedValue>)]) {
    let db = open(f).await;
    for (number, (sql_type, values)) in cases.iter().enumerate() {
        let name = format!("t{number}");
        let def = table(&name, vec![column("id", SqlType::Int, false), column("v", *sql_type, true)]);
        db.create_table(&turn(&name, 1), &def, hash(1)).await.unwrap_or_else(|error| panic!("{sql_type}: {error}"));
        let rows: Vec<Row> =
            (0..).zip(values.iter().chain([&Null])).map(|(id, value)| vec![Integer(id), value.clone()]).collect();
        put(&db, &def, 1, &rows, 10).await.unwrap_or_else(|error| panic!("{sql_type}: {error}"));
        assert_eq!(rows_of(&db, &def).await, rows, "{sql_type}, inserted");
        let updates: Vec<_> = rows.iter().map(|row| (Update, row.clone())).collect();
        apply(&db, &def, 1, &updates, 11).await.unwrap();
        assert_eq!(rows_of(&db, &def).await, rows, "{sql_type}, updated");
    }
}

pub async fn integers_and_bits(f: &impl StoreFactory) {
    let cases = [SqlType::Bit, SqlType::TinyInt, SqlType::SmallInt, SqlType::Int, SqlType::BigInt].map(|sql_type| {
        let (first, last) = sql_type.integer_range().unwrap();
        (sql_type, vec![Integer(first), Integer(0), Integer(1), Integer(last)])
    });
    round_trip(f, &cases).await;
}

pub async fn floating_point_numbers(f: &impl StoreFactory) {
    let values =
        [0.0, 1.0, -1.5, 0.1, 1e-307, -1.79e308, f64::MAX, f64::MIN_POSITIVE, 9_007_199_254_740_993.0, 1.0 / 3.0];
    let reals = [0.0f32, 1.0, 0.1, f32::MAX, f32::MIN, f32::MIN_POSITIVE, 16_777_217.0];
    let cases = [
        (SqlType::Float, values.map(Real).to_vec()),
        (SqlType::Real, reals.map(|value| Real(f64::from(value))).to_vec()),
    ];
    round_trip(f, &cases).await;
}

pub async fn decimals_of_any_length_are_never_rounded(f: &impl StoreFactory) {
    let mut cases = Vec::new();
    for (precision, scale) in
        [(1, 0), (9, 2), (15, 15), (16, 0), (18, 0), (18, 2), (19, 0), (19, 4), (38, 0), (38, 10), (38, 38)]
    {
        let sql_type = SqlType::Decimal { precision, scale };
        let (first, last) = sql_type.decimal_range().unwrap();
        let one = 10i128.pow(u32::from(scale)).min(last);
        let values = [first, first + 1, -one, -1, 0, 1, one, last / 3, last - 1, last, one / 4];
        cases.push((sql_type, values.map(|unscaled| Decimal { unscaled, scale }).to_vec()));
    }
    round_trip(f, &cases).await;
}

pub async fn money_to_the_last_digit(f: &impl StoreFactory) {
    let values = |values: &[i128]| values.iter().map(|&value| money(value)).collect::<Vec<_>>();
    let (least, most) = (i128::from(i64::MIN), i128::from(i64::MAX));
    let cases = [
        (
            SqlType::Money,
            values(&[least, least + 1, -1, 0, 1, 12_345, 999_999_999_999_999, 1_000_000_000_000_001, most - 1, most]),
        ),
        (SqlType::SmallMoney, values(&[-2_147_483_648, -1, 0, 1, 2_147_483_647])),
    ];
    round_trip(f, &cases).await;
}

pub async fn ordinary_amounts_are_numbers_to_everybody(f: &impl StoreFactory) {
    let db = with_three(f).await;
    put(&db, &contact(), 2, &[vec![Integer(4), Null, money(10_500)]], 110).await.unwrap();
    let sums = f
        .query(
            &cust(),
            r#"SELECT "contact_id" FROM "contact" WHERE "amount" / 2 = 0.525 AND "amount" < 2 AND "amount" = 1.05"#,
        )
        .await;
    assert_eq!(sums, [[Some("4".to_owned())]]);
}

pub async fn dates_and_times_at_both_ends(f: &impl StoreFactory) {
    let no_date = datetime::parse_iso("1760-01-01 00:00:00", SqlType::DateTime).unwrap();
    let mut cases = Vec::new();
    let mut types = vec![SqlType::Date, SqlType::SmallDateTime, SqlType::DateTime];
    types.extend((0..=7).map(SqlType::DateTime2));
    for sql_type in types {
        let (first, last) = datetime::range(sql_type);
        let mut ticks = vec![first, last, datetime::parse_iso("2020-05-18", SqlType::Date).unwrap()];
        if first <= no_date {
            ticks.push(no_date);
        }
        ticks.push(datetime::ticks_from_civil(2020, 2, 29, 23, 59, 59, 9_999_999).unwrap());
        cases.push((sql_type, ticks.into_iter().map(|ticks| Timestamp(f.held(ticks, sql_type))).collect()));
    }
    for digits in 0..=7 {
        let sql_type = SqlType::Time(digits);
        let (first, last) = datetime::range(sql_type);
        cases.push((sql_type, [first, last, 522_000_000_000].map(|ticks| Time(f.held(ticks, sql_type))).to_vec()));
    }
    round_trip(f, &cases).await;
}

pub async fn times_with_an_offset(f: &impl StoreFactory) {
    let cases: Vec<_> = (0..=7)
        .map(|digits| {
            let sql_type = SqlType::DateTimeOffset(digits);
            let noon = datetime::ticks_from_civil(2020, 5, 18, 12, 0, 0, 1_234_567).unwrap();
            let values = [(0, 0), (MAX_TICKS, 0), (noon, 840), (noon, -840), (noon, 330), (noon, -1)];
            let values = values.map(|(ticks, offset)| TimestampOffset(f.held(ticks, sql_type), offset));
            (sql_type, values.to_vec())
        })
        .collect();
    round_trip(f, &cases).await;
}

pub async fn texts_are_themselves(f: &impl StoreFactory) {
    let texts = [
        "",
        " ",
        "  both ends  ",
        "\t\r\n",
        "\r",
        "a\0b",
        "\0",
        "\u{1}\u{b}\u{fffe}\u{ffff}",
        "🙂 日本語 æøå",
        "[I:5] not a number",
        "5",
        "007",
        "1e5",
        "1.50",
        " 12 ",
        "NULL",
        "null",
        "it's \"quoted\"",
        "x'00'",
        "9223372036854775808",
        "-0",
        "e\u{301}",
        "\u{feff}bom",
    ];
    let types = [
        SqlType::Char(40),
        SqlType::VarChar(Length::Limited(40)),
        SqlType::VarChar(Length::Max),
        SqlType::NChar(40),
        nvarchar(40),
        NVARCHAR_MAX,
        SqlType::Text,
        SqlType::NText,
        SqlType::Xml,
        SqlType::Json,
        SqlType::SqlVariant,
    ];
    round_trip(f, &types.map(|sql_type| (sql_type, held_texts(f, sql_type, &texts)))).await;
}

/// Those of the texts that a column of the type can hold, as it holds them.
fn held_texts(f: &impl StoreFactory, sql_type: SqlType, texts: &[&str]) -> Vec<OwnedValue> {
    let all = texts.iter().map(|value| (*value).to_owned());
    let in_code_page = |text: &String| text.is_ascii() && !text.contains('\0');
    let held: Vec<String> = match sql_type {
        _ if !f.holds_only_what_types_allow() => all.collect(),
        SqlType::Char(length) => {
            all.filter(in_code_page).map(|text| format!("{text:<0$}", usize::from(length))).collect()
        }
        SqlType::VarChar(_) | SqlType::Text => all.filter(in_code_page).collect(),
        SqlType::NChar(length) => {
            let filled = |text: String| {
                let letters = text.encode_utf16().count();
                text + &" ".repeat(usize::from(length) - letters)
            };
            all.filter(|text| f.takes_nul() || !text.contains('\0')).map(filled).collect()
        }
        SqlType::Xml => vec!["<a/>".into(), "<a b=\"c\">æøå 日本 🙂</a>".into(), "just text".into(), String::new()],
        SqlType::Json => vec!["{\"a\":1}".into(), "[]".into()],
        _ => all.filter(|text| f.takes_nul() || !text.contains('\0')).collect(),
    };
    held.into_iter().map(Text).collect()
}

pub async fn bytes_are_themselves(f: &impl StoreFactory) {
    let values = vec![
        Binary(vec![0]),
        Binary(vec![]),
        Binary(b"123".to_vec()),
        Binary((0..=255).collect()),
        Binary(vec![0xff; 70_000]),
    ];
    let types = [
        SqlType::Binary(8),
        SqlType::VarBinary(Length::Limited(8)),
        SqlType::VarBinary(Length::Max),
        SqlType::Image,
        SqlType::RowVersion,
        SqlType::HierarchyId,
        SqlType::Geometry,
        SqlType::Geography,
    ];
    let held = |sql_type| -> Vec<OwnedValue> {
        let of_length = |length: usize| {
            let values = [vec![0; length], vec![0xff; length], (0..).take(length).collect()];
            values.map(Binary).to_vec()
        };
        match sql_type {
            _ if !f.holds_only_what_types_allow() => values.clone(),
            SqlType::Binary(_) | SqlType::RowVersion => of_length(8),
            _ => {
                let fits = |value: &&OwnedValue| match (value, sql_type.max_bytes()) {
                    (Binary(bytes), Some(most)) => bytes.len() <= usize::from(most),
                    _ => true,
                };
                values.iter().filter(fits).cloned().collect()
            }
        }
    };
    round_trip(f, &types.map(|sql_type| (sql_type, held(sql_type)))).await;
}

pub async fn uniqueidentifiers(f: &impl StoreFactory) {
    let counting: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap() * 17);
    // Its text reads as a number but for the dashes.
    let numberlike = [0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12];
    let values = [[0; 16], [0xff; 16], counting, numberlike].map(Guid);
    round_trip(f, &[(SqlType::UniqueIdentifier, values.to_vec())]).await;
}

pub async fn keys_of_every_kind_find_their_rows(f: &impl StoreFactory) {
    let db = open(f).await;
    let keys: Vec<(SqlType, Vec<OwnedValue>)> = vec![
        (SqlType::Bit, vec![Integer(0), Integer(1)]),
        (SqlType::TinyInt, vec![Integer(0), Integer(255)]),
        (SqlType::SmallInt, vec![Integer(-32_768), Integer(32_767)]),
        (SqlType::BigInt, vec![Integer(i64::MIN), Integer(i64::MAX)]),
        (
            SqlType::Decimal { precision: 38, scale: 2 },
            vec![Decimal { unscaled: -150, scale: 2 }, Decimal { unscaled: 10i128.pow(37) + 1, scale: 2 }],
        ),
        (SqlType::Money, vec![money(1), money(12_345)]),
        (SqlType::Float, vec![Real(-0.5), Real(1e300)]),
        (
            SqlType::DateTime,
            vec![Timestamp(datetime::range(SqlType::DateTime).0), Timestamp(f.held(MAX_TICKS, SqlType::DateTime))],
        ),
        (SqlType::Date, vec![Timestamp(0), Timestamp(datetime::cut(MAX_TICKS, SqlType::Date))]),
        (nvarchar(20), vec![text("5"), text("five ")]),
        (SqlType::UniqueIdentifier, vec![Guid([0; 16]), Guid([0xee; 16])]),
        (SqlType::Binary(4), vec![Binary(vec![0, 1, 2, 3]), Binary(vec![9, 9, 9, 9])]),
    ];
    for (number, (sql_type, keys)) in keys.into_iter().enumerate() {
        let name = format!("k{number}");
        let def = table(&name, vec![column("id", sql_type, false), column("n", SqlType::Int, true)]);
        db.create_table(&turn(&name, 1), &def, hash(1)).await.unwrap();
        let rows = |n: i64| keys.iter().map(|key| vec![key.clone(), Integer(n)]).collect::<Vec<Row>>();
        put(&db, &def, 1, &rows(1), 10).await.unwrap();
        let updates: Vec<_> = rows(2).into_iter().map(|row| (Update, row)).collect();
        let (applied, _) = apply(&db, &def, 1, &updates, 11).await.unwrap();
        assert_eq!(applied.updated, 2, "{sql_type}");
        let (applied, _) = put(&db, &def, 1, &rows(3), 12).await.unwrap();
        assert_eq!((applied.inserted, applied.updated), (0, 2), "{sql_type}");
        assert_eq!(rows_of(&db, &def).await, rows(3), "{sql_type}");
        let deletes: Vec<_> = keys.iter().map(|key| (Delete, vec![key.clone(), Null])).collect();
        let (applied, _) = apply(&db, &def, 1, &deletes, 13).await.unwrap();
        assert_eq!(applied.deleted, 2, "{sql_type}");
    }
}
