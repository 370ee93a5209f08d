//! The side tables (`speil_` prefix): cycles, table histories and events, kept in the mirror because hosts come and
//! go (design.md, "What people see"). Facts only; the words people see are derived in `mirror/state`.
//!
//! Times are UTC milliseconds since the Unix epoch, given by the caller, so that tests own the clock.

use async_trait::async_trait;

use super::{StoreError, Ticket};
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::ReplicationSummary;
use crate::protocol::table_name::TableName;

/// UTC milliseconds since the Unix epoch.
pub type Millis = i64;

/// Operations received, as the Task counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct OpCounts {
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
    /// When the last of them was received.
    pub at: Millis,
}

/// One cycle: from a `TableSchema` to its `ReplicationCompleted`, or to the next `TableSchema`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CycleRecord {
    /// The ticket of the `TableSchema` that began it.
    pub id: i64,
    pub started_at: Millis,
    /// The last call seen in it.
    pub last_call_at: Millis,
    /// When `ReplicationCompleted` came; `None`: open, or interrupted if a later cycle exists.
    pub completed_at: Option<Millis>,
    /// Calls of any operation.
    pub calls: u64,
    /// Calls that answered `IsSuccessful=false`.
    pub failed_calls: u64,
    /// Operations received in it.
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
    /// What the Task said it sent, in all; `None` until completed.
    pub reported: Option<(u64, u64, u64)>,
    /// Sentences, one per table whose reported counts differ from those received.
    pub mismatches: Vec<String>,
}

/// What is known of one table beside its metadata row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableHistory {
    pub table: String,
    /// Rows in the mirror now.
    pub rows: u64,
    /// When rows were last written.
    pub last_change_at: Option<Millis>,
    /// When the source last confirmed it: listed by a TableSchema of a cycle that completed.
    pub last_confirmed_at: Option<Millis>,
    /// When the current fill began; `None` when filled.
    pub fill_started_at: Option<Millis>,
    pub last_error: Option<TableError>,
    /// Set when the source no longer lists the table and it was dropped.
    pub gone_at: Option<Millis>,
    /// Operations received for it in the current cycle.
    pub cycle_inserts: u64,
    pub cycle_updates: u64,
    pub cycle_deletes: u64,
}

/// A table's last error. Cleared by the next success of the same table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableError {
    pub at: Millis,
    /// A sentence.
    pub message: String,
    pub row: Option<u64>,
    pub column: Option<String>,
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EventRecord {
    pub at: Millis,
    pub level: EventLevel,
    /// A short fixed word: `schema`, `wipe`, `plugin`, `refused`, `takeover`, `cycle`, `error`, ...
    pub kind: String,
    pub operation: Option<String>,
    pub table: Option<String>,
    pub message: String,
    /// What to do about it, if anything.
    pub advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventLevel {
    Info,
    Warning,
    Error,
}

/// One call's outcome, for the cycle's counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    pub at: Millis,
    pub operation: crate::protocol::names::Operation,
    pub failed: bool,
    /// Errors of single tables, to be shown in their status.
    pub table_errors: Vec<(TableName, TableError)>,
    pub events: Vec<EventRecord>,
}

/// The side tables of one mirror. Side tables dropped by hand are made again, empty.
#[async_trait]
pub trait History: Send + Sync {
    /// A `TableSchema` came: opens a cycle, zeroes every table's cycle counters.
    async fn begin_cycle(&self, ticket: Ticket, at: Millis) -> Result<(), StoreError>;

    /// Adds a call to the newest cycle, stores its errors and events. Events are kept to the newest 1,000.
    async fn record_call(&self, call: &CallRecord) -> Result<(), StoreError>;

    /// The same of a call that a commit has counted already ([`super::RowWriter::count_call`]): it is not counted again, its failure
    /// is. Only for engines whose commits do count.
    async fn record_counted_call(&self, call: &CallRecord) -> Result<(), StoreError> {
        self.record_call(call).await
    }

    /// Stores events that belong to no call of a good token (a refused one): no cycle and no time of a last call is
    /// touched. Kept to the newest 1,000 together with the others.
    async fn record_events(&self, events: &[EventRecord]) -> Result<(), StoreError>;

    /// `ReplicationCompleted` came: closes the newest cycle with what the Task reported, compares it table by table
    /// with the operations received in it, marks every mirrored table confirmed. Returns the mismatches.
    async fn complete_cycle(&self, at: Millis, reported: &[ReplicationSummary]) -> Result<Vec<String>, StoreError>;

    /// The newest cycles, newest first.
    async fn cycles(&self, limit: usize) -> Result<Vec<CycleRecord>, StoreError>;

    /// All tables known, gone ones too.
    async fn tables(&self) -> Result<Vec<TableHistory>, StoreError>;

    /// The newest events, newest first.
    async fn events(&self, limit: usize) -> Result<Vec<EventRecord>, StoreError>;

    /// The greatest LSN stored in the mirror, for status.
    async fn newest_lsn(&self) -> Result<Option<Lsn>, StoreError>;
}
