//! What goes wrong between the program and a SQL Server, and inside the program over one: nothing is lost.
//!
//! | cases | what | file |
//! |---|---|---|
//! | `seed_...` | connections are cut, reset and stalled by chance; `SPEIL_FAULT_RUNS` says how many runs there are, and a run's name is its seed | `network` |
//! | `steps_...` | the program dies, fails or is held up at every step of a call | `steps` |
//! | `environment_...` | the database cannot be written, or not be opened | `environment` |

mod environment;
mod network;
mod steps;

use std::process::ExitCode;

use speil_tests::sqlserver::{Case, Feature, run};

/// Runs over a bad network when nobody says how many.
const RUNS: u64 = 20;

fn main() -> ExitCode {
    let runs = match std::env::var("SPEIL_FAULT_RUNS") {
        Ok(text) => text.parse().expect("SPEIL_FAULT_RUNS is a number"),
        Err(_) => RUNS,
    };
    let seed = |seed| Case::new(format!("seed_{seed:03}"), move |place| network::one_run(place, seed));
    let mut cases: Vec<Case> = (0..runs).map(|number| seed(number).wanting(&[Feature::NulInText])).collect();
    cases.extend(steps::cases());
    cases.extend(environment::cases());
    run(cases)
}
