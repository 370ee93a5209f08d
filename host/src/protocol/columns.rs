//! A batch as values: whole typed columns, one after the other. This is what transforms see and stores write.

use bytes::Bytes;

use super::messages::RowOp;

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

/// Values of one size. A NULL's value is the type's default and means nothing.
#[derive(Debug, Clone, Default)]
pub struct Fixed<T> {
    values: Vec<T>,
    nulls: Nulls,
}

/// Values of any length, as spans of one shared buffer: text columns point into the bytes that came in.
#[derive(Debug, Clone, Default)]
pub struct Spans {
    buffer: Bytes,
    spans: Vec<(u32, u32)>,
    nulls: Nulls,
}

/// Which rows are NULL: one bit a row, and a count so that "none" is free to ask.
#[derive(Debug, Clone, Default)]
pub struct Nulls {
    bits: Vec<u64>,
    len: usize,
    count: usize,
}

impl Nulls {
    /// Appends one row.
    pub fn push(&mut self, null: bool) {
        if self.len % 64 == 0 {
            self.bits.push(0);
        }
        if null {
            self.bits[self.len / 64] |= 1 << (self.len % 64);
            self.count += 1;
        }
        self.len += 1;
    }

    /// Whether the row is NULL.
    #[must_use]
    pub fn is_null(&self, row: usize) -> bool {
        self.count != 0 && self.bits[row / 64] & (1 << (row % 64)) != 0
    }

    /// How many rows are NULL.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }
}

impl<T: Copy + Default> Fixed<T> {
    /// An empty column with room for `rows`.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows), nulls: Nulls::default() }
    }

    /// Appends a value, or NULL.
    pub fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.nulls.push(value.is_none());
    }

    /// The value of a row; `None` is NULL.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<T> {
        if self.nulls.is_null(row) { None } else { Some(self.values[row]) }
    }

    /// Rows in the column.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl Spans {
    /// An empty column over a buffer that is complete already.
    #[must_use]
    pub fn over(buffer: Bytes, rows: usize) -> Self {
        Self { buffer, spans: Vec::with_capacity(rows), nulls: Nulls::default() }
    }

    /// A column from values of its own.
    ///
    /// # Panics
    /// When the values together exceed 4 GiB.
    pub fn from_values<'a>(values: impl IntoIterator<Item = Option<&'a [u8]>>) -> Self {
        let mut buffer = Vec::new();
        let mut column = Self::default();
        for value in values {
            let start = buffer.len();
            buffer.extend_from_slice(value.unwrap_or_default());
            column.push_span(value.map(|_| start..buffer.len()));
        }
        column.buffer = buffer.into();
        column
    }

    /// Appends a span of the buffer, or NULL.
    ///
    /// # Panics
    /// When the span lies beyond 4 GiB.
    pub fn push_span(&mut self, span: Option<std::ops::Range<usize>>) {
        self.nulls.push(span.is_none());
        let span = span.unwrap_or(0..0);
        let start = u32::try_from(span.start).expect("a segment's buffer is below 4 GiB");
        let len = u32::try_from(span.len()).expect("a segment's buffer is below 4 GiB");
        self.spans.push((start, len));
    }

    /// The bytes of a row; `None` is NULL.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        if self.nulls.is_null(row) {
            return None;
        }
        let (start, len) = self.spans[row];
        Some(&self.buffer[start as usize..start as usize + len as usize])
    }

    /// The text of a row of a [`Column::Text`]; `None` is NULL.
    ///
    /// # Panics
    /// When the bytes are not UTF-8, which whoever makes a text column has ruled out.
    #[must_use]
    pub fn get_str(&self, row: usize) -> Option<&str> {
        self.get(row).map(|bytes| std::str::from_utf8(bytes).expect("text columns are checked when made"))
    }

    /// Rows in the column.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

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

impl Column {
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
