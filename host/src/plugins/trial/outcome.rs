//! What came of a case, and how much of each limit it took.

use std::sync::Arc;
use std::time::Duration;

use super::recorder::{Recorder, Seen};
use crate::plugins::call::{Failed, Spent};
use crate::plugins::component::Plugin;
use crate::plugins::hook::Function;
use crate::plugins::hooks::HookFailure;
use crate::plugins::instance::Fault;
use crate::plugins::limits::{Limits, duration, rows_time, size};
use crate::protocol::columns::TypedBatch;
use crate::protocol::messages::RowOp;
use crate::protocol::table_def::TableDef;

/// All of it.
pub struct Outcome {
    pub answer: Answer,
    /// Why the hook failed, in the server's words.
    pub error: Option<String>,
    /// The functions called, in order.
    pub ran: Vec<Ran>,
    /// Level and text of its log lines.
    pub log: Vec<(&'static str, String)>,
    /// What it asked of the outside, a line each.
    pub calls: Vec<String>,
    /// What no answer was recorded for: TOML to put into the fixture.
    pub unexpected: Vec<String>,
    pub uses: Vec<Use>,
}

impl Outcome {
    /// Whether it ended in a trap, over a limit, or with something unusable: a defect whatever it was told. An error it answers is
    /// none.
    #[must_use]
    pub fn is_defect(&self) -> bool {
        self.ran.iter().any(|ran| !matches!(ran.ending, Ending::Done | Ending::Answered)) || self.is_over()
    }

    /// Whether a limit was reached.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.uses.iter().any(|one| one.over)
    }

    /// Time of all functions together.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.ran.iter().map(|ran| ran.took).sum()
    }
}

/// What a hook answered.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It answers nothing, or failed.
    Nothing,
    /// `resolve-connection` and `authenticated`.
    Text(Option<String>),
    /// `transform`.
    Table {
        /// Whether the plan does anything.
        touched: bool,
        /// `None`: the table is left out.
        target: Option<Arc<TableDef>>,
        /// The operations as they came, and what reaches the mirror.
        batches: Vec<(Vec<RowOp>, TypedBatch)>,
    },
}

/// One function that was called.
#[derive(Debug, Clone, Copy)]
pub struct Ran {
    pub function: Function,
    /// With the making of an instance, where it was the first.
    pub took: Duration,
    /// Rows it was given.
    pub rows: usize,
    pub ending: Ending,
}

/// How a function ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// It answered an error of its own.
    Answered,
    /// It answered what cannot be used.
    Unusable,
    Trapped,
    /// The limit's key.
    Limit(&'static str),
}

impl Ending {
    pub(super) fn of(failed: Option<&Failed>) -> Self {
        match failed {
            None => Self::Done,
            Some(Failed::Answered(_)) => Self::Answered,
            Some(Failed::Unusable(_) | Failed::Broken(_) | Failed::Violation(..) | Failed::Differs(..)) => {
                Self::Unusable
            }
            Some(Failed::Fault(Fault::Trap(_) | Fault::NoRoom)) => Self::Trapped,
            Some(Failed::Fault(Fault::Limit(tripped))) => Self::Limit(tripped.key()),
            Some(Failed::OfRow(failed, _) | Failed::Kept { first: failed, .. }) => Self::of(Some(failed)),
        }
    }
}

/// How much of a limit was used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Use {
    /// Its key under `[limits]`.
    pub limit: &'static str,
    pub used: u64,
    pub of: u64,
    pub unit: Unit,
    /// It tripped, or would have.
    pub over: bool,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Bytes,
    Count,
    Micros,
}

impl Use {
    /// In hundredths; 0 where nothing is allowed and nothing used.
    #[must_use]
    pub fn percent(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
        let (used, of) = (self.used as f64, self.of as f64);
        if self.used == 0 { 0.0 } else { 100.0 * used / of.max(1.0) }
    }

    /// What was used, for people.
    #[must_use]
    pub fn shown(&self) -> (String, String) {
        let show = |number: u64| match self.unit {
            Unit::Bytes => size(usize::try_from(number).unwrap_or(usize::MAX)),
            Unit::Count => number.to_string(),
            Unit::Micros if number < 10_000 => format!("{number} µs"),
            Unit::Micros => duration(Duration::from_micros(number)),
        };
        (show(self.used), show(self.of))
    }
}

pub(super) fn put_together(
    plugin: &Plugin,
    answer: Result<Answer, HookFailure>,
    spent: Spent,
    recorder: Recorder,
) -> Outcome {
    let seen = recorder.finish();
    let told = seen.ran.iter().any(|ran| ran.ending != Ending::Done);
    let (answer, error) = match answer {
        Ok(answer) => (answer, None),
        Err(failure) => (Answer::Nothing, Some(failure.message)),
    };
    // What does not fail the call is told by the counters.
    let error = error.or_else(|| plugin.counters.last_error().filter(|_| told).map(|error| error.message));
    let uses = uses(&plugin.limits, spent, &seen);
    let Seen { ran, log, calls, unexpected, .. } = seen;
    Outcome { answer, error, ran, log, calls, unexpected, uses }
}

fn uses(limits: &Limits, spent: Spent, seen: &Seen) -> Vec<Use> {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let tripped = |key: &str| seen.ran.iter().any(|ran| matches!(ran.ending, Ending::Limit(limit) if limit == key));
    let line = |limit, used: u64, of: u64, unit| Use { limit, used, of, unit, over: used > of || tripped(limit) };
    let count = |limit, used: usize, of: usize, unit| line(limit, used as u64, of as u64, unit);
    // The function that came nearest to its time.
    let share = |ran: &Ran| ran.took.as_secs_f64() / limits.time_for(ran.rows).as_secs_f64();
    let slowest = seen.ran.iter().max_by(|a, b| share(a).total_cmp(&share(b)));
    let (took, time) = slowest.map_or((Duration::ZERO, limits.time), |ran| (ran.took, limits.time_for(ran.rows)));
    let (requests, bytes) = spent.http_left.unwrap_or((limits.http_requests, limits.http_bytes));
    let mut uses = vec![
        count("memory", seen.memory, limits.memory, Unit::Bytes),
        count("table_elements", seen.table_elements, limits.table_elements, Unit::Count),
        line("time", micros(took), micros(time), Unit::Micros),
        line("call_time", micros(spent.time), micros(limits.call_time + rows_time(spent.rows)), Unit::Micros),
        count("log_lines", spent.log.0, limits.log_lines, Unit::Count),
        count("log_bytes", spent.log.1, limits.log_bytes, Unit::Bytes),
        count("http_requests", limits.http_requests - requests, limits.http_requests, Unit::Count),
        count("http_bytes", limits.http_bytes - bytes, limits.http_bytes, Unit::Bytes),
    ];
    // The engine counts these and tells only when they trip.
    if tripped("output") {
        let of = limits.output as u64;
        uses.push(Use { limit: "output", used: of.saturating_add(1), of, unit: Unit::Bytes, over: true });
    }
    if tripped("stack") {
        let of = Limits::STACK as u64;
        uses.push(Use { limit: "stack", used: of, of, unit: Unit::Bytes, over: true });
    }
    uses
}
