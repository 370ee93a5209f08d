//! History in the side tables: cycles, calls, errors, events. Bodies of transactions; the trait is implemented in
//! [`super::mirror`].

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::errors::Result;
use super::known;
use super::metadata;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::ReplicationSummary;
use crate::store::Ticket;
use crate::store::history::{CallRecord, CycleRecord, EventRecord, Millis, TableError, TableHistory};
use crate::store::rules::counts::{CYCLES, EVENTS, Received, level, level_code, mismatches, signed, totals};

pub(super) fn begin_cycle(db: &Connection, ticket: Ticket, at: Millis) -> Result<()> {
    // The same TableSchema told twice is one cycle.
    db.execute(
        "INSERT INTO speil_cycles (id, started_at, last_call_at) VALUES (?1, ?2, ?2) ON CONFLICT (id) DO NOTHING",
        [ticket.0, at],
    )?;
    db.execute("UPDATE speil_tables SET cycle_inserts = 0, cycle_updates = 0, cycle_deletes = 0", [])?;
    db.execute(
        "DELETE FROM speil_cycles WHERE id <= (SELECT id FROM speil_cycles ORDER BY id DESC LIMIT 1 OFFSET ?1)",
        [CYCLES],
    )?;
    Ok(())
}

pub(super) fn record_call(db: &Connection, call: &CallRecord) -> Result<()> {
    db.prepare_cached(
        "UPDATE speil_cycles SET calls = calls + 1, failed_calls = failed_calls + ?1, last_call_at = max(last_call_at, ?2) \
         WHERE id = (SELECT max(id) FROM speil_cycles)",
    )?
    .execute(params![i64::from(call.failed), call.at])?;
    for (table, error) in &call.table_errors {
        known::failed(db, table, error)?;
    }
    record_events(db, &call.events)
}

pub(super) fn record_events(db: &Connection, events: &[EventRecord]) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut insert = db.prepare_cached(
        "INSERT INTO speil_events (at, level, kind, operation, tablename, message, advice) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for event in events {
        insert.execute(params![
            event.at,
            level_code(event.level),
            event.kind,
            event.operation,
            event.table,
            event.message,
            event.advice
        ])?;
    }
    db.execute(
        "DELETE FROM speil_events WHERE id <= (SELECT id FROM speil_events ORDER BY id DESC LIMIT 1 OFFSET ?1)",
        [EVENTS],
    )?;
    Ok(())
}

/// Closes the newest cycle. Reported and received counts are compared table by table; a table reported several times counts
/// with its sum. Errors from before the cycle are over, since the source has come through a whole cycle without them.
pub(super) fn complete_cycle(
    db: &Connection,
    metadata: &str,
    at: Millis,
    reported: &[ReplicationSummary],
) -> Result<Vec<String>> {
    let newest = db
        .query_row("SELECT id, started_at FROM speil_cycles ORDER BY id DESC LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (id, started_at): (i64, Millis) = match newest {
        Some(newest) => newest,
        None => {
            // The side tables were dropped in the middle of a cycle: what came before is not known, so nothing is compared.
            return Ok(Vec::new());
        }
    };
    let (inserts, updates, deletes) = totals(reported);
    let mismatches = mismatches(received(db)?, reported);
    db.execute(
        "UPDATE speil_cycles SET completed_at = ?2, last_call_at = max(last_call_at, ?2), reported_inserts = ?3, \
         reported_updates = ?4, reported_deletes = ?5, mismatches = ?6 WHERE id = ?1",
        params![
            id,
            at,
            signed(inserts),
            signed(updates),
            signed(deletes),
            serde_json::Value::from(mismatches.clone()).to_string()
        ],
    )?;
    // A table that failed in this cycle, or misses rows of it, has not come through.
    for (table, _) in metadata::marks(db, metadata)? {
        db.prepare_cached(
            "INSERT INTO speil_tables (folded, tablename, last_confirmed_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (folded) DO UPDATE SET last_confirmed_at = ?3 WHERE gap = 0 AND (error_at IS NULL OR error_at < ?4)",
        )?
        .execute(params![table.folded(), table.as_str(), at, started_at])?;
    }
    db.execute(
        "UPDATE speil_tables SET error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE error_at < ?1",
        [started_at],
    )?;
    Ok(mismatches)
}

