//! Runs cases that want a server. Without one, and where a server lacks what a case needs, the case counts as ignored and is
//! named: no case passes that was not run.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use super::feature::{self, Feature};
use super::{Place, VARIABLE};

type Running = Pin<Box<dyn Future<Output = ()>>>;

/// A test.
pub struct Case {
    pub name: String,
    /// What the server must have.
    pub needs: Vec<Feature>,
    /// Without these it leaves out a part.
    pub wants: Vec<Feature>,
    run: Box<dyn FnOnce(Place) -> Running + Send>,
}

impl Case {
    /// A test that gets a place of its own.
    pub fn new<F>(name: impl Into<String>, run: impl FnOnce(Place) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + 'static,
    {
        Self { name: name.into(), needs: Vec::new(), wants: Vec::new(), run: Box::new(|place| Box::pin(run(place))) }
    }

    /// One that only runs where the server has these.
    #[must_use]
    pub fn needing(mut self, needs: &[Feature]) -> Self {
        self.needs.extend(needs);
        self
    }
}

impl Case {
    /// One that leaves out a part where the server lacks these; it asks [`Place::has`].
    #[must_use]
    pub fn wanting(mut self, wants: &[Feature]) -> Self {
        self.wants.extend(wants);
        self
    }
}

/// Runs them, as cargo and people who filter expect it of tests.
pub fn run(cases: Vec<Case>) -> ExitCode {
    let (arguments, filters) = arguments();
    let wanted = |case: &Case| filters.is_empty() || filters.iter().any(|filter| case.name.contains(filter));
    let cases: Vec<Case> = cases.into_iter().filter(wanted).collect();
    let connection = std::env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let quiet = arguments.list;
    let Some(connection) = connection else {
        if !quiet {
            println!("SKIPPED: {} SQL Server cases: {VARIABLE} is not set", cases.len());
        }
        let trials = cases.into_iter().map(|case| Trial::test(case.name, || Ok(())).with_ignored_flag(true)).collect();
        // Asked for with --ignored they cannot be run either: nothing passes that was not run.
        let arguments = Arguments { ignored: false, include_ignored: false, ..arguments };
        return libtest_mimic::run(&arguments, trials).exit_code();
    };
    let lacking = if quiet { Vec::new() } else { look_around(&connection) };
    let trials = cases
        .into_iter()
        .map(|case| {
            let missing: Vec<_> = case.needs.iter().filter(|need| lacking.contains(need)).collect();
            for need in &missing {
                println!("SKIPPED: {}: on this server {}", case.name, need.lacking());
            }
            let ignored = !missing.is_empty();
            for want in case.wants.iter().filter(|want| !ignored && lacking.contains(want)) {
                println!("SKIPPED: a part of {}: on this server {}", case.name, want.lacking());
            }
            let lacking = lacking.clone();
            let connection = connection.clone();
            let (name, run) = (case.name, case.run);
            Trial::test(name, move || in_a_place(Place::fresh(&connection).with_lacking(&lacking), run))
                .with_ignored_flag(ignored)
        })
        .collect();
    // Whoever cannot be run is not run by --ignored either, except by name.
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The command line; names to filter by apart, since more than one may be given, as to any test.
fn arguments() -> (Arguments, Vec<String>) {
    let (mut filters, mut others) = (Vec::new(), Vec::new());
    let mut is_value = false;
    for (at, argument) in std::env::args().enumerate() {
        if at > 0 && !argument.starts_with('-') && !is_value {
            filters.push(argument);
            continue;
        }
        is_value = ["--test-threads", "--skip", "--color", "--format", "--logfile"].contains(&argument.as_str());
        others.push(argument);
    }
    let arguments = Arguments::from_iter(others);
    if arguments.exact { (Arguments { filter: filters.pop(), ..arguments }, filters) } else { (arguments, filters) }
}

/// Drops what crashed runs left, and finds out what the server lacks.
fn look_around(connection: &str) -> Vec<Feature> {
    let place = Place::fresh(connection);
    let runtime = runtime();
    let lacking = runtime.block_on(async {
        for trouble in place.sweep().await {
            eprintln!("an older run's database stays: {trouble}");
        }
        Box::pin(feature::lacking(&place)).await
    });
    drop(runtime);
    clean(&place);
    lacking
}

#[expect(clippy::needless_pass_by_value, reason = "the place ends with the case")]
fn in_a_place(place: Place, run: Box<dyn FnOnce(Place) -> Running + Send>) -> Result<(), libtest_mimic::Failed> {
    let runtime = runtime();
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(place.clone()))));
    // With it go all connections that the case left open.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    clean(&place);
    ended.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        libtest_mimic::Failed::from(text.unwrap_or("it panicked"))
    })
}

fn clean(place: &Place) {
    for trouble in runtime().block_on(place.drop_databases()) {
        eprintln!("a test's database stays: {trouble}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads")
}
