//! Transforms: plans for tables, batches through them, and every way an answer can be wrong.

mod plugins;

use std::sync::Arc;

use plugins::{Lines, begin, host, hostile, people, person, shown};
use speil::plugins::PluginHost;
use speil::plugins::hooks::TransformPlan;
use speil::protocol::columns::TypedBatch;
use speil::protocol::context_id::ContextId;
use speil::protocol::messages::RowOp;
use speil::protocol::names::Operation;
use speil::protocol::table_def::TableDef;
use speil::store::Store as _;
use speil::store::sqlite::{SqliteSettings, SqliteStore};
use speil_test_guests::{HOSTILE, RECORDER, TRANSFORMER};

fn transformer(config: &str) -> PluginHost {
    let sidecar = format!("[config]\n{config}");
    host(&[("t.wasm", TRANSFORMER), ("t.toml", sidecar.as_bytes())])
}

async fn plan(host: &PluginHost) -> TransformPlan {
    begin(host, Operation::TableSchema).plan(&person()).await.unwrap()
}

fn four() -> TypedBatch {
    people(&[
        (RowOp::Insert, 1, Some("Ann"), 30),
        (RowOp::Delete, 2, None, 0),
        (RowOp::Update, 3, None, 31),
        (RowOp::Update, 4, Some("Eve"), 32),
    ])
}

/// The target's columns and the rows after the transforms.
async fn transformed(host: &PluginHost, batch: TypedBatch) -> String {
    let plan = plan(host).await;
    let target = plan.target.clone().expect("not skipped");
    let batch = begin(host, Operation::RowData).transform(&plan, batch).await.unwrap();
    assert_eq!(batch.first_row, 1);
    assert_eq!(batch.columns.len(), target.columns.len());
    shown(&target, &batch)
}

#[tokio::test]
async fn a_table_that_no_plug_in_names_passes_untouched() {
    let host = transformer("");
    let plan = plan(&host).await;
    assert_eq!(plan.digest, None);
    assert_eq!(plan.target.as_deref(), Some(&*person()));
    assert_eq!(
        shown(&person(), &begin(&host, Operation::RowData).transform(&plan, four()).await.unwrap()),
        shown(&person(), &four())
    );
}

#[tokio::test]
async fn a_table_can_be_skipped() {
    let plan = plan(&transformer("person = \"skip\"")).await;
    assert!(plan.target.is_none() && plan.digest.is_some());
}

