//! Clocks and stops: slow senders, silent connections, callers that hang up, and a host that is told to stop while it
//! works.

use std::time::{Duration, Instant};

use speil_tests::kit::client::{Connection, call_as, get, post_with};
use speil_tests::kit::host::{Host, PATH, TENANT, token};
use speil_tests::kit::soap::{batch, envelope, row_data, tables};

/// A RowData call that asks before it sends its body: its head and its body.
fn asking(rows: std::ops::Range<u32>) -> (String, String) {
    let message = envelope(&token(TENANT), "RowData", &row_data(&[batch("contact", rows, 9)]));
    let whole = post_with("RowData", &message, "Expect: 100-continue\r\n");
    let (head, body) = whole.split_at(whole.len() - message.len());
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_head_that_dribbles_is_cut_off() {
    let host = Host::start_with(|config| config.server.header_timeout = Duration::from_millis(500)).await;
    let mut connection = Connection::open(host.address).await;
    let began = Instant::now();
    let mut sent = 0;
    for byte in format!("GET {PATH} HTTP/1.1\r\nX: {}", "x".repeat(1000)).bytes() {
        if !connection.try_send([byte]).await {
            break;
        }
        sent += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(sent < 500, "cut off long before the head was whole");
    assert_eq!(connection.closed().await, b"");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_that_stops_coming_is_a_fault_and_the_end_of_its_connection() {
    let host = Host::start_with(|config| config.server.body_timeout = Duration::from_millis(300)).await;
    let mut connection = Connection::open(host.address).await;
    connection.send(format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n<s:Envelope")).await;
    let answer = connection.answer().await;
    let fault = answer.fault();
    assert!(fault.1.starts_with("The message stopped coming"), "{fault:?}");
    assert_eq!(answer.header("connection"), Some("close"));
    connection.closed().await;
}

#[tokio::test]
async fn a_connection_at_rest_outlives_the_header_time_and_ends_at_the_idle_time() {
    let host = Host::start_with(|config| {
        config.server.header_timeout = Duration::from_millis(200);
        config.server.idle_timeout = Duration::from_millis(1500);
    })
    .await;
    let mut connection = Connection::open(host.address).await;
    connection.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(connection.answer().await.status, 200);
    tokio::time::sleep(Duration::from_millis(600)).await;
    connection.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(connection.answer().await.status, 200);
    let began = Instant::now();
    connection.closed().await;
    assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn callers_beyond_the_limit_wait_for_a_place() {
    let host = Host::start_with(|config| config.server.max_connections = 1).await;
    let (head, body) = asking(1..2);
    let mut first = Connection::open(host.address).await;
    first.send(head).await;
    first.is_wanted().await;
    let address = host.address;
    let mut second = tokio::spawn(async move { get(address, "/livez", "").await.status });
    // Longer than any rest that is disturbed for another's sake: the first is at work.
    assert!(tokio::time::timeout(Duration::from_secs(2), &mut second).await.is_err(), "it waits");
    first.send(body).await;
    first.answer().await.refused();
    drop(first);
    assert_eq!(second.await.expect("no panic"), 200);
}

#[tokio::test]
async fn a_connection_at_rest_gives_way_to_a_caller_beyond_the_limit() {
    let host = Host::start_with(|config| config.server.max_connections = 1).await;
    let mut first = Connection::open(host.address).await;
    first.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(first.answer().await.status, 200);
    // Kept alive for a minute, were it not for this one.
    assert_eq!(get(host.address, "/livez", "").await.status, 200);
    first.closed().await;
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_for_their_turn() {
    let host = Host::start_with(|config| config.server.max_calls = 1).await;
    call_as(host.address, TENANT, "TableSchema", &tables(&["contact", "person"])).await.succeeded();
    let batches = [batch("contact", 1..2001, 5), batch("person", 1..11, 6)];
    let message = envelope(&token(TENANT), "RowData", &row_data(&batches));
    let whole = post_with("RowData", &message, "");
    let (most, rest) = whole.split_at(whole.len() - 100);
    let mut first = Connection::open(host.address).await;
    first.send(most).await;
    // Once its first batch is in the mirror it has the only place, and keeps it until its message ends.
    let applied = async {
        while host.rows(TENANT, "contact").await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), applied).await.expect("the first batch is applied");
    let mut second = tokio::spawn({
        let address = host.address;
        async move { call_as(address, "Cust2", "Authenticate", "").await }
    });
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut second).await.is_err(), "it waits");
    first.send(rest).await;
    first.answer().await.succeeded();
    second.await.expect("no panic").succeeded();
}

#[tokio::test]
async fn a_stop_finishes_and_answers_the_call_under_way() {
    let mut host = Host::start().await;
    call_as(host.address, TENANT, "TableSchema", &tables(&["contact"])).await.succeeded();
    let (head, body) = asking(1..1001);
    let mut caller = Connection::open(host.address).await;
    caller.send(head).await;
    caller.is_wanted().await;
    caller.send(&body[..body.len() / 2]).await;

    let stopping = host.begin_stop();
    // Nobody new is let in...
    let refused = async {
        while tokio::net::TcpStream::connect(host.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.expect("the host stops listening");
    // ...and who is in is served to the end.
    caller.send(&body[body.len() / 2..]).await;
    caller.answer().await.succeeded();
    assert_eq!(stopping.await.expect("no panic"), 0);
    assert_eq!(host.rows(TENANT, "contact").await, 1000);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let mut host = Host::start_with(|config| config.server.shutdown_timeout = Duration::from_millis(200)).await;
    let (head, _) = asking(1..2);
    let mut caller = Connection::open(host.address).await;
    caller.send(head).await;
    caller.is_wanted().await;
    assert_eq!(host.stop().await, 1, "one call was cut off");
    caller.closed().await;
}

#[tokio::test]
async fn connections_at_rest_do_not_hold_up_a_stop() {
    let mut host = Host::start().await;
    let mut rest = Connection::open(host.address).await;
    rest.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(rest.answer().await.status, 200);
    let began = Instant::now();
    assert_eq!(host.stop().await, 0);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    rest.closed().await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_has_its_rows_applied_all_the_same() {
    let mut host = Host::start().await;
    call_as(host.address, TENANT, "TableSchema", &tables(&["contact"])).await.succeeded();
    let (head, body) = asking(1..501);
    let mut caller = Connection::open(host.address).await;
    caller.send(head).await;
    caller.is_wanted().await;
    caller.send(body).await;
    drop(caller);
    // A stop waits for calls whose callers are gone.
    assert_eq!(host.stop().await, 0);
    assert_eq!(host.rows(TENANT, "contact").await, 500);
}

#[tokio::test]
async fn a_caller_that_hangs_up_half_way_changes_nothing_of_the_batch_it_did_not_finish() {
    let mut host = Host::start().await;
    call_as(host.address, TENANT, "TableSchema", &tables(&["contact"])).await.succeeded();
    let (head, body) = asking(1..501);
    let mut caller = Connection::open(host.address).await;
    caller.send(head).await;
    caller.is_wanted().await;
    caller.send(&body[..body.len() - 400]).await;
    drop(caller);
    assert_eq!(host.stop().await, 0);
    assert_eq!(host.rows(TENANT, "contact").await, 0);
}
