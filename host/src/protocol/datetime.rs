//! Calendar arithmetic and date texts. Every date in this crate is a count of ticks of 100 ns since
//! 0001-01-01T00:00 in the proleptic Gregorian calendar, as in .NET and SQL Server.
//!
//! Promises: nothing is rounded (what a type cannot hold is cut off), nothing outside years 1 to 9999 exists, and
//! parsing allocates nothing. Which forms a *cell* may have is decided in [`super::cell`]; the ISO forms here are
//! also what SQLite stores.

use super::sql_type::SqlType;

pub const TICKS_PER_SECOND: i64 = 10_000_000;
pub const TICKS_PER_MINUTE: i64 = 60 * TICKS_PER_SECOND;
pub const TICKS_PER_HOUR: i64 = 60 * TICKS_PER_MINUTE;
pub const TICKS_PER_DAY: i64 = 24 * TICKS_PER_HOUR;
/// 9999-12-31T23:59:59.9999999.
pub const MAX_TICKS: i64 = 3_652_059 * TICKS_PER_DAY - 1;
/// 1970-01-01T00:00, where Unix time begins.
pub const UNIX_EPOCH_TICKS: i64 = 719_162 * TICKS_PER_DAY;
/// 1900-01-01T00:00, where SQL Server's numbers for dates begin.
pub const SQL_EPOCH_TICKS: i64 = 693_595 * TICKS_PER_DAY;
/// The widest offset from UTC SQL Server knows, in minutes.
pub const MAX_OFFSET_MINUTES: i16 = 14 * 60;

/// A moment taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// 1..=9999.
    pub year: u32,
    pub month: u32,
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    /// 100 ns, below 10,000,000.
    pub fraction: u32,
}

/// Days from 0001-01-01; `None` if there is no such day.
#[must_use]
pub fn days_from_civil(year: u32, month: u32, day: u32) -> Option<i64> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    // Years begin in March here, so that the leap day is a year's last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    // 0000-03-01 is 306 days before 0001-01-01.
    Some(i64::from(days) - 306)
}

const fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Ticks of a moment; `fraction` is in units of 100 ns. `None` if there is no such moment.
#[must_use]
pub fn ticks_from_civil(
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    fraction: u32,
) -> Option<i64> {
    Some(days_from_civil(year, month, day)? * TICKS_PER_DAY + ticks_from_time(hour, minute, second, fraction)?)
}

/// Ticks since midnight; `None` if no clock shows it.
#[must_use]
pub fn ticks_from_time(hour: u32, minute: u32, second: u32, fraction: u32) -> Option<i64> {
    if hour > 23 || minute > 59 || second > 59 || fraction > 9_999_999 {
        return None;
    }
    Some(i64::from(hour * 3600 + minute * 60 + second) * TICKS_PER_SECOND + i64::from(fraction))
}

/// Takes ticks apart. Ticks outside years 1 to 9999 are moved to the nearest moment inside.
#[must_use]
pub fn civil_from_ticks(ticks: i64) -> Civil {
    let ticks = ticks.clamp(0, MAX_TICKS);
    let small = |value: i64| u32::try_from(value).expect("parts of a clamped moment are small");
    let days = small(ticks / TICKS_PER_DAY);
    let rest = ticks % TICKS_PER_DAY;
    let (seconds, fraction) = (small(rest / TICKS_PER_SECOND), small(rest % TICKS_PER_SECOND));

    let shifted = days + 306;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * day_of_year + 2) / 153;
    let (month, next_year) = if m < 10 { (m + 3, 0) } else { (m - 9, 1) };
    Civil {
        year: era * 400 + year_of_era + next_year,
        month,
        day: day_of_year - (153 * m + 2) / 5 + 1,
        hour: seconds / 3600,
        minute: seconds / 60 % 60,
        second: seconds % 60,
        fraction,
    }
}

