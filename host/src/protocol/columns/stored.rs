//! How a column's values lie in memory: fixed sizes side by side, texts and bytes as spans, NULLs as bits.

use bytes::Bytes;

/// Values of one size. A NULL's value is the type's default and means nothing.
#[derive(Debug, Clone, Default)]
pub struct Fixed<T> {
    values: Vec<T>,
    nulls: Nulls,
}

/// Values of any length, as spans of one shared buffer: text columns point into the bytes that came in. Values
/// pushed one by one lie behind it in a buffer of the column's own.
#[derive(Debug, Clone, Default)]
pub struct Spans {
    shared: Bytes,
    /// Where a span begins at or after the end of `shared`, it lies here.
    own: Vec<u8>,
    /// Start and length of each value.
    places: Vec<(u32, u32)>,
    nulls: Nulls,
}

/// Makes [`Spans`] out of values that come one by one; what it makes is shared when cloned, not copied.
#[derive(Debug, Default)]
pub struct SpansBuilder {
    spans: Spans,
}

/// Which rows are NULL: one bit a row, and a count so that "none" is free to ask.
#[derive(Debug, Clone, Default)]
pub struct Nulls {
    bits: Vec<u64>,
    len: usize,
    count: usize,
}

/// A column's values together exceed what its offsets can address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the values of one column in one batch exceed 4 GiB; ask for a smaller BatchSize")]
pub struct SpansFull;

impl Nulls {
    /// None yet, with room for `rows`.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self { bits: Vec::with_capacity(rows.div_ceil(64)), len: 0, count: 0 }
    }

    /// Appends one row.
    pub fn push(&mut self, null: bool) {
        if self.len.is_multiple_of(64) {
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

    /// Those of some rows, in their order.
    fn gather(&self, rows: &[u32]) -> Self {
        let mut gathered = Self::with_capacity(rows.len());
        for &row in rows {
            gathered.push(self.is_null(row as usize));
        }
        gathered
    }
}

impl<T: Copy + Default> Fixed<T> {
    /// An empty column with room for `rows`.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows), nulls: Nulls::with_capacity(rows) }
    }

    /// Appends a value, or NULL.
    #[inline]
    pub fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.nulls.push(value.is_none());
    }

    /// The value of a row; `None` is NULL.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<T> {
        if self.nulls.is_null(row) { None } else { Some(self.values[row]) }
    }

    /// All values side by side; what stands at a NULL means nothing (see [`Fixed::nulls`]).
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// Rows in the column.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// A column of these rows, in this order.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        Self { values: rows.iter().map(|&row| self.values[row as usize]).collect(), nulls: self.nulls.gather(rows) }
    }
}

impl<T> Fixed<T> {
    /// Whether it has no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Which rows are NULL.
    #[must_use]
    pub const fn nulls(&self) -> &Nulls {
        &self.nulls
    }
}

impl<T: Copy + Default> FromIterator<Option<T>> for Fixed<T> {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(values: I) -> Self {
        let values = values.into_iter();
        let mut column = Self::with_capacity(values.size_hint().0);
        values.for_each(|value| column.push(value));
        column
    }
}

impl Spans {
    /// An empty column over a buffer that is complete already.
    #[must_use]
    pub fn over(buffer: Bytes, rows: usize) -> Self {
        Self { shared: buffer, ..Self::with_capacity(rows) }
    }

