//! A transaction of rows: [`RowWriter`] over the mirror's writing connection.
//!
//! Between calls the connection rests here with its transaction open; during a call it is owned by the thread that works. So
//! whoever drops the writer, or the future of a call, only ever lets the transaction be taken back.

use std::sync::Arc;

use async_trait::async_trait;

use super::errors::{Result, lost_task};
use super::feed::Feed;
use super::known::{self, Committed};
use super::metadata::{self, Row};
use super::pool::WriterLease;
use super::quarantine;
use super::rows::RowPlan;
use super::session::{Durability, Session, Writing};
use super::tables::Work;
use crate::faults::{self, Step};
use crate::protocol::lsn::Lsn;
use crate::protocol::table_def::TableDef;
use crate::store::history::OpCounts;
use crate::store::rules::marks::{Fill, Gap, moved};
use crate::store::rules::refusals::unknown_table;
use crate::store::{Applied, RowChanges, RowWriter, SchemaHash, SetAside, StoreError, StoreErrorKind, TableKind, Turn};
use crate::threads;

/// What a transaction of rows knows of its table.
struct Open {
    turn: Turn,
    row: Row,
    gap: Gap,
    plan: RowPlan,
    /// Rows in the table now.
    rows: u64,
    changed: bool,
}

/// See the head of the file. `None` once the transaction is lost.
pub(super) struct SqliteRowWriter {
    session: Arc<Session>,
    state: Option<(WriterLease, Open)>,
}

/// The checks that [`crate::store::MirrorDb::begin`] and `advance_skipped` share.
fn checked(work: &Work<'_>, turn: &Turn, hash: SchemaHash, kind: TableKind) -> Result<(super::tables::Place, Row)> {
    let place = work.place(turn)?;
    let Some(row) = place.row.clone() else { return Err(unknown_table(&turn.table)) };
    if row.hash != Some(hash) || row.kind() != kind {
        return Err(StoreError::new(
            StoreErrorKind::SchemaChanged,
            format!("table {} was changed meanwhile; the next TableSchema mends it", turn.table),
        ));
    }
    Ok((place, row))
}

/// [`crate::store::MirrorDb::advance_skipped`].
pub(super) fn advance_skipped(
    work: &Work<'_>,
    turn: &Turn,
    hash: SchemaHash,
    lsn: Lsn,
    received: OpCounts,
) -> Result<Lsn> {
    let (_, mut row) = checked(work, turn, hash, TableKind::Skipped)?;
    // There are no rows that a fill could miss.
    if row.fill == Fill::Expected {
        row.fill = Fill::Begun;
    }
    let lsn = moved(row.lsn, row.fill, lsn);
    metadata::update(work.db, work.metadata, &row, lsn, row.fill.after(lsn), turn.ticket)?;
    let done = Committed { ticket: turn.ticket, rows: 0, changed: false, filling: false, owned: false, received };
    known::committed(work.db, &turn.table, &done)?;
    Ok(lsn)
}

impl SqliteRowWriter {
    /// [`crate::store::MirrorDb::begin`].
    pub async fn begin(session: Arc<Session>, turn: Turn, def: TableDef, hash: SchemaHash) -> Result<Self> {
        let lease = session.writer().await?;
        let on_thread = Arc::clone(&session);
        let run = move || {
            let mut writing = Writing { lease, session: &on_thread };
            let run = |writing: &mut Writing<'_>| {
                writing.begin(Durability::Full)?;
                faults::pass_blocking(Step::RowsBegun)?;
                let feed = writing.feed()?;
                Open::new(&writing.work()?, &feed, turn, &def, hash)
            };
            let open = run(&mut writing).map_err(on_thread.at())?;
            Ok::<_, StoreError>((writing.lease, open))
        };
        let state = threads::blocking(run).await.map_err(lost_task)??;
        Ok(Self { session, state: Some(state) })
    }
}

