//! The pipeline over a real engine: what the mirror in memory promises must hold where rows become bytes, and where
//! administrators edit by hand.

use std::ops::{ControlFlow, Deref};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

use super::kit::{Calls, D, I, START, U, batch, contact, info, person, tenant};
use super::planning::{Source, Step, TYPES, sorted, step};
use super::recorder::{Recorder, RecorderSource};
use crate::config::StatusConfig;
use crate::mirror::clock::ManualClock;
use crate::mirror::{Mirror, MirrorSettings, TableState, TenantReport, TenantState, report};
use crate::plugins::NoHooks;
use crate::plugins::hooks::HookSource;
use crate::protocol::cell;
use crate::protocol::messages::TableSchemaInfo;
use crate::protocol::table_def::TableDef;
use crate::store::sqlite::{SqliteSettings, SqliteStore};
use crate::store::{MirrorDb, Store};
use crate::threads;

/// A mirror below a folder of its own.
struct OnDisk {
    calls: Calls,
    store: Arc<SqliteStore>,
    folder: tempfile::TempDir,
}

impl Deref for OnDisk {
    type Target = Calls;
    fn deref(&self) -> &Calls {
        &self.calls
    }
}

fn host(folder: &tempfile::TempDir, hooks: Arc<dyn HookSource>) -> (Calls, Arc<SqliteStore>) {
    let store = Arc::new(SqliteStore::open(SqliteSettings::new(folder.path())).unwrap());
    let mirror = Mirror::new(store.clone(), hooks, MirrorSettings::default());
    (Calls { mirror: Arc::new(mirror.with_clock(Arc::new(ManualClock::at(START)))) }, store)
}

impl OnDisk {
    fn new() -> Self {
        Self::with_hooks(Arc::new(NoHooks))
    }

    fn with_hooks(hooks: Arc<dyn HookSource>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (calls, store) = host(&folder, hooks);
        Self { calls, store, folder }
    }

    /// Another host process, or this one after a crash: nothing is remembered but what is on disk.
    fn another_host(&self) -> Calls {
        host(&self.folder, Arc::new(NoHooks)).0
    }

    async fn db(&self) -> Arc<dyn MirrorDb> {
        self.store.open(&tenant(), None).await.unwrap()
    }

    async fn rows(&self, table: &TableSchemaInfo) -> Vec<Vec<Option<String>>> {
        let def = TableDef::from_wire(table, None).unwrap();
        let mut rows = Vec::new();
        let mut sink = |batch: crate::protocol::columns::TypedBatch| {
            for row in 0..batch.len() {
                let cell = |at: usize| {
                    let sql_type = def.columns[at].sql_type;
                    cell::encode(batch.columns[at].value(row, sql_type.decimal_scale()), sql_type)
                };
                rows.push((0..def.columns.len()).map(cell).collect());
            }
            ControlFlow::Continue(())
        };
        self.db().await.read(&def, 2, &mut sink).await.unwrap();
        rows
    }

    /// Keys and texts of `person`.
    async fn people(&self) -> Vec<String> {
        let text = |row: Vec<Option<String>>| row.into_iter().map(Option::unwrap).collect::<Vec<_>>().join(" ");
        self.rows(&person()).await.into_iter().map(text).collect()
    }

    /// What an administrator types into the sqlite3 program.
    async fn by_hand(&self, sql: &str) {
        let place = self.db().await.place();
        rusqlite::Connection::open(place).unwrap().execute_batch(sql).unwrap();
    }

    async fn ask(&self, sql: &str) -> String {
        let place = self.db().await.place();
        rusqlite::Connection::open(place).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }

    async fn told(&self) -> TenantReport {
        let status = StatusConfig { late_after: Duration::from_hours(10), silent_after: Duration::from_hours(24) };
        report(&*self.db().await, START, &status, &[]).await.unwrap()
    }

    async fn filled(&self) {
        assert_eq!(self.schema(&[person()]).await.unwrap()[0].1, -1);
        self.wipe("person").await.unwrap();
        self.batch(10, &[(I, &["1", "Ann"]), (I, &["2", "Bo"])]).await;
        self.completed(&[("person", 2)]).await.unwrap();
    }

    async fn batch(&self, lsn: i64, rows: &[(crate::protocol::messages::RowOp, &[&str])]) {
        self.calls.rows(batch(person(), lsn, rows)).await.unwrap();
    }

