//! The way to the database is bad: connections are cut, reset and stalled at random moments, from the login to the commit. When it
//! is good again the mirror becomes the source, and until then no LSN promises rows that are not there.
//!
//! A run's name is its seed: `cargo test --test sqlserver_faults seed_017` tells one again. `SPEIL_FAULT_RUNS` says how many
//! runs there are.
//!
//! And, as over SQLite (`fault_steps`), the program dies, fails or is held up at every step of a call: `sqlserver_faults steps`.

use std::process::ExitCode;
use std::time::Duration;

use speil::faults::Step;
use speil::task::cycle::CycleOptions;
use speil::task::dice::Dice;
use speil::task::shape::ShapeOptions;
use speil::task::source::Source;
use speil_tests::fault_steps::{Action, CALLS, Call, walk};
use speil_tests::kit::{At, Engine, FaultProxy, Tenant};
use speil_tests::sqlserver::{Case, Feature, Place, run};

/// Runs when nobody says how many.
const RUNS: u64 = 20;
/// A cycle under faults that takes longer is given up by its caller, as the Task gives up.
const PATIENCE: Duration = Duration::from_secs(15);

fn main() -> ExitCode {
    let runs = match std::env::var("SPEIL_FAULT_RUNS") {
        Ok(text) => text.parse().expect("SPEIL_FAULT_RUNS is a number"),
        Err(_) => RUNS,
    };
    let case = |seed| Case::new(format!("seed_{seed:03}"), move |place| one_run(place, seed));
    let mut cases: Vec<Case> = (0..runs).map(|seed| case(seed).wanting(&[Feature::NulInText])).collect();
    for (name, action) in [("dies", Action::Crash), ("fails", Action::Error), ("is_held", Action::Hold)] {
        for call in CALLS {
            let name = format!("steps_where_{}_{name}", call.name());
            cases.push(Case::new(name, move |place| steps(place, call, action)));
        }
    }
    run(cases)
}

/// Every step of this call with this action. The table of SQLite's is in docs/reference-fault-steps.md; this one is printed.
async fn steps(place: Place, call: Call, action: Action) {
    let at = At { binary: env!("CARGO_BIN_EXE_speil-under-test"), engine: Engine::SqlServer(place) };
    let passed = walk(at, &[call], action).await;
    for one in &passed {
        println!("{}: {}", one.place(), one.outcome);
    }
    if call != Call::RowData {
        return;
    }
    let has = |step: Step| passed.iter().any(|one| one.step() == step.name());
    for step in
        [Step::RowsBegun, Step::RowsApplied, Step::LsnWrite, Step::LsnWritten, Step::WriteCommit, Step::Committed]
    {
        assert!(has(step), "no call of rows came to {}", step.name());
    }
}

async fn one_run(place: Place, seed: u64) {
    let mut dice = Dice::named(&[0xbad_11e, seed]);
    let proxy = FaultProxy::start(place.address().await).await;
    let at = At { binary: env!("CARGO_BIN_EXE_speil-under-test"), engine: Engine::SqlServer(place.clone()) };
    let mut speil = at.speil();
    speil.configure_with("", &place.through(proxy.address).lines());
    speil.start();
    let source = Source::new(ShapeOptions { seed, tables: 3, rows: 60 + dice.below(400), extras: false });
    let mut tenant = Tenant::new(&speil, "Cust10195", source);
    // Every third run the faults meet a mirror that is filled already.
    if seed.is_multiple_of(3) {
        tenant.is_mirrored().await;
    }
    proxy.begin(seed);
    for _ in 0..2 + dice.below(3) {
        let options = CycleOptions {
            batch_size: 2_000 + dice.index(20_000),
            batches_per_call: 1 + dice.index(4),
            call_bytes: 40_000,
            ..CycleOptions::default()
        };
        if tokio::time::timeout(PATIENCE, tenant.cycle_with(&options)).await.is_err() {
            tenant.call_again(&speil);
        }
        tenant.source.work(20 + dice.below(60));
        if dice.once_in(3) {
            let table = dice.index(tenant.source.tables().len());
            tenant.source.truncate(table);
            tenant.source.insert(table);
        }
    }
    proxy.end();
    println!("seed_{seed:03}: {} faults struck", proxy.struck());
    if tenant.place().open().await.is_ok() {
        tenant.is_nowhere_ahead().await;
    }
    tenant.call_again(&speil);
    tenant.forget();
    tenant.is_mirrored().await;
}
