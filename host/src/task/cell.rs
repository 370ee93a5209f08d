//! One value of the simulated source, owned: what [`crate::protocol::columns::Value`] borrows.

use std::fmt::Write as _;

use crate::protocol::columns::Value;
use crate::protocol::sql_type::{Family, SqlType};

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Decimal { unscaled: i128, scale: u8 },
    Timestamp(i64),
    Time(i64),
    TimestampOffset(i64, i16),
    Text(String),
    Binary(Vec<u8>),
    Guid([u8; 16]),
}

impl Cell {
    /// The value, borrowed.
    #[must_use]
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Real(number) => Value::Real(*number),
            Self::Decimal { unscaled, scale } => Value::Decimal { unscaled: *unscaled, scale: *scale },
            Self::Timestamp(ticks) => Value::Timestamp(*ticks),
            Self::Time(ticks) => Value::Time(*ticks),
            Self::TimestampOffset(ticks, offset) => Value::TimestampOffset(*ticks, *offset),
            Self::Text(text) => Value::Text(text),
            Self::Binary(bytes) => Value::Binary(bytes),
            Self::Guid(bytes) => Value::Guid(*bytes),
        }
    }

    /// A value that was borrowed, kept.
    #[must_use]
    pub fn from_value(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Real(number) => Self::Real(number),
            Value::Decimal { unscaled, scale } => Self::Decimal { unscaled, scale },
            Value::Timestamp(ticks) => Self::Timestamp(ticks),
            Value::Time(ticks) => Self::Time(ticks),
            Value::TimestampOffset(ticks, offset) => Self::TimestampOffset(ticks, offset),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Value::Guid(bytes) => Self::Guid(bytes),
        }
    }

    /// The value after `ALTER TABLE ... ALTER COLUMN` to this type; `None` when SQL Server would refuse because the
    /// value does not fit.
    #[must_use]
    pub fn altered_to(&self, to: SqlType) -> Option<Self> {
        let changed = match (self, to.family()) {
            (Self::Null, _) => Self::Null,
            (Self::Integer(number), Family::Integer) => Self::Integer(*number),
            (Self::Integer(number), Family::Text) => Self::Text(number.to_string()),
            (Self::Integer(number), Family::Decimal) => Self::Decimal {
                unscaled: i128::from(*number) * 10_i128.pow(u32::from(to.decimal_scale())),
                scale: to.decimal_scale(),
            },
            (Self::Decimal { unscaled, scale }, Family::Decimal) => {
                let up = to.decimal_scale().checked_sub(*scale)?;
                Self::Decimal { unscaled: unscaled * 10_i128.pow(u32::from(up)), scale: to.decimal_scale() }
            }
            (Self::Real(number), Family::Real) => Self::Real(*number),
            (Self::Timestamp(ticks), Family::Timestamp) => Self::Timestamp(*ticks),
            (Self::Text(text), Family::Text) => Self::Text(text.clone()),
            (Self::Binary(bytes), Family::Binary) => Self::Binary(bytes.clone()),
            (Self::Guid(bytes), Family::Guid) => Self::Guid(*bytes),
            _ => return None,
        };
        changed.fits(to).then_some(changed)
    }

    /// Whether the type can hold the value, as far as lengths and ranges go.
    #[must_use]
    pub fn fits(&self, sql_type: SqlType) -> bool {
        use crate::protocol::sql_type::Length;
        match (self, sql_type) {
            (Self::Integer(number), SqlType::Bit) => (0..=1).contains(number),
            (Self::Integer(number), SqlType::TinyInt) => u8::try_from(*number).is_ok(),
            (Self::Integer(number), SqlType::SmallInt) => i16::try_from(*number).is_ok(),
            (Self::Integer(number), SqlType::Int) => i32::try_from(*number).is_ok(),
            (Self::Text(text), SqlType::NChar(n) | SqlType::NVarChar(Length::Limited(n))) => {
                text.encode_utf16().count() <= usize::from(n)
            }
            (Self::Text(text), SqlType::Char(n) | SqlType::VarChar(Length::Limited(n))) => text.len() <= usize::from(n),
            (Self::Binary(bytes), SqlType::Binary(n) | SqlType::VarBinary(Length::Limited(n))) => {
                bytes.len() <= usize::from(n)
            }
            (Self::Decimal { unscaled, .. }, SqlType::Decimal { precision, .. }) => {
                unscaled.unsigned_abs() < 10_u128.pow(u32::from(precision))
            }
            _ => true,
        }
    }
}

