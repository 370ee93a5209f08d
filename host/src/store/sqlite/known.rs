//! `speil_tables`: what is known of each table beside its metadata row. Above all whether it is ours: that must outlast
//! an administrator who deletes metadata rows or the whole metadata table.
//!
//! It must not outlast the table, though: whoever drops it by hand may make one of his own under its name. So what the
//! table was made as is kept too (`made_as`, a digest of its SQL), and without a metadata row only a table that still is that
//! is ours. TableSchema forgets the others ([`forget_strangers`]).

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use rsa::sha2::{Digest, Sha256};
use rusqlite::{Connection, OptionalExtension, params};

use super::catalog::{Object, find_object};
use super::errors::Result;
use crate::protocol::table_name::TableName;
use crate::store::Ticket;
use crate::store::history::{Millis, OpCounts, TableError};
use crate::store::rules::counts::signed;
use crate::store::rules::marks::Gap;

/// What is known of one table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Known {
    /// Made or taken over by this project. Whether the table that is there now is that one: [`Known::owns`].
    pub owned: bool,
    /// What it was made as.
    made_as: Option<String>,
    pub ticket: Option<Ticket>,
    /// `None`: never counted.
    pub rows: Option<u64>,
    pub gap: Gap,
}

impl Known {
    /// Whether the table that has the name now is the one this project made or took over.
    pub fn owns(&self, db: &Connection, object: &Object) -> Result<bool> {
        Ok(self.owned && self.made_as.is_some() && self.made_as == made_as(db, object)?)
    }
}

/// What a table was made as: a digest of its SQL, which changes with every change of its shape.
fn made_as(db: &Connection, object: &Object) -> Result<Option<String>> {
    let sql: Option<String> = db
        .prepare_cached("SELECT sql FROM sqlite_schema WHERE type = ?1 AND name = ?2")?
        .query_row([&object.kind, &object.name], |row| row.get(0))
        .optional()?
        .flatten();
    Ok(sql.map(|sql| {
        Sha256::digest(sql.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
            hex
        })
    }))
}

/// The same of a table found by its name.
fn now_made_as(db: &Connection, table: &TableName) -> Result<Option<String>> {
    match find_object(db, table.as_str())?.filter(Object::is_table) {
        Some(object) => made_as(db, &object),
        None => Ok(None),
    }
}

/// Gives up tables of ours that are not in the database any more, or are no longer what we made and have no metadata row
/// either: what comes to have their names is somebody else's. `listed` are the folded names that have a row with a hash of ours;
/// what their tables were made as is noted where it is not known (a side table dropped by hand). `there`: [`super::catalog::tables`].
pub(super) fn forget_strangers(
    db: &Connection,
    listed: &HashSet<String>,
    there: &HashMap<String, String>,
) -> Result<()> {
    let owned: Vec<(String, Option<String>)> = db
        .prepare_cached("SELECT folded, made_as FROM speil_tables WHERE owned = 1")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (folded, known) in owned {
        let is_listed = listed.contains(&folded);
        let now = match there.get(&folded) {
            Some(_) if is_listed && known.is_some() => continue,
            Some(name) => made_as(db, &Object { kind: "table".to_owned(), name: name.clone() })?,
            None => None,
        };
        if now.is_some() && is_listed {
            db.prepare_cached("UPDATE speil_tables SET made_as = ?2 WHERE folded = ?1")?
                .execute(params![folded, now])?;
        } else if now.is_none() || now != known {
            db.prepare_cached("UPDATE speil_tables SET owned = 0, made_as = NULL WHERE folded = ?1")?
                .execute([folded])?;
        }
    }
    Ok(())
}

pub(super) fn find(db: &Connection, table: &TableName) -> Result<Known> {
    let known = db
        .prepare_cached("SELECT owned, ticket, row_count, gap, made_as FROM speil_tables WHERE folded = ?1")?
        .query_row([table.folded()], |row| {
            Ok(Known {
                owned: row.get(0)?,
                ticket: row.get::<_, Option<i64>>(1)?.map(Ticket),
                rows: row.get::<_, Option<i64>>(2)?.map(i64::unsigned_abs),
                gap: Gap::from_code(Some(row.get(3)?)),
                made_as: row.get(4)?,
            })
        })
        .optional()?;
    Ok(known.unwrap_or_default())
}

/// The ticket of each table that one has touched, by the table's folded name.
pub(super) fn tickets(db: &Connection) -> Result<HashMap<String, Ticket>> {
    let mut statement = db.prepare_cached("SELECT folded, ticket FROM speil_tables WHERE ticket IS NOT NULL")?;
    let tickets = statement.query_map([], |row| Ok((row.get(0)?, Ticket(row.get(1)?))))?;
    Ok(tickets.collect::<rusqlite::Result<_>>()?)
}

fn ensure_row(db: &Connection, table: &TableName) -> Result<()> {
    db.prepare_cached("INSERT INTO speil_tables (folded, tablename) VALUES (?1, ?2) ON CONFLICT (folded) DO NOTHING")?
        .execute([table.folded(), table.as_str()])?;
    Ok(())
}

