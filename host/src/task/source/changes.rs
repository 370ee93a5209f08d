//! The change log of one table: `CHANGETABLE(CHANGES ...)` and `CHANGE_TRACKING_MIN_VALID_VERSION`.

use std::collections::BTreeMap;

use crate::protocol::messages::RowOp;

/// What happened to one key at one version.
#[derive(Debug, Clone, Copy)]
struct Entry {
    version: i64,
    key: i64,
    op: RowOp,
}

/// The changes of one table that are still known, oldest first.
#[derive(Debug, Clone)]
pub struct ChangeLog {
    entries: Vec<Entry>,
    min_valid: i64,
}

/// What a mirror needs to become equal to the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// It is equal.
    Nothing,
    /// These keys, each with its last operation.
    Changes(BTreeMap<i64, RowOp>),
    /// To be wiped and filled.
    Refill(RefillReason),
}

/// Why a table is wiped and filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefillReason {
    /// The mirror answered -1.
    New,
    /// Below the minimum valid version: too old, truncated, or change tracking was off.
    TooOld,
    /// The mirror knows a version that the source never had: the source was restored from a backup.
    AheadOfSource,
}

impl ChangeLog {
    /// A log that begins at this version.
    pub(super) const fn since(version: i64) -> Self {
        Self { entries: Vec::new(), min_valid: version }
    }

    pub(super) fn add(&mut self, version: i64, key: i64, op: RowOp) {
        self.entries.push(Entry { version, key, op });
    }

    /// Forgets everything up to and including this version.
    pub(super) fn forget_until(&mut self, version: i64) {
        if version > self.min_valid {
            self.min_valid = version;
            let known = self.entries.partition_point(|entry| entry.version <= version);
            self.entries.drain(..known);
        }
    }

    /// What a mirror at `lsn` needs when the source is at `current`.
    pub(super) fn need(&self, lsn: i64, current: i64) -> Need {
        if lsn < 0 {
            return Need::Refill(RefillReason::New);
        }
        if lsn > current {
            return Need::Refill(RefillReason::AheadOfSource);
        }
        if lsn < self.min_valid {
            return Need::Refill(RefillReason::TooOld);
        }
        let from = self.entries.partition_point(|entry| entry.version <= lsn);
        let mut last: BTreeMap<i64, RowOp> = BTreeMap::new();
        for entry in &self.entries[from..] {
            last.entry(entry.key)
                .and_modify(|op| {
                    // Created since the reader's version stays an insert however often it is updated.
                    if !(entry.op == RowOp::Update && *op == RowOp::Insert) {
                        *op = entry.op;
                    }
                })
                .or_insert(entry.op);
        }
        if last.is_empty() { Need::Nothing } else { Need::Changes(last) }
    }
}
