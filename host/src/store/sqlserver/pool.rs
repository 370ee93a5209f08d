//! Connections to one server under one login: bounded, checked before they are used again, never shared by two databases.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::conn::Conn;
use super::connection_string::Target;
use super::errors::Result;
use super::login::connect;
use crate::store::{StoreError, StoreErrorKind};

/// All connections to one server under one login.
pub(super) struct Pool {
    target: Arc<Target>,
    permits: Arc<Semaphore>,
    /// Connections nobody uses, each with its database.
    idle: Mutex<Vec<(String, Conn)>>,
}

impl Pool {
    /// A pool of at most `limit` connections. Nothing is opened yet.
    pub fn new(target: Arc<Target>, limit: usize) -> Arc<Self> {
        Arc::new(Self { target, permits: Arc::new(Semaphore::new(limit)), idle: Mutex::default() })
    }

    /// Closes what nobody uses.
    pub async fn close_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// A connection to a database, an idle one if there is one. Waits while all are in use.
    pub async fn lease(self: &Arc<Self>, database: &str) -> Result<Lease> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let place = idle.iter().rposition(|(of, _)| of == database);
            place.map(|place| idle.swap_remove(place).1)
        };
        let conn = match idle {
            Some(conn) => conn,
            None => connect(&self.target, Some(database)).await?,
        };
        Ok(Lease { pool: Arc::clone(self), database: database.to_owned(), conn: Some(conn), permit: Some(permit) })
    }
}

fn closed() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "the store is closed")
}

/// A connection on loan. Dropped without [`Lease::finish`] it is thrown away: its work may have ended half-way.
pub(super) struct Lease {
    pool: Arc<Pool>,
    database: String,
    conn: Option<Conn>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// The work came to its end, with no transaction open: the connection may be used again.
    pub fn finish(mut self) {
        if let Some(conn) = self.conn.take()
            && !conn.is_busy()
        {
            let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push((std::mem::take(&mut self.database), conn));
        }
        drop(self.permit.take());
    }
}

impl Deref for Lease {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        self.conn.as_ref().expect("there until it is given back")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn.as_mut().expect("there until it is given back")
    }
}
