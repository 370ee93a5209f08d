//! HTTP/1.1 as the vendor's sender speaks it, written out by hand: header names in their spelling, a body that follows
//! `Expect: 100-continue` without waiting for long, chunks or Content-Length as wanted, a body sent slowly or not to
//! its end. A general client hides exactly what a test of an endpoint must be able to do and to see.

use std::fmt::Write as _;
use std::io::Read as _;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::endpoint::Endpoint;

/// An open connection to an endpoint, kept alive.
pub struct Connection {
    reader: tokio::io::ReadHalf<Box<dyn Stream>>,
    writer: tokio::io::WriteHalf<Box<dyn Stream>>,
    buffer: Vec<u8>,
    /// How many answers have come over it.
    answers: u64,
}

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// One request, complete.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// In order and spelling; `Host`, `Content-Length` and `Transfer-Encoding` are added by [`Request::framing`].
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub framing: Framing,
}

/// How the body's end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    ContentLength,
    /// Chunks of this many bytes.
    Chunked(usize),
    /// A Content-Length of this many bytes whatever the body's length is.
    Claim(u64),
    /// No body at all.
    None,
}

/// One answer, complete and unpacked.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether `100 Continue` came before it.
    pub continued: bool,
    /// Whether the answer came before the whole request was sent.
    pub early: bool,
}

impl Response {
    /// The first header of this name, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text, shortened, for messages.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let mut shown: String = text.chars().take(300).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        shown
    }
}

/// What went wrong below SOAP.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("cannot reach {place}: {source}")]
    Connect { place: String, source: std::io::Error },
    #[error("TLS with {place} failed: {source}")]
    Tls { place: String, source: std::io::Error },
    #[error("the connection broke while {doing}: {source}")]
    Broken { doing: &'static str, source: std::io::Error },
    /// The other side closed before any byte of an answer: with a kept-alive connection, time to open a new one.
    #[error("the server closed the connection without an answer")]
    Closed,
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error("the answer is not HTTP/1.1: {0}")]
    NotHttp(String),
}

impl Connection {
    /// Opens a connection.
    ///
    /// # Errors
    /// Not reachable, or TLS does not come about.
    pub async fn open(endpoint: &Endpoint) -> Result<Self, TransportError> {
        let place = endpoint.authority();
        let connect = |source| TransportError::Connect { place: place.clone(), source };
        let stream = TcpStream::connect((endpoint.host(), endpoint.port())).await.map_err(connect)?;
        stream.set_nodelay(true).map_err(connect)?;
        let stream: Box<dyn Stream> = match endpoint.tls() {
            None => Box::new(stream),
            Some((connector, name)) => {
                let secured = connector.connect(name, stream).await;
                Box::new(secured.map_err(|source| TransportError::Tls { place: place.clone(), source })?)
            }
        };
        let (reader, writer) = tokio::io::split(stream);
        Ok(Self { reader, writer, buffer: Vec::new(), answers: 0 })
    }

    /// Whether an answer has come over it before.
    #[must_use]
    pub const fn used(&self) -> bool {
        self.answers > 0
    }

    /// Sends a request and waits for its answer. Reads while it writes, so that an early refusal is seen.
    ///
    /// # Errors
    /// See [`TransportError`].
    pub async fn exchange(
        &mut self,
        endpoint: &Endpoint,
        request: &Request,
        timeout: Duration,
    ) -> Result<Response, TransportError> {
        let Self { reader, writer, buffer, answers } = self;
        let both = async {
            let writing = write_request(writer, endpoint, request);
            let reading = read_response(reader, buffer, request.method == "HEAD");
            tokio::pin!(writing, reading);
            tokio::select! {
                biased;
                written = &mut writing => {
                    // A broken write may still be followed by the answer that explains it.
                    match (written, reading.await) {
                        (_, Ok(response)) => Ok(response),
                        (Ok(()), Err(error)) => Err(error),
                        (Err(source), Err(_)) => Err(TransportError::Broken { doing: "sending", source }),
                    }
                }
                read = &mut reading => read.map(|response| Response { early: true, ..response }),
            }
        };
        let response = tokio::time::timeout(timeout, both).await.map_err(|_| TransportError::TimedOut(timeout))??;
        *answers += 1;
        Ok(response)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), TransportError> {
        let sent = async {
            self.writer.write_all(bytes).await?;
            self.writer.flush().await
        };
        sent.await.map_err(|source| TransportError::Broken { doing: "sending", source })
    }

    /// Waits for an answer to what was sent by [`Connection::send`].
    ///
    /// # Errors
    /// See [`TransportError`].
    pub async fn receive(&mut self, timeout: Duration) -> Result<Response, TransportError> {
        let reading = read_response(&mut self.reader, &mut self.buffer, false);
        let response =
            tokio::time::timeout(timeout, reading).await.map_err(|_| TransportError::TimedOut(timeout))??;
        self.answers += 1;
        Ok(response)
    }
}

impl Request {
    /// The request's head as bytes.
    #[must_use]
    pub fn head(&self, endpoint: &Endpoint) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Host: {}\r\n", endpoint.authority());
        match self.framing {
            Framing::ContentLength => {
                let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
            }
            Framing::Claim(length) => {
                let _ = write!(head, "Content-Length: {length}\r\n");
            }
            Framing::Chunked(_) => head.push_str("Transfer-Encoding: chunked\r\n"),
            Framing::None => {}
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    fn expects_continue(&self) -> bool {
        self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("expect"))
    }
}

