//! Values of a plug-in's statements: as parameters, and out of an answer.

use tiberius::numeric::Numeric;
use tiberius::{ColumnData, ColumnType, IntoSql};

use crate::protocol::columns::Value;
use crate::protocol::datetime::{format_iso, format_iso_offset, parse_iso, parse_iso_offset};
use crate::protocol::sql_type::SqlType;
use crate::store::guest::{Bounds, GuestError, GuestValue};
use crate::store::rules::guests::size;
use crate::store::sqlserver::rows::values::{load, write_decimal};

/// Up to there money comes exactly: the driver makes a floating-point number of it.
const EXACT: f64 = 900_000_000_000.0;

/// A parameter with its declaration.
pub(super) struct Bound {
    pub declared: String,
    data: ColumnData<'static>,
}

impl<'a> IntoSql<'a> for Bound {
    fn into_sql(self) -> ColumnData<'a> {
        self.data
    }
}

/// A value as a parameter.
pub(super) fn bound(value: &GuestValue) -> Result<Bound, GuestError> {
    let of = |declared: &str, data| Ok(Bound { declared: declared.into(), data });
    match value {
        // A text converts to every type but the binary ones, which the author's guide says.
        GuestValue::Null => of("nvarchar(4000)", ColumnData::String(None)),
        GuestValue::Integer(number) => of("bigint", ColumnData::I64(Some(*number))),
        GuestValue::Real(number) if !number.is_finite() => {
            Err(GuestError::Invalid("a real parameter must be a finite number: SQL Server holds no others".into()))
        }
        GuestValue::Real(number) => of("float", ColumnData::F64(Some(*number))),
        GuestValue::Decimal(text) => {
            let number = decimal(text).ok_or_else(|| {
                GuestError::Invalid("a decimal parameter must look like -12.3400, with at most 38 digits".into())
            })?;
            of(&format!("decimal(38, {})", number.scale()), ColumnData::Numeric(Some(number)))
        }
        GuestValue::Text(text) => {
            fits(text.len())?;
            let short = text.encode_utf16().count() <= 4_000;
            of(if short { "nvarchar(4000)" } else { "nvarchar(max)" }, ColumnData::String(Some(text.clone().into())))
        }
        GuestValue::Timestamp(text) => {
            // Written anew, so that the server reads it alike under every language; what is no moment is left to the server.
            let any = SqlType::DateTime2(7);
            let (declared, text) = if let Some((ticks, offset)) = parse_iso_offset(text, any) {
                ("datetimeoffset(7)", format_iso_offset(ticks, offset, SqlType::DateTimeOffset(7)))
            } else if let Some(ticks) = parse_iso(text, any) {
                ("datetime2(7)", format_iso(ticks, any))
            } else {
                fits(text.len())?;
                ("nvarchar(4000)", text.clone())
            };
            of(declared, ColumnData::String(Some(text.into())))
        }
        GuestValue::Binary(bytes) => {
            fits(bytes.len())?;
            of(
                if bytes.len() <= 8_000 { "varbinary(8000)" } else { "varbinary(max)" },
                ColumnData::Binary(Some(bytes.clone().into())),
            )
        }
    }
}

fn fits(bytes: usize) -> Result<(), GuestError> {
    if bytes <= Bounds::VALUE {
        return Ok(());
    }
    Err(GuestError::Limit(format!(
        "a value or the statement is too large: at most {} a value and {} a statement",
        size(Bounds::VALUE),
        size(Bounds::SQL)
    )))
}

fn decimal(text: &str) -> Option<Numeric> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = u8::try_from(fraction.len()).ok().filter(|scale| *scale < 38)?;
    let all = || whole.bytes().chain(fraction.bytes());
    if whole.is_empty()
        || !all().all(|byte| byte.is_ascii_digit())
        || all().skip_while(|byte| *byte == b'0').count() > 38
    {
        return None;
    }
    let unscaled = all().fold(0i128, |sum, byte| sum * 10 + i128::from(byte - b'0'));
    Some(Numeric::new_with_scale(if negative { -unscaled } else { unscaled }, scale))
}

