//! One instance of a plug-in: its state, its limits, and the one way to call into it.
//!
//! An instance serves one incoming call and is dropped after it. What trapped, or was cut because its time was up, is
//! never called again.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::component::{InstancePre, ResourceTable};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store, Trap, UpdateDeadline};
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxView};
use wasmtime_wasi_config::WasiConfigVariables;

use super::bindings::exports::speil::mirror as exports;
use super::hook::Hook;
use super::import::http::{Budget, Http, Trust};
use super::import::last_words::LastWords;
use super::import::{closed_wasi, log::Log};
use super::limits::{Limits, Meter, Tripped};
use super::outside::Outside;
use super::sidecar::{HttpTarget, Settings};
use crate::store::{GuestDatabase, GuestPowers, GuestValues, MirrorDb};
use crate::threads;

/// What host functions work on.
pub struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    meter: Meter,
    config: Arc<WasiConfigVariables>,
    log: Arc<Log>,
    http: Http,
    mirror: Option<Arc<dyn MirrorDb>>,
    powers: GuestPowers,
    outside: Arc<dyn Outside>,
    /// Made when first asked for.
    database: Option<Box<dyn GuestDatabase>>,
    values: Option<Box<dyn GuestValues>>,
    /// It is in a function during which the call itself may hold what an index waits for.
    transforming: bool,
    allowance: Allowance,
}

impl State {
    pub(super) const fn transforming(&self) -> bool {
        self.transforming
    }