/// Digits after the second that a date or time type keeps; 0 for every other type. `datetime` keeps 3 here, though
/// SQL Server itself only holds every third or fourth of them.
#[must_use]
pub const fn fraction_digits(sql_type: SqlType) -> u8 {
    match sql_type {
        SqlType::Time(digits) | SqlType::DateTime2(digits) | SqlType::DateTimeOffset(digits) => digits,
        SqlType::DateTime => 3,
        _ => 0,
    }
}

/// Cuts off what the type does not keep: the time of a `date`, the seconds of a `smalldatetime`, digits beyond the
/// type's precision. Never rounds.
#[must_use]
pub const fn cut(ticks: i64, sql_type: SqlType) -> i64 {
    let unit = match sql_type {
        SqlType::Date => TICKS_PER_DAY,
        SqlType::SmallDateTime => TICKS_PER_MINUTE,
        _ => match fraction_digits(sql_type) {
            0 => TICKS_PER_SECOND,
            1 => 1_000_000,
            2 => 100_000,
            3 => 10_000,
            4 => 1_000,
            5 => 100,
            6 => 10,
            _ => 1,
        },
    };
    ticks - ticks % unit
}

/// The first and last moment a date type can hold.
#[must_use]
pub const fn range(sql_type: SqlType) -> (i64, i64) {
    match sql_type {
        // 1753-01-01
        SqlType::DateTime => (639_905 * TICKS_PER_DAY, MAX_TICKS),
        // 1900-01-01 to 2079-06-06
        SqlType::SmallDateTime => (SQL_EPOCH_TICKS, 759_131 * TICKS_PER_DAY - 1),
        SqlType::Time(_) => (0, TICKS_PER_DAY - 1),
        _ => (0, MAX_TICKS),
    }
}

/// ISO 8601 text of a value of a date or time type, as SQLite stores it: `YYYY-MM-DD` for `date`, `HH:MM:SS` for
/// `time`, else `YYYY-MM-DD HH:MM:SS`; then, only when the fraction is not zero, `.` and the type's full number of
/// digits. For `datetimeoffset` see [`format_iso_offset`]; given here it is written as if its offset were zero.
#[must_use]
pub fn format_iso(ticks: i64, sql_type: SqlType) -> String {
    let mut out = String::with_capacity(34);
    write_iso(&mut out, ticks, sql_type);
    if matches!(sql_type, SqlType::DateTimeOffset(_)) {
        write_offset(&mut out, 0);
    }
    out
}

/// The same for `datetimeoffset`: local time, then `+hh:mm`.
#[must_use]
pub fn format_iso_offset(local_ticks: i64, offset_minutes: i16, sql_type: SqlType) -> String {
    let mut out = String::with_capacity(34);
    write_iso(&mut out, local_ticks, sql_type);
    write_offset(&mut out, offset_minutes);
    out
}

/// Appends what [`format_iso`] returns, without an offset: for those who keep one buffer for many values.
pub fn write_iso(out: &mut String, ticks: i64, sql_type: SqlType) {
    let civil = civil_from_ticks(ticks);
    if !matches!(sql_type, SqlType::Time(_)) {
        push_digits(out, civil.year, 4);
        out.push('-');
        push_digits(out, civil.month, 2);
        out.push('-');
        push_digits(out, civil.day, 2);
        if sql_type == SqlType::Date {
            return;
        }
        out.push(' ');
    }
    write_clock(out, &civil);
    let digits = fraction_digits(sql_type);
    let shown = civil.fraction / 10u32.pow(7 - u32::from(digits.min(7)));
    if digits > 0 && shown != 0 {
        out.push('.');
        push_digits(out, shown, usize::from(digits.min(7)));
    }
}

/// Appends `HH:MM:SS`.
pub(super) fn write_clock(out: &mut String, civil: &Civil) {
    push_digits(out, civil.hour, 2);
    out.push(':');
    push_digits(out, civil.minute, 2);
    out.push(':');
    push_digits(out, civil.second, 2);
}

