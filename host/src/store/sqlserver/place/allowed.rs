//! Where a plug-in may send a tenant: only what the operator's patterns name. Pure.
//!
//! A pattern is `server/database`; `*` stands for anything and case does not count. The server is compared as it would be
//! reached: `tcp:sql1,1433` is `sql1`, `.` and `(local)` are `localhost`. A pattern without a port or an instance means the
//! usual port, 1433; `,*` means any port and any instance.

use std::fmt;

use super::template::{is_system, wild};
use crate::protocol::table_name::fold;
use crate::store::sqlserver::connection::connection_string::{self, Target};

/// The port of a server that names none.
const USUAL_PORT: &str = "1433";
/// The instance that has that port.
const USUAL_INSTANCE: &str = "mssqlserver";

/// One pattern of `allowed_connections`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    server: Server,
    database: String,
}

impl Allowed {
    /// Reads a pattern. The error is the end of a sentence that begins with what the pattern is.
    ///
    /// # Errors
    /// Not `server/database`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "should be a server and a database such as \"sql1.example.com/Mirror_*\", in which * stands for anything, \
                 and is {text:?}"
            )
        };
        let (server, database) = text.split_once('/').ok_or_else(wrong)?;
        let server = Server::parse(server);
        if server.host.is_empty() || database.trim().is_empty() {
            return Err(wrong());
        }
        Ok(Self { server, database: fold(database.trim()) })
    }

    /// Whether the pattern names this database on this server. Never a database that is the server's own.
    pub(in crate::store::sqlserver) fn allows(&self, server: &Server, database: &str) -> bool {
        self.reaches(server) && !is_system(database) && wild(&self.database, &fold(database))
    }

    /// Whether the pattern names any database on this server.
    pub(in crate::store::sqlserver) fn reaches(&self, server: &Server) -> bool {
        wild(&self.server.host, &server.host) && (self.server.door == Door::Any || self.server.door == server.door)
    }
}

/// A server as it would be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sqlserver) struct Server {
    host: String,
    door: Door,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Door {
    Port(String),
    Instance(String),
    /// In patterns only.
    Any,
}

impl Server {
    /// `tcp:host\instance,port`, in any case. As in ADO.NET a port makes the instance's name mean nothing.
    fn parse(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        let text = text.strip_prefix("tcp:").unwrap_or(&text);
        let (name, port) = text.split_once(',').map_or((text, None), |(name, port)| (name, Some(port.trim())));
        let (host, instance) =
            name.split_once('\\').map_or((name, None), |(host, instance)| (host, Some(instance.trim())));
        let host = match host.trim() {
            "." | "(local)" => "localhost",
            host => host.trim_end_matches('.'),
        };
        let door = match (port, instance) {
            (Some("*"), _) | (None, Some("*")) => Door::Any,
            (Some(port), _) => Door::Port(port.trim_start_matches('0').to_owned()),
            (None, Some(instance)) if instance != USUAL_INSTANCE => Door::Instance(instance.to_owned()),
            (None, _) => Door::Port(USUAL_PORT.to_owned()),
        };
        Self { host: host.to_owned(), door }
    }

    /// A server that was read from a connection string.
    pub fn from(server: &connection_string::Server) -> Self {
        Self::parse(&server.to_string())
    }

    /// The server a connection string leads to.
    pub fn of(target: &Target) -> Self {
        Self::from(&target.server)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        match &self.door {
            Door::Port(port) if port == USUAL_PORT => Ok(()),
            Door::Port(port) => write!(f, ",{port}"),
            Door::Instance(instance) => write!(f, "\\{instance}"),
            Door::Any => f.write_str(",*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, server: &str, database: &str) -> bool {
        Allowed::parse(pattern).unwrap().allows(&Server::parse(server), database)
    }

    #[test]
    fn servers_are_compared_as_they_would_be_reached() {
        for (one, other) in [
            ("sql1", "TCP:SQL1,1433"),
            (".", "(local)"),
            ("localhost", ".\\MSSQLSERVER"),
            ("sql1\\x,1500", "sql1,1500"),
            ("sql1.example.com.", "sql1.example.com"),
        ] {
            assert_eq!(Server::parse(one), Server::parse(other), "{one} {other}");
        }
        for (one, other) in [("sql1", "sql1,1434"), ("sql1", "sql1\\x"), ("sql1\\x", "sql1\\y"), ("sql1", "sql10")] {
            assert_ne!(Server::parse(one), Server::parse(other), "{one} {other}");
        }
        assert_eq!(Server::parse("tcp:SQL1,1433").to_string(), "sql1");
        assert_eq!(Server::parse("sql1\\X").to_string(), "sql1\\x");
        assert_eq!(Server::parse("sql1,1500").to_string(), "sql1,1500");
    }

    #[test]
    fn a_pattern_allows_what_it_names_and_nothing_else() {
        assert!(allows("sql1.example.com/Mirror_*", "SQL1.example.com,1433", "mirror_Cust1"));
        assert!(!allows("sql1.example.com/Mirror_*", "sql1.example.com", "Sales"));
        assert!(!allows("sql1.example.com/Mirror_*", "sql1.example.com.evil.net", "Mirror_Cust1"));
        assert!(!allows("sql1.example.com/Mirror_*", "sql1.example.com,1500", "Mirror_Cust1"));
        assert!(!allows("sql1.example.com/Mirror_*", "sql1.example.com\\other", "Mirror_Cust1"));
        assert!(allows("*.database.windows.net/Cust*", "north.database.windows.net", "Cust1"));
        assert!(!allows("*.database.windows.net/Cust*", "database.windows.net", "Cust1"));
        assert!(allows("sql1,*/*", "sql1\\x", "Cust1"));
        assert!(allows("sql1\\x/*", "sql1\\X", "Cust1"));
    }

    #[test]
    fn no_pattern_opens_the_servers_own_databases() {
        for database in ["master", "MSDB", "tempdb ", "model"] {
            assert!(!allows("*,*/*", "sql1", database), "{database}");
        }
    }

    #[test]
    fn a_pattern_has_a_server_and_a_database() {
        for text in ["", "sql1", "/Mirror_*", "sql1/", "sql1/ "] {
            assert!(Allowed::parse(text).is_err(), "{text}");
        }
    }
}
