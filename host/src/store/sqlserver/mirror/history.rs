//! History in the side tables: cycles, calls, errors, events. The trait is implemented in [`super::database`].
//!
//! What a call leaves behind is written in one round trip: statements and their transaction in one batch. Tables come before
//! events and cycles last, so that whoever writes here meets the writers of rows in their own order.

use super::known;
use super::metadata;
use super::session::{Names, Session};
use super::statement::{Cells, Statement};
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::ReplicationSummary;
use crate::protocol::table_name::TableName;
use crate::store::history::{CallRecord, CycleRecord, EventRecord, Millis, TableError, TableHistory};
use crate::store::rules::counts::{CYCLES, Counts, EVENTS, Received, level, level_code, mismatches, signed, totals};
use crate::store::sqlserver::errors::Result;
use crate::store::{StoreError, StoreErrorKind, Ticket};

/// Events in one statement, of seven parameters each at most.
const SET: usize = 250;

/// Opens a cycle. The same TableSchema told twice is one cycle.
fn begin(names: &Names, ticket: Ticket, at: Millis) -> Statement {
    let mut statement = Statement::new();
    let (id, at) = (statement.integer(ticket.0), statement.integer(at));
    let Names { tables, cycles, .. } = names;
    statement.then(format!(
        "UPDATE {tables} SET cycle_inserts = 0, cycle_updates = 0, cycle_deletes = 0 \
         WHERE cycle_inserts <> 0 OR cycle_updates <> 0 OR cycle_deletes <> 0"
    ));
    statement.then(format!(
        "INSERT INTO {cycles} (id, started_at, last_call_at, mismatches) SELECT {id}, {at}, {at}, N'[]' \
         WHERE NOT EXISTS (SELECT 1 FROM {cycles} WITH (UPDLOCK, HOLDLOCK) WHERE id = {id})"
    ));
    statement.then(keep_newest(cycles, CYCLES));
    statement.alone()
}

fn keep_newest(table: &str, count: u32) -> String {
    format!(
        "DELETE FROM {table} WHERE id < (SELECT MIN(id) FROM (SELECT TOP ({count}) id FROM {table} ORDER BY id DESC) AS kept)"
    )
}

pub(in crate::store::sqlserver) async fn begin_cycle(session: &Session, ticket: Ticket, at: Millis) -> Result<()> {
    run(session, &begin(&session.names(), ticket, at)).await
}

async fn run(session: &Session, statement: &Statement) -> Result<()> {
    let mut lease = session.reader().await?;
    statement.exec(&mut lease).await?;
    lease.finish_as_new();
    Ok(())
}

/// What a call leaves behind, if its events fit into one statement.
fn record(names: &Names, call: &CallRecord, counted: bool) -> Statement {
    let mut statement = Statement::new();
    for (table, error) in &call.table_errors {
        known::failed(&mut statement, names, table, error);
    }
    add_events(&mut statement, names, &call.events);
    let (failed, at) = (statement.integer(i64::from(call.failed)), statement.integer(call.at));
    let one = u8::from(!counted);
    statement.then(format!(
        "UPDATE {0} SET calls = calls + {one}, failed_calls = failed_calls + {failed}, \
         last_call_at = CASE WHEN last_call_at > {at} THEN last_call_at ELSE {at} END WHERE id = (SELECT MAX(id) FROM {0})",
        names.cycles
    ));
    statement.alone()
}

/// `counted`: a commit has counted the call already.
pub(in crate::store::sqlserver) async fn record_call(
    session: &Session,
    call: &CallRecord,
    counted: bool,
) -> Result<()> {
    let names = session.names();
    if call.events.len() <= 100 && call.table_errors.len() <= 100 {
        return run(session, &record(&names, call, counted)).await;
    }
    // Hundreds of tables failed at once: sets of each, and the call itself last.
    for errors in call.table_errors.chunks(100) {
        let mut statement = Statement::new();
        for (table, error) in errors {
            known::failed(&mut statement, &names, table, error);
        }
        run(session, &statement.alone()).await?;
    }
    record_events(session, &call.events).await?;
    let rest = CallRecord { table_errors: Vec::new(), events: Vec::new(), ..call.clone() };
    run(session, &record(&names, &rest, counted)).await
}

pub(in crate::store::sqlserver) async fn record_events(session: &Session, events: &[EventRecord]) -> Result<()> {
    let names = session.names();
    for set in events.chunks(SET) {
        let mut statement = Statement::new();
        add_events(&mut statement, &names, set);
        run(session, &statement.alone()).await?;
    }
    Ok(())
}

fn add_events(statement: &mut Statement, names: &Names, events: &[EventRecord]) {
    if events.is_empty() {
        return;
    }
    let values: Vec<String> = events
        .iter()
        .map(|event| {
            let texts = [
                Some(event.kind.as_str()),
                event.operation.as_deref(),
                event.table.as_deref(),
                Some(event.message.as_str()),
                event.advice.as_deref(),
            ];
            let texts = texts.map(|text| statement.text(text)).join(", ");
            format!("({}, {}, {texts})", statement.integer(event.at), level_code(event.level))
        })
        .collect();
    statement.then(format!(
        "INSERT INTO {} (at, level, kind, operation, tablename, message, advice) VALUES {}",
        names.events,
        values.join(", ")
    ));
    statement.then(keep_newest(&names.events, EVENTS));
}