/// What came in the newest cycle, of the tables that got anything.
fn received(db: &Connection) -> Result<Vec<Received>> {
    let mut statement = db.prepare(
        "SELECT folded, tablename, cycle_inserts, cycle_updates, cycle_deletes FROM speil_tables \
         WHERE cycle_inserts + cycle_updates + cycle_deletes > 0",
    )?;
    let received = statement.query_map([], |row| {
        let counts = (count(row, 2)?, count(row, 3)?, count(row, 4)?);
        Ok(Received { folded: row.get(0)?, name: row.get(1)?, counts })
    })?;
    Ok(received.collect::<rusqlite::Result<_>>()?)
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn cycles(db: &Connection, newest: usize) -> Result<Vec<CycleRecord>> {
    let mut statement = db.prepare_cached(
        "SELECT id, started_at, last_call_at, completed_at, calls, failed_calls, inserts, updates, deletes, \
         reported_inserts, reported_updates, reported_deletes, mismatches FROM speil_cycles ORDER BY id DESC LIMIT ?1",
    )?;
    let cycles = statement.query_map([limit(newest)], |row| {
        let reported = match row.get::<_, Option<i64>>(9)? {
            Some(_) => Some((count(row, 9)?, count(row, 10)?, count(row, 11)?)),
            None => None,
        };
        Ok(CycleRecord {
            id: row.get(0)?,
            started_at: row.get(1)?,
            last_call_at: row.get(2)?,
            completed_at: row.get(3)?,
            calls: count(row, 4)?,
            failed_calls: count(row, 5)?,
            inserts: count(row, 6)?,
            updates: count(row, 7)?,
            deletes: count(row, 8)?,
            reported,
            mismatches: serde_json::from_str(&row.get::<_, String>(12)?).unwrap_or_default(),
        })
    })?;
    Ok(cycles.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn tables(db: &Connection) -> Result<Vec<TableHistory>> {
    let mut statement = db.prepare_cached(
        "SELECT coalesce(tablename, folded), coalesce(row_count, 0), last_change_at, last_confirmed_at, fill_started_at, \
         error_at, error_message, error_row, error_column, gone_at, cycle_inserts, cycle_updates, cycle_deletes \
         FROM speil_tables ORDER BY folded",
    )?;
    let tables = statement.query_map([], |row| {
        let last_error = match row.get::<_, Option<Millis>>(5)? {
            Some(at) => Some(TableError {
                at,
                message: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
                row: row.get::<_, Option<i64>>(7)?.map(i64::unsigned_abs),
                column: row.get(8)?,
            }),
            None => None,
        };
        Ok(TableHistory {
            table: row.get(0)?,
            rows: count(row, 1)?,
            last_change_at: row.get(2)?,
            last_confirmed_at: row.get(3)?,
            fill_started_at: row.get(4)?,
            last_error,
            gone_at: row.get(9)?,
            cycle_inserts: count(row, 10)?,
            cycle_updates: count(row, 11)?,
            cycle_deletes: count(row, 12)?,
        })
    })?;
    Ok(tables.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn events(db: &Connection, newest: usize) -> Result<Vec<EventRecord>> {
    let mut statement = db.prepare_cached(
        "SELECT at, level, kind, operation, tablename, message, advice FROM speil_events ORDER BY id DESC LIMIT ?1",
    )?;
    let events = statement.query_map([limit(newest)], |row| {
        Ok(EventRecord {
            at: row.get(0)?,
            level: level(Some(row.get(1)?)),
            kind: row.get(2)?,
            operation: row.get(3)?,
            table: row.get(4)?,
            message: row.get(5)?,
            advice: row.get(6)?,
        })
    })?;
    Ok(events.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn newest_lsn(db: &Connection, metadata: &str) -> Result<Option<Lsn>> {
    Ok(metadata::marks(db, metadata)?.into_iter().map(|(_, row)| row.lsn).max())
}
