//! Reloading: what changes in the folder comes in between calls, whole or not at all, and nothing else changes with it.

mod plugins;

use std::path::Path;
use std::time::Duration;

use plugins::{another, begin, folder, person, place, told};
use speil::config::{PluginsConfig, Watch};
use speil::plugins::{PluginHost, PluginState, PluginStatus};
use speil::protocol::names::Operation;
use speil::protocol::table_name::TableName;
use speil_test_guests::{HOSTILE, RECORDER, TRANSFORMER};
use speil_tests::kit::wait;

const SIDECAR: &[u8] = b"[config]\n\"person.drop\" = \"photo\"\n";

fn load(folder: &Path) -> PluginHost {
    PluginHost::load(&PluginsConfig::over(folder)).expect("an engine")
}

fn one(host: &PluginHost) -> PluginStatus {
    let mut list = host.list();
    assert_eq!(list.len(), 1, "{list:?}");
    list.remove(0)
}

/// Waits until the only plug-in is as wanted.
async fn until_one(host: &PluginHost, what: &str, wanted: impl Fn(&PluginStatus) -> bool) -> PluginStatus {
    wait::until(what, async || {
        let list = host.list();
        let [plugin] = list.as_slice() else { return None };
        wanted(plugin).then(|| plugin.clone())
    })
    .await
}

/// Everything that happens to files in a folder, seen by a watched host.
async fn everything_that_happens(watch: Watch, poll_interval: Duration) {
    let folder = folder(&[("p.wasm", TRANSFORMER), ("p.toml", SIDECAR)]);
    let path = |name: &str| folder.path().join(name);
    let config = PluginsConfig { watch, poll_interval, approval: false, ..PluginsConfig::over(folder.path()) };
    let host = PluginHost::load(&config).expect("an engine");
    let _watching = host.watch().expect("there is a folder");
    let first = one(&host).digest;

    // Renamed into place.
    place(folder.path(), "p.wasm", &another(TRANSFORMER, "two"));
    let second = until_one(&host, "the renamed version", |plugin| plugin.digest != first).await;
    assert_eq!((second.state, &second.revision), (PluginState::Running, &None));

    // A sidecar alone.
    std::fs::write(path("p.toml"), [b"revision = \"5\"\n", SIDECAR].concat()).expect("written");
    let revised = until_one(&host, "the sidecar", |plugin| plugin.revision.as_deref() == Some("5")).await;
    assert_eq!(revised.digest, second.digest);

    // Half a file that goes no further: the old one runs on, and it is said why.
    std::fs::write(path("p.wasm"), &RECORDER[..RECORDER.len() / 2]).expect("written");
    let half = until_one(&host, "half a file to be told", |plugin| plugin.state == PluginState::Outdated).await;
    assert_eq!((half.digest, half.broken), (second.digest.clone(), None));
    let pending = half.pending.expect("said");
    assert!(pending.contains("p.wasm: it cannot be compiled") && pending.contains("was it copied whole"), "{pending}");
    // The rest comes.
    std::fs::write(path("p.wasm"), RECORDER).expect("written");
    let whole = until_one(&host, "the whole file", |plugin| plugin.state == PluginState::Running).await;
    assert!(whole.digest != second.digest && whole.pending.is_none());

    // Removed, and put back.
    std::fs::remove_file(path("p.wasm")).expect("removed");
    std::fs::remove_file(path("p.toml")).expect("removed");
    wait::until("removal", async || host.list().is_empty().then_some(())).await;
    std::fs::write(path("q.wasm"), TRANSFORMER).expect("written");
    let back = until_one(&host, "a new plug-in", |plugin| plugin.name == "q").await;
    assert_eq!((back.state, back.digest), (PluginState::Running, first));
}

/// Told by the system: looking alone would take an hour.
#[tokio::test]
async fn the_system_tells_of_changes() {
    everything_that_happens(Watch::Auto, Duration::from_hours(1)).await;
}

#[tokio::test]
async fn looking_finds_changes_where_nobody_tells() {
    everything_that_happens(Watch::Poll, Duration::from_millis(100)).await;
}

#[tokio::test]
async fn a_broken_update_leaves_the_old_version_at_work() {
    let folder = folder(&[("p.wasm", TRANSFORMER), ("p.toml", SIDECAR)]);
    let host = load(folder.path());
    let good = one(&host).digest;
    let before = begin(&host, Operation::TableSchema).plan(&person()).await.expect("planned").digest;
    for (file, bytes, why) in [
        ("p.wasm", b"rubbish".as_slice(), "p.wasm: it is not WebAssembly at all"),
        ("p.wasm", b"", "p.wasm: it is not WebAssembly at all"),
        ("p.toml", b"[limit]\n", "p.toml: unknown key `limit`"),
        ("p.toml", b"hooks = [\"wiped\"]\n", "names wiped, which it does not export"),
        ("p.toml", b"[limits]\nmemory = 65536\n", "p.wasm: it cannot be started: it asked for"),
    ] {
        let kept = std::fs::read(folder.path().join(file)).expect("there");
        place(folder.path(), file, bytes);
        assert!(host.reload().expect("readable"), "{why}");
        let status = one(&host);
        assert_eq!((status.state, &status.digest), (PluginState::Outdated, &good), "{why}");
        let pending = status.pending.expect("said");
        assert!(pending.contains(why), "{pending}");
        // It works, and the tenant is told in its next cycle.
        let mut call = begin(&host, Operation::TableSchema);
        assert_eq!(call.plan(&person()).await.expect("planned").digest, before);
        let events = told(&call.take_events());
        assert!(
            events.iter().any(|event| event.contains("plug-in p stays as it is") && event.contains(why)),
            "{events:?}"
        );
        place(folder.path(), file, &kept);
        host.reload().expect("readable");
        assert_eq!(one(&host).state, PluginState::Running);
    }
    assert!(!host.reload().expect("readable"), "nothing has changed");
}

