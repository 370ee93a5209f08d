//! `speil_quarantine`: rows kept aside. Bodies of transactions; [`crate::store::quarantine`] says what they mean.

use rusqlite::{Connection, Row, params};

use super::errors::Result;
use crate::protocol::table_name::TableName;
use crate::store::quarantine::{StoredRow, cells_to_text};
use crate::store::rules::counts::signed;
use crate::store::{QuarantineCount, Quarantined, SetAside};

/// Ids of a table's rows.
pub(super) fn held(db: &Connection, table: &TableName) -> Result<Vec<String>> {
    let mut statement = db.prepare_cached("SELECT id FROM speil_quarantine WHERE folded = ?1")?;
    let ids = statement.query_map([table.folded()], |row| row.get(0))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// Gives rows back, and keeps others aside.
pub(super) fn set_aside(db: &Connection, changes: &SetAside) -> Result<()> {
    let mut clear = db.prepare_cached("DELETE FROM speil_quarantine WHERE id = ?1")?;
    for id in &changes.clear {
        clear.execute([id])?;
    }
    let mut keep = db.prepare_cached(
        "INSERT OR REPLACE INTO speil_quarantine (id, folded, tablename, row_key, at, plugin, version, error, op, cells) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for row in &changes.keep {
        keep.execute(params![
            row.id,
            row.table.folded(),
            row.table.as_str(),
            row.key,
            row.at,
            row.plugin,
            row.version,
            row.error,
            row.op.letter().to_string(),
            cells_to_text(&row.cells)
        ])?;
    }
    Ok(())
}

/// The table is emptied, made anew or gone: its rows come again from the source, or not at all.
pub(super) fn clear(db: &Connection, table: &TableName) -> Result<()> {
    db.prepare_cached("DELETE FROM speil_quarantine WHERE folded = ?1")?.execute([table.folded()])?;
    Ok(())
}

/// [`crate::store::MirrorDb::quarantine_counts`].
pub(super) fn counts(db: &Connection) -> Result<Vec<QuarantineCount>> {
    let mut statement =
        db.prepare_cached("SELECT max(tablename), count(*) FROM speil_quarantine GROUP BY folded ORDER BY folded")?;
    let mut rows = statement.query([])?;
    let mut counts = Vec::new();
    while let Some(row) = rows.next()? {
        // A name written by hand that is none is no table's.
        if let Ok(table) = TableName::new(text(row, 0)?) {
            counts.push(QuarantineCount { table, rows: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0) });
        }
    }
    Ok(counts)
}

/// [`crate::store::MirrorDb::quarantined`].
pub(super) fn list(db: &Connection, table: Option<&TableName>, limit: usize) -> Result<Vec<Quarantined>> {
    let mut statement = db.prepare_cached(
        "SELECT id, tablename, row_key, at, plugin, version, error, op, cells FROM speil_quarantine \
         WHERE ?1 IS NULL OR folded = ?1 ORDER BY at DESC, id LIMIT ?2",
    )?;
    let mut rows = statement.query(params![table.map(TableName::folded), signed(limit as u64)])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let stored = StoredRow {
            id: text(row, 0)?,
            table: text(row, 1)?,
            key: text(row, 2)?,
            at: row.get(3)?,
            plugin: text(row, 4)?,
            version: text(row, 5)?,
            error: text(row, 6)?,
            op: text(row, 7)?,
            cells: text(row, 8)?,
        };
        list.extend(stored.read());
    }
    Ok(list)
}

fn text(row: &Row<'_>, column: usize) -> Result<String> {
    Ok(row.get::<_, Option<String>>(column)?.unwrap_or_default())
}
