//! Requests and answers of the five operations as plain data (protocol.md section 3). Texts are as on the wire;
//! what they mean is decided elsewhere ([`super::table_def`], [`super::cell`]).

use std::sync::Arc;

use super::lsn::Lsn;
use super::raw_batch::RawBatch;

/// `TableSchemaInfo`: a table as the wire describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TableSchemaInfo {
    pub table_name: String,
    pub columns: Vec<ColumnInfo>,
}

/// `ColumnInfo`. An absent or nil text is empty; an absent `IsNullable` is false, as .NET reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ColumnInfo {
    pub default_value: String,
    pub is_nullable: bool,
    pub name: String,
    pub sql_type: String,
}

/// `TableLSN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableLsn {
    pub lsn: Lsn,
    pub table_name: String,
}

/// `ReplicationSummary`: what the Task says it sent of one table in a cycle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicationSummary {
    pub deletes: i32,
    pub inserts: i32,
    pub table_name: String,
    pub updates: i32,
}

/// `Operation` of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RowOp {
    Insert = b'I',
    Update = b'U',
    Delete = b'D',
}

impl RowOp {
    /// The letter on the wire.
    #[must_use]
    pub const fn letter(self) -> char {
        self as u8 as char
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthenticateRequest {
    pub client_state: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableSchemaRequest {
    pub client_state: Option<String>,
    pub tables: Vec<Arc<TableSchemaInfo>>,
}

/// One `RowDataBatch` of a RowData call, as the streaming decoder hands it over.
#[derive(Debug)]
pub struct RowDataBatch {
    pub rows: RawBatch,
    /// An absent LSN is 0, as .NET reads it: it moves nothing.
    pub lsn: Lsn,
    pub table: Arc<TableSchemaInfo>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WipeRequest {
    pub client_state: Option<String>,
    pub table_name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplicationCompletedRequest {
    pub client_state: Option<String>,
    pub changed_tables: Vec<ReplicationSummary>,
}

/// `IsSuccessful` and `ErrorMessage`, with which every answer begins. `Ok` writes an empty `ErrorMessage`, as real
/// answers do.
pub type Outcome = Result<(), String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticateResponse {
    pub outcome: Outcome,
    pub signed_application_token: String,
    pub supported_interfaces: String,
    pub mirroring_build: String,
    pub client_state: String,
    pub additional_information_json: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSchemaResponse {
    pub outcome: Outcome,
    pub mirror_lsn: Vec<TableLsn>,
}

/// The answer to RowData, Wipe and ReplicationCompleted: the outcome alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainResponse {
    pub outcome: Outcome,
}
