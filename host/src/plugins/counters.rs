//! How often each function of a plug-in was called, how often that failed, and how long it took: for metrics and for
//! `speil plugin list`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::hook::Function;

/// One plug-in's.
#[derive(Debug, Default)]
pub struct Counters([Counter; Function::ALL.len()], Mutex<Option<LastError>>);

/// A plug-in's last failure.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LastError {
    /// UTC milliseconds.
    pub at: i64,
    pub function: &'static str,
    /// The sentence that was told.
    pub message: String,
}

#[derive(Debug, Default)]
struct Counter {
    calls: AtomicU64,
    failures: AtomicU64,
    nanos: AtomicU64,
}

/// One line of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Count {
    /// Such as `transform.apply`.
    pub function: &'static str,
    pub calls: u64,
    /// Of them: trapped, too slow, answered an error or something unusable.
    pub failures: u64,
    /// Wall time of all of them.
    pub nanos: u64,
}

impl Counters {
    /// Adds a call.
    pub fn add(&self, function: Function, took: Duration, failed: bool) {
        let counter = &self.0[function as usize];
        counter.calls.fetch_add(1, Ordering::Relaxed);
        counter.failures.fetch_add(u64::from(failed), Ordering::Relaxed);
        counter.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Keeps a failure as the last one.
    pub fn failed(&self, function: Function, at: i64, message: &str) {
        let error = LastError { at, function: function.name(), message: message.to_owned() };
        *self.last() = Some(error);
    }

    /// The last failure.
    #[must_use]
    pub fn last_error(&self) -> Option<LastError> {
        self.last().clone()
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<LastError>> {
        // Nothing in here can panic half-way.
        self.1.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The functions that were called.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Count> {
        Function::ALL
            .into_iter()
            .zip(&self.0)
            .map(|(function, counter)| Count {
                function: function.name(),
                calls: counter.calls.load(Ordering::Relaxed),
                failures: counter.failures.load(Ordering::Relaxed),
                nanos: counter.nanos.load(Ordering::Relaxed),
            })
            .filter(|count| count.calls > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_its_own_place() {
        let counters = Counters::default();
        for function in Function::ALL {
            counters.add(function, Duration::from_nanos(5), function == Function::Wiped);
        }
        let snapshot = counters.snapshot();
        assert_eq!(snapshot.len(), Function::ALL.len());
        assert!(snapshot.iter().all(|count| count.calls == 1 && count.nanos == 5));
        assert_eq!(
            snapshot.iter().filter(|count| count.failures == 1).map(|count| count.function).collect::<Vec<_>>(),
            ["wiped"]
        );
    }
}