    pub(super) fn config(&self) -> &WasiConfigVariables {
        &self.config
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    pub(super) const fn mirror(&self) -> Option<&Arc<dyn MirrorDb>> {
        self.mirror.as_ref()
    }

    pub(super) const fn outside(&self) -> &Arc<dyn Outside> {
        &self.outside
    }

    pub(super) const fn allowance(&self) -> Allowance {
        self.allowance
    }

    /// The plug-in's name.
    pub(super) fn plugin(&self) -> &str {
        &self.powers.plugin
    }

    /// SQL on the call's mirror, where that is open.
    pub(super) fn open_database(&mut self) -> Option<&dyn GuestDatabase> {
        if self.database.is_none() {
            self.database = Some(self.outside.database(self.mirror.as_ref()?, &self.powers));
        }
        self.database.as_deref()
    }

    /// The plug-in's values in the call's mirror, where that is open.
    pub(super) fn open_values(&mut self) -> Option<&dyn GuestValues> {
        if self.values.is_none() {
            self.values = Some(self.outside.values(self.mirror.as_ref()?, &self.powers.plugin));
        }
        self.values.as_deref()
    }

    fn tell_end(&self) {
        let (memory, table_elements) = self.meter.most();
        self.outside.ended(memory, table_elements);
    }

    pub(super) const fn http_parts(&mut self) -> (&mut ResourceTable, &mut Http) {
        (&mut self.table, &mut self.http)
    }

    pub(super) const fn wasi_parts(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// How long the plug-in may run now, and which limit that is.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    from: Instant,
    /// What the call's functions before it have used up of the same limit.
    before: Duration,
    pub until: Instant,
    limit: Tripped,
}

impl Allowance {
    /// From now on.
    pub fn of(time: Duration, limit: Tripped) -> Self {
        let from = Instant::now();
        Self { from, before: Duration::ZERO, until: from + time, limit }
    }

    /// From now on, where so much was used up before.
    pub fn after(before: Duration, time: Duration, limit: Tripped) -> Self {
        Self { before, ..Self::of(time, limit) }
    }

    /// The limit that has tripped now, with what was measured.
    pub fn tripped(&self) -> Tripped {
        self.limit.after(self.before + self.from.elapsed())
    }
}

/// A component ready to be instantiated, with everything looked up that can be.
#[derive(Clone)]
pub struct Linked {
    pre: InstancePre<State>,
    indices: Indices,
    config: Arc<WasiConfigVariables>,
    targets: Arc<[HttpTarget]>,
    trust: Arc<Trust>,
    pub settings: Arc<Settings>,
}

impl Linked {
    /// Looks up the exports of these hooks.
    pub fn new(
        pre: InstancePre<State>,
        hooks: &[Hook],
        settings: Settings,
        trust: Arc<Trust>,
    ) -> wasmtime::Result<Self> {
        let indices = Indices::find(&pre, hooks)?;
        let open = settings.config.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let all = open.chain(settings.secrets.expose());
        let config = Arc::new(all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
        let targets = settings.grants.http.clone().unwrap_or_default().into();
        Ok(Self { pre, indices, config, targets, trust, settings: Arc::new(settings) })
    }

    /// The engine it was compiled for.
    pub fn engine(&self) -> &Engine {
        self.pre.engine()
    }
}

/// One per hook: `$field` is its place, `$hook` its name.
macro_rules! hooks {
    ($($field:ident $hook:ident,)*) => {
        /// Where the hooks are in a component.
        #[derive(Clone, Default)]
        struct Indices {
            $($field: Option<exports::$field::GuestIndices>,)*
        }

        impl Indices {
            fn find(pre: &InstancePre<State>, hooks: &[Hook]) -> wasmtime::Result<Self> {
                let mut indices = Self::default();
                for hook in hooks {
                    match hook {
                        $(Hook::$hook => indices.$field = Some(exports::$field::GuestIndices::new(pre)?),)*
                    }
                }
                Ok(indices)
            }
        }

        /// The hooks of an instance: what is exported and not left out by the sidecar.
        #[derive(Clone, Default)]
        pub struct Guests {
            $(pub $field: Option<exports::$field::Guest>,)*
        }

        impl Guests {
            fn load(
                indices: &Indices,
                store: &mut Store<State>,
                instance: &wasmtime::component::Instance,
            ) -> wasmtime::Result<Self> {
                Ok(Self { $($field: indices.$field.as_ref().map(|at| at.load(&mut *store, instance)).transpose()?,)* })
            }
        }
    };
}

hooks! {
    resolve_connection ResolveConnection,
    authenticated Authenticated,
    before_replicate_table BeforeReplicateTable,
    transform Transform,
    wiped Wiped,
    replication_completed ReplicationCompleted,
    rows_committed RowsCommitted,
    operation Operation,
    log_event LogEvent,
}

/// What an instance is made with beside its component: all of one incoming call.
pub struct Given<'a> {
    pub log: &'a Arc<Log>,
    pub budget: &'a Arc<Budget>,
    pub mirror: Option<Arc<dyn MirrorDb>>,
    pub powers: GuestPowers,
    pub outside: &'a Arc<dyn Outside>,
}

/// A live instance.
pub struct Instance {
    pub store: Store<State>,
    pub guests: Guests,
}

/// Why a call into a plug-in came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A limit tripped.
    Limit(Tripped),
    /// It trapped, exited, or broke the rules of the component model.
    Trap(Trapped),
    /// The host has no room for another instance just now.
    NoRoom,
}

/// See [`Fault::Trap`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trapped {
    what: String,
    /// What it wrote last on standard error: most often the reason.
    words: Option<String>,
}

impl Trapped {
    /// With its last words.
    #[must_use]
    pub fn told(&self) -> String {
        match &self.words {
            Some(words) => format!("{}; its last words: {}", self.what, super::events::quoted(words, LastWords::MOST)),
            None => self.logged(),
        }
    }

    /// Without them, which may hold values of rows and stand in the log already.
    #[must_use]
    pub fn logged(&self) -> String {
        format!("{}; its log lines may say why", self.what)
    }
}

impl Fault {
    fn trap(what: String) -> Self {
        Self::Trap(Trapped { what, words: None })
    }

    /// The same with what the plug-in wrote last.
    fn after(self, log: &Log) -> Self {
        match self {
            Self::Trap(Trapped { what, .. }) => Self::Trap(Trapped { what, words: log.last_words() }),
            other => other,
        }
    }

    /// What [`Fault::NoRoom`] says.
    pub const NO_ROOM: &'static str =
        "the host has no room for another instance just now; it will have for a repeated call";
}

