//! What is really in the database, whoever made it.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use super::ddl::parse_declared;
use super::errors::Result;
use super::ident::same;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::fold;
use crate::store::ActualTable;
use crate::store::records::ActualColumn;

/// Something that has a name in the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    /// `table`, `view` or `index`.
    pub kind: String,
    /// As spelled when it was made.
    pub name: String,
}

impl Object {
    pub fn is_table(&self) -> bool {
        self.kind == "table"
    }
}

/// Finds whatever has a name, case aside: a table first, since SQLite lets a trigger have a table's name.
pub(super) fn find_object(db: &Connection, name: &str) -> Result<Option<Object>> {
    let object = |row: &rusqlite::Row<'_>| Ok(Object { kind: row.get(0)?, name: row.get(1)? });
    let mut by_name = db.prepare_cached(
        "SELECT type, name FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view', 'index')",
    )?;
    if let Some(found) = by_name.query_row([name], object).optional()? {
        return Ok(Some(found));
    }
    // A letter outside ASCII may be one inside it in lower case: the Kelvin sign is a k.
    if !name.is_ascii()
        && let Some(found) = by_name.query_row([fold(name)], object).optional()?
    {
        return Ok(Some(found));
    }
    // Other alphabets have case too, which SQLite does not know.
    let mut others = db.prepare_cached(
        "SELECT type, name FROM sqlite_schema WHERE name GLOB '*[^ -~]*' AND type IN ('table', 'view', 'index')",
    )?;
    let mut rows = others.query([])?;
    while let Some(row) = rows.next()? {
        let found = object(row)?;
        if same(&found.name, name) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// All tables as spelled when they were made, by their folded names.
pub(super) fn tables(db: &Connection) -> Result<HashMap<String, String>> {
    let mut names = db.prepare_cached("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let names = names.query_map([], |row| row.get::<_, String>(0))?;
    Ok(names.map(|name| name.map(|name| (fold(&name), name))).collect::<rusqlite::Result<_>>()?)
}

/// A column as `PRAGMA table_info` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawColumn {
    pub name: String,
    pub declared: String,
    pub not_null: bool,
    pub has_default: bool,
    /// Place in the primary key, from 1; 0 outside it.
    pub key_place: i64,
}

/// A table's columns; empty when there is no such table.
pub(super) fn columns(db: &Connection, table: &str) -> Result<Vec<RawColumn>> {
    let mut info = db.prepare_cached(
        "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk FROM pragma_table_info(?1) ORDER BY cid",
    )?;
    let columns = info.query_map([table], |row| {
        Ok(RawColumn {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            has_default: row.get(3)?,
            key_place: row.get(4)?,
        })
    })?;
    Ok(columns.collect::<rusqlite::Result<_>>()?)
}

/// A table in the trait's terms. A row address is declared INTEGER whatever the source's type: `known`, the stored
/// definition, says which of the integer types it is; without one it reads as `int`.
pub(super) fn describe(db: &Connection, table: &str, known: Option<&TableDef>) -> Result<ActualTable> {
    let columns = columns(db, table)?;
    let mut key: Vec<(i64, String)> =
        columns.iter().filter(|c| c.key_place > 0).map(|c| (c.key_place, c.name.clone())).collect();
    key.sort();
    let columns = columns
        .into_iter()
        .map(|column| {
            let own = known.and_then(|def| Some(&def.columns[def.column_index(&column.name)?]));
            let address = column.key_place == 1 && key.len() == 1 && column.declared.eq_ignore_ascii_case("INTEGER");
            let sql_type = match own {
                Some(own) if address && own.sql_type.family() == crate::protocol::sql_type::Family::Integer => {
                    Some(own.sql_type)
                }
                _ => parse_declared(&column.declared),
            };
            ActualColumn { sql_type, nullable: !column.not_null && !address, name: column.name }
        })
        .collect();
    Ok(ActualTable { columns, key: key.into_iter().map(|(_, name)| name).collect() })
}

/// The columns of `def` as the database spells them, in the order of `def`. `None`: one of them is not there.
pub(super) fn spelled_columns(db: &Connection, table: &str, def: &TableDef) -> Result<Option<Vec<String>>> {
    if def.columns.iter().all(|column| column.name.is_ascii()) {
        return Ok(Some(def.columns.iter().map(|column| column.name.clone()).collect()));
    }
    let there = columns(db, table)?;
    let spelled = def
        .columns
        .iter()
        .map(|column| there.iter().find(|found| same(&found.name, &column.name)).map(|found| found.name.clone()))
        .collect();
    Ok(spelled)
}

/// How many rows a table has.
pub(super) fn count(db: &Connection, table: &str) -> Result<u64> {
    let count: i64 =
        db.query_row(&format!("SELECT count(*) FROM {}", super::ident::quote(table)), [], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}
