//! Endpoints that break one rule each, made of a good host and a proxy that spoils what passes: the conformance checks
//! are held against them, so that no check passes whatever happens.
//!
//! | what is broken | file |
//! |---|---|
//! | whose token is believed, and our signed answer | [`tokens`] |
//! | HTTP, the form of answers, faults | [`answers`] |
//! | which messages are taken | [`messages`] |
//! | rows, cells, tables and LSNs | [`rows`] |

mod answers;
mod edit;
mod messages;
mod rows;
mod tokens;

use crate::kit::proxy::Saboteur;

/// All of them.
pub fn all() -> Vec<Saboteur> {
    [tokens::ALL, answers::ALL, messages::ALL, rows::ALL].concat()
}

/// Whether a check's name is one of these; `group/*` is all of a group.
pub fn named(check: &str, names: &[&str]) -> bool {
    names.iter().any(|name| match name.strip_suffix('*') {
        Some(beginning) => check.starts_with(beginning),
        None => check == *name,
    })
}
