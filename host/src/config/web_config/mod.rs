//! The vendor's `web.config` becomes a `speil.toml` that behaves the same: what has a counterpart is carried over, what has none
//! becomes a comment that says so.
//!
//! | question | file |
//! |---|---|
//! | how is a web.config read | `read` |
//! | what becomes of each setting | `convert` |
//!
//! No value of the file is shown anywhere but in the `speil.toml`: a setting that is not known may well be a secret.

mod convert;
mod read;
#[cfg(test)]
mod tests;

use std::path::Path;

use zeroize::Zeroizing;

/// One setting, as it was found.
struct Setting {
    name: String,
    value: Zeroizing<String>,
    /// File and line.
    at: String,
}

/// The environment variable that holds the connection string when secrets are kept out of the file.
pub const CONNECTION_VARIABLE: &str = "SPEIL_SQL";

/// What to make of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportOptions {
    /// The connection string is left to the environment ([`CONNECTION_VARIABLE`]).
    pub secrets_in_env: bool,
}

/// A `speil.toml`, and what became of each setting.
pub struct Imported {
    /// The file's text; holds secrets unless they were left to the environment.
    pub toml: Zeroizing<String>,
    pub settings: Vec<Became>,
    /// What to do before it can be started, in order.
    pub next: Vec<String>,
}

/// What became of one setting.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Became {
    pub setting: String,
    /// File and line; empty when it was not there.
    pub at: String,
    /// The key of `speil.toml`; `None` when it has no counterpart.
    pub key: Option<String>,
    pub note: String,
}

/// Reads a `web.config` for a `speil.toml` that will be in `folder`.
///
/// # Errors
/// A sentence with file and line.
pub fn import(web_config: &Path, folder: &Path, options: ImportOptions) -> Result<Imported, String> {
    let found = read::web_config(web_config)?;
    convert::convert(web_config, folder, &found, options)
}
