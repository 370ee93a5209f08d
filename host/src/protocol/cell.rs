//! Where a cell's text becomes a value, and back (protocol.md section 7, and section 2 on numbers and dates).
//!
//! The column's type decides, not the marker: a character column takes its text verbatim. Any other takes
//! `[marker:value]` with a marker that goes with its family, or the bare value. Nothing is rounded or guessed: what does
//! not read exactly is a [`CellError`] that names table, row, column and text.
//!
//! | family | markers | value |
//! |---|---|---|
//! | integers, bit | I S F M | `-17`; for bit also `true`, `false` |
//! | decimal, money | I S F M | `-17.25`, at most the type's decimals |
//! | float, real | I S F M | `-17.25`; with F or without marker also `1E-07`; the nearest number the type has |
//! | date, datetime… | D DT | `MM/dd/yyyy` or `yyyy-MM-dd`, then, not with D, a time; without marker the latter only |
//! | datetimeoffset | D DT | the same and `+hh:mm` or `Z`; without that, UTC |
//! | time | T | `HH:mm`, `HH:mm:ss`, `HH:mm:ss.fffffff` |
//! | binary… | B | base64, strict |
//! | uniqueidentifier | none | 8-4-4-4-12 hex digits, perhaps in braces |
//! | characters, xml, json, sql_variant | none | the text itself, of which brackets are a part |
//!
//! Work goes a column at a time through a stretch of rows that fits the processor's cache, without an allocation per
//! cell; text columns point into the bytes that came in.

mod encode;
mod error;
mod parse;

use std::ops::Range;

use bytes::Bytes;

pub use encode::{encode, encode_into, plain};
pub use error::CellError;
pub(super) use error::Misfit;
pub(super) use parse::{binary, decimal, guid, integer, real, time, timestamp, timestamp_offset, utf16_units};

use super::columns::{Column, Fixed, Spans, SpansFull, TypedBatch};
use super::messages::RowOp;
use super::raw_batch::Segment;
use super::sql_type::SqlType;
use super::table_def::{ColumnDef, TableDef};

/// A cell as the wire has it, with its column's name: for rows that are kept as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawCell {
    pub column: String,
    /// `None` is NULL.
    pub text: Option<String>,
}

/// Rows typed before going on to the next column: their texts and offsets stay in the cache meanwhile.
const STRETCH: usize = 1024;

/// Types a segment's cells as the columns of `def`, in their order. Of a delete only the key cells are looked at;
/// the others may be missing or hold anything, and are NULL.
///
/// # Errors
/// The first row that cannot be taken, and in it the first column: a wrong number of cells, a cell that does not fit
/// its type, NULL where the column is NOT NULL, or an update or delete of a table without a key.
pub fn type_segment(segment: Segment, def: &TableDef) -> Result<TypedBatch, CellError> {
    let rows = 0..segment.rows();
    type_stretches(segment, def, std::iter::once(rows)).next().expect("one stretch was asked for")
}

/// The same, stretch by stretch: each when it is asked for. Text columns point into the same bytes.
pub fn type_stretches(
    mut segment: Segment,
    def: &TableDef,
    stretches: impl Iterator<Item = Range<usize>>,
) -> impl Iterator<Item = Result<TypedBatch, CellError>> {
    segment.look_for_utf8();
    stretches.map(move |rows| type_rows(&segment, def, rows))
}

fn type_rows(segment: &Segment, def: &TableDef, rows: Range<usize>) -> Result<TypedBatch, CellError> {
    let mut fillers: Vec<Filler<'_>> = def
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| Filler {
            column,
            index,
            key: def.is_key(index),
            out: empty_column(column.sql_type, &segment.bytes, rows.len()),
        })
        .collect();
    let mut start = rows.start;
    while start < rows.end {
        let stretch = start..rows.end.min(start + STRETCH);
        let mut first = check_rows(segment, def, stretch.clone()).err();
        for filler in &mut fillers {
            // Rows behind one that is refused already need no look, and may lack the cells to look at.
            let until = first.as_ref().map_or(stretch.end, |(row, _)| *row);
            if let Err((row, misfit)) = filler.fill(segment, stretch.start..until) {
                first = Some((row, CellError::misfit(segment, def, row, filler.index, misfit)));
            }
        }
        if let Some((_, error)) = first {
            return Err(error);
        }
        start = stretch.end;
    }
    Ok(TypedBatch {
        first_row: segment.first_row + rows.start as u64,
        columns: fillers.into_iter().map(|filler| filler.out).collect(),
        ops: segment.ops[rows].to_vec(),
    })
}

/// Where a text column begins: over the bytes that came in. All others begin on their own.
fn empty_column(sql_type: SqlType, bytes: &Bytes, rows: usize) -> Column {
    match Column::with_capacity(sql_type, rows) {
        Column::Text(_) => Column::Text(Spans::over(bytes.clone(), rows)),
        other => other,
    }
}

