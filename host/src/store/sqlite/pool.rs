//! Who may use a mirror's connections, and which mirrors have files open.
//!
//! Each mirror has one writing connection behind a fair lock, and a few reading ones. A lease is owned and moves with the
//! work to the thread that does it; wherever it ends, its transaction is taken back and the connection goes home clean.
//! At most `max_open` mirrors have files open. One more closes the one that was idle longest; when none is idle, it waits. A
//! mirror that was closed opens again when it is next used. One that turned out to be damaged is closed as soon as nobody uses it:
//! whoever mends it needs no restart, and nothing that was read before is written into what he puts there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::Connection;
use tokio::sync::{Notify, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use super::errors::{Result, lost_task};
use super::feed::Feed;
use super::log::Log;
use crate::protocol::context_id::ContextId;
use crate::store::{StoreError, StoreErrorKind};

/// Readers of one mirror at once, and those kept open between uses.
const READERS: usize = 4;

/// A connection and what is known of the database behind it.
pub(super) struct Conn {
    pub db: Connection,
    /// `PRAGMA schema_version` at which every table of ours was seen to be there.
    pub verified: Option<i64>,
    /// Of the writing connection.
    pub feed: Option<Feed>,
}

/// The open connections of one mirror.
pub(super) struct Files {
    readers: Mutex<Vec<Conn>>,
    // Dropped after the readers: only the writer may fold the log into the file, and only the last to close does.
    writer: Arc<tokio::sync::Mutex<Option<Conn>>>,
    reading: Arc<Semaphore>,
    log: Arc<Log>,
    /// Whose file was opened, and which file it was; set once the tables of ours are known to be there.
    opened: OnceLock<(ContextId, FileIdentity)>,
}

impl Files {
    fn new() -> Self {
        Self {
            readers: Mutex::default(),
            writer: Arc::default(),
            reading: Arc::new(Semaphore::new(READERS)),
            log: Arc::default(),
            opened: OnceLock::new(),
        }
    }

    /// For which tenant the mirror was opened and made ready, if it was.
    pub fn ready_for(&self) -> Option<&ContextId> {
        self.opened.get().map(|(tenant, _)| tenant)
    }

    /// Whether the file that was opened is the one that has this path now.
    pub fn are_of(&self, path: &Path) -> bool {
        self.opened.get().is_some_and(|(_, opened)| *opened == FileIdentity::of(path))
    }

    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Remembers that the file is open and ready for its tenant.
    pub fn set_ready(&self, tenant: &ContextId, path: &Path) {
        self.opened.get_or_init(|| (tenant.clone(), FileIdentity::of(path)));
    }
}

/// Tells a file from another that took its place: a backup restored, or a file removed, while we had the old one open.
/// Where files in use cannot be replaced (Windows) every file is the same.
#[derive(Debug, PartialEq, Eq)]
struct FileIdentity(Option<(u64, u64)>);

impl FileIdentity {
    #[cfg(unix)]
    fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino())))
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> Self {
        Self(path.exists().then_some((0, 0)))
    }
}

/// All mirrors with open files.
pub(super) struct Gate {
    max_open: usize,
    open: Mutex<Open>,
    /// A mirror became idle.
    idle: Notify,
    /// What brings logs into their files.
    bringing_in: TaskTracker,
}

#[derive(Default)]
struct Open {
    clock: u64,
    mirrors: HashMap<PathBuf, Entry>,
}

struct Entry {
    files: Arc<Files>,
    users: usize,
    /// How many of them bring its log into its file, of which no call knows.
    beside: usize,
    last_used: u64,
    /// Its file is damaged.
    damaged: bool,
}

impl Open {
    /// Takes out a damaged mirror that nobody uses, to be closed once the lock is given back.
    fn take_damaged(&mut self, path: &Path) -> Option<Arc<Files>> {
        let entry = self.mirrors.get(path)?;
        if entry.users > 0 || !entry.damaged {
            return None;
        }
        self.mirrors.remove(path).map(|entry| entry.files)
    }
}

