//! RowData (protocol.md section 7): batch by batch, each its own transaction, rows and LSN together.
//!
//! Three things run at once, so that a call costs the slowest of them and not their sum: the front door decodes the next
//! batch while this one is applied (its channel holds one or two), and inside a batch the next segment is typed while
//! this one is transformed and written.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::BrokenBody;
use super::batch_schema::{self, Fit};
use super::call::{Call, CallError, Cause, Opened};
use super::quarantine::Aside;
use super::reduce::{ReduceError, reduce};
use crate::faults::{self, Step};
use crate::plugins::hooks::{Committed, TransformPlan};
use crate::protocol::cell::{self, CellError};
use crate::protocol::columns::TypedBatch;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::{RowDataBatch, RowOp};
use crate::protocol::raw_batch::RawBatch;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::history::OpCounts;
use crate::store::{Applied, RowChanges, StoreError, StoreErrorKind, TableRecord};

pub(super) async fn run(
    call: &mut Call<'_>,
    batches: mpsc::Receiver<Result<RowDataBatch, BrokenBody>>,
) -> Result<(), CallError> {
    let opened = call.open_again().await?;
    let mut batches = Batches { receiver: batches, ahead: None };
    let mut number = 0u64;
    while let Some(batch) = batches.next().await {
        number += 1;
        let batch = batch.map_err(|BrokenBody(what)| CallError::request(what))?;
        if let Err(mut error) = take(call, &opened, batch, &mut batches).await {
            leave_out(call, &opened, batches).await;
            if number > 1 {
                error.message =
                    format!("{} (batch {number} of the call; those before it are in the mirror)", error.message);
            }
            return Err(error);
        }
    }
    Ok(())
}

/// The call's batches as they are decoded.
struct Batches {
    receiver: mpsc::Receiver<Result<RowDataBatch, BrokenBody>>,
    /// Taken from the receiver already.
    ahead: Option<Result<RowDataBatch, BrokenBody>>,
}

impl Batches {
    async fn next(&mut self) -> Option<Result<RowDataBatch, BrokenBody>> {
        match self.ahead.take() {
            None => self.receiver.recv().await,
            ahead => ahead,
        }
    }

    /// Whether it is known already that no more come. Waits for nothing: the sender may take its time.
    fn are_over(&mut self) -> bool {
        if self.ahead.is_some() {
            return false;
        }
        match self.receiver.try_recv() {
            Ok(batch) => {
                self.ahead = Some(batch);
                false
            }
            Err(error) => error == mpsc::error::TryRecvError::Disconnected,
        }
    }
}

/// One batch. If it fails, its table has a gap: a later batch must not move the LSN past the rows that are missing.
async fn take(
    call: &mut Call<'_>,
    opened: &Opened,
    batch: RowDataBatch,
    further: &mut Batches,
) -> Result<(), CallError> {
    call.tables.note(&batch.table.table_name);
    let table = TableName::new(batch.table.table_name.as_str())
        .map_err(|error| CallError::request(format!("rows are refused: {error}")))?;
    let guard = call.lock(&table).await?;
    let done = apply(call, opened, &table, batch, further).await;
    if done.as_ref().is_err_and(|error| error.cause != Cause::Overtaken) {
        call.mark_gap(opened, &table).await;
    }
    drop(guard);
    done
}

/// The batches after one that failed are not applied, so their tables have gaps too.
async fn leave_out(call: &mut Call<'_>, opened: &Opened, mut batches: Batches) {
    let mut marked = HashSet::new();
    while let Some(Ok(batch)) = batches.next().await {
        let Ok(table) = TableName::new(batch.table.table_name.as_str()) else { continue };
        // Overtaken: a later call has seen to the table.
        if marked.insert(table.folded().to_owned())
            && let Ok(guard) = call.lock(&table).await
        {
            call.mark_gap(opened, &table).await;
            drop(guard);
        }
    }
}

