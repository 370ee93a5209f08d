//! When a change is whole: files are copied in pieces, and several at a time.

use std::time::{Duration, Instant};

use super::Seen;

/// For how long nothing may change before it is taken in.
const SETTLED: Duration = Duration::from_millis(300);

/// What has been seen, and for how long.
#[derive(Debug, Default)]
pub struct Settle {
    taken: Option<Seen>,
    /// Another state, and since when it has been so.
    coming: Option<(Seen, Instant)>,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Look again when there is reason to.
    Nothing,
    /// Look again after this long.
    Wait(Duration),
    /// Take it in.
    Take,
}

impl Settle {
    pub fn look(&mut self, seen: Seen, now: Instant) -> Verdict {
        if self.taken.as_ref() == Some(&seen) {
            self.coming = None;
            return Verdict::Nothing;
        }
        match &self.coming {
            Some((coming, since)) if *coming == seen => {
                let waited = now.saturating_duration_since(*since);
                if waited < SETTLED {
                    return Verdict::Wait(SETTLED.saturating_sub(waited));
                }
                self.coming = None;
                self.taken = Some(seen);
                Verdict::Take
            }
            _ => {
                self.coming = Some((seen, now));
                Verdict::Wait(SETTLED)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str) -> Seen {
        Seen { plugins: Some(vec![(name.into(), [None, None])]), approvals: None }
    }

    #[test]
    fn a_change_is_taken_when_nothing_has_changed_for_a_while() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let wait = |millis| Verdict::Wait(Duration::from_millis(millis));
        let mut settle = Settle::default();
        assert_eq!(settle.look(seen("a"), at(0)), wait(300));
        assert_eq!(settle.look(seen("a"), at(100)), wait(200));
        assert_eq!(settle.look(seen("b"), at(299)), wait(300), "still being written");
        assert_eq!(settle.look(seen("b"), at(599)), Verdict::Take);
        assert_eq!(settle.look(seen("b"), at(600)), Verdict::Nothing);
        assert_eq!(settle.look(seen("c"), at(700)), wait(300));
        assert_eq!(settle.look(seen("b"), at(800)), Verdict::Nothing, "it is as it was");
        assert_eq!(settle.look(seen("c"), at(1_200)), wait(300), "and was not so all the while");
    }
}
