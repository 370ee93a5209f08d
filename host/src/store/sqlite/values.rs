//! How a value is kept in SQLite, and read back the same.
//!
//! | family | kept as |
//! |---|---|
//! | integers, bit | INTEGER |
//! | float, real | REAL; a NaN is refused, since SQLite would make it NULL |
//! | decimals without digits after the point | INTEGER where 64 bits hold it, else TEXT |
//! | other decimals, money | REAL where its up to 15 significant digits read back the same, else TEXT |
//! | dates and times | TEXT, ISO 8601 |
//! | characters, xml, json, sql_variant | TEXT |
//! | binary | BLOB |
//! | uniqueidentifier | TEXT, upper-case as SQL Server prints it |
//!
//! A decimal has one form whatever its column's precision, so equal values are equal to SQLite too; those kept as TEXT
//! sort after all numbers. The declared types of [`super::ddl`] have the affinity that leaves all of this alone.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};

use crate::protocol::columns::{Column, Value};
use crate::protocol::datetime::{format_iso_offset, parse_iso, parse_iso_offset, write_iso};
use crate::protocol::sql_type::{Family, SqlType};

/// Decimals of up to this many significant digits survive a double and back.
const EXACT: i128 = 1_000_000_000_000_000;

/// 10^0 to 10^22 are doubles without loss, so that a quotient by them is rounded once only.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A value as SQLite keeps it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stored<'a> {
    Null,
    Integer(i64),
    Real(f64),
    /// UTF-8.
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

impl ToSql for Stored<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(value),
            Self::Real(value) => ValueRef::Real(value),
            Self::Text(value) => ValueRef::Text(value),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

/// A number SQLite cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is not a number (NaN), which the mirror cannot hold")]
pub(super) struct NotANumber;

/// A cell as it is kept; texts that must be made go into `scratch`, all others are borrowed from the column.
#[inline]
pub(super) fn cell<'a>(
    column: &'a Column,
    row: usize,
    sql_type: SqlType,
    scratch: &'a mut String,
) -> Result<Stored<'a>, NotANumber> {
    Ok(match column {
        Column::Integer(c) => c.get(row).map_or(Stored::Null, Stored::Integer),
        // Not through `Value`: the text was checked when the column was made.
        Column::Text(c) => c.get(row).map_or(Stored::Null, Stored::Text),
        Column::Binary(c) => c.get(row).map_or(Stored::Null, Stored::Blob),
        _ => return store(column.value(row, sql_type.decimal_scale()), sql_type, scratch),
    })
}

/// A value as it is kept.
pub(super) fn store<'a>(
    value: Value<'a>,
    sql_type: SqlType,
    scratch: &'a mut String,
) -> Result<Stored<'a>, NotANumber> {
    scratch.clear();
    Ok(match value {
        Value::Null => Stored::Null,
        Value::Integer(value) => Stored::Integer(value),
        Value::Real(value) if value.is_nan() => return Err(NotANumber),
        Value::Real(value) => Stored::Real(value),
        Value::Decimal { unscaled, scale } => decimal(unscaled, scale, scratch),
        Value::Timestamp(ticks) | Value::Time(ticks) => {
            write_iso(scratch, ticks, sql_type);
            Stored::Text(scratch.as_bytes())
        }
        Value::TimestampOffset(ticks, offset) => {
            scratch.push_str(&format_iso_offset(ticks, offset, sql_type));
            Stored::Text(scratch.as_bytes())
        }
        Value::Text(value) => Stored::Text(value.as_bytes()),
        Value::Binary(value) => Stored::Blob(value),
        Value::Guid(bytes) => {
            write_guid(&bytes, scratch);
            Stored::Text(scratch.as_bytes())
        }
    })
}

pub(super) fn decimal(unscaled: i128, scale: u8, scratch: &mut String) -> Stored<'_> {
    if scale == 0 {
        if let Ok(value) = i64::try_from(unscaled) {
            return Stored::Integer(value);
        }
    } else {
        let (mut digits, mut places) = (unscaled, scale);
        while places > 0 && digits % 10 == 0 {
            digits /= 10;
            places -= 1;
        }
        if digits.abs() < EXACT && usize::from(places) < POWERS.len() {
            #[expect(clippy::cast_precision_loss, reason = "below 10^15, which a double holds exactly")]
            return Stored::Real(digits as f64 / POWERS[usize::from(places)]);
        }
    }
    write_decimal(unscaled, scale, scratch);
    Stored::Text(scratch.as_bytes())
}

/// `-12.3400` for -123400 of scale 4.
fn write_decimal(unscaled: i128, scale: u8, out: &mut String) {
    let digits = unscaled.unsigned_abs().to_string();
    if unscaled < 0 {
        out.push('-');
    }
    let scale = usize::from(scale);
    if scale == 0 {
        out.push_str(&digits);
        return;
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    out.push_str(whole);
    out.push('.');
    out.push_str(fraction);
}

/// Reads plain decimal text into a scale; `None` if it is anything else or has more digits than the scale keeps.
pub(super) fn parse_decimal(text: &str, scale: u8) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let scale = usize::from(scale);
    if whole.is_empty() || fraction.len() > scale {
        return None;
    }
    let mut value: i128 = 0;
    let padding = std::iter::repeat_n(b'0', scale - fraction.len());
    for byte in whole.bytes().chain(fraction.bytes()).chain(padding) {
        let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if negative { -value } else { value })
}

