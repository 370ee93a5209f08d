//! What a mirror holds, and what is in it of a call's work. In none of the states between is an LSN ahead of its rows.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use speil::protocol::columns::TypedBatch;
use speil::protocol::table_name::TableName;

use super::calls::Call;
use super::prepare::{EXTRA, LETTER, STORY};
use crate::kit::Tenant;

/// What a mirror holds, as far as calls change it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    tables: BTreeMap<String, Table>,
    /// Rows kept aside.
    aside: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Table {
    lsn: i64,
    hash: String,
    /// In some order that is always the same, as texts.
    rows: Vec<String>,
}

impl Held {
    /// Looks; a mirror that is not there, or whose making was broken off, holds nothing.
    pub async fn by(tenant: &Tenant) -> Self {
        let Ok(mirror) = tenant.place().open().await else { return Self::default() };
        let mut held = Self::default();
        for record in mirror.tables().await.expect("readable") {
            let name = record.table.as_str();
            let def = record.def.unwrap_or_else(|| panic!("{name} is listed, and nobody knows its columns"));
            let mut rows = Vec::new();
            let mut take = |batch: TypedBatch| {
                let of = |row: usize| batch.columns.iter().map(move |column| format!("{:?}", column.value(row, 0)));
                rows.extend((0..batch.len()).map(|row| of(row).collect::<Vec<_>>().join(", ")));
                ControlFlow::Continue(())
            };
            let read = mirror.read(&def, 1_000, &mut take).await;
            read.unwrap_or_else(|error| panic!("{name} is listed, and: {error}"));
            rows.sort_unstable();
            held.tables.insert(name.to_owned(), Table { lsn: record.lsn.0, hash: format!("{:?}", record.hash), rows });
        }
        let kept = mirror.quarantine_counts().await.expect("readable");
        held.aside = kept.iter().map(|count| count.rows).sum();
        let extra = TableName::new(EXTRA).expect("a table's name");
        let is_there = mirror.describe(&extra).await.expect("readable").is_some();
        assert_eq!(is_there, held.tables.contains_key(EXTRA), "the table {EXTRA} is there, and is it listed?");
        held
    }

    fn table(&self, name: &str) -> &Table {
        self.tables.get(name).unwrap_or_else(|| panic!("the mirror has lost the table {name}: {self:#?}"))
    }

    /// What is left of the call's work in the mirror that held `before`.
    ///
    /// # Panics
    /// When it holds what it must not.
    pub async fn of(self, call: Call, before: &Self, tenant: &Tenant, what: &str) -> String {
        let version = tenant.source.version();
        let (nothing, all) = ("nothing is done", "all is done");
        let done = match call {
            Call::ReplicationCompleted | Call::Authenticate => {
                assert_eq!(&self, before, "{what}: a call without rows changed some");
                return String::new();
            }
            Call::TableSchema | Call::Recreate => {
                let name = if call == Call::TableSchema { LETTER } else { STORY };
                let (now, was) = (self.table(name), before.table(name));
                // A change in place that fails is followed by a table made anew, which promises nothing.
                if call == Call::TableSchema && now.rows.is_empty() && now.lsn < 0 {
                    return "the table is made anew".into();
                }
                if call == Call::Recreate && now != was {
                    assert!(now.lsn < 0 && now.rows.is_empty(), "{what}: {now:?}");
                }
                if call == Call::TableSchema {
                    assert_eq!(now.rows, was.rows, "{what}: rows changed");
                }
                now != was
            }
            Call::Create => self.tables.contains_key(EXTRA),
            Call::Drop => !self.tables.contains_key(EXTRA),
            Call::FirstOpen => {
                for table in self.tables.values() {
                    assert!(table.lsn < 0 && table.rows.is_empty(), "{what}: {table:?}");
                }
                return match self.tables.len() {
                    0 => "no table is made".into(),
                    made => format!("{made} of 2 tables are made"),
                };
            }
            Call::Wipe => {
                let now = self.table(STORY);
                assert_eq!(now.rows.is_empty(), now.lsn < 0, "{what}: {now:?}");
                now.rows.is_empty()
            }
            Call::Unwiped => {
                let (now, was) = (self.table(STORY), before.table(STORY));
                assert_eq!(now.lsn < 0, now.rows == was.rows, "{what}: {now:?}");
                now.lsn == version
            }
            Call::RowData | Call::InPieces | Call::LongBatch => {
                let name = if call == Call::LongBatch { LETTER } else { STORY };
                let (now, was) = (self.table(name), before.table(name));
                assert_eq!(now.lsn == version, now.rows != was.rows, "{what}: {now:?}");
                now.lsn == version
            }
            Call::KeptAside => {
                let (now, was) = (self.table(STORY), before.table(STORY));
                assert_eq!(now.lsn == version, now.rows != was.rows, "{what}: {now:?}");
                assert_eq!(now.lsn == version, self.aside == before.aside + 1, "{what}: {} aside", self.aside);
                return if now.lsn == version { all.into() } else { nothing.into() };
            }
            Call::ThreeBatches => {
                let (story, letter) = (self.table(STORY), self.table(LETTER));
                let is_first = letter.lsn == version;
                assert_eq!(is_first, letter.rows != before.table(LETTER).rows, "{what}: {letter:?}");
                let is_second = story.rows != before.table(STORY).rows;
                let is_third = story.lsn == version;
                assert!(is_first || !is_second, "{what}: {self:#?}");
                assert!(is_second || !is_third, "{what}: {self:#?}");
                tenant.is_nowhere_ahead().await;
                return format!("{} of 3", [is_first, is_second, is_third].into_iter().filter(|done| *done).count());
            }
        };
        tenant.is_nowhere_ahead().await;
        if done {
            return all.into();
        }
        assert_eq!(&self, before, "{what}: half of it is done");
        nothing.into()
    }
}
