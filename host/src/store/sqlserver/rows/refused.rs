//! Which row of a stretch the database refuses: its errors about a load do not say.

use tiberius::error::Error;

use super::bulk::bound;
use super::plan::RowPlan;
use crate::protocol::shown::in_one_line;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::Result;
use crate::store::{RowChanges, StoreError, StoreErrorKind};

/// Errors of SQL Server that are about values, so that some row of several is to blame: no NULL, a constraint, a key that is there
/// already, too long, no such conversion, out of range, a row too long, XML; and what Babelfish says of most of them.
fn is_about_values(code: u32) -> bool {
    matches!(
        code,
        220 | 232 | 235 | 241 | 242 | 244 | 245 | 248 | 295 | 296 | 511 | 515 | 547 | 1701 | 2601 | 2627 | 2628
            | 4815 | 4819 | 4863..=4867 | 6522 | 8023 | 8114 | 8115 | 8152 | 9400..=9499 | 33_557_097
    )
}

fn code(error: &StoreError) -> Option<u32> {
    match error.source.as_ref()?.downcast_ref::<Error>()? {
        Error::Server(token) => Some(token.code()),
        _ => None,
    }
}

/// Whether a row is to blame that is not known yet.
pub(in crate::store::sqlserver) fn is_about_rows(error: &StoreError) -> bool {
    error.at.is_none()
        && error.kind != StoreErrorKind::Transient
        && (error.kind == StoreErrorKind::Row || code(error).is_some_and(is_about_values))
}

/// Looks for the first row with which the stretch fails, by writing ever smaller parts of it and taking each back: as many attempts
/// as the number of rows has binary digits. The transaction that failed is lost already; none is open afterwards.
pub(in crate::store::sqlserver) async fn find(
    plan: &mut RowPlan,
    conn: &mut Conn,
    changes: &RowChanges,
    mut error: StoreError,
) -> StoreError {
    // The rows up to `fits` are taken, those up to `fails` are not.
    let (mut fits, mut fails) = (0, changes.upserts.len());
    // What failed on top of other stretches need not fail alone.
    match attempt(plan, conn, changes, fails).await {
        Err(again) if is_about_rows(&again) => {}
        Err(told) if told.at.is_some() => return told,
        _ => return about_a_row(error),
    }
    while fails - fits > 1 {
        let middle = fits + (fails - fits) / 2;
        match attempt(plan, conn, changes, middle).await {
            Ok(()) => fits = middle,
            Err(other) if is_about_rows(&other) => {
                fails = middle;
                error = other;
            }
            Err(_) => return about_a_row(error),
        }
    }
    let Some(&row) = fails.checked_sub(1).and_then(|last| changes.upserts.get(last)) else { return about_a_row(error) };
    let row = row as usize;
    let column = match column_named(plan, &error) {
        Some(place) => Some(place),
        None => column_tried(plan, conn, changes, row).await,
    };
    let mut refused =
        plan.refused(&changes.batch, row, column, &format!("the database refuses it ({})", error.message));
    refused.source = error.source;
    refused
}

fn about_a_row(mut error: StoreError) -> StoreError {
    error.kind = StoreErrorKind::Row;
    error
}

/// Writes the first so many rows in a transaction of their own, and takes it back.
async fn attempt(plan: &mut RowPlan, conn: &mut Conn, changes: &RowChanges, rows: usize) -> Result<()> {
    let part = RowChanges {
        batch: changes.batch.clone(),
        deletes: changes.deletes.clone(),
        upserts: changes.upserts[..rows].to_vec(),
    };
    conn.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION").await?;
    // The stage may have gone with the transaction that made it.
    conn.note_stage(None);
    conn.run("BEGIN TRANSACTION").await?;
    plan.forget();
    let done = plan.write(conn, &part).await;
    plan.forget();
    if !conn.is_busy() {
        conn.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION").await?;
    }
    done.map(drop)
}

/// The one column that the server's sentence quotes.
fn column_named(plan: &RowPlan, error: &StoreError) -> Option<usize> {
    let mut named = plan.columns().iter().enumerate().filter(|(_, column)| {
        // As it stands in a message.
        let name = in_one_line(column.name.clone());
        [('\'', '\''), ('"', '"')]
            .iter()
            .any(|(open, close)| error.message.contains(&format!("column {open}{name}{close}")))
    });
    let first = named.next()?;
    named.next().is_none().then_some(first.0)
}

/// The first column whose type does not take its cell, tried one by one where the server has to convert.
async fn column_tried(plan: &RowPlan, conn: &mut Conn, changes: &RowChanges, row: usize) -> Option<usize> {
    let cells = plan.cells(&changes.batch, row).ok()?;
    for (place, ((data, convert), column)) in cells.into_iter().zip(plan.columns()).enumerate() {
        if column.is_direct()
            || matches!(&data, tiberius::ColumnData::String(None) | tiberius::ColumnData::Binary(None))
        {
            continue;
        }
        let sql = column.try_one(&convert("@P1"));
        match conn.exec(&sql, &bound(&[data])).await {
            Err(error) if is_about_rows(&error) => return Some(place),
            Err(_) => return None,
            Ok(_) => {}
        }
    }
    None
}
