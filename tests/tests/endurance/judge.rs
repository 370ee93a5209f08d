//! The invariant, checked to the cell: **no LSN is ahead of its rows.**
//!
//! The source keeps no values: a cell is computed from the version that wrote its row. So for a table at LSN *L* it can be said
//! of every row what it was at *L*, and what it became in each cycle since. A mirror at *L* must hold
//!
//! - every row that has not been written since *L*, cell by cell, and no other;
//! - of a row that has, what it was at *L* or what one of the cycles since has sent: rows may be ahead of the LSN (a batch
//!   that came through before its table's last one), never behind it.
//!
//! A table at an LSN below zero promises nothing. What was sent to a table that is filled anew is no state of a mirror at *L*:
//! the wipe set its LSN to -1 first. Only its columns may be there already, since TableSchema comes before the wipe.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::types::Value;
use speil::protocol::datetime::parse_iso;
use speil::protocol::sql_type::SqlType;
use speil::task::cell::Cell;
use speil::task::source::{Need, Source, SourceTable};

use super::history::Moments;
use super::look::{Look, SeenTable};

/// What came of looks.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Tables that were judged.
    pub tables: u64,
    /// Rows that were judged.
    pub rows: u64,
    /// Tables that promise nothing.
    pub promising_nothing: u64,
    /// Tables whose LSN is older than anything remembered.
    pub too_old: u64,
    /// Sentences: what is wrong.
    pub wrong: Vec<String>,
}

impl Verdict {
    pub fn add(&mut self, other: Self) {
        self.tables += other.tables;
        self.rows += other.rows;
        self.promising_nothing += other.promising_nothing;
        self.too_old += other.too_old;
        self.wrong.extend(other.wrong);
    }
}

/// Judges what was seen by what was known right after.
pub fn judge(look: &Look, moments: &Moments) -> Verdict {
    let mut verdict = Verdict::default();
    for table in &look.tables {
        if table.lsn < 0 {
            verdict.promising_nothing += 1;
            continue;
        }
        if table.lsn > moments.highest {
            let told = format!("{} stands at LSN {}, which no cycle ever sent", table.name, table.lsn);
            verdict.wrong.push(told);
            continue;
        }
        let beginnings = beginnings(table, moments);
        if beginnings.is_empty() {
            verdict.too_old += 1;
            continue;
        }
        verdict.tables += 1;
        verdict.rows += table.rows.len() as u64;
        let wrong: Vec<_> = beginnings.into_iter().map(|at| wrong_since(table, moments, at)).collect();
        // Two sources have had the same version when one was restored from a backup: one of them it must be.
        if let Some(found) = wrong.into_iter().min_by_key(Vec::len) {
            verdict.wrong.extend(found.into_iter().take(5));
        }
    }
    verdict
}

/// Whether the mirror is this source: all its tables, up to its version, and nothing else.
pub fn equal(look: &Look, source: &Arc<Source>) -> Vec<String> {
    let moments = Moments { sources: [source.clone()].into(), highest: source.version() };
    let mut verdict = judge(look, &moments);
    if verdict.tables != source.tables().len() as u64 || look.tables.len() != source.tables().len() {
        let seen: Vec<_> = look.tables.iter().map(|table| (table.name.as_str(), table.lsn)).collect();
        verdict.wrong.push(format!("{} tables were to be equal, seen are {seen:?}", source.tables().len()));
    }
    verdict.wrong
}

/// The moments at which the source was where the table's LSN says; by number.
fn beginnings(table: &SeenTable, moments: &Moments) -> Vec<usize> {
    let known =
        |source: &Source| source.table(&table.name).is_some_and(|known| source.need(known, table.lsn) == Need::Nothing);
    let exact: Vec<usize> = (0..moments.sources.len())
        .filter(|at| moments.sources[*at].version() == table.lsn && known(&moments.sources[*at]))
        .collect();
    if exact.is_empty() { moments.sources.iter().position(|source| known(source)).into_iter().collect() } else { exact }
}

/// One source that rows may come from.
struct State<'s> {
    table: &'s SourceTable,
    /// For each column of the source but the key, where the mirror has it, if it has it as the source does.
    columns: Vec<(usize, usize, SqlType)>,
    /// Whether the mirror has the columns of this source and no others.
    whole: bool,
}

