//! One fixture: from its file to what came of it, compared or written down.

use std::time::Instant;

use tokio::runtime::Runtime;

use super::mirror::Mirror;
use super::report::Test;
use super::{Named, expect};
use crate::plugins::trial::{Case, Expect, Fixture, Input, Outcome, Overrides, Trial};

/// What a case left behind.
pub(super) struct Came {
    pub(super) outcome: Outcome,
    pub(super) found: Expect,
}

/// Runs a fixture, and compares or blesses it.
pub(super) fn test(trial: &Trial, named: &Named, bless: bool, runtime: &Runtime) -> Test {
    let begun = Instant::now();
    let fixture = match &named.fixture {
        Ok(fixture) => fixture,
        Err(reason) => return Test::unread(&named.name, reason.clone()),
    };
    let mut test = match try_fixture(trial, fixture, runtime) {
        Ok(came) => {
            let mut test = Test::of(&named.name, &fixture.hook, &came.outcome, expect::made(&came.found));
            judge(&mut test, named, fixture, &came, bless);
            test
        }
        Err(reason) => Test::broken(&named.name, &fixture.hook, reason),
    };
    test.whole = begun.elapsed();
    test
}

/// Runs a fixture as it is.
pub(super) fn try_fixture(trial: &Trial, fixture: &Fixture, runtime: &Runtime) -> Result<Came, String> {
    let overrides = overrides(fixture, false);
    try_input(trial, fixture, fixture.input()?, &overrides, runtime)
}

pub(super) fn overrides(fixture: &Fixture, refuse_http: bool) -> Overrides {
    Overrides { config: fixture.config.clone(), secrets: fixture.secrets.clone(), refuse_http }
}

/// Runs something else in a fixture's surroundings.
pub(super) fn try_input(
    trial: &Trial,
    fixture: &Fixture,
    input: Input,
    overrides: &Overrides,
    runtime: &Runtime,
) -> Result<Came, String> {
    // Off the event loop: it starts the plug-in once.
    let subject = trial.subject(overrides)?;
    let (call, answers) = (fixture.call()?, fixture.answers()?);
    runtime.block_on(async {
        let mirror =
            if input.has_mirror() { Some(Mirror::of(fixture, &call.tenant, trial.name()).await?) } else { None };
        let case = Case { call, input, mirror: mirror.as_ref().map(Mirror::db), answers };
        let outcome = subject.run(case).await?;
        let mut found = expect::found(trial.name(), &outcome);
        if let Some(mirror) = mirror {
            found.keyvalue = Some(mirror.values().await?).filter(|values| !values.is_empty());
            let wanted = fixture.expect.as_ref().and_then(|expect| expect.queries.as_deref()).unwrap_or_default();
            found.queries = Some(mirror.queries(wanted).await?).filter(|queries| !queries.is_empty());
            mirror.close().await;
        }
        Ok(Came { outcome, found })
    })
}

fn judge(test: &mut Test, named: &Named, fixture: &Fixture, came: &Came, bless: bool) {
    if !came.outcome.unexpected.is_empty() {
        test.problems.push(format!(
            "it asked for what the fixture does not answer; put this into it, with the answer:\n\n{}",
            came.outcome.unexpected.join("\n")
        ));
        return;
    }
    match (&named.path, bless) {
        (Some(path), true) => match expect::bless(path, &came.found) {
            Ok(()) => test.blessed = true,
            Err(reason) => test.problems.push(reason),
        },
        (Some(_), false) => {
            let empty = Expect::default();
            let expected = fixture.expect.as_ref().unwrap_or(&empty);
            test.problems.extend(expect::compare(expected, &came.found));
            if fixture.expect.is_none() {
                test.remark = Some("it expects nothing but success: --bless writes down what came");
            }
        }
        // Samples: an error in the plug-in's own words is an answer like any other.
        (None, _) => {
            if came.outcome.is_defect() {
                test.problems.extend(came.outcome.error.clone());
            }
        }
    }
}
