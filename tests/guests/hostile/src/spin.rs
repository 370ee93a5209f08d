//! To run for ever.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::wasi::clocks::monotonic_clock;
use crate::wasi::io::poll;

pub fn attempt(behaviour: &str) -> Option<Result<(), String>> {
    match behaviour {
        "loop" => loop {
            black_box(());
        },
        "sleep" => std::thread::sleep(Duration::from_secs(3_600)),
        // Many short sleeps: no single import is slow.
        "poll" => loop {
            std::thread::sleep(Duration::from_millis(1));
        },
        // Nearly all of the time is the host's.
        "loop-in-config" => loop {
            black_box(crate::config("behaviour"));
        },
        "loop-in-clock" => loop {
            black_box(monotonic_clock::now());
        },
        "loop-in-random" => loop {
            black_box(std::collections::hash_map::RandomState::new());
        },
        // Each poll is ready at once, so that the host never has a reason to wait.
        "loop-in-poll" => {
            let ready: Vec<_> = (0..100).map(|_| monotonic_clock::subscribe_duration(0)).collect();
            let ready: Vec<_> = ready.iter().collect();
            loop {
                black_box(poll::poll(&ready));
            }
        }
        "loop-in-files" => loop {
            let _nothing = black_box(std::fs::read_dir("/"));
        },
        // Short enough for any limit of one hook; too long for all hooks of a call together.
        "dawdle" => {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(40) {
                black_box(());
            }
        }
        _ => return None,
    }
    Some(Ok(()))
}
