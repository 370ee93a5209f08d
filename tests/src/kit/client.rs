//! A client that knows every byte it sends, and looks closely at what comes back.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::host::{PATH, token};

/// No test waits longer than this for an answer; a time-out names what was waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// One connection.
pub struct Connection {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer, taken apart.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// As text, unpacked if it came as gzip.
    pub body: String,
}

impl From<TcpStream> for Connection {
    fn from(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new() }
    }
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.expect("the host listens"), unread: Vec::new() }
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("the host takes it");
    }

    /// Waits for `100 Continue`: then the call is at work and wants its body.
    pub async fn is_wanted(&mut self) {
        let head = self.until(b"\r\n\r\n").await;
        assert_eq!(String::from_utf8_lossy(&head), "HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// Sends bytes as they are; whether the host took them.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Reads an answer to a request that has a body in its answer.
    pub async fn answer(&mut self) -> Answer {
        self.read(true).await
    }

    /// Reads an answer to HEAD.
    pub async fn head_answer(&mut self) -> Answer {
        self.read(false).await
    }

    async fn read(&mut self, has_body: bool) -> Answer {
        loop {
            let head = self.until(b"\r\n\r\n").await;
            let head = String::from_utf8(head).expect("a head is ASCII");
            let mut lines = head.split("\r\n");
            let status = lines.next().expect("a status line");
            let status: u16 = status.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status code");
            if status == 100 {
                continue;
            }
            let headers: BTreeMap<String, String> = lines
                .filter(|line| !line.is_empty())
                .map(|line| {
                    let (name, value) = line.split_once(':').expect("a header line");
                    (name.trim().to_ascii_lowercase(), value.trim().to_owned())
                })
                .collect();
            let length: usize =
                headers.get("content-length").map_or(0, |length| length.parse().expect("a Content-Length is a number"));
            let body = if has_body { self.exactly(length).await } else { Vec::new() };
            let body = if headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
                let mut plain = Vec::new();
                flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).expect("gzip as announced");
                plain
            } else {
                body
            };
            let body = String::from_utf8(body).expect("UTF-8");
            return Answer { status, headers, body };
        }
    }

    /// Waits until the host closes the connection; what came before that.
    pub async fn closed(&mut self) -> Vec<u8> {
        let mut rest = std::mem::take(&mut self.unread);
        match tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await {
            // A reset is an end as well.
            Ok(_) => rest,
            Err(elapsed) => panic!("the host did not close the connection within {PATIENCE:?}: {elapsed}"),
        }
    }

    async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                let rest = self.unread.split_off(at + end.len());
                return std::mem::replace(&mut self.unread, rest);
            }
            self.more().await;
        }
    }

    async fn exactly(&mut self, bytes: usize) -> Vec<u8> {
        while self.unread.len() < bytes {
            self.more().await;
        }
        let rest = self.unread.split_off(bytes);
        std::mem::replace(&mut self.unread, rest)
    }

    async fn more(&mut self) {
        let reading = self.stream.read_buf(&mut self.unread);
        let read = tokio::time::timeout(PATIENCE, reading).await;
        let read = read.unwrap_or_else(|_| panic!("no answer within {PATIENCE:?}"));
        let read = read.unwrap_or_else(|error| panic!("the answer broke off ({error}) after {:?}", self.text()));
        assert_ne!(read, 0, "the host closed the connection after {:?}", self.text());
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.unread).into_owned()
    }
}

impl Answer {
    /// What every SOAP answer must be: 200 or 500, the media type of SOAP 1.1, an envelope.
    pub fn is_soap(&self) -> &Self {
        assert!([200, 500].contains(&self.status), "{self:?}");
        assert_eq!(self.headers["content-type"], "text/xml; charset=utf-8", "{self:?}");
        assert!(self.body.contains(":Envelope") && self.body.contains(":Body"), "{self:?}");
        self
    }

    /// An answer with `IsSuccessful=true`.
    pub fn succeeded(&self) -> &Self {
        self.is_soap();
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.body.contains("IsSuccessful>true<"), "{self:?}");
        self
    }

    /// An answer with `IsSuccessful=false`: its ErrorMessage.
    pub fn refused(&self) -> String {
        self.is_soap();
        assert_eq!(self.status, 200, "{self:?}");
        assert!(self.body.contains("IsSuccessful>false<"), "{self:?}");
        self.text("ErrorMessage")
    }

    /// A fault: its code and its text.
    pub fn fault(&self) -> (String, String) {
        self.is_soap();
        assert_eq!(self.status, 500, "{self:?}");
        (self.text("faultcode"), self.text("faultstring"))
    }

    /// The text of the first element with this local name.
    pub fn text(&self, local: &str) -> String {
        let at = self
            .body
            .match_indices(local)
            .find(|(at, _)| matches!(self.body.as_bytes().get(at.wrapping_sub(1)), Some(b'<' | b':')))
            .unwrap_or_else(|| panic!("no {local} in {self:?}"))
            .0;
        let rest = &self.body[at..];
        let begin = rest.find('>').expect("a tag ends") + 1;
        if rest[..begin].ends_with("/>") {
            return String::new();
        }
        let end = rest[begin..].find("</").expect("an element ends");
        rest[begin..begin + end].to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// A request's head and body as .NET sends them.
pub fn post(operation: &str, body: &str) -> String {
    post_with(operation, body, "")
}

/// The same with further header lines, each ending in CR LF.
pub fn post_with(operation: &str, body: &str, headers: &str) -> String {
    let action = format!("{}{operation}", speil::protocol::names::ACTION_PREFIX);
    format!(
        "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=utf-8\r\nSOAPAction: \"{action}\"\r\n\
         Content-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// Sends one message over a connection of its own.
pub async fn call(address: SocketAddr, operation: &str, body: &str) -> Answer {
    let mut connection = Connection::open(address).await;
    connection.send(post(operation, body)).await;
    connection.answer().await
}

/// Sends one operation with a good token.
pub async fn call_as(address: SocketAddr, tenant: &str, operation: &str, inner: &str) -> Answer {
    call(address, operation, &super::soap::envelope(&token(tenant), operation, inner)).await
}

/// Sends a GET.
pub async fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let mut connection = Connection::open(address).await;
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")).await;
    connection.answer().await
}
