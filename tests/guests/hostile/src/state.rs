//! To leave something behind for the next call, or to find what another tenant's call left.

use std::hint::black_box;
use std::sync::Mutex;

/// A text that is nowhere in the component: it is made while it runs.
fn mark() -> Vec<u8> {
    (0..32u8).map(|number| number.wrapping_mul(37) ^ 0x5a).collect()
}

static KEPT: Mutex<u32> = Mutex::new(0);

pub fn attempt(behaviour: &str) -> Option<Result<(), String>> {
    match behaviour {
        // How often it was asked, as far as it can know.
        "remember" => {
            let mut kept = KEPT.lock().expect("one thread");
            *kept += 1;
            Some(Err(format!("asked {} times", *kept)))
        }
        // Memory full of marks, then memory looked through: the first of a call finds none, whoever had it before.
        "leave-marks" => {
            let marks: Vec<u8> = mark().into_iter().cycle().take(8 << 20).collect();
            black_box(&marks);
            let mine = found(&marks, marks.as_ptr() as usize, marks.len());
            Some(Err(format!("{} marks", usize::from(mine > 0))))
        }
        "look-for-marks" => {
            // Grown and never written: what is in it comes from whoever had it before.
            let fresh: Vec<u8> = Vec::with_capacity(12 << 20);
            let marks = found(&fresh, fresh.as_ptr() as usize, fresh.capacity());
            Some(Err(format!("{} marks", usize::from(marks > 0))))
        }
        _ => None,
    }
}

/// How many marks there are in so much memory from there. `_keep` holds that memory.
fn found(_keep: &Vec<u8>, start: usize, length: usize) -> usize {
    let mark = mark();
    let first = mark[0];
    let mut count = 0;
    let mut at = 0;
    while at + mark.len() <= length {
        // SAFETY: the memory is the caller's; nobody has to have written it for bytes of linear memory to be read.
        let byte = |offset: usize| unsafe { std::ptr::read_volatile((start + at + offset) as *const u8) };
        if byte(0) == first && (1..mark.len()).all(|offset| byte(offset) == mark[offset]) {
            count += 1;
        }
        at += 1 << 5;
    }
    count
}