    async fn lsn(&self) -> i64 {
        self.schema(&[person()]).await.unwrap()[0].1
    }
}

/// A plug-in's time runs also while the mirror's only writer is somebody else's: it must not pass in waiting for that.
#[tokio::test]
async fn a_transform_is_not_held_up_by_a_mirror_that_another_process_writes_to() {
    let recorder = Arc::new(Recorder::default());
    let mirror = OnDisk::with_hooks(Arc::new(RecorderSource(recorder.clone())));
    mirror.filled().await;
    recorder.set(|behaviour| behaviour.keep_odd = vec!["person".into()]);
    assert_eq!(mirror.lsn().await, -1, "made otherwise from now on");
    let barrier = Arc::new(Barrier::new(2));
    recorder.set(|behaviour| behaviour.waits = Some(barrier.clone()));
    let other = rusqlite::Connection::open(mirror.db().await.place()).unwrap();

    let rows = batch(person(), 20, &[(I, &["3", "Cy"]), (I, &["4", "Di"])]);
    let calls = Calls { mirror: mirror.calls.mirror.clone() };
    // On a thread of its own, as the server has it done.
    let stop = CancellationToken::new();
    let call = threads::for_store(&*mirror.store, &stop, async move { calls.rows(rows).await });
    let work = async {
        // The plan: the call has its ticket by now, and no transaction yet.
        barrier.wait().await;
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        barrier.wait().await;
        let begun = tokio::time::timeout(Duration::from_secs(20), barrier.wait()).await;
        other.execute_batch("ROLLBACK").unwrap();
        begun.expect("the transform begins although the transaction cannot");
        barrier.wait().await;
    };
    let (done, ()) = tokio::join!(call, work);
    done.unwrap().unwrap();
    assert_eq!(mirror.people().await, ["[I:3] Cy"]);
}

#[tokio::test]
async fn the_lsn_does_not_run_ahead_of_rows_that_a_failed_call_left_out() {
    let mirror = OnDisk::new();
    assert_eq!(mirror.lsn().await, -1);
    mirror.wipe("person").await.unwrap();
    mirror.calls.rows(batch(person(), 0, &[(I, &["1", "Ann"]), (I, &["99999999999", "bad"])])).await.unwrap_err();
    mirror.another_host().rows(batch(person(), 200, &[(I, &["3", "Cy"])])).await.unwrap();
    mirror.completed(&[]).await.unwrap();
    assert_eq!(mirror.ask("SELECT coalesce(last_confirmed_at, 'never') FROM speil_tables").await, "never");
    assert_eq!(mirror.lsn().await, -1, "row 1 is not there");
    mirror.wipe("person").await.unwrap();
    mirror.batch(200, &[(I, &["1", "Ann"]), (I, &["3", "Cy"])]).await;
    assert_eq!((mirror.people().await.len(), mirror.lsn().await), (2, 200));

    // The same for changes, and for the batches behind the one that failed.
    let bad = batch(contact(), 0, &[(I, &["1", "2"])]);
    let behind = batch(person(), 0, &[(I, &["4", "Di"])]);
    mirror.batches(mirror.caller(), vec![Ok(bad), Ok(behind)]).await.unwrap_err();
    mirror.batch(300, &[(I, &["5", "Ed"])]).await;
    assert_eq!(mirror.lsn().await, 200);
    mirror.batch(300, &[(I, &["4", "Di"]), (I, &["5", "Ed"])]).await;
    assert_eq!((mirror.people().await.len(), mirror.lsn().await), (4, 300));
}

#[tokio::test]
async fn a_mirror_from_before_gaps_were_kept_learns_to_keep_them() {
    let mirror = OnDisk::new();
    mirror.filled().await;
    mirror.by_hand("ALTER TABLE speil_tables DROP COLUMN gap").await;
    let host = mirror.another_host();
    host.rows(batch(person(), 0, &[(I, &["99999999999", "bad"])])).await.unwrap_err();
    host.rows(batch(person(), 20, &[(I, &["3", "Cy"])])).await.unwrap();
    assert_eq!((mirror.people().await.len(), mirror.lsn().await), (3, 10));
}

