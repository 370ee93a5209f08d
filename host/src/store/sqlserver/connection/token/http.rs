//! As much of an HTTP client as a token needs: one request, a bounded answer, a time limit.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, Uri};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use zeroize::Zeroizing;

use super::NoToken;

/// A token has a few thousand bytes.
const MOST_BYTES: usize = 256 * 1024;

/// What to send.
pub(super) struct Question {
    pub uri: String,
    /// Name and value; a value may be a secret.
    pub header: Option<(&'static str, Zeroizing<String>)>,
    /// A form to post; without one it is a GET.
    pub form: Option<Zeroizing<String>>,
}

/// What came back.
pub(super) struct Answer {
    pub status: u16,
    pub body: Zeroizing<Vec<u8>>,
}

pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    patience: Duration,
}

impl Http {
    pub fn new(patience: Duration) -> Result<Self, NoToken> {
        let broken = |what: String| NoToken::lasting(format!("TLS cannot be set up: {what}"));
        // The driver brings a second provider: ours is named, since rustls would not choose.
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| broken(error.to_string()))?;
        let tls = match builder.clone().with_native_roots() {
            Ok(roots) => roots.with_no_client_auth(),
            // A managed identity is asked over plain HTTP: a container without certificates can do that.
            Err(error) => {
                tracing::debug!(%error, "no trusted certificates: only plain HTTP will do");
                builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
            }
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(patience));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), patience })
    }

    /// Asks once. Only what hinders an answer is an error.
    pub async fn ask(&self, question: &Question) -> Result<Answer, NoToken> {
        let uri: Uri = question.uri.parse().map_err(|_| NoToken::lasting("the address to ask is no URL"))?;
        let place = format!("{}{}", uri.authority().map_or("", |authority| authority.as_str()), uri.path());
        let mut request = Request::builder().uri(uri);
        if let Some((name, value)) = &question.header {
            request = request.header(*name, value.as_str());
        }
        let request = match &question.form {
            None => request.body(Full::default()),
            Some(form) => request
                .method("POST")
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(Full::new(Bytes::copy_from_slice(form.as_bytes()))),
        }
        .map_err(|_| {
            NoToken::lasting("the question cannot be sent: a header or address holds characters it must not")
        })?;
        let asking = async {
            let response = self.client.request(request).await.map_err(|error| {
                let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                NoToken::passing(format!("{place} cannot be reached: {why}"))
            })?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
            let body = body.map_err(|error| NoToken::passing(format!("{place} broke off its answer: {error}")))?;
            Ok(Answer { status, body: Zeroizing::new(body.to_bytes().to_vec()) })
        };
        match tokio::time::timeout(self.patience, asking).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(NoToken::passing(format!("{place} does not answer within {} seconds", self.patience.as_secs_f64())))
            }
        }
    }
}

/// Percent-encodes a value for a form or a query.
pub(super) fn encoded(value: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(value.len() * 3));
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    out
}
