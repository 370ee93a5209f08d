//! Is this a mirroring endpoint: a named list of checks, each a rule of the contract with what was sent, what was expected
//! and what came back. Black box, through SOAP only, against any endpoint; what can only be seen inside the mirror is
//! checked when its SQLite file is at hand.
//!
//! | group | file |
//! |---|---|
//! | HTTP, SOAPAction, service page and WSDL | [`transport`] |
//! | forms of XML that mean the same | [`forms`] |
//! | what is not the message it should be | [`malformed`] |
//! | SOAP headers | [`headers`] |
//! | tokens | [`trust`] |
//! | TableSchema | [`schema`] |
//! | RowData: batches and LSNs | [`rows`] |
//! | RowData: cells | [`cells`] |
//! | Wipe, ReplicationCompleted, the order of answers | [`ending`] |
//! | inside the mirror | [`inside`] |
//!
//! Every check speaks for a tenant of its own, named after it, and makes tables named after the run, so that neither
//! order nor repetition matters.

mod cells;
mod ending;
mod evidence;
mod forms;
mod headers;
mod inside;
mod malformed;
mod probe;
mod rows;
mod schema;
mod story;
mod transport;
mod trust;

use std::pin::Pin;

pub use evidence::Evidence;
pub use probe::Probe;

use super::client::Identity;
use super::endpoint::Endpoint;
use super::error::TaskError;
use super::mirror_place::MirrorPlace;
use super::progress::Progress;

/// One rule of the contract, checked.
#[derive(Clone, Copy)]
pub struct Check {
    /// `group/name`.
    pub name: &'static str,
    /// Where the rule stands.
    pub rule: &'static str,
    /// The rule, in a line.
    pub about: &'static str,
    /// Whether it looks into the mirror.
    pub needs_mirror: bool,
    run: for<'a> fn(&'a Probe) -> Running<'a>,
}

type Running<'a> = Pin<Box<dyn Future<Output = evidence::Outcome> + Send + 'a>>;

/// Builds one entry of a list of checks from an `async fn(&Probe) -> Outcome`.
macro_rules! check {
    ($name:literal, $rule:literal, $about:literal, $run:expr) => {
        $crate::task::conformance::Check {
            name: $name,
            rule: $rule,
            about: $about,
            needs_mirror: false,
            run: |probe| Box::pin($run(probe)),
        }
    };
    ($name:literal, $rule:literal, $about:literal, $run:expr, mirror) => {
        $crate::task::conformance::Check {
            name: $name,
            rule: $rule,
            about: $about,
            needs_mirror: true,
            run: |probe| Box::pin($run(probe)),
        }
    };
}
use check;

/// All checks, in the order of their groups.
#[must_use]
pub fn all() -> Vec<Check> {
    [
        transport::ALL,
        forms::ALL,
        malformed::ALL,
        headers::ALL,
        trust::ALL,
        schema::ALL,
        rows::ALL,
        cells::ALL,
        ending::ALL,
        inside::ALL,
    ]
    .concat()
}

/// What to check, and how.
pub struct ConformanceOptions {
    pub endpoint: Endpoint,
    /// Whose keys to use; the tenant is each check's own.
    pub identity: Identity,
    /// The mirror of `identity.tenant`, for the checks that look inside.
    pub mirror: Option<MirrorPlace>,
    /// Only checks whose name contains one of these; all when empty.
    pub only: Vec<String>,
}

/// What became of one check.
#[derive(Debug, Clone, serde::Serialize)]
pub struct CheckReport {
    pub name: &'static str,
    pub rule: &'static str,
    pub about: &'static str,
    pub verdict: Verdict,
    #[serde(flatten)]
    pub evidence: Evidence,
}

/// Whether the rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Passed,
    Failed,
    /// Not looked at: it needs the mirror's file.
    Skipped,
}

/// What became of all of them.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    pub url: String,
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
    pub checks: Vec<CheckReport>,
}

/// The checks whose names contain one of these texts; all when there is none.
#[must_use]
pub fn chosen(only: &[String]) -> Vec<Check> {
    all()
        .into_iter()
        .filter(|check| only.is_empty() || only.iter().any(|text| check.name.contains(text.as_str())))
        .collect()
}

/// Runs the checks one after the other.
///
/// # Errors
/// No check has such a name, or the endpoint cannot be reached at all.
pub async fn run(options: ConformanceOptions, progress: &dyn Progress) -> Result<Report, TaskError> {
    let checks = chosen(&options.only);
    if checks.is_empty() {
        return Err(TaskError::usage(format!(
            "no check's name contains {}; --list names them all",
            options.only.join(" or ")
        )));
    }
    super::connection::Connection::open(&options.endpoint)
        .await
        .map_err(|source| TaskError::Transport { doing: "before any check".into(), source })?;
    let probe = Probe::new(options.endpoint, options.identity, options.mirror);
    let mut report =
        Report { url: probe.endpoint().url().to_owned(), passed: 0, failed: 0, skipped: 0, checks: Vec::new() };
    progress.begin("checks", checks.len() as u64);
    for check in checks {
        let (verdict, evidence) = if check.needs_mirror && probe.mirror().is_none() {
            report.skipped += 1;
            (Verdict::Skipped, Evidence::new("nothing", "a look into the mirror", "no --mirror FILE.db was given"))
        } else {
            match (check.run)(&probe.of(check.name, check.needs_mirror)).await {
                Ok(evidence) => {
                    report.passed += 1;
                    (Verdict::Passed, evidence)
                }
                Err(evidence) => {
                    report.failed += 1;
                    (Verdict::Failed, evidence)
                }
            }
        };
        report.checks.push(CheckReport { name: check.name, rule: check.rule, about: check.about, verdict, evidence });
        progress.advance(1);
    }
    progress.end();
    Ok(report)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn there_are_checks_enough_each_with_a_name_and_a_rule_of_its_own() {
        let all = super::all();
        let names: BTreeSet<_> = all.iter().map(|check| check.name).collect();
        assert_eq!(names.len(), all.len());
        let black_box = all.iter().filter(|check| !check.needs_mirror).count();
        assert!(black_box >= 60, "{black_box}");
        for check in all {
            assert!(check.name.contains('/') && !check.about.is_empty(), "{}", check.name);
            assert!(check.rule.starts_with("section "), "{}", check.name);
        }
    }

    #[test]
    fn checks_are_chosen_by_a_part_of_their_name() {
        assert!(super::chosen(&["trust/".into()]).iter().all(|check| check.name.starts_with("trust/")));
        assert!(super::chosen(&["no such check".into()]).is_empty());
    }
}
