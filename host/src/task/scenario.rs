//! Named stories: what happens to a source, a mirror or a cycle, and how the mirror must be equal again at the end.
//! `speil task run --scenario NAME` and the end-to-end tests tell the same ones.

use super::client::{CallError, Client};
use super::compare::{self, Comparison, Unchanged};
use super::cycle::{self, CycleEnd, CycleOptions, CycleReport};
use super::error::TaskError;
use super::mirror_place::MirrorPlace;
use super::progress::Progress;
use super::source::Source;

mod calls;
mod mirrors;
mod schemas;
mod sources;

/// A story.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    /// What happens, in a line.
    pub about: &'static str,
    /// Whether it handles the mirror by hand, which `--mirror` names.
    pub needs_mirror: bool,
    run: for<'a> fn(&'a mut World<'_>) -> Telling<'a>,
}

type Telling<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), TaskError>> + Send + 'a>>;

/// Builds one entry of a list of scenarios.
macro_rules! scenario {
    ($name:literal, $about:literal, $run:path) => {
        $crate::task::scenario::Scenario {
            name: $name,
            about: $about,
            needs_mirror: false,
            run: |world| Box::pin($run(world)),
        }
    };
    ($name:literal, $about:literal, $run:path, mirror) => {
        $crate::task::scenario::Scenario {
            name: $name,
            about: $about,
            needs_mirror: true,
            run: |world| Box::pin($run(world)),
        }
    };
}
use scenario;

/// All scenarios.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [sources::ALL, schemas::ALL, mirrors::ALL, calls::ALL].concat()
}

/// The scenario of this name.
#[must_use]
pub fn named(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}

/// What a story is about: a source, a way to call the endpoint, and where the mirror is if that is known.
pub struct World<'w> {
    pub source: Source,
    pub client: Client,
    pub options: CycleOptions,
    pub mirror: Option<MirrorPlace>,
    pub progress: &'w dyn Progress,
    /// Cycles made so far.
    pub cycles: Vec<CycleReport>,
    /// The last comparison.
    pub comparison: Option<Comparison>,
    /// What was not as it should be, beside the cycles' own problems.
    pub problems: Vec<String>,
}

impl Scenario {
    /// Tells it: fills the mirror first, lets happen what happens, and brings mirror and source together again.
    ///
    /// # Errors
    /// It cannot be told here. What the endpoint does wrong is found in `world`.
    pub async fn tell(&self, world: &mut World<'_>) -> Result<(), TaskError> {
        if self.needs_mirror && world.mirror.is_none() {
            return Err(TaskError::usage(format!(
                "scenario {} needs the mirror: give --mirror FILE.db or --mirror speil.toml",
                self.name
            )));
        }
        (self.run)(world).await?;
        world.settle().await
    }
}

impl World<'_> {
    /// One cycle that must complete.
    pub async fn cycle(&mut self) -> &CycleReport {
        let report = cycle::run(&mut self.client, &self.source, &self.options, self.progress).await;
        if report.end != CycleEnd::Completed && report.problems.is_empty() {
            self.problems.push(format!("a cycle that should complete ended as {:?}", report.end));
        }
        self.cycles.push(report);
        &self.cycles[self.cycles.len() - 1]
    }

    /// One cycle made another way, whose end is not judged here.
    pub async fn cycle_with(&mut self, options: &CycleOptions) -> &CycleReport {
        let report = cycle::run(&mut self.client, &self.source, options, self.progress).await;
        self.cycles.push(report);
        &self.cycles[self.cycles.len() - 1]
    }

    /// One cycle after which nothing may be left to do, then a comparison if the mirror's place is known.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn settle(&mut self) -> Result<(), TaskError> {
        self.cycle().await;
        let again = self.cycle().await;
        if again.end == CycleEnd::Completed && !again.tables.is_empty() {
            let tables: Vec<_> = again.tables.iter().map(|table| table.table.as_str()).collect();
            let problem =
                format!("a cycle right after a completed one still had something to send, of {}", tables.join(", "));
            self.problems.push(problem);
        }
        self.compare().await
    }

    /// Compares mirror and source, if the mirror's place is known.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn compare(&mut self) -> Result<(), TaskError> {
        let Some(at) = &self.mirror else { return Ok(()) };
        let mirror = at.open().await?;
        let comparison = compare::compare(&self.source, mirror.as_ref(), &Unchanged, 20).await;
        let place = at.place();
        self.comparison = Some(comparison.map_err(|error| TaskError::Mirror { place, message: error.to_string() })?);
        Ok(())
    }

    /// Notes a call that should have succeeded.
    pub(super) fn expect_success<T>(&mut self, what: &str, result: Result<T, CallError>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(format!("{what}: {error}"));
                None
            }
        }
    }

    /// Notes what is not so.
    pub(super) fn check(&mut self, holds: bool, otherwise: impl Into<String>) {
        if !holds {
            self.problems.push(otherwise.into());
        }
    }

    /// The table with the most rows: where something happens.
    pub(super) fn busiest(&self) -> Result<usize, TaskError> {
        let tables = self.source.tables();
        (0..tables.len()).filter(|at| tables[*at].columns().len() > 2).max_by_key(|at| tables[*at].len()).ok_or_else(
            || TaskError::usage("the simulated tenant has no table with three columns; ask for more --tables"),
        )
    }

    /// The name of that table.
    pub(super) fn busiest_name(&self) -> Result<String, TaskError> {
        Ok(self.source.tables()[self.busiest()?].name().to_owned())
    }

    /// Where the mirror is; scenarios that need it are not told without.
    pub(super) fn place(&self) -> Result<MirrorPlace, TaskError> {
        self.mirror.clone().ok_or_else(|| TaskError::usage("this scenario needs --mirror"))
    }

    /// All that is not as it should be.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        self.cycles
            .iter()
            .flat_map(|cycle| cycle.problems.iter().cloned())
            .chain(self.problems.iter().cloned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_scenario_has_a_name_of_its_own() {
        let all = super::all();
        let names: BTreeSet<_> = all.iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.len() >= 30, "{}", all.len());
    }
}
