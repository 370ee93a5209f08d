//! The composition root: from a configuration to the parts of a host, in phases. The only place where rooms meet by
//! name; `serve`, `demo`, `check` and the tests all begin here.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::auth::{Applications, AuthError};
use crate::config::{Config, MirrorConfig, StoreConfig};
use crate::http::Parts;
use crate::mirror::{Mirror, MirrorSettings, Mirrors};
use crate::plugins::{MirrorRows, PluginHost, PluginsError};
use crate::protocol::raw_batch::SpillSettings;
use crate::store::sqlite::{SqliteSettings, SqliteStore};
use crate::store::sqlserver::{SqlServerSettings, SqlServerStore};
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
        let store = Opened::of(&config.mirror)?;
        let plugins = Arc::new(PluginHost::load(&config.plugins)?);
        let pipeline = |store: Arc<dyn Store>| {
            let settings = MirrorSettings { keys: config.mirror.keys.clone() };
            Arc::new(Mirror::new(store, plugins.clone(), settings))
        };
        let mut folders = BTreeMap::new();
        for folder in config.applications.iter().filter_map(|application| application.folder.clone()) {
            let store = store.in_folder(&config.mirror, &folder)?;
            folders.insert(folder, pipeline(store));
        }
        let store = store.root();
        let mirrors = Arc::new(Mirrors::new(pipeline(store.clone()), folders));
        let rows: Arc<dyn MirrorRows> = mirrors.clone();
        plugins.count_rows_by(Arc::downgrade(&rows));
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

/// The store of a configuration, from which those of applications' folders are made.
enum Opened {
    Sqlite(Arc<SqliteStore>),
    SqlServer(Arc<SqlServerStore>),
}

impl Opened {
    fn of(config: &MirrorConfig) -> Result<Self, StoreError> {
        match &config.store {
            StoreConfig::Sqlite { directory, max_open } => {
                let settings = SqliteSettings { max_open: *max_open, ..SqliteSettings::new(directory) };
                Ok(Self::Sqlite(Arc::new(SqliteStore::open(settings)?)))
            }
            StoreConfig::SqlServer(config) => {
                let settings = SqlServerSettings {
                    connection: config.connection.expose().to_owned(),
                    database: config.database.clone(),
                    schema: config.schema.clone(),
                    allowed_connections: config.allowed_connections.clone(),
                    max_connections: config.max_connections,
                    command_timeout: config.command_timeout,
                    elastic_pool: config.elastic_pool.clone(),
                    folder: None,
                };
                Ok(Self::SqlServer(Arc::new(SqlServerStore::open(settings)?)))
            }
        }
    }

    fn root(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => store.clone(),
            Self::SqlServer(store) => store.clone(),
        }
    }

    /// SQLite has a folder of its own for it; on SQL Server its databases have other names, and the connections are shared.
    fn in_folder(&self, config: &MirrorConfig, folder: &str) -> Result<Arc<dyn Store>, StoreError> {
        match self {
            Self::Sqlite(_) => {
                let mut config = config.clone();
                if let StoreConfig::Sqlite { directory, .. } = &mut config.store {
                    directory.push(folder);
                }
                open_store(&config)
            }
            Self::SqlServer(store) => Ok(Arc::new(store.in_folder(folder))),
        }
    }
}

/// The store of a configuration, without anything else: for commands that work on mirrors alone.
///
/// # Errors
/// Its place cannot be used.
pub fn open_store(config: &MirrorConfig) -> Result<Arc<dyn Store>, StoreError> {
    Ok(Opened::of(config)?.root())
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
        StoreConfig::SqlServer(server) => {
            Hand::SqlServer(SqlServerHand::of_tenant(server.connection.expose(), &server.database, tenant))
        }
    };
    Ok(MirrorPlace::in_store(open_store(config)?, hand, tenant))
}

/// The store of one application's folder; without a folder that of applications that have none.
///
/// # Errors
/// Its place cannot be used.
pub fn open_store_in(config: &MirrorConfig, folder: Option<&str>) -> Result<Arc<dyn Store>, StoreError> {
    let opened = Opened::of(config)?;
    match folder {
        None => Ok(opened.root()),
        Some(folder) => opened.in_folder(config, folder),
    }
}

/// A runtime with room for every call: each may hold five threads that block (decoding, its own, typing, the database beside a
/// plug-in, that plug-in's own statement), and a call that waits for a thread while another holds one and waits for it would never end.
///
/// # Errors
/// The system gives no threads.
pub fn runtime(max_calls: usize) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("speil")
        .max_blocking_threads(max_calls.saturating_mul(5).saturating_add(64))
        .build()
}
