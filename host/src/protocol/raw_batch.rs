//! A batch as it came: rows before their table's description, so cells are kept as text until the description
//! arrives (protocol.md section 3). Kept in segments, each one arena of bytes with offsets, no allocation per
//! cell; what outgrows a limit goes to a temporary file.

mod builder;
mod spill;

pub use builder::{RawBatchBuilder, SpillSettings};
pub use spill::Segments;

use bytes::Bytes;

use super::messages::RowOp;

/// A stretch of a batch's rows: one arena. At most [`Segment::MAX_ROWS`] rows and, unless one row alone is larger,
/// about [`Segment::TARGET_BYTES`], offsets counted.
#[derive(Debug, Clone, Default)]
pub struct Segment {
    pub(super) bytes: Bytes,
    /// End of each cell in `bytes`; the top bit marks a nil cell.
    pub(super) ends: Vec<u32>,
    pub(super) ops: Vec<RowOp>,
    /// End of each row in `ends`.
    pub(super) row_ends: Vec<u32>,
    /// Number of the segment's first row inside its batch, counted from 1.
    pub(super) first_row: u64,
    /// Whether every cell is known to be UTF-8, since whoever wrote it has checked it.
    pub(super) utf8: bool,
}

/// The top bit of [`Segment::ends`].
pub(super) const NIL: u32 = 1 << 31;

impl Segment {
    /// Few enough that a segment of deletes, whose cells may be missing on the wire, stays small as columns too.
    pub const MAX_ROWS: usize = 16_384;
    pub const TARGET_BYTES: usize = 4 << 20;
    /// One cell's text is shorter than this.
    pub const MAX_CELL_BYTES: usize = 1 << 30;

    /// Rows in the segment.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ops.len()
    }

    /// What is to be done with a row (counted from 0).
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn op(&self, row: usize) -> RowOp {
        self.ops[row]
    }

    /// The texts of a row's cells, however many came; `None` is nil.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn cells(&self, row: usize) -> impl ExactSizeIterator<Item = Option<&[u8]>> + '_ {
        self.cell_numbers(row).map(|cell| self.span(cell).map(|span| &self.bytes[span]))
    }

    /// Number of the segment's first row inside its batch, counted from 1: for messages.
    #[must_use]
    pub const fn first_row(&self) -> u64 {
        self.first_row
    }

    /// Where a row's cells are in `ends`.
    pub(super) fn cell_numbers(&self, row: usize) -> std::ops::Range<usize> {
        let start = if row == 0 { 0 } else { self.row_ends[row - 1] as usize };
        start..self.row_ends[row] as usize
    }

    /// Where a cell's text is in `bytes`; `None` is nil.
    #[inline]
    pub(super) fn span(&self, cell: usize) -> Option<std::ops::Range<usize>> {
        let end = self.ends[cell];
        if end & NIL != 0 {
            return None;
        }
        let start = if cell == 0 { 0 } else { self.ends[cell - 1] & !NIL };
        Some(start as usize..end as usize)
    }

    /// Stretches of its rows that take about so many bytes each, in their order. Where there are several the first is a quarter and each
    /// next half as large again: whoever works on one while the next is made ready has only the first to wait for, also where
    /// making ready takes two thirds of the time that the work takes.
    pub fn stretches(&self, bytes: usize) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let rows = self.rows();
        let parts = self.memory().div_ceil(bytes.max(1)).max(1);
        let most = rows.div_ceil(parts).max(1);
        let mut length = if parts == 1 { most } else { most.div_ceil(4) };
        let mut start = 0;
        std::iter::from_fn(move || {
            let stretch = start..rows.min(start + length);
            start = stretch.end;
            length = most.min(length + length.div_ceil(2));
            (!stretch.is_empty()).then_some(stretch)
        })
    }

    /// Looks whether all of it is UTF-8, unless that is known.
    pub(super) fn look_for_utf8(&mut self) {
        // All of it at once, which is many times faster than cell by cell.
        self.utf8 = self.utf8 || std::str::from_utf8(&self.bytes).is_ok();
    }

    /// Bytes of memory its rows take.
    fn memory(&self) -> usize {
        memory(self.bytes.len(), self.ends.len(), self.ops.len())
    }
}

/// Bytes of memory that rows take: texts, an offset for each cell, an offset and an operation for each row.
const fn memory(bytes: usize, cells: usize, rows: usize) -> usize {
    bytes + cells * size_of::<u32>() + rows * (size_of::<u32>() + size_of::<RowOp>())
}

/// All rows of one batch: first the segments in a temporary file, behind them those in memory.
#[derive(Debug, Default)]
pub struct RawBatch {
    spilled: Option<spill::SpillFile>,
    segments: Vec<Segment>,
    rows: u64,
}

impl RawBatch {
    /// Rows in the batch.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether any of it lies in a temporary file.
    #[must_use]
    pub const fn is_spilled(&self) -> bool {
        self.spilled.is_some()
    }

    /// The rows in order, a segment at a time; of those in a file only one is in memory.
    #[must_use]
    pub fn into_segments(self) -> Segments {
        Segments::new(self.spilled, self.segments)
    }

    /// A batch from rows of texts, all in memory: for the simulator and tests.
    ///
    /// # Panics
    /// When a cell has 1 GiB or a row 2 GiB of text, or more than 30,000 cells.
    #[must_use]
    pub fn from_rows<C, T>(rows: impl IntoIterator<Item = (RowOp, C)>) -> Self
    where
        C: IntoIterator<Item = Option<T>>,
        T: AsRef<str>,
    {
        let mut builder = RawBatchBuilder::new(SpillSettings { threshold_bytes: usize::MAX, directory: None });
        for (op, cells) in rows {
            for cell in cells {
                match cell {
                    Some(text) => {
                        builder.cell_bytes().extend_from_slice(text.as_ref().as_bytes());
                        builder.end_cell();
                    }
                    None => builder.nil_cell(),
                }
            }
            builder.end_row(op).expect("rows of tests are below every limit");
        }
        builder.finish().expect("nothing is written without a threshold")
    }
}

#[cfg(test)]
mod tests;
