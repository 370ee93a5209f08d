//! Rows kept aside: those a transform cannot be made to take, where its sidecar says so (`poison = "quarantine"`).
//!
//! They stand in a side table of their own, `speil_quarantine`, and not in the mirrored table: what such a row should look like
//! there is not known, and it must not be there unchanged. A row goes aside, or comes back, in the transaction that would have
//! written it. Whatever empties, makes or drops the table takes its rows out of the side table too, in the same transaction: they
//! come again from the source.

use rsa::sha2::{Digest, Sha256};

use super::history::Millis;
use crate::protocol::cell::RawCell;
use crate::protocol::messages::RowOp;
use crate::protocol::table_name::TableName;

/// A row kept aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// [`id`] of its table and key: one row of the source is kept once.
    pub id: String,
    pub table: TableName,
    /// The key, for people.
    pub key: String,
    /// When it was last tried.
    pub at: Millis,
    pub plugin: String,
    /// The version of the plug-in that it was tried with: its component's digest, in hex. Where several transforms make the table's
    /// rows, the first 12 digits of it, a plus sign, and a digest over all their versions.
    pub version: String,
    /// Why it is here: a sentence.
    pub error: String,
    pub op: RowOp,
    /// The row as the source sent it.
    pub cells: Vec<RawCell>,
}

/// How many rows of a table are kept aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineCount {
    pub table: TableName,
    pub rows: u64,
}

/// What a transaction of rows does to the rows kept aside of its table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetAside {
    /// Ids of rows that are not kept aside any more. Unknown ones are passed over.
    pub clear: Vec<String>,
    /// Rows kept aside from now on; one that was already is replaced.
    pub keep: Vec<Quarantined>,
}

impl SetAside {
    /// Whether nothing is to be done.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.clear.is_empty() && self.keep.is_empty()
    }
}

/// Names a row in `speil_quarantine`: of any length of keys, 64 hex digits.
#[must_use]
pub fn id(table: &TableName, key: &[String]) -> String {
    use std::fmt::Write;
    let mut hasher = Sha256::new();
    for part in std::iter::once(table.folded()).chain(key.iter().map(String::as_str)) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
        hex
    })
}

/// The cells as they are stored.
pub(in crate::store) fn cells_to_text(cells: &[RawCell]) -> String {
    let pairs: Vec<(&str, Option<&str>)> =
        cells.iter().map(|cell| (cell.column.as_str(), cell.text.as_deref())).collect();
    serde_json::Value::from(
        pairs.into_iter().map(|(column, text)| serde_json::json!([column, text])).collect::<Vec<_>>(),
    )
    .to_string()
}

/// A stored row as an engine has read it; `None` where somebody wrote there by hand what is none.
pub(in crate::store) struct StoredRow {
    pub id: String,
    pub table: String,
    pub key: String,
    pub at: Millis,
    pub plugin: String,
    pub version: String,
    pub error: String,
    pub op: String,
    pub cells: String,
}

impl StoredRow {
    pub fn read(self) -> Option<Quarantined> {
        let cells: Vec<(String, Option<String>)> = serde_json::from_str(&self.cells).ok()?;
        Some(Quarantined {
            id: self.id,
            table: TableName::new(self.table).ok()?,
            key: self.key,
            at: self.at,
            plugin: self.plugin,
            version: self.version,
            error: self.error,
            op: if self.op == "I" { RowOp::Insert } else { RowOp::Update },
            cells: cells.into_iter().map(|(column, text)| RawCell { column, text }).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_tables_and_keys_apart_and_names_have_no_case() {
        let (one, other) = (TableName::new("one").unwrap(), TableName::new("other").unwrap());
        let key = |parts: &[&str]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(id(&one, &key(&["1"])), id(&TableName::new("ONE").unwrap(), &key(&["1"])));
        let all = [
            id(&one, &key(&["1"])),
            id(&one, &key(&["2"])),
            id(&other, &key(&["1"])),
            id(&one, &key(&["1", "2"])),
            id(&one, &key(&["12"])),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
        assert_eq!(all[0].len(), 64);
    }

    #[test]
    fn cells_are_stored_and_read_back() {
        let cells = [("id", Some("[I:1]")), ("na\"me", Some("it's\u{1}")), ("x", None)]
            .map(|(column, text)| RawCell { column: column.into(), text: text.map(Into::into) });
        let text = cells_to_text(&cells);
        assert_eq!(text, "[[\"id\",\"[I:1]\"],[\"na\\\"me\",\"it's\\u0001\"],[\"x\",null]]");
        let stored = |cells: String| StoredRow {
            id: "i".into(),
            table: "t".into(),
            key: "1".into(),
            at: 1,
            plugin: "p".into(),
            version: "v".into(),
            error: "e".into(),
            op: "I".into(),
            cells,
        };
        assert_eq!(stored(text).read().unwrap().cells, cells);
        assert_eq!(stored("scribbled".into()).read(), None);
    }
}
