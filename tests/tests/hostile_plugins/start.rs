//! Harm before a plug-in is ever called: by how it starts, by how large it is, by what it imports. Each comes to a host that runs,
//! while the neighbour calls.

use std::fmt::Write as _;

use super::text::{beside_a_hook, starting};
use super::{Hosted, VICTIM, beside, hosted, short};
use crate::held;
use crate::plugins::place;

/// A name, a component, limits.
type Case = (&'static str, fn() -> Vec<u8>, &'static str);

const CASES: [Case; 24] = [
    ("a start that never ends", || starting("(func $s (loop (br 0))) (start $s)"), "time = \"150ms\""),
    ("a start that traps", || starting("(func $s (unreachable)) (start $s)"), ""),
    (
        "a start that takes all memory",
        || starting("(func $s (loop (drop (memory.grow (i32.const 16))) (br 0))) (start $s)"),
        "memory = \"4 MiB\"\ntime = \"5m\"",
    ),
    ("a start that takes all stack", || starting("(func $s (call $s)) (start $s)"), "time = \"5m\""),
    ("a start that logs for ever", start_that_logs, "time = \"300ms\"\nlog_lines = 3"),
    ("a start that writes where there is no memory", || starting("(data (i32.const 0x7ffffff0) \"x\")"), ""),
    (
        "a start that fills a table that is too short",
        || starting("(table 1 funcref) (func $x) (elem (i32.const 5) $x)"),
        "",
    ),
    ("a memory as large as 32 bits go", || starting("(memory (export \"memory\") 65536)"), ""),
    ("a table of a million elements", || starting("(table 1000000 funcref)"), ""),
    ("a table larger than any host has", || starting("(table 100000000 funcref)"), "table_elements = 1000000"),
    ("more memories than one", || starting("(memory (export \"memory\") 1) (memory 1)"), ""),
    ("a hundred instances", || many_instances(100), ""),
    ("five thousand instances", || many_instances(5_000), ""),
    ("a hundred instances with a memory each", hundred_memories, ""),
    ("ten thousand imports", ten_thousand_imports, ""),
    ("an import with an enormous name", enormous_name, ""),
    ("components in components", || nested(50), ""),
    ("components in components in components", || nested(2_000), ""),
    ("sockets", || importing("wasi:sockets/tcp@0.2.6"), ""),
    ("another plug-in's secrets", || importing("speil:mirror/secrets@0.1.0"), ""),
    ("the host's own command line", || importing("wasi:cli/run@0.2.6"), ""),
    ("a power that was not granted", || importing("speil:mirror/database@0.1.0"), ""),
    ("an interface from the future", || importing("speil:mirror/log@9.0.0"), ""),
    ("more randomness than there is memory", much_randomness, "time = \"5m\""),
];

pub const COUNT: usize = CASES.len();

fn many_instances(count: usize) -> Vec<u8> {
    let mut parts = String::from("(core module $n)");
    for number in 0..count {
        write!(parts, "(core instance $n{number} (instantiate $n))").expect("writing to a String cannot fail");
    }
    beside_a_hook(&parts)
}

fn hundred_memories() -> Vec<u8> {
    let mut parts = String::from("(core module $n (memory 1))");
    for number in 0..100 {
        write!(parts, "(core instance $n{number} (instantiate $n))").expect("writing to a String cannot fail");
    }
    beside_a_hook(&parts)
}

fn ten_thousand_imports() -> Vec<u8> {
    let mut parts = String::new();
    for number in 0..10_000 {
        write!(parts, "(import \"acme:many/i{number}@1.0.0\" (instance))").expect("writing to a String cannot fail");
    }
    beside_a_hook(&parts)
}

fn enormous_name() -> Vec<u8> {
    beside_a_hook(&format!("(import \"acme:{}/x@1.0.0\" (instance))", "n".repeat(90_000)))
}

/// So many components inside of each other, put together by hand: as text they would be too deep for those who read texts.
fn nested(depth: usize) -> Vec<u8> {
    let mut inner = b"\0asm\x0d\0\x01\0".to_vec();
    for _ in 0..depth {
        let mut outer = b"\0asm\x0d\0\x01\0".to_vec();
        push_component(&mut outer, &inner);
        inner = outer;
    }
    let mut whole = beside_a_hook("");
    push_component(&mut whole, &inner);
    whole
}

/// Appends a section that holds a component.
fn push_component(to: &mut Vec<u8>, component: &[u8]) {
    to.push(4);
    let mut length = component.len();
    while length >= 0x80 {
        to.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    to.push(u8::try_from(length).expect("seven bits"));
    to.extend_from_slice(component);
}

fn importing(name: &str) -> Vec<u8> {
    beside_a_hook(&format!("(import \"{name}\" (instance))"))
}

/// Calls the host while it starts, over and over.
fn start_that_logs() -> Vec<u8> {
    beside_a_hook(
        r#"
        (type $log (instance
            (type $words (enum "debug" "info" "warn" "error"))
            (export "level" (type $level (eq $words)))
            (export "write" (func (param "level" $level) (param "message" string)))))
        (import "speil:mirror/log@0.1.0" (instance $l (type $log)))
        (core module $n (memory (export "memory") 1) (data (i32.const 0) "again"))
        (core instance $n (instantiate $n))
        (alias core export $n "memory" (core memory $memory))
        (core func $write (canon lower (func $l "write") (memory $memory)))
        (core module $m
            (import "l" "write" (func $write (param i32 i32 i32)))
            (func $s (loop (call $write (i32.const 1) (i32.const 0) (i32.const 5)) (br 0)))
            (start $s))
        (core instance $l (export "write" (func $write)))
        (core instance $m (instantiate $m (with "l" (instance $l))))"#,
    )
}

/// Asks the host for more random bytes than the host has memory.
fn much_randomness() -> Vec<u8> {
    beside_a_hook(
        r#"
        (import "wasi:random/random@0.2.6" (instance $r
            (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
        (core module $n (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
        (core instance $n (instantiate $n))
        (alias core export $n "memory" (core memory $memory))
        (alias core export $n "realloc" (core func $realloc))
        (core func $get (canon lower (func $r "get-random-bytes") (memory $memory) (realloc $realloc)))
        (core module $m
            (import "r" "get" (func $get (param i64 i32)))
            (func $s (call $get (i64.const 0x7fffffffffffffff) (i32.const 0)))
            (start $s))
        (core instance $r (export "get" (func $get)))
        (core instance $m (instantiate $m (with "r" (instance $r))))"#,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn harm_before_the_first_call() {
    let mut all = Vec::new();
    for (name, component, limits) in &CASES {
        let Hosted { folder, host } = hosted(&[]);
        let sidecar = format!("tenants = [\"{VICTIM}\"]\n[limits]\n{limits}\n");
        place(folder.path(), "raw.toml", sidecar.as_bytes());
        place(folder.path(), "raw.wasm", &component());
        let loading = host.clone();
        let loaded = tokio::task::spawn_blocking(move || loading.reload());
        beside(&host, loaded).await.expect("no panic").expect("the folder can be read");
        let status = host.list().remove(1);
        assert_eq!(status.name, "raw");
        all.push(format!("{name}: {}", status.broken.as_deref().map_or_else(|| "it runs".into(), short)));
    }
    held!("start", all);
}
