//! Bringing what commits wrote into the write-ahead log into the file itself, beside the calls.
//!
//! SQLite does that in the commit that finds the log long, and whoever committed waits: in a large table the pages of a call's changes
//! are all over the file, and writing them there takes as long as writing them into the log. So a commit that finds the log long
//! ([`LONG`]) lets another thread do it with a connection of its own, and only one that finds it very long ([`VERY_LONG`]), since
//! nobody came to an end with it, waits for whoever is at it and does the rest itself. Commits are on disk before it begins and do not depend
//! on it. Whoever reads for long keeps what he reads in the log, however long that grows. Plug-ins write over connections of their
//! own, which do as SQLite does.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};

use super::errors::Result;
use super::open::{Access, open};
use super::pool::Share;
use crate::store::StoreErrorKind;

/// Pages that the log has grown by since it was last brought in, from which that is done beside the calls: 4 MB.
const LONG: u32 = 1000;
/// Pages of the log from which a commit does it itself: 32 MB.
const VERY_LONG: u32 = 8000;

const NOT_BROUGHT_IN: &str =
    "the write-ahead log could not be brought into its mirror file; the next commits try again";

/// One mirror's log.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// Pages in it at the last commit.
    pages: AtomicU32,
    /// Pages in it when it was last brought in.
    brought_in: AtomicU32,
    /// Somebody is at it.
    busy: Mutex<bool>,
    /// Nobody is any more.
    free: Condvar,
}

impl Log {
    /// Makes a connection's commits tell how long the log is, in the place of what SQLite does by itself.
    /// One that finds it very long waits for whoever is at it, for so long at most.
    pub fn watch(self: &Arc<Self>, db: &mut Connection, patience: Duration) -> Result<()> {
        let log = Arc::clone(self);
        db.wal_hook(Some(move |wal: &mut rusqlite::hooks::Wal, pages: i32| {
            let pages = u32::try_from(pages).unwrap_or(0);
            log.pages.store(pages, Ordering::Relaxed);
            if pages >= VERY_LONG {
                log.wait_until_free(patience);
                if let Err(error) = wal.checkpoint() {
                    // The commit is done. As with SQLite's own: the next one tries again.
                    tracing::debug!(%error, "{NOT_BROUGHT_IN}");
                }
            }
            Ok(())
        }))?;
        Ok(())
    }

    /// Whether it is long, and nobody at it: then whoever asks is.
    fn take(&self) -> bool {
        let pages = self.pages.load(Ordering::Relaxed);
        let before = self.brought_in.load(Ordering::Relaxed);
        // Fewer than before: it was begun anew.
        let grown = if pages < before { pages } else { pages - before };
        grown >= LONG && !std::mem::replace(&mut *self.busy(), true)
    }

    fn busy(&self) -> MutexGuard<'_, bool> {
        // Nothing in here can panic half-way.
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until_free(&self, patience: Duration) {
        // Whether it was long enough shows in what comes next.
        drop(self.free.wait_timeout_while(self.busy(), patience, |busy| *busy));
    }

    fn is_in_the_file(&self, pages: u32) {
        // A log of which all is in the file is begun anew, unless somebody reads it.
        let all = pages == self.pages.load(Ordering::Relaxed);
        self.brought_in.store(if all { 0 } else { pages }, Ordering::Relaxed);
    }

    /// After a commit: brings the log in on another thread if it is long.
    pub fn after_commit(self: &Arc<Self>, share: &Share, path: &Path, busy_timeout: Duration) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !self.take() {
            return;
        }
        let (log, held, path) = (Arc::clone(self), share.beside(), path.to_path_buf());
        share.bringing_in().spawn_blocking_on(
            move || {
                let _busy = Busy(&log);
                match bring_in(&held, &path, busy_timeout) {
                    Ok(brought_in) => log.is_in_the_file(brought_in),
                    Err(error) => {
                        if error.kind == StoreErrorKind::Corrupt {
                            held.is_damaged();
                        }
                        tracing::debug!(%error, "{NOT_BROUGHT_IN}");
                    }
                }
            },
            &runtime,
        );
    }
}

/// Somebody is at the log, until dropped.
struct Busy<'l>(&'l Log);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        *self.0.busy() = false;
        self.0.free.notify_all();
    }
}

