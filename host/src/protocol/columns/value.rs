//! One value at a time: borrowed from a column, or owned.

use crate::protocol::sql_type::Family;

/// One value, borrowed. For code that works cell by cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Decimal { unscaled: i128, scale: u8 },
    Timestamp(i64),
    Time(i64),
    TimestampOffset(i64, i16),
    Text(&'a str),
    Binary(&'a [u8]),
    Guid([u8; 16]),
}

/// One value of its own, for what outlives its column: defaults, keys in messages, test data.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedValue {
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

/// Why a value cannot be appended to a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    #[error("a value of family {value:?} cannot stand in a column of family {column:?}")]
    Family { column: Family, value: Option<Family> },
    #[error(transparent)]
    Full(#[from] super::SpansFull),
}

impl Value<'_> {
    /// The family the value belongs to; `None` for NULL, which belongs to all.
    #[must_use]
    pub const fn family(&self) -> Option<Family> {
        Some(match self {
            Self::Null => return None,
            Self::Integer(_) => Family::Integer,
            Self::Real(_) => Family::Real,
            Self::Decimal { .. } => Family::Decimal,
            Self::Timestamp(_) => Family::Timestamp,
            Self::Time(_) => Family::Time,
            Self::TimestampOffset(..) => Family::TimestampOffset,
            Self::Text(_) => Family::Text,
            Self::Binary(_) => Family::Binary,
            Self::Guid(_) => Family::Guid,
        })
    }

    /// Whether it is NULL.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A copy that borrows nothing.
    #[must_use]
    pub fn to_owned(&self) -> OwnedValue {
        match *self {
            Self::Null => OwnedValue::Null,
            Self::Integer(value) => OwnedValue::Integer(value),
            Self::Real(value) => OwnedValue::Real(value),
            Self::Decimal { unscaled, scale } => OwnedValue::Decimal { unscaled, scale },
            Self::Timestamp(ticks) => OwnedValue::Timestamp(ticks),
            Self::Time(ticks) => OwnedValue::Time(ticks),
            Self::TimestampOffset(ticks, offset) => OwnedValue::TimestampOffset(ticks, offset),
            Self::Text(text) => OwnedValue::Text(text.to_owned()),
            Self::Binary(bytes) => OwnedValue::Binary(bytes.to_vec()),
            Self::Guid(bytes) => OwnedValue::Guid(bytes),
        }
    }
}

impl OwnedValue {
    /// The same value, borrowed.
    #[must_use]
    pub fn as_value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(*value),
            Self::Real(value) => Value::Real(*value),
            Self::Decimal { unscaled, scale } => Value::Decimal { unscaled: *unscaled, scale: *scale },
            Self::Timestamp(ticks) => Value::Timestamp(*ticks),
            Self::Time(ticks) => Value::Time(*ticks),
            Self::TimestampOffset(ticks, offset) => Value::TimestampOffset(*ticks, *offset),
            Self::Text(text) => Value::Text(text),
            Self::Binary(bytes) => Value::Binary(bytes),
            Self::Guid(bytes) => Value::Guid(*bytes),
        }
    }
}
