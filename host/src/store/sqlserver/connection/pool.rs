//! Connections to one server under one login: bounded, checked before they are used again, never shared by two databases.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::conn::Conn;
use super::connection_string::Target;
use super::login::Connector;
use crate::store::sqlserver::errors::Result;
use crate::store::{StoreError, StoreErrorKind};

/// How a pool behaves. What the connection string says itself (`Max Pool Size`, `Command Timeout`, `Load Balance Timeout`) holds
/// where it is stricter, and for the command time-out in any case.
#[derive(Debug, Clone)]
pub(in crate::store::sqlserver) struct Limits {
    /// The most connections open at once, those nobody uses included.
    pub connections: usize,
    /// How long a lease may be waited for.
    pub wait: Duration,
    /// How long the server may say nothing in the middle of a command; `None`: as long as it likes. Each lease begins with it
    /// and may change it for itself ([`Conn::set_patience`]).
    pub command_timeout: Option<Duration>,
    /// How long a look at an idle connection may take before it is given up for a new one.
    pub check: Duration,
    /// A connection given back as good as new ([`Lease::finish_as_new`]) is not looked at when it is used again within this time.
    pub trust: Duration,
    /// A connection that nobody used for so long is closed.
    pub idle: Duration,
    /// A connection that is older is not used again.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 32,
            wait: Duration::from_secs(30),
            command_timeout: Some(Duration::from_secs(30)),
            check: Duration::from_secs(5),
            trust: Duration::from_secs(5),
            idle: Duration::from_mins(4),
            age: Duration::from_hours(1),
        }
    }
}

impl From<usize> for Limits {
    fn from(connections: usize) -> Self {
        Self { connections, ..Self::default() }
    }
}

impl Limits {
    fn under(mut self, target: &Target) -> Self {
        if let Some(most) = target.max_pool_size {
            self.connections = self.connections.min(most);
        }
        if let Some(age) = target.max_age {
            self.age = self.age.min(age);
        }
        if let Some(silence) = target.command_timeout {
            self.command_timeout = silence;
        }
        self.connections = self.connections.max(1);
        self
    }
}

/// What a pool has done and holds, for metrics and messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg(test)]
pub(in crate::store::sqlserver) struct Counters {
    /// Connections open now, idle ones included.
    pub open: usize,
    /// Connections nobody uses now.
    pub idle: usize,
    /// Callers that wait for a connection now.
    pub waiting: usize,
    /// Connections opened since the beginning.
    pub opened: u64,
    /// Connections thrown away because their work did not finish or they were found broken.
    pub discarded: u64,
    /// Leases that had to wait for a connection to come free.
    pub waited: u64,
    /// Leases that waited in vain.
    pub gave_up: u64,
}

/// All connections to one server under one login.
pub(in crate::store::sqlserver) struct Pool {
    connector: Connector,
    limits: Limits,
    /// One for each lease. Hands itself out in the order it was asked.
    permits: Arc<Semaphore>,
    /// Connections open or being opened.
    open: Arc<AtomicUsize>,
    /// Callers that wait for a permit.
    waiting: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Connections nobody uses, the one longest unused first.
    idle: Vec<Idle>,
    opened: u64,
    discarded: u64,
    waited: u64,
    gave_up: u64,
    /// Whether a task looks after those that nobody uses any more.
    swept: bool,
    closed: bool,
}

struct Idle {
    database: String,
    open: Open,
    since: Instant,
    as_new: bool,
}

/// A connection and its place among those that may be open.
struct Open {
    conn: Conn,
    _place: Place,
}

