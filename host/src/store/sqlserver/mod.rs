//! Mirrors in SQL Server: one database per tenant, on a server that any number of hosts share.
//!
//! | question | room |
//! |---|---|
//! | how is a server reached, and its connections shared out | [`connection`] |
//! | what does an error of the server mean, and who can do something about it | [`errors`] |
//! | which database is a tenant's, who makes it, what is there already | [`place`] |
//! | how names, types and tables are spelled, read and changed | [`schema`] |
//! | how rows go in and out | [`rows`] |
//! | what a mirror is: side tables, metadata, transactions, history | [`mirror`] |
//! | what plug-ins may do themselves | [`guest`] |
//! | every statement, written down | `golden` (tests) |
//! | the server of live tests | `live_server` (tests) |

mod connection;
mod errors;
#[cfg(test)]
mod golden;
mod guest;
#[cfg(test)]
mod live_server;
mod mirror;
mod place;
mod rows;
mod schema;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;

pub use self::place::allowed::Allowed;
pub use self::place::template::Template;
pub use self::schema::draft::{DraftTable, KEY_NAME, Statement, default_name};

use self::connection::connection_string::Target;
use self::connection::pool::{Limits, Pool};
use self::errors::Result;
use self::mirror::database::SqlServerMirror;
use self::mirror::session::Session;
use self::place::route::{Place, Routes, Said};
use self::place::{allowed, create, found, preview, probe};
use super::{Connection, FoundMirror, MirrorDb, Store, StoreError, StoreErrorKind, Takeover, Ticket};
use crate::protocol::context_id::ContextId;
use crate::protocol::table_name::fold;

/// Databases looked into at once when all are listed: one that sleeps (Azure's serverless ones take a minute to wake) must not
/// hold up the others.
const LOOKS: usize = 8;

/// Mirrors whose handles are kept. A handle holds no connection.
const KEPT: usize = 4_096;

/// Servers (with their logins) whose pools are kept. A plug-in decides how many there are.
const POOLS: usize = 64;

/// What a connection string says, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood {
    /// The database it names.
    pub database: Option<String>,
    /// What in it has no effect here, or another one than people may think.
    pub notes: Vec<String>,
}

/// Reads a connection string.
///
/// # Errors
/// A sentence that names the keyword and shows no secret.
pub fn understand(connection: &str) -> Result<Understood, String> {
    let target = Target::parse(connection)?;
    Ok(Understood { notes: target.notes().to_vec(), database: target.database })
}

/// Where mirrors are and how they are reached.
#[derive(Clone)]
pub struct SqlServerSettings {
    /// ADO.NET syntax. Holds secrets: this type has no `Debug`.
    pub connection: String,
    /// The database of a tenant ([`Template`]).
    pub database: String,
    /// The schema of all tables of ours; `None`: the login's default one.
    pub schema: Option<String>,
    /// Where a plug-in may send a tenant ([`Allowed`]).
    pub allowed_connections: Vec<String>,
    /// Connections at once to one server under one login.
    pub max_connections: usize,
    /// How long one statement may take.
    pub command_timeout: Duration,
    /// Azure SQL: the elastic pool that new databases go to.
    pub elastic_pool: Option<String>,
    /// The application's folder, a part of its databases' names.
    pub folder: Option<String>,
}

impl SqlServerSettings {
    /// Settings with the defaults: `Mirror_[contextId]`, the login's schema, 32 connections, 10 minutes.
    #[must_use]
    pub fn new(connection: impl Into<String>) -> Self {
        Self {
            connection: connection.into(),
            database: "Mirror_[contextId]".to_owned(),
            schema: None,
            allowed_connections: Vec::new(),
            max_connections: 32,
            command_timeout: Duration::from_mins(10),
            elastic_pool: None,
            folder: None,
        }
    }
}

/// What the stores of one host's applications have in common.
struct Shared {
    max_connections: usize,
    command_timeout: Duration,
    pools: Mutex<Pools>,
    /// Connections of plug-ins, apart: a call that holds one waits for one of the host's, and must not wait for itself.
    guest_pools: Mutex<Pools>,
    mirrors: Mutex<HashMap<Key, Kept>>,
    /// The server lets only one database be made at a time; so do we, and nobody is refused for it.
    making: tokio::sync::Mutex<()>,
}

/// A server under a login, and the connections to it.
type Pools = HashMap<Arc<Target>, Arc<Pool>>;

/// A database of a server, under a login; its name folded.
type Key = (Arc<Target>, String);

