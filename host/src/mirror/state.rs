//! The words people see, derived in one place from what a mirror records (design.md, "What people see"). Pure.
//!
//! # A tenant's word
//! The worst that applies, in this order, worst first:
//!
//! | word | means |
//! |---|---|
//! | `lost` | not confirmed for 7 days: the source has thrown its change data away, the Task wipes and fills anew |
//! | `failing` | something failed since the last completed cycle |
//! | `refused` | calls with this tenant's tokens were refused, and none was accepted since |
//! | `silent` | no call at all for `silent_after` |
//! | `late` | no completed cycle for `late_after`, and not because it is being filled right now |
//! | `filling` | tables are on their way from nothing |
//! | `current` | none of these |
//!
//! # A table's word
//! `gone` (dropped, the source does not list it), `failing` (its last error has not been followed by a success or by a cycle
//! that began later and completed), `skipped` (a plug-in leaves it out), `waiting` (LSN -1, nothing come yet), `filling` (LSN
//! -1, rows come), `current`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::protocol::table_name::fold;
use crate::store::history::{CycleRecord, EventLevel, EventRecord, Millis, TableHistory};
use crate::store::{TableKind, TableRecord};

use super::refusals::RefusedCalls;

/// How long the source keeps change data.
pub const CHANGE_DATA_KEPT: Duration = Duration::from_hours(7 * 24);

/// A fill that got a call within this time is under way.
const UNDER_WAY: Duration = Duration::from_hours(1);

/// See the head of this file. Ordered from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TenantState {
    Current,
    Filling,
    Late,
    Silent,
    Refused,
    Failing,
    Lost,
}

/// See the head of this file. Ordered from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TableState {
    Gone,
    Skipped,
    Current,
    Filling,
    Waiting,
    Failing,
}

/// How a cycle ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CycleState {
    /// ReplicationCompleted came.
    Completed,
    /// It may still come.
    Open,
    /// It will not: another cycle began, or nothing came for long.
    Interrupted,
}

macro_rules! words {
    ($($state:ident: $($variant:ident = $word:literal),+;)+) => {$(
        impl $state {
            /// The word people see.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl std::fmt::Display for $state {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.word())
            }
        }
    )+};
}

words! {
    TenantState: Current = "current", Filling = "filling", Late = "late", Silent = "silent", Refused = "refused",
        Failing = "failing", Lost = "lost";
    TableState: Gone = "gone", Skipped = "skipped", Current = "current", Filling = "filling", Waiting = "waiting",
        Failing = "failing";
    CycleState: Completed = "completed", Open = "open", Interrupted = "interrupted";
}

/// What a mirror records, and what the host adds: all that words are derived from.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub now: Millis,
    pub late_after: Duration,
    pub silent_after: Duration,
    pub records: &'a [TableRecord],
    pub histories: &'a [TableHistory],
    /// Newest first.
    pub cycles: &'a [CycleRecord],
    /// Newest first.
    pub events: &'a [EventRecord],
    /// Refused calls of this tenant that the host remembers.
    pub refusals: &'a [RefusedCalls],
}

/// The words, and the times they follow from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    pub state: TenantState,
    /// By folded name: every table known, gone ones too.
    pub tables: BTreeMap<String, TableState>,
    /// As `Facts::cycles`.
    pub cycles: Vec<CycleState>,
    pub last_call_at: Option<Millis>,
    pub last_completed_at: Option<Millis>,
    pub last_refused_at: Option<Millis>,
    /// When the source throws away the changes this mirror would need: 7 days after the last confirmation.
    pub refill_deadline: Option<Millis>,
}

