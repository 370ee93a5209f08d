//! The machine's clock jumps.

use speil::task::cycle::CycleEnd;
use speil_tests::fault_steps::Orders;
use speil_tests::speil;

use super::two::{Two, says};

const HOUR: i64 = 3_600;

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_is_told_to_the_caller_and_does_no_harm() {
    let mut speil = speil!();
    let orders = Orders::to(&mut speil);
    let mut two = Two::mirrored(speil, 60).await;

    orders.move_clock(2 * HOUR);
    says(&two.told().await, "Authenticate was refused: The signed token has expired.");
    orders.move_clock(-2 * HOUR);
    says(&two.told().await, "Authenticate was refused: The signed token is not valid yet.");
    // Within the skew that is allowed.
    for seconds in [200, -200] {
        orders.move_clock(seconds);
        two.recovers().await;
    }
    orders.move_clock(0);
    two.recovers().await;
    let status = two.speil.run(&["status", "Cust1", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!(status["state"], "current", "{status:#}");
}

/// To and fro by minutes, within the time for which tokens are good.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_between_two_cycles_spoils_no_history() {
    let mut speil = speil!();
    let orders = Orders::to(&mut speil);
    let Two { speil, mut troubled, .. } = Two::mirrored(speil, 60).await;
    for seconds in [250, -250, 100, -100, 0] {
        orders.move_clock(seconds);
        troubled.source.work(10);
        assert_eq!(troubled.cycle().await.end, CycleEnd::Completed);
    }
    troubled.is_mirrored().await;
    let status = speil.run(&["status", "Cust1", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
    let cycles = status["cycles"].as_array().expect("cycles");
    let ids: Vec<i64> = cycles.iter().map(|cycle| cycle["id"].as_i64().expect("a number")).collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "newest first whatever the clock said: {ids:?}");
    assert!(cycles.iter().all(|cycle| cycle["completed_at"].is_number()), "{status:#}");
}