impl Instance {
    /// Makes a fresh one. Guest code may run in this already, within the allowance.
    ///
    /// # Errors
    /// A limit trips, or the guest's own start fails.
    pub async fn start(
        engine: &Engine,
        linked: &Linked,
        limits: &Limits,
        given: Given<'_>,
        allowance: Allowance,
    ) -> Result<Self, Fault> {
        let Given { log, budget, mirror, powers, outside } = given;
        log.forget_words();
        let wasi = closed_wasi(log, &linked.settings).map_err(|error| Fault::trap(format!("{error:#}")))?;
        let plugin = powers.plugin.as_str().into();
        let reach = (linked.targets.clone(), linked.trust.clone());
        let http = Http::new(plugin, reach, budget.clone(), limits, log, outside);
        let state = State {
            wasi,
            table: ResourceTable::new(),
            meter: Meter::new(limits),
            config: linked.config.clone(),
            log: log.clone(),
            http,
            mirror,
            powers,
            outside: outside.clone(),
            database: None,
            values: None,
            transforming: false,
            allowance,
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(limits.output);
        store.set_max_component_handles(Limits::HANDLES);
        store.epoch_deadline_callback(|context| {
            let allowance = context.data().allowance;
            if Instant::now() >= allowance.until {
                Err(allowance.tripped().into())
            } else {
                Ok(UpdateDeadline::Yield(1))
            }
        });
        store.set_epoch_deadline(1);
        let started = async {
            let instance = linked.pre.instantiate_async(&mut store).await?;
            Guests::load(&linked.indices, &mut store, &instance)
        };
        let guests = within(allowance, limits, started).await;
        // Also on failure: what it printed says why.
        log.flush();
        match guests {
            Ok(guests) => Ok(Self { store, guests }),
            Err(fault) => {
                store.data().tell_end();
                Err(fault.after(log))
            }
        }
    }

    /// A fault of the last call with what it wrote then.
    #[must_use]
    pub fn explain(&self, fault: Fault) -> Fault {
        fault.after(&self.store.data().log)
    }

    /// Sets the time for the next call.
    pub fn allow(&mut self, allowance: Allowance) {
        self.store.data().log.forget_words();
        self.store.data_mut().allowance = allowance;
        self.store.set_epoch_deadline(1);
    }

    /// Whether the next call is one of `transform`'s.
    pub fn set_transforming(&mut self, transforming: bool) {
        self.store.data_mut().transforming = transforming;
    }

    /// Gives it the tenant's mirror.
    pub fn attach(&mut self, mirror: &Arc<dyn MirrorDb>) {
        let state = self.store.data_mut();
        state.mirror = Some(mirror.clone());
        state.database = None;
        state.values = None;
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.store.data().log.flush();
        self.store.data().tell_end();
    }
}

/// Runs a call into an instance, no longer than allowed: guest code is cut by the engine's clock, waiting in an import
/// by this time-out.
///
/// # Errors
/// The instance must be dropped then.
pub async fn within<T>(
    allowance: Allowance,
    limits: &Limits,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> Result<T, Fault> {
    match tokio::time::timeout_at(allowance.until.into(), threads::beside(call)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(fault(&error, limits)),
        Err(_) => Err(Fault::Limit(allowance.tripped())),
    }
}

/// What an engine's error means.
fn fault(error: &wasmtime::Error, limits: &Limits) -> Fault {
    if let Some(tripped) = error.downcast_ref::<Tripped>() {
        return Fault::Limit(*tripped);
    }
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return Fault::trap(format!("it ended itself with exit code {code}"));
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return Fault::NoRoom;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => return Fault::Limit(Tripped::Stack),
        Some(trap) => return Fault::trap(format!("it trapped: {trap}")),
        None => {}
    }
    let cause = error.root_cause().to_string();
    // wasmtime keeps the types of these to itself; tests hold their words (hostile_plugins).
    if cause.contains("fuel allocated for hostcalls has been exhausted") {
        return Fault::Limit(Tripped::Output { limit: limits.output });
    }
    if cause.contains("store handle limit exceeded") {
        return Fault::Limit(Tripped::Handles);
    }
    if cause.starts_with("resource limit exceeded: ") {
        return Fault::Limit(Tripped::Parts);
    }
    let random = cause.strip_prefix("requested len ").and_then(|rest| rest.split_once(" exceeds limit "));
    if let Some(asked) = random.and_then(|(asked, _)| asked.parse().ok()) {
        return Fault::Limit(Tripped::Random { asked });
    }
    Fault::trap(format!("it failed: {}", super::events::quoted(&cause, Limits::MESSAGE)))
}
