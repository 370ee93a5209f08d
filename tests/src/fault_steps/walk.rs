//! One walk: every step of every call, with one action.

use std::sync::Arc;

use speil::faults::Step;
use speil::task::client::{CallError, Client};
use speil::task::cycle::{self, CycleEnd, CycleOptions};
use speil::task::progress::Unwatched;
use speil::task::source::{Source, SourceTable};
use tokio::task::JoinHandle;

use super::calls::{Call, keeps_others_out};
use super::held::Held;
use super::orders::{Action, Orders};
use super::pieces::InPieces;
use super::prepare::{NAME, POISON, Prepared, STORY, goes_on, prepare, source};
use crate::kit::{At, Speil, Tenant};

/// A step that a call passed, and what came of the action there.
#[derive(Debug, Clone)]
pub struct Passed {
    step: Step,
    /// Which pass of the same step, from 1.
    number: usize,
    pub outcome: String,
}

impl Passed {
    /// The step, and which pass of it.
    pub fn step(&self) -> String {
        match self.number {
            1 => self.step.name().to_owned(),
            number => format!("{} ({number})", self.step.name()),
        }
    }
}

/// What is walked over.
#[derive(Clone)]
pub struct Walked {
    pub at: At,
    /// A component that passes the inputs of its configuration on as outputs, and refuses a row with a certain text
    /// (`tests/guests/transformer`).
    pub transformer: &'static [u8],
    pub calls: Vec<Call>,
}

/// Walks over the steps of these calls with this action. Each call is told when it is done.
///
/// # Panics
/// When anything is lost, a repeated call does not come through, or another tenant is not served.
pub async fn walk(walked: Walked, action: Action, mut told: impl FnMut(Call, Vec<Passed>)) {
    let mut speil = walked.at.speil();
    let plugins = speil.folder().join("plugins");
    let sidecar = format!(
        "poison = \"quarantine\"\n[config]\n\"{STORY}.inputs\" = \"{NAME}\"\n\"{STORY}.outputs\" = \"{NAME}\"\n\
         \"{STORY}.refuse\" = \"{POISON}\"\n"
    );
    std::fs::create_dir(&plugins).expect("writable");
    std::fs::write(plugins.join("same.toml"), sidecar).expect("writable");
    std::fs::write(plugins.join("same.wasm"), walked.transformer).expect("writable");
    speil.configure("", "spill_bytes = \"64KiB\"\n[plugins]\ndirectory = \"plugins\"");
    let orders = Arc::new(Orders::to(&mut speil));
    speil.start();
    let (tenant, other) = (Tenant::new(&speil, "Cust1", source(1)), Tenant::new(&speil, "Cust2", source(2)));
    let mut walk = Walk { speil, orders, tenant, other, made: 0 };
    walk.tenant.is_mirrored().await;
    walk.other.is_mirrored().await;
    for &call in &walked.calls {
        let mut all = Vec::new();
        for step in Step::ALL {
            let passes = if walked.at.engine.is_sqlite() { call.walked(step) } else { call.walked_over_a_server(step) };
            for number in passes {
                let Some(outcome) = walk.one(call, step, number, action).await else { break };
                all.push(Passed { step, number, outcome });
            }
        }
        told(call, all);
    }
    walk.other.is_mirrored().await;
}

struct Walk {
    speil: Speil,
    orders: Arc<Orders>,
    tenant: Tenant,
    other: Tenant,
    /// Calls made.
    made: u16,
}

/// What a caller sees of its call: whether the table was answered for.
type Seen = Result<bool, CallError>;

impl Walk {
    /// One action at one step of one call; `None` when the call does not come there.
    async fn one(&mut self, call: Call, step: Step, number: usize, action: Action) -> Option<String> {
        let what = format!("{} at {} ({number}): {action:?}", call.title(), step.name());
        self.made += 1;
        if call == Call::FirstOpen {
            self.tenant = Tenant::new(&self.speil, &format!("New{}", self.made), source(3));
        }
        let prepared = prepare(&mut self.tenant, call, self.made).await;
        let before = Held::by(&self.tenant).await;
        let mut calling = if call == Call::InPieces {
            let client = self.client();
            let pieces = InPieces::until(&self.orders, &client, &prepared.batches, number, action).await;
            let orders = self.orders.clone();
            tokio::spawn(async move { pieces.end(&orders).await })
        } else {
            self.orders.give(step, action, number - 1);
            self.call(call, &prepared)
        };
        if action == Action::Hold {
            tokio::select! {
                () = self.orders.are_carried_out() => {
                    return Some(self.held(call, step, &prepared, calling, &what).await);
                }
                made = &mut calling => self.is_not_passed(made.expect("no panic"), &prepared, &what).await,
            }
            return None;
        }
        let saw = calling.await.expect("no panic");
        if self.orders.is_waiting() {
            self.is_not_passed(saw, &prepared, &what).await;
            return None;
        }
        if action == Action::Crash {
            let (status, _) = self.speil.stopped().await;
            assert!(!status.success(), "{what}: {status}");
            self.speil.start();
            self.tenant.call_again(&self.speil);
            self.other.call_again(&self.speil);
        }
        let left = Held::by(&self.tenant).await.of(call, &before, &self.tenant, &what).await;
        // The decoder is ahead of the transactions, and nobody can say how far.
        let is_ahead = call == Call::ThreeBatches && step == Step::BatchDecoded && action == Action::Crash;
        let left = if is_ahead { "so many of 3".to_owned() } else { left };
        let again = self.call(call, &prepared).await.expect("no panic");
        assert!(matches!(again, Ok(true)), "{what}: the repeated call: {again:?}");
        self.other_is_served(&what).await;
        self.heals(&prepared, &what).await;
        let saw = seen(&saw, &what);
        Some(if left.is_empty() { saw.to_owned() } else { format!("{saw}; {left}") })
    }

