//! What the metadata table and the database's catalogue say about tables and indexes.

use std::fmt;
use std::sync::Arc;

use crate::protocol::lsn::Lsn;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;

/// Digest of a table's definition and of the transforms that make its rows (design.md invariant 6).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SchemaHash(pub [u8; 32]);

impl SchemaHash {
    /// As stored: 64 lower-case hex digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        use std::fmt::Write;
        self.0.iter().fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
            hex
        })
    }

    /// Reads the stored form; `None` for anything else, such as the vendor's own hash.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Debug for SchemaHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SchemaHash({}…)", &self.to_hex()[..8])
    }
}

/// What a metadata row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TableKind {
    /// A table of ours.
    Mirrored,
    /// A plug-in leaves it out: LSN only.
    Skipped,
    /// Made by the vendor's package and not yet taken over: no hash of ours.
    TakenOver,
}

/// A row of the metadata table without the definition, which is by far the longest part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableMark {
    pub table: TableName,
    /// As in [`TableRecord`].
    pub hash: Option<SchemaHash>,
    /// As in [`TableRecord`].
    pub lsn: Lsn,
    pub kind: TableKind,
}

/// A row of the metadata table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRecord {
    pub table: TableName,
    /// `None`: no hash of ours, so the row was written by the vendor's package or by hand.
    pub hash: Option<SchemaHash>,
    /// NULL in the database reads as [`Lsn::REFILL`].
    pub lsn: Lsn,
    pub kind: TableKind,
    /// Whether the table was emptied since -1 was last answered, so that rows now coming add to a fill begun.
    pub fill_begun: bool,
    /// The definition the table was made or last altered to, as this project stored it beside the hash. It is what
    /// planning compares with.
    pub def: Option<Arc<TableDef>>,
}

/// A table as the database's catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActualTable {
    pub columns: Vec<ActualColumn>,
    /// Names of the primary key's columns, in order.
    pub key: Vec<String>,
}

/// A column as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActualColumn {
    pub name: String,
    /// The declared type; `None` when it is none of ours.
    pub sql_type: Option<crate::protocol::sql_type::SqlType>,
    pub nullable: bool,
}

/// An index, portable over both stores.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct IndexDef {
    pub name: String,
    /// Columns in order, each ascending or descending.
    pub columns: Vec<IndexColumn>,
    pub unique: bool,
}

/// One column of an index.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct IndexColumn {
    pub name: String,
    pub descending: bool,
}
