//! From a [`Target`] to an open [`Conn`].

use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt;

use super::conn::{Conn, Driver};
use super::connection_string::Target;
use super::errors::{Result, sql_error};

/// What every connection of ours is told before its first use: any error takes the whole transaction back, and quoting and NULL
/// follow the standard.
const SETTINGS: &str = "SET XACT_ABORT ON; SET QUOTED_IDENTIFIER ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; \
    SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET NUMERIC_ROUNDABORT OFF; \
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// Opens a connection to a database; `None`: the one the string names, else the login's own.
pub(super) async fn connect(target: &Target, database: Option<&str>) -> Result<Conn> {
    let mut config = tiberius::Config::new();
    config.host(&target.host);
    config.port(target.port);
    config.authentication(tiberius::AuthMethod::sql_server(&target.user, &target.password));
    config.encryption(tiberius::EncryptionLevel::NotSupported);
    config.trust_cert();
    config.application_name("speil");
    if let Some(database) = database.or(target.database.as_deref()) {
        config.database(database);
    }
    let socket =
        TcpStream::connect(config.get_addr()).await.map_err(|error| sql_error(tiberius::error::Error::from(error)))?;
    socket.set_nodelay(true).map_err(|error| sql_error(tiberius::error::Error::from(error)))?;
    let driver = Driver::connect(config, socket.compat_write()).await.map_err(sql_error)?;
    let mut conn = Conn::new(driver);
    conn.run(SETTINGS).await?;
    Ok(conn)
}
