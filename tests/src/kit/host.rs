//! A whole host, as `speil serve` composes it, on a free port.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use speil::app::App;
use speil::auth::testing::{TokenIssuer, generate_key};
use speil::config::{
    ApplicationConfig, Config, Environment, LogConfig, LogFormat, MirrorConfig, PluginsConfig, Secret, ServerConfig,
    StatusConfig, StoreConfig,
};
use speil::http::{RunningServer, Server};

/// The application every test host has.
pub const APPLICATION: &str = "0123456789abcdef0123456789abcdef";
/// Its path.
pub const PATH: &str = "/MirroringClientService.svc";
/// The tenant of tests that need one.
pub const TENANT: &str = "Cust10195";

/// A host at work.
pub struct Host {
    pub app: App,
    pub address: SocketAddr,
    server: Option<RunningServer>,
    /// Mirrors and keys; removed with the host.
    pub folder: tempfile::TempDir,
}

/// Plays the vendor: one key for all tests, since making one takes its time.
pub fn issuer() -> &'static TokenIssuer {
    static ISSUER: OnceLock<TokenIssuer> = OnceLock::new();
    ISSUER.get_or_init(|| TokenIssuer::new(generate_key(1024).expect("a key")))
}

/// The application's own key, as many partners' are: 1024 bits.
pub fn private_key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = generate_key(1024).expect("a key");
        speil::auth::keys::write_private_pem(&key).expect("a text").to_string()
    })
}

/// Whom the simulator speaks for: the vendor, to the test application, on behalf of a tenant.
pub fn identity(tenant: &str) -> speil::task::client::Identity {
    speil::task::client::Identity {
        issuer: issuer().clone(),
        application_id: APPLICATION.into(),
        application_key: speil::auth::keys::private_key(private_key()).expect("a key").to_public_key(),
        tenant: tenant.into(),
    }
}

/// A good token for a tenant.
pub fn token(tenant: &str) -> String {
    issuer().issue(APPLICATION, tenant, now()).expect("signed")
}

/// Seconds since the Unix epoch.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_secs()).expect("before the year 292 billion")
}

/// The configuration of a test host over a folder.
pub fn config(folder: &std::path::Path) -> Config {
    let signer = folder.join("signer.pem");
    std::fs::write(&signer, issuer().public_key_pem().expect("a text")).expect("the folder is writable");
    Config {
        server: ServerConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: None,
            max_request_bytes: 64 << 20,
            max_connections: 64,
            // All callers of a test have one address.
            max_connections_per_address: usize::MAX,
            max_calls: 16,
            max_calls_per_tenant: 16,
            max_waiting_calls: 256,
            call_wait: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            min_body_rate: 1024,
            idle_timeout: Duration::from_mins(1),
            shutdown_timeout: Duration::from_secs(30),
            tls: None,
            admin_token: None,
        },
        applications: vec![ApplicationConfig {
            id: APPLICATION.into(),
            environment: Environment::Custom,
            path: PATH.into(),
            private_key: Secret::new(private_key().to_owned()),
            certificates: vec![signer],
            check_audience: true,
            folder: None,
            clock_skew: Duration::from_mins(5),
        }],
        mirror: MirrorConfig {
            store: StoreConfig::Sqlite { directory: folder.join("mirrors"), max_open: 16 },
            keys: std::collections::BTreeMap::new(),
            spill_bytes: 1 << 20,
            spill_directory: None,
        },
        plugins: PluginsConfig::default(),
        log: LogConfig { format: LogFormat::Text, filter: "info".into() },
        status: StatusConfig { late_after: Duration::from_hours(10), silent_after: Duration::from_hours(24) },
    }
}

impl Host {
    /// A host with the usual configuration.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A host whose configuration a test has changed.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = config(folder.path());
        change(&mut config);
        let app = App::compose(config).expect("a host");
        let server = Server::start(app.parts()).await.expect("a free port");
        Self { address: server.local_addr, app, server: Some(server), folder }
    }

    /// Stops as Ctrl-C does; answers how many calls were cut off.
    pub async fn stop(&mut self) -> usize {
        match self.server.take() {
            Some(server) => server.shutdown().await.calls_cut_off,
            None => 0,
        }
    }

    /// Begins to stop, and goes on while the test does other things.
    pub fn begin_stop(&mut self) -> tokio::task::JoinHandle<usize> {
        let server = self.server.take().expect("not stopped yet");
        tokio::spawn(async move { server.shutdown().await.calls_cut_off })
    }

    /// The tenant's mirror, opened beside the host.
    pub async fn mirror(&self, tenant: &str) -> std::sync::Arc<dyn speil::store::MirrorDb> {
        let tenant = speil::protocol::context_id::ContextId::new(tenant).expect("legal");
        let found = self.app.store.open_existing(&tenant, None).await.expect("readable");
        found.expect("the tenant has a mirror")
    }

    /// How many rows a table of the mirror has, by SQL in the file itself.
    pub async fn rows(&self, tenant: &str, table: &str) -> i64 {
        let place = self.mirror(tenant).await.place();
        let db = rusqlite::Connection::open(place).expect("a SQLite file");
        db.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0)).expect("the table is there")
    }
}
