//! A component tried without a server, for `speil plugin test`: loaded, linked, limited and called as the server does it, with
//! answers from a fixture in place of the outside ([`super::outside`]), and everything it did written down.
//!
//! | question | file |
//! |---|---|
//! | what a hook is told, and what the outside answers | [`case`] |
//! | how a fixture is written | [`fixture`], [`table`] |
//! | what the outside was asked | [`recorder`], [`database`] |
//! | what came of it, and how much of each limit it took | [`outcome`] |

mod case;
mod database;
mod fixture;
mod outcome;
mod recorder;
pub mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::{Table, Value};

pub use case::{Answers, Case, DatabaseAnswer, DatabaseReply, HttpAnswer, Input};
pub use fixture::{Expect, Fixture, Query, TableText};
pub use outcome::{Answer, Ending, Outcome, Ran, Unit, Use};

use self::recorder::Recorder;
use super::cache::CodeCache;
use super::call::PluginCall;
use super::component::{Draft, Files, Plugin, Source, Step};
use super::digest::{self, Digest};
use super::folder::Found;
use super::generation::PluginSet;
use super::hook::Hook;
use super::hooks::{CallHooks as _, CallInfo};
use super::inspect::workshop;
use super::limits::Limits;
use super::workshop::Workshop;
use crate::store::guest::prefix;

/// A component and the sidecar beside it, read and compiled once.
pub struct Trial {
    shop: Workshop,
    name: String,
    component: Vec<u8>,
    digest: Digest,
    sidecar: Table,
    /// Holds what was compiled.
    compiled: Plugin,
}

/// What a fixture changes of the sidecar.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Over `[config]`.
    pub config: BTreeMap<String, String>,
    /// In place of what `[secrets]` names: a secret's name and its text.
    pub secrets: BTreeMap<String, String>,
    /// `http = []` under `[grants]`: every host is refused.
    pub refuse_http: bool,
}

impl Trial {
    /// Reads and compiles, which takes seconds for a large component; or finds it compiled by an earlier trial.
    ///
    /// # Errors
    /// The file is no component, or its sidecar cannot be read: a sentence that names the file.
    pub fn load(file: &Path) -> Result<Self, String> {
        let found = Found::of_file(file);
        let files = Files::read(&found);
        let name = found.name;
        let component = files.component.clone().map_err(|reason| format!("{}: {reason}", file.display()))?;
        let text = files.sidecar.clone()?;
        let mut shop = workshop(None)?;
        shop.folder = file.parent().map(Path::to_owned).unwrap_or_default();
        shop.cache = CodeCache::of_account();
        let source = files.source();
        let draft = Draft::make(&name, &files, source, &shop, None);
        draft.component().map_err(|broken| broken.reason)?;
        if let (Some(cache), Some(content)) = (&shop.cache, draft.digest()) {
            cache.prune(shop.machine.engine(), &[content]);
        }
        // What else is wrong is told by every case that is tried.
        let sidecar = text.parse().unwrap_or_default();
        let compiled = draft.refuse(Step::Start, "it is compiled only");
        Ok(Self { digest: digest::of_file(&component), shop, name, component, sidecar, compiled })
    }

    /// The plug-in's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the component, in hex.
    #[must_use]
    pub fn digest(&self) -> String {
        digest::to_hex(&self.digest)
    }

    /// The hooks it is for: those its sidecar names, else those its component exports.
    #[must_use]
    pub fn hooks(&self) -> Vec<Hook> {
        self.compiled.hooks().unwrap_or_default()
    }

    /// Whether its sidecar lets it reach other hosts.
    #[must_use]
    pub fn reaches_hosts(&self) -> bool {
        self.compiled.sidecar.as_ref().is_ok_and(|sidecar| sidecar.grants.http.is_some())
    }

    /// What its own tables' names begin with.
    #[must_use]
    pub fn prefix(&self) -> String {
        prefix(&self.name)
    }