/// One of the connections that may be open; counted from before it is opened until it is gone.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(open))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Counts a caller that waits, however its waiting ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool of at most so many connections. Nothing is opened yet.
    pub fn new(target: Arc<Target>, limits: impl Into<Limits>) -> Arc<Self> {
        let limits = limits.into().under(&target);
        Arc::new(Self {
            connector: Connector::new(target, limits.command_timeout),
            permits: Arc::new(Semaphore::new(limits.connections)),
            limits,
            open: Arc::default(),
            waiting: AtomicUsize::default(),
            state: Mutex::default(),
        })
    }

    /// Where its connections lead.
    pub fn target(&self) -> &Arc<Target> {
        self.connector.target()
    }

    /// What it does now and has done.
    #[cfg(test)]
    pub fn counters(&self) -> Counters {
        let state = self.state();
        Counters {
            open: self.open.load(Ordering::Acquire),
            idle: state.idle.len(),
            waiting: self.waiting.load(Ordering::Relaxed),
            opened: state.opened,
            discarded: state.discarded,
            waited: state.waited,
            gave_up: state.gave_up,
        }
    }

    /// A connection to a database, its session as new: an idle one if there is one. Waits, in turn, while all are in use; so whoever
    /// holds a lease must not wait for another.
    pub async fn lease(self: &Arc<Self>, database: &str) -> Result<Lease> {
        let permit = self.turn().await?;
        let (open, trusted) = match Box::pin(self.usable(database)).await {
            Some(found) => found,
            None => (Box::pin(self.open(database)).await?, false),
        };
        Ok(Lease { pool: Arc::clone(self), database: database.to_owned(), open: Some(open), trusted, _permit: permit })
    }

    /// Closes what nobody uses now. Whoever asks later gets a new connection.
    pub fn close_idle(&self) {
        self.state().idle.clear();
    }

    /// Closes what nobody uses; what is in use is closed when it is given back. Whoever waits is refused.
    #[cfg(test)]
    pub fn close(&self) {
        self.permits.close();
        let mut state = self.state();
        state.closed = true;
        state.idle.clear();
    }

    /// Waits for one of the connections that may be in use.
    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = Waiting::begin(&self.waiting);
        self.state().waited += 1;
        match tokio::time::timeout(self.limits.wait, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(StoreError::new(
                StoreErrorKind::Transient,
                "the connections to the database server are being closed, because this host stops; repeat the call",
            )),
            Err(_) => {
                self.state().gave_up += 1;
                Err(StoreError::new(
                    StoreErrorKind::Transient,
                    format!(
                        "all {} connections to SQL Server {} are in use, and none came free within {} seconds; repeat the call, and \
                         allow more of them (`max_connections` of the configuration, `Max Pool Size` of the connection string) if \
                         this happens often",
                        self.limits.connections,
                        self.target().server,
                        self.limits.wait.as_secs_f64()
                    ),
                ))
            }
        }
    }

    /// An idle connection to the database that works, its session reset. Or one that was in use a moment ago and needs no reset;
    /// whether it still works shows in its first command (`true`).
    async fn usable(&self, database: &str) -> Option<(Open, bool)> {
        loop {
            let Idle { mut open, since, as_new, .. } = {
                let mut state = self.state();
                // The one used last: the others may then grow old enough to be closed.
                let place = state.idle.iter().rposition(|idle| idle.database == database)?;
                state.idle.remove(place)
            };
            if open.conn.age() < self.limits.age {
                if as_new && since.elapsed() < self.limits.trust {
                    open.conn.set_patience(self.limits.command_timeout);
                    return Some((open, true));
                }
                let checked = tokio::time::timeout(self.limits.check, open.conn.reset()).await;
                if matches!(checked, Ok(Ok(true))) {
                    open.conn.set_patience(self.limits.command_timeout);
                    return Some((open, false));
                }
                let mut state = self.state();
                state.discarded += 1;
                if !matches!(checked, Ok(Ok(false))) {
                    tracing::debug!(database, "an idle connection is broken: closing the others to this database, too");
                    let before = state.idle.len();
                    state.idle.retain(|idle| idle.database != database);
                    state.discarded += (before - state.idle.len()) as u64;
                }
            }
        }
    }

    /// A new connection. Makes room for it by closing the idle one longest unused, which is then of another database.
    async fn open(&self, database: &str) -> Result<Open> {
        let place = {
            let mut state = self.state();
            while self.open.load(Ordering::Acquire) >= self.limits.connections && !state.idle.is_empty() {
                state.idle.remove(0);
            }
            Place::take(&self.open)
        };
        let conn = self.connector.open(Some(database)).await?;
        self.state().opened += 1;
        Ok(Open { conn, _place: place })
    }

    /// Takes a connection back.
    fn keep(self: &Arc<Self>, database: String, open: Open, as_new: bool) {
        let mut state = self.state();
        if open.conn.is_busy() {
            state.discarded += 1;
            return;
        }
        if state.closed || open.conn.age() >= self.limits.age {
            return;
        }
        state.idle.push(Idle { database, open, since: Instant::now(), as_new });
        if !state.swept
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            state.swept = true;
            let (pool, pause) = (Arc::downgrade(self), self.limits.idle / 2);
            runtime.spawn(async move {
                loop {
                    tokio::time::sleep(pause).await;
                    match pool.upgrade() {
                        Some(pool) if pool.sweep() => {}
                        _ => break,
                    }
                }
            });
        }
    }

    /// Closes what nobody used for long. Whether anything is left to look after.
    fn sweep(&self) -> bool {
        let mut state = self.state();
        let (idle, age) = (self.limits.idle, self.limits.age);
        state.idle.retain(|waiting| waiting.since.elapsed() < idle && waiting.open.conn.age() < age);
        state.swept = !state.idle.is_empty();
        state.swept
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on loan. Dropped without [`Lease::finish`] it is thrown away: its work may have ended half-way.
pub(in crate::store::sqlserver) struct Lease {
    pool: Arc<Pool>,
    database: String,
    open: Option<Open>,
    /// It was not looked at before it was handed out.
    trusted: bool,
    /// Given back last of all: fields are dropped in order.
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// The work came to its end, with no transaction open: the connection may be used again.
    pub fn finish(self) {
        self.give_back(false);
    }

    /// The same, and all that was run were statements of this engine, which leave the session's settings alone: whoever uses the
    /// connection next, if that is soon, need not make it as new. Not for statements of anybody else's.
    pub fn finish_as_new(self) {
        self.give_back(true);
    }

    fn give_back(mut self, as_new: bool) {
        if let Some(open) = self.open.take() {
            self.pool.keep(std::mem::take(&mut self.database), open, as_new);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(open) = self.open.take() else { return };
        let mut state = self.pool.state();
        state.discarded += 1;
        if self.trusted && open.conn.is_busy() {
            // It may have been dead when it was handed out: then so are the others that nobody has looked at since.
            for idle in state.idle.iter_mut().filter(|idle| idle.database == self.database) {
                idle.as_new = false;
            }
        }
    }
}

impl Deref for Lease {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.open.as_ref().expect("there until it is given back").conn
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.open.as_mut().expect("there until it is given back").conn
    }
}
