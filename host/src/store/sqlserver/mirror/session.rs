//! One mirror's database: its transactions and locks, and trying again what failed for reasons that pass.
//!
//! Every writer to a table holds two application locks for as long as its transaction lives: the mirror's, shared among writers,
//! and the table's, its own. Calls that touch many tables take the mirror's lock against all writers instead of hundreds of
//! locks. So writers of any number of hosts queue, and readers, who ask for none, never do.

use std::fmt::Write;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rsa::sha2::{Digest, Sha256};

use super::columns::KnownColumns;
use super::metadata::Shape;
use super::statement::{Answer, Cells, Head, Statement};
use crate::faults::{self, Step};
use crate::protocol::context_id::ContextId;
use crate::protocol::table_name::TableName;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::connection::pool::{Lease, Pool};
use crate::store::sqlserver::errors::Result;
use crate::store::sqlserver::schema::ident::{metadata_table, qualified, text_literal};
use crate::store::{StoreError, StoreErrorKind};

/// How long a lock is waited for at a time, in milliseconds: twice this is below the usual time-out of a command.
const LOCK_TIMEOUT: u32 = 12_000;

/// One mirror's database and the way to its connections.
pub(in crate::store::sqlserver) struct Session {
    pub tenant: ContextId,
    pub pool: Arc<Pool>,
    /// The database's name.
    pub database: String,
    /// The metadata table's name, not quoted.
    pub metadata: String,
    pub configured_schema: Option<String>,
    /// The schema our tables are in: the configured one, or the login's own. Known once the mirror was opened.
    schema: OnceLock<String>,
    /// What the metadata table looks like.
    shape: Mutex<Arc<Shape>>,
    /// Columns of the tables last written to.
    pub columns: KnownColumns,
}

impl Session {
    pub fn new(tenant: ContextId, pool: Arc<Pool>, database: String, configured_schema: Option<String>) -> Arc<Self> {
        let metadata = metadata_table(&tenant);
        Arc::new(Self {
            tenant,
            pool,
            database,
            metadata,
            configured_schema,
            schema: OnceLock::new(),
            shape: Mutex::default(),
            columns: KnownColumns::default(),
        })
    }

    /// The schema our tables are in; `dbo` before the mirror was opened.
    pub fn schema(&self) -> &str {
        self.schema.get().map_or("dbo", String::as_str)
    }

    pub fn set_schema(&self, schema: String) {
        self.schema.get_or_init(|| schema);
    }

    /// Whether the mirror was opened.
    pub fn is_ready(&self) -> bool {
        self.schema.get().is_some()
    }

