//! Calls that are large, slow, cut short or at work when the program is told to stop: memory stays bounded, work that has
//! begun is finished, and the mirror is the source.

use std::fmt::Write as _;
use std::time::Duration;

use speil::protocol::messages::RowOp;
use speil::task::batching::Batcher;
use speil::task::spelling::Batch;

use super::At;
use crate::kit::host::{TENANT, token};
use crate::kit::tenant::small;
use crate::kit::{Connection, Speil, Tenant, client, soap, wait};

/// What the process may use at its most. A host that kept the whole of the test's large batch needs 20 MiB more.
const MEMORY: u64 = 100 << 20;
/// The tests' text column holds less than this in a real tenant, but what it can hold decides.
const TEXT: usize = 8_000;

fn info(table: &str) -> String {
    soap::table_info(table).replace("nvarchar(255)", "nvarchar(max)")
}

/// The rows of a batch with a text of 8,000 bytes in each.
fn long_rows(keys: std::ops::Range<usize>) -> String {
    let mut text = String::with_capacity(keys.len() * (TEXT + 200));
    for key in keys {
        let filler = "langt & ".replace('&', "&amp;").repeat(TEXT / 8);
        write!(
            text,
            "<d:RowData><d:ColumnValues><a:string>[I:{key}]</a:string><a:string>{key} {filler}</a:string></d:ColumnValues>\
             <d:Operation>I</d:Operation></d:RowData>"
        )
        .expect("a String takes it");
    }
    text
}

fn batch(rows: &str, lsn: i64) -> String {
    format!(
        "<d:RowDataBatch><d:Data>{rows}</d:Data><d:LSN>{lsn}</d:LSN><d:TableInfo>{}</d:TableInfo></d:RowDataBatch>",
        info("big")
    )
}

async fn made(speil: &Speil) {
    let tables = format!("<ClientState/><Tables><d:TableSchemaInfo>{}</d:TableSchemaInfo></Tables>", info("big"));
    client::call_as(speil.address(), TENANT, "TableSchema", &tables).await.succeeded();
    client::call_as(speil.address(), TENANT, "Wipe", &soap::wipe("big")).await.succeeded();
}

/// Rows, and whether every text is as it was sent.
async fn held(speil: &Speil) -> (usize, usize, i64) {
    let place = speil.mirror(TENANT);
    let count = async |query: &str| -> usize {
        let rows = place.rows(query).await.unwrap_or_else(|error| panic!("{error}"));
        rows[0][0].as_deref().expect("a number").parse().expect("a number")
    };
    let good = speil.engine().count_of_texts("big", "name", "big_id", &"langt & ".repeat(TEXT / 8));
    let lsn = place.lsn("big").await.expect("readable").expect("the table is known");
    (count("SELECT count(*) FROM big").await, count(&good).await, lsn)
}

/// 100 MB in one call: a batch of 90 MB, and ten of 1 MB.
pub async fn a_call_of_a_hundred_megabytes_is_taken_in_bounded_memory(at: At) {
    const PER_MEGABYTE: usize = 1_000_000 / TEXT;
    const ROWS: usize = 100 * PER_MEGABYTE;
    let mut speil = at.speil();
    speil.configure("", "spill_bytes = \"4MiB\"");
    speil.start();
    made(&speil).await;
    let before = speil.peak_memory();
    let mut batches = vec![batch(&long_rows(0..90 * PER_MEGABYTE), 0)];
    batches.extend((90..100).map(|part| {
        let rows = long_rows(part * PER_MEGABYTE..(part + 1) * PER_MEGABYTE);
        batch(&rows, if part == 99 { 7 } else { 0 })
    }));
    let message = soap::envelope(&token(TENANT), "RowData", &soap::row_data(&batches));
    assert!(message.len() > 100_000_000, "{}", message.len());
    client::call(speil.address(), "RowData", &message).await.succeeded();
    assert_eq!(held(&speil).await, (ROWS, ROWS, 7));
    if let (Some(before), Some(peak)) = (before, speil.peak_memory()) {
        eprintln!("peak memory: {} MiB, of which {} MiB before the first row", peak >> 20, before >> 20);
        // Rows on their way to a server are kept until it has taken them, to be sent again if the connection breaks.
        let most = if at.engine.is_sqlite() { MEMORY } else { MEMORY + (80 << 20) };
        assert!(peak < most, "the host used {} MiB for a call of 100 MB", peak >> 20);
    }
}

/// All that a fill of the table with the most rows sends.
fn fill_of_largest(tenant: &Tenant, size: usize) -> (String, Vec<Batch>) {
    let source = &tenant.source;
    let table = source.tables().iter().max_by_key(|table| table.len()).expect("there are tables");
    let rows = table.keys().map(|key| (key, RowOp::Insert));
    (table.name().to_owned(), Batcher::new(table, rows, size, source.version()).collect())
}

