//! What lies in the folder and is no ordinary file, has no ordinary name or no ordinary size: it is told what is wrong, nothing waits
//! for it, and nobody else notices.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use speil::config::PluginsConfig;
use speil::plugins::{PluginHost, PluginState};
use speil::protocol::names::Operation;
use speil_test_guests::TRANSFORMER;

use super::text::{beside_a_hook, component};
use super::{Hosted, VICTIM, begin, beside, config, hosted, neighbour, short};
use crate::held;
use crate::plugins::folder;

/// A name, and what is done in the folder.
type Case = (&'static str, fn(&Path));

const SIDECAR: &str = "tenants = [\"Cust1\"]\n";

fn sized(path: &Path, head: &[u8], bytes: u64) {
    std::fs::write(path, head).expect("written");
    // Without a block on the disk.
    std::fs::File::options().write(true).open(path).and_then(|file| file.set_len(bytes)).expect("as large as that");
}

fn good(folder: &Path) {
    std::fs::write(folder.join("raw.wasm"), TRANSFORMER).expect("written");
}

fn sidecar(folder: &Path) {
    std::fs::write(folder.join("raw.toml"), SIDECAR).expect("written");
}

const CASES: [Case; 6] = [
    ("a component of half a gigabyte", |folder| {
        sidecar(folder);
        sized(&folder.join("raw.wasm"), b"\0asm\x0d\0\x01\0", 500 << 20);
    }),
    ("a sidecar of a hundred megabytes", |folder| {
        good(folder);
        sized(&folder.join("raw.toml"), SIDECAR.as_bytes(), 100 << 20);
    }),
    ("a sidecar of brackets", |folder| {
        good(folder);
        std::fs::write(folder.join("raw.toml"), format!("order = {}", "[".repeat(500_000))).expect("written");
    }),
    ("a folder in the place of the component", |folder| {
        sidecar(folder);
        std::fs::create_dir(folder.join("raw.wasm")).expect("made");
    }),
    ("a folder in the place of the component, and nothing else", |folder| {
        std::fs::create_dir(folder.join("raw.wasm")).expect("made");
    }),
    ("a folder in the place of the sidecar", |folder| {
        good(folder);
        std::fs::create_dir(folder.join("raw.toml")).expect("made");
    }),
];

// A file system of Linux's, where capitals make another file.
#[cfg(target_os = "linux")]
const LINUX: [Case; 8] = [
    ("a component without an end", |folder| {
        sidecar(folder);
        std::os::unix::fs::symlink("/dev/zero", folder.join("raw.wasm")).expect("linked");
    }),
    ("a sidecar without an end", |folder| {
        good(folder);
        std::os::unix::fs::symlink("/dev/zero", folder.join("raw.toml")).expect("linked");
    }),
    ("a link to itself", |folder| {
        sidecar(folder);
        std::os::unix::fs::symlink("raw.wasm", folder.join("raw.wasm")).expect("linked");
    }),
    ("a pipe nobody writes to in the place of the component", |folder| {
        sidecar(folder);
        pipe(&folder.join("raw.wasm"));
    }),
    ("a pipe nobody writes to in the place of the sidecar", |folder| {
        good(folder);
        pipe(&folder.join("raw.toml"));
    }),
    ("a secret from a pipe", |folder| {
        good(folder);
        pipe(&folder.join("secret"));
        std::fs::write(folder.join("raw.toml"), "[secrets]\na = { file = \"secret\" }\n").expect("written");
    }),
    ("a second sidecar in capitals", |folder| {
        good(folder);
        sidecar(folder);
        std::fs::write(folder.join("raw.TOML"), "[grants]\ndatabase = \"write\"\n").expect("written");
    }),
    ("a name that forges a line", |folder| {
        std::fs::write(folder.join("raw\n2020-01-01 ERROR all is lost\u{1b}[2J.wasm"), TRANSFORMER).expect("written");
    }),
];

#[cfg(target_os = "linux")]
fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().expect("mkfifo is there");
    assert!(made.success());
}

