//! Where what a sidecar gives meets reloading, approval and compiled code that is kept.

use std::path::Path;

use speil::config::PluginsConfig;
use speil::plugins::hooks::{CallInfo, SchemaChange};
use speil::plugins::{HookSource, Inspection, PluginHost, PluginState, PluginStatus, Update};
use speil::protocol::context_id::ContextId;
use speil::protocol::names::Operation;
use speil::protocol::table_name::TableName;
use speil_test_guests::{HOSTILE, POWERS, TRANSFORMER};

use super::{Mirrored, run};
use crate::plugins::{another, begin, folder, info, person, place, told};

fn load(folder: &Path) -> PluginHost {
    PluginHost::load(&PluginsConfig::over(folder)).expect("an engine")
}

fn one(host: &PluginHost) -> PluginStatus {
    host.list().remove(0)
}

fn names(host: &PluginHost) -> Vec<String> {
    host.list().into_iter().map(|status| status.name).collect()
}

/// A sidecar of `powers` that makes a table of its own.
fn writing(database: &str, more: &str) -> String {
    let script = "execute CREATE TABLE plugin_powers_t (a integer)";
    format!("[config]\nscript = '{script}'\n[grants]\ndatabase = \"{database}\"\nhttp = []\nkeyvalue = true\n{more}\n")
}

/// A sidecar of the hostile guest.
fn hostile(head: &str, hook: &str, behaviour: &str) -> String {
    format!("{head}\n[config]\nhook = \"{hook}\"\nbehaviour = \"{behaviour}\"\n")
}

#[tokio::test]
async fn a_further_grant_waits_for_approval() {
    let mirror = Mirrored::new().await;
    let folder = folder(&[("powers.wasm", POWERS), ("powers.toml", writing("read", "").as_bytes())]);
    let host = load(folder.path());
    assert!(run(&host, Some(&mirror)).await.contains("ERROR denied"));

    // The same file with more in its sidecar.
    place(folder.path(), "powers.toml", writing("write", "[secrets]\nkey = { env = \"PATH\" }").as_bytes());
    host.reload().expect("readable");
    let waits = |host: &PluginHost| {
        let status = one(host);
        assert_eq!((status.state, &status.broken), (PluginState::Waiting, &None));
        let pending = status.pending.expect("said");
        for line in ["grant database \"write\"", "secret key { env = \"PATH\" }"] {
            assert!(pending.contains(line) && !pending.contains("import "), "{pending}");
        }
    };
    waits(&host);
    assert!(run(&host, Some(&mirror)).await.contains("ERROR denied"), "what runs has what it had");
    // A start forgets nothing, and a new build beside it neither.
    let host = load(folder.path());
    waits(&host);
    place(folder.path(), "powers.wasm", &another(POWERS, "two"));
    host.reload().expect("readable");
    waits(&host);
    assert!(run(&host, Some(&mirror)).await.contains("ERROR denied"));

    let update = Update::of(&PluginsConfig::over(folder.path()), "powers").expect("comparable");
    assert_eq!(update.more, ["grant database \"write\"", "secret key { env = \"PATH\" }"]);
    update.approve().expect("written");
    assert!(host.reload().expect("readable"));
    assert_eq!(one(&host).state, PluginState::Running);
    assert_eq!(run(&host, Some(&mirror)).await, "0");
    // Less asks for nothing, and comes at once.
    place(folder.path(), "powers.toml", writing("read", "").as_bytes());
    assert!(host.reload().expect("readable"));
    assert_eq!(one(&host).state, PluginState::Running);
    assert!(run(&host, Some(&mirror)).await.contains("ERROR denied"));
}

#[tokio::test]
async fn a_version_that_imports_what_is_not_granted_is_no_update() {
    let folder = folder(&[("powers.wasm", TRANSFORMER), ("powers.toml", b"hooks = [\"transform\"]\n")]);
    let host = load(folder.path());
    place(folder.path(), "powers.wasm", POWERS);
    host.reload().expect("readable");
    let status = one(&host);
    assert_eq!((status.state, status.broken), (PluginState::Outdated, None));
    let pending = status.pending.expect("said");
    assert!(pending.contains("under [grants] in powers.toml"), "{pending}");
    // Granted, it fits, and asks for more than the one before.
    place(folder.path(), "powers.toml", format!("hooks = [\"transform\"]\n{}", super::grants("read", "")).as_bytes());
    host.reload().expect("readable");
    let pending = one(&host).pending.expect("said");
    assert!(one(&host).state == PluginState::Waiting && pending.contains("import wasi:http/types"), "{pending}");
}

