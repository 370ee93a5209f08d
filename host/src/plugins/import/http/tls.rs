//! TLS for outgoing requests: rustls with ring, and the certificates this machine trusts.

use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Made at the first request: reading the certificates takes a while.
static CONFIG: OnceLock<Result<Arc<ClientConfig>, String>> = OnceLock::new();

fn config() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err("this machine has no trusted certificates, so no HTTPS; install them (ca-certificates) or set \
                    SSL_CERT_FILE"
            .into());
    }
    // Named, so that it does not depend on which crate of the program sets a default first.
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Makes a connection safe.
pub(super) async fn secure<S>(stream: S, host: &str) -> std::io::Result<TlsStream<S>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let config = match CONFIG.get() {
        Some(config) => config.clone(),
        None => tokio::task::spawn_blocking(|| CONFIG.get_or_init(config).clone())
            .await
            .map_err(|error| std::io::Error::other(error.to_string()))?,
    };
    let config = config.map_err(std::io::Error::other)?;
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    TlsConnector::from(config).connect(name, stream).await
}
