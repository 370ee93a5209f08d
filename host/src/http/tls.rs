//! TLS: the certificate chain and key of `[server] tls`, read once at the start.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::TlsConfig;

/// Why TLS cannot be offered. A sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the TLS {what} {} cannot be read: {source}. Set [server] tls to a PEM file", path.display())]
    Read { what: &'static str, path: std::path::PathBuf, source: rustls::pki_types::pem::Error },
    #[error("the TLS certificate file {} holds no certificate; it must hold the chain, server certificate first, as PEM", .0.display())]
    Empty(std::path::PathBuf),
    #[error("the TLS certificate {} and key {} cannot be used together: {source}", certificate.display(), key.display())]
    Unusable { certificate: std::path::PathBuf, key: std::path::PathBuf, source: rustls::Error },
}

/// Reads the files and makes an acceptor for TLS 1.2 and 1.3.
///
/// # Errors
/// See [`TlsError`].
pub fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let chain = certificates(&config.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(|source| TlsError::Read {
        what: "key",
        path: config.key.clone(),
        source,
    })?;
    let unusable =
        |source| TlsError::Unusable { certificate: config.certificate.clone(), key: config.key.clone(), source };
    let mut server = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = |source| TlsError::Read { what: "certificate", path: path.to_owned(), source };
    let chain: Vec<_> = CertificateDer::pem_file_iter(path).map_err(read)?.collect::<Result<_, _>>().map_err(read)?;
    if chain.is_empty() { Err(TlsError::Empty(path.to_owned())) } else { Ok(chain) }
}
