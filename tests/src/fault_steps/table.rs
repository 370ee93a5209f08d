//! The outcomes of three walks as one table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::walk::Passed;

/// Markdown: a line for every step of every call.
///
/// # Panics
/// When the walks did not pass the same steps.
pub fn table(crash: &[Passed], error: &[Passed], hold: &[Passed]) -> String {
    let mut text = String::from("| call | step | dies there | fails there | is held there |\n|---|---|---|---|---|\n");
    let of = |passed: &[Passed]| -> BTreeMap<String, String> {
        passed.iter().map(|one| (one.place(), one.outcome.clone())).collect()
    };
    let (errors, holds) = (of(error), of(hold));
    assert_eq!((crash.len(), crash.len()), (error.len(), hold.len()), "steps passed: {crash:#?} {error:#?} {hold:#?}");
    for one in crash {
        let place = one.place();
        let found = |of: &BTreeMap<String, String>| {
            of.get(&place).cloned().unwrap_or_else(|| panic!("{place} was not passed by all"))
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            one.call,
            one.step(),
            one.outcome,
            found(&errors),
            found(&holds)
        );
    }
    text
}
