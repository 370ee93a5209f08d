//! The whole of a run: the program with its tenants, one who kills it and one who watches.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use speil::task::dice::Dice;
use speil::task::endpoint::Endpoint;
use speil_tests::kit::host::PATH;
use speil_tests::kit::{Engine, Speil};

use super::history::History;
use super::judge::{self, Verdict};
use super::look;
use super::relay::Relay;
use super::shared::Shared;
use super::tenant::Tenant;

const TENANTS: u64 = 3;
/// A start takes no longer than this when nothing else is known.
const FIRST_GUESS: Duration = Duration::from_millis(400);
/// Between two looks of the one who watches: the tenants need the processor too.
const BREATH: Duration = Duration::from_millis(3);

/// When the host is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// While it starts, perhaps before it listens.
    StartUp,
    /// When some cycles with changes of schema have come, the last of them has begun, and some bytes more have passed.
    SchemaChange,
    /// When so many bytes have passed since it started.
    AfterBytes,
}

/// What is to be done.
pub struct Plan {
    pub seed: u64,
    pub kills: u64,
    /// Told now and then how far it has come.
    pub tell: fn(&str),
}

/// What was done.
#[derive(Default)]
pub struct Outcome {
    pub kills: u64,
    /// Kills of a host that did not listen yet.
    pub before_it_listened: u64,
    moments: std::collections::BTreeMap<Moment, u64>,
    pub tenants: Vec<Tenant>,
    pub verdict: Verdict,
    pub looks: u64,
    cells: u64,
    rows: u64,
    took: Duration,
}

impl Outcome {
    /// Calls of this operation that a kill broke off.
    pub fn broken_off(&self, operation: &str) -> u64 {
        self.tenants.iter().filter_map(|tenant| tenant.lived.broken_off.get(operation)).sum()
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = format!("{} kills in {:.0} s; ", self.kills, self.took.as_secs_f64());
        for (moment, count) in &self.moments {
            let _ = write!(text, "{moment:?}: {count}; ");
        }
        let _ = writeln!(text, "{} before the host listened", self.before_it_listened);
        for tenant in &self.tenants {
            let lived = &tenant.lived;
            let _ = writeln!(
                text,
                "{}: {} cycles, {} completed, {} calls, broken off {:?}; {} writes, {} changes of schema, {} wipes, {} restores, {} by hand",
                tenant.name,
                lived.cycles,
                lived.completed,
                lived.calls,
                lived.broken_off,
                lived.happened.writes,
                lived.happened.schema_changes,
                lived.happened.wipes,
                lived.happened.restores,
                lived.by_hand
            );
        }
        let verdict = &self.verdict;
        let _ = writeln!(
            text,
            "watched: {} looks, {} tables and {} rows judged, {} tables promised nothing, {} older than remembered; at the end {} rows and \
             {} cells are equal",
            self.looks, verdict.tables, verdict.rows, verdict.promising_nothing, verdict.too_old, self.rows, self.cells
        );
        text
    }
}

/// Does it.
///
/// # Panics
/// When anything was wrong at any moment, with the seed.
pub async fn endure(binary: &'static str, plan: Plan) -> Outcome {
    let began = Instant::now();
    let speil = Speil::new(binary, Engine::Sqlite);
    let shared = Arc::new(Shared::new());
    let relay = Relay::start().await;
    let endpoint = Endpoint::new(&format!("http://{}{PATH}", relay.address), None).expect("a URL");
    let mirrors = speil.folder().join("mirrors");
    let tenants: Vec<Tenant> = (1..=TENANTS)
        .map(|number| Tenant::new(number, plan.seed, &mirrors, endpoint.clone(), shared.clone()))
        .collect();
    let to_be_seen: Vec<_> =
        tenants.iter().map(|tenant| (tenant.file(), tenant.name.clone(), tenant.history.clone())).collect();
    let watching = {
        let shared = shared.clone();
        std::thread::spawn(move || watch(&to_be_seen, &shared))
    };
    let living: Vec<_> = tenants
        .into_iter()
        .map(|mut tenant| {
            tokio::spawn(async move {
                tenant.live().await;
                tenant
            })
        })
        .collect();

    let mut killer =
        Killer { speil, relay, shared: shared.clone(), dice: Dice::named(&[plan.seed, 0x1c11]), usual: FIRST_GUESS };
    let mut outcome = Outcome::default();
    while outcome.kills < plan.kills && !shared.ends() {
        killer.kill_once(&mut outcome).await;
        if outcome.kills.is_multiple_of(25) {
            (plan.tell)(&format!("{} kills of {}, {:.0} s", outcome.kills, plan.kills, began.elapsed().as_secs_f64()));
        }
    }
    killer.start();
    shared.end();
    for tenant in living {
        outcome.tenants.push(tenant.await.expect("no panic"));
    }
    let (looks, verdict) = watching.join().expect("no panic");
    (outcome.looks, outcome.verdict) = (looks, verdict);
    let mut wrong = shared.all_wrong();
    for tenant in &mut outcome.tenants {
        match tenant.is_mirrored().await {
            Ok(found) => {
                outcome.rows += found.rows;
                outcome.cells += found.cells;
            }
            Err(what) => wrong.push(format!("{} at the end: {what}", tenant.name)),
        }
    }
    outcome.took = began.elapsed();
    assert!(wrong.is_empty(), "SPEIL_ENDURANCE_SEED={}\n{}{wrong:#?}", plan.seed, outcome.table());
    outcome
}

