//! Rows that go aside in a batch, and rows that are tried again (docs/decisions/quarantine.md).
//!
//! What decides is the last operation of a key in the batch, as for the rows themselves: a row that a transform could not be
//! made to take goes aside, and whatever else became of its key clears what was kept of it before.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::call::{Call, CallError, Cause, Opened};
use super::reduce::Reduced;
use super::stretches::{Rows, Written, key_of, typed_segments};
use crate::faults::{self, Step};
use crate::plugins::hooks::{Committed, Poisoned, TransformPlan};
use crate::protocol::columns::TypedBatch;
use crate::protocol::lsn::Lsn;
use crate::protocol::raw_batch::RawBatch;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::{TableName, fold};
use crate::store::history::{EventLevel, Millis, OpCounts};
use crate::store::quarantine::id;
use crate::store::{Quarantined, RowWriter, SchemaHash, SetAside, StoreError};

/// Rows of one table tried again in one TableSchema: `quarantine_cap` at its greatest.
const AGAIN: usize = 100_000;

/// What a transaction of rows finds and changes of the rows kept aside of its table.
pub(super) struct Aside {
    held: HashSet<String>,
    makers: Vec<(String, String)>,
    /// By id: what is kept from now on, or `None` for what is not kept any more.
    changes: BTreeMap<String, Option<Quarantined>>,
}

/// What an event says of rows that went aside.
#[derive(Default)]
pub(super) struct Told {
    rows: usize,
    given_back: usize,
    first: Option<String>,
}

impl Aside {
    /// To be called when the transaction has begun. A table that no transform touches has none. `makers`: see
    /// [`CallHooks::makers`](crate::plugins::hooks::CallHooks::makers).
    pub(super) async fn begin(
        makers: Vec<(String, String)>,
        writer: &mut dyn RowWriter,
        plan: &TransformPlan,
    ) -> Result<Self, StoreError> {
        let held = if plan.digest.is_some() { writer.held().await? } else { Vec::new() };
        Ok(Self { held: held.into_iter().collect(), makers, changes: BTreeMap::new() })
    }

    /// Notes what became of a stretch's rows.
    pub(super) fn note(
        &mut self,
        poisoned: Vec<Poisoned>,
        batch: &TypedBatch,
        target: &TableDef,
        reduced: &Reduced,
        at: Millis,
    ) -> Result<(), CallError> {
        if self.held.is_empty() && self.changes.is_empty() && poisoned.is_empty() {
            return Ok(());
        }
        let table = &target.name;
        let mut poisoned: BTreeMap<usize, Poisoned> = poisoned.into_iter().map(|row| (row.row, row)).collect();
        let mut cap = None;
        for &row in reduced.deletes.iter().chain(&reduced.upserts) {
            let row = row as usize;
            let key = key_of(batch, target, row);
            let id = id(table, &key);
            let Some(row) = poisoned.remove(&row) else {
                if self.held.contains(&id) || self.changes.contains_key(&id) {
                    self.changes.insert(id, None);
                }
                continue;
            };
            tracing::warn!(%table, plugin = row.plugin, "a row is kept aside: {}", row.log);
            let version = self.makers.iter().find(|(name, _)| *name == row.plugin).map(|(_, version)| version.clone());
            let kept = Quarantined {
                id: id.clone(),
                table: table.clone(),
                key: key.join(", "),
                at,
                plugin: row.plugin.clone(),
                version: version.unwrap_or_default(),
                error: row.error.clone(),
                op: row.op,
                cells: row.cells,
            };
            self.changes.insert(id, Some(kept));
            cap = Some((row.cap, row.plugin, row.error, row.log));
        }
        match cap {
            Some((cap, plugin, error, log)) if self.count() > cap => {
                let full = format!(
                    "more than {cap} rows of table {table} would be kept aside, which is the most (`quarantine_cap` in \
                     {plugin}.toml), so the call fails as with poison = \"stop\""
                );
                Err(CallError::plugin(format!("{error}; {full}"), &plugin)
                    .log_as(format!("{log}; {full}"))
                    .of_table(table))
            }
            _ => Ok(()),
        }
    }

    /// Rows kept aside of the table if the transaction ended now.
    fn count(&self) -> usize {
        let kept = self.changes.iter().filter(|(id, row)| row.is_some() && !self.held.contains(*id)).count();
        let cleared = self.changes.iter().filter(|(id, row)| row.is_none() && self.held.contains(*id)).count();
        self.held.len() + kept - cleared
    }

