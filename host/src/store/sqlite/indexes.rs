//! Indexes for plug-ins, portable over both stores.
//!
//! SQL Server's index names belong to their table, SQLite's to the whole database. So an index made here is called
//! `<table>.<index>` in the file and `<index>` to those who ask; one that an administrator made under a plain name is known by
//! that name.

use rusqlite::Connection;

use super::catalog::columns;
use super::errors::Result;
use super::ident::{quote, same};
use crate::store::records::IndexColumn;
use crate::store::{IndexDef, StoreError, StoreErrorKind};

/// An index as it is in the file.
struct Found {
    physical: String,
    def: IndexDef,
    /// Over part of the rows, or over an expression: not one that a plug-in can have asked for.
    special: bool,
}

/// The name in the file. A dot in the table's own name is marked, so that the first plain one ends it.
fn physical_name(table: &str, index: &str) -> String {
    format!("{}.{index}", table.replace('\\', "\\\\").replace('.', "\\."))
}

fn logical_name(table: &str, physical: &str) -> String {
    let prefix = physical_name(table, "");
    match physical.split_at_checked(prefix.len()) {
        Some((start, rest)) if !rest.is_empty() && same(start, &prefix) => rest.to_owned(),
        _ => physical.to_owned(),
    }
}

fn find(db: &Connection, table: &str) -> Result<Vec<Found>> {
    let mut list = db.prepare_cached(
        "SELECT name, \"unique\", partial FROM pragma_index_list(?1) WHERE origin = 'c' ORDER BY name",
    )?;
    let mut keys =
        db.prepare_cached("SELECT name, \"desc\" FROM pragma_index_xinfo(?1) WHERE key = 1 ORDER BY seqno")?;
    let mut found = Vec::new();
    let mut rows = list.query([table])?;
    while let Some(row) = rows.next()? {
        let (physical, unique, mut special): (String, bool, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let mut columns = Vec::new();
        let mut key = keys.query([&physical])?;
        while let Some(row) = key.next()? {
            match row.get::<_, Option<String>>(0)? {
                Some(name) => columns.push(IndexColumn { name, descending: row.get(1)? }),
                None => special = true,
            }
        }
        let def = IndexDef { name: logical_name(table, &physical), columns, unique };
        found.push(Found { physical, def, special });
    }
    Ok(found)
}

/// All indexes of a table but its key's.
pub(super) fn list(db: &Connection, table: &str) -> Result<Vec<IndexDef>> {
    Ok(find(db, table)?.into_iter().map(|found| found.def).collect())
}

/// Makes an index, or makes it anew when it differs. Whether anything changed.
pub(super) fn ensure(db: &Connection, table: &str, wanted: &IndexDef) -> Result<bool> {
    let refuse = |message: String| Err(StoreError::new(StoreErrorKind::Schema, message));
    if wanted.name.is_empty() || wanted.name.contains('\0') || wanted.name.chars().count() > 128 {
        return refuse(format!(
            "index {:?} of table {table}: the name must have 1 to 128 characters and no NUL",
            wanted.name
        ));
    }
    if wanted.columns.is_empty() {
        return refuse(format!("index {} of table {table}: it has no columns", wanted.name));
    }
    let there = columns(db, table)?;
    let mut parts: Vec<String> = Vec::with_capacity(wanted.columns.len());
    for (i, column) in wanted.columns.iter().enumerate() {
        let Some(own) = there.iter().find(|own| same(&own.name, &column.name)) else {
            return refuse(format!("index {} of table {table}: there is no column {}", wanted.name, column.name));
        };
        if wanted.columns[..i].iter().any(|earlier| same(&earlier.name, &column.name)) {
            return refuse(format!("index {} of table {table}: column {} is named twice", wanted.name, column.name));
        }
        parts.push(format!("{}{}", quote(&own.name), if column.descending { " DESC" } else { "" }));
    }
    if let Some(found) = find(db, table)?.into_iter().find(|found| same(&found.def.name, &wanted.name)) {
        if !found.special && agree(&found.def, wanted) {
            return Ok(false);
        }
        db.execute_batch(&format!("DROP INDEX {}", quote(&found.physical)))?;
    }
    let unique = if wanted.unique { "UNIQUE " } else { "" };
    let name = physical_name(table, &wanted.name);
    db.execute_batch(&format!("CREATE {unique}INDEX {} ON {} ({})", quote(&name), quote(table), parts.join(", ")))?;
    Ok(true)
}

fn agree(a: &IndexDef, b: &IndexDef) -> bool {
    a.unique == b.unique
        && a.columns.len() == b.columns.len()
        && a.columns.iter().zip(&b.columns).all(|(a, b)| a.descending == b.descending && same(&a.name, &b.name))
}

/// Drops an index. Whether it was there.
pub(super) fn drop(db: &Connection, table: &str, name: &str) -> Result<bool> {
    match find(db, table)?.into_iter().find(|found| same(&found.def.name, name)) {
        Some(found) => {
            db.execute_batch(&format!("DROP INDEX {}", quote(&found.physical)))?;
            Ok(true)
        }
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tables_may_each_have_an_index_of_one_name() {
        assert_eq!(physical_name("contact", "ix"), "contact.ix");
        assert_ne!(physical_name("a", "b.c"), physical_name("a.b", "c"));
        for (table, index) in [("a", "b.c"), ("a.b", "c"), ("a\\", ".b"), ("ærlig", "ix")] {
            assert_eq!(logical_name(table, &physical_name(table, index)), index);
        }
        assert_eq!(logical_name("contact", "made_by_hand"), "made_by_hand");
    }
}