/// A mirror, and whose it is: two applications must not meet in one even if a plug-in sends them there (invariant 5).
struct Kept {
    mirror: Arc<SqlServerMirror>,
    folder: Option<String>,
    place: Place,
}

/// The mirrors of one application, or of all that have no folder of their own.
pub struct SqlServerStore {
    routes: Routes,
    /// As it is configured, without the folder in it.
    template: Template,
    folder: Option<String>,
    schema: Option<String>,
    elastic_pool: Option<String>,
    shared: Arc<Shared>,
}

impl SqlServerStore {
    /// A store over a server. Nothing is connected.
    ///
    /// # Errors
    /// The connection string, the template or a pattern cannot be understood.
    pub fn open(settings: SqlServerSettings) -> Result<Self, StoreError> {
        let shared = Shared {
            max_connections: settings.max_connections,
            command_timeout: settings.command_timeout,
            pools: Mutex::default(),
            guest_pools: Mutex::default(),
            mirrors: Mutex::default(),
            making: tokio::sync::Mutex::default(),
        };
        let wrong =
            |what: &str, why: String| StoreError::new(StoreErrorKind::Environment, format!("[mirror] {what} {why}"));
        let base = Target::parse(&settings.connection)
            .map_err(|why| wrong("connection", format!("is no connection string: {why}")))?;
        let template = Template::parse(&settings.database).map_err(|why| wrong("database", why))?;
        let allowed = settings.allowed_connections.iter().map(|text| Allowed::parse(text));
        let allowed = allowed.collect::<Result<Vec<_>, _>>().map_err(|why| wrong("allowed_connections", why))?;
        let routes = Routes {
            said: Said { database: base.database.clone(), notes: base.notes().to_vec() },
            base: Arc::new(base.normalised()),
            template: template.in_folder(settings.folder.as_deref()),
            allowed,
        };
        Ok(Self {
            routes,
            template,
            folder: settings.folder,
            schema: settings.schema,
            elastic_pool: settings.elastic_pool,
            shared: Arc::new(shared),
        })
    }

    /// The store of an application's folder on the same server, with the same connections.
    #[must_use]
    pub fn in_folder(&self, folder: &str) -> Self {
        let routes = Routes {
            said: self.routes.said.clone(),
            base: Arc::clone(&self.routes.base),
            template: self.template.in_folder(Some(folder)),
            allowed: self.routes.allowed.clone(),
        };
        Self {
            routes,
            template: self.template.clone(),
            folder: Some(folder.to_owned()),
            schema: self.schema.clone(),
            elastic_pool: self.elastic_pool.clone(),
            shared: Arc::clone(&self.shared),
        }
    }

    /// The pool of a server under a login, the same one for all who ask.
    fn pool(&self, target: &Arc<Target>) -> Arc<Pool> {
        self.pool_of(&self.shared.pools, target, self.shared.max_connections)
    }

    /// The same for statements of plug-ins: a quarter as many.
    fn guest_pool(&self, target: &Arc<Target>) -> Arc<Pool> {
        self.pool_of(&self.shared.guest_pools, target, self.shared.max_connections.div_ceil(4))
    }

    fn pool_of(&self, pools: &Mutex<Pools>, target: &Arc<Target>, connections: usize) -> Arc<Pool> {
        let mut pools = pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(target) {
            return Arc::clone(pool);
        }
        if pools.len() >= POOLS {
            // Those that no mirror and no call uses; a plug-in that makes up servers fills no memory.
            pools.retain(|kept, pool| Arc::strong_count(pool) > 1 || *kept == self.routes.base);
        }
        let limits = Limits { connections, command_timeout: Some(self.shared.command_timeout), ..Limits::default() };
        let pool = Pool::new(Arc::clone(target), limits);
        pools.insert(Arc::clone(target), Arc::clone(&pool));
        pool
    }

    /// The handle of a database that was opened before; one of another application's is refused.
    fn kept(&self, tenant: &ContextId, place: &Place) -> Result<Option<Arc<SqlServerMirror>>> {
        let key = (Arc::clone(&place.target), fold(&place.database));
        let mirrors = self.shared.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
        match mirrors.get(&key) {
            Some(kept) if kept.folder != self.folder => Err(self.anothers(place, kept.folder.as_deref())),
            // Another tenant's handle: the database itself will say whose it is.
            Some(kept) if kept.mirror.tenant() != tenant => Ok(None),
            Some(kept) => Ok(Some(Arc::clone(&kept.mirror))),
            None => Ok(None),
        }
    }

