//! What stands between the tenants and the host: one address that stays while hosts come and go, and a count of the bytes that
//! have passed, by which moments are chosen.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// At work until it is dropped.
pub struct Relay {
    pub address: SocketAddr,
    host: Arc<Mutex<Option<SocketAddr>>>,
    passed: watch::Receiver<u64>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Relay {
    /// Starts on a free port, with no host behind it yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let host = Arc::new(Mutex::new(None));
        let (count, passed) = watch::channel(0);
        let (count, behind) = (Arc::new(count), host.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let (caller, _) = listener.accept().await.expect("the listener is open");
                let (host, count): (Option<SocketAddr>, _) = (*behind.lock().expect("not poisoned"), count.clone());
                tokio::spawn(async move {
                    let Some(host) = host else { return };
                    // A host that has just been killed is not there: the caller sees its connection closed.
                    let Ok(host) = TcpStream::connect(host).await else { return };
                    pass(caller, host, &count).await;
                });
            }
        });
        Self { address, host, passed, accepting }
    }

    /// Which host new connections go to; `None`: they are closed at once.
    pub fn leads_to(&self, host: Option<SocketAddr>) {
        *self.host.lock().expect("not poisoned") = host;
    }

    /// Waits until so many bytes more have passed, in both directions together.
    pub async fn after(&self, bytes: u64) {
        let mut passed = self.passed.clone();
        let until = *passed.borrow() + bytes;
        passed.wait_for(|now| *now >= until).await.expect("the relay is at work");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(caller: TcpStream, host: TcpStream, count: &watch::Sender<u64>) {
    // It only makes small calls quicker.
    let _ = (caller.set_nodelay(true), host.set_nodelay(true));
    let ((caller_reads, caller_writes), (host_reads, host_writes)) = (caller.into_split(), host.into_split());
    // When either side ends, so does the other: both streams are closed with the two halves that are dropped here.
    tokio::select! {
        () = copy(caller_reads, host_writes, count) => {}
        () = copy(host_reads, caller_writes, count) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, count: &watch::Sender<u64>) {
    let mut buffer = vec![0; 4_096];
    // A connection that breaks ends here, whichever side broke it.
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        count.send_modify(|passed| *passed += read as u64);
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
