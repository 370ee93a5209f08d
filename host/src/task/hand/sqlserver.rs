//! The hand in a database of a SQL Server: each piece of work on a connection of its own.

use std::time::Duration;

use tiberius::{Client, ColumnData, Config};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt as _};

use super::{Rows, literal, quoted, statements};

/// Longer than any statement of a hand takes.
const PATIENCE: Duration = Duration::from_mins(2);
/// The standard's ways, whatever the login's defaults are.
const SETTINGS: &str = "SET QUOTED_IDENTIFIER ON; SET ANSI_NULL_DFLT_ON ON; SET XACT_ABORT ON; SET NOCOUNT ON";

/// A server, how to log in, and a database there. Holds secrets: never logged.
#[derive(Clone)]
pub struct SqlServerHand {
    connection: String,
    database: String,
}

/// An open connection.
pub struct Connected(Client<Compat<TcpStream>>);

impl SqlServerHand {
    /// The database of this name, which need not be there yet, at the server that an ADO.NET connection string names.
    #[must_use]
    pub fn new(connection: impl Into<String>, database: impl Into<String>) -> Self {
        Self { connection: connection.into(), database: database.into() }
    }

    /// The tenant's database: the template with the tenant's name in it. Names that a store must encode are not meant.
    #[must_use]
    pub fn of_tenant(connection: impl Into<String>, template: &str, tenant: &str) -> Self {
        let names = ["[contextId]", "[@contextId]", "<contextId>"];
        Self::new(connection, names.into_iter().fold(template.to_owned(), |text, name| text.replace(name, tenant)))
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Another database at the same server.
    #[must_use]
    pub fn beside(&self, database: &str) -> Self {
        Self::new(self.connection.clone(), database)
    }

    /// A connection to the database.
    ///
    /// # Errors
    /// What the server says.
    pub async fn connect(&self) -> Result<Connected, String> {
        let failed = |error: &dyn std::fmt::Display| format!("database {}: {error}", self.database);
        let mut config = Config::from_ado_string(&self.connection).map_err(|error| failed(&error))?;
        config.database(&self.database);
        if is_plain(&self.connection) {
            // The driver would still encrypt the login, and look at a certificate that nobody vouches for.
            config.encryption(tiberius::EncryptionLevel::NotSupported);
            config.trust_cert();
        }
        config.application_name("speil-by-hand");
        // The largest that goes through TLS, as the store takes it.
        config.packet_size(16_383);
        let connected = async {
            let socket = TcpStream::connect(config.get_addr()).await.map_err(|error| failed(&error))?;
            socket.set_nodelay(true).map_err(|error| failed(&error))?;
            let client =
                Box::pin(Client::connect(config, socket.compat_write())).await.map_err(|error| failed(&error))?;
            let mut connected = Connected(client);
            connected.run(SETTINGS).await?;
            Ok(connected)
        };
        tokio::time::timeout(PATIENCE, connected).await.map_err(|_| failed(&"no answer"))?
    }

    /// Runs a script, statement by statement. The database is made if it is not there.
    pub(super) async fn run(&self, script: &str) -> Result<(), String> {
        if !self.exists().await? {
            self.make().await?;
        }
        let mut connected = self.connect().await?;
        for statement in statements(script) {
            connected.run(statement).await?;
        }
        Ok(())
    }

    /// Servers make one database at a time and refuse who comes meanwhile, each in words of its own: tried again a few times.
    async fn make(&self) -> Result<(), String> {
        let mut master = self.master().connect().await?;
        let statement = format!("CREATE DATABASE {}", quoted(&self.database));
        let mut made = master.run(&statement).await;
        for _ in 0..10 {
            if made.is_ok() || self.exists().await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            made = master.run(&statement).await;
        }
        made
    }

    pub(super) async fn rows(&self, query: &str) -> Result<Rows, String> {
        self.connect().await?.rows(query).await
    }

    pub(super) async fn exists(&self) -> Result<bool, String> {
        let sql = format!("SELECT name FROM sys.databases WHERE lower(name) = lower(N{})", literal(&self.database));
        Ok(!self.master().rows_of(&sql).await?.is_empty())
    }

    async fn rows_of(&self, query: &str) -> Result<Rows, String> {
        self.connect().await?.rows(query).await
    }

    /// Drops the database, throwing out who is in it.
    pub(super) async fn remove(&self) -> Result<(), String> {
        let name = quoted(&self.database);
        let mut master = self.master().connect().await?;
        // Not every server can throw people out so; where it cannot, dropping tells what is the matter.
        let _ = master.run(&format!("ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE")).await;
        master.run(&format!("DROP DATABASE {name}")).await
    }

    pub(super) async fn backup(&self, copy: &str) -> Result<(), String> {
        let mut connected = self.connect().await?;
        connected.run(&format!("CREATE SCHEMA {}", quoted(copy))).await?;
        for table in connected.tables(None).await? {
            let table = quoted(&table);
            connected.run(&format!("SELECT * INTO {0}.{table} FROM {table}", quoted(copy))).await?;
        }
        Ok(())
    }

    pub(super) async fn restore(&self, copy: &str) -> Result<(), String> {
        let mut connected = self.connect().await?;
        let mut script = String::from("BEGIN TRANSACTION;\n");
        for table in connected.tables(Some(copy)).await? {
            let columns = connected.columns(&table).await?;
            let list: Vec<String> = columns.iter().map(|(name, _)| quoted(name)).collect();
            let (list, name) = (list.join(", "), quoted(&table));
            // Numbers that the server gives out are put back as they were.
            let numbered = columns.iter().any(|(_, numbered)| *numbered);
            let switch =
                |to: &str| if numbered { format!("SET IDENTITY_INSERT {name} {to};\n") } else { String::new() };
            let refilled = format!(
                "DELETE FROM {name};\n{}INSERT INTO {name} ({list}) SELECT {list} FROM {}.{name};\n{}",
                switch("ON"),
                quoted(copy),
                switch("OFF")
            );
            script.push_str(&refilled);
        }
        connected.run(&(script + "COMMIT TRANSACTION")).await
    }

    fn master(&self) -> Self {
        self.beside("master")
    }
}

impl Connected {
    /// The driver itself, for bulk loads.
    pub fn driver(&mut self) -> &mut Client<Compat<TcpStream>> {
        &mut self.0
    }

