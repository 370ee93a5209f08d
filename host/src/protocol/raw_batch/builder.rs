//! Takes a batch's cells as they are decoded, and moves rows to a temporary file when they grow too many.

use std::io;
use std::path::PathBuf;

use super::spill::SpillFile;
use super::{NIL, RawBatch, Segment, memory};
use crate::protocol::messages::RowOp;

/// When and where a batch's rows leave memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpillSettings {
    /// A batch whose rows take more memory than this, offsets counted, goes to a file.
    pub threshold_bytes: usize,
    /// Where the file is made; `None` is the system's place for temporary files. The file has no name that
    /// outlives the batch.
    pub directory: Option<PathBuf>,
}

impl Default for SpillSettings {
    /// 16 MiB, many times the Task's own default BatchSize.
    fn default() -> Self {
        Self { threshold_bytes: 16 << 20, directory: None }
    }
}

/// A row that no mirror could take. Remembered until the row ends, since cells are appended without a way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Unfit {
    #[error("row {row}: a cell holds {limit} bytes of text or more, which is more than this mirror takes")]
    Cell { row: u64, limit: usize },
    #[error("row {row}: the row holds {limit} bytes of text or more, which is more than this mirror takes")]
    Row { row: u64, limit: usize },
    #[error("row {row}: the row has more than {limit} cells, and no table of SQL Server has more columns")]
    Cells { row: u64, limit: usize },
}

/// How much one row may hold; smaller in tests.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowLimits {
    pub(super) cell_bytes: usize,
    pub(super) row_bytes: usize,
    pub(super) cells: usize,
}

impl RowLimits {
    const REAL: Self = Self {
        cell_bytes: Segment::MAX_CELL_BYTES,
        // A segment's row may begin near its target size, and its end must stay below the mark of a nil cell.
        row_bytes: NIL as usize - Segment::TARGET_BYTES,
        cells: 30_000,
    };
}

/// Builds a [`RawBatch`], a cell at a time: text into [`RawBatchBuilder::cell_bytes`], then
/// [`RawBatchBuilder::end_cell`]; or [`RawBatchBuilder::nil_cell`]; and after a row's cells
/// [`RawBatchBuilder::end_row`].
#[derive(Debug)]
pub struct RawBatchBuilder {
    settings: SpillSettings,
    limits: RowLimits,
    spilled: Option<SpillFile>,
    /// Closed segments in memory, and the memory they take.
    segments: Vec<Segment>,
    segments_memory: usize,
    /// Rows in closed segments, in memory or not.
    closed_rows: u64,
    // The open segment, in the form of [`Segment`].
    bytes: Vec<u8>,
    ends: Vec<u32>,
    ops: Vec<RowOp>,
    row_ends: Vec<u32>,
    /// Where the current row and cell begin.
    row_start: usize,
    cell_start: usize,
    unfit: Option<Unfit>,
    utf8: bool,
}

impl RawBatchBuilder {
    /// An empty batch.
    #[must_use]
    pub fn new(settings: SpillSettings) -> Self {
        Self::with_limits(settings, RowLimits::REAL)
    }

    /// The same, for whoever checks that what it appends is UTF-8: nobody looks again.
    #[must_use]
    pub fn of_checked_texts(settings: SpillSettings) -> Self {
        Self { utf8: true, ..Self::new(settings) }
    }

    pub(super) fn with_limits(settings: SpillSettings, limits: RowLimits) -> Self {
        Self {
            settings,
            limits,
            spilled: None,
            segments: Vec::new(),
            segments_memory: 0,
            closed_rows: 0,
            bytes: Vec::new(),
            ends: Vec::new(),
            ops: Vec::new(),
            row_ends: Vec::new(),
            row_start: 0,
            cell_start: 0,
            unfit: None,
            utf8: false,
        }
    }

    /// Where the current cell's text goes: append UTF-8 to it, change nothing that is there.
    #[inline]
    pub fn cell_bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes of the current cell so far.
    #[must_use]
    pub fn cell_len(&self) -> usize {
        self.bytes.len() - self.cell_start
    }

    /// Ends the current cell; one to which nothing was appended is an empty text.
    #[inline]
    pub fn end_cell(&mut self) {
        if self.bytes.len() - self.cell_start >= self.limits.cell_bytes {
            self.refuse(Unfit::Cell { row: self.row_number(), limit: self.limits.cell_bytes });
        }
        self.push_end(0);
    }

    /// Ends the current cell as nil, whatever was appended to it.
    #[inline]
    pub fn nil_cell(&mut self) {
        self.bytes.truncate(self.cell_start);
        self.push_end(NIL);
    }

