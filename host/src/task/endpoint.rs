//! The address of a mirroring endpoint, and whom to trust there.

use std::path::Path;
use std::sync::Arc;

use hyper::Uri;
use hyper_rustls::ConfigBuilderExt as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;

use super::error::TaskError;

/// Where to call.
#[derive(Clone)]
pub struct Endpoint {
    host: String,
    port: u16,
    path: String,
    url: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Endpoint {
    /// Reads a URL, `http://` or `https://`. For https: the system's roots, or only those of `ca` (PEM), which may be
    /// the server's own certificate.
    ///
    /// # Errors
    /// Not such a URL, or the certificates cannot be read.
    pub fn new(url: &str, ca: Option<&Path>) -> Result<Self, TaskError> {
        let uri: Uri = url.parse().map_err(|error| TaskError::usage(format!("{url:?} is not a URL: {error}")))?;
        let host = uri.host().ok_or_else(|| TaskError::usage(format!("{url:?} names no host")))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => {
                let name = ServerName::try_from(bare.clone())
                    .map_err(|error| TaskError::usage(format!("{host:?} cannot be checked by TLS: {error}")))?;
                Some((connector(ca)?, name))
            }
            _ => return Err(TaskError::usage(format!("{url:?} must begin with http:// or https://"))),
        };
        let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { host: bare, port, path, url: url.to_owned(), tls })
    }

    /// The host's name or address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL as given.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port, as in a `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(super) fn tls(&self) -> Option<(TlsConnector, ServerName<'static>)> {
        self.tls.clone()
    }
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector, TaskError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TaskError::usage(format!("TLS cannot be set up: {error}")))?;
    let config = match ca {
        None => builder
            .with_native_roots()
            .map_err(|error| TaskError::usage(format!("the system's trusted certificates cannot be read: {error}")))?
            .with_no_client_auth(),
        Some(path) => {
            let unreadable = |error: String| {
                TaskError::usage(format!("{} holds no certificate that can be trusted: {error}", path.display()))
            };
            let mut roots = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))? {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("no BEGIN CERTIFICATE in it".into()));
            }
            builder.with_root_certificates(roots).with_no_client_auth()
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn urls_are_taken_apart() {
        let endpoint = Endpoint::new("http://127.0.0.1:8080/MirroringClientService.svc", None).expect("a URL");
        assert_eq!(
            (endpoint.host(), endpoint.port(), endpoint.path()),
            ("127.0.0.1", 8080, "/MirroringClientService.svc")
        );
        assert_eq!(Endpoint::new("http://[::1]:81/x", None).expect("a URL").authority(), "[::1]:81");
        assert_eq!(Endpoint::new("http://mirror.example/x", None).expect("a URL").port(), 80);
        for bad in ["mirror.example", "ftp://x/y", "", "http://"] {
            assert!(Endpoint::new(bad, None).is_err(), "{bad:?}");
        }
    }
}
