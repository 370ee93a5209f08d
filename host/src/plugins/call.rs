//! The hooks of one incoming call: which plug-ins are called, in which order, and what becomes of their failures.
//!
//! How one function of one plug-in is called stands in [`super::hook`], a file for each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::OwnedSemaphorePermit;

use super::bindings::speil::mirror::types::Context;
use super::component::{Broken, Plugin};
use super::digest;
use super::events::{Events, now, quoted};
use super::generation::PluginSet;
use super::hook::{FailureRule, Function, Hook};
use super::hooks::{CallHooks, CallInfo, CallOutcome, Committed, HookFailure, Poisoned, SchemaChange, TransformPlan};
use super::import::http::Budget;
use super::import::log::Log;
use super::instance::{Allowance, Fault, Given, Guests, Instance};
use super::limits::{Limits, Tripped};
use super::outside::{Outside, World};
use super::sidecar::DatabaseGrant;
use super::transform::plan::Steps;
use super::transform::violation::{RowName, Violation};
use crate::protocol::columns::TypedBatch;
use crate::protocol::messages::ReplicationSummary;
use crate::protocol::names::Operation;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::error::RowPlace;
use crate::store::history::EventRecord;
use crate::store::{Connection, GuestPowers, MirrorDb};

/// See [`super::hooks::HookSource::begin`].
pub struct PluginCall {
    pub(super) set: Arc<PluginSet>,
    pub(super) info: CallInfo,
    mirror: Option<Arc<dyn MirrorDb>>,
    /// One for each plug-in.
    slots: Vec<Slot>,
    events: Events,
    /// Rows that the last batch went on without.
    pub(super) poisoned: Vec<Poisoned>,
    /// The first failure that fails the call although its hook answers nothing.
    failure: Option<HookFailure>,
    pub(super) outside: Arc<dyn Outside>,
}

/// What a call holds of one plug-in.
#[derive(Default)]
struct Slot {
    /// Made at the first hook; gone after a fault.
    instance: Option<Instance>,
    /// Its places among the instances that the plug-in, and that all plug-ins may have; kept to the end of the call.
    permit: Option<[OwnedSemaphorePermit; 2]>,
    log: Option<Arc<Log>>,
    /// What is left of its outgoing requests.
    budget: Option<Arc<Budget>>,
    /// Time its hooks have taken in this call, and rows they have handled.
    spent: Duration,
    rows: usize,
    /// Functions that the breaker has let through in this call, and those whose first outcome it has been told: one bit
    /// for each.
    admitted: u16,
    judged: u16,
}

/// See [`PluginCall::spent`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    /// Of `call_time`.
    pub(super) time: Duration,
    /// Rows handled, which add to the time there is.
    pub(super) rows: usize,
    /// Log lines and their bytes.
    pub(super) log: (usize, usize),
    /// Requests and bytes that are left; `None`: no instance was made.
    pub(super) http_left: Option<(usize, usize)>,
}

/// An instance taken out of its slot for the length of one function. If the function does not come back properly it is
/// never put back.
pub(super) struct Entered {
    at: usize,
    pub(super) instance: Instance,
    pub(super) allowance: Allowance,
    started: Instant,
}

impl Entered {
    pub(super) fn guests(&self) -> Guests {
        self.instance.guests.clone()
    }
}

/// Why a function of a plug-in came to nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// The plug-in cannot be used at all.
    Broken(Broken),
    /// It trapped or tripped a limit.
    Fault(Fault),
    /// It answered an error: its own words.
    Answered(String),
    /// It answered something that cannot be used: our words.
    Unusable(String),
    /// A transform answered against the rules of the hook's edge, of this row if it is one row's.
    Violation(Violation, Option<RowName>),
    /// A transform made something else of the same rows, of which this is the first.
    Differs(Violation, Option<RowName>),
    /// Something else, of this row.
    OfRow(Box<Self>, RowName),
    /// Rows at fault could not be kept aside: the first failure, and why.
    Kept { first: Box<Self>, why: String },
}

