//! Every step of a call, with each of the three actions, as over SQLite (`fault_steps`). The outcomes are what
//! docs/reference-fault-steps-sqlserver.md shows (`UPDATE_DOCS=1` writes them anew).

use speil::faults::Step;
use speil_tests::fault_steps::{Action, Call, Page, Passed, Walked, table, walk};
use speil_tests::kit::{At, Engine};
use speil_tests::sqlserver::{Case, Place};

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

/// Calls that are walked over one after the other in the same databases, which are expensive to make.
const CASES: [(&str, &[Call]); 4] = [
    ("rows", &[Call::RowData, Call::ThreeBatches]),
    ("further_rows", &[Call::LongBatch, Call::Unwiped, Call::KeptAside]),
    ("tables", &[Call::TableSchema, Call::Create, Call::Recreate, Call::Drop, Call::Wipe, Call::ReplicationCompleted]),
    ("first_open", &[Call::FirstOpen]),
];

pub fn cases() -> Vec<Case> {
    let case = |(name, calls): (&str, &'static [Call])| {
        Case::new(format!("steps_of_{name}"), move |place| walk_all(place, calls))
    };
    CASES.into_iter().map(case).collect()
}

async fn walk_all(place: Place, calls: &'static [Call]) {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let walking = [(Action::Crash, "dies"), (Action::Error, "fails"), (Action::Hold, "held")].map(|(action, part)| {
        // Databases of its own: they go with the case's.
        let (place, tell) = (place.within(part), tell.clone());
        tokio::task::spawn_blocking(move || {
            let at = At { binary: env!("CARGO_BIN_EXE_speil-under-test"), engine: Engine::SqlServer(place) };
            let walked = Walked { at, transformer: speil_test_guests::TRANSFORMER, calls: calls.to_vec() };
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            // Whoever has failed does not listen any more.
            let done = |call, passed| drop(tell.send((call, action, passed)));
            runtime.expect("threads").block_on(walk(walked, action, done));
        })
    });
    drop(tell);
    let mut outcomes: Vec<(Call, Action, Vec<Passed>)> = Vec::new();
    let mut wrong = None;
    while let Some(one) = told.recv().await {
        let call = one.0;
        outcomes.push(one);
        let of = |action| outcomes.iter().find(|(of, by, _)| (*of, *by) == (call, action)).map(|(.., passed)| passed);
        if let (Some(crash), Some(error), Some(hold)) = (of(Action::Crash), of(Action::Error), of(Action::Hold)) {
            let (crash, error, hold) = (crash.clone(), error.clone(), hold.clone());
            // The others go on: what is wrong is told when they have come to their end.
            let shown = std::panic::catch_unwind(move || shows(call, &crash, &error, &hold));
            wrong = wrong.or(shown.err());
        }
    }
    let mut walked = Vec::new();
    for walking in walking {
        walked.push(walking.await);
    }
    for walked in walked {
        walked.expect("no panic");
    }
    if let Some(wrong) = wrong {
        std::panic::resume_unwind(wrong);
    }
    assert_eq!(outcomes.len(), 3 * calls.len(), "every call was walked over three times");
}

/// The outcomes of a call are on the page.
fn shows(call: Call, crash: &[Passed], error: &[Passed], hold: &[Passed]) {
    let found = table(call, crash, error, hold);
    println!("{}\n{found}", call.title());
    if call == Call::RowData {
        let has = |step: Step| crash.iter().any(|one| one.step() == step.name());
        let missing: Vec<_> = OF_ROWS.into_iter().filter(|step| !has(*step)).collect();
        assert!(missing.is_empty(), "no call of rows came to {missing:?}");
    }
    Page::new("reference-fault-steps-sqlserver.md").shows(call, &found);
}
