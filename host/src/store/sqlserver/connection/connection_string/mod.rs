//! Connection strings in ADO.NET's syntax, as they stand in a `web.config`.
//!
//! Every keyword of .NET's two SQL clients is known: it is followed, or it has no meaning here and is passed over (with a note if
//! its absence could surprise: [`Target::notes`]), or it is refused with a sentence that says what to do instead. A keyword that
//! is not known is an error. Messages never show a value that may be a secret.

mod grammar;
mod keywords;
mod login;
#[cfg(test)]
mod proptests;
mod read;
mod secret;
mod server;
#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;

pub(in crate::store::sqlserver) use login::Login;
pub(in crate::store::sqlserver) use secret::Password;
pub(in crate::store::sqlserver) use server::{At, Server};

/// The largest TDS packet that also fits into one TLS record.
pub(in crate::store::sqlserver) const DEFAULT_PACKET_SIZE: u32 = 16_383;

/// ADO.NET's own default.
pub(in crate::store::sqlserver) const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// What a connection is called in the server's lists of sessions.
const APPLICATION_NAME: &str = "speil";

/// How much of a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::store::sqlserver) enum Encrypt {
    /// Only the login, and not even that if the server cannot: `Encrypt=false`.
    Optional,
    /// Everything, or there is no connection. What holds when the string says nothing.
    Mandatory,
    /// Everything, from the first byte (TDS 8.0, SQL Server 2022 and Azure SQL).
    Strict,
}

/// Which of a host name's addresses are tried first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::store::sqlserver) enum AddressPreference {
    AsResolved,
    V4First,
    V6First,
}

/// Where a server is, how to log in, and how to behave there. Holds secrets: its `Debug` shows none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub server: Server,
    /// Tried when the server itself cannot be reached.
    pub failover_partner: Option<Server>,
    /// The database to use where nothing else names one.
    pub database: Option<String>,
    pub login: Login,
    pub encrypt: Encrypt,
    pub trust_server_certificate: bool,
    /// The name the server's certificate must have, if it is not the host's.
    pub host_name_in_certificate: Option<String>,
    /// A certificate (PEM or DER file) to trust beside the system's.
    pub server_certificate: Option<PathBuf>,
    /// `None`: no limit.
    pub connect_timeout: Option<Duration>,
    /// How long the server may say nothing; the inner `None`: no limit. The outer: not said.
    #[allow(clippy::option_option, reason = "not said is another thing than no limit")]
    pub command_timeout: Option<Option<Duration>>,
    pub packet_size: u32,
    pub application_name: String,
    pub workstation_id: Option<String>,
    pub multi_subnet_failover: bool,
    pub address_preference: AddressPreference,
    /// The most connections, if the string says so.
    pub max_pool_size: Option<usize>,
    /// How old a connection may become, if the string says so.
    pub max_age: Option<Duration>,
    notes: Notes,
}

impl Target {
    /// Reads a connection string.
    ///
    /// # Errors
    /// A sentence that names the keyword.
    pub fn parse(text: &str) -> Result<Self, String> {
        read::target(&grammar::pairs(text)?)
    }

    /// What in the string has no effect here, or another one than people may think: a sentence each, without secrets.
    pub fn notes(&self) -> &[String] {
        &self.notes.0
    }

    /// The same without the database and with names folded: targets that may share a pool compare equal.
    pub fn normalised(&self) -> Self {
        Self {
            server: self.server.normalised(),
            failover_partner: self.failover_partner.as_ref().map(Server::normalised),
            database: None,
            host_name_in_certificate: self.host_name_in_certificate.as_ref().map(|name| name.to_lowercase()),
            ..self.clone()
        }
    }
}

/// Sentences about a string. Two targets are equal whatever was noted about them.
#[derive(Debug, Clone, Default)]
struct Notes(Vec<String>);

impl PartialEq for Notes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Notes {}

impl Hash for Notes {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl fmt::Display for Encrypt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Optional => "false",
            Self::Mandatory => "true",
            Self::Strict => "strict",
        })
    }
}
