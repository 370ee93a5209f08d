//! How a test speaks with a program that has fault points (`speil::faults`): files in a folder.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use speil::faults::Step;

use crate::kit::Speil;

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
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let _ = std::fs::remove_file(self.file("release"));
        self.write("order", &format!("{} {} {skip} {number}", step.name(), action.word()));
    }

    /// Whether the order has not been carried out.
    pub fn is_waiting(&self) -> bool {
        self.file("order").exists()
    }

    /// Takes it back.
    pub fn withdraw(&self) {
        std::fs::remove_file(self.file("order")).expect("it was not carried out");
    }

    /// Whoever is held goes on.
    pub fn release(&self) {
        self.write("release", "");
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
