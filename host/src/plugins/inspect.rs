//! Looking at a component without running any of it: `speil plugin inspect`, and what `speil plugin approve` shows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::apart::Bounds;
use super::approval::{Approved, Asks, Record};
use super::cache::{CodeCache, place};
use super::check;
use super::component::{Draft, Files};
use super::digest;
use super::engine::Machine;
use super::folder::{self, Found};
use super::import;
use super::loader::Loader;
use super::workshop::Workshop;
use crate::config::PluginsConfig;

/// What a file is, as far as it shows without running.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Inspection {
    /// In bytes.
    pub size: usize,
    /// SHA-256, in hex.
    pub digest: String,
    /// The version of `speil:mirror` its hooks are of; empty: it has none.
    pub wit_version: String,
    /// The hooks it exports.
    pub hooks: Vec<&'static str>,
    /// Everything it exports.
    pub exports: Vec<String>,
    /// Everything it imports.
    pub imports: Vec<Import>,
    /// Why this host cannot use it, if it cannot; with the sidecar beside it, if there is one.
    pub problem: Option<String>,
}

/// One imported interface.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Import {
    pub name: String,
    /// The key under `[grants]` in its sidecar that it needs; `None`: it needs none.
    pub needs: Option<&'static str>,
}

impl Inspection {
    /// Looks at a component, and at the sidecar beside it.
    ///
    /// # Errors
    /// It cannot be read, or is no component. A sentence that names the file.
    pub fn of(file: &Path) -> Result<Self, String> {
        let named = |reason: String| format!("{}: {reason}", file.display());
        let mut shop = workshop(None)?;
        shop.cache = CodeCache::of_account();
        let found = Found::of_file(file);
        let files = Files::read(&found);
        let bytes = files.component.as_ref().map_err(|reason| named(reason.clone()))?;
        let draft = Draft::make(&found.name, &files, files.source(), &shop, None);
        let component = draft.component().map_err(|broken| broken.reason)?;
        let engine = shop.machine.engine();
        let component_type = component.component_type();
        let exports: Vec<String> = component_type.exports(engine).map(|(name, _)| name.to_owned()).collect();
        let ours = format!("{}/", check::PACKAGE);
        let version = exports.iter().find(|name| name.starts_with(&ours)).and_then(|name| name.split_once('@'));
        Ok(Self {
            size: bytes.len(),
            digest: digest::to_hex(&digest::of_file(bytes)),
            wit_version: version.map(|(_, version)| version.to_owned()).unwrap_or_default(),
            hooks: check::exports(component, engine).hooks.into_iter().map(super::hook::Hook::name).collect(),
            imports: component_type.imports(engine).map(|(name, _)| Import::of(name)).collect(),
            exports,
            problem: draft.fits().err().map(|broken| broken.reason).or_else(|| found.problem.map(str::to_owned)),
        })
    }
}

impl Import {
    fn of(name: &str) -> Self {
        Self { name: name.to_owned(), needs: check::needs(name).map(import::Grant::key) }
    }
}

/// A plug-in in the folder beside what is approved of it.
pub struct Update {
    pub name: String,
    /// Of the file in the folder, in hex.
    pub digest: String,
    /// Of the approved version.
    pub approved: Option<String>,
    /// What it asks for and the approved one did not.
    pub more: Vec<String>,
    /// The other way round.
    pub less: Vec<String>,
    /// What is filled anew once it runs, if it is a transform: a sentence.
    pub refills: Option<String>,
    record: Record,
    asks: Asks,
    before: Option<Approved>,
}

impl Update {
    /// Compares a plug-in's files with what is approved.
    ///
    /// # Errors
    /// There is no such plug-in, it cannot be used at all, or approvals are not kept.
    pub fn of(config: &PluginsConfig, name: &str) -> Result<Self, String> {
        if !config.approval {
            return Err("[plugins] approval is off: nothing waits to be approved".into());
        }
        let folder = config.directory.as_deref().ok_or("there is no plug-in folder: set `directory` in [plugins]")?;
        let all = folder::find(folder)?;
        let found = all.iter().find(|found| found.name == name).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|found| found.name.as_str()).collect();
            format!("there is no plug-in {name} in {}; there are: {}", folder.display(), names.join(", "))
        })?;
        let kept = Loader::place(config).ok_or("there is no plug-in folder: set `directory` in [plugins]")?;
        place::open(&kept, true)?;
        let shop = workshop(Some(&kept))?;
        let files = Files::read(found);
        let draft = Draft::make(name, &files, files.source(), &shop, None);
        let problem = draft.fits().err().map(|broken| broken.reason).or_else(|| found.problem.map(str::to_owned));
        if let Some(reason) = problem {
            return Err(format!("it cannot be used, approved or not: {reason}"));
        }
        let digest = draft.digest().map(|digest| digest::to_hex(&digest)).unwrap_or_default();
        let record = Record::new(kept);
        let before = record.read()?.remove(name);
        let none = Asks::default();
        let old = before.as_ref().map_or(&none, |before| &before.asks);
        Ok(Self {
            name: name.to_owned(),
            digest,
            approved: before.as_ref().map(|before| before.digest.clone()),
            more: draft.asks().beyond(old),
            less: old.beyond(draft.asks()),
            refills: draft.refills(before.as_ref().map(|before| before.digest.as_str())),
            asks: draft.asks().clone(),
            record,
            before,
        })
    }

    /// Approves it: this very file.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn approve(&self) -> Result<(), String> {
        let mut asks = self.asks.clone();
        // To go back to the version before needs no approval.
        asks.0.extend(self.before.iter().flat_map(|before| before.asks.0.iter().cloned()));
        self.record.approve(&self.name, &Approved { digest: self.digest.clone(), asks })
    }
}

/// Something to look with.
pub(super) fn workshop(kept: Option<&Path>) -> Result<Workshop, String> {
    let cannot = |error: wasmtime::Error| format!("the WebAssembly engine does not start on this machine: {error:#}");
    let machine = Arc::new(Machine::start(1).map_err(cannot)?);
    let offered = import::linker(machine.engine()).map_err(cannot)?;
    // Nothing is linked here, so nothing of a sidecar is fetched.
    let folder = PathBuf::new();
    let cache = kept.map(|kept| CodeCache::new(kept.to_owned(), true));
    Ok(Workshop { machine, offered, folder, cache, trust: Arc::default(), bounds: Bounds::default() })
}
