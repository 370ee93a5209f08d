//! One cell of the simulated tenant, by its column's type: what real columns hold, and both ends of their range.

use super::cell::Cell;
use super::dice::Dice;
use super::texts;
use crate::protocol::sql_type::{Length, SqlType};

/// 100 ns.
const SECOND: i64 = 10_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Days from 0001-01-01 to a date of the Gregorian calendar.
#[must_use]
pub const fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let shifted = (month + 9) % 12;
    y * 365 + y / 4 - y / 100 + y / 400 + (shifted * 306 + 5) / 10 + day - 1 - 306
}

/// The vendor's "no date", 1760-01-01 (protocol.md section 5).
pub const NO_DATE: i64 = days(1760, 1, 1) * DAY;

/// A value of this type; never NULL unless the column may be.
pub fn value(dice: &mut Dice, sql_type: SqlType, nullable: bool) -> Cell {
    if nullable && dice.once_in(6) {
        return Cell::Null;
    }
    match sql_type {
        SqlType::Bit => Cell::Integer(dice.between(0, 1)),
        SqlType::TinyInt => Cell::Integer(dice.between(0, 255)),
        SqlType::SmallInt => integer(dice, i64::from(i16::MIN), i64::from(i16::MAX)),
        SqlType::Int => integer(dice, i64::from(i32::MIN), i64::from(i32::MAX)),
        SqlType::BigInt => integer(dice, i64::MIN, i64::MAX),
        SqlType::Decimal { precision, scale } => {
            let digits = 1 + dice.below(u64::from(precision));
            let limit = 10_i128.pow(u32::try_from(digits).unwrap_or(1)) - 1;
            let raw = (i128::from(dice.bits()) << 63) | i128::from(dice.bits() >> 1);
            Cell::Decimal { unscaled: raw % (limit + 1) * if dice.once_in(3) { -1 } else { 1 }, scale }
        }
        SqlType::Money => money(dice, i64::MIN, i64::MAX),
        SqlType::SmallMoney => money(dice, i64::from(i32::MIN), i64::from(i32::MAX)),
        SqlType::Float => real(dice),
        SqlType::Real => single(dice),
        SqlType::Date => Cell::Timestamp(date(dice, days(1, 1, 1), days(9999, 12, 31))),
        SqlType::Time(digits) => Cell::Time(cut(dice.between(0, DAY - 1), digits)),
        SqlType::SmallDateTime => {
            let minute = 60 * SECOND;
            let ticks = date(dice, days(1900, 1, 1), days(2079, 6, 5)) + dice.between(0, 24 * 60 - 1) * minute;
            Cell::Timestamp(ticks)
        }
        SqlType::DateTime => Cell::Timestamp(datetime(dice)),
        SqlType::DateTime2(digits) => {
            let ticks = date(dice, days(1, 1, 1), days(9999, 12, 31)) + dice.between(0, DAY - 1);
            Cell::Timestamp(cut(ticks, digits))
        }
        SqlType::DateTimeOffset(digits) => {
            let ticks = date(dice, days(1900, 1, 1), days(2100, 1, 1)) + dice.between(0, DAY - 1);
            let offset = i16::try_from(dice.between(-56, 56) * 15).unwrap_or(0);
            Cell::TimestampOffset(cut(ticks, digits), offset)
        }
        SqlType::Char(n) => {
            let n = usize::from(n);
            let text = texts::ascii(dice, n);
            Cell::Text(format!("{text:n$}"))
        }
        SqlType::VarChar(Length::Limited(n)) => Cell::Text(texts::ascii(dice, usize::from(n))),
        SqlType::VarChar(Length::Max) | SqlType::Text => Cell::Text(texts::ascii(dice, usize::MAX)),
        SqlType::NChar(n) => {
            let n = usize::from(n);
            let mut text = texts::text(dice, n);
            let units = text.encode_utf16().count();
            text.extend(std::iter::repeat_n(' ', n - units));
            Cell::Text(text)
        }
        SqlType::NVarChar(Length::Limited(n)) => Cell::Text(texts::text(dice, usize::from(n))),
        SqlType::NVarChar(Length::Max) | SqlType::NText => Cell::Text(texts::text(dice, usize::MAX)),
        SqlType::Xml => Cell::Text(format!("<note nr=\"{}\">a &lt; b &amp; c</note>", dice.below(1_000))),
        SqlType::Json => Cell::Text(format!("{{\"nr\":{},\"text\":\"\\u00e6 \\\" æ\"}}", dice.below(1_000))),
        SqlType::SqlVariant => {
            Cell::Text(if dice.once_in(2) { format!("[I:{}]", dice.below(99)) } else { "variant".into() })
        }
        SqlType::Binary(n) => Cell::Binary(dice.bytes(usize::from(n))),
        SqlType::RowVersion => Cell::Binary(dice.bytes(8)),
        // Never empty: an empty `[B:]` is NULL by the rule of section 7, so an empty binary value cannot travel.
        SqlType::VarBinary(Length::Limited(n)) => {
            let len = 1 + dice.index(usize::from(n));
            Cell::Binary(dice.bytes(len))
        }
        SqlType::VarBinary(Length::Max) | SqlType::Image => {
            let len = if dice.once_in(50) { 16_000 + dice.index(8_000) } else { 1 + dice.index(200) };
            Cell::Binary(dice.bytes(len))
        }
        SqlType::HierarchyId => Cell::Binary(vec![0x58, 0x40 | (dice.bits().to_le_bytes()[0] & 0x3f)]),
        SqlType::Geometry | SqlType::Geography => {
            let mut bytes = vec![0, 0, 0, 0, 1, 12];
            bytes.extend(dice.bytes(16));
            Cell::Binary(bytes)
        }
        SqlType::UniqueIdentifier => {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&dice.bytes(16));
            Cell::Guid(bytes)
        }
    }
}