    /// An empty column with a buffer of its own and room for `rows`.
    #[must_use]
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            shared: Bytes::new(),
            own: Vec::new(),
            places: Vec::with_capacity(rows),
            nulls: Nulls::with_capacity(rows),
        }
    }

    /// A column from values of its own.
    ///
    /// # Panics
    /// When the values together exceed 4 GiB.
    pub fn from_values<'a>(values: impl IntoIterator<Item = Option<&'a [u8]>>) -> Self {
        let mut builder = SpansBuilder::default();
        for value in values {
            builder.push(value).expect("values of one column are below 4 GiB");
        }
        builder.finish()
    }

    /// Appends a span of the buffer it was made over, or NULL.
    ///
    /// # Panics
    /// When the span lies beyond the buffer or 4 GiB.
    #[inline]
    pub fn push_span(&mut self, span: Option<std::ops::Range<usize>>) {
        self.nulls.push(span.is_none());
        let span = span.unwrap_or(0..0);
        assert!(span.end <= self.shared.len(), "a span lies inside the buffer the column was made over");
        let start = u32::try_from(span.start).expect("a segment's buffer is below 4 GiB");
        let len = u32::try_from(span.len()).expect("a segment's buffer is below 4 GiB");
        self.places.push((start, len));
    }

    /// Appends a copy of a value, or NULL.
    ///
    /// # Errors
    /// When all values together exceed 4 GiB; nothing was appended then.
    pub fn push(&mut self, value: Option<&[u8]>) -> Result<(), SpansFull> {
        let Some(value) = value else {
            self.push_span(None);
            return Ok(());
        };
        self.push_with(|own| {
            own.extend_from_slice(value);
            Ok::<_, SpansFull>(Some(()))
        })
    }

    /// Appends what `write` adds to the end of the buffer, or NULL when it answers `None`. When it fails nothing
    /// was appended.
    pub(in crate::protocol) fn push_with<E: From<SpansFull>>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<Option<()>, E>,
    ) -> Result<(), E> {
        let from = self.own.len();
        match write(&mut self.own) {
            Ok(Some(())) => {
                let len = u32::try_from(self.own.len() - from);
                if let (Ok(start), Ok(len)) = (u32::try_from(self.shared.len() + from), len) {
                    self.places.push((start, len));
                    self.nulls.push(false);
                    return Ok(());
                }
                self.own.truncate(from);
                Err(SpansFull.into())
            }
            Ok(None) => {
                self.own.truncate(from);
                self.push_span(None);
                Ok(())
            }
            Err(error) => {
                self.own.truncate(from);
                Err(error)
            }
        }
    }

    /// The bytes of a row; `None` is NULL.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        if self.nulls.is_null(row) {
            return None;
        }
        let (start, len) = self.places[row];
        let (start, len) = (start as usize, len as usize);
        Some(match start.checked_sub(self.shared.len()) {
            // An empty value at the very end of the shared buffer also comes this way, and is as empty.
            Some(start) => &self.own[start..start + len],
            None => &self.shared[start..start + len],
        })
    }

    /// The text of a row of a [`super::Column::Text`]; `None` is NULL.
    ///
    /// # Panics
    /// When the bytes are not UTF-8, which whoever makes a text column has ruled out.
    #[must_use]
    pub fn get_str(&self, row: usize) -> Option<&str> {
        self.get(row).map(|bytes| std::str::from_utf8(bytes).expect("text columns are checked when made"))
    }

    /// The texts of these rows of a [`super::Column::Text`]; `None` is NULL. What [`Spans::get_str`] gives for each,
    /// and faster: all that lies between the first and the last of them is checked at once, since a check costs more
    /// by text than by byte.
    ///
    /// # Panics
    /// When a text is not UTF-8, which whoever makes a text column has ruled out; when there is no such row.
    #[must_use]
    pub fn get_strs(&self, rows: &[usize]) -> Vec<Option<&str>> {
        let shared = self.shared_text(rows);
        let own = simdutf8::basic::from_utf8(&self.own).ok();
        let text = |row: usize| {
            let (start, len) = self.places[row];
            let (start, len) = (start as usize, len as usize);
            if let Some(start) = start.checked_sub(self.shared.len()) {
                return own?.get(start..start + len);
            }
            let (first, shared) = shared?;
            shared.get(start - first..start - first + len)
        };
        let each = rows.iter();
        // What lies between the texts need not be text: then they are checked one by one.
        each.map(|&row| if self.nulls.is_null(row) { None } else { text(row).or_else(|| self.get_str(row)) }).collect()
    }

    /// What lies in the shared buffer from the first of these rows' values to the last, and where that begins; `None`
    /// when it is not UTF-8 as a whole, or when no value lies there.
    fn shared_text(&self, rows: &[usize]) -> Option<(usize, &str)> {
        let mut range: Option<(usize, usize)> = None;
        for &row in rows {
            let (start, len) = self.places[row];
            let (start, end) = (start as usize, start as usize + len as usize);
            if end <= self.shared.len() && len > 0 {
                range = Some(range.map_or((start, end), |(first, last)| (first.min(start), last.max(end))));
            }
        }
        let (first, last) = range?;
        Some((first, simdutf8::basic::from_utf8(&self.shared[first..last]).ok()?))
    }

    /// Rows in the column.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it has no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Which rows are NULL.
    #[must_use]
    pub const fn nulls(&self) -> &Nulls {
        &self.nulls
    }

    /// A column of these rows, in this order. A shared buffer stays shared; values of the column's own are copied.
    ///
    /// # Panics
    /// When there is no such row, or rows repeated often exceed 4 GiB.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        if self.own.is_empty() {
            return Self {
                shared: self.shared.clone(),
                own: Vec::new(),
                places: rows.iter().map(|&row| self.places[row as usize]).collect(),
                nulls: self.nulls.gather(rows),
            };
        }
        Self::from_values(rows.iter().map(|&row| self.get(row as usize)))
    }

    /// Makes the column's own values shared too, so that cloning and gathering copy none. Costs a copy only when
    /// there was a shared buffer before.
    #[must_use]
    pub fn freeze(mut self) -> Self {
        if !self.own.is_empty() {
            let own = std::mem::take(&mut self.own);
            self.shared = if self.shared.is_empty() {
                own.into()
            } else {
                let mut all = Vec::with_capacity(self.shared.len() + own.len());
                all.extend_from_slice(&self.shared);
                all.extend_from_slice(&own);
                all.into()
            };
        }
        self
    }
}

impl SpansBuilder {
    /// An empty builder with room for `rows` values of `bytes` bytes in all.
    #[must_use]
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        let mut spans = Spans::with_capacity(rows);
        spans.own.reserve(bytes);
        Self { spans }
    }

    /// Appends a copy of a value, or NULL.
    ///
    /// # Errors
    /// When all values together exceed 4 GiB; nothing was appended then.
    pub fn push(&mut self, value: Option<&[u8]>) -> Result<(), SpansFull> {
        self.spans.push(value)
    }

    /// The column.
    #[must_use]
    pub fn finish(self) -> Spans {
        self.spans.freeze()
    }
}