/// What the mirror says of the batch's table, and how the batch fits it.
async fn look(
    call: &mut Call<'_>,
    opened: &Opened,
    table: &TableName,
    batch: &RowDataBatch,
) -> Result<(Option<TableRecord>, Fit), CallError> {
    // What was seen before will do for a table with a key: its hash is compared once more where rows are written, and a repetition
    // does no harm. If the batch does not fit it, it may be old.
    if let Some(known) = opened.db.table_as_known(table)
        && let Ok(fit) = batch_schema::fit(call, &batch.table, table, Some(&known)).await
        && fit.plan.target.as_ref().is_some_and(|target| !target.key.is_empty())
    {
        return Ok((Some(known), fit));
    }
    let record = opened.db.table(table).await.map_err(|error| CallError::from(error).of_table(table))?;
    let fit = batch_schema::fit(call, &batch.table, table, record.as_ref()).await?;
    Ok((record, fit))
}

/// One batch of a table that is locked, from its texts to durable rows.
async fn apply(
    call: &mut Call<'_>,
    opened: &Opened,
    table: &TableName,
    batch: RowDataBatch,
    further: &mut Batches,
) -> Result<(), CallError> {
    let of_table = |error: StoreError| CallError::from(error).of_table(table);
    call.pay_gap(opened, table).await.map_err(of_table)?;
    let (record, fit) = look(call, opened, table, &batch).await?;
    let turn = opened.turn(table);
    call.rows += batch.rows.rows();

    let Some(target) = fit.plan.target.clone() else {
        let received = count_only(batch.rows, call.now()).await?;
        opened.db.advance_skipped(&turn, fit.hash, batch.lsn, received).await.map_err(of_table)?;
        return Ok(());
    };

    if is_repeated(&target, batch.lsn, record.as_ref()) {
        tracing::info!(tenant = %call.caller.tenant, %table, lsn = %batch.lsn, "a batch that is in the mirror already came again");
        return Ok(());
    }

    let expected = batch.rows.rows();
    let mut segments = typed_segments(batch.rows, fit.wire.clone());
    let mut received = OpCounts { at: call.now(), ..OpCounts::default() };
    let mut applied = Applied::default();
    let mut changes = call.hooks.wants_rows_committed().then(Changes::default);
    // The first segment before the transaction: a batch that cannot be read need not begin one.
    let mut next = segments.recv().await;
    faults::pass(Step::Typed).await?;
    let mut writer = opened.db.begin(&turn, &target, fit.hash).await.map_err(of_table)?;
    // Another host may have applied the same batch between our looking and our turn; from here on it waits for us.
    if target.key.is_empty() {
        let now = opened.db.table(table).await.map_err(of_table)?;
        if is_repeated(&target, batch.lsn, now.as_ref()) {
            tracing::info!(tenant = %call.caller.tenant, %table, lsn = %batch.lsn, "a batch that another host has applied came here too");
            return Ok(());
        }
    }
    let mut aside = Aside::begin(call.hooks.makers(&fit.plan), &mut *writer, &fit.plan).await.map_err(of_table)?;
    while let Some(segment) = next {
        let segment = segment.map_err(|error| error.into_call_error(&fit.wire))?;
        segment.ops.iter().for_each(|&op| count(&mut received, op));
        let batch = to_target(call, &fit.plan, &target, fit.in_source_order(segment)).await?;
        let reduced = reduce(&batch, &target).map_err(|error| reduce_error(error, &batch, &target))?;
        aside.note(call.hooks.take_poisoned(), &batch, &target, &reduced, call.now())?;
        if let Some(changes) = &mut changes {
            changes.note(&batch, &target, &reduced.deletes, true);
            changes.note(&batch, &target, &reduced.upserts, false);
        }
        let rows = RowChanges { batch: Arc::new(batch), deletes: reduced.deletes, upserts: reduced.upserts };
        faults::pass(Step::Staged).await?;
        let did = writer.apply(rows).await.map_err(of_table)?;
        applied.inserted += did.inserted;
        applied.updated += did.updated;
        applied.deleted += did.deleted;
        next = segments.recv().await;
    }
    if received.inserts + received.updates + received.deletes != expected {
        // Typing broke off without saying why. Not a row less than what was sent may be committed with its LSN.
        let message = format!("typing the rows of table {table} broke off; nothing of the batch is applied");
        return Err(of_table(StoreError::new(StoreErrorKind::Internal, message)));
    }
    let told = aside.write(&mut *writer).await.map_err(of_table)?;
    let counts_call = further.are_over() && writer.count_call();
    let lsn = writer.commit(batch.lsn, received).await.map_err(of_table)?;
    if counts_call {
        call.note_counted();
    }
    told.tell(call, table);
    faults::pass_or_panic(Step::RowsTold).await;
    if let Some(changes) = changes {
        let (changes, truncated) = changes.finish();
        // Under the table's lock, so that commits are told in the order in which they were made.
        call.hooks.rows_committed(&Committed { table: table.clone(), applied, lsn, changes, truncated }).await;
    }
    Ok(())
}

