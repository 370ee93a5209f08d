//! A host in this process over SQLite, and a table in it that calls fill.

use super::setup::{Keys, Plugin, Setup};
use super::table::Calls;
use super::work::Work;
use crate::app::App;
use crate::cli::CliError;
use crate::config::Config;
use crate::http::{RunningServer, Server};
use crate::protocol::messages::TableSchemaInfo;
use crate::task::client::Client;

pub(super) struct Host {
    pub setup: Setup,
    app: App,
    server: RunningServer,
}

impl Host {
    pub async fn start(directory: &std::path::Path, keys: &Keys, plugins: &[Plugin]) -> Result<Self, CliError> {
        let setup = Setup::make(directory, keys, plugins)?;
        // What this machine's environment says is left out: the bench is the same everywhere.
        let config = Config::load_with(&setup.path("speil.toml"), &std::collections::BTreeMap::new());
        let app = App::compose(config.map_err(CliError::failed)?).map_err(CliError::failed)?;
        if let Some(broken) = app.plugins.list().into_iter().find_map(|plugin| plugin.broken) {
            return Err(CliError::Failed(format!("a plug-in of the bench cannot be used: {broken}")));
        }
        let server = Server::start(app.parts()).await.map_err(CliError::failed)?;
        Ok(Self { setup, app, server })
    }

    pub fn address(&self) -> String {
        self.server.local_addr.to_string()
    }

    /// A tenant whose tables are made.
    pub async fn tenant(&self, name: &str, tables: &[TableSchemaInfo]) -> Result<Client, CliError> {
        let mut client = self.setup.client(&self.address(), name)?;
        client.authenticate().await.map_err(CliError::failed)?;
        client.table_schema(tables).await.map_err(CliError::failed)?;
        Ok(client)
    }

    /// Empties the table and sends all rows. Seconds, without writing the calls.
    pub async fn refill(&self, client: &mut Client, work: &Work) -> Result<f64, CliError> {
        let calls = self.ready(client, work).await?;
        let seconds = calls.make(client).await?;
        work.all_there(&self.setup.mirror(client.tenant()))?;
        Ok(seconds)
    }

    /// Empties the table and writes the calls.
    pub async fn ready(&self, client: &mut Client, work: &Work) -> Result<Calls, CliError> {
        client.wipe(work.table()).await.map_err(CliError::failed)?;
        work.calls(client)
    }

    pub async fn stop(self) {
        self.server.shutdown().await;
        self.app.mirrors.close().await;
    }
}
