//! A mirror to test with, and short ways to call it as the Task does.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::memory::{Memory, MemoryStore};
use super::recorder::{Recorder, RecorderSource};
use crate::mirror::clock::ManualClock;
use crate::mirror::{Arrival, BrokenBody, Caller, Failure, Mirror, MirrorSettings};
use crate::protocol::context_id::ContextId;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::{ColumnInfo, ReplicationSummary, RowDataBatch, RowOp, TableSchemaInfo};
use crate::protocol::raw_batch::RawBatch;

pub use RowOp::{Delete as D, Insert as I, Update as U};

/// 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000;

/// The Task's side: calls of one tenant.
pub struct Calls {
    pub mirror: Arc<Mirror>,
}

/// Calls, and a view behind them.
pub struct Kit {
    calls: Calls,
    pub store: Arc<MemoryStore>,
    pub hooks: Arc<Recorder>,
    pub clock: Arc<ManualClock>,
}

pub fn tenant() -> ContextId {
    ContextId::new("Cust1").unwrap()
}

fn caller_at(arrival: Arrival) -> Caller {
    Caller {
        tenant: tenant(),
        application: "app".into(),
        client_state: "state".into(),
        request_id: "r1".into(),
        arrival,
    }
}

impl Calls {
    #[expect(clippy::unused_self, reason = "tests read better when whom they ask for a caller is seen")]
    pub fn caller(&self) -> Caller {
        caller_at(Mirror::arrival())
    }

    pub async fn schema(&self, tables: &[TableSchemaInfo]) -> Result<Vec<(String, i64)>, Failure> {
        self.schema_as(self.caller(), tables).await
    }

    pub async fn schema_as(&self, caller: Caller, tables: &[TableSchemaInfo]) -> Result<Vec<(String, i64)>, Failure> {
        let answer = self.mirror.table_schema(caller, tables.iter().cloned().map(Arc::new).collect()).await?;
        Ok(answer.into_iter().map(|table| (table.table_name, table.lsn.0)).collect())
    }

    pub async fn wipe(&self, table: &str) -> Result<(), Failure> {
        self.mirror.wipe(self.caller(), table.into()).await
    }

    pub async fn rows(&self, batch: RowDataBatch) -> Result<(), Failure> {
        self.batches(self.caller(), vec![Ok(batch)]).await
    }

    pub async fn batches(&self, caller: Caller, batches: Vec<Result<RowDataBatch, BrokenBody>>) -> Result<(), Failure> {
        let (sender, receiver) = mpsc::channel(batches.len().max(1));
        for batch in batches {
            sender.try_send(batch).expect("there is room");
        }
        drop(sender);
        self.mirror.row_data(caller, receiver).await
    }

    pub async fn completed(&self, tables: &[(&str, i32)]) -> Result<(), Failure> {
        let changed = tables.iter().map(|&(table, inserts)| ReplicationSummary {
            deletes: 0,
            inserts,
            table_name: table.into(),
            updates: 0,
        });
        self.mirror.replication_completed(self.caller(), changed.collect()).await
    }
}

impl std::ops::Deref for Kit {
    type Target = Calls;
    fn deref(&self) -> &Calls {
        &self.calls
    }
}

impl Kit {
    pub fn new() -> Self {
        Self::with_keys(&[])
    }

    pub fn with_keys(keys: &[(&str, &[&str])]) -> Self {
        let store = Arc::new(MemoryStore::default());
        let hooks = Arc::new(Recorder::default());
        let clock = Arc::new(ManualClock::at(START));
        let keys = keys
            .iter()
            .map(|(table, columns)| ((*table).to_owned(), columns.iter().map(|&column| column.to_owned()).collect()));
        let settings = MirrorSettings { keys: keys.collect() };
        let mirror = Mirror::new(store.clone(), Arc::new(RecorderSource(hooks.clone())), settings);
        Self { calls: Calls { mirror: Arc::new(mirror.with_clock(clock.clone())) }, store, hooks, clock }
    }

    /// A restarted host: nothing remembered, the same mirrors and plug-ins.
    pub fn restart(&mut self) {
        let source = Arc::new(RecorderSource(self.hooks.clone()));
        let mirror = Mirror::new(self.store.clone(), source, MirrorSettings::default());
        self.calls.mirror = Arc::new(mirror.with_clock(self.clock.clone()));
    }

    pub fn db(&self) -> Arc<Memory> {
        self.store.mirror(&tenant()).expect("the mirror has been made")
    }

    /// A first cycle of `person` with two rows, up to LSN 10.
    pub async fn filled(&self) {
        assert_eq!(self.schema(&[person()]).await.unwrap(), [("person".to_owned(), -1)]);
        self.wipe("person").await.unwrap();
        self.rows(batch(person(), 10, &[(I, &["1", "Ann"]), (I, &["2", "Bo"])])).await.unwrap();
        self.completed(&[("person", 2)]).await.unwrap();
        self.hooks.take();
        self.db().take_log();
    }
}

/// A column: name, type, nullable, default.
pub type Col<'a> = (&'a str, &'a str, bool, &'a str);

pub fn info(table: &str, columns: &[Col<'_>]) -> TableSchemaInfo {
    let columns = columns.iter().map(|&(name, sql_type, is_nullable, default)| ColumnInfo {
        default_value: default.into(),
        is_nullable,
        name: name.into(),
        sql_type: sql_type.into(),
    });
    TableSchemaInfo { table_name: table.into(), columns: columns.collect() }
}

pub fn person() -> TableSchemaInfo {
    info("person", &[("person_id", "int", false, ""), ("name", "nvarchar(50)", true, "")])
}

pub fn contact() -> TableSchemaInfo {
    info("contact", &[("contact_id", "int", false, ""), ("rank", "smallint", false, "default ((0))")])
}

/// A batch; the text `NULL` is a nil cell.
pub fn batch(table: TableSchemaInfo, lsn: i64, rows: &[(RowOp, &[&str])]) -> RowDataBatch {
    let rows = rows.iter().map(|(op, cells)| (*op, cells.iter().map(|&cell| (cell != "NULL").then_some(cell))));
    RowDataBatch { rows: RawBatch::from_rows(rows), lsn: Lsn(lsn), table: Arc::new(table) }
}

/// Rows as short text: `1 Ann`.
pub fn shown(db: &Memory, table: &str) -> Vec<String> {
    let cell = |cell: Option<String>| {
        let text = cell.unwrap_or_else(|| "NULL".into());
        match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|rest| rest.split_once(':')) {
            Some((_, value)) => value.to_owned(),
            None => text,
        }
    };
    db.rows(table).into_iter().map(|row| row.into_iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
}
