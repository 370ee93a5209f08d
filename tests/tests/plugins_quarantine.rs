//! Rows that a transform fails on: found, left out and kept aside, given back; and transforms that do not make the same of the
//! same rows.

#[path = "quarantine/pipeline.rs"]
mod pipeline;
mod plugins;

use std::sync::Arc;

use plugins::{another, begin, folder, host, people, person, place, plain, shown, told};
use speil::config::PluginsConfig;
use speil::plugins::hooks::Poisoned;
use speil::plugins::{CallHooks, PluginHost};
use speil::protocol::columns::TypedBatch;
use speil::protocol::messages::RowOp;
use speil::protocol::names::Operation;
use speil::protocol::table_def::TableDef;
use speil_test_guests::TRANSFORMER;

fn sidecar(top: &str, config: &str) -> String {
    format!(
        "{top}\n[config]\n\"person.drop\" = \"photo,height,pay,born,guid,seen\"\n\"person.inputs\" = \"name\"\n\
         \"person.outputs\" = \"name\"\n{config}\n"
    )
}

fn transformer(top: &str, config: &str) -> PluginHost {
    host(&[("t.wasm", TRANSFORMER), ("t.toml", sidecar(top, config).as_bytes())])
}

/// Nine rows, of which every name is its own.
fn nine() -> TypedBatch {
    let names = ["Ann", "Bob", "Cid", "Dot", "Eve", "Fay", "Gus", "Hal", "Ida"];
    let rows: Vec<_> = names.iter().zip(1..).map(|(name, id)| (RowOp::Insert, id, Some(*name), 30 + id)).collect();
    people(&rows)
}

async fn run(call: &mut dyn CallHooks, batch: TypedBatch) -> Result<(String, Vec<Poisoned>), String> {
    let plan = call.plan(&person()).await.expect("planned");
    let target = plan.target.clone().expect("not skipped");
    let batch = call.transform(&plan, batch).await.map_err(|failure| failure.message)?;
    Ok((shown(&target, &batch), call.take_poisoned()))
}

