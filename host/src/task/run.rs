//! A run of the simulator: a tenant from a seed, cycles with changes between them or a named scenario, and a report.

use std::sync::Arc;

use super::client::{Client, Identity};
use super::compare::{Comparison, Expectation, Unchanged, compare};
use super::cycle::{self, CycleEnd, CycleOptions, CycleReport};
use super::endpoint::Endpoint;
use super::error::TaskError;
use super::mirror_place::MirrorPlace;
use super::progress::Progress;
use super::scenario::{self, World};
use super::shape::ShapeOptions;
use super::source::Source;
use super::source::traffic::Written;
use super::spelling::Spelling;

/// What to run.
pub struct RunOptions {
    pub endpoint: Endpoint,
    pub identity: Identity,
    pub shape: ShapeOptions,
    /// Cycles to make; the first fills, rows change before each later one.
    pub cycles: u32,
    /// Rows written before each later cycle.
    pub changes: u64,
    pub cycle: CycleOptions,
    pub spelling: Spelling,
    pub timeout: std::time::Duration,
    /// The mirror's file, for comparing.
    pub mirror: Option<MirrorPlace>,
    /// What the mirror should hold.
    pub expectation: Arc<dyn Expectation>,
    /// A story of [`scenario::all`] in the place of plain cycles.
    pub scenario: Option<String>,
    /// Differences to show.
    pub show: usize,
}

impl RunOptions {
    /// The default tenant, two cycles, .NET's spelling, no comparison.
    #[must_use]
    pub fn new(endpoint: Endpoint, identity: Identity) -> Self {
        Self {
            endpoint,
            identity,
            shape: ShapeOptions::default(),
            cycles: 2,
            changes: 2_000,
            cycle: CycleOptions::default(),
            spelling: Spelling::DotNet,
            timeout: std::time::Duration::from_mins(2),
            mirror: None,
            expectation: Arc::new(Unchanged),
            scenario: None,
            show: 20,
        }
    }
}

/// What a run did and found.
#[derive(Debug, serde::Serialize)]
pub struct RunReport {
    pub url: String,
    pub tenant: String,
    pub scenario: Option<String>,
    /// The source as it was at the end.
    pub tables: usize,
    pub columns: usize,
    pub rows: u64,
    pub cycles: Vec<CycleReport>,
    /// Rows written to the source between cycles.
    pub written: Written,
    /// `None`: nobody said where the mirror is.
    pub comparison: Option<Comparison>,
    /// All that the endpoint did wrong.
    pub problems: Vec<String>,
}

impl RunReport {
    /// Whether everything was as it should be.
    #[must_use]
    pub fn good(&self) -> bool {
        self.problems.is_empty() && self.comparison.as_ref().is_none_or(Comparison::equal)
    }
}

/// Runs.
///
/// # Errors
/// The run could not be made; what the endpoint does wrong is in the report.
pub async fn run(options: RunOptions, progress: &dyn Progress) -> Result<RunReport, TaskError> {
    let source = Source::new(options.shape);
    run_with(options, source, progress).await
}

/// Runs with a source of the caller's making.
///
/// # Errors
/// As [`run`].
pub async fn run_with(options: RunOptions, source: Source, progress: &dyn Progress) -> Result<RunReport, TaskError> {
    let url = options.endpoint.url().to_owned();
    let tenant = options.identity.tenant.clone();
    let client = Client::new(options.endpoint, options.identity, options.spelling).with_timeout(options.timeout);
    let mut written = Written::default();
    let (source, cycles, comparison, problems) = if let Some(name) = &options.scenario {
        let told = scenario::named(name).ok_or_else(|| unknown_scenario(name))?;
        let mut world = World {
            source,
            client,
            options: options.cycle,
            mirror: options.mirror,
            progress,
            cycles: Vec::new(),
            comparison: None,
            problems: Vec::new(),
        };
        told.tell(&mut world).await?;
        let problems = world.findings();
        (world.source, world.cycles, world.comparison, problems)
    } else {
        let (mut source, mut client) = (source, client);
        let mut cycles: Vec<CycleReport> = Vec::new();
        for number in 0..options.cycles.max(1) {
            if number > 0 {
                let more = source.work(options.changes);
                written.inserts += more.inserts;
                written.updates += more.updates;
                written.deletes += more.deletes;
                source.pass_hours(1);
            }
            let report = cycle::run(&mut client, &source, &options.cycle, progress).await;
            let end = report.end;
            cycles.push(report);
            if end != CycleEnd::Completed {
                break;
            }
        }
        let comparison = match &options.mirror {
            Some(file) if cycles.iter().all(|cycle| cycle.end != CycleEnd::LeftAlone) => {
                let mirror = file.open().await?;
                let failed = |error: crate::store::StoreError| TaskError::Mirror {
                    place: file.place(),
                    message: error.to_string(),
                };
                let compared = compare(&source, mirror.as_ref(), options.expectation.as_ref(), options.show).await;
                Some(compared.map_err(failed)?)
            }
            _ => None,
        };
        let problems = cycles.iter().flat_map(|cycle| cycle.problems.iter().cloned()).collect();
        (source, cycles, comparison, problems)
    };
    Ok(RunReport {
        url,
        tenant,
        scenario: options.scenario,
        tables: source.tables().len(),
        columns: source.columns(),
        rows: source.rows(),
        cycles,
        written,
        comparison,
        problems,
    })
}

fn unknown_scenario(name: &str) -> TaskError {
    let nearest = scenario::all()
        .into_iter()
        .map(|scenario| scenario.name)
        .min_by_key(|known| strsim::levenshtein(known, name))
        .unwrap_or_default();
    TaskError::usage(format!(
        "there is no scenario {name:?}; did you mean {nearest:?}? --list-scenarios names them all"
    ))
}
