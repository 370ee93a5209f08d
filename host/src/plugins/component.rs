//! A plug-in's life, a step at a time: found, read, its sidecar parsed, compiled, checked, approved, linked, tried. Each step keeps its
//! outcome, so that a broken plug-in answers with its own reason while the others serve.
//!
//! **What a broken plug-in means.** Its sidecar's `hooks` say what it is for, or else the exports of its component, if
//! that could be compiled: each of those hooks fails with the reason, and the hook's own failure rule decides what comes
//! of it. So a broken observer breaks nothing, and a broken router of connections keeps rows out of the wrong database.
//! Where neither tells anything (not a component, unreadable, missing beside its sidecar) it might have been a transform:
//! it fails every TableSchema and RowData call, since what reaches the mirror unchanged cannot be taken back (design.md
//! invariant 6), and leaves the other calls alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::component::Component;

use super::approval::Asks;
use super::breaker::Breakers;
use super::check::{self, Exports};
use super::counters::Counters;
use super::digest::{self, Digest};
use super::folder::Found;
use super::hook::{FailureRule, Function, Hook};
use super::import;
use super::instance::{Allowance, Linked};
use super::limits::{Limits, Tripped};
use super::reading;
use super::sidecar::Sidecar;
use super::transform::sample::Sampler;
use super::workshop::{Workshop, try_once, unfit};
use crate::protocol::context_id::ContextId;

/// Where in its life a plug-in broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Read,
    Sidecar,
    Compile,
    Check,
    /// It asks for more than was approved.
    Approval,
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

/// A plug-in's files as they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    pub component: Result<Vec<u8>, String>,
    /// Empty: there is none, which means the same.
    pub sidecar: Result<String, String>,
}

/// What a plug-in was made of, to see whether its files hold something else by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub component: Result<Digest, String>,
    pub sidecar: Result<String, String>,
}

impl Files {
    /// Reads them. What cannot be read is kept as a reason.
    #[must_use]
    pub fn read(found: &Found) -> Self {
        Self { component: read(found), sidecar: read_sidecar(found) }
    }

    /// Their digests.
    #[must_use]
    pub fn source(&self) -> Source {
        Source {
            component: self.component.as_ref().map(|bytes| digest::of_file(bytes)).map_err(Clone::clone),
            sidecar: self.sidecar.clone(),
        }
    }
}

/// A plug-in before any of its code has run: read, compiled, checked.
pub struct Draft {
    name: String,
    source: Source,
    sidecar: Result<Sidecar, Broken>,
    component: Result<Component, Broken>,
    compiled: Result<Exports, Broken>,
    /// Whether it fits: the reason of the first step that failed.
    fits: Result<(), Broken>,
    asks: Asks,
}

/// One plug-in with the outcome of every step. A step that could not be tried holds the reason of the one before.
pub struct Plugin {
    pub name: String,
    pub source: Source,
    /// SHA-256 of the component's file.
    pub read: Result<Digest, Broken>,
    pub sidecar: Result<Sidecar, Broken>,
    /// What the component exports.
    pub compiled: Result<Exports, Broken>,
    /// Ready to be instantiated, and tried once.
    pub linked: Result<Linked, Broken>,
    /// Of [`Plugin::sidecar`], or the defaults.
    pub limits: Limits,
    pub asks: Asks,
    /// Kept over changes of the sidecar: they are the component's.
    pub counters: Arc<Counters>,
    pub breakers: Breakers,
    /// Which batches are made twice.
    pub sampler: Sampler,
    pub room: Arc<Semaphore>,
    /// Compiled, to be linked again with another sidecar.
    component: Option<Component>,
}

