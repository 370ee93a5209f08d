//! What is kept about plug-ins between starts: compiled code, which is never an obstacle and never trusted blindly, and
//! approvals; and the commands that show and give them.

mod plugins;

use std::path::{Path, PathBuf};
use std::time::Instant;

use plugins::{another, begin, folder, person, place};
use speil::config::PluginsConfig;
use speil::plugins::{PluginHost, PluginState, PluginStatus, Update};
use speil::protocol::names::Operation;
use speil_test_guests::{HOSTILE, MAIL_DOMAIN, RECORDER, TRANSFORMER};
use speil_tests::speil;

const SIDECAR: &[u8] = b"[config]\n\"person.drop\" = \"photo\"\n";

fn load(folder: &Path) -> PluginHost {
    PluginHost::load(&PluginsConfig::over(folder)).expect("an engine")
}

fn one(host: &PluginHost) -> PluginStatus {
    host.list().remove(0)
}

/// Files of compiled code.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join(".cache")).expect("the cache is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "code")).collect()
}

/// Whether it does what the transformer does with [`SIDECAR`].
async fn transforms(host: &PluginHost) -> bool {
    let plan = begin(host, Operation::TableSchema).plan(&person()).await.expect("planned");
    plan.target.expect("not skipped").columns.iter().all(|column| column.name != "photo")
}

#[tokio::test]
async fn a_poisoned_cache_changes_nothing() {
    let folder = folder(&[("p.wasm", TRANSFORMER), ("p.toml", SIDECAR), ("q.wasm", RECORDER)]);
    assert!(transforms(&load(folder.path())).await);
    let paths = entries(folder.path());
    assert_eq!(paths.len(), 2);
    let good: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).expect("readable")).collect();
    let flip = |at: usize| {
        let mut bytes = good[0].clone();
        bytes[at] ^= 0x40;
        bytes
    };
    let poisons = [
        Vec::new(),
        b"rubbish".to_vec(),
        TRANSFORMER.to_vec(),
        good[0][..good[0].len() / 2].to_vec(),
        // Good code of the other plug-in.
        good[1].clone(),
        flip(100),
        flip(good[0].len() - 10),
        // The engine's own form, without our seal.
        good[0][48..].to_vec(),
    ];
    for (number, poison) in poisons.iter().enumerate() {
        std::fs::write(&paths[0], poison).expect("written");
        let host = load(folder.path());
        assert!(transforms(&host).await, "poison {number}");
        assert!(host.list().iter().all(|plugin| plugin.state == PluginState::Running), "poison {number}");
        assert_eq!(
            std::fs::read(&paths[0]).expect("readable").len(),
            good[0].len(),
            "it is made anew: poison {number}"
        );
    }
    // Compiled code in the plug-in folder itself is not a component, whatever it is called.
    place(folder.path(), "r.wasm", &good[0][48..]);
    let status = load(folder.path()).list().remove(2);
    assert!(status.broken.expect("refused").contains("it is not WebAssembly at all"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_cache_that_others_can_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder(&[("p.wasm", TRANSFORMER), ("p.toml", SIDECAR)]);
    load(folder.path());
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
    };
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    let cache = folder.path().join(".cache");
    assert_eq!(mode(&cache), 0o700);
    let entry = entries(folder.path()).remove(0);
    assert_eq!(mode(&entry), 0o600);

    // One entry only: it is made anew, private.
    set(&entry, 0o622);
    assert!(transforms(&load(folder.path())).await);
    assert_eq!(mode(&entry), 0o600);

    // The folder: nothing in it is used or changed.
    set(&cache, 0o777);
    std::fs::write(&entry, "rubbish").expect("written");
    assert!(transforms(&load(folder.path())).await);
    assert_eq!(std::fs::read(&entry).expect("readable"), b"rubbish");
}

#[test]
fn looking_leaves_nothing_behind() {
    let folder = folder(&[("p.wasm", TRANSFORMER)]);
    let host = PluginHost::look(&PluginsConfig::over(folder.path())).expect("an engine");
    assert_eq!(one(&host).state, PluginState::Running);
    assert!(!folder.path().join(".cache").exists());
}

#[test]
fn code_of_plug_ins_that_are_gone_is_removed_in_the_end() {
    let folder = folder(&[("p.wasm", TRANSFORMER)]);
    load(folder.path());
    for number in 0..40 {
        place(folder.path(), "p.wasm", &another(TRANSFORMER, &format!("{number}")));
        load(folder.path());
    }
    assert!(entries(folder.path()).len() <= 34, "{}", entries(folder.path()).len());
}

