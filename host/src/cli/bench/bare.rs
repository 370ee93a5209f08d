//! The limit: the driver's own bulk load of the same rows into an empty table of the same shape in the same database, a load and so
//! a transaction for each call of ours, with nothing of ours around it.

use std::time::Instant;

use tiberius::time::DateTime;
use tiberius::{ColumnData, TokenRow};

use super::table::per_second;
use crate::cli::CliError;
use crate::protocol::columns::Value;
use crate::protocol::datetime::{SQL_EPOCH_TICKS, TICKS_PER_DAY};
use crate::protocol::sql_type::SqlType;
use crate::task::cell::Cell;
use crate::task::hand::{SqlServerHand, quoted};
use crate::task::source::SourceTable;

const NAME: &str = "bare_load";

/// Loads the table's rows, so many in each load. Rows per second.
pub(super) async fn load(hand: &SqlServerHand, table: &SourceTable, loads: &[usize]) -> Result<f64, CliError> {
    let types: Vec<SqlType> = table.columns().iter().map(crate::task::source::table::SourceColumn::sql_type).collect();
    let rows = table.keys().filter_map(|key| table.row(key));
    let rows: Vec<Vec<Cell>> = rows.collect();
    let mut connected = hand.connect().await.map_err(CliError::failed)?;
    connected.run(&create(table)).await.map_err(CliError::failed)?;
    // The driver quotes them.
    let columns: Vec<&str> = table.columns().iter().map(crate::task::source::table::SourceColumn::name).collect();
    let driver = connected.driver();
    let began = Instant::now();
    let mut left = rows.as_slice();
    for &count in loads {
        let (now, rest) = left.split_at(count.min(left.len()));
        left = rest;
        let mut load = driver.bulk_insert_columns(NAME, &columns).await.map_err(CliError::failed)?;
        for row in now {
            let mut sent = TokenRow::with_capacity(row.len());
            for (cell, sql_type) in row.iter().zip(&types) {
                sent.push(data(cell.as_value(), *sql_type)?);
            }
            load.send(sent).await.map_err(CliError::failed)?;
        }
        load.finalize().await.map_err(CliError::failed)?;
    }
    let rate = per_second(rows.len() as u64, began.elapsed().as_secs_f64());
    // Not every server says how many it took.
    let loaded = connected.rows(&format!("SELECT count(*) FROM {NAME}")).await.map_err(CliError::failed)?;
    let loaded = loaded.into_iter().flatten().flatten().next().unwrap_or_default();
    if loaded != rows.len().to_string() {
        return Err(CliError::Failed(format!("{loaded} rows were loaded in the place of {}", rows.len())));
    }
    connected.run(&format!("DROP TABLE {NAME}")).await.map_err(CliError::failed)?;
    Ok(rate)
}

fn create(table: &SourceTable) -> String {
    let columns = table.columns().iter().enumerate().map(|(at, column)| {
        let null = match (at, column.nullable()) {
            (0, _) => "NOT NULL PRIMARY KEY",
            (_, true) => "NULL",
            (_, false) => "NOT NULL",
        };
        format!("{} {} {null}", quoted(column.name()), column.sql_type())
    });
    format!("CREATE TABLE {NAME} ({})", columns.collect::<Vec<_>>().join(", "))
}

/// A value as the driver wants it for a column of the type: widths must be exact.
fn data(value: Value<'_>, sql_type: SqlType) -> Result<ColumnData<'_>, CliError> {
    let too_wide = |_| CliError::failed("a value is too wide for its column");
    Ok(match (sql_type, value) {
        (SqlType::Int, Value::Integer(value)) => ColumnData::I32(Some(i32::try_from(value).map_err(too_wide)?)),
        (SqlType::Int, _) => ColumnData::I32(None),
        (SqlType::SmallInt, Value::Integer(value)) => ColumnData::I16(Some(i16::try_from(value).map_err(too_wide)?)),
        (SqlType::SmallInt, _) => ColumnData::I16(None),
        (SqlType::Float, Value::Real(value)) => ColumnData::F64(Some(value)),
        (SqlType::Float, _) => ColumnData::F64(None),
        (SqlType::NVarChar(_), Value::Text(text)) => ColumnData::String(Some(text.into())),
        (SqlType::NVarChar(_), _) => ColumnData::String(None),
        (SqlType::DateTime, Value::Timestamp(ticks)) => {
            let since = ticks - SQL_EPOCH_TICKS;
            let days = i32::try_from(since.div_euclid(TICKS_PER_DAY)).map_err(too_wide)?;
            // Three hundred parts of a second, rounded.
            let parts = (since.rem_euclid(TICKS_PER_DAY) * 3 + 50_000) / 100_000;
            let last = 24 * 60 * 60 * 300 - 1;
            ColumnData::DateTime(Some(DateTime::new(days, u32::try_from(parts.min(last)).map_err(too_wide)?)))
        }
        (SqlType::DateTime, _) => ColumnData::DateTime(None),
        (other, _) => return Err(CliError::Failed(format!("the bench's table has no column of type {other}"))),
    })
}