#[tokio::test]
async fn taking_the_component_alone_away_is_no_update_and_taking_both_is_removal() {
    let folder = folder(&[("p.wasm", TRANSFORMER), ("p.toml", SIDECAR)]);
    let host = load(folder.path());
    let mut call = begin(&host, Operation::TableSchema);
    assert!(call.plan(&person()).await.expect("planned").digest.is_some());
    assert_eq!(told(&call.take_events()), Vec::<String>::new(), "the first cycle has no news");

    std::fs::remove_file(folder.path().join("p.wasm")).expect("removed");
    host.reload().expect("readable");
    let status = one(&host);
    assert!(status.state == PluginState::Broken && status.blocks_rows, "{status:?}");
    begin(&host, Operation::TableSchema).before_operation().await.expect_err("it might have redacted");

    place(folder.path(), "p.wasm", TRANSFORMER);
    host.reload().expect("readable");
    let mut call = begin(&host, Operation::TableSchema);
    call.plan(&person()).await.expect("planned");
    call.take_events();
    std::fs::remove_file(folder.path().join("p.wasm")).expect("removed");
    std::fs::remove_file(folder.path().join("p.toml")).expect("removed");
    host.reload().expect("readable");
    assert!(host.list().is_empty());
    // The cycle that is under way ends with what it began with; the next is told what it will fill anew.
    assert!(begin(&host, Operation::RowData).plan(&person()).await.expect("planned").digest.is_some());
    let mut call = begin(&host, Operation::TableSchema);
    assert_eq!(call.plan(&person()).await.expect("planned").digest, None);
    let expected = "Info plugin - -: plug-in p was removed; the tables it has worked on (person) are filled anew in each \
                    tenant's next cycle; so far that is 1 tenant (Cust1)";
    assert_eq!(told(&call.take_events()), [expected]);
    assert_eq!(begin(&host, Operation::RowData).plan(&person()).await.expect("planned").digest, None);
}

#[tokio::test]
async fn what_has_not_changed_keeps_its_counts() {
    let folder = folder(&[("a.wasm", RECORDER), ("b.wasm", TRANSFORMER)]);
    let host = load(folder.path());
    begin(&host, Operation::Wipe).wiped(&TableName::new("person").expect("a name")).await;
    let calls = |host: &PluginHost| host.list()[0].counts.iter().map(|count| count.calls).sum::<u64>();
    assert_eq!(calls(&host), 1);
    place(folder.path(), "b.wasm", &another(TRANSFORMER, "two"));
    assert!(host.reload().expect("readable"));
    assert_eq!(calls(&host), 1);
    place(folder.path(), "a.toml", b"[limits]\ntime = \"9s\"\n");
    assert!(host.reload().expect("readable"));
    assert_eq!(calls(&host), 1, "the component is the same");
    place(folder.path(), "a.wasm", &another(RECORDER, "two"));
    assert!(host.reload().expect("readable"));
    assert_eq!(calls(&host), 0, "another one has done nothing yet");
    // Touched, and the same.
    place(folder.path(), "a.wasm", &another(RECORDER, "two"));
    assert!(!host.reload().expect("readable"));
}

#[tokio::test]
async fn a_call_keeps_the_generation_it_began_with() {
    let folder = folder(&[("p.wasm", TRANSFORMER), ("p.toml", SIDECAR)]);
    let host = load(folder.path());
    let mut call = begin(&host, Operation::TableSchema);
    place(folder.path(), "p.toml", b"[config]\n\"person.drop\" = \"name\"\n");
    assert!(host.reload().expect("readable"));
    let columns = |plan: speil::plugins::hooks::TransformPlan| {
        let target = plan.target.expect("not skipped");
        let names: Vec<String> = target.columns.iter().map(|column| column.name.clone()).collect();
        (names.contains(&"name".to_owned()), names.contains(&"photo".to_owned()))
    };
    assert_eq!(columns(call.plan(&person()).await.expect("planned")), (true, false));
    // So does the rest of its cycle, and nobody else.
    assert_eq!(columns(begin(&host, Operation::RowData).plan(&person()).await.expect("planned")), (true, false));
    assert_eq!(columns(begin(&host, Operation::TableSchema).plan(&person()).await.expect("planned")), (false, true));
    assert_eq!(columns(begin(&host, Operation::RowData).plan(&person()).await.expect("planned")), (false, true));
}

