//! TLS for outgoing requests: rustls with ring, the certificates this machine trusts, and those that the configuration adds.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Whom requests of plug-ins trust.
#[derive(Debug, Default)]
pub struct Trust {
    /// `[plugins] http_certificates`.
    files: Vec<PathBuf>,
    /// Made at the first request: reading the certificates takes a while.
    config: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Trust {
    /// This machine's certificates and those in these files.
    #[must_use]
    pub const fn with(files: Vec<PathBuf>) -> Self {
        Self { files, config: OnceLock::new() }
    }

    fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for file in &self.files {
            add(&mut roots, file).map_err(|why| format!("[plugins] http_certificates: {}: {why}", file.display()))?;
        }
        if roots.is_empty() {
            return Err("this machine has no trusted certificates, so no HTTPS; install them (ca-certificates), set \
                        SSL_CERT_FILE, or name some in `http_certificates` under [plugins]"
                .into());
        }
        // Named, so that it does not depend on which crate of the program sets a default first.
        let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
    }
}

fn add(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    let mut count = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
        count += 1;
    }
    if count == 0 { Err("it holds no certificate in PEM form".into()) } else { Ok(()) }
}

/// Makes a connection safe.
pub(super) async fn secure<S>(stream: S, host: &str, trust: &Arc<Trust>) -> std::io::Result<TlsStream<S>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let config = if let Some(config) = trust.config.get() {
        config.clone()
    } else {
        let trust = trust.clone();
        tokio::task::spawn_blocking(move || trust.config.get_or_init(|| trust.config()).clone())
            .await
            .map_err(|error| std::io::Error::other(error.to_string()))?
    };
    let config = config.map_err(std::io::Error::other)?;
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    TlsConnector::from(config).connect(name, stream).await
}
