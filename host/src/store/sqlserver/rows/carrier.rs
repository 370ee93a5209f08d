//! How each column's values travel into a table: by the bulk protocol into the column itself, or by way of a stage whose
//! column the driver can load, made the column's own by the server.

use crate::protocol::sql_type::{Length, SqlType};

/// A column of the target as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sqlserver) struct Target {
    /// As the database spells it.
    pub name: String,
    /// The mirror's own type.
    pub kept: SqlType,
    /// NULL is not allowed.
    pub required: bool,
    /// Of a character column.
    pub collation: Option<String>,
}

impl Target {
    /// The type of the stage's column: one that the driver declares and encodes as the server reads it.
    pub fn stage_type(&self) -> String {
        let text = |units: u16| match units {
            // Longer ones the driver declares with twice their length, which is more than there is.
            1..=2000 => format!("nvarchar({units})"),
            _ => "nvarchar(max)".to_owned(),
        };
        let bare = match self.kept {
            SqlType::Char(units)
            | SqlType::NChar(units)
            | SqlType::VarChar(Length::Limited(units))
            | SqlType::NVarChar(Length::Limited(units)) => text(units),
            SqlType::VarChar(Length::Max)
            | SqlType::NVarChar(Length::Max)
            | SqlType::Text
            | SqlType::NText
            | SqlType::Xml
            | SqlType::Json
            | SqlType::SqlVariant => text(0),
            SqlType::Decimal { .. } | SqlType::Time(_) | SqlType::DateTimeOffset(_) => return text(60),
            SqlType::SmallDateTime => return "datetime".to_owned(),
            // Babelfish loads those below zero as huge ones.
            SqlType::SmallMoney => return "money".to_owned(),
            SqlType::Binary(bytes) | SqlType::VarBinary(Length::Limited(bytes)) => {
                return format!("varbinary({bytes})");
            }
            SqlType::RowVersion => return "varbinary(8)".to_owned(),
            SqlType::HierarchyId => return "varbinary(892)".to_owned(),
            SqlType::VarBinary(Length::Max) | SqlType::Image | SqlType::Geometry | SqlType::Geography => {
                return "varbinary(max)".to_owned();
            }
            same => return same.to_string(),
        };
        match &self.collation {
            // The target's, so that keys are compared and code pages chosen as there.
            Some(collation) => format!("{bare} COLLATE {collation}"),
            None => bare,
        }
    }

    /// Whether the driver can load values straight into the column.
    pub fn is_direct(&self) -> bool {
        matches!(
            self.kept,
            SqlType::Bit
                | SqlType::TinyInt
                | SqlType::SmallInt
                | SqlType::Int
                | SqlType::BigInt
                | SqlType::Float
                | SqlType::Real
                | SqlType::Money
                | SqlType::Date
                | SqlType::DateTime
                | SqlType::DateTime2(_)
                | SqlType::UniqueIdentifier
                | SqlType::NVarChar(Length::Limited(1..=2000) | Length::Max)
                | SqlType::VarBinary(_)
        ) && loads_by_name(&self.name)
    }

    /// The stage's value as one of the column's type.
    pub fn taken_from_stage(&self, value: &str) -> String {
        match self.kept {
            SqlType::Char(_)
            | SqlType::VarChar(_)
            | SqlType::NChar(_)
            | SqlType::NVarChar(Length::Limited(2001..))
            | SqlType::Decimal { .. }
            | SqlType::Time(_)
            | SqlType::DateTimeOffset(_)
            | SqlType::SmallDateTime
            | SqlType::SmallMoney
            | SqlType::Binary(_)
            | SqlType::HierarchyId
            | SqlType::Geometry
            | SqlType::Geography => format!("CONVERT({}, {value})", self.kept),
            // 1: keeps the white space between elements.
            SqlType::Xml => format!("CONVERT(xml, {value}, 1)"),
            _ => value.to_owned(),
        }
    }

    /// A parameter as a value of the stage's type.
    pub fn taken_from_parameter(&self, parameter: &str) -> String {
        format!("CONVERT({}, {parameter})", self.bare_stage_type())
    }

    fn bare_stage_type(&self) -> String {
        let mut text = self.stage_type();
        if let Some(end) = text.find(" COLLATE ") {
            text.truncate(end);
        }
        text
    }

    /// Whether characters can get lost on the way from the stage into the column, since it keeps them in a code page.
    pub fn has_code_page(&self) -> bool {
        matches!(self.kept, SqlType::Char(_) | SqlType::VarChar(_) | SqlType::Text)
    }

    /// The column's code page put to the test: true in rows whose text does not come back from it.
    pub fn loses_text(&self, value: &str) -> String {
        let own = match self.kept {
            SqlType::Text => format!("CONVERT(varchar(max), {value})"),
            _ => self.taken_from_stage(value),
        };
        // A stage's (max) column compares by all of its text; blanks at the end, with which char is filled up, do not count.
        format!("CONVERT(nvarchar(max), {own}) COLLATE {BINARY} <> CONVERT(nvarchar(max), {value}) COLLATE {BINARY}")
    }

    /// Whether values that differ may be the same to the column, when it is a key.
    pub fn equates(&self) -> bool {
        self.collation.as_deref().is_some_and(|name| {
            let name = name.to_ascii_uppercase();
            !(name.ends_with("_BIN2") || name.ends_with("_BIN") || name.ends_with("_BIN2_UTF8"))
        })
    }

    /// Bytes a cell may have in a bulk load; more go by parameter.
    pub fn most_bytes(&self) -> Option<usize> {
        (self.stage_type().contains("(max)")).then_some(65_535)
    }
}

/// Texts compared character by character.
pub(in crate::store::sqlserver) const BINARY: &str = "Latin1_General_100_BIN2";

/// Whether the driver's bulk load takes a name: it checks quoted names by rules of its own.
pub(in crate::store::sqlserver) fn loads_by_name(name: &str) -> bool {
    !name.chars().any(|c| c.is_control() || c == ']')
}

impl Target {
    /// One value into a column of this type that is nobody's.
    pub fn try_one(&self, value: &str) -> String {
        format!(
            "DECLARE @one TABLE (v {} NULL);\nINSERT INTO @one (v) SELECT {}",
            self.kept,
            self.taken_from_stage(value)
        )
    }

    /// The column as it is read, so that the driver gives the value without loss.
    pub fn read(&self, name: &str) -> String {
        match self.kept {
            // The driver reads these as doubles.
            SqlType::Money | SqlType::SmallMoney => format!("CONVERT(decimal(19,4), {name})"),
            // And these in a code page it guesses.
            SqlType::Char(_) | SqlType::VarChar(_) | SqlType::Text | SqlType::NText | SqlType::Xml | SqlType::Json => {
                format!("CONVERT(nvarchar(max), {name})")
            }
            SqlType::Image | SqlType::HierarchyId | SqlType::Geometry | SqlType::Geography => {
                format!("CONVERT(varbinary(max), {name})")
            }
            _ => name.to_owned(),
        }
    }

    /// What rows are ordered by when the column is a key: the order of its values as texts are written, so that it is the same in
    /// every store.
    pub fn order(&self, name: &str) -> String {
        match self.kept {
            SqlType::UniqueIdentifier => format!("CONVERT(char(36), {name})"),
            SqlType::DateTimeOffset(_) => format!("CONVERT(datetime2, {name})"),
            _ if self.collation.is_some() => format!("{name} COLLATE {BINARY}"),
            _ => name.to_owned(),
        }
    }
}
