//! Where work is done that blocks: on a thread for such work, or on the one that waits for it, where nothing else waits on that.
//!
//! Handing work to another thread and being woken when it is done takes tens of microseconds, and a RowData call has a dozen pieces
//! of such work one after another. So a call to a store that blocks has a thread for itself ([`for_store`]), on which all of it is
//! done. Where two things are to go on at once, and where a time limit is watched, it goes to another thread as everywhere else
//! ([`beside`]).

use std::future::Future;
use std::panic::AssertUnwindSafe;

use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::store::Store;

tokio::task_local! {
    /// Whether the thread is the call's own.
    static MAY_BLOCK: bool;
}

/// Work that blocks has not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    #[error("the work panicked")]
    Panicked,
    /// The host is stopped at once. What was not committed is taken back.
    #[error("the host is being stopped")]
    CutOff,
    #[error(transparent)]
    Task(#[from] JoinError),
}

impl Lost {
    pub(crate) fn is_panic(&self) -> bool {
        match self {
            Self::Panicked => true,
            Self::CutOff => false,
            Self::Task(error) => error.is_panic(),
        }
    }
}

/// Does work that blocks. Once begun it is done to its end, also if nobody waits for it any more.
///
/// # Errors
/// It panicked, or the runtime is being shut down.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Lost> {
    if MAY_BLOCK.try_with(|may| *may).unwrap_or(false) {
        // Between two pieces of work the call can be cut off, as it could be where another thread does them.
        tokio::task::yield_now().await;
        return std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| Lost::Panicked);
    }
    Ok(tokio::task::spawn_blocking(work).await?)
}

/// Runs a call's work with a store in a task of its own, and on a thread of its own if the store blocks, until it ends or is cut off.
///
/// # Errors
/// It panicked, or was cut off.
pub(crate) async fn for_store<T: Send + 'static>(
    store: &dyn Store,
    cut_off: &CancellationToken,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Lost> {
    let cut_off = cut_off.clone();
    // A thread does not end with the runtime as a task does.
    let work = async move { cut_off.run_until_cancelled_owned(work).await }.in_current_span();
    let done = if store.blocks() {
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(MAY_BLOCK.scope(true, work))).await
    } else {
        tokio::spawn(work).await
    };
    done?.ok_or(Lost::CutOff)
}

/// Runs a future of which no part may be held up by another.
pub(crate) async fn beside<F: Future>(future: F) -> F::Output {
    MAY_BLOCK.scope(false, future).await
}

/// The same where that is so; else as any other.
pub(crate) async fn beside_if<F: Future>(is_so: bool, future: F) -> F::Output {
    if is_so { beside(future).await } else { future.await }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread::ThreadId;

    use super::*;
    use crate::store::sqlite::{SqliteSettings, SqliteStore};

    async fn where_done() -> ThreadId {
        blocking(|| std::thread::current().id()).await.unwrap()
    }

    #[tokio::test]
    async fn a_call_to_a_store_that_blocks_does_all_on_one_thread_but_what_goes_on_beside() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteSettings::new(folder.path().to_owned())).unwrap();
        let here = std::thread::current().id();
        assert_ne!(where_done().await, here, "not on a thread that others wait on");
        let (own, first, second, other) = for_store(&store, &CancellationToken::new(), async {
            let own = std::thread::current().id();
            (own, where_done().await, where_done().await, beside(where_done()).await)
        })
        .await
        .unwrap();
        assert_ne!(own, here);
        assert_eq!((first, second), (own, own));
        assert_ne!(other, own);
        store.close().await;
    }

    #[tokio::test]
    async fn work_that_waits_is_cut_off_when_the_host_stops_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteSettings::new(folder.path().to_owned())).unwrap();
        let (stop, dropped) = (CancellationToken::new(), CancellationToken::new());
        let held = dropped.clone().drop_guard();
        let work = async move {
            let _held = held;
            std::future::pending::<()>().await;
        };
        let cut_off = async {
            tokio::task::yield_now().await;
            stop.cancel();
        };
        let (lost, ()) = tokio::join!(for_store(&store, &stop, work), cut_off);
        assert!(matches!(lost, Err(Lost::CutOff)));
        assert!(dropped.is_cancelled(), "its transaction is taken back");
        store.close().await;
    }

    #[tokio::test]
    async fn work_that_never_waits_is_cut_off_between_two_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteSettings::new(folder.path().to_owned())).unwrap();
        let stop = CancellationToken::new();
        let (done, cut_off) = (Arc::new(AtomicU32::new(0)), stop.clone());
        let count = done.clone();
        let lost = for_store(&store, &stop, async move {
            for _ in 0..100 {
                let (count, cut_off) = (count.clone(), cut_off.clone());
                let piece = move || {
                    if count.fetch_add(1, Ordering::Relaxed) == 2 {
                        cut_off.cancel();
                    }
                };
                blocking(piece).await.unwrap();
            }
        })
        .await;
        assert!(matches!(lost, Err(Lost::CutOff)));
        assert_eq!(done.load(Ordering::Relaxed), 3);
        store.close().await;
    }

    #[tokio::test]
    async fn work_that_panics_is_lost_and_takes_nothing_with_it() {
        let lost = blocking(|| panic!("on purpose")).await.unwrap_err();
        assert!(lost.is_panic());
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(SqliteSettings::new(folder.path().to_owned())).unwrap();
        let lost = for_store(&store, &CancellationToken::new(), async { blocking(|| panic!("on purpose")).await })
            .await
            .unwrap();
        assert!(lost.unwrap_err().is_panic());
        store.close().await;
    }
}
