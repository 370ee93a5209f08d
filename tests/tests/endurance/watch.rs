//! The one who watches: looks at mirrors and judges what is seen, all the time while a run goes on, and once more at each mirror that a kill
//! has left behind.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::history::History;
use super::judge::{self, Verdict};
use super::look::{self, Seen};
use super::promises::Promises;
use super::shared::Shared;

/// Between two looks of the one who watches: the tenants need the processor too.
const BREATH: Duration = Duration::from_millis(3);

/// A mirror to be looked at, and what is known of its tenant.
#[derive(Clone)]
pub struct Watched {
    pub file: PathBuf,
    pub tenant: String,
    pub history: Arc<History>,
    pub promises: Arc<Promises>,
}

/// What came of looks.
#[derive(Debug, Default)]
pub struct Looks {
    /// Looks that saw a mirror.
    pub taken: u64,
    /// Looks that SQLite refused, since a kill had left something to be played back.
    pub unrepaired: u64,
    /// Promises that were looked at.
    pub promises: u64,
    pub verdict: Verdict,
}

impl Looks {
    pub fn add(&mut self, other: Self) {
        self.taken += other.taken;
        self.unrepaired += other.unrepaired;
        self.promises += other.promises;
        self.verdict.add(other.verdict);
    }
}

impl Watched {
    /// Looks and judges. What is wrong is told; whether it can be gone on.
    pub fn look(&self, looks: &mut Looks, shared: &Shared) -> bool {
        let before = self.promises.now();
        let look = match look::take(&self.file, &self.tenant) {
            Ok(Seen::Mirror(look)) => look,
            Ok(Seen::Nothing) => return true,
            Ok(Seen::Unrepaired) => {
                looks.unrepaired += 1;
                return true;
            }
            Err(error) => {
                shared.wrong(format!("{}: the mirror cannot be read: {error}", self.tenant));
                return false;
            }
        };
        looks.taken += 1;
        let (promises, broken) = before.broken(&look, &self.promises.now());
        looks.promises += promises;
        let mut verdict = judge::judge(&look, &self.history.now());
        for what in broken.into_iter().chain(verdict.wrong.drain(..)) {
            shared.wrong(format!("{}: {what}", self.tenant));
        }
        looks.verdict.add(verdict);
        true
    }
}

/// Looks at one mirror after the other until the run ends.
pub fn watch(mirrors: &[Watched], shared: &Shared) -> Looks {
    let mut looks = Looks::default();
    while !shared.ends() {
        for mirror in mirrors {
            if !mirror.look(&mut looks, shared) {
                break;
            }
        }
        std::thread::sleep(BREATH);
    }
    looks
}
