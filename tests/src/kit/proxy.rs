//! A server between a client and a host, which passes calls on and lets a [`Saboteur`] break one rule on the way: what a
//! wrong endpoint looks like to those who call it.
//!
//! Messages whose framing is itself the question (a length beside chunks, a length beyond reason) go through untouched,
//! byte by byte, so that the host behind answers them as it would alone.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use speil::task::connection::{Connection, Framing, Request, Response};
use speil::task::endpoint::Endpoint;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::host::PATH;

/// Hosts that calls are passed on to, each in its turn; one that cannot be reached is passed over, as load balancers do.
pub struct Hosts {
    addresses: Mutex<Vec<SocketAddr>>,
    next: AtomicUsize,
}

impl Hosts {
    pub fn new(addresses: &[SocketAddr]) -> Arc<Self> {
        Arc::new(Self { addresses: Mutex::new(addresses.to_vec()), next: AtomicUsize::new(0) })
    }

    /// A host was started anew and listens elsewhere.
    pub fn moved(&self, from: SocketAddr, to: SocketAddr) {
        let mut addresses = self.addresses.lock().expect("nobody panics in it");
        addresses.iter_mut().filter(|address| **address == from).for_each(|address| *address = to);
    }

    /// How many calls were passed on.
    pub fn calls(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    /// All of them, beginning with the one whose turn it is.
    fn in_turn(&self) -> Vec<SocketAddr> {
        let mut addresses = self.addresses.lock().expect("nobody panics in it").clone();
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % addresses.len();
        addresses.rotate_left(turn);
        addresses
    }

    fn any(&self) -> SocketAddr {
        self.in_turn()[0]
    }
}

/// What becomes of a request.
pub enum Way {
    /// It goes on to the host.
    On,
    /// It goes on, and once more after the answer.
    Twice,
    /// It never reaches the host.
    Answer(Response),
    /// It is answered by the host, and the connection closed without a word.
    OnAndClose,
}

/// Breaks one rule.
#[derive(Clone, Copy)]
pub struct Saboteur {
    /// The rule it breaks, in words.
    pub name: &'static str,
    /// The checks that must fail, all of them; `group/*` for all of a group that speak of this rule's matter.
    pub caught_by: &'static [&'static str],
    /// Checks that may fail as well, because they come to the rule on their way to their own.
    pub along: &'static [&'static str],
    /// Changes requests.
    pub request: fn(&mut Request) -> Way,
    /// Changes answers.
    pub answer: fn(&Request, &mut Response),
}

/// Passes everything on.
pub const HONEST: Saboteur =
    Saboteur { name: "nothing", caught_by: &[], along: &[], request: |_| Way::On, answer: |_, _| {} };

/// Larger bodies go through untouched.
const MAX_BODY: u64 = 16 << 20;
const PATIENCE: Duration = Duration::from_mins(1);

