//! How a plug-in is: what `speil plugin list`, `/plugins`, `/readyz` and `/metrics` show.

use std::time::Instant;

use super::breaker::Paused;
use super::component::Plugin;
use super::counters::{Count, LastError};
use super::digest;
use super::generation::{Pending, PluginSet};
use super::hook::Hook;

/// One word for how a plug-in is; the worst wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginState {
    /// All is well.
    Running,
    /// It runs, but for hooks that kept failing and are left alone for a while.
    Paused,
    /// It runs as it was: the version in the folder cannot be used.
    Outdated,
    /// It waits for approval; the approved version runs, if there is one.
    Waiting,
    /// It cannot be used.
    Broken,
}

impl PluginState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Running, Self::Paused, Self::Outdated, Self::Waiting, Self::Broken];

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Outdated => "outdated",
            Self::Waiting => "waiting",
            Self::Broken => "broken",
        }
    }
}

/// What is known of one plug-in.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PluginStatus {
    pub name: String,
    pub state: PluginState,
    /// SHA-256 of the component's file that runs, in hex.
    pub digest: Option<String>,
    /// `revision` of its sidecar.
    pub revision: Option<String>,
    /// The hooks it is called for, or would be if it were not broken; `None`: not known.
    pub hooks: Option<Vec<&'static str>>,
    /// Why it cannot be used.
    pub broken: Option<String>,
    /// Whether that fails TableSchema and RowData calls.
    pub blocks_rows: bool,
    /// What lies in the folder and does not run: a sentence.
    pub pending: Option<String>,
    /// Of a transform of which another version waits for approval: the tables it has worked on since the start, with their rows
    /// and tenants. `null` where nothing is known, or nobody asked ([`super::PluginHost::list_counted`]).
    pub worked_on: Option<String>,
    /// Functions that are left alone for a while.
    pub paused: Vec<Paused>,
    /// Its functions called since this version came.
    pub counts: Vec<Count>,
    pub last_error: Option<LastError>,
}

impl PluginStatus {
    pub(super) fn of(plugin: &Plugin, pending: Option<&Pending>, now: Instant) -> Self {
        let broken = plugin.linked.as_ref().err();
        let paused = plugin.breakers.paused(now);
        let state = match (broken, pending) {
            (Some(_), _) if PluginSet::is_refused(plugin) => PluginState::Waiting,
            (Some(_), _) => PluginState::Broken,
            (None, Some(Pending::Approval { .. })) => PluginState::Waiting,
            (None, Some(Pending::Broken { .. })) => PluginState::Outdated,
            (None, None) if !paused.is_empty() => PluginState::Paused,
            (None, None) => PluginState::Running,
        };
        Self {
            name: plugin.name.clone(),
            state,
            digest: plugin.read.as_ref().ok().map(digest::to_hex),
            revision: plugin.sidecar.as_ref().ok().and_then(|sidecar| sidecar.revision.clone()),
            hooks: plugin.hooks().map(|hooks| hooks.into_iter().map(Hook::name).collect()),
            broken: broken.map(|broken| broken.reason.clone()),
            blocks_rows: broken.is_some() && plugin.has(Hook::Transform),
            pending: pending.map(|pending| pending.sentence(&plugin.name)),
            worked_on: None,
            paused,
            counts: plugin.counters.snapshot(),
            last_error: plugin.counters.last_error(),
        }
    }

    /// What an operator should know though it runs, if anything: a sentence.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        if let Some(pending) = &self.pending {
            return Some(format!("the version before runs; {pending}"));
        }
        let paused: Vec<String> = self
            .paused
            .iter()
            .map(|paused| {
                let (function, seconds, left_out) = (paused.function, paused.seconds, paused.left_out);
                format!("{function} kept failing and is left alone, to be tried again in {seconds} s ({left_out} calls left out)")
            })
            .collect();
        (!paused.is_empty()).then(|| paused.join("; "))
    }
}
