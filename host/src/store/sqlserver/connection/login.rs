//! From a [`Target`] to an open [`Conn`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tiberius::error::Error as DriverError;
use tiberius::{AuthMethod, EncryptionLevel};
use tokio_util::compat::TokioAsyncWriteCompatExt;

use super::address;
use super::conn::{Conn, Driver};
use super::connection_string::{At, Encrypt, Login, Server, Target};
use super::patient::{Patience, Patient};
use super::prelogin;
use super::token::Tokens;
use crate::store::sqlserver::errors::{Result, sql_error};
use crate::store::{StoreError, StoreErrorKind};

/// Azure leads from its gateway to the machine that has the database, which may have moved meanwhile; more is a circle.
const MOST_REDIRECTS: u32 = 5;

/// Opens connections to one server under one login, and remembers what need not be found out each time.
pub(in crate::store::sqlserver) struct Connector {
    target: Arc<Target>,
    /// How long the server may say nothing, once a connection is open.
    silence: Option<Duration>,
    tokens: Option<Tokens>,
    /// Which servers can encrypt a login; asked only with `Encrypt=false`.
    can_encrypt: Mutex<HashMap<Server, bool>>,
}

impl Connector {
    pub fn new(target: Arc<Target>, silence: Option<Duration>) -> Self {
        install_provider();
        let tokens = Tokens::for_login(&target.login, &target.server.host);
        Self { target, silence, tokens, can_encrypt: Mutex::default() }
    }

    pub fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// Opens a connection to a database; `None`: the one the string names, else the login's own.
    pub async fn open(&self, database: Option<&str>) -> Result<Conn> {
        let database = database.or(self.target.database.as_deref());
        let first = self.open_at(&self.target.server, database).await;
        let error = match (first, &self.target.failover_partner) {
            (Err(error), Some(partner)) if error.kind == StoreErrorKind::Transient => {
                tracing::warn!(server = %self.target.server, %partner, %error, "the server fails; trying its partner");
                match self.open_at(partner, database).await {
                    Ok(conn) => return Ok(conn),
                    // What the first one said is what people must mend.
                    Err(_) => error,
                }
            }
            (Err(error), _) => error,
            (Ok(conn), _) => return Ok(conn),
        };
        Err(at(&self.target.server, database, error))
    }

    async fn open_at(&self, server: &Server, database: Option<&str>) -> Result<Conn> {
        let auth = self.authentication().await?;
        let opening = self.log_in(server, database, auth);
        let opened = match self.target.connect_timeout {
            None => opening.await,
            Some(limit) => match tokio::time::timeout(limit, opening).await {
                Ok(opened) => opened,
                Err(_) => Err(StoreError::new(
                    StoreErrorKind::Transient,
                    format!(
                        "no connection came about within {} seconds (`Connect Timeout`): check that the server runs, and that no \
                         firewall drops packets on the way",
                        limit.as_secs_f64()
                    ),
                )),
            },
        };
        if let (Err(error), Some(tokens)) = (&opened, &self.tokens)
            && error.kind == StoreErrorKind::Environment
        {
            // It may be the token that the server does not like: a new one next time.
            tokens.forget().await;
        }
        opened
    }

    async fn authentication(&self) -> Result<AuthMethod> {
        match (&self.target.login, &self.tokens) {
            (Login::Sql { user, password }, _) => Ok(AuthMethod::sql_server(user, password.expose())),
            (Login::Integrated, _) => integrated(),
            (_, Some(tokens)) => Ok(AuthMethod::aad_token(tokens.token().await?.as_str())),
            (_, None) => Err(StoreError::new(StoreErrorKind::Internal, "a login without a source of tokens")),
        }
    }

    /// Logs in, going where the server leads.
    async fn log_in(&self, server: &Server, database: Option<&str>, auth: AuthMethod) -> Result<Conn> {
        let mut server = server.clone();
        for _ in 0..=MOST_REDIRECTS {
            let io = |error: std::io::Error| sql_error(DriverError::from(error));
            let level = self.encryption(&server).await?;
            let socket = address::open(&server, &self.target).await.map_err(io)?;
            let port = socket.peer_addr().map_err(io)?.port();
            let config = self.config(&server, port, level, database, auth.clone()).await?;
            // The limit on the whole of the login is the caller's; from then on it is silence that counts.
            let patience = Patience::new(None);
            let stream = Patient::new(socket, patience.clone()).compat_write();
            // The driver's future is large, and this one is part of every caller's.
            match Box::pin(Driver::connect(config, stream)).await {
                Ok(driver) => {
                    patience.set(self.silence);
                    let mut conn = Conn::new(driver, patience);
                    conn.reset().await?;
                    return Ok(conn);
                }
                Err(DriverError::Routing { host, port }) => {
                    tracing::debug!(from = %server, to = %host, port, "the server leads elsewhere");
                    // Some gateways name an instance behind a backslash; the port says it all.
                    let host = host.split('\\').next().unwrap_or_default().to_owned();
                    server = Server { host, at: At::Port(port) };
                }
                Err(error) => return Err(sql_error(error)),
            }
        }
        Err(StoreError::new(
            StoreErrorKind::Transient,
            format!(
                "the server leads from one machine to the next, more than {MOST_REDIRECTS} times; its gateway is in disorder"
            ),
        ))
    }