/// A name and a component that is small as a file and large as anything else.
type Large = (&'static str, fn() -> Vec<u8>);

const LARGE: [Large; 3] = [
    ("a type for everything", || {
        let types = "(type (list u8))".repeat(100_000);
        beside_a_hook(&types)
    }),
    ("types of types of types", || {
        let mut text = "(type $t0 (record (field \"a\" u64) (field \"b\" u64)))".to_owned();
        for number in 1..60 {
            let part = number - 1;
            write!(text, "(type $t{number} (record (field \"a\" $t{part}) (field \"b\" $t{part})))")
                .expect("writing to a String cannot fail");
        }
        beside_a_hook(&text)
    }),
    ("lists of lists of lists", || {
        let mut text = "(type $t0 (list u8))".to_owned();
        for number in 1..5_000 {
            write!(text, "(type $t{number} (list $t{}))", number - 1).expect("writing to a String cannot fail");
        }
        beside_a_hook(&text)
    }),
];

#[cfg(target_os = "linux")]
const OF_LINUX: usize = LINUX.len();
#[cfg(not(target_os = "linux"))]
const OF_LINUX: usize = 0;

/// With the many files, and the compiler.
pub const COUNT: usize = CASES.len() + OF_LINUX + LARGE.len() + 3;

async fn refused(cases: &[Case]) -> Vec<String> {
    let mut all = Vec::new();
    for (name, put) in cases {
        let Hosted { folder, host } = hosted(&[]);
        put(folder.path());
        host.reload().expect("the folder can be read");
        let status = host.list().remove(1);
        assert!(status.state == PluginState::Broken && status.blocks_rows, "{name}: {status:?}");
        let broken = short(&status.broken.expect("broken"));
        assert!(!broken.chars().any(char::is_control) && !status.name.chars().any(char::is_control), "{name}");
        // What nobody can read may have been a transform of everybody's: rows wait, and the other calls go on.
        begin(&host, VICTIM, Operation::RowData).before_operation().await.expect_err("rows wait");
        begin(&host, VICTIM, Operation::Wipe).before_operation().await.expect("it is let in");
        all.push(format!("{name}: {}", broken.replace(&folder.path().display().to_string(), "FOLDER")));
    }
    all
}

#[tokio::test]
async fn what_is_no_ordinary_file() {
    held!("odd", refused(&CASES).await);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_is_no_ordinary_file_on_linux() {
    let all = refused(&LINUX).await;
    held!(
        "odd-on-linux",
        all.iter().map(|line| crate::plugins::without(line, "(os error ", ")", "N", |_| true)).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn what_is_large_in_other_ways() {
    let mut all = Vec::new();
    for (name, component) in &LARGE {
        let Hosted { host, .. } = hosted(&[("raw.wasm", &component()), ("raw.toml", SIDECAR.as_bytes())]);
        beside(&host, async {}).await;
        let status = host.list().remove(1);
        let told = status.broken.as_deref().map_or_else(|| "it runs".into(), short);
        all.push(format!("{name}: {}", crate::plugins::without(&told, "(at offset 0x", ")", "N", |_| true)));
    }
    held!("large", all);
}

/// Nothing of what is done for each looks at all the others.
#[tokio::test]
async fn ten_thousand_files() {
    let Hosted { folder, host } = hosted(&[]);
    for number in 0..10_000 {
        std::fs::write(folder.path().join(format!("n{number}.toml")), "tenants = [\"Cust1\"]\nhooks = [\"wiped\"]\n")
            .expect("written");
    }
    let begun = Instant::now();
    host.reload().expect("the folder can be read");
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    assert_eq!(host.list().len(), 10_001);
    neighbour(&host).await;
}

/// A function of loops in loops, each with a way out of every other, and many locals that are changed in all of them: 40 KB
/// that take a compiler minutes, and more and more memory.
fn compiler_bomb(loops: usize) -> Vec<u8> {
    const DEPTH: usize = 50;
    let mut body = String::new();
    for round in 0..loops / DEPTH {
        (0..DEPTH).for_each(|_| body.push_str("(loop "));
        for depth in 0..DEPTH {
            let (a, b) = ((round * 7 + depth * 13) % 200, (round * 31 + depth * 5 + 1) % 200);
            let out = depth % (DEPTH - depth);
            write!(body, "(br_if {out} (i32.wrap_i64 (local.tee {b} (i64.add (local.get {a}) (local.get {b})))))) ")
                .expect("writing to a String cannot fail");
        }
    }
    component(&format!(
        r#"(component (core module (func (local {}) {body})) (instance $i) (export "speil:mirror/wiped@0.1.0" (instance $i)))"#,
        "i64 ".repeat(200)
    ))
}

/// The program itself compiles, in a process that is ended when it takes too much. The neighbour's plug-in, found with the bomb at
/// a start, is compiled so too.
fn load_apart(time: Duration, memory: usize) -> (tempfile::TempDir, PluginHost, Duration) {
    let bomb = compiler_bomb(20_000);
    let kind = format!("tenants = [\"{}\"]\n", super::NEIGHBOUR);
    let folder = folder(&[("kind.wasm", TRANSFORMER), ("kind.toml", kind.as_bytes()), ("raw.wasm", &bomb)]);
    let config = PluginsConfig {
        cache_directory: None,
        compile_time: time,
        compile_memory: memory,
        compile_program: Some(env!("CARGO_BIN_EXE_speil-under-test").into()),
        ..config(folder.path())
    };
    let begun = Instant::now();
    let host = PluginHost::load(&config).expect("a broken plug-in breaks nobody else");
    (folder, host, begun.elapsed())
}

#[tokio::test]
async fn a_component_that_takes_hours_to_compile() {
    let (_folder, host, took) = load_apart(Duration::from_secs(20), 64 << 30);
    assert!(took < Duration::from_mins(1), "{took:?}");
    let list = host.list();
    assert_eq!(list[0].state, PluginState::Running, "{list:?}");
    held!("bomb-of-time", [list[1].broken.clone().expect("broken")]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_component_that_takes_all_memory_to_compile() {
    let (_folder, host, _) = load_apart(Duration::from_mins(5), 350 << 20);
    let list = host.list();
    assert_eq!(list[0].state, PluginState::Running, "{list:?}");
    held!("bomb-of-memory", [list[1].broken.clone().expect("broken")]);
}
