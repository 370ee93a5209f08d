//! `NAME.toml` beside `NAME.wasm`: what a plug-in is told and may use. No sidecar: all its hooks for all tenants, no
//! configuration, no grants, the default limits.
//!
//! Unknown keys are errors with the nearest known key: a misspelt limit must not silently be no limit. Reading a sidecar
//! touches nothing else ([`Sidecar::parse`]); what it names in files and in the environment is fetched afterwards
//! ([`Sidecar::settle`]), so that two sidecars can be compared without their secrets.

mod failure;
mod grants;
mod limits;
mod secrets;
mod settings;
mod tenants;

use std::collections::BTreeMap;

use toml::{Table, Value};

pub use failure::{Failures, OnFailure};
pub use grants::{DatabaseGrant, Folder, Grants, HttpTarget};
pub use secrets::SecretSource;
pub use settings::Settings;
pub use tenants::Tenants;

use super::hook::Hook;
use super::limits::Limits;

/// A sidecar, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// `hooks`: only these are called. `None`: all that it exports.
    pub hooks: Option<Vec<Hook>>,
    /// `order`: its place among the plug-ins; smaller is earlier, ties by name.
    pub order: i64,
    /// `tenants`: whom it is for.
    pub tenants: Tenants,
    /// `[config]`: what the plug-in reads by `wasi:config/store`.
    pub config: BTreeMap<String, String>,
    /// `[secrets]`: where more of that is found.
    pub secrets: BTreeMap<String, SecretSource>,
    /// `[limits]`.
    pub limits: Limits,
    /// `[failure]`.
    pub failure: Failures,
    /// `[grants]`.
    pub grants: Grants,
    /// `deterministic`.
    pub deterministic: Deterministic,
    /// `poison`.
    pub poison: Poison,
    /// `quarantine_cap`: rows of one table kept aside at most; beyond that the call fails as with `stop`.
    pub quarantine_cap: usize,
    /// `revision`: the author's own word for what the transform makes of rows.
    pub revision: Option<String>,
}

impl Default for Sidecar {
    fn default() -> Self {
        Self {
            hooks: None,
            order: 0,
            tenants: Tenants::default(),
            config: BTreeMap::new(),
            secrets: BTreeMap::new(),
            limits: Limits::default(),
            failure: Failures::default(),
            grants: Grants::default(),
            deterministic: Deterministic::default(),
            poison: Poison::default(),
            quarantine_cap: QUARANTINED,
            revision: None,
        }
    }
}

/// Whether a transform is believed to make the same of the same rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deterministic {
    /// `trust`: it is.
    #[default]
    Trust,
    /// `check`: a sample of batches is run twice and compared.
    Check,
}

/// What becomes of a row that a transform makes something impossible of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Poison {
    /// `stop`: the call fails.
    #[default]
    Stop,
    /// `quarantine`: the row is left out of the mirror and kept aside.
    Quarantine,
}

/// The most `quarantine_cap` can be set to.
const MOST_QUARANTINED: usize = 100_000;
/// See [`Sidecar::quarantine_cap`].
const QUARANTINED: usize = 100;

const KEYS: [&str; 12] = [
    "config",
    "deterministic",
    "failure",
    "grants",
    "hooks",
    "limits",
    "order",
    "poison",
    "quarantine_cap",
    "revision",
    "secrets",
    "tenants",
];

