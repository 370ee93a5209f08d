//! Rows of one table in both forms, cut into the same transactions: as the vendor's calls, and as values that a plain loop binds.

use std::path::Path;
use std::time::Instant;

use rusqlite::types::Value;

use super::table::Calls;
use crate::cli::CliError;
use crate::protocol::datetime::write_iso;
use crate::protocol::messages::{RowOp, TableSchemaInfo};
use crate::protocol::sql_type::SqlType;
use crate::task::batching::Batcher;
use crate::task::cell::Cell;
use crate::task::client::Client;
use crate::task::source::{Source, SourceTable};
use crate::task::spelling::Batch;

/// Bytes of rows in a call, as the vendor sends them.
pub(super) const CALL_BYTES: usize = 1_000_000;

/// A row as a plain program would have it.
pub(super) struct PlainRow {
    pub op: RowOp,
    pub values: Vec<Value>,
}

pub(super) struct Work {
    pub info: TableSchemaInfo,
    pub rows: u64,
    pub batches: Vec<Batch>,
    /// As many rows in each as in the batch.
    pub plain: Vec<Vec<PlainRow>>,
    /// How many rows the table has when all is done.
    after: u64,
}

impl Work {
    /// All rows of the source's only table, as inserts.
    pub fn fill(source: &Source) -> Self {
        let table = &source.tables()[0];
        let last = table.last_key();
        Self::part(source, 1..=last, table.len())
    }

    /// Rows of these keys, as inserts.
    pub fn part(source: &Source, keys: std::ops::RangeInclusive<i64>, after: u64) -> Self {
        let rows = keys.map(|key| (key, RowOp::Insert)).collect();
        Self::of(source, rows, after)
    }

    pub fn of(source: &Source, rows: Vec<(i64, RowOp)>, after: u64) -> Self {
        let table = &source.tables()[0];
        let count = rows.len() as u64;
        let mut keys = rows.clone().into_iter();
        let batches: Vec<Batch> = Batcher::new(table, rows.into_iter(), CALL_BYTES, source.version()).collect();
        let plain = batches
            .iter()
            .map(|batch| {
                (0..batch.rows.len()).filter_map(|_| keys.next()).map(|(key, op)| plain(table, key, op)).collect()
            })
            .collect();
        Self { info: table.info(), rows: count, batches, plain, after }
    }

    /// The same with so many rows, after batches of its own were put in.
    pub fn holding(mut self, rows: u64) -> Self {
        self.rows = rows;
        self.after = rows;
        self
    }

    pub fn table(&self) -> &str {
        &self.info.table_name
    }

    /// The calls, written and signed.
    pub fn calls(&self, client: &Client) -> Result<Calls, CliError> {
        Calls::of_batches(client, &self.batches, self.rows)
    }

    /// Rows that were not written were not fast.
    pub fn all_there(&self, mirror: &Path) -> Result<(), CliError> {
        let db = rusqlite::Connection::open_with_flags(mirror, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(CliError::failed)?;
        let count: i64 = db
            .query_row(&format!("SELECT count(*) FROM \"{}\"", self.table()), [], |row| row.get(0))
            .map_err(CliError::failed)?;
        if count.unsigned_abs() == self.after {
            return Ok(());
        }
        Err(CliError::Failed(format!("the mirror has {count} rows in the place of {}", self.after)))
    }
}

fn plain(table: &SourceTable, key: i64, op: RowOp) -> PlainRow {
    let cells = if op == RowOp::Delete { vec![table.key_cell(key)] } else { table.row(key).unwrap_or_default() };
    let values = cells.into_iter().zip(table.columns()).map(|(cell, column)| value(cell, column.sql_type())).collect();
    PlainRow { op, values }
}

fn value(cell: Cell, sql_type: SqlType) -> Value {
    match cell {
        Cell::Integer(value) => Value::Integer(value),
        Cell::Real(value) => Value::Real(value),
        Cell::Text(value) => Value::Text(value),
        Cell::Binary(value) => Value::Blob(value),
        Cell::Timestamp(ticks) | Cell::Time(ticks) => {
            let mut text = String::new();
            write_iso(&mut text, ticks, sql_type);
            Value::Text(text)
        }
        // The bench's tables have no others.
        Cell::Null | Cell::Decimal { .. } | Cell::TimestampOffset(..) | Cell::Guid(_) => Value::Null,
    }
}

/// Seconds that something takes.
pub(super) fn seconds<T>(work: impl FnOnce() -> Result<T, CliError>) -> Result<(f64, T), CliError> {
    let began = Instant::now();
    let done = work()?;
    Ok((began.elapsed().as_secs_f64(), done))
}
