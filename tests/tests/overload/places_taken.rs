//! All places and the whole queue are taken by a few huge tenants: a small one comes to its turn after one call of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use speil_tests::kit::client::{Connection, call_as, get, post};
use speil_tests::kit::host::token;
use speil_tests::kit::soap::{batch, envelope, row_data, tables};
use speil_tests::kit::wait::until;
use tokio::task::JoinSet;

use super::COME_AGAIN;

const HUGE: usize = 4;
/// Senders of each, all of whom call without a pause. More than there is room for.
const SENDERS: usize = 18;
const PLACES: u64 = 4;
const QUEUE: u64 = 64;
const ROWS: u32 = 300;
/// Calls of the small tenant.
const CALLS: u32 = 20;
/// Calls of others that may end while one of the small tenant's is under way: one of each huge tenant before it and the one whose
/// place it gets, those beside it while it is at work, and those that had ended and were not counted yet: some
/// thirteen. Without turns it would be the whole queue.
const MOST_BEFORE: u64 = 24;

/// What the senders share.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    answered: AtomicU64,
    turned_away: AtomicU64,
}

/// One sender of a huge tenant: the same rows again and again.
async fn send(address: std::net::SocketAddr, message: String, load: Arc<Load>) {
    let mut connection = Connection::open(address).await;
    while !load.over.load(Ordering::SeqCst) {
        connection.send(&message).await;
        let answer = connection.answer().await;
        if answer.body.contains("IsSuccessful>true<") {
            load.answered.fetch_add(1, Ordering::SeqCst);
        } else {
            let why = answer.refused();
            assert!(why.ends_with(COME_AGAIN), "{why}");
            load.turned_away.fetch_add(1, Ordering::SeqCst);
            // As the Task does, only sooner.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_tenant_waits_for_one_call_of_each_huge_one_though_they_fill_the_queue() {
    let mut speil = speil_tests::speil!();
    speil.configure(&format!("max_calls = {PLACES}\nmax_waiting_calls = {QUEUE}\ncall_wait = \"60s\""), "");
    speil.start();
    let address = speil.address();
    let names: Vec<String> = (0..SENDERS).map(|number| format!("t{number}")).collect();
    let listed: Vec<&str> = names.iter().map(String::as_str).collect();
    let load = Arc::new(Load::default());
    call_as(address, "Small", "TableSchema", &tables(&["contact"])).await.succeeded();
    let small = async |number: u32| {
        let rows = row_data(&[batch("contact", number * 10 + 1..number * 10 + 11, i64::from(number) + 1)]);
        let began = Instant::now();
        call_as(address, "Small", "RowData", &rows).await.succeeded();
        began.elapsed()
    };
    let mut alone = Duration::ZERO;
    for number in 0..5 {
        alone = alone.max(small(number).await);
    }
    let mut senders = JoinSet::new();
    for huge in 0..HUGE {
        let tenant = format!("Huge{huge}");
        call_as(address, &tenant, "TableSchema", &tables(&listed)).await.succeeded();
        for name in &names {
            let rows = row_data(&[batch(name, 1..ROWS + 1, 1)]);
            let message = post("RowData", &envelope(&token(&tenant), "RowData", &rows));
            senders.spawn(send(address, message, load.clone()));
        }
    }
    let is_there = async |line: String| get(address, "/metrics", "").await.body.contains(&line);
    until("all places and the queue to be taken", async || {
        let full =
            is_there(format!("speil_calls_waiting {QUEUE}\n")).await && load.turned_away.load(Ordering::SeqCst) > 0;
        full.then_some(())
    })
    .await;

    let (began, before) = (Instant::now(), load.answered.load(Ordering::SeqCst));
    let (mut slowest, mut most) = (Duration::ZERO, 0);
    for number in 5..5 + CALLS {
        let answered = load.answered.load(Ordering::SeqCst);
        // Never told to come again: whoever has most calls in the queue gives way.
        slowest = slowest.max(small(number).await);
        most = most.max(load.answered.load(Ordering::SeqCst) - answered);
    }
    let (took, answered) = (began.elapsed(), load.answered.load(Ordering::SeqCst) - before);
    load.over.store(true, Ordering::SeqCst);
    while let Some(sender) = senders.join_next().await {
        sender.expect("no panic");
    }
    // The queue as it would be without turns: what comes last waits for all of it.
    let queue = took.mul_f64(f64::from(u32::try_from(QUEUE).expect("small")))
        / u32::try_from(answered.max(1)).expect("no more than in seconds");
    println!(
        "a small tenant's {CALLS} calls where {HUGE} huge ones with {} senders take all {PLACES} places and the {QUEUE} to wait in: the \
         slowest {slowest:?} (alone {alone:?}), at most {most} calls of others ended meanwhile; the whole queue takes {queue:?}; the \
         huge ones had {answered} calls answered in {took:?} and were told {} times to come again",
        HUGE * SENDERS,
        load.turned_away.load(Ordering::SeqCst),
    );
    assert!(answered > u64::from(CALLS), "the huge ones were not at work");
    assert!(most <= MOST_BEFORE, "{most} calls of others were served before one of the small tenant's");
    assert!(slowest < queue / 2, "the small tenant waited {slowest:?}, and the whole queue takes {queue:?}");
    let db = rusqlite::Connection::open(speil.file("Small")).expect("a SQLite file");
    let rows: u32 = db.query_row("SELECT count(*) FROM contact", [], |row| row.get(0)).expect("it is there");
    assert_eq!(rows, (5 + CALLS) * 10);
}
