//! What the demo's plug-ins are told to do, and what the mirror must hold because of it: the redaction is computed here a
//! second time, so that "mirror equals source" is checked for redacted columns as well.

use std::collections::BTreeMap;

use rsa::sha2::{Digest, Sha256};

use crate::protocol::sql_type::{Length, SqlType};
use crate::task::cell::Cell;
use crate::task::compare::{ColumnExpected, Expectation};
use crate::task::source::Source;
use crate::task::source::table::{SourceColumn, SourceTable};

/// Tables whose personal columns are redacted.
const REDACTED: usize = 6;
/// Tables that get an index.
const INDEXED: usize = 12;
/// A hash in full.
const HASH_CHARS: u16 = 64;

/// What becomes of a column; the words are pii-redactor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Hash,
    Blank,
    Drop,
}

impl Action {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Blank => "blank",
            Self::Drop => "drop",
        }
    }
}

/// An index that index-manager is to keep.
#[derive(Debug)]
pub(super) struct WantedIndex {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) column: String,
}

/// What the plug-ins are told.
pub(super) struct Plan {
    pub(super) salt: String,
    /// By lower-case table and column.
    actions: BTreeMap<(String, String), Action>,
    pub(super) indexes: Vec<WantedIndex>,
    hash: Box<dyn Fn(&Cell) -> Cell + Send + Sync>,
    blank: Box<dyn Fn(&Cell) -> Cell + Send + Sync>,
}

impl Plan {
    /// Chooses among the tenant's own tables: the largest with enough text in them.
    pub(super) fn of(source: &Source) -> Self {
        let mut tables: Vec<&SourceTable> = source.tables().iter().filter(|table| is_plain(table)).collect();
        tables.sort_by_key(|table| std::cmp::Reverse(table.len()));
        let mut actions = BTreeMap::new();
        for table in tables.iter().filter(|table| texts(table).count() >= 3).take(REDACTED) {
            for (column, action) in texts(table).zip([Action::Hash, Action::Blank, Action::Drop]) {
                actions.insert((table.name().to_lowercase(), column.name().to_lowercase()), action);
            }
        }
        let indexes = tables
            .iter()
            .filter_map(|table| {
                let column = table.columns().iter().skip(1).find(|column| column.sql_type() == SqlType::Int)?;
                Some(WantedIndex {
                    table: table.name().to_owned(),
                    name: format!("ix_{}_{}", table.name(), column.name()),
                    column: column.name().to_owned(),
                })
            })
            .take(INDEXED)
            .collect();
        let salt = format!("{:032x}", rand::random::<u128>());
        let key = salt.clone();
        let hash = move |cell: &Cell| match cell {
            Cell::Text(text) => Cell::Text(hmac_sha256(key.as_bytes(), text.as_bytes())),
            other => other.clone(),
        };
        let blank = |cell: &Cell| match cell {
            Cell::Text(_) => Cell::Text(String::new()),
            other => other.clone(),
        };
        Self { salt, actions, indexes, hash: Box::new(hash), blank: Box::new(blank) }
    }

    /// Every redacted column.
    pub(super) fn actions(&self) -> impl Iterator<Item = (&str, &str, Action)> {
        self.actions.iter().map(|((table, column), action)| (table.as_str(), column.as_str(), *action))
    }

    pub(super) fn count(&self, wanted: Action) -> usize {
        self.actions.values().filter(|action| **action == wanted).count()
    }

    /// A hashed column to look at.
    pub(super) fn example(&self) -> Option<(String, String)> {
        let hashed = self.actions().find(|(_, _, action)| *action == Action::Hash);
        hashed.map(|(table, column, _)| (table.to_owned(), column.to_owned()))
    }
}

/// Whether the names want no quoting in a sidecar, and the table has rows to show.
fn is_plain(table: &SourceTable) -> bool {
    let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    !table.is_empty() && plain(table.name()) && table.columns().iter().all(|column| plain(column.name()))
}

/// Text columns that are wide enough for a hash, the key left out.
fn texts(table: &SourceTable) -> impl Iterator<Item = &SourceColumn> {
    table.columns().iter().skip(1).filter(|column| match column.sql_type() {
        SqlType::NVarChar(Length::Limited(chars)) => chars >= HASH_CHARS,
        SqlType::NVarChar(Length::Max) => true,
        _ => false,
    })
}

impl Expectation for Plan {
    fn column(&self, table: &str, column: &str) -> ColumnExpected<'_> {
        match self.actions.get(&(table.to_lowercase(), column.to_lowercase())) {
            None => ColumnExpected::Same,
            Some(Action::Drop) => ColumnExpected::Dropped,
            Some(Action::Hash) => ColumnExpected::Computed(&*self.hash),
            Some(Action::Blank) => ColumnExpected::Computed(&*self.blank),
        }
    }
}

/// HMAC-SHA-256 (RFC 2104) in lower-case hex, as pii-redactor writes it.
fn hmac_sha256(key: &[u8], text: &[u8]) -> String {
    const BLOCK: usize = 64;
    let mut padded = [0; BLOCK];
    if key.len() > BLOCK {
        padded[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        padded[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(padded.map(|byte| byte ^ 0x36)).chain_update(text).finalize();
    let outer = Sha256::new().chain_update(padded.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize();
    let digits = b"0123456789abcdef";
    let hex = outer.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(digits[usize::from(digit)]));
    hex.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::shape::ShapeOptions;

    #[test]
    fn the_hash_is_that_of_rfc_4231() {
        assert_eq!(
            hmac_sha256(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert_eq!(
            hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn the_default_tenant_has_enough_to_show() {
        let source = Source::new(ShapeOptions { rows: 20_000, extras: true, ..ShapeOptions::default() });
        let plan = Plan::of(&source);
        for action in [Action::Hash, Action::Blank, Action::Drop] {
            assert_eq!(plan.count(action), REDACTED, "{action:?}");
        }
        assert_eq!(plan.indexes.len(), INDEXED);
        assert!(plan.example().is_some());
    }
}
