//! One mirror's database: its transactions, and trying again what failed for reasons that pass.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use super::conn::Conn;
use super::errors::Result;
use super::pool::{Lease, Pool};
use crate::protocol::context_id::ContextId;
use crate::store::{StoreError, StoreErrorKind};

/// One mirror's database and the way to its connections.
pub(super) struct Session {
    pub tenant: ContextId,
    pub pool: Arc<Pool>,
    /// The database's name.
    pub database: String,
    /// The schema our tables are in: the login's default one, or the configured one. Known once the mirror was opened.
    pub schema: String,
    /// The metadata table's name, not quoted.
    pub metadata: String,
}

impl Session {
    pub fn new(tenant: ContextId, pool: Arc<Pool>, database: String, schema: Option<String>) -> Arc<Self> {
        let metadata = format!("{tenant}_mirroring");
        Arc::new(Self { tenant, pool, database, schema: schema.unwrap_or_default(), metadata })
    }

    /// A connection without a transaction, for reading: each statement sees what is committed.
    pub async fn reader(&self) -> Result<Lease> {
        self.pool.lease(&self.database).await
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> Result<Tx> {
        let mut lease = self.pool.lease(&self.database).await?;
        lease.run("BEGIN TRANSACTION").await?;
        Ok(Tx { lease: Some(lease) })
    }
}

/// A transaction. Dropped without [`Tx::commit`], the connection is closed and the server takes all of it back.
pub(super) struct Tx {
    lease: Option<Lease>,
}

impl Tx {
    /// Commits, durably.
    pub async fn commit(mut self) -> Result<()> {
        self.run("COMMIT TRANSACTION").await?;
        if let Some(lease) = self.lease.take() {
            lease.finish();
        }
        Ok(())
    }

    /// Takes everything back and keeps the connection.
    pub async fn rollback(mut self) -> Result<()> {
        self.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION").await?;
        if let Some(lease) = self.lease.take() {
            lease.finish();
        }
        Ok(())
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        self.lease.as_deref().expect("there until it is committed")
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        self.lease.as_deref_mut().expect("there until it is committed")
    }
}

/// How often and how long to try again.
pub(super) struct Attempts {
    left: u32,
    pause: Duration,
}

impl Attempts {
    /// Five more attempts within about ten seconds.
    pub fn new() -> Self {
        Self { left: 5, pause: Duration::from_millis(100) }
    }

    /// Whether to try again after this error; waits before it says yes.
    pub async fn again(&mut self, error: &StoreError) -> bool {
        if error.kind != StoreErrorKind::Transient || self.left == 0 {
            return false;
        }
        self.left -= 1;
        let jitter = rand::random::<f64>() * 0.5 + 0.75;
        tracing::info!(%error, attempts_left = self.left, "the database failed for a reason that passes; trying again");
        tokio::time::sleep(self.pause.mul_f64(jitter)).await;
        self.pause = (self.pause * 3).min(Duration::from_secs(5));
        true
    }
}

/// Evaluates a block that gives a `Result`, again and again while it fails for a reason that passes. The block is written anew in
/// every round, so it may borrow and await what it likes.
macro_rules! retry {
    ($work:expr) => {{
        let mut attempts = $crate::store::sqlserver::session::Attempts::new();
        loop {
            match async { $work }.await {
                Err(error) if attempts.again(&error).await => {}
                done => break done,
            }
        }
    }};
}
pub(super) use retry;
