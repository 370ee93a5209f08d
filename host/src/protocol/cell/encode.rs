//! The inverse of typing: a value as NetServer's culture-neutral cell text, for the simulator and for tests.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::protocol::columns::{Column, Value};
use crate::protocol::datetime::{self, civil_from_ticks, push_digits, write_clock, write_offset};
use crate::protocol::sql_type::{Family, SqlType};

/// The cell text of a value of a column of this type; `None` is nil. Typing it gives the value back, with one
/// exception: an empty binary is `[B:]`, which the wire cannot tell from NULL.
#[must_use]
pub fn encode(value: Value<'_>, sql_type: SqlType) -> Option<String> {
    let mut out = String::new();
    encode_into(&mut out, value, sql_type).then_some(out)
}

/// A cell for people, such as a key in a message: as [`encode`] writes it, without the marker; text as it is; NULL is empty.
#[must_use]
pub fn plain(column: &Column, row: usize, sql_type: SqlType) -> String {
    let value = column.value(row, sql_type.decimal_scale());
    if let Value::Text(text) = value {
        return text.to_owned();
    }
    let encoded = encode(value, sql_type).unwrap_or_default();
    match (sql_type.family(), encoded.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))) {
        (Family::Text, _) | (_, None) => encoded,
        (_, Some(marked)) => marked.split_once(':').map_or(marked, |(_, value)| value).to_owned(),
    }
}

/// Appends what [`encode`] returns: for those who keep one buffer for many cells. Answers false, and appends nothing, for
/// nil.
pub fn encode_into(out: &mut String, value: Value<'_>, sql_type: SqlType) -> bool {
    match value {
        Value::Null => return false,
        Value::Text(text) => out.push_str(text),
        Value::Integer(number) => {
            let marker = if sql_type == SqlType::SmallInt { 'S' } else { 'I' };
            write!(out, "[{marker}:{number}]").expect("writing to a String cannot fail");
        }
        Value::Real(number) => {
            out.push_str("[F:");
            push_real(out, number, sql_type);
            out.push(']');
        }
        Value::Decimal { unscaled, scale } => {
            out.push_str(if matches!(sql_type, SqlType::Money | SqlType::SmallMoney) { "[M:" } else { "[F:" });
            push_decimal(out, unscaled, scale);
            out.push(']');
        }
        Value::Timestamp(ticks) if sql_type == SqlType::Date => {
            out.push_str("[D:");
            push_slash_date(out, ticks);
            out.push(']');
        }
        Value::Timestamp(ticks) => {
            out.push_str("[DT:");
            push_moment(out, ticks);
            out.push(']');
        }
        Value::TimestampOffset(ticks, offset) => {
            out.push_str("[DT:");
            push_moment(out, ticks);
            out.push(' ');
            write_offset(out, offset);
            out.push(']');
        }
        Value::Time(ticks) => {
            let civil = civil_from_ticks(ticks);
            out.push_str("[T:");
            push_digits(out, civil.hour, 2);
            out.push(':');
            push_digits(out, civil.minute, 2);
            if ticks % datetime::TICKS_PER_MINUTE != 0 {
                out.push(':');
                push_digits(out, civil.second, 2);
            }
            if civil.fraction != 0 {
                out.push('.');
                push_digits(out, civil.fraction, 7);
            }
            out.push(']');
        }
        Value::Binary(bytes) => {
            out.push_str("[B:");
            STANDARD.encode_string(bytes, out);
            out.push(']');
        }
        Value::Guid(bytes) => {
            for (at, byte) in bytes.iter().enumerate() {
                if matches!(at, 4 | 6 | 8 | 10) {
                    out.push('-');
                }
                write!(out, "{byte:02x}").expect("writing to a String cannot fail");
            }
        }
    }
    true
}

/// `MM/dd/yyyy`
fn push_slash_date(out: &mut String, ticks: i64) {
    let civil = civil_from_ticks(ticks);
    push_digits(out, civil.month, 2);
    out.push('/');
    push_digits(out, civil.day, 2);
    out.push('/');
    push_digits(out, civil.year, 4);
}

/// `MM/dd/yyyy HH:mm:ss.fffffff`
fn push_moment(out: &mut String, ticks: i64) {
    let civil = civil_from_ticks(ticks);
    push_slash_date(out, ticks);
    out.push(' ');
    write_clock(out, &civil);
    out.push('.');
    push_digits(out, civil.fraction, 7);
}

/// The digits of an unscaled number with its point in place.
pub(in crate::protocol) fn push_decimal(out: &mut String, unscaled: i128, scale: u8) {
    if unscaled < 0 {
        out.push('-');
    }
    let digits = unscaled.unsigned_abs();
    let unit = 10u128.pow(u32::from(scale.min(38)));
    write!(out, "{}", digits / unit).expect("writing to a String cannot fail");
    if scale > 0 {
        write!(out, ".{:0width$}", digits % unit, width = usize::from(scale)).expect("writing to a String cannot fail");
    }
}

/// The shortest digits that read back as the same number, as .NET writes them: an exponent of two digits at least,
/// from 1E+15 up and below 0.0001.
fn push_real(out: &mut String, number: f64, sql_type: SqlType) {
    let scientific = if sql_type == SqlType::Real {
        #[expect(clippy::cast_possible_truncation, reason = "a real column's values are numbers of 32 bits")]
        let number = number as f32;
        format!("{number:E}")
    } else {
        format!("{number:E}")
    };
    let (mantissa, exponent) = scientific.split_once('E').expect("the format writes an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    if number != 0.0 && !(-5..15).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{mantissa}E{sign}{:02}", exponent.unsigned_abs()).expect("writing to a String cannot fail");
    } else if sql_type == SqlType::Real {
        #[expect(clippy::cast_possible_truncation, reason = "a real column's values are numbers of 32 bits")]
        let number = number as f32;
        write!(out, "{number}").expect("writing to a String cannot fail");
    } else {
        write!(out, "{number}").expect("writing to a String cannot fail");
    }
}
