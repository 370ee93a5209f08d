//! The points of a program without them: nothing happens, at no cost.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::time::SystemTime;

use super::Step;

/// An error that cannot exist.
#[derive(Debug)]
pub struct Injected(Infallible);

impl fmt::Display for Injected {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

impl std::error::Error for Injected {}

/// A step, on a thread that must not block.
#[inline]
pub fn pass(_: Step) -> Ready<Result<(), Injected>> {
    ready(Ok(()))
}

/// A step, on a thread that may block.
///
/// # Errors
/// None.
#[inline]
pub const fn pass_blocking(_: Step) -> Result<(), Injected> {
    Ok(())
}

/// Work of which the first half is sending something, with a step between that and the answer.
///
/// # Errors
/// None.
#[inline]
pub async fn pass_unread<T>(_: Step, work: impl Future<Output = T>) -> Result<T, Injected> {
    Ok(work.await)
}

/// Whether a test is about to break this step: never.
#[inline]
#[must_use]
pub const fn is_ordered(_: Step) -> bool {
    false
}

/// The machine's time.
#[inline]
#[must_use]
pub fn now() -> SystemTime {
    SystemTime::now()
}
