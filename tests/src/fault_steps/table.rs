//! The outcomes of three walks as one table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::calls::Call;
use super::walk::Passed;

/// Markdown: a line for every step of a call.
///
/// # Panics
/// When the walks did not pass the same steps.
pub fn table(call: Call, crash: &[Passed], error: &[Passed], hold: &[Passed]) -> String {
    let mut text = String::from("| step | dies there | fails there | is held there |\n|---|---|---|---|\n");
    let of = |passed: &[Passed]| -> BTreeMap<String, String> {
        passed.iter().map(|one| (one.step(), one.outcome.clone())).collect()
    };
    let (crashes, errors, holds) = (of(crash), of(error), of(hold));
    let steps = |of: &BTreeMap<String, String>| of.keys().cloned().collect::<Vec<_>>();
    assert!(
        steps(&crashes) == steps(&errors) && steps(&crashes) == steps(&holds),
        "{call:?} did not pass the same steps: {crashes:#?} {errors:#?} {holds:#?}"
    );
    for one in crash {
        let step = one.step();
        let _ = writeln!(text, "| {step} | {} | {} | {} |", one.outcome, errors[&step], holds[&step]);
    }
    text
}