/// Whether the batch was applied before. With a key applying it again does no harm; without one its rows would stand there
/// twice. Only a table's last batch has an LSN that tells.
fn is_repeated(target: &TableDef, lsn: Lsn, record: Option<&TableRecord>) -> bool {
    target.key.is_empty() && lsn.0 > 0 && record.is_some_and(|record| !record.lsn.means_refill() && lsn <= record.lsn)
}

/// Through the transforms. What they may not touch is checked again: a key that comes back shorter would be our mistake.
pub(super) async fn to_target(
    call: &mut Call<'_>,
    plan: &TransformPlan,
    target: &Arc<TableDef>,
    source: TypedBatch,
) -> Result<TypedBatch, CallError> {
    if plan.digest.is_none() {
        return Ok(source);
    }
    let table = &target.name;
    let first_row = source.first_row;
    // Without a key a row that is not kept is left out: there is nothing in the mirror to delete.
    let least = if target.key.is_empty() { 0 } else { source.len() };
    let most = source.len();
    let batch = call.hooks.transform(plan, source).await.map_err(|failure| {
        let place = failure.place.clone();
        match place {
            Some(place) => CallError::from(failure).at(table, place.row, place.column),
            None => CallError::from(failure).of_table(table),
        }
    })?;
    let rows = batch.len();
    if batch.columns.len() != target.columns.len()
        || !(least..=most).contains(&rows)
        || batch.columns.iter().any(|column| column.len() != rows)
    {
        let message =
            format!("the transforms of table {table} made something that does not fit from row {first_row} on");
        return Err(StoreError::new(StoreErrorKind::Internal, message))
            .map_err(|error| CallError::from(error).of_table(table));
    }
    Ok(batch)
}

/// Why a segment could not be typed.
pub(super) enum SegmentError {
    Cell(CellError),
    Spill(std::io::Error),
}

impl SegmentError {
    pub(super) fn into_call_error(self, def: &TableDef) -> CallError {
        match self {
            Self::Cell(error) => {
                let advice = if def.key.is_empty() {
                    configure_key(def)
                } else {
                    "look at the row at the source; until it is mended, a plug-in can leave out or change such rows"
                        .into()
                };
                let log = match &error.column {
                    Some(column) => {
                        format!("row {}, column {column:?}: the cell is no value of its column's type", error.row)
                    }
                    None => format!("row {} cannot be read", error.row),
                };
                CallError::request(error.to_string()).log_as(log).at(&def.name, error.row, error.column).advise(advice)
            }
            Self::Spill(error) => spill_error(error),
        }
    }
}

fn spill_error(error: std::io::Error) -> CallError {
    StoreError::new(
        StoreErrorKind::Environment,
        "a batch that was put into a temporary file could not be read back; look at the disk behind spill_directory",
    )
    .with_source(error)
    .into()
}

