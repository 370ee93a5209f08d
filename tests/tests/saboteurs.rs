//! The conformance checks against endpoints that break one rule each: the right checks fail, and no others.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use speil_tests::kit::Host;
use speil_tests::kit::host::{TENANT, identity};
use speil_tests::kit::proxy::{Proxy, Saboteur};
use speil_tests::saboteurs::{self, named};

use speil::task::conformance::{self, ConformanceOptions, Verdict};
use speil::task::mirror_place::MirrorPlace;
use speil::task::progress::Unwatched;

/// Saboteurs at work at a time.
const AT_A_TIME: usize = 4;

/// Checks left out, for the time they take.
const SLOW: [&str; 1] = ["rows/many"];
/// Groups that every saboteur is put before, whatever it breaks: small, and through all five operations.
const ALWAYS: [&str; 4] = ["header", "wipe", "completed", "answers"];

/// The checks a saboteur is put before: all of the groups that should find it or may, and those of [`ALWAYS`]. One that
/// breaks no rule, or whose rule all come to, is put before all.
fn put_before(saboteur: &Saboteur) -> Vec<String> {
    let group = |name: &'static str| name.split('/').next().unwrap_or_default();
    let named = saboteur.caught_by.iter().chain(saboteur.along).map(|name| group(name));
    let groups: BTreeSet<&str> = named.chain(ALWAYS).collect();
    let all = saboteur.caught_by.is_empty() || groups.contains("*");
    conformance::all()
        .iter()
        .map(|check| check.name)
        .filter(|name| !SLOW.contains(name) && (all || groups.contains(group(name))))
        .map(str::to_owned)
        .collect()
}

/// Names of the checks that failed, each with what it got.
async fn failures(host: &Host, saboteur: Saboteur) -> Vec<(&'static str, String)> {
    let proxy = Proxy::start(host.address, saboteur).await;
    let only = put_before(&saboteur);
    let options = ConformanceOptions {
        endpoint: proxy.endpoint(),
        identity: identity(TENANT),
        mirror: Some(MirrorPlace::file(host.folder.path().join("mirrors").join(format!("{TENANT}.db")), TENANT)),
        only: only.clone(),
    };
    let report = conformance::run(options, &Unwatched).await.expect("the proxy can be reached");
    assert_eq!(report.checks.len(), only.len());
    assert_eq!(report.skipped, 0);
    let failed = report.checks.into_iter().filter(|check| check.verdict == Verdict::Failed);
    failed.map(|check| (check.name, check.evidence.got)).collect()
}

/// What is wrong with what a saboteur was found out by.
fn judge(saboteur: &Saboteur, failed: &[(&'static str, String)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for check in saboteur.caught_by {
        if !failed.iter().any(|(name, _)| name == check) {
            wrong.push(format!("{:?} is not found out by {check}", saboteur.name));
        }
    }
    for (name, got) in failed {
        if !named(name, saboteur.caught_by) && !named(name, saboteur.along) {
            wrong.push(format!("{:?} makes {name} fail, which has nothing to do with it: {got}", saboteur.name));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_rule_is_found_by_its_check_and_by_no_other() {
    // A host is used again and again: every run of the checks has tables of its own.
    let waiting = Arc::new(Mutex::new(saboteurs::all()));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..AT_A_TIME {
        let waiting = waiting.clone();
        running.spawn(async move {
            let host = Host::start().await;
            let mut wrong = Vec::new();
            loop {
                let Some(saboteur) = waiting.lock().expect("no panic").pop() else { return wrong };
                let failed = failures(&host, saboteur).await;
                wrong.extend(judge(&saboteur, &failed));
            }
        });
    }
    let mut wrong: Vec<String> = running.join_all().await.into_iter().flatten().collect();
    wrong.sort();
    assert!(wrong.is_empty(), "{}\n{} things", wrong.join("\n"), wrong.len());
}

#[test]
fn saboteurs_name_checks_that_there_are() {
    let checks = conformance::all();
    for saboteur in saboteurs::all() {
        for name in saboteur.caught_by {
            assert!(checks.iter().any(|check| check.name == *name), "{:?} names {name}", saboteur.name);
        }
        for name in saboteur.along {
            assert!(checks.iter().any(|check| named(check.name, &[name])), "{:?} names {name}", saboteur.name);
        }
    }
    let breaking = saboteurs::all().iter().filter(|saboteur| !saboteur.caught_by.is_empty()).count();
    assert!(breaking >= 25, "{breaking}");
}