    /// The call is held at the step. Another tenant is served. The same caller repeats its call, and goes on as far as the first lets
    /// it; then the first is released, and must not undo anything.
    async fn held(
        &mut self,
        call: Call,
        step: Step,
        prepared: &Prepared,
        calling: JoinHandle<Seen>,
        what: &str,
    ) -> String {
        self.other_is_served(what).await;
        let is_alone = keeps_others_out(step);
        // Of a call that is not read yet nobody can say that it is the older one.
        let goes_on_meanwhile = !is_alone && step != Step::Accept;
        let again = if is_alone {
            // It waits for the first, which is released when it is on its way.
            self.orders.give(Step::Resolved, Action::Hold, 0);
            let repeating = self.call(call, prepared);
            self.orders.are_carried_out().await;
            self.orders.release();
            repeating
        } else {
            let again = self.call(call, prepared).await.expect("no panic");
            assert!(matches!(again, Ok(true)), "{what}: the call repeated meanwhile: {again:?}");
            if goes_on_meanwhile {
                prepared.repair(&mut self.tenant.source);
                goes_on(&mut self.tenant.source);
                self.completes(what).await;
            }
            self.orders.release();
            tokio::spawn(async { Ok(true) })
        };
        let (saw, again) = (calling.await.expect("no panic"), again.await.expect("no panic"));
        assert!(matches!(again, Ok(true)), "{what}: the call repeated meanwhile: {again:?}");
        if goes_on_meanwhile {
            self.is_equal(what).await;
        } else {
            self.heals(prepared, what).await;
        }
        match &saw {
            Ok(true) | Err(CallError::Refused { .. }) if is_alone => {
                assert!(saw.is_ok() || is_overtaken(&saw), "{what}: {saw:?}");
                "done or overtaken".to_owned()
            }
            _ if is_overtaken(&saw) => "overtaken".to_owned(),
            _ => seen(&saw, what).to_owned(),
        }
    }

    /// The call did not come to the step.
    async fn is_not_passed(&mut self, saw: Seen, prepared: &Prepared, what: &str) {
        self.orders.withdraw();
        saw.unwrap_or_else(|error| panic!("{what}: nothing was done there, and yet: {error}"));
        self.heals(prepared, what).await;
    }

    fn client(&self) -> Client {
        self.tenant.client.another().with_retries(0)
    }

    fn call(&self, call: Call, prepared: &Prepared) -> JoinHandle<Seen> {
        let (client, source, prepared) = (self.client(), self.tenant.source.clone(), prepared.clone());
        tokio::spawn(async move { make(client, call, &source, &prepared).await })
    }

    /// A whole cycle of another tenant.
    async fn other_is_served(&mut self, what: &str) {
        self.other.source.work(2);
        let other = &mut *self.other;
        let report = cycle::run(&mut other.client, &other.source, &CycleOptions::default(), &Unwatched).await;
        assert_eq!((report.end, report.problems), (CycleEnd::Completed, Vec::new()), "{what}: another tenant");
    }

    /// The next cycle mends what is left to be mended.
    async fn heals(&mut self, prepared: &Prepared, what: &str) {
        prepared.repair(&mut self.tenant.source);
        self.completes(what).await;
        self.is_equal(what).await;
    }

    /// A whole cycle of the tenant.
    async fn completes(&mut self, what: &str) {
        self.tenant.cycle().await;
        let findings = self.tenant.findings();
        assert!(findings.is_empty(), "{what}: {findings:#?}");
        self.tenant.forget();
    }

    /// The mirror is its source.
    async fn is_equal(&mut self, what: &str) {
        self.tenant.compare().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let comparison = self.tenant.comparison.as_ref().expect("compared");
        assert!(
            comparison.equal() && comparison.rows == self.tenant.source.rows(),
            "{what}: {} differ, {} rows of {}: {:#?}",
            comparison.differing,
            comparison.rows,
            self.tenant.source.rows(),
            comparison.differences
        );
    }
}

fn is_overtaken(saw: &Seen) -> bool {
    matches!(saw, Err(CallError::Refused { message, .. }) if message.contains("overtaken"))
}

fn seen(saw: &Seen, what: &str) -> &'static str {
    match saw {
        Ok(true) => "done",
        Ok(false) => "table left out",
        Err(CallError::Refused { .. }) => "refused",
        Err(CallError::Fault { .. }) => "fault",
        Err(CallError::Transport { .. }) => "no answer",
        Err(error) => panic!("{what}: {error}"),
    }
}

/// Makes the call.
async fn make(mut client: Client, call: Call, source: &Source, prepared: &Prepared) -> Seen {
    match call {
        Call::Authenticate => client.authenticate().await.map(|_| true),
        Call::TableSchema | Call::FirstOpen | Call::Create | Call::Recreate | Call::Drop => {
            let tables: Vec<_> = source.tables().iter().map(SourceTable::info).collect();
            client.table_schema(&tables).await.map(|answer| answer.lsns.len() == tables.len())
        }
        Call::Wipe => client.wipe(STORY).await.map(|_| true),
        Call::RowData | Call::InPieces | Call::ThreeBatches | Call::LongBatch | Call::Unwiped | Call::KeptAside => {
            client.row_data(&prepared.batches).await.map(|_| true)
        }
        Call::ReplicationCompleted => client.replication_completed(&[]).await.map(|_| true),
    }
}
