//! The simulator's list of checks against a whole host: everything passes, and what a host breaks is found.

use speil_tests::kit::Host;
use speil_tests::kit::host::{TENANT, identity};
use speil_tests::kit::task::endpoint;

use speil::task::conformance::{self, CheckReport, ConformanceOptions, Report, Verdict};
use speil::task::mirror_place::MirrorPlace;
use speil::task::progress::Unwatched;

async fn check(host: &Host, only: &[&str]) -> Report {
    let options = ConformanceOptions {
        endpoint: endpoint(host),
        identity: identity(TENANT),
        mirror: Some(MirrorPlace::file(host.folder.path().join("mirrors").join(format!("{TENANT}.db")), TENANT)),
        only: only.iter().map(|name| (*name).to_owned()).collect(),
    };
    conformance::run(options, &Unwatched).await.expect("the host can be reached")
}

fn failed(report: &Report) -> Vec<&CheckReport> {
    report.checks.iter().filter(|check| check.verdict == Verdict::Failed).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_passes_every_check() {
    let host = Host::start().await;
    let report = check(&host, &[]).await;
    assert!(failed(&report).is_empty(), "{:#?}", failed(&report));
    assert_eq!(report.skipped, 0);
    assert_eq!(report.passed, conformance::all().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_check_the_audience_fails_that_check_alone() {
    let host = Host::start_with(|config| config.applications[0].check_audience = false).await;
    let report = check(&host, &["trust/"]).await;
    let names: Vec<_> = failed(&report).iter().map(|check| check.name).collect();
    assert_eq!(names, ["trust/audience", "trust/no-audience"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_clock_skew_fails_that_check_alone() {
    let host = Host::start_with(|config| config.applications[0].clock_skew = std::time::Duration::ZERO).await;
    let report = check(&host, &["trust/"]).await;
    let names: Vec<_> = failed(&report).iter().map(|check| check.name).collect();
    assert_eq!(names, ["trust/clock-skew"]);
}
