//! One cell at a time: a value as the driver takes it for a column, and back, the same.
//!
//! | column | travels as | read as |
//! |---|---|---|
//! | integers, bit | a number of exactly that width | |
//! | float, real | itself; NaN and infinities are refused, SQL Server has none | |
//! | decimal | text, since the driver cannot name a precision | itself |
//! | money, smallmoney | a decimal of scale 4, never a double | converted to decimal(19,4) by the server |
//! | datetime, smalldatetime | days and 1/300 s, cut like every other type's fraction | shown as SQL Server shows it: .000 .003 .007 |
//! | date, datetime2 | itself | |
//! | time, datetimeoffset | text, since the driver declares them with seven digits whatever they have | itself |
//! | all characters, xml | UTF-16, made the column's own by the server and checked there | converted to nvarchar(max) |
//! | all binaries | bytes | converted to varbinary(max) |
//! | uniqueidentifier | itself | |

use std::borrow::Cow;
use std::fmt::Write as _;

use tiberius::numeric::Numeric;
use tiberius::time::{Date, DateTime, DateTime2, Time};
use tiberius::{ColumnData, Uuid};

use crate::protocol::columns::{Column, Value};
#[cfg(test)]
use crate::protocol::datetime::fraction_digits;
use crate::protocol::datetime::{
    MAX_TICKS, SQL_EPOCH_TICKS, TICKS_PER_DAY, TICKS_PER_MINUTE, cut, format_iso_offset, range, write_iso,
};
use crate::protocol::sql_type::SqlType;

/// Why SQL Server cannot hold a value in a column of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(in crate::store::sqlserver) enum Misfit {
    #[error("it is NULL, which the column does not allow")]
    Null,
    #[error("it is not a finite number (NaN or an infinity), which SQL Server cannot hold")]
    NotFinite,
    #[error("it is outside what the column's type can hold")]
    OutOfRange,
    #[error("it has {is} {unit}, more than the column's {most}")]
    TooLong { is: usize, most: usize, unit: &'static str },
    #[error("its value is of another kind than the column's type")]
    Family,
}

/// A cell as it travels to a column of this type; `kept` is the mirror's own type. A NULL is the type's own NULL.
#[inline]
pub(in crate::store::sqlserver) fn cell(column: &Column, row: usize, kept: SqlType) -> Result<ColumnData<'_>, Misfit> {
    if let Column::Integer(c) = column {
        return integer(c.get(row), kept);
    }
    if let Column::Text(c) = column {
        let Some(text) = c.get_str(row) else { return Ok(ColumnData::String(None)) };
        return match too_long(kept.max_units(), "UTF-16 units", text.len(), || text.encode_utf16().count()) {
            Some(misfit) => Err(misfit),
            None => Ok(ColumnData::String(Some(Cow::Borrowed(text)))),
        };
    }
    if let Column::Binary(c) = column {
        let Some(bytes) = c.get(row) else { return Ok(ColumnData::Binary(None)) };
        return match too_long(kept.max_bytes(), "bytes", bytes.len(), || bytes.len()) {
            Some(misfit) => Err(misfit),
            None => Ok(ColumnData::Binary(Some(Cow::Borrowed(bytes)))),
        };
    }
    value(column.value(row, kept.decimal_scale()), kept)
}

/// `bytes` bounds the length from above and costs nothing; only what is longer than that is counted.
fn too_long(most: Option<u16>, unit: &'static str, bytes: usize, count: impl Fn() -> usize) -> Option<Misfit> {
    let most = usize::from(most?);
    if bytes <= most {
        return None;
    }
    let is = count();
    (is > most).then_some(Misfit::TooLong { is, most, unit })
}

fn integer(value: Option<i64>, kept: SqlType) -> Result<ColumnData<'static>, Misfit> {
    fn narrow<T: TryFrom<i64>>(value: Option<i64>) -> Result<Option<T>, Misfit> {
        value.map(T::try_from).transpose().map_err(|_| Misfit::OutOfRange)
    }
    Ok(match kept {
        SqlType::Bit => match value {
            None => ColumnData::Bit(None),
            Some(bit @ 0..=1) => ColumnData::Bit(Some(bit == 1)),
            Some(_) => return Err(Misfit::OutOfRange),
        },
        SqlType::TinyInt => ColumnData::U8(narrow(value)?),
        SqlType::SmallInt => ColumnData::I16(narrow(value)?),
        SqlType::Int => ColumnData::I32(narrow(value)?),
        SqlType::BigInt => ColumnData::I64(value),
        _ => return Err(Misfit::Family),
    })
}

