//! The author's guide's first plug-in is one: its files are those of `tests/guests/mail-domain`, which is built with the
//! other guests and run here.

use std::sync::Arc;

use speil::config::PluginsConfig;
use speil::plugins::{CallInfo, HookSource, PluginHost};
use speil::protocol::columns::{Column, TypedBatch, Value};
use speil::protocol::context_id::ContextId;
use speil::protocol::messages::RowOp;
use speil::protocol::names::Operation;
use speil::protocol::table_def::TableDef;
use speil_tests::kit::tables::keyed_by_first;

use super::markdown::{page, root};

fn file(name: &str) -> String {
    let path = root().join("tests/guests/mail-domain").join(name);
    std::fs::read_to_string(path).expect("a file of the guest").replace("\r\n", "\n")
}

#[test]
fn the_guide_shows_the_files_that_are_built() {
    let guide = page("docs/plugin-authors-guide.md");
    let blocks = guide.blocks();
    let shows = |language: &str, text: &str| blocks.iter().any(|one| one.language == language && one.text == text);
    assert!(shows("toml", &file("Cargo.toml")), "Cargo.toml");
    assert!(shows("toml", &file("mail-domain.toml")), "mail-domain.toml");
    // A plug-in has its copy of the interfaces in its own folder.
    let source = file("src/lib.rs").replace("\"../../../wit\"", "\"wit\"");
    assert!(shows("rust", &source), "src/lib.rs");
}

fn host() -> PluginHost {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mail-domain.wasm"), speil_test_guests::MAIL_DOMAIN).expect("written");
    std::fs::write(folder.path().join("mail-domain.toml"), file("mail-domain.toml")).expect("written");
    let config = PluginsConfig::over(folder.path());
    PluginHost::load(&config).expect("an engine")
}

fn person() -> Arc<TableDef> {
    keyed_by_first(
        "person",
        &[("person_id", "int", false), ("name", "nvarchar(50)", true), ("email", "nvarchar(100)", true)],
    )
}

fn rows(table: &TableDef, rows: &[(RowOp, i64, Option<&str>)]) -> TypedBatch {
    let mut columns: Vec<Column> =
        table.columns.iter().map(|column| Column::with_capacity(column.sql_type, rows.len())).collect();
    for &(_, id, email) in rows {
        columns[0].push(Value::Integer(id)).expect("fits");
        columns[1].push(Value::Text("name")).expect("fits");
        columns[2].push(email.map_or(Value::Null, Value::Text)).expect("fits");
    }
    TypedBatch { ops: rows.iter().map(|row| row.0).collect(), columns, first_row: 1 }
}

/// The worked example of the guide.
#[tokio::test]
async fn it_adds_the_domain_and_leaves_out_the_rows_of_one() {
    let host = host();
    let list = host.list();
    assert_eq!((list[0].broken.as_deref(), list[0].hooks.clone()), (None, Some(vec!["transform"])));
    let mut hooks = host.begin(CallInfo {
        tenant: ContextId::new("Cust1").expect("a tenant"),
        application: "app".into(),
        operation: Operation::RowData,
        client_state: String::new(),
        request_id: "r1".into(),
    });
    let table = person();
    let plan = hooks.plan(&table).await.expect("planned");
    let target = plan.target.clone().expect("not skipped");
    let added = target.columns.last().expect("columns");
    assert_eq!((target.columns.len(), added.name.as_str()), (4, "mail_domain"));
    let sent = [
        (RowOp::Insert, 1, Some("ann@Contoso.com")),
        (RowOp::Update, 2, Some("bo@example.com")),
        (RowOp::Delete, 3, None),
        (RowOp::Insert, 4, None),
    ];
    let batch = hooks.transform(&plan, rows(&table, &sent)).await.expect("transformed");
    assert_eq!(batch.ops, [RowOp::Insert, RowOp::Delete, RowOp::Delete, RowOp::Insert]);
    let domains: Vec<String> = (0..4).map(|row| format!("{:?}", batch.columns[3].value(row, 0))).collect();
    assert_eq!(domains, [r#"Text("contoso.com")"#, "Null", "Null", "Null"]);
    assert_eq!(batch.columns[0].value(1, 0), Value::Integer(2), "a row that is left out is deleted by its key");
}
