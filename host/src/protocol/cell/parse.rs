//! One function per family: from a cell's bytes to a value. Bytes in, no allocation, no panic whatever the bytes.
//! `Ok(None)` is NULL: an empty text, or an empty `[X:]`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Misfit;
use crate::protocol::datetime;
use crate::protocol::sql_type::SqlType;

/// The markers of NetServer's encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    None,
    I,
    S,
    F,
    M,
    D,
    Dt,
    T,
    B,
}

impl Marker {
    /// Whether it goes with a number, of whatever type.
    const fn is_number(self) -> bool {
        matches!(self, Self::None | Self::I | Self::S | Self::F | Self::M)
    }
}

/// Takes `[marker:value]` apart. `None` is an empty value: NULL, whichever marker.
#[inline]
fn marked(text: &[u8]) -> Result<Option<(Marker, &[u8])>, Misfit> {
    let Some(inside) = text.strip_prefix(b"[") else {
        return Ok(if text.is_empty() { None } else { Some((Marker::None, text)) });
    };
    let (marker, rest) = match *inside {
        [letter, b':', ref rest @ ..] => {
            let marker = match letter {
                b'I' => Marker::I,
                b'S' => Marker::S,
                b'F' => Marker::F,
                b'M' => Marker::M,
                b'D' => Marker::D,
                b'T' => Marker::T,
                b'B' => Marker::B,
                _ => return Err(Misfit::UnknownMarker),
            };
            (marker, rest)
        }
        [b'D', b'T', b':', ref rest @ ..] => (Marker::Dt, rest),
        _ if inside.contains(&b':') => return Err(Misfit::UnknownMarker),
        _ => return Err(Misfit::Form),
    };
    let value = rest.strip_suffix(b"]").ok_or(Misfit::Form)?;
    Ok(if value.is_empty() { None } else { Some((marker, value)) })
}

/// A number's text and whether its marker allows an exponent.
#[inline]
fn number(text: &[u8]) -> Result<Option<(&[u8], bool)>, Misfit> {
    match marked(text)? {
        None => Ok(None),
        Some((marker, value)) if marker.is_number() => Ok(Some((value, matches!(marker, Marker::F | Marker::None)))),
        Some(_) => Err(Misfit::OtherMarker),
    }
}

/// `bit`: a number of its range, or a truth value as .NET and XML write it.
pub(in crate::protocol) fn bit(text: &[u8]) -> Result<Option<i64>, Misfit> {
    match text {
        b"[I:0]" => return Ok(Some(0)),
        b"[I:1]" => return Ok(Some(1)),
        _ => {}
    }
    match number(text)? {
        None => Ok(None),
        Some((b"true" | b"True", _)) => Ok(Some(1)),
        Some((b"false" | b"False", _)) => Ok(Some(0)),
        Some((value, _)) => whole(value, (0, 1)).map(Some),
    }
}

/// tinyint to bigint.
#[inline]
pub(in crate::protocol) fn integer(text: &[u8], range: (i64, i64)) -> Result<Option<i64>, Misfit> {
    match number(text)? {
        None => Ok(None),
        Some((value, _)) => whole(value, range).map(Some),
    }
}

#[inline]
fn whole(value: &[u8], (first, last): (i64, i64)) -> Result<i64, Misfit> {
    let (negative, digits) = match value {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let number = if digits.len() <= 18 {
        if digits.is_empty() {
            return Err(Misfit::Form);
        }
        let mut number = 0i64;
        for &digit in digits {
            let digit = digit.wrapping_sub(b'0');
            if digit > 9 {
                return Err(not_whole(value));
            }
            number = number * 10 + i64::from(digit);
        }
        if negative { -number } else { number }
    } else {
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(not_whole(value));
        }
        let mut number = 0i64;
        for &digit in digits {
            let digit = i64::from(digit - b'0');
            // Downwards, since there is one more number below zero than above.
            number = number.checked_mul(10).and_then(|n| n.checked_sub(digit)).ok_or(Misfit::OutOfRange)?;
        }
        if negative { number } else { number.checked_neg().ok_or(Misfit::OutOfRange)? }
    };
    if number < first || number > last { Err(Misfit::OutOfRange) } else { Ok(number) }
}

