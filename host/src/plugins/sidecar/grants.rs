//! `[grants]`: what a plug-in may reach beyond log, config and indexes. Nothing without a line here.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use toml::{Table, Value};

use super::{nearest, unknown};

/// What is granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// `database`.
    pub database: DatabaseGrant,
    /// `http`: these and no others. An empty list lets a plug-in load that imports HTTP and reach nobody.
    pub http: Option<Vec<HttpTarget>>,
    /// `keyvalue`.
    pub keyvalue: bool,
    /// `folders`.
    pub folders: Vec<Folder>,
    /// `environment`: names of variables of the server's own environment.
    pub environment: Vec<String>,
    /// `unused`: packages whose interfaces are imported and never called, such as `wasi:sockets`. Nothing is behind them.
    pub unused: Vec<String>,
}

/// How much of the mirror's database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DatabaseGrant {
    #[default]
    None,
    Read,
    Write,
}

impl DatabaseGrant {
    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// One host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// In small letters; an address without brackets.
    pub host: String,
    pub port: u16,
    /// Whether its name may lead to a private address.
    pub private: bool,
}

impl HttpTarget {
    /// The address, if the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whether an address of this machine's own network will do: said so, or listed as the address itself.
    #[must_use]
    pub fn may_be_private(&self) -> bool {
        self.private || self.address().is_some()
    }
}

impl fmt::Display for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A folder of this machine that the plug-in sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Relative to the sidecar.
    pub host: PathBuf,
    /// The name by which the plug-in opens it.
    pub guest: String,
    /// Whether it may write there.
    pub write: bool,
}

const KEYS: [&str; 6] = ["database", "environment", "folders", "http", "keyvalue", "unused"];

pub(super) fn parse(value: &Value) -> Result<Grants, String> {
    let table = value.as_table().ok_or("`grants` must be a table: [grants]")?;
    let mut grants = Grants::default();
    for (key, value) in table {
        match key.as_str() {
            "database" => grants.database = database(value)?,
            "http" => grants.http = Some(list("http", value)?.iter().map(target).collect::<Result<_, _>>()?),
            "keyvalue" => {
                grants.keyvalue =
                    value.as_bool().ok_or_else(|| format!("`grants.keyvalue` must be true or false, not {value}"))?;
            }
            "folders" => grants.folders = list("folders", value)?.iter().map(folder).collect::<Result<_, _>>()?,
            "environment" => {
                grants.environment = list("environment", value)?.iter().map(variable).collect::<Result<_, _>>()?;
            }
            "unused" => grants.unused = list("unused", value)?.iter().map(package).collect::<Result<_, _>>()?,
            _ => return Err(unknown("grants.", key, &KEYS)),
        }
    }
    let mut guests: Vec<&str> = grants.folders.iter().map(|folder| folder.guest.as_str()).collect();
    guests.sort_unstable();
    if let Some(twice) = guests.array_windows().find_map(|[one, next]| (one == next).then_some(one)) {
        return Err(format!("`grants.folders` gives two folders the name \"{twice}\""));
    }
    Ok(grants)
}

fn list<'a>(key: &str, value: &'a Value) -> Result<&'a [Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("`grants.{key}` must be a list, not {value}"))
}

fn database(value: &Value) -> Result<DatabaseGrant, String> {
    let all = [DatabaseGrant::None, DatabaseGrant::Read, DatabaseGrant::Write];
    let word = value.as_str().unwrap_or_default();
    all.into_iter()
        .find(|grant| grant.word() == word)
        .ok_or_else(|| format!("`grants.database` must be \"none\", \"read\" or \"write\", not {value}"))
}

/// `"api.example.com:443"` or `{ host = "intranet.example:8443", private = true }`.
fn target(value: &Value) -> Result<HttpTarget, String> {
    match value {
        Value::String(text) => host_and_port(text, false),
        Value::Table(table) => {
            let mut host = None;
            let mut private = false;
            for (key, value) in table {
                match (key.as_str(), value) {
                    ("host", Value::String(text)) => host = Some(text),
                    ("private", Value::Boolean(truth)) => private = *truth,
                    ("host" | "private", _) => return Err(http_form(&value.to_string())),
                    _ => return Err(unknown("grants.http.", key, &["host", "private"])),
                }
            }
            host_and_port(host.ok_or_else(|| http_form(&value.to_string()))?, private)
        }
        _ => Err(http_form(&value.to_string())),
    }
}

fn http_form(found: &str) -> String {
    format!(
        "`grants.http` must list hosts with their ports, such as \"api.example.com:443\", or {{ host = \
         \"intranet.example:8443\", private = true }} for one in a private network, not {found}"
    )
}

fn host_and_port(text: &str, private: bool) -> Result<HttpTarget, String> {
    let wrong = || http_form(&format!("\"{text}\""));
    if text.contains("://") || text.contains('/') || text.contains('@') || text.contains('*') {
        return Err(wrong());
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.starts_with('[') => (host, port),
        Some((_, _)) if text.parse::<IpAddr>().is_ok() => {
            return Err(format!("`grants.http` lists \"{text}\" without a port; write \"[{text}]:443\""));
        }
        None if !text.is_empty() => {
            return Err(format!("`grants.http` lists \"{text}\" without a port; write \"{text}:443\""));
        }
        _ => return Err(wrong()),
    };
    let host = match host.strip_prefix('[') {
        Some(inner) => inner
            .strip_suffix(']')
            .and_then(|inner| inner.parse::<std::net::Ipv6Addr>().ok())
            .map(|address| address.to_string())
            .ok_or_else(wrong)?,
        None => host.to_ascii_lowercase(),
    };
    let legal = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_' | ':');
    let port = port.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
    if host.is_empty() || host.ends_with('.') || !host.chars().all(legal) {
        return Err(wrong());
    }
    Ok(HttpTarget { host, port, private })
}

