//! Where plug-ins are made: components are compiled here, or found compiled, and tried once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use super::apart::{self, Apart, Bounds};
use super::cache::CodeCache;
use super::digest::Digest;
use super::engine::Machine;
use super::hooks::CallInfo;
use super::import::http::{Budget, Trust};
use super::import::log::Log;
use super::instance::{Allowance, Fault, Given, Instance, Linked, State};
use super::limits::{Limits, Tripped};
use super::outside::{Outside, World};
use crate::protocol::context_id::ContextId;
use crate::protocol::names::Operation;
use crate::store::GuestPowers;

/// The engine, what is offered to plug-ins, and code compiled before.
pub struct Workshop {
    pub machine: Arc<Machine>,
    /// What needs no grant.
    pub offered: Linker<State>,
    /// The plug-in folder, where relative paths of sidecars begin.
    pub folder: PathBuf,
    pub cache: Option<CodeCache>,
    /// Whom their HTTPS trusts.
    pub trust: Arc<Trust>,
    /// What compiling may take.
    pub bounds: Bounds,
}

impl Workshop {
    /// Compiled code from the cache, or made now.
    pub(super) fn compile(&self, content: &Digest, bytes: &[u8]) -> Result<Component, String> {
        let engine = self.machine.engine();
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.get(engine, content)) {
            return Ok(component);
        }
        // What is no component at all needs no process to find that out.
        looks_like_one(bytes)?;
        if let Some(program) = &self.bounds.program
            && let Some(component) = self.compile_apart(program, content, bytes)?
        {
            return Ok(component);
        }
        let component = compile(engine, bytes)?;
        if let Some(cache) = &self.cache {
            cache.put(engine, content, &component);
        }
        Ok(component)
    }

    /// `None`: nothing came of it that is the component's fault, so that it may be compiled here.
    fn compile_apart(&self, program: &Path, content: &Digest, bytes: &[u8]) -> Result<Option<Component>, String> {
        let private = tempfile::Builder::new().prefix("speil-code-").tempdir();
        let Ok(private) = private.inspect_err(|error| tracing::warn!("no temporary folder can be made: {error}"))
        else {
            return Ok(None);
        };
        match apart::compile(&self.bounds, program, private.path(), bytes) {
            Ok(()) => {}
            Err(Apart::Refused(reason)) => return Err(reason),
            Err(Apart::Unavailable(reason)) => {
                tracing::warn!("a plug-in is compiled in this process, since another one cannot be used: {reason}");
                return Ok(None);
            }
        }
        let made = CodeCache::new(private.path().to_owned(), true).get(self.machine.engine(), content);
        if let (Some(cache), Some(component)) = (&self.cache, &made) {
            cache.put(self.machine.engine(), content, component);
        }
        Ok(made)
    }
}

/// Whether the head of a file is a component's.
fn looks_like_one(bytes: &[u8]) -> Result<(), String> {
    const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
    match bytes.get(..8) {
        Some(head) if head == COMPONENT => Ok(()),
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => Err("it is a core WebAssembly module, not a component; build it for the target \
                                                        wasm32-wasip2, or make a component of it with `wasm-tools component new`"
            .into()),
        Some([0, b'a', b's', b'm', ..]) => {
            Err("it is WebAssembly of a binary version this host does not know; build it with newer or older tools".into())
        }
        _ => Err("it is not WebAssembly at all; was it copied whole?".into()),
    }
}

/// Compiles on all processors at once.
pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, String> {
    Component::new(engine, bytes).map_err(|error| {
        let cause = super::events::quoted(&error.root_cause().to_string(), Limits::MESSAGE);
        // The engine's own bounds on what a component is made of; they are no setting.
        if cause.contains(" limit of ") {
            return format!("it cannot be compiled: {cause}; no plug-in may be made of so much");
        }
        format!("it cannot be compiled: {cause}; was it copied whole, and built with current tools?")
    })
}

/// Something imported or exported has the right name and another shape.
pub(super) fn unfit(error: &wasmtime::Error) -> String {
    let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
    let cause = super::events::quoted(&chain.join(": "), Limits::MESSAGE);
    format!("it does not fit this host's interfaces: {cause}; build it against the wit/ folder of this release")
}

/// Makes one instance and drops it: what cannot start should be known now and not with the first call. Not to be called on
/// a thread of an event loop.
pub(super) fn try_once(engine: &Engine, name: &str, linked: &Linked, limits: &Limits) -> Result<(), String> {
    let call = CallInfo {
        tenant: ContextId::new("none").map_err(|error| format!("cannot be tried: {error}"))?,
        application: String::new(),
        operation: Operation::Authenticate,
        client_state: String::new(),
        request_id: "start".into(),
    };
    let outside: Arc<dyn Outside> = Arc::new(World);
    let log = Arc::new(Log::new(name, &call, limits, (linked.settings.clone(), outside.clone())));
    // Nobody is called for yet: no mirror, no request.
    let budget = Arc::new(Budget::new(&Limits { http_requests: 0, ..limits.clone() }));
    let powers = GuestPowers::of(name, false, std::iter::empty());
    let given = Given { log: &log, budget: &budget, mirror: None, powers, outside: &outside };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("it cannot be tried: {error}"))?;
    let allowance = Allowance::of(limits.time, Tripped::Time { limit: limits.time, rows: 0, took: Duration::ZERO });
    match runtime.block_on(Instance::start(engine, linked, limits, given, allowance)).map(drop) {
        Ok(()) => Ok(()),
        Err(Fault::Limit(tripped)) => {
            Err(format!("it cannot be started: {}", tripped.sentence(&format!("{name}.toml"))))
        }
        Err(Fault::NoRoom) => Err(format!("it cannot be started: {}", Fault::NO_ROOM)),
        Err(Fault::Trap(trapped)) => Err(format!("it cannot be started: {}", trapped.told())),
    }
}