/// What ten cached plug-ins cost at a start. The figure counts in a release build on a quiet machine.
#[test]
fn ten_cached_plug_ins_start_quickly() {
    let all = [TRANSFORMER, RECORDER, HOSTILE, MAIL_DOMAIN];
    let folder = folder(&[]);
    for number in 0..10 {
        let component = another(all[number % all.len()], &format!("{number}"));
        std::fs::write(folder.path().join(format!("p{number}.wasm")), component).expect("written");
    }
    let timed = || {
        let begun = Instant::now();
        let host = load(folder.path());
        let took = begun.elapsed();
        assert!(host.list().len() == 10 && host.list().iter().all(|plugin| plugin.broken.is_none()));
        took
    };
    let compiled = timed();
    let cached = (0..5).map(|_| timed()).min().expect("five");
    let bytes: u64 = entries(folder.path()).iter().map(|path| path.metadata().expect("there").len()).sum();
    eprintln!("ten plug-ins: compiled in {compiled:?}, from the cache in {cached:?} ({} KiB of code)", bytes >> 10);
    assert!(cached < compiled, "{cached:?} is no less than {compiled:?}");
}

#[tokio::test]
async fn a_version_that_asks_for_more_waits_and_the_approved_one_runs_on() {
    let folder = folder(&[("p.wasm", TRANSFORMER), ("p.toml", SIDECAR)]);
    let config = PluginsConfig::over(folder.path());
    let host = load(folder.path());
    let first = one(&host).digest.expect("read");

    // Another build that asks for nothing new runs at once.
    place(folder.path(), "p.wasm", &another(TRANSFORMER, "two"));
    host.reload().expect("readable");
    let second = one(&host).digest.expect("read");
    assert!(second != first && one(&host).state == PluginState::Running);

    // One with more hooks and imports waits; what it asks for is said.
    place(folder.path(), "p.wasm", RECORDER);
    host.reload().expect("readable");
    let waits = |host: &PluginHost| {
        let status = one(host);
        assert_eq!((status.state, status.broken, status.digest), (PluginState::Waiting, None, Some(second.clone())));
        let pending = status.pending.expect("said");
        for part in ["hook rows-committed", "import speil:mirror/indexes", "`speil plugin approve p` lets it run"] {
            assert!(pending.contains(part), "{pending}");
        }
        assert!(!pending.contains("hook transform"), "{pending}");
    };
    waits(&host);
    assert!(transforms(&host).await);
    assert!(!host.reload().expect("readable"), "waiting is no change");

    // So it is after a start: the approved version was kept.
    let host = load(folder.path());
    waits(&host);
    assert!(transforms(&host).await);
    let looking = PluginHost::look(&config).expect("an engine");
    waits(&looking);

    // The operator looks and lets it run.
    let update = Update::of(&config, "p").expect("comparable");
    assert_eq!(update.approved.as_deref(), Some(second.as_str()));
    assert!(update.more.contains(&"hook wiped".to_owned()) && !update.more.contains(&"hook transform".to_owned()));
    update.approve().expect("written");
    assert!(host.reload().expect("readable"));
    let status = one(&host);
    assert!(status.state == PluginState::Running && status.pending.is_none() && status.digest != Some(second));
    assert_eq!(one(&load(folder.path())).digest, status.digest);

    // Going back asks for nothing.
    place(folder.path(), "p.wasm", TRANSFORMER);
    host.reload().expect("readable");
    assert_eq!(one(&host).digest, Some(first));
}

#[tokio::test]
async fn without_the_approved_version_nothing_runs_in_its_place() {
    let folder = folder(&[("p.wasm", TRANSFORMER), ("p.toml", SIDECAR)]);
    load(folder.path());
    place(folder.path(), "p.wasm", RECORDER);
    std::fs::write(folder.path().join(".cache/approved/p.wasm"), HOSTILE).expect("written");
    let host = load(folder.path());
    let status = one(&host);
    assert!(status.state == PluginState::Waiting && status.blocks_rows, "{status:?}");
    let failure = begin(&host, Operation::RowData).before_operation().await.expect_err("blocked");
    assert!(failure.message.contains("asks for more than the approved one"), "{failure}");

    // Approvals that cannot be read approve nothing, and say what to do.
    std::fs::write(folder.path().join(".cache/approved.toml"), "p = 1").expect("written");
    let reason = one(&load(folder.path())).broken.expect("refused");
    assert!(reason.contains("approved.toml cannot be understood: the entry of p is not whole"), "{reason}");

    let off = PluginsConfig { approval: false, ..PluginsConfig::over(folder.path()) };
    assert_eq!(one(&PluginHost::load(&off).expect("an engine")).state, PluginState::Running);
}

