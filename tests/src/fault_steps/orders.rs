//! How a test speaks with a program that has fault points (`speil::faults`): files in a folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use speil::faults::Step;

use crate::kit::Speil;
use crate::kit::wait::PATIENCE;

/// Between two looks whether an order was carried out.
const LOOK: Duration = Duration::from_millis(2);

/// What is to happen at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The process ends there.
    Crash,
    /// The step fails.
    Error,
    /// The step waits until the test lets it go on.
    Hold,
}

impl Action {
    const fn word(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Error => "error",
            Self::Hold => "hold",
        }
    }
}

/// The folder of orders.
pub struct Orders {
    folder: PathBuf,
    given: AtomicU64,
}

impl Orders {
    /// For this program, which does not run yet.
    pub fn to(speil: &mut Speil) -> Self {
        let folder = speil.folder().join("faults");
        std::fs::create_dir_all(&folder).expect("writable");
        speil.set_environment("SPEIL_FAULTS", &folder.to_string_lossy());
        Self { folder, given: AtomicU64::new(0) }
    }

    /// At this step, once it has been passed so many times, this.
    pub fn give(&self, step: Step, action: Action, skip: usize) {
        let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        self.write("order", &format!("{} {} {skip} {number}", step.name(), action.word()));
    }

    /// Whether the order has not been carried out.
    pub fn is_waiting(&self) -> bool {
        self.file("order").exists()
    }

    /// Waits until all that was ordered is carried out.
    pub async fn are_carried_out(&self) {
        // As `wait::until`, whose closure cannot be sent from thread to thread.
        let began = Instant::now();
        while self.is_waiting() {
            assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for an order to be carried out");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Takes it back.
    pub fn withdraw(&self) {
        std::fs::remove_file(self.file("order")).expect("it was not carried out");
    }

    /// The orders given so far: what [`Orders::release_until`] takes.
    pub fn given(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }

    /// Whoever is held goes on.
    pub fn release(&self) {
        self.release_until(self.given());
    }

    /// Whoever is held by the order of this number, or by one before it, goes on.
    pub fn release_until(&self, number: u64) {
        self.write("release", &number.to_string());
    }

    /// The program sees the machine's clock moved by so many seconds.
    pub fn move_clock(&self, seconds: i64) {
        self.write("clock", &seconds.to_string());
    }

    /// Whole or not at all, since the program may look at any moment.
    fn write(&self, name: &str, text: &str) {
        let (draft, file) = (self.file(&format!("{name}.draft")), self.file(name));
        std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, &file)).expect("writable");
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(&self.folder).join(name)
    }
}
