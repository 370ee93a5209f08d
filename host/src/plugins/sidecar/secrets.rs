//! `[secrets]`: what a plug-in reads beside its configuration and what stands in no file of the plug-in folder. The host
//! never writes one anywhere, and strikes it out of what the plug-in itself logs or answers.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use toml::Value;
use zeroize::Zeroizing;

use super::unknown;
use crate::plugins::reading;

/// No password or key is longer.
const MOST: u64 = 64 << 10;

/// Shorter texts are not struck out of log lines: it would make them unreadable and hide nothing.
const SHORTEST_STRUCK: usize = 4;

/// Where a secret is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// `{ env = "NAME" }`
    Env(String),
    /// `{ file = "path" }`, relative to the sidecar.
    File(PathBuf),
}

/// Secrets, read. Never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<String, Zeroizing<String>>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Secrets {
    /// Names and texts, for the plug-in alone.
    pub(in crate::plugins) fn expose(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The text without any of the secrets in it.
    #[must_use]
    pub fn strike(&self, text: &str) -> String {
        let mut struck = text.to_owned();
        for secret in self.0.values().filter(|secret| secret.len() >= SHORTEST_STRUCK) {
            if struck.contains(secret.as_str()) {
                struck = struck.replace(secret.as_str(), "***");
            }
        }
        struck
    }
}

pub(super) fn parse(value: &Value) -> Result<BTreeMap<String, SecretSource>, String> {
    let table = value.as_table().ok_or("`secrets` must be a table: [secrets]")?;
    table.iter().map(|(name, value)| Ok((name.clone(), source(name, value)?))).collect()
}

fn source(name: &str, value: &Value) -> Result<SecretSource, String> {
    let form = |found: &str| {
        // What was written may be the secret itself: never shown.
        format!("`secrets.{name}` must be {{ env = \"NAME\" }} or {{ file = \"path\" }}, not {found}")
    };
    let table = match value {
        Value::Table(table) => table,
        Value::String(_) => return Err(form("the secret itself, which would then stand in this file")),
        _ => return Err(form("something else")),
    };
    match table.iter().next() {
        Some((key, Value::String(text))) if table.len() == 1 && !text.is_empty() => match key.as_str() {
            "env" => Ok(SecretSource::Env(text.clone())),
            "file" => Ok(SecretSource::File(text.into())),
            _ => Err(unknown(&format!("secrets.{name}."), key, &["env", "file"])),
        },
        _ => Err(form("something else")),
    }
}

/// Reads all of them.
///
/// # Errors
/// A sentence that names the secret and where it was looked for, never what was found.
pub(super) fn read(sources: &BTreeMap<String, SecretSource>, base: &Path) -> Result<Secrets, String> {
    let mut read = BTreeMap::new();
    for (name, source) in sources {
        let text = match source {
            SecretSource::Env(variable) => Zeroizing::new(std::env::var(variable).map_err(|error| match error {
                std::env::VarError::NotPresent => format!(
                    "`secrets.{name}` is to come from the environment variable {variable}, which is not set; set it for the \
                     account that runs speil"
                ),
                std::env::VarError::NotUnicode(_) => {
                    format!("`secrets.{name}`: the environment variable {variable} is not text")
                }
            })?),
            SecretSource::File(path) => file(name, &base.join(path))?,
        };
        let text = Zeroizing::new(text.trim().to_owned());
        if text.is_empty() {
            return Err(format!("`secrets.{name}` is empty where it is to come from"));
        }
        read.insert(name.clone(), text);
    }
    Ok(Secrets(read))
}

fn file(name: &str, path: &Path) -> Result<Zeroizing<String>, String> {
    let place = path.display();
    let unreadable = |error: std::io::Error| format!("`secrets.{name}`: the file {place} cannot be read: {error}");
    let mut bytes = Zeroizing::new(Vec::new());
    reading::open(path).map_err(unreadable)?.take(MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MOST {
        return Err(format!("`secrets.{name}`: the file {place} has more than 64 KiB, which no secret has"));
    }
    std::str::from_utf8(&bytes)
        .map(|text| Zeroizing::new(text.trim_start_matches('\u{feff}').to_owned()))
        .map_err(|_| format!("`secrets.{name}`: the file {place} is not text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(text: &str) -> Result<BTreeMap<String, SecretSource>, String> {
        parse(&Value::Table(text.parse().unwrap()))
    }

    #[test]
    fn a_secret_comes_from_a_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key.txt"), "\u{feff}hunter2\n").unwrap();
        let secrets = read(&sources("key = { file = \"key.txt\" }").unwrap(), folder.path()).unwrap();
        assert_eq!(secrets.expose().collect::<Vec<_>>(), [("key", "hunter2")]);
        assert_eq!(format!("{secrets:?}"), r#"{"key"}"#);
        assert_eq!(secrets.strike("the key is hunter2, hunter2!"), "the key is ***, ***!");
    }

    #[test]
    fn what_is_wrong_never_quotes_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty"), " \n").unwrap();
        let mut refusals: Vec<String> =
            ["key = \"hunter2\"", "key = 7", "key = { en = \"A\" }", "key = { env = \"A\", file = \"b\" }"]
                .iter()
                .map(|text| sources(text).unwrap_err())
                .collect();
        assert!(refusals.iter().all(|refusal| !refusal.contains("hunter2")), "{refusals:?}");
        for text in ["key = { env = \"SPEIL_TEST_NOT_SET\" }", "key = { file = \"empty\" }"] {
            refusals.push(read(&sources(text).unwrap(), folder.path()).unwrap_err());
        }
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        `secrets.key` must be { env = "NAME" } or { file = "path" }, not the secret itself, which would then stand in this file
        `secrets.key` must be { env = "NAME" } or { file = "path" }, not something else
        unknown key `secrets.key.en`; did you mean `secrets.key.env`?
        `secrets.key` must be { env = "NAME" } or { file = "path" }, not something else
        `secrets.key` is to come from the environment variable SPEIL_TEST_NOT_SET, which is not set; set it for the account that runs speil
        `secrets.key` is empty where it is to come from
        "#);
        let missing = read(&sources("key = { file = \"gone\" }").unwrap(), folder.path()).unwrap_err();
        assert!(missing.contains("gone cannot be read"), "{missing}");
    }
}
