//! What the one who kills, the tenants and the one who watches know of each other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

/// The state of the run.
pub struct Shared {
    up: watch::Sender<bool>,
    /// Tenants that wait for the host.
    resting: watch::Sender<u64>,
    /// Kills that have begun.
    kills: AtomicU64,
    /// Cycles that bring a change of schema and are about to begin.
    schema_changes: watch::Sender<u64>,
    ending: AtomicBool,
    wrong: Mutex<Vec<String>>,
}

impl Shared {
    pub fn new() -> Self {
        Self {
            up: watch::channel(false).0,
            resting: watch::channel(0).0,
            kills: AtomicU64::new(0),
            schema_changes: watch::channel(0).0,
            ending: AtomicBool::new(false),
            wrong: Mutex::default(),
        }
    }

    /// The host can be called.
    pub fn comes_up(&self) {
        self.up.send_replace(true);
    }

    /// The host is about to be killed. In this order: whoever sees the new number sees that the host is down.
    pub fn goes_down(&self) {
        self.up.send_replace(false);
        self.kills.fetch_add(1, Ordering::SeqCst);
    }

    /// Waits until the host can be called, or the run ends; answers how many kills had begun by then.
    pub async fn up(&self) -> u64 {
        loop {
            let mut up = self.up.subscribe();
            self.resting.send_modify(|count| *count += 1);
            up.wait_for(|up| *up || self.ends()).await.expect("the sender is ours");
            self.resting.send_modify(|count| *count -= 1);
            let kills = self.kills();
            if *self.up.borrow() || self.ends() {
                return kills;
            }
        }
    }

    /// Waits until so many tenants have nothing to do, since the host is down.
    pub async fn all_rest(&self, tenants: u64) {
        self.resting.subscribe().wait_for(|count| *count == tenants).await.expect("the sender is ours");
    }

    pub fn kills(&self) -> u64 {
        self.kills.load(Ordering::SeqCst)
    }

    /// A cycle with a change of schema begins.
    pub fn schema_change_comes(&self) {
        self.schema_changes.send_modify(|count| *count += 1);
    }

    /// Waits until so many of them more have come.
    pub fn schema_changes(&self, more: u64) -> impl Future<Output = ()> + use<> {
        let mut changes = self.schema_changes.subscribe();
        let until = *changes.borrow() + more;
        async move {
            // Should the run be over there is nothing more to wait for.
            let _ = changes.wait_for(|count| *count >= until).await;
        }
    }

    /// Nobody begins anything new.
    pub fn end(&self) {
        self.ending.store(true, Ordering::SeqCst);
        self.up.send_modify(|_| {});
    }

    /// Waits for the end.
    pub async fn end_comes(&self) {
        let mut up = self.up.subscribe();
        up.wait_for(|_| self.ends()).await.expect("the sender is ours");
    }

    pub fn ends(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    /// Something is wrong: the run ends.
    pub fn wrong(&self, what: String) {
        self.wrong.lock().expect("not poisoned").push(what);
        self.end();
    }

    /// All that is wrong.
    pub fn all_wrong(&self) -> Vec<String> {
        self.wrong.lock().expect("not poisoned").clone()
    }
}
