//! A batch as it came: rows before their table's description, so cells are kept as text until the description
//! arrives (protocol.md section 3). Kept in segments, each one arena of bytes with offsets, no allocation per
//! cell; what outgrows a limit goes to a temporary file.

use bytes::Bytes;

use super::messages::RowOp;

/// A stretch of a batch's rows: one arena. At most [`Segment::MAX_ROWS`] rows and, unless one row alone is larger,
/// about [`Segment::TARGET_BYTES`].
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
}

/// The top bit of [`Segment::ends`].
pub(super) const NIL: u32 = 1 << 31;

impl Segment {
    pub const MAX_ROWS: usize = 65_536;
    pub const TARGET_BYTES: usize = 4 << 20;

    /// Rows in the segment.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ops.len()
    }
}

/// All rows of one batch: segments in memory, and behind them those in a temporary file.
#[derive(Debug, Default)]
pub struct RawBatch {
    pub(super) segments: Vec<Segment>,
}
