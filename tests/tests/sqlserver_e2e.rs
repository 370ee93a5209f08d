//! The program itself, end to end, with mirrors in a SQL Server: the same stories as over SQLite, but for those about files.

use std::process::ExitCode;

use speil_tests::sqlserver::{Case, Feature, run};

fn main() -> ExitCode {
    let cases: Vec<Case> = speil_tests::for_every_e2e_case!(e2e_trials);
    let cases = cases.into_iter().map(|case| match case.name.as_str() {
        "by_hand::a_mirror_taken_away_while_the_host_runs_is_made_anew" => case.needing(&[Feature::DropInUse]),
        name if name.starts_with("status::") => case,
        _ => case.wanting(&[Feature::NulInText]),
    });
    run(cases.collect())
}
