//! A plug-in's life, a step at a time: found, read, its sidecar parsed, compiled, checked, linked. Each step keeps its
//! outcome, so that a broken plug-in answers with its own reason while the others serve.
//!
//! **What a broken plug-in means.** Its sidecar's `hooks` say what it is for, or else the exports of its component, if
//! that could be compiled: each of those hooks fails with the reason, and the hook's own failure rule decides what comes
//! of it. So a broken observer breaks nothing, and a broken router of connections keeps rows out of the wrong database.
//! Where neither tells anything (not a component, unreadable, missing beside its sidecar) it might have been a transform:
//! it fails every TableSchema and RowData call, since what reaches the mirror unchanged cannot be taken back (design.md
//! invariant 6), and leaves the other calls alone.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::check::{self, Exports};
use super::counters::Counters;
use super::digest::{self, Digest};
use super::folder::Found;
use super::hook::{FailureRule, Function, Hook};
use super::hooks::CallInfo;
use super::import::http::Budget;
use super::import::log::Log;
use super::instance::{Allowance, Fault, Given, Instance, Linked, State};
use super::limits::{Limits, Tripped};
use super::sidecar::Sidecar;
use super::{import, sidecar};
use crate::protocol::context_id::ContextId;
use crate::protocol::names::Operation;
use crate::store::GuestPowers;

/// Where in its life a plug-in broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Read,
    Sidecar,
    Compile,
    Check,
    Link,
    Start,
}

/// Why a plug-in cannot be used: a sentence that names its file and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Broken {
    pub step: Step,
    pub reason: String,
}

/// One plug-in with the outcome of every step. A step that could not be tried holds the reason of the one before.
pub struct Plugin {
    pub name: String,
    /// SHA-256 of the component's file.
    pub read: Result<Digest, Broken>,
    pub sidecar: Result<Sidecar, Broken>,
    /// What the component exports.
    pub compiled: Result<Exports, Broken>,
    /// Ready to be instantiated, and tried once.
    pub linked: Result<Linked, Broken>,
    /// Of [`Plugin::sidecar`], or the defaults.
    pub limits: Limits,
    pub counters: Counters,
    pub room: Arc<Semaphore>,
}

impl Plugin {
    /// Goes through all steps. Takes as long as compiling takes: seconds for a large component.
    #[must_use]
    pub fn load(found: &Found, engine: &Engine, offered: &Linker<State>) -> Self {
        let file = format!("{}.wasm", found.name);
        let broken = |step, reason: String| Broken { step, reason: format!("{file}: {reason}") };

        let bytes = read(found).map_err(|reason| broken(Step::Read, reason));
        let read = bytes.as_ref().map(|bytes| digest::of_file(bytes)).map_err(Clone::clone);
        let sidecar = read_sidecar(found)
            .map_err(|reason| Broken { step: Step::Sidecar, reason: format!("{}.toml: {reason}", found.name) });
        let component = bytes.and_then(|bytes| compile(engine, &bytes).map_err(|reason| broken(Step::Compile, reason)));
        let compiled = component.as_ref().map(|component| check::exports(component, engine)).map_err(Clone::clone);
        let limits = sidecar.as_ref().map(|sidecar| sidecar.limits.clone()).unwrap_or_default();
        let linked = component.and_then(|component| {
            let sidecar = sidecar.as_ref().map_err(Clone::clone)?;
            let exports = compiled.as_ref().map_err(Clone::clone)?;
            exports
                .check(sidecar.hooks.as_deref())
                .and_then(|()| check::imports(&component, engine, &sidecar.grants, &format!("{}.toml", found.name)))
                .map_err(|reason| broken(Step::Check, reason))?;
            let settings = settle(found, sidecar)?;
            let hooks = sidecar.hooks.as_ref().unwrap_or(&exports.hooks);
            let linked = import::grant(offered, &sidecar.grants)
                .and_then(|linker| linker.instantiate_pre(&component))
                .and_then(|pre| Linked::new(pre, hooks, settings))
                .map_err(|error| broken(Step::Link, unfit(&error)))?;
            try_once(engine, &found.name, &linked, &limits).map_err(|reason| broken(Step::Start, reason))?;
            Ok(linked)
        });
        let room = Arc::new(Semaphore::new(limits.instances));
        Self { name: found.name.clone(), read, sidecar, compiled, linked, limits, counters: Counters::default(), room }
    }

    /// The hooks it is for: those its sidecar names, else those its component exports. `None`: nothing is known.
    #[must_use]
    pub fn hooks(&self) -> Option<Vec<Hook>> {
        let named = self.sidecar.as_ref().ok().and_then(|sidecar| sidecar.hooks.clone());
        named.or_else(|| self.compiled.as_ref().ok().map(|exports| exports.hooks.clone()))
    }

    /// Whether this hook is to be called, or would be if the plug-in were not broken.
    #[must_use]
    pub fn has(&self, hook: Hook) -> bool {
        self.hooks().map_or(hook == Hook::Transform, |hooks| hooks.contains(&hook))
    }

    /// The file beside the component, for messages.
    #[must_use]
    pub fn sidecar_name(&self) -> String {
        format!("{}.toml", self.name)
    }
}

