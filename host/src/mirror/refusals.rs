//! Calls that were refused at the door, remembered: "nobody calls" and "they call and we refuse" are two different
//! troubles, and only the second can be mended here (design.md, "What people see").
//!
//! In memory, bounded, since many refused calls name no tenant that could be believed. What can be told to a tenant's
//! mirror is written there as well ([`super::Mirror::record_refusal`]).

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::protocol::context_id::ContextId;
use crate::store::history::Millis;

/// What the front door knows of a call it refused. Nothing in it is secret; nothing in it is to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefusal {
    /// Whose token it was, when its signature was good.
    pub tenant: Option<ContextId>,
    /// Why, in words for an administrator.
    pub reason: String,
    /// The line of configuration that would mend it, if any.
    pub fix: Option<String>,
    /// The path that was called, as the configuration spells it.
    pub path: String,
}

/// Refused calls of one kind: same tenant, reason, fix and path. The fix counts: a forged token and one of the vendor's
/// other environment are refused in the same words, and only the second can be mended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RefusedCalls {
    pub tenant: Option<ContextId>,
    pub reason: String,
    pub fix: Option<String>,
    pub path: String,
    pub first_at: Millis,
    pub last_at: Millis,
    pub count: u64,
}

/// The newest kinds of refused calls, at most [`RefusalMemory::CAPACITY`].
#[derive(Debug, Default)]
pub struct RefusalMemory {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    kinds: VecDeque<RefusedCalls>,
    /// When what was last worth telling, whatever its fix and path, also of kinds that have been forgotten.
    told: HashMap<(Option<ContextId>, String), Millis>,
}

impl RefusalMemory {
    /// Kinds kept; the one not seen for longest goes first.
    pub const CAPACITY: usize = 256;
    /// Longest text kept of anything, in characters: it came from outside.
    const MAX_CHARS: usize = 500;
    /// A tenant refused again for the same reason within this time is counted, but its mirror not told again.
    const TELL_EVERY: Millis = 5 * 60 * 1000;
    /// Tenants and reasons told within that time; more are in the log only.
    const MAX_TOLD: usize = 10_000;

    /// Remembers a refusal. Answers whether it is worth telling: new, or not told for a while.
    pub fn remember(&self, refusal: &NewRefusal, now: Millis) -> bool {
        let reason = shorten(&refusal.reason);
        let path = shorten(&refusal.path);
        let fix = refusal.fix.as_deref().map(shorten);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let tell = inner.tell(refusal.tenant.as_ref(), &reason, now);
        let kinds = &mut inner.kinds;
        let known = kinds
            .iter()
            .position(|kind| {
                kind.tenant == refusal.tenant && kind.reason == reason && kind.fix == fix && kind.path == path
            })
            .and_then(|at| kinds.remove(at));
        let kind = match known {
            Some(kind) => RefusedCalls { count: kind.count + 1, last_at: now, ..kind },
            None => RefusedCalls {
                tenant: refusal.tenant.clone(),
                reason,
                fix,
                path,
                first_at: now,
                last_at: now,
                count: 1,
            },
        };
        kinds.push_back(kind);
        if kinds.len() > Self::CAPACITY {
            kinds.pop_front();
        }
        tell
    }

    /// All kinds, newest first.
    #[must_use]
    pub fn all(&self) -> Vec<RefusedCalls> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.kinds.iter().rev().cloned().collect()
    }

    /// Those of one tenant, newest first.
    #[must_use]
    pub fn of(&self, tenant: &ContextId) -> Vec<RefusedCalls> {
        self.all().into_iter().filter(|kind| kind.tenant.as_ref() == Some(tenant)).collect()
    }
}

impl Inner {
    /// Whether this may be told now; if so, not again for a while.
    fn tell(&mut self, tenant: Option<&ContextId>, reason: &str, now: Millis) -> bool {
        let fresh = |at: Millis| now.abs_diff(at) < RefusalMemory::TELL_EVERY.unsigned_abs();
        let key = (tenant.cloned(), reason.to_owned());
        if self.told.get(&key).is_some_and(|&at| fresh(at)) {
            return false;
        }
        if self.told.len() >= RefusalMemory::MAX_TOLD {
            self.told.retain(|_, at| fresh(*at));
        }
        let room = self.told.len() < RefusalMemory::MAX_TOLD;
        if room {
            self.told.insert(key, now);
        }
        room
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(RefusalMemory::MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(reason: &str) -> NewRefusal {
        NewRefusal { tenant: None, reason: reason.into(), fix: Some("clock_skew".into()), path: "/m.svc".into() }
    }

    #[test]
    fn equal_refusals_are_counted_together_and_told_once_in_five_minutes() {
        let memory = RefusalMemory::default();
        assert!(memory.remember(&refusal("expired"), 0));
        assert!(!memory.remember(&refusal("expired"), 1_000));
        assert!(memory.remember(&refusal("expired"), 300_000));
        let all = memory.all();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].count, all[0].first_at, all[0].last_at), (3, 0, 300_000));
    }

    #[test]
    fn a_tenant_is_told_of_a_reason_once_in_five_minutes_however_the_calls_differ_and_however_many_there_are() {
        let memory = RefusalMemory::default();
        let tenant = ContextId::new("Cust1").expect("legal");
        let told = |reason: &str, path: String, now| {
            memory.remember(&NewRefusal { tenant: Some(tenant.clone()), path, ..refusal(reason) }, now)
        };
        assert!(told("expired", "/m.svc".into(), 0));
        for number in 0..2 * i64::try_from(RefusalMemory::CAPACITY).expect("small") {
            assert!(!told("expired", format!("/{number}"), number), "{number}");
        }
        assert!(told("audience", "/m.svc".into(), 0), "another reason");
        assert!(!told("expired", "/m.svc".into(), 299_999), "forgotten as a kind, not as told");
        assert!(told("expired", "/m.svc".into(), 300_000));
    }

    #[test]
    fn what_was_told_is_bounded_too() {
        let memory = RefusalMemory::default();
        for number in 0..RefusalMemory::MAX_TOLD {
            assert!(memory.remember(&refusal(&number.to_string()), 0));
        }
        assert!(!memory.remember(&refusal("one more"), 1), "no room");
        assert!(memory.remember(&refusal("one more"), 300_000), "the others are old");
    }

    #[test]
    fn refusals_that_want_another_fix_are_another_kind() {
        let memory = RefusalMemory::default();
        memory.remember(&NewRefusal { fix: None, ..refusal("signer") }, 0);
        memory.remember(&NewRefusal { fix: Some("environment = \"stage\"".into()), ..refusal("signer") }, 0);
        let fixes: Vec<_> = memory.all().into_iter().map(|kind| kind.fix).collect();
        assert_eq!(fixes, [Some("environment = \"stage\"".into()), None]);
    }

    #[test]
    fn memory_is_bounded_in_number_and_in_length_and_the_newest_stay() {
        let memory = RefusalMemory::default();
        for number in 0..=RefusalMemory::CAPACITY {
            memory.remember(&refusal(&format!("{number} {}", "é".repeat(2_000))), 0);
        }
        let all = memory.all();
        assert_eq!(all.len(), RefusalMemory::CAPACITY);
        assert!(all[0].reason.starts_with(&format!("{} ", RefusalMemory::CAPACITY)));
        assert!(all.iter().all(|kind| !kind.reason.starts_with("0 ") && kind.reason.chars().count() == 501));
    }
}
