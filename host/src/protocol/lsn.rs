//! Log sequence numbers (protocol.md sections 1, 5 and 7).

use std::fmt;

/// How far a table's mirror has come: SQL Server's change tracking version, or [`Lsn::REFILL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct Lsn(pub i64);

impl Lsn {
    /// "Fill this table from nothing": what a table that is not wholly filled answers.
    pub const REFILL: Self = Self(-1);

    /// Whether a table with this LSN must be filled from nothing. Everything below zero counts, so that no hand
    /// edit can mean something else.
    #[must_use]
    pub const fn means_refill(self) -> bool {
        self.0 < 0
    }

    /// The rule of section 7: a batch's LSN moves the stored one only when it is greater than zero and greater
    /// than the stored one. Returns the LSN to store, `None` to leave it.
    #[must_use]
    pub const fn moved_by(self, batch: Self) -> Option<Self> {
        if batch.0 > 0 && batch.0 > self.0 { Some(batch) } else { None }
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
