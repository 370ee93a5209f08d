//! The plug-ins of a folder, shared by every call, and exchanged for newer ones between calls.

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Instant;

use super::breaker::Resumed;
use super::call::PluginCall;
use super::changes::{self, Notices};
use super::generation::{Pending, PluginSet};
use super::hooks::{CallHooks, CallInfo, HookSource, NoHooks};
use super::loader::{Loader, Purpose};
use super::pins::Pins;
use super::rows::{MirrorRows, RowCounter};
use super::status::PluginStatus;
use super::watch::Watching;
use crate::config::PluginsConfig;

/// The plug-in host. Cheap to clone: all clones are one.
#[derive(Clone)]
pub struct PluginHost {
    shared: Arc<Shared>,
}

struct Shared {
    config: PluginsConfig,
    /// The generation that runs. Held for the moment of taking or exchanging it.
    newest: Mutex<Arc<PluginSet>>,
    pins: Pins,
    notices: Mutex<Notices>,
    rows: RowCounter,
    /// Held while a generation is made: one at a time.
    loader: Mutex<Loader>,
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

impl PluginHost {
    /// Loads every plug-in of the folder, to run them. Compiling takes seconds: call it off the event loop.
    ///
    /// # Errors
    /// The folder cannot be read, or there is no engine. Never because of one plug-in.
    pub fn load(config: &PluginsConfig) -> Result<Self, PluginsError> {
        let host = Self::made(config, Purpose::Serve)?;
        for plugin in &host.newest().plugins {
            match &plugin.linked {
                Ok(_) => tracing::info!(plugin = plugin.name, hooks = ?plugin.hooks(), "plug-in loaded"),
                Err(broken) => tracing::error!(
                    plugin = plugin.name,
                    blocks_rows = plugin.has(super::hook::Hook::Transform),
                    "plug-in cannot be used: {broken}"
                ),
            }
        }
        for (name, pending) in host
            .newest()
            .pending
            .iter()
            .filter(|(name, _)| host.newest().find(name).is_some_and(|plugin| plugin.linked.is_ok()))
        {
            tracing::warn!(plugin = name, "the approved version runs: {}", pending.sentence(name));
        }
        Ok(host)
    }

    /// The same to look at them only: nothing is written, neither compiled code nor approvals.
    ///
    /// # Errors
    /// As [`PluginHost::load`].
    pub fn look(config: &PluginsConfig) -> Result<Self, PluginsError> {
        Self::made(config, Purpose::Look)
    }

    fn made(config: &PluginsConfig, purpose: Purpose) -> Result<Self, PluginsError> {
        let mut loader = Loader::new(config.clone(), purpose);
        let empty = PluginSet::empty();
        let set = loader.load(&empty)?.unwrap_or(empty);
        let shared = Shared {
            config: config.clone(),
            newest: Mutex::new(Arc::new(set)),
            pins: Pins::default(),
            notices: Mutex::default(),
            rows: RowCounter::default(),
            loader: Mutex::new(loader),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Looks at the folder and takes in what has changed: new versions are compiled and checked beside the old ones and
    /// exchanged for them at once, between calls. Answers whether anything was exchanged. Takes as long as compiling.
    ///
    /// # Errors
    /// The folder cannot be read; what runs stays.
    pub fn reload(&self) -> Result<bool, PluginsError> {
        let mut loader = lock(&self.shared.loader);
        let running = self.newest();
        let Some(mut set) = loader.load(&running)? else { return Ok(false) };
        set.earlier = changes::known(&running);
        let set = Arc::new(set);
        let notices = changes::between(&running, &set, &self.shared.rows);
        // Said before it happens: the next TableSchema is made by the new ones.
        notices.iter().for_each(changes::Notice::log);
        {
            let mut kept = lock(&self.shared.notices);
            for notice in notices {
                kept.add(notice);
            }
        }
        *lock(&self.shared.newest) = set.clone();
        let behind = self.shared.pins.behind(&set);
        if behind > 0 {
            tracing::info!("{behind} cycles under way are brought to their end by the transforms they began with");
        }
        Ok(true)
    }

    /// Says who knows how many rows tables have, to be told with what a change will fill anew.
    pub fn count_rows_by(&self, source: Weak<dyn MirrorRows>) {
        self.shared.rows.ask(source);
    }

    /// Watches the folder as the configuration says, until what is returned is dropped. `None`: there is nothing to
    /// watch, or it is not wanted.
    #[must_use]
    pub fn watch(&self) -> Option<Watching> {
        Watching::start(self, &self.shared.config)
    }

    /// Every plug-in found, in the order they are called.
    #[must_use]
    pub fn list(&self) -> Vec<PluginStatus> {
        let set = self.newest();
        let now = Instant::now();
        set.plugins.iter().map(|plugin| PluginStatus::of(plugin, set.pending.get(&plugin.name), now)).collect()
    }

    /// The same, and for transforms of which another version waits: the tables that approving it may fill anew. Counts rows in mirrors, which may
    /// take seconds: call it off the event loop.
    #[must_use]
    pub fn list_counted(&self) -> Vec<PluginStatus> {
        let set = self.newest();
        let waits = |name: &str| matches!(set.pending.get(name), Some(Pending::Approval { refills: Some(_), .. }));
        let mut list = self.list();
        for status in list.iter_mut().filter(|status| waits(&status.name)) {
            status.worked_on = changes::so_far(&set, &status.name, &self.shared.rows);
        }
        list
    }

    /// Ends the pauses of a plug-in whose hooks kept failing. `None`: there is no plug-in of that name.
    #[must_use]
    pub fn resume(&self, name: &str) -> Option<Vec<Resumed>> {
        let resumed = self.newest().find(name)?.breakers.resume();
        for Resumed { function, left_out } in &resumed {
            tracing::info!(
                plugin = name,
                "an operator lets {function} be called again; {left_out} calls were left out"
            );
        }
        Some(resumed)
    }

    /// Whether plug-ins are called at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.newest().plugins.is_empty()
    }

    fn newest(&self) -> Arc<PluginSet> {
        lock(&self.shared.newest).clone()
    }
}

/// What these locks hold is exchanged as a whole: there is no half-way to be seen after a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl HookSource for PluginHost {
    fn begin(&self, call: CallInfo) -> Box<dyn CallHooks> {
        self.shared.rows.note_runtime();
        let newest = self.newest();
        let (set, told) = self.shared.pins.choose(&call, &newest);
        let at = super::events::now();
        let news = told.filter(|told| *told != set.number);
        let news = news.map(|told| lock(&self.shared.notices).since(told, set.number, at)).unwrap_or_default();
        if set.plugins.is_empty() && news.is_empty() {
            return Box::new(NoHooks);
        }
        Box::new(PluginCall::new(set, call, news))
    }
}
