//! A tenant: its source lives, its cycles come one after the other, an administrator lays hands on its mirror. Whatever goes wrong
//! with a call while the host is alive is a finding; what breaks because the host was killed is counted by operation.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use speil::task::client::Client;
use speil::task::compare::{Comparison, Unchanged, compare};
use speil::task::cycle::{self, CycleEnd, CycleOptions, CycleReport};
use speil::task::endpoint::Endpoint;
use speil::task::error::TaskError;
use speil::task::hand::Rows;
use speil::task::mirror_place::MirrorPlace;
use speil::task::progress::Unwatched;
use speil::task::source::Source;
use speil::task::spelling::Spelling;
use speil_tests::kit::host::identity;

use super::changes::{self, Happened, Life};
use super::history::History;
use super::promises::Promises;
use super::shared::Shared;
use super::watch::Watched;
use super::{judge, look};

/// What a tenant has been through.
#[derive(Debug, Default, Clone)]
pub struct Lived {
    pub cycles: u64,
    pub completed: u64,
    pub calls: u64,
    pub happened: Happened,
    /// By an administrator's hand: resyncs, resets, mirrors put back from a copy.
    pub by_hand: u64,
    /// Calls that a kill broke off, by operation.
    pub broken_off: BTreeMap<String, u64>,
    /// Tables sent in batches so large that the host puts them into a file.
    pub long_batches: u64,
}

/// One tenant.
pub struct Tenant {
    pub name: String,
    pub lived: Lived,
    pub history: Arc<History>,
    pub promises: Arc<Promises>,
    source: Source,
    life: Life,
    client: Client,
    place: MirrorPlace,
    file: PathBuf,
    shared: Arc<Shared>,
    /// The last cycle came through: no row in the mirror is ahead of its LSN.
    is_whole: bool,
    copies: u64,
    /// A copy of the mirror that may be put back, and the tables it was taken of.
    copy: Option<(String, Rows)>,
}

/// Changes of schema in a hundred rounds, where they are what a test is about.
const MANY: u64 = 37;
/// Still a hundred times more than a real tenant has.
const FEW: u64 = 2;

/// `spill_bytes` at its least, which is what the host of a run is given.
pub const SPILL_BYTES: u64 = 64 << 10;
/// Bytes of a batch that goes through a file, and is written in several stretches.
const LONG_BATCH: usize = 700_000;

/// What a call says that a killed host did not answer.
const BROKEN: [&str; 4] =
    ["cannot reach", "the connection broke", "closed the connection without an answer", "the answer is not HTTP/1.1"];

impl Tenant {
    /// The tenant of this number, whose mirror is in a file of that folder.
    pub fn new(number: u64, seed: u64, mirrors: &std::path::Path, endpoint: Endpoint, shared: Arc<Shared>) -> Self {
        let name = format!("Cust{number}");
        let file = mirrors.join(format!("{name}.db"));
        let spelling = if number.is_multiple_of(2) { Spelling::DotNet } else { Spelling::Mono };
        Self {
            lived: Lived::default(),
            history: Arc::default(),
            promises: Arc::default(),
            source: changes::source(seed.wrapping_add(number)),
            life: Life::new(seed, number, MANY),
            client: Client::new(endpoint, identity(&name), spelling).with_retries(0),
            place: MirrorPlace::file(&file, &name),
            file,
            shared,
            is_whole: false,
            copies: 0,
            copy: None,
            name,
        }
    }

    /// The same, but that its schema changes seldom, as real ones do.
    pub fn with_a_steady_schema(mut self, seed: u64, number: u64) -> Self {
        self.life = Life::new(seed, number, FEW);
        self
    }

    /// The mirror's file.
    pub fn file(&self) -> PathBuf {
        self.file.clone()
    }

    /// The mirror, for whoever watches it.
    pub fn watched(&self) -> Watched {
        let (file, tenant) = (self.file(), self.name.clone());
        Watched { file, tenant, history: self.history.clone(), promises: self.promises.clone() }
    }

    /// Lives until the run ends.
    pub async fn live(&mut self) {
        loop {
            let kills = self.shared.up().await;
            if self.shared.ends() {
                return;
            }
            if let Err(wrong) = self.round(kills).await {
                self.shared.wrong(format!("{}: {wrong}", self.name));
                return;
            }
        }
    }

    async fn round(&mut self, kills: u64) -> Result<(), String> {
        let happened = self.life.goes_on(&mut self.source, self.is_whole);
        if happened.schema_changes > 0 || happened.restores > 0 {
            self.copy = None;
        }
        self.lived.happened.add(happened);
        if self.lived.completed > 0 && self.life.dice().once_in(8) {
            self.by_hand().await?;
        }
        let options = self.options();
        let source = self.begins();
        if happened.schema_changes > 0 {
            self.shared.schema_change_comes();
        }
        let report = self.cycle_of(&source, &options).await;
        self.lived.cycles += 1;
        self.lived.calls += report.calls;
        self.judge_calls(&report, self.shared.kills() != kills)?;
        self.is_whole = report.end == CycleEnd::Completed;
        if self.is_whole {
            self.lived.completed += 1;
            self.life.must_rest = false;
            self.is_equal(&source).await?;
            if self.copy.is_none() && self.life.dice().once_in(6) {
                self.take_copy().await?;
            }
        }
        Ok(())
    }

    /// What is sent from now on is of this source.
    fn begins(&self) -> Arc<Source> {
        self.promises.before_cycle(&self.source);
        self.history.begins(&self.source)
    }