    /// What to encrypt. `Encrypt=false` still encrypts the login where the server can, as ADO.NET does.
    async fn encryption(&self, server: &Server) -> Result<EncryptionLevel> {
        match self.target.encrypt {
            Encrypt::Strict => return Ok(EncryptionLevel::Strict),
            Encrypt::Mandatory => return Ok(EncryptionLevel::Required),
            Encrypt::Optional if self.target.login.needs_token() => return Ok(EncryptionLevel::Required),
            Encrypt::Optional => {}
        }
        let known = self.can_encrypt.lock().unwrap_or_else(PoisonError::into_inner).get(server).copied();
        let can = if let Some(can) = known {
            can
        } else {
            let asked = async { prelogin::can_encrypt(address::open(server, &self.target).await?).await }.await;
            let can = asked.map_err(|error| sql_error(DriverError::from(error)))?;
            if !can {
                tracing::warn!(%server, "the server offers no encryption: passwords and rows travel in the clear");
            }
            self.can_encrypt.lock().unwrap_or_else(PoisonError::into_inner).insert(server.clone(), can);
            can
        };
        Ok(if can { EncryptionLevel::Off } else { EncryptionLevel::NotSupported })
    }

    async fn config(
        &self,
        server: &Server,
        port: u16,
        level: EncryptionLevel,
        database: Option<&str>,
        auth: AuthMethod,
    ) -> Result<tiberius::Config> {
        let target = &self.target;
        let mut config = tiberius::Config::new();
        config.host(&server.host);
        config.port(port);
        config.authentication(auth);
        config.encryption(level);
        config.packet_size(target.packet_size);
        config.application_name(&target.application_name);
        // The whole of the login has one limit, and afterwards `Patient` watches.
        config.handshake_timeout(None);
        config.command_timeout(None);
        if let Some(database) = database {
            config.database(database);
        }
        if let Some(workstation) = &target.workstation_id {
            config.client_name(workstation);
        }
        if let Some(name) = &target.host_name_in_certificate {
            config.hostname_in_certificate(name);
        }
        // Without full encryption the certificate is not looked at, as in ADO.NET: the rows could be changed on the way anyway.
        let unchecked = matches!(level, EncryptionLevel::Off | EncryptionLevel::NotSupported);
        if target.trust_server_certificate || unchecked {
            config.trust_cert();
        } else if let Some(path) = &target.server_certificate {
            let certificate = tokio::fs::read(path).await.map_err(|error| {
                let message = format!("the file {} of `Server Certificate` cannot be read: {error}", path.display());
                StoreError::new(StoreErrorKind::Environment, message).with_source(error)
            })?;
            config.trust_cert_ca_bundle(certificate);
        }
        Ok(config)
    }
}

/// rustls is compiled with two providers of cryptography, the driver's and ours, and takes neither by itself: its own builders
/// panic until one is installed. Ours is `ring`; the driver then takes it too. If the program that embeds us has chosen, that holds.
fn install_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Somebody else may have been quicker: then theirs holds.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(any(windows, all(unix, feature = "kerberos")))]
#[allow(clippy::unnecessary_wraps, reason = "the other platforms have an error")]
fn integrated() -> Result<AuthMethod> {
    Ok(AuthMethod::Integrated)
}

#[cfg(not(any(windows, all(unix, feature = "kerberos"))))]
fn integrated() -> Result<AuthMethod> {
    Err(StoreError::new(
        StoreErrorKind::Environment,
        "this build of speil has no integrated login: give `User ID` and `Password` of a SQL login instead of `Integrated Security`, \
         or run speil on Windows, or build it with `--features kerberos` and give it a Kerberos ticket (kinit, or a keytab in \
         KRB5_CLIENT_KTNAME)",
    ))
}

/// Says where: server and database in front of an error that met a connection which was just being opened.
fn at(server: &Server, database: Option<&str>, mut error: StoreError) -> StoreError {
    error.message = match database {
        Some(database) => format!("SQL Server {server}, database {database}: {}", error.message),
        None => format!("SQL Server {server}: {}", error.message),
    };
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rustls_can_be_used_although_two_providers_are_compiled_in() {
        let target = Target::parse("Server=x;User ID=u;Password=p").expect("a string");
        let _connector = Connector::new(Arc::new(target), None);
        // This panics where none is installed.
        let _builder = rustls::ClientConfig::builder();
    }

    #[cfg(not(any(windows, feature = "kerberos")))]
    #[tokio::test]
    async fn an_integrated_login_says_what_to_do_where_there_is_none() {
        let target = Target::parse("Server=x;Integrated Security=SSPI").expect("a string");
        let error = Connector::new(Arc::new(target), None).open(Some("m")).await.err().expect("not here");
        assert_eq!(error.kind, StoreErrorKind::Environment);
        assert!(error.message.starts_with("SQL Server x, database m: "), "{error}");
        assert!(error.message.contains("--features kerberos"), "{error}");
    }
}
