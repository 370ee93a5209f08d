//! What a default is worth in a column of a type: the conversions SQL Server itself makes when it applies a default,
//! as far as they are plain. Here, unlike in cells, numbers do lose digits as SQL Server loses them: the default was
//! declared for another type, and the source's own rows hold the converted value.

use super::DefaultValue;
use crate::protocol::cell::{self, Misfit};
use crate::protocol::columns::OwnedValue;
use crate::protocol::datetime;
use crate::protocol::shown::shown;
use crate::protocol::sql_type::{Family, Length, SqlType};

/// A default as a value of its column's type.
#[derive(Debug, Clone, PartialEq)]
pub enum TypedDefault {
    /// The same for every row; of the type's family, or NULL.
    Value(OwnedValue),
    /// The moment the row is made.
    Now { utc: bool },
    /// A new uniqueidentifier for every row.
    NewGuid,
}

/// A default that its column's type cannot take. A sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the default {default} does not fit {sql_type}{reason}")]
pub struct DefaultMisfit {
    /// Shortened and escaped.
    pub default: String,
    pub sql_type: SqlType,
    /// Empty, or `: ` and the reason.
    reason: String,
}

/// Why, before the default is put to it. `None`: the kinds do not go together at all.
type Why = Option<Misfit>;

impl DefaultValue {
    /// The default as a value of a column type.
    ///
    /// # Errors
    /// SQL Server would not convert it, or only by a rule this project does not follow.
    pub fn fits(&self, sql_type: SqlType) -> Result<TypedDefault, DefaultMisfit> {
        self.converted(sql_type).map_err(|why| DefaultMisfit {
            default: self.shown(),
            sql_type,
            reason: why.map(|misfit| format!(": {}", misfit.reason(sql_type))).unwrap_or_default(),
        })
    }

    fn converted(&self, sql_type: SqlType) -> Result<TypedDefault, Why> {
        match self {
            Self::Null => Ok(TypedDefault::Value(OwnedValue::Null)),
            Self::Now { utc } => match sql_type.family() {
                Family::Timestamp | Family::Time | Family::TimestampOffset => Ok(TypedDefault::Now { utc: *utc }),
                _ => Err(None),
            },
            Self::NewGuid => match sql_type.family() {
                Family::Guid => Ok(TypedDefault::NewGuid),
                _ => Err(None),
            },
            Self::Number(number) => from_number(number, sql_type).map(TypedDefault::Value),
            Self::Text(text) => from_text(text, sql_type).map(TypedDefault::Value),
            Self::Binary(bytes) => from_binary(bytes, sql_type).map(TypedDefault::Value),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Number(number) => number.clone(),
            Self::Text(text) => shown(text),
            Self::Binary(bytes) => {
                let start = bytes.iter().take(20).fold(String::from("0x"), |hex, byte| format!("{hex}{byte:02x}"));
                if bytes.len() > 20 { start + "…" } else { start }
            }
            Self::Now { .. } => "of the current time".into(),
            Self::NewGuid => "of a new uniqueidentifier".into(),
            Self::Null => "NULL".into(),
        }
    }
}

/// A number in the canonical form of [`DefaultValue::Number`].
fn from_number(number: &str, sql_type: SqlType) -> Result<OwnedValue, Why> {
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    let to_integer = |range| match cell::integer(whole.as_bytes(), range) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(Some(Misfit::Form)),
        Err(misfit) => Err(Some(misfit)),
    };
    match sql_type.family() {
        // Every number but zero is true.
        Family::Integer if sql_type == SqlType::Bit => Ok(OwnedValue::Integer(i64::from(number != "0"))),
        // SQL Server cuts the digits after the point.
        Family::Integer => {
            let range = sql_type.integer_range().expect("the integer family has a range");
            to_integer(range).map(OwnedValue::Integer)
        }
        Family::Real => parsed(cell::real(number.as_bytes(), sql_type)).map(OwnedValue::Real),
        Family::Decimal => {
            let scale = sql_type.decimal_scale();
            let range = sql_type.decimal_range().expect("the decimal family has a range");
            let unscaled = rounded(number, scale).ok_or(Some(Misfit::OutOfRange))?;
            if unscaled < range.0 || unscaled > range.1 {
                return Err(Some(Misfit::OutOfRange));
            }
            Ok(OwnedValue::Decimal { unscaled, scale })
        }
        // Days since 1900, for the two types that have always been numbers inside.
        Family::Timestamp if matches!(sql_type, SqlType::DateTime | SqlType::SmallDateTime) && whole == number => {
            let days = to_integer((-60_000, 3_000_000))?;
            let ticks = datetime::SQL_EPOCH_TICKS + days * datetime::TICKS_PER_DAY;
            let (first, last) = datetime::range(sql_type);
            if ticks < first || ticks > last { Err(Some(Misfit::OutOfRange)) } else { Ok(OwnedValue::Timestamp(ticks)) }
        }
        Family::Text if !matches!(sql_type, SqlType::Xml | SqlType::Json | SqlType::Text | SqlType::NText) => {
            from_text(number, sql_type)
        }
        // An int is four bytes: its last bytes, or zeros before them.
        Family::Binary if whole == number && matches!(sql_type, SqlType::Binary(_) | SqlType::VarBinary(_)) => {
            let value = to_integer((i64::from(i32::MIN), i64::from(i32::MAX)))?;
            let bytes = i32::try_from(value).expect("compared with the range of an i32").to_be_bytes();
            let (least, most) = match sql_type {
                SqlType::Binary(length) => (usize::from(length), usize::from(length)),
                SqlType::VarBinary(Length::Limited(length)) => (0, usize::from(length)),
                _ => (0, usize::MAX),
            };
            let kept = &bytes[4usize.saturating_sub(most)..];
            let mut padded = vec![0; least.saturating_sub(kept.len())];
            padded.extend_from_slice(kept);
            Ok(OwnedValue::Binary(padded))
        }
        Family::Timestamp | Family::Time | Family::TimestampOffset | Family::Text | Family::Binary | Family::Guid => {
            Err(None)
        }
    }
}

