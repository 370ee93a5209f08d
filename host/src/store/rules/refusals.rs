//! Why a call may change nothing.

use crate::protocol::table_name::TableName;
use crate::store::{StoreError, StoreErrorKind, Ticket};

/// An error about a table the mirror does not have.
pub(in crate::store) fn unknown_table(table: &TableName) -> StoreError {
    StoreError::new(
        StoreErrorKind::UnknownTable,
        format!("the mirror has no table {table}; the next TableSchema makes it"),
    )
}

/// Refuses a write that a later one has overtaken: `stored` are the tickets of those that have been at the table.
///
/// # Errors
/// [`StoreErrorKind::Overtaken`].
pub(in crate::store) fn check_ticket(
    table: &TableName,
    stored: [Option<Ticket>; 2],
    ticket: Ticket,
) -> Result<(), StoreError> {
    match stored.into_iter().flatten().max() {
        Some(latest) if ticket < latest => Err(StoreError::new(
            StoreErrorKind::Overtaken,
            format!("a later call has already been at table {table}; this one changes nothing any more"),
        )),
        _ => Ok(()),
    }
}

/// An error about a table that somebody else made.
pub(in crate::store) fn not_ours(table: &TableName) -> StoreError {
    StoreError::new(StoreErrorKind::Foreign, format!("table {table} was not made by speil, which will not touch it"))
}
