//! The accept loop and the stop: an address, a bounded number of connections ([`Places`]), and an end that finishes what
//! was begun.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::connection::Connections;
use super::parts::{Parts, Shared};
use super::places::{NoPlace, Place, Places};
use super::router;
use super::timed_io::IoTimeouts;
use super::tls::{self, TlsError};
use super::troubles::{Trouble, Troubles};
use super::work::Work;

/// Why a server cannot start. A sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(
        "cannot listen on {address}: {source}. Is another program (or another speil) using it? Set [server] listen to a free address"
    )]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The front door.
#[derive(Debug)]
pub struct Server;

/// A server at work. Dropping it stops accepting and cuts off what is under way; [`RunningServer::shutdown`] is the
/// kind way.
#[derive(Debug)]
pub struct RunningServer {
    /// Where it listens: the real port when the configuration says 0.
    pub local_addr: SocketAddr,
    stop: CancellationToken,
    kill: CancellationToken,
    connections: Work,
    calls: Work,
    timeout: Duration,
    accepting: JoinHandle<()>,
}

/// How a stop went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopReport {
    /// Calls that were still at work when the time was up. Their transactions are taken back.
    pub calls_cut_off: usize,
}

impl Server {
    /// All paths of a host without a socket before them: what tests that need no connection ask.
    pub fn router(parts: Parts) -> axum::Router {
        router::router(Arc::new(Shared::new(parts, Work::new(), CancellationToken::new(), CancellationToken::new())))
    }

    /// Listens and begins to serve.
    ///
    /// # Errors
    /// The address cannot be had, or the TLS files cannot be used.
    pub async fn start(parts: Parts) -> Result<RunningServer, ServeError> {
        let config = parts.config.clone();
        let acceptor = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let listen = |source| ServeError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;

        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let calls = Work::new();
        let shared = Arc::new(Shared::new(parts, calls.clone(), stop.clone(), kill.clone()));
        let open = shared.connections.clone();
        let connections = Connections {
            troubles: shared.troubles.clone(),
            router: router::router(shared),
            tls: acceptor,
            timeouts: IoTimeouts {
                header: config.header_timeout,
                idle: config.idle_timeout,
                write: config.body_timeout,
            },
            stop: stop.clone(),
            kill: kill.clone(),
        };
        let places = Places::new(config.max_connections, config.max_connections_per_address);
        let accepting = tokio::spawn(accept(listener, connections, places, open.clone()));
        Ok(RunningServer {
            local_addr,
            stop,
            kill,
            connections: open,
            calls,
            timeout: config.shutdown_timeout,
            accepting,
        })
    }
}

impl RunningServer {
    /// Accepts nothing more, lets connections at rest go, waits for calls under way to finish and be answered, at most
    /// the configured time.
    pub async fn shutdown(self) -> StopReport {
        self.stop.cancel();
        let finished = async {
            self.connections.done().await;
            // Calls whose callers hung up outlive their connections.
            self.calls.done().await;
        };
        let calls_cut_off = match tokio::time::timeout(self.timeout, finished).await {
            Ok(()) => 0,
            Err(_) => self.calls.count(),
        };
        self.kill.cancel();
        StopReport { calls_cut_off }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.stop.cancel();
        self.kill.cancel();
        self.accepting.abort();
    }
}

/// Accepts until told to stop. At the limit of connections one at rest gives way, and where none can, callers queue in the
/// system's backlog: none is turned away with an error that WCF would take for a broken connection, but for those beyond
/// one address's share.
async fn accept(listener: TcpListener, connections: Connections, places: Places, open: Work) {
    let accepting = async {
        loop {
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            };
            let Some(place) = place(&places, &connections.troubles, address).await else { continue };
            let begun = open.begin();
            let serving = connections.clone().serve(stream, address, place);
            tokio::spawn(async move {
                serving.await;
                drop(begun);
            });
        }
    };
    tokio::select! {
        () = connections.stop.cancelled() => {}
        () = accepting => {}
    }
}

/// A place for a connection, as soon as there is one; `None` for one more than its address may have.
async fn place(places: &Places, troubles: &Troubles, address: SocketAddr) -> Option<Place> {
    loop {
        match places.take(address.ip()) {
            Ok(place) => return Some(place),
            Err(NoPlace::OfAddress) => {
                troubles.note(Trouble::OneAddress, address);
                return None;
            }
            Err(NoPlace::AtAll) => {
                if places.spare_one() {
                    troubles.note(Trouble::GaveWay, address);
                }
                places.freed().await;
            }
        }
    }
}

/// A caller that is gone before it was accepted is nothing; being out of file handles needs a moment to pass.
async fn pause_after(error: &std::io::Error) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::warn!(%error, "cannot accept a connection; trying again in a moment");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
