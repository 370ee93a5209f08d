//! The whole of a run: the program with its tenants, one who kills it and one who watches.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use speil::task::dice::Dice;
use speil::task::endpoint::Endpoint;
use speil_tests::kit::host::PATH;
use speil_tests::kit::{Engine, Speil};

use super::relay::Relay;
use super::shared::Shared;
use super::tenant::{SPILL_BYTES, Tenant};
use super::watch::{Looks, Watched, watch};

const TENANTS: u64 = 3;
/// A start takes no longer than this when nothing else is known.
const FIRST_GUESS: Duration = Duration::from_millis(400);
/// Before one start in so many the plug-ins' compiled code is thrown away: then they are compiled while the host starts, and kills come
/// in the middle of that too.
const COLD_STARTS: u64 = 5;

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
    /// Files of the plug-in folder.
    pub plugins: &'static [(&'static str, &'static [u8])],
}

/// What was done.
#[derive(Default)]
pub struct Outcome {
    pub kills: u64,
    /// Kills of a host that did not listen yet.
    pub before_it_listened: u64,
    moments: std::collections::BTreeMap<Moment, u64>,
    pub tenants: Vec<Tenant>,
    /// Looks while tenants and host were at work, starts and kills among it.
    pub watched: Looks,
    /// Looks at what a kill left behind, right after it and before the next start.
    pub after_kills: Looks,
    /// Starts without compiled plug-ins.
    pub cold_starts: u64,
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
        for (when, looks) in [("watched", &self.watched), ("after kills", &self.after_kills)] {
            let verdict = &looks.verdict;
            let _ = writeln!(
                text,
                "{when}: {} looks, {} refused by SQLite, {} tables and {} rows judged, {} promises, {} tables promised nothing, {} older \
                 than remembered",
                looks.taken,
                looks.unrepaired,
                verdict.tables,
                verdict.rows,
                looks.promises,
                verdict.promising_nothing,
                verdict.too_old
            );
        }
        let long: u64 = self.tenants.iter().map(|tenant| tenant.lived.long_batches).sum();
        let _ = writeln!(
            text,
            "{long} tables in batches that go through a file, {} starts without compiled plug-ins; at the end {} rows and {} cells are \
             equal",
            self.cold_starts, self.rows, self.cells
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
    with_plugins(&speil, plan.plugins);
    let shared = Arc::new(Shared::new());
    let relay = Relay::start().await;
    let endpoint = Endpoint::new(&format!("http://{}{PATH}", relay.address), None).expect("a URL");
    let mirrors = speil.folder().join("mirrors");
    let tenants: Vec<Tenant> = (1..=TENANTS)
        .map(|number| Tenant::new(number, plan.seed, &mirrors, endpoint.clone(), shared.clone()))
        .collect();
    let mirrors: Vec<Watched> = tenants.iter().map(Tenant::watched).collect();
    let watching = {
        let (mirrors, shared) = (mirrors.clone(), shared.clone());
        std::thread::spawn(move || watch(&mirrors, &shared))
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

    let dice = Dice::named(&[plan.seed, 0x1c11]);
    let mut killer = Killer { speil, relay, shared: shared.clone(), dice, usual: FIRST_GUESS, mirrors };
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
    outcome.watched = watching.join().expect("no panic");
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

/// Gives a host these plug-ins, and as little memory for a batch as can be.
pub fn with_plugins(speil: &Speil, files: &[(&str, &[u8])]) {
    let folder = speil.folder().join("plugins");
    std::fs::create_dir(&folder).expect("writable");
    for (name, content) in files {
        std::fs::write(folder.join(name), content).expect("writable");
    }
    speil.configure("", &format!("spill_bytes = {SPILL_BYTES}\n[plugins]\ndirectory = \"plugins\""));
}

struct Killer {
    speil: Speil,
    relay: Relay,
    shared: Arc<Shared>,
    dice: Dice,
    /// How long a start takes here.
    usual: Duration,
    mirrors: Vec<Watched>,
}

impl Killer {
    /// Starts the host, waits for a moment chosen by chance, kills it, and looks at what is left.
    async fn kill_once(&mut self, outcome: &mut Outcome) {
        if self.dice.once_in(COLD_STARTS) {
            let cache = self.speil.folder().join("plugins").join(".cache");
            match std::fs::remove_dir_all(cache) {
                Ok(()) => outcome.cold_starts += 1,
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}"),
            }
        }
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
        self.look(outcome).await;
    }

    /// At each mirror twice: as the kill left it, and when all tenants have seen their calls broken off, so that every promise is known.
    async fn look(&self, outcome: &mut Outcome) {
        let once = || {
            let mut looks = Looks::default();
            for mirror in &self.mirrors {
                mirror.look(&mut looks, &self.shared);
            }
            looks
        };
        outcome.after_kills.add(tokio::task::block_in_place(once));
        self.unless_it_ends(self.shared.all_rest(TENANTS)).await;
        outcome.after_kills.add(tokio::task::block_in_place(once));
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
