//! Rows out of a table, in key order, as typed chunks.

use std::ops::ControlFlow;

use futures_util::TryStreamExt as _;

use super::carrier::Target;
use super::plan::refused_row;
use super::targets::targets;
use super::values::load;
use crate::protocol::columns::{Column, TypedBatch};
use crate::protocol::messages::RowOp;
use crate::protocol::table_def::TableDef;
use crate::store::StoreErrorKind;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::{Result, sql_error};
use crate::store::sqlserver::schema::ident::{qualified, quote};

/// The statement that reads a table's columns in the order of the definition. Without a key rows come as the database likes.
fn select(schema: &str, table: &str, columns: &[Target], key: &[usize]) -> String {
    let list: Vec<String> = columns.iter().map(|column| column.read(&quote(&column.name))).collect();
    let order: Vec<String> = key.iter().map(|&i| columns[i].order(&quote(&columns[i].name))).collect();
    let order = if order.is_empty() { String::new() } else { format!(" ORDER BY {}", order.join(", ")) };
    format!("SELECT {} FROM {}{order}", list.join(", "), qualified(schema, table))
}

/// Reads all rows with one statement and hands over chunk after chunk, until there are no more or the sink breaks. Then the
/// connection is left busy: the server is still sending.
pub(in crate::store::sqlserver) async fn read(
    conn: &mut Conn,
    schema: &str,
    table: &str,
    def: &TableDef,
    chunk: usize,
    sink: &mut (dyn FnMut(TypedBatch) -> ControlFlow<()> + Send),
) -> Result<()> {
    let columns = targets(conn, schema, table, def).await?.targets;
    let sql = select(schema, table, &columns, &def.key);
    let chunk = chunk.max(1);
    let (mut batch, mut number) = (empty(def, 1), 0);
    let mut rows = conn.begin_raw().simple_query(sql).await.map_err(sql_error)?.into_row_stream();
    while let Some(row) = rows.try_next().await.map_err(sql_error)? {
        number += 1;
        for ((column, values), (_, data)) in def.columns.iter().zip(&mut batch.columns).zip(row.cells()) {
            let refused = |why: &str| refused_row(table, number, Some(&column.name), why, StoreErrorKind::Row);
            let value = load(data, column.sql_type)
                .ok_or_else(|| refused(&format!("it holds no value of type {}", column.sql_type)))?;
            values.push(value).map_err(|error| refused(&error.to_string()))?;
        }
        batch.ops.push(RowOp::Insert);
        if batch.len() == chunk && sink(std::mem::replace(&mut batch, empty(def, number + 1))).is_break() {
            return Ok(());
        }
    }
    drop(rows);
    conn.done();
    if !batch.is_empty() {
        // It was the last one anyway.
        let _ = sink(batch);
    }
    Ok(())
}

fn empty(def: &TableDef, first_row: u64) -> TypedBatch {
    let columns = def.columns.iter().map(|column| Column::with_capacity(column.sql_type, 0)).collect();
    TypedBatch { ops: Vec::new(), columns, first_row }
}

/// Every statement of this file, for the golden files ([`crate::store::sqlserver::golden`]).
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let types = [
        "uniqueidentifier",
        "nvarchar(20)",
        "datetimeoffset(3)",
        "money",
        "xml",
        "varchar(5)",
        "ntext",
        "image",
        "int",
    ];
    let columns: Vec<Target> = types
        .iter()
        .map(|name| Target {
            name: (*name).to_owned(),
            kept: name.parse().expect("a type"),
            required: false,
            collation: name.contains("var").then(|| "Latin1_General_CI_AS".to_owned()),
        })
        .collect();
    vec![
        ("read", select("dbo", "contact", &columns, &[0, 1, 2])),
        ("read_keyless", select("dbo", "contact", &columns, &[])),
        ("try_one", columns[2].try_one("@P1")),
    ]
}