impl Draft {
    /// Reads, compiles (or finds compiled code: in `before`, in the cache) and checks. Takes seconds for a large component
    /// that is compiled.
    #[must_use]
    pub fn make(name: &str, files: &Files, source: Source, shop: &Workshop, before: Option<&Plugin>) -> Self {
        let file = format!("{name}.wasm");
        let broken = |step, reason: String| Broken { step, reason: format!("{file}: {reason}") };
        let engine = shop.machine.engine();

        let bytes = files.component.as_ref().map_err(|reason| broken(Step::Read, reason.clone()));
        let (table, sidecar) = match &files.sidecar {
            Ok(text) => (text.parse().unwrap_or_default(), Sidecar::parse(text)),
            Err(reason) => (toml::Table::new(), Err(reason.clone())),
        };
        let sidecar =
            sidecar.map_err(|reason| Broken { step: Step::Sidecar, reason: format!("{name}.toml: {reason}") });
        let component = bytes.and_then(|bytes| {
            let before = before.filter(|before| before.source.component == source.component);
            match (before.and_then(|before| before.component.clone()), &source.component) {
                (Some(component), _) => Ok(component),
                (None, Ok(content)) => shop.compile(content, bytes).map_err(|reason| broken(Step::Compile, reason)),
                (None, Err(reason)) => Err(broken(Step::Read, reason.clone())),
            }
        });
        let compiled = component.as_ref().map(|component| check::exports(component, engine)).map_err(Clone::clone);
        let fits = component.as_ref().map_err(Clone::clone).and_then(|component| {
            let sidecar = sidecar.as_ref().map_err(Clone::clone)?;
            let exports = compiled.as_ref().map_err(Clone::clone)?;
            exports
                .check(sidecar.hooks.as_deref())
                .and_then(|()| check::imports(component, engine, &sidecar.grants, &format!("{name}.toml")))
                .map_err(|reason| broken(Step::Check, reason))
        });
        let hooks = sidecar.as_ref().ok().and_then(|sidecar| sidecar.hooks.clone());
        let hooks = hooks.or_else(|| compiled.as_ref().ok().map(|exports| exports.hooks.clone())).unwrap_or_default();
        let asks = component.as_ref().map_or_else(
            |_| Asks::default(),
            |component| {
                let component_type = component.component_type();
                Asks::of(component_type.imports(engine).map(|(name, _)| name), &hooks, &table)
            },
        );
        Self { name: name.to_owned(), source, sidecar, component, compiled, fits, asks }
    }

    /// Whether everything fits, so far as can be seen without running it.
    ///
    /// # Errors
    /// What is wrong.
    pub fn fits(&self) -> Result<(), Broken> {
        self.fits.clone()
    }

    /// The plug-in's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it asks for.
    #[must_use]
    pub const fn asks(&self) -> &Asks {
        &self.asks
    }

    /// What is filled anew once it runs, if it is a transform: a sentence. `before`: the digest of the version that
    /// runs, in hex.
    #[must_use]
    pub fn refills(&self, before: Option<&str>) -> Option<String> {
        let sidecar = self.sidecar.as_ref().ok()?;
        let hooks = sidecar.hooks.as_ref().or_else(|| self.compiled.as_ref().ok().map(|exports| &exports.hooks))?;
        hooks.contains(&Hook::Transform).then(|| match &sidecar.revision {
            Some(revision) => format!(
                "once it runs, the tables its transform works on are filled anew in each tenant's next cycle, unless its revision \
                 ({revision:?}), its configuration and its plans are those of the version before"
            ),
            None if before.is_some() && before == self.digest().as_ref().map(digest::to_hex).as_deref() => {
                "once it runs, the tables its transform works on are filled anew in each tenant's next cycle if its configuration \
                 or whom it is for has changed: its file has not"
                    .to_owned()
            }
            None => "once it runs, the tables its transform works on are filled anew in each tenant's next cycle: its sidecar \
                     has no `revision`, so another file counts as another transform"
                .to_owned(),
        })
    }

    /// The component, to be looked at.
    ///
    /// # Errors
    /// It could not be compiled.
    pub fn component(&self) -> Result<&Component, Broken> {
        self.component.as_ref().map_err(Clone::clone)
    }

