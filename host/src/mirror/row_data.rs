//! RowData (protocol.md section 7): batch by batch, each its own transaction, rows and LSN together.
//!
//! The front door decodes the next batch while this one is applied (its channel holds one or two); what runs at once inside a
//! batch is told in [`super::stretches`].

use std::collections::HashSet;

use tokio::sync::mpsc;

use super::BrokenBody;
use super::batch_schema::{self, Fit};
use super::call::{Call, CallError, Cause, Opened};
use super::quarantine::Aside;
use super::stretches::{Rows, Written, count, spill_error, typed_segments};
use crate::faults::{self, Step};
use crate::plugins::hooks::Committed;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::RowDataBatch;
use crate::protocol::raw_batch::RawBatch;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::history::OpCounts;
use crate::store::{StoreError, StoreErrorKind, TableRecord};
use crate::threads;

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
    let mut segments = typed_segments(batch.rows, fit.wire.clone(), opened.db.stretch_bytes());
    let in_order = |stretch| fit.in_source_order(stretch);
    let rows = Rows { plan: &fit.plan, target: &target, wire: &fit.wire, in_source_order: &in_order };
    // The first stretch's transform has no other stretch's writing beside it: the transaction begins meanwhile.
    // Where it cannot, that is why the batch fails, and nobody waits for the transform. A plug-in's time runs: beginning must not
    // hold it up.
    let is_transformed = fit.plan.digest.is_some();
    let begin = async { opened.db.begin(&turn, &target, fit.hash).await.map_err(of_table) };
    let (mut writer, first) = if opened.db.begins_ahead() {
        let first = async {
            let first = segments.recv().await;
            faults::pass(Step::Typed).await?;
            rows.prepare(call, first).await
        };
        threads::beside_if(is_transformed, async { tokio::try_join!(begin, async { Ok(first.await) }) }).await?
    } else {
        let first = segments.recv().await;
        faults::pass(Step::Typed).await?;
        if let Some(Err(error)) = first {
            // A batch that cannot be read need not begin a transaction.
            return Err(error.into_call_error(&fit.wire));
        }
        let first = rows.prepare(call, first);
        threads::beside_if(is_transformed, async { tokio::try_join!(begin, async { Ok(first.await) }) }).await?
    };
    // Another host may have applied the same batch between our looking and our turn; from here on it waits for us.
    if target.key.is_empty() {
        let now = opened.db.table(table).await.map_err(of_table)?;
        if is_repeated(&target, batch.lsn, now.as_ref()) {
            tracing::info!(tenant = %call.caller.tenant, %table, lsn = %batch.lsn, "a batch that another host has applied came here too");
            return Ok(());
        }
    }
    let mut aside = Aside::begin(call.hooks.makers(&fit.plan), &mut *writer, &fit.plan).await.map_err(of_table)?;
    let Written { applied, received, changes } = rows.write(call, first?, segments, &mut *writer, &mut aside).await?;
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
