//! Files that are no components, that were damaged on the way, or that are exchanged while they run.

use speil::plugins::{Function, PluginState};
use speil::protocol::names::Operation;
use speil_test_guests::{HOSTILE, TRANSFORMER};

use super::text::{authenticated, component};
use super::{Hosted, NEIGHBOUR, VICTIM, begin, beside, call_hook, hosted, neighbour, short};
use crate::held;
use crate::plugins::{another, place, without};

type Case = (&'static str, fn() -> Vec<u8>);

const CASES: [Case; 10] = [
    ("nothing", Vec::new),
    ("text", || b"#!/bin/sh\nrm -rf /\n".to_vec()),
    ("a core module", || b"\0asm\x01\0\0\0".to_vec()),
    ("a later version of the format", || b"\0asm\x0e\0\x01\0".to_vec()),
    ("a component of nothing", || component("(component)")),
    ("half of a component", || TRANSFORMER[..TRANSFORMER.len() / 2].to_vec()),
    ("a component and rubbish after it", || [TRANSFORMER, &[0xff; 100][..]].concat()),
    ("a section longer than the file", || [&b"\0asm\x0d\0\x01\0"[..], &[1, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat()),
    ("a million empty sections", || [&b"\0asm\x0d\0\x01\0"[..], &[0, 1, 0].repeat(1_000_000)].concat()),
    ("another version's hook", || {
        component(r#"(component (instance $i) (export "speil:mirror/transform@0.2.0" (instance $i)))"#)
    }),
];

/// Those of the tests below that have no list.
pub const COUNT: usize = CASES.len() + 4;

/// A text without places in a file: each build of a guest has its own.
fn measureless(text: &str) -> String {
    let hex = |at: &str| at.bytes().all(|digit| digit.is_ascii_hexdigit());
    let decimal = |at: &str| at.bytes().all(|digit| digit.is_ascii_digit() || digit == b'.');
    let text = without(text, "section range ", " is out of", "N..N", decimal);
    let text = without(&text, "(bound = ", ")", "N", decimal);
    without(&text, "(at offset 0x", ")", "N", hex)
}

#[tokio::test]
async fn files_that_are_no_plug_ins() {
    let mut all = Vec::new();
    for (name, bytes) in &CASES {
        let sidecar = format!("tenants = [\"{VICTIM}\"]");
        let Hosted { host, .. } = hosted(&[("raw.wasm", &bytes()), ("raw.toml", sidecar.as_bytes())]);
        let rows = beside(&host, async { begin(&host, VICTIM, Operation::RowData).before_operation().await }).await;
        let status = host.list().remove(1);
        let blocks = if rows.is_err() { "rows are kept out" } else { "rows pass" };
        assert_eq!(rows.is_err(), status.blocks_rows, "{name}");
        all.push(format!("{name}: {} ({blocks})", measureless(&short(&status.broken.expect("broken")))));
    }
    held!("files", all);
}

/// Wherever it was cut and whichever bit was turned: it runs, or says why not.
#[tokio::test]
async fn a_component_damaged_in_every_place() {
    let whole = authenticated("(data (i32.const 16) \"\\00\")", "(i32.const 16)", "");
    let Hosted { folder, host } = hosted(&[]);
    let mut refused = 0;
    let damaged = (0..whole.len()).step_by(9).map(|length| whole[..length].to_vec());
    let turned = (0..whole.len()).step_by(3).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    });
    for bytes in damaged.chain(turned) {
        place(folder.path(), "raw.wasm", &bytes);
        host.reload().expect("the folder can be read");
        let status = host.list().remove(1);
        if let Some(reason) = status.broken {
            assert!(reason.starts_with("raw.wasm: it "), "{reason}");
            refused += 1;
        } else {
            let mut call = begin(&host, VICTIM, Operation::Authenticate);
            // Whatever it answers now: it is an answer, or a failure with a sentence.
            if let Err(failure) = call_hook(&mut *call, Function::Authenticated).await {
                assert!(failure.message.starts_with("plug-in raw, hook authenticated: "), "{failure}");
            }
        }
        std::fs::remove_file(folder.path().join("raw.wasm")).expect("there");
        host.reload().expect("the folder can be read");
    }
    assert!(refused > whole.len() / 9, "{refused}");
    neighbour(&host).await;
}

/// The file is exchanged while a call runs in what it was: that call ends as it would have, and the next is the new one's.
#[tokio::test]
async fn a_component_exchanged_under_a_running_call() {
    let sidecar = |behaviour: &str| {
        format!(
            "tenants = [\"{VICTIM}\"]\n[config]\nhook = \"wiped\"\nbehaviour = \"{behaviour}\"\n[limits]\ntime = \"2s\"\n"
        )
    };
    let Hosted { folder, host } = hosted(&[("raw.wasm", HOSTILE), ("raw.toml", sidecar("sleep").as_bytes())]);
    let mut call = begin(&host, VICTIM, Operation::Wipe);
    let exchange = async {
        place(folder.path(), "raw.wasm", &another(HOSTILE, "two"));
        place(folder.path(), "raw.toml", sidecar("quiet").as_bytes());
        assert!(host.reload().expect("the folder can be read"));
        let mut next = begin(&host, VICTIM, Operation::Wipe);
        call_hook(&mut *next, Function::Wiped).await.expect("quiet");
        next.take_events().len()
    };
    let running = call_hook(&mut *call, Function::Wiped);
    let (old, new) = beside(&host, async { tokio::join!(biased; running, exchange) }).await;
    old.expect("it is only told");
    assert_eq!(new, 0);
    held!("exchanged", crate::plugins::told(&call.take_events()));
}

/// What is taken away while a call runs in it runs to that call's end, and is gone for the next.
#[tokio::test]
async fn a_component_removed_under_a_running_call() {
    let sidecar = format!(
        "tenants = [\"{VICTIM}\"]\n[config]\nhook = \"wiped\"\nbehaviour = \"sleep\"\n[limits]\ntime = \"1s\"\n"
    );
    let Hosted { folder, host } = hosted(&[("raw.wasm", HOSTILE), ("raw.toml", sidecar.as_bytes())]);
    let mut call = begin(&host, VICTIM, Operation::Wipe);
    let removal = async {
        for name in ["raw.wasm", "raw.toml"] {
            std::fs::remove_file(folder.path().join(name)).expect("there");
        }
        assert!(host.reload().expect("the folder can be read"));
        assert!(host.list().iter().all(|plugin| plugin.name == "kind" && plugin.state == PluginState::Running));
    };
    let running = call_hook(&mut *call, Function::Wiped);
    let (ended, ()) = beside(&host, async { tokio::join!(biased; running, removal) }).await;
    ended.expect("it is only told");
    held!("removed", crate::plugins::told(&call.take_events()));
}

/// A sidecar cannot make a plug-in somebody else's, nor the host read what it should not.
#[tokio::test]
async fn a_sidecar_that_means_harm() {
    let mut all = Vec::new();
    for (name, sidecar) in [
        (
            "a folder that is the host's root",
            "[grants]\nfolders = [{ host = \"../../../../nowhere-at-all\", guest = \"/\" }]",
        ),
        ("a secret from nowhere", "[secrets]\na = { env = \"SPEIL_NO_SUCH_VARIABLE\" }"),
        ("limits without an end", "[limits]\ntime = \"9999h\""),
        ("limits of nothing", "[limits]\nmemory = 0"),
        ("a key that is not known", "[grant]\ndatabase = \"write\""),
        ("a text without an end", "[config]\na = \"\"\"x"),
    ] {
        let sidecar = format!("tenants = [\"{VICTIM}\"]\n{sidecar}\n");
        let Hosted { folder, host } = hosted(&[("raw.wasm", TRANSFORMER), ("raw.toml", sidecar.as_bytes())]);
        let broken = host.list().remove(1).broken.expect("broken");
        let broken = broken.replace(&folder.path().display().to_string(), "FOLDER");
        all.push(format!("{name}: {}", short(&broken)));
        // One whose sidecar cannot be read is for everybody, as nothing else is known: what it should have done must not be left
        // out for anybody. The neighbour's calls that no transform guards go on.
        let mut call = begin(&host, NEIGHBOUR, Operation::Wipe);
        call_hook(&mut *call, Function::Wiped).await.expect("it is let in");
    }
    held!("sidecars", all);
}
