//! SQL of a plug-in's own on a mirror in SQL Server, and the small values it keeps there ([`crate::store::guest`]).
//!
//! A plug-in's statements run as a database user of its own, who has no login and nearly no rights, on a connection that became
//! that user and cannot go back (`EXECUTE AS USER … WITH NO REVERT`). Their text is never read here: what it may touch, the
//! server decides. A connection serves one plug-in in one incoming call and is then closed.
//!
//! | question | file |
//! |---|---|
//! | which users there are, and what they are granted | [`users`] |
//! | how a statement is run, and how it is kept inside its transaction | [`run`] |
//! | how values travel | [`cells`] |
//! | what the server's errors mean to a plug-in | [`told`] |
//! | `wasi:keyvalue` | [`values`] |

mod cells;
#[cfg(test)]
mod hostile;
#[cfg(test)]
pub(in crate::store::sqlserver) mod live;
pub(in crate::store::sqlserver) mod run;
mod told;
pub(in crate::store::sqlserver) mod users;
pub(in crate::store::sqlserver) mod values;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;

use self::run::Guarded;
use self::told::Trouble;
use self::users::Users;
pub(in crate::store::sqlserver) use self::values::SqlServerValues;
use super::connection::pool::Pool;
use super::mirror::session::Session;
use crate::store::guest::{Bounds, GuestDatabase, GuestEngine, GuestError, GuestPowers, GuestRows, GuestValue};
use crate::store::rules::guests::{check, may_only_read, store_failed, too_slow};

/// See [`GuestDatabase`].
pub(in crate::store::sqlserver) struct SqlServerGuest {
    session: Arc<Session>,
    pool: Arc<Pool>,
    powers: GuestPowers,
    /// Away while a statement is at work: one whose caller is gone, or that failed, takes the connection with it.
    held: Mutex<Option<Guarded>>,
}

/// What is to be done.
enum Ask<'a> {
    Query(&'a str, &'a [GuestValue], Bounds),
    Execute(&'a str, &'a [Vec<GuestValue>]),
}

/// What came of it.
enum Answer {
    Rows(GuestRows),
    Changed(u64),
}

impl SqlServerGuest {
    pub fn new(session: Arc<Session>, pool: Arc<Pool>, powers: GuestPowers) -> Self {
        Self { session, pool, powers, held: Mutex::default() }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Guarded>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does it in time, or throws the connection away in the middle of it; the server then takes the transaction back.
    async fn run(&self, ask: &Ask<'_>, until: Instant) -> Result<Answer, GuestError> {
        match tokio::time::timeout_at(until.into(), Box::pin(self.work(ask))).await {
            Ok(answer) => answer,
            Err(_) => Err(too_slow()),
        }
    }

    async fn work(&self, ask: &Ask<'_>) -> Result<Answer, GuestError> {
        let users = Users::of(&self.powers);
        match Box::pin(self.once(&users, ask)).await {
            // A table made since: mirrored ones are granted one by one, and one that is made anew has lost its grant.
            Err(Trouble::NotGranted(error)) => {
                let changed = users::prepare(&self.session, &users).await.map_err(Trouble::told)?;
                if !changed {
                    return Err(error);
                }
                Box::pin(self.once(&users, ask)).await.map_err(Trouble::told)
            }
            done => done.map_err(Trouble::told),
        }
    }

    async fn once(&self, users: &Users, ask: &Ask<'_>) -> Result<Answer, Trouble> {
        let held = self.held().take();
        let mut guarded = if let Some(guarded) = held {
            guarded
        } else {
            users::prepare(&self.session, users).await?;
            let lease = self.pool.lease(&self.session.database).await.map_err(store_failed)?;
            Guarded::open(lease, &self.session, users, &self.powers).await?
        };
        let answer = match ask {
            Ask::Query(sql, parameters, bounds) => guarded.query(sql, parameters, *bounds).await.map(Answer::Rows),
            Ask::Execute(sql, lists) => guarded.execute(sql, lists).await.map(Answer::Changed),
        }?;
        if guarded.is_clean() {
            *self.held() = Some(guarded);
        }
        Ok(answer)
    }
}

#[async_trait]
impl GuestDatabase for SqlServerGuest {
    fn engine(&self) -> Option<GuestEngine> {
        Some(GuestEngine::SqlServer)
    }

    async fn query(&self, sql: String, parameters: Vec<GuestValue>, bounds: Bounds) -> Result<GuestRows, GuestError> {
        check(&sql, std::slice::from_ref(&parameters))?;
        match self.run(&Ask::Query(&sql, &parameters, bounds), bounds.until).await? {
            Answer::Rows(rows) => Ok(rows),
            Answer::Changed(_) => unreachable!("a query answers rows"),
        }
    }

    async fn execute(&self, sql: String, parameters: Vec<Vec<GuestValue>>, until: Instant) -> Result<u64, GuestError> {
        if !self.powers.write {
            return Err(may_only_read());
        }
        check(&sql, &parameters)?;
        match self.run(&Ask::Execute(&sql, &parameters), until).await? {
            Answer::Changed(count) => Ok(count),
            Answer::Rows(_) => unreachable!("what writes answers a count"),
        }
    }
}
