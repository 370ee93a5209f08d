//! TableSchema (protocol.md section 5): every table in one call, each by itself.
//!
//! The order of things matters, because an older call may still be running for a caller that gave up:
//! 1. every listed table is noted as touched by this call, in this process and in the store: from then on no older call
//!    changes it;
//! 2. only then are the LSNs read that will be answered;
//! 3. tables that changed are made to fit, one by one, each under its lock;
//! 4. tables that are gone at the source are dropped, if they are ours;
//! 5. tables that answer -1 are told to expect their rows from nothing;
//! 6. `before-replicate-table`, for every table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::call::{Call, CallError, Cause, Opened};
use super::defs::Described;
use super::schema_hash;
use super::schema_plan::{Action, Reason, Wanted, decide, is_as_wanted, needs_actual};
use crate::faults::{self, Step};
use crate::plugins::hooks::{SchemaChange, TransformPlan};
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::{TableLsn, TableSchemaInfo};
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::{TableName, fold};
use crate::store::history::EventLevel;
use crate::store::{MirrorDb, SchemaHash, StoreErrorKind, TableKind, TableMark, TableRecord};

/// From this many tables changed alike, one event tells of all: a first TableSchema makes 413.
const TELL_TOGETHER: usize = 10;

/// A table of the request whose name can be mirrored.
struct Listed {
    table: TableName,
    /// As the answer must spell it.
    spelled: String,
    described: Arc<Described>,
}

/// What the metadata says of every table, definitions included, read once and only where a table is not as it was: that is long.
#[derive(Default)]
struct Records {
    read: Option<HashMap<String, TableRecord>>,
    /// They could not be read, which is the trouble of no single table.
    failed: bool,
}

impl Records {
    async fn of(&mut self, opened: &Opened, table: &TableName) -> Result<Option<&TableRecord>, CallError> {
        let records = if let Some(records) = self.read.take() {
            records
        } else {
            let records = opened.db.tables().await;
            self.failed = records.is_err();
            let records = records?.into_iter();
            records.map(|record| (record.table.folded().to_owned(), record)).collect()
        };
        Ok(self.read.insert(records).get(table.folded()))
    }
}

/// A table that is as it should be.
struct Done {
    table: TableName,
    spelled: String,
    change: SchemaChange,
    lsn: Lsn,
}

pub(super) async fn run(call: &mut Call<'_>, tables: &[Arc<TableSchemaInfo>]) -> Result<Vec<TableLsn>, CallError> {
    for table in tables {
        call.tables.note(&table.table_name);
    }
    let opened = call.open().await?;
    if tables.is_empty() {
        return Err(CallError::request(
            "TableSchema listed no table at all: the mirror is left as it is, since dropping every table is more likely a \
             mistake than a wish",
        )
        .advise("look at the Mirroring Task's SkipTable setting for this tenant"));
    }
    let (names, listed) = read(call, tables);

    let _cycle = call.lock_cycle().await?;
    for table in &names {
        drop(call.lock(table).await?);
    }
    let marks = opened.db.confirm_tables(opened.ticket, &names).await?;
    for table in &names {
        call.no_gap(table);
    }
    opened.db.history().begin_cycle(opened.given, call.now()).await?;
    let marks: HashMap<&str, &TableMark> = marks.iter().map(|mark| (mark.table.folded(), mark)).collect();

    let kept_aside: HashSet<String> =
        opened.db.quarantine_counts().await?.into_iter().map(|count| count.table.folded().to_owned()).collect();

    let mut done = Vec::with_capacity(listed.len());
    let (mut records, mut told) = (Records::default(), Told::default());
    for one in listed {
        let mark = marks.get(one.table.folded()).copied();
        match fit(call, &opened, &one, mark, &mut records, &mut told).await {
            Ok((change, lsn)) => {
                if kept_aside.contains(one.table.folded()) && change == SchemaChange::Unchanged && !lsn.means_refill() {
                    try_again(call, &opened, &one).await?;
                }
                done.push(Done { table: one.table, spelled: one.spelled, change, lsn });
            }
            Err(error) if error.cause == Cause::Overtaken || records.failed => return Err(error),
            Err(error) => call.trouble(&error.of_table(&one.table)),
        }
    }
    let gone = drop_unlisted(call, &opened, &names, marks.into_values(), &mut told).await?;
    told.tell(call);

    let refilled: Vec<TableName> =
        done.iter().filter(|done| done.lsn.means_refill()).map(|done| done.table.clone()).collect();
    if !refilled.is_empty() {
        opened.db.expect_refills(opened.ticket, &refilled).await?;
    }
    for table in gone {
        call.hooks.before_replicate_table(&table, SchemaChange::Dropped).await;
    }
    for done in &done {
        call.hooks.before_replicate_table(&done.table, done.change).await;
    }
    call.nothing_unread();
    Ok(done.into_iter().map(|done| TableLsn { lsn: done.lsn, table_name: done.spelled }).collect())
}