#[tokio::test]
async fn compiled_code_that_is_kept_gives_no_power() {
    let mirror = Mirrored::new().await;
    let folder = folder(&[("powers.wasm", POWERS), ("powers.toml", writing("write", "").as_bytes())]);
    let entries = || {
        let all = std::fs::read_dir(folder.path().join(".cache")).expect("kept");
        all.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().extension() == Some("code".as_ref()))).count()
    };
    assert!(load(folder.path()).list()[0].broken.is_none() && entries() == 1);
    // The code is the same, whatever is granted.
    place(folder.path(), "powers.toml", writing("none", "").as_bytes());
    let refused = one(&load(folder.path())).broken.expect("refused");
    assert!(refused.contains("it imports speil:mirror/database@0.1.0, which is not granted"), "{refused}");
    place(folder.path(), "powers.toml", writing("read", "").as_bytes());
    let answer = run(&load(folder.path()), Some(&mirror)).await;
    assert!(answer.contains("ERROR denied"), "{answer}");
    place(folder.path(), "powers.toml", writing("write", "").as_bytes());
    assert_eq!(run(&load(folder.path()), Some(&mirror)).await, "0");
    assert_eq!(entries(), 1);
}

#[tokio::test]
async fn order_tenants_and_failure_come_with_a_reload_and_stay() {
    let plain = hostile("", "wiped", "error");
    let folder = folder(&[
        ("a.wasm", HOSTILE),
        ("a.toml", plain.as_bytes()),
        ("b.wasm", HOSTILE),
        ("b.toml", hostile("order = 1", "wiped", "error").as_bytes()),
    ]);
    let host = load(folder.path());
    assert_eq!(names(&host), ["a", "b"]);
    let put = |name: &str, text: &str| {
        place(folder.path(), name, text.as_bytes());
        host.reload().expect("readable")
    };
    assert!(put("b.toml", &hostile("order = -1", "wiped", "error")));
    assert_eq!(names(&host), ["b", "a"]);
    place(folder.path(), "c.wasm", HOSTILE);
    assert!(put("c.toml", &hostile("order = -1", "wiped", "error")));
    assert_eq!(names(&host), ["b", "c", "a"]);
    // A sidecar that is wrong leaves the place as well.
    assert!(put("c.toml", "order = 'last'"));
    assert_eq!((names(&host), host.list()[1].state), (vec!["b".into(), "c".into(), "a".into()], PluginState::Outdated));
    assert!(put("c.toml", &hostile("order = 7", "wiped", "error")));
    assert_eq!(names(&host), ["b", "a", "c"]);
    assert_eq!(names(&load(folder.path())), names(&host), "a start makes the same of it");

    // Whom it is for.
    let table = TableName::new("t").expect("a name");
    let called = async |tenant: &str| {
        let call = CallInfo { tenant: ContextId::new(tenant).expect("a tenant"), ..info(Operation::Wipe) };
        let mut call = host.begin(call);
        call.wiped(&table).await;
        let events = told(&call.take_events());
        let who = events.iter().filter_map(|event| event.split("plug-in ").nth(1)?.split(',').next());
        who.collect::<Vec<_>>().concat()
    };
    assert_eq!(called("Cust1").await, "bac");
    assert!(put("a.toml", &hostile("tenants = [\"Other\"]", "wiped", "error")));
    assert_eq!((called("Cust1").await, called("Other").await), ("bc".into(), "bac".into()));

    // What its failure means.
    let failing = |rule: &str| {
        let head = format!("[failure]\nbefore-replicate-table = \"{rule}\"");
        assert!(put("b.toml", &hostile(&head, "before-replicate-table", "trap")));
        begin(&host, Operation::TableSchema)
    };
    for (rule, fails) in [("fail", true), ("ignore", false)] {
        let mut call = failing(rule);
        call.before_replicate_table(&table, SchemaChange::Created).await;
        assert_eq!(call.take_failure().is_some(), fails, "{rule}");
    }
}

#[tokio::test]
async fn the_breaker_goes_by_the_sidecar_s_rule() {
    let table = TableName::new("t").expect("a name");
    let host = |head: &str, hook: &str, behaviour: &str| {
        let sidecar = hostile(head, hook, behaviour);
        crate::plugins::host(&[("p.wasm", HOSTILE), ("p.toml", sidecar.as_bytes())])
    };
    // What may be ignored is left alone in the end, though it fails calls by itself.
    let ignored = host("[failure]\noperation = \"ignore\"", "operation.before", "trap");
    // What fails the call is not, though it is logged by itself.
    let failing = host("[failure]\nbefore-replicate-table = \"fail\"", "before-replicate-table", "trap");
    // A refusal is no failure.
    let refusing = host("[failure]\noperation = \"ignore\"", "operation.before", "error");
    for _ in 0..15 {
        begin(&ignored, Operation::Wipe).before_operation().await.expect("ignored");
        let mut call = begin(&failing, Operation::TableSchema);
        call.before_replicate_table(&table, SchemaChange::Created).await;
        assert!(call.take_failure().is_some());
        assert!(begin(&refusing, Operation::Wipe).before_operation().await.is_err());
    }
    assert_eq!(one(&ignored).paused.first().map(|paused| paused.function), Some("operation.before"));
    assert!(one(&failing).paused.is_empty() && one(&refusing).paused.is_empty());
}

