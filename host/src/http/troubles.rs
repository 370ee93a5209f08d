//! What ends connections before their time: counted for `/metrics`, each kind a label, and told in the log, once a minute
//! and kind however many there are, so that whoever makes trouble cannot fill a disk with it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::metrics::Metrics;

/// How often one kind of trouble is told.
const EVERY: Duration = Duration::from_mins(1);

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A request's head that did not come within `header_timeout`.
    SlowHead,
    /// A TLS handshake that did not end within `header_timeout`.
    SlowHandshake,
    /// A body that came slower than `min_body_rate`.
    SlowBody,
    /// An answer that nobody took for `body_timeout`.
    StuckAnswer,
    /// What is no HTTP, or a head that is too large.
    BadHead,
    /// More connections from one address than `max_connections_per_address`.
    OneAddress,
    /// At rest while all of `max_connections` were taken and another came.
    GaveWay,
}

impl Trouble {
    pub(super) const ALL: [Self; 7] = [
        Self::SlowHead,
        Self::SlowHandshake,
        Self::SlowBody,
        Self::StuckAnswer,
        Self::BadHead,
        Self::OneAddress,
        Self::GaveWay,
    ];

    /// The label of `/metrics`.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::SlowHead => "slow_head",
            Self::SlowHandshake => "slow_handshake",
            Self::SlowBody => "slow_body",
            Self::StuckAnswer => "stuck_answer",
            Self::BadHead => "bad_head",
            Self::OneAddress => "one_address",
            Self::GaveWay => "gave_way",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::SlowHead => "a request's head did not come within [server] header_timeout; its connection was closed",
            Self::SlowHandshake => {
                "a TLS handshake did not end within [server] header_timeout; its connection was closed"
            }
            Self::SlowBody => "a message came slower than [server] min_body_rate; its call was ended",
            Self::StuckAnswer => "an answer was not taken within [server] body_timeout; its connection was closed",
            Self::BadHead => "what came is no HTTP request, or its head is too large; its connection was closed",
            Self::OneAddress => {
                "one address has as many connections as [server] max_connections_per_address allows; one more was closed"
            }
            Self::GaveWay => {
                "all of [server] max_connections are taken; one at rest was closed to make room for a new one"
            }
        }
    }
}

/// Counts and tells.
pub(super) struct Troubles {
    metrics: Arc<Metrics>,
    /// Of each kind, when it was last told and how many came since.
    told: Mutex<[Option<(Instant, u64)>; Trouble::ALL.len()]>,
}

impl Troubles {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, told: Mutex::default() }
    }

    /// It happened once more.
    pub(super) fn note(&self, trouble: Trouble, address: SocketAddr) {
        self.metrics.trouble(trouble);
        if let Some(before) = self.is_news(trouble, Instant::now()) {
            tracing::warn!(%address, trouble = trouble.word(), untold = before, "{}", trouble.sentence());
        }
    }

    /// Whether it should be told now; then how many of its kind were not.
    fn is_news(&self, trouble: Trouble, now: Instant) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = &mut told[trouble as usize];
        match entry {
            Some((at, untold)) if now.duration_since(*at) < EVERY => {
                *untold += 1;
                None
            }
            _ => {
                let before = entry.map_or(0, |(_, untold)| untold);
                *entry = Some((now, 0));
                Some(before)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_once_a_minute_with_its_number() {
        let troubles = Troubles::new(Arc::new(Metrics::new()));
        let now = Instant::now();
        assert_eq!(troubles.is_news(Trouble::SlowHead, now), Some(0));
        for _ in 0..1000 {
            assert_eq!(troubles.is_news(Trouble::SlowHead, now + EVERY / 2), None);
        }
        assert_eq!(troubles.is_news(Trouble::GaveWay, now), Some(0), "another kind is news");
        assert_eq!(troubles.is_news(Trouble::SlowHead, now + EVERY), Some(1000));
        assert_eq!(troubles.is_news(Trouble::SlowHead, now + EVERY), None);
    }

    #[test]
    fn every_kind_has_a_place_of_its_own() {
        for (at, trouble) in Trouble::ALL.into_iter().enumerate() {
            assert_eq!(at, trouble as usize, "{}", trouble.word());
        }
    }
}