impl Failed {
    /// A hook that was looked up when the component was linked and is not there: a mistake of ours.
    pub(super) fn missing() -> Self {
        Self::Unusable("it has no such hook; this is a mistake in Speil".into())
    }

    /// A violation that is no single row's.
    pub(super) const fn violation(violation: Violation) -> Self {
        Self::Violation(violation, None)
    }

    /// The same, known to be about this row.
    pub(super) fn of_row(self, row: &RowName) -> Self {
        match self {
            Self::Violation(violation, _) => Self::Violation(violation, Some(row.clone())),
            other => Self::OfRow(Box::new(other), row.clone()),
        }
    }

    /// Whether a row can be to blame. Not where the plug-in itself makes now this and now that, where the host had no room or
    /// the call no time left, nor where no code could run.
    pub(super) const fn may_be_a_row(&self) -> bool {
        match self {
            Self::Broken(_)
            | Self::Kept { .. }
            | Self::Differs(..)
            | Self::Fault(
                Fault::NoRoom
                | Fault::Limit(Tripped::Instances { .. } | Tripped::AllInstances { .. } | Tripped::CallTime { .. }),
            ) => false,
            Self::Fault(Fault::Trap(_) | Fault::Limit(_))
            | Self::Answered(_)
            | Self::Unusable(_)
            | Self::Violation(..)
            | Self::OfRow(..) => true,
        }
    }

    /// The row and the column it is about.
    fn place(&self) -> Option<RowPlace> {
        match self {
            Self::Violation(violation, row) | Self::Differs(violation, row) => violation.place(row.as_ref()),
            Self::OfRow(_, row) => Some(RowPlace { row: row.number, column: None }),
            Self::Kept { first, .. } => first.place(),
            Self::Broken(_) | Self::Fault(_) | Self::Answered(_) | Self::Unusable(_) => None,
        }
    }

    /// The sentence, safe to answer: a plug-in's words are shortened and made printable, and of a row's values only its key is
    /// shown.
    pub(super) fn sentence(&self, plugin: &Plugin, function: Function, table: Option<&str>) -> String {
        self.worded(plugin, function, table, For::Telling)
    }

    /// The same without any value of a row, for the log.
    pub(super) fn logged(&self, plugin: &Plugin, function: Function, table: Option<&str>) -> String {
        self.worded(plugin, function, table, For::TheLog)
    }

    fn worded(&self, plugin: &Plugin, function: Function, table: Option<&str>, whom: For) -> String {
        if let Self::Kept { first, why } = self {
            return format!("{}; {why}", first.worded(plugin, function, table, whom));
        }
        let row_name: fn(&RowName) -> String = match whom {
            For::Telling => RowName::told,
            For::TheLog => RowName::logged,
        };
        let name = &plugin.name;
        let table = table.map(|table| format!(" for table {}", quoted(table, 128))).unwrap_or_default();
        let (version, row) = match self {
            Self::Violation(_, row) | Self::Differs(_, row) => {
                (format!(" version {}", short(&plugin.version())), row.as_ref().map(row_name).unwrap_or_default())
            }
            Self::OfRow(_, row) => (format!(" version {}", short(&plugin.version())), row_name(row)),
            Self::Broken(_) | Self::Fault(_) | Self::Answered(_) | Self::Unusable(_) | Self::Kept { .. } => {
                Default::default()
            }
        };
        if let Self::Broken(Broken { reason, .. }) = self {
            return format!("plug-in {name} cannot be used: {reason}");
        }
        if let (Self::Answered(text), Function::OperationBefore) = (self, function) {
            return format!("plug-in {name} refuses the call: {}", quoted(&plugin.strike(text), Limits::MESSAGE));
        }
        format!("plug-in {name}{version}, hook {function}{table}{row}: {}", self.what(plugin, whom))
    }

