//! Callers made by hand: one huge tenant beside a small one, and each operation when there is no place for it.

use std::time::{Duration, Instant};

use speil_tests::kit::client::{Connection, call_as, post_with};
use speil_tests::kit::host::{Host, TENANT, token};
use speil_tests::kit::soap::{batch, envelope, row_data, tables, wipe};
use speil_tests::kit::wait::until;
use tokio::task::JoinSet;

use super::COME_AGAIN;

/// Calls until the host has room; how often it had not.
async fn until_taken(address: std::net::SocketAddr, tenant: &str, operation: &str, inner: &str) -> u64 {
    let mut refused = 0;
    loop {
        let answer = call_as(address, tenant, operation, inner).await;
        if answer.body.contains("IsSuccessful>true<") {
            return refused;
        }
        let why = answer.refused();
        assert!(why.ends_with(COME_AGAIN), "{why}");
        refused += 1;
        // As the Task does, only sooner.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_tenant_does_not_starve_a_small_one() {
    const WORKERS: u32 = 24;
    const CALLS: u32 = 3;
    const ROWS: u32 = 4_000;
    let mut speil = speil_tests::speil!();
    speil.configure("max_calls = 4\nmax_calls_per_tenant = 2\nmax_waiting_calls = 16\ncall_wait = \"20s\"", "");
    speil.start();
    let address = speil.address();
    let names: Vec<String> = (0..WORKERS).map(|number| format!("t{number}")).collect();
    let listed: Vec<&str> = names.iter().map(String::as_str).collect();
    call_as(address, "Huge", "TableSchema", &tables(&listed)).await.succeeded();
    call_as(address, "Small", "TableSchema", &tables(&["contact"])).await.succeeded();

    // The small one alone, for comparison.
    let small = async |number: u32| {
        let began = Instant::now();
        let rows = row_data(&[batch("contact", number * 10 + 1..number * 10 + 11, i64::from(number) + 1)]);
        call_as(address, "Small", "RowData", &rows).await.succeeded();
        began.elapsed()
    };
    let mut alone = Duration::ZERO;
    for number in 0..20 {
        alone = alone.max(small(number).await);
    }
    let before = speil.memory_now();

    // The huge one calls for twenty-four tables at once, again and again.
    let began = Instant::now();
    let mut huge = JoinSet::new();
    for name in names.clone() {
        huge.spawn(async move {
            let mut refused = 0;
            for call in 0..CALLS {
                let rows = batch(&name, call * ROWS + 1..(call + 1) * ROWS + 1, i64::from(call) + 1);
                refused += until_taken(address, "Huge", "RowData", &row_data(&[rows])).await;
            }
            refused
        });
    }
    let (mut beside, mut calls) = (Duration::ZERO, 0);
    let mut refused = 0;
    loop {
        // One call after the other, as a tenant's cycle is.
        beside = beside.max(small(20 + calls).await);
        calls += 1;
        while let Some(worker) = huge.try_join_next() {
            refused += worker.expect("no panic");
        }
        if huge.is_empty() {
            break;
        }
    }
    let took = began.elapsed();
    println!(
        "a small tenant's {calls} calls beside a huge one's {} of {ROWS} rows from {WORKERS} senders in {took:?}: the slowest \
         {beside:?} (alone {alone:?}); the huge one was told {refused} times to come again",
        WORKERS * CALLS
    );
    assert!(refused > 0, "twenty-four senders fit into two places and four to wait in");
    // Of the huge tenant's two calls at work neither is waited for: there is room beside them.
    assert!(beside < Duration::from_secs(5).max(alone * 20), "the small tenant waited {beside:?}");
    if let (Some(before), Some(peak)) = (before, speil.peak_memory()) {
        let grown = peak.saturating_sub(before) >> 20;
        println!("memory grew by {grown} MiB at most");
        assert!(grown < 200, "memory grew by {grown} MiB");
    }
    // All of it arrived, for both, and no LSN is behind or ahead of it.
    let count = |tenant: &str, table: &str| {
        let db = rusqlite::Connection::open(speil.file(tenant)).expect("a SQLite file");
        db.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get::<_, u32>(0)).expect("it is there")
    };
    for name in &names {
        assert_eq!(count("Huge", name), CALLS * ROWS, "{name}");
    }
    assert_eq!(count("Small", "contact"), (20 + calls) * 10);
}

