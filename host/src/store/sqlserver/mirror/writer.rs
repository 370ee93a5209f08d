//! A transaction of rows: [`RowWriter`] over a connection of its own.
//!
//! What was applied is kept until it is committed, up to a limit: when the connection breaks, or the server ends the transaction for a
//! reason that passes, all of it is applied again on another connection, and the caller notices nothing. Whoever drops the
//! writer, or the future of a call, only ever lets the transaction be taken back.

use std::sync::Arc;

use async_trait::async_trait;

use super::columns::Kept;
use super::empty::empty;
use super::known::{self, Committed, Known, Mark};
use super::metadata::{self, Row};
use super::quarantine;
use super::session::{Attempts, Session, attempt};
use super::statement::Statement;
use super::tables::{Place, Work};
use crate::faults::{self, Step};
use crate::protocol::columns::{Column, TypedBatch};
use crate::protocol::lsn::Lsn;
use crate::protocol::table_def::TableDef;
use crate::store::history::OpCounts;
use crate::store::rules::marks::{Fill, Gap, moved};
use crate::store::rules::refusals::unknown_table;
use crate::store::sqlserver::errors::Result;
use crate::store::sqlserver::rows::plan::RowPlan;
use crate::store::sqlserver::rows::targets::targets;
use crate::store::{Applied, RowChanges, RowWriter, SchemaHash, SetAside, StoreError, StoreErrorKind, TableKind, Turn};

/// Row data kept to be applied again, in bytes.
const KEPT: usize = 64 << 20;

/// What a transaction of rows knows of its table.
struct Open {
    work: Work,
    row: Row,
    gap: Gap,
    plan: RowPlan,
    /// Rows in the table now.
    rows: u64,
    changed: bool,
    /// There is a row of the table in `speil_tables`.
    is_noted: bool,
}

/// What [`Open`] is made of.
struct Prepared {
    row: Row,
    known: Known,
    plan: RowPlan,
    rows: u64,
    changed: bool,
}

/// See the head of the file.
pub(in crate::store::sqlserver) struct SqlServerRowWriter {
    session: Arc<Session>,
    turn: Turn,
    def: TableDef,
    hash: SchemaHash,
    /// `None` once the transaction is lost.
    open: Option<Open>,
    /// The stretches applied, in order; `None`: too much to keep.
    kept: Option<Vec<RowChanges>>,
    kept_bytes: usize,
    /// What became of rows kept aside, to be written again with the stretches.
    aside: Vec<SetAside>,
    /// The commit counts the call, too.
    counts_call: bool,
}

/// The checks that [`crate::store::MirrorDb::begin`] and `advance_skipped` share.
fn checked(turn: &Turn, hash: SchemaHash, kind: TableKind, place: &mut Place) -> Result<Row> {
    let Some(row) = place.row.take() else { return Err(unknown_table(&turn.table)) };
    if row.hash != Some(hash) || row.kind() != kind {
        return Err(StoreError::new(
            StoreErrorKind::SchemaChanged,
            format!("table {} was changed meanwhile; the next TableSchema mends it", turn.table),
        ));
    }
    Ok(row)
}

/// [`crate::store::MirrorDb::advance_skipped`].
pub(in crate::store::sqlserver) async fn advance_skipped(
    work: &mut Work,
    turn: &Turn,
    hash: SchemaHash,
    lsn: Lsn,
    received: OpCounts,
) -> Result<Lsn> {
    let mut place = work.place(turn).await?;
    let mut row = checked(turn, hash, TableKind::Skipped, &mut place)?;
    // There are no rows that a fill could miss.
    if row.fill == Fill::Expected {
        row.fill = Fill::Begun;
    }
    let lsn = moved(row.lsn, row.fill, lsn);
    let done =
        Committed { rows: 0, changed: false, filling: false, owned: false, received, call: false, is_noted: false };
    work.last = written_down(work, turn, &row, lsn, &done);
    Ok(lsn)
}

/// The metadata row, the table's and the cycle's counts.
fn written_down(work: &Work, turn: &Turn, row: &Row, lsn: Lsn, done: &Committed) -> Statement {
    let mark = Mark { ticket: turn.ticket, write: &work.write };
    let mut statement = Statement::new();
    metadata::update(&mut statement, &work.names, row, lsn, row.fill.after(lsn), turn.ticket);
    known::committed(&mut statement, &work.names, &turn.table, mark, done);
    statement
}