/// Appends `+hh:mm`.
pub(super) fn write_offset(out: &mut String, minutes: i16) {
    out.push(if minutes < 0 { '-' } else { '+' });
    let minutes = u32::from(minutes.unsigned_abs());
    push_digits(out, minutes / 60, 2);
    out.push(':');
    push_digits(out, minutes % 60, 2);
}

/// Appends a number with leading zeros.
pub(super) fn push_digits(out: &mut String, value: u32, width: usize) {
    let mut digits = [b'0'; 10];
    let mut rest = value;
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).expect("a digit");
        rest /= 10;
    }
    out.extend(digits[10 - width.min(10)..].iter().map(|&digit| char::from(digit)));
}

/// Reads what [`format_iso`] writes, for a type other than `datetimeoffset`. `None` if it is anything else, or
/// outside what the type can hold.
#[must_use]
pub fn parse_iso(text: &str, sql_type: SqlType) -> Option<i64> {
    let bytes = text.as_bytes();
    let ticks = match sql_type {
        SqlType::Time(_) => parse_clock(bytes)?,
        SqlType::Date => parse_iso_date(bytes)?,
        _ => parse_moment(bytes, parse_iso_date)?,
    };
    let (first, last) = range(sql_type);
    let ticks = cut(ticks, sql_type);
    (first..=last).contains(&ticks).then_some(ticks)
}

/// Reads what [`format_iso_offset`] writes: local ticks and the offset in minutes.
#[must_use]
pub fn parse_iso_offset(text: &str, sql_type: SqlType) -> Option<(i64, i16)> {
    let (local, offset) = split_offset(text.as_bytes());
    let local = cut(parse_moment(local, parse_iso_date)?, sql_type);
    checked_offset(local, offset?)
}

/// Keeps a local time whose UTC time SQL Server could hold too.
pub(super) fn checked_offset(local: i64, offset: i16) -> Option<(i64, i16)> {
    let utc = local - i64::from(offset) * TICKS_PER_MINUTE;
    ((0..=MAX_TICKS).contains(&utc) && offset.abs() <= MAX_OFFSET_MINUTES).then_some((local, offset))
}

