//! SQL of a plug-in's own on a mirror file, and the small values it keeps there ([`crate::store::guest`]).
//!
//! A plug-in's statements run on connections of their own, never on the host's: one that can only read the file, and, with
//! `write`, one more. They live as long as the incoming call. What a statement may touch is decided by [`rules`]; how it is
//! run stands in [`run`].

mod functions;
mod rules;
mod run;
mod values;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;

use self::rules::{Rules, Stop};
use self::run::Guarded;
pub(super) use self::values::SqliteValues;
use super::pool::{Share, WriterLease};
use super::session::Session;
use crate::store::guest::{Bounds, GuestDatabase, GuestEngine, GuestError, GuestPowers, GuestRows, GuestValue};
use crate::store::rules::guests::{check, may_only_read, store_failed};

/// See [`GuestDatabase`].
pub(super) struct SqliteGuest {
    session: Arc<Session>,
    powers: GuestPowers,
    /// Away while a statement is at work. A statement whose caller is gone takes them with it.
    held: Mutex<Held>,
}

/// The connections, opened when first needed.
#[derive(Default)]
struct Held {
    reader: Option<Guarded>,
    writer: Option<Guarded>,
    /// Keeps the mirror among the open ones as long as there is a connection. Dropped after them.
    share: Option<Share>,
}

impl SqliteGuest {
    pub fn new(session: Arc<Session>, powers: GuestPowers) -> Self {
        Self { session, powers, held: Mutex::default() }
    }

    fn take(&self) -> Held {
        std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put_back(&self, held: Held) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
    }

    /// Runs `work` on a thread of its own with one of the connections; `lease`, if any, is held meanwhile.
    async fn run<T: Send + 'static>(
        &self,
        lease: Option<WriterLease>,
        until: Instant,
        work: impl FnOnce(&mut Guarded, Stop) -> Result<T, GuestError> + Send + 'static,
    ) -> Result<T, GuestError> {
        let mut held = self.take();
        if held.share.is_none() {
            held.share = Some(self.session.ready(false).await.map_err(store_failed)?);
        }
        let abandoned = Abandon(Arc::default());
        let stop = Stop { until, abandoned: Arc::clone(&abandoned.0) };
        let (session, powers) = (Arc::clone(&self.session), self.powers.clone());
        let writing = lease.is_some();
        let task = tokio::task::spawn_blocking(move || {
            let slot = if writing { &mut held.writer } else { &mut held.reader };
            let conn = match slot.take() {
                Some(conn) => Ok(conn),
                None => Guarded::open(&session, Rules::new(powers, &session.metadata), writing),
            };
            let result = conn.and_then(|mut conn| {
                let result = work(&mut conn, stop);
                if conn.is_clean() {
                    *slot = Some(conn);
                }
                result
            });
            drop(lease);
            (held, result)
        });
        let (held, result) = task.await.map_err(|error| {
            GuestError::Failed(if error.is_panic() {
                "the statement broke off by a mistake of this program".into()
            } else {
                "the statement was stopped".into()
            })
        })?;
        self.put_back(held);
        result
    }
}

/// Says that nobody waits any more, when dropped.
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[async_trait]
impl GuestDatabase for SqliteGuest {
    fn engine(&self) -> Option<GuestEngine> {
        Some(GuestEngine::Sqlite)
    }

    async fn query(&self, sql: String, parameters: Vec<GuestValue>, bounds: Bounds) -> Result<GuestRows, GuestError> {
        check(&sql, std::slice::from_ref(&parameters))?;
        self.run(None, bounds.until, move |conn, stop| conn.query(&sql, &parameters, bounds, &stop)).await
    }

    async fn execute(&self, sql: String, parameters: Vec<Vec<GuestValue>>, until: Instant) -> Result<u64, GuestError> {
        if !self.powers.write {
            return Err(may_only_read());
        }
        check(&sql, &parameters)?;
        // In turn with the host's own writers: they wait for us as for each other, and not on a file lock.
        let lease = self.session.writer().await.map_err(store_failed)?;
        self.run(Some(lease), until, move |conn, stop| conn.execute(&sql, &parameters, &stop)).await
    }
}