/// What [`complete_cycle`] must know: the newest cycle, the tables, the metadata rows.
fn before_completion(names: &Names) -> Statement {
    let mut statement = Statement::new();
    statement.then(format!("SELECT TOP (1) id, started_at FROM {} ORDER BY id DESC", names.cycles));
    statement
        .then(format!("SELECT folded, tablename, cycle_inserts, cycle_updates, cycle_deletes FROM {}", names.tables));
    metadata::select_all(&mut statement, names, false);
    statement
}

/// What is said of the tables that came through a cycle: at most [`SET`] at a time.
fn confirmed(names: &Names, tables: &[&TableName], new: &[&TableName], at: Millis, started_at: Millis) -> Statement {
    let mut statement = Statement::new();
    known::add_rows(&mut statement, names, new);
    let folded: Vec<String> = tables.iter().map(|table| statement.text(table.folded())).collect();
    let (at, started_at) = (statement.integer(at), statement.integer(started_at));
    // A table that failed in this cycle, or misses rows of it, has not come through.
    statement.then(format!(
        "UPDATE {} SET last_confirmed_at = {at} WHERE gap = 0 AND (error_at IS NULL OR error_at < {started_at}) \
         AND folded IN ({})",
        names.tables,
        folded.join(", ")
    ));
    statement
}

/// The end of a cycle: what was reported, and what is over.
fn completed(
    names: &Names,
    id: i64,
    started_at: Millis,
    at: Millis,
    reported: Counts,
    mismatches: &[String],
) -> Statement {
    let mut statement = Statement::new();
    let started_at = statement.integer(started_at);
    statement.then(format!(
        "UPDATE {} SET error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE error_at < {started_at}",
        names.tables
    ));
    let (id, at) = (statement.integer(id), statement.integer(at));
    let [inserts, updates, deletes] =
        [reported.0, reported.1, reported.2].map(|count| statement.integer(signed(count)));
    let mismatches = statement.text(serde_json::Value::from(mismatches.to_vec()).to_string().as_str());
    statement.then(format!(
        "UPDATE {} SET completed_at = {at}, last_call_at = CASE WHEN last_call_at > {at} THEN last_call_at ELSE {at} END, \
         reported_inserts = {inserts}, reported_updates = {updates}, reported_deletes = {deletes}, mismatches = {mismatches} \
         WHERE id = {id}",
        names.cycles
    ));
    statement
}

/// Closes the newest cycle. Reported and received counts are compared table by table; a table reported several times counts
/// with its sum. Errors from before the cycle are over, since the source has come through a whole cycle without them.
pub(in crate::store::sqlserver) async fn complete_cycle(
    session: &Session,
    at: Millis,
    reported: &[ReplicationSummary],
) -> Result<Vec<String>> {
    let names = session.names();
    let mut tx = session.begin().await?;
    let answers = before_completion(&names).results(&mut tx).await?;
    let [newest, received, rows] = &answers[..] else {
        return Err(StoreError::new(
            StoreErrorKind::Internal,
            "the server answered fewer results than it was asked for",
        ));
    };
    let newest = newest.first().and_then(|row| Some((row.integer(0)?, row.integer(1)?)));
    let Some((id, started_at)) = newest else {
        // The side tables were dropped in the middle of a cycle: what came before is not known, so nothing is compared.
        tx.rollback().await?;
        return Ok(Vec::new());
    };
    let totals = totals(reported);
    let mismatches = mismatches(received.iter().filter_map(received_of), reported);
    let listed = metadata::all(rows);
    let listed: Vec<&TableName> = listed.iter().map(|(table, _)| table).collect();
    let known: std::collections::HashSet<&str> = received.iter().filter_map(|row| row.text(0)).collect();
    for set in listed.chunks(SET) {
        let new: Vec<&TableName> = set.iter().copied().filter(|table| !known.contains(table.folded())).collect();
        confirmed(&names, set, &new, at, started_at).exec(&mut tx).await?;
    }
    completed(&names, id, started_at, at, totals, &mismatches).exec(&mut tx).await?;
    tx.commit().await?;
    Ok(mismatches)
}

/// What came to a table in the newest cycle, if anything.
fn received_of(row: &Cells) -> Option<Received> {
    let counts = (row.count(2), row.count(3), row.count(4));
    let folded = row.owned(0).filter(|_| counts != Counts::default())?;
    Some(Received { folded, name: row.owned(1), counts })
}

fn limit(statement: &mut Statement, newest: usize) -> String {
    statement.integer(i64::try_from(newest).unwrap_or(i64::MAX))
}

fn select_cycles(names: &Names, newest: usize) -> Statement {
    let mut statement = Statement::new();
    let newest = limit(&mut statement, newest);
    statement.then(format!(
        "SELECT TOP ({newest}) id, started_at, last_call_at, completed_at, calls, failed_calls, inserts, updates, deletes, \
         reported_inserts, reported_updates, reported_deletes, mismatches FROM {} ORDER BY id DESC",
        names.cycles
    ));
    statement
}

