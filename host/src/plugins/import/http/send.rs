//! One request: the name looked up, its address checked, a connection of its own made, the request sent.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::address::is_public;
use super::tls::Trust;
use super::{Connection, tls};
use crate::plugins::sidecar::HttpTarget;

/// Until there is a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(15);
/// Until the answer begins.
const FIRST_BYTE: Duration = Duration::from_mins(1);
/// Between two pieces of an answer.
const BETWEEN_BYTES: Duration = Duration::from_secs(30);
/// Bytes of an answer's head.
const HEAD: usize = 64 << 10;
/// Headers of an answer.
const HEADERS: usize = 100;

/// Sends it. The plug-in may set shorter times, not longer ones.
pub(in crate::plugins) async fn send(
    mut request: http::Request<WasiBody>,
    target: &HttpTarget,
    options: RequestOptions,
    trust: &Arc<Trust>,
) -> Result<(http::Response<WasiBody>, Connection), Error> {
    let shorter = |own: Duration, asked: Option<Duration>| asked.map_or(own, |asked| asked.min(own));
    let secure = request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
    let connect = tokio::time::timeout(shorter(CONNECT, options.connect_timeout), connect(target, secure, trust));
    let stream = connect.await.map_err(|_| Error::ConnectionTimeout)??;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD)
        .max_headers(HEADERS)
        .handshake::<_, WasiBody>(TokioIo::new(stream))
        .await
        .map_err(Error::from)?;
    // Scheme and host are for proxies; there is none.
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    *request.uri_mut() = path.parse().map_err(|_| Error::HttpRequestUriInvalid)?;

    let first_byte = shorter(FIRST_BYTE, options.first_byte_timeout);
    let between = shorter(BETWEEN_BYTES, options.between_bytes_timeout).max(Duration::from_millis(1));
    let mut connection = Box::pin(async move { connection.await.map_err(Error::from) });
    let mut ended = false;
    let answer = tokio::time::timeout(first_byte, async {
        let answer = sender.send_request(request);
        tokio::pin!(answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer.map_err(Error::from),
            // The connection ends: the answer is there, or never comes.
            end = &mut connection => {
                ended = true;
                end?;
                answer.await.map_err(Error::from)
            }
        }
    });
    let answer = answer.await.map_err(|_| Error::ConnectionReadTimeout)??;
    let answer =
        answer.map(|body| Timed { body, between, timer: Box::pin(tokio::time::sleep(between)) }.boxed_unsync());
    let connection: Connection = Box::new(async move { if ended { Ok(()) } else { connection.await } });
    Ok((answer, connection))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

async fn connect(target: &HttpTarget, secure: bool, trust: &Arc<Trust>) -> Result<Box<dyn Stream>, Error> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((target.host.as_str(), target.port))
        .await
        .map_err(|error| Error::DnsError { rcode: Some(error.to_string()), info_code: None })?
        .collect();
    if found.is_empty() {
        return Err(Error::DestinationNotFound);
    }
    // The address that was checked is the one that is connected to: no second look-up in between.
    let allowed: Vec<SocketAddr> =
        found.into_iter().filter(|address| target.may_be_private() || is_public(address.ip())).collect();
    if allowed.is_empty() {
        return Err(Error::DestinationIpProhibited);
    }
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in allowed {
        match TcpStream::connect(address).await {
            Ok(stream) if secure => {
                let stream = tls::secure(stream, &target.host, trust).await.map_err(Error::Tls)?;
                return Ok(Box::new(stream));
            }
            Ok(stream) => return Ok(Box::new(stream)),
            Err(error) => last = error,
        }
    }
    Err(Error::Connect(last))
}

/// What the log says of a request that came to nothing.
pub(super) fn words(error: &Error, target: &HttpTarget, plugin: &str) -> String {
    match error {
        Error::DestinationIpProhibited => format!(
            "HTTP to {target} is refused: the name leads to an address of a private network; if it should, write `{{ host = \
             \"{target}\", private = true }}` in `http` under [grants] in {plugin}.toml"
        ),
        error => format!("HTTP to {target} failed: {error}"),
    }
}

/// An answer's body that must not rest too long.
struct Timed {
    body: hyper::body::Incoming,
    between: Duration,
    timer: Pin<Box<tokio::time::Sleep>>,
}

impl hyper::body::Body for Timed {
    type Data = bytes::Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, Error>>> {
        use std::task::Poll;
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let next = tokio::time::Instant::now() + self.between;
                self.timer.as_mut().reset(next);
                Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
            }
            Poll::Pending => {
                std::task::ready!(self.timer.as_mut().poll(context));
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}
