//! What a hook is told, and what the outside answers while it runs.

use std::sync::Arc;

use super::outcome::Answer;
use super::recorder::Recorder;
use crate::plugins::call::PluginCall;
use crate::plugins::hook::Hook;
use crate::plugins::hooks::{CallHooks, CallInfo, CallOutcome, Committed, HookFailure, SchemaChange};
use crate::protocol::columns::TypedBatch;
use crate::protocol::messages::ReplicationSummary;
use crate::protocol::names::Operation;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::history::EventRecord;
use crate::store::{GuestError, GuestRows, GuestValue, MirrorDb};

/// One call of one hook.
pub struct Case {
    /// `operation` is the input's own.
    pub call: CallInfo,
    pub input: Input,
    /// The tenant's mirror, for the hooks in which it is open.
    pub mirror: Option<Arc<dyn MirrorDb>>,
    pub answers: Answers,
}

/// A hook and its arguments.
#[derive(Debug, Clone)]
pub enum Input {
    ResolveConnection,
    Authenticated,
    BeforeReplicateTable {
        table: TableName,
        change: SchemaChange,
    },
    /// `plan`, then `apply` for each batch.
    Transform {
        table: Arc<TableDef>,
        batches: Vec<TypedBatch>,
    },
    Wiped {
        table: TableName,
    },
    ReplicationCompleted(Vec<ReplicationSummary>),
    RowsCommitted(Committed),
    OperationBefore(Operation),
    OperationAfter(Operation, CallOutcome),
    LogEvent(EventRecord),
}

impl Input {
    /// The hook.
    #[must_use]
    pub const fn hook(&self) -> Hook {
        match self {
            Self::ResolveConnection => Hook::ResolveConnection,
            Self::Authenticated => Hook::Authenticated,
            Self::BeforeReplicateTable { .. } => Hook::BeforeReplicateTable,
            Self::Transform { .. } => Hook::Transform,
            Self::Wiped { .. } => Hook::Wiped,
            Self::ReplicationCompleted(_) => Hook::ReplicationCompleted,
            Self::RowsCommitted(_) => Hook::RowsCommitted,
            Self::OperationBefore(_) | Self::OperationAfter(..) => Hook::Operation,
            Self::LogEvent(_) => Hook::LogEvent,
        }
    }

    /// The incoming call in which it is called.
    pub(super) const fn operation(&self) -> Operation {
        match self {
            Self::OperationBefore(operation) | Self::OperationAfter(operation, _) => *operation,
            Self::ResolveConnection | Self::Authenticated => Operation::Authenticate,
            Self::BeforeReplicateTable { .. } => Operation::TableSchema,
            Self::Transform { .. } | Self::RowsCommitted(_) | Self::LogEvent(_) => Operation::RowData,
            Self::Wiped { .. } => Operation::Wipe,
            Self::ReplicationCompleted(_) => Operation::ReplicationCompleted,
        }
    }

    /// Whether the tenant's mirror is open by then.
    #[must_use]
    pub const fn has_mirror(&self) -> bool {
        !matches!(self, Self::ResolveConnection | Self::Authenticated | Self::OperationBefore(_))
    }
}

/// What the outside answers.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// In place of the mirror; `None`: the mirror itself answers.
    pub database: Option<Vec<DatabaseAnswer>>,
    /// There is no other way out.
    pub http: Vec<HttpAnswer>,
}

/// What a statement is answered. Of those that fit, each is given once in order, and the last as often as it is asked for.
#[derive(Debug, Clone)]
pub struct DatabaseAnswer {
    pub sql: String,
    /// `None`: whatever they are.
    pub parameters: Option<Vec<GuestValue>>,
    pub reply: DatabaseReply,
}

/// To a statement.
#[derive(Debug, Clone)]
pub enum DatabaseReply {
    Rows(GuestRows),
    Changed(u64),
    Fails(GuestError),
}

/// What a request is answered, by the same rule.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    pub method: String,
    pub url: String,
    /// `None`: whatever it is.
    pub body: Option<String>,
    /// `None`: nobody answers.
    pub status: Option<u16>,
    pub headers: Vec<(String, String)>,
    pub answer: Vec<u8>,
}

/// Calls the hook.
pub(super) async fn ask(call: &mut PluginCall, input: Input, recorder: &Recorder) -> Result<Answer, HookFailure> {
    match input {
        Input::ResolveConnection => Ok(Answer::Text(call.resolve_connection().await?.map(|connection| connection.0))),
        Input::Authenticated => {
            let members = call.authenticated().await?;
            Ok(Answer::Text((!members.is_empty()).then(|| serde_json::Value::Object(members).to_string())))
        }
        Input::Transform { table, batches } => {
            let plan = call.plan(&table).await?;
            let mut made = Vec::with_capacity(batches.len());
            for batch in batches.into_iter().filter(|_| plan.target.is_some()) {
                recorder.begin_piece(batch.len());
                made.push((batch.ops.clone(), call.transform(&plan, batch).await?));
            }
            Ok(Answer::Table { touched: plan.digest.is_some(), target: plan.target, batches: made })
        }
        Input::OperationBefore(_) => call.before_operation().await.map(|()| Answer::Nothing),
        input => {
            match input {
                Input::BeforeReplicateTable { table, change } => call.before_replicate_table(&table, change).await,
                Input::Wiped { table } => call.wiped(&table).await,
                Input::ReplicationCompleted(changed) => call.replication_completed(&changed).await,
                Input::RowsCommitted(committed) => call.rows_committed(&committed).await,
                Input::OperationAfter(_, outcome) => call.after_operation(&outcome).await,
                Input::LogEvent(event) => call.log_event(&event).await,
                Input::ResolveConnection
                | Input::Authenticated
                | Input::Transform { .. }
                | Input::OperationBefore(_) => {}
            }
            call.take_failure().map_or(Ok(Answer::Nothing), Err)
        }
    }
}