    /// Keeps the handle of a database that has turned out to be this tenant's. When two came at once, both get the first.
    fn keep(&self, mirror: Arc<SqlServerMirror>, place: &Place) -> Result<Arc<SqlServerMirror>> {
        let tenant = mirror.tenant().clone();
        {
            let key = (Arc::clone(&place.target), fold(&place.database));
            let mut mirrors = self.shared.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
            if mirrors.len() >= KEPT {
                mirrors.retain(|_, kept| Arc::strong_count(&kept.mirror) > 1);
            }
            let kept = Kept { mirror: Arc::clone(&mirror), folder: self.folder.clone(), place: place.clone() };
            let kept = mirrors.entry(key).or_insert(kept);
            if *kept.mirror.tenant() != tenant {
                // The database was dropped and made anew for another tenant.
                kept.mirror = Arc::clone(&mirror);
            }
        }
        Ok(self.kept(&tenant, place)?.unwrap_or(mirror))
    }

    fn handle(&self, tenant: &ContextId, place: &Place) -> Arc<SqlServerMirror> {
        let pool = self.pool(&place.target);
        let session = Session::new(tenant.clone(), pool, place.database.clone(), self.schema.clone());
        Arc::new(SqlServerMirror::new(session, self.guest_pool(&place.target)))
    }

    fn anothers(&self, place: &Place, folder: Option<&str>) -> StoreError {
        let whose =
            |folder: Option<&str>| folder.map_or_else(|| "no folder".to_owned(), |name| format!("folder = {name:?}"));
        StoreError::new(
            StoreErrorKind::Connection,
            format!(
                "the database {} is the mirror of the application with {}; the one with {} must have another: let the \
                 resolve-connection plug-in tell them apart",
                place.shown(),
                whose(folder),
                whose(self.folder.as_deref())
            ),
        )
    }

    /// The mirror at a place; `None` if there is no database, or none of ours in it, and none may be made.
    async fn open_at(&self, tenant: &ContextId, place: &Place, create: bool) -> Result<Option<Arc<dyn MirrorDb>>> {
        let pool = self.pool(&place.target);
        if !create::is_there(&pool, &place.database).await? {
            if !create {
                return Ok(None);
            }
            let _one_at_a_time = self.shared.making.lock().await;
            if !create::is_there(&pool, &place.database).await? {
                create::make(&pool, &place.database, self.elastic_pool.as_deref()).await?;
            }
        } else if !create && found::tenant_of(&pool, &place.database, self.schema.as_deref()).await?.is_none() {
            return Ok(None);
        }
        if let Some(mirror) = self.kept(tenant, place)? {
            mirror.ready(create).await?;
            return Ok(Some(mirror));
        }
        let mirror = self.handle(tenant, place);
        mirror.ready(create).await?;
        Ok(Some(self.keep(mirror, place)?))
    }

    /// Databases on the configured server that may be mirrors of this store: by the template, or by a pattern that lets plug-ins
    /// send tenants to them. Beside them those this host has opened elsewhere.
    async fn candidates(&self) -> Result<Vec<(Place, Option<String>)>> {
        let base = &self.routes.base;
        let server = allowed::Server::of(base);
        let mut candidates = Vec::new();
        for database in found::databases(&self.pool(base)).await? {
            let by_template = match self.folder {
                None => self.template.matches_in_any_folder(&database.name),
                Some(_) => self.routes.template.matches(&database.name),
            };
            if by_template || self.routes.allowed.iter().any(|allowed| allowed.allows(&server, &database.name)) {
                let place = Place { target: Arc::clone(base), database: database.name };
                candidates.push((place, database.closed));
            }
        }
        let mirrors = self.shared.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
        for kept in mirrors.values() {
            let is_known = |(place, _): &(Place, _)| {
                fold(&place.database) == fold(&kept.place.database)
                    && allowed::Server::of(&place.target) == allowed::Server::of(&kept.place.target)
            };
            let elsewhere = allowed::Server::of(&kept.place.target) != server;
            if elsewhere && (self.folder.is_none() || kept.folder == self.folder) && !candidates.iter().any(is_known) {
                candidates.push((kept.place.clone(), None));
            }
        }
        Ok(candidates)
    }

