//! More than fits: announced, sent, packed, or behind what was announced.

use std::io::Write as _;
use std::time::{Duration, Instant};

use speil_tests::kit::client::{Connection, post, post_with};
use speil_tests::kit::host::{PATH, TENANT, token};
use speil_tests::kit::soap::{envelope, row_data, tables};
use tokio::io::AsyncWriteExt as _;

use super::victim::Victim;

#[tokio::test(flavor = "multi_thread")]
async fn two_gigabytes_announced_and_not_sent_cost_nothing() {
    let victim = Victim::start("body_timeout = \"2s\"").await;
    let began = Instant::now();
    victim
        .endures("100 messages of 2 GB announced and not sent", async {
            let mut callers = Vec::new();
            for number in 0..100 {
                let mut caller = Connection::open(victim.address()).await;
                let head = format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 2147483647\r\n\r\n");
                caller.send(head).await;
                if number % 2 == 0 {
                    // A token that is good, and more than is looked at before it is: these are at work, or wait for room.
                    let whole = envelope(&token("Huge"), "RowData", &row_data(&[]));
                    let start = whole.split("<DataBatches>").next().expect("a start");
                    caller.send(format!("{start}<DataBatches>{}", " ".repeat(70_000))).await;
                }
                callers.push(caller);
            }
            for mut caller in callers {
                let answer = caller.answer().await;
                let said = if answer.status == 200 { answer.refused() } else { answer.fault().1 };
                let expected = ["The message stopped coming", "send this one again later"];
                assert!(expected.iter().any(|text| said.contains(text)), "{said}");
            }
        })
        .await;
    assert!(began.elapsed() < Duration::from_mins(2), "{:?}", began.elapsed());
    victim.has_told("slow_body", 60).await;
    victim.stayed_below(150);
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_without_measure_are_refused() {
    let victim = Victim::start("").await;
    let many = (0..101).map(|n| format!("X-{n}: 1\r\n")).collect::<Vec<_>>().concat();
    let heads = [
        format!("POST {PATH} HTTP/1.1\r\nHost: h\r\n{many}\r\n"),
        format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "x".repeat(70_000)),
        format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(70_000)),
    ];
    victim
        .endures("300 heads that are too many or too large, and 3 without end", async {
            for number in 0..300 {
                let mut caller = Connection::open(victim.address()).await;
                // The answer to what is too large may overtake its end.
                let _ = caller.try_send(&heads[number % heads.len()]).await;
                let answer = String::from_utf8_lossy(&caller.closed().await).into_owned();
                let refused = ["HTTP/1.1 431 ", "HTTP/1.1 414 "];
                assert!(answer.is_empty() || refused.iter().any(|start| answer.starts_with(start)), "{answer}");
            }
            for start in
                [format!("POST {PATH} HTTP/1.1\r\nX: "), "GET /".to_owned(), format!("GET {PATH} HTTP/1.1\r\n")]
            {
                let mut caller = Connection::open(victim.address()).await;
                caller.send(&start).await;
                let piece = if start.ends_with('\n') { b"X: 1\r\n".repeat(10_000) } else { vec![b'x'; 1 << 16] };
                let mut sent = 0_usize;
                while sent < 64 << 20 && caller.try_send(&piece).await {
                    sent += piece.len();
                }
                assert!(sent < 64 << 20, "{sent} bytes of a head were taken");
            }
        })
        .await;
    victim.has_told("bad_head", 303).await;
    victim.stayed_below(100);
    victim.is_calm().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_without_end_end() {
    let victim = Victim::start("max_request_bytes = \"8MiB\"").await;
    let start = format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    let good = envelope(&token(TENANT), "TableSchema", &tables(&["contact"]));
    let (good, _) = good.split_once("</s:Body>").expect("a body");
    victim
        .endures("30 messages in chunks without end", async {
            for number in 0..30 {
                let mut caller = Connection::open(victim.address()).await;
                caller.send(&start).await;
                match number % 3 {
                    0 => {}
                    // Nobody's, and somebody's.
                    1 => caller.send("11\r\n<s:Envelope xmlns\r\n").await,
                    _ => caller.send(format!("{:x}\r\n{good}\r\n", good.len())).await,
                }
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(65_536));
                let mut sent = 0_usize;
                while sent < 256 << 20 && caller.try_send(&chunk).await {
                    sent += chunk.len();
                }
                // What it takes, what it drains so that an honest sender can read the answer, and what lies on the way.
                assert!(sent < 64 << 20, "{sent} bytes were taken");
                let answer = String::from_utf8_lossy(&caller.closed().await).into_owned();
                assert!(!answer.contains("IsSuccessful>true<"), "{answer}");
            }
        })
        .await;
    victim.stayed_below(100);
    victim.is_calm().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_message_is_refused_unopened() {
    let victim = Victim::start("").await;
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let mebibyte = vec![b' '; 1 << 20];
    for _ in 0..300 {
        bomb.write_all(&mebibyte).expect("a Vec takes it");
    }
    let bomb = bomb.finish().expect("a Vec takes it");
    victim
        .endures("20 gzip bombs of 300 MiB", async {
            for coding in ["gzip", "x-gzip", "deflate", "br", "gzip, gzip"].repeat(4) {
                let mut caller = Connection::open(victim.address()).await;
                let head = format!(
                    "POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
                    bomb.len()
                );
                caller.send(head).await;
                caller.send(&bomb).await;
                let (code, text) = caller.answer().await.fault();
                assert_eq!(code, "s:Client");
                assert!(text.starts_with("Compressed messages are not accepted"), "{coding}: {text}");
            }
        })
        .await;
    victim.stayed_below(100);
    victim.is_calm().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_message_is_no_part_of_it_and_no_message_unless_it_is_one() {
    let victim = Victim::start("").await;
    let good = post("Authenticate", &envelope(&token("Honest"), "Authenticate", "<ClientState/>"));
    victim
        .endures("messages with more behind them", async {
            let junk = [
                "\0\u{1}\u{2}",
                "</s:Envelope>",
                "\r\n\r\nGARBAGE / HTTP/1.1 x\r\n\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            ];
            for junk in junk {
                let mut caller = Connection::open(victim.address()).await;
                caller.send(format!("{good}{junk}")).await;
                caller.answer().await.succeeded();
                // The host may have closed it already.
                let _ = caller.stream.shutdown().await;
                let rest = String::from_utf8_lossy(&caller.closed().await).into_owned();
                assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 400 "), "{junk:?}: {rest}");
            }
            // Shorter announced than sent: cut off, and the rest is junk like any other.
            let short = post_with("Authenticate", &envelope(&token("Honest"), "Authenticate", "<ClientState/>"), "");
            let at = short.find("Content-Length: ").expect("there is one");
            let line = short[at..].split("\r\n").next().expect("a line").to_owned();
            let mut caller = Connection::open(victim.address()).await;
            caller.send(short.replace(&line, "Content-Length: 300")).await;
            assert_eq!(caller.answer().await.fault().0, "s:Client");
            let rest = String::from_utf8_lossy(&caller.closed().await).into_owned();
            assert!(rest.is_empty() || rest.starts_with("HTTP/1.1 400 "), "{rest}");
            // Requests that are requests are answered, in order, however many came at once.
            let mut caller = Connection::open(victim.address()).await;
            caller.send(format!("{good}GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").repeat(20)).await;
            for _ in 0..20 {
                caller.answer().await.succeeded();
                assert_eq!(caller.answer().await.status, 200);
            }
        })
        .await;
    victim.stayed_below(100);
    victim.is_calm().await;
}