/// The table is ours, holds this many rows, and its fill has not begun.
pub(super) fn made(db: &Connection, table: &TableName, ticket: Ticket, rows: u64) -> Result<()> {
    ensure_row(db, table)?;
    db.prepare_cached(
        "UPDATE speil_tables SET tablename = ?2, owned = 1, made_as = ?5, ticket = ?3, row_count = ?4, \
         fill_started_at = NULL, gone_at = NULL, gap = 0, \
         error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE folded = ?1",
    )?
    .execute(params![table.folded(), table.as_str(), ticket.0, signed(rows), now_made_as(db, table)?])?;
    Ok(())
}

/// The table's shape changed, its rows did not.
pub(super) fn altered(db: &Connection, table: &TableName, ticket: Ticket) -> Result<()> {
    ensure_row(db, table)?;
    db.prepare_cached(
        "UPDATE speil_tables SET tablename = ?2, owned = 1, made_as = ?4, ticket = ?3, gone_at = NULL, \
         error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE folded = ?1",
    )?
    .execute(params![table.folded(), table.as_str(), ticket.0, now_made_as(db, table)?])?;
    Ok(())
}

/// There is no table any more (`gone_at`), or a plug-in leaves it out (`None`).
pub(super) fn unmade(db: &Connection, table: &TableName, ticket: Ticket, gone_at: Option<Millis>) -> Result<()> {
    ensure_row(db, table)?;
    db.prepare_cached(
        "UPDATE speil_tables SET owned = 0, made_as = NULL, ticket = ?2, row_count = 0, fill_started_at = NULL, \
         gone_at = ?3, gap = 0, \
         error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE folded = ?1",
    )?
    .execute(params![table.folded(), ticket.0, gone_at])?;
    Ok(())
}

/// The call has looked at the tables, without more than settling their gaps. One statement for all of them: a tenant has
/// hundreds, in every cycle.
pub(super) fn seen(db: &Connection, tables: &[&TableName], ticket: Ticket) -> Result<()> {
    let names = serde_json::Value::from(tables.iter().map(|table| table.folded()).collect::<Vec<_>>()).to_string();
    let see = |db: &Connection| {
        db.prepare_cached(
            "UPDATE speil_tables SET ticket = ?2, gap = ?3 WHERE folded IN (SELECT value FROM json_each(?1))",
        )?
        .execute(params![names, ticket.0, Gap::None.code()])
    };
    if see(db)? < tables.len() {
        for table in tables {
            ensure_row(db, table)?;
        }
        see(db)?;
    }
    Ok(())
}

/// Rows that were sent are missing. The ticket stays: nothing was done to the table.
pub(super) fn missing_rows(db: &Connection, table: &TableName) -> Result<()> {
    ensure_row(db, table)?;
    // A fill that was begun twice stays one: the wider of the two.
    db.prepare_cached("UPDATE speil_tables SET gap = ?2 WHERE folded = ?1 AND gap = 0")?
        .execute(params![table.folded(), Gap::Failed.code()])?;
    Ok(())
}

/// A fill was announced: it has not begun.
pub(super) fn fill_expected(db: &Connection, table: &TableName, ticket: Ticket, gap: Gap) -> Result<()> {
    ensure_row(db, table)?;
    db.prepare_cached("UPDATE speil_tables SET ticket = ?2, fill_started_at = NULL, gap = ?3 WHERE folded = ?1")?
        .execute(params![table.folded(), ticket.0, gap.code()])?;
    Ok(())
}

/// What a commit of rows leaves behind.
pub(super) struct Committed {
    pub ticket: Ticket,
    pub rows: u64,
    pub changed: bool,
    pub filling: bool,
    pub owned: bool,
    pub received: OpCounts,
}

/// Counts what came, for the table and for the newest cycle, and clears the table's error.
pub(super) fn committed(db: &Connection, table: &TableName, done: &Committed) -> Result<()> {
    ensure_row(db, table)?;
    let OpCounts { inserts, updates, deletes, at } = done.received;
    db.prepare_cached(
        "UPDATE speil_tables SET tablename = ?2, owned = ?3, ticket = ?4, row_count = ?5, gone_at = NULL, \
         last_change_at = CASE WHEN ?6 THEN ?7 ELSE last_change_at END, \
         fill_started_at = CASE WHEN ?8 THEN coalesce(fill_started_at, ?7) END, \
         cycle_inserts = cycle_inserts + ?9, cycle_updates = cycle_updates + ?10, cycle_deletes = cycle_deletes + ?11, \
         error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL WHERE folded = ?1",
    )?
    .execute(params![
        table.folded(),
        table.as_str(),
        done.owned,
        done.ticket.0,
        signed(done.rows),
        done.changed,
        at,
        done.filling,
        signed(inserts),
        signed(updates),
        signed(deletes),
    ])?;
    db.prepare_cached(
        "UPDATE speil_cycles SET inserts = inserts + ?1, updates = updates + ?2, deletes = deletes + ?3 \
         WHERE id = (SELECT max(id) FROM speil_cycles)",
    )?
    .execute([signed(inserts), signed(updates), signed(deletes)])?;
    Ok(())
}

/// Remembers a table's last error.
pub(super) fn failed(db: &Connection, table: &TableName, error: &TableError) -> Result<()> {
    ensure_row(db, table)?;
    db.prepare_cached(
        "UPDATE speil_tables SET error_at = ?2, error_message = ?3, error_row = ?4, error_column = ?5 WHERE folded = ?1",
    )?
    .execute(params![table.folded(), error.at, error.message, error.row.map(signed), error.column])?;
    Ok(())
}