#[test]
fn the_commands_show_and_approve() {
    let mut speil = speil!();
    let plugins = speil.folder().join("plugins");
    std::fs::create_dir(&plugins).expect("made");
    place(&plugins, "p.wasm", TRANSFORMER);
    place(&plugins, "p.toml", SIDECAR);
    let json = |out: &str| -> serde_json::Value { serde_json::from_str(out).expect("JSON") };

    // No host runs: what the folder says.
    let listed = speil.run(&["plugin", "list", "--json"]);
    assert_eq!(listed.code, Some(0), "{}", listed.err);
    let listed = json(&listed.out);
    assert_eq!((&listed["running"], &listed["plugins"][0]["state"]), (&false.into(), &"running".into()));

    speil.start();
    // A port of its own: the command is told by a configuration beside it.
    let text = std::fs::read_to_string(speil.folder().join("speil.toml")).expect("written");
    let told = text.replace("127.0.0.1:0", &speil.address().to_string());
    std::fs::write(speil.folder().join("told.toml"), told).expect("written");
    let list = |speil: &speil_tests::kit::Speil| {
        let listed = speil.run(&["plugin", "list", "--json", "--config", "told.toml"]);
        let listed = json(&listed.out);
        assert_eq!(listed["running"], true, "{listed}");
        listed["plugins"][0].clone()
    };
    let first = list(&speil);
    assert_eq!((&first["name"], &first["state"]), (&"p".into(), &"running".into()));

    place(&plugins, "p.wasm", RECORDER);
    let until = |state: &str| {
        let begun = Instant::now();
        loop {
            let plugin = list(&speil);
            if plugin["state"] == state && (state != "running" || plugin["digest"] != first["digest"]) {
                return plugin;
            }
            assert!(begun.elapsed() < speil_tests::kit::wait::PATIENCE, "not {state}: {plugin}\n{}", speil.log());
        }
    };
    assert_eq!(until("waiting")["digest"], first["digest"]);
    let shown = speil.run(&["plugin", "list", "--config", "told.toml"]);
    assert!(
        shown.out.contains("waiting") && shown.out.contains("asks for more than the approved one"),
        "{}",
        shown.out
    );
    let shown = speil.run(&["plugin", "approve", "p", "--show"]);
    assert!(shown.out.contains("\n+ hook wiped\n") && !shown.out.contains("approved: p"), "{}", shown.out);
    assert_eq!(list(&speil)["state"], "waiting", "it was only shown");
    let approved = speil.run(&["plugin", "approve", "p"]);
    assert!(approved.code == Some(0) && approved.out.contains("approved: p may run"), "{approved:?}");
    until("running");

    let unknown = speil.run(&["plugin", "approve", "q"]);
    assert!(unknown.code == Some(1) && unknown.err.contains("there is no plug-in q in "), "{unknown:?}");
    let inspected = speil.run(&["plugin", "inspect", "plugins/p.wasm"]);
    assert_eq!(inspected.code, Some(0), "{inspected:?}");
    for part in
        ["interfaces  speil:mirror 0.1.0", "exports     speil:mirror/wiped@0.1.0", "imports     speil:mirror/log@0.1.0"]
    {
        assert!(inspected.out.contains(part), "{part}\n{}", inspected.out);
    }
    let rubbish = speil.run(&["plugin", "inspect", "speil.toml"]);
    assert!(rubbish.code == Some(1) && rubbish.err.contains("it is not WebAssembly at all"), "{rubbish:?}");
}

/// Before an operator approves another version of a transform, he is told which tables that fills anew.
#[test]
fn an_approval_names_the_tables_that_it_fills_anew() {
    use speil_tests::kit::{client, soap};
    let config = "[config]\n\"sale.inputs\" = \"name\"\n\"sale.outputs\" = \"name\"\n";
    let mut speil = speil!();
    let plugins = speil.folder().join("plugins");
    std::fs::create_dir(&plugins).expect("made");
    place(&plugins, "p.toml", config.as_bytes());
    place(&plugins, "p.wasm", TRANSFORMER);
    speil.start();
    let text = std::fs::read_to_string(speil.folder().join("speil.toml")).expect("written");
    let told = text.replace("127.0.0.1:0", &speil.address().to_string());
    std::fs::write(speil.folder().join("told.toml"), told).expect("written");
    let listed = |speil: &speil_tests::kit::Speil| speil.run(&["plugin", "list", "--config", "told.toml"]).out;

    place(&plugins, "p.toml", format!("{config}[grants]\nkeyvalue = true\n").as_bytes());
    place(&plugins, "p.wasm", &another(TRANSFORMER, "two"));
    let begun = Instant::now();
    while !listed(&speil).contains("waiting") {
        assert!(begun.elapsed() < speil_tests::kit::wait::PATIENCE, "not seen\n{}", speil.log());
    }
    let show = ["plugin", "approve", "p", "--show", "--config", "told.toml"];
    let shown = speil.run(&show);
    assert!(shown.out.contains("+ grant keyvalue\n"), "{shown:?}");
    assert!(shown.out.contains("since its start the running host has seen none"), "{shown:?}");

    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        for (operation, inner) in [
            ("TableSchema", soap::tables(&["sale", "other"])),
            ("RowData", soap::row_data(&[soap::batch("sale", 1..4, 1)])),
        ] {
            client::call_as(speil.address(), "Cust10195", operation, &inner).await.succeeded();
        }
    });
    let shown = speil.run(&show);
    let line = "\nso far it has worked on sale: 3 rows, of tenant Cust10195\n";
    assert!(shown.out.contains("are filled anew in each tenant's next cycle") && shown.out.contains(line), "{shown:?}");
    assert!(
        listed(&speil).contains("p: so far it has worked on sale: 3 rows, of tenant Cust10195"),
        "{}",
        listed(&speil)
    );
    // Where nobody can be asked, it says so and goes on.
    let alone = speil.run(&["plugin", "approve", "p"]);
    assert!(alone.code == Some(0) && alone.out.contains("a running host can tell; none was asked: "), "{alone:?}");
}