/// Tells a decimal number from what is no number at all.
#[cold]
fn not_whole(value: &[u8]) -> Misfit {
    match split_number(value) {
        Some(parts) if !parts.exponent => Misfit::Decimals { allowed: 0 },
        _ => Misfit::Form,
    }
}

/// A number's parts, all digits checked.
struct Parts<'a> {
    negative: bool,
    before: &'a [u8],
    after: &'a [u8],
    /// Whether there is one; its digits matter to nobody but the standard library.
    exponent: bool,
}

/// `-17.25E-07` and its shorter forms. Digits on one side of the point at least, and behind it if there is one.
fn split_number(value: &[u8]) -> Option<Parts<'_>> {
    let (negative, rest) = match value {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, rest) = rest.split_at(digits(rest));
    let (after, rest) = match rest {
        [b'.', rest @ ..] => {
            let (after, rest) = rest.split_at(digits(rest));
            if after.is_empty() {
                return None;
            }
            (after, rest)
        }
        rest => (&[][..], rest),
    };
    if before.is_empty() && after.is_empty() {
        return None;
    }
    let exponent = match rest {
        [] => false,
        [b'e' | b'E', exponent @ ..] => {
            let unsigned = if let [b'+' | b'-', unsigned @ ..] = exponent { unsigned } else { exponent };
            if unsigned.is_empty() || !unsigned.iter().all(u8::is_ascii_digit) {
                return None;
            }
            true
        }
        _ => return None,
    };
    Some(Parts { negative, before, after, exponent })
}

/// decimal, money, smallmoney: unscaled.
pub(in crate::protocol) fn decimal(text: &[u8], scale: u8, range: (i128, i128)) -> Result<Option<i128>, Misfit> {
    let Some((value, _)) = number(text)? else { return Ok(None) };
    let parts = split_number(value).filter(|parts| !parts.exponent).ok_or(Misfit::Form)?;
    if parts.after.len() > usize::from(scale) {
        return Err(Misfit::Decimals { allowed: scale });
    }
    let padding = usize::from(scale) - parts.after.len();
    let zeros = std::iter::repeat_n(&b'0', padding);
    let digits = parts.before.iter().skip_while(|&&digit| digit == b'0').chain(parts.after).chain(zeros);
    let mut unscaled = 0i128;
    for &digit in digits {
        unscaled = unscaled
            .checked_mul(10)
            .and_then(|number| number.checked_add(i128::from(digit - b'0')))
            .ok_or(Misfit::OutOfRange)?;
    }
    if parts.negative {
        unscaled = -unscaled;
    }
    if unscaled < range.0 || unscaled > range.1 { Err(Misfit::OutOfRange) } else { Ok(Some(unscaled)) }
}

/// float and real: the nearest number the type has.
pub(in crate::protocol) fn real(text: &[u8], sql_type: SqlType) -> Result<Option<f64>, Misfit> {
    let Some((value, exponent_allowed)) = number(text)? else { return Ok(None) };
    let parts = split_number(value).filter(|parts| !parts.exponent || exponent_allowed).ok_or(Misfit::Form)?;
    // Most are small whole numbers, which need no more.
    if parts.after.is_empty() && !parts.exponent && parts.before.len() <= 7 {
        let number = parts.before.iter().fold(0u32, |number, &digit| number * 10 + u32::from(digit - b'0'));
        let number = f64::from(number);
        return Ok(Some(if parts.negative { -number } else { number }));
    }
    let text = std::str::from_utf8(value).map_err(|_| Misfit::Form)?;
    let number = if sql_type == SqlType::Real {
        f64::from(text.parse::<f32>().map_err(|_| Misfit::Form)?)
    } else {
        text.parse::<f64>().map_err(|_| Misfit::Form)?
    };
    if number.is_finite() { Ok(Some(number)) } else { Err(Misfit::OutOfRange) }
}

/// date, smalldatetime, datetime, datetime2: ticks, cut to the type's precision.
pub(in crate::protocol) fn timestamp(text: &[u8], sql_type: SqlType) -> Result<Option<i64>, Misfit> {
    let Some((marker, value)) = marked(text)? else { return Ok(None) };
    let ticks = moment(marker, value)?;
    if sql_type == SqlType::Date && ticks % datetime::TICKS_PER_DAY != 0 {
        return Err(Misfit::TimeInDate);
    }
    let ticks = datetime::cut(ticks, sql_type);
    let (first, last) = datetime::range(sql_type);
    if ticks < first || ticks > last { Err(Misfit::OutOfRange) } else { Ok(Some(ticks)) }
}

