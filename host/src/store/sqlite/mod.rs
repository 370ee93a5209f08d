//! Mirrors in SQLite: one file per tenant, which opens with any SQLite tool.
//!
//! | question | file |
//! |---|---|
//! | where is a tenant's file | [`place`] |
//! | how is it opened | [`open`], [`pool`] (which files are open), [`session`] (transactions) |
//! | whose file is it, which tables of ours are beside the mirrored ones | [`side_tables`] |
//! | a row of the metadata table | [`metadata`] |
//! | what is known of a table, is it ours | [`known`] |
//! | what is really in the database | [`catalog`] |
//! | making, emptying, dropping tables | [`tables`], [`ddl`] |
//! | changing a table with its rows | [`alter`] |
//! | rows in | [`writer`] (transaction and LSN), [`rows`] (statements), [`feed`] (a batch as a table to them), [`values`] |
//! | rows out | [`read`] |
//! | indexes | [`indexes`] |
//! | history | [`history`] |
//! | what plug-ins may do themselves | [`guest`] |

mod alter;
mod catalog;
mod ddl;
mod errors;
mod feed;
mod guest;
mod history;
mod ident;
mod indexes;
mod known;
mod log;
mod metadata;
mod mirror;
mod open;
mod place;
mod pool;
mod quarantine;
mod read;
mod rows;
mod session;
mod side_tables;
mod tables;
mod values;
mod writer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;

use self::errors::{Result, at, file_system, lost_task};
use self::mirror::SqliteMirror;
use self::open::Access;
use self::pool::Gate;
use self::session::Session;
use super::rules::definitions::Definitions;
use super::{Connection, FoundMirror, MirrorDb, Store, StoreError, StoreErrorKind};
use crate::protocol::context_id::ContextId;
use crate::threads;

/// How deep below the directory mirrors are looked for.
const DEPTH: usize = 8;

/// Where mirrors are and how many of them may be open.
#[derive(Debug, Clone)]
pub struct SqliteSettings {
    /// The folder of all mirror files; made when the first mirror is.
    pub directory: PathBuf,
    /// Mirrors with open files at once.
    pub max_open: usize,
    /// How long a write waits while another program holds a file locked.
    pub busy_timeout: Duration,
}

impl SqliteSettings {
    /// Settings with the defaults: 64 mirrors open, ten seconds for other programs.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), max_open: 64, busy_timeout: Duration::from_secs(10) }
    }
}

/// All mirrors below one directory.
pub struct SqliteStore {
    settings: SqliteSettings,
    gate: Arc<Gate>,
    mirrors: Mutex<HashMap<PathBuf, Weak<SqliteMirror>>>,
    definitions: Arc<Definitions>,
}

impl SqliteStore {
    /// A store over a directory, which need not exist yet. Nothing is opened.
    ///
    /// # Errors
    /// The directory is a relative path and the current one cannot be told.
    pub fn open(settings: SqliteSettings) -> Result<Self, StoreError> {
        let SqliteSettings { directory, max_open, busy_timeout } = settings;
        let directory = std::path::absolute(&directory)
            .map_err(|error| file_system("cannot tell the place of the mirror directory", &directory, error))?;
        let settings = SqliteSettings { directory, max_open, busy_timeout };
        let gate = Gate::new(settings.max_open);
        Ok(Self { gate, settings, mirrors: Mutex::default(), definitions: Arc::default() })
    }

    /// How many mirrors have files open now, for metrics.
    #[must_use]
    pub fn open_now(&self) -> usize {
        self.gate.open_now()
    }

    fn place_of(&self, tenant: &ContextId, connection: Option<&Connection>) -> Result<PathBuf> {
        let directory = &self.settings.directory;
        match connection {
            None => Ok(place::configured(directory, tenant)),
            Some(connection) => place::connected(directory, tenant, connection),
        }
    }

