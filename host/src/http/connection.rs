//! One connection: TLS if configured, time limits, HTTP/1.1 until it ends, its place is wanted for another, or the host
//! stops.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower_service::Service as _;

use super::places::Place;
use super::timed_io::{Cut, IoTimeouts, Phase, TimedIo};
use super::troubles::{Trouble, Troubles};
use crate::faults::{self, Step};

/// Largest request head. The vendor's token travels in the body, so heads are small.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The most that is read of a connection at once: enough for a head, little enough that the decoder begins while the rest comes, and
/// below what the allocator gives back to the system each time (`allocator.rs`).
const MAX_PIECE_BYTES: usize = 96 * 1024;
/// Header lines in a head.
const MAX_HEADERS: usize = 100;

/// Who is at the other end; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) tls: bool,
}

/// What all connections share.
#[derive(Clone)]
pub(super) struct Connections {
    pub(super) router: axum::Router,
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) timeouts: IoTimeouts,
    pub(super) troubles: Arc<Troubles>,
    /// Finish what is under way, begin nothing.
    pub(super) stop: CancellationToken,
    /// End now.
    pub(super) kill: CancellationToken,
}

impl Connections {
    /// Serves one connection to its end. What goes wrong here is the other end's doing: counted, told at debug level, and
    /// what may be meant to do harm once a minute as a warning ([`Troubles`]).
    pub(super) async fn serve(self, stream: TcpStream, address: SocketAddr, place: Place) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%address, %error, "TCP_NODELAY cannot be set");
        }
        if let Err(injected) = faults::pass(Step::Accept).await {
            tracing::warn!(%address, "the connection is closed: {injected}");
            return;
        }
        let kill = self.kill.clone();
        tokio::select! {
            () = kill.cancelled() => {}
            () = self.serve_any(stream, address, &place) => {}
        }
    }

    async fn serve_any(self, stream: TcpStream, address: SocketAddr, place: &Place) {
        let Some(tls) = self.tls.clone() else {
            return self.serve_http(stream, Peer { address, tls: false }, place).await;
        };
        let handshake = tokio::select! {
            () = self.stop.cancelled() => return,
            () = place.end.cancelled() => return,
            handshake = tokio::time::timeout(self.timeouts.header, tls.accept(stream)) => handshake,
        };
        match handshake {
            Ok(Ok(stream)) => self.serve_http(stream, Peer { address, tls: true }, place).await,
            Ok(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
            Err(_) => self.troubles.note(Trouble::SlowHandshake, address),
        }
    }

    async fn serve_http<S>(self, stream: S, peer: Peer, place: &Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let phase = place.phase.clone();
        let io = TokioIo::new(TimedIo::new(stream, phase.clone(), self.timeouts));
        let router = self.router;
        let service = service_fn(move |mut request: Request<Incoming>| {
            phase.busy();
            request.extensions_mut().insert(peer);
            let answer = router.clone().call(request);
            let rest = Rest(phase.clone());
            async move {
                let answer = answer.await;
                drop(rest);
                answer
            }
        });
        // `TimedIo` keeps time, so hyper's own header timer, which knows no idle time, is off.
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .max_header_size(MAX_HEAD_BYTES)
            .max_buf_size(MAX_PIECE_BYTES)
            .max_headers(MAX_HEADERS)
            .half_close(false)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = place.end.cancelled() => {
                if place.phase.rest().is_some() {
                    return;
                }
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        let trouble = match place.phase.cut() {
            Some(Cut::Head) => Some(Trouble::SlowHead),
            Some(Cut::Answer) => Some(Trouble::StuckAnswer),
            // What every kept-alive connection comes to.
            Some(Cut::Idle) => None,
            None => ended.as_ref().is_err_and(hyper::Error::is_parse).then_some(Trouble::BadHead),
        };
        if let Some(trouble) = trouble {
            self.troubles.note(trouble, peer.address);
        }
        if let Err(error) = ended {
            tracing::debug!(address = %peer.address, error = %describe(&error), "connection ended early");
        }
    }
}

/// Puts the connection to rest when a request's service ends, however it ends.
struct Rest(Arc<Phase>);

impl Drop for Rest {
    fn drop(&mut self) {
        self.0.idle();
    }
}

/// hyper's error with its cause, which it does not print itself.
fn describe(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
