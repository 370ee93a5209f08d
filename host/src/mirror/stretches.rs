//! Rows of a batch on their way into a transaction: typed, transformed, reduced to what is to be written, and written.
//!
//! Stretch by stretch, and three of them at once: while one is written, the next goes through the transforms, and the one after that
//! is typed.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::call::{Call, CallError};
use super::quarantine::Aside;
use super::reduce::{ReduceError, Reduced, reduce};
use crate::faults::{self, Step};
use crate::plugins::hooks::{Committed, Poisoned, TransformPlan};
use crate::protocol::cell::{self, CellError};
use crate::protocol::columns::TypedBatch;
use crate::protocol::messages::RowOp;
use crate::protocol::raw_batch::RawBatch;
use crate::protocol::table_def::TableDef;
use crate::store::history::OpCounts;
use crate::store::{Applied, RowChanges, RowWriter, StoreError, StoreErrorKind};
use crate::threads;

/// What the rows of one batch are, and what is to become of them.
pub(super) struct Rows<'r> {
    pub plan: &'r TransformPlan,
    pub target: &'r Arc<TableDef>,
    /// The table as its rows were typed.
    pub wire: &'r TableDef,
    /// From the wire's order of columns to the source's.
    pub in_source_order: &'r (dyn Fn(TypedBatch) -> TypedBatch + Sync),
}

/// What was written.
pub(super) struct Written {
    pub applied: Applied,
    /// Rows as they came, and when.
    pub received: OpCounts,
    /// `None`: nobody wants to know.
    pub changes: Option<Changes>,
}

/// A stretch that can be written.
pub(super) struct Ready {
    batch: TypedBatch,
    reduced: Reduced,
    poisoned: Vec<Poisoned>,
    received: OpCounts,
}

type Segments = mpsc::Receiver<Result<TypedBatch, SegmentError>>;

impl Rows<'_> {
    /// Writes them all; the first stretch is prepared already.
    pub(super) async fn write(
        &self,
        call: &mut Call<'_>,
        first: Option<Ready>,
        mut segments: Segments,
        writer: &mut dyn RowWriter,
        aside: &mut Aside,
    ) -> Result<Written, CallError> {
        let mut written = Written {
            applied: Applied::default(),
            received: OpCounts { at: call.now(), ..OpCounts::default() },
            changes: call.hooks.wants_rows_committed().then(Changes::default),
        };
        let mut next = first;
        while let Some(Ready { batch, reduced, poisoned, received }) = next {
            aside.note(poisoned, &batch, self.target, &reduced, call.now())?;
            written.received.inserts += received.inserts;
            written.received.updates += received.updates;
            written.received.deletes += received.deletes;
            if let Some(changes) = &mut written.changes {
                changes.note(&batch, self.target, &reduced.deletes, true);
                changes.note(&batch, self.target, &reduced.upserts, false);
            }
            faults::pass(Step::Staged).await?;
            let rows = RowChanges { batch: Arc::new(batch), deletes: reduced.deletes, upserts: reduced.upserts };
            let prepare = async { self.prepare(call, segments.recv().await).await };
            // Where nothing transforms them the next rows are typed meanwhile on a thread of their own, and there is little else
            // to prepare.
            let both = async { tokio::join!(writer.apply(rows), prepare) };
            let (did, prepared) = threads::beside_if(self.plan.digest.is_some(), both).await;
            let did = did.map_err(|error| CallError::from(error).of_table(&self.target.name))?;
            written.applied.inserted += did.inserted;
            written.applied.updated += did.updated;
            written.applied.deleted += did.deleted;
            next = prepared?;
        }
        Ok(written)
    }

    /// Makes a stretch ready to be written.
    pub(super) async fn prepare(
        &self,
        call: &mut Call<'_>,
        segment: Option<Result<TypedBatch, SegmentError>>,
    ) -> Result<Option<Ready>, CallError> {
        let Some(segment) = segment else { return Ok(None) };
        let segment = segment.map_err(|error| error.into_call_error(self.wire))?;
        let mut received = OpCounts::default();
        segment.ops.iter().for_each(|&op| count(&mut received, op));
        let batch = to_target(call, self.plan, self.target, (self.in_source_order)(segment)).await?;
        faults::pass(Step::Transformed).await?;
        let reduced = reduce(&batch, self.target).map_err(|error| reduce_error(error, &batch, self.target))?;
        Ok(Some(Ready { poisoned: call.hooks.take_poisoned(), batch, reduced, received }))
    }
}

/// Types rows, about so many bytes of them at a time, one stretch ahead of whoever takes them. Ends with the first error.
pub(super) fn typed_segments(rows: RawBatch, def: Arc<TableDef>, stretch_bytes: usize) -> Segments {
    let (sender, receiver) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        for segment in rows.into_segments() {
            let segment = match segment {
                Ok(segment) => segment,
                Err(error) => {
                    // Nobody takes it any more: the batch has failed already.
                    let _ = sender.blocking_send(Err(SegmentError::Spill(error)));
                    return;
                }
            };
            let stretches = segment.stretches(stretch_bytes);
            for typed in cell::type_stretches(segment, &def, stretches) {
                let failed = typed.is_err();
                if sender.blocking_send(typed.map_err(SegmentError::Cell)).is_err() || failed {
                    return;
                }
            }
        }
    });
    receiver
}

/// Through the transforms. What they may not touch is checked again: a key that comes back shorter would be our mistake.
async fn to_target(
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

pub(super) fn spill_error(error: std::io::Error) -> CallError {
    StoreError::new(
        StoreErrorKind::Environment,
        "a batch that was put into a temporary file could not be read back; look at the disk behind spill_directory",
    )
    .with_source(error)
    .into()
}

pub(super) fn count(received: &mut OpCounts, op: RowOp) {
    match op {
        RowOp::Insert => received.inserts += 1,
        RowOp::Update => received.updates += 1,
        RowOp::Delete => received.deletes += 1,
    }
}

fn reduce_error(error: ReduceError, batch: &TypedBatch, def: &TableDef) -> CallError {
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
    fn note(&mut self, batch: &TypedBatch, def: &TableDef, rows: &[u32], deleted: bool) {
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
