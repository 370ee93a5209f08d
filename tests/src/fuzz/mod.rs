//! What is fuzzed: one function per target, which takes any bytes and panics where a promise is broken. libFuzzer feeds
//! them (`fuzz/run`); plain `cargo test` replays the seeds and whatever was found before (`tests/fuzz_seeds.rs`).
//!
//! Each does more than survive: it holds what came out against a second way to the same answer.
//!
//! | target | what goes in | what it is held against |
//! |---|---|---|
//! | [`decoder`] | the body of a call | the short way for cells against the long one, limits, spilling |
//! | [`cells`] | a column type, a cell's text | a plain reading of numbers; what is written back and read again |
//! | [`tokens`] | a token, or header and claims to be signed | its claims read plainly; the signature checked by hand |
//! | [`schemas`] | a table as it was and as it is | the plan, carried out in a real mirror with rows in it |
//! | [`alter_plans`] | the same, and what people made over it | what a SQL Server would be sent, read again and done to a table in memory |
//! | [`sidecars`] | `NAME.toml` | itself with a line more |
//! | [`rsa_keys`] | a key file | itself, written and read again; a signature made with it |
//! | [`wsdl_paths`] | address, Host header | well-formed XML whose address is clean |

pub mod alter_plans;
pub mod cells;
pub mod decoder;
pub mod rsa_keys;
pub mod schemas;
pub mod sidecars;
pub mod tokens;
pub mod wsdl_paths;

/// A target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Also the name of its folder of seeds.
    pub name: &'static str,
    /// Tries one input.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 8] = [
    Target { name: "decoder", run: decoder::run },
    Target { name: "cells", run: cells::run },
    Target { name: "tokens", run: tokens::run },
    Target { name: "schemas", run: schemas::run },
    Target { name: "alter_plans", run: alter_plans::run },
    Target { name: "sidecars", run: sidecars::run },
    Target { name: "rsa_keys", run: rsa_keys::run },
    Target { name: "wsdl_paths", run: wsdl_paths::run },
];

/// The target of a name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// A text for people: there is one, it is of bounded length, and nothing in it can forge a line of a log.
fn is_presentable(text: &str, most: usize) {
    assert!(!text.is_empty(), "a message says something");
    assert!(text.len() <= most, "a message of {} bytes: {text}", text.len());
    assert!(!text.chars().any(char::is_control), "control characters in a message: {text:?}");
}