    /// What happened, without where.
    fn what(&self, plugin: &Plugin, whom: For) -> String {
        match self {
            Self::Broken(Broken { reason, .. }) => reason.clone(),
            Self::Answered(text) => {
                format!("it answered an error: {}", quoted(&plugin.strike(text), Limits::MESSAGE))
            }
            Self::Fault(Fault::Trap(trapped)) => match whom {
                For::Telling => trapped.told(),
                For::TheLog => trapped.logged(),
            },
            Self::Unusable(text)
            | Self::Violation(Violation { text, .. }, _)
            | Self::Differs(Violation { text, .. }, _) => plugin.strike(text),
            Self::Fault(Fault::NoRoom) => Fault::NO_ROOM.to_owned(),
            Self::Fault(Fault::Limit(tripped)) => tripped.sentence(&plugin.sidecar_name()),
            Self::OfRow(failed, _) | Self::Kept { first: failed, .. } => failed.what(plugin, whom),
        }
    }
}

/// Whom a sentence is for.
#[derive(Debug, Clone, Copy)]
enum For {
    /// The caller, the mirror's events, `speil status`: whose rows these are.
    Telling,
    /// The host's log and its administrators, who are not to see any value of a row.
    TheLog,
}

/// The first digits of a version.
fn short(version: &str) -> &str {
    version.get(..12).unwrap_or(version)
}

impl PluginCall {
    /// `news`: events that the call begins with.
    pub(super) fn new(set: Arc<PluginSet>, info: CallInfo, news: Vec<EventRecord>) -> Self {
        let slots = set.plugins.iter().map(|_| Slot::default()).collect();
        let outside = Arc::new(World);
        let (events, poisoned) = (Events::begin_with(news), Vec::new());
        Self { set, info, mirror: None, slots, events, poisoned, failure: None, outside }
    }

    /// The same with another outside.
    pub(super) fn with_outside(mut self, outside: Arc<dyn Outside>) -> Self {
        self.outside = outside;
        self
    }

    /// What a plug-in has used of its limits so far.
    pub(super) fn spent(&self, at: usize) -> Spent {
        let slot = &self.slots[at];
        Spent {
            time: slot.spent,
            rows: slot.rows,
            log: slot.log.as_ref().map(|log| log.used()).unwrap_or_default(),
            http_left: slot.budget.as_ref().map(|budget| budget.left()),
        }
    }

    /// The plug-ins to call for a hook, in order.
    pub(super) fn having(&self, hook: Hook) -> Vec<usize> {
        let wanted = |plugin: &Plugin| plugin.has(hook) && plugin.serves(&self.info.tenant);
        (0..self.set.plugins.len()).filter(|&at| wanted(&self.set.plugins[at])).collect()
    }

    /// The same without those that are left alone for a while, which only a plug-in is whose failure in this function does
    /// not fail the call. Decided once for the whole call, so that what fails for some tables is not left out for all the others.
    fn willing(&mut self, function: Function) -> Vec<usize> {
        let now = Instant::now();
        let mut all = self.having(function.hook());
        all.retain(|&at| {
            let (plugin, slot) = (&self.set.plugins[at], &mut self.slots[at]);
            if plugin.failure_rule(function) == FailureRule::FailsCall {
                return true;
            }
            let bit = 1 << function as u16;
            if slot.admitted & bit == 0 && plugin.breakers.admits(function, now) {
                slot.admitted |= bit;
            }
            slot.admitted & bit != 0
        });
        all
    }

    /// Tells the breaker how a function whose failure does not fail the call has ended. An incoming call counts as one
    /// failure, and only if nothing in it went well before.
    fn judge(&mut self, at: usize, function: Function, failed: bool) {
        let plugin = &self.set.plugins[at];
        let judged = &mut self.slots[at].judged;
        let first = *judged & (1 << function as u16) == 0;
        *judged |= 1 << function as u16;
        if failed && !first {
            return;
        }
        if let Some(turn) = plugin.breakers.ended(function, failed, Instant::now()) {
            tracing::warn!(plugin = plugin.name, %function, "{}", turn.sentence());
            self.events.turned(&plugin.name, function, self.info.operation, turn);
        }
    }

