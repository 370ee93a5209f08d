//! Many tenants of the simulator, whose cycles meet refusals all the time: each of them comes through in the end, with all of its
//! rows, and none much sooner than another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use speil::task::cycle::{CycleEnd, CycleOptions};
use speil::task::dice::Dice;
use speil::task::shape::ShapeOptions;
use speil::task::source::Source;
use speil_tests::kit::client::get;
use speil_tests::kit::{Tenant, tenant};
use tokio::task::JoinSet;

use super::COME_AGAIN;

const TENANTS: u64 = 30;
/// Cycles that each of them completes while all of them want more.
const CYCLES: u64 = 2;
/// How many times as many cycles the luckiest completes meanwhile as the unluckiest. Who is refused first is chance.
const UNFAIR: u64 = 8;
/// Seconds on a machine at rest.
const AT_MOST: Duration = Duration::from_mins(4);

/// How far all of them have come.
struct Board {
    completed: Vec<AtomicU64>,
    /// Cycles that met a refusal.
    refused: AtomicU64,
    /// Of those, cycles that had come further than their first call.
    broken_off: AtomicU64,
    /// Looks at a mirror between two cycles.
    looks: AtomicU64,
    /// Of those, looks behind a cycle that met a refusal: few, where the machine is fast.
    looks_behind_refusals: AtomicU64,
    /// Calls of cycles.
    calls: AtomicU64,
}

impl Board {
    fn completed(&self) -> Vec<u64> {
        self.completed.iter().map(|one| one.load(Ordering::SeqCst)).collect()
    }

    /// Whether somebody has not had his cycles yet.
    fn goes_on(&self) -> bool {
        self.completed().into_iter().any(|cycles| cycles < CYCLES)
    }
}

/// A tenant's cycles, with changes between them as long as somebody needs more; then until nothing is left to send.
async fn live(mut tenant: Tenant, number: u64, board: Arc<Board>) -> Tenant {
    let mut dice = Dice::named(&[0x10ad, number]);
    let completed = &board.completed[usize::try_from(number).expect("small")];
    loop {
        let goes_on = board.goes_on();
        if goes_on {
            tenant.source.work(4);
        }
        let options = CycleOptions { batches_per_call: 2, ..tenant::many_calls() };
        let report = tenant.cycle_with(&options).await.clone();
        tenant.forget();
        board.calls.fetch_add(report.calls, Ordering::SeqCst);
        for problem in &report.problems {
            assert!(problem.contains(COME_AGAIN), "{}: {problem}", tenant.name);
        }
        let refused = matches!(report.end, CycleEnd::Failed);
        match report.end {
            CycleEnd::Completed if goes_on => {
                completed.fetch_add(1, Ordering::SeqCst);
            }
            CycleEnd::Completed if report.tables.is_empty() => break,
            CycleEnd::Completed => {}
            CycleEnd::Failed => {
                assert!(!report.problems.is_empty(), "{}: a cycle failed without a word", tenant.name);
                board.refused.fetch_add(1, Ordering::SeqCst);
                // Nothing is listed before that one is answered.
                board.broken_off.fetch_add(u64::from(report.listed > 0), Ordering::SeqCst);
            }
            CycleEnd::LeftAlone | CycleEnd::Interrupted => panic!("{}: {report:?}", tenant.name),
        }
        // Before its first cycle has ended there may be no mirror to look at.
        if completed.load(Ordering::SeqCst) > 0 && (refused || dice.once_in(4)) {
            tenant.is_nowhere_ahead().await;
            board.looks.fetch_add(1, Ordering::SeqCst);
            board.looks_behind_refusals.fetch_add(u64::from(refused), Ordering::SeqCst);
        }
        // The Task comes again at its next interval, only that ours is short.
        tokio::time::sleep(Duration::from_millis(200 + dice.below(600))).await;
    }
    tenant.compare().await.expect("the mirror can be read");
    tenant.is_equal();
    tenant
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tenants_of_a_host_that_is_far_too_small_all_come_through_and_have_equal_shares() {
    let mut speil = speil_tests::speil!();
    speil.configure("max_calls = 2\nmax_waiting_calls = 6\ncall_wait = \"1s\"", "");
    speil.start();
    let counters = || (0..TENANTS).map(|_| AtomicU64::new(0)).collect();
    let board = Arc::new(Board {
        completed: counters(),
        refused: AtomicU64::new(0),
        broken_off: AtomicU64::new(0),
        looks: AtomicU64::new(0),
        looks_behind_refusals: AtomicU64::new(0),
        calls: AtomicU64::new(0),
    });
    let began = Instant::now();
    let mut all = JoinSet::new();
    for number in 0..TENANTS {
        let source = Source::new(ShapeOptions { seed: number, tables: 2, rows: 60, extras: false });
        let tenant = Tenant::new(&speil, &format!("Cust{number}"), source);
        all.spawn(live(tenant, number, board.clone()));
    }
    let waiting = tokio::time::timeout(AT_MOST, async {
        let mut rows = 0;
        while let Some(ended) = all.join_next().await {
            rows += ended.expect("its mirror is its source").source.rows();
        }
        rows
    });
    let Ok(rows) = waiting.await else {
        panic!("not all have come through in {AT_MOST:?}; cycles completed: {:?}", board.completed());
    };
    let completed = board.completed();
    let (least, most) = (completed.iter().min().expect("thirty"), completed.iter().max().expect("thirty"));
    let count = |number: &AtomicU64| number.load(Ordering::SeqCst);
    println!(
        "{TENANTS} tenants where two calls may be at work and six wait: {rows} rows equal after {:.1} s and {} calls; {} cycles \
         were refused, {} of them after their first call; {} looks at mirrors in between, {} of them behind a refusal; each completed {least} to {most} cycles \
         while all wanted more",
        began.elapsed().as_secs_f32(),
        count(&board.calls),
        count(&board.refused),
        count(&board.broken_off),
        count(&board.looks),
        count(&board.looks_behind_refusals),
    );
    let metrics = get(speil.address(), "/metrics", "").await.body;
    for line in metrics.lines().filter(|line| line.starts_with("speil_calls_turned_away_total{")) {
        println!("{line}");
    }
    assert!(metrics.contains("speil_calls_turned_away_total{"), "nobody was turned away: the host was not too small");
    assert!(count(&board.refused) > 0, "no cycle met a refusal");
    assert!(count(&board.broken_off) * 10 <= count(&board.refused), "cycles that had begun were broken off");
    assert!(count(&board.looks) > 0, "no mirror was looked at between two cycles");
    assert!(*most <= UNFAIR * least, "unequal shares: {completed:?}");
}