    fn push_end(&mut self, mark: u32) {
        if self.bytes.len() - self.row_start >= self.limits.row_bytes {
            self.refuse(Unfit::Row { row: self.row_number(), limit: self.limits.row_bytes });
        } else if self.row_cells() >= self.limits.cells {
            self.refuse(Unfit::Cells { row: self.row_number(), limit: self.limits.cells });
        }
        if self.unfit.is_some() {
            self.forget_row();
            return;
        }
        self.cell_start = self.bytes.len();
        self.ends.push(u32::try_from(self.cell_start).expect("a segment ends below 2 GiB") | mark);
    }

    /// Takes back the row begun: nothing of it stays.
    pub fn abandon_row(&mut self) {
        self.unfit = None;
        self.forget_row();
    }

    /// Ends a row. What was appended after its last cell's end is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`]: the row is larger than any mirror takes (a cell of 1 GiB, a row of 2 GiB, more than
    /// 30,000 cells); it has been abandoned. Any other: the temporary file cannot be written; the batch is lost.
    pub fn end_row(&mut self, op: RowOp) -> io::Result<()> {
        if let Some(unfit) = self.unfit.take() {
            self.forget_row();
            return Err(io::Error::new(io::ErrorKind::InvalidData, unfit));
        }
        self.bytes.truncate(self.cell_start);
        self.ops.push(op);
        self.row_ends.push(u32::try_from(self.ends.len()).expect("a segment has fewer cells than 4 Gi"));
        self.row_start = self.cell_start;

        let open = memory(self.bytes.len(), self.ends.len(), self.ops.len());
        if self.segments_memory + open > self.settings.threshold_bytes {
            return self.spill(open);
        }
        if open >= Segment::TARGET_BYTES || self.ops.len() >= Segment::MAX_ROWS {
            self.close_segment();
        }
        Ok(())
    }

    /// Rows ended so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.closed_rows + self.ops.len() as u64
    }

    /// The whole batch. A row begun and not ended is dropped.
    ///
    /// # Errors
    /// The temporary file cannot be written.
    pub fn finish(mut self) -> io::Result<RawBatch> {
        self.abandon_row();
        if !self.ops.is_empty() {
            self.close_segment();
        }
        let rows = self.closed_rows;
        let spilled = self.spilled.map(SpillFile::rewound).transpose()?;
        Ok(RawBatch { spilled, segments: self.segments, rows })
    }

    /// Writes what is in memory to the file: the closed segments, and the open one if it alone is large.
    fn spill(&mut self, open: usize) -> io::Result<()> {
        if open > self.settings.threshold_bytes.min(Segment::TARGET_BYTES) || self.ops.len() >= Segment::MAX_ROWS {
            self.close_segment();
        }
        if self.segments.is_empty() {
            return Ok(());
        }
        if self.spilled.is_none() {
            self.spilled = Some(SpillFile::create(self.settings.directory.as_deref())?);
        }
        let file = self.spilled.as_mut().expect("made above");
        for segment in self.segments.drain(..) {
            file.append(&segment)?;
        }
        self.segments_memory = 0;
        Ok(())
    }

    fn close_segment(&mut self) {
        let (bytes, cells, rows) = (self.bytes.len(), self.ends.len(), self.ops.len());
        // The next segment is likely to look like this one; a giant row is not likely to be followed by another.
        let room = |len: usize| Vec::with_capacity(len.min(Segment::TARGET_BYTES + (64 << 10)));
        let mut closed_bytes = std::mem::replace(&mut self.bytes, room(bytes));
        closed_bytes.shrink_to_fit();
        let mut ends = std::mem::replace(&mut self.ends, Vec::with_capacity(cells));
        ends.shrink_to_fit();
        let segment = Segment {
            bytes: closed_bytes.into(),
            ends,
            ops: std::mem::replace(&mut self.ops, Vec::with_capacity(rows)),
            row_ends: std::mem::replace(&mut self.row_ends, Vec::with_capacity(rows)),
            first_row: self.closed_rows + 1,
            utf8: self.utf8,
        };
        self.closed_rows += rows as u64;
        self.segments_memory += segment.memory();
        self.segments.push(segment);
        self.row_start = 0;
        self.cell_start = 0;
    }

    fn row_number(&self) -> u64 {
        self.rows() + 1
    }

    fn row_cells(&self) -> usize {
        self.ends.len() - self.row_ends.last().map_or(0, |&end| end as usize)
    }

    fn refuse(&mut self, unfit: Unfit) {
        self.unfit.get_or_insert(unfit);
    }

    fn forget_row(&mut self) {
        self.bytes.truncate(self.row_start);
        self.cell_start = self.row_start;
        self.ends.truncate(self.row_ends.last().map_or(0, |&end| end as usize));
    }
}
