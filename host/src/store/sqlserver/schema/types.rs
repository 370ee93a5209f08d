//! Which type a source's column has in the mirror, and its default as T-SQL (invariant 8: rendered from the parsed form).
//!
//! A mirror must keep what arrives. Where SQL Server's own type would change or refuse it, another one takes its place:
//!
//! | source | mirror | why |
//! |---|---|---|
//! | `char(n)`, `varchar(n)` | `nvarchar(n)`, `nvarchar(max)` above 4,000 | the wire does not name the source's code page; in a database with another one letters would silently become `?`. Not `nchar`: two bytes a letter would make rows of fixed length too long, and values come padded already |
//! | `text` | `nvarchar(max)` | the same |
//! | `xml` | `nvarchar(max)` | the type rewrites white space and attributes, and refuses control characters that .NET sends |
//! | `json`, `sql_variant` | `nvarchar(max)` | there is no json type before 2025; of a variant only a text arrives, not its base type |
//! | `rowversion` | `binary(8)` | nobody can write a rowversion |
//! | `hierarchyid` | `varbinary(892)` | bytes arrive; the type refuses those that are not its own, and 892 is the most it has |
//! | `geometry`, `geography` | `varbinary(max)` | the same, and no CLR type is needed to read the mirror |
//!
//! Everything else, the outdated `ntext` and `image` too, is as the source has it.

use super::ident::{blob_literal, text_literal};
use crate::protocol::columns::Value;
use crate::protocol::datetime;
use crate::protocol::default_value::{DefaultValue, TypedDefault};
use crate::protocol::sql_type::{Family, Length, SqlType};

/// The collation of text columns in keys: letters that differ by case or accent are different keys, as bytes are.
pub(in crate::store::sqlserver) const KEY_COLLATION: &str = "Latin1_General_100_BIN2";

/// The type a column of the source has in the mirror.
pub(in crate::store::sqlserver) const fn stored(sql_type: SqlType) -> SqlType {
    match sql_type {
        SqlType::Char(n) | SqlType::VarChar(Length::Limited(n)) => {
            SqlType::NVarChar(if n <= 4000 { Length::Limited(n) } else { Length::Max })
        }
        SqlType::VarChar(Length::Max) | SqlType::Text | SqlType::Xml | SqlType::Json | SqlType::SqlVariant => {
            SqlType::NVarChar(Length::Max)
        }
        SqlType::RowVersion => SqlType::Binary(8),
        SqlType::HierarchyId => SqlType::VarBinary(Length::Limited(892)),
        SqlType::Geometry | SqlType::Geography => SqlType::VarBinary(Length::Max),
        same => same,
    }
}

/// The type of a column in the mirror, as T-SQL.
pub(in crate::store::sqlserver) fn render(sql_type: SqlType) -> String {
    stored(sql_type).to_string()
}

/// Whether a column of the catalogue's type is one we made for a source's column of `sql_type`.
pub(in crate::store::sqlserver) fn is_stored_as(sql_type: SqlType, actual: SqlType) -> bool {
    match (stored(sql_type), actual) {
        // Babelfish keeps six digits of a second and says so.
        (SqlType::Time(7), SqlType::Time(6))
        | (SqlType::DateTime2(7), SqlType::DateTime2(6))
        | (SqlType::DateTimeOffset(7), SqlType::DateTimeOffset(6)) => true,
        (stored, actual) => stored == actual,
    }
}

/// Whether a column may be part of a key or an index: SQL Server refuses the types without a limit.
pub(in crate::store::sqlserver) fn can_be_indexed(actual: SqlType) -> bool {
    actual.can_be_key()
}

/// The most bytes a value takes in a key: what SQL Server counts against its limits.
pub(in crate::store::sqlserver) fn key_bytes(actual: SqlType) -> u32 {
    match actual {
        SqlType::Bit | SqlType::TinyInt => 1,
        SqlType::SmallInt => 2,
        SqlType::Int | SqlType::Real | SqlType::SmallMoney | SqlType::SmallDateTime => 4,
        SqlType::BigInt
        | SqlType::Float
        | SqlType::Money
        | SqlType::DateTime
        | SqlType::DateTime2(_)
        | SqlType::RowVersion => 8,
        SqlType::Decimal { precision, .. } => match precision {
            0..=9 => 5,
            10..=19 => 9,
            20..=28 => 13,
            _ => 17,
        },
        SqlType::Date => 3,
        SqlType::Time(_) => 5,
        SqlType::DateTimeOffset(_) => 10,
        SqlType::UniqueIdentifier => 16,
        SqlType::HierarchyId => 892,
        SqlType::NChar(n) | SqlType::NVarChar(Length::Limited(n)) => u32::from(n) * 2,
        SqlType::Char(n)
        | SqlType::VarChar(Length::Limited(n))
        | SqlType::Binary(n)
        | SqlType::VarBinary(Length::Limited(n)) => u32::from(n),
        _ => u32::MAX,
    }
}

/// A default as a constant or an expression in parentheses. `None`: it is NULL, as it would be without one, or does not fit the
/// column's type and would only be a wrong value.
pub(in crate::store::sqlserver) fn default_literal(default: &DefaultValue, sql_type: SqlType) -> Option<String> {
    let text = match default.fits(sql_type).ok()? {
        TypedDefault::Now { utc } => now(sql_type, utc)?.to_owned(),
        TypedDefault::NewGuid => "NEWID()".to_owned(),
        TypedDefault::Value(value) => literal(value.as_value(), sql_type)?,
    };
    Some(if text.starts_with('(') { text } else { format!("({text})") })
}