impl SqlServerRowWriter {
    /// [`crate::store::MirrorDb::begin`].
    pub async fn begin(session: Arc<Session>, turn: Turn, def: TableDef, hash: SchemaHash) -> Result<Self> {
        let open = attempt!(&session, Open::begin(&session, &turn, &def, hash, true).await)?;
        Ok(Self {
            session,
            turn,
            def,
            hash,
            open: Some(open),
            kept: Some(Vec::new()),
            kept_bytes: 0,
            aside: Vec::new(),
            counts_call: false,
        })
    }

    /// Begins anew after an error that passes and applies what was applied, if that was kept.
    async fn again(&self, attempts: &mut Attempts, mut error: StoreError) -> Result<Open> {
        loop {
            if self.kept.is_none() || !attempts.again(&error).await {
                return Err(error);
            }
            match Box::pin(self.replay()).await {
                Ok(open) => return Ok(open),
                Err(next) => error = next,
            }
        }
    }

    /// A new transaction with everything applied that was kept. It hopes for nothing any more.
    async fn replay(&self) -> Result<Open> {
        let mut open = Open::begin(&self.session, &self.turn, &self.def, self.hash, false).await?;
        for changes in self.kept.iter().flatten() {
            open.apply(changes).await?;
        }
        for changes in &self.aside {
            quarantine::set_aside(&mut open.work.tx, &open.work.names, changes).await?;
        }
        Ok(open)
    }

    fn keep(&mut self, changes: RowChanges) {
        self.kept_bytes = self.kept_bytes.saturating_add(size(&changes.batch));
        if self.kept_bytes > KEPT {
            self.kept = None;
        } else if let Some(kept) = &mut self.kept {
            kept.push(changes);
        }
    }
}

/// Bytes of row data, about.
fn size(batch: &TypedBatch) -> usize {
    let column = |column: &Column| match column {
        Column::Text(texts) | Column::Binary(texts) => {
            (0..texts.len()).map(|row| texts.get(row).map_or(0, <[u8]>::len) + 8).sum::<usize>()
        }
        Column::Decimal(_) | Column::Guid(_) | Column::TimestampOffset(_) => column.len() * 16,
        _ => column.len() * 8,
    };
    batch.columns.iter().map(column).sum::<usize>() + batch.len()
}

impl Open {
    /// `hopes`: that the rows of a fill are new, and that the table's columns are what they were.
    async fn begin(session: &Arc<Session>, turn: &Turn, def: &TableDef, hash: SchemaHash, hopes: bool) -> Result<Self> {
        let mut columns = if hopes { session.columns.of(def) } else { None };
        let mut begun = Work::begin_with(session, &turn.table, columns.as_deref()).await;
        if columns.is_some() && begun.as_ref().is_err_and(|error| error.kind != StoreErrorKind::Transient) {
            // The table or a column of it is gone, perhaps; what is there now says more.
            session.columns.forget(&turn.table);
            columns = None;
            begun = Work::begin(session, &turn.table).await;
        }
        let mut work = begun?;
        match Self::prepare(&mut work, turn, def, hash, columns.as_deref()).await {
            Ok(Prepared { row, known, mut plan, rows, changed }) => {
                plan.hope(hopes, rows > 0);
                let (gap, is_noted) = (known.gap, known.is_noted);
                Ok(Self { work, row, gap, plan, rows, changed, is_noted })
            }
            Err(error) => {
                work.give_up().await;
                Err(error)
            }
        }
    }

    async fn prepare(
        work: &mut Work,
        turn: &Turn,
        def: &TableDef,
        hash: SchemaHash,
        columns: Option<&Kept>,
    ) -> Result<Prepared> {
        faults::pass(Step::RowsBegun).await?;
        let mut place = work.place(turn).await?;
        let mut row = checked(turn, hash, TableKind::Mirrored, &mut place)?;
        let Some(object) = place.object.as_ref().filter(|object| object.is_table()) else {
            return Err(unknown_table(&turn.table));
        };
        let schema = work.names.schema.clone();
        let mut rows = match place.known.rows {
            Some(rows) => rows,
            None => crate::store::sqlserver::schema::catalog::count(&mut work.tx, &schema, &object.name).await?,
        };
        let mut changed = false;
        if row.lsn.means_refill() && row.fill == Fill::Expected {
            changed = empty(&mut work.tx, &schema, object, Some(rows)).await? > 0;
            let mut statement = Statement::new();
            quarantine::clear(&mut statement, &work.names, &turn.table);
            statement.exec(&mut work.tx).await?;
            rows = 0;
            row.fill = Fill::Begun;
            faults::pass(Step::Emptied).await?;
        }
        let filling = row.lsn.means_refill();
        let kept = columns.filter(|kept| kept.are_of(&object.name, &work.columns, &work.head));
        let plan = if let Some(kept) = kept {
            RowPlan::new(&schema, &object.name, kept.targets.clone(), def, filling).trusting()
        } else {
            let asked = targets(&mut work.tx, &schema, &object.name, def).await?;
            work.session.columns.keep(&schema, &object.name, def, &asked);
            RowPlan::new(&schema, &object.name, asked.targets, def, filling)
        };
        Ok(Prepared { row, known: place.known, plan, rows, changed })
    }

