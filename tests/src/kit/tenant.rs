//! A simulated tenant against the program: its source, the calling side, its mirror's file, and the one question of all
//! these tests, "is the mirror equal to the source".

use std::collections::{BTreeSet, HashMap};
use std::ops::{Deref, DerefMut};

use speil::task::client::Client;
use speil::task::compare::{Unchanged, compare};
use speil::task::cycle::CycleOptions;
use speil::task::endpoint::Endpoint;
use speil::task::mirror_place::MirrorPlace;
use speil::task::progress::Unwatched;
use speil::task::scenario::World;
use speil::task::shape::ShapeOptions;
use speil::task::source::{Need, Source};
use speil::task::spelling::Spelling;

use super::Speil;
use super::host::identity;
use crate::sqlserver::Feature;

/// A tenant. It is a [`World`] of the simulator's, so that it can make cycles, settle and compare.
pub struct Tenant {
    pub name: String,
    world: World<'static>,
}

impl Deref for Tenant {
    type Target = World<'static>;

    fn deref(&self) -> &Self::Target {
        &self.world
    }
}

impl DerefMut for Tenant {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.world
    }
}

/// A small tenant of real shape.
pub fn small(seed: u64) -> Source {
    Source::new(ShapeOptions { seed, tables: 10, rows: 800, extras: false })
}

/// Cycles with many calls, several batches in each.
pub fn many_calls() -> CycleOptions {
    CycleOptions { batch_size: 10_000, batches_per_call: 3, call_bytes: 25_000, ..CycleOptions::default() }
}

impl Tenant {
    /// A tenant that calls the host, which runs.
    pub fn new(speil: &Speil, name: &str, source: Source) -> Self {
        let source = if speil.engine().has(Feature::NulInText) { source } else { source.without_nul() };
        let source = if speil.engine().has(Feature::SeventhDigit) { source } else { source.without_seventh_digit() };
        let world = World {
            source,
            client: client(speil, name),
            options: CycleOptions::default(),
            mirror: Some(speil.mirror(name)),
            progress: &Unwatched,
            cycles: Vec::new(),
            comparison: None,
            problems: Vec::new(),
        };
        Self { name: name.to_owned(), world }
    }

    /// The host was started anew: it listens elsewhere.
    pub fn call_again(&mut self, speil: &Speil) {
        self.world.client = client(speil, &self.name);
    }

    /// Where the mirror is: to look into it or to edit it by hand while the host runs.
    pub fn place(&self) -> &MirrorPlace {
        self.world.mirror.as_ref().expect("every tenant has one here")
    }

    /// Runs statements in the mirror, as an administrator may.
    pub async fn by_hand(&self, script: &str) {
        self.place().run(script).await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// A stored LSN.
    pub async fn lsn(&self, table: &str) -> i64 {
        self.place().lsn(table).await.expect("readable").expect("the table is known")
    }

    /// Forgets what earlier cycles found, which were meant to fail.
    pub fn forget(&mut self) {
        self.world.cycles.clear();
        self.world.problems.clear();
    }

    /// Two cycles more, of which the second has nothing to do; then the mirror is the source and nothing was wrong.
    pub async fn is_mirrored(&mut self) {
        self.world.settle().await.expect("the mirror can be read");
        self.is_equal();
    }

    /// What the last comparison found is nothing, and nothing was wrong with any call.
    pub fn is_equal(&self) {
        let findings = self.world.findings();
        assert!(findings.is_empty(), "{}: {findings:#?}", self.name);
        let comparison = self.world.comparison.as_ref().expect("compared");
        assert!(comparison.equal(), "{}: {} differ: {:#?}", self.name, comparison.differing, comparison.differences);
        assert_eq!(comparison.rows, self.world.source.rows(), "{}: rows compared", self.name);
    }

    /// No table's LSN promises what its rows do not hold: all that the source will not send again is there. Rows may be
    /// ahead of the LSN, never the other way round. Answers how many tables were looked at.
    pub async fn is_nowhere_ahead(&self) -> usize {
        let mirror = self.place().open().await.expect("a mirror");
        let records = mirror.tables().await.expect("readable");
        let mut resent: HashMap<String, BTreeSet<String>> = HashMap::new();
        for record in records {
            let Some(table) = self.world.source.table(record.table.as_str()) else { continue };
            let lsn = record.lsn.0;
            let keys = match self.world.source.need(table, lsn) {
                Need::Nothing => BTreeSet::new(),
                Need::Changes(changes) => changes.keys().map(ToString::to_string).collect(),
                Need::Refill(_) => {
                    assert!(lsn <= self.world.source.version(), "{}: {} at LSN {lsn}", self.name, table.name());
                    continue;
                }
            };
            resent.insert(table.name().to_lowercase(), keys);
        }
        let found = compare(&self.world.source, mirror.as_ref(), &Unchanged, usize::MAX).await.expect("readable");
        for difference in &found.differences {
            let Some(keys) = resent.get(&difference.table.to_lowercase()) else { continue };
            // Without a key it is about a column that the mirror has not been told of yet.
            let excused = difference.key.as_ref().is_none_or(|key| keys.contains(key));
            assert!(excused, "{}: the LSN is ahead of its rows: {difference:?}", self.name);
        }
        resent.len()
    }
}

fn client(speil: &Speil, tenant: &str) -> Client {
    let endpoint = Endpoint::new(&speil.url(), None).expect("a URL");
    Client::new(endpoint, identity(tenant), Spelling::DotNet)
}
