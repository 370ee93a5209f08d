//! Every step of a call, with each of the three actions, as over SQLite (`fault_steps`). The outcomes are what
//! docs/reference-fault-steps-sqlserver.md shows (`UPDATE_DOCS=1` writes them anew).

use speil::faults::Step;
use speil_tests::fault_steps::{Action, Call, Page, Passed, Walked, table, walk};
use speil_tests::kit::{At, Engine};
use speil_tests::sqlserver::Place;

/// Steps that every call of rows must come to, whatever the page says.
const OF_ROWS: [Step; 7] = [
    Step::RowsBegun,
    Step::RowsApplied,
    Step::LsnWrite,
    Step::LsnWritten,
    Step::WriteCommit,
    Step::CommitSent,
    Step::Committed,
];

pub async fn walk_all(place: Place, call: Call) {
    let walking = [(Action::Crash, "dies"), (Action::Error, "fails"), (Action::Hold, "held")].map(|(action, part)| {
        // Databases of its own: they go with the case's.
        let place = place.within(part);
        tokio::task::spawn_blocking(move || {
            let at = At { binary: env!("CARGO_BIN_EXE_speil-under-test"), engine: Engine::SqlServer(place) };
            let walked = Walked { at, transformer: speil_test_guests::TRANSFORMER, calls: vec![call] };
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.expect("threads").block_on(walk(walked, action))
        })
    });
    let mut passed: Vec<Vec<Passed>> = Vec::new();
    for walking in walking {
        passed.push(walking.await.expect("no panic"));
    }
    let found = table(call, &passed[0], &passed[1], &passed[2]);
    println!("{}\n{found}", call.title());
    if call == Call::RowData {
        let has = |step: Step| passed[0].iter().any(|one| one.step() == step.name());
        let missing: Vec<_> = OF_ROWS.into_iter().filter(|step| !has(*step)).collect();
        assert!(missing.is_empty(), "no call of rows came to {missing:?}");
    }
    Page::new("reference-fault-steps-sqlserver.md").shows(call, &found);
}