    async fn apply(&mut self, changes: &RowChanges) -> Result<Applied> {
        let applied = self.plan.apply(&mut self.work.tx, changes).await?;
        faults::pass(Step::RowsApplied).await?;
        // A row that somebody added by hand and the source deletes was never counted.
        self.rows = (self.rows + applied.inserted).saturating_sub(applied.deleted);
        self.changed |= applied != Applied::default();
        Ok(applied)
    }

    async fn finish(mut self, turn: &Turn, lsn: Lsn, received: OpCounts, call: bool) -> Result<Lsn> {
        let lsn = if self.gap == Gap::None { moved(self.row.lsn, self.row.fill, lsn) } else { self.row.lsn };
        let done = Committed {
            rows: self.rows,
            changed: self.changed,
            filling: lsn.means_refill() && self.row.fill == Fill::Begun,
            owned: true,
            received,
            call,
            is_noted: self.is_noted,
        };
        faults::pass(Step::LsnWrite).await?;
        self.work.last = written_down(&self.work, turn, &self.row, lsn, &done);
        if faults::is_ordered(Step::LsnWritten) {
            // It goes out with the commit, and there is no moment between them; to break there they are sent apart, as they are when
            // a name cannot be a literal.
            std::mem::take(&mut self.work.last).exec(&mut self.work.tx).await?;
            faults::pass(Step::LsnWritten).await?;
        }
        Box::pin(self.work.commit(&turn.table)).await?;
        faults::pass(Step::Committed).await?;
        Ok(lsn)
    }
}

fn lost() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "the transaction is lost already; nothing of it was kept")
}

#[async_trait]
impl RowWriter for SqlServerRowWriter {
    async fn apply(&mut self, changes: RowChanges) -> Result<Applied> {
        // Whatever goes wrong from here, the transaction is not put back.
        let mut open = self.open.take().ok_or_else(lost)?;
        let mut attempts = Attempts::new();
        if self.kept.is_none() {
            open.plan.hope(false, open.rows > 0);
        }
        loop {
            match open.apply(&changes).await {
                Ok(applied) => {
                    self.keep(changes);
                    self.open = Some(open);
                    return Ok(applied);
                }
                Err(error) => {
                    let trusted = open.plan.trusted_in_vain(&error);
                    if trusted {
                        self.session.columns.forget(&self.turn.table);
                    }
                    let in_vain = self.kept.is_some() && (trusted || open.plan.hoped_in_vain(&error));
                    open.work.give_up().await;
                    let replayed = if in_vain { Box::pin(self.replay()).await } else { Err(error) };
                    open = match replayed {
                        Ok(open) => open,
                        Err(error) => self.again(&mut attempts, error).await?,
                    };
                }
            }
        }
    }

    async fn held(&mut self) -> Result<Vec<String>> {
        let mut open = self.open.take().ok_or_else(lost)?;
        let mut attempts = Attempts::new();
        loop {
            match quarantine::held(&mut open.work.tx, &open.work.names, &self.turn.table).await {
                Ok(ids) => {
                    self.open = Some(open);
                    return Ok(ids);
                }
                Err(error) => {
                    open.work.give_up().await;
                    open = self.again(&mut attempts, error).await?;
                }
            }
        }
    }

    async fn set_aside(&mut self, changes: SetAside) -> Result<()> {
        let mut open = self.open.take().ok_or_else(lost)?;
        let mut attempts = Attempts::new();
        loop {
            match quarantine::set_aside(&mut open.work.tx, &open.work.names, &changes).await {
                Ok(()) => {
                    self.aside.push(changes);
                    self.open = Some(open);
                    return Ok(());
                }
                Err(error) => {
                    open.work.give_up().await;
                    open = self.again(&mut attempts, error).await?;
                }
            }
        }
    }

    fn count_call(&mut self) -> bool {
        self.counts_call = true;
        true
    }

    async fn commit(mut self: Box<Self>, lsn: Lsn, received: OpCounts) -> Result<Lsn> {
        let mut open = self.open.take().ok_or_else(lost)?;
        let mut attempts = Attempts::new();
        loop {
            match Box::pin(open.finish(&self.turn, lsn, received, self.counts_call)).await {
                Ok(lsn) => return Ok(lsn),
                Err(error) => open = self.again(&mut attempts, error).await?,
            }
        }
    }
}