/// A call that keeps the only place of a host, until it is told to end.
struct AtWork {
    caller: Connection,
    rest: Vec<u8>,
}

impl AtWork {
    async fn begin(host: &Host) -> Self {
        call_as(host.address, "Other", "TableSchema", &tables(&["contact", "person"])).await.succeeded();
        let batches = [batch("contact", 1..2001, 5), batch("person", 1..11, 6)];
        let whole = post_with("RowData", &envelope(&token("Other"), "RowData", &row_data(&batches)), "");
        let (most, rest) = whole.split_at(whole.len() - 100);
        let mut caller = Connection::open(host.address).await;
        caller.send(most).await;
        // Once its first batch is in the mirror it has the place.
        until("the first batch", async || (host.rows("Other", "contact").await > 0).then_some(())).await;
        Self { caller, rest: rest.as_bytes().to_vec() }
    }

    async fn end(mut self) {
        self.caller.send(self.rest).await;
        self.caller.answer().await.succeeded();
    }
}

/// One place, and nobody waits for long.
async fn crowded() -> Host {
    Host::start_with(|config| {
        config.server.max_calls = 1;
        config.server.max_calls_per_tenant = 1;
        config.server.call_wait = Duration::from_millis(300);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_were_told_to_come_again_hold_the_lsn_back_until_the_next_cycle() {
    let host = crowded().await;
    let lsn = async || call_as(host.address, TENANT, "TableSchema", &tables(&["contact"])).await.text("LSN");
    let rows =
        async |keys, lsn| call_as(host.address, TENANT, "RowData", &row_data(&[batch("contact", keys, lsn)])).await;
    assert_eq!(lsn().await, "-1");
    call_as(host.address, TENANT, "Wipe", &wipe("contact")).await.succeeded();
    rows(1..11, 3).await.succeeded();
    assert_eq!(lsn().await, "3");

    let other = AtWork::begin(&host).await;
    let why = rows(11..21, 5).await.refused();
    assert!(why.ends_with(COME_AGAIN), "{why}");
    other.end().await;
    // A sender that goes on as if nothing had happened.
    rows(21..31, 9).await.succeeded();
    assert_eq!(host.rows(TENANT, "contact").await, 20);
    assert_eq!(lsn().await, "3", "what is missing will be sent again");
    // The next cycle brings it all, and is as good as any.
    rows(11..31, 9).await.succeeded();
    assert_eq!(lsn().await, "9");
    assert_eq!(host.rows(TENANT, "contact").await, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_is_told_to_come_again_in_its_own_form() {
    let host = crowded().await;
    call_as(host.address, TENANT, "TableSchema", &tables(&["contact"])).await.succeeded();
    let other = AtWork::begin(&host).await;
    for (operation, inner) in [
        ("Authenticate", "<ClientState/>".to_owned()),
        ("TableSchema", tables(&["contact"])),
        ("Wipe", wipe("contact")),
        ("ReplicationCompleted", "<ClientState/><ChangedTables/>".to_owned()),
    ] {
        let answer = call_as(host.address, TENANT, operation, &inner).await;
        let why = answer.refused();
        assert!(why.ends_with(COME_AGAIN), "{operation}: {why}");
        assert!(answer.body.contains(&format!("{operation}Response")), "{answer:?}");
    }
    other.end().await;
    call_as(host.address, TENANT, "Wipe", &wipe("contact")).await.succeeded();
}