/// Takes `+hh:mm`, `-hh:mm` or `Z`, and one space before it, off the end. `None` beside the whole text if there is
/// none.
pub(super) fn split_offset(bytes: &[u8]) -> (&[u8], Option<i16>) {
    let trimmed = |rest: &'_ [u8]| rest.len() - usize::from(rest.last() == Some(&b' '));
    if let [rest @ .., b'Z'] = bytes {
        return (&rest[..trimmed(rest)], Some(0));
    }
    if bytes.len() > 6 {
        let (rest, tail) = bytes.split_at(bytes.len() - 6);
        if let [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = *tail
            && let (Some(hours), Some(minutes)) = (two(&[h1, h2]), two(&[m1, m2]))
            && minutes < 60
        {
            let total = i16::try_from(hours * 60 + minutes).expect("at most 99:59");
            return (&rest[..trimmed(rest)], Some(if sign == b'-' { -total } else { total }));
        }
    }
    (bytes, None)
}

/// A date, one space or `T`, and a time of day.
pub(super) fn parse_moment(bytes: &[u8], date: impl Fn(&[u8]) -> Option<i64>) -> Option<i64> {
    if bytes.len() < 12 || !matches!(bytes[10], b' ' | b'T') {
        return None;
    }
    Some(date(&bytes[..10])? + parse_clock(&bytes[11..])?)
}

/// `yyyy-MM-dd`, as the ticks of its midnight.
pub(super) fn parse_iso_date(bytes: &[u8]) -> Option<i64> {
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    midnight(four(&bytes[..4])?, two(&bytes[5..7])?, two(&bytes[8..])?)
}

/// `MM/dd/yyyy`, as the ticks of its midnight.
pub(super) fn parse_slash_date(bytes: &[u8]) -> Option<i64> {
    if bytes.len() != 10 || bytes[2] != b'/' || bytes[5] != b'/' {
        return None;
    }
    midnight(four(&bytes[6..])?, two(&bytes[..2])?, two(&bytes[3..5])?)
}

/// `yyyyMMdd`, as the ticks of its midnight.
pub(super) fn parse_compact_date(bytes: &[u8]) -> Option<i64> {
    if bytes.len() != 8 {
        return None;
    }
    midnight(four(&bytes[..4])?, two(&bytes[4..6])?, two(&bytes[6..])?)
}

/// `HH:mm`, `HH:mm:ss` or `HH:mm:ss.f`, as ticks since midnight. Any number of digits may follow the point; those
/// beyond the seventh are cut off.
pub(super) fn parse_clock(bytes: &[u8]) -> Option<i64> {
    if bytes.len() < 5 || bytes[2] != b':' {
        return None;
    }
    let (hour, minute) = (two(&bytes[..2])?, two(&bytes[3..5])?);
    let second = match bytes.len() {
        5 => 0,
        0..8 => return None,
        _ if bytes[5] == b':' => two(&bytes[6..8])?,
        _ => return None,
    };
    let mut fraction = 0;
    if bytes.len() > 8 {
        if bytes[8] != b'.' || bytes.len() == 9 {
            return None;
        }
        let mut unit = 1_000_000;
        for &digit in &bytes[9..] {
            if !digit.is_ascii_digit() {
                return None;
            }
            fraction += u32::from(digit - b'0') * unit;
            unit /= 10;
        }
    }
    ticks_from_time(hour, minute, second, fraction)
}

fn midnight(year: u32, month: u32, day: u32) -> Option<i64> {
    days_from_civil(year, month, day).map(|days| days * TICKS_PER_DAY)
}

fn two(bytes: &[u8]) -> Option<u32> {
    let [a, b] = *bytes else { return None };
    (a.is_ascii_digit() && b.is_ascii_digit()).then(|| u32::from(a - b'0') * 10 + u32::from(b - b'0'))
}

fn four(bytes: &[u8]) -> Option<u32> {
    Some(two(&bytes[..2])? * 100 + two(&bytes[2..])?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_days_have_their_known_numbers() {
        assert_eq!(days_from_civil(1, 1, 1), Some(0));
        assert_eq!(days_from_civil(1753, 1, 1), Some(639_905));
        assert_eq!(days_from_civil(1900, 1, 1), Some(693_595));
        assert_eq!(days_from_civil(1970, 1, 1), Some(719_162));
        assert_eq!(days_from_civil(2079, 6, 7), Some(759_131));
        assert_eq!(days_from_civil(9999, 12, 31), Some(3_652_058));
        // As counted by another calendar (Python's).
        assert_eq!(ticks_from_civil(2020, 5, 18, 10, 40, 43, 0), Some(637_253_952_430_000_000));
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for (year, month, day) in [
            (0, 1, 1),
            (10_000, 1, 1),
            (2021, 2, 29),
            (1900, 2, 29),
            (2020, 13, 1),
            (2020, 0, 1),
            (2020, 4, 31),
            (2020, 1, 0),
        ] {
            assert_eq!(days_from_civil(year, month, day), None, "{year}-{month}-{day}");
        }
        assert!(days_from_civil(2000, 2, 29).is_some());
        assert_eq!(ticks_from_time(24, 0, 0, 0), None);
        assert_eq!(ticks_from_time(23, 60, 0, 0), None);
        assert_eq!(ticks_from_time(23, 59, 60, 0), None);
    }

    #[test]
    fn every_day_of_ten_thousand_years_survives_the_round_trip() {
        let mut day = 0;
        for year in 1..=9999 {
            for month in 1..=12 {
                for date in 1..=days_in_month(year, month) {
                    assert_eq!(days_from_civil(year, month, date), Some(day));
                    let civil = civil_from_ticks(day * TICKS_PER_DAY);
                    assert_eq!((civil.year, civil.month, civil.day), (year, month, date));
                    day += 1;
                }
            }
        }
    }

    #[test]
    fn a_fraction_is_written_only_when_there_is_one_and_then_in_full() {
        let ticks = ticks_from_civil(2020, 5, 18, 10, 40, 43, 1_200_000).unwrap();
        assert_eq!(format_iso(ticks, SqlType::DateTime), "2020-05-18 10:40:43.120");
        assert_eq!(format_iso(ticks, SqlType::DateTime2(7)), "2020-05-18 10:40:43.1200000");
        assert_eq!(format_iso(ticks, SqlType::DateTime2(0)), "2020-05-18 10:40:43");
        assert_eq!(format_iso(ticks, SqlType::Date), "2020-05-18");
        assert_eq!(format_iso(ticks, SqlType::Time(2)), "10:40:43.12");
        assert_eq!(format_iso(cut(ticks, SqlType::SmallDateTime), SqlType::SmallDateTime), "2020-05-18 10:40:00");
        assert_eq!(format_iso_offset(ticks, -330, SqlType::DateTimeOffset(1)), "2020-05-18 10:40:43.1-05:30");
        assert_eq!(format_iso(cut(ticks, SqlType::DateTime2(0)), SqlType::DateTime2(7)), "2020-05-18 10:40:43");
    }

    #[test]
    fn nothing_is_rounded() {
        let ticks = ticks_from_civil(1999, 12, 31, 23, 59, 59, 9_999_999).unwrap();
        for (sql_type, text) in [
            (SqlType::DateTime, "1999-12-31 23:59:59.999"),
            (SqlType::SmallDateTime, "1999-12-31 23:59:00"),
            (SqlType::DateTime2(0), "1999-12-31 23:59:59"),
            (SqlType::DateTime2(6), "1999-12-31 23:59:59.999999"),
            (SqlType::Date, "1999-12-31"),
        ] {
            assert_eq!(format_iso(cut(ticks, sql_type), sql_type), text);
        }
    }

    #[test]
    fn a_moment_outside_its_type_is_not_read() {
        assert_eq!(parse_iso("1752-12-31 23:59:59", SqlType::DateTime), None);
        assert!(parse_iso("1753-01-01 00:00:00", SqlType::DateTime).is_some());
        assert!(parse_iso("2079-06-06 23:59:59", SqlType::SmallDateTime).is_some());
        assert_eq!(parse_iso("2079-06-07 00:00:00", SqlType::SmallDateTime), None);
        assert_eq!(parse_iso_offset("2020-01-01 00:00:00+14:01", SqlType::DateTimeOffset(0)), None);
        assert_eq!(parse_iso_offset("0001-01-01 00:00:00+01:00", SqlType::DateTimeOffset(0)), None);
        assert_eq!(parse_iso_offset("2020-01-01 00:00:00", SqlType::DateTimeOffset(0)), None);
    }

    fn date_types() -> impl Strategy<Value = SqlType> {
        prop_oneof![
            Just(SqlType::Date),
            Just(SqlType::DateTime),
            Just(SqlType::SmallDateTime),
            (0u8..=7).prop_map(SqlType::DateTime2),
            (0u8..=7).prop_map(SqlType::Time),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(sql_type in date_types(), seed in 0..=MAX_TICKS) {
            let (first, last) = range(sql_type);
            let ticks = cut(first + seed % (last - first + 1), sql_type);
            prop_assert_eq!(parse_iso(&format_iso(ticks, sql_type), sql_type), Some(ticks));
        }

        #[test]
        fn offsets_are_read_back(ticks in TICKS_PER_DAY..MAX_TICKS - TICKS_PER_DAY, offset in -840i16..=840, digits in 0u8..=7) {
            let sql_type = SqlType::DateTimeOffset(digits);
            let ticks = cut(ticks, sql_type);
            prop_assert_eq!(parse_iso_offset(&format_iso_offset(ticks, offset, sql_type), sql_type), Some((ticks, offset)));
        }

        #[test]
        fn reading_never_panics(text in any::<String>(), sql_type in date_types()) {
            let _ = parse_iso(&text, sql_type);
            let _ = parse_iso_offset(&text, sql_type);
        }
    }
}
