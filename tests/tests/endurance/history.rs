//! What a tenant's source has been at each moment a cycle began: every LSN a mirror may ever hold is the version of one of
//! these.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use speil::task::source::Source;

/// How many moments are kept. A table that has not changed for longer is judged by the oldest that knows its LSN.
const KEPT: usize = 48;

/// The moments, oldest first.
#[derive(Default)]
pub struct History {
    moments: Mutex<Moments>,
}

/// A copy of what is known at one time.
#[derive(Default, Clone)]
pub struct Moments {
    pub sources: VecDeque<Arc<Source>>,
    /// The greatest version that was ever sent.
    pub highest: i64,
}

impl History {
    /// A cycle begins with this. To be called before anything is sent.
    pub fn begins(&self, source: &Source) -> Arc<Source> {
        let source = Arc::new(source.clone());
        let mut moments = self.moments.lock().expect("not poisoned");
        moments.highest = moments.highest.max(source.version());
        moments.sources.push_back(source.clone());
        if moments.sources.len() > KEPT {
            moments.sources.pop_front();
        }
        source
    }

    /// All that is known now.
    pub fn now(&self) -> Moments {
        self.moments.lock().expect("not poisoned").clone()
    }
}