/// The date forms that go with a marker.
fn moment(marker: Marker, value: &[u8]) -> Result<i64, Misfit> {
    let slash = |bytes: &[u8]| datetime::parse_slash_date(bytes);
    let either = |bytes: &[u8]| slash(bytes).or_else(|| datetime::parse_iso_date(bytes));
    let ticks = match marker {
        Marker::Dt => datetime::parse_moment(value, either),
        Marker::D => either(value),
        Marker::None => {
            datetime::parse_iso_date(value).or_else(|| datetime::parse_moment(value, datetime::parse_iso_date))
        }
        _ => return Err(Misfit::OtherMarker),
    };
    ticks.ok_or(Misfit::Form)
}

/// datetimeoffset: local ticks and the offset in minutes.
pub(in crate::protocol) fn timestamp_offset(text: &[u8], sql_type: SqlType) -> Result<Option<(i64, i16)>, Misfit> {
    let Some((marker, value)) = marked(text)? else { return Ok(None) };
    let (local, offset) = match marker {
        Marker::D => (value, None),
        _ => datetime::split_offset(value),
    };
    let local = datetime::cut(moment(marker, local)?, sql_type);
    datetime::checked_offset(local, offset.unwrap_or(0)).map(Some).ok_or(Misfit::OutOfRange)
}

/// time: ticks since midnight, cut to the type's precision.
pub(in crate::protocol) fn time(text: &[u8], sql_type: SqlType) -> Result<Option<i64>, Misfit> {
    match marked(text)? {
        None => Ok(None),
        Some((Marker::T | Marker::None, value)) => {
            let ticks = datetime::parse_clock(value).ok_or(Misfit::Form)?;
            Ok(Some(datetime::cut(ticks, sql_type)))
        }
        Some(_) => Err(Misfit::OtherMarker),
    }
}

/// uniqueidentifier: its bytes in the order of the text.
pub(in crate::protocol) fn guid(text: &[u8]) -> Result<Option<[u8; 16]>, Misfit> {
    let Some((Marker::None, value)) = marked(text)? else {
        return if marked(text)?.is_none() { Ok(None) } else { Err(Misfit::OtherMarker) };
    };
    let value = match value {
        [b'{', inside @ .., b'}'] => inside,
        value => value,
    };
    if value.len() != 36 {
        return Err(Misfit::Form);
    }
    let mut bytes = [0; 16];
    let mut at = 0;
    for byte in &mut bytes {
        if matches!(at, 8 | 13 | 18 | 23) {
            if value[at] != b'-' {
                return Err(Misfit::Form);
            }
            at += 1;
        }
        *byte = hex(value[at])? << 4 | hex(value[at + 1])?;
        at += 2;
    }
    Ok(Some(bytes))
}

fn hex(digit: u8) -> Result<u8, Misfit> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(Misfit::Form),
    }
}

/// Binary types: appends the bytes to `out`. `Ok(None)` is NULL. On an error `out` may have grown.
pub(in crate::protocol) fn binary(text: &[u8], sql_type: SqlType, out: &mut Vec<u8>) -> Result<Option<()>, Misfit> {
    let value = match marked(text)? {
        None => return Ok(None),
        Some((Marker::B | Marker::None, value)) => value,
        Some(_) => return Err(Misfit::OtherMarker),
    };
    let from = out.len();
    STANDARD.decode_vec(value, out).map_err(|_| Misfit::Form)?;
    let is = out.len() - from;
    match sql_type.max_bytes() {
        Some(limit) if is > usize::from(limit) => Err(Misfit::TooLong { is, unit: "bytes" }),
        Some(limit) if sql_type == SqlType::RowVersion && is != usize::from(limit) => Err(Misfit::WrongLength { is }),
        _ => Ok(Some(())),
    }
}

/// UTF-16 units of a text in valid UTF-8: one for every character's first byte, two for those of four bytes.
pub(in crate::protocol) fn utf16_units(text: &[u8]) -> usize {
    text.iter().map(|&byte| usize::from(byte & 0xC0 != 0x80) + usize::from(byte >= 0xF0)).sum()
}
