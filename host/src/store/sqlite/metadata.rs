//! The metadata table `<context>_mirroring`, row by row. Administrators edit it by hand, so it is read afresh every time, names
//! have no case, and whatever stands there is read as something sensible.
//!
//! Several rows for one table (only a hand can make them) read as one: the row with a hash of ours counts, and the
//! smallest LSN of all, so that a row somebody added with -1 does what was meant. The next write leaves one row.
//!
//! Names count as they stand. Only the vendor's package may have padded its own with spaces (`char(n)`): a row without a hash
//! of ours is read without them if no other row names that table. A row of ours never is, for what it names may be dropped.

use std::collections::{HashMap, HashSet};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use super::errors::Result;
use super::ident::{quote, same};
use crate::protocol::lsn::Lsn;
use crate::protocol::table_name::TableName;
use crate::store::rules::definitions::{StoredRow, kind_of};
use crate::store::rules::marks::Fill;
use crate::store::{SchemaHash, TableKind, Ticket};

/// A row of the metadata table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub rowid: i64,
    /// Further rows for the same table.
    pub duplicates: Vec<i64>,
    pub tablename: String,
    pub lsn: Lsn,
    pub hash: Option<SchemaHash>,
    pub skipped: bool,
    pub fill: Fill,
    pub ticket: Option<Ticket>,
    /// JSON.
    pub definition: Option<String>,
}

impl Row {
    pub fn kind(&self) -> TableKind {
        kind_of(self.hash, self.skipped)
    }

    /// As the rules of every engine look at it.
    pub fn stored(&self) -> StoredRow<'_> {
        StoredRow {
            hash: self.hash,
            skipped: self.skipped,
            lsn: self.lsn,
            fill: self.fill,
            definition: self.definition.as_deref(),
        }
    }

    fn merged_with(self, other: Self) -> Self {
        let lsn = self.lsn.min(other.lsn);
        let (mut kept, gone) = if self.hash.is_none() && other.hash.is_some() { (other, self) } else { (self, other) };
        kept.lsn = lsn;
        kept.ticket = kept.ticket.max(gone.ticket);
        kept.duplicates.push(gone.rowid);
        kept.duplicates.extend(gone.duplicates);
        kept
    }
}

const COLUMNS: &str = "rowid, tablename, LSN, speil_hash, speil_kind, speil_fill, speil_ticket, speil_definition";
/// The same without the definition, which is by far the longest.
const MARKS: &str = "rowid, tablename, LSN, speil_hash, speil_kind, speil_fill, speil_ticket, NULL";

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let integer = |i| -> rusqlite::Result<Option<i64>> {
        Ok(match row.get_ref(i)? {
            ValueRef::Integer(value) => Some(value),
            ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok()),
            _ => None,
        })
    };
    let text = |i| -> rusqlite::Result<Option<String>> {
        Ok(match row.get_ref(i)? {
            ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().map(str::to_owned),
            _ => None,
        })
    };
    Ok(Row {
        rowid: row.get(0)?,
        duplicates: Vec::new(),
        tablename: text(1)?.unwrap_or_default(),
        lsn: integer(2)?.map_or(Lsn::REFILL, Lsn),
        hash: text(3)?.and_then(|text| SchemaHash::from_hex(&text)),
        skipped: text(4)?.as_deref() == Some("skipped"),
        fill: Fill::from_code(integer(5)?),
        ticket: integer(6)?.map(Ticket),
        definition: text(7)?,
    })
}

/// One more row for a table.
fn add(found: &mut Option<Row>, next: Row) {
    *found = Some(match found.take() {
        None => next,
        Some(first) => first.merged_with(next),
    });
}

/// The row of one table.
pub(super) fn find(db: &Connection, metadata: &str, table: &TableName) -> Result<Option<Row>> {
    // Two steps: the long definition is read of the rows found only.
    let mut names = db.prepare_cached(&format!("SELECT rowid, tablename FROM {}", quote(metadata)))?;
    let mut one = db.prepare_cached(&format!("SELECT {COLUMNS} FROM {} WHERE rowid = ?1", quote(metadata)))?;
    // In whatever order SQLite finds them: with an order of ours it would not read them from the index on names.
    let mut places = Vec::new();
    let mut rows = names.query([])?;
    while let Some(row) = rows.next()? {
        let ValueRef::Text(bytes) = row.get_ref(1)? else { continue };
        let Ok(name) = std::str::from_utf8(bytes) else { continue };
        if same(name.trim_end(), table.as_str()) {
            places.push((row.get::<_, i64>(0)?, name.trim_end() != name));
        }
    }
    places.sort_unstable();
    let (mut found, mut padded) = (None, None);
    for (rowid, is_padded) in places {
        let next = one.query_row([rowid], read)?;
        match is_padded {
            false => add(&mut found, next),
            true if next.hash.is_none() => add(&mut padded, next),
            true => {}
        }
    }
    Ok(found.or(padded))
}

/// Every row whose table name can be one, in the order they were written, those of padded names last.
pub(super) fn all(db: &Connection, metadata: &str) -> Result<Vec<(TableName, Row)>> {
    all_with(db, metadata, COLUMNS)
}

