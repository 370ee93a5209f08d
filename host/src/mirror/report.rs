//! What is known of one tenant's mirror, in the one shape that `speil status --json`, the admin interface and metrics
//! share.
//!
//! The shape is stable: fields are added, never renamed or removed, while [`TenantReport::FORMAT`] stays the same. Times are UTC
//! milliseconds since the Unix epoch, lengths of time are milliseconds.

use std::collections::BTreeMap;

use super::advice;
use super::refusals::RefusedCalls;
use super::state::{CycleState, Derived, Facts, TableState, TenantState, derive};
use crate::config::StatusConfig;
use crate::protocol::context_id::ContextId;
use crate::protocol::lsn::Lsn;
use crate::protocol::table_name::fold;
use crate::store::history::{CycleRecord, EventRecord, Millis, TableError, TableHistory};
use crate::store::{MirrorDb, Quarantined, StoreError, TableKind, TableRecord};

/// Cycles and events in a report.
const CYCLES: usize = 20;
const EVENTS: usize = 100;
/// Rows kept aside in a report.
const QUARANTINED: usize = 100;

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TenantReport {
    /// [`TenantReport::FORMAT`].
    pub format: u32,
    pub tenant: ContextId,
    /// Where the mirror is, for people.
    pub place: String,
    pub state: TenantState,
    /// What to do, the most urgent first; empty when nothing need be said.
    pub advice: Vec<String>,
    pub last_call_at: Option<Millis>,
    /// The last ReplicationCompleted.
    pub last_completed_at: Option<Millis>,
    pub last_refused_at: Option<Millis>,
    /// After this the source no longer keeps the changes needed, and everything is filled anew.
    pub refill_deadline: Option<Millis>,
    /// How long until then, from the time of the report; 0 when it has passed.
    pub refill_in: Option<Millis>,
    pub newest_lsn: Option<Lsn>,
    /// Rows in all tables.
    pub rows: u64,
    /// Rows kept aside in all tables: not in the mirror, since a transform fails on them.
    pub quarantined: u64,
    /// How many tables are in each state; states without a table are left out.
    pub table_states: BTreeMap<&'static str, usize>,
    /// Worst first, then by name.
    pub tables: Vec<TableReport>,
    /// Newest first.
    pub cycles: Vec<CycleReport>,
    /// Newest first.
    pub events: Vec<EventRecord>,
    /// Newest first.
    pub refusals: Vec<RefusedCalls>,
    /// Rows kept aside, those tried last first.
    pub quarantine: Vec<QuarantineReport>,
}

/// A row kept aside.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct QuarantineReport {
    pub table: String,
    pub key: String,
    /// When it was last tried.
    pub at: Millis,
    pub plugin: String,
    /// The version of the plug-in it was tried with: its component's digest.
    pub version: String,
    pub error: String,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableReport {
    pub table: String,
    pub state: TableState,
    /// One sentence, if something can be said.
    pub advice: Option<String>,
    /// -1: filled from nothing. `None`: no metadata row.
    pub lsn: Option<Lsn>,
    pub kind: Option<TableKind>,
    /// In the mirror now; while filling: so far.
    pub rows: u64,
    /// Kept aside: not in the mirror, since a transform fails on them.
    pub quarantined: u64,
    pub last_change_at: Option<Millis>,
    pub last_confirmed_at: Option<Millis>,
    pub fill_started_at: Option<Millis>,
    pub gone_at: Option<Millis>,
    /// Its last error, if that is not over.
    pub error: Option<TableError>,
    /// Operations received in the newest cycle.
    pub cycle_inserts: u64,
    pub cycle_updates: u64,
    pub cycle_deletes: u64,
}

/// One cycle.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CycleReport {
    pub state: CycleState,
    #[serde(flatten)]
    pub cycle: CycleRecord,
}

impl TenantReport {
    /// The shape's version.
    pub const FORMAT: u32 = 1;
}

