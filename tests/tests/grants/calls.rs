//! `order`, `tenants` and `[failure]`: which plug-ins a call picks, in which order, and what their failures mean.

use speil::plugins::hooks::{CallInfo, SchemaChange};
use speil::plugins::{HookSource, PluginHost};
use speil::protocol::context_id::ContextId;
use speil::protocol::names::Operation;
use speil::protocol::table_name::TableName;

use crate::plugins::{File, begin, host, info, told};

/// Hostile plug-ins with these names and sidecar heads, each answering an error in `operation.before`.
fn several(all: &[(&str, &str)], hook: &str, behaviour: &str) -> PluginHost {
    let sidecars: Vec<(String, String, String)> = all
        .iter()
        .map(|(name, head)| {
            let text = format!("{head}\n[config]\nhook = \"{hook}\"\nbehaviour = \"{behaviour}\"\n");
            (format!("{name}.wasm"), format!("{name}.toml"), text)
        })
        .collect();
    let files: Vec<File<'_>> = sidecars
        .iter()
        .flat_map(|(component, sidecar, text)| {
            [(component.as_str(), speil_test_guests::HOSTILE), (sidecar.as_str(), text.as_bytes())]
        })
        .collect();
    host(&files)
}

#[tokio::test]
async fn the_order_is_the_sidecar_s_and_then_the_name_s() {
    let host = several(&[("a", ""), ("b", "order = -1"), ("c", "order = 5"), ("d", "order = -1")], "wiped", "error");
    let names: Vec<String> = host.list().into_iter().map(|status| status.name).collect();
    assert_eq!(names, ["b", "d", "a", "c"]);
    let mut call = begin(&host, Operation::Wipe);
    call.wiped(&TableName::new("t").unwrap()).await;
    let told = told(&call.take_events());
    let order: Vec<&str> = told.iter().filter_map(|event| event.split("plug-in ").nth(1)?.split(',').next()).collect();
    assert_eq!(order, ["b", "d", "a", "c"]);
}

#[tokio::test]
async fn a_plug_in_serves_the_tenants_it_is_for() {
    let host = several(&[("a", "tenants = [\"Cust1\", \"Test*\"]")], "operation.before", "error");
    for (tenant, serves) in [("Cust1", true), ("cust1", true), ("TESTING", true), ("Cust10", false), ("Other", false)] {
        let info = CallInfo { tenant: ContextId::new(tenant).unwrap(), ..info(Operation::Wipe) };
        assert_eq!(host.begin(info).before_operation().await.is_err(), serves, "{tenant}");
    }
}

#[tokio::test]
async fn a_broken_transform_blocks_only_the_tenants_it_is_for() {
    let sidecar: File<'_> = ("p.toml", b"hooks = [\"transform\"]\ntenants = [\"Cust1\"]");
    let host = host(&[("p.wasm", b"rubbish"), sidecar]);
    assert!(begin(&host, Operation::RowData).before_operation().await.is_err());
    let other = CallInfo { tenant: ContextId::new("Cust2").unwrap(), ..info(Operation::RowData) };
    assert!(host.begin(other).before_operation().await.is_ok());
}

#[tokio::test]
async fn failures_mean_what_the_sidecar_says() {
    // What fails the call by itself can be ignored; but a refusal is none.
    let ignored = several(&[("a", "[failure]\noperation = \"ignore\"")], "operation.before", "trap");
    let mut call = begin(&ignored, Operation::Wipe);
    call.before_operation().await.unwrap();
    assert_eq!(call.take_events().len(), 1);
    let refused = several(&[("a", "[failure]\noperation = \"ignore\"")], "operation.before", "error");
    assert!(begin(&refused, Operation::Wipe).before_operation().await.unwrap_err().refused);
    // What is logged by itself can fail the call.
    let table = TableName::new("t").unwrap();
    let failing = several(&[("a", "[failure]\nbefore-replicate-table = \"fail\"")], "before-replicate-table", "trap");
    let mut call = begin(&failing, Operation::TableSchema);
    call.before_replicate_table(&table, SchemaChange::Created).await;
    let failure = call.take_failure().expect("the call is to fail");
    assert_eq!((failure.plugin.as_str(), failure.hook), ("a", "before-replicate-table"));
    assert!(call.take_failure().is_none() && call.take_events().is_empty());
    let logged = several(&[("a", "")], "before-replicate-table", "trap");
    let mut call = begin(&logged, Operation::TableSchema);
    call.before_replicate_table(&table, SchemaChange::Created).await;
    assert!(call.take_failure().is_none());
    assert_eq!(call.take_events().len(), 1);
}