    /// Writes it into the transaction.
    pub(super) async fn write(self, writer: &mut dyn RowWriter) -> Result<Told, StoreError> {
        let mut changes = SetAside::default();
        let mut told = Told::default();
        for (id, row) in self.changes {
            match row {
                Some(row) => {
                    told.rows += 1;
                    told.first.get_or_insert_with(|| row.error.clone());
                    changes.keep.push(row);
                }
                None if self.held.contains(&id) => {
                    told.given_back += 1;
                    changes.clear.push(id);
                }
                None => {}
            }
        }
        if !changes.is_empty() {
            writer.set_aside(changes).await?;
            faults::pass(Step::Aside).await?;
        }
        Ok(told)
    }
}

impl Told {
    /// The event, once the transaction is durable.
    pub(super) fn tell(self, call: &mut Call<'_>, table: &TableName) {
        if let Some(first) = self.first {
            let rows = if self.rows == 1 { "1 row is".to_owned() } else { format!("{} rows are", self.rows) };
            let first = if self.rows == 1 { first } else { format!("the first: {first}") };
            let message = format!("{rows} kept aside and not in the mirror: {first}");
            let advice =
                "mend the plug-in: the next version is given these rows again; `speil status` shows how many there are";
            call.event(EventLevel::Warning, "quarantine", Some(table), message, Some(advice.into()));
        }
        if self.given_back > 0 {
            let rows =
                if self.given_back == 1 { "1 row is".to_owned() } else { format!("{} rows are", self.given_back) };
            let message = format!("{rows} not kept aside any more");
            call.event(EventLevel::Info, "quarantine", Some(table), message, None);
        }
    }
}

/// Tries rows kept aside of a table again, if the plug-in they failed in, or another transform of the table, has another version by now.
/// That they fail again is no failure of the call.
pub(super) async fn again(
    call: &mut Call<'_>,
    opened: &Opened,
    table: &TableName,
    plan: &TransformPlan,
    hash: SchemaHash,
) -> Result<(), CallError> {
    let Some(target) = plan.target.clone() else { return Ok(()) };
    let makers = call.hooks.makers(plan);
    let tried = |row: &Quarantined| makers.iter().any(|(name, version)| *name == row.plugin && *version == row.version);
    let guard = call.lock(table).await?;
    let rows = opened.db.quarantined(Some(table), AGAIN).await?;
    let (due, strange): (Vec<Quarantined>, Vec<Quarantined>) =
        rows.into_iter().filter(|row| !tried(row)).partition(|row| fits(row, &plan.source));
    if !strange.is_empty() {
        tracing::warn!(tenant = %call.caller.tenant, %table, rows = strange.len(), "rows kept aside are not of the table as it is now");
    }
    let done = if due.is_empty() { Ok(()) } else { put(call, opened, &target, plan, hash, due).await };
    drop(guard);
    match done {
        Err(error) if error.cause != Cause::Overtaken => {
            let message = format!("rows kept aside could not be tried again: {}", error.message);
            call.event(EventLevel::Warning, "quarantine", Some(table), message, error.advice);
            Ok(())
        }
        done => done,
    }
}

/// Whether a row has the table's columns.
fn fits(row: &Quarantined, source: &TableDef) -> bool {
    row.cells.len() == source.columns.len()
        && row.cells.iter().zip(&source.columns).all(|(cell, column)| fold(&cell.column) == fold(&column.name))
}

async fn put(
    call: &mut Call<'_>,
    opened: &Opened,
    target: &Arc<TableDef>,
    plan: &TransformPlan,
    hash: SchemaHash,
    rows: Vec<Quarantined>,
) -> Result<(), CallError> {
    let table = &target.name;
    let mut writer = opened.db.begin(&opened.turn(table), target, hash).await?;
    let mut aside = Aside::begin(call.hooks.makers(plan), &mut *writer, plan).await?;
    // Another host may have had them meanwhile.
    let rows = rows.into_iter().filter(|row| aside.held.contains(&row.id));
    let raw =
        RawBatch::from_rows(rows.map(|row| (row.op, row.cells.into_iter().map(|cell| cell.text).collect::<Vec<_>>())));
    let mut segments = typed_segments(raw, plan.source.clone(), opened.db.stretch_bytes());
    let first = segments.recv().await;
    let rows = Rows { plan, target, wire: &plan.source, in_source_order: &|stretch| stretch };
    let first = rows.prepare(call, first).await?;
    let Written { applied, changes, .. } = rows.write(call, first, segments, &mut *writer, &mut aside).await?;
    let told = aside.write(&mut *writer).await?;
    // They were counted when they came: nothing was received now, and the source has come no further.
    let lsn = writer.commit(Lsn(0), OpCounts { at: call.now(), ..OpCounts::default() }).await?;
    told.tell(call, table);
    if let Some(changes) = changes {
        let (changes, truncated) = changes.finish();
        call.hooks.rows_committed(&Committed { table: table.clone(), applied, lsn, changes, truncated }).await;
    }
    Ok(())
}