fn read(found: &Found) -> Result<Vec<u8>, String> {
    let path = found.component.as_ref().ok_or_else(|| {
        format!(
            "there is a sidecar {0}.toml, but the component is missing; put it back, or remove the sidecar if the plug-in \
             is no longer wanted",
            found.name
        )
    })?;
    std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))
}

fn read_sidecar(found: &Found) -> Result<Sidecar, String> {
    match &found.sidecar {
        None => Ok(Sidecar::default()),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
            Sidecar::parse(&text)
        }
    }
}

/// Fetches what the sidecar names: secrets, folders, environment.
fn settle(found: &Found, sidecar: &Sidecar) -> Result<sidecar::Settings, Broken> {
    let base = found.sidecar.as_deref().and_then(std::path::Path::parent).unwrap_or(std::path::Path::new(""));
    sidecar
        .settle(base)
        .map_err(|reason| Broken { step: Step::Sidecar, reason: format!("{}.toml: {reason}", found.name) })
}

/// Compiles on all processors at once.
fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, String> {
    const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
    match bytes.get(..8) {
        Some(head) if head == COMPONENT => {}
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => {
            return Err(
                "it is a core WebAssembly module, not a component; build it for the target wasm32-wasip2, or make \
                        a component of it with `wasm-tools component new`"
                    .into(),
            );
        }
        Some([0, b'a', b's', b'm', ..]) => {
            return Err(
                "it is WebAssembly of a binary version this host does not know; build it with newer or older tools"
                    .into(),
            );
        }
        _ => return Err("it is not WebAssembly at all; was it copied whole?".into()),
    }
    Component::new(engine, bytes).map_err(|error| {
        let cause = super::events::quoted(&error.root_cause().to_string(), Limits::MESSAGE);
        format!("it cannot be compiled: {cause}; was it copied whole, and built with current tools?")
    })
}

/// Something imported or exported has the right name and another shape.
fn unfit(error: &wasmtime::Error) -> String {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    let cause = super::events::quoted(&chain.join(": "), Limits::MESSAGE);
    format!("it does not fit this host's interfaces: {cause}; build it against the wit/ folder of this release")
}

/// Makes one instance and drops it: what cannot start should be known now and not with the first call. On a thread of
/// its own, so that it may be called from anywhere.
fn try_once(engine: &Engine, name: &str, linked: &Linked, limits: &Limits) -> Result<(), String> {
    let call = CallInfo {
        tenant: ContextId::new("none").map_err(|error| format!("cannot be tried: {error}"))?,
        application: String::new(),
        operation: Operation::Authenticate,
        client_state: String::new(),
        request_id: "start".into(),
    };
    let log = Arc::new(Log::new(name, &call, limits, linked.settings.clone()));
    // Nobody is called for yet: no mirror, no request.
    let budget = Arc::new(Budget::new(&Limits { http_requests: 0, ..limits.clone() }));
    let powers = GuestPowers::of(name, false, std::iter::empty());
    let started = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let allowance = Allowance::of(limits.time, Tripped::Time { limit: limits.time });
                let given = Given { log: &log, budget: &budget, mirror: None, powers };
                Ok(runtime.block_on(Instance::start(engine, linked, limits, given, allowance)).map(drop))
            })
            .join()
            .unwrap_or_else(|_| Err(std::io::Error::other("the thread that tried it panicked")))
    });
    match started {
        Ok(Ok(())) => Ok(()),
        Ok(Err(Fault::Limit(tripped))) => {
            Err(format!("it cannot be started: {}", tripped.sentence(&format!("{name}.toml"))))
        }
        Ok(Err(Fault::Trap(reason))) => Err(format!("it cannot be started: {reason}")),
        Err(error) => Err(format!("it cannot be tried: {error}")),
    }
}

impl Plugin {
    /// Whether it is for this tenant. One whose sidecar cannot be read is for all of them.
    #[must_use]
    pub fn serves(&self, tenant: &ContextId) -> bool {
        self.sidecar.as_ref().map_or(true, |sidecar| sidecar.tenants.include(tenant.as_str()))
    }

    /// Its place among the plug-ins, before its name.
    #[must_use]
    pub fn order(&self) -> i64 {
        self.sidecar.as_ref().map_or(0, |sidecar| sidecar.order)
    }

    /// What a failure of this function means.
    #[must_use]
    pub fn failure_rule(&self, function: Function) -> FailureRule {
        self.sidecar.as_ref().map_or(function.failure_rule(), |sidecar| sidecar.failure.rule(function))
    }

    /// A text of its own without its secrets.
    #[must_use]
    pub fn strike(&self, text: &str) -> String {
        match &self.linked {
            Ok(linked) => linked.settings.secrets.strike(text),
            Err(_) => text.to_owned(),
        }
    }

    /// Time that is left in a call for a function that handles so many rows, and the limit that will trip first.
    #[must_use]
    pub fn allowance(&self, rows: usize, spent: Duration, rows_so_far: usize) -> Option<Allowance> {
        let one = self.limits.time_for(rows);
        let all = self.limits.call_time + super::limits::rows_time(rows_so_far.saturating_add(rows));
        let left = all.checked_sub(spent).filter(|left| !left.is_zero())?;
        Some(if left < one {
            Allowance::of(left, Tripped::CallTime { limit: self.limits.call_time })
        } else {
            Allowance::of(one, Tripped::Time { limit: self.limits.time })
        })
    }
}
