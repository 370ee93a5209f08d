//! Every story of the simulator against a whole host: at the end the mirror is the source, cell by cell.

use speil_tests::kit::Host;
use speil_tests::kit::task::{options, tell};

use speil::task::cycle::CycleEnd;
use speil::task::progress::Unwatched;
use speil::task::scenario;
use speil::task::spelling::Spelling;

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_ends_with_the_mirror_equal_to_the_source() {
    let mut wrong = Vec::new();
    for told in scenario::all() {
        let host = Host::start().await;
        let report = tell(&host, told.name).await;
        if !report.good() || report.comparison.is_none() {
            let differences = report.comparison.as_ref().map(|found| (found.differing, found.differences.first()));
            wrong.push(format!("{}: {:#?} {differences:?}", told.name, report.problems));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_every_type_is_mirrored_in_both_spellings() {
    for spelling in Spelling::ALL {
        let host = Host::start().await;
        let mut options = options(&host);
        options.shape.extras = true;
        options.spelling = spelling;
        options.cycles = 3;
        options.changes = 500;
        let report = speil::task::run(options, &Unwatched).await.expect("a run");
        assert_eq!(report.problems, Vec::<String>::new());
        let comparison = report.comparison.expect("compared");
        assert!(comparison.equal(), "{:#?}", comparison.differences);
        assert!(report.cycles.iter().all(|cycle| cycle.end == CycleEnd::Completed));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoiled_mirror_is_found_out() {
    let host = Host::start().await;
    let options = options(&host);
    let file = options.mirror.clone().expect("known");
    let source = speil::task::source::Source::new(options.shape);
    let busiest = source.tables().iter().max_by_key(|table| table.len()).expect("some").name().to_owned();
    let report = speil::task::run(options, &Unwatched).await.expect("a run");
    assert!(report.good(), "{:#?}", report.problems);

    file.delete_a_row(&busiest).await.expect("writable");
    let mirror = file.open().await.expect("a mirror");
    let mut options = speil_tests::kit::task::options(&host);
    options.cycles = 0;
    let mut again = speil::task::source::Source::new(options.shape);
    again.work(options.changes);
    let found = speil::task::compare::compare(&again, mirror.as_ref(), &speil::task::compare::Unchanged, 5)
        .await
        .expect("readable");
    assert_eq!(found.differing, 1, "{:#?}", found.differences);
    assert_eq!(found.differences[0].table, busiest);
    assert_eq!(found.differences[0].mirror, "no such row");
}