/// Ten calls in which it fails pause it; the command ends the pause in the host that runs, and so does a new file.
#[test]
fn a_paused_plug_in_has_a_way_back() {
    let mut speil = speil!();
    let plugins = speil.folder().join("plugins");
    std::fs::create_dir(&plugins).expect("made");
    place(&plugins, "feed.wasm", HOSTILE);
    place(&plugins, "feed.toml", b"[config]\nhook = \"operation.after\"\nbehaviour = \"trap\"\n");
    speil.start();
    let text = std::fs::read_to_string(speil.folder().join("speil.toml")).expect("written");
    let told = text.replace("127.0.0.1:0", &speil.address().to_string());
    std::fs::write(speil.folder().join("told.toml"), told).expect("written");
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let endpoint = speil::task::endpoint::Endpoint::new(&speil.url(), None).expect("an address");
    let identity = speil_tests::kit::host::identity("Cust10195");
    let mut client = speil::task::client::Client::new(endpoint, identity, speil::task::spelling::Spelling::DotNet);
    let mut call = |times: u32| {
        for _ in 0..times {
            let answer = runtime.block_on(client.authenticate()).expect("an answer");
            assert!(answer.successful, "what is paused may be left out: {}", answer.error_message);
        }
    };
    let state = |speil: &speil_tests::kit::Speil| {
        let listed = speil.run(&["plugin", "list", "--json", "--config", "told.toml"]);
        let listed: serde_json::Value = serde_json::from_str(&listed.out).expect("JSON");
        listed["plugins"][0]["state"].as_str().expect("a word").to_owned()
    };
    let page = |path: &str| {
        let address = speil.address();
        runtime.block_on(speil_tests::kit::client::get(address, path, "")).body
    };
    let resume = |name: &str| speil.run(&["plugin", "resume", name, "--config", "told.toml"]);

    call(9);
    assert_eq!(state(&speil), "running");
    let early = resume("feed");
    assert!(early.code == Some(0) && early.out.contains("feed was not paused"), "{early:?}");

    call(1);
    assert_eq!(state(&speil), "paused");
    assert!(page("/readyz").contains("plug-in feed (paused): ok"), "{}", page("/readyz"));
    assert!(page("/metrics").contains("speil_plugins{state=\"paused\"} 1"), "{}", page("/metrics"));
    call(3);
    let resumed = resume("feed");
    assert!(
        resumed.code == Some(0) && resumed.out.contains("feed: operation.after is called again; 3 calls were left out"),
        "{resumed:?}"
    );
    assert_eq!(state(&speil), "running");

    // It fails as before: counted from nothing.
    call(9);
    assert_eq!(state(&speil), "running");
    call(1);
    assert_eq!(state(&speil), "paused");
    place(&plugins, "feed.wasm", &another(HOSTILE, "mended"));
    let begun = Instant::now();
    while state(&speil) != "running" {
        assert!(begun.elapsed() < speil_tests::kit::wait::PATIENCE, "not taken in\n{}", speil.log());
    }

    let unknown = resume("nobody");
    assert!(unknown.code == Some(1) && unknown.err.contains("the running host has no plug-in nobody"), "{unknown:?}");
    // A page in an operator's browser may not do it.
    let answer = runtime.block_on(async {
        let mut connection = speil_tests::kit::client::Connection::open(speil.address()).await;
        let head = "POST /plugins/feed/resume HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nContent-Length: 0\r\n\r\n";
        connection.send(head.to_owned()).await;
        connection.answer().await
    });
    assert_eq!(answer.status, 403);
}