#[tokio::test]
async fn what_is_filled_anew_for_tenants_order_and_secrets_is_said_and_so_done() {
    let sidecar = |head: &str, rest: &str| format!("{head}\n[config]\n\"person.drop\" = \"photo\"\n{rest}\n");
    let secret = "[secrets]\n\"person.suffix\" = { file = \"secrets/suffix\" }";
    let folder =
        folder(&[("p.wasm", TRANSFORMER), ("p.toml", sidecar("", secret).as_bytes()), ("q.wasm", TRANSFORMER)]);
    std::fs::create_dir(folder.path().join("secrets")).expect("made");
    let write_secret = |text: &str| {
        let path = folder.path().join("secrets/suffix");
        std::fs::write(&path, text).expect("written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("ours");
        }
    };
    write_secret("one");
    let host = load(folder.path());
    let planned = async || {
        let mut call = begin(&host, Operation::TableSchema);
        let digest = call.plan(&person()).await.expect("planned").digest;
        (digest, told(&call.take_events()).join("\n"))
    };
    let first = planned().await.0;
    assert!(first.is_some());

    // A secret alone is not noticed; with its sidecar it is.
    write_secret("two");
    assert!(!host.reload().expect("readable"));
    place(folder.path(), "p.toml", sidecar("# two", secret).as_bytes());
    assert!(host.reload().expect("readable"));
    let (second, news) = planned().await;
    assert!(second != first && news.contains("(person), and those it works on now, are filled anew"), "{news}");

    // Another place.
    place(folder.path(), "p.toml", sidecar("order = 3", secret).as_bytes());
    assert!(host.reload().expect("readable"));
    let (third, news) = planned().await;
    assert!(news.contains("tables that it and another transform work on are filled anew"), "{news}");
    assert_eq!(third, second, "the other works on none");

    // Other tenants. A cycle under way ends with what it began with.
    place(folder.path(), "p.toml", sidecar("tenants = [\"Other\"]", secret).as_bytes());
    assert!(host.reload().expect("readable"));
    let row = begin(&host, Operation::RowData).plan(&person()).await.expect("planned").digest;
    assert_eq!(row, second);
    let (none, news) = planned().await;
    assert_eq!(none, None);
    assert!(news.contains("in the next cycle of each tenant that it is now for, or no longer"), "{news}");
}

#[test]
fn two_plug_ins_never_share_tables() {
    let folder = folder(&[("a_b.wasm", HOSTILE)]);
    let states = |host: &PluginHost| -> Vec<(String, bool)> {
        host.list().into_iter().map(|status| (status.name, status.broken.is_none())).collect()
    };
    let host = load(folder.path());
    place(folder.path(), "a-b.wasm", HOSTILE);
    assert!(host.reload().expect("readable"));
    let one_runs = [("a-b".to_owned(), false), ("a_b".to_owned(), true)];
    assert_eq!(states(&host), one_runs);
    let reason = host.list().remove(0).broken.expect("refused");
    assert!(reason.starts_with("a-b.wasm: tables of its own would be named plugin_a_b_…"), "{reason}");
    assert!(!host.reload().expect("readable"), "nothing has changed");
    assert_eq!(states(&load(folder.path())), one_runs, "the one that was there first");
    // It comes when the other goes.
    std::fs::remove_file(folder.path().join("a_b.wasm")).expect("removed");
    assert!(host.reload().expect("readable"));
    assert_eq!(states(&host), [("a-b".to_owned(), true)]);
}

#[test]
fn looking_at_a_file_tells_the_grants_it_needs() {
    let folder = folder(&[("powers.wasm", POWERS), ("powers.toml", writing("read", "keyvalue = false").as_bytes())]);
    let needs = || {
        let inspection = Inspection::of(&folder.path().join("powers.wasm")).expect("a component");
        let mut needs: Vec<_> = inspection.imports.iter().filter_map(|import| import.needs).collect();
        needs.sort_unstable();
        needs.dedup();
        (needs, inspection.problem)
    };
    let all = vec!["database", "http", "keyvalue"];
    assert!(matches!(needs(), (found, Some(problem)) if found == all && problem.contains("powers.toml: ")));
    // What a sidecar names is not fetched for it.
    place(folder.path(), "powers.toml", writing("read", "environment = [\"SPEIL_NOT_SET\"]").as_bytes());
    assert_eq!(needs(), (all, None));
}
