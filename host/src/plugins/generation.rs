//! One generation of plug-ins: fixed from loading to dropping. A call keeps the one it began with, so that a swap never
//! changes anything under a call at work.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::component::{Plugin, Step};
use super::digest::{self, Builder, Digest};
use super::engine::Machine;
use super::hook::Hook;
use super::transform::cache::PlanCache;
use crate::protocol::context_id::ContextId;

/// See above.
pub struct PluginSet {
    /// Counted up from 0, which is the empty one before the first.
    pub(super) number: u64,
    /// Keeps the engine's clock going, and counts instances; `None` only where there is no plug-in.
    pub(super) machine: Option<Arc<Machine>>,
    /// In the order they are called, broken ones included. What has not changed is shared with the generation before.
    pub(super) plugins: Vec<Arc<Plugin>>,
    /// What lies in the folder and does not run, by plug-in.
    pub(super) pending: BTreeMap<String, Pending>,
    pub(super) plans: PlanCache,
    /// What rows are made by: see [`rows_are_made_by`].
    pub(super) rows: Digest,
    /// What the plug-ins of the generation before had worked on.
    pub(super) earlier: BTreeMap<String, Known>,
}

/// Tables that a transform has been seen to work on, and whose they are.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub tables: BTreeSet<String>,
    pub tenants: BTreeSet<ContextId>,
}

/// A version that lies in the folder and does not run; the one before does, if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pending {
    /// It cannot be used.
    Broken { reason: String },
    /// It asks for more than was approved: these lines. What is filled anew once it runs, if it is a transform.
    Approval { digest: Option<Digest>, more: Vec<String>, refills: Option<String> },
}

impl Pending {
    /// A sentence for people, without the plug-in's name.
    #[must_use]
    pub fn sentence(&self, name: &str) -> String {
        match self {
            Self::Broken { reason } => format!("the file that came cannot be used: {reason}"),
            Self::Approval { digest, more, refills } => {
                let refills = refills.as_deref().map(|refills| format!("; {refills}")).unwrap_or_default();
                let digest = digest.as_ref().map(digest::to_hex).unwrap_or_default();
                format!(
                    "the version that came ({}) asks for more than the approved one: {}; `speil plugin approve {name}` \
                     lets it run{refills}",
                    digest.get(..12).unwrap_or_default(),
                    more.join(", ")
                )
            }
        }
    }
}

impl PluginSet {
    /// The one before any was loaded.
    pub fn empty() -> Self {
        Self::new(0, None, Vec::new(), BTreeMap::new())
    }

    pub fn new(
        number: u64,
        machine: Option<Arc<Machine>>,
        plugins: Vec<Arc<Plugin>>,
        pending: BTreeMap<String, Pending>,
    ) -> Self {
        let rows = rows_are_made_by(&plugins);
        Self { number, machine, plugins, pending, plans: PlanCache::default(), rows, earlier: BTreeMap::new() }
    }

    /// A plug-in by its name.
    pub fn find(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.plugins.iter().find(|plugin| plugin.name == name)
    }

    /// Whether a transform that cannot be used keeps rows out.
    pub fn is_blocked(&self) -> bool {
        self.plugins.iter().any(|plugin| plugin.has(Hook::Transform) && plugin.linked.is_err())
    }

    /// Whether a plug-in waits for approval and none of its versions runs.
    pub fn is_refused(plugin: &Plugin) -> bool {
        plugin.linked.as_ref().is_err_and(|broken| broken.step == Step::Approval)
    }
}

/// Digest over the transforms in order, each with its file, revision, configuration, secrets and tenants. Rows of one table made by two
/// generations in which this is the same were made by the same.
fn rows_are_made_by(plugins: &[Arc<Plugin>]) -> Digest {
    let mut builder = Builder::new("speil rows are made by 1");
    for plugin in plugins.iter().filter(|plugin| plugin.has(Hook::Transform)) {
        builder = builder.bytes(plugin.name.as_bytes());
        builder = builder.bytes(plugin.read.as_ref().map_or(&[], Digest::as_slice));
        builder = builder.number(usize::from(plugin.linked.is_ok()));
        let revision = plugin.sidecar.as_ref().ok().and_then(|sidecar| sidecar.revision.as_deref());
        builder = builder.bytes(revision.unwrap_or_default().as_bytes()).config(&plugin.made_with());
        builder = builder.texts(plugin.tenants().unwrap_or_default().iter().map(String::as_str));
    }
    builder.finish()
}
