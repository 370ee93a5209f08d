//! Requests in the two senders' spellings (protocol.md section 2), and the batches they are made of. The writing itself is
//! [`crate::protocol::encode::request`]'s; answers are read by [`super::answer`], which shares nothing with the host.

use std::sync::Arc;

use crate::protocol::encode::request::{self, RowDataWriter};
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::{
    AuthenticateRequest, ReplicationCompletedRequest, ReplicationSummary, RowOp, TableSchemaInfo, TableSchemaRequest,
    WipeRequest,
};

pub use crate::protocol::encode::request::Spelling;

/// Rows of a batch.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    rows: Vec<(RowOp, Vec<Option<String>>)>,
    bytes: usize,
}

/// A batch, ready to be sent.
#[derive(Debug, Clone)]
pub struct Batch {
    pub table: TableSchemaInfo,
    pub rows: Rows,
    pub lsn: i64,
}

impl Rows {
    /// What a row and a cell cost beside their texts.
    const ROW_BYTES: usize = 140;
    const CELL_BYTES: usize = 22;

    /// Appends a row; `None` is nil.
    pub fn push(&mut self, op: RowOp, cells: Vec<Option<String>>) {
        let texts: usize = cells.iter().map(|cell| cell.as_ref().map_or(0, String::len) + Self::CELL_BYTES).sum();
        self.bytes += Self::ROW_BYTES + texts;
        self.rows.push((op, cells));
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Their size as sent, in bytes, nearly.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// An Authenticate request.
#[must_use]
pub fn authenticate(spelling: Spelling, token: &str, client_state: &str) -> Vec<u8> {
    let request = AuthenticateRequest { client_state: Some(client_state.to_owned()) };
    request::authenticate(spelling, token, &request).into_bytes()
}

/// A TableSchema request.
#[must_use]
pub fn table_schema(spelling: Spelling, token: &str, client_state: &str, tables: &[TableSchemaInfo]) -> Vec<u8> {
    let request = TableSchemaRequest {
        client_state: Some(client_state.to_owned()),
        tables: tables.iter().cloned().map(Arc::new).collect(),
    };
    request::table_schema(spelling, token, &request).into_bytes()
}

/// A Wipe request.
#[must_use]
pub fn wipe(spelling: Spelling, token: &str, client_state: &str, table: &str) -> Vec<u8> {
    let request = WipeRequest { client_state: Some(client_state.to_owned()), table_name: table.to_owned() };
    request::wipe(spelling, token, &request).into_bytes()
}

/// A RowData request.
///
/// # Panics
/// Never: it is written to memory.
#[must_use]
pub fn row_data(spelling: Spelling, token: &str, client_state: &str, batches: &[Batch]) -> Vec<u8> {
    let write = || {
        let room = batches.iter().map(|batch| batch.rows.bytes() + 4_096).sum();
        let mut writer = RowDataWriter::begin(Vec::with_capacity(room), spelling, token, Some(client_state))?;
        for batch in batches {
            let mut open = writer.batch();
            for (op, cells) in &batch.rows.rows {
                open.row(*op, cells.iter().map(Option::as_ref))?;
            }
            open.finish(Lsn(batch.lsn), &batch.table)?;
        }
        writer.finish()
    };
    let written: std::io::Result<Vec<u8>> = write();
    written.expect("memory takes all")
}

/// A ReplicationCompleted request.
#[must_use]
pub fn replication_completed(
    spelling: Spelling,
    token: &str,
    client_state: &str,
    changed: &[ReplicationSummary],
) -> Vec<u8> {
    let request =
        ReplicationCompletedRequest { client_state: Some(client_state.to_owned()), changed_tables: changed.to_vec() };
    request::replication_completed(spelling, token, &request).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Batch, Rows, Spelling, row_data};
    use crate::protocol::messages::{RowOp, TableSchemaInfo};
    use crate::task::answer;

    /// Empties the prefixes away: what is left must be the same document, and what was meant.
    #[test]
    fn both_spellings_are_the_same_document() {
        let read = |spelling: Spelling| {
            let mut rows = Rows::default();
            rows.push(RowOp::Update, ["[I:1]", "", " x ", "a\r\nb\u{b}"].map(|text| Some(text.to_owned())).to_vec());
            rows.push(RowOp::Delete, vec![None]);
            let batch = Batch { table: TableSchemaInfo { table_name: "t".into(), columns: vec![] }, rows, lsn: 7 };
            answer::parse(&row_data(spelling, "token", "state", &[batch])).expect("XML")
        };
        let (dotnet, mono) = (read(Spelling::DotNet), read(Spelling::Mono));
        assert_eq!(dotnet, mono);
        let request = &dotnet.children[1].children[0];
        let rows = request.child("DataBatches").expect("sent").children[0].child("Data").expect("rows");
        let texts = |row: usize| {
            let cells = &rows.children[row].child("ColumnValues").expect("cells").children;
            cells.iter().map(|cell| (cell.text.clone(), cell.nil)).collect::<Vec<_>>()
        };
        assert_eq!(texts(0), ["[I:1]", "", " x ", "a\r\nb\u{b}"].map(|text| (text.to_owned(), false)));
        assert_eq!(texts(1), [(String::new(), true)]);
    }
}
