//! Times that never come, or that the host cannot add up.

use crate::wasi::clocks::monotonic_clock;
use crate::wasi::io::poll;

pub fn attempt(behaviour: &str) -> Option<Result<(), String>> {
    match behaviour {
        "until-the-end-of-time" => monotonic_clock::subscribe_instant(u64::MAX).block(),
        "for-ever" => monotonic_clock::subscribe_duration(u64::MAX).block(),
        "many-waits" => {
            let waits: Vec<_> = (0..5_000).map(|_| monotonic_clock::subscribe_duration(u64::MAX)).collect();
            poll::poll(&waits.iter().collect::<Vec<_>>());
        }
        // Time runs forward, and not by steps so fine that another's secrets could be measured by them... which nobody can
        // forbid a program that counts for itself; what is held is that it never runs back.
        "backwards" => {
            let mut last = monotonic_clock::now();
            for _ in 0..10_000 {
                let now = monotonic_clock::now();
                if now < last {
                    return Some(Err("time ran back".into()));
                }
                last = now;
            }
        }
        _ => return None,
    }
    Some(Ok(()))
}