impl Open {
    fn new(work: &Work<'_>, feed: &Feed, turn: Turn, def: &TableDef, hash: SchemaHash) -> Result<Self> {
        let (place, mut row) = checked(work, &turn, hash, TableKind::Mirrored)?;
        let Some(object) = place.object.as_ref().filter(|object| object.is_table()) else {
            return Err(unknown_table(&turn.table));
        };
        let mut rows = match place.known.rows {
            Some(rows) => rows,
            None => super::catalog::count(work.db, &object.name)?,
        };
        let mut changed = false;
        if row.lsn.means_refill() && row.fill == Fill::Expected {
            changed = work.empty(&object.name)? > 0;
            quarantine::clear(work.db, &turn.table)?;
            rows = 0;
            row.fill = Fill::Begun;
            faults::pass_blocking(Step::Emptied)?;
        }
        let plan = RowPlan::new(work.db, feed, &object.name, def)?;
        Ok(Self { turn, row, gap: place.known.gap, plan, rows, changed })
    }

    fn apply(&mut self, work: &Work<'_>, changes: &RowChanges) -> Result<Applied> {
        let applied = self.plan.apply(work.db, changes)?;
        faults::pass_blocking(Step::RowsApplied)?;
        // A row that somebody added by hand and the source deletes was never counted.
        self.rows = (self.rows + applied.inserted).saturating_sub(applied.deleted);
        self.changed |= applied != Applied::default();
        Ok(applied)
    }

    fn finish(&self, work: &Work<'_>, lsn: Lsn, received: OpCounts) -> Result<Lsn> {
        faults::pass_blocking(Step::LsnWrite)?;
        let lsn = if self.gap == Gap::None { moved(self.row.lsn, self.row.fill, lsn) } else { self.row.lsn };
        metadata::update(work.db, work.metadata, &self.row, lsn, self.row.fill.after(lsn), self.turn.ticket)?;
        let done = Committed {
            ticket: self.turn.ticket,
            rows: self.rows,
            changed: self.changed,
            filling: lsn.means_refill() && self.row.fill == Fill::Begun,
            owned: true,
            received,
        };
        known::committed(work.db, &self.turn.table, &done)?;
        faults::pass_blocking(Step::LsnWritten)?;
        Ok(lsn)
    }
}

fn lost() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "the transaction is lost already; nothing of it was kept")
}

impl SqliteRowWriter {
    /// Runs `work` inside the transaction on a thread of its own. Whatever goes wrong, the transaction is not put back.
    async fn within<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Open, &Work<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (lease, mut open) = self.state.take().ok_or_else(lost)?;
        let session = Arc::clone(&self.session);
        let run = move || {
            let mut writing = Writing { lease, session: &session };
            let done = writing.work().and_then(|in_it| work(&mut open, &in_it)).map_err(session.at())?;
            Ok::<_, StoreError>((writing.lease, open, done))
        };
        let (lease, open, done) = threads::blocking(run).await.map_err(lost_task)??;
        self.state = Some((lease, open));
        Ok(done)
    }
}

#[async_trait]
impl RowWriter for SqliteRowWriter {
    async fn apply(&mut self, changes: RowChanges) -> Result<Applied> {
        self.within(move |open, work| open.apply(work, &changes)).await
    }

    async fn held(&mut self) -> Result<Vec<String>> {
        self.within(|open, work| quarantine::held(work.db, &open.turn.table)).await
    }

    async fn set_aside(&mut self, changes: SetAside) -> Result<()> {
        self.within(move |_, work| quarantine::set_aside(work.db, &changes)).await
    }

    async fn commit(mut self: Box<Self>, lsn: Lsn, received: OpCounts) -> Result<Lsn> {
        let (lease, open) = self.state.take().ok_or_else(lost)?;
        let session = Arc::clone(&self.session);
        let run = move || {
            let mut writing = Writing { lease, session: &session };
            let run = |writing: &mut Writing<'_>| {
                let lsn = open.finish(&writing.work()?, lsn, received)?;
                faults::pass_blocking(Step::Commit)?;
                writing.commit()?;
                faults::pass_blocking(Step::Committed)?;
                Ok(lsn)
            };
            run(&mut writing).map_err(session.at())
        };
        threads::blocking(run).await.map_err(lost_task)?
    }
}

impl Drop for SqliteRowWriter {
    fn drop(&mut self) {
        let Some(state) = self.state.take() else { return };
        // Taking a big transaction back is work for a thread of its own, if there is a runtime to give one.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || drop(state))),
            Err(_) => drop(state),
        }
    }
}
