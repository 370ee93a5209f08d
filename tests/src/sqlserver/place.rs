//! Databases of one test: all their names begin with a prefix of their own, which also says when they were made, so that what a
//! crashed run left behind is found and dropped by the next.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use speil::task::hand::{Hand, SqlServerHand};

use super::Feature;

/// What all test databases' names begin with.
const MARK: &str = "speiltest_";
/// No run is at work for longer.
const OLD: Duration = Duration::from_hours(2);

/// A server, and a prefix that no other test has.
#[derive(Clone)]
pub struct Place {
    connection: String,
    prefix: String,
    lacking: Vec<Feature>,
}

impl Place {
    /// A fresh prefix.
    pub fn fresh(connection: &str) -> Self {
        let made = format!("{:x}", seconds());
        let prefix = format!("{MARK}{made}_{:08x}_", rand::random::<u32>());
        Self { connection: connection.to_owned(), prefix, lacking: Vec::new() }
    }

    /// A prefix within this one: of a second host's databases, or of another program's.
    #[must_use]
    pub fn within(&self, part: &str) -> Self {
        Self { prefix: format!("{}{part}_", self.prefix), ..self.clone() }
    }

    /// The same databases over another way to the server.
    #[must_use]
    pub fn by_way_of(&self, connection: String) -> Self {
        Self { connection, ..self.clone() }
    }

    /// The same, on a server of which it is known what it lacks.
    #[must_use]
    pub fn with_lacking(self, lacking: &[Feature]) -> Self {
        Self { lacking: lacking.to_vec(), ..self }
    }

    /// Whether the server has it, as far as that was looked at.
    pub fn has(&self, feature: Feature) -> bool {
        !self.lacking.contains(&feature)
    }

    /// The same databases by way of another address, a proxy's.
    #[must_use]
    pub fn through(&self, proxy: SocketAddr) -> Self {
        let is_server = |setting: &str| setting.split_once('=').is_some_and(|(key, _)| names_the_server(key));
        let others = self.connection.split(';').filter(|setting| !is_server(setting));
        let connection = std::iter::once(format!("Server={},{}", proxy.ip(), proxy.port()).as_str())
            .chain(others)
            .collect::<Vec<_>>()
            .join(";");
        self.by_way_of(connection)
    }

    /// Where the server listens.
    ///
    /// # Panics
    /// The connection string does not say so by host and port.
    pub async fn address(&self) -> SocketAddr {
        let settings = self.connection.split(';').filter_map(|setting| setting.split_once('='));
        let mut servers = settings.filter(|(key, _)| names_the_server(key)).map(|(_, value)| value.trim());
        let server = servers.next().expect("the connection string names a server");
        let server = server.strip_prefix("tcp:").unwrap_or(server);
        let (host, port) = server.split_once(',').unwrap_or((server, "1433"));
        let port: u16 = port.trim().parse().expect("the server's port is a number");
        let mut found = tokio::net::lookup_host((host.trim(), port)).await.expect("the server's name is known");
        found.next().expect("the server's name has an address")
    }

    /// The connection string.
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// The template of the mirrors' databases.
    pub fn template(&self) -> String {
        format!("{}[contextId]", self.prefix)
    }

    /// The lines of `[mirror]` in a configuration.
    pub fn lines(&self) -> String {
        // What JSON writes as a text TOML reads as the same one.
        let text = |text: &str| serde_json::Value::from(text).to_string();
        format!(
            "store = \"sqlserver\"\nconnection = {}\ndatabase = {}\n",
            text(&self.connection),
            text(&self.template())
        )
    }

    /// A hand in a tenant's database.
    pub fn hand(&self, tenant: &str) -> SqlServerHand {
        SqlServerHand::of_tenant(self.connection.clone(), &self.template(), tenant)
    }

    /// A hand in the server itself.
    pub fn server(&self) -> SqlServerHand {
        SqlServerHand::new(self.connection.clone(), "master")
    }

    /// Databases of this place.
    pub async fn databases(&self) -> Result<Vec<String>, String> {
        let all = test_databases(&self.server()).await?;
        let prefix = self.prefix.to_lowercase();
        Ok(all.into_iter().filter(|name| name.to_lowercase().starts_with(&prefix)).collect())
    }

    /// Drops them all. Answers what could not be dropped.
    pub async fn drop_databases(&self) -> Vec<String> {
        match self.databases().await {
            Ok(names) => drop_all(&self.server(), names).await,
            Err(error) => vec![error],
        }
    }

    /// Drops what earlier runs left behind.
    pub async fn sweep(&self) -> Vec<String> {
        let now = seconds();
        let is_old = |name: &String| {
            let made = name.to_lowercase().strip_prefix(MARK).and_then(|rest| Some(rest.split_once('_')?.0.to_owned()));
            made.and_then(|made| u64::from_str_radix(&made, 16).ok())
                .is_some_and(|made| now.saturating_sub(made) > OLD.as_secs())
        };
        match test_databases(&self.server()).await {
            Ok(names) => drop_all(&self.server(), names.into_iter().filter(is_old).collect()).await,
            Err(error) => vec![error],
        }
    }
}

fn names_the_server(key: &str) -> bool {
    let names = ["server", "data source", "address", "addr", "network address"];
    names.iter().any(|name| key.trim().eq_ignore_ascii_case(name))
}

async fn test_databases(server: &SqlServerHand) -> Result<Vec<String>, String> {
    let rows = Hand::SqlServer(server.clone()).rows("SELECT name FROM sys.databases").await?;
    let names = rows.into_iter().filter_map(|row| row.into_iter().next().flatten());
    Ok(names.filter(|name| name.to_lowercase().starts_with(MARK)).collect())
}

async fn drop_all(server: &SqlServerHand, names: Vec<String>) -> Vec<String> {
    let mut failed = Vec::new();
    for name in names {
        let hand = Hand::SqlServer(server.beside(&name));
        // A connection that was just closed may still be at its end there.
        let mut outcome = hand.remove().await;
        for _ in 0..20 {
            if outcome.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
            outcome = hand.remove().await;
        }
        failed.extend(outcome.err());
    }
    failed
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