/// Looks at one mirror after the other until the run ends.
fn watch(mirrors: &[(PathBuf, String, Arc<History>)], shared: &Shared) -> (u64, Verdict) {
    let (mut looks, mut all) = (0, Verdict::default());
    while !shared.ends() {
        for (file, tenant, history) in mirrors {
            let look = match look::take(file, tenant) {
                Ok(Some(look)) => look,
                Ok(None) => continue,
                Err(error) => {
                    shared.wrong(format!("{tenant}: the mirror cannot be read: {error}"));
                    break;
                }
            };
            looks += 1;
            let mut verdict = judge::judge(&look, &history.now());
            for what in verdict.wrong.drain(..) {
                shared.wrong(format!("{tenant}: {what}"));
            }
            all.add(verdict);
        }
        std::thread::sleep(BREATH);
    }
    (looks, all)
}

struct Killer {
    speil: Speil,
    relay: Relay,
    shared: Arc<Shared>,
    dice: Dice,
    /// How long a start takes here.
    usual: Duration,
}

impl Killer {
    /// Starts the host, waits for a moment chosen by chance, kills it.
    async fn kill_once(&mut self, outcome: &mut Outcome) {
        let moment = match self.dice.below(10) {
            0..=2 => Moment::StartUp,
            3..=5 => Moment::SchemaChange,
            _ => Moment::AfterBytes,
        };
        match moment {
            Moment::StartUp => {
                self.speil.launch();
                // A timer, since a host that starts tells nothing: any part of what a start usually takes.
                self.pause(self.usual).await;
                outcome.before_it_listened += u64::from(!self.speil.listens());
            }
            Moment::SchemaChange => {
                let changes = 1 + self.dice.below(6);
                let comes = self.shared.schema_changes(changes);
                self.start();
                self.unless_it_ends(comes).await;
                let bytes = self.dice.below(14_000);
                self.unless_it_ends(self.relay.after(bytes)).await;
                self.pause(Duration::from_millis(4)).await;
            }
            Moment::AfterBytes => {
                self.start();
                // As often a few hundred bytes as a million.
                let power = self.dice.below(11);
                let bytes = self.dice.below(1_000 << power);
                self.unless_it_ends(self.relay.after(bytes)).await;
                self.pause(Duration::from_millis(3)).await;
            }
        }
        self.kill();
        if self.shared.ends() {
            return;
        }
        outcome.kills += 1;
        *outcome.moments.entry(moment).or_default() += 1;
    }

    fn start(&mut self) {
        let began = Instant::now();
        // Short, and the other threads of the runtime go on.
        tokio::task::block_in_place(|| self.speil.start());
        self.usual = (self.usual + began.elapsed()) / 2;
        self.relay.leads_to(Some(self.speil.address()));
        self.shared.comes_up();
    }

    fn kill(&mut self) {
        self.shared.goes_down();
        self.relay.leads_to(None);
        tokio::task::block_in_place(|| self.speil.kill());
    }

    /// Lets any part of that time pass.
    async fn pause(&mut self, most: Duration) {
        let micros = self.dice.below(u64::try_from(most.as_micros()).unwrap_or(u64::MAX));
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }

    /// What is waited for, or the end of the run, since then nothing comes any more.
    async fn unless_it_ends(&self, waited_for: impl Future<Output = ()>) {
        tokio::select! {
            () = waited_for => {}
            () = self.shared.end_comes() => {}
        }
    }
}
