//! Where a server is: `host`, `tcp:host,port`, `host\instance`, `.`, `(local)`, `[::1],1433`.

use std::fmt;
use std::net::Ipv6Addr;

/// SQL Server's own port.
pub(in crate::store::sqlserver) const DEFAULT_PORT: u16 = 1433;

/// A server's place on the network.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::store::sqlserver) struct Server {
    /// Name or address, an IPv6 address without brackets.
    pub host: String,
    pub at: At,
}

/// Which of the servers on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::store::sqlserver) enum At {
    Port(u16),
    /// A named instance: the SQL Browser service on the machine knows its port.
    Instance(String),
}

impl Server {
    /// Reads the value of `Data Source`.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        if lower.starts_with("(localdb)") {
            return Err("`(localdb)` is a private SQL Server of a signed-in Windows user, reached through a named pipe; name a \
                        server that listens on TCP, for example `tcp:localhost,1433`"
                .into());
        }
        if lower.starts_with(r"\\") {
            return Err(pipe());
        }
        let rest = match lower.split_once(':') {
            Some(("tcp", _)) => text.trim()[4..].trim(),
            Some(("np", _)) => return Err(pipe()),
            Some(("lpc", _)) => {
                return Err("`lpc:` is shared memory on one Windows machine; speil connects through TCP: enable TCP/IP for the \
                            server (SQL Server Configuration Manager) and write `tcp:localhost,1433`"
                    .into());
            }
            Some(("admin", _)) => {
                return Err(
                    "`admin:` is the dedicated administrator connection, of which a server has one; leave it out"
                        .into(),
                );
            }
            _ => text.trim(),
        };
        let (address, port) = match rest.rsplit_once(',') {
            Some((address, port)) => (address.trim(), Some(self::port(port)?)),
            None => (rest, None),
        };
        let (host, instance) = match address.split_once('\\') {
            Some((host, instance)) => (host.trim(), Some(instance.trim())),
            None => (address, None),
        };
        let host = self::host(host)?;
        let at = match (port, instance) {
            (Some(port), _) => At::Port(port),
            // What the default instance is called.
            (None, None) => At::Port(DEFAULT_PORT),
            (None, Some(name)) if name.eq_ignore_ascii_case("MSSQLSERVER") => At::Port(DEFAULT_PORT),
            (None, Some("")) => {
                return Err("a backslash in the server's name must be followed by an instance's name".into());
            }
            (None, Some(name)) if name.len() > 255 || name.chars().any(|c| c.is_control() || c == ';' || c == '\\') => {
                return Err("the instance's name after the backslash is not one".into());
            }
            (None, Some(name)) => At::Instance(name.to_owned()),
        };
        Ok(Self { host, at })
    }

    /// The same, so that equal servers compare equal.
    pub fn normalised(&self) -> Self {
        let at = match &self.at {
            At::Instance(name) => At::Instance(name.to_uppercase()),
            At::Port(port) => At::Port(*port),
        };
        Self { host: self.host.to_lowercase(), at }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        match &self.at {
            At::Port(DEFAULT_PORT) => Ok(()),
            At::Port(port) => write!(f, ",{port}"),
            At::Instance(name) => write!(f, "\\{name}"),
        }
    }
}

fn pipe() -> String {
    "named pipes (`np:` or `\\\\server\\pipe\\…`) are not supported; speil connects through TCP: enable TCP/IP for the server (SQL \
     Server Configuration Manager) and write `tcp:host,1433`"
        .into()
}

fn port(text: &str) -> Result<u16, String> {
    match text.trim().parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err("what follows the comma in the server's name must be a port, 1 to 65535".into()),
    }
}

fn host(text: &str) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.contains(':') {
        // A zone (`fe80::1%eth0`) belongs to the address.
        let address = bare.split('%').next().unwrap_or(bare);
        return match address.parse::<Ipv6Addr>() {
            Ok(_) => Ok(bare.to_owned()),
            Err(_) => Err(
                "the server's name holds a colon and is no IPv6 address; a port goes after a comma: `tcp:host,1433`"
                    .into(),
            ),
        };
    }
    match bare {
        "" => Err("the server has no name".into()),
        "." => Ok("localhost".into()),
        local if local.eq_ignore_ascii_case("(local)") => Ok("localhost".into()),
        name if name.len() > 255
            || name.chars().any(|c| c.is_control() || c.is_whitespace() || "/;()'\",[]".contains(c)) =>
        {
            Err("the server's name is not a host name or address".into())
        }
        name => Ok(name.to_owned()),
    }
}
