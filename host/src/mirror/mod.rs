//! The pipeline: what the five operations do, whichever front door they came through. Knows no HTTP and no SOAP.
//!
//! | question | file |
//! |---|---|
//! | what every call goes through | [`call`] |
//! | what keeps two calls off one table, and an older one from undoing a newer | [`order`] |
//! | Authenticate, TableSchema, RowData, Wipe, ReplicationCompleted | a file each |
//! | who decides whether a table is left, altered or filled anew | [`schema_plan`] |
//! | what a table's stored hash is made of | [`schema_hash`] |
//! | does a batch fit the table that TableSchema made | [`batch_schema`] |
//! | which operation on a key wins | [`reduce`] |
//! | which pipeline serves which application | [`mirrors`] |
//! | what was refused at the door | [`refusals`] |
//! | the words people see, and what to do | [`state`], [`advice`] |
//! | the report that status, metrics and the admin interface show | [`mod@report`] |

mod advice;
mod authenticate;
mod batch_schema;
mod call;
pub mod clock;
mod connections;
mod defs;
mod mirrors;
mod order;
mod quarantine;
mod reduce;
pub mod refusals;
mod replication_completed;
pub mod report;
mod row_data;
mod schema_hash;
mod schema_plan;
pub mod state;
mod stretches;
mod table_schema;
#[cfg(test)]
mod tests;
mod wipe;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::plugins::HookSource;
use crate::protocol::context_id::ContextId;
use crate::protocol::messages::{ReplicationSummary, RowDataBatch, TableLsn, TableSchemaInfo};
use crate::protocol::names::Operation;
use crate::store::Store;
use crate::store::history::{EventLevel, EventRecord};
use call::Call;
use clock::{Clock, SystemClock};
pub use mirrors::Mirrors;
pub use refusals::{NewRefusal, RefusalMemory, RefusedCalls};
pub use report::{TenantReport, report};
pub use schema_plan::{PlannedChange, planned_change};
pub use state::{TableState, TenantState};

/// Who calls, once the token is checked.
#[derive(Debug, Clone)]
pub struct Caller {
    pub tenant: ContextId,
    /// `id` of the application.
    pub application: String,
    /// Empty when absent.
    pub client_state: String,
    /// For logs and hooks.
    pub request_id: String,
    /// Order of arrival in this process, taken when the request's head was read ([`Mirror::arrival`]).
    pub arrival: Arrival,
}

/// See [`Caller::arrival`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arrival(pub u64);

/// The body stopped making sense (or coming) after some batches: those stay, the rest is not applied.
#[derive(Debug, Clone)]
pub struct BrokenBody(pub String);

/// The call could not be carried out. `message` is what the caller reads in `ErrorMessage`: what happened, where, what
/// to do; no secret. The log has been written already.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub message: String,
}

/// What Authenticate answers beside the signed token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    pub client_state: String,
    /// Empty, or a JSON object.
    pub additional_information_json: String,
}

/// The pipeline over one store and one set of plug-ins. Every operation is a whole: hooks before and after, mirror
/// opened, ticket taken, history written, events logged. Futures must be run to the end even if the caller hangs up:
/// spawn them.
pub struct Mirror {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) hooks: Arc<dyn HookSource>,
    clock: Arc<dyn Clock>,
    order: order::Order,
    defs: defs::Defs,
    connections: connections::Connections,
    refusals: RefusalMemory,
}

/// What the pipeline needs of the configuration.
#[derive(Debug, Clone, Default)]
pub struct MirrorSettings {
    /// `[mirror.keys]`, table name to column names.
    pub keys: std::collections::BTreeMap<String, Vec<String>>,
}