/// All families that [`cell`] does not take a shorter way.
fn value(value: Value<'_>, kept: SqlType) -> Result<ColumnData<'_>, Misfit> {
    Ok(match (kept, value) {
        (_, Value::Integer(number)) => return integer(Some(number), kept),
        (SqlType::Float, Value::Null) => ColumnData::F64(None),
        (SqlType::Real, Value::Null) => ColumnData::F32(None),
        (SqlType::Float | SqlType::Real, Value::Real(number)) if !number.is_finite() => {
            return Err(Misfit::NotFinite);
        }
        (SqlType::Float, Value::Real(number)) => ColumnData::F64(Some(number)),
        (SqlType::Real, Value::Real(number)) => {
            #[expect(clippy::cast_possible_truncation, reason = "a real's value is an f32; a greater one is refused")]
            let number = number as f32;
            if number.is_infinite() {
                return Err(Misfit::OutOfRange);
            }
            ColumnData::F32(Some(number))
        }
        (SqlType::Money | SqlType::SmallMoney, Value::Null) => ColumnData::Numeric(None),
        (SqlType::Money | SqlType::SmallMoney, Value::Decimal { unscaled, .. }) => {
            in_range(unscaled, kept)?;
            ColumnData::Numeric(Some(Numeric::new_with_scale(unscaled, 4)))
        }
        (SqlType::Decimal { .. }, Value::Decimal { unscaled, scale }) => {
            in_range(unscaled, kept)?;
            let mut text = String::with_capacity(42);
            write_decimal(unscaled, scale, &mut text);
            ColumnData::String(Some(Cow::Owned(text)))
        }
        (SqlType::Date, Value::Null) => ColumnData::Date(None),
        (SqlType::Date, Value::Timestamp(ticks)) => ColumnData::Date(Some(date(in_time(ticks, kept)?))),
        (SqlType::DateTime | SqlType::SmallDateTime, Value::Null) => ColumnData::DateTime(None),
        (SqlType::DateTime, Value::Timestamp(ticks)) => ColumnData::DateTime(Some(to_datetime(in_time(ticks, kept)?))),
        // The driver declares every nullable one a datetime.
        (SqlType::SmallDateTime, Value::Timestamp(ticks)) => {
            ColumnData::DateTime(Some(to_datetime(cut(in_time(ticks, kept)?, kept))))
        }
        (SqlType::DateTime2(_), Value::Null) => ColumnData::DateTime2(None),
        (SqlType::DateTime2(digits), Value::Timestamp(ticks)) => {
            let ticks = in_time(ticks, kept)?;
            let increments = ticks % TICKS_PER_DAY / 10i64.pow(u32::from(7 - digits.min(7)));
            let time = Time::new(increments.unsigned_abs(), digits);
            ColumnData::DateTime2(Some(DateTime2::new(date(ticks), time)))
        }
        (SqlType::Time(_), Value::Time(ticks) | Value::Timestamp(ticks)) => {
            let mut text = String::with_capacity(16);
            write_iso(&mut text, in_time(ticks, kept)?, kept);
            ColumnData::String(Some(Cow::Owned(text)))
        }
        (SqlType::DateTimeOffset(_), Value::TimestampOffset(ticks, offset)) => {
            let utc = ticks - i64::from(offset) * TICKS_PER_MINUTE;
            if !(0..=MAX_TICKS).contains(&utc) || !(0..=MAX_TICKS).contains(&ticks) {
                return Err(Misfit::OutOfRange);
            }
            ColumnData::String(Some(Cow::Owned(format_iso_offset(ticks, offset, kept))))
        }
        (SqlType::Decimal { .. } | SqlType::Time(_) | SqlType::DateTimeOffset(_), Value::Null) => {
            ColumnData::String(None)
        }
        (SqlType::UniqueIdentifier, Value::Null) => ColumnData::Guid(None),
        (SqlType::UniqueIdentifier, Value::Guid(bytes)) => ColumnData::Guid(Some(Uuid::from_bytes(bytes))),
        _ => return Err(Misfit::Family),
    })
}

fn in_range(unscaled: i128, kept: SqlType) -> Result<(), Misfit> {
    match kept.decimal_range() {
        Some((first, last)) if (first..=last).contains(&unscaled) => Ok(()),
        _ => Err(Misfit::OutOfRange),
    }
}

fn in_time(ticks: i64, kept: SqlType) -> Result<i64, Misfit> {
    let (first, last) = range(kept);
    if (first..=last).contains(&ticks) { Ok(ticks) } else { Err(Misfit::OutOfRange) }
}

/// Days since 0001-01-01; the ticks are known to be in range.
fn date(ticks: i64) -> Date {
    Date::new(u32::try_from(ticks / TICKS_PER_DAY).unwrap_or_default())
}

/// The last moment a `datetime` can hold that is not after this one, by what it shows: 1/300 s, of which the first is .003 and
/// the second .007. SQL Server itself would round, the last one of a day into the next.
fn to_datetime(ticks: i64) -> DateTime {
    let days = (ticks - SQL_EPOCH_TICKS).div_euclid(TICKS_PER_DAY);
    let milliseconds = ticks.rem_euclid(TICKS_PER_DAY) / 10_000;
    // Ten milliseconds are three of its units, which show as 0, 3 and 7.
    let units = milliseconds / 10 * 3
        + match milliseconds % 10 {
            0..=2 => 0,
            3..=6 => 1,
            _ => 2,
        };
    DateTime::new(i32::try_from(days).unwrap_or_default(), u32::try_from(units).unwrap_or_default())
}

fn from_datetime(value: DateTime) -> i64 {
    let units = i64::from(value.seconds_fragments());
    let milliseconds = units / 3 * 10 + [0, 3, 7][usize::try_from(units % 3).unwrap_or_default()];
    SQL_EPOCH_TICKS + i64::from(value.days()) * TICKS_PER_DAY + milliseconds * 10_000
}

/// `-12.3400` for -123400 of scale 4.
pub(in crate::store::sqlserver) fn write_decimal(unscaled: i128, scale: u8, out: &mut String) {
    if unscaled < 0 {
        out.push('-');
    }
    let (digits, scale) = (unscaled.unsigned_abs(), usize::from(scale));
    let from = out.len();
    write!(out, "{digits:0>width$}", width = scale + 1).expect("writing to a string cannot fail");
    if scale > 0 {
        let point = out.len() - scale;
        debug_assert!(point > from, "a digit before the point");
        out.insert(point, '.');
    }
}

/// A value that was read, as its type. `None`: the server answered something that is not of the type.
pub(in crate::store::sqlserver) fn load<'a>(data: &'a ColumnData<'static>, sql_type: SqlType) -> Option<Value<'a>> {
    Some(match data {
        ColumnData::Bit(v) => v.map_or(Value::Null, |v| Value::Integer(i64::from(v))),
        ColumnData::U8(v) => v.map_or(Value::Null, |v| Value::Integer(i64::from(v))),
        ColumnData::I16(v) => v.map_or(Value::Null, |v| Value::Integer(i64::from(v))),
        ColumnData::I32(v) => v.map_or(Value::Null, |v| Value::Integer(i64::from(v))),
        ColumnData::I64(v) => v.map_or(Value::Null, Value::Integer),
        ColumnData::F32(v) => v.map_or(Value::Null, |v| Value::Real(f64::from(v))),
        ColumnData::F64(v) => v.map_or(Value::Null, Value::Real),
        ColumnData::String(v) => v.as_deref().map_or(Value::Null, Value::Text),
        ColumnData::Xml(v) => v.as_deref().map_or(Value::Null, |v| Value::Text(v.as_ref())),
        ColumnData::Binary(v) => v.as_deref().map_or(Value::Null, Value::Binary),
        ColumnData::Guid(v) => v.map_or(Value::Null, |v| Value::Guid(*v.as_bytes())),
        ColumnData::Numeric(None) => Value::Null,
        ColumnData::Numeric(Some(v)) => {
            let scale = sql_type.decimal_scale();
            let unscaled = if let Some(up) = scale.checked_sub(v.scale()) {
                v.value().checked_mul(10i128.checked_pow(u32::from(up))?)?
            } else {
                let down = 10i128.checked_pow(u32::from(v.scale() - scale))?;
                (v.value() % down == 0).then_some(v.value() / down)?
            };
            Value::Decimal { unscaled, scale }
        }
        ColumnData::DateTime(v) => v.map_or(Value::Null, |v| Value::Timestamp(from_datetime(v))),
        ColumnData::SmallDateTime(v) => v.map_or(Value::Null, |v| {
            let minutes = i64::from(v.seconds_fragments()) * TICKS_PER_MINUTE;
            Value::Timestamp(SQL_EPOCH_TICKS + i64::from(v.days()) * TICKS_PER_DAY + minutes)
        }),
        ColumnData::Date(v) => v.map_or(Value::Null, |v| Value::Timestamp(i64::from(v.days()) * TICKS_PER_DAY)),
        ColumnData::Time(v) => match v {
            None => Value::Null,
            Some(v) => Value::Time(time_ticks(*v)?),
        },
        ColumnData::DateTime2(v) => match v {
            None => Value::Null,
            Some(v) => Value::Timestamp(moment(*v)?),
        },
        ColumnData::DateTimeOffset(v) => match v {
            None => Value::Null,
            // The moment is sent in UTC.
            Some(v) => {
                let local = moment(v.datetime2())? + i64::from(v.offset()) * TICKS_PER_MINUTE;
                Value::TimestampOffset(local, v.offset())
            }
        },
    })
}

fn time_ticks(time: Time) -> Option<i64> {
    let unit = 10i64.checked_pow(u32::from(7u8.checked_sub(time.scale())?))?;
    i64::try_from(time.increments()).ok()?.checked_mul(unit)
}

fn moment(value: DateTime2) -> Option<i64> {
    Some(i64::from(value.date().days()) * TICKS_PER_DAY + time_ticks(value.time())?)
}

/// What a column of this type holds of a moment: itself, but for `datetime`, which keeps every third or fourth millisecond.
#[must_use]
#[cfg(test)]
pub(in crate::store::sqlserver) fn held(ticks: i64, sql_type: SqlType) -> i64 {
    match sql_type {
        SqlType::DateTime => from_datetime(to_datetime(ticks)),
        _ if fraction_digits(sql_type) == 7 => ticks,
        _ => cut(ticks, sql_type),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::datetime::TICKS_PER_SECOND;
    use crate::protocol::datetime::parse_iso;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let ticks = parse_iso(text, SqlType::DateTime2(7)).expect("a moment");
        crate::protocol::datetime::format_iso(held(ticks, SqlType::DateTime), SqlType::DateTime2(3))
    }

    #[test]
    fn a_datetime_shows_zero_three_and_seven_and_never_rounds_up() {
        for (given, kept) in [
            ("1760-01-01 00:00:00", "1760-01-01 00:00:00"),
            ("1753-01-01 00:00:00.003", "1753-01-01 00:00:00.003"),
            ("2020-05-18 10:40:43.0070000", "2020-05-18 10:40:43.007"),
            ("2020-05-18 10:40:43.0069999", "2020-05-18 10:40:43.003"),
            ("2020-05-18 10:40:43.9970000", "2020-05-18 10:40:43.997"),
            ("9999-12-31 23:59:59.9999999", "9999-12-31 23:59:59.997"),
        ] {
            assert_eq!(shown(given), kept);
        }
    }

    #[test]
    fn decimals_are_written_in_full() {
        let text = |unscaled, scale| {
            let mut out = String::new();
            write_decimal(unscaled, scale, &mut out);
            out
        };
        assert_eq!(text(-5, 38), "-0.00000000000000000000000000000000000005");
        assert_eq!(text(-123_400, 4), "-12.3400");
        assert_eq!(text(0, 0), "0");
        assert_eq!(text(10i128.pow(38) - 1, 0), "9".repeat(38));
    }

    #[test]
    fn what_sql_server_cannot_hold_is_refused_here() {
        let real = |number: f64| Column::Real([Some(number)].into_iter().collect());
        assert_eq!(cell(&real(f64::NAN), 0, SqlType::Float), Err(Misfit::NotFinite));
        assert_eq!(cell(&real(f64::INFINITY), 0, SqlType::Real), Err(Misfit::NotFinite));
        assert_eq!(cell(&real(1e39), 0, SqlType::Real), Err(Misfit::OutOfRange));
        let number = Column::Integer([Some(256)].into_iter().collect());
        assert_eq!(cell(&number, 0, SqlType::TinyInt), Err(Misfit::OutOfRange));
        let text = Column::Text(crate::protocol::columns::Spans::from_values([Some("æøå".as_bytes())]));
        assert!(cell(&text, 0, SqlType::NChar(3)).is_ok());
        assert_eq!(cell(&text, 0, SqlType::NChar(2)), Err(Misfit::TooLong { is: 3, most: 2, unit: "UTF-16 units" }));
    }

    proptest! {
        #[test]
        fn what_a_datetime_holds_it_holds_again(ticks in 0..=MAX_TICKS) {
            let (first, last) = range(SqlType::DateTime);
            let once = held(first + ticks % (last - first), SqlType::DateTime);
            prop_assert_eq!(held(once, SqlType::DateTime), once);
            prop_assert!(matches!(once / 10_000 % 10, 0 | 3 | 7));
        }
    }

    #[test]
    fn seconds_are_whole() {
        assert_eq!(from_datetime(DateTime::new(0, 300)) - SQL_EPOCH_TICKS, TICKS_PER_SECOND);
    }
}
