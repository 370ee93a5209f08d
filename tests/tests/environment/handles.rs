//! No file handles left.

use speil::task::cycle::{CycleEnd, CycleOptions};
use speil_tests::kit::{Connection, Tenant, tenant, wait};
use speil_tests::speil;

use super::disk::limit;
use super::two::{Two, says};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_file_handles_serves_who_is_there_says_so_and_takes_others_again() {
    let mut two = Two::mirrored(speil!(), 60).await;
    // A tenant without a mirror yet, over a connection that is open.
    let mut newcomer = Tenant::new(&two.speil, "Cust3", tenant::small(3));
    newcomer.client.authenticate().await.expect("answered");
    two.other.client.authenticate().await.expect("answered");

    let open = two.speil.handles_now().expect("Linux tells it");
    limit(&two.speil, &format!("--nofile={open}:"));
    let idle = Connection::open(two.speil.address()).await;
    wait::until("the host to say that it cannot accept", async || {
        two.speil.log().contains("cannot accept a connection; trying again in a moment").then_some(())
    })
    .await;
    // Who is connected and has a mirror that is open notices nothing.
    two.other.source.work(5);
    let report = two.other.cycle_with(&CycleOptions::default()).await;
    assert_eq!((report.end, &report.problems), (CycleEnd::Completed, &Vec::new()));
    let report = newcomer.cycle_with(&CycleOptions::default()).await;
    assert_eq!(report.end, CycleEnd::Failed);
    says(&report.problems.join("\n"), "Cust3.db: cannot read the folder");
    says(&report.problems.join("\n"), "Too many open files (os error 24)");
    newcomer.forget();

    limit(&two.speil, "--nofile=512:");
    drop(idle);
    newcomer.is_mirrored().await;
    two.recovers().await;
}