    pub(super) fn plugin(&self, at: usize) -> &Plugin {
        &self.set.plugins[at]
    }

    /// Takes the plug-in's instance of this call to call a function of it, making one where there is none.
    pub(super) async fn enter(&mut self, at: usize, rows: usize) -> Result<Entered, Failed> {
        let set = self.set.clone();
        let plugin = &set.plugins[at];
        let linked = plugin.linked.as_ref().map_err(|broken| Failed::Broken(broken.clone()))?;
        let limit = |tripped| Failed::Fault(Fault::Limit(tripped));
        let started = Instant::now();
        let slot = &mut self.slots[at];
        if slot.permit.is_none() {
            let wait = tokio::time::timeout(plugin.limits.time, plugin.room.clone().acquire_owned());
            let tripped = Tripped::Instances { limit: plugin.limits.instances, waited: plugin.limits.time };
            let own = wait.await.ok().and_then(Result::ok).ok_or(limit(tripped))?;
            let room = set.machine.as_ref().ok_or_else(Failed::missing)?.room();
            let wait = tokio::time::timeout(plugin.limits.time, room.places.clone().acquire_owned());
            let tripped = Tripped::AllInstances { limit: room.limit, waited: plugin.limits.time };
            slot.permit = Some([own, wait.await.ok().and_then(Result::ok).ok_or(limit(tripped))?]);
        }
        // Waiting for room is not the plug-in's own time.
        let allowance = plugin.allowance(rows, slot.spent, slot.rows).map_err(limit)?;
        slot.rows = slot.rows.saturating_add(rows);
        let instance = if let Some(mut instance) = slot.instance.take() {
            instance.allow(allowance);
            instance
        } else {
            let settings = &linked.settings;
            let log = slot.log.get_or_insert_with(|| {
                let given = (settings.clone(), self.outside.clone());
                Arc::new(Log::new(&plugin.name, &self.info, &plugin.limits, given))
            });
            let budget = slot.budget.get_or_insert_with(|| Arc::new(Budget::new(&plugin.limits)));
            let write = settings.grants.database == DatabaseGrant::Write;
            let names = set.plugins.iter().map(|plugin| plugin.name.as_str());
            let powers = GuestPowers::of(&plugin.name, write, names);
            let given = Given { log, budget, mirror: self.mirror.clone(), powers, outside: &self.outside };
            let begun = Instant::now();
            match Instance::start(linked.engine(), linked, &plugin.limits, given, allowance).await {
                Ok(instance) => instance,
                Err(fault) => {
                    slot.spent += begun.elapsed();
                    return Err(Failed::Fault(fault));
                }
            }
        };
        Ok(Entered { at, instance, allowance, started })
    }

    /// Drops the plug-in's instance of this call: the next function gets one that has seen nothing.
    pub(super) fn forget_instance(&mut self, at: usize) {
        self.slots[at].instance = None;
    }

    /// Puts the instance back if it can be called again.
    pub(super) fn leave<T>(&mut self, entered: Entered, result: Result<T, Fault>) -> Result<T, Failed> {
        let slot = &mut self.slots[entered.at];
        slot.spent += entered.started.elapsed();
        let mut instance = entered.instance;
        let value = result.map_err(|fault| Failed::Fault(instance.explain(fault)))?;
        instance.set_transforming(false);
        slot.instance = Some(instance);
        Ok(value)
    }