    /// What the metadata table looked like when its columns were last read.
    pub fn shape(&self) -> Arc<Shape> {
        Arc::clone(&self.shape.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn set_shape(&self, shape: Shape) {
        *self.shape.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(shape);
    }

    /// Server and database, for people.
    pub fn place(&self) -> String {
        format!("{}/{}", self.pool.target().server, self.database)
    }

    /// How our statements name their tables.
    pub fn names(&self) -> Names {
        let table = |name: &str| qualified(self.schema(), name);
        Names {
            schema: self.schema().to_owned(),
            meta: table("speil_meta"),
            tables: table("speil_tables"),
            cycles: table("speil_cycles"),
            events: table("speil_events"),
            values: table("speil_values"),
            quarantine: table("speil_quarantine"),
            metadata: table(&self.metadata),
            shape: self.shape(),
        }
    }

    /// A connection without a transaction, for reading: each statement sees what is committed.
    pub async fn reader(&self) -> Result<Lease> {
        self.pool.lease(&self.database).await
    }

    /// Begins a transaction without any lock.
    pub async fn begin(&self) -> Result<Tx> {
        let mut lease = self.pool.lease(&self.database).await?;
        lease.run("BEGIN TRANSACTION").await?;
        faults::pass(Step::WriteBegun).await?;
        Ok(Tx { lease: Some(lease), ours: false })
    }

    /// Begins a transaction that alone writes to a table, and reads what is then true, in one round trip. The answers of `read`, and
    /// the head of the last of them if it was so.
    pub async fn begin_table(
        &self,
        table: &TableName,
        read: impl Fn(&mut Statement),
    ) -> Result<(Tx, Vec<Answer>, Head)> {
        let mut all = locks_of(table);
        read(&mut all);
        if all.callable() {
            return self.begin_locked(&all).await;
        }
        let (mut tx, ..) = self.begin_locked(&locks_of(table)).await?;
        let mut alone = Statement::new();
        read(&mut alone);
        let answers = alone.results(&mut tx).await?;
        Ok((tx, answers, Head::new()))
    }

    /// Begins a transaction during which nobody else writes to any table of the mirror.
    pub async fn begin_all(&self) -> Result<Tx> {
        self.begin_alone(MIRROR).await
    }

    /// Begins a transaction that alone makes tables of our own.
    pub async fn begin_side_tables(&self) -> Result<Tx> {
        self.begin_alone("speil:side_tables").await
    }

    /// Begins a transaction that alone has the lock of this name.
    pub async fn begin_alone(&self, lock: &str) -> Result<Tx> {
        self.begin_locked(&locks(&[(lock, "Exclusive")])).await.map(|(tx, ..)| tx)
    }

    async fn begin_locked(&self, locks: &Statement) -> Result<(Tx, Vec<Answer>, Head)> {
        let mut lease = self.pool.lease(&self.database).await?;
        let sql = begun(&locks.call(&mut lease).await?);
        let (answers, head) = Statement::of(sql).asked(&mut lease).await?;
        let mut answers = answers.into_iter();
        let got = answers.next().and_then(|rows| rows.first().and_then(|row| row.integer(0)));
        faults::pass(Step::WriteBegun).await?;
        match got {
            Some(0 | 1) => Ok((Tx { lease: Some(lease), ours: true }, answers.collect(), head)),
            _ => Err(StoreError::new(
                StoreErrorKind::Transient,
                format!(
                    "database {}: another call is still writing (lock not granted, {}); the same call succeeds once that one has ended",
                    self.database,
                    got.unwrap_or(-999)
                ),
            )),
        }
    }

    /// Writes what is still to be written, and commits a write to one table that left `write` in its `last_write`, in one round trip.
    /// When the answer is lost with the connection, looks
    /// whether the transaction was kept.
    ///
    /// # Errors
    /// [`StoreErrorKind::Transient`]: nothing of it was kept.
    pub async fn commit_after(&self, mut tx: Tx, last: &Statement, table: &TableName, write: &str) -> Result<()> {
        let done = if last.is_empty() {
            tx.commit().await
        } else if last.callable() {
            tx.commit_after(last).await
        } else {
            last.exec(&mut tx).await?;
            tx.commit().await
        };
        let Err(error) = done else { return Ok(()) };
        if error.kind != StoreErrorKind::Transient {
            return Err(error);
        }
        // Behind the table's lock: if the server is still at work on it, this waits.
        let kept = retry!({
            let (tx, answers, _) =
                self.begin_table(table, |read| super::known::last_write(read, &self.names(), table)).await?;
            tx.rollback().await?;
            let last = answers.first().and_then(|rows| rows.first()).and_then(|row: &Cells| row.text(0));
            Ok::<_, StoreError>(last.is_some_and(|last| last == write))
        })?;
        if kept {
            tracing::info!(
                table = table.as_str(),
                "the connection was lost while a transaction was committed; it was kept"
            );
            return Ok(());
        }
        Err(error)
    }
}

/// How statements name the tables of ours.
pub(in crate::store::sqlserver) struct Names {
    /// Not quoted.
    pub schema: String,
    pub meta: String,
    pub tables: String,
    pub cycles: String,
    pub events: String,
    pub values: String,
    pub quarantine: String,
    pub metadata: String,
    pub shape: Arc<Shape>,
}

#[cfg(test)]
impl Names {
    /// For golden files.
    pub fn sample() -> Self {
        let table = |name: &str| qualified("dbo", name);
        Self {
            schema: "dbo".into(),
            meta: table("speil_meta"),
            tables: table("speil_tables"),
            cycles: table("speil_cycles"),
            events: table("speil_events"),
            values: table("speil_values"),
            quarantine: table("speil_quarantine"),
            metadata: table("Cust10195_mirroring"),
            shape: Arc::default(),
        }
    }
}

/// The lock every writer has a share in.
const MIRROR: &str = "speil:mirror";

/// A table's lock. Lock names tell case apart and are cut at 255 characters, table names neither.
fn lock_of(table: &TableName) -> String {
    let digest = Sha256::digest(table.folded().as_bytes());
    digest.iter().fold("speil:table:".to_owned(), |mut name, byte| {
        write!(name, "{byte:02x}").expect("writing to a string cannot fail");
        name
    })
}

/// Takes locks of the database in order; answers one number, below zero when one was not granted. Behind a BEGIN TRANSACTION.
///
/// A lock is the database's own on SQL Server. Babelfish has one set for all of its databases, so the database's number is part of
/// the name: else the mirrors of all tenants would wait for each other there.
fn locks(locks: &[(&str, &str)]) -> Statement {
    taking("CAST(DB_ID() AS nvarchar(10)) + N':' + ", locks)
}

/// The locks of one table's writer.
fn locks_of(table: &TableName) -> Statement {
    locks(&[(MIRROR, "IntentExclusive"), (&lock_of(table), "Exclusive")])
}

fn taking(before: &str, locks: &[(&str, &str)]) -> Statement {
    let mut statement = Statement::new();
    statement.then("DECLARE @got int, @lock nvarchar(255)");
    for (place, (name, mode)) in locks.iter().enumerate() {
        // A name of ours is part of the text: each value that is bound costs some servers as much as a lock.
        let name = if *name == MIRROR { text_literal(MIRROR) } else { statement.text(*name) };
        let granted = if place == 0 { "" } else { "IF @got >= 0 " };
        statement.then(format!("SET @lock = {before}{name}"));
        statement.then(format!(
            "{granted}EXEC @got = sp_getapplock @Resource = @lock, @LockMode = N'{mode}', @LockOwner = N'Transaction', \
             @LockTimeout = {LOCK_TIMEOUT}"
        ));
    }
    statement.then("SELECT @got AS got");
    statement
}

/// A transaction begins with this.
fn begun(call: &str) -> String {
    format!("BEGIN TRANSACTION;\n{call}")
}

/// Begins a transaction and takes one lock of exactly this name, which nobody else has; answers as [`locks`] does.
pub(in crate::store::sqlserver) fn begin_marked(mark: &str) -> String {
    begun(&taking("", &[(mark, "Exclusive")]).called())
}

/// As if the connection had been lost before the answer to a commit came.
fn unread(injected: &faults::Injected) -> StoreError {
    StoreError::new(StoreErrorKind::Transient, injected.to_string())
}

const COMMIT: &str = "COMMIT TRANSACTION";
const ROLLBACK: &str = "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION";

/// The last statement of a transaction, and its end.
fn committed_after(call: &str) -> String {
    format!("{call}\n{COMMIT};")
}

/// An identifier for one write, kept in the table's `last_write`.
pub(in crate::store::sqlserver) fn new_write() -> String {
    uuid::Uuid::from_u128(rand::random()).simple().to_string()
}

/// A transaction. Dropped without [`Tx::commit`], the connection is closed and the server takes all of it back.
pub(in crate::store::sqlserver) struct Tx {
    lease: Option<Lease>,
    /// Only statements of this engine run in it.
    ours: bool,
}

impl Tx {
    /// Commits, durably.
    pub async fn commit(mut self) -> Result<()> {
        faults::pass(Step::WriteCommit).await?;
        faults::pass_unread(Step::CommitSent, self.run(COMMIT)).await.map_err(|injected| unread(&injected))??;
        self.finish(self.ours);
        faults::pass(Step::WriteCommitted).await?;
        Ok(())
    }

    /// Runs a statement that is [`Statement::callable`] and commits, in one round trip.
    async fn commit_after(mut self, last: &Statement) -> Result<()> {
        faults::pass(Step::WriteCommit).await?;
        let call = last.call(&mut self).await?;
        let last = Statement::of(committed_after(&call));
        faults::pass_unread(Step::CommitSent, last.asked(&mut self)).await.map_err(|injected| unread(&injected))??;
        self.finish(self.ours);
        faults::pass(Step::WriteCommitted).await?;
        Ok(())
    }

    /// Takes everything back and keeps the connection.
    pub async fn rollback(mut self) -> Result<()> {
        self.run(ROLLBACK).await?;
        self.finish(false);
        Ok(())
    }

    fn finish(&mut self, as_new: bool) {
        match self.lease.take() {
            Some(lease) if as_new => lease.finish_as_new(),
            Some(lease) => lease.finish(),
            None => {}
        }
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
pub(in crate::store::sqlserver) struct Attempts {
    left: u32,
    pause: Duration,
    mended: bool,
}

impl Attempts {
    /// Five more attempts within about ten seconds.
    pub fn new() -> Self {
        Self { left: 5, pause: Duration::from_millis(100), mended: false }
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

    /// The same, or something of ours was dropped by hand and is there again now. Only the server's own errors ask for the look: the
    /// usual way costs no round trip.
    pub async fn again_or_mended(&mut self, session: &Session, error: &StoreError) -> bool {
        // A missing table or column of ours is told as one of the mirrored tables is.
        let passes = matches!(error.kind, StoreErrorKind::Transient | StoreErrorKind::Row);
        if passes || self.mended || error.source.is_none() {
            return self.again(error).await;
        }
        self.mended = true;
        match super::side_tables::ensure(session).await {
            Ok(changed) => changed,
            Err(error) => {
                tracing::warn!(%error, "it could not be told whether tables of ours are missing");
                false
            }
        }
    }
}

/// Evaluates a block that gives a `Result`, again and again while it fails for a reason that passes. The block is written anew in
/// every round, so it may borrow and await what it likes.
macro_rules! retry {
    ($work:expr) => {{
        let mut attempts = $crate::store::sqlserver::mirror::session::Attempts::new();
        loop {
            match async { $work }.await {
                Err(error) if attempts.again(&error).await => {}
                done => break done,
            }
        }
    }};
}
pub(in crate::store::sqlserver) use retry;

/// [`retry!`], and once more when tables of ours were missing and have been made again.
macro_rules! attempt {
    ($session:expr, $work:expr) => {{
        let mut attempts = $crate::store::sqlserver::mirror::session::Attempts::new();
        loop {
            match async { $work }.await {
                Err(error) if attempts.again_or_mended($session, &error).await => {}
                done => break done,
            }
        }
    }};
}
pub(in crate::store::sqlserver) use attempt;

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    use crate::store::sqlserver::connection::prepared;

    let contact = TableName::new("contact").expect("a table's name");
    let table = locks_of(&contact);
    let mut last = Statement::new();
    super::known::last_write(&mut last, &Names::sample(), &contact);
    vec![
        ("locks_of_table", table.sql().to_owned()),
        ("locks_of_all", locks(&[(MIRROR, "Exclusive")]).sql().to_owned()),
        ("begin_table", begun(&table.called())),
        ("prepare", prepared::prepare(&table.declared(), table.sql())),
        ("begin_table_ready", begun(&prepared::by_number(1, &table.literals()))),
        ("begin_marked", begin_marked("speil:guest:0123456789abcdef0123456789abcdef")),
        ("commit_after", committed_after(&last.called())),
        ("commit_after_ready", committed_after(&prepared::by_number(2, &last.literals()))),
        ("commit", COMMIT.to_owned()),
        ("rollback", ROLLBACK.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: StoreErrorKind) -> StoreError {
        StoreError::new(kind, "chosen as the victim of a deadlock")
    }

    #[tokio::test]
    async fn what_passes_is_tried_again_from_its_beginning() {
        let mut tries = 0;
        let done = retry!({
            tries += 1;
            if tries < 3 { Err(failed(StoreErrorKind::Transient)) } else { Ok(tries) }
        });
        assert_eq!(done.unwrap(), 3);
    }

    #[tokio::test]
    async fn what_does_not_pass_is_not_tried_again() {
        for kind in
            [StoreErrorKind::Row, StoreErrorKind::Schema, StoreErrorKind::Environment, StoreErrorKind::Overtaken]
        {
            let mut tries = 0;
            let done: Result<()> = retry!({
                tries += 1;
                Err(failed(kind))
            });
            assert_eq!((tries, done.unwrap_err().kind), (1, kind));
        }
    }

    #[tokio::test]
    async fn what_goes_on_failing_is_given_up() {
        let mut attempts = Attempts { left: 2, pause: Duration::ZERO, mended: false };
        let error = failed(StoreErrorKind::Transient);
        assert!(attempts.again(&error).await && attempts.again(&error).await);
        assert!(!attempts.again(&error).await);
    }
}
