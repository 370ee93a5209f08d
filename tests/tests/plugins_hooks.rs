//! Every hook is called at its moment, with the right arguments, in order; calls share nothing.

mod plugins;

use plugins::{Lines, begin, folder, host, info, people, person};
use speil::config::PluginsConfig;
use speil::plugins::hooks::{CallOutcome, Committed, SchemaChange};
use speil::plugins::{CallHooks, CallInfo, HookSource, PluginHost};
use speil::protocol::context_id::ContextId;
use speil::protocol::lsn::Lsn;
use speil::protocol::messages::{ReplicationSummary, RowOp};
use speil::protocol::names::Operation;
use speil::protocol::table_name::TableName;
use speil::store::history::{EventLevel, EventRecord};
use speil::store::sqlite::{SqliteSettings, SqliteStore};
use speil::store::{Applied, SchemaHash, Store, Turn};
use speil_test_guests::{RECORDER, TRANSFORMER};

fn table() -> TableName {
    TableName::new("person").unwrap()
}

/// All hooks once, as the pipeline might.
async fn all_hooks(call: &mut dyn CallHooks) {
    call.before_operation().await.unwrap();
    assert_eq!(call.resolve_connection().await.unwrap().map(|connection| connection.0), Some("place/here.db".into()));
    let members = call.authenticated().await.unwrap();
    assert_eq!(serde_json::Value::Object(members).to_string(), r#"{"doNotReplicate":"true"}"#);
    let plan = call.plan(&person()).await.unwrap();
    assert!(plan.digest.is_none(), "a plug-in that answers none has no influence");
    let batch = call.transform(&plan, people(&[(RowOp::Insert, 1, Some("Ann"), 30)])).await.unwrap();
    assert_eq!(batch.len(), 1);
    call.before_replicate_table(&table(), SchemaChange::Recreated).await;
    call.wiped(&table()).await;
    assert!(call.wants_rows_committed());
    let committed = Committed {
        table: table(),
        applied: Applied { inserted: 1, updated: 2, deleted: 3 },
        lsn: Lsn(7),
        changes: vec![(false, vec!["1".into()]), (true, vec!["2".into()])],
        truncated: true,
    };
    call.rows_committed(&committed).await;
    let summary = ReplicationSummary { deletes: 3, inserts: 1, table_name: "person".into(), updates: 2 };
    call.replication_completed(&[summary]).await;
    let event = EventRecord {
        at: 1_600_000_000_000,
        level: EventLevel::Warning,
        kind: "schema".into(),
        operation: None,
        table: Some("person".into()),
        message: "something".into(),
        advice: Some("do this".into()),
    };
    call.log_event(&event).await;
    call.after_operation(&CallOutcome { successful: false, message: "because".into() }).await;
}

const ANSWERS: &[u8] = b"[config]\nresolve = \"place/here.db\"\nauthenticated = '{ \"doNotReplicate\": \"true\" }'\n";

#[tokio::test]
async fn every_hook_is_called_in_order_with_its_arguments_on_one_instance() {
    let host = host(&[("recorder.wasm", RECORDER), ("recorder.toml", ANSWERS)]);
    let lines = Lines::listen();
    let mut call = begin(&host, Operation::TableSchema);
    all_hooks(&mut *call).await;
    assert!(call.take_events().is_empty());
    insta::assert_snapshot!(lines.take().join("\n"), @r#"
    INFO recorder 1 [Cust1 app "state" r1] operation.before OperationKind::TableSchema
    INFO recorder 2 [Cust1 app "state" r1] resolve-connection
    INFO recorder 3 [Cust1 app "state" r1] authenticated
    INFO recorder 4 [Cust1 app "state" r1] transform.plan Table { name: "person", columns: [Column { name: "id", sql-type: "int", kind: ValueKind::Integer, nullable: false, key: true }, Column { name: "name", sql-type: "nvarchar(20)", kind: ValueKind::Text, nullable: true, key: false }, Column { name: "age", sql-type: "int", kind: ValueKind::Integer, nullable: false, key: false }, Column { name: "height", sql-type: "float", kind: ValueKind::Real, nullable: true, key: false }, Column { name: "pay", sql-type: "decimal(10,2)", kind: ValueKind::Decimal, nullable: true, key: false }, Column { name: "born", sql-type: "datetime", kind: ValueKind::Timestamp, nullable: true, key: false }, Column { name: "photo", sql-type: "varbinary(max)", kind: ValueKind::Binary, nullable: true, key: false }, Column { name: "guid", sql-type: "uniqueidentifier", kind: ValueKind::Text, nullable: true, key: false }, Column { name: "seen", sql-type: "datetimeoffset(7)", kind: ValueKind::Text, nullable: true, key: false }] }
    INFO recorder 5 [Cust1 app "state" r1] before-replicate-table person SchemaChange::Recreated
    INFO recorder 6 [Cust1 app "state" r1] wiped person
    INFO recorder 7 [Cust1 app "state" r1] rows-committed Commit { table: "person", inserted: 1, updated: 2, deleted: 3, lsn: 7, changes: [Change { kind: ChangeKind::Upserted, key: ["1"] }, Change { kind: ChangeKind::Deleted, key: ["2"] }], truncated: true }
    INFO recorder 8 [Cust1 app "state" r1] replication-completed [TableSummary { table: "person", inserts: 1, updates: 2, deletes: 3 }]
    INFO recorder 9 [Cust1 app "state" r1] log-event Event { at: 1600000000000, level: Level::Warning, kind: "schema", table: Some("person"), message: "something", advice: Some("do this") }
    INFO recorder 10 [Cust1 app "state" r1] operation.after OperationKind::TableSchema false "because"
    "#);
}

#[tokio::test]
async fn each_call_gets_a_fresh_instance() {
    let host = host(&[("recorder.wasm", RECORDER)]);
    let lines = Lines::listen();
    for _ in 0..2 {
        let mut call = begin(&host, Operation::Wipe);
        call.before_operation().await.unwrap();
        call.wiped(&table()).await;
    }
    let numbers: Vec<String> =
        lines.take().iter().map(|line| line.split(' ').nth(2).unwrap_or_default().to_owned()).collect();
    assert_eq!(numbers, ["1", "2", "1", "2"]);
}

#[tokio::test]
async fn plug_ins_are_called_in_name_order_and_only_for_hooks_their_sidecar_allows() {
    let host = host(&[
        ("b.wasm", RECORDER),
        ("a.wasm", RECORDER),
        ("c.wasm", RECORDER),
        ("c.toml", b"hooks = [\"operation\"]"),
    ]);
    let lines = Lines::listen();
    let mut call = begin(&host, Operation::Wipe);
    call.wiped(&table()).await;
    call.before_operation().await.unwrap();
    let plugins: Vec<String> =
        lines.take().iter().map(|line| line.split(' ').nth(1).unwrap_or_default().to_owned()).collect();
    assert_eq!(plugins, ["a", "b", "a", "b", "c"]);
}

#[tokio::test]
async fn the_first_plug_in_that_resolves_a_connection_wins_and_additional_information_is_merged() {
    let host = host(&[
        ("a.wasm", RECORDER),
        ("b.wasm", RECORDER),
        ("b.toml", b"[config]\nresolve = \"b\"\nauthenticated = '{\"x\":1,\"y\":1}'"),
        ("c.wasm", RECORDER),
        ("c.toml", b"[config]\nresolve = \"c\"\nauthenticated = '{\"y\":2}'"),
    ]);
    let mut call = begin(&host, Operation::Authenticate);
    assert_eq!(call.resolve_connection().await.unwrap().map(|connection| connection.0), Some("b".into()));
    let members = call.authenticated().await.unwrap();
    assert_eq!(serde_json::Value::Object(members).to_string(), r#"{"x":1,"y":2}"#);
}

#[tokio::test]
async fn standard_output_becomes_log_lines() {
    let host = host(&[("recorder.wasm", RECORDER), ("recorder.toml", b"[config]\nprint = \"hello\"")]);
    let lines = Lines::listen();
    let mut call = begin(&host, Operation::Wipe);
    call.before_operation().await.unwrap();
    drop(call);
    assert_eq!(
        lines.take()[1..],
        ["INFO recorder hello", "WARN recorder hello, loudly", "INFO recorder and a line without an end"]
    );
}

#[tokio::test]
async fn no_plug_ins_means_no_hooks() {
    let empty = folder(&[("README.md", b"nothing here")]);
    let config = PluginsConfig::over(empty.path());
    let host = PluginHost::load(&config).unwrap();
    assert!(host.list().is_empty());
    let mut call = host.begin(info(Operation::TableSchema));
    assert!(call.plan(&person()).await.unwrap().digest.is_none());
    assert!(!call.wants_rows_committed());
    let config = PluginsConfig::default();
    assert!(PluginHost::load(&config).unwrap().list().is_empty());
}

#[tokio::test]
async fn the_list_says_what_each_plug_in_is_and_has_done() {
    let host = host(&[("recorder.wasm", RECORDER), ("transformer.wasm", TRANSFORMER)]);
    begin(&host, Operation::Wipe).wiped(&table()).await;
    let list = host.list();
    assert_eq!(list.len(), 2);
    assert_eq!(list[0].hooks.as_ref().map(Vec::len), Some(9));
    assert_eq!(list[1].hooks.as_deref(), Some(&["transform"][..]));
    assert_eq!(list[0].digest.as_ref().map(String::len), Some(64));
    assert_ne!(list[0].digest, list[1].digest);
    assert!(list.iter().all(|plugin| plugin.broken.is_none() && !plugin.blocks_rows));
    let counts: Vec<_> = list[0].counts.iter().map(|count| (count.function, count.calls, count.failures)).collect();
    assert_eq!(counts, [("wiped", 1, 0)]);
    assert!(list[0].counts[0].nanos > 0 && list[1].counts.is_empty());
}

#[tokio::test]
async fn indexes_are_made_on_the_calling_tenant_s_mirror_and_on_no_other() {
    let directory = folder(&[]);
    let store = SqliteStore::open(SqliteSettings::new(directory.path())).unwrap();
    let mut mirrors = Vec::new();
    for tenant in ["Cust1", "Cust2"] {
        let mirror = store.open(&ContextId::new(tenant).unwrap(), None).await.unwrap();
        let turn = Turn { table: table(), ticket: mirror.ticket().await.unwrap() };
        mirror.create_table(&turn, &person(), SchemaHash([7; 32])).await.unwrap();
        mirrors.push(mirror);
    }
    let host = host(&[("recorder.wasm", RECORDER), ("recorder.toml", b"[config]\nensure = \"person\"")]);
    let lines = Lines::listen();
    let mut call = begin(&host, Operation::TableSchema);
    // An instance that was made before the mirror was open gets it too.
    call.before_operation().await.unwrap();
    call.attach(mirrors[0].clone());
    for change in [SchemaChange::Created, SchemaChange::Unchanged] {
        call.before_replicate_table(&table(), change).await;
    }
    assert!(call.take_events().is_empty());
    let told: Vec<String> = lines.take().into_iter().filter(|line| line.contains("] indexes ")).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    INFO recorder 3 [Cust1 app "state" r1] indexes changed=true dropped=false [Index { name: "recorded", columns: [IndexColumn { name: "name", descending: true }], unique: false }]
    INFO recorder 5 [Cust1 app "state" r1] indexes changed=false dropped=false [Index { name: "recorded", columns: [IndexColumn { name: "name", descending: true }], unique: false }]
    "#);
    let made = mirrors[0].indexes(&table()).await.unwrap();
    assert_eq!(made.iter().map(|index| index.name.as_str()).collect::<Vec<_>>(), ["recorded"]);
    assert!(made[0].columns[0].descending);
    assert!(mirrors[1].indexes(&table()).await.unwrap().is_empty());
}

/// The number that the recorder counts, and the tenant it was told, of each of its lines.
fn counted(lines: &Lines) -> Vec<String> {
    let own = |line: &String| line.contains('[').then(|| line.split(' ').skip(2).take(2).collect::<Vec<_>>().join(" "));
    lines.take().iter().filter_map(own).collect()
}

#[tokio::test]
async fn the_instance_after_a_trap_remembers_nothing_of_the_one_that_trapped() {
    let host = host(&[("recorder.wasm", RECORDER), ("recorder.toml", b"[config]\ntrap = \"wiped\"")]);
    let lines = Lines::listen();
    let mut call = begin(&host, Operation::Wipe);
    call.before_operation().await.unwrap();
    call.wiped(&table()).await;
    assert_eq!(call.take_events().len(), 1);
    call.replication_completed(&[]).await;
    call.replication_completed(&[]).await;
    assert_eq!(counted(&lines), ["1 [Cust1", "2 [Cust1", "1 [Cust1", "2 [Cust1"]);
}

#[tokio::test]
async fn calls_of_two_tenants_at_the_same_time_share_no_state() {
    let host = host(&[("recorder.wasm", RECORDER)]);
    let lines = Lines::listen();
    let other = CallInfo { tenant: ContextId::new("Cust2").unwrap(), ..info(Operation::Wipe) };
    let mut calls = [begin(&host, Operation::Wipe), host.begin(other)];
    for _ in 0..2 {
        for call in &mut calls {
            call.wiped(&table()).await;
        }
    }
    assert_eq!(counted(&lines), ["1 [Cust1", "1 [Cust2", "2 [Cust1", "2 [Cust2"]);
}
