//! Asks the host that runs, where its configuration says it listens.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;

use crate::config::ServerConfig;
use crate::task::connection::{Connection, Framing, Request};
use crate::task::endpoint::Endpoint;

/// How long the running host is waited for. It may have to count rows.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the running host answers.
pub(super) struct Answer {
    pub status: u16,
    /// Its JSON, where it answers 200.
    pub json: Option<Value>,
    /// What it says else, for people.
    pub words: String,
}

/// Asks for this path as an administrator.
///
/// # Errors
/// The host does not answer: a sentence with the address.
pub(super) async fn ask(server: &ServerConfig, method: &str, path: &str) -> Result<Answer, String> {
    if server.listen.port() == 0 {
        return Err("[server] listen gives it any free port".into());
    }
    let local: IpAddr = match server.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}{path}", SocketAddr::new(local, server.listen.port()));
    let certificate = server.tls.as_ref().map(|tls| tls.certificate.as_path());
    let endpoint = Endpoint::new(&url, certificate).map_err(|error| error.to_string())?;
    let authorization = server.admin_token.as_ref().map(|token| format!("Bearer {}", token.expose()));
    let request = Request {
        method: method.to_owned(),
        target: endpoint.path().to_owned(),
        headers: authorization.map(|value| ("Authorization".to_owned(), value)).into_iter().collect(),
        body: Vec::new(),
        framing: Framing::None,
    };
    let exchange = async {
        let mut connection = Connection::open(&endpoint).await?;
        connection.exchange(&endpoint, &request, PATIENCE).await
    };
    let response = tokio::time::timeout(PATIENCE, exchange).await;
    let response = response.map_err(|_| format!("{url} does not answer"))?.map_err(|error| error.to_string())?;
    let status = response.status;
    let words = format!("{url} answers {status}: {}", response.excerpt().trim());
    let json = if status == 200 {
        Some(serde_json::from_slice(&response.body).map_err(|error| format!("{url} answers no JSON: {error}"))?)
    } else {
        None
    };
    Ok(Answer { status, json, words })
}
