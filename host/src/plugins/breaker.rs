//! The circuit breaker: a function whose failure may be ignored, and that keeps failing, is left alone for a while. Then
//! one incoming call tries it; success closes the breaker, failure makes the pause longer.
//!
//! What is counted are incoming calls in which it failed before anything of it went well: a hook that fails for some of
//! 400 tables does its work for the others.
//!
//! Functions whose failure fails the call are never paused: what they guard would pass without them.
//!
//! Three ways lead back: the try after the pause, a new version of the file (its breakers are its own), and an operator who
//! knows that what was wrong is mended ([`Breakers::resume`]).

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::hook::Function;

/// Incoming calls in a row in which it failed, that pause a function.
pub const FAILURES: u32 = 10;
/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_mins(1);
/// The longest.
const LONGEST: Duration = Duration::from_mins(15);

/// The breakers of one plug-in, one for each function.
#[derive(Debug, Default)]
pub struct Breakers([Mutex<Breaker>; Function::ALL.len()]);

#[derive(Debug, Default)]
struct Breaker {
    /// In a row, up to now.
    failures: u32,
    pause: Option<Pause>,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    length: Duration,
    left_out: u64,
    /// One call has been let through to try.
    trying: bool,
}

/// What a failure or a success changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It was paused, for this long.
    Paused(Duration),
    /// It works again; so many calls were left out meanwhile.
    Resumed(u64),
}

impl Turn {
    /// A sentence without plug-in and function.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Paused(time) => format!("it keeps failing and is left alone for {} s", time.as_secs()),
            Self::Resumed(left_out) => format!("it works again; {left_out} calls were left out"),
        }
    }
}

/// A pause, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Paused {
    /// Such as `rows-committed`.
    pub function: &'static str,
    /// Until it is tried again.
    pub seconds: u64,
    /// Calls left out so far.
    pub left_out: u64,
}

/// A pause that an operator has ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Resumed {
    /// Such as `rows-committed`.
    pub function: &'static str,
    /// Calls left out meanwhile.
    pub left_out: u64,
}

impl Breakers {
    /// Whether the function is to be called now.
    pub fn admits(&self, function: Function, now: Instant) -> bool {
        let mut breaker = self.of(function);
        let Some(pause) = &mut breaker.pause else { return true };
        if now < pause.until {
            pause.left_out += 1;
            return false;
        }
        // This one tries; others wait for how it ends. Should it never end, another tries after one more pause.
        pause.until = now + pause.length;
        pause.trying = true;
        true
    }

    /// A call of the function has ended.
    pub fn ended(&self, function: Function, failed: bool, now: Instant) -> Option<Turn> {
        let mut breaker = self.of(function);
        if !failed {
            breaker.failures = 0;
            return breaker.pause.take().map(|pause| Turn::Resumed(pause.left_out));
        }
        breaker.failures = breaker.failures.saturating_add(1);
        let (length, left_out) = match breaker.pause {
            // A call that began before the pause tells nothing about it.
            Some(pause) if !pause.trying => return None,
            Some(pause) => ((pause.length * 2).min(LONGEST), pause.left_out),
            None if breaker.failures >= FAILURES => (FIRST, 0),
            None => return None,
        };
        breaker.pause = Some(Pause { until: now + length, length, left_out, trying: false });
        Some(Turn::Paused(length))
    }

    /// Ends every pause: the next call is let through, and failures are counted from nothing. Answers which functions were
    /// paused, and how many calls were left out.
    pub fn resume(&self) -> Vec<Resumed> {
        let all = Function::ALL.into_iter();
        all.filter_map(|function| {
            let mut breaker = self.of(function);
            let pause = breaker.pause.take()?;
            breaker.failures = 0;
            Some(Resumed { function: function.name(), left_out: pause.left_out })
        })
        .collect()
    }

    /// What is paused now.
    #[must_use]
    pub fn paused(&self, now: Instant) -> Vec<Paused> {
        let all = Function::ALL.into_iter();
        all.filter_map(|function| {
            let pause = self.of(function).pause?;
            Some(Paused {
                function: function.name(),
                seconds: pause.until.saturating_duration_since(now).as_secs(),
                left_out: pause.left_out,
            })
        })
        .collect()
    }

    fn of(&self, function: Function) -> std::sync::MutexGuard<'_, Breaker> {
        // Nothing in here can panic half-way.
        self.0[function as usize].lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const F: Function = Function::RowsCommitted;

    /// Fails until it is paused.
    fn paused(now: Instant) -> Breakers {
        let breakers = Breakers::default();
        for _ in 1..FAILURES {
            assert_eq!(breakers.ended(F, true, now), None);
            assert!(breakers.admits(F, now));
        }
        assert_eq!(breakers.ended(F, true, now), Some(Turn::Paused(FIRST)));
        breakers
    }

    #[test]
    fn failures_in_a_row_pause_a_function_and_no_other() {
        let now = Instant::now();
        let breakers = paused(now);
        assert!(!breakers.admits(F, now) && !breakers.admits(F, now + FIRST / 2));
        assert!(breakers.admits(Function::Wiped, now));
        let expected = Paused { function: "rows-committed", seconds: 60, left_out: 2 };
        assert_eq!(breakers.paused(now), [expected]);
    }

    #[test]
    fn a_success_between_begins_the_count_anew() {
        let now = Instant::now();
        let breakers = Breakers::default();
        for number in 0..5 * FAILURES {
            assert_eq!(breakers.ended(F, number % FAILURES != 0, now), None);
        }
    }

    #[test]
    fn after_the_pause_one_call_tries_and_decides() {
        let now = Instant::now();
        let breakers = paused(now);
        let later = now + FIRST;
        assert!(breakers.admits(F, later));
        assert!(!breakers.admits(F, later), "only one");
        assert_eq!(breakers.ended(F, true, later), Some(Turn::Paused(2 * FIRST)));
        assert!(!breakers.admits(F, later + FIRST));
        let later = later + 2 * FIRST;
        assert!(breakers.admits(F, later));
        assert_eq!(breakers.ended(F, false, later), Some(Turn::Resumed(2)));
        assert!(breakers.admits(F, later) && breakers.paused(later).is_empty());
    }

    #[test]
    fn an_operator_ends_the_pause_and_failures_are_counted_from_nothing() {
        let now = Instant::now();
        let breakers = paused(now);
        assert!(!breakers.admits(F, now));
        assert_eq!(breakers.resume(), [Resumed { function: "rows-committed", left_out: 1 }]);
        assert!(breakers.admits(F, now) && breakers.paused(now).is_empty());
        for _ in 1..FAILURES {
            assert_eq!(breakers.ended(F, true, now), None);
        }
        assert_eq!(breakers.ended(F, true, now), Some(Turn::Paused(FIRST)), "the pause is the first again");
        assert_eq!(Breakers::default().resume(), []);
    }

    #[test]
    fn a_late_failure_of_an_earlier_call_makes_no_pause_longer_and_pauses_have_an_end() {
        let mut now = Instant::now();
        let breakers = paused(now);
        assert_eq!(breakers.ended(F, true, now), None);
        for _ in 0..10 {
            now += LONGEST;
            assert!(breakers.admits(F, now));
            breakers.ended(F, true, now);
        }
        assert_eq!(breakers.paused(now)[0].seconds, LONGEST.as_secs());
    }
}