fn folder(value: &Value) -> Result<Folder, String> {
    let form = || {
        format!(
            "`grants.folders` must list folders such as {{ host = \"exports\", guest = \"/data\", write = false }}, not \
             {value}"
        )
    };
    let table: &Table = value.as_table().ok_or_else(form)?;
    let (mut host, mut guest, mut write) = (None, None, false);
    for (key, value) in table {
        match (key.as_str(), value) {
            ("host", Value::String(text)) if !text.is_empty() => host = Some(PathBuf::from(text)),
            ("guest", Value::String(text)) if text.starts_with('/') => guest = Some(text.clone()),
            ("guest", Value::String(text)) => {
                return Err(format!("`grants.folders.guest` must begin with a slash: \"/{text}\""));
            }
            ("write", Value::Boolean(truth)) => write = *truth,
            ("host" | "guest" | "write", _) => return Err(form()),
            _ => return Err(unknown("grants.folders.", key, &["host", "guest", "write"])),
        }
    }
    Ok(Folder { host: host.ok_or_else(form)?, guest: guest.ok_or_else(form)?, write })
}

fn variable(value: &Value) -> Result<String, String> {
    value
        .as_str()
        .filter(|name| !name.is_empty() && !name.contains(['=', '\0']))
        .map(str::to_owned)
        .ok_or_else(|| format!("`grants.environment` must list names of variables, not {value}"))
}

/// `wasi:sockets`, without interface and version.
fn package(value: &Value) -> Result<String, String> {
    let legal = |part: &str| !part.is_empty() && part.chars().all(|one| one.is_ascii_alphanumeric() || one == '-');
    value
        .as_str()
        .filter(|name| name.split_once(':').is_some_and(|(space, name)| legal(space) && legal(name)))
        .map(str::to_owned)
        .ok_or_else(|| {
            format!("`grants.unused` must list packages of interfaces such as \"wasi:sockets\", not {value}")
        })
}

/// The nearest known word, for one that is none of them.
pub(super) fn word(key: &str, value: &Value, known: &[&str]) -> String {
    let hint = value
        .as_str()
        .and_then(|word| nearest(word, known))
        .map(|near| format!("; did you mean \"{near}\"?"))
        .unwrap_or_default();
    let known: Vec<String> = known.iter().map(|word| format!("\"{word}\"")).collect();
    format!("`{key}` must be {}, not {value}{hint}", known.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(text: &str) -> Result<Grants, String> {
        parse(&Value::Table(text.parse().unwrap()))
    }

    #[test]
    fn every_grant_is_read() {
        let all = grants(
            r#"
            database = "write"
            http = ["API.example.com:443", "10.0.0.7:8080", "[2001:DB8::1]:443", { host = "intranet:8443", private = true }]
            keyvalue = true
            folders = [{ host = "exports", guest = "/out", write = true }, { host = "/srv/in", guest = "/in" }]
            environment = ["TZ"]
            unused = ["wasi:sockets"]
            "#,
        )
        .unwrap();
        assert_eq!(all.database, DatabaseGrant::Write);
        let shown: Vec<String> =
            all.http.iter().flatten().map(|target| format!("{target} {}", target.may_be_private())).collect();
        assert_eq!(
            shown,
            ["api.example.com:443 false", "10.0.0.7:8080 true", "[2001:db8::1]:443 true", "intranet:8443 true"]
        );
        assert!(all.keyvalue && all.folders[0].write && !all.folders[1].write);
        assert_eq!(all.environment, ["TZ"]);
        assert_eq!(all.unused, ["wasi:sockets"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_form_that_is_right() {
        let refusals: Vec<String> = [
            "datbase = \"read\"",
            "database = \"all\"",
            "http = [\"api.example.com\"]",
            "http = [\"https://api.example.com:443\"]",
            "http = [\"*:443\"]",
            "http = [\"::1\"]",
            "http = [{ host = \"a:1\", privat = true }]",
            "keyvalue = 1",
            "folders = [\"/srv\"]",
            "folders = [{ host = \"a\", guest = \"data\" }]",
            "folders = [{ host = \"a\", guest = \"/d\" }, { host = \"b\", guest = \"/d\" }]",
            "environment = [\"A=B\"]",
            "unused = [\"wasi:sockets/tcp@0.2.0\"]",
        ]
        .iter()
        .map(|text| grants(text).unwrap_err())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        unknown key `grants.datbase`; did you mean `grants.database`?
        `grants.database` must be "none", "read" or "write", not "all"
        `grants.http` lists "api.example.com" without a port; write "api.example.com:443"
        `grants.http` must list hosts with their ports, such as "api.example.com:443", or { host = "intranet.example:8443", private = true } for one in a private network, not "https://api.example.com:443"
        `grants.http` must list hosts with their ports, such as "api.example.com:443", or { host = "intranet.example:8443", private = true } for one in a private network, not "*:443"
        `grants.http` lists "::1" without a port; write "[::1]:443"
        unknown key `grants.http.privat`; did you mean `grants.http.private`?
        `grants.keyvalue` must be true or false, not 1
        `grants.folders` must list folders such as { host = "exports", guest = "/data", write = false }, not "/srv"
        `grants.folders.guest` must begin with a slash: "/data"
        `grants.folders` gives two folders the name "/d"
        `grants.environment` must list names of variables, not "A=B"
        `grants.unused` must list packages of interfaces such as "wasi:sockets", not "wasi:sockets/tcp@0.2.0"
        "#);
    }
}