#[tokio::test]
async fn columns_are_dropped_added_and_changed_and_deletes_pass_by() {
    let host = transformer(
        r#"
        "person.drop" = "photo,HEIGHT,pay,born,guid,seen"
        "person.add" = "initial nvarchar(30);note int"
        "person.inputs" = "name,age"
        "person.outputs" = "initial,age,name"
        "person.suffix" = "!"
        "#,
    );
    insta::assert_snapshot!(transformed(&host, four()).await, @r#"
    I id=Integer(1) name=Text("Ann!") age=Integer(31) initial=Text("Ann!") note=Null
    D id=Integer(2) name=Null age=Null initial=Null note=Null
    U id=Integer(3) name=Null age=Integer(32) initial=Null note=Null
    U id=Integer(4) name=Text("Eve!") age=Integer(33) initial=Text("Eve!") note=Null
    "#);
}

#[tokio::test]
async fn a_row_that_is_not_kept_becomes_a_delete() {
    let host = transformer(
        r#"
        "person.drop" = "photo,height,pay,born,guid,seen"
        "person.inputs" = "name"
        "person.filter" = "Eve"
        "#,
    );
    insta::assert_snapshot!(transformed(&host, four()).await, @r#"
    I id=Integer(1) name=Text("Ann") age=Integer(30)
    D id=Integer(2) name=Null age=Null
    U id=Integer(3) name=Null age=Integer(31)
    D id=Integer(4) name=Null age=Null
    "#);
}

#[tokio::test]
async fn in_a_table_without_a_key_a_row_that_is_not_kept_is_left_out() {
    let keyless = Arc::new(TableDef { key: vec![], ..(*person()).clone() });
    let host = transformer("\"person.inputs\" = \"name\"\n\"person.filter\" = \"Eve\"");
    let mut call = begin(&host, Operation::RowData);
    let plan = call.plan(&keyless).await.unwrap();
    let batch = people(&[(RowOp::Insert, 1, Some("Ann"), 30), (RowOp::Insert, 2, Some("Eve"), 31)]);
    let batch = call.transform(&plan, batch).await.unwrap();
    assert_eq!(batch.ops, [RowOp::Insert]);
}

#[tokio::test]
async fn every_kind_of_value_crosses_unchanged() {
    let all = "name,height,pay,born,photo,guid,seen";
    let host = transformer(&format!("\"person.inputs\" = \"{all}\"\n\"person.outputs\" = \"{all}\""));
    let text = |name: &str| {
        format!(
            "\"person.inputs\" = \"{name}\"\n\"person.outputs\" = \"note\"\n\"person.add\" = \"note nvarchar(200)\""
        )
    };
    let mut all = transformed(&host, people(&[(RowOp::Insert, 1, Some("Ann"), 30)])).await;
    let before = shown(&person(), &people(&[(RowOp::Insert, 1, Some("Ann"), 30)]));
    // Texts, and so what crosses as text, get a suffix, which is empty here.
    assert_eq!(all, before);
    all.clear();
    for name in ["height", "pay", "born", "photo", "guid", "seen"] {
        let after = transformed(&transformer(&text(name)), people(&[(RowOp::Insert, 1, Some("Ann"), 30)])).await;
        all.push_str(after.split(" note=").nth(1).unwrap());
    }
    insta::assert_snapshot!(all, @r#"
    Text("1.75")
    Text("-1234.50")
    Text("637254240430000000")
    Text("[0, 255]")
    Text("6F6F6F6F-6F6F-6F6F-6F6F-6F6F6F6F6F6F")
    Text("2020-05-18T18:40:43.1234567+02:00")
    "#);
}

#[tokio::test]
async fn a_batch_of_deletes_reaches_no_plug_in() {
    let host = transformer("\"person.inputs\" = \"name\"\n\"person.outputs\" = \"name\"");
    let after = transformed(&host, people(&[(RowOp::Delete, 2, None, 0)])).await;
    assert_eq!(after, shown(&person(), &people(&[(RowOp::Delete, 2, None, 0)])));
    assert_eq!(host.list()[0].counts.iter().map(|count| count.function).collect::<Vec<_>>(), ["transform.plan"]);
}

#[tokio::test]
async fn the_next_plug_in_sees_what_the_last_one_made() {
    let host = host(&[
        ("a.wasm", TRANSFORMER),
        ("a.toml", b"[config]\n\"person.add\" = \"extra nvarchar(30)\"\n\"person.inputs\" = \"name\"\n\"person.outputs\" = \"extra\"\n\"person.suffix\" = \"-a\"\n\"person.drop\" = \"photo\""),
        ("b.wasm", RECORDER),
        ("c.wasm", TRANSFORMER),
        ("c.toml", b"[config]\n\"person.inputs\" = \"extra\"\n\"person.outputs\" = \"extra\"\n\"person.suffix\" = \"-c\""),
    ]);
    let lines = Lines::listen();
    let after = transformed(&host, people(&[(RowOp::Insert, 1, Some("Ann"), 30)])).await;
    assert!(after.contains("extra=Text(\"Ann-a-c\")"), "{after}");
    let seen = lines.take().join("\n");
    assert!(seen.contains("\"extra\"") && !seen.contains("\"photo\""), "{seen}");
}

#[tokio::test]
async fn a_plan_is_asked_for_once_for_each_tenant_and_definition() {
    let host = transformer("\"person.drop\" = \"photo\"");
    plan(&host).await;
    let again = plan(&host).await;
    assert_eq!(host.list()[0].counts[0].calls, 1);
    let mut other = speil::plugins::CallInfo {
        tenant: speil::protocol::context_id::ContextId::new("Cust2").unwrap(),
        ..plugins::info(Operation::TableSchema)
    };
    other.request_id = "r2".into();
    let theirs = speil::plugins::HookSource::begin(&host, other).plan(&person()).await.unwrap();
    assert_eq!(host.list()[0].counts[0].calls, 2);
    assert_eq!(again.digest, theirs.digest, "the tenant is no part of the digest");
}

#[tokio::test]
async fn the_digest_follows_component_configuration_plan_and_order() {
    let config = b"[config]\n\"person.drop\" = \"photo\"".as_slice();
    let digest = async |files: &[plugins::File<'_>]| plan(&host(files)).await.digest;
    let base = digest(&[("a.wasm", TRANSFORMER), ("a.toml", config)]).await;
    assert!(base.is_some());
    let renamed = digest(&[("z.wasm", TRANSFORMER), ("z.toml", config)]).await;
    assert_eq!(base, renamed, "a name makes no rows");
    let with_observer = digest(&[("a.wasm", TRANSFORMER), ("a.toml", config), ("b.wasm", RECORDER)]).await;
    assert_eq!(base, with_observer, "a plug-in that answers none has no influence");
    let limits = digest(&[
        ("a.wasm", TRANSFORMER),
        ("a.toml", b"[config]\n\"person.drop\" = \"photo\"\n[limits]\ntime = \"3s\""),
    ])
    .await;
    assert_eq!(base, limits, "limits make no rows");
    let configured = digest(&[
        ("a.wasm", TRANSFORMER),
        ("a.toml", b"[config]\n\"person.drop\" = \"photo\"\n\"person.suffix\" = \"x\""),
    ])
    .await;
    assert_ne!(base, configured);
    let planned = digest(&[("a.wasm", TRANSFORMER), ("a.toml", b"[config]\n\"person.drop\" = \"name\"")]).await;
    assert_ne!(base, planned);
    let first = ("a.toml", b"[config]\n\"person.drop\" = \"photo\"".as_slice());
    let second = ("b.toml", b"[config]\n\"person.drop\" = \"name\"".as_slice());
    let one = digest(&[("a.wasm", TRANSFORMER), first, ("b.wasm", TRANSFORMER), second]).await;
    let other =
        digest(&[("a.wasm", TRANSFORMER), ("a.toml", second.1), ("b.wasm", TRANSFORMER), ("b.toml", first.1)]).await;
    assert_ne!(one, other);
    // The same plans made by another component.
    let sidecar = b"[config]\nhook = \"transform.apply\"".as_slice();
    assert_ne!(digest(&[("a.wasm", HOSTILE), ("a.toml", sidecar)]).await, base);
}

#[tokio::test]
async fn every_wrong_plan_is_refused() {
    let mut all = Vec::new();
    for behaviour in [
        "drop-key",
        "output-key",
        "drop-unknown",
        "input-unknown",
        "output-unknown",
        "output-dropped",
        "output-twice",
        "add-existing",
        "add-twice",
        "add-bad-type",
        "add-bad-name",
        "add-many",
    ] {
        let host = hostile("transform.plan", behaviour, "");
        let failure = begin(&host, Operation::TableSchema).plan(&person()).await.unwrap_err();
        assert_eq!((failure.plugin.as_str(), failure.hook, failure.refused), ("hostile", "transform.plan", false));
        all.push(plugins::plain(&failure.message));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    plug-in hostile version VERSION, hook transform.plan for table person: its plan drops `id`, which is part of the primary key; key columns stay
    plug-in hostile version VERSION, hook transform.plan for table person: its plan promises `id`, which is part of the primary key; key columns are not changed
    plug-in hostile version VERSION, hook transform.plan for table person: its plan drops `nobody`, and the table has no column of that name
    plug-in hostile version VERSION, hook transform.plan for table person: its plan asks for `nobody`, and the table has no column of that name
    plug-in hostile version VERSION, hook transform.plan for table person: its plan promises `nobody`, and the table has no column of that name
    plug-in hostile version VERSION, hook transform.plan for table person: its plan both drops and promises `name`
    plug-in hostile version VERSION, hook transform.plan for table person: its plan promises `NAME` twice
    plug-in hostile version VERSION, hook transform.plan for table person: its plan adds `NAME`, and the table has a column of that name
    plug-in hostile version VERSION, hook transform.plan for table person: its plan adds `A`, and the table has a column of that name
    plug-in hostile version VERSION, hook transform.plan for table person: its plan adds `a` with the type `varchar(5); drop table x`: "varchar(5); drop table x" is not written as a column type is: expected a name, then perhaps numbers in parentheses
    plug-in hostile version VERSION, hook transform.plan for table person: its plan adds a column named ``; a name has 1 to 128 characters and no NUL
    plug-in hostile version VERSION, hook transform.plan for table person: after its plan the table would have more than 1024 columns
    "#);
}

#[tokio::test]
async fn every_wrong_answer_is_refused() {
    let mut all = Vec::new();
    for behaviour in [
        "too-few-rows",
        "too-many-rows",
        "too-few-flags",
        "no-flags",
        "missing-column",
        "column-twice",
        "unpromised-column",
        "wrong-type",
        "out-of-range",
        "null-in-not-null",
        "too-long",
        "huge",
    ] {
        let host = hostile("transform.apply", behaviour, "output = \"8 MiB\"");
        let plan = plan(&host).await;
        let mut call = begin(&host, Operation::RowData);
        let failure = call.transform(&plan, four()).await.unwrap_err();
        assert_eq!((failure.plugin.as_str(), failure.hook, failure.refused), ("hostile", "transform.apply", false));
        all.push(plugins::plain(&failure.message));
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    plug-in hostile version VERSION, hook transform.apply for table person: it returned 2 values for the column `name`, and got 3 rows
    plug-in hostile version VERSION, hook transform.apply for table person: it returned 4 values for the column `name`, and got 3 rows
    plug-in hostile version VERSION, hook transform.apply for table person: it returned 2 keep flags for 3 rows
    plug-in hostile version VERSION, hook transform.apply for table person: it returned 0 keep flags for 3 rows
    plug-in hostile version VERSION, hook transform.apply for table person: it did not return the column `added`, which its plan promised
    plug-in hostile version VERSION, hook transform.apply for table person: it returned the column `name` twice
    plug-in hostile version VERSION, hook transform.apply for table person: it returned the column `id`, which is part of the primary key; key columns are not changed
    plug-in hostile version VERSION, hook transform.apply for table person: it returned text values for the column `age`, whose type int takes integer values
    plug-in hostile version VERSION, hook transform.apply for table person, row id = 1: its value for the column `age`: outside what int holds
    plug-in hostile version VERSION, hook transform.apply for table person, row id = 1: its value for the column `age`: NULL, which the column does not allow
    plug-in hostile version VERSION, hook transform.apply for table person, row id = 1: its value for the column `added`: longer than nvarchar(5) holds
    plug-in hostile, hook transform.apply for table person: it handed over more than its limit of 8 MiB at once; raise `output` under [limits] in hostile.toml if it needs that much
    "#);
}

#[tokio::test]
async fn a_failed_apply_is_not_passed_over_by_the_next_batch() {
    let host = hostile("transform.apply", "trap", "");
    let plan = plan(&host).await;
    let mut call = begin(&host, Operation::RowData);
    for _ in 0..3 {
        call.transform(&plan, four()).await.unwrap_err();
    }
}

#[tokio::test]
async fn indexes_are_refused_at_once_while_the_call_itself_writes() {
    let directory = plugins::folder(&[]);
    let store = SqliteStore::open(SqliteSettings::new(directory.path())).unwrap();
    let mirror = store.open(&ContextId::new("Cust1").unwrap(), None).await.unwrap();
    let mut call = begin(&hostile("transform.plan", "index", ""), Operation::TableSchema);
    call.attach(mirror);
    assert_eq!(
        call.plan(&person()).await.unwrap_err().message,
        "plug-in hostile, hook transform.plan for table person: it answered an error: indexes cannot be used in transform, \
         while the call itself writes to the mirror; use before-replicate-table or replication-completed"
    );
}
