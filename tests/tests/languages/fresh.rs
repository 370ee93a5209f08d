//! What `speil plugin new` makes: built as its README says, it passes its own test and does what its README says.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use speil::plugins::{CallInfo, HookSource as _, PluginHost};
use speil::protocol::columns::{Column, TypedBatch, Value};
use speil::protocol::context_id::ContextId;
use speil::protocol::messages::RowOp;
use speil::protocol::names::Operation;
use speil::protocol::table_def::TableDef;
use speil_tests::kit::tables::keyed_by_first;

pub async fn trims(built: PathBuf, name: &str) {
    passes_its_own_test(&built, name);
    let folder = tempfile::tempdir().expect("a folder");
    for ending in ["wasm", "toml"] {
        let file = format!("{name}.{ending}");
        std::fs::copy(built.join(&file), folder.path().join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    let plugins = folder.path().to_owned();
    // The plug-ins are tried on threads of their own.
    let host = tokio::task::spawn_blocking(move || PluginHost::load(&super::plugins(&plugins)).expect("an engine"));
    let host = host.await.expect("no panic");
    let list = host.list();
    assert_eq!((list[0].broken.as_deref(), list[0].hooks.clone()), (None, Some(vec!["transform"])), "{name}");
    let mut call = host.begin(CallInfo {
        tenant: ContextId::new("Cust1").expect("a tenant"),
        application: "app".into(),
        operation: Operation::RowData,
        client_state: String::new(),
        request_id: "r1".into(),
    });
    let table = person();
    let plan = call.plan(&table).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    assert_eq!(plan.target.as_ref().map(|target| target.columns.len()), Some(2), "{name}");
    let mut columns: Vec<Column> = table.columns.iter().map(|one| Column::with_capacity(one.sql_type, 4)).collect();
    let texts = [Some("  Ann "), None, Some("Bø"), Some("   ")];
    for (id, text) in (1..).zip(texts) {
        columns[0].push(Value::Integer(id)).expect("fits");
        columns[1].push(text.map_or(Value::Null, Value::Text)).expect("fits");
    }
    let batch = TypedBatch { ops: vec![RowOp::Insert; 4], columns, first_row: 1 };
    let batch = call.transform(&plan, batch).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let trimmed: Vec<Value<'_>> = (0..4).map(|row| batch.columns[1].value(row, 0)).collect();
    assert_eq!(trimmed, [Value::Text("Ann"), Value::Null, Value::Text("Bø"), Value::Text("")], "{name}");
}

/// As its author runs it.
fn passes_its_own_test(built: &Path, name: &str) {
    let tested = Command::new(env!("CARGO_BIN_EXE_speil-under-test"))
        .args(["plugin", "test"])
        .arg(built.join(format!("{name}.wasm")))
        .arg("--fixtures")
        .arg(built.join(format!("{name}.fixtures")))
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&tested.stdout);
    assert!(
        tested.status.success() && text.contains("1 of 1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&tested.stderr)
    );
}

fn person() -> Arc<TableDef> {
    keyed_by_first("person", &[("person_id", "int", false), ("name", "nvarchar(50)", true)])
}
