//! The binary as people run it: what it prints, its exit codes, and that it stops when told to.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn speil(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_speil"));
    command.current_dir(folder).env_remove("RUST_LOG").env_remove("SPEIL_CONFIG").stdin(Stdio::null());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    speil(folder).args(arguments).output().expect("the binary runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A small demo, and the folder it leaves: a mirror and a configuration to work on.
fn demo(folder: &Path) -> serde_json::Value {
    let output = run(folder, &["demo", "--rows", "3000", "--tables", "30", "--keep", "demo", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_demo_mirrors_redacts_indexes_and_compares() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = demo(folder.path());
    assert_eq!(report["problems"], serde_json::json!([]));
    assert_eq!(report["run"]["comparison"]["differing"], 0);
    assert!(report["run"]["comparison"]["cells"].as_u64().expect("a number") > 10_000, "{report}");
    assert_eq!(report["run"]["cycles"].as_array().expect("a list").len(), 2);
    for cycle in report["run"]["cycles"].as_array().expect("a list") {
        assert_eq!(cycle["end"], "completed");
    }
    assert_eq!(report["work"]["indexes"], 12);
    for plugin in report["work"]["plugins"].as_array().expect("a list") {
        assert_eq!(plugin["broken"], serde_json::Value::Null, "{plugin}");
        assert!(!plugin["counts"].as_array().expect("a list").is_empty(), "{plugin}");
    }

    // What pii-redactor was told to hash is a hash in the file, and what it was told to drop is not there.
    let place = report["mirror"].as_str().expect("a path");
    let db = rusqlite::Connection::open(place).expect("a SQLite file");
    let told = std::fs::read_to_string(folder.path().join("demo/plugins/pii-redactor.toml")).expect("a sidecar");
    let told: toml::Table = told.parse().expect("TOML");
    let mut looked_at = 0;
    for (key, action) in told["config"].as_table().expect("a table") {
        let Some((table, column)) = key.split_once('.') else { continue };
        let sql =
            format!("SELECT count(*) FROM \"{table}\" WHERE \"{column}\" IS NOT NULL AND length(\"{column}\") != 64");
        match action.as_str().expect("a text") {
            "hash" => {
                looked_at += 1;
                let plain: i64 = db.query_row(&sql, [], |row| row.get(0)).expect("a count");
                assert_eq!(plain, 0, "{key} holds a text that is no hash");
            }
            "drop" => {
                looked_at += 1;
                let sql = format!("SELECT count(*) FROM pragma_table_info('{table}') WHERE lower(name) = '{column}'");
                let there: i64 = db.query_row(&sql, [], |row| row.get(0)).expect("a count");
                assert_eq!(there, 0, "{key} is in the mirror");
            }
            _ => {}
        }
    }
    assert!(looked_at >= 2, "{told}");

    let again = run(folder.path(), &["demo", "--keep", "demo"]);
    assert_eq!(again.status.code(), Some(2), "{}", err(&again));
    assert!(err(&again).contains("is not empty"), "{}", err(&again));
}

#[test]
fn what_is_mirrored_can_be_looked_at_refilled_and_emptied() {
    let folder = tempfile::tempdir().expect("a folder");
    demo(folder.path());
    let folder = &folder.path().join("demo");

    let status = run(folder, &["status"]);
    assert_eq!(status.status.code(), Some(0), "{}", err(&status));
    assert!(out(&status).contains("Cust10195") && out(&status).contains("current"), "{}", out(&status));

    let report = run(folder, &["status", "Cust10195", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).expect("JSON");
    assert_eq!((report["format"].as_u64(), report["state"].as_str()), (Some(1), Some("current")));
    let table = report["tables"].as_array().expect("a list").iter().find(|table| table["rows"] != 0).expect("rows");
    let (name, rows) = (table["table"].as_str().expect("a name").to_owned(), table["rows"].as_u64().expect("a count"));

    let stranger = run(folder, &["status", "cust10195"]);
    assert_eq!(stranger.status.code(), Some(1));
    assert!(err(&stranger).contains("did you mean Cust10195?"), "{}", err(&stranger));

    let ghost = run(folder, &["resync", "Cust10195", &name, "ghost"]);
    assert_eq!(ghost.status.code(), Some(1));
    assert!(err(&ghost).contains("no table ghost"), "{}", err(&ghost));
    assert_eq!(lsn(folder, &name), table["lsn"].as_i64().expect("a number"), "nothing was changed");
    let resync = run(folder, &["resync", "Cust10195", &name.to_uppercase(), "--json"]);
    assert_eq!(resync.status.code(), Some(0), "{}", err(&resync));
    assert_eq!(lsn(folder, &name), -1);

    let unasked = run(folder, &["wipe", "Cust10195", &name]);
    assert_eq!(unasked.status.code(), Some(2), "a script must say --yes");
    let wipe = run(folder, &["wipe", "Cust10195", &name, "--yes", "--json"]);
    assert_eq!(wipe.status.code(), Some(0), "{}", err(&wipe));
    let wiped: serde_json::Value = serde_json::from_slice(&wipe.stdout).expect("JSON");
    assert_eq!(wiped, serde_json::json!([{ "table": wiped[0]["table"], "rows": rows }]));
}

/// A table's LSN, as `status --json` shows it.
fn lsn(folder: &Path, name: &str) -> i64 {
    let report = run(folder, &["status", "Cust10195", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).expect("JSON");
    let tables = report["tables"].as_array().expect("a list");
    let table = tables.iter().find(|table| table["table"] == name).expect("the table is known");
    table["lsn"].as_i64().expect("a number")
}

#[test]
fn check_finds_everything_that_would_fail_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let nothing = run(folder, &["check"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(out(&nothing).contains("FAILED  configuration"), "{}", out(&nothing));

    assert_eq!(run(folder, &["keygen"]).status.code(), Some(0));
    std::fs::write(folder.join("mirrors"), "a file where the folder should be").expect("written");
    std::fs::create_dir(folder.join("plugins")).expect("made");
    std::fs::write(folder.join("plugins/broken.wasm"), "no component").expect("written");
    let config = |environment: &str| {
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[[application]]\nid = \"0123456789abcdef0123456789abcdef\"\n\
             environment = \"{environment}\"\nprivate_key = \"private.xml\"\n"
        )
    };
    std::fs::write(folder.join("speil.toml"), config("sod")).expect("written");
    let broken = run(folder, &["check", "--json"]);
    assert_eq!(broken.status.code(), Some(1), "{}", err(&broken));
    let lines: Vec<serde_json::Value> = serde_json::from_slice(&broken.stdout).expect("JSON");
    let failed: Vec<&str> =
        lines.iter().filter(|line| line["ok"] == false).map(|line| line["what"].as_str().expect("a text")).collect();
    assert_eq!(failed, ["store", "plug-in broken"], "{lines:?}");
    assert!(lines.iter().all(|line| line["ok"] == true || line["mend"].is_string()), "{lines:?}");

    std::fs::remove_file(folder.join("mirrors")).expect("removed");
    std::fs::remove_file(folder.join("plugins/broken.wasm")).expect("removed");
    let well = run(folder, &["check"]);
    assert_eq!(well.status.code(), Some(0), "{}", out(&well));
}

#[test]
fn what_is_asked_wrongly_is_told_so() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [&["frobnicate"][..], &["status", "--colour"], &["wipe", "Cust10195"], &[]] {
        assert_eq!(run(folder.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
    let missing = run(folder.path(), &["serve", "--config", "nowhere.toml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(err(&missing).contains("nowhere.toml"), "{}", err(&missing));
    assert!(!err(&missing).contains("panicked"));
}

#[cfg(unix)]
#[test]
fn serve_says_where_it_listens_and_stops_when_told_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    assert_eq!(run(folder, &["keygen"]).status.code(), Some(0));
    let config = "[server]\nlisten = \"127.0.0.1:0\"\n[[application]]\nid = \"0123456789abcdef0123456789abcdef\"\n\
                  environment = \"sod\"\nprivate_key = \"private.xml\"\n";
    std::fs::write(folder.join("speil.toml"), config).expect("written");
    let mut host = speil(folder).arg("serve").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(host.stdout.take().expect("piped")).lines();
    let first = lines.next().expect("a line").expect("UTF-8");
    let address = first.split("http://").nth(1).expect("an address").to_owned();

    let mut connection = std::net::TcpStream::connect(&address).expect("it listens");
    std::io::Write::write_all(&mut connection, b"GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("answered");
    assert!(answer.ends_with("alive\n"), "{answer}");

    let told = Command::new("kill").args(["-TERM", &host.id().to_string()]).status().expect("kill runs");
    assert!(told.success());
    let rest: Vec<String> = lines.map(|line| line.expect("UTF-8")).collect();
    assert!(rest.iter().any(|line| line.contains("/MirroringClientService.svc")), "{rest:?}");
    assert_eq!(host.wait().expect("it ends").code(), Some(0));
    let mut log = String::new();
    host.stderr.take().expect("piped").read_to_string(&mut log).expect("UTF-8");
    assert!(log.contains("stopped"), "{log}");
}
