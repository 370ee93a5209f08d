//! `speil.toml`: what an operator may set, with the defaults. Paths are absolute once loaded.
//!
//! | idea | file |
//! |---|---|
//! | the types, which the rest of the host sees | here |
//! | every key: name, default, meaning | [`keys`] |
//! | TOML and the environment as one tree with places | `tree` |
//! | one table being read, unknown keys and what was meant | `section` |
//! | what a value may look like | `values`, `secret` |
//! | the tree becomes a [`Config`]; defaults | `read` |
//! | everything that can be wrong | [`ConfigError`] |
//! | the vendor's `web.config` | [`web_config`] |
//!
//! Reading is by hand and not by serde, so that all mistakes of a file are reported at once, each with line and column.

mod error;
pub mod keys;
mod read;
mod secret;
mod section;
mod tree;
mod values;
pub mod web_config;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::{ConfigError, Hint, Place, Problem};
pub(crate) use secret::decode as decode_text;

/// A commented configuration to begin with: what docs/reference-configuration.md shows.
#[must_use]
pub const fn sample() -> &'static str {
    include_str!("sample.toml")
}

impl Config {
    /// Reads a file, with this process's environment laid over it. A file that does not exist is read as an empty one
    /// when the environment sets any key, so that a container needs no file.
    ///
    /// # Errors
    /// The file cannot be read, or holds mistakes: all of them.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::load_with(file, &variables)
    }

    /// The same with a given environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with(file: &Path, variables: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { file: file.to_owned(), source };
        let absolute = std::path::absolute(file).map_err(unreadable)?;
        let base = absolute.parent().unwrap_or(&absolute);
        let text = match std::fs::read(file) {
            Ok(bytes) => secret::decode(&bytes).ok_or_else(|| ConfigError::NotText { file: file.to_owned() })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if !variables.keys().any(|name| tree::is_ours(name)) {
                    return Err(ConfigError::NotFound { file: file.to_owned() });
                }
                zeroize::Zeroizing::default()
            }
            Err(error) => return Err(unreadable(error)),
        };
        Self::from_text(&text, base, variables)
            .map_err(|problems| ConfigError::Invalid { file: file.to_owned(), problems })
    }

    /// The same from a text; relative paths begin at `base`.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn from_text(text: &str, base: &Path, variables: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        let mut root = tree::parse(text)?;
        let mut problems = Vec::new();
        tree::overlay(&mut root, variables, &mut problems);
        let around = read::Surroundings { base, variables };
        match read::config(root, &around, &mut problems) {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(problems),
        }
    }
}

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: ServerConfig,
    /// At least one.
    pub applications: Vec<ApplicationConfig>,
    pub mirror: MirrorConfig,
    pub plugins: PluginsConfig,
    pub log: LogConfig,
    pub status: StatusConfig,
}

/// `[server]`
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// `127.0.0.1:8080`; port 0 takes any free one.
    pub listen: std::net::SocketAddr,
    /// What the vendor calls; shown on the service page and in the WSDL. Without it: what the Host header says.
    pub public_url: Option<String>,
    /// Largest body accepted, in bytes. Default 2 GiB, as the vendor's sample.
    pub max_request_bytes: u64,
    /// Connections at once. Default 1,024.
    pub max_connections: usize,
    /// Of these, from one address. Default half of them.
    pub max_connections_per_address: usize,
    /// Calls worked on at once, all tenants together. Default 64.
    pub max_calls: usize,
    /// Of these, of one tenant. Default an eighth of them, at least 2.
    pub max_calls_per_tenant: usize,
    /// Calls that wait for room to be worked on; a quarter of them of one tenant. Default 256.
    pub max_waiting_calls: usize,
    /// How long a call waits for room. Default 30 s.
    pub call_wait: Duration,
    /// A request's head must be here within this time. Default 15 s.
    pub header_timeout: Duration,
    /// Over this time a body must come at [`ServerConfig::min_body_rate`]. Default 30 s: shorter than any caller's own
    /// time-out, so that an upload its sender gave up on is dead before the repetition arrives.
    pub body_timeout: Duration,
    /// Bytes a second. Default 1 KiB.
    pub min_body_rate: u64,
    /// A kept-alive connection may be silent for this long. Default 120 s.
    pub idle_timeout: Duration,
    /// How long a stop waits for calls in flight. Default 60 s.
    pub shutdown_timeout: Duration,
    pub tls: Option<TlsConfig>,
    /// Token for the administration paths (`/metrics`, `/status`); without it they answer to loopback callers only.
    pub admin_token: Option<Secret>,
}

/// `tls = { certificate, key }`: PEM files.
#[derive(Debug, Clone)]
pub struct TlsConfig {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// `[[application]]`
#[derive(Debug, Clone)]
pub struct ApplicationConfig {
    /// SoAppId: 32 hex digits.
    pub id: String,
    pub environment: Environment,
    /// Default `/MirroringClientService.svc`. Case does not count.
    pub path: String,
    /// RSA XML or PEM, the text itself (from a file, an environment variable or a file named by one).
    pub private_key: Secret,
    /// Further trusted signers: certificates or public keys, PEM or DER. Required for `custom`.
    pub certificates: Vec<PathBuf>,
    pub check_audience: bool,
    /// Folder of its own below the mirror directory. All applications but one need it: tenants of one name exist in
    /// every environment and may be mirrored for several applications, and must not meet in one mirror (invariant 5).
    pub folder: Option<String>,
    /// Default 5 min.
    pub clock_skew: Duration,
}

/// Which of the vendor's environments signs the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Environment {
    Sod,
    Stage,
    Production,
    Custom,
}