/// Sorts the request: names that count as listed (and so are not gone at the source), and those among them that can be
/// worked on. What is wrong with the others is told.
fn read(call: &mut Call<'_>, tables: &[Arc<TableSchemaInfo>]) -> (Vec<TableName>, Vec<Listed>) {
    let metadata = fold(&format!("{}_mirroring", call.caller.tenant));
    let mut times: HashMap<String, usize> = HashMap::with_capacity(tables.len());
    for info in tables {
        *times.entry(fold(&info.table_name)).or_default() += 1;
    }
    let mut names = Vec::with_capacity(tables.len());
    let mut listed = Vec::with_capacity(tables.len());
    for info in tables {
        let table = match TableName::new(info.table_name.as_str()) {
            Ok(table) => table,
            Err(error) => {
                call.trouble(&CallError::request(format!("{error}; this table alone is not mirrored")));
                continue;
            }
        };
        if table.folded() == metadata {
            let error = CallError::request(format!(
                "the table {table} is not mirrored: the mirror keeps its own metadata under that name"
            ));
            call.trouble(&error.advise("leave it out in the Mirroring Task's SkipTable setting"));
            continue;
        }
        if let Some(times) = times.get_mut(table.folded())
            && *times != 1
        {
            // Told once for all of them; it counts as listed, so what is mirrored of it stays as it is.
            if *times > 1 {
                let error = CallError::request(format!("the table {table} is listed {times} times in one TableSchema"));
                call.trouble(&error.of_table(&table));
                *times = 0;
                names.push(table);
            }
            continue;
        }
        names.push(table.clone());
        match call.mirror.defs.describe(info) {
            Ok(described) => listed.push(Listed { table, spelled: info.table_name.clone(), described }),
            Err(error) => {
                let error = CallError::request(format!("{error}; this table alone is not mirrored"));
                call.trouble(&error.of_table(&table));
            }
        }
    }
    (names, listed)
}

/// Makes one table what it should be, and says what was done and which LSN to answer.
async fn fit(
    call: &mut Call<'_>,
    opened: &Opened,
    one: &Listed,
    mark: Option<&TableMark>,
    records: &mut Records,
    told: &mut Told,
) -> Result<(SchemaChange, Lsn), CallError> {
    let plan = call.hooks.plan(&one.described.def).await?;
    let hash = one.described.hash(&plan);
    call.mirror.defs.note_source(hash, &plan.source);
    let wanted = Wanted { hash, target: plan.target.as_deref(), transformed: plan.digest.is_some() };
    if let Some(mark) = mark.filter(|mark| is_as_wanted(mark.hash, mark.kind, wanted)) {
        return Ok((SchemaChange::Unchanged, answered(mark.lsn)));
    }
    let record = if mark.is_some() { records.of(opened, &one.table).await? } else { None };
    let actual = if needs_actual(record, wanted) { opened.db.describe(&one.table).await? } else { None };
    let action = decide(record, actual.as_ref(), wanted);
    let lsn = record.map_or(Lsn::REFILL, |record| answered(record.lsn));
    if action == Action::Leave {
        return Ok((SchemaChange::Unchanged, lsn));
    }
    let was_mirrored = record.is_some_and(|record| record.kind != TableKind::Skipped);

    let guard = call.lock(&one.table).await?;
    faults::pass(Step::SchemaChange).await?;
    let result = adjust(call, opened, &one.table, &plan, hash, &action, told).await;
    let result = match (result, &plan.target) {
        (Err(error), Some(target)) if may_start_over(&action, error.cause) => {
            tracing::warn!(tenant = %call.caller.tenant, table = %one.table, "cannot be changed in place: {}", error.message);
            let turn = opened.turn(&one.table);
            if action == Action::Adopt {
                // As for a table that differs: it must be ours before it may be dropped.
                opened.db.claim_table(&turn, target, schema_hash::NEVER).await?;
            }
            opened.db.create_table(&turn, target, hash).await?;
            let what =
                format!("was made anew and must be filled again: changing it in place failed ({})", error.message);
            told.event(&one.table, "schema", EventLevel::Warning, what);
            Ok(SchemaChange::Recreated)
        }
        (result, _) => result,
    };
    drop(guard);
    match result? {
        SchemaChange::Dropped if !was_mirrored => Ok((SchemaChange::Unchanged, Lsn::REFILL)),
        change @ (SchemaChange::Unchanged | SchemaChange::Altered) => Ok((change, lsn)),
        change @ (SchemaChange::Created | SchemaChange::Recreated | SchemaChange::Dropped) => Ok((change, Lsn::REFILL)),
    }
}

/// Rows kept aside are given to the next version of the plug-in they failed in. Where the table is filled anew they come again
/// from the source instead.
async fn try_again(call: &mut Call<'_>, opened: &Opened, one: &Listed) -> Result<(), CallError> {
    let plan = call.hooks.plan(&one.described.def).await?;
    let hash = one.described.hash(&plan);
    super::quarantine::again(call, opened, &one.table, &plan, hash).await
}

/// Everything below zero is answered as -1.
fn answered(stored: Lsn) -> Lsn {
    if stored.means_refill() { Lsn::REFILL } else { stored }
}

