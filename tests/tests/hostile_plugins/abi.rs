//! Bombs as no compiler makes them, of bare instructions.

use speil::plugins::Function;

use super::text::authenticated;
use super::{Hosted, VICTIM, beside, hosted, outcome};
use crate::held;

/// A name; parts of the core module; the function's body; how it is lifted; limits.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

const BOMBS: [Case; 3] = [
    (
        "a memory that grows by nobody's leave",
        "",
        "(loop (drop (memory.grow (i32.const 16))) (br 0)) (i32.const 16)",
        "",
        "memory = \"4 MiB\"\ntime = \"5m\"",
    ),
    (
        "a table that grows and grows",
        "(table $t 1 funcref)",
        "(loop (drop (table.grow $t (ref.null func) (i32.const 1000))) (br 0)) (i32.const 16)",
        "",
        "table_elements = 5000\ntime = \"5m\"",
    ),
    (
        "a stack of frames as large as can be",
        "(func $f (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
            (i64.add (local.get 0) (call $f (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5)
                (local.get 6) (local.get 7) (i64.add (local.get 0) (i64.const 1)))))",
        "(drop (call $f (i64.const 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) (i64.const 5) (i64.const 6)
            (i64.const 7))) (i32.const 16)",
        "",
        "time = \"5m\"",
    ),
];

pub const COUNT: usize = BOMBS.len();

async fn tried(cases: &[Case]) -> Vec<String> {
    let mut all = Vec::new();
    for (name, parts, body, lift, limits) in cases {
        let component = authenticated(parts, body, lift);
        let sidecar = format!("tenants = [\"{VICTIM}\"]\n[limits]\n{limits}\n");
        let Hosted { host, .. } = hosted(&[("raw.wasm", &component), ("raw.toml", sidecar.as_bytes())]);
        assert_eq!(host.list()[1].broken, None, "{name}");
        let came = beside(&host, outcome(&host, Function::Authenticated)).await;
        all.push(format!("{name}: {came}"));
    }
    all
}

#[tokio::test]
async fn bombs_of_bare_instructions() {
    held!("bombs", tried(&BOMBS).await);
}
