//! Rows into a table, a stretch at a time: one statement deletes, row by row; one or two write all others, fed from the batch's
//! columns ([`super::feed`]).
//!
//! Inserts go in as inserts, and only if some of their keys were there are all written over; a stretch with updates in it is
//! written over at once. Statements are prepared once per table and kept by the connection.
//!
//! A stretch that is refused is gone through once more, row by row, to name the row and the column; by then the transaction
//! is lost. Tables wider than the feed go row by row always.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, ErrorCode, Statement};

use super::catalog::spelled_columns;
use super::ddl::row_address;
use super::errors::Result;
use super::feed::{Feed, Stretch, UPDATED};
use super::ident::quote;
use super::values::{Stored, cell};
use crate::faults::{self, Step};
use crate::protocol::columns::TypedBatch;
use crate::protocol::messages::RowOp;
use crate::protocol::sql_type::SqlType;
use crate::protocol::table_def::TableDef;
use crate::store::error::RowPlace;
use crate::store::{Applied, RowChanges, StoreError, StoreErrorKind};

/// How rows of one table are written.
pub(super) struct RowPlan {
    table: String,
    columns: Arc<[PlannedColumn]>,
    key: Vec<usize>,
    insert: String,
    /// `None`: there is no column beside the key.
    update: Option<String>,
    delete: String,
    whole: Option<Fed>,
}

/// The statements that are fed.
struct Fed {
    feed: Feed,
    insert: String,
    /// `None`: there is no column beside the key, or no key.
    upsert: Option<String>,
}

pub(super) struct PlannedColumn {
    name: String,
    pub sql_type: SqlType,
    /// NULL is refused here and not by SQLite, which for a row address would make a number up.
    pub required: bool,
}

impl RowPlan {
    /// Plans for `table` as the database spells it, over a connection and its feed.
    pub fn new(db: &Connection, feed: &Feed, table: &str, def: &TableDef) -> Result<Self> {
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
        let into = format!("INSERT INTO {} ({})", quote(table), quoted.join(", "));
        let key_columns: Vec<&str> = key.iter().map(|&i| quoted[i].as_str()).collect();
        let conflict = format!("ON CONFLICT ({})", key_columns.join(", "));
        let do_nothing = if key.is_empty() { String::new() } else { format!(" {conflict} DO NOTHING") };
        let insert = format!("{into} VALUES ({}){do_nothing}", places.join(", "));
        let whole = Feed::select(names.len()).map(|select| {
            let others = (0..names.len()).filter(|i| !key.contains(i));
            let set: Vec<String> = others.map(|i| format!("{0} = excluded.{0}", quoted[i])).collect();
            Fed {
                feed: feed.clone(),
                insert: format!("{into} {select}{do_nothing}"),
                upsert: (!set.is_empty() && !key.is_empty())
                    .then(|| format!("{into} {select} {conflict} DO UPDATE SET {} WHERE {UPDATED}()", set.join(", "))),
            }
        });
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
        Ok(Self { table: table.to_owned(), columns, key, insert, update, delete, whole })
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
            faults::pass_blocking(Step::Deleted)?;
        }
        if changes.upserts.is_empty() {
            return Ok(applied);
        }
        let written = match &self.whole {
            Some(statements) => self
                .feed(statements, db, changes)
                .map_err(|error| self.refused_stretch(db, changes, error, &mut scratch))?,
            None => self.one_by_one(db, changes, &mut scratch)?,
        };
        Ok(Applied { deleted: applied.deleted, ..written })
    }

    /// Writes the stretch by one statement, or by two when some of what was inserted is there.
    fn feed(&self, statements: &Fed, db: &Connection, changes: &RowChanges) -> rusqlite::Result<Applied> {
        let stretch = Arc::new(Stretch {
            batch: Arc::clone(&changes.batch),
            rows: changes.upserts.as_slice().into(),
            columns: Arc::clone(&self.columns),
            updated: AtomicU64::new(0),
        });
        let all = changes.upserts.len() as u64;
        let only_inserts = changes.upserts.iter().all(|&row| changes.batch.ops[row as usize] == RowOp::Insert);
        let inserted = match &statements.upsert {
            Some(upsert) if !only_inserts => {
                statements.feed.run(db, upsert, &stretch)?;
                all.saturating_sub(stretch.updated.load(Ordering::Relaxed))
            }
            upsert => {
                let inserted = statements.feed.run(db, &statements.insert, &stretch)?;
                if let Some(upsert) = upsert
                    && inserted < all
                {
                    statements.feed.run(db, upsert, &stretch)?;
                }
                inserted
            }
        };
        Ok(Applied { inserted, updated: all - inserted, deleted: 0 })
    }

    /// Which row of a stretch was refused, and why. What has nothing to do with a row stays what it is.
    fn refused_stretch(
        &self,
        db: &Connection,
        changes: &RowChanges,
        error: rusqlite::Error,
        scratch: &mut String,
    ) -> StoreError {
        let of_a_row = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch | ErrorCode::Unknown)
        );
        // Some errors have taken the transaction back already; writing on would be outside it.
        if !of_a_row || db.is_autocommit() {
            return error.into();
        }
        match self.one_by_one(db, changes, scratch) {
            Err(refused) => refused,
            Ok(_) => error.into(),
        }
    }

    /// Writes the stretch row by row: an insert first as an insert, an update first as an update, each falling back on the other.
    fn one_by_one(&self, db: &Connection, changes: &RowChanges, scratch: &mut String) -> Result<Applied> {
        let batch = &*changes.batch;
        let mut applied = Applied::default();
        let mut insert = db.prepare_cached(&self.insert)?;
        let mut update = self.update.as_deref().map(|sql| db.prepare_cached(sql)).transpose()?;
        for &row in &changes.upserts {
            let row = row as usize;
            let update_first = batch.ops[row] == RowOp::Update;
            if update_first
                && let Some(update) = &mut update
                && self.execute(update, batch, row, scratch)?
            {
                applied.updated += 1;
                continue;
            }
            if self.execute(&mut insert, batch, row, scratch)? {
                applied.inserted += 1;
                continue;
            }
            // Its key is there. After an update that found nothing it cannot be.
            match &mut update {
                Some(update) if !update_first => {
                    self.execute(update, batch, row, scratch)?;
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

#[cfg(test)]
mod tests;
