//! A web server on this machine that keeps what is posted to it.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request: its head, and its body as JSON.
#[derive(Debug, Clone)]
pub struct Posted {
    pub head: String,
    pub body: serde_json::Value,
}

pub struct Receiver {
    pub port: u16,
    posted: Arc<Mutex<Vec<Posted>>>,
}

impl Receiver {
    /// Answers every request with this status.
    pub async fn start(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let posted = Arc::new(Mutex::new(Vec::new()));
        let kept = posted.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, status, kept.clone()));
            }
        });
        Self { port, posted }
    }

    /// What came since last asked.
    pub fn take(&self) -> Vec<Posted> {
        std::mem::take(&mut *self.posted.lock().expect("nobody panics with it"))
    }
}

async fn serve(mut stream: TcpStream, status: u16, kept: Arc<Mutex<Vec<Posted>>>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(posted) = whole(&bytes) {
            kept.lock().expect("nobody panics with it").push(posted);
            break;
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
    let answer = format!("HTTP/1.1 {status} As told\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    // Who hangs up before the answer is the test's trouble, not ours.
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// The request, when all of it is there: with a length or in chunks.
fn whole(bytes: &[u8]) -> Option<Posted> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let body = match length {
        Some(length) => rest.get(..length)?.to_owned(),
        None => chunks(rest)?,
    };
    Some(Posted { head, body: serde_json::from_str(&body).expect("JSON is posted") })
}

fn chunks(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk's size");
        if size == 0 {
            return Some(body);
        }
        body.push_str(after.get(..size)?);
        rest = after.get(size + 2..)?;
    }
}