impl Sidecar {
    /// Reads a sidecar.
    ///
    /// # Errors
    /// A sentence without the file's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{at}{}", error.message())
        })?;
        let mut sidecar = Self::default();
        for (key, value) in &table {
            match key.as_str() {
                "config" => sidecar.config = config(value)?,
                "hooks" => sidecar.hooks = Some(hooks(value)?),
                "limits" => sidecar.limits = limits::parse(value)?,
                "order" => {
                    sidecar.order = value.as_integer().ok_or_else(|| {
                        format!(
                            "`order` must be a whole number, such as 10 or -5, not {value}; plug-ins without one have 0"
                        )
                    })?;
                }
                "tenants" => sidecar.tenants = tenants::parse(value)?,
                "secrets" => sidecar.secrets = secrets::parse(value)?,
                "failure" => sidecar.failure = failure::parse(value)?,
                "grants" => sidecar.grants = grants::parse(value)?,
                "deterministic" => {
                    sidecar.deterministic = match value.as_str() {
                        Some("trust") => Deterministic::Trust,
                        Some("check") => Deterministic::Check,
                        _ => return Err(grants::word(key, value, &["trust", "check"])),
                    }
                }
                "poison" => {
                    sidecar.poison = match value.as_str() {
                        Some("stop") => Poison::Stop,
                        Some("quarantine") => Poison::Quarantine,
                        _ => return Err(grants::word(key, value, &["stop", "quarantine"])),
                    }
                }
                "quarantine_cap" => sidecar.quarantine_cap = limits::count(key, value, MOST_QUARANTINED)?,
                "revision" => {
                    let text = value.as_str().filter(|text| (1..=100).contains(&text.chars().count()));
                    sidecar.revision = Some(
                        text.ok_or_else(|| {
                            format!("`revision` must be a text of 1 to 100 characters, such as \"2\", not {value}")
                        })?
                        .to_owned(),
                    );
                }
                _ => return Err(unknown("", key, &KEYS)),
            }
        }
        if let Some(twice) = sidecar.secrets.keys().find(|name| sidecar.config.contains_key(*name)) {
            return Err(format!(
                "`{twice}` stands under [config] and under [secrets]; the plug-in reads both by one name, so keep one"
            ));
        }
        Ok(sidecar)
    }
}

fn config(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let table = value.as_table().ok_or("`config` must be a table: [config]")?;
    table
        .iter()
        .map(|(key, value)| match value {
            Value::String(text) => Ok((key.clone(), text.clone())),
            Value::Table(_) => Err(format!(
                "`config.{key}` is a table; keys with a point in them are written in quotes: \"{key}.…\" = \"…\""
            )),
            other => Err(format!("`config.{key}` must be a text; write it in quotes: \"{other}\"")),
        })
        .collect()
}