/// Whether a change that failed may be followed by drop and create. Not when that is what failed, and not when a later
/// call has the table.
fn may_start_over(action: &Action, cause: Cause) -> bool {
    let in_place = match action {
        Action::Adopt | Action::Alter { .. } => true,
        Action::Leave | Action::Create | Action::Recreate(_) | Action::Skip => false,
    };
    in_place && cause != Cause::Overtaken && cause != Cause::Store(StoreErrorKind::Foreign)
}

async fn adjust(
    call: &mut Call<'_>,
    opened: &Opened,
    table: &TableName,
    plan: &TransformPlan,
    hash: SchemaHash,
    action: &Action,
    told: &mut Told,
) -> Result<SchemaChange, CallError> {
    let db: &dyn MirrorDb = &*opened.db;
    let turn = opened.turn(table);
    let Some(target): Option<&TableDef> = plan.target.as_deref() else {
        db.skip_table(&turn, hash).await?;
        told.event(table, "schema", EventLevel::Info, "is left out of the mirror by a plug-in");
        return Ok(SchemaChange::Dropped);
    };
    match action {
        Action::Leave | Action::Skip => Ok(SchemaChange::Unchanged),
        Action::Adopt => {
            db.adopt_table(&turn, target, hash).await?;
            told.event(table, "takeover", EventLevel::Info, "was taken over from the vendor's package with its rows");
            Ok(SchemaChange::Unchanged)
        }
        Action::Create => {
            db.create_table(&turn, target, hash).await?;
            told.event(table, "schema", EventLevel::Info, "was created");
            Ok(SchemaChange::Created)
        }
        Action::Alter { old } => {
            db.alter_table(&turn, old, target, hash).await?;
            told.event(table, "schema", EventLevel::Info, "was changed in place and keeps its rows");
            Ok(SchemaChange::Altered)
        }
        Action::Recreate(reason) => {
            if matches!(reason, Reason::TakeoverDiffers(_) | Reason::TakeoverTransformed) {
                // Only a table of ours may be dropped: first it becomes ours, under a hash that no table has, so that a
                // crash between the two steps leaves it to be made anew.
                db.claim_table(&turn, target, schema_hash::NEVER).await?;
            }
            db.create_table(&turn, target, hash).await?;
            let kind = if matches!(reason, Reason::TakeoverDiffers(_) | Reason::TakeoverTransformed) {
                "takeover"
            } else {
                "schema"
            };
            told.event(table, kind, EventLevel::Warning, format!("was made anew and must be filled again: {reason}"));
            tracing::info!(tenant = %call.caller.tenant, %table, %reason, "table made anew");
            Ok(SchemaChange::Recreated)
        }
    }
}

/// Drops tables of ours that the source does not list any more. One that resists is told and stops nothing.
async fn drop_unlisted(
    call: &mut Call<'_>,
    opened: &Opened,
    names: &[TableName],
    marks: impl Iterator<Item = &TableMark>,
    told: &mut Told,
) -> Result<Vec<TableName>, CallError> {
    let listed: HashSet<&str> = names.iter().map(TableName::folded).collect();
    let mut gone = Vec::new();
    // Without a hash of ours the row is the vendor's package's: that table was never taken over, so it stays.
    let unlisted = marks.filter(|mark| mark.hash.is_some() && !listed.contains(mark.table.folded()));
    for mark in unlisted {
        let table = mark.table.clone();
        let guard = call.lock(&table).await?;
        let dropped = opened.db.drop_table(&opened.turn(&table)).await;
        drop(guard);
        match dropped.map_err(CallError::from) {
            Ok(()) => {
                told.event(&table, "schema", EventLevel::Warning, "was dropped: the source does not list it any more");
                gone.push(table);
            }
            Err(error) if error.cause == Cause::Overtaken => return Err(error),
            Err(error) => call.trouble(&error.of_table(&table)),
        }
    }
    gone.sort();
    Ok(gone)
}

/// Events of single tables, gathered so that many alike become one.
#[derive(Default)]
struct Told(Vec<(&'static str, EventLevel, String, Vec<TableName>)>);

impl Told {
    fn event(&mut self, table: &TableName, kind: &'static str, level: EventLevel, what: impl Into<String>) {
        let what = what.into();
        match self.0.iter_mut().find(|(k, l, w, _)| (*k, *l, w) == (kind, level, &what)) {
            Some((.., tables)) => tables.push(table.clone()),
            None => self.0.push((kind, level, what, vec![table.clone()])),
        }
    }

    fn tell(self, call: &mut Call<'_>) {
        for (kind, level, what, tables) in self.0 {
            if tables.len() < TELL_TOGETHER {
                for table in tables {
                    call.event(level, kind, Some(&table), format!("{table} {what}"), None);
                }
            } else {
                let first: Vec<&str> = tables.iter().take(3).map(TableName::as_str).collect();
                let message = format!("{} tables ({}, …), each: {what}", tables.len(), first.join(", "));
                call.event(level, kind, None, message, None);
            }
        }
    }
}
