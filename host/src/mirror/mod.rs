//! The pipeline: what the five operations do, whichever front door they came through. Knows no HTTP and no SOAP.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::plugins::HookSource;
use crate::protocol::context_id::ContextId;
use crate::protocol::messages::{ReplicationSummary, RowDataBatch, TableLsn, TableSchemaInfo};
use crate::store::Store;

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
    pub(crate) settings: MirrorSettings,
}

/// What the pipeline needs of the configuration.
#[derive(Debug, Clone, Default)]
pub struct MirrorSettings {
    /// `[mirror.keys]`, folded table name to column names.
    pub keys: std::collections::BTreeMap<String, Vec<String>>,
}

impl Mirror {
    /// Puts the pipeline together.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, hooks: Arc<dyn HookSource>, settings: MirrorSettings) -> Self {
        Self { store, hooks, settings }
    }

    /// The next arrival number.
    #[must_use]
    pub fn arrival(&self) -> Arrival {
        todo!("mirror room")
    }

    /// # Errors
    /// A hook failed or refused.
    pub async fn authenticate(&self, _caller: Caller) -> Result<Authenticated, Failure> {
        todo!("mirror room")
    }

    /// # Errors
    /// No table listed, mirror cannot be opened, a hook failed. One broken table is not a failure: it is left out of
    /// the answer and told in history and events.
    pub async fn table_schema(&self, _caller: Caller, _tables: Vec<TableSchemaInfo>) -> Result<Vec<TableLsn>, Failure> {
        todo!("mirror room")
    }

    /// Takes batches until the channel closes. Each is its own transaction.
    ///
    /// # Errors
    /// The first batch that fails; nothing after it is applied.
    pub async fn row_data(
        &self,
        _caller: Caller,
        _batches: mpsc::Receiver<Result<RowDataBatch, BrokenBody>>,
    ) -> Result<(), Failure> {
        todo!("mirror room")
    }

    /// # Errors
    /// Unknown table, mirror cannot be opened, a hook failed.
    pub async fn wipe(&self, _caller: Caller, _table_name: String) -> Result<(), Failure> {
        todo!("mirror room")
    }

    /// # Errors
    /// Mirror cannot be opened, a hook failed.
    pub async fn replication_completed(
        &self,
        _caller: Caller,
        _changed: Vec<ReplicationSummary>,
    ) -> Result<(), Failure> {
        todo!("mirror room")
    }
}