    /// One line of the list; `None` if the database is no mirror of ours.
    async fn found(&self, place: Place, closed: Option<String>) -> Option<FoundMirror> {
        let shown = place.shown();
        let unreadable = |error| FoundMirror { name: place.database.clone(), place: shown.clone(), mirror: Err(error) };
        if let Some(why) = closed {
            let message = format!("the database {} is {why}", place.database);
            return Some(unreadable(StoreError::new(StoreErrorKind::Environment, message)));
        }
        let pool = self.pool(&place.target);
        match found::tenant_of(&pool, &place.database, self.schema.as_deref()).await {
            Ok(None) => None,
            Err(error) => Some(unreadable(error)),
            Ok(Some(name)) => {
                let mirror = match ContextId::new(name.as_str()) {
                    Ok(tenant) => self.opened(&tenant, &place).await,
                    Err(why) => {
                        Err(StoreError::new(StoreErrorKind::Corrupt, format!("the database {}: {why}", place.database)))
                    }
                };
                Some(FoundMirror { name, place: shown, mirror })
            }
        }
    }

    /// A mirror for looking at: also one that another application of this host has.
    async fn opened(&self, tenant: &ContextId, place: &Place) -> Result<Arc<dyn MirrorDb>> {
        let key = (Arc::clone(&place.target), fold(&place.database));
        let kept = {
            let mirrors = self.shared.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
            mirrors.get(&key).filter(|kept| kept.mirror.tenant() == tenant).map(|kept| Arc::clone(&kept.mirror))
        };
        // One that was only looked at is not kept: it says nothing about which application writes to it.
        let mirror = kept.unwrap_or_else(|| self.handle(tenant, place));
        mirror.ready(false).await?;
        Ok(mirror)
    }
}

#[async_trait]
impl Store for SqlServerStore {
    fn engine(&self) -> &'static str {
        "sqlserver"
    }

    async fn open(&self, tenant: &ContextId, connection: Option<&Connection>) -> Result<Arc<dyn MirrorDb>, StoreError> {
        let place = self.routes.place(tenant, connection)?;
        let opened = self.open_at(tenant, &place, true).await?;
        opened.ok_or_else(|| StoreError::new(StoreErrorKind::Internal, "a database that was made is not there"))
    }

    async fn open_again(
        &self,
        tenant: &ContextId,
        connection: Option<&Connection>,
    ) -> Result<(Arc<dyn MirrorDb>, Ticket), StoreError> {
        let place = self.routes.place(tenant, connection)?;
        // Taking the ticket asks whose database it is. Whatever is wrong with it, opening it properly mends or tells.
        if let Some(mirror) = self.kept(tenant, &place)?
            && let Ok(ticket) = mirror.ticket_at_once().await
        {
            return Ok((mirror, ticket));
        }
        let mirror = self.open(tenant, connection).await?;
        let ticket = mirror.ticket().await?;
        Ok((mirror, ticket))
    }

    async fn open_existing(
        &self,
        tenant: &ContextId,
        connection: Option<&Connection>,
    ) -> Result<Option<Arc<dyn MirrorDb>>, StoreError> {
        let place = self.routes.place(tenant, connection)?;
        self.open_at(tenant, &place, false).await
    }

    async fn list(&self) -> Result<Vec<FoundMirror>, StoreError> {
        let looks = self.candidates().await?.into_iter().map(|(place, closed)| self.found(place, closed));
        let mut found: Vec<FoundMirror> =
            futures_util::stream::iter(looks).buffer_unordered(LOOKS).filter_map(std::future::ready).collect().await;
        found.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.place.cmp(&b.place)));
        Ok(found)
    }

    async fn check(&self) -> Result<String, StoreError> {
        probe::check(&self.pool(&self.routes.base), &self.routes).await
    }

    async fn takeovers(&self) -> Result<Vec<Takeover>, StoreError> {
        let pool = self.pool(&self.routes.base);
        let databases = found::databases(&pool).await?;
        let ours = databases.into_iter().filter(|one| self.routes.template.matches(&one.name) && one.closed.is_none());
        let looks = ours.map(|one| {
            let place = Place { target: Arc::clone(&self.routes.base), database: one.name.clone() };
            let pool = &pool;
            async move {
                let shown = place.shown();
                match preview::preview(pool, &one.name, shown.clone(), self.schema.as_deref()).await {
                    Ok(found) => found,
                    // One database that cannot be looked into hides no other.
                    Err(error) => {
                        vec![Takeover { place: shown, trouble: Some(error.to_string()), ..Takeover::default() }]
                    }
                }
            }
        });
        let mut found: Vec<Takeover> = futures_util::stream::iter(looks)
            .buffer_unordered(LOOKS)
            .flat_map(futures_util::stream::iter)
            .collect()
            .await;
        found.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(found)
    }

    async fn close(&self) {
        let pools: Vec<Arc<Pool>> = {
            let pools = self.shared.pools.lock().unwrap_or_else(PoisonError::into_inner);
            pools.values().cloned().collect()
        };
        for pool in pools {
            pool.close_idle();
        }
    }
}
