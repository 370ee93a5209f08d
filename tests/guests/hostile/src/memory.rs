//! To take all there is: memory, stack, handles.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::wasi::clocks::monotonic_clock;

pub fn attempt(behaviour: &str) -> Option<Result<(), String>> {
    match behaviour {
        "memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(vec![1u8; 1 << 20]));
            }
        }
        // All that 32 bits can name, at one go.
        "memory-at-once" => {
            black_box(vec![1u8; 3 << 30]);
        }
        "overflow" => {
            black_box(recurse(0));
        }
        "handles" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(monotonic_clock::subscribe_duration(u64::MAX));
            }
        }
        _ => return None,
    }
    Some(Ok(()))
}

/// Never set: the compiler must not know that the recursion has no end.
static ENOUGH: AtomicBool = AtomicBool::new(false);

/// Keeps nothing in linear memory, so that it is the engine's stack that runs out.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    if ENOUGH.load(Ordering::Relaxed) {
        return depth;
    }
    recurse(depth + 1).rotate_left(1).wrapping_add(depth)
}