/// A proxy at work until it is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Starts on a free port, in front of this host.
    pub async fn start(host: SocketAddr, saboteur: Saboteur) -> Self {
        Self::in_front_of(Hosts::new(&[host]), saboteur).await
    }

    /// Starts on a free port, in front of several hosts.
    pub async fn in_front_of(hosts: Arc<Hosts>, saboteur: Saboteur) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("the listener is open");
                let hosts = hosts.clone();
                tokio::spawn(async move {
                    // A caller that hangs up half-way is no matter of the proxy's.
                    let _ = serve(stream, &hosts, saboteur).await;
                });
            }
        });
        Self { address, accepting }
    }

    /// Its address as an endpoint.
    pub fn endpoint(&self) -> Endpoint {
        endpoint(self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::new(&format!("http://{address}{PATH}"), None).expect("a URL")
}

/// A request's head.
struct Head {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
}

impl Head {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split("\r\n");
        let mut first = lines.next()?.split(' ');
        let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self { method, target, headers })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

async fn serve(mut stream: TcpStream, hosts: &Hosts, saboteur: Saboteur) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut unread = Vec::new();
    loop {
        let Some(end) = until(&mut stream, &mut unread, b"\r\n\r\n").await? else { return Ok(()) };
        let Some(head) = Head::parse(&String::from_utf8_lossy(&unread[..end])) else { return Ok(()) };
        let length = head.header("content-length").map(|length| length.parse::<u64>().unwrap_or(u64::MAX));
        let chunked = head.header("transfer-encoding").is_some();
        if length.is_some_and(|length| chunked || length > MAX_BODY) {
            return tunnel(stream, hosts.any(), &unread).await;
        }
        unread.drain(..end + 4);
        let body = match length {
            _ if chunked => chunks(&mut stream, &mut unread).await?,
            length => {
                let length = usize::try_from(length.unwrap_or(0)).expect("bounded above");
                while unread.len() < length {
                    more(&mut stream, &mut unread).await?;
                }
                unread.drain(..length).collect()
            }
        };
        let framing = match head.method.as_str() {
            "GET" => Framing::None,
            _ if chunked => Framing::Chunked(1024),
            _ => Framing::ContentLength,
        };
        let dropped = ["host", "content-length", "transfer-encoding", "expect", "connection"];
        let mut headers = head.headers;
        headers.retain(|(name, _)| !dropped.iter().any(|known| name.eq_ignore_ascii_case(known)));
        let mut request = Request { method: head.method, target: head.target, headers, body, framing };
        let way = (saboteur.request)(&mut request);
        let (mut answer, close) = match way {
            Way::Answer(answer) => (answer, false),
            Way::On => (pass_on(hosts, &request).await?, false),
            Way::OnAndClose => (pass_on(hosts, &request).await?, true),
            Way::Twice => {
                let answer = pass_on(hosts, &request).await?;
                pass_on(hosts, &request).await?;
                (answer, false)
            }
        };
        (saboteur.answer)(&request, &mut answer);
        answer_with(&mut stream, &answer).await?;
        if close {
            return Ok(());
        }
    }
}

async fn pass_on(hosts: &Hosts, request: &Request) -> std::io::Result<Response> {
    let mut reached = Err(std::io::Error::other("no host"));
    for host in hosts.in_turn() {
        let endpoint = endpoint(host);
        reached = Connection::open(&endpoint).await.map(|open| (endpoint, open)).map_err(std::io::Error::other);
        if reached.is_ok() {
            break;
        }
    }
    let (endpoint, mut connection) = reached?;
    let mut answer = connection.exchange(&endpoint, request, PATIENCE).await.map_err(std::io::Error::other)?;
    // The body has been unpacked.
    answer.headers.retain(|(name, _)| !["content-length", "content-encoding", "connection"].contains(&name.as_str()));
    Ok(answer)
}

async fn answer_with(stream: &mut TcpStream, answer: &Response) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} As the proxy says\r\n", answer.status);
    for (name, value) in &answer.headers {
        write!(head, "{name}: {value}\r\n").expect("a String takes it");
    }
    write!(head, "Content-Length: {}\r\n\r\n", answer.body.len()).expect("a String takes it");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&answer.body).await
}

async fn tunnel(mut stream: TcpStream, host: SocketAddr, seen: &[u8]) -> std::io::Result<()> {
    let mut behind = TcpStream::connect(host).await?;
    behind.write_all(seen).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut behind).await.map(|_| ())
}

/// A body in chunks, put together.
async fn chunks(stream: &mut TcpStream, unread: &mut Vec<u8>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let Some(end) = until(stream, unread, b"\r\n").await? else { return Err(cut_short()) };
        let size = usize::from_str_radix(String::from_utf8_lossy(&unread[..end]).trim(), 16);
        let size = size.map_err(std::io::Error::other)?;
        unread.drain(..end + 2);
        while unread.len() < size + 2 {
            more(stream, unread).await?;
        }
        body.extend(unread.drain(..size));
        unread.drain(..2);
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Where `mark` begins; `None` when the other end hung up before a byte of it came.
async fn until(stream: &mut TcpStream, unread: &mut Vec<u8>, mark: &[u8]) -> std::io::Result<Option<usize>> {
    loop {
        if let Some(at) = unread.windows(mark.len()).position(|window| window == mark) {
            return Ok(Some(at));
        }
        match more(stream, unread).await {
            Err(_) if unread.is_empty() => return Ok(None),
            other => other?,
        }
    }
}

async fn more(stream: &mut TcpStream, unread: &mut Vec<u8>) -> std::io::Result<()> {
    if stream.read_buf(unread).await? == 0 { Err(cut_short()) } else { Ok(()) }
}

fn cut_short() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the caller hung up")
}