    async fn cycle_of(&mut self, source: &Source, options: &CycleOptions) -> CycleReport {
        let report = cycle::run(&mut self.client, source, options, &Unwatched).await;
        self.promises.kept(&report.acknowledged);
        let is_long = |bytes: u64, batches: u64| bytes > batches.max(1) * 2 * SPILL_BYTES;
        let long = report.tables.iter().filter(|table| is_long(table.bytes, table.batches));
        self.lived.long_batches += long.count() as u64;
        report
    }

    /// How the next cycle is cut into calls.
    fn options(&mut self) -> CycleOptions {
        let dice = self.life.dice();
        let long = dice.once_in(4);
        CycleOptions {
            batch_size: if long { LONG_BATCH } else { 800 + dice.index(12_000) },
            batches_per_call: 1 + dice.index(6),
            call_bytes: if long { LONG_BATCH } else { 2_000 + dice.index(30_000) },
            twice: dice.once_in(9),
            stop_after: dice.once_in(9).then(|| 1 + dice.below(4)),
            ..CycleOptions::default()
        }
    }

    fn judge_calls(&mut self, report: &CycleReport, killed: bool) -> Result<(), String> {
        let mut problems = report.problems.clone();
        if killed && report.end == CycleEnd::Failed {
            let broken = problems.iter().position(|problem| BROKEN.iter().any(|text| problem.contains(text)));
            if let Some(broken) = broken {
                let problem = problems.remove(broken);
                let operation = problem.split(':').next().unwrap_or_default().to_owned();
                *self.lived.broken_off.entry(operation).or_default() += 1;
            }
        }
        if problems.is_empty() {
            return Ok(());
        }
        Err(format!("a cycle that ended as {:?}, killed: {killed}: {problems:#?}", report.end))
    }

    /// After a cycle that came through nothing is left to send.
    async fn is_equal(&self, source: &Arc<Source>) -> Result<(), String> {
        let (file, name, source) = (self.file.clone(), self.name.clone(), source.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let look = look::take(&file, &name).map_err(|error| error.to_string())?;
            Ok::<_, String>(judge::equal(&look.mirror().ok_or("there is no mirror")?, &source))
        });
        let wrong = looked.await.map_err(|error| error.to_string())??;
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("after a whole cycle the mirror is not the source: {wrong:#?}"))
        }
    }

    async fn take_copy(&mut self) -> Result<(), String> {
        self.copies += 1;
        let name = format!("copy{}", self.copies);
        self.place.backup(&name).await.map_err(|error| error.to_string())?;
        self.copy = Some((name, self.shapes().await?));
        Ok(())
    }

    /// Every table of the mirror with its SQL. A copy is put back row by row, so the tables must be the very same: one that was altered
    /// and then made anew is another to the host, which keeps among those rows what each was made as.
    async fn shapes(&self) -> Result<Rows, String> {
        let query = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        self.place.rows(query).await.map_err(|error| error.to_string())
    }

    /// What administrators do to a mirror, whatever the host is doing meanwhile.
    async fn by_hand(&mut self) -> Result<(), String> {
        let failed = |error: TaskError| format!("by hand: {error}");
        // It was dropped by hand, and no call has made it again.
        if !self.place.has_table(&format!("{}_mirroring", self.name)).await.map_err(failed)? {
            return Ok(());
        }
        let tables = self.source.tables();
        let table = tables[self.life.dice().index(tables.len())].name().to_owned();
        let rolled = self.life.dice().below(8);
        self.promises.by_hand(if rolled <= 2 || rolled == 4 { Some(&table) } else { None });
        let done = match rolled {
            0..=2 => self.place.set_refill(Some(&table)).await,
            3 => self.place.set_refill(None).await,
            4 => match self.place.has_table(&table).await {
                Ok(true) => self.place.hard_reset(&table).await,
                other => other.map(drop),
            },
            5 => self.place.drop_metadata().await,
            _ => match self.copy.take() {
                Some((copy, of)) if of == self.shapes().await? => self.place.restore(&copy).await,
                _ => return Ok(()),
            },
        };
        self.lived.by_hand += 1;
        done.map_err(failed)
    }

    /// The source.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// So many writes to the source.
    pub fn writes(&mut self, count: u64) {
        self.source.work(count);
    }

    /// One cycle that must come through.
    pub async fn cycle(&mut self) {
        let source = self.begins();
        let report = self.cycle_of(&source, &CycleOptions::default()).await;
        assert_eq!((report.end, report.problems), (CycleEnd::Completed, Vec::new()));
    }

    /// The end: cycles until nothing is left to send, then every cell is compared.
    pub async fn is_mirrored(&mut self) -> Result<Comparison, String> {
        for left in (0..2).rev() {
            let source = self.begins();
            let report = self.cycle_of(&source, &CycleOptions::default()).await;
            self.judge_calls(&report, false)?;
            if left == 0 && !report.tables.is_empty() {
                return Err("a cycle right after a completed one still had something to send".into());
            }
        }
        let mirror = self.place.open().await.map_err(|error| error.to_string())?;
        let found = compare(&self.source, mirror.as_ref(), &Unchanged, 10).await.map_err(|error| error.to_string())?;
        if !found.equal() || found.rows != self.source.rows() {
            return Err(format!(
                "{} differ, {} rows of {}: {:#?}",
                found.differing,
                found.rows,
                self.source.rows(),
                found.differences
            ));
        }
        Ok(found)
    }
}