/// Unscaled, half away from zero, as SQL Server rounds a literal; `None` if it has too many digits.
fn rounded(number: &str, scale: u8) -> Option<i128> {
    let (sign, digits) = number.strip_prefix('-').map_or((1, number), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = usize::from(scale);
    let kept = fraction.get(..fraction.len().min(scale))?;
    let up = fraction.as_bytes().get(scale).is_some_and(|&digit| digit >= b'5');
    let unscaled: i128 = format!("{whole}{kept:0<scale$}").parse().ok()?;
    unscaled.checked_add(i128::from(up)).map(|unscaled| sign * unscaled)
}

fn from_text(text: &str, sql_type: SqlType) -> Result<OwnedValue, Why> {
    // SQL Server passes over spaces around whatever it converts.
    let bare = text.trim_matches(' ');
    match sql_type.family() {
        Family::Text => {
            let units = text.encode_utf16().count();
            if sql_type.max_units().is_some_and(|limit| units > usize::from(limit)) {
                return Err(Some(Misfit::TooLong { is: units, unit: "characters" }));
            }
            Ok(OwnedValue::Text(text.to_owned()))
        }
        Family::Integer => {
            let range = sql_type.integer_range().expect("the integer family has a range");
            match (sql_type, bare.to_ascii_lowercase().as_str()) {
                (_, "") | (SqlType::Bit, "false") => return Ok(OwnedValue::Integer(0)),
                (SqlType::Bit, "true") => return Ok(OwnedValue::Integer(1)),
                _ => unmarked(bare)?,
            }
            if sql_type == SqlType::Bit {
                let value = parsed(cell::integer(bare.as_bytes(), (i64::MIN, i64::MAX)))?;
                return Ok(OwnedValue::Integer(i64::from(value != 0)));
            }
            parsed(cell::integer(bare.as_bytes(), range)).map(OwnedValue::Integer)
        }
        Family::Real => {
            if bare.is_empty() {
                return Ok(OwnedValue::Real(0.0));
            }
            unmarked(bare)?;
            parsed(cell::real(bare.as_bytes(), sql_type)).map(OwnedValue::Real)
        }
        Family::Decimal => {
            let scale = sql_type.decimal_scale();
            if bare.is_empty() && !matches!(sql_type, SqlType::Decimal { .. }) {
                return Ok(OwnedValue::Decimal { unscaled: 0, scale });
            }
            unmarked(bare)?;
            let range = sql_type.decimal_range().expect("the decimal family has a range");
            let unscaled = parsed(cell::decimal(bare.as_bytes(), scale, range))?;
            Ok(OwnedValue::Decimal { unscaled, scale })
        }
        Family::Timestamp => {
            let ticks = moment(bare).ok_or(Some(Misfit::Form))?;
            let ticks = datetime::cut(ticks, sql_type);
            let (first, last) = datetime::range(sql_type);
            if ticks < first || ticks > last { Err(Some(Misfit::OutOfRange)) } else { Ok(OwnedValue::Timestamp(ticks)) }
        }
        Family::TimestampOffset => {
            let (local, offset) = datetime::split_offset(bare.as_bytes());
            let local = std::str::from_utf8(local).ok().and_then(moment).ok_or(Some(Misfit::Form))?;
            datetime::checked_offset(datetime::cut(local, sql_type), offset.unwrap_or(0))
                .map(|(ticks, offset)| OwnedValue::TimestampOffset(ticks, offset))
                .ok_or(Some(Misfit::OutOfRange))
        }
        Family::Time => {
            let ticks = match datetime::parse_clock(bare.as_bytes()) {
                Some(ticks) => ticks,
                None => moment(bare).ok_or(Some(Misfit::Form))? % datetime::TICKS_PER_DAY,
            };
            Ok(OwnedValue::Time(datetime::cut(ticks, sql_type)))
        }
        Family::Guid => {
            unmarked(bare)?;
            parsed(cell::guid(bare.as_bytes())).map(OwnedValue::Guid)
        }
        Family::Binary => Err(None),
    }
}

/// `1760-01-01 00:00:00`, `17600101 00:00:00`, either without its time; nothing at all is 1900.
fn moment(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(datetime::SQL_EPOCH_TICKS);
    }
    let (date, clock) = match text.split_once([' ', 'T']) {
        Some((date, clock)) => (date, datetime::parse_clock(clock.as_bytes())?),
        None => (text, 0),
    };
    let date = date.as_bytes();
    Some(datetime::parse_iso_date(date).or_else(|| datetime::parse_compact_date(date))? + clock)
}

