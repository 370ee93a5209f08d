//! Who may stay connected: so many at once, and so many of them from one address. At the limit a connection at rest gives
//! way to a new one, so that silent connections, however many, keep nobody out for long; a request under way is never
//! cut off for another's sake. Where nobody can be spared, callers wait in the system's queue.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::timed_io::{Phase, Rest};

/// A connection that has rested for less is not asked to go: an honest caller's request is about to come.
const GRACE: Duration = Duration::from_secs(1);

/// The places of one server.
#[derive(Clone)]
pub(super) struct Places(Arc<Inner>);

struct Inner {
    most: usize,
    most_of_address: usize,
    grace: Duration,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    held: HashMap<u64, Held>,
    of_address: HashMap<IpAddr, usize>,
}

struct Held {
    phase: Arc<Phase>,
    end: CancellationToken,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// This address has as many as one may have.
    OfAddress,
    /// All are taken.
    AtAll,
}

/// One connection's place, until dropped.
pub(super) struct Place {
    id: u64,
    address: IpAddr,
    inner: Arc<Inner>,
    /// What the connection is doing; whoever serves it keeps this true.
    pub(super) phase: Arc<Phase>,
    /// The place is wanted for another: end unless a request is under way, and then after it.
    pub(super) end: CancellationToken,
}

impl Places {
    pub(super) fn new(most: usize, most_of_address: usize) -> Self {
        Self::with_grace(most, most_of_address, GRACE)
    }

    fn with_grace(most: usize, most_of_address: usize, grace: Duration) -> Self {
        let (state, freed) = (Mutex::default(), Notify::new());
        Self(Arc::new(Inner { most, most_of_address, grace, state, freed }))
    }

    /// A place for a connection from this address.
    pub(super) fn take(&self, address: IpAddr) -> Result<Place, NoPlace> {
        let address = counted_as(address);
        let mut state = self.0.lock();
        if state.of_address.get(&address).is_some_and(|number| *number >= self.0.most_of_address) {
            return Err(NoPlace::OfAddress);
        }
        if state.held.len() >= self.0.most {
            return Err(NoPlace::AtAll);
        }
        let id = state.next;
        state.next += 1;
        *state.of_address.entry(address).or_default() += 1;
        let (phase, end) = (Phase::new(), CancellationToken::new());
        state.held.insert(id, Held { phase: phase.clone(), end: end.clone() });
        Ok(Place { id, address, inner: self.0.clone(), phase, end })
    }

    /// Asks the connection that can best be spared to end: one that has never sent a whole request before one that rests
    /// between two, and of those the one that rests longest. Answers whether one was asked; while one is on its way out no other is.
    pub(super) fn spare_one(&self) -> bool {
        let state = self.0.lock();
        if state.held.values().any(|held| held.end.is_cancelled() && held.phase.rest().is_some()) {
            return false;
        }
        let rested = |wanted: Rest| {
            let at_rest = state.held.values().filter_map(|held| Some((held, held.phase.rest()?)));
            let such = at_rest.filter(|(_, (rest, long))| *rest == wanted && *long >= self.0.grace);
            such.max_by_key(|(_, (_, long))| *long).map(|(held, _)| held)
        };
        match rested(Rest::Silent).or_else(|| rested(Rest::Between)) {
            Some(held) => {
                held.end.cancel();
                true
            }
            None => false,
        }
    }

    /// Returns when a place was given back, or when a moment has passed in which somebody may have come to rest.
    pub(super) async fn freed(&self) {
        let moment = Duration::from_millis(100);
        // Either way whoever waits looks again.
        let _ = tokio::time::timeout(moment, self.0.freed.notified()).await;
    }
}

impl Inner {
    /// Nothing in here can panic half-way, so a poisoned lock guards sound data.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.inner.lock();
        state.held.remove(&self.id);
        if let Some(number) = state.of_address.get_mut(&self.address) {
            *number -= 1;
            if *number == 0 {
                state.of_address.remove(&self.address);
            }
        }
        drop(state);
        self.inner.freed.notify_one();
    }
}

/// One caller has one IPv4 address, but a whole /64 of IPv6.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_its_share_and_no_more() {
        let places = Places::new(10, 2);
        let _one = places.take(address("10.0.0.1")).ok().unwrap();
        let two = places.take(address("::ffff:10.0.0.1")).ok().unwrap();
        assert_eq!(places.take(address("10.0.0.1")).err(), Some(NoPlace::OfAddress));
        assert!(places.take(address("10.0.0.2")).is_ok());
        drop(two);
        assert!(places.take(address("10.0.0.1")).is_ok());
        let _a = places.take(address("2001:db8:0:1::5")).ok().unwrap();
        let _b = places.take(address("2001:db8:0:1:ffff::6")).ok().unwrap();
        assert_eq!(places.take(address("2001:db8:0:1::7")).err(), Some(NoPlace::OfAddress), "one network, one caller");
        assert!(places.take(address("2001:db8:0:2::5")).is_ok());
    }

    #[test]
    fn nothing_is_kept_of_who_is_gone() {
        let places = Places::new(10, 2);
        drop(places.take(address("10.0.0.1")).ok().unwrap());
        let state = places.0.lock();
        assert!(state.held.is_empty() && state.of_address.is_empty());
    }

    #[test]
    fn who_never_asked_goes_first_then_who_rests_and_never_who_is_served() {
        let places = Places::with_grace(3, 3, Duration::ZERO);
        let [served, resting, silent] = [0; 3].map(|_| places.take(address("10.0.0.1")).ok().unwrap());
        assert_eq!(places.take(address("10.0.0.2")).err(), Some(NoPlace::AtAll));
        served.phase.busy();
        resting.phase.busy();
        resting.phase.idle();
        assert!(places.spare_one());
        assert!(silent.end.is_cancelled() && !resting.end.is_cancelled());
        assert!(!places.spare_one(), "one is on its way out");
        drop(silent);
        assert!(places.spare_one());
        assert!(resting.end.is_cancelled());
        drop(resting);
        assert!(!places.spare_one(), "a request under way is not cut off");
        assert!(!served.end.is_cancelled());
    }

    #[test]
    fn who_has_only_just_come_or_was_only_just_answered_stays() {
        let places = Places::with_grace(2, 2, Duration::from_mins(1));
        let [resting, _silent] = [0; 2].map(|_| places.take(address("10.0.0.1")).ok().unwrap());
        resting.phase.busy();
        resting.phase.idle();
        assert!(!places.spare_one());
    }

    #[tokio::test]
    async fn a_place_given_back_is_told() {
        let places = Places::new(1, 1);
        let place = places.take(address("10.0.0.1")).ok().unwrap();
        drop(place);
        tokio::time::timeout(Duration::from_millis(50), places.0.freed.notified()).await.expect("told");
    }
}