#[tokio::test]
async fn a_revision_stands_for_the_file() {
    let digest = async |component: &[u8], start: &str| {
        let sidecar = [start.as_bytes(), SIDECAR].concat();
        let host = plugins::host(&[("p.wasm", component), ("p.toml", &sidecar)]);
        begin(&host, Operation::TableSchema).plan(&person()).await.expect("planned").digest.expect("touched")
    };
    let two = another(TRANSFORMER, "two");
    let one = digest(TRANSFORMER, "revision = \"1\"\n").await;
    assert_eq!(one, digest(&two, "revision = \"1\"\n").await, "the author says that rows are the same");
    assert_ne!(one, digest(TRANSFORMER, "revision = \"2\"\n").await);
    assert_ne!(one, digest(TRANSFORMER, "").await);
    assert_ne!(digest(TRANSFORMER, "").await, digest(&two, "").await);
    assert_ne!(
        one,
        digest(TRANSFORMER, "revision = \"1\"\n[config]\n\"person.suffix\" = \"x\"\n#").await,
        "its configuration counts all the same"
    );

    // And it is said that nothing is filled anew.
    let sidecar = [b"revision = \"1\"\n", SIDECAR].concat();
    let folder = folder(&[("p.wasm", TRANSFORMER), ("p.toml", &sidecar)]);
    let host = load(folder.path());
    begin(&host, Operation::TableSchema).plan(&person()).await.expect("planned");
    place(folder.path(), "p.wasm", &two);
    host.reload().expect("readable");
    let events = told(&begin(&host, Operation::TableSchema).take_events());
    assert!(events[0].ends_with("; its revision is the same, so no table is filled anew"), "{events:?}");
}

#[tokio::test]
async fn an_observer_that_keeps_failing_is_paused_and_one_that_guards_is_not() {
    let sidecar = |hook: &str| format!("[config]\nhook = \"{hook}\"\nbehaviour = \"error\"\n");
    let folder = folder(&[("p.wasm", HOSTILE), ("p.toml", sidecar("wiped").as_bytes())]);
    let host = load(folder.path());
    let table = TableName::new("person").expect("a name");
    let mut events = Vec::new();
    for _ in 0..30 {
        let mut call = begin(&host, Operation::Wipe);
        call.wiped(&table).await;
        events.extend(told(&call.take_events()));
    }
    let paused =
        events.iter().filter(|event| event.contains("hook wiped: it keeps failing and is left alone for 60 s"));
    assert_eq!(paused.count(), 1, "{events:?}");
    let status = one(&host);
    assert_eq!(status.state, PluginState::Paused);
    let count = status.counts.iter().find(|count| count.function == "wiped").expect("called");
    assert_eq!((count.calls, count.failures), (10, 10));
    assert_eq!((status.paused[0].function, status.paused[0].left_out), ("wiped", 20));
    assert!(status.last_error.expect("kept").message.contains("it answered an error: on purpose"));

    // A changed file begins anew.
    place(folder.path(), "p.toml", sidecar("operation.before").as_bytes());
    host.reload().expect("readable");
    assert_eq!(one(&host).state, PluginState::Running);
    for _ in 0..30 {
        begin(&host, Operation::Wipe).before_operation().await.expect_err("it blocks for as long as it fails");
    }
    assert!(one(&host).paused.is_empty());
}

#[test]
fn a_folder_that_cannot_be_read_changes_nothing() {
    let root = tempfile::tempdir().expect("a folder");
    let (here, away) = (root.path().join("plugins"), root.path().join("away"));
    std::fs::create_dir(&here).expect("made");
    std::fs::write(here.join("p.wasm"), TRANSFORMER).expect("written");
    let config = PluginsConfig { cache_directory: Some(root.path().join("cache")), ..PluginsConfig::over(&here) };
    let host = PluginHost::load(&config).expect("an engine");
    std::fs::rename(&here, &away).expect("renamed");
    let error = host.reload().expect_err("there is no folder").to_string();
    assert!(error.contains("cannot be read"), "{error}");
    assert_eq!(one(&host).state, PluginState::Running);
    // A share that has gone leaves an empty folder behind.
    std::fs::create_dir(&here).expect("made");
    if cfg!(unix) {
        let error = host.reload().expect_err("another folder").to_string();
        assert!(error.contains("is empty and not the one it was: has a share gone?"), "{error}");
        assert_eq!(one(&host).state, PluginState::Running);
    }
    std::fs::remove_dir(&here).expect("removed");
    std::fs::rename(&away, &here).expect("renamed");
    assert!(!host.reload().expect("it is back"));
    // Emptied where it is, it is meant.
    std::fs::remove_file(here.join("p.wasm")).expect("removed");
    assert!(host.reload().expect("readable"));
    assert!(host.list().is_empty());
}