/// A sender on a bad line: a few bytes at a time, for longer than the body's time-out in all, never silent for so long.
pub async fn a_slow_sender_that_goes_on_is_heard_to_its_end(at: At) {
    let mut speil = at.speil();
    speil.configure("body_timeout = \"1s\"", "");
    speil.start();
    let mut tenant = Tenant::new(&speil, TENANT, small(6));
    let (table, batches) = fill_of_largest(&tenant, 1_000_000);
    let infos: Vec<_> = tenant.source.tables().iter().map(speil::task::source::SourceTable::info).collect();
    tenant.client.table_schema(&infos).await.expect("answered");
    tenant.client.wipe(&table).await.expect("answered");
    let (head, body) = tenant.client.raw_row_data(&batches).expect("signed");
    let mut connection = tenant.client.open().await.expect("the host listens");
    connection.send(&head).await.expect("taken");
    let began = std::time::Instant::now();
    for part in body.chunks(body.len().div_ceil(12)) {
        connection.send(part).await.expect("taken");
        // The subject of the test, and no way of waiting for anything.
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(2), "slower in all than the body's time-out");
    let answer = connection.receive(wait::PATIENCE).await.expect("answered");
    assert_eq!(answer.status, 200, "{}", answer.excerpt());
    assert_eq!(tenant.lsn(&table).await, tenant.source.version());
    tenant.is_mirrored().await;
}

/// One that falls silent is told so, keeps nobody waiting, and leaves whole batches or nothing.
pub async fn a_sender_that_falls_silent_is_told_so_and_spoils_nothing(at: At) {
    let mut speil = at.speil();
    speil.configure("body_timeout = \"1s\"", "");
    speil.start();
    let mut tenant = Tenant::new(&speil, TENANT, small(6));
    let (table, batches) = fill_of_largest(&tenant, 4_000);
    let infos: Vec<_> = tenant.source.tables().iter().map(speil::task::source::SourceTable::info).collect();
    tenant.client.table_schema(&infos).await.expect("answered");
    tenant.client.wipe(&table).await.expect("answered");
    let (head, body) = tenant.client.raw_row_data(&batches).expect("signed");
    let mut connection = tenant.client.open().await.expect("the host listens");
    connection.send(&head).await.expect("taken");
    connection.send(&body[..body.len() / 2]).await.expect("taken");
    let answer = connection.receive(wait::PATIENCE).await.expect("answered");
    assert_eq!(answer.status, 500);
    let fault = answer.excerpt();
    assert!(fault.contains("1 s") || fault.contains("1s"), "it says how long it waited: {fault}");
    assert_eq!(tenant.lsn(&table).await, -1);
    tenant.is_nowhere_ahead().await;
    tenant.is_mirrored().await;
}

/// SIGTERM while a call is at work: the call is finished and answered, the program ends well, and nothing more is let in.
pub async fn a_stop_finishes_the_call_that_is_at_work(at: At) {
    let mut speil = at.speil();
    speil.start();
    made(&speil).await;
    let rows = long_rows(0..300);
    let message = soap::envelope(&token(TENANT), "RowData", &soap::row_data(&[batch(&rows, 5)]));
    let half = message.len() / 2;
    let mut connection = Connection::open(speil.address()).await;
    let request = client::post_with("RowData", &message, "Expect: 100-continue\r\n");
    let body = request.len() - message.len();
    connection.send(&request[..body]).await;
    connection.is_wanted().await;
    connection.send(&message[..half]).await;
    if !speil.terminate() {
        return;
    }
    wait::until("the host to say that it stops", async || speil.log().contains("told to stop").then_some(())).await;
    // One that was on its way in when the host was told may still be answered, and so is asked to close; then nobody is.
    wait::until("the door to be shut", async || {
        let Ok(stream) = tokio::net::TcpStream::connect(speil.address()).await else { return Some(()) };
        // The system may still have taken it; nobody answers.
        let mut late = Connection::from(stream);
        late.try_send("GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
        late.closed().await.is_empty().then_some(())
    })
    .await;
    connection.send(&message[half..]).await;
    connection.answer().await.succeeded();
    let (status, log) = speil.stopped().await;
    assert!(status.success(), "{status}: {log}");
    assert_eq!(held(&speil).await, (300, 300, 5));
    for suffix in ["-wal", "-shm"].into_iter().filter(|_| at.engine.is_sqlite()) {
        let beside = speil.folder().join(format!("mirrors/{TENANT}.db{suffix}"));
        assert!(!beside.exists(), "a stop leaves one whole file, and no {suffix}");
    }
}

/// The caller hangs up right after its last byte: what it sent whole is carried out, answer or no answer.
pub async fn a_caller_that_hangs_up_after_its_last_byte_has_been_heard(at: At) {
    let mut speil = at.speil();
    speil.start();
    made(&speil).await;
    let message = soap::envelope(&token(TENANT), "RowData", &soap::row_data(&[batch(&long_rows(0..50), 3)]));
    let mut connection = Connection::open(speil.address()).await;
    let request = client::post_with("RowData", &message, "Expect: 100-continue\r\n");
    let (head, body) = request.split_at(request.len() - message.len());
    connection.send(head).await;
    connection.is_wanted().await;
    connection.send(body).await;
    drop(connection);
    wait::until("the rows of the caller that is gone", async || (held(&speil).await == (50, 50, 3)).then_some(()))
        .await;
}