async fn read(session: &Session, statement: &Statement) -> Result<Vec<Cells>> {
    let mut lease = session.reader().await?;
    let rows = statement.rows(&mut lease).await?;
    lease.finish_as_new();
    Ok(rows)
}

pub(in crate::store::sqlserver) async fn cycles(session: &Session, newest: usize) -> Result<Vec<CycleRecord>> {
    let rows = read(session, &select_cycles(&session.names(), newest)).await?;
    let cycle = |row: &Cells| CycleRecord {
        id: row.integer(0).unwrap_or_default(),
        started_at: row.integer(1).unwrap_or_default(),
        last_call_at: row.integer(2).unwrap_or_default(),
        completed_at: row.integer(3),
        calls: row.count(4),
        failed_calls: row.count(5),
        inserts: row.count(6),
        updates: row.count(7),
        deletes: row.count(8),
        reported: row.integer(9).map(|_| (row.count(9), row.count(10), row.count(11))),
        mismatches: row.text(12).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default(),
    };
    Ok(rows.iter().map(cycle).collect())
}

fn select_tables(names: &Names) -> Statement {
    Statement::of(format!(
        "SELECT COALESCE(tablename, folded), row_count, last_change_at, last_confirmed_at, fill_started_at, error_at, \
         error_message, error_row, error_column, gone_at, cycle_inserts, cycle_updates, cycle_deletes, folded FROM {}",
        names.tables
    ))
}

pub(in crate::store::sqlserver) async fn tables(session: &Session) -> Result<Vec<TableHistory>> {
    let mut rows = read(session, &select_tables(&session.names())).await?;
    rows.sort_by_cached_key(|row| row.owned(13));
    let table = |row: &Cells| TableHistory {
        table: row.owned(0).unwrap_or_default(),
        rows: row.count(1),
        last_change_at: row.integer(2),
        last_confirmed_at: row.integer(3),
        fill_started_at: row.integer(4),
        last_error: row.integer(5).map(|at| TableError {
            at,
            message: row.owned(6).unwrap_or_default(),
            row: row.integer(7).map(i64::unsigned_abs),
            column: row.owned(8),
        }),
        gone_at: row.integer(9),
        cycle_inserts: row.count(10),
        cycle_updates: row.count(11),
        cycle_deletes: row.count(12),
    };
    Ok(rows.iter().map(table).collect())
}

fn select_events(names: &Names, newest: usize) -> Statement {
    let mut statement = Statement::new();
    let newest = limit(&mut statement, newest);
    statement.then(format!(
        "SELECT TOP ({newest}) at, level, kind, operation, tablename, message, advice FROM {} ORDER BY id DESC",
        names.events
    ));
    statement
}

pub(in crate::store::sqlserver) async fn events(session: &Session, newest: usize) -> Result<Vec<EventRecord>> {
    let rows = read(session, &select_events(&session.names(), newest)).await?;
    let event = |row: &Cells| EventRecord {
        at: row.integer(0).unwrap_or_default(),
        level: level(row.integer(1)),
        kind: row.owned(2).unwrap_or_default(),
        operation: row.owned(3),
        table: row.owned(4),
        message: row.owned(5).unwrap_or_default(),
        advice: row.owned(6),
    };
    Ok(rows.iter().map(event).collect())
}

pub(in crate::store::sqlserver) async fn newest_lsn(session: &Session) -> Result<Option<Lsn>> {
    let mut statement = Statement::new();
    metadata::select_all(&mut statement, &session.names(), false);
    let rows = read(session, &statement).await?;
    Ok(metadata::all(&rows).into_iter().map(|(_, row)| row.lsn).max())
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let names = Names::sample();
    let (contact, person) =
        (TableName::new("contact").expect("a legal name"), TableName::new("Person").expect("a legal name"));
    let event = EventRecord {
        at: 7,
        level: crate::store::history::EventLevel::Warning,
        kind: "schema".into(),
        operation: None,
        table: Some("contact".into()),
        message: "'; DROP TABLE contact; --".into(),
        advice: None,
    };
    let error = TableError { at: 5, message: "row 7 does not fit".into(), row: Some(7), column: None };
    let call = CallRecord {
        at: 9,
        operation: crate::protocol::names::Operation::RowData,
        failed: true,
        table_errors: vec![(contact.clone(), error)],
        events: vec![event.clone(), event],
    };
    let all = [
        ("begin", begin(&names, Ticket(5), 1_000)),
        ("record", record(&names, &call, false)),
        ("record_counted", record(&names, &call, true)),
        ("before_completion", before_completion(&names)),
        ("confirmed", confirmed(&names, &[&contact, &person], &[&person], 9, 5)),
        ("completed", completed(&names, 5, 1_000, 9_000, (1, 2, 3), &["contact: differs".into()])),
        ("cycles", select_cycles(&names, 5)),
        ("tables", select_tables(&names)),
        ("events", select_events(&names, usize::MAX)),
    ];
    all.map(|(name, statement)| (name, statement.sql().to_owned())).to_vec()
}
