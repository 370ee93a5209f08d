//! A batch as values: whole typed columns, one after the other. This is what transforms see and stores write.

mod stored;
mod value;

pub use stored::{Fixed, Nulls, Spans, SpansBuilder, SpansFull};
pub use value::{OwnedValue, PushError, Value};

use super::messages::RowOp;
use super::sql_type::{Family, SqlType};

/// Rows of one table, typed. `columns[i]` belongs to `TableDef.columns[i]`; every column and `ops` have the same
/// length. Cells of a delete that are not key cells are NULL whatever was sent.
#[derive(Debug, Clone)]
pub struct TypedBatch {
    pub ops: Vec<RowOp>,
    pub columns: Vec<Column>,
    /// Number of the first row inside the batch as it was sent, counted from 1: for messages.
    pub first_row: u64,
}

impl TypedBatch {
    /// Rows in the batch.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// The batch of these rows (numbered from 0), in this order. Its `first_row` is this batch's.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        Self {
            ops: rows.iter().map(|&row| self.ops[row as usize]).collect(),
            columns: self.columns.iter().map(|column| column.gather(rows)).collect(),
            first_row: self.first_row,
        }
    }
}

/// One column of values. The variant is that of the column type's [`super::sql_type::Family`].
#[derive(Debug, Clone)]
pub enum Column {
    Integer(Fixed<i64>),
    Real(Fixed<f64>),
    /// Scaled by the column type's [`super::sql_type::SqlType::decimal_scale`].
    Decimal(Fixed<i128>),
    /// Ticks of 100 ns since 0001-01-01T00:00, already cut to the column type's precision.
    Timestamp(Fixed<i64>),
    /// Ticks of 100 ns since midnight.
    Time(Fixed<i64>),
    /// Local ticks since 0001-01-01T00:00 and the offset from UTC in minutes.
    TimestampOffset(Fixed<(i64, i16)>),
    /// UTF-8, checked when the column was made.
    Text(Spans),
    Binary(Spans),
    /// In the order of its text form.
    Guid(Fixed<[u8; 16]>),
}

impl Column {
    /// An empty column for values of a type, with room for `rows`.
    #[must_use]
    pub fn with_capacity(sql_type: SqlType, rows: usize) -> Self {
        match sql_type.family() {
            Family::Integer => Self::Integer(Fixed::with_capacity(rows)),
            Family::Real => Self::Real(Fixed::with_capacity(rows)),
            Family::Decimal => Self::Decimal(Fixed::with_capacity(rows)),
            Family::Timestamp => Self::Timestamp(Fixed::with_capacity(rows)),
            Family::Time => Self::Time(Fixed::with_capacity(rows)),
            Family::TimestampOffset => Self::TimestampOffset(Fixed::with_capacity(rows)),
            Family::Text => Self::Text(Spans::with_capacity(rows)),
            Family::Binary => Self::Binary(Spans::with_capacity(rows)),
            Family::Guid => Self::Guid(Fixed::with_capacity(rows)),
        }
    }

    /// Which family's values the column holds.
    #[must_use]
    pub const fn family(&self) -> Family {
        match self {
            Self::Integer(_) => Family::Integer,
            Self::Real(_) => Family::Real,
            Self::Decimal(_) => Family::Decimal,
            Self::Timestamp(_) => Family::Timestamp,
            Self::Time(_) => Family::Time,
            Self::TimestampOffset(_) => Family::TimestampOffset,
            Self::Text(_) => Family::Text,
            Self::Binary(_) => Family::Binary,
            Self::Guid(_) => Family::Guid,
        }
    }