/// Reads a mirror and derives its report. `refusals` are those the host remembers; only this tenant's count.
///
/// # Errors
/// The mirror cannot be read.
pub async fn report(
    db: &dyn MirrorDb,
    now: Millis,
    status: &StatusConfig,
    refusals: &[RefusedCalls],
) -> Result<TenantReport, StoreError> {
    let records = db.tables().await?;
    let history = db.history();
    let histories = history.tables().await?;
    let cycles = history.cycles(CYCLES).await?;
    let events = history.events(EVENTS).await?;
    let newest_lsn = history.newest_lsn().await?;
    let kept_aside: BTreeMap<String, u64> =
        db.quarantine_counts().await?.into_iter().map(|count| (count.table.folded().to_owned(), count.rows)).collect();
    let quarantine = if kept_aside.is_empty() { Vec::new() } else { db.quarantined(None, QUARANTINED).await? };
    let refusals: Vec<RefusedCalls> =
        refusals.iter().filter(|refused| refused.tenant.as_ref() == Some(db.tenant())).cloned().collect();
    let facts = Facts {
        now,
        late_after: status.late_after,
        silent_after: status.silent_after,
        records: &records,
        histories: &histories,
        cycles: &cycles,
        events: &events,
        refusals: &refusals,
    };
    let derived = derive(&facts);
    let quarantined: u64 = kept_aside.values().sum();
    let mut advice = advice::tenant(&facts, &derived);
    advice.extend(advice::quarantine(quarantined, kept_aside.len()));
    let tables = tables(&records, &histories, &events, &derived, &kept_aside);
    let mut table_states = BTreeMap::new();
    for table in &tables {
        *table_states.entry(table.state.word()).or_default() += 1;
    }
    let cycle_reports = derived.cycles.iter().zip(&cycles);
    Ok(TenantReport {
        format: TenantReport::FORMAT,
        tenant: db.tenant().clone(),
        place: db.place(),
        state: derived.state,
        advice,
        last_call_at: derived.last_call_at,
        last_completed_at: derived.last_completed_at,
        last_refused_at: derived.last_refused_at,
        refill_deadline: derived.refill_deadline,
        refill_in: derived.refill_deadline.map(|deadline| deadline.saturating_sub(now).max(0)),
        newest_lsn,
        rows: tables.iter().map(|table| table.rows).sum(),
        quarantined,
        table_states,
        tables,
        cycles: cycle_reports.map(|(&state, cycle)| CycleReport { state, cycle: cycle.clone() }).collect(),
        events,
        refusals,
        quarantine: quarantine.into_iter().map(QuarantineReport::of).collect(),
    })
}

impl QuarantineReport {
    fn of(row: Quarantined) -> Self {
        let table = row.table.as_str().to_owned();
        Self { table, key: row.key, at: row.at, plugin: row.plugin, version: row.version, error: row.error }
    }
}

fn tables(
    records: &[TableRecord],
    histories: &[TableHistory],
    events: &[EventRecord],
    derived: &Derived,
    kept_aside: &BTreeMap<String, u64>,
) -> Vec<TableReport> {
    let records: BTreeMap<&str, &TableRecord> = records.iter().map(|record| (record.table.folded(), record)).collect();
    let histories: BTreeMap<String, &TableHistory> =
        histories.iter().map(|history| (fold(&history.table), history)).collect();
    let mut tables: Vec<TableReport> = derived
        .tables
        .iter()
        .map(|(folded, &state)| {
            let record = records.get(folded.as_str()).copied();
            let history = histories.get(folded).copied();
            let rows = history.map_or(0, |history| history.rows);
            let quarantined = kept_aside.get(folded).copied().unwrap_or(0);
            let name = record.map(|record| record.table.as_str()).or(history.map(|history| history.table.as_str()));
            TableReport {
                table: name.unwrap_or(folded).to_owned(),
                state,
                advice: advice::table(folded, state, rows, events).or_else(|| advice::kept_aside(quarantined)),
                lsn: record.map(|record| record.lsn),
                kind: record.map(|record| record.kind),
                rows,
                quarantined,
                last_change_at: history.and_then(|history| history.last_change_at),
                last_confirmed_at: history.and_then(|history| history.last_confirmed_at),
                fill_started_at: history.and_then(|history| history.fill_started_at),
                gone_at: history.and_then(|history| history.gone_at),
                error: history.filter(|_| state == TableState::Failing).and_then(|history| history.last_error.clone()),
                cycle_inserts: history.map_or(0, |history| history.cycle_inserts),
                cycle_updates: history.map_or(0, |history| history.cycle_updates),
                cycle_deletes: history.map_or(0, |history| history.cycle_deletes),
            }
        })
        .collect();
    tables.sort_by(|one, other| other.state.cmp(&one.state).then_with(|| one.table.cmp(&other.table)));
    tables
}
