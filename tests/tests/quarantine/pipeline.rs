//! Rows kept aside, through the whole pipeline over SQLite: left out of the mirror with their batch, seen in its status, given to
//! the next version, and forgotten when their table begins anew.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use speil::config::{PluginsConfig, StatusConfig};
use speil::mirror::{Caller, Failure, Mirror, MirrorSettings, Mirrors, TableState, TenantReport, TenantState};
use speil::plugins::{MirrorRows, PluginHost};
use speil::protocol::context_id::ContextId;
use speil::protocol::lsn::Lsn;
use speil::protocol::messages::{ColumnInfo, ReplicationSummary, RowDataBatch, RowOp, TableSchemaInfo};
use speil::protocol::raw_batch::RawBatch;
use speil::store::sqlite::{SqliteSettings, SqliteStore};
use speil::store::{MirrorDb, Store as _};
use speil_test_guests::TRANSFORMER;

use crate::plugins::{File, another, folder, place};

use RowOp::{Delete as D, Insert as I, Update as U};

/// A host over plug-ins and a folder of mirrors.
struct World {
    plugins: tempfile::TempDir,
    _folder: tempfile::TempDir,
    host: PluginHost,
    store: Arc<SqliteStore>,
    mirrors: Arc<Mirrors>,
    mirror: Arc<Mirror>,
}

fn tenant() -> ContextId {
    ContextId::new("Cust1").expect("a tenant")
}

fn person() -> TableSchemaInfo {
    let column = |name: &str, sql_type: &str, is_nullable| ColumnInfo {
        default_value: String::new(),
        is_nullable,
        name: name.into(),
        sql_type: sql_type.into(),
    };
    let columns = vec![column("id", "int", false), column("name", "nvarchar(20)", true)];
    TableSchemaInfo { table_name: "person".into(), columns }
}

fn sidecar(top: &str, config: &str) -> String {
    format!(
        "poison = \"quarantine\"\n{top}\n[config]\n\"person.inputs\" = \"name\"\n\"person.outputs\" = \"name\"\n\
         \"person.suffix\" = \"!\"\n{config}\n"
    )
}

impl World {
    fn new(sidecar: &str) -> Self {
        Self::with(&[("t.wasm", TRANSFORMER), ("t.toml", sidecar.as_bytes())])
    }

