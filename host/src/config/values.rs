//! What a value may look like: texts to addresses, durations, sizes, paths. Errors are the end of a sentence that begins
//! with the key.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::Place;
use super::tree::{Node, Value};
use crate::store::sqlserver::{Allowed, Template};

fn wrong(wanted: &str, node: &Node) -> String {
    format!("should be {wanted}, and is {}", node.value.kind())
}

/// A text that is not empty.
pub(super) fn text(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Text(text) if text.trim().is_empty() => Err("is empty".into()),
        Value::Text(text) => Ok(text.clone()),
        _ => Err(wrong("a text", node)),
    }
}

pub(super) fn boolean(node: &Node) -> Result<bool, String> {
    match (&node.value, &node.place) {
        (Value::Boolean(truth), _) => Ok(*truth),
        (Value::Text(text), Place::Variable(_)) => match text.as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(format!("should be true or false, and is {text:?}")),
        },
        _ => Err(wrong("true or false", node)),
    }
}

/// A whole number within bounds.
pub(super) fn integer(bounds: RangeInclusive<u64>) -> impl FnOnce(&Node) -> Result<u64, String> {
    move |node| {
        let number = match (&node.value, &node.place) {
            (Value::Integer(number), _) => u64::try_from(*number).ok(),
            (Value::Text(text), Place::Variable(_)) => text.trim().parse().ok(),
            _ => return Err(wrong("a number", node)),
        };
        number
            .filter(|number| bounds.contains(number))
            .ok_or_else(|| format!("should be a number from {} to {}", bounds.start(), bounds.end()))
    }
}

/// The same as a `usize`.
pub(super) fn count(bounds: RangeInclusive<u64>) -> impl FnOnce(&Node) -> Result<usize, String> {
    move |node| usize::try_from(integer(bounds)(node)?).map_err(|_| "is more than this machine can count".into())
}

const SIZES: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// Bytes: `1048576` or `"2GiB"`.
pub(super) fn size(bounds: RangeInclusive<u64>) -> impl FnOnce(&Node) -> Result<u64, String> {
    move |node| {
        let bytes = match &node.value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Text(text) => bytes(text),
            _ => return Err(wrong("a size, for example \"2GiB\"", node)),
        };
        let bytes = bytes.ok_or_else(|| {
            "should be a size: a number of bytes, or a number with a unit such as \"64KiB\", \"32MiB\", \"2GiB\""
                .to_owned()
        })?;
        if bounds.contains(&bytes) {
            Ok(bytes)
        } else {
            Err(format!("should be a size from {} to {} bytes", bounds.start(), bounds.end()))
        }
    }
}

/// The same, for what is kept in memory.
pub(super) fn memory_size(bounds: RangeInclusive<u64>) -> impl FnOnce(&Node) -> Result<usize, String> {
    move |node| usize::try_from(size(bounds)(node)?).map_err(|_| "is more than this machine can address".into())
}

fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = SIZES
        .iter()
        .find_map(|(unit, factor)| {
            let at = text.len().checked_sub(unit.len())?;
            let (number, end) = text.split_at_checked(at)?;
            end.eq_ignore_ascii_case(unit).then_some((number, *factor))
        })
        .unwrap_or((text, 1));
    number.trim().parse::<u64>().ok()?.checked_mul(unit)
}

/// `"90s"`, `"5m"`, `"10h"`, `"1h 30m"`, `"250ms"`, `"7d"`.
pub(super) fn duration(bounds: RangeInclusive<Duration>) -> impl FnOnce(&Node) -> Result<Duration, String> {
    move |node| {
        let time = match &node.value {
            Value::Text(text) => time(text),
            Value::Integer(number) => {
                return Err(format!("needs a unit: \"{number}s\" for seconds, \"{number}m\" for minutes"));
            }
            _ => return Err(wrong("a time, for example \"5m\"", node)),
        };
        let time = time.ok_or("should be a time such as \"90s\", \"5m\", \"10h\" or \"1h 30m\"")?;
        if bounds.contains(&time) {
            Ok(time)
        } else {
            Err(format!("should be a time from {} to {}", Shown(*bounds.start()), Shown(*bounds.end())))
        }
    }
}

fn time(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let part = match &rest[..end] {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" | "min" => Duration::from_secs(number.checked_mul(60)?),
            "h" => Duration::from_secs(number.checked_mul(3_600)?),
            "d" => Duration::from_secs(number.checked_mul(86_400)?),
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = rest[end..].trim_start();
    }
    Some(total)
}

/// A time as the configuration spells it.
struct Shown(Duration);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = self.0.as_millis();
        let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        match units.into_iter().find(|(_, unit)| millis >= *unit && millis.is_multiple_of(*unit)) {
            Some((name, unit)) => write!(f, "\"{}{name}\"", millis / unit),
            None => write!(f, "\"{millis}ms\""),
        }
    }
}

