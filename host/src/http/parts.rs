//! What a server is made of, and what all its requests share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::admin;
use super::health::Readiness;
use super::metrics::Metrics;
use super::room::{Room, RoomLimits};
use super::troubles::Troubles;
use super::work::Work;
use crate::auth::Applications;
use crate::config::{ServerConfig, StatusConfig};
use crate::mirror::Mirrors;
use crate::plugins::PluginHost;
use crate::protocol::decode::{KnownTables, Limits};
use crate::protocol::raw_batch::SpillSettings;
use crate::store::Store;

/// Everything a server needs, ready made ([`crate::app`] makes it from a configuration).
pub struct Parts {
    pub config: ServerConfig,
    pub status: StatusConfig,
    pub applications: Arc<Applications>,
    pub mirrors: Arc<Mirrors>,
    pub plugins: Arc<PluginHost>,
    pub store: Arc<dyn Store>,
    pub spill: SpillSettings,
}

/// What all requests share.
pub(super) struct Shared {
    pub(super) config: ServerConfig,
    pub(super) status: StatusConfig,
    pub(super) applications: Arc<Applications>,
    pub(super) mirrors: Arc<Mirrors>,
    pub(super) plugins: Arc<PluginHost>,
    pub(super) store: Arc<dyn Store>,
    pub(super) spill: SpillSettings,
    pub(super) limits: Limits,
    /// Read under these limits.
    pub(super) known_tables: KnownTables,
    pub(super) metrics: Arc<Metrics>,
    pub(super) troubles: Arc<Troubles>,
    /// Room for calls to be worked on.
    pub(super) room: Room,
    /// Connections open.
    pub(super) connections: Work,
    /// Calls under way.
    pub(super) calls: Work,
    /// The host is being stopped.
    pub(super) stop: CancellationToken,
    /// At once: calls under way are cut off.
    pub(super) kill: CancellationToken,
    pub(super) overview: admin::Kept,
    pub(super) readiness: Readiness,
}

impl Shared {
    pub(super) fn new(parts: Parts, calls: Work, stop: CancellationToken, kill: CancellationToken) -> Self {
        let metrics = Arc::new(Metrics::new());
        let room = RoomLimits {
            calls: parts.config.max_calls,
            calls_of_tenant: parts.config.max_calls_per_tenant,
            waiting: parts.config.max_waiting_calls,
            wait: parts.config.call_wait,
        };
        Self {
            troubles: Arc::new(Troubles::new(metrics.clone())),
            room: Room::new(room),
            connections: Work::new(),
            config: parts.config,
            status: parts.status,
            applications: parts.applications,
            mirrors: parts.mirrors,
            plugins: parts.plugins,
            store: parts.store,
            spill: parts.spill,
            limits: Limits::default(),
            known_tables: KnownTables::default(),
            metrics,
            calls,
            stop,
            kill,
            overview: admin::Kept::default(),
            readiness: Readiness::default(),
        }
    }
}
