//! The host that is abused, and what must hold of it all the while.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use speil_tests::kit::Speil;
use speil_tests::kit::client::{call_as, get};
use speil_tests::kit::soap::tables;
use speil_tests::kit::wait::until;

/// No honest call takes longer, on however busy a machine; the time-outs of the hosts here that could make one wait for
/// an abuser are longer.
pub const AT_MOST: Duration = Duration::from_secs(15);

/// A host of its own.
pub struct Victim {
    pub speil: Speil,
    /// Its memory before anything was done to it.
    before: Option<u64>,
}

impl Victim {
    /// Starts one with these lines under `[server]`, and has it serve once.
    pub async fn start(server: &str) -> Self {
        let mut speil = speil_tests::speil!();
        speil.configure(server, "");
        speil.start();
        call_as(speil.address(), "Honest", "TableSchema", &tables(&["contact"])).await.succeeded();
        let before = speil.memory_now();
        Self { speil, before }
    }

    pub fn address(&self) -> SocketAddr {
        self.speil.address()
    }

    /// Does something to it while an honest tenant calls, again and again; tells how that tenant fared.
    pub async fn endures<T>(&self, what: &str, abuse: impl Future<Output = T>) -> T {
        let (address, over) = (self.address(), Arc::new(AtomicBool::new(false)));
        let ends = over.clone();
        let honest = tokio::spawn(async move {
            let (mut calls, mut worst) = (0, Duration::ZERO);
            while calls < 3 || !ends.load(Ordering::SeqCst) {
                let began = Instant::now();
                call_as(address, "Honest", "TableSchema", &tables(&["contact"])).await.succeeded();
                worst = worst.max(began.elapsed());
                calls += 1;
            }
            (calls, worst)
        });
        let began = Instant::now();
        let done = abuse.await;
        over.store(true, Ordering::SeqCst);
        let (calls, worst) = honest.await.expect("the honest tenant is served");
        let grown = self.grown().map_or_else(|| "unknown".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
        println!(
            "{what}: {:.1} s, {calls} honest calls meanwhile, the slowest {worst:?}; memory grew by {grown} at most",
            began.elapsed().as_secs_f32()
        );
        assert!(worst < AT_MOST, "{what}: an honest call took {worst:?}");
        done
    }

    /// How much more memory it ever had than before.
    pub fn grown(&self) -> Option<u64> {
        Some(self.speil.peak_memory()?.saturating_sub(self.before?))
    }

    /// It never grew by more than this.
    pub fn stayed_below(&self, mib: u64) {
        if let Some(grown) = self.grown() {
            assert!(grown < mib << 20, "it grew by {} MiB", grown >> 20);
        }
    }

    /// A number of `/metrics`, 0 where it is not there.
    pub async fn number(&self, name: &str) -> u64 {
        let page = get(self.address(), "/metrics", "").await;
        let line = page.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().expect("a number"))
    }

    /// So many connections or messages were ended for this reason, and the log says so.
    pub async fn has_told(&self, trouble: &str, number: u64) {
        let name = format!("speil_connection_troubles_total{{reason=\"{trouble}\"}}");
        until(&name, async || (self.number(&name).await >= number).then_some(())).await;
        let log = self.speil.log();
        assert!(log.contains(trouble), "the log says nothing of {trouble}: {log}");
    }

    /// Nobody is left but who asks for the numbers, and nothing was mirrored for anybody but the honest tenant.
    pub async fn is_calm(&self) {
        until("all connections to end", async || (self.number("speil_connections").await == 1).then_some(())).await;
        until("all calls to end", async || (self.number("speil_calls_at_work").await == 0).then_some(())).await;
        let mirrors = std::fs::read_dir(self.speil.folder().join("mirrors")).expect("there is one");
        let strangers: Vec<_> = mirrors
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with("Honest"))
            .collect();
        assert!(strangers.is_empty(), "{strangers:?}");
    }
}