    /// Runs one batch.
    ///
    /// # Errors
    /// What the server says.
    pub async fn run(&mut self, batch: &str) -> Result<(), String> {
        let done = async { self.0.simple_query(batch).await?.into_results().await };
        let done = tokio::time::timeout(PATIENCE, done).await.map_err(|_| format!("{batch}: no answer"))?;
        done.map(drop).map_err(|error| format!("{batch}: {error}"))
    }

    /// Rows of a query.
    ///
    /// # Errors
    /// What the server says.
    pub async fn rows(&mut self, query: &str) -> Result<Rows, String> {
        let rows = async { self.0.simple_query(query).await?.into_first_result().await };
        let rows = tokio::time::timeout(PATIENCE, rows).await.map_err(|_| format!("{query}: no answer"))?;
        let rows = rows.map_err(|error| format!("{query}: {error}"))?;
        Ok(rows.into_iter().map(|row| row.into_iter().map(|value| text(&value)).collect()).collect())
    }

    /// Tables of a schema; `None`: of the login's own.
    async fn tables(&mut self, schema: Option<&str>) -> Result<Vec<String>, String> {
        let schema = schema.map_or("schema_name()".to_owned(), |name| format!("N{}", literal(name)));
        let sql = format!(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = {schema} AND table_type = 'BASE TABLE'"
        );
        Ok(self.rows(&sql).await?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
    }

    /// A table's columns, and whether the server gives out their numbers.
    async fn columns(&mut self, table: &str) -> Result<Vec<(String, bool)>, String> {
        let name = format!("N{}", literal(&quoted(table)));
        let sql =
            format!("SELECT name, is_identity FROM sys.columns WHERE object_id = object_id({name}) ORDER BY column_id");
        let rows = self.rows(&sql).await?;
        Ok(rows
            .into_iter()
            .filter_map(|row| match &row[..] {
                [Some(name), numbered] => Some((name.clone(), numbered.as_deref() == Some("1"))),
                _ => None,
            })
            .collect())
    }
}

/// Whether a connection string says that nothing is to be encrypted.
fn is_plain(connection: &str) -> bool {
    let settings = connection.split(';').filter_map(|setting| setting.split_once('='));
    let mut encrypt =
        settings.filter(|(key, _)| key.trim().eq_ignore_ascii_case("encrypt")).map(|(_, value)| value.trim());
    encrypt.any(|value| ["false", "no", "optional"].iter().any(|no| value.eq_ignore_ascii_case(no)))
}

fn text(value: &ColumnData<'_>) -> Option<String> {
    match value {
        ColumnData::U8(value) => value.map(|value| value.to_string()),
        ColumnData::I16(value) => value.map(|value| value.to_string()),
        ColumnData::I32(value) => value.map(|value| value.to_string()),
        ColumnData::I64(value) => value.map(|value| value.to_string()),
        ColumnData::F32(value) => value.map(|value| value.to_string()),
        ColumnData::F64(value) => value.map(|value| value.to_string()),
        ColumnData::Bit(value) => value.map(|value| u8::from(value).to_string()),
        ColumnData::String(value) => value.as_ref().map(ToString::to_string),
        ColumnData::Guid(value) => value.map(|value| value.to_string()),
        ColumnData::Binary(value) => value.as_ref().map(|bytes| super::hex(bytes)),
        ColumnData::Numeric(value) => value.map(|value| value.to_string()),
        other => Some(format!("{other:?}")).filter(|text| !text.contains("None")),
    }
}