async fn write_request(
    writer: &mut tokio::io::WriteHalf<Box<dyn Stream>>,
    endpoint: &Endpoint,
    request: &Request,
) -> std::io::Result<()> {
    writer.write_all(&request.head(endpoint)).await?;
    if request.expects_continue() {
        // As Mono's WCF: the body follows in 0 to 4 ms, answer or no answer (protocol.md section 2).
        writer.flush().await?;
        tokio::task::yield_now().await;
    }
    match request.framing {
        Framing::None => {}
        Framing::ContentLength | Framing::Claim(_) => writer.write_all(&request.body).await?,
        Framing::Chunked(size) => {
            for chunk in request.body.chunks(size.max(1)) {
                writer.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
                writer.write_all(chunk).await?;
                writer.write_all(b"\r\n").await?;
            }
            writer.write_all(b"0\r\n\r\n").await?;
        }
    }
    writer.flush().await
}

async fn read_response(
    reader: &mut tokio::io::ReadHalf<Box<dyn Stream>>,
    buffer: &mut Vec<u8>,
    headless: bool,
) -> Result<Response, TransportError> {
    let mut continued = false;
    loop {
        let end = loop {
            if let Some(end) = find(buffer, b"\r\n\r\n") {
                break end;
            }
            if !more(reader, buffer).await? {
                if buffer.is_empty() {
                    return Err(TransportError::Closed);
                }
                return Err(TransportError::NotHttp("it ended inside its head".into()));
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end + 4);
        let (status, headers) = parse_head(&head)?;
        if (100..200).contains(&status) {
            continued |= status == 100;
            continue;
        }
        let mut response = Response { status, headers, body: Vec::new(), continued, early: false };
        if !headless && status != 204 && status != 304 {
            response.body = read_body(reader, buffer, &response).await?;
        }
        return unpack(response);
    }
}

async fn read_body(
    reader: &mut tokio::io::ReadHalf<Box<dyn Stream>>,
    buffer: &mut Vec<u8>,
    response: &Response,
) -> Result<Vec<u8>, TransportError> {
    let cut_short = || TransportError::NotHttp("it ended inside its body".into());
    if response.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = find(buffer, b"\r\n") {
                    break end;
                }
                if !more(reader, buffer).await? {
                    return Err(cut_short());
                }
            };
            let line = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let size = usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16)
                .map_err(|_| TransportError::NotHttp(format!("{line:?} is no chunk size")))?;
            buffer.drain(..end + 2);
            while buffer.len() < size + 2 {
                if !more(reader, buffer).await? {
                    return Err(cut_short());
                }
            }
            body.extend(buffer.drain(..size));
            buffer.drain(..2);
            if size == 0 {
                return Ok(body);
            }
        }
    }
    if let Some(length) = response.header("content-length") {
        let length: usize =
            length.parse().map_err(|_| TransportError::NotHttp(format!("Content-Length is {length:?}")))?;
        while buffer.len() < length {
            if !more(reader, buffer).await? {
                return Err(cut_short());
            }
        }
        return Ok(buffer.drain(..length).collect());
    }
    while more(reader, buffer).await? {}
    Ok(std::mem::take(buffer))
}

fn unpack(mut response: Response) -> Result<Response, TransportError> {
    if response.header("content-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("gzip")) {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(response.body.as_slice())
            .read_to_end(&mut plain)
            .map_err(|error| TransportError::NotHttp(format!("its gzip body cannot be unpacked: {error}")))?;
        response.body = plain;
    }
    Ok(response)
}

fn parse_head(head: &str) -> Result<(u16, Vec<(String, String)>), TransportError> {
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first
        .strip_prefix("HTTP/1.1 ")
        .or_else(|| first.strip_prefix("HTTP/1.0 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| TransportError::NotHttp(format!("it begins with {first:?}")))?;
    let mut headers = Vec::new();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            return Err(TransportError::NotHttp(format!("{line:?} is no header")));
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok((status, headers))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

async fn more(reader: &mut tokio::io::ReadHalf<Box<dyn Stream>>, buffer: &mut Vec<u8>) -> Result<bool, TransportError> {
    match reader.read_buf(buffer).await {
        Ok(read) => Ok(read > 0),
        // A TLS peer that hangs up without saying so.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(source) => Err(TransportError::Broken { doing: "waiting for the answer", source }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Response, parse_head, unpack};

    #[test]
    fn a_head_is_read_whatever_the_case_of_its_names() {
        let (status, headers) =
            parse_head("HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/xml\r\nX: ").expect("HTTP");
        assert_eq!(status, 500);
        assert_eq!(headers, [("content-type".to_owned(), "text/xml".to_owned()), ("x".to_owned(), String::new())]);
        assert!(parse_head("SSH-2.0-x").is_err());
    }

    #[test]
    fn a_packed_answer_is_unpacked_and_a_broken_one_is_an_error() {
        use std::io::Write as _;
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(b"hello").expect("memory");
        let headers = vec![("content-encoding".to_owned(), "gzip".to_owned())];
        let response =
            Response { status: 200, headers, body: packer.finish().expect("memory"), continued: false, early: false };
        assert_eq!(unpack(response.clone()).expect("good gzip").body, b"hello");
        assert!(unpack(Response { body: b"nope".to_vec(), ..response }).is_err());
    }
}
