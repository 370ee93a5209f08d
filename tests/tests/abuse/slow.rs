//! Senders that take their time, or all of it.

use std::time::{Duration, Instant};

use speil_tests::kit::client::{Connection, post};
use speil_tests::kit::host::{PATH, TENANT, token};
use speil_tests::kit::soap::{envelope, tables};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

use super::victim::Victim;

/// How many callers each kind has.
const CALLERS: usize = 100;
/// A machine may be busy; a time-out that does not hold is none at all.
const SLACK: Duration = Duration::from_secs(30);

/// Sends a start at once and then a little at a time until the host will have no more; how long that took, and what was
/// answered.
async fn drip(mut caller: Connection, start: Vec<u8>, drop: &'static [u8], pause: Duration) -> (Duration, String) {
    let began = Instant::now();
    caller.send(start).await;
    while began.elapsed() < SLACK * 2 && caller.try_send(drop).await {
        tokio::time::sleep(pause).await;
    }
    let answer = String::from_utf8_lossy(&caller.closed().await).into_owned();
    (began.elapsed(), answer)
}

async fn all(mut callers: JoinSet<(Duration, String)>, least: Duration) -> Vec<String> {
    let mut answers = Vec::new();
    while let Some(ended) = callers.join_next().await {
        let (took, answer) = ended.expect("no panic");
        // Its time began when it was connected, a little before ours.
        let early = Duration::from_secs(1);
        assert!(took + early >= least && took < least + SLACK, "let go after {took:?} instead of {least:?}");
        answers.push(answer);
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_drip_are_let_go_after_the_header_time() {
    let victim = Victim::start("header_timeout = \"2s\"").await;
    victim
        .endures("100 heads that drip", async {
            let mut callers = JoinSet::new();
            for _ in 0..CALLERS {
                let start = format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nX: ").into_bytes();
                let caller = Connection::open(victim.address()).await;
                callers.spawn(drip(caller, start, b"x", Duration::from_millis(100)));
            }
            let answers = all(callers, Duration::from_secs(2)).await;
            assert!(answers.iter().all(String::is_empty), "nothing to answer: {answers:?}");
        })
        .await;
    victim.has_told("slow_head", CALLERS as u64).await;
    victim.stayed_below(100);
    victim.is_calm().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_below_the_least_rate_are_ended_whether_they_drip_or_stop() {
    let victim = Victim::start("body_timeout = \"2s\"\nmin_body_rate = \"4KiB\"").await;
    let whole = post("TableSchema", &envelope(&token(TENANT), "TableSchema", &tables(&["contact"])));
    let head = whole.find("\r\n\r\n").expect("a head") + 4;
    victim
        .endures("100 bodies that drip a kilobyte a second, or nothing", async {
            let mut callers = JoinSet::new();
            for number in 0..CALLERS {
                let start = whole.as_bytes()[..head + 100].to_vec();
                let start = String::from_utf8(start).expect("ASCII");
                // Of a size that would take long at this pace, so that its end is never near.
                let at = start.find("Content-Length: ").expect("there is one");
                let line = start[at..].split("\r\n").next().expect("a line").to_owned();
                let start = start.replace(&line, "Content-Length: 50000000").into_bytes();
                let caller = Connection::open(victim.address()).await;
                let drop: &[u8] = if number % 2 == 0 { &[b' '; 100] } else { b"" };
                callers.spawn(drip_or_wait(caller, start, drop));
            }
            for answer in all(callers, Duration::from_secs(2)).await {
                // The answer may be lost with a connection that is reset under a sender who goes on sending.
                assert!(answer.is_empty() || answer.contains("fewer than 8192 bytes in 2 seconds"), "{answer}");
            }
        })
        .await;
    victim.has_told("slow_body", CALLERS as u64).await;
    victim.stayed_below(100);
    victim.is_calm().await;
}

/// Drips, or with nothing to drip only waits for the end.
async fn drip_or_wait(mut caller: Connection, start: Vec<u8>, drop: &'static [u8]) -> (Duration, String) {
    if !drop.is_empty() {
        return drip(caller, start, drop, Duration::from_millis(100)).await;
    }
    let began = Instant::now();
    caller.send(start).await;
    let answer = String::from_utf8_lossy(&caller.closed().await).into_owned();
    (began.elapsed(), answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_more_are_let_go_whatever_they_said_before() {
    let victim = Victim::start("header_timeout = \"2s\"\nidle_timeout = \"3s\"\nbody_timeout = \"2s\"").await;
    let whole = post("TableSchema", &envelope(&token(TENANT), "TableSchema", &tables(&["contact"])));
    victim
        .endures("300 connections that fall silent", async {
            let mut callers = JoinSet::new();
            for number in 0..CALLERS * 3 {
                let (address, whole) = (victim.address(), whole.clone());
                callers.spawn(async move {
                    let mut caller = Connection::open(address).await;
                    let began = Instant::now();
                    match number % 3 {
                        // Not a word.
                        0 => {}
                        // Served once.
                        1 => {
                            caller.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").await;
                            assert_eq!(caller.answer().await.status, 200);
                        }
                        // Half a message, and half the connection closed.
                        _ => {
                            caller.send(&whole.as_bytes()[..whole.len() / 2]).await;
                            caller.stream.shutdown().await.expect("open");
                        }
                    }
                    caller.closed().await;
                    (began.elapsed(), String::new())
                });
            }
            all(callers, Duration::ZERO).await;
        })
        .await;
    victim.has_told("slow_head", CALLERS as u64).await;
    victim.stayed_below(100);
    victim.is_calm().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_without_end_and_takes_no_answer_is_let_go() {
    let victim = Victim::start("body_timeout = \"2s\"").await;
    let ask = format!("GET {PATH}?singleWsdl HTTP/1.1\r\nHost: h\r\n\r\n");
    victim
        .endures("20 callers who ask for the description for ever and never read it", async {
            let mut callers = JoinSet::new();
            for _ in 0..20 {
                let (address, ask) = (victim.address(), ask.clone());
                callers.spawn(async move {
                    let mut caller = Connection::open(address).await;
                    let began = Instant::now();
                    // The host stops reading when its answers go nowhere, and then ends it.
                    while began.elapsed() < SLACK * 2 && caller.try_send(&ask).await {}
                    assert!(began.elapsed() < SLACK, "still listened to after {:?}", began.elapsed());
                });
            }
            callers.join_all().await;
        })
        .await;
    victim.has_told("stuck_answer", 20).await;
    victim.stayed_below(100);
    victim.is_calm().await;
}
