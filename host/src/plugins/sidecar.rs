//! `NAME.toml` beside `NAME.wasm`: what a plug-in is told and may use. No sidecar: all its hooks, no configuration, the
//! default limits.
//!
//! Unknown keys are errors with the nearest known key: a misspelt limit must not silently be no limit.

use std::collections::BTreeMap;
use std::time::Duration;

use toml::{Table, Value};

use super::hook::Hook;
use super::limits::Limits;

/// A sidecar, checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sidecar {
    /// `[config]`: what the plug-in reads by `wasi:config/store`.
    pub config: BTreeMap<String, String>,
    /// `[limits]`.
    pub limits: Limits,
    /// `hooks`: only these are called. `None`: all that it exports.
    pub hooks: Option<Vec<Hook>>,
    /// `revision`: what the rows it makes depend on, in place of its file.
    pub revision: Option<String>,
}

const KEYS: [&str; 4] = ["config", "hooks", "limits", "revision"];

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
                "limits" => sidecar.limits = limits(value)?,
                "revision" => sidecar.revision = Some(revision(value)?),
                _ => return Err(unknown("", key, &KEYS)),
            }
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
                let names = Hook::ALL.map(Hook::name);
                let hint = nearest(name, &names).map_or_else(
                    || format!("hooks are {}", names.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                );
                format!("`hooks` names `{name}`, which is no hook; {hint}")
            })
        })
        .collect()
}

fn revision(value: &Value) -> Result<String, String> {
    let text = value.as_str().filter(|text| !text.is_empty() && text.len() <= 100);
    text.map(str::to_owned)
        .ok_or_else(|| format!("`revision` must be a text of 1 to 100 bytes, such as \"1\", not {value}"))
}

const LIMITS: [&str; 8] =
    ["memory", "table_elements", "time", "call_time", "output", "log_lines", "log_bytes", "instances"];

fn limits(value: &Value) -> Result<Limits, String> {
    let table = value.as_table().ok_or("`limits` must be a table: [limits]")?;
    let mut limits = Limits::default();
    for (key, value) in table {
        match key.as_str() {
            "memory" => limits.memory = bytes(key, value, Limits::MAX_MEMORY)?,
            "table_elements" => limits.table_elements = count(key, value, Limits::MAX_TABLE_ELEMENTS)?,
            "time" => limits.time = time(key, value)?,
            "call_time" => limits.call_time = time(key, value)?,
            "output" => limits.output = bytes(key, value, 1 << 30)?,
            "log_lines" => limits.log_lines = count(key, value, 1_000_000)?,
            "log_bytes" => limits.log_bytes = bytes(key, value, 1 << 30)?,
            "instances" => limits.instances = count(key, value, 1_000)?,
            _ => return Err(unknown("limits.", key, &LIMITS)),
        }
    }
    Ok(limits)
}

fn count(key: &str, value: &Value, most: usize) -> Result<usize, String> {
    value
        .as_integer()
        .and_then(|number| usize::try_from(number).ok())
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| format!("`limits.{key}` must be a whole number from 1 to {most}, not {value}"))
}

/// A size: a number of bytes, or a text such as `"64 MiB"`.
fn bytes(key: &str, value: &Value, most: usize) -> Result<usize, String> {
    let wrong = || {
        let most = super::limits::size(most);
        format!("`limits.{key}` must be a size from 1 byte to {most}, such as \"64 MiB\", not {value}")
    };
    let number = match value {
        Value::Integer(number) => usize::try_from(*number).ok(),
        Value::String(text) => {
            let (number, unit) = split_unit(text);
            let unit = match unit {
                "" | "B" => Some(1),
                "KiB" => Some(1 << 10),
                "MiB" => Some(1 << 20),
                "GiB" => Some(1 << 30),
                _ => None,
            };
            number.parse::<usize>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit))
        }
        _ => None,
    };
    number.filter(|number| (1..=most).contains(number)).ok_or_else(wrong)
}

/// A time: a text such as `"10s"`, `"250ms"`, `"2m"`.
fn time(key: &str, value: &Value) -> Result<Duration, String> {
    let wrong = || format!("`limits.{key}` must be a time from 1 ms to 1 h, such as \"10s\", not {value}");
    let (number, unit) = split_unit(value.as_str().ok_or_else(wrong)?);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)?;
    if (1..=3_600_000).contains(&millis) { Ok(Duration::from_millis(millis)) } else { Err(wrong()) }
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
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
            revision = "7"
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
            "#,
        )
        .unwrap();
        assert_eq!(sidecar.config["person.email"], "hash");
        assert_eq!(sidecar.hooks, Some(vec![Hook::Transform, Hook::Wiped]));
        assert_eq!(sidecar.revision.as_deref(), Some("7"));
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
            }
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_the_nearest_known_name() {
        let refusals: Vec<String> = [
            "limit = 1",
            "zebra = 1",
            "revision = 1",
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
        ]
        .map(refused)
        .into();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        unknown key `limit`; did you mean `limits`?
        unknown key `zebra`; known are `config`, `hooks`, `limits`, `revision`
        `revision` must be a text of 1 to 100 bytes, such as "1", not 1
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
        "#);
    }
}
