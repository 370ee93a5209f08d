//! The hooks as the pipeline sees them. What a failure means is already decided here: a method that answers
//! `Result` fails the call, one that does not has recorded its own failures as events (design.md, the hook table).

use std::sync::Arc;

use async_trait::async_trait;

use crate::protocol::cell::RawCell;
use crate::protocol::columns::TypedBatch;
use crate::protocol::context_id::ContextId;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::{ReplicationSummary, RowOp};
use crate::protocol::names::Operation;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::error::RowPlace;
use crate::store::history::EventRecord;
use crate::store::{Applied, Connection, MirrorDb};

/// What every hook is told about the call it serves.
#[derive(Debug, Clone)]
pub struct CallInfo {
    pub tenant: ContextId,
    /// `id` of the `[[application]]` that was called.
    pub application: String,
    pub operation: Operation,
    /// Opaque text that travels with the Task's calls.
    pub client_state: String,
    /// The vendor's `Request-Id`, or one of our own.
    pub request_id: String,
}

/// A plug-in failed where that fails the call. The sentence names plug-in, hook and cause, and is safe to answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct HookFailure {
    pub plugin: String,
    pub hook: &'static str,
    pub message: String,
    /// The plug-in refused on purpose (`operation`'s before): not a defect.
    pub refused: bool,
    /// The same without any value of a row, for the log, where that differs.
    pub log: Option<Box<str>>,
    /// The row it is about, and the column.
    pub place: Option<RowPlace>,
}

/// A row that a transform cannot be made to take, where its sidecar says that such rows are to be kept aside. In the batch that
/// went on it is a delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poisoned {
    /// Its place in the batch, from 0.
    pub row: usize,
    pub plugin: String,
    /// Rows of one table that the plug-in may have kept aside at most.
    pub cap: usize,
    /// What happened: a sentence that names plug-in, version, table, the row's key and the column.
    pub error: String,
    /// The same without any value.
    pub log: String,
    pub op: RowOp,
    /// The row as the source sent it.
    pub cells: Vec<RawCell>,
}

/// How a table's schema was changed in this cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaChange {
    Unchanged,
    Created,
    Altered,
    Recreated,
    Dropped,
}

/// What all transforms together make of a table. Depends on the table and the configuration only.
#[derive(Debug, Clone)]
pub struct TransformPlan {
    /// The source's definition the plan was made for.
    pub source: Arc<TableDef>,
    /// What the mirror's table looks like: the source's definition after all plans. `None`: the table is skipped.
    pub target: Option<Arc<TableDef>>,
    /// Digest over the transforms that touch this table, their versions, configuration and plans, in order.
    /// `None`: nothing touches it.
    pub digest: Option<[u8; 32]>,
    /// The engine's own steps, opaque to the pipeline.
    pub steps: Arc<dyn std::any::Any + Send + Sync>,
}

impl TransformPlan {
    /// A plan that leaves the table alone.
    #[must_use]
    pub fn untouched(source: Arc<TableDef>) -> Self {
        Self { target: Some(source.clone()), source, digest: None, steps: Arc::new(()) }
    }
}

/// How a call ended, for `operation`'s after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOutcome {
    pub successful: bool,
    /// The answer's ErrorMessage; empty on success.
    pub message: String,
}

/// A batch that is durable, for `rows-committed`.
#[derive(Debug, Clone)]
pub struct Committed {
    pub table: TableName,
    pub applied: Applied,
    pub lsn: Lsn,
    /// At most [`Committed::MAX_CHANGES`]: whether the row was deleted, and its key's texts.
    pub changes: Vec<(bool, Vec<String>)>,
    /// There were more.
    pub truncated: bool,
}

impl Committed {
    pub const MAX_CHANGES: usize = 10_000;
}

/// Makes the hooks of one incoming call: fresh instances, made when first used, shared by that call's hooks.
pub trait HookSource: Send + Sync + 'static {
    /// Begins a call. Cheap: nothing is instantiated yet.
    fn begin(&self, call: CallInfo) -> Box<dyn CallHooks>;
}

/// The hooks of one call. Methods that do not answer `Result` swallow no failure: they record it as an event, to be
/// fetched with [`CallHooks::take_events`].
#[async_trait]
pub trait CallHooks: Send {
    /// Gives the hooks the tenant's mirror, once it is open, for the imports that work on it.
    fn attach(&mut self, mirror: Arc<dyn MirrorDb>);