impl Environment {
    /// As it is written in `speil.toml`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sod => "sod",
            Self::Stage => "stage",
            Self::Production => "production",
            Self::Custom => "custom",
        }
    }
}

/// `[mirror]`
#[derive(Debug, Clone)]
pub struct MirrorConfig {
    pub store: StoreConfig,
    /// `[mirror.keys]`: key columns of tables whose first column is not their key. Table name to column names.
    pub keys: BTreeMap<String, Vec<String>>,
    /// Cells of one batch kept in memory before they go to a temporary file, in bytes. Default 32 MiB.
    pub spill_bytes: usize,
    /// Where such files go; default the system's temporary directory.
    pub spill_directory: Option<PathBuf>,
}

/// `store = "sqlite" | "sqlserver"` and what belongs to it.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    Sqlite {
        directory: PathBuf,
        /// Mirror files open at once. Default 64.
        max_open: usize,
    },
    SqlServer(SqlServerConfig),
}

/// `store = "sqlserver"`
#[derive(Debug, Clone)]
pub struct SqlServerConfig {
    /// ADO.NET syntax; read once when the configuration is loaded, so that a misspelled keyword is told then.
    pub connection: Secret,
    /// Template with `[contextId]`, and `[folder]` if the folders of applications should stand elsewhere than in front.
    /// Default: the connection string's `Database`, if it holds `[contextId]`; else `Mirror_[contextId]`.
    pub database: String,
    /// The schema of all tables of ours; default the login's own.
    pub schema: Option<String>,
    /// Where plug-ins may send a tenant, `server/database` with `*`. Default: nowhere.
    pub allowed_connections: Vec<String>,
    /// Connections to one server under one login. Default 32.
    pub max_connections: usize,
    /// How long one statement may take. Default 10 min: a table that is rewritten takes a while.
    pub command_timeout: Duration,
    /// Azure SQL: the elastic pool that databases made here go to.
    pub elastic_pool: Option<String>,
}

/// `[plugins]`
#[derive(Debug, Clone)]
pub struct PluginsConfig {
    /// No directory: no plug-ins. Default `plugins` beside the file, if it exists.
    pub directory: Option<PathBuf>,
    /// Compiled code, and which versions are approved. Default `.cache` in the plug-ins' folder.
    pub cache_directory: Option<PathBuf>,
    pub watch: Watch,
    /// How often the folder is looked at. Default 10 s.
    pub poll_interval: Duration,
    /// Whether a new version that asks for more waits for `speil plugin approve`. Default yes.
    pub approval: bool,
    /// Files of certificates that requests of plug-ins trust, beside this machine's.
    pub http_certificates: Vec<PathBuf>,
    /// Instances of all plug-ins at once. Default 1,000.
    pub instances: usize,
    /// How long compiling a plug-in may take. Default 2 min.
    pub compile_time: Duration,
    /// How much memory it may take. Default 2 GiB.
    pub compile_memory: usize,
    /// What is started to compile; no key. `None`: this program, if it said that it can be.
    pub compile_program: Option<PathBuf>,
}

/// `watch = "auto" | "poll" | "off"`: how a running host learns of changed plug-ins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// Told by the system, and by looking every now and then in case it does not tell.
    Auto,
    /// By looking only: network shares.
    Poll,
    /// Not at all: a restart takes them in.
    Off,
}

impl PluginsConfig {
    /// The defaults over a folder.
    #[must_use]
    pub fn over(directory: impl Into<PathBuf>) -> Self {
        Self { directory: Some(directory.into()), ..Self::default() }
    }
}

impl Default for PluginsConfig {
    fn default() -> Self {
        Self {
            directory: None,
            cache_directory: None,
            watch: Watch::Auto,
            poll_interval: Duration::from_secs(10),
            approval: true,
            http_certificates: Vec::new(),
            instances: 1_000,
            compile_time: Duration::from_mins(2),
            compile_memory: 2 << 30,
            compile_program: None,
        }
    }
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct LogConfig {
    pub format: LogFormat,
    /// A tracing filter, default `info`. `RUST_LOG` wins.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// `[status]`: when a tenant counts as late or silent.
#[derive(Debug, Clone)]
pub struct StatusConfig {
    /// Without a completed cycle for this long. Default 10 h: the Task pauses at night.
    pub late_after: Duration,
    /// Without any call for this long. Default 24 h.
    pub silent_after: Duration,
}

/// A text that never shows: not in Debug, not in logs; wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret {
    text: zeroize::Zeroizing<String>,
    origin: Option<String>,
}

impl Secret {
    /// Wraps a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { text: zeroize::Zeroizing::new(text), origin: None }
    }

    /// Says where it was found, for messages: `the file private.xml`.
    #[must_use]
    pub fn with_origin(mut self, origin: String) -> Self {
        self.origin = Some(origin);
        self
    }

    /// The text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Where it was found, if that is known; shows nothing of the secret.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests;