    fn with(files: &[File<'_>]) -> Self {
        let plugins = folder(files);
        let mirrors = folder(&[]);
        let host = PluginHost::load(&PluginsConfig::over(plugins.path())).expect("loaded");
        let store = Arc::new(SqliteStore::open(SqliteSettings::new(mirrors.path())).expect("a store"));
        let mirror = Arc::new(Mirror::new(store.clone(), Arc::new(host.clone()), MirrorSettings::default()));
        Self {
            plugins,
            _folder: mirrors,
            host,
            store,
            mirrors: Arc::new(Mirrors::new(mirror.clone(), BTreeMap::new())),
            mirror,
        }
    }

    fn caller() -> Caller {
        Caller {
            tenant: tenant(),
            application: "app".into(),
            client_state: String::new(),
            request_id: "r".into(),
            arrival: Mirror::arrival(),
        }
    }

    async fn schema(&self) -> i64 {
        self.mirror.table_schema(Self::caller(), vec![Arc::new(person())]).await.expect("answered")[0].lsn.0
    }

    async fn rows(&self, lsn: i64, rows: &[(RowOp, &str, &str)]) -> Result<(), Failure> {
        let rows = rows.iter().map(|(op, id, name)| (*op, [Some(*id), Some(*name)]));
        let batch = RowDataBatch { rows: RawBatch::from_rows(rows), lsn: Lsn(lsn), table: Arc::new(person()) };
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        sender.try_send(Ok(batch)).expect("there is room");
        drop(sender);
        self.mirror.row_data(Self::caller(), receiver).await
    }

    async fn completed(&self, inserts: i32) {
        let summary = ReplicationSummary { deletes: 0, inserts, table_name: "person".into(), updates: 0 };
        self.mirror.replication_completed(Self::caller(), vec![summary]).await.expect("completed");
    }

    async fn db(&self) -> Arc<dyn MirrorDb> {
        self.store.open(&tenant(), None).await.expect("the mirror opens")
    }

    /// Names in the mirror, by key.
    async fn names(&self) -> Vec<String> {
        let db = self.db().await;
        let record = db.tables().await.expect("readable").pop().expect("one table");
        let def = record.def.expect("a table of ours");
        let mut names = Vec::new();
        db.read(&def, 100, &mut |batch| {
            names.extend((0..batch.len()).map(|row| format!("{:?}", batch.columns[1].value(row, 0))));
            ControlFlow::Continue(())
        })
        .await
        .expect("readable");
        names.iter().map(|name| name.replace("Text(\"", "").replace("\")", "")).collect()
    }

    async fn report(&self) -> TenantReport {
        let db = self.db().await;
        let now = i64::try_from(
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_millis(),
        )
        .expect("a time");
        let status = StatusConfig { late_after: Duration::from_hours(2), silent_after: Duration::from_hours(26) };
        speil::mirror::report(&*db, now, &status, &[]).await.expect("readable")
    }

    async fn keys(&self) -> Vec<String> {
        self.db().await.quarantined(None, 100).await.expect("readable").into_iter().map(|row| row.key).collect()
    }

    /// A first cycle with three rows.
    async fn filled(&self) {
        assert_eq!(self.schema().await, -1);
        self.mirror.wipe(Self::caller(), "person".into()).await.expect("wiped");
        self.rows(10, &[(I, "1", "Ann"), (I, "2", "Bob"), (I, "3", "Cid")]).await.expect("taken");
        self.completed(3).await;
    }
}

#[tokio::test]
async fn how_many_rows_a_change_will_fill_anew_is_said_before_it_does() {
    let world = World::new(&sidecar("", ""));
    let rows: Arc<dyn MirrorRows> = world.mirrors.clone();
    world.host.count_rows_by(Arc::downgrade(&rows));
    world.filled().await;
    place(world.plugins.path(), "t.toml", sidecar("", "\"person.trap\" = \"Eve\"").as_bytes());
    assert!(world.host.reload().expect("readable"));
    // Once more before any cycle has come: what was known is known still.
    place(world.plugins.path(), "t.toml", sidecar("", "\"person.trap\" = \"Eva\"").as_bytes());
    assert!(world.host.reload().expect("readable"));
    assert_eq!(world.schema().await, -1);
    let events = world.db().await.history().events(10).await.expect("readable");
    let mut told: Vec<&str> =
        events.iter().filter(|event| event.kind == "plugin").map(|event| &*event.message).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    told.dedup();
    assert_eq!(
        told,
        [
            "plug-in t has another sidecar; the tables it has worked on (person: 3 rows), and those it works on now, are filled \
          anew in each tenant's next cycle; so far that is 1 tenant (Cust1)"
        ]
    );
}

#[tokio::test]
async fn a_row_that_a_transform_fails_on_is_kept_aside_and_its_batch_goes_on() {
    let world = World::new(&sidecar("", "\"person.trap\" = \"Eve\""));
    world.filled().await;
    assert_eq!(world.names().await, ["Ann!", "Bob!", "Cid!"]);
    assert_eq!(world.schema().await, 10);
    // The earlier state of the row is not what the source has: it goes.
    world.rows(20, &[(U, "2", "Eve"), (I, "4", "Dot"), (I, "5", "Eve")]).await.expect("the others are taken");
    assert_eq!(world.names().await, ["Ann!", "Cid!", "Dot!"]);
    assert_eq!(world.schema().await, 20, "the LSN moved with them");
    let mut keys = world.keys().await;
    keys.sort();
    assert_eq!(keys, ["2", "5"]);

    world.completed(2).await;
    let report = world.report().await;
    assert_eq!((report.quarantined, report.tables[0].quarantined), (2, 2));
    assert_eq!((report.state, report.tables[0].state), (TenantState::Current, TableState::Current));
    assert_eq!(
        report.tables[0].advice.as_deref(),
        Some("2 rows are kept aside and not in the mirror; the plug-in's next version is given them again")
    );
    assert_eq!(
        report.advice,
        [
            "2 rows are kept aside, of 1 table: a plug-in fails on them, and they are not in the mirror; mend the plug-in"
        ]
    );
    assert_eq!(report.quarantine.len(), 2);
    assert!(report.quarantine[0].error.starts_with("plug-in t version "), "{:?}", report.quarantine);
    let event = report.events.iter().find(|event| event.kind == "quarantine").expect("told");
    assert!(
        event.message.starts_with("2 rows are kept aside and not in the mirror: the first: plug-in t"),
        "{event:?}"
    );

    // Whatever becomes of the key clears it: another state that goes through, or a delete.
    world.schema().await;
    world.rows(30, &[(U, "2", "Bo"), (D, "5", "")]).await.expect("taken");
    assert_eq!(world.names().await, ["Ann!", "Bo!", "Cid!", "Dot!"]);
    assert_eq!(world.keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn the_last_operation_of_a_key_decides() {
    let world = World::new(&sidecar("", "\"person.trap\" = \"Eve\""));
    world.filled().await;
    world.schema().await;
    world.rows(20, &[(U, "1", "Eve"), (U, "1", "Al"), (U, "2", "Bo"), (U, "2", "Eve")]).await.expect("taken");
    assert_eq!(world.names().await, ["Al!", "Cid!"]);
    assert_eq!(world.keys().await, ["2"]);
}

#[tokio::test]
async fn over_the_cap_the_call_fails_and_nothing_of_it_is_written() {
    let world = World::new(&sidecar("quarantine_cap = 1", "\"person.trap\" = \"Eve\""));
    world.filled().await;
    world.schema().await;
    world.rows(20, &[(U, "1", "Eve")]).await.expect("one may be kept");
    let failure = world.rows(30, &[(U, "2", "Eve"), (I, "4", "Dot")]).await.expect_err("a second may not");
    assert!(
        failure.message.ends_with(
            "; more than 1 rows of table person would be kept aside, which is the most (`quarantine_cap` in t.toml), so the call \
             fails as with poison = \"stop\""
        ),
        "{failure}"
    );
    assert_eq!(world.names().await, ["Bob!", "Cid!"]);
    assert_eq!(world.keys().await, ["1"]);
    assert_eq!(world.schema().await, 20);
    // The row that is there may fail again: it is the same one.
    world.rows(30, &[(U, "1", "Eve")]).await.expect("no second row");
}

#[tokio::test]
async fn a_new_version_of_an_earlier_transform_gives_the_rows_back_too() {
    let first = sidecar("revision = \"1\"", "");
    let trap = sidecar("revision = \"1\"", "\"person.trap\" = \"Eve!\"");
    let world = World::with(&[
        ("a.wasm", TRANSFORMER),
        ("a.toml", first.as_bytes()),
        ("t.wasm", TRANSFORMER),
        ("t.toml", trap.as_bytes()),
    ]);
    let kept = async || world.db().await.quarantined(None, 9).await.expect("readable").remove(0);
    world.filled().await;
    world.schema().await;
    world.rows(20, &[(U, "1", "Eve")]).await.expect("kept aside");
    let before = kept().await;
    assert_eq!((before.plugin.as_str(), before.version.len()), ("t", 64));
    assert_eq!(world.schema().await, 20);
    assert_eq!(kept().await, before, "the same versions are not asked again");

    // What the first makes of the row is the second's trouble, so the first's new version may be its cure.
    place(world.plugins.path(), "a.wasm", &another(TRANSFORMER, "two"));
    assert!(world.host.reload().expect("readable"));
    assert_eq!(world.schema().await, 20, "the revisions are the same: nothing is filled anew");
    let after = kept().await;
    assert!(after.plugin == "t" && after.version != before.version, "it was tried: {after:?}");
    assert_eq!(after.version[..13], before.version[..13], "the one it fails in is the same");
}

#[tokio::test]
async fn the_next_version_is_given_the_rows_again() {
    let trap = sidecar("revision = \"1\"", "\"person.trap\" = \"Eve\"");
    let world = World::new(&trap);
    world.filled().await;
    world.schema().await;
    world.rows(20, &[(U, "1", "Eve"), (U, "2", "Eve")]).await.expect("kept aside");
    let at = world.db().await.quarantined(None, 9).await.expect("readable")[0].version.clone();

    // The same version is not asked again.
    assert_eq!(world.schema().await, 20);
    assert_eq!(world.db().await.quarantined(None, 9).await.expect("readable")[0].version, at);

    // Another one that fails too: they stay, under its name.
    place(world.plugins.path(), "t.wasm", &another(TRANSFORMER, "two"));
    assert!(world.host.reload().expect("readable"));
    assert_eq!(world.schema().await, 20, "the revision is the same: nothing is filled anew");
    let rows = world.db().await.quarantined(None, 9).await.expect("readable");
    assert!(rows.len() == 2 && rows.iter().all(|row| row.version != at), "{rows:?}");

    // One that does not. In a mirror this is a mended component; here the row is what does not fail any more.
    let db = rusqlite::Connection::open(world.db().await.place()).expect("the mirror's file");
    db.execute("UPDATE speil_quarantine SET cells = replace(cells, 'Eve', 'Eva') WHERE row_key = '1'", [])
        .expect("written by hand");
    drop(db);
    place(world.plugins.path(), "t.wasm", &another(TRANSFORMER, "three"));
    assert!(world.host.reload().expect("readable"));
    assert_eq!(world.schema().await, 20);
    assert_eq!(world.names().await, ["Eva!", "Cid!"]);
    assert_eq!(world.keys().await, ["2"]);
    let report = world.report().await;
    assert!(
        report.events.iter().any(|event| event.message == "1 row is not kept aside any more"),
        "{:?}",
        report.events
    );
}

#[tokio::test]
async fn a_table_that_begins_anew_keeps_nothing_aside() {
    let world = World::new(&sidecar("", "\"person.trap\" = \"Eve\""));
    world.filled().await;
    world.schema().await;
    world.rows(20, &[(U, "1", "Eve")]).await.expect("kept aside");
    assert_eq!(world.keys().await, ["1"]);
    // Without a revision another file is another transform: the table is filled anew, and the row comes again.
    place(world.plugins.path(), "t.wasm", &another(TRANSFORMER, "two"));
    assert!(world.host.reload().expect("readable"));
    assert_eq!(world.schema().await, -1);
    assert_eq!(world.keys().await, Vec::<String>::new());
    world.rows(30, &[(I, "1", "Eve"), (I, "2", "Bob")]).await.expect("taken");
    assert_eq!((world.names().await, world.keys().await), (vec!["Bob!".to_owned()], vec!["1".to_owned()]));
    world.mirror.wipe(World::caller(), "person".into()).await.expect("wiped");
    assert_eq!(world.keys().await, Vec::<String>::new());
}

#[tokio::test]
async fn with_stop_nothing_is_kept_aside() {
    let sidecar = sidecar("", "\"person.trap\" = \"Eve\"").replace("poison = \"quarantine\"", "poison = \"stop\"");
    let world = World::new(&sidecar);
    world.filled().await;
    world.schema().await;
    world.rows(20, &[(U, "1", "Eve"), (I, "4", "Dot")]).await.expect_err("the call fails");
    assert_eq!(world.names().await, ["Ann!", "Bob!", "Cid!"]);
    assert_eq!(world.keys().await, Vec::<String>::new());
    assert_eq!(world.schema().await, 10);
}

#[tokio::test]
async fn a_violation_tells_the_tables_status_its_row_and_column() {
    let sidecar = sidecar("", "\"person.long\" = \"Eve\"").replace("poison = \"quarantine\"", "");
    let world = World::new(&sidecar);
    world.filled().await;
    world.schema().await;
    world.rows(20, &[(I, "4", "Dot"), (U, "7", "Eve")]).await.expect_err("the call fails");
    let report = world.report().await;
    let error = report.tables[0].error.as_ref().expect("the table is in trouble");
    assert_eq!((error.row, error.column.as_deref()), (Some(2), Some("name")));
    assert!(
        error.message.ends_with(
            ", hook transform.apply for table person, row id = 7: its value for the column `name`: longer than nvarchar(20) holds"
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn rows_that_a_filter_leaves_out_of_a_table_without_a_key_are_no_error() {
    let sidecar = "[config]\n\"person.inputs\" = \"name\"\n\"person.filter\" = \"Eve\"\n";
    let mut world = World::new(sidecar);
    let settings = MirrorSettings { keys: [("person".to_owned(), Vec::new())].into() };
    world.mirror = Arc::new(Mirror::new(world.store.clone(), Arc::new(world.host.clone()), settings));
    assert_eq!(world.schema().await, -1);
    world.rows(10, &[(I, "1", "Ann"), (I, "2", "Eve")]).await.expect("taken");
    assert_eq!(world.names().await, ["Ann"]);
}
