//! The points of a program under test. The folder named by `SPEIL_FAULTS` is how a test speaks with it:
//!
//! | file | |
//! |---|---|
//! | `order` | `STEP ACTION SKIP NUMBER`: at this step, after passing it so many times, do this; removed when it is done. The number tells one order from the next |
//! | `release` | the number of an order: whoever is held by it, or by one before it, goes on |
//! | `clock` | so many seconds are added to the machine's time, fewer than none too |
//!
//! Actions: `crash` ends the process as a power cut would, `error` lets the step fail, `hold` waits for `release`.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use super::Step;

/// How often a step that is held looks whether it may go on.
const LOOK: Duration = Duration::from_millis(2);

/// The step was ordered to fail.
#[derive(Debug, thiserror::Error)]
#[error("the fault point {} was ordered to fail", .0.name())]
pub struct Injected(Step);

enum Action {
    Crash,
    Error,
    Hold,
}

/// What was ordered, and the order's number.
struct Order {
    action: Action,
    number: u64,
}

fn folder() -> Option<&'static PathBuf> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER
        .get_or_init(|| {
            let folder = std::env::var_os("SPEIL_FAULTS").map(PathBuf::from);
            if let Some(folder) = &folder {
                tracing::warn!("this program has fault points, for tests, and takes orders from {}", folder.display());
            }
            folder
        })
        .as_ref()
}

fn read(name: &str) -> Option<String> {
    // No file, no order.
    std::fs::read_to_string(folder()?.join(name)).ok()
}

/// What was ordered for this step, if it is to be done now.
fn ordered(step: Step) -> Option<Order> {
    /// The order that is being waited for, and how often its step has been passed.
    static PASSED: Mutex<(String, u64)> = Mutex::new((String::new(), 0));
    let order = read("order")?;
    let mut words = order.split_whitespace();
    if words.next() != Some(step.name()) {
        return None;
    }
    let action = match words.next() {
        Some("crash") => Action::Crash,
        Some("error") => Action::Error,
        Some("hold") => Action::Hold,
        other => panic!("the order {order:?} asks for the action {other:?}, which is none"),
    };
    let mut count = || words.next().and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
    let (skip, number) = (count(), count());
    let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
    if passed.0 != order {
        *passed = (order, 0);
    }
    passed.1 += 1;
    if passed.1 <= skip {
        return None;
    }
    // Whoever removes the order carries it out.
    std::fs::remove_file(folder()?.join("order")).ok()?;
    Some(Order { action, number })
}

/// Whether an order waits to be carried out at this step.
#[must_use]
pub fn is_ordered(step: Step) -> bool {
    read("order").is_some_and(|order| order.split_whitespace().next() == Some(step.name()))
}

fn is_held(number: u64) -> bool {
    read("release").and_then(|text| text.trim().parse::<u64>().ok()).is_none_or(|released| released < number)
}

/// A step, on a thread that must not block. Boxed, so that a future with many points is no larger than without.
///
/// # Errors
/// When that was ordered.
pub fn pass(step: Step) -> Pin<Box<dyn Future<Output = Result<(), Injected>> + Send>> {
    Box::pin(async move {
        if let Some(number) = obey(step)? {
            while is_held(number) {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    })
}

/// Work of which the first half is sending something, with a step between that and the answer: when it waits for the first time,
/// everything is sent.
///
/// # Errors
/// When that was ordered; the work is dropped, its answer unread.
pub async fn pass_unread<T>(step: Step, work: impl Future<Output = T>) -> Result<T, Injected> {
    let mut work = std::pin::pin!(work);
    let first = std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
    pass(step).await?;
    match first {
        Poll::Ready(answer) => Ok(answer),
        Poll::Pending => Ok(work.await),
    }
}

/// A step, on a thread that may block.
///
/// # Errors
/// When that was ordered.
pub fn pass_blocking(step: Step) -> Result<(), Injected> {
    if let Some(number) = obey(step)? {
        while is_held(number) {
            std::thread::sleep(LOOK);
        }
    }
    Ok(())
}

/// Dies or fails if that was ordered of the step. If it is to be held, the number of the order that holds it.
fn obey(step: Step) -> Result<Option<u64>, Injected> {
    let Some(Order { action, number }) = ordered(step) else { return Ok(None) };
    match action {
        Action::Hold => Ok(Some(number)),
        Action::Error => Err(Injected(step)),
        Action::Crash => std::process::abort(),
    }
}

/// The machine's time, moved as a test wants it.
#[must_use]
pub fn now() -> SystemTime {
    let now = SystemTime::now();
    let Some(shift) = read("clock").and_then(|text| text.trim().parse::<i64>().ok()) else { return now };
    let by = Duration::from_secs(shift.unsigned_abs());
    let moved = if shift < 0 { now.checked_sub(by) } else { now.checked_add(by) };
    moved.unwrap_or(now)
}
