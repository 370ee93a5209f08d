//! How far long work has come, for whoever watches.

/// Told about long work. All of it may be ignored.
pub trait Progress: Send + Sync {
    /// Work begins; `total` in rows.
    fn begin(&self, what: &str, total: u64);
    /// So many rows more.
    fn advance(&self, rows: u64);
    /// The work is over.
    fn end(&self);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Progress for Unwatched {
    fn begin(&self, _what: &str, _total: u64) {}
    fn advance(&self, _rows: u64) {}
    fn end(&self) {}
}