    /// What every function is told first.
    pub(super) fn context(info: &CallInfo) -> Context<'_> {
        Context {
            tenant: info.tenant.as_str(),
            application: &info.application,
            client_state: &info.client_state,
            request_id: &info.request_id,
        }
    }

    /// Counts a function's call and applies its failure rule: `Err` fails the incoming call, `Ok(None)` has been told.
    pub(super) fn settle<T>(
        &mut self,
        at: usize,
        function: Function,
        table: Option<&str>,
        begun: Instant,
        result: Result<T, Failed>,
    ) -> Result<Option<T>, HookFailure> {
        let set = self.set.clone();
        let plugin = &set.plugins[at];
        let took = begun.elapsed();
        plugin.counters.add(function, took, result.is_err());
        self.outside.settled(function, took, result.as_ref().err());
        let rule = plugin.failure_rule(function);
        // A refusal is no failure: it was asked for, whatever failures mean.
        let refused = function == Function::OperationBefore && matches!(result, Err(Failed::Answered(_)));
        if rule != FailureRule::FailsCall {
            self.judge(at, function, result.is_err() && !refused);
        }
        let failed = match result {
            Ok(value) => return Ok(Some(value)),
            Err(failed) => failed,
        };
        let message = failed.sentence(plugin, function, table);
        let log = failed.logged(plugin, function, table);
        plugin.counters.failed(function, now(), &log);
        let (tenant, request_id) = (self.info.tenant.as_str(), self.info.request_id.as_str());
        match rule {
            rule if refused || rule == FailureRule::FailsCall => {
                let log = (log != message).then(|| log.into_boxed_str());
                let place = failed.place();
                Err(HookFailure { plugin: plugin.name.clone(), hook: function.name(), message, refused, log, place })
            }
            FailureRule::FailsCall | FailureRule::Logged => {
                tracing::error!(plugin = plugin.name, tenant, request_id, "{log}");
                self.events.failed((at, &plugin.name), function, self.info.operation, table, message);
                Ok(None)
            }
            FailureRule::Ignored => {
                tracing::debug!(plugin = plugin.name, tenant, request_id, "{log}");
                Ok(None)
            }
        }
    }

    /// Settles a function whose failure does not fail the call at once.
    fn told<T>(
        &mut self,
        at: usize,
        function: Function,
        table: Option<&str>,
        begun: Instant,
        result: Result<T, Failed>,
    ) {
        debug_assert!(function.failure_rule() != FailureRule::FailsCall, "{function} fails the call");
        // What these functions do has happened already: where the sidecar says that their failure fails the call, it does so
        // at its end ([`CallHooks::take_failure`]).
        if let Err(failure) = self.settle(at, function, table, begun, result) {
            self.failure.get_or_insert(failure);
        }
    }

    /// A transform that cannot be used keeps rows and schemas out, before any work is done on them.
    fn blocked(&self) -> Result<(), HookFailure> {
        if !matches!(self.info.operation, Operation::TableSchema | Operation::RowData) {
            return Ok(());
        }
        for at in self.having(Hook::Transform) {
            let plugin = self.plugin(at);
            if let Err(broken) = &plugin.linked {
                let function = Function::TransformPlan;
                return Err(HookFailure {
                    plugin: plugin.name.clone(),
                    hook: function.name(),
                    message: Failed::Broken(broken.clone()).sentence(plugin, function, None),
                    refused: false,
                    log: None,
                    place: None,
                });
            }
        }
        Ok(())
    }
}

#[async_trait]
impl CallHooks for PluginCall {
    fn attach(&mut self, mirror: Arc<dyn MirrorDb>) {
        for instance in self.slots.iter_mut().filter_map(|slot| slot.instance.as_mut()) {
            instance.attach(&mirror);
        }
        self.mirror = Some(mirror);
    }

    async fn before_operation(&mut self) -> Result<(), HookFailure> {
        self.blocked()?;
        for at in self.willing(Function::OperationBefore) {
            let begun = Instant::now();
            let result = self.call_operation_before(at).await;
            self.settle(at, Function::OperationBefore, None, begun, result)?;
        }
        Ok(())
    }