impl<'s> State<'s> {
    fn new(table: &'s SourceTable, seen: &SeenTable) -> Self {
        let mut columns = Vec::new();
        for (at, column) in table.columns().iter().enumerate().skip(1) {
            let here = seen.columns.iter().position(|seen| seen.name.eq_ignore_ascii_case(column.name()));
            let alike = here.filter(|here| {
                let seen = &seen.columns[*here];
                seen.declared.eq_ignore_ascii_case(&column.sql_type().to_string()) && seen.nullable == column.nullable()
            });
            columns.extend(alike.map(|here| (at, here, column.sql_type())));
        }
        let whole = columns.len() + 1 == table.columns().len() && seen.columns.len() == table.columns().len();
        Self { table, columns, whole }
    }

    /// Whether this is the row of that key, as far as the columns are alike.
    fn has(&self, key: i64, row: &[Value]) -> bool {
        let Some(cells) = self.table.row(key) else { return false };
        self.columns.iter().all(|(at, here, sql_type)| same(&cells[*at], &row[*here], *sql_type))
    }
}

fn wrong_since(seen: &SeenTable, moments: &Moments, beginning: usize) -> Vec<String> {
    let mut states: Vec<(&Source, State<'_>)> = Vec::new();
    // Only the columns of a source that will fill the table anew can be here, before the wipe.
    let mut columns_to_come = false;
    for (at, source) in moments.sources.iter().enumerate().skip(beginning) {
        let Some(table) = source.table(&seen.name) else { continue };
        let state = State::new(table, seen);
        if at > beginning && matches!(source.need(table, seen.lsn), Need::Refill(_)) {
            columns_to_come |= state.whole;
        } else {
            states.push((source.as_ref(), state));
        }
    }
    let columns_to_come = columns_to_come && states.iter().all(|(_, state)| !state.whole);
    let mut written = BTreeSet::new();
    for (source, state) in &states {
        if let Need::Changes(changes) = source.need(state.table, seen.lsn) {
            written.extend(changes.into_keys());
        }
    }
    let states: Vec<&State<'_>> = states.iter().map(|(_, state)| state).collect();
    let mut wrong = Vec::new();
    let key_name = states[0].table.columns()[0].name();
    let Some(key_at) = seen.columns.iter().position(|column| column.name.eq_ignore_ascii_case(key_name)) else {
        return vec![format!("{} at LSN {} has no column {key_name}", seen.name, seen.lsn)];
    };
    let mut there = BTreeSet::new();
    for row in &seen.rows {
        let Value::Integer(key) = row[key_at] else {
            wrong.push(format!("{} has a row without a key: {row:?}", seen.name));
            continue;
        };
        there.insert(key);
        let whole = states.iter().any(|state| state.whole && state.has(key, row));
        // A row of an earlier cycle under columns of a later one: its columns that are alike must be its own.
        let in_part = columns_to_come || written.contains(&key);
        let right = whole || (in_part && states.iter().any(|state| state.has(key, row)));
        if !right {
            let when = if written.contains(&key) { "was written since" } else { "was not written since" };
            let been = states[0].table.row(key);
            wrong.push(format!(
                "{} at LSN {}: row {key}, which {when}, is not what it was at any time since: {row:?}; at that LSN it was {been:?}",
                seen.name, seen.lsn
            ));
        }
    }
    for key in states[0].table.keys().filter(|key| !there.contains(key)) {
        if states.iter().all(|state| state.table.contains(key)) {
            wrong
                .push(format!("{} at LSN {}: row {key} is missing: the LSN is ahead of its rows", seen.name, seen.lsn));
        }
    }
    wrong
}

/// Whether the file holds this value. The harness's sources have these kinds of values alone.
#[expect(clippy::float_cmp, reason = "a mirror holds exactly the number that was sent, or it is wrong")]
fn same(cell: &Cell, value: &Value, sql_type: SqlType) -> bool {
    match (cell, value) {
        (Cell::Null, Value::Null) => true,
        (Cell::Integer(cell), Value::Integer(value)) => cell == value,
        (Cell::Real(cell), Value::Real(value)) => cell == value,
        (Cell::Text(cell), Value::Text(value)) => cell == value,
        (Cell::Binary(cell), Value::Blob(value)) => cell == value,
        (Cell::Timestamp(cell), Value::Text(value)) => parse_iso(value, sql_type) == Some(*cell),
        _ => false,
    }
}
