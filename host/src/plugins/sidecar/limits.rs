//! `[limits]`: sizes, times and numbers, each with bounds of its own.

use std::time::Duration;

use toml::Value;

use super::unknown;
use crate::plugins::limits::Limits;

const KEYS: [&str; 10] = [
    "memory",
    "table_elements",
    "time",
    "call_time",
    "output",
    "log_lines",
    "log_bytes",
    "instances",
    "http_requests",
    "http_bytes",
];

pub(super) fn parse(value: &Value) -> Result<Limits, String> {
    let table = value.as_table().ok_or("`limits` must be a table: [limits]")?;
    let mut limits = Limits::default();
    for (key, value) in table {
        match key.as_str() {
            "memory" => limits.memory = bytes(key, value, Limits::MAX_MEMORY)?,
            "table_elements" => {
                limits.table_elements = count(&format!("limits.{key}"), value, Limits::MAX_TABLE_ELEMENTS)?;
            }
            "time" => limits.time = time(key, value)?,
            "call_time" => limits.call_time = time(key, value)?,
            "output" => limits.output = bytes(key, value, 1 << 30)?,
            "log_lines" => limits.log_lines = count(&format!("limits.{key}"), value, 1_000_000)?,
            "log_bytes" => limits.log_bytes = bytes(key, value, 1 << 30)?,
            "instances" => limits.instances = count(&format!("limits.{key}"), value, 1_000)?,
            "http_requests" => limits.http_requests = count(&format!("limits.{key}"), value, 100_000)?,
            "http_bytes" => limits.http_bytes = bytes(key, value, 4 << 30)?,
            _ => return Err(unknown("limits.", key, &KEYS)),
        }
    }
    Ok(limits)
}

/// A whole number from 1.
pub(super) fn count(key: &str, value: &Value, most: usize) -> Result<usize, String> {
    value
        .as_integer()
        .and_then(|number| usize::try_from(number).ok())
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| format!("`{key}` must be a whole number from 1 to {most}, not {value}"))
}

/// A size: a number of bytes, or a text such as `"64 MiB"`.
fn bytes(key: &str, value: &Value, most: usize) -> Result<usize, String> {
    let wrong = || {
        let most = crate::plugins::limits::size(most);
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