impl Mirror {
    /// Puts the pipeline together.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, hooks: Arc<dyn HookSource>, settings: MirrorSettings) -> Self {
        Self {
            store,
            hooks,
            clock: Arc::new(SystemClock),
            order: order::Order::default(),
            defs: defs::Defs::new(settings.keys),
            connections: connections::Connections::default(),
            refusals: RefusalMemory::default(),
        }
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The next arrival number: take it when a request's head was read, before anything can make it wait.
    #[must_use]
    pub fn arrival() -> Arrival {
        static ARRIVALS: AtomicU64 = AtomicU64::new(0);
        Arrival(ARRIVALS.fetch_add(1, Ordering::SeqCst))
    }

    /// Calls that were refused at the door, as far as this process remembers.
    #[must_use]
    pub fn refusals(&self) -> &RefusalMemory {
        &self.refusals
    }

    /// Remembers a call refused at the door; when its tenant is known and has a mirror, there too. Never fails: what
    /// cannot be written is in the log.
    pub async fn record_refusal(&self, refusal: NewRefusal) {
        let now = self.clock.now();
        let tell = self.refusals.remember(&refusal, now);
        let Some(tenant) = refusal.tenant.filter(|_| tell) else { return };
        let connection = self.connections.of(&tenant);
        let recorded = async {
            let Some(db) = self.store.open_existing(&tenant, connection.as_ref()).await? else { return Ok(()) };
            let event = EventRecord {
                at: now,
                level: EventLevel::Warning,
                kind: "refused".into(),
                operation: None,
                table: None,
                message: refusal.reason,
                advice: refusal.fix,
            };
            db.history().record_events(&[event]).await
        };
        if let Err(error) = recorded.await {
            tracing::warn!(%tenant, "the refused call cannot be recorded in the tenant's mirror: {error}");
        }
    }

    /// # Errors
    /// A hook failed or refused.
    pub async fn authenticate(&self, caller: Caller) -> Result<Authenticated, Failure> {
        let mut call = Call::begin(self, caller, Operation::Authenticate);
        let result = authenticate::run(&mut call).await;
        call.finish(result).await
    }

    /// # Errors
    /// No table listed, mirror cannot be opened, a hook failed. One broken table is not a failure: it is left out of
    /// the answer and told in history and events.
    pub async fn table_schema(
        &self,
        caller: Caller,
        tables: Vec<Arc<TableSchemaInfo>>,
    ) -> Result<Vec<TableLsn>, Failure> {
        let mut call = Call::begin(self, caller, Operation::TableSchema);
        let result = table_schema::run(&mut call, &tables).await;
        call.finish(result).await
    }

    /// Rows came that were told to come again before anything of them was read, since there was no room. Should the sender
    /// go on with its cycle, the LSNs stay behind what is missing until they are told anew.
    pub fn rows_left_out(&self, tenant: &ContextId, arrival: Arrival) {
        self.order.left_out(tenant, arrival);
    }

    /// Takes batches until the channel closes. Each is its own transaction.
    ///
    /// # Errors
    /// The first batch that fails; nothing after it is applied.
    pub async fn row_data(
        &self,
        caller: Caller,
        batches: mpsc::Receiver<Result<RowDataBatch, BrokenBody>>,
    ) -> Result<(), Failure> {
        let mut call = Call::begin(self, caller, Operation::RowData);
        let result = row_data::run(&mut call, batches).await;
        call.finish(result).await
    }

    /// # Errors
    /// Unknown table, mirror cannot be opened, a hook failed.
    pub async fn wipe(&self, caller: Caller, table_name: String) -> Result<(), Failure> {
        let mut call = Call::begin(self, caller, Operation::Wipe);
        let result = wipe::run(&mut call, &table_name).await;
        call.finish(result).await
    }

    /// # Errors
    /// Mirror cannot be opened, a hook failed.
    pub async fn replication_completed(&self, caller: Caller, changed: Vec<ReplicationSummary>) -> Result<(), Failure> {
        let mut call = Call::begin(self, caller, Operation::ReplicationCompleted);
        let result = replication_completed::run(&mut call, &changed).await;
        call.finish(result).await
    }
}