fn from_binary(bytes: &[u8], sql_type: SqlType) -> Result<OwnedValue, Why> {
    match sql_type.family() {
        Family::Binary => {
            let is = bytes.len();
            if sql_type.max_bytes().is_some_and(|limit| is > usize::from(limit)) {
                return Err(Some(Misfit::TooLong { is, unit: "bytes" }));
            }
            let mut bytes = bytes.to_vec();
            if let SqlType::Binary(length) = sql_type {
                bytes.resize(usize::from(length), 0);
            }
            Ok(OwnedValue::Binary(bytes))
        }
        // The last bytes of the number, the first of which carries no sign unless all are there.
        Family::Integer if bytes.len() <= 8 => {
            let number = bytes.iter().fold(0u64, |number, &byte| number << 8 | u64::from(byte));
            let number = match sql_type {
                SqlType::Bit => i64::from(number != 0),
                SqlType::TinyInt if bytes.len() <= 1 => number.cast_signed(),
                SqlType::SmallInt if bytes.len() <= 2 => {
                    i64::from(u16::try_from(number).expect("two bytes").cast_signed())
                }
                SqlType::Int if bytes.len() <= 4 => i64::from(u32::try_from(number).expect("four bytes").cast_signed()),
                SqlType::BigInt => number.cast_signed(),
                _ => return Err(Some(Misfit::OutOfRange)),
            };
            Ok(OwnedValue::Integer(number))
        }
        _ => Err(None),
    }
}

/// Markers belong to cells: in a default `[I:5]` is a text like any other.
fn unmarked(text: &str) -> Result<(), Why> {
    if text.starts_with('[') { Err(Some(Misfit::Form)) } else { Ok(()) }
}