impl Gate {
    pub fn new(max_open: usize) -> Arc<Self> {
        Arc::new(Self {
            max_open: max_open.max(1),
            open: Mutex::default(),
            idle: Notify::new(),
            bringing_in: TaskTracker::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many mirrors have files open.
    pub fn open_now(&self) -> usize {
        self.lock().mirrors.len()
    }

    /// A share in the mirror's files, which stay open as long as it lives.
    pub async fn enter(self: &Arc<Self>, path: &Path) -> Result<Share> {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            let (share, closed) = self.try_enter(path);
            close(closed).await?;
            if let Some(share) = share {
                return Ok(share);
            }
            idle.await;
        }
    }

    /// The share, unless every place is taken by a mirror in use; and the files that had to go for it.
    fn try_enter(self: &Arc<Self>, path: &Path) -> (Option<Share>, Vec<Arc<Files>>) {
        let mut closed = Vec::new();
        let mut open = self.lock();
        open.clock += 1;
        let now = open.clock;
        let replaced = open.mirrors.get(path).filter(|entry| {
            entry.users == entry.beside
                && entry.files.opened.get().is_some_and(|(_, opened)| *opened != FileIdentity::of(path))
        });
        match replaced.map(|entry| entry.users) {
            None => {}
            Some(0) => closed.extend(open.mirrors.remove(path).map(|entry| entry.files)),
            // To be closed before the other file is opened: closing takes the log away that has this name.
            Some(_) => return (None, closed),
        }
        if !open.mirrors.contains_key(path) && open.mirrors.len() >= self.max_open {
            let idle = open.mirrors.iter().filter(|(_, entry)| entry.users == 0);
            let Some(oldest) = idle.min_by_key(|(_, entry)| entry.last_used).map(|(path, _)| path.clone()) else {
                return (None, closed);
            };
            closed.extend(open.mirrors.remove(&oldest).map(|entry| entry.files));
        }
        let entry = open.mirrors.entry(path.to_path_buf()).or_insert_with(|| Entry {
            files: Arc::new(Files::new()),
            users: 0,
            beside: 0,
            last_used: now,
            damaged: false,
        });
        entry.users += 1;
        entry.last_used = now;
        let share =
            Share { gate: Arc::clone(self), path: path.to_path_buf(), files: Arc::clone(&entry.files), beside: false };
        (Some(share), closed)
    }

    /// A mirror turned out to be damaged: what is open of it is closed, now or when the last leaves it.
    pub fn is_damaged(&self, path: &Path) {
        let mut open = self.lock();
        if let Some(entry) = open.mirrors.get_mut(path) {
            entry.damaged = true;
        }
        let closed = open.take_damaged(path);
        drop(open);
        drop(closed);
    }

    /// Waits until nobody brings a log into its file.
    pub async fn brought_in(&self) {
        self.bringing_in.close();
        self.bringing_in.wait().await;
    }

    /// Closes every file that nobody uses, after waiting for what is being done to them beside the calls.
    pub async fn close_idle(&self) -> Result<()> {
        self.brought_in().await;
        let closed = {
            let mut open = self.lock();
            open.mirrors.extract_if(|_, entry| entry.users == 0).map(|(_, entry)| entry.files).collect()
        };
        close(closed).await
    }
}

/// Closing the last connection moves the log into the file, which may take a while: not on an async thread.
async fn close(files: Vec<Arc<Files>>) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    tokio::task::spawn_blocking(move || drop(files)).await.map_err(lost_task)
}

/// Keeps a mirror's files open.
pub(super) struct Share {
    gate: Arc<Gate>,
    path: PathBuf,
    files: Arc<Files>,
    /// See [`Share::beside`].
    beside: bool,
}

impl Share {
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// One share more, for work that goes on after the call.
    pub fn beside(&self) -> Self {
        if let Some(entry) = self.gate.lock().mirrors.get_mut(&self.path) {
            entry.users += 1;
            entry.beside += 1;
        }
        Self { gate: Arc::clone(&self.gate), path: self.path.clone(), files: Arc::clone(&self.files), beside: true }
    }

    /// See [`Gate::is_damaged`].
    pub fn is_damaged(&self) {
        self.gate.is_damaged(&self.path);
    }

    /// See [`super::log`].
    pub fn bringing_in(&self) -> &TaskTracker {
        &self.gate.bringing_in
    }

    /// Waits for the writing connection.
    pub async fn write(self) -> WriterLease {
        let guard = Arc::clone(&self.files.writer).lock_owned().await;
        WriterLease { guard, share: self }
    }

    /// Waits for a reading connection.
    pub async fn read(self) -> Result<ReaderLease> {
        let permit = Arc::clone(&self.files.reading)
            .acquire_owned()
            .await
            .map_err(|error| StoreError::new(StoreErrorKind::Internal, "the mirror is closed").with_source(error))?;
        let conn = self.files.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(ReaderLease { conn, _permit: permit, share: self })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.gate.lock();
        if let Some(entry) = open.mirrors.get_mut(&self.path) {
            entry.users -= 1;
            entry.beside -= usize::from(self.beside);
            if entry.users == 0 {
                self.gate.idle.notify_waiters();
            }
        }
        let closed = open.take_damaged(&self.path);
        drop(open);
        drop(closed);
    }
}

/// The writing connection, `None` until somebody opens it.
pub(super) struct WriterLease {
    // Dropped before the share: an idle mirror has no lease out.
    guard: OwnedMutexGuard<Option<Conn>>,
    share: Share,
}

impl WriterLease {
    pub fn files(&self) -> &Files {
        self.share.files()
    }

    pub fn share(&self) -> &Share {
        &self.share
    }

    /// The connection, opened by `open` if it is not yet.
    pub fn conn(&mut self, open: impl FnOnce() -> Result<Conn>) -> Result<&mut Conn> {
        let conn = match self.guard.take() {
            Some(conn) => conn,
            None => open()?,
        };
        Ok(self.guard.insert(conn))
    }
}

impl Drop for WriterLease {
    fn drop(&mut self) {
        if self.guard.as_mut().is_some_and(|conn| !take_back(conn)) {
            *self.guard = None;
        }
    }
}

/// A reading connection, `None` until somebody opens it.
pub(super) struct ReaderLease {
    conn: Option<Conn>,
    _permit: OwnedSemaphorePermit,
    share: Share,
}

impl ReaderLease {
    /// The connection, opened by `open` if it is not yet.
    pub fn conn(&mut self, open: impl FnOnce() -> Result<Conn>) -> Result<&mut Conn> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => open()?,
        };
        Ok(self.conn.insert(conn))
    }
}

impl Drop for ReaderLease {
    fn drop(&mut self) {
        if let Some(mut conn) = self.conn.take()
            && take_back(&mut conn)
        {
            self.share.files.readers.lock().unwrap_or_else(PoisonError::into_inner).push(conn);
        }
    }
}

/// Ends a transaction that was left open. False: the connection is not to be used again.
fn take_back(conn: &mut Conn) -> bool {
    if conn.db.is_autocommit() {
        return true;
    }
    conn.verified = None;
    match conn.db.execute_batch("ROLLBACK") {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "a transaction could not be taken back; its connection is closed instead");
            false
        }
    }
}
