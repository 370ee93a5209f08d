//! Answers as no compiler makes them: they point nowhere, to no text, or to too much of it.

use speil::plugins::Function;

use super::text::authenticated;
use super::{Hosted, VICTIM, beside, hosted, outcome};
use crate::held;

/// A name; parts of the core module; the function's body; how it is lifted; limits.
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str);

const CASES: [Case; 17] = [
    ("an answer outside of memory", "", "(i32.const 0x7fffff00)", "", ""),
    ("an answer at the very end of memory", "", "(i32.const 65532)", "", ""),
    ("an answer at an odd address", "", "(i32.const 1025)", "", ""),
    ("an answer that is neither well nor an error", "(data (i32.const 16) \"\\07\")", "(i32.const 16)", "", ""),
    ("an option that is neither", "(data (i32.const 16) \"\\00\\00\\00\\00\\09\")", "(i32.const 16)", "", ""),
    (
        "a text outside of memory",
        "(data (i32.const 16) \"\\00\\00\\00\\00\\01\\00\\00\\00\\00\\00\\00\\7f\\10\\00\\00\\00\")",
        "(i32.const 16)",
        "",
        "",
    ),
    (
        "a text longer than memory",
        "(data (i32.const 16) \"\\00\\00\\00\\00\\01\\00\\00\\00\\20\\00\\00\\00\\ff\\ff\\ff\\7f\")",
        "(i32.const 16)",
        "",
        "",
    ),
    (
        "a text whose end wraps around",
        "(data (i32.const 16) \"\\00\\00\\00\\00\\01\\00\\00\\00\\f0\\ff\\ff\\ff\\20\\00\\00\\00\")",
        "(i32.const 16)",
        "",
        "",
    ),
    (
        "a text that is none",
        "(data (i32.const 16) \"\\00\\00\\00\\00\\01\\00\\00\\00\\20\\00\\00\\00\\04\\00\\00\\00\\ff\\fe\\c0\\80\")",
        "(i32.const 16)",
        "",
        "",
    ),
    (
        "a text of half a letter",
        "(data (i32.const 16) \"\\00\\00\\00\\00\\01\\00\\00\\00\\20\\00\\00\\00\\02\\00\\00\\00{\\c3\")",
        "(i32.const 16)",
        "",
        "",
    ),
    (
        "an error of half a surrogate in UTF-16",
        "(data (i32.const 16) \"\\01\\00\\00\\00\\20\\00\\00\\00\\01\\00\\00\\00\\00\\00\\00\\00\\00\\d8\")",
        "(i32.const 16)",
        "string-encoding=utf16",
        "",
    ),
    (
        "a text as large as all its memory",
        "(memory (export \"memory\") 200)
         (data (i32.const 16) \"\\00\\00\\00\\00\\01\\00\\00\\00\\00\\00\\00\\00\\00\\00\\c8\\00\")",
        "(i32.const 16)",
        "",
        "output = \"8 MiB\"",
    ),
    (
        "room for its arguments outside of memory",
        "(func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 0x7fffff00))",
        "(i32.const 16)",
        "",
        "",
    ),
    (
        "room for its arguments never found",
        "(func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (loop (br 0)) (i32.const 0))",
        "(i32.const 16)",
        "",
        "time = \"150ms\"",
    ),
    (
        "room for its arguments refused",
        "(func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (unreachable))",
        "(i32.const 16)",
        "",
        "",
    ),
    (
        "an end that never comes",
        "(func (export \"after\") (param i32) (loop (br 0)))",
        "(i32.const 16)",
        "(post-return (core func $c \"after\"))",
        "time = \"150ms\"",
    ),
    (
        "an end that traps",
        "(func (export \"after\") (param i32) (unreachable))",
        "(i32.const 16)",
        "(post-return (core func $c \"after\"))",
        "",
    ),
];

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

pub const COUNT: usize = CASES.len() + BOMBS.len();

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
async fn answers_that_point_nowhere() {
    held!("abi", tried(&CASES).await);
}

#[tokio::test]
async fn bombs_of_bare_instructions() {
    held!("bombs", tried(&BOMBS).await);
}
