//! HTTP that is broken, endless, slow or too much: refused early, answered or closed, and never in the way of others.

use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use speil_tests::kit::client::{Connection, call, call_as, get, post};
use speil_tests::kit::host::{Host, PATH, TENANT, token};
use speil_tests::kit::soap::{batch, envelope, row_data, tables};
use tokio::io::AsyncWriteExt as _;

fn good() -> String {
    envelope(&token(TENANT), "TableSchema", &tables(&["contact"]))
}

/// The host serves, and has stored nothing.
async fn is_untouched(host: &Host, after: &str) {
    assert_eq!(get(host.address, "/livez", "").await.status, 200, "{after}");
    assert!(host.app.store.list().await.expect("readable").is_empty(), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_hangs_up_inside_a_message_leaves_nothing_behind() {
    let mut host = Host::start().await;
    let whole = post("TableSchema", &good());
    let head = whole.find("\r\n\r\n").expect("a head") + 4;
    for end in [1, head / 2, head - 1, head, head + 1, head + 500, whole.len() - 1] {
        let mut caller = Connection::open(host.address).await;
        caller.send(&whole.as_bytes()[..end]).await;
        caller.stream.shutdown().await.expect("open");
        let rest = String::from_utf8_lossy(&caller.closed().await).into_owned();
        assert!(!rest.contains("IsSuccessful>true<"), "cut at {end}: {rest}");
        is_untouched(&host, &format!("cut at {end}")).await;
    }
    assert_eq!(host.stop().await, 0, "no call is left at work");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_length_is_an_error_and_never_a_second_message() {
    let host = Host::start().await;
    let message = good();
    let head = |length: &str| {
        let action = format!("{}TableSchema", speil::protocol::names::ACTION_PREFIX);
        format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nSOAPAction: {action}\r\n{length}\r\n{message}")
    };
    // No number, no answer but 400.
    for length in [
        "Content-Length: -1",
        "Content-Length: abc",
        "Content-Length: 0x10",
        "Content-Length: 10\r\nContent-Length: 11",
        "Content-Length: 99999999999999999999999",
        "Content-Length: 1 0",
        "Content-Length: +5",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
    ] {
        let mut caller = Connection::open(host.address).await;
        caller.send(head(&format!("{length}\r\n"))).await;
        let answer = String::from_utf8_lossy(&caller.closed().await).into_owned();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{length}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{length}: {answer}");
        is_untouched(&host, length).await;
    }
    // Too short: the message is cut, and what follows it is no request.
    let mut caller = Connection::open(host.address).await;
    caller.send(head(&format!("Content-Length: {}\r\n", message.len() - 9))).await;
    assert_eq!(caller.answer().await.fault().0, "s:Client");
    let rest = String::from_utf8_lossy(&caller.closed().await).into_owned();
    assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 400 "), "{rest}");
    is_untouched(&host, "too short").await;
    // No length at all: an empty message.
    let mut caller = Connection::open(host.address).await;
    caller.send(head("")).await;
    assert_eq!(caller.answer().await.fault().0, "s:Client");
    caller.closed().await;
    is_untouched(&host, "no length").await;
}

#[tokio::test]
async fn a_length_beyond_the_limit_is_refused_before_a_byte_of_the_body_is_sent() {
    let host = Host::start().await;
    for length in ["67108865", "35184372088832", "18446744073709551613"] {
        let mut caller = Connection::open(host.address).await;
        caller.send(format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n")).await;
        let answer = caller.answer().await;
        assert_eq!(
            answer.fault(),
            ("s:Client".into(), "The message is larger than the 67108864 bytes this endpoint accepts.".into()),
            "{length}"
        );
        assert_eq!(answer.header("connection"), Some("close"), "{length}");
    }
    is_untouched(&host, "too large").await;
}

#[tokio::test]
async fn chunks_beyond_the_limit_end_the_message_and_nonsense_chunks_the_connection() {
    let host = Host::start_with(|config| {
        config.server.max_request_bytes = 200_000;
        config.server.body_timeout = Duration::from_millis(500);
    })
    .await;
    let start = format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    // White space before the envelope, without end.
    let mut caller = Connection::open(host.address).await;
    caller.send(&start).await;
    let chunk = format!("2710\r\n{}\r\n", " ".repeat(10_000));
    let mut sent = 0;
    while sent < 400 && caller.try_send(&chunk).await {
        sent += 1;
    }
    let (code, _) = caller.answer().await.fault();
    assert_eq!(code, "s:Client");
    // A token that is good, and a body that is too long after it.
    let mut long = good();
    long.insert_str(long.len() - "</s:Envelope>".len(), &" ".repeat(300_000));
    let mut caller = Connection::open(host.address).await;
    caller.send(format!("{start}{:x}\r\n{long}\r\n0\r\n\r\n", long.len())).await;
    let (code, text) = caller.answer().await.fault();
    assert_eq!((code.as_str(), text.contains("larger than the 200000 bytes")), ("s:Client", true), "{text}");
    for size in ["FFFFFFFFFFFFFFFF", "FFFFFFFFFFFFFFFFFF", "-5", "zz", ""] {
        let mut caller = Connection::open(host.address).await;
        caller.send(format!("{start}{size}\r\n{}\r\n0\r\n\r\n", good())).await;
        let answer = caller.closed().await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains("IsSuccessful>true<"), "{size:?}: {answer}");
    }
    is_untouched(&host, "chunks").await;
}

#[tokio::test]
async fn a_flood_of_headers_is_refused_in_bounded_memory() {
    let host = Host::start().await;
    let many = (0..101).map(|n| format!("X-{n}: 1\r\n")).collect::<Vec<_>>().concat();
    let long = format!("X: {}\r\n", "x".repeat(70_000));
    let target = "x".repeat(70_000);
    for (name, head) in [
        ("101 headers", format!("POST {PATH} HTTP/1.1\r\nHost: h\r\n{many}\r\n")),
        ("70,000 bytes of header", format!("POST {PATH} HTTP/1.1\r\nHost: h\r\n{long}\r\n")),
        ("70,000 bytes of address", format!("POST /{target} HTTP/1.1\r\nHost: h\r\n\r\n")),
    ] {
        let mut caller = Connection::open(host.address).await;
        caller.try_send(&head).await;
        let answer = String::from_utf8_lossy(&caller.closed().await).into_owned();
        assert!(answer.starts_with("HTTP/1.1 431 ") || answer.starts_with("HTTP/1.1 414 "), "{name}: {answer}");
        is_untouched(&host, name).await;
    }
    // One that never ends is cut off long before its sender tires.
    let mut caller = Connection::open(host.address).await;
    caller.send(format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nX: ")).await;
    let mut sent = 0_usize;
    while sent < 64 << 20 && caller.try_send(vec![b'x'; 1 << 16]).await {
        sent += 1 << 16;
    }
    assert!(sent < 64 << 20, "{sent} bytes of head were taken");
    for junk in [
        "\r\n\r\n\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut caller = Connection::open(host.address).await;
        caller.try_send(junk).await;
        caller.stream.shutdown().await.expect("open");
        let answer = String::from_utf8_lossy(&caller.closed().await).into_owned();
        assert!(!answer.contains("HTTP/1.1 200"), "{junk:?}: {answer}");
    }
    is_untouched(&host, "floods").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_and_slow_bodies_are_cut_off_while_others_are_served() {
    let host = Host::start_with(|config| {
        config.server.header_timeout = Duration::from_millis(600);
        config.server.body_timeout = Duration::from_millis(600);
    })
    .await;
    let began = Instant::now();
    let whole = post("TableSchema", &good());
    let head = whole.find("\r\n\r\n").expect("a head") + 4;
    let mut slow = tokio::task::JoinSet::new();
    for number in 0..40 {
        // Half of them stop inside the head, half inside the body; each drips a byte now and then.
        let (address, whole) = (host.address, whole.clone());
        let from = if number % 2 == 0 { 20 } else { head + 30 };
        slow.spawn(async move {
            let mut caller = Connection::open(address).await;
            caller.send(&whole.as_bytes()[..from]).await;
            for byte in &whole.as_bytes()[from..] {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if !caller.try_send([*byte]).await {
                    break;
                }
                assert!(began.elapsed() < Duration::from_secs(20), "still not cut off");
            }
            (from > head, String::from_utf8_lossy(&caller.closed().await).into_owned())
        });
    }
    for _ in 0..5 {
        call_as(host.address, "Cust2", "TableSchema", &tables(&["contact"])).await.succeeded();
    }
    for (in_body, answer) in slow.join_all().await {
        if in_body {
            // The answer may be lost with a connection that is reset under a sender who goes on sending.
            assert!(answer.is_empty() || answer.contains("The message stopped coming"), "{answer}");
        } else {
            assert_eq!(answer, "");
        }
    }
    let mirrors = host.app.store.list().await.expect("readable");
    assert_eq!(mirrors.len(), 1, "only the honest caller has one");
}

/// Connections held by another process; let go when dropped.
struct Held(Child);

impl Held {
    fn open(host: &Host, number: usize) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hold-connections"))
            .args([host.address.to_string(), number.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let mut told = std::io::BufReader::new(child.stdout.take().expect("piped"));
        told.read_line(&mut line).expect("readable");
        assert_eq!(line.trim(), "held");
        Self(child)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("it ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_silent_connections_do_not_keep_a_caller_waiting() {
    let host = Host::start_with(|config| {
        config.server.max_connections = 600;
        config.server.header_timeout = Duration::from_mins(2);
    })
    .await;
    let address = host.address;
    let (host, held) = tokio::task::spawn_blocking(move || {
        let held = Held::open(&host, 500);
        (host, held)
    })
    .await
    .expect("held");
    let began = Instant::now();
    call(address, "TableSchema", &good()).await.succeeded();
    call_as(address, TENANT, "RowData", &row_data(&[batch("contact", 1..501, 5)])).await.succeeded();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(host.rows(TENANT, "contact").await, 500);
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_that_fill_the_host_are_let_go_after_the_header_time() {
    let host = Host::start_with(|config| {
        config.server.max_connections = 50;
        config.server.header_timeout = Duration::from_millis(500);
    })
    .await;
    let address = host.address;
    let (_host, held) = tokio::task::spawn_blocking(move || {
        let held = Held::open(&host, 200);
        (host, held)
    })
    .await
    .expect("held");
    // Behind two hundred others, fifty at a time for half a second each.
    call(address, "TableSchema", &good()).await.succeeded();
    drop(held);
}
