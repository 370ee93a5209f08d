//! Plug-ins' stand-in: writes down every hook with its arguments, and does what a test tells it to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Barrier;

use crate::plugins::hooks::{
    CallHooks, CallInfo, CallOutcome, Committed, HookFailure, HookSource, SchemaChange, TransformPlan,
};
use crate::protocol::columns::TypedBatch;
use crate::protocol::messages::{ReplicationSummary, RowOp};
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::history::{EventLevel, EventRecord};
use crate::store::{Connection, MirrorDb};

/// What plug-ins are configured to do.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    pub refuse: Option<String>,
    pub fail_resolve: bool,
    pub connection: Option<String>,
    pub authenticated: serde_json::Map<String, serde_json::Value>,
    /// Tables a plug-in skips.
    pub skip: Vec<String>,
    /// (table, column) pairs that a plug-in drops.
    pub drop: Vec<(String, String)>,
    /// Tables whose plan fails.
    pub fail_plan: Vec<String>,
    /// Tables whose transform fails.
    pub fail_transform: Vec<String>,
    /// Tables of which rows with an even first integer key are filtered out.
    pub keep_odd: Vec<String>,
    pub wants_rows_committed: bool,
    /// An event that `wiped` leaves, as a failing plug-in would.
    pub wiped_fails: bool,
    /// Every plan and every transform waits here twice, as one that asks another server would: when it has begun, and before it
    /// goes on.
    pub waits: Option<Arc<Barrier>>,
}

#[derive(Default)]
pub struct Recorder {
    pub behaviour: Mutex<Behaviour>,
    calls: Mutex<Vec<String>>,
}

impl Recorder {
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().unwrap());
    }
}

pub struct RecorderSource(pub Arc<Recorder>);

impl HookSource for RecorderSource {
    fn begin(&self, call: CallInfo) -> Box<dyn CallHooks> {
        self.0.calls.lock().unwrap().push(format!(
            "begin {} {} {} {:?} {}",
            call.tenant, call.application, call.operation, call.client_state, call.request_id
        ));
        let behaviour = self.0.behaviour.lock().unwrap().clone();
        Box::new(Hooks { recorder: self.0.clone(), behaviour, events: Vec::new() })
    }
}

struct Hooks {
    recorder: Arc<Recorder>,
    behaviour: Behaviour,
    events: Vec<EventRecord>,
}

impl Hooks {
    fn note(&self, what: impl Into<String>) {
        self.recorder.calls.lock().unwrap().push(what.into());
    }

    async fn wait(&self) {
        if let Some(barrier) = &self.behaviour.waits {
            barrier.wait().await;
            barrier.wait().await;
        }
    }
}

fn failure(hook: &'static str, message: &str, refused: bool) -> HookFailure {
    HookFailure { plugin: "test".into(), hook, message: message.into(), refused, log: None, place: None }
}

fn names(list: &[String], table: &TableName) -> bool {
    list.iter().any(|name| TableName::new(name.as_str()).unwrap() == *table)
}

#[async_trait]
impl CallHooks for Hooks {
    fn attach(&mut self, mirror: Arc<dyn MirrorDb>) {
        self.note(format!("attach {}", mirror.tenant()));
    }
    async fn before_operation(&mut self) -> Result<(), HookFailure> {
        self.note("before");
        self.behaviour.refuse.as_ref().map_or(Ok(()), |text| Err(failure("operation", text, true)))
    }
    async fn after_operation(&mut self, outcome: &CallOutcome) {
        self.note(format!("after {} {:?}", outcome.successful, outcome.message));
    }
    async fn resolve_connection(&mut self) -> Result<Option<Connection>, HookFailure> {
        self.note("resolve");
        if self.behaviour.fail_resolve {
            return Err(failure("resolve-connection", "plug-in test trapped in resolve-connection", false));
        }
        Ok(self.behaviour.connection.clone().map(Connection))
    }
    async fn authenticated(&mut self) -> Result<serde_json::Map<String, serde_json::Value>, HookFailure> {
        self.note("authenticated");
        Ok(self.behaviour.authenticated.clone())
    }
    async fn plan(&mut self, table: &Arc<TableDef>) -> Result<TransformPlan, HookFailure> {
        self.wait().await;
        if names(&self.behaviour.fail_plan, &table.name) {
            return Err(failure("transform", "plug-in test trapped in plan", false));
        }
        let mut plan = TransformPlan::untouched(table.clone());
        if names(&self.behaviour.skip, &table.name) {
            plan.target = None;
            plan.digest = Some([1; 32]);
        }
        for (name, column) in &self.behaviour.drop {
            if TableName::new(name.as_str()).unwrap() == table.name {
                let mut target = TableDef::clone(table);
                let at = target.column_index(column).unwrap();
                if at == 0 {
                    return Err(failure("transform", "plug-in test would drop a key", false));
                }
                target.columns.remove(at);
                plan.target = Some(Arc::new(target));
                plan.digest = Some([2; 32]);
                plan.steps = Arc::new(at);
            }
        }
        if names(&self.behaviour.keep_odd, &table.name) || names(&self.behaviour.fail_transform, &table.name) {
            plan.digest = Some([3; 32]);
        }
        Ok(plan)
    }
    async fn transform(&mut self, plan: &TransformPlan, mut batch: TypedBatch) -> Result<TypedBatch, HookFailure> {
        self.note(format!("transform {} {}", plan.source.name, batch.len()));
        self.wait().await;
        if names(&self.behaviour.fail_transform, &plan.source.name) {
            return Err(failure("transform", "plug-in test trapped in apply", false));
        }
        if let Some(&at) = plan.steps.downcast_ref::<usize>() {
            batch.columns.remove(at);
        }
        if names(&self.behaviour.keep_odd, &plan.source.name) {
            let crate::protocol::columns::Column::Integer(keys) = &batch.columns[0] else { panic!("an integer key") };
            for row in 0..keys.len() {
                if keys.get(row).unwrap() % 2 == 0 {
                    batch.ops[row] = RowOp::Delete;
                }
            }
        }
        Ok(batch)
    }
    async fn before_replicate_table(&mut self, table: &TableName, change: SchemaChange) {
        self.note(format!("replicate {table} {change:?}"));
    }
    async fn wiped(&mut self, table: &TableName) {
        self.note(format!("wiped {table}"));
        if self.behaviour.wiped_fails {
            self.events.push(EventRecord {
                at: 0,
                level: EventLevel::Warning,
                kind: "plugin".into(),
                operation: None,
                table: None,
                message: "plug-in test trapped in wiped".into(),
                advice: None,
            });
        }
    }
    fn wants_rows_committed(&self) -> bool {
        self.behaviour.wants_rows_committed
    }
    async fn rows_committed(&mut self, committed: &Committed) {
        self.note(format!(
            "committed {} +{} ~{} -{} lsn {} {:?}{}",
            committed.table,
            committed.applied.inserted,
            committed.applied.updated,
            committed.applied.deleted,
            committed.lsn,
            committed.changes,
            if committed.truncated { " truncated" } else { "" }
        ));
    }
    async fn replication_completed(&mut self, changed: &[ReplicationSummary]) {
        self.note(format!("completed {}", changed.len()));
    }
    async fn log_event(&mut self, event: &EventRecord) {
        self.note(format!("event {} {}", event.kind, event.message));
    }
    fn take_events(&mut self) -> Vec<EventRecord> {
        std::mem::take(&mut self.events)
    }
}