    /// Links and starts it with these changes to its sidecar. Not to be called on a thread of an event loop.
    ///
    /// # Errors
    /// Why it cannot be used: the sentence that the server would tell.
    pub fn subject(&self, overrides: &Overrides) -> Result<Subject, String> {
        let mut sidecar = self.sidecar.clone();
        let mut secrets = None;
        let unreadable = self.compiled.source.sidecar.as_ref().ok().filter(|_| sidecar.is_empty()).cloned();
        change(&mut sidecar, "config", overrides.config.iter().map(|(key, text)| (key.clone(), text.clone().into())))?;
        if !overrides.secrets.is_empty() {
            // Where they would be found otherwise, so that they are read and struck out as ever.
            let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder can be made: {error}"))?;
            let files = write_secrets(folder.path(), &overrides.secrets)?;
            change(&mut sidecar, "secrets", files.into_iter())?;
            secrets = Some(folder);
        }
        if overrides.refuse_http {
            change(&mut sidecar, "grants", [("http".to_owned(), Value::Array(Vec::new()))].into_iter())?;
        }
        // A sidecar that is no TOML stays as it is, to be refused in the server's words.
        let text = match unreadable.filter(|_| sidecar.is_empty()) {
            Some(text) => text,
            None => toml::to_string(&sidecar).map_err(|error| format!("{}.toml: {error}", self.name))?,
        };
        let source = Source { component: Ok(self.digest), sidecar: Ok(text.clone()) };
        let files = Files { component: Ok(self.component.clone()), sidecar: Ok(text) };
        let draft = Draft::make(&self.name, &files, source, &self.shop, Some(&self.compiled));
        let plugin = draft.finish(&self.shop, Some(&self.compiled));
        drop(secrets);
        if let Err(broken) = &plugin.linked {
            return Err(broken.reason.clone());
        }
        let machine = Some(self.shop.machine.clone());
        Ok(Subject(Arc::new(PluginSet::new(1, machine, vec![Arc::new(plugin)], BTreeMap::new()))))
    }
}

/// Sets keys of a table inside the sidecar.
fn change(
    sidecar: &mut Table,
    name: &str,
    entries: impl ExactSizeIterator<Item = (String, Value)>,
) -> Result<(), String> {
    if entries.len() == 0 {
        return Ok(());
    }
    match sidecar.entry(name).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(table) => {
            table.extend(entries);
            Ok(())
        }
        _ => Err(format!("`{name}` in the sidecar must be a table: [{name}]")),
    }
}

fn write_secrets(folder: &Path, secrets: &BTreeMap<String, String>) -> Result<Vec<(String, Value)>, String> {
    secrets
        .iter()
        .enumerate()
        .map(|(number, (name, text))| {
            let file: PathBuf = folder.join(number.to_string());
            std::fs::write(&file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
            let file = file.to_string_lossy().into_owned();
            Ok((name.clone(), Value::Table(Table::from_iter([("file".to_owned(), file.into())]))))
        })
        .collect()
}

/// A plug-in that can be called, alone in its generation.
pub struct Subject(Arc<PluginSet>);

impl Subject {
    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.plugins[0].limits
    }

    /// Calls the hook of a case as an incoming call would.
    ///
    /// # Errors
    /// The plug-in is not for this tenant or not for this hook: nothing would be called.
    pub async fn run(&self, case: Case) -> Result<Outcome, String> {
        let plugin = &self.0.plugins[0];
        let hook = case.input.hook();
        if !plugin.has(hook) {
            let hooks = plugin.hooks().unwrap_or_default();
            let hooks: Vec<_> = hooks.into_iter().map(Hook::name).collect();
            return Err(format!("{} has no hook {hook}; it has: {}", plugin.name, hooks.join(", ")));
        }
        if !plugin.serves(&case.call.tenant) {
            return Err(format!(
                "{} is not for the tenant {}: `tenants` in its sidecar says so; name another under [context]",
                plugin.name, case.call.tenant
            ));
        }
        let recorder = Recorder::new(case.answers);
        let info = CallInfo { operation: case.input.operation(), ..case.call };
        let mut call = PluginCall::new(self.0.clone(), info, Vec::new()).with_outside(Arc::new(recorder.clone()));
        if let Some(mirror) = case.mirror.filter(|_| case.input.has_mirror()) {
            call.attach(mirror);
        }
        let answer = case::ask(&mut call, case.input, &recorder).await;
        let spent = call.spent(0);
        // Its instance tells how much memory it had when it goes.
        drop(call);
        Ok(outcome::put_together(plugin, answer, spent, recorder))
    }
}
