//! From bytes to messages, both directions (protocol.md sections 2 and 3). Synchronous and pulling: give it any
//! [`Read`] and call it where blocking is allowed.
//!
//! Rules for every message: names are matched by namespace and local name; elements come in any order; what may
//! stand once and stands twice is a fault; an unknown element is passed over, except where rows, batches, tables,
//! columns, cells or summaries belong, since those must not vanish silently; what is absent reads as .NET reads it
//! (empty text, 0, false, no items); nil is absent for texts and lists, and a fault for numbers, booleans and items.
//!
//! | idea | file |
//! |---|---|
//! | envelope, header, token, end of document | [`envelope`] |
//! | token and operation from the first bytes alone | [`head`] |
//! | what may stand once | [`once`] |
//! | descriptions of tables and columns | [`table_info`] |
//! | those that were read before, told by their bytes | [`known_tables`](mod@known_tables) |
//! | one operation's request each | [`authenticate`](mod@authenticate), [`table_schema`](mod@table_schema), [`row_data`](mod@row_data), [`wipe`](mod@wipe), [`replication_completed`](mod@replication_completed) |
//! | answers, strictly in order, for the simulator | [`response`] |

use std::io::Read;

mod authenticate;
mod envelope;
mod head;
mod known_tables;
mod once;
mod replication_completed;
pub mod response;
mod row_data;
mod table_info;
mod table_schema;
mod wipe;

#[cfg(test)]
mod tests;

use super::fault::Fault;
use super::messages::{AuthenticateRequest, ReplicationCompletedRequest, TableSchemaRequest, WipeRequest};
use super::names::Operation;
use super::raw_batch::SpillSettings;
pub use super::xml::limits::Limits;
pub use head::{Head, read_head};
pub use known_tables::KnownTables;
pub use row_data::RowDataSink;

/// Reads an Authenticate request, the whole body from its first byte.
///
/// # Errors
/// The fault to answer.
pub fn authenticate(body: impl Read, limits: &Limits) -> Result<AuthenticateRequest, Fault> {
    envelope::request(body, limits, Operation::Authenticate, authenticate::read)
}

/// Reads a TableSchema request, the whole body from its first byte.
///
/// # Errors
/// The fault to answer.
pub fn table_schema(body: impl Read, limits: &Limits) -> Result<TableSchemaRequest, Fault> {
    envelope::request(body, limits, Operation::TableSchema, |xml| table_schema::read(xml, None))
}

/// The same, with what tables were described before: gives what [`table_schema()`] gives, sooner. One memory belongs to one set of
/// limits.
///
/// # Errors
/// The fault to answer.
pub fn table_schema_again(body: impl Read, limits: &Limits, known: &KnownTables) -> Result<TableSchemaRequest, Fault> {
    envelope::request(body, limits, Operation::TableSchema, |xml| table_schema::read(xml, Some(known)))
}

/// Reads a Wipe request, the whole body from its first byte.
///
/// # Errors
/// The fault to answer.
pub fn wipe(body: impl Read, limits: &Limits) -> Result<WipeRequest, Fault> {
    envelope::request(body, limits, Operation::Wipe, wipe::read)
}

/// Reads a ReplicationCompleted request, the whole body from its first byte.
///
/// # Errors
/// The fault to answer.
pub fn replication_completed(body: impl Read, limits: &Limits) -> Result<ReplicationCompletedRequest, Fault> {
    envelope::request(body, limits, Operation::ReplicationCompleted, replication_completed::read)
}

/// Reads a RowData request, the whole body from its first byte, and hands over each batch as soon as it is
/// complete. Batches handed over before a fault stay handed over.
///
/// When the sink breaks off, the rest is not read and the answer is `Ok`.
///
/// # Errors
/// The fault to answer.
pub fn row_data(
    body: impl Read,
    limits: &Limits,
    spill: SpillSettings,
    sink: &mut dyn RowDataSink,
) -> Result<(), Fault> {
    row_data::decode(body, limits, spill, sink)
}
