//! Wipe (protocol.md section 8): empties one table and sets its LSN to -1 in one transaction.

use super::call::{Call, CallError};
use crate::protocol::table_name::TableName;
use crate::store::history::EventLevel;
use crate::store::{StoreError, StoreErrorKind};

pub(super) async fn run(call: &mut Call<'_>, table_name: &str) -> Result<(), CallError> {
    call.tables.note(table_name);
    let table = TableName::new(table_name)
        .map_err(|error| CallError::request(format!("the table cannot be wiped: {error}")))?;
    let opened = call.open_again().await?;
    let _guard = call.lock(&table).await?;
    let rows = opened.db.wipe(&opened.turn(&table)).await.map_err(|error| refused(error, &table))?;
    call.no_gap(&table);
    call.event(EventLevel::Info, "wipe", Some(&table), format!("{table} was emptied of {rows} rows"), None);
    call.hooks.wiped(&table).await;
    Ok(())
}

fn refused(error: StoreError, table: &TableName) -> CallError {
    if error.kind != StoreErrorKind::UnknownTable {
        return CallError::from(error).of_table(table);
    }
    // Not the table's trouble: there is none. So no table error either.
    CallError::request(format!(
        "there is no table {table} in this mirror to be wiped: no TableSchema has made it; the next one does if it lists it"
    ))
}