    /// The handle of a file, the same one for all who ask, unless they ask for another tenant.
    fn mirror_at(&self, tenant: &ContextId, path: &Path) -> Arc<SqliteMirror> {
        let mut mirrors = self.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mirror) = mirrors.get(path).and_then(Weak::upgrade)
            && mirror.tenant() == tenant
        {
            return mirror;
        }
        mirrors.retain(|_, mirror| mirror.strong_count() > 0);
        let session = Session::new(
            tenant.clone(),
            path.to_path_buf(),
            self.settings.directory.clone(),
            Arc::clone(&self.gate),
            self.settings.busy_timeout,
        );
        let mirror = Arc::new(SqliteMirror::new(session, Arc::clone(&self.definitions)));
        mirrors.insert(path.to_path_buf(), Arc::downgrade(&mirror));
        mirror
    }

    async fn open_at(&self, tenant: &ContextId, path: &Path, create: bool) -> Result<Arc<dyn MirrorDb>> {
        let mirror = self.mirror_at(tenant, path);
        mirror.ready(create).await?;
        Ok(mirror)
    }

    async fn found(&self, path: PathBuf) -> Option<FoundMirror> {
        let file = path.clone();
        let busy_timeout = self.settings.busy_timeout;
        let peek = move || {
            let read = |access| side_tables::stored_tenant(&open::open(&file, access, busy_timeout)?);
            match read(Access::Read) {
                // Killed in the middle: a reader cannot play the journal back.
                Err(error) if errors::needs_a_writer(&error) => read(Access::Write { create: false }),
                found => found,
            }
        };
        let tenant = threads::blocking(peek).await.map_err(lost_task).and_then(|found| found.map_err(at(&path)));
        let (name, mirror) = match tenant {
            // Another program's database, or a file made a moment ago.
            Ok(None) => return None,
            Ok(Some(name)) => {
                let mirror = match ContextId::new(name.as_str()) {
                    Ok(tenant) => self.open_at(&tenant, &path, false).await,
                    Err(why) => {
                        Err(StoreError::new(StoreErrorKind::Corrupt, format!("mirror file {}: {why}", path.display())))
                    }
                };
                (name, mirror)
            }
            Err(error) => (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), Err(error)),
        };
        Some(FoundMirror { name, place: path.display().to_string(), mirror })
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn engine(&self) -> &'static str {
        "sqlite"
    }

    fn blocks(&self) -> bool {
        true
    }

    async fn open(&self, tenant: &ContextId, connection: Option<&Connection>) -> Result<Arc<dyn MirrorDb>, StoreError> {
        let path = self.place_of(tenant, connection)?;
        self.open_at(tenant, &path, true).await
    }

    async fn open_existing(
        &self,
        tenant: &ContextId,
        connection: Option<&Connection>,
    ) -> Result<Option<Arc<dyn MirrorDb>>, StoreError> {
        let path = self.place_of(tenant, connection)?;
        match path.try_exists() {
            Ok(true) => self.open_at(tenant, &path, false).await.map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(file_system("cannot look for the mirror file", &path, error)),
        }
    }

    async fn list(&self) -> Result<Vec<FoundMirror>, StoreError> {
        let directory = self.settings.directory.clone();
        let files = tokio::task::spawn_blocking(move || mirror_files(&directory)).await.map_err(lost_task)??;
        let mut found = Vec::new();
        for path in files {
            found.extend(self.found(path).await);
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    async fn check(&self) -> Result<String, StoreError> {
        let settings = self.settings.clone();
        tokio::task::spawn_blocking(move || probe(&settings)).await.map_err(lost_task)?
    }

    async fn close(&self) {
        if let Err(error) = self.gate.close_idle().await {
            tracing::warn!(%error, "mirror files were not closed in order; they recover when they are next opened");
        }
    }
}

/// Every `.db` file below the directory, links aside, in order of their paths. A directory not made yet has none.
fn mirror_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![(directory.to_path_buf(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if depth == 0 && error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
            Err(error) if depth == 0 => return Err(file_system("cannot read the mirror directory", &folder, error)),
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "a folder of mirrors cannot be read");
                continue;
            }
        };
        for entry in entries {
            let entry = entry.map_err(|error| file_system("cannot read the folder", &folder, error))?;
            let kind = entry.file_type().map_err(|error| file_system("cannot look at", &entry.path(), error))?;
            let path = entry.path();
            if kind.is_dir() && depth < DEPTH {
                folders.push((path, depth + 1));
            } else if kind.is_file() && path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("db")) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Makes, writes and removes a database where mirrors would be.
fn probe(settings: &SqliteSettings) -> Result<String> {
    let directory = &settings.directory;
    let existing = directory.ancestors().find(|folder| folder.exists()).unwrap_or(directory);
    let folder = tempfile::Builder::new()
        .prefix("speil-check-")
        .tempdir_in(existing)
        .map_err(|error| file_system("mirrors cannot be made: cannot write in", existing, error))?;
    let file = folder.path().join("check.db");
    let try_it = || {
        let db = open::open(&file, Access::Write { create: true }, settings.busy_timeout)?;
        open::enter_wal(&db)?;
        db.execute_batch("CREATE TABLE probe (id INTEGER PRIMARY KEY); INSERT INTO probe VALUES (1)")?;
        Ok(())
    };
    try_it().map_err(at(&file))?;
    folder
        .close()
        .map_err(|error| file_system("mirrors can be made but not removed: cannot remove", existing, error))?;
    Ok(format!("SQLite {} can make and write mirrors in {}", rusqlite::version(), directory.display()))
}
