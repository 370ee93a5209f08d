//! A host of its own in this process, with keys made for the occasion, and a database on the server that is dropped afterwards.

use std::collections::BTreeMap;
use std::path::Path;

use crate::app::App;
use crate::auth::keys;
use crate::auth::testing::{TokenIssuer, generate_key};
use crate::cli::CliError;
use crate::config::{Config, StoreConfig};
use crate::http::{RunningServer, Server};
use crate::task::client::{Client, Identity};
use crate::task::endpoint::Endpoint;
use crate::task::hand::{Hand, SqlServerHand};
use crate::task::spelling::Spelling;

const APPLICATION: &str = "0123456789abcdef0123456789abcdef";
const TENANT: &str = "Bench";

/// Host, caller, and a hand in the database.
pub(super) struct Place {
    app: App,
    server: RunningServer,
    pub client: Client,
    pub hand: SqlServerHand,
    _keys: tempfile::TempDir,
}

/// The configuration of a host whose mirrors go where `mirrors` (the lines of a `[mirror]` section, or a whole configuration that has
/// one) says, in a database of the bench's own.
pub(super) enum Where<'a> {
    Config(&'a Path),
    Connection(&'a str),
}

impl Place {
    /// Starts the host.
    pub async fn make(at: &Where<'_>) -> Result<Self, CliError> {
        let folder = tempfile::tempdir().map_err(CliError::failed)?;
        let (vendor, application) =
            (generate_key(2048).map_err(CliError::failed)?, generate_key(2048).map_err(CliError::failed)?);
        let issuer = TokenIssuer::new(vendor);
        let signer = issuer.public_key_pem().map_err(CliError::failed)?;
        let private = keys::write_private_pem(&application).map_err(CliError::failed)?;
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).map_err(CliError::failed);
        file("signer.pem", &signer)?;
        file("private.pem", &private)?;
        let config = config(at, folder.path())?;
        let StoreConfig::SqlServer(server) = &config.mirror.store else {
            return Err(CliError::usage("the configuration's store is not sqlserver"));
        };
        let hand = SqlServerHand::of_tenant(server.connection.expose(), &server.database, TENANT);
        let app = App::compose(config).map_err(CliError::failed)?;
        let server = Server::start(app.parts()).await.map_err(CliError::failed)?;
        let path = app.applications.iter().next().map(|one| one.path().to_owned()).unwrap_or_default();
        let endpoint = Endpoint::new(&format!("http://{}{path}", server.local_addr), None).map_err(CliError::failed)?;
        let identity = Identity {
            issuer,
            application_id: APPLICATION.into(),
            application_key: application.to_public_key(),
            tenant: TENANT.into(),
        };
        let client = Client::new(endpoint, identity, Spelling::DotNet);
        Ok(Self { app, server, client, hand, _keys: folder })
    }

    /// Where it was measured, for people.
    pub async fn about(&self) -> String {
        let version = Hand::SqlServer(self.hand.beside("master")).rows("SELECT @@VERSION").await.unwrap_or_default();
        let version = version.into_iter().flatten().flatten().next().unwrap_or_default();
        version.lines().next().unwrap_or("a server that does not say what it is").trim().to_owned()
    }

    /// Stops the host and drops the database.
    pub async fn remove(self) -> Result<(), CliError> {
        self.server.shutdown().await;
        self.app.mirrors.close().await;
        let hand = Hand::SqlServer(self.hand);
        if hand.exists().await.map_err(CliError::failed)? {
            hand.remove().await.map_err(CliError::failed)?;
        }
        Ok(())
    }
}

/// The host's configuration: the place's own `[mirror]`, everything else made for the bench.
fn config(at: &Where<'_>, folder: &Path) -> Result<Config, CliError> {
    let database = format!("speil_bench_{:08x}_[contextId]", rand::random::<u32>());
    let connection = match at {
        Where::Config(_) => "Server=replaced".to_owned(),
        Where::Connection(connection) => (*connection).to_owned(),
    };
    // What JSON writes as a text TOML reads as the same one.
    let text = format!(
        "[[application]]\nid = \"{APPLICATION}\"\nenvironment = \"custom\"\nprivate_key = \"private.pem\"\n\
         certificates = [\"signer.pem\"]\n[server]\nlisten = \"127.0.0.1:0\"\n[mirror]\nstore = \"sqlserver\"\n\
         connection = {}\ndatabase = {}\n",
        serde_json::Value::from(connection),
        serde_json::Value::from(database.as_str())
    );
    let mut config = Config::from_text(&text, folder, &BTreeMap::new())
        .map_err(|problems| CliError::Usage(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    if let Where::Config(file) = at {
        config.mirror = Config::load(file).map_err(CliError::usage)?.mirror;
        if let StoreConfig::SqlServer(server) = &mut config.mirror.store {
            server.database = database;
        }
    }
    Ok(config)
}