fn now(sql_type: SqlType, utc: bool) -> Option<&'static str> {
    if !matches!(sql_type.family(), Family::Timestamp | Family::Time | Family::TimestampOffset) {
        return None;
    }
    Some(match (sql_type, utc) {
        (SqlType::DateTimeOffset(_), false) => "SYSDATETIMEOFFSET()",
        (_, true) => "SYSUTCDATETIME()",
        (_, false) => "SYSDATETIME()",
    })
}

/// A value as a literal that means it whatever the session's language and date format.
fn literal(value: Value<'_>, sql_type: SqlType) -> Option<String> {
    Some(match value {
        Value::Integer(value) => value.to_string(),
        // The shortest digits that are the same double again.
        Value::Real(value) if value.is_finite() => format!("{value:e}"),
        Value::Real(_) | Value::Null => return None,
        Value::Decimal { unscaled, scale } => decimal(unscaled, scale),
        // With a T between date and time no language reads day and month the other way round.
        Value::Timestamp(ticks) | Value::Time(ticks) => {
            format!("'{}'", datetime::format_iso(ticks, sql_type).replace(' ', "T"))
        }
        Value::TimestampOffset(ticks, offset) => {
            format!("'{}'", datetime::format_iso_offset(ticks, offset, sql_type).replace(' ', "T"))
        }
        Value::Text(text) => text_literal(text),
        Value::Binary(bytes) => blob_literal(bytes),
        Value::Guid(bytes) => format!("'{}'", uuid::Uuid::from_bytes(bytes).to_string().to_uppercase()),
    })
}

fn decimal(unscaled: i128, scale: u8) -> String {
    let scale = usize::from(scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "callers make it where they ask")]
    fn literal_of(default: DefaultValue, sql_type: SqlType) -> Option<String> {
        default_literal(&default, sql_type)
    }

    #[test]
    fn every_kind_of_default_is_written_so_that_no_setting_changes_it() {
        let text = |text: &str| DefaultValue::Text(text.into());
        let number = |text: &str| DefaultValue::Number(text.into());
        let nvarchar = SqlType::NVarChar(Length::Limited(40));
        for (default, sql_type, expected) in [
            (number("-1"), SqlType::Int, "(-1)"),
            (number("1"), SqlType::Bit, "(1)"),
            (number("0.1"), SqlType::Float, "(1e-1)"),
            (number("922337203685477.5807"), SqlType::Money, "(922337203685477.5807)"),
            (number("-0.5"), SqlType::Decimal { precision: 9, scale: 2 }, "(-0.50)"),
            (number("7"), SqlType::Decimal { precision: 9, scale: 0 }, "(7)"),
            (text("17600101 00:00:00"), SqlType::DateTime, "('1760-01-01T00:00:00')"),
            (text("2020-05-18 10:40:43.123"), SqlType::DateTime, "('2020-05-18T10:40:43.123')"),
            (text("2020-05-18"), SqlType::Date, "('2020-05-18')"),
            (text("10:40:43.1234567"), SqlType::Time(7), "('10:40:43.1234567')"),
            (text("2020-05-18 10:40:43 +05:30"), SqlType::DateTimeOffset(0), "('2020-05-18T10:40:43+05:30')"),
            (text("it's"), nvarchar, "(N'it''s')"),
            (text("æ"), SqlType::VarChar(Length::Limited(5)), "(N'æ')"),
            (text("a\0b"), nvarchar, "(CONVERT(nvarchar(max), N'') + N'a' + NCHAR(0) + N'b')"),
            (DefaultValue::Binary(vec![0, 255]), SqlType::VarBinary(Length::Max), "(0x00FF)"),
            (
                text("6f9619ff-8b86-d011-b42d-00c04fc964ff"),
                SqlType::UniqueIdentifier,
                "('6F9619FF-8B86-D011-B42D-00C04FC964FF')",
            ),
            (DefaultValue::Now { utc: false }, SqlType::DateTime, "(SYSDATETIME())"),
            (DefaultValue::Now { utc: true }, SqlType::DateTime2(7), "(SYSUTCDATETIME())"),
            (DefaultValue::Now { utc: false }, SqlType::DateTimeOffset(7), "(SYSDATETIMEOFFSET())"),
            (DefaultValue::NewGuid, SqlType::UniqueIdentifier, "(NEWID())"),
        ] {
            assert_eq!(literal_of(default, sql_type).as_deref(), Some(expected), "{sql_type}");
        }
    }

    #[test]
    fn a_default_that_is_null_or_does_not_fit_is_none() {
        assert_eq!(literal_of(DefaultValue::Null, SqlType::Int), None);
        assert_eq!(literal_of(DefaultValue::Text("soon".into()), SqlType::Int), None);
        assert_eq!(literal_of(DefaultValue::Now { utc: false }, SqlType::Int), None);
    }

    proptest::proptest! {
        #[test]
        fn every_type_is_one_that_any_server_has_and_is_read_back(sql_type in crate::protocol::testing::any_type()) {
            let own: SqlType = render(sql_type).parse().unwrap();
            proptest::prop_assert_eq!(own, stored(sql_type));
            proptest::prop_assert!(is_stored_as(sql_type, own));
            // What was stored once is stored as itself: a column can be described and made again.
            proptest::prop_assert_eq!(stored(own), own);
            proptest::prop_assert_eq!(own.family(), sql_type.family());
            proptest::prop_assert_eq!(key_bytes(own) == u32::MAX, !can_be_indexed(own));
        }
    }
}