/// The vendor's integers: foreign keys, mostly small, 0 and -1 for "none"; now and then an end of the range.
fn integer(dice: &mut Dice, low: i64, high: i64) -> Cell {
    Cell::Integer(match dice.below(64) {
        0 => low,
        1 => high,
        2..=5 => -1,
        6..=21 => 0,
        22..=50 => dice.between(1, high.min(5_000)),
        _ => dice.between(low, high),
    })
}

fn money(dice: &mut Dice, low: i64, high: i64) -> Cell {
    let Cell::Integer(unscaled) = integer(dice, low, high) else { return Cell::Null };
    Cell::Decimal { unscaled: i128::from(unscaled), scale: 4 }
}

#[expect(clippy::cast_precision_loss, reason = "any float will do")]
fn real(dice: &mut Dice) -> Cell {
    Cell::Real(match dice.below(12) {
        0..=3 => 0.0,
        4 => -1.0,
        5 => 1.0 / 3.0,
        6 => 1e15 + 0.5,
        7 => dice.between(-99_999, 99_999) as f64 * 1e-9,
        8 => dice.between(-9, 9) as f64 * 1e200,
        _ => dice.between(-10_000_000, 10_000_000) as f64 / 100.0,
    })
}

#[expect(clippy::cast_precision_loss, reason = "any float will do")]
fn single(dice: &mut Dice) -> Cell {
    let number = match dice.below(5) {
        0 => 0.0_f32,
        1 => 1.0 / 3.0,
        2 => 1.5e30,
        _ => dice.between(-100_000, 100_000) as f32 / 8.0,
    };
    Cell::Real(f64::from(number))
}

/// `datetime`: thousandths that end in 0, 3 or 7, as SQL Server rounds them; the null date often.
fn datetime(dice: &mut Dice) -> i64 {
    let whole = match dice.below(24) {
        0..=7 => return NO_DATE,
        8 => return days(1753, 1, 1) * DAY,
        9 => return days(9999, 12, 31) * DAY + 86_399 * SECOND + 9_970_000,
        10..=12 => return date(dice, days(1990, 1, 1), days(2035, 1, 1)),
        _ => date(dice, days(1990, 1, 1), days(2035, 1, 1)) + dice.between(0, 86_399) * SECOND,
    };
    let thousandths = if dice.once_in(3) { dice.between(0, 99) * 10 + dice.pick(&[0, 3, 7]) } else { 0 };
    whole + thousandths * 10_000
}

fn date(dice: &mut Dice, low: i64, high: i64) -> i64 {
    match dice.below(40) {
        0 => low * DAY,
        1 => high * DAY,
        2..=5 if low <= days(1760, 1, 1) => NO_DATE,
        6..=30 => dice.between(days(1990, 1, 1).max(low), days(2035, 1, 1).min(high)) * DAY,
        _ => dice.between(low, high) * DAY,
    }
}

/// Cuts ticks to a type's digits.
fn cut(ticks: i64, digits: u8) -> i64 {
    let unit = 10_i64.pow(7 - u32::from(digits.min(7)));
    ticks - ticks.rem_euclid(unit)
}

#[cfg(test)]
mod tests {
    use super::{DAY, NO_DATE, days, value};
    use crate::protocol::sql_type::{Length, SqlType};
    use crate::task::cell::Cell;
    use crate::task::dice::Dice;

    #[test]
    fn days_count_from_the_first_of_january_of_the_year_one() {
        assert_eq!(days(1, 1, 1), 0);
        assert_eq!(days(1970, 1, 1), 719_162);
        assert_eq!(days(9999, 12, 31), 3_652_058);
        assert_eq!(days(2000, 3, 1) - days(2000, 2, 28), 2);
        assert_eq!(NO_DATE, days(1760, 1, 1) * DAY);
    }

    #[test]
    fn values_fit_their_type_and_null_comes_only_where_it_may() {
        let types = [
            SqlType::Bit,
            SqlType::SmallInt,
            SqlType::Int,
            SqlType::Char(7),
            SqlType::NChar(3),
            SqlType::NVarChar(Length::Limited(9)),
            SqlType::VarBinary(Length::Limited(5)),
            SqlType::Decimal { precision: 38, scale: 10 },
            SqlType::Decimal { precision: 1, scale: 0 },
        ];
        for sql_type in types {
            let mut nulls = 0;
            for n in 0..500 {
                let strict = value(&mut Dice::named(&[n]), sql_type, false);
                assert!(strict != Cell::Null && strict.fits(sql_type), "{sql_type:?} {strict:?}");
                nulls += usize::from(value(&mut Dice::named(&[n]), sql_type, true) == Cell::Null);
            }
            assert!((20..250).contains(&nulls), "{sql_type:?}: {nulls} NULLs of 500");
        }
    }

    #[test]
    fn dates_are_often_the_vendors_no_date() {
        let none =
            (0..1_000).filter(|n| value(&mut Dice::named(&[*n]), SqlType::DateTime, false) == Cell::Timestamp(NO_DATE));
        assert!((150..550).contains(&none.count()));
    }
}