/// Every row has the cells its operation needs.
fn check_rows(segment: &Segment, def: &TableDef, rows: Range<usize>) -> Result<(), (usize, CellError)> {
    let wanted = def.columns.len();
    let last_key = def.key.iter().copied().max();
    for row in rows {
        let op = segment.ops[row];
        let cells = segment.cell_numbers(row).len();
        let error = match (op, last_key) {
            (RowOp::Update | RowOp::Delete, None) => CellError::keyless(segment, def, row),
            (RowOp::Delete, Some(last_key)) if cells <= last_key => CellError::key_missing(segment, def, row, cells),
            (RowOp::Insert | RowOp::Update, _) if cells != wanted => CellError::wrong_count(segment, def, row, cells),
            _ => continue,
        };
        return Err((row, error));
    }
    Ok(())
}

/// One column on its way.
struct Filler<'a> {
    column: &'a ColumnDef,
    index: usize,
    key: bool,
    out: Column,
}

/// A row that does not fit, and why.
type RowMisfit = (usize, Misfit);

impl Filler<'_> {
    fn fill(&mut self, segment: &Segment, rows: Range<usize>) -> Result<(), RowMisfit> {
        let sql_type = self.column.sql_type;
        let walk = Walk { segment, rows, index: self.index, key: self.key, nullable: self.column.nullable };
        match &mut self.out {
            Column::Integer(out) if sql_type == SqlType::Bit => walk.fixed(out, parse::bit),
            Column::Integer(out) => {
                let range = sql_type.integer_range().expect("the integer family has a range");
                walk.fixed(out, |text| integer(text, range))
            }
            Column::Real(out) => walk.fixed(out, |text| real(text, sql_type)),
            Column::Decimal(out) => {
                let scale = sql_type.decimal_scale();
                let range = sql_type.decimal_range().expect("the decimal family has a range");
                walk.fixed(out, |text| decimal(text, scale, range))
            }
            Column::Timestamp(out) => walk.fixed(out, |text| timestamp(text, sql_type)),
            Column::Time(out) => walk.fixed(out, |text| time(text, sql_type)),
            Column::TimestampOffset(out) => walk.fixed(out, |text| timestamp_offset(text, sql_type)),
            Column::Guid(out) => walk.fixed(out, guid),
            Column::Text(out) => walk.text(out, sql_type),
            Column::Binary(out) => walk.binary(out, sql_type),
        }
    }
}

/// The cells of one column in a stretch of rows.
struct Walk<'a> {
    segment: &'a Segment,
    rows: Range<usize>,
    index: usize,
    key: bool,
    nullable: bool,
}

impl<'a> Walk<'a> {
    /// Gives every row's cell to `take`: its place in the segment's bytes, `None` for NULL. What `take` answers is whether
    /// the value was NULL after all.
    #[inline]
    fn each(self, mut take: impl FnMut(Option<Range<usize>>) -> Result<bool, Misfit>) -> Result<(), RowMisfit> {
        for row in self.rows {
            let ignored = !self.key && self.segment.ops[row] == RowOp::Delete;
            let span =
                if ignored { None } else { self.segment.span(self.segment.cell_numbers(row).start + self.index) };
            let null = take(span).map_err(|misfit| (row, misfit))?;
            if null && !ignored && !self.nullable {
                return Err((row, Misfit::Null));
            }
        }
        Ok(())
    }

    /// Values of one size; an empty text is NULL.
    #[inline]
    fn fixed<T: Copy + Default>(
        self,
        out: &mut Fixed<T>,
        parse: impl Fn(&'a [u8]) -> Result<Option<T>, Misfit>,
    ) -> Result<(), RowMisfit> {
        let bytes: &'a [u8] = &self.segment.bytes;
        self.each(|span| {
            let value = match span {
                Some(span) if !span.is_empty() => parse(&bytes[span])?,
                _ => None,
            };
            out.push(value);
            Ok(value.is_none())
        })
    }

    fn text(self, out: &mut Spans, sql_type: SqlType) -> Result<(), RowMisfit> {
        let bytes: &[u8] = &self.segment.bytes;
        let utf8 = self.segment.utf8;
        let limit = sql_type.max_units().map_or(usize::MAX, usize::from);
        self.each(|span| {
            if let Some(span) = &span {
                // Of a text that is UTF-8 as a whole no cell may begin or end inside a character.
                let whole = |at: usize| bytes.get(at).is_none_or(|byte| byte & 0xC0 != 0x80);
                let text = &bytes[span.clone()];
                let sound = if utf8 { whole(span.start) && whole(span.end) } else { std::str::from_utf8(text).is_ok() };
                if !sound {
                    return Err(Misfit::NotUtf8);
                }
                // No character has more UTF-16 units than bytes, so most texts need no counting.
                if text.len() > limit {
                    let units = utf16_units(text);
                    if units > limit {
                        return Err(Misfit::TooLong { is: units, unit: "characters" });
                    }
                }
            }
            let null = span.is_none();
            out.push_span(span);
            Ok(null)
        })
    }

    fn binary(self, out: &mut Spans, sql_type: SqlType) -> Result<(), RowMisfit> {
        let bytes: &[u8] = &self.segment.bytes;
        self.each(|span| {
            let text = span.map_or(&[][..], |span| &bytes[span]);
            let mut null = true;
            out.push_with(|own| {
                let value = if text.is_empty() { None } else { binary(text, sql_type, own)? };
                null = value.is_none();
                Ok::<_, Misfit>(value)
            })?;
            Ok(null)
        })
    }
}

impl From<SpansFull> for Misfit {
    fn from(SpansFull: SpansFull) -> Self {
        Self::Full
    }
}

#[cfg(test)]
mod tests;