/// Types segments one ahead of whoever takes them. Ends with the first error.
pub(super) fn typed_segments(rows: RawBatch, def: Arc<TableDef>) -> mpsc::Receiver<Result<TypedBatch, SegmentError>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        for segment in rows.into_segments() {
            let typed = segment
                .map_err(SegmentError::Spill)
                .and_then(|segment| cell::type_segment(segment, &def).map_err(SegmentError::Cell));
            let failed = typed.is_err();
            // Nobody takes them any more: the batch has failed already.
            if sender.blocking_send(typed).is_err() || failed {
                return;
            }
        }
    });
    receiver
}

/// Rows of a skipped table are counted and thrown away.
async fn count_only(rows: RawBatch, at: i64) -> Result<OpCounts, CallError> {
    let counted = tokio::task::spawn_blocking(move || {
        let mut received = OpCounts { at, ..OpCounts::default() };
        for segment in rows.into_segments() {
            let segment = segment?;
            (0..segment.rows()).for_each(|row| count(&mut received, segment.op(row)));
        }
        Ok(received)
    });
    match counted.await {
        Ok(received) => received.map_err(spill_error),
        Err(error) => {
            Err(StoreError::new(StoreErrorKind::Internal, "counting rows broke off").with_source(error).into())
        }
    }
}

fn count(received: &mut OpCounts, op: RowOp) {
    match op {
        RowOp::Insert => received.inserts += 1,
        RowOp::Update => received.updates += 1,
        RowOp::Delete => received.deletes += 1,
    }
}

pub(super) fn reduce_error(error: ReduceError, batch: &TypedBatch, def: &TableDef) -> CallError {
    let table = &def.name;
    match error {
        ReduceError::NoKey { row, op } => {
            let row = batch.first_row + row as u64;
            let what = match op {
                RowOp::Insert => "an insert",
                RowOp::Update => "an update",
                RowOp::Delete => "a delete",
            };
            CallError::request(format!(
                "table {:?}, row {row}: {what} for a table without a primary key, which is mirrored by insert alone",
                table.as_str()
            ))
            .at(table, row, None)
            .advise(configure_key(def))
        }
        ReduceError::NullKey { row, column } => {
            let row = batch.first_row + row as u64;
            let column = def.columns[column].name.clone();
            CallError::request(format!(
                "table {:?}, row {row}, column {column:?}: a key may not be NULL",
                table.as_str()
            ))
            .at(table, row, Some(column))
        }
    }
}

fn configure_key(def: &TableDef) -> String {
    format!("if the table has a key, name its columns in the configuration, under [mirror.keys]: {} = [...]", def.name)
}

/// A row's key as texts.
pub(super) fn key_of(batch: &TypedBatch, def: &TableDef, row: usize) -> Vec<String> {
    def.key.iter().map(|&at| cell::plain(&batch.columns[at], row, def.columns[at].sql_type)).collect()
}

/// Keys for `rows-committed`: the last change of each, in order of first appearance.
#[derive(Default)]
pub(super) struct Changes {
    at: HashMap<Vec<String>, usize>,
    list: Vec<(bool, Vec<String>)>,
    truncated: bool,
}

impl Changes {
    pub(super) fn note(&mut self, batch: &TypedBatch, def: &TableDef, rows: &[u32], deleted: bool) {
        for &row in rows {
            let key = key_of(batch, def, row as usize);
            // Without a key every row is a change of its own.
            if !key.is_empty()
                && let Some(&at) = self.at.get(&key)
            {
                self.list[at].0 = deleted;
                continue;
            }
            if self.list.len() == Committed::MAX_CHANGES {
                self.truncated = true;
                // Keys already told must still be brought up to date, so the rest of the batch is looked at too.
                continue;
            }
            self.at.insert(key.clone(), self.list.len());
            self.list.push((deleted, key));
        }
    }

    pub(super) fn finish(self) -> (Vec<(bool, Vec<String>)>, bool) {
        (self.list, self.truncated)
    }
}