/// A parsed cell, in which an empty text is no value.
fn parsed<T>(result: Result<Option<T>, Misfit>) -> Result<T, Why> {
    match result {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(Some(Misfit::Form)),
        Err(misfit) => Err(Some(misfit)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::protocol::testing::any_type;

    fn fit(wire: &str, sql_type: &str) -> TypedDefault {
        let default = DefaultValue::parse(wire).unwrap().unwrap();
        default.fits(sql_type.parse().unwrap()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn misfit(wire: &str, sql_type: &str) -> String {
        let default = DefaultValue::parse(wire).unwrap().unwrap();
        default.fits(sql_type.parse().unwrap()).map(|value| format!("{value:?}")).expect_err(wire).to_string()
    }

    fn at(text: &str) -> OwnedValue {
        OwnedValue::Timestamp(datetime::parse_iso(text, SqlType::DateTime2(7)).unwrap())
    }

    #[test]
    fn defaults_become_values_as_sql_server_converts_them() {
        let decimal = |unscaled, scale| OwnedValue::Decimal { unscaled, scale };
        for (wire, sql_type, expected) in [
            ("((-1))", "int", OwnedValue::Integer(-1)),
            ("((1.9))", "int", OwnedValue::Integer(1)),
            ("((-0.5))", "smallint", OwnedValue::Integer(0)),
            ("((2))", "bit", OwnedValue::Integer(1)),
            ("('true')", "bit", OwnedValue::Integer(1)),
            ("('5')", "int", OwnedValue::Integer(5)),
            ("(' 5 ')", "tinyint", OwnedValue::Integer(5)),
            ("('')", "int", OwnedValue::Integer(0)),
            ("(0xFFFFFFFF)", "int", OwnedValue::Integer(-1)),
            ("(0x01)", "bigint", OwnedValue::Integer(1)),
            ("((1.5))", "float", OwnedValue::Real(1.5)),
            ("((1e300))", "float", OwnedValue::Real(1e300)),
            ("((1.255))", "decimal(9,2)", decimal(126, 2)),
            ("((-1.255))", "decimal(9,2)", decimal(-126, 2)),
            ("((0))", "money", decimal(0, 4)),
            ("('12.5')", "money", decimal(125_000, 4)),
            ("(N'1760-01-01 00:00:00')", "datetime", at("1760-01-01 00:00:00")),
            ("(N'17600101 00:00:00')", "datetime", at("1760-01-01 00:00:00")),
            ("('2020-05-18T10:40:43.1239')", "datetime", at("2020-05-18 10:40:43.1230000")),
            ("('2020-05-18')", "date", at("2020-05-18 00:00:00")),
            ("('')", "datetime", at("1900-01-01 00:00:00")),
            ("((0))", "datetime", at("1900-01-01 00:00:00")),
            ("((-1))", "datetime", at("1899-12-31 00:00:00")),
            ("('10:40')", "time(0)", OwnedValue::Time(384_000_000_000)),
            ("(N'abc')", "nvarchar(3)", OwnedValue::Text("abc".into())),
            ("((0))", "nvarchar(3)", OwnedValue::Text("0".into())),
            ("((1))", "binary(6)", OwnedValue::Binary(vec![0, 0, 0, 0, 0, 1])),
            ("((258))", "varbinary(1)", OwnedValue::Binary(vec![2])),
            ("(0x01)", "binary(3)", OwnedValue::Binary(vec![1, 0, 0])),
            ("(0x)", "varbinary(max)", OwnedValue::Binary(vec![])),
            ("(NULL)", "geometry", OwnedValue::Null),
            ("('{00000000-0000-0000-0000-0000000000fF}')", "uniqueidentifier", OwnedValue::Guid(255u128.to_be_bytes())),
        ] {
            assert_eq!(fit(wire, sql_type), TypedDefault::Value(expected), "{wire} for {sql_type}");
        }
        assert_eq!(fit("(getdate())", "datetime"), TypedDefault::Now { utc: false });
        assert_eq!(fit("(getutcdate())", "time"), TypedDefault::Now { utc: true });
        assert_eq!(fit("(newid())", "uniqueidentifier"), TypedDefault::NewGuid);
    }

    #[test]
    fn what_does_not_convert_is_refused_with_the_reason() {
        for (wire, sql_type, expected) in [
            (
                "((170141183460469231731687303715884105727.9))",
                "decimal(38,0)",
                "the default 170141183460469231731687303715884105727.9 does not fit decimal(38,0): it is outside what the type can hold",
            ),
            ("(N'abc')", "int", "the default \"abc\" does not fit int: it is not a whole number"),
            ("(N'[I:5]')", "int", "the default \"[I:5]\" does not fit int: it is not a whole number"),
            ("((256))", "tinyint", "the default 256 does not fit tinyint: it is outside what the type can hold"),
            (
                "((1000))",
                "decimal(3,0)",
                "the default 1000 does not fit decimal(3,0): it is outside what the type can hold",
            ),
            ("((0))", "date", "the default 0 does not fit date"),
            ("((0))", "xml", "the default 0 does not fit xml"),
            (
                "(N'1752-01-01')",
                "datetime",
                "the default \"1752-01-01\" does not fit datetime: it is outside what the type can hold",
            ),
            ("(N'soon')", "datetime2(7)", "the default \"soon\" does not fit datetime2(7): it is not a date and time"),
            ("(N'abcd')", "nvarchar(3)", "the default \"abcd\" does not fit nvarchar(3): it is 4 characters long"),
            ("(0x010203)", "binary(2)", "the default 0x010203 does not fit binary(2): it is 3 bytes long"),
            ("(N'AA==')", "varbinary(9)", "the default \"AA==\" does not fit varbinary(9)"),
            ("(getdate())", "int", "the default of the current time does not fit int"),
            ("(newid())", "nvarchar(50)", "the default of a new uniqueidentifier does not fit nvarchar(50)"),
            ("('')", "decimal(5,2)", "the default \"\" does not fit decimal(5,2): it is not a decimal number"),
            (
                "((3000000))",
                "datetime",
                "the default 3000000 does not fit datetime: it is outside what the type can hold",
            ),
        ] {
            assert_eq!(misfit(wire, sql_type), expected, "{wire} for {sql_type}");
        }
    }

    proptest! {
        #[test]
        fn a_default_that_fits_is_of_its_types_family(sql_type in any_type(), number in "-?[0-9]{1,42}(\\.[0-9]{1,42})?", text in any::<String>()) {
            for default in [DefaultValue::parse(&number).unwrap().unwrap(), DefaultValue::Text(text), DefaultValue::Binary(vec![1, 2])] {
                if let Ok(TypedDefault::Value(value)) = default.fits(sql_type) {
                    prop_assert_eq!(value.as_value().family(), Some(sql_type.family()));
                }
            }
        }
    }
}