/// Whether two values are the same value. Decimals compare by amount, reals by number; NULL equals NULL.
#[must_use]
#[expect(clippy::float_cmp, reason = "a mirror holds exactly the number that was sent, or it is wrong")]
pub fn same(left: Value<'_>, right: Value<'_>) -> bool {
    match (left, right) {
        (Value::Real(a), Value::Real(b)) => a == b || a.to_bits() == b.to_bits(),
        (Value::Decimal { unscaled: a, scale: sa }, Value::Decimal { unscaled: b, scale: sb }) => {
            let scale = sa.max(sb);
            let level = |n: i128, s: u8| n.checked_mul(10_i128.pow(u32::from(scale - s)));
            level(a, sa) == level(b, sb)
        }
        (a, b) => a == b,
    }
}

/// How a value is shown in a difference: shortened, with what cannot be seen spelled out.
#[must_use]
pub fn show(value: Value<'_>) -> String {
    const SHOWN: usize = 60;
    match value {
        Value::Null => "NULL".into(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Decimal { unscaled, scale } => format!("{unscaled}e-{scale}"),
        Value::Timestamp(ticks) => format!("timestamp {ticks}"),
        Value::Time(ticks) => format!("time {ticks}"),
        Value::TimestampOffset(ticks, offset) => format!("timestamp {ticks} {offset:+} min"),
        Value::Text(text) => {
            let mut shown = format!("{:?}", text.chars().take(SHOWN).collect::<String>());
            let length = text.chars().count();
            if length > SHOWN {
                let _ = write!(shown, "… ({length} characters)");
            }
            shown
        }
        Value::Binary(bytes) => {
            let mut shown = String::from("0x");
            for byte in bytes.iter().take(SHOWN / 2) {
                let _ = write!(shown, "{byte:02X}");
            }
            if bytes.len() > SHOWN / 2 {
                let _ = write!(shown, "… ({} bytes)", bytes.len());
            }
            shown
        }
        Value::Guid(bytes) => {
            let mut shown = String::from("guid ");
            for byte in bytes {
                let _ = write!(shown, "{byte:02x}");
            }
            shown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, same, show};
    use crate::protocol::columns::Value;
    use crate::protocol::sql_type::{Length, SqlType};

    #[test]
    fn a_change_of_type_keeps_what_fits_and_refuses_what_does_not() {
        assert_eq!(Cell::Integer(5).altered_to(SqlType::BigInt), Some(Cell::Integer(5)));
        assert_eq!(Cell::Integer(70_000).altered_to(SqlType::SmallInt), None);
        assert_eq!(Cell::Integer(-7).altered_to(SqlType::NVarChar(Length::Limited(20))), Some(Cell::Text("-7".into())));
        assert_eq!(Cell::Text("æøå".into()).altered_to(SqlType::NVarChar(Length::Limited(2))), None);
        assert_eq!(
            Cell::Decimal { unscaled: 125, scale: 1 }.altered_to(SqlType::Decimal { precision: 10, scale: 3 }),
            Some(Cell::Decimal { unscaled: 12_500, scale: 3 })
        );
    }

    #[test]
    fn sameness_is_of_values_and_null_is_not_the_empty_text() {
        assert!(same(Value::Decimal { unscaled: 10, scale: 1 }, Value::Decimal { unscaled: 100, scale: 2 }));
        assert!(!same(Value::Null, Value::Text("")));
        assert!(same(Value::Null, Value::Null));
        assert!(!same(Value::Text("a "), Value::Text("a")));
    }

    #[test]
    fn what_cannot_be_seen_is_spelled_out() {
        assert_eq!(show(Value::Text("a\r\n\u{b}")), "\"a\\r\\n\\u{b}\"");
        assert_eq!(show(Value::Text("")), "\"\"");
        assert!(show(Value::Text(&"x".repeat(100))).ends_with("… (100 characters)"));
        assert_eq!(show(Value::Binary(&[0, 255])), "0x00FF");
    }
}
