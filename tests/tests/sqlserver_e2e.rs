//! The program itself, end to end, with mirrors in a SQL Server: the same stories as over SQLite, but for those about files.

use std::process::ExitCode;

use speil_tests::sqlserver::{Case, Feature, run};

fn main() -> ExitCode {
    let cases: Vec<Case> = speil_tests::for_every_e2e_case!(e2e_trials);
    let cases = cases.into_iter().map(|case| match case.name.as_str() {
        "by_hand::a_mirror_taken_away_while_the_host_runs_is_made_anew" => case.needing(&[Feature::DropInUse]),
        "stories::every_type_and_every_kind_of_key_is_mirrored_in_both_spellings" => {
            case.wanting(&[Feature::NulInText, Feature::SeventhDigit, Feature::UnicodeNames])
        }
        "stories::every_story_ends_with_the_mirror_equal_to_the_source" => {
            case.wanting(&[Feature::NulInText, Feature::SeventhDigit])
        }
        "stories::a_tenant_as_large_as_a_real_one_is_filled_and_then_answered_at_once" => {
            case.wanting(&[Feature::NulInText, Feature::TypeNamesForTables])
        }
        name if name.starts_with("status::") => case,
        _ => case.wanting(&[Feature::NulInText]),
    });
    run(cases.collect())
}