pub(super) fn socket_address(node: &Node) -> Result<SocketAddr, String> {
    let text = text(node)?;
    text.parse().map_err(|_| {
        format!(
            "should be an IP address and a port, for example \"127.0.0.1:8080\", \"0.0.0.0:8080\" (every network of this \
             machine) or \"[::1]:8080\", and is {text:?}"
        )
    })
}

/// A path, relative ones beginning at the file's folder.
pub(super) fn path(base: &Path) -> impl Fn(&Node) -> Result<PathBuf, String> + use<'_> {
    move |node| text(node).map(|text| base.join(text))
}

/// Every element of a list.
pub(super) fn list<T>(read: impl Fn(&Node) -> Result<T, String>) -> impl FnOnce(&Node) -> Result<Vec<T>, String> {
    move |node| match (&node.value, &node.place) {
        (Value::List(items), _) => items.iter().map(read).collect(),
        (Value::Text(_), Place::Variable(name)) => {
            Err(format!("is a list: set its elements one by one, the first as {name}__0"))
        }
        _ => Err(wrong("a list in brackets", node)),
    }
}

/// One of a few words.
pub(super) fn choice<T: Copy>(words: &'static [(&'static str, T)]) -> impl FnOnce(&Node) -> Result<T, String> {
    move |node| {
        let given = text(node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&given)) {
            return Ok(*value);
        }
        let all = words.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>();
        let (last, first) = all.split_last().ok_or("takes no value")?;
        Err(format!("should be {} or {last}, and is {given:?}", first.join(", ")))
    }
}

/// 32 hex digits; a GUID's dashes and braces are taken away.
pub(super) fn application_id(node: &Node) -> Result<String, String> {
    let given = text(node)?;
    let id = given.trim().trim_start_matches('{').trim_end_matches('}').replace('-', "").to_ascii_lowercase();
    if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(id)
    } else {
        Err(format!("should be the application's id as SuperOffice gave it, 32 hex digits, and is {given:?}"))
    }
}

/// One folder's name that every file system takes: letters, digits, `-` and `_`.
pub(super) fn folder_name(node: &Node) -> Result<String, String> {
    let name = text(node)?;
    if (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    {
        Ok(name)
    } else {
        Err(format!("should be the name of one folder: 1 to 64 letters, digits, - and _, and is {name:?}"))
    }
}

/// The path of an address, from the slash on.
pub(super) fn url_path(node: &Node) -> Result<String, String> {
    const OURS: [&str; 4] = ["/livez", "/readyz", "/metrics", "/status"];
    let path = text(node)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
    if !path.starts_with('/') || !path.bytes().all(plain) {
        return Err(format!(
            "should be the path of an address, for example \"/MirroringClientService.svc\": a slash, then letters, digits \
             and -._~ only, and is {path:?}"
        ));
    }
    if OURS.iter().any(|ours| path.eq_ignore_ascii_case(ours)) {
        return Err(format!("is {path:?}, which this server answers itself"));
    }
    Ok(path)
}

/// `https://host/path`.
pub(super) fn url(node: &Node) -> Result<String, String> {
    let url = text(node)?;
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest {
        Some(rest)
            if !rest.is_empty()
                && !rest.starts_with('/')
                && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte)) =>
        {
            Ok(url)
        }
        _ => Err(format!("should be an address such as \"https://mirror.example.com\", and is {url:?}")),
    }
}

/// A database name for every tenant. Without the tenant in it all would meet in one database.
pub(super) fn database_template(node: &Node) -> Result<String, String> {
    let template = text(node)?;
    Template::parse(&template).map(|_| template)
}

/// Where a plug-in may send a tenant.
pub(super) fn allowed_connection(node: &Node) -> Result<String, String> {
    let pattern = text(node)?;
    Allowed::parse(&pattern).map(|_| pattern)
}

/// A name inside SQL Server: a schema, an elastic pool.
pub(super) fn sql_name(node: &Node) -> Result<String, String> {
    let name = text(node)?;
    let fits = name.encode_utf16().count() <= 128 && name.trim() == name && !name.chars().any(char::is_control);
    if fits { Ok(name) } else { Err(format!("should be a name of at most 128 characters, and is {name:?}")) }
}

/// A `tracing` filter.
pub(super) fn log_filter(node: &Node) -> Result<String, String> {
    let filter = text(node)?;
    tracing_subscriber::EnvFilter::builder().parse(&filter).map(|_| filter.clone()).map_err(|error| {
        format!("should be a filter such as \"info\" or \"warn,speil=debug\", and is {filter:?}: {error}")
    })
}
