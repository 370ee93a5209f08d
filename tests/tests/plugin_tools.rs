//! `speil plugin test`, `speil plugin types` and `speil demo --plugins`, as a plug-in's author runs them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use speil_test_guests::{HOSTILE, MAIL_DOMAIN, POWERS, RECORDER};

fn speil(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_speil-under-test"));
    // Where compiled code is kept, on Unix and on Windows.
    for name in ["XDG_CACHE_HOME", "LOCALAPPDATA"] {
        command.env(name, env!("CARGO_TARGET_TMPDIR"));
    }
    command.current_dir(folder).env_remove("RUST_LOG").env_remove("SPEIL_CONFIG").stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output: Output = speil(folder).args(arguments).output().expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// A folder with a component, its sidecar and fixtures.
fn folder(name: &str, component: &[u8], sidecar: &str, fixtures: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(format!("{name}.wasm")), component).expect("written");
    std::fs::write(folder.path().join(format!("{name}.toml")), sidecar).expect("written");
    for (name, text) in fixtures {
        std::fs::create_dir_all(folder.path().join("fixtures")).expect("a folder");
        std::fs::write(folder.path().join("fixtures").join(name), text).expect("written");
    }
    folder
}

const MAIL: &str = "[config]\ntable = \"person\"\ncolumn = \"email\"\nleave_out = \"example.com\"\n";

const TWO_PEOPLE: &str = r#"# Two people, one of whom is left out.
hook = "transform"

[[table]]
name = "person"
columns = ["person_id int not null", "name nvarchar(50)", "email nvarchar(100)"]
rows = [
  { person_id = 1, name = "Ann", email = "ann@Contoso.com" },
  { person_id = 2, email = "bo@example.com" },
]
"#;

