//! A plug-in's life: what breaks at which step, what is said about it, and what it means for calls.

mod plugins;

use plugins::{File, begin, folder, host, person};
use speil::config::PluginsConfig;
use speil::plugins::PluginHost;
use speil::protocol::names::Operation;
use speil::protocol::table_name::TableName;
use speil_test_guests::{RECORDER, TRANSFORMER};

/// A component from its text.
fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a component")
}

/// The reason of the first plug-in, and whether it blocks rows.
fn broken(files: &[File<'_>]) -> String {
    let status = host(files).list().remove(0);
    let blocks = if status.blocks_rows { "blocks rows" } else { "blocks nothing" };
    format!("{} ({blocks})", status.broken.expect("it must be broken"))
}

#[test]
fn every_way_to_be_broken_says_what_to_do() {
    let core = b"\0asm\x01\0\0\0";
    let other_version = component(r#"(component (instance $i) (export "speil:mirror/transform@0.2.0" (instance $i)))"#);
    let other_observer = component(r#"(component (instance $i) (export "speil:mirror/wiped@0.2.0" (instance $i)))"#);
    let no_hooks = component("(component)");
    let http = component(
        r#"(component (import "wasi:http/outgoing-handler@0.2.6" (instance))
            (instance $i) (export "speil:mirror/wiped@0.1.0" (instance $i)))"#,
    );
    let unknown = component(
        r#"(component (import "acme:secrets/vault@1.0.0" (instance (export "open" (func))))
            (instance $i) (export "speil:mirror/transform@0.1.0" (instance $i)))"#,
    );
    let shape = component(
        r#"(component (import "speil:mirror/log@0.1.0" (instance (export "shout" (func))))
            (instance $i) (export "speil:mirror/wiped@0.1.0" (instance $i)))"#,
    );
    let empty = component(r#"(component (instance $i) (export "speil:mirror/wiped@0.1.0" (instance $i)))"#);
    let wrong_type = component(
        r#"(component
            (core module $m (func (export "wiped")))
            (core instance $c (instantiate $m))
            (func $f (canon lift (core func $c "wiped")))
            (instance $i (export "wiped" (func $f)))
            (export "speil:mirror/wiped@0.1.0" (instance $i)))"#,
    );
    let half = &RECORDER[..RECORDER.len() / 2];
    let all = [
        broken(&[("p.wasm", b"not wasm at all")]),
        broken(&[("p.wasm", b"")]),
        broken(&[("p.wasm", core)]),
        broken(&[("p.wasm", b"\0asm\x0e\0\x01\0")]),
        broken(&[("p.toml", b"")]),
        broken(&[("p.wasm", &other_version)]),
        broken(&[("p.wasm", &other_observer)]),
        broken(&[("p.wasm", &no_hooks)]),
        broken(&[("p.wasm", &http)]),
        broken(&[("p.wasm", &unknown)]),
        broken(&[("p.wasm", &empty)]),
        broken(&[("p.wasm", TRANSFORMER), ("p.toml", b"[limit]")]),
        broken(&[("p.wasm", &wrong_type), ("p.toml", b"hooks = [\"transform\"]")]),
        broken(&[("p.wasm", RECORDER), ("p.toml", b"hooks = [\"wiped\"]\n[limits]\nmemory = 65536")]),
        broken(&[("p.wasm", b"rubbish"), ("p.toml", b"hooks = [\"wiped\"]")]),
        broken(&[("p.wasm", RECORDER), ("p.toml", b"[limits]\nmemory = 65536")]),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    p.wasm: it is not WebAssembly at all; was it copied whole? (blocks rows)
    p.wasm: it is not WebAssembly at all; was it copied whole? (blocks rows)
    p.wasm: it is a core WebAssembly module, not a component; build it for the target wasm32-wasip2, or make a component of it with `wasm-tools component new` (blocks rows)
    p.wasm: it is WebAssembly of a binary version this host does not know; build it with newer or older tools (blocks rows)
    p.wasm: there is a sidecar p.toml, but the component is missing; put it back, or remove the sidecar if the plug-in is no longer wanted (blocks rows)
    p.wasm: it is made for another version of speil:mirror: it exports speil:mirror/transform@0.2.0, and this host speaks 0.1.0; build it against the wit/ folder of this release (blocks rows)
    p.wasm: it is made for another version of speil:mirror: it exports speil:mirror/wiped@0.2.0, and this host speaks 0.1.0; build it against the wit/ folder of this release (blocks nothing)
    p.wasm: it exports none of the hooks (resolve-connection, authenticated, before-replicate-table, transform, wiped, replication-completed, rows-committed, operation, log-event) of speil:mirror@0.1.0; was it built with a world that exports one? (blocks nothing)
    p.wasm: it imports wasi:http/outgoing-handler@0.2.6, which is not granted; if it is to have that, add `http = ["api.example.com:443"]` (the hosts it may reach; `[]` if it only has to load) under [grants] in p.toml; if not, leave it out of the plug-in's world (blocks nothing)
    p.wasm: it imports acme:secrets/vault@1.0.0, which this host does not offer; this host offers speil:mirror@0.1.0, wasi:config@0.2.0-rc.1, wasi:cli@0.2.12, wasi:clocks@0.2.12, wasi:filesystem@0.2.12, wasi:io@0.2.12, wasi:random@0.2.12, wasi:http@0.2.12 (granted), wasi:keyvalue@0.2.0-draft (granted) (blocks rows)
    p.wasm: it does not fit this host's interfaces: instance export `speil:mirror/wiped@0.1.0` does not have export `wiped`; build it against the wit/ folder of this release (blocks nothing)
    p.toml: unknown key `limit`; did you mean `limits`? (blocks rows)
    p.wasm: its sidecar's `hooks` names transform, which it does not export; it exports wiped (blocks rows)
    p.wasm: it cannot be started: it asked for 1088 KiB of memory, more than its limit of 64 KiB; raise `memory` under [limits] in p.toml if it needs that much (blocks nothing)
    p.wasm: it is not WebAssembly at all; was it copied whole? (blocks nothing)
    p.wasm: it cannot be started: it asked for 1088 KiB of memory, more than its limit of 64 KiB; raise `memory` under [limits] in p.toml if it needs that much (blocks rows)
    "#);
    // These words are partly the engine's own.
    for (bytes, words) in [
        (half, "p.wasm: it cannot be compiled: "),
        (&shape[..], "p.wasm: it does not fit this host's interfaces: "),
        (&wrong_type[..], "p.wasm: it cannot be started: "),
    ] {
        let reason = broken(&[("p.wasm", bytes)]);
        assert!(reason.starts_with(words), "{reason}");
    }
}

#[tokio::test]
async fn a_file_that_tells_nothing_blocks_rows_and_schemas_with_its_own_reason() {
    let host = host(&[("a.wasm", RECORDER), ("b.wasm", b"rubbish")]);
    let reason = "plug-in b cannot be used: b.wasm: it is not WebAssembly at all; was it copied whole?";
    for operation in [Operation::TableSchema, Operation::RowData] {
        let mut call = begin(&host, operation);
        let failure = call.before_operation().await.unwrap_err();
        assert_eq!((failure.plugin.as_str(), failure.message.as_str(), failure.refused), ("b", reason, false));
        assert_eq!(call.plan(&person()).await.unwrap_err().message, reason);
    }
    for operation in [Operation::Authenticate, Operation::Wipe, Operation::ReplicationCompleted] {
        let mut call = begin(&host, operation);
        call.before_operation().await.unwrap();
        call.resolve_connection().await.unwrap();
        call.authenticated().await.unwrap();
        call.wiped(&TableName::new("person").unwrap()).await;
        assert!(call.take_events().is_empty(), "it is not known to have been an observer");
    }
}

#[tokio::test]
async fn a_broken_observer_breaks_nothing_and_is_told() {
    let observer = component(r#"(component (instance $i) (export "speil:mirror/wiped@0.2.0" (instance $i)))"#);
    let host = host(&[("a.wasm", &observer), ("b.wasm", TRANSFORMER)]);
    let mut call = begin(&host, Operation::TableSchema);
    call.before_operation().await.unwrap();
    call.plan(&person()).await.unwrap();
    call.wiped(&TableName::new("person").unwrap()).await;
    let events = plugins::told(&call.take_events());
    assert_eq!(events.len(), 1);
    assert!(
        events[0].starts_with("Warning plugin TableSchema person: plug-in a cannot be used: a.wasm: "),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_broken_router_of_connections_keeps_the_mirror_from_being_opened_elsewhere() {
    let router =
        component(r#"(component (instance $i) (export "speil:mirror/resolve-connection@0.2.0" (instance $i)))"#);
    let host = host(&[("a.wasm", &router)]);
    let failure = begin(&host, Operation::Wipe).resolve_connection().await.map(drop).unwrap_err();
    assert_eq!(failure.hook, "resolve-connection");
    assert!(failure.message.starts_with("plug-in a cannot be used: a.wasm: "), "{failure}");
}

#[tokio::test]
async fn the_examples_load_and_have_the_hooks_they_promise() {
    use speil_guest_artifacts::{CONNECTION_ROUTER, INDEX_MANAGER, PII_REDACTOR};
    let host = host(&[("c.wasm", CONNECTION_ROUTER), ("i.wasm", INDEX_MANAGER), ("p.wasm", PII_REDACTOR)]);
    let list = host.list();
    assert!(list.iter().all(|plugin| plugin.broken.is_none()), "{list:?}");
    assert_eq!(list[0].hooks.as_deref(), Some(&["resolve-connection"][..]));
    assert_eq!(list[2].hooks.as_deref(), Some(&["transform"][..]));
}

#[test]
fn a_folder_that_is_not_there_stops_the_start() {
    let root = folder(&[]);
    let config = PluginsConfig::over(root.path().join("plugins"));
    let error = PluginHost::load(&config).err().expect("must be refused").to_string();
    assert!(error.contains("cannot be read") && error.contains("[plugins]"), "{error}");
}
