//! Rows into a table: three prepared statements, values bound straight from the batch's columns.
//!
//! An insert is tried first as an insert, an update first as an update, and each falls back on the other, so that the usual
//! row costs one statement and the counts are exact. One statement per row kind and table is prepared once and kept by the
//! connection.

use rusqlite::{Connection, ErrorCode, Statement};

use super::catalog::spelled_columns;
use super::ddl::row_address;
use super::errors::Result;
use super::ident::quote;
use super::values::{Stored, cell};
use crate::protocol::columns::TypedBatch;
use crate::protocol::messages::RowOp;
use crate::protocol::sql_type::SqlType;
use crate::protocol::table_def::TableDef;
use crate::store::error::RowPlace;
use crate::store::{Applied, RowChanges, StoreError, StoreErrorKind};

/// How rows of one table are written.
pub(super) struct RowPlan {
    table: String,
    columns: Vec<PlannedColumn>,
    key: Vec<usize>,
    insert: String,
    /// `None`: there is no column beside the key.
    update: Option<String>,
    delete: String,
}

struct PlannedColumn {
    name: String,
    sql_type: SqlType,
    /// NULL is refused here and not by SQLite, which for a row address would make a number up.
    required: bool,
}

impl RowPlan {
    /// Plans for `table` as the database spells it.
    pub fn new(db: &Connection, table: &str, def: &TableDef) -> Result<Self> {
        let names = spelled_columns(db, table, def)?.ok_or_else(|| {
            StoreError::new(
                StoreErrorKind::SchemaChanged,
                format!(
                    "table {table} has not the columns it was made with; somebody changed it by hand. Drop it and its row in the \
                     metadata table, it is then made anew"
                ),
            )
        })?;
        let address = row_address(def);
        let place = |i: usize| format!("?{}", i + 1);
        let quoted: Vec<String> = names.iter().map(|name| quote(name)).collect();
        let places: Vec<String> = (0..names.len()).map(place).collect();
        let key = def.key.clone();
        let key_is = |place: &dyn Fn(usize, usize) -> String| {
            let parts: Vec<String> =
                key.iter().enumerate().map(|(nth, &i)| format!("{} = {}", quoted[i], place(nth, i))).collect();
            parts.join(" AND ")
        };
        let mut insert = format!("INSERT INTO {} ({}) VALUES ({})", quote(table), quoted.join(", "), places.join(", "));
        if !key.is_empty() {
            let columns: Vec<&str> = key.iter().map(|&i| quoted[i].as_str()).collect();
            insert = format!("{insert} ON CONFLICT ({}) DO NOTHING", columns.join(", "));
        }
        let set: Vec<String> =
            (0..names.len()).filter(|i| !key.contains(i)).map(|i| format!("{} = {}", quoted[i], place(i))).collect();
        let update = (!set.is_empty() && !key.is_empty())
            .then(|| format!("UPDATE {} SET {} WHERE {}", quote(table), set.join(", "), key_is(&|_, i| place(i))));
        let delete = format!("DELETE FROM {} WHERE {}", quote(table), key_is(&|nth, _| place(nth)));
        let columns = names
            .into_iter()
            .zip(&def.columns)
            .enumerate()
            .map(|(i, (name, column))| PlannedColumn {
                name,
                sql_type: column.sql_type,
                required: !column.nullable || Some(i) == address || def.is_key(i),
            })
            .collect();
        Ok(Self { table: table.to_owned(), columns, key, insert, update, delete })
    }

    /// Applies one stretch.
    pub fn apply(&self, db: &Connection, changes: &RowChanges) -> Result<Applied> {
        let batch = &*changes.batch;
        if batch.columns.len() != self.columns.len() {
            return Err(StoreError::new(
                StoreErrorKind::Internal,
                format!("table {}: a batch of {} columns for {}", self.table, batch.columns.len(), self.columns.len()),
            ));
        }
        let mut applied = Applied::default();
        let mut scratch = String::with_capacity(64);
        if !changes.deletes.is_empty() {
            if self.key.is_empty() {
                let row = changes.deletes[0] as usize;
                return Err(self.refused(
                    batch,
                    row,
                    None,
                    "it is a delete, but the table has no key to find the row by",
                ));
            }
            let mut delete = db.prepare_cached(&self.delete)?;
            for &row in &changes.deletes {
                let row = row as usize;
                for (nth, &column) in self.key.iter().enumerate() {
                    self.bind(&mut delete, nth + 1, batch, row, column, &mut scratch)?;
                }
                let gone = delete.raw_execute().map_err(|error| self.refusal(batch, row, error))?;
                applied.deleted += u64::from(gone > 0);
            }
        }
        if changes.upserts.is_empty() {
            return Ok(applied);
        }
        let mut insert = db.prepare_cached(&self.insert)?;
        let mut update = self.update.as_deref().map(|sql| db.prepare_cached(sql)).transpose()?;
        for &row in &changes.upserts {
            let row = row as usize;
            let update_first = batch.ops[row] == RowOp::Update;
            if update_first
                && let Some(update) = &mut update
                && self.execute(update, batch, row, &mut scratch)?
            {
                applied.updated += 1;
                continue;
            }
            if self.execute(&mut insert, batch, row, &mut scratch)? {
                applied.inserted += 1;
                continue;
            }
            // Its key is there. After an update that found nothing it cannot be.
            match &mut update {
                Some(update) if !update_first => {
                    self.execute(update, batch, row, &mut scratch)?;
                }
                _ => {}
            }
            applied.updated += 1;
        }
        Ok(applied)
    }

    /// Runs a statement that takes every column. Whether it changed a row.
    #[inline]
    fn execute(
        &self,
        statement: &mut Statement<'_>,
        batch: &TypedBatch,
        row: usize,
        scratch: &mut String,
    ) -> Result<bool> {
        for column in 0..self.columns.len() {
            self.bind(statement, column + 1, batch, row, column, scratch)?;
        }
        Ok(statement.raw_execute().map_err(|error| self.refusal(batch, row, error))? > 0)
    }

    #[inline]
    fn bind(
        &self,
        statement: &mut Statement<'_>,
        place: usize,
        batch: &TypedBatch,
        row: usize,
        column: usize,
        scratch: &mut String,
    ) -> Result<()> {
        let planned = &self.columns[column];
        let stored = cell(&batch.columns[column], row, planned.sql_type, scratch)
            .map_err(|error| self.refused(batch, row, Some(column), &error.to_string()))?;
        if planned.required && stored == Stored::Null {
            return Err(self.refused(batch, row, Some(column), "it is NULL, which the column does not allow"));
        }
        statement.raw_bind_parameter(place, stored)?;
        Ok(())
    }

    fn refused(&self, batch: &TypedBatch, row: usize, column: Option<usize>, why: &str) -> StoreError {
        let number = batch.first_row + row as u64;
        refused_row(&self.table, number, column.map(|i| self.columns[i].name.as_str()), why, StoreErrorKind::Row)
    }

    /// An error of SQLite about a row. What has nothing to do with the row stays what it is.
    fn refusal(&self, batch: &TypedBatch, row: usize, error: rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
                self.refused(batch, row, None, &format!("the database refuses it ({error})")).with_source(error)
            }
            _ => error.into(),
        }
    }
}

/// An error about one row.
pub(super) fn refused_row(table: &str, row: u64, column: Option<&str>, why: &str, kind: StoreErrorKind) -> StoreError {
    let place = column.map_or_else(String::new, |column| format!(", column {column}"));
    StoreError::new(kind, format!("table {table}, row {row}{place}: {why}"))
        .at_row(RowPlace { row, column: column.map(str::to_owned) })
}
