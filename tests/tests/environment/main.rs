//! The world around the program fails: no room on the disk, a mirror that may not be written, is damaged or locked, a clock that
//! jumps, no file handles left. Each time the caller reads what is wrong and what to do, other tenants are served, and once the cause
//! is gone the next call comes through, without a restart.
//!
//! What needs a tool or a right that this machine has not is left out, and says so.

mod clock;
mod damaged;
#[cfg(target_os = "linux")]
mod disk;
mod files;
#[cfg(target_os = "linux")]
mod handles;
mod two;

#[cfg(not(target_os = "linux"))]
#[test]
fn what_only_linux_lets_a_test_do_is_left_out() {
    speil_tests::kit::skipped(
        "a full disk, a quota and a host without file handles, which are made with Linux's means",
    );
}
