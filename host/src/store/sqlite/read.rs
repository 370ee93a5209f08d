//! Rows out of a table, in key order, as typed chunks.

use rusqlite::Connection;

use super::catalog::{find_object, spelled_columns};
use super::errors::Result;
use super::ident::quote;
use super::rows::refused_row;
use super::values::load;
use crate::protocol::columns::{Column, TypedBatch};
use crate::protocol::messages::RowOp;
use crate::protocol::table_def::TableDef;
use crate::store::rules::refusals::unknown_table;
use crate::store::{StoreError, StoreErrorKind};

/// Reads all rows in one snapshot and hands over chunk after chunk, until there are no more or `send` answers false.
pub(super) fn read(
    db: &Connection,
    def: &TableDef,
    chunk: usize,
    mut send: impl FnMut(TypedBatch) -> bool,
) -> Result<()> {
    let table = find_object(db, def.name.as_str())?.filter(super::catalog::Object::is_table);
    let Some(table) = table else { return Err(unknown_table(&def.name)) };
    let Some(names) = spelled_columns(db, &table.name, def)? else {
        return Err(StoreError::new(
            StoreErrorKind::SchemaChanged,
            format!("table {} has not the columns it was made with; somebody changed it by hand", def.name),
        ));
    };
    let quoted: Vec<String> = names.iter().map(|name| quote(name)).collect();
    let order: Vec<&str> =
        if def.key.is_empty() { vec!["rowid"] } else { def.key.iter().map(|&i| quoted[i].as_str()).collect() };
    let sql = format!("SELECT {} FROM {} ORDER BY {}", quoted.join(", "), quote(&table.name), order.join(", "));
    let chunk = chunk.max(1);
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let (mut batch, mut number) = (empty(def, 1), 0);
    while let Some(row) = rows.next()? {
        number += 1;
        for (i, (column, values)) in def.columns.iter().zip(&mut batch.columns).enumerate() {
            let refused =
                |why: &str| refused_row(def.name.as_str(), number, Some(&column.name), why, StoreErrorKind::Row);
            let value = load(row.get_ref(i)?, column.sql_type).ok_or_else(|| {
                refused(&format!("it holds no value of type {}; it was written by hand", column.sql_type))
            })?;
            values.push(value).map_err(|error| refused(&error.to_string()))?;
        }
        batch.ops.push(RowOp::Insert);
        if batch.len() == chunk && !send(std::mem::replace(&mut batch, empty(def, number + 1))) {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        send(batch);
    }
    Ok(())
}

fn empty(def: &TableDef, first_row: u64) -> TypedBatch {
    let columns = def.columns.iter().map(|column| Column::with_capacity(column.sql_type, 0)).collect();
    TypedBatch { ops: Vec::new(), columns, first_row }
}