    /// `operation`'s before, of every plug-in that has it.
    async fn before_operation(&mut self) -> Result<(), HookFailure>;

    /// `operation`'s after.
    async fn after_operation(&mut self, outcome: &CallOutcome);

    /// `resolve-connection`: the first plug-in that answers wins.
    async fn resolve_connection(&mut self) -> Result<Option<Connection>, HookFailure>;

    /// `authenticated`: members for `AdditionalInformationJson`, merged in plug-in order; empty for none.
    async fn authenticated(&mut self) -> Result<serde_json::Map<String, serde_json::Value>, HookFailure>;

    /// `transform`'s plan for a table, all plug-ins in order. Kept by the host; cheap when asked again.
    async fn plan(&mut self, table: &Arc<TableDef>) -> Result<TransformPlan, HookFailure>;

    /// `transform`'s apply: from rows of `plan.source` to rows of `plan.target`. A row that a filter leaves out
    /// becomes a delete. Keys, types, lengths and counts of what comes back have been checked.
    async fn transform(&mut self, plan: &TransformPlan, batch: TypedBatch) -> Result<TypedBatch, HookFailure>;

    /// The rows that the last [`CallHooks::transform`] went on without.
    fn take_poisoned(&mut self) -> Vec<Poisoned> {
        Vec::new()
    }

    /// The plug-ins that make a table's rows, each with its version among them: another one, if any of them is another.
    fn makers(&self, plan: &TransformPlan) -> Vec<(String, String)> {
        let _ = plan;
        Vec::new()
    }

    /// `before-replicate-table`.
    async fn before_replicate_table(&mut self, table: &TableName, change: SchemaChange);

    /// `wiped`.
    async fn wiped(&mut self, table: &TableName);

    /// Whether any plug-in wants [`CallHooks::rows_committed`]: if not, nothing need be collected for it.
    fn wants_rows_committed(&self) -> bool;

    /// `rows-committed`: after a batch is durable.
    async fn rows_committed(&mut self, committed: &Committed);

    /// `replication-completed`.
    async fn replication_completed(&mut self, changed: &[ReplicationSummary]);

    /// `log-event`.
    async fn log_event(&mut self, event: &EventRecord);

    /// A failure of a method that answers nothing, where the operator wants it to fail the call all the same.
    fn take_failure(&mut self) -> Option<HookFailure> {
        None
    }

    /// Events recorded since last asked: failures that were not to fail the call, and what plug-ins reported.
    fn take_events(&mut self) -> Vec<EventRecord>;
}

/// No plug-ins at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

impl HookSource for NoHooks {
    fn begin(&self, _call: CallInfo) -> Box<dyn CallHooks> {
        Box::new(Self)
    }
}

#[async_trait]
impl CallHooks for NoHooks {
    fn attach(&mut self, _mirror: Arc<dyn MirrorDb>) {}
    async fn before_operation(&mut self) -> Result<(), HookFailure> {
        Ok(())
    }
    async fn after_operation(&mut self, _outcome: &CallOutcome) {}
    async fn resolve_connection(&mut self) -> Result<Option<Connection>, HookFailure> {
        Ok(None)
    }
    async fn authenticated(&mut self) -> Result<serde_json::Map<String, serde_json::Value>, HookFailure> {
        Ok(serde_json::Map::new())
    }
    async fn plan(&mut self, table: &Arc<TableDef>) -> Result<TransformPlan, HookFailure> {
        Ok(TransformPlan::untouched(table.clone()))
    }
    async fn transform(&mut self, _plan: &TransformPlan, batch: TypedBatch) -> Result<TypedBatch, HookFailure> {
        Ok(batch)
    }
    async fn before_replicate_table(&mut self, _table: &TableName, _change: SchemaChange) {}
    async fn wiped(&mut self, _table: &TableName) {}
    fn wants_rows_committed(&self) -> bool {
        false
    }
    async fn rows_committed(&mut self, _committed: &Committed) {}
    async fn replication_completed(&mut self, _changed: &[ReplicationSummary]) {}
    async fn log_event(&mut self, _event: &EventRecord) {}
    fn take_events(&mut self) -> Vec<EventRecord> {
        Vec::new()
    }
}
