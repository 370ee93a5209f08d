//! Logins at a server of our own making, which leads elsewhere, encrypts nothing, refuses or falls silent, as a real one seldom
//! does when it is wanted.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::connection_string::Target;
use super::login::Connector;
use crate::store::{StoreError, StoreErrorKind};

const PRELOGIN: u8 = 0x12;
const LOGIN: u8 = 0x10;

/// What a server says to a login.
#[derive(Clone)]
enum Says {
    /// Go there.
    Elsewhere(u16),
    Refused(u32, &'static str),
    Nothing,
}

/// Serves on loopback for as long as the test lasts.
async fn server(says: impl Fn(u16) -> Says + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let port = listener.local_addr().expect("bound").port();
    let says = Arc::new(says);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let says = Arc::clone(&says);
            tokio::spawn(async move { serve(socket, says(port)).await });
        }
    });
    port
}

async fn serve(mut socket: TcpStream, says: Says) -> std::io::Result<()> {
    loop {
        let kind = request(&mut socket).await?;
        let body = match (kind, &says) {
            // "I cannot encrypt."
            (PRELOGIN, _) => vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, 2],
            (LOGIN, Says::Elsewhere(port)) => [routing(*port), done()].concat(),
            (LOGIN, Says::Refused(number, words)) => [error(*number, words), done()].concat(),
            _ => return std::future::pending().await,
        };
        let length = u16::try_from(body.len() + 8).expect("short").to_be_bytes();
        let mut packet = vec![4, 1, length[0], length[1], 0, 0, 1, 0];
        packet.extend_from_slice(&body);
        socket.write_all(&packet).await?;
    }
}

/// Reads one message; its kind.
async fn request(socket: &mut TcpStream) -> std::io::Result<u8> {
    loop {
        let mut header = [0; 8];
        socket.read_exact(&mut header).await?;
        let mut body = vec![0; usize::from(u16::from_be_bytes([header[2], header[3]])).saturating_sub(8)];
        socket.read_exact(&mut body).await?;
        if header[1] & 1 == 1 {
            return Ok(header[0]);
        }
    }
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn token(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("short").to_le_bytes();
    [&[kind], &length[..], body].concat()
}

fn routing(port: u16) -> Vec<u8> {
    let host = wide("127.0.0.1");
    let mut place = vec![0];
    place.extend_from_slice(&port.to_le_bytes());
    place.extend_from_slice(&u16::try_from(host.len() / 2).expect("short").to_le_bytes());
    place.extend_from_slice(&host);
    let length = u16::try_from(place.len()).expect("short").to_le_bytes();
    token(0xE3, &[&[20], &length[..], &place, &[0, 0]].concat())
}

fn error(number: u32, words: &str) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.extend_from_slice(&[1, 14]);
    body.extend_from_slice(&u16::try_from(words.len()).expect("short").to_le_bytes());
    body.extend_from_slice(&wide(words));
    body.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
    token(0xAA, &body)
}

fn done() -> Vec<u8> {
    [&[0xFD][..], &[0; 12]].concat()
}

async fn log_in(text: &str) -> StoreError {
    let target = Target::parse(&format!("User ID=u;Password=geheim;{text}")).expect("a string");
    let error =
        Connector::new(Arc::new(target), None).open(Some("m")).await.err().expect("nobody lets anybody in here");
    assert!(!format!("{error:?}").contains("geheim"));
    error
}

#[tokio::test]
async fn a_login_goes_where_the_server_leads() {
    let last = server(|_| Says::Refused(18456, "Login failed for user 'u'.")).await;
    let gateway = server(move |_| Says::Elsewhere(last)).await;
    let error = log_in(&format!("Server=127.0.0.1,{gateway};Encrypt=false")).await;
    assert_eq!(error.kind, StoreErrorKind::Environment);
    assert!(error.message.contains("SQL Server error 18456"), "{error}");
    assert!(error.message.starts_with(&format!("SQL Server 127.0.0.1,{gateway}, database m: ")), "{error}");
}

#[tokio::test]
async fn a_circle_is_left() {
    let circle = server(Says::Elsewhere).await;
    let error = log_in(&format!("Server=127.0.0.1,{circle};Encrypt=false")).await;
    assert_eq!(error.kind, StoreErrorKind::Transient);
    assert!(error.message.contains("leads from one machine to the next"), "{error}");
}

#[tokio::test]
async fn no_password_goes_to_a_server_that_does_not_encrypt_unless_allowed() {
    let open = server(|_| Says::Refused(18456, "no")).await;
    for encrypt in ["", "Encrypt=true", "Encrypt=mandatory;TrustServerCertificate=true"] {
        let error = log_in(&format!("Server=127.0.0.1,{open};{encrypt}")).await;
        assert_eq!(error.kind, StoreErrorKind::Environment);
        assert!(error.message.contains("the server offers no encryption"), "{encrypt}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left_after_the_connect_timeout() {
    let silent = server(|_| Says::Nothing).await;
    let error = log_in(&format!("Server=127.0.0.1,{silent};Encrypt=false;Connect Timeout=1")).await;
    assert_eq!(error.kind, StoreErrorKind::Transient);
    assert!(error.message.contains("within 1 seconds (`Connect Timeout`)"), "{error}");
}

#[tokio::test]
async fn a_partner_is_tried_when_the_server_fails_for_a_reason_that_passes() {
    let busy = server(|_| Says::Refused(40613, "Database 'm' is not currently available.")).await;
    let partner = server(|_| Says::Refused(40197, "The service has encountered an error.")).await;
    let asked = Duration::from_secs(30);
    let text = format!("Server=127.0.0.1,{busy};Failover Partner=127.0.0.1,{partner};Encrypt=false");
    let error = tokio::time::timeout(asked, log_in(&text)).await.expect("both refuse at once");
    assert_eq!(error.kind, StoreErrorKind::Transient);
    assert!(error.message.contains("40613"), "what the first one said: {error}");
}