#[tokio::test]
async fn a_tenants_life_from_the_first_fill_to_the_last_table() {
    let mirror = OnDisk::new();
    mirror.filled().await;
    assert_eq!(mirror.lsn().await, 10);
    mirror.batch(20, &[(U, &["1", "Ann B."]), (D, &["2"]), (I, &["3", "Cy"])]).await;
    mirror.batch(20, &[(U, &["1", "Ann B."]), (D, &["2"]), (I, &["3", "Cy"])]).await;
    assert_eq!(mirror.people().await, ["[I:1] Ann B.", "[I:3] Cy"]);
    let host = mirror.another_host();
    assert_eq!(host.schema(&[person()]).await.unwrap()[0].1, 20, "all of it is on disk");
    host.wipe("person").await.unwrap();
    assert!(mirror.people().await.is_empty());
    assert_eq!(host.schema(&[contact()]).await.unwrap(), [("contact".to_owned(), -1)]);
    assert!(
        mirror
            .db()
            .await
            .describe(&crate::protocol::table_name::TableName::new("person").unwrap())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn administrators_may_resync_reset_and_begin_anew_by_hand() {
    let mirror = OnDisk::new();
    mirror.filled().await;
    mirror.by_hand("UPDATE Cust1_mirroring SET LSN = -1").await;
    assert_eq!(mirror.lsn().await, -1);
    mirror.batch(11, &[(I, &["3", "Cy"])]).await;
    assert_eq!(mirror.people().await, ["[I:3] Cy"]);
    assert_eq!(mirror.lsn().await, 11);

    mirror.by_hand("DELETE FROM Cust1_mirroring WHERE tablename = 'person'; DROP TABLE person").await;
    assert_eq!(mirror.lsn().await, -1);
    mirror.batch(12, &[(I, &["4", "Di"])]).await;
    assert_eq!(mirror.lsn().await, 12);

    mirror.by_hand("DROP TABLE Cust1_mirroring").await;
    assert_eq!(mirror.lsn().await, -1);
    mirror.batch(13, &[(I, &["5", "Ed"])]).await;
    assert_eq!(mirror.people().await, ["[I:5] Ed"]);
    assert_eq!(mirror.lsn().await, 13);
}

#[tokio::test]
async fn minus_one_set_by_hand_in_the_middle_of_a_cycle_outlives_the_changes_that_follow() {
    let mirror = OnDisk::new();
    mirror.filled().await;
    assert_eq!(mirror.lsn().await, 10);
    mirror.by_hand("UPDATE Cust1_mirroring SET LSN = -1").await;
    mirror.batch(20, &[(I, &["3", "Cy"])]).await;
    assert_eq!(mirror.lsn().await, -1);
}

#[tokio::test]
async fn a_mirror_that_the_vendors_package_made_is_taken_over_in_place() {
    let mirror = OnDisk::new();
    mirror.schema(&[contact()]).await.unwrap();
    mirror
        .by_hand(
            "CREATE TABLE person (person_id int NOT NULL PRIMARY KEY, name nvarchar(50));
             INSERT INTO person VALUES (1, 'Ann');
             INSERT INTO Cust1_mirroring (tablename, LSN) VALUES ('person', 77);
             CREATE TABLE bystander (id int);",
        )
        .await;
    let answer = mirror.schema(&[person(), contact()]).await.unwrap();
    assert_eq!(answer[0].1, 77);
    mirror.batch(78, &[(I, &["2", "Bo"])]).await;
    assert_eq!(mirror.people().await, ["[I:1] Ann", "[I:2] Bo"]);
    mirror.schema(&[contact()]).await.unwrap();
    assert_eq!(mirror.ask("SELECT count(*) || '' FROM bystander").await, "0", "not listed, and never ours");
}

#[tokio::test]
async fn a_table_that_is_not_ours_is_neither_dropped_nor_used_and_stops_only_its_namesake() {
    let mirror = OnDisk::new();
    mirror.schema(&[contact()]).await.unwrap();
    mirror.by_hand("CREATE TABLE Person (mine text); INSERT INTO Person VALUES ('precious')").await;
    assert_eq!(mirror.schema(&[person(), contact()]).await.unwrap(), [("contact".to_owned(), -1)]);
    assert_eq!(mirror.ask("SELECT mine FROM Person").await, "precious");
    let events = mirror.db().await.history().events(1).await.unwrap();
    assert_eq!(events[0].table.as_deref(), Some("person"));
}

#[tokio::test]
async fn a_call_overtaken_by_another_host_is_refused_by_the_file_itself() {
    let mirror = OnDisk::new();
    mirror.filled().await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let here = mirror.calls.mirror.clone();
    let caller = mirror.caller();
    let older = tokio::spawn(async move { here.row_data(caller, receiver).await });
    // It takes its ticket and its first batch before the other host begins.
    sender.send(Ok(batch(person(), 11, &[(I, &["3", "Cy"])]))).await.unwrap();
    while mirror
        .db()
        .await
        .table(&crate::protocol::table_name::TableName::new("person").unwrap())
        .await
        .unwrap()
        .unwrap()
        .lsn
        .0
        != 11
    {
        tokio::task::yield_now().await;
    }
    let there = mirror.another_host();
    there.wipe("person").await.unwrap();
    there.rows(batch(person(), 30, &[(I, &["9", "new"])])).await.unwrap();
    sender.send(Ok(batch(person(), 40, &[(I, &["3", "old"])]))).await.unwrap();
    drop(sender);
    assert!(older.await.unwrap().unwrap_err().message.contains("overtaken"));
    assert_eq!(mirror.people().await, ["[I:9] new"]);
}

#[tokio::test]
async fn an_alteration_keeps_rows_in_the_file() {
    let mirror = OnDisk::new();
    mirror.filled().await;
    let wider = info(
        "Person",
        &[
            ("person_id", "int", false, ""),
            ("rank", "smallint", false, "default ((7))"),
            ("NAME", "nvarchar(max)", true, "default (N'')"),
        ],
    );
    assert_eq!(mirror.schema(std::slice::from_ref(&wider)).await.unwrap()[0].1, 10);
    let row = |cells: [&str; 3]| cells.map(|cell| Some(cell.to_owned())).to_vec();
    assert_eq!(mirror.rows(&wider).await, [row(["[I:1]", "[S:7]", "Ann"]), row(["[I:2]", "[S:7]", "Bo"])]);
}

#[tokio::test]
async fn the_words_of_status_follow_a_tenant_through_its_first_cycles() {
    let mirror = OnDisk::new();
    let both = [person(), contact()];
    let states = |told: &TenantReport| told.tables.iter().map(|table| table.state).collect::<Vec<_>>();

    mirror.schema(&both).await.unwrap();
    let told = mirror.told().await;
    assert_eq!((told.state, states(&told)), (TenantState::Filling, vec![TableState::Waiting; 2]));

    mirror.wipe("person").await.unwrap();
    mirror.batch(0, &[(I, &["1", "Ann"]), (I, &["2", "Bo"])]).await;
    let told = mirror.told().await;
    assert_eq!((told.state, states(&told)), (TenantState::Filling, vec![TableState::Waiting, TableState::Filling]));
    assert_eq!(told.tables[1].advice.as_deref(), Some("2 rows so far"));

    mirror.batch(10, &[(I, &["3", "Cy"])]).await;
    mirror.wipe("contact").await.unwrap();
    mirror.calls.rows(batch(contact(), 10, &[])).await.unwrap();
    mirror.completed(&[("person", 3)]).await.unwrap();
    let told = mirror.told().await;
    assert_eq!((told.state, told.advice, told.rows), (TenantState::Current, vec![], 3));
    assert_eq!(told.refill_in, Some(7 * 86_400_000));

    mirror.calls.rows(batch(person(), 20, &[(I, &["x", "Cy"])])).await.unwrap_err();
    let told = mirror.told().await;
    assert_eq!((told.state, told.tables[0].state), (TenantState::Failing, TableState::Failing));
    assert_eq!(told.tables[0].error.as_ref().and_then(|error| error.row), Some(1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_file_ends_equal_to_the_source_whatever_changed(
        first in prop::collection::vec((0..TYPES.len(), any::<bool>()), 0..7),
        intervals in prop::collection::vec(prop::collection::vec(step(), 1..8), 2..4)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(follow(first, intervals));
    }
}

async fn follow(first: Vec<(usize, bool)>, intervals: Vec<Vec<Step>>) {
    let mirror = OnDisk::new();
    let mut source = Source::beginning(first);
    source.mirror_into(&mirror).await;
    for interval in &intervals {
        for step in interval {
            source.apply(step);
        }
        source.mirror_into(&mirror).await;
        assert_eq!(sorted(mirror.rows(&source.info()).await), sorted(source.shown()));
    }
}
