//! The composition root: from a configuration to the parts of a host, in phases. The only place where rooms meet by
//! name; `serve`, `demo`, `check` and the tests all begin here.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::auth::{Applications, AuthError};
use crate::config::{Config, MirrorConfig, StoreConfig};
use crate::http::Parts;
use crate::mirror::{Mirror, MirrorSettings, Mirrors};
use crate::plugins::{PluginHost, PluginsError};
use crate::protocol::raw_batch::SpillSettings;
use crate::store::sqlite::{SqliteSettings, SqliteStore};
use crate::store::{Store, StoreError};
use crate::task::hand::{Hand, SqlServerHand};
use crate::task::mirror_place::MirrorPlace;

/// A host, ready to serve.
pub struct App {
    pub config: Config,
    pub applications: Arc<Applications>,
    pub store: Arc<dyn Store>,
    pub plugins: Arc<PluginHost>,
    pub mirrors: Arc<Mirrors>,
}

/// Why a host cannot be put together: the phase, and its sentence.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the keys cannot be used: {0}")]
    Keys(#[from] AuthError),
    #[error("the store cannot be used: {0}")]
    Store(#[from] StoreError),
    #[error("the plug-ins cannot be used: {0}")]
    Plugins(#[from] PluginsError),
}

impl App {
    /// Keys, then store, then plug-ins, then the pipeline over them.
    ///
    /// # Errors
    /// The first phase that fails.
    pub fn compose(config: Config) -> Result<Self, StartError> {
        let applications = Arc::new(Applications::load(&config.applications)?);
        let store = open_store(&config.mirror)?;
        let plugins = Arc::new(PluginHost::load(&config.plugins)?);
        let pipeline = |store: Arc<dyn Store>| {
            let settings = MirrorSettings { keys: config.mirror.keys.clone() };
            Arc::new(Mirror::new(store, plugins.clone(), settings))
        };
        let mut folders = BTreeMap::new();
        for folder in config.applications.iter().filter_map(|application| application.folder.clone()) {
            let store = open_store_in(&config.mirror, Some(&folder))?;
            folders.insert(folder, pipeline(store));
        }
        let mirrors = Arc::new(Mirrors::new(pipeline(store.clone()), folders));
        Ok(Self { config, applications, store, plugins, mirrors })
    }

    /// What a server is started with.
    #[must_use]
    pub fn parts(&self) -> Parts {
        Parts {
            config: self.config.server.clone(),
            status: self.config.status.clone(),
            applications: self.applications.clone(),
            mirrors: self.mirrors.clone(),
            plugins: self.plugins.clone(),
            store: self.store.clone(),
            spill: SpillSettings {
                threshold_bytes: self.config.mirror.spill_bytes,
                directory: self.config.mirror.spill_directory.clone(),
            },
        }
    }
}

/// The store of a configuration, without anything else: for commands that work on mirrors alone.
///
/// # Errors
/// Its place cannot be used.
pub fn open_store(config: &MirrorConfig) -> Result<Arc<dyn Store>, StoreError> {
    match &config.store {
        StoreConfig::Sqlite { directory, max_open } => {
            let settings = SqliteSettings { max_open: *max_open, ..SqliteSettings::new(directory) };
            Ok(Arc::new(SqliteStore::open(settings)?))
        }
        StoreConfig::SqlServer { .. } => Err(StoreError::new(
            crate::store::StoreErrorKind::Environment,
            "this build has no SQL Server store; set [mirror] store = \"sqlite\"",
        )),
    }
}

/// Where the configured store keeps a tenant's mirror, to read it and to handle it beside a host: for the simulator.
///
/// # Errors
/// The store's place cannot be used.
pub fn mirror_place(config: &MirrorConfig, tenant: &str) -> Result<MirrorPlace, StoreError> {
    let hand = match &config.store {
        StoreConfig::Sqlite { directory, .. } => {
            return Ok(MirrorPlace::file(directory.join(format!("{tenant}.db")), tenant));
        }
        StoreConfig::SqlServer { connection, database, .. } => {
            Hand::SqlServer(SqlServerHand::of_tenant(connection.expose(), database, tenant))
        }
    };
    Ok(MirrorPlace::in_store(open_store(config)?, hand, tenant))
}

/// The store of one application's folder below the mirror directory; without a folder that of the directory itself.
///
/// # Errors
/// Its place cannot be used.
pub fn open_store_in(config: &MirrorConfig, folder: Option<&str>) -> Result<Arc<dyn Store>, StoreError> {
    let mut config = config.clone();
    if let (StoreConfig::Sqlite { directory, .. }, Some(folder)) = (&mut config.store, folder) {
        directory.push(folder);
    }
    open_store(&config)
}

/// A runtime with room for every call: each may hold three threads that block (decoder, database, plug-in), and a call
/// that waits for a thread while another holds one and waits for it would never end.
///
/// # Errors
/// The system gives no threads.
pub fn runtime(max_calls: usize) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("speil")
        .max_blocking_threads(max_calls.saturating_mul(3).saturating_add(64))
        .build()
}