    /// Appends a value. A decimal's scale must be the column type's, which the column itself does not know.
    ///
    /// # Errors
    /// The value is of another family, or the column is full (4 GiB of texts). Nothing was appended then.
    pub fn push(&mut self, value: Value<'_>) -> Result<(), PushError> {
        match (&mut *self, value) {
            (Self::Real(c), Value::Real(v)) => c.push(Some(v)),
            (Self::Decimal(c), Value::Decimal { unscaled, .. }) => c.push(Some(unscaled)),
            (Self::Integer(c), Value::Integer(v))
            | (Self::Timestamp(c), Value::Timestamp(v))
            | (Self::Time(c), Value::Time(v)) => c.push(Some(v)),
            (Self::TimestampOffset(c), Value::TimestampOffset(ticks, offset)) => c.push(Some((ticks, offset))),
            (Self::Text(c), Value::Text(v)) => c.push(Some(v.as_bytes()))?,
            (Self::Binary(c), Value::Binary(v)) => c.push(Some(v))?,
            (Self::Guid(c), Value::Guid(v)) => c.push(Some(v)),
            (_, Value::Null) => self.push_null(),
            (column, value) => return Err(PushError::Family { column: column.family(), value: value.family() }),
        }
        Ok(())
    }

    /// Appends a NULL.
    pub fn push_null(&mut self) {
        match self {
            Self::Integer(c) | Self::Timestamp(c) | Self::Time(c) => c.push(None),
            Self::Real(c) => c.push(None),
            Self::Decimal(c) => c.push(None),
            Self::TimestampOffset(c) => c.push(None),
            Self::Text(c) | Self::Binary(c) => c.push_span(None),
            Self::Guid(c) => c.push(None),
        }
    }

    /// A column of these rows (numbered from 0), in this order; a row may come twice. Texts that came in with a
    /// batch are shared, not copied.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        match self {
            Self::Integer(c) => Self::Integer(c.gather(rows)),
            Self::Real(c) => Self::Real(c.gather(rows)),
            Self::Decimal(c) => Self::Decimal(c.gather(rows)),
            Self::Timestamp(c) => Self::Timestamp(c.gather(rows)),
            Self::Time(c) => Self::Time(c.gather(rows)),
            Self::TimestampOffset(c) => Self::TimestampOffset(c.gather(rows)),
            Self::Text(c) => Self::Text(c.gather(rows)),
            Self::Binary(c) => Self::Binary(c.gather(rows)),
            Self::Guid(c) => Self::Guid(c.gather(rows)),
        }
    }

    /// How many rows are NULL.
    #[must_use]
    pub const fn null_count(&self) -> usize {
        match self {
            Self::Integer(c) | Self::Timestamp(c) | Self::Time(c) => c.nulls().count(),
            Self::Real(c) => c.nulls().count(),
            Self::Decimal(c) => c.nulls().count(),
            Self::TimestampOffset(c) => c.nulls().count(),
            Self::Text(c) | Self::Binary(c) => c.nulls().count(),
            Self::Guid(c) => c.nulls().count(),
        }
    }
    /// Rows in the column.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Integer(c) | Self::Timestamp(c) | Self::Time(c) => c.len(),
            Self::Real(c) => c.len(),
            Self::Decimal(c) => c.len(),
            Self::TimestampOffset(c) => c.len(),
            Self::Text(c) | Self::Binary(c) => c.len(),
            Self::Guid(c) => c.len(),
        }
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row. `scale` is the column type's decimal scale; it matters to decimals only.
    #[must_use]
    pub fn value(&self, row: usize, scale: u8) -> Value<'_> {
        fn or_null<'a, T>(value: Option<T>, make: impl FnOnce(T) -> Value<'a>) -> Value<'a> {
            value.map_or(Value::Null, make)
        }
        match self {
            Self::Integer(c) => or_null(c.get(row), Value::Integer),
            Self::Real(c) => or_null(c.get(row), Value::Real),
            Self::Decimal(c) => or_null(c.get(row), |unscaled| Value::Decimal { unscaled, scale }),
            Self::Timestamp(c) => or_null(c.get(row), Value::Timestamp),
            Self::Time(c) => or_null(c.get(row), Value::Time),
            Self::TimestampOffset(c) => or_null(c.get(row), |(ticks, offset)| Value::TimestampOffset(ticks, offset)),
            Self::Text(c) => or_null(c.get_str(row), Value::Text),
            Self::Binary(c) => or_null(c.get(row), Value::Binary),
            Self::Guid(c) => or_null(c.get(row), Value::Guid),
        }
    }
}

#[cfg(test)]
mod tests;