    /// The component's digest.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.source.component.clone().ok()
    }

    /// Links it and tries it once: the first moment its code runs.
    #[must_use]
    pub fn finish(self, shop: &Workshop, before: Option<&Plugin>) -> Plugin {
        let engine = shop.machine.engine();
        let broken = |step, reason: String| Broken { step, reason: format!("{}.wasm: {reason}", self.name) };
        let linked = self.fits.clone().and_then(|()| {
            let component = self.component.as_ref().map_err(Clone::clone)?;
            let sidecar = self.sidecar.as_ref().map_err(Clone::clone)?;
            let exports = self.compiled.as_ref().map_err(Clone::clone)?;
            let hooks = sidecar.hooks.as_ref().unwrap_or(&exports.hooks);
            // Secrets are read here and not for the draft: what waits for approval needs none.
            let settings = sidecar
                .settle(&shop.folder)
                .map_err(|reason| Broken { step: Step::Sidecar, reason: format!("{}.toml: {reason}", self.name) })?;
            let linked = import::grant(&shop.offered, &sidecar.grants, component)
                .and_then(|linker| linker.instantiate_pre(component))
                .and_then(|pre| Linked::new(pre, hooks, settings, shop.trust.clone()))
                .map_err(|error| broken(Step::Link, unfit(&error)))?;
            try_once(engine, &self.name, &linked, &sidecar.limits).map_err(|reason| broken(Step::Start, reason))?;
            Ok(linked)
        });
        self.become_plugin(linked, before)
    }

    /// Makes a plug-in of it that does not run, for this reason.
    #[must_use]
    pub fn refuse(self, step: Step, reason: &str) -> Plugin {
        let broken = Broken { step, reason: format!("{}.wasm: {reason}", self.name) };
        self.become_plugin(Err(broken), None)
    }

    fn become_plugin(self, linked: Result<Linked, Broken>, before: Option<&Plugin>) -> Plugin {
        let limits = self.sidecar.as_ref().map(|sidecar| sidecar.limits.clone()).unwrap_or_default();
        let same = before.filter(|before| before.source.component == self.source.component);
        // Instances of the version before count until their calls have ended: the limit is the plug-in's.
        let room =
            before.filter(|before| before.limits.instances == limits.instances).map(|before| before.room.clone());
        let unread = |reason: String| Broken { step: Step::Read, reason: format!("{}.wasm: {reason}", self.name) };
        Plugin {
            read: self.source.component.clone().map_err(unread),
            counters: same.map(|before| before.counters.clone()).unwrap_or_default(),
            breakers: Breakers::default(),
            sampler: Sampler::default(),
            room: room.unwrap_or_else(|| Arc::new(Semaphore::new(limits.instances))),
            component: self.component.ok(),
            name: self.name,
            source: self.source,
            sidecar: self.sidecar,
            compiled: self.compiled,
            asks: self.asks,
            linked,
            limits,
        }
    }
}

impl Plugin {
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

    /// What the rows it makes depend on, beside its configuration and its plan: its file, or the revision its author
    /// gives instead (design.md, invariant 6).
    #[must_use]
    pub fn identity(&self) -> Option<Digest> {
        let revision = self.sidecar.as_ref().ok().and_then(|sidecar| sidecar.revision.as_deref());
        match revision {
            Some(revision) => {
                let name = self.name.as_bytes();
                Some(digest::Builder::new("speil revision 1").bytes(name).bytes(revision.as_bytes()).finish())
            }
            None => self.read.as_ref().ok().copied(),
        }
    }

    /// Its component's digest, in hex; empty where its file could not be read.
    #[must_use]
    pub fn version(&self) -> String {
        self.read.as_ref().map(digest::to_hex).unwrap_or_default()
    }

    /// What else of its sidecar the rows depend on: configuration and secrets.
    #[must_use]
    pub fn made_with(&self) -> BTreeMap<String, String> {
        match (&self.linked, &self.sidecar) {
            (Ok(linked), _) => linked.settings.made_with(),
            (Err(_), Ok(sidecar)) => sidecar.config.clone(),
            (Err(_), Err(_)) => BTreeMap::new(),
        }
    }

    /// Whom it is for, as patterns; `None`: everybody.
    #[must_use]
    pub fn tenants(&self) -> Option<&[String]> {
        self.sidecar.as_ref().ok().and_then(|sidecar| sidecar.tenants.patterns())
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
    reading::bytes(path, reading::COMPONENT)
}

fn read_sidecar(found: &Found) -> Result<String, String> {
    match &found.sidecar {
        None => Ok(String::new()),
        Some(path) => reading::text(path, reading::SIDECAR),
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
    ///
    /// # Errors
    /// Nothing is left.
    pub fn allowance(&self, rows: usize, spent: Duration, rows_so_far: usize) -> Result<Allowance, Tripped> {
        let one = self.limits.time_for(rows);
        let all_rows = rows_so_far.saturating_add(rows);
        let all = self.limits.call_time.saturating_add(super::limits::rows_time(all_rows));
        let spent_all = Tripped::CallTime { limit: self.limits.call_time, rows: all_rows, took: spent };
        let left = all.checked_sub(spent).filter(|left| !left.is_zero()).ok_or(spent_all)?;
        Ok(if left < one {
            Allowance::after(spent, left, spent_all)
        } else {
            Allowance::of(one, Tripped::Time { limit: self.limits.time, rows, took: Duration::ZERO })
        })
    }
}
