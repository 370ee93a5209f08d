//! One mirror's transactions: connections opened when first needed, work done off the async threads, and nothing left open
//! whatever happens to the future that asked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::errors::{Result, at, lost_task};
use super::feed::Feed;
use super::ident::metadata_table;
use super::open::{Access, enter_wal, open};
use super::place;
use super::pool::{Conn, Gate, ReaderLease, Share, WriterLease};
use super::side_tables::{another_tenants, check_identity, ensure, is_complete, schema_version};
use super::tables::Work;
use crate::faults::{self, Step};
use crate::protocol::context_id::ContextId;
use crate::store::{StoreError, StoreErrorKind};
use crate::threads;

/// What a commit promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// On disk before it returns.
    Full,
    /// In order with all others, but on disk only with the next full one: for tickets and history, which mean nothing
    /// once the calls they belong to are lost.
    Relaxed,
}

/// One mirror file and the way to its connections.
pub(super) struct Session {
    pub tenant: ContextId,
    pub path: PathBuf,
    /// The metadata table's name.
    pub metadata: String,
    directory: PathBuf,
    gate: Arc<Gate>,
    busy_timeout: Duration,
}

impl Session {
    pub fn new(
        tenant: ContextId,
        path: PathBuf,
        directory: PathBuf,
        gate: Arc<Gate>,
        busy_timeout: Duration,
    ) -> Arc<Self> {
        let metadata = metadata_table(&tenant);
        Arc::new(Self { tenant, path, metadata, directory, gate, busy_timeout })
    }

    /// Says where an error happened; a damaged file is not kept open.
    pub fn at(&self) -> impl Fn(StoreError) -> StoreError {
        let say = at(&self.path);
        move |error| {
            if error.kind == StoreErrorKind::Corrupt {
                self.gate.is_damaged(&self.path);
            }
            say(error)
        }
    }

    /// Opens the file unless it is open, makes what is missing in it; makes the file itself only if `create`.
    pub async fn ready(self: &Arc<Self>, create: bool) -> Result<Share> {
        loop {
            let share = self.gate.enter(&self.path).await?;
            match share.files().ready_for() {
                Some(owner) if *owner == self.tenant => return Ok(share),
                // Two tenants sent to one file share its connections too.
                Some(owner) => return Err(another_tenants(owner.as_str(), &self.tenant)),
                None => {}
            }
            let lease = share.write().await;
            let session = Arc::clone(self);
            threads::blocking(move || session.make_ready(lease, create)).await.map_err(lost_task)??;
        }
    }

    fn make_ready(&self, lease: WriterLease, create: bool) -> Result<()> {
        let make = || {
            let is_new = create && !self.path.exists();
            if is_new {
                place::prepare_folders(&self.directory, &self.path)?;
                place::no_case_twin(&self.path, &self.tenant)?;
            }
            place::stays_inside(&self.directory, &self.path)?;
            let mut writing = Writing { lease, session: self };
            writing.open(create)?;
            writing.begin(Durability::Full)?;
            if is_new {
                faults::pass_blocking(Step::MirrorMade)?;
            }
            writing.commit()?;
            if is_new {
                faults::pass_blocking(Step::MirrorMade)?;
            }
            writing.lease.files().set_ready(&self.tenant, &self.path);
            Ok(())
        };
        make().map_err(self.at())
    }

