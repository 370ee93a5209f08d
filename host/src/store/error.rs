//! What can go wrong in a mirror database, by what can be done about it.

use std::fmt;

use crate::protocol::shown::in_one_line;

/// An error of a store: a kind to decide by, and a sentence for people that never holds a secret.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    pub kind: StoreErrorKind,
    /// What happened, where, and what to do.
    pub message: String,
    /// The row it is about, when it is about one: for status, where row and column stand apart from the sentence.
    pub at: Option<Box<RowPlace>>,
    /// The engine's own error, for the log.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Which row, and which of its columns if that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPlace {
    /// Number inside the batch as it was sent, counted from 1.
    pub row: u64,
    pub column: Option<String>,
}

/// Who can do something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// A later call has already been applied to the table: this one must change nothing.
    Overtaken,
    /// There is no such table in the mirror; the next `TableSchema` mends it.
    UnknownTable,
    /// The table's stored hash is not the expected one; the next `TableSchema` mends it.
    SchemaChanged,
    /// A table of that name exists which this project did not make.
    Foreign,
    /// The database refuses a row: it does not fit.
    Row,
    /// The database refuses a change of schema.
    Schema,
    /// Locked, unreachable, deadlock victim: the same call may succeed later.
    Transient,
    /// Full disk, read-only file, no permission: an administrator must act.
    Environment,
    /// The mirror file or database is damaged.
    Corrupt,
    /// The connection a plug-in resolved is not allowed or not understood.
    Connection,
    /// A mistake of ours.
    Internal,
}

impl StoreError {
    /// An error without an engine error behind it. Names in its message may be anything: it is kept in one line.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: in_one_line(message.into()), at: None, source: None }
    }

    /// The same about a row.
    #[must_use]
    pub fn at_row(mut self, place: RowPlace) -> Self {
        self.at = Some(Box::new(place));
        self
    }

    /// The same with the engine's error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl From<crate::faults::Injected> for StoreError {
    fn from(injected: crate::faults::Injected) -> Self {
        Self::new(StoreErrorKind::Environment, injected.to_string())
    }
}

impl fmt::Display for StoreErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