/// How many pages of the log are in the file now.
fn bring_in(share: &Share, path: &Path, busy_timeout: Duration) -> Result<u32> {
    // Another file may have taken the place of the one that is open, and its log is not ours to touch.
    if !share.files().are_of(path) {
        return Ok(0);
    }
    let db = open(path, Access::Write { create: false }, busy_timeout)?;
    db.execute_batch("PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON")?;
    let _: i64 = db.query_row("PRAGMA schema_version", [], |row| row.get(0))?;
    if !share.files().are_of(path) {
        return Ok(0);
    }
    let (_, brought_in) = db.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::PASSIVE)?;
    Ok(u32::try_from(brought_in).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::super::pool::Gate;
    use super::super::session::{Durability, Session};
    use super::*;
    use crate::protocol::context_id::ContextId;

    struct Mirror {
        folder: tempfile::TempDir,
        gate: Arc<Gate>,
        session: Arc<Session>,
    }

    impl Mirror {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (gate, tenant) = (Gate::new(4), ContextId::new("Cust1").unwrap());
            let (directory, path) = (folder.path().to_owned(), folder.path().join("Cust1.db"));
            let session = Session::new(tenant, path, directory, Arc::clone(&gate), Duration::from_secs(1));
            session.ready(true).await.unwrap();
            let mirror = Self { folder, gate, session };
            mirror.write("CREATE TABLE texts (text)").await;
            mirror
        }

        async fn write(&self, sql: &'static str) {
            self.session.write(Durability::Full, move |work| Ok(work.db.execute_batch(sql)?)).await.unwrap();
        }

        /// A commit of so many pages and a few more.
        async fn write_pages(&self, pages: u32) {
            let write = move |work: &super::super::tables::Work<'_>| {
                Ok(work.db.execute("INSERT INTO texts VALUES (zeroblob(?1 * 4096))", [pages])?)
            };
            self.session.write(Durability::Full, write).await.unwrap();
        }

        /// The length of the file itself, once nobody is at its log.
        async fn pages(&self) -> u64 {
            self.gate.brought_in().await;
            std::fs::metadata(&self.session.path).unwrap().len() / 4096
        }
    }

    #[tokio::test]
    async fn a_long_log_is_brought_in_beside_the_calls_and_a_short_one_is_left() {
        let mirror = Mirror::new().await;
        let before = mirror.pages().await;
        mirror.write_pages(LONG / 2).await;
        assert_eq!(mirror.pages().await, before, "not yet");
        mirror.write_pages(LONG / 2).await;
        assert!(mirror.pages().await > u64::from(LONG), "brought in");
        // Begun anew, and long again.
        mirror.write_pages(LONG / 2).await;
        let before = mirror.pages().await;
        assert!(before < u64::from(LONG + LONG / 2));
        mirror.write_pages(LONG / 2).await;
        assert!(mirror.pages().await > u64::from(2 * LONG));
        mirror.gate.close_idle().await.unwrap();
        assert!(!mirror.folder.path().join("Cust1.db-wal").exists(), "closed in order");
    }

    #[tokio::test]
    async fn a_very_long_log_is_brought_in_by_the_commit_itself() {
        let mirror = Mirror::new().await;
        // Somebody seems to be at it for ever: he is waited for no longer than for a lock.
        let share = mirror.session.ready(false).await.unwrap();
        *share.files().log().busy() = true;
        mirror.write_pages(VERY_LONG / 2).await;
        assert!(mirror.pages().await < u64::from(LONG));
        mirror.write_pages(VERY_LONG / 2).await;
        assert!(mirror.pages().await > u64::from(VERY_LONG));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_that_took_the_place_of_one_whose_log_is_being_brought_in_is_waited_for() {
        let mirror = Mirror::new().await;
        let share = mirror.session.ready(false).await.unwrap();
        let at_it = share.beside();
        drop(share);
        let other = mirror.folder.path().join("other.db");
        std::fs::copy(&mirror.session.path, &other).unwrap();
        std::fs::rename(&other, &mirror.session.path).unwrap();
        let mut entered = std::pin::pin!(mirror.gate.enter(&mirror.session.path));
        tokio::select! {
            biased;
            _ = &mut entered => panic!("a call was let in to the file that is gone"),
            () = tokio::task::yield_now() => {}
        }
        drop(at_it);
        let share = entered.await.unwrap();
        assert!(share.files().ready_for().is_none(), "opened anew");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_file_that_took_the_place_of_ours_is_left_alone() {
        let mirror = Mirror::new().await;
        let share = mirror.session.ready(false).await.unwrap();
        let other = mirror.folder.path().join("other.db");
        std::fs::write(&other, b"somebody's").unwrap();
        std::fs::rename(&other, &mirror.session.path).unwrap();
        mirror.write_pages(LONG).await;
        mirror.gate.brought_in().await;
        assert_eq!(std::fs::read(&mirror.session.path).unwrap(), b"somebody's");
        drop(share);
    }
}
