//! Numbers for machines, in OpenMetrics text. No label ever holds a text from outside: operations, outcomes, reasons
//! and states are all from lists of ours, so that no caller can grow this.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::room::NoRoom;
use super::troubles::Trouble;
use crate::auth::RefusalReason;
use crate::protocol::names::Operation;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// `IsSuccessful=true`.
    Success,
    /// `IsSuccessful=false`: it could not be carried out.
    Failed,
    /// `IsSuccessful=false`: its token is not good.
    Refused,
    /// The message is wrong.
    Fault,
}

impl Outcome {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Fault => "fault",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: String,
}

type Durations = Family<OperationLabel, Histogram, fn() -> Histogram>;

/// All numbers of one server.
pub(super) struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    durations: Durations,
    bytes: Family<OperationLabel, Counter>,
    rows: Counter,
    refusals: Family<ReasonLabel, Counter>,
    troubles: Family<ReasonLabel, Counter>,
    turned_away: Family<ReasonLabel, Counter>,
    connections: Gauge<i64, AtomicI64>,
    waiting: Gauge<i64, AtomicI64>,
    at_work: Gauge<i64, AtomicI64>,
    tenants: Family<StateLabel, Gauge>,
    plugins: Family<StateLabel, Gauge>,
    quarantined: Gauge<i64, AtomicI64>,
    build: Gauge<u64, AtomicU64>,
}

/// From an unchanged TableSchema (milliseconds) to a hundred-megabyte RowData (minutes).
fn buckets() -> Histogram {
    Histogram::new([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0])
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("speil"),
            calls: Family::default(),
            durations: Family::new_with_constructor(buckets as fn() -> Histogram),
            bytes: Family::default(),
            rows: Counter::default(),
            refusals: Family::default(),
            troubles: Family::default(),
            turned_away: Family::default(),
            connections: Gauge::default(),
            waiting: Gauge::default(),
            at_work: Gauge::default(),
            tenants: Family::default(),
            plugins: Family::default(),
            quarantined: Gauge::default(),
            build: Gauge::default(),
        };
        metrics.build.set(1);
        let registry = &mut metrics.registry;
        registry.register("calls", "Calls answered, by operation and outcome", metrics.calls.clone());
        registry.register_with_unit(
            "call_duration",
            "Time from a call's head to its answer",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register_with_unit("received", "Bytes of messages received", Unit::Bytes, metrics.bytes.clone());
        registry.register("rows", "Rows received in batches that were handed to the pipeline", metrics.rows.clone());
        registry.register("refusals", "Calls refused for their token, by reason", metrics.refusals.clone());
        registry.register(
            "connection_troubles",
            "Connections and messages ended before their time, by reason",
            metrics.troubles.clone(),
        );
        registry.register(
            "calls_turned_away",
            "Calls told to come again since there was no room, by reason",
            metrics.turned_away.clone(),
        );
        registry.register("connections", "Connections open now", metrics.connections.clone());
        registry.register("calls_waiting", "Calls waiting for room now", metrics.waiting.clone());
        registry.register("calls_at_work", "Calls under way now", metrics.at_work.clone());
        registry.register("tenants", "Mirrors on this host by the state of their tenant", metrics.tenants.clone());
        registry.register("plugins", "Plug-ins by their state", metrics.plugins.clone());
        registry.register(
            "quarantined_rows",
            "Rows of all mirrors that are kept aside, since a plug-in fails on them",
            metrics.quarantined.clone(),
        );
        registry.register("up", "This process runs", metrics.build.clone());
        metrics
    }

    /// A call has ended.
    pub(super) fn call(&self, operation: Option<Operation>, outcome: Outcome, took: Duration, bytes: u64, rows: u64) {
        let operation = operation.map_or("unknown", Operation::name);
        self.calls.get_or_create(&CallLabels { operation, outcome: outcome.name() }).inc();
        self.durations.get_or_create(&OperationLabel { operation }).observe(took.as_secs_f64());
        self.bytes.get_or_create(&OperationLabel { operation }).inc_by(bytes);
        self.rows.inc_by(rows);
    }

    /// A token was not good.
    pub(super) fn refused(&self, reason: RefusalReason) {
        self.refusals.get_or_create(&ReasonLabel { reason: reason.word() }).inc();
    }

    /// A connection or a message was ended before its time.
    pub(super) fn trouble(&self, trouble: Trouble) {
        self.troubles.get_or_create(&ReasonLabel { reason: trouble.word() }).inc();
    }

    /// A call found no room.
    pub(super) fn turned_away(&self, why: NoRoom) {
        self.turned_away.get_or_create(&ReasonLabel { reason: why.word() }).inc();
    }

    /// What is under way at this moment, for the next [`Metrics::text`].
    pub(super) fn now(&self, connections: usize, waiting: usize) {
        self.connections.set(i64::try_from(connections).unwrap_or(i64::MAX));
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// The text of `/metrics`.
    pub(super) fn text(
        &self,
        at_work: usize,
        tenants: &[(String, i64)],
        plugins: &[(&'static str, i64)],
        quarantined: u64,
    ) -> Result<String, std::fmt::Error> {
        self.at_work.set(i64::try_from(at_work).unwrap_or(i64::MAX));
        self.quarantined.set(i64::try_from(quarantined).unwrap_or(i64::MAX));
        self.tenants.clear();
        for (state, count) in tenants {
            self.tenants.get_or_create(&StateLabel { state: state.clone() }).set(*count);
        }
        for (state, count) in plugins {
            self.plugins.get_or_create(&StateLabel { state: (*state).to_owned() }).set(*count);
        }
        let mut output = String::new();
        text::encode(&mut output, &self.registry)?;
        Ok(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_counted() {
        let metrics = Metrics::new();
        let took = Duration::from_millis(3);
        metrics.call(Some(Operation::RowData), Outcome::Success, took, 1000, 12);
        metrics.call(Some(Operation::RowData), Outcome::Success, took, 500, 3);
        metrics.call(None, Outcome::Fault, took, 1, 0);
        metrics.refused(RefusalReason::Audience);
        metrics.trouble(Trouble::SlowHead);
        metrics.turned_away(NoRoom::Queue { waiting: 3 });
        metrics.now(12, 3);
        let text = metrics.text(2, &[("current".into(), 5)], &[("paused", 1)], 7).expect("text");
        for line in [
            "speil_calls_total{operation=\"RowData\",outcome=\"success\"} 2",
            "speil_calls_total{operation=\"unknown\",outcome=\"fault\"} 1",
            "speil_received_bytes_total{operation=\"RowData\"} 1500",
            "speil_call_duration_seconds_bucket{le=\"0.005\",operation=\"RowData\"} 2",
            "speil_rows_total 15",
            "speil_refusals_total{reason=\"audience\"} 1",
            "speil_connection_troubles_total{reason=\"slow_head\"} 1",
            "speil_calls_turned_away_total{reason=\"queue\"} 1",
            "speil_connections 12",
            "speil_calls_waiting 3",
            "speil_calls_at_work 2",
            "speil_tenants{state=\"current\"} 5",
            "speil_plugins{state=\"paused\"} 1",
            "speil_quarantined_rows 7",
            "# EOF",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let later = metrics.text(0, &[("silent".into(), 1)], &[], 0).expect("text");
        assert!(!later.contains("state=\"current\""), "a state nobody is in any more is not told");
    }
}