fn write_guid(bytes: &[u8; 16], out: &mut String) {
    use std::fmt::Write;
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        write!(out, "{byte:02X}").expect("writing to a string cannot fail");
    }
}

fn parse_guid(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 || [8, 13, 18, 23].iter().any(|&i| bytes[i] != b'-') {
        return None;
    }
    let mut guid = [0; 16];
    let mut digits = bytes.iter().filter(|&&byte| byte != b'-').map(|&byte| char::from(byte).to_digit(16));
    for byte in &mut guid {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    digits.next().is_none().then_some(guid)
}

/// Reads a stored value as its type. `None`: a hand edit, or another program, left something that is not of the type.
pub(super) fn load(value: ValueRef<'_>, sql_type: SqlType) -> Option<Value<'_>> {
    let text = |value| match value {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    if matches!(value, ValueRef::Null) {
        return Some(Value::Null);
    }
    Some(match sql_type.family() {
        Family::Integer => match value {
            ValueRef::Integer(value) => Value::Integer(value),
            _ => return None,
        },
        Family::Real => match value {
            ValueRef::Real(value) => Value::Real(value),
            #[expect(
                clippy::cast_precision_loss,
                reason = "SQLite keeps whole REALs as integers only when nothing is lost"
            )]
            ValueRef::Integer(value) => Value::Real(value as f64),
            _ => return None,
        },
        Family::Decimal => {
            let scale = sql_type.decimal_scale();
            let unscaled = match value {
                ValueRef::Integer(value) => i128::from(value).checked_mul(10i128.pow(u32::from(scale)))?,
                // The shortest text that reads back the same double: of up to 15 digits, the very decimal that was stored.
                ValueRef::Real(value) => parse_decimal(&value.to_string(), scale)?,
                value => parse_decimal(text(value)?, scale)?,
            };
            Value::Decimal { unscaled, scale }
        }
        Family::Timestamp => Value::Timestamp(parse_iso(text(value)?, sql_type)?),
        Family::Time => Value::Time(parse_iso(text(value)?, sql_type)?),
        Family::TimestampOffset => {
            let (ticks, offset) = parse_iso_offset(text(value)?, sql_type)?;
            Value::TimestampOffset(ticks, offset)
        }
        Family::Text => Value::Text(text(value)?),
        Family::Binary => match value {
            ValueRef::Blob(bytes) => Value::Binary(bytes),
            _ => return None,
        },
        Family::Guid => Value::Guid(parse_guid(text(value)?)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn there_and_back(unscaled: i128, scale: u8) {
        let sql_type = SqlType::Decimal { precision: 38, scale };
        let mut scratch = String::new();
        let value = Value::Decimal { unscaled, scale };
        let stored = store(value, sql_type, &mut scratch).unwrap();
        let back = match stored {
            Stored::Integer(v) => ValueRef::Integer(v),
            Stored::Real(v) => ValueRef::Real(v),
            Stored::Text(v) => ValueRef::Text(v),
            Stored::Null | Stored::Blob(_) => panic!("a decimal stored as {stored:?}"),
        };
        assert_eq!(load(back, sql_type), Some(value));
    }

    #[test]
    fn ordinary_decimals_are_numbers_and_long_ones_are_texts() {
        let mut scratch = String::new();
        assert_eq!(decimal(1050, 2, &mut scratch), Stored::Real(10.5));
        assert_eq!(decimal(5_000_000_000, 9, &mut scratch), Stored::Real(5.0));
        assert_eq!(decimal(42, 0, &mut scratch), Stored::Integer(42));
        assert_eq!(decimal(i128::from(i64::MAX), 4, &mut scratch), Stored::Text(b"922337203685477.5807"));
        scratch.clear();
        assert_eq!(decimal(-5, 38, &mut scratch), Stored::Text(b"-0.00000000000000000000000000000000000005"));
    }

    proptest! {
        #[test]
        fn no_decimal_is_ever_rounded(digits in 0u32..38, value in any::<i128>(), scale in 0u8..=38) {
            there_and_back(value % 10i128.pow(digits + 1), scale);
        }

        #[test]
        fn decimals_with_trailing_zeros_come_back_too(value in -999_999i128..999_999, zeros in 0u32..32, scale in 0u8..=38) {
            there_and_back(value * 10i128.pow(zeros), scale);
        }

        #[test]
        fn uniqueidentifiers_come_back(bytes in any::<[u8; 16]>()) {
            let mut text = String::new();
            write_guid(&bytes, &mut text);
            prop_assert_eq!(parse_guid(&text), Some(bytes));
            prop_assert_eq!(parse_guid(&text.to_lowercase()), Some(bytes));
        }
    }

    #[test]
    fn a_nan_is_refused_rather_than_made_null() {
        assert_eq!(store(Value::Real(f64::NAN), SqlType::Float, &mut String::new()), Err(NotANumber));
    }

    #[test]
    fn what_is_not_of_the_type_is_not_guessed() {
        assert_eq!(load(ValueRef::Text(b"seven"), SqlType::Int), None);
        assert_eq!(load(ValueRef::Text(b"1e5"), SqlType::Money), None);
        assert_eq!(load(ValueRef::Text(b"yesterday"), SqlType::DateTime), None);
        assert_eq!(load(ValueRef::Text(b"{1234}"), SqlType::UniqueIdentifier), None);
        assert_eq!(load(ValueRef::Text(&[0xff]), SqlType::Text), None);
    }
}