/// Derives the words.
#[must_use]
pub fn derive(facts: &Facts<'_>) -> Derived {
    let last_call_at = facts.cycles.iter().map(|cycle| cycle.last_call_at).max();
    let last_completed_at = facts.cycles.iter().filter_map(|cycle| cycle.completed_at).max();
    // A moment that is still to come was written by a clock that has been set right since: it says nothing of now.
    let has_been = |at: &Millis| *at <= facts.now;
    let last_refused_at = facts
        .refusals
        .iter()
        .map(|refused| refused.last_at)
        .chain(facts.events.iter().filter(|event| event.kind == "refused").map(|event| event.at))
        .filter(has_been)
        .max();
    let tables = table_states(facts);
    let refill_deadline = confirmed_at(facts, last_completed_at).map(|at| at.saturating_add(millis(CHANGE_DATA_KEPT)));
    let cycles = cycle_states(facts);

    let since = |at: Option<Millis>, limit: Duration| at.is_none_or(|at| facts.now.saturating_sub(at) > millis(limit));
    let filling = tables.iter().any(|(name, state)| match state {
        TableState::Filling => true,
        TableState::Waiting => awaited(facts, name),
        TableState::Gone | TableState::Skipped | TableState::Current | TableState::Failing => false,
    });
    let under_way = filling && !since(last_call_at, UNDER_WAY);
    let failed = facts
        .events
        .iter()
        .filter(|event| has_been(&event.at))
        .any(|event| event.level == EventLevel::Error && last_completed_at.is_none_or(|done| event.at > done));

    let state = if refill_deadline.is_some_and(|deadline| facts.now > deadline) {
        TenantState::Lost
    } else if failed || tables.values().any(|state| *state == TableState::Failing) {
        TenantState::Failing
    } else if last_refused_at.is_some_and(|refused| last_call_at.is_none_or(|call| refused > call)) {
        TenantState::Refused
    } else if since(last_call_at, facts.silent_after) {
        TenantState::Silent
    } else if !under_way && since(last_completed_at.or_else(|| first_seen(facts)), facts.late_after) {
        TenantState::Late
    } else if filling {
        TenantState::Filling
    } else {
        TenantState::Current
    };
    Derived { state, tables, cycles, last_call_at, last_completed_at, last_refused_at, refill_deadline }
}

/// When the oldest table that must be kept up by changes was last confirmed.
fn confirmed_at(facts: &Facts<'_>, last_completed_at: Option<Millis>) -> Option<Millis> {
    let live: BTreeSet<&str> =
        facts.records.iter().filter(|record| !record.lsn.means_refill()).map(|record| record.table.folded()).collect();
    let oldest = facts
        .histories
        .iter()
        .filter(|history| live.contains(fold(&history.table).as_str()))
        .filter_map(|history| history.last_confirmed_at)
        .min();
    // A table that no cycle has confirmed yet was filled in the one that is running.
    oldest.or(last_completed_at)
}

fn first_seen(facts: &Facts<'_>) -> Option<Millis> {
    facts.cycles.iter().map(|cycle| cycle.started_at).min()
}

/// Whether rows of a table that waits are still to come. Not if a cycle completed since its fill began: then the source
/// has none.
fn awaited(facts: &Facts<'_>, folded: &str) -> bool {
    let history = facts.histories.iter().find(|history| fold(&history.table) == folded);
    history.is_none_or(|history| match (history.last_confirmed_at, history.fill_started_at) {
        (Some(confirmed), Some(started)) => confirmed < started,
        (confirmed, _) => confirmed.is_none(),
    })
}

fn table_states(facts: &Facts<'_>) -> BTreeMap<String, TableState> {
    let histories: BTreeMap<String, &TableHistory> =
        facts.histories.iter().map(|history| (fold(&history.table), history)).collect();
    // An error is over when a whole cycle came after it.
    let clean_since =
        facts.cycles.iter().filter(|cycle| cycle.completed_at.is_some()).map(|cycle| cycle.started_at).max();
    let fails = |history: &TableHistory| {
        let error = history.last_error.as_ref();
        error.is_some_and(|error| clean_since.is_none_or(|clean| error.at >= clean))
    };
    let mut states: BTreeMap<String, TableState> = facts
        .records
        .iter()
        .map(|record| {
            let history = histories.get(record.table.folded());
            let state = if history.is_some_and(|history| fails(history)) {
                TableState::Failing
            } else if record.kind == TableKind::Skipped {
                TableState::Skipped
            } else if !record.lsn.means_refill() {
                TableState::Current
            } else if history.is_some_and(|history| history.rows > 0) && record.fill_begun {
                TableState::Filling
            } else {
                TableState::Waiting
            };
            (record.table.folded().to_owned(), state)
        })
        .collect();
    for (folded, history) in histories {
        let absent = if history.gone_at.is_none() && fails(history) { TableState::Failing } else { TableState::Gone };
        states.entry(folded).or_insert(absent);
    }
    states
}

fn cycle_states(facts: &Facts<'_>) -> Vec<CycleState> {
    let newest = facts.cycles.iter().map(|cycle| cycle.id).max();
    facts
        .cycles
        .iter()
        .map(|cycle| {
            if cycle.completed_at.is_some() {
                CycleState::Completed
            } else if Some(cycle.id) == newest
                && facts.now.saturating_sub(cycle.last_call_at) <= millis(facts.late_after)
            {
                CycleState::Open
            } else {
                CycleState::Interrupted
            }
        })
        .collect()
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}