    async fn after_operation(&mut self, outcome: &CallOutcome) {
        for at in self.willing(Function::OperationAfter) {
            let begun = Instant::now();
            let result = self.call_operation_after(at, outcome).await;
            self.told(at, Function::OperationAfter, None, begun, result);
        }
    }

    async fn resolve_connection(&mut self) -> Result<Option<Connection>, HookFailure> {
        for at in self.willing(Function::ResolveConnection) {
            let begun = Instant::now();
            let result = self.call_resolve_connection(at).await;
            if let Some(Some(connection)) = self.settle(at, Function::ResolveConnection, None, begun, result)? {
                return Ok(Some(connection));
            }
        }
        Ok(None)
    }

    async fn authenticated(&mut self) -> Result<serde_json::Map<String, serde_json::Value>, HookFailure> {
        let mut all = serde_json::Map::new();
        for at in self.willing(Function::Authenticated) {
            let begun = Instant::now();
            let result = self.call_authenticated(at).await;
            all.extend(self.settle(at, Function::Authenticated, None, begun, result)?.unwrap_or_default());
        }
        Ok(all)
    }

    async fn plan(&mut self, table: &Arc<TableDef>) -> Result<TransformPlan, HookFailure> {
        self.plan_table(table).await
    }

    async fn transform(&mut self, plan: &TransformPlan, batch: TypedBatch) -> Result<TypedBatch, HookFailure> {
        self.transform_batch(plan, batch).await
    }

    async fn before_replicate_table(&mut self, table: &TableName, change: SchemaChange) {
        for at in self.willing(Function::BeforeReplicateTable) {
            let begun = Instant::now();
            let result = self.call_before_replicate_table(at, table, change).await;
            self.told(at, Function::BeforeReplicateTable, Some(table.as_str()), begun, result);
        }
    }

    async fn wiped(&mut self, table: &TableName) {
        for at in self.willing(Function::Wiped) {
            let begun = Instant::now();
            let result = self.call_wiped(at, table).await;
            self.told(at, Function::Wiped, Some(table.as_str()), begun, result);
        }
    }

    fn wants_rows_committed(&self) -> bool {
        !self.having(Hook::RowsCommitted).is_empty()
    }

    async fn rows_committed(&mut self, committed: &Committed) {
        for at in self.willing(Function::RowsCommitted) {
            let begun = Instant::now();
            let result = self.call_rows_committed(at, committed).await;
            self.told(at, Function::RowsCommitted, Some(committed.table.as_str()), begun, result);
        }
    }

    async fn replication_completed(&mut self, changed: &[ReplicationSummary]) {
        for at in self.willing(Function::ReplicationCompleted) {
            let begun = Instant::now();
            let result = self.call_replication_completed(at, changed).await;
            self.told(at, Function::ReplicationCompleted, None, begun, result);
        }
    }

    async fn log_event(&mut self, event: &EventRecord) {
        for at in self.willing(Function::LogEvent) {
            let begun = Instant::now();
            let result = self.call_log_event(at, event).await;
            self.told(at, Function::LogEvent, None, begun, result);
        }
    }

    fn take_poisoned(&mut self) -> Vec<Poisoned> {
        std::mem::take(&mut self.poisoned)
    }

    fn makers(&self, plan: &TransformPlan) -> Vec<(String, String)> {
        let steps = plan.steps.downcast_ref::<Steps>().map(|Steps(steps)| steps.as_slice()).unwrap_or_default();
        let plugins = steps.iter().map(|step| self.plugin(step.plugin));
        digest::versions_among(plugins.map(|plugin| (plugin.name.clone(), plugin.version())).collect())
    }

    fn take_failure(&mut self) -> Option<HookFailure> {
        self.failure.take()
    }

    fn take_events(&mut self) -> Vec<EventRecord> {
        self.events.take()
    }
}