/// The same without their definitions.
pub(super) fn marks(db: &Connection, metadata: &str) -> Result<Vec<(TableName, Row)>> {
    all_with(db, metadata, MARKS)
}

fn all_with(db: &Connection, metadata: &str, columns: &str) -> Result<Vec<(TableName, Row)>> {
    let mut statement = db.prepare_cached(&format!("SELECT {columns} FROM {} ORDER BY rowid", quote(metadata)))?;
    let mut found: Vec<(TableName, Row)> = Vec::new();
    let mut places = HashMap::new();
    let mut rows = statement.query([])?;
    let (mut exact, mut padded) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let row = read(row)?;
        let name = row.tablename.trim_end();
        let is_padded = name != row.tablename;
        let Ok(table) = TableName::new(name) else { continue };
        match is_padded {
            false => exact.push((table, row)),
            true if row.hash.is_none() => padded.push((table, row)),
            true => {}
        }
    }
    let named: HashSet<String> = exact.iter().map(|(table, _)| table.folded().to_owned()).collect();
    padded.retain(|(table, _)| !named.contains(table.folded()));
    for (table, row) in exact.into_iter().chain(padded) {
        if let Some(&place) = places.get(table.folded()) {
            let entry: &mut (TableName, Row) = &mut found[place];
            entry.1 = entry.1.clone().merged_with(row);
        } else {
            places.insert(table.folded().to_owned(), found.len());
            found.push((table, row));
        }
    }
    Ok(found)
}

/// What a write leaves in a row.
pub(super) struct Written<'a> {
    pub hash: SchemaHash,
    pub skipped: bool,
    pub lsn: Lsn,
    pub fill: Fill,
    pub ticket: Ticket,
    pub definition: Option<&'a str>,
}

/// Writes a table's row, new or over the one that is there.
pub(super) fn write(
    db: &Connection,
    metadata: &str,
    table: &TableName,
    row: Option<&Row>,
    written: &Written<'_>,
) -> Result<()> {
    let rowid = match row {
        Some(row) => row.rowid,
        None => insert(db, metadata, table, written.hash)?,
    };
    db.prepare_cached(&format!(
        "UPDATE {} SET LSN = ?2, speil_hash = ?3, speil_kind = ?4, speil_fill = ?5, speil_ticket = ?6, speil_definition = ?7 \
         WHERE rowid = ?1",
        quote(metadata)
    ))?
    .execute(params![
        rowid,
        written.lsn.0,
        written.hash.to_hex(),
        if written.skipped { "skipped" } else { "mirrored" },
        written.fill.code(),
        written.ticket.0,
        written.definition,
    ])?;
    // From now on the row is ours, and its name must stand there without padding.
    if row.is_some_and(|row| row.tablename.trim_end() != row.tablename) {
        db.prepare_cached(&format!("UPDATE {} SET tablename = ?2 WHERE rowid = ?1", quote(metadata)))?
            .execute(params![rowid, table.as_str()])?;
    }
    remove_duplicates(db, metadata, row)
}

/// A new row. The vendor's table may have columns of its own that want a value: they get the hash's text.
fn insert(db: &Connection, metadata: &str, table: &TableName, hash: SchemaHash) -> Result<i64> {
    let wanting: Vec<String> = super::catalog::columns(db, metadata)?
        .into_iter()
        .filter(|column| {
            column.not_null
                && !column.has_default
                && column.key_place == 0
                && !column.name.eq_ignore_ascii_case("tablename")
        })
        .map(|column| quote(&column.name))
        .collect();
    let columns = wanting.iter().fold(String::new(), |columns, name| columns + ", " + name);
    let values = ", ?2".repeat(wanting.len());
    db.execute(
        &format!("INSERT INTO {} (tablename{columns}) SELECT ?1{values} WHERE ?2 IS NOT NULL", quote(metadata)),
        params![table.as_str(), hash.to_hex()],
    )?;
    Ok(db.last_insert_rowid())
}

/// Moves LSN, fill and ticket of a row that is there.
pub(super) fn update(db: &Connection, metadata: &str, row: &Row, lsn: Lsn, fill: Fill, ticket: Ticket) -> Result<()> {
    db.prepare_cached(&format!(
        "UPDATE {} SET LSN = ?2, speil_fill = ?3, speil_ticket = ?4 WHERE rowid = ?1",
        quote(metadata)
    ))?
    .execute(params![row.rowid, lsn.0, fill.code(), ticket.0])?;
    remove_duplicates(db, metadata, Some(row))
}

/// Removes a table's row, and any further ones.
pub(super) fn delete(db: &Connection, metadata: &str, row: &Row) -> Result<()> {
    db.prepare_cached(&format!("DELETE FROM {} WHERE rowid = ?1", quote(metadata)))?.execute([row.rowid])?;
    remove_duplicates(db, metadata, Some(row))
}

fn remove_duplicates(db: &Connection, metadata: &str, row: Option<&Row>) -> Result<()> {
    for rowid in row.into_iter().flat_map(|row| &row.duplicates) {
        db.prepare_cached(&format!("DELETE FROM {} WHERE rowid = ?1", quote(metadata)))?.execute([rowid])?;
    }
    Ok(())
}
