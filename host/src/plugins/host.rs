//! All plug-ins of a folder, loaded once and shared by every call.

use std::sync::Arc;

use super::call::PluginCall;
use super::component::{Broken, Plugin};
use super::counters::Count;
use super::digest;
use super::engine::Machine;
use super::folder;
use super::hook::Hook;
use super::hooks::{CallHooks, CallInfo, HookSource, NoHooks};
use super::import;
use super::transform::cache::PlanCache;
use crate::config::PluginsConfig;

/// The plug-in host. Cheap to clone.
#[derive(Clone)]
pub struct PluginHost {
    /// `None`: no plug-ins, and then no engine either.
    set: Option<Arc<PluginSet>>,
}

/// One generation of plug-ins: fixed from loading to dropping. A call keeps the one it began with.
pub struct PluginSet {
    pub(super) machine: Machine,
    /// In the order they are called (`order` of the sidecar, then by name), broken ones included.
    pub(super) plugins: Vec<Plugin>,
    pub(super) plans: PlanCache,
}

/// Why no host could be made. A broken plug-in is no reason: see [`PluginHost::list`].
#[derive(Debug, thiserror::Error)]
pub enum PluginsError {
    /// The folder cannot be read.
    #[error("{0}")]
    Folder(String),
    /// The engine does not run on this machine.
    #[error("the WebAssembly engine does not start on this machine: {0}")]
    Engine(String),
}

/// What `speil plugin list` and `/readyz` say of one plug-in.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PluginStatus {
    pub name: String,
    /// SHA-256 of the component's file, in hex.
    pub digest: Option<String>,
    /// The hooks it is called for, or would be if it were not broken; `None`: not known.
    pub hooks: Option<Vec<&'static str>>,
    /// Why it cannot be used.
    pub broken: Option<String>,
    /// Whether that fails TableSchema and RowData calls.
    pub blocks_rows: bool,
    /// Its functions called since the start.
    pub counts: Vec<Count>,
}

impl PluginHost {
    /// Loads every plug-in of the folder. Compiling takes seconds: call it off the event loop.
    ///
    /// # Errors
    /// The folder cannot be read, or there is no engine. Never because of one plug-in.
    pub fn load(config: &PluginsConfig) -> Result<Self, PluginsError> {
        let found = match &config.directory {
            Some(folder) => folder::find(folder).map_err(PluginsError::Folder)?,
            None => Vec::new(),
        };
        if found.is_empty() {
            return Ok(Self { set: None });
        }
        let cannot = |error: wasmtime::Error| PluginsError::Engine(format!("{error:#}"));
        let machine = Machine::start().map_err(cannot)?;
        let linker = import::linker(machine.engine()).map_err(cannot)?;
        let mut plugins: Vec<Plugin> =
            found.iter().map(|found| Plugin::load(found, machine.engine(), &linker)).collect();
        // Found in name order, which decides between equals.
        plugins.sort_by_key(Plugin::order);
        for plugin in &plugins {
            match &plugin.linked {
                Ok(_) => tracing::info!(plugin = plugin.name, hooks = ?plugin.hooks(), "plug-in loaded"),
                Err(Broken { reason, .. }) => tracing::error!(
                    plugin = plugin.name,
                    blocks_rows = plugin.has(Hook::Transform),
                    "plug-in cannot be used: {reason}"
                ),
            }
        }
        Ok(Self { set: Some(Arc::new(PluginSet { machine, plugins, plans: PlanCache::default() })) })
    }

    /// Every plug-in found, in the order they are called.
    #[must_use]
    pub fn list(&self) -> Vec<PluginStatus> {
        self.set.iter().flat_map(|set| &set.plugins).map(PluginStatus::of).collect()
    }
}

impl PluginStatus {
    fn of(plugin: &Plugin) -> Self {
        let broken = plugin.linked.as_ref().err();
        Self {
            name: plugin.name.clone(),
            digest: plugin.read.as_ref().ok().map(digest::to_hex),
            hooks: plugin.hooks().map(|hooks| hooks.into_iter().map(Hook::name).collect()),
            broken: broken.map(|broken| broken.reason.clone()),
            blocks_rows: broken.is_some() && plugin.has(Hook::Transform),
            counts: plugin.counters.snapshot(),
        }
    }
}

impl HookSource for PluginHost {
    fn begin(&self, call: CallInfo) -> Box<dyn CallHooks> {
        match &self.set {
            None => Box::new(NoHooks),
            Some(set) => Box::new(PluginCall::new(set.clone(), call)),
        }
    }
}