/// A cell of an answer, and the type its column has there.
pub(super) fn value(data: &ColumnData<'static>, of: ColumnType) -> Result<GuestValue, GuestError> {
    if let (ColumnData::F64(Some(amount)), ColumnType::Money | ColumnType::Money4) = (data, of) {
        return money(*amount);
    }
    if let ColumnData::Numeric(Some(number)) = data {
        return Ok(decimal_text(number.value(), number.scale()));
    }
    let moment = match data {
        ColumnData::DateTime(_) => SqlType::DateTime,
        ColumnData::SmallDateTime(_) => SqlType::SmallDateTime,
        ColumnData::Date(_) => SqlType::Date,
        ColumnData::Time(Some(time)) => SqlType::Time(time.scale()),
        ColumnData::DateTime2(Some(moment)) => SqlType::DateTime2(moment.time().scale()),
        ColumnData::DateTimeOffset(Some(moment)) => SqlType::DateTimeOffset(moment.datetime2().time().scale()),
        _ => SqlType::DateTime2(7),
    };
    let read = load(data, moment).ok_or_else(|| {
        GuestError::Failed("the server answered a value that cannot be read; CONVERT it to a text".into())
    })?;
    Ok(match read {
        Value::Null => GuestValue::Null,
        Value::Integer(number) => GuestValue::Integer(number),
        Value::Real(number) => GuestValue::Real(number),
        Value::Decimal { unscaled, scale } => decimal_text(unscaled, scale),
        Value::Text(text) => GuestValue::Text(text.to_owned()),
        Value::Binary(bytes) => GuestValue::Binary(bytes.to_vec()),
        Value::Guid(bytes) => {
            GuestValue::Text(uuid::Uuid::from_bytes(bytes).hyphenated().to_string().to_ascii_uppercase())
        }
        Value::Timestamp(ticks) | Value::Time(ticks) => GuestValue::Timestamp(format_iso(ticks, moment)),
        Value::TimestampOffset(ticks, offset) => GuestValue::Timestamp(format_iso_offset(ticks, offset, moment)),
    })
}

fn decimal_text(unscaled: i128, scale: u8) -> GuestValue {
    let mut text = String::with_capacity(42);
    write_decimal(unscaled, scale, &mut text);
    GuestValue::Decimal(text)
}

fn money(amount: f64) -> Result<GuestValue, GuestError> {
    if amount.abs() > EXACT {
        return Err(GuestError::Invalid(
            "an amount of money is so large that it would be rounded; CONVERT(decimal(19, 4), ...) it in the statement"
                .into(),
        ));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it was just bounded")]
    let unscaled = (amount * 10_000.0).round() as i128;
    Ok(decimal_text(unscaled, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_digits_and_nothing_else() {
        let shown = |text: &str| decimal(text).map(|number| (number.value(), number.scale()));
        assert_eq!(shown("-12.3400"), Some((-123_400, 4)));
        assert_eq!(shown("0000000000000000000000000000000000000007"), Some((7, 0)));
        assert_eq!(shown(&"9".repeat(38)), Some((10i128.pow(38) - 1, 0)));
        for wrong in ["", ".5", "1e3", "1,5", "+1", "--1", &"9".repeat(39), &format!("0.{}", "1".repeat(38))] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn money_is_exact_or_refused() {
        assert_eq!(money(-1.1).unwrap(), GuestValue::Decimal("-1.1000".into()));
        assert_eq!(money(899_999_999_999.999_9).unwrap(), GuestValue::Decimal("899999999999.9999".into()));
        assert!(matches!(money(922_337_203_685_477.0), Err(GuestError::Invalid(_))));
    }

    #[test]
    fn moments_are_declared_as_what_they_are() {
        let declared = |text: &str| bound(&GuestValue::Timestamp(text.into())).unwrap().declared;
        assert_eq!(declared("2020-05-18 10:40:43.123"), "datetime2(7)");
        assert_eq!(declared("2020-05-18 10:40:43 +02:00"), "datetimeoffset(7)");
        assert_eq!(declared("10:40"), "nvarchar(4000)");
    }
}