fn hooks(value: &Value) -> Result<Vec<Hook>, String> {
    let list = value.as_array().ok_or("`hooks` must be a list of hook names")?;
    list.iter()
        .map(|name| {
            let name = name.as_str().ok_or("`hooks` must be a list of hook names")?;
            Hook::from_name(name).ok_or_else(|| {
                let hint = hook_named(name).map_or_else(
                    || format!("hooks are {}", Hook::ALL.map(Hook::name).join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                format!("`hooks` names `{name}`, which is no hook; {hint}")
            })
        })
        .collect()
}

/// The hook that a misspelt name most likely means.
fn hook_named(name: &str) -> Option<&'static str> {
    nearest(name, &Hook::ALL.map(Hook::name))
}

fn unknown(prefix: &str, key: &str, known: &[&str]) -> String {
    let nearest = nearest(key, known).map(|near| format!("; did you mean `{prefix}{near}`?")).unwrap_or_default();
    let known: Vec<String> = known.iter().map(|name| format!("`{prefix}{name}`")).collect();
    if nearest.is_empty() {
        format!("unknown key `{prefix}{key}`; known are {}", known.join(", "))
    } else {
        format!("unknown key `{prefix}{key}`{nearest}")
    }
}

/// The known name that a misspelt one most likely means.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), *candidate))
        .filter(|(likeness, _)| *likeness >= 0.5)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn refused(text: &str) -> String {
        Sidecar::parse(text).expect_err(text)
    }

    #[test]
    fn an_empty_sidecar_is_no_sidecar() {
        assert_eq!(Sidecar::parse(""), Ok(Sidecar::default()));
    }

    #[test]
    fn every_key_is_read() {
        let sidecar = Sidecar::parse(
            r#"
            hooks = ["transform", "wiped"]
            [config]
            "person.email" = "hash"
            [limits]
            memory = "64 MiB"
            table_elements = 7
            time = "250ms"
            call_time = "2m"
            output = 1024
            log_lines = 3
            log_bytes = "1KiB"
            instances = 2
            http_requests = 5
            http_bytes = "2MiB"
            "#,
        )
        .unwrap();
        assert_eq!(sidecar.config["person.email"], "hash");
        assert_eq!(sidecar.hooks, Some(vec![Hook::Transform, Hook::Wiped]));
        assert_eq!(
            sidecar.limits,
            Limits {
                memory: 64 << 20,
                table_elements: 7,
                time: Duration::from_millis(250),
                call_time: Duration::from_mins(2),
                output: 1024,
                log_lines: 3,
                log_bytes: 1024,
                instances: 2,
                http_requests: 5,
                http_bytes: 2 << 20,
            }
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_the_nearest_known_name() {
        let refusals: Vec<String> = [
            "limit = 1",
            "zebra = 1",
            "hooks = \"wiped\"",
            "hooks = [\"wipe\"]",
            "hooks = [\"onAfterEverything\"]",
            "[limits]\nmemroy = 1",
            "[limits]\nmemory = \"64 MB\"",
            "[limits]\nmemory = \"5 GiB\"",
            "[limits]\ntime = 10",
            "[limits]\ntime = \"0s\"",
            "[limits]\ninstances = 0",
            "[config]\na = 1",
            "[config]\nperson.email = \"hash\"",
            "[config]\na = \"1",
            "order = \"first\"",
            "tenants = []",
            "deterministic = \"yes\"",
            "poison = \"quarantin\"",
            "quarantine_cap = 0",
            "revision = 2",
            "[config]\na = \"1\"\n[secrets]\na = { env = \"A\" }",
            "[grant]\ndatabase = \"read\"",
        ]
        .map(refused)
        .into();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        unknown key `limit`; did you mean `limits`?
        unknown key `zebra`; known are `config`, `deterministic`, `failure`, `grants`, `hooks`, `limits`, `order`, `poison`, `quarantine_cap`, `revision`, `secrets`, `tenants`
        `hooks` must be a list of hook names
        `hooks` names `wipe`, which is no hook; did you mean `wiped`?
        `hooks` names `onAfterEverything`, which is no hook; hooks are resolve-connection, authenticated, before-replicate-table, transform, wiped, replication-completed, rows-committed, operation, log-event
        unknown key `limits.memroy`; did you mean `limits.memory`?
        `limits.memory` must be a size from 1 byte to 4 GiB, such as "64 MiB", not "64 MB"
        `limits.memory` must be a size from 1 byte to 4 GiB, such as "64 MiB", not "5 GiB"
        `limits.time` must be a time from 1 ms to 1 h, such as "10s", not 10
        `limits.time` must be a time from 1 ms to 1 h, such as "10s", not "0s"
        `limits.instances` must be a whole number from 1 to 1000, not 0
        `config.a` must be a text; write it in quotes: "1"
        `config.person` is a table; keys with a point in them are written in quotes: "person.…" = "…"
        line 2: invalid basic string, expected `"`
        `order` must be a whole number, such as 10 or -5, not "first"; plug-ins without one have 0
        `tenants` is empty, so the plug-in would be for nobody; take the line out for all tenants, or take the plug-in out of the folder
        `deterministic` must be "trust" or "check", not "yes"
        `poison` must be "stop" or "quarantine", not "quarantin"; did you mean "quarantine"?
        `quarantine_cap` must be a whole number from 1 to 100000, not 0
        `revision` must be a text of 1 to 100 characters, such as "2", not 2
        `a` stands under [config] and under [secrets]; the plug-in reads both by one name, so keep one
        unknown key `grant`; did you mean `grants`?
        "#);
    }
}