    /// Runs `work` in a write transaction on a thread of its own: all of it is kept, or nothing. If the caller goes away
    /// meanwhile it is finished all the same.
    pub async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        durability: Durability,
        work: impl FnOnce(&Work<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let lease = self.writer().await?;
        let session = Arc::clone(self);
        let run = move || {
            let mut writing = Writing { lease, session: &session };
            let run = |writing: &mut Writing<'_>| {
                writing.begin(durability)?;
                faults::pass_blocking(Step::WriteBegun)?;
                let result = work(&writing.work()?)?;
                faults::pass_blocking(Step::WriteCommit)?;
                writing.commit()?;
                faults::pass_blocking(Step::WriteCommitted)?;
                Ok(result)
            };
            run(&mut writing).map_err(session.at())
        };
        threads::blocking(run).await.map_err(lost_task)?
    }

    /// The writing connection, with no transaction begun.
    pub async fn writer(self: &Arc<Self>) -> Result<WriterLease> {
        Ok(self.ready(false).await?.write().await)
    }

    /// Runs `work` in a read transaction on a thread of its own: one moment's view, never waiting for a writer.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Fn(&Work<'_>) -> Result<T> + Send + Sync + 'static,
    ) -> Result<T> {
        let work = Arc::new(work);
        loop {
            let lease = self.ready(false).await?.read().await?;
            let (session, work) = (Arc::clone(self), Arc::clone(&work));
            let run = move || session.read_now(lease, |w| work(w)).map_err(session.at());
            if let Some(result) = threads::blocking(run).await.map_err(lost_task)?? {
                return Ok(result);
            }
            // A table of ours was dropped by hand: a writer makes it again.
            self.write(Durability::Full, |_| Ok(())).await?;
        }
    }

    /// `None`: tables of ours are missing.
    pub fn read_now<T>(&self, mut lease: ReaderLease, work: impl FnOnce(&Work<'_>) -> Result<T>) -> Result<Option<T>> {
        let conn = self.reader(&mut lease)?;
        conn.db.execute_batch("BEGIN")?;
        if !is_complete(conn, &self.tenant)? {
            return Ok(None);
        }
        let result = work(&Work { db: &conn.db, metadata: &self.metadata })?;
        conn.db.execute_batch("COMMIT")?;
        Ok(Some(result))
    }

    /// Runs `work` on a reading connection without asking whether the tables of ours are complete.
    pub fn read_plainly<T>(&self, mut lease: ReaderLease, work: impl FnOnce(&Work<'_>) -> Result<T>) -> Result<T> {
        let conn = self.reader(&mut lease)?;
        conn.db.execute_batch("BEGIN")?;
        let result = work(&Work { db: &conn.db, metadata: &self.metadata })?;
        conn.db.execute_batch("COMMIT")?;
        Ok(result)
    }

    fn reader<'l>(&self, lease: &'l mut ReaderLease) -> Result<&'l mut Conn> {
        lease.conn(|| {
            let db = open(&self.path, Access::Read, self.busy_timeout)?;
            Ok(Conn { db, verified: None, feed: None })
        })
    }
}

/// The writing connection in the hands of a thread.
pub(super) struct Writing<'s> {
    pub lease: WriterLease,
    pub session: &'s Session,
}

impl Writing<'_> {
    fn open(&mut self, create: bool) -> Result<&mut Conn> {
        let (session, log) = (self.session, Arc::clone(self.lease.files().log()));
        self.lease.conn(|| {
            let mut db = open(&session.path, Access::Write { create }, session.busy_timeout)?;
            // Before anything is changed in the file.
            check_identity(&db, &session.tenant)?;
            enter_wal(&db)?;
            log.watch(&mut db, session.busy_timeout)?;
            let feed = Some(Feed::of(&mut db)?);
            Ok(Conn { db, verified: None, feed })
        })
    }

    /// Begins a transaction in which all tables of ours are there.
    pub fn begin(&mut self, durability: Durability) -> Result<()> {
        let session = self.session;
        let conn = self.open(false)?;
        conn.db.execute_batch(match durability {
            Durability::Full => "PRAGMA synchronous=FULL; BEGIN IMMEDIATE",
            Durability::Relaxed => "PRAGMA synchronous=NORMAL; BEGIN IMMEDIATE",
        })?;
        ensure(conn, &session.tenant)
    }

    pub fn work(&mut self) -> Result<Work<'_>> {
        let session = self.session;
        let conn = self.open(false)?;
        Ok(Work { db: &conn.db, metadata: &session.metadata })
    }

    /// What a statement of this connection can read a batch from.
    pub fn feed(&mut self) -> Result<Feed> {
        let feed = self.open(false)?.feed.clone();
        feed.ok_or_else(|| StoreError::new(StoreErrorKind::Internal, "a connection that writes has no feed"))
    }

    pub fn commit(&mut self) -> Result<()> {
        let conn = self.open(false)?;
        // Nobody else can have changed the schema inside our transaction.
        let version = schema_version(&conn.db)?;
        conn.db.execute_batch("COMMIT")?;
        conn.verified = Some(version);
        let share = self.lease.share();
        share.files().log().after_commit(share, &self.session.path, self.session.busy_timeout);
        Ok(())
    }
}