#[test]
fn a_fixture_is_written_down_passes_and_fails_with_both_sides_when_the_plug_in_differs() {
    let folder = folder("mail-domain", MAIL_DOMAIN, MAIL, &[("two-people.toml", TWO_PEOPLE)]);
    let args = ["plugin", "test", "mail-domain.wasm"];
    let (code, text) = run(folder.path(), &args);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("it expects nothing but success"), "{text}");
    for line in [
        "  made   columns person_id int not null, name nvarchar(50), email nvarchar(100), mail_domain nvarchar(max)\n",
        "  made   { email = \"ann@Contoso.com\", mail_domain = \"contoso.com\", name = \"Ann\", person_id = 1 }\n",
        "  made   1 of 2 rows are left out\n",
    ] {
        assert!(text.contains(line), "{text}");
    }

    let (code, text) = run(folder.path(), &["plugin", "test", "mail-domain.wasm", "--bless"]);
    assert_eq!(code, Some(0), "{text}");
    let fixture = folder.path().join("fixtures/two-people.toml");
    let blessed = std::fs::read_to_string(&fixture).expect("read");
    assert!(blessed.starts_with(TWO_PEOPLE), "{blessed}");
    assert!(blessed.contains("keep = [true, false]"), "{blessed}");
    assert!(blessed.contains(r#""mail_domain nvarchar(max)""#), "{blessed}");
    assert!(blessed.contains(r#"mail_domain = "contoso.com""#), "{blessed}");
    let (code, text) = run(folder.path(), &args);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 of 1 passed") && text.contains("memory "), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours where nobody sees them: {text}");

    // The sidecar counts, as in the server.
    std::fs::write(folder.path().join("mail-domain.toml"), MAIL.replace("example.com", "contoso.com"))
        .expect("written");
    let (code, text) = run(folder.path(), &args);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("keep, number 1 (expected 2, came 2)\n    expected true\n    came     false"), "{text}");

    // And what a fixture says of configuration counts more.
    std::fs::write(
        &fixture,
        format!("[config]\nleave_out = \"example.com\"\n\n{blessed}").replacen(
            "[config]\nleave_out = \"example.com\"\n\n# Two people, one of whom is left out.\nhook = \"transform\"\n",
            "hook = \"transform\"\n\n[config]\nleave_out = \"example.com\"\n",
            1,
        ),
    )
    .expect("written");
    let (code, text) = run(folder.path(), &args);
    assert_eq!(code, Some(0), "{text}");
}

/// The other languages' are built and tested by `.ci/languages`: they want tools of their own.
#[test]
fn a_new_plug_in_in_rust_builds_and_passes_its_own_test() {
    let folder = tempfile::tempdir().expect("a folder");
    let (code, text) = run(folder.path(), &["plugin", "new", "--lang", "rust", "fresh"]);
    assert_eq!(code, Some(0), "{text}");
    let fresh = folder.path().join("fresh");
    // The versions that the examples are built with, so that nothing is fetched and little is compiled.
    let lock = include_str!("../../guest-examples/index-manager/Cargo.lock").replace("\"index-manager\"", "\"fresh\"");
    std::fs::write(fresh.join("Cargo.lock"), lock).expect("written");
    let built = Command::new(std::env::var_os("CARGO").expect("cargo names itself to tests"))
        .args(["build", "--release", "--offline", "--target", "wasm32-wasip2", "--target-dir"])
        .arg(speil_guest_artifacts::TARGET_DIR)
        .current_dir(&fresh)
        .output()
        .expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let component = Path::new(speil_guest_artifacts::TARGET_DIR).join("wasm32-wasip2/release/plug_in.wasm");
    std::fs::copy(component, fresh.join("fresh.wasm")).expect("built");
    let (code, text) = run(&fresh, &["plugin", "test", "fresh.wasm", "--limits"]);
    assert!(code == Some(0) && text.contains("ok  trims"), "{text}");
    // As the author's guide goes on: straight from the folder it was made in, with all that lies there.
    let (code, text) = run(folder.path(), &["demo", "--tables", "30", "--rows", "100", "--plugins", "fresh"]);
    assert!(code == Some(0) && text.contains("fresh"), "{text}");
}

/// Components take their time to compile: an author's second run must not.
#[test]
fn the_second_run_finds_the_component_compiled() {
    let folder = folder("mail-domain", MAIL_DOMAIN, MAIL, &[("two-people.toml", TWO_PEOPLE)]);
    let run = || {
        let mut command = speil(folder.path());
        for name in ["XDG_CACHE_HOME", "LOCALAPPDATA"] {
            command.env(name, folder.path());
        }
        let output = command.args(["plugin", "test", "mail-domain.wasm"]).output().expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let entries = std::fs::read_dir(folder.path().join("speil").join("plugin-test")).expect("the cache");
        let entry = |entry: std::io::Result<std::fs::DirEntry>| {
            let entry = entry.expect("readable");
            (entry.file_name(), entry.metadata().and_then(|metadata| metadata.modified()).expect("a file"))
        };
        entries.map(entry).collect::<Vec<_>>()
    };
    let kept = run();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(run(), kept, "nothing is compiled and written anew");
}

#[test]
fn what_cannot_be_read_is_asked_wrongly() {
    let folder = folder("mail-domain", MAIL_DOMAIN, MAIL, &[("bad.toml", "hook = \"wipe\"\n")]);
    let (code, text) = run(folder.path(), &["plugin", "test", "mail-domain.wasm"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("FAIL  bad") && text.contains("which is no hook"), "{text}");
    std::fs::write(folder.path().join("no.wasm"), b"not a component").expect("written");
    let (code, text) = run(folder.path(), &["plugin", "test", "no.wasm"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("it is not WebAssembly at all"), "{text}");
}

#[test]
fn every_hook_of_a_component_without_fixtures_is_run_on_samples_and_at_the_limits() {
    let folder = folder("recorder", RECORDER, "", &[]);
    let (code, text) = run(folder.path(), &["plugin", "test", "recorder.wasm", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let tests = report["tests"].as_array().expect("a list");
    let hooks: Vec<&str> = tests.iter().map(|test| test["hook"].as_str().expect("a name")).collect();
    let all = [
        "resolve-connection",
        "authenticated",
        "before-replicate-table",
        "transform",
        "wiped",
        "replication-completed",
        "rows-committed",
        "operation.before",
        "operation.after",
        "log-event",
    ];
    let mut sorted = (hooks.clone(), all.to_vec());
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    assert_eq!(sorted.0, sorted.1);
    for test in tests {
        assert!(!test["log"].as_array().expect("a list").is_empty(), "the recorder logs each call: {test}");
        let memory = test["limits"].as_array().expect("a list").iter().find(|one| one["limit"] == "memory");
        assert!(memory.expect("it is measured")["used"].as_u64().expect("a number") > 65_536, "{test}");
    }

    let mail = self::folder("mail-domain", MAIL_DOMAIN, MAIL, &[("two-people.toml", TWO_PEOPLE)]);
    let (code, text) = run(mail.path(), &["plugin", "test", "mail-domain.wasm", "--limits"]);
    assert_eq!(code, Some(0), "{text}");
    for what in ["an empty batch", "NULL everywhere", "the widest row", "50,000 rows"] {
        assert!(text.contains(&format!("ok  two-people: {what}")), "{what}: {text}");
    }
}

#[test]
fn a_trap_and_a_passed_limit_are_failures_that_name_themselves() {
    for (behaviour, limits, said) in [
        ("trap", "", "it trapped"),
        ("memory", "memory = \"16 MiB\"", "more than its limit of 16 MiB"),
        ("loop", "time = \"300 ms\"", "it took longer than its limit of 300 ms"),
    ] {
        let sidecar = format!(
            "hooks = [\"wiped\"]\n[config]\nhook = \"wiped\"\nbehaviour = \"{behaviour}\"\n[limits]\n{limits}\n"
        );
        let folder = folder("hostile", HOSTILE, &sidecar, &[]);
        let (code, text) = run(folder.path(), &["plugin", "test", "hostile.wasm", "--json"]);
        assert_eq!(code, Some(1), "{behaviour}: {text}");
        let report: Value = serde_json::from_str(&text).expect("JSON");
        let ran = &report["tests"][0];
        assert!(ran["problems"][0].as_str().expect("a sentence").contains(said), "{behaviour}: {ran}");
        let key = limits.split_once(' ').map(|(key, _)| key);
        let over: Vec<&str> = ran["limits"]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|one| one["over"] == true)
            .filter_map(|one| one["limit"].as_str())
            .collect();
        assert_eq!(over.first().copied(), key, "{behaviour}: {ran}");
    }
    // An error in the plug-in's own words is an answer, which a fixture may expect.
    let sidecar = "hooks = [\"wiped\"]\n[config]\nhook = \"wiped\"\nbehaviour = \"error\"\n";
    let expected = "hook = \"wiped\"\n[[table]]\nname = \"t\"\ncolumns = [\"id int not null\"]\n[expect]\nerror = \"on purpose\"\n";
    let folder = folder("hostile", HOSTILE, sidecar, &[("error.toml", expected)]);
    let (code, text) = run(folder.path(), &["plugin", "test", "hostile.wasm"]);
    assert_eq!(code, Some(0), "{text}");
}

const POWERFUL: &str = "[grants]\ndatabase = \"write\"\nkeyvalue = true\nhttp = [\"api.example.com:443\"]\n";

#[test]
fn a_mirror_is_made_of_the_fixtures_tables_and_looked_at_afterwards() {
    let fixture = r#"
hook = "replication-completed"

[config]
script = """
query SELECT name FROM person ORDER BY person_id
execute CREATE TABLE plugin_powers_t (n INTEGER)
many INSERT INTO plugin_powers_t VALUES (?1)
get last
increment last
"""

[keyvalue]
last = "37"

[[table]]
name = "person"
columns = ["person_id int not null", "name nvarchar(50)"]
rows = [{ person_id = 1, name = "Ann" }, { person_id = 2 }]

[expect]
log = [
  "info: name: 'Ann' NULL",
  "info: 0",
  "info: 3",
  "info: 37",
  "info: 42",
]
keyvalue = { last = "42" }

[[expect.query]]
sql = "SELECT count(*) AS rows, sum(n) AS total FROM plugin_powers_t"
rows = [{ rows = 3, total = 6 }]
"#;
    let folder = folder("powers", POWERS, POWERFUL, &[("mirror.toml", fixture)]);
    let (code, text) = run(folder.path(), &["plugin", "test", "powers.wasm"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("asked  database.query SELECT name FROM person ORDER BY person_id"), "{text}");
}

#[test]
fn a_call_nobody_answers_is_printed_to_be_pasted_and_then_answered() {
    let fixture = "hook = \"replication-completed\"\n\n[config]\nscript = \"\"\"\nhttp POST https://api.example.com/hook hello\n\
                   query SELECT 1\n\"\"\"\n";
    let sql = "[[database]]\nsql = \"SELECT 2\"\nchanged = 1\n";
    let folder = folder("powers", POWERS, POWERFUL, &[("feed.toml", &format!("{fixture}{sql}"))]);
    let args = ["plugin", "test", "powers.wasm"];
    let (code, text) = run(folder.path(), &args);
    assert_eq!(code, Some(1), "{text}");
    // What was printed is what is pasted.
    let pasted: Vec<&str> = text
        .lines()
        .map(str::trim)
        .skip_while(|line| !line.starts_with("it asked for what the fixture does not answer"))
        .skip(1)
        .take_while(|line| !line.contains("failed"))
        .collect();
    let pasted = pasted.join("\n") + "\n";
    assert!(pasted.contains("request = \"POST https://api.example.com/hook\"\nbody = \"hello\"\n"), "{pasted}");
    let answered = pasted.replace("answer = \"\"", "answer = \"thanks\"").replace("rows = []", "rows = [{ one = 1 }]");
    let answered = answered.replace("columns = []", "columns = [\"one\"]");
    let expect = "\n[expect]\nlog = [\"info: 200, 6 bytes\", \"info: one: 1\"]\n";
    std::fs::write(folder.path().join("fixtures/feed.toml"), format!("{fixture}{sql}{answered}{expect}"))
        .expect("written");
    let (code, text) = run(folder.path(), &args);
    assert_eq!(code, Some(0), "{text}");

    // A host that is not granted is refused by the same gate as ever.
    let (code, text) = run(folder.path(), &["plugin", "test", "powers.wasm", "--limits"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("every host refused") && text.contains("HTTP to api.example.com:443 is refused"), "{text}");
}

#[test]
fn a_changed_fixture_is_run_again() {
    let folder = folder("mail-domain", MAIL_DOMAIN, MAIL, &[("two-people.toml", TWO_PEOPLE)]);
    let mut child = speil(folder.path())
        .args(["plugin", "test", "mail-domain.wasm", "--watch"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut lines = lines.map(|line| line.expect("UTF-8"));
    let mut until =
        |word: &str| lines.by_ref().find(|line| line.contains(word)).unwrap_or_else(|| panic!("no {word:?}"));
    until("1 of 1 passed");
    until("watching");
    let wrong = format!("{TWO_PEOPLE}\n[expect]\nuntouched = true\n");
    std::fs::write(folder.path().join("fixtures/two-people.toml"), wrong).expect("written");
    until("1 of 1 failed");
    child.kill().expect("it is there");
    child.wait().expect("it ends");
}

#[test]
fn the_demo_does_not_begin_with_a_plug_in_that_cannot_be_used() {
    for (component, sidecar, reason) in [
        (RECORDER, "[confg]\na = \"b\"\n", "own.toml: unknown key `confg`; did you mean `config`?"),
        (b"hello".as_slice(), "", "own.wasm: it is not WebAssembly at all; was it copied whole?"),
    ] {
        let own = folder("own", component, sidecar, &[]);
        let (code, text) = run(own.path(), &["demo", "--tables", "30", "--rows", "100", "--plugins", "."]);
        assert_eq!(code, Some(1), "{text}");
        let line = format!("speil: plug-in own cannot be used, so the demo does not begin: {reason}\n");
        assert!(text.ends_with(&line), "{text}");
    }

    let own = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(own.path().join("own.wasm")).expect("made");
    let (code, text) = run(own.path(), &["demo", "--tables", "30", "--rows", "100", "--plugins", "."]);
    assert_eq!(code, Some(2), "{text}");
    let begin = format!("speil: {} cannot be read: ", Path::new(".").join("own.wasm").display());
    assert!(text.contains(&begin), "{text}");

    let own = tempfile::tempdir().expect("a folder");
    std::fs::write(own.path().join("own.toml"), "[config]\n").expect("written");
    let (code, text) = run(own.path(), &["demo", "--tables", "30", "--rows", "100", "--plugins", "."]);
    assert_eq!(code, Some(2), "{text}");
    let alone = "speil: the plug-in own in .: there is a sidecar and no own.wasm; copy the component beside it\n";
    assert!(text.ends_with(alone), "{text}");
}

#[test]
fn the_demo_runs_a_plug_in_of_ones_own_and_its_mirror_gives_types() {
    let own = folder("recorder", RECORDER, "hooks = [\"rows-committed\"]\n", &[]);
    let place = own.path().join("demo");
    let (code, text) =
        run(own.path(), &["demo", "--rows", "3000", "--tables", "30", "--plugins", ".", "--keep", "demo", "--json"]);
    assert_eq!(code, Some(0), "{text}");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let plugins = report["work"]["plugins"].as_array().expect("a list");
    let recorder = plugins.iter().find(|plugin| plugin["name"] == "recorder").expect("it is there");
    assert!(recorder["counts"][0]["calls"].as_u64().expect("a number") > 0, "{recorder}");
    assert_eq!(report["own_transform"], Value::Null);
    assert_eq!(report["run"]["comparison"]["differing"], 0, "an observer changes nothing");

    let db = rusqlite::Connection::open(place.join("mirrors/Cust10195.db")).expect("a mirror");
    let table: String = db
        .query_row("SELECT tablename FROM Cust10195_mirroring ORDER BY LSN DESC LIMIT 1", [], |row| row.get(0))
        .expect("a table");
    let asked = ["plugin", "types", "--table", &table, "--lang", "python", "--mirror", "demo/mirrors/Cust10195.db"];
    let (code, of_file) = run(own.path(), &asked);
    assert_eq!(code, Some(0), "{of_file}");
    assert!(of_file.contains("@dataclass\nclass "), "{of_file}");
    let asked = ["plugin", "types", "--table", &table, "--lang", "python", "--config", "demo/speil.toml"];
    assert_eq!(run(own.path(), &asked), (Some(0), of_file));
    let (code, text) = run(
        own.path(),
        &["plugin", "types", "--table", "nothing_like_it", "--lang", "c", "--config", "demo/speil.toml"],
    );
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("has no table nothing_like_it"), "{text}");
}