#[tokio::test]
async fn the_rows_at_fault_are_found_whatever_the_failure_is() {
    let mut all = Vec::new();
    for (config, limits) in [
        ("\"person.trap\" = \"Eve\"", ""),
        ("\"person.refuse\" = \"Eve\"", ""),
        ("\"person.long\" = \"Eve\"", ""),
        ("\"person.loop\" = \"Eve\"", "[limits]\ntime = \"300ms\""),
    ] {
        let host = transformer("poison = \"quarantine\"", &format!("{config}\n{limits}"));
        let mut call = begin(&host, Operation::RowData);
        let (rows, poisoned) = run(&mut *call, nine()).await.expect("the other rows go on");
        let lines: Vec<&str> = rows.lines().collect();
        assert_eq!(lines.len(), 9);
        assert_eq!(lines[4], "D id=Integer(5) name=Null age=Null", "the row at fault is taken out");
        assert_eq!(lines[3], "I id=Integer(4) name=Text(\"Dot\") age=Integer(34)");
        assert_eq!(lines[8], "I id=Integer(9) name=Text(\"Ida\") age=Integer(39)");
        assert_eq!(poisoned.len(), 1);
        let row = &poisoned[0];
        assert_eq!((row.row, row.plugin.as_str(), row.cap, row.op), (4, "t", 100, RowOp::Insert));
        let cells: Vec<_> = row.cells.iter().map(|cell| (cell.column.as_str(), cell.text.as_deref())).collect();
        assert_eq!(cells[..3], [("id", Some("[I:5]")), ("name", Some("Eve")), ("age", Some("[I:35]"))]);
        assert_eq!(cells.len(), person().columns.len(), "the row as it came, dropped columns too");
        assert!(!row.log.contains("id = 5") && row.log.contains("row 5 of the batch"), "{}", row.log);
        all.push(plain(&row.error));
        assert!(call.take_poisoned().is_empty(), "told once");
        // The call goes on with a fresh instance.
        assert_eq!(run(&mut *call, people(&[(RowOp::Update, 1, Some("Ann"), 31)])).await.expect("fine").1, []);
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    plug-in t version VERSION, hook transform.apply for table person, row id = 5: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    plug-in t version VERSION, hook transform.apply for table person, row id = 5: it answered an error: a row that it does not like
    plug-in t version VERSION, hook transform.apply for table person, row id = 5: its value for the column `name`: longer than nvarchar(20) holds
    plug-in t version VERSION, hook transform.apply for table person, row id = 5: it took longer than its limit of 300 ms (cut after N ms); raise `time` under [limits] in t.toml if it needs longer
    "#);
}

#[tokio::test]
async fn a_single_row_and_deletes_among_rows_are_no_trouble() {
    let host = transformer("poison = \"quarantine\"", "\"person.trap\" = \"Eve\"");
    let batch =
        people(&[(RowOp::Delete, 1, None, 0), (RowOp::Update, 5, Some("Eve"), 35), (RowOp::Delete, 6, None, 0)]);
    let (rows, poisoned) = run(&mut *begin(&host, Operation::RowData), batch).await.expect("it goes on");
    insta::assert_snapshot!(rows, @r#"
    D id=Integer(1) name=Null age=Null
    D id=Integer(5) name=Null age=Null
    D id=Integer(6) name=Null age=Null
    "#);
    assert_eq!((poisoned.len(), poisoned[0].row, poisoned[0].op), (1, 1, RowOp::Update));
}

#[tokio::test]
async fn a_row_that_fails_in_a_later_transform_is_kept_as_the_source_sent_it() {
    let first = "[config]\n\"person.inputs\" = \"name\"\n\"person.outputs\" = \"name\"\n\"person.suffix\" = \"!\"\n";
    let second = sidecar("poison = \"quarantine\"", "\"person.trap\" = \"Eve!\"");
    let files =
        [("a.wasm", TRANSFORMER), ("a.toml", first.as_bytes()), ("b.wasm", TRANSFORMER), ("b.toml", second.as_bytes())];
    let (rows, poisoned) = run(&mut *begin(&host(&files), Operation::RowData), nine()).await.expect("it goes on");
    assert!(rows.contains("name=Text(\"Dot!\")") && !rows.contains("Eve"), "{rows}");
    assert_eq!((poisoned[0].plugin.as_str(), poisoned[0].cells[1].text.as_deref()), ("b", Some("Eve")));
}

#[tokio::test]
async fn what_cannot_be_kept_aside_fails_the_call_and_says_why() {
    let mut all = Vec::new();
    // Nothing is set: as ever.
    let host = transformer("", "\"person.trap\" = \"Eve\"");
    all.push(run(&mut *begin(&host, Operation::RowData), nine()).await.expect_err("stop"));
    // Over the cap.
    let host = transformer("poison = \"quarantine\"\nquarantine_cap = 1", "\"person.long\" = \"Eve\"");
    let batch = people(&[(RowOp::Insert, 1, Some("Eve"), 1), (RowOp::Insert, 2, Some("Eve"), 2)]);
    all.push(run(&mut *begin(&host, Operation::RowData), batch).await.expect_err("one is the most"));
    // No key.
    let host = transformer("poison = \"quarantine\"", "\"person.trap\" = \"Eve\"");
    let keyless = Arc::new(TableDef { key: vec![], ..(*person()).clone() });
    let mut call = begin(&host, Operation::RowData);
    let plan = call.plan(&keyless).await.expect("planned");
    all.push(call.transform(&plan, nine()).await.expect_err("no key").message);
    insta::assert_snapshot!(all.iter().map(|text| plain(text)).collect::<Vec<_>>().join("\n"), @r#"
    plug-in t, hook transform.apply for table person: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    plug-in t version VERSION, hook transform.apply for table person, row id = 1: its value for the column `name`: longer than nvarchar(20) holds; more than 1 rows of table person would be kept aside, which is the most (`quarantine_cap` in t.toml), so the call fails as with poison = "stop"
    plug-in t, hook transform.apply for table person: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why; a table without a key has no name to keep a row aside under, so the call fails as with poison = "stop"
    "#);
}

#[tokio::test]
async fn a_transform_that_makes_something_else_each_time_is_found_out() {
    let clock = "\"person.clock\" = \"yes\"";
    let trusted = transformer("", clock);
    run(&mut *begin(&trusted, Operation::RowData), nine()).await.expect("nobody looks");
    // Nor is it a row's fault, to be kept aside.
    let host = transformer("deterministic = \"check\"\npoison = \"quarantine\"", clock);
    let mut call = begin(&host, Operation::RowData);
    let plan = call.plan(&person()).await.expect("planned");
    let failure = call.transform(&plan, nine()).await.expect_err("it differs");
    assert_eq!(
        plain(&failure.message),
        "plug-in t version VERSION, hook transform.apply for table person, row id = 1: its value for the column `name`: made twice \
         of the same rows it came out different; a transform makes the same of the same rows, without clock, chance or memory"
    );
    let place = failure.place.expect("a row's");
    assert_eq!((place.row, place.column.as_deref()), (1, Some("name")));
    // One that does is called twice for the first batch, and once for the next.
    let host = transformer("deterministic = \"check\"", "");
    let mut call = begin(&host, Operation::RowData);
    for _ in 0..3 {
        assert_eq!(run(&mut *call, nine()).await.expect("the same").1, []);
    }
}

#[tokio::test]
async fn a_new_version_has_another_name_for_the_pipeline() {
    let sidecar = sidecar("poison = \"quarantine\"\nrevision = \"1\"", "");
    let folder = folder(&[("t.wasm", TRANSFORMER), ("t.toml", sidecar.as_bytes())]);
    let host = PluginHost::load(&PluginsConfig::over(folder.path())).expect("loaded");
    let mut call = begin(&host, Operation::TableSchema);
    let plan = call.plan(&person()).await.expect("planned");
    let before = call.makers(&plan);
    assert_eq!(before, [("t".to_owned(), host.list()[0].digest.clone().expect("a digest"))]);
    place(folder.path(), "t.wasm", &another(TRANSFORMER, "two"));
    assert!(host.reload().expect("readable"));
    let mut call = begin(&host, Operation::TableSchema);
    let again = call.plan(&person()).await.expect("planned");
    assert_eq!(again.digest, plan.digest, "the revision is the same");
    assert_ne!(call.makers(&again), before);
    let news = told(&call.take_events());
    assert!(news[0].ends_with("; its revision is the same, so no table is filled anew"), "{news:?}");
}
