//! What a row of the metadata table stands for, in the trait's terms.

use std::sync::{Arc, Mutex, PoisonError};

use super::marks::Fill;
use crate::generations::Generations;
use crate::protocol::lsn::Lsn;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::{SchemaHash, StoreError, StoreErrorKind, TableKind, TableMark, TableRecord};

/// What a row stands for: without a hash of ours the vendor's package, or a hand, wrote it.
pub(in crate::store) fn kind_of(hash: Option<SchemaHash>, skipped: bool) -> TableKind {
    match (hash, skipped) {
        (None, _) => TableKind::TakenOver,
        (Some(_), true) => TableKind::Skipped,
        (Some(_), false) => TableKind::Mirrored,
    }
}

/// A row as an engine has read it.
pub(in crate::store) struct StoredRow<'r> {
    pub hash: Option<SchemaHash>,
    pub skipped: bool,
    pub lsn: Lsn,
    pub fill: Fill,
    /// As [`to_text`] made it.
    pub definition: Option<&'r str>,
}

/// What a row says without its definition. One whose table was dropped by hand stands for nothing any more.
pub(in crate::store) fn mark(table: &TableName, row: &StoredRow<'_>, is_there: bool) -> TableMark {
    let (table, kind) = (table.clone(), kind_of(row.hash, row.skipped));
    if kind == TableKind::Mirrored && !is_there {
        return TableMark { table, hash: None, lsn: Lsn::REFILL, kind: TableKind::TakenOver };
    }
    TableMark { table, hash: row.hash, lsn: row.lsn, kind }
}

/// Definitions already read, by their text: a tenant of hundreds of tables asks for all of them in every cycle, and many tenants'
/// tables are alike.
pub(in crate::store) struct Definitions(Mutex<Generations<String, Option<Arc<TableDef>>>>);

impl Default for Definitions {
    fn default() -> Self {
        Self(Mutex::new(Generations::new(Self::MAX_BYTES)))
    }
}

impl Definitions {
    /// Of texts, in a generation: some five real tenants' worth of different tables.
    const MAX_BYTES: usize = 4 << 20;

    /// The row's record.
    pub fn record(&self, table: &TableName, row: &StoredRow<'_>, is_there: bool) -> TableRecord {
        let TableMark { table, hash, lsn, kind } = mark(table, row, is_there);
        let fill_begun = row.fill == Fill::Begun && hash == row.hash;
        let def = match (row.definition, kind) {
            (Some(text), TableKind::Mirrored) => self.read(text),
            _ => None,
        };
        TableRecord { table, hash, lsn, kind, fill_begun, def }
    }

    fn read(&self, text: &str) -> Option<Arc<TableDef>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(def) = known.get(text) {
            return def;
        }
        let def: Option<Arc<TableDef>> = serde_json::from_str(text).ok().map(Arc::new);
        known.put(text.to_owned(), def.clone(), text.len());
        def
    }
}

/// The definition as it is stored beside the hash.
pub(in crate::store) fn to_text(def: &TableDef) -> Result<String, StoreError> {
    serde_json::to_string(def).map_err(|error| {
        StoreError::new(StoreErrorKind::Internal, format!("the definition of table {} cannot be stored", def.name))
            .with_source(error)
    })
}
