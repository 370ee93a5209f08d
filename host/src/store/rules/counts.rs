//! Counts of a cycle, reported and received, and how long history is kept.

use std::collections::BTreeMap;

use crate::protocol::messages::ReplicationSummary;
use crate::protocol::table_name::fold;
use crate::store::history::EventLevel;

/// Events kept.
pub(in crate::store) const EVENTS: u32 = 1_000;
/// Cycles kept: about a month of one every ten minutes.
pub(in crate::store) const CYCLES: u32 = 5_000;

/// Inserts, updates, deletes.
pub(in crate::store) type Counts = (u64, u64, u64);

/// What the operations of one table's cycle were.
pub(in crate::store) struct Received {
    /// The table's folded name.
    pub folded: String,
    /// The name as it was last written, if it is known.
    pub name: Option<String>,
    pub counts: Counts,
}

/// The database's integers have a sign; no count of ours reaches it.
pub(in crate::store) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The Task's counts have a sign that means nothing.
fn unsigned(count: i32) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// What the Task said it sent, all tables together.
pub(in crate::store) fn totals(reported: &[ReplicationSummary]) -> Counts {
    let total = |count: fn(&ReplicationSummary) -> i32| reported.iter().map(|summary| unsigned(count(summary))).sum();
    (total(|s| s.inserts), total(|s| s.updates), total(|s| s.deletes))
}

/// A sentence for each table whose reported counts differ from those received, in order of their folded names. A table reported several
/// times counts with its sum.
pub(in crate::store) fn mismatches(
    received: impl IntoIterator<Item = Received>,
    reported: &[ReplicationSummary],
) -> Vec<String> {
    // Name, reported, received, by folded name.
    let mut tables: BTreeMap<String, (String, Counts, Counts)> = BTreeMap::new();
    for summary in reported {
        let entry = tables
            .entry(fold(&summary.table_name))
            .or_insert_with(|| (summary.table_name.clone(), Counts::default(), Counts::default()));
        entry.1.0 += unsigned(summary.inserts);
        entry.1.1 += unsigned(summary.updates);
        entry.1.2 += unsigned(summary.deletes);
    }
    for Received { folded, name, counts } in received {
        let name = name.unwrap_or_else(|| folded.clone());
        tables.entry(folded).or_insert_with(|| (name, Counts::default(), Counts::default())).2 = counts;
    }
    let differing = tables.into_values().filter(|(_, reported, received)| reported != received);
    differing
        .map(|(table, reported, received)| {
            format!(
                "{table}: the Task reported {} inserts, {} updates and {} deletes, received were {}, {} and {}",
                reported.0, reported.1, reported.2, received.0, received.1, received.2
            )
        })
        .collect()
}

/// A level as it is stored.
pub(in crate::store) fn level_code(level: EventLevel) -> i64 {
    match level {
        EventLevel::Info => 0,
        EventLevel::Warning => 1,
        EventLevel::Error => 2,
    }
}

/// A stored level; what is none of ours is an error.
pub(in crate::store) fn level(code: Option<i64>) -> EventLevel {
    match code {
        Some(0) => EventLevel::Info,
        Some(1) => EventLevel::Warning,
        _ => EventLevel::Error,
    }
}
