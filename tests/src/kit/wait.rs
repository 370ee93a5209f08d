//! Waiting for what must come: a condition, how long at most, and whose waiting it was when it does not come.

use std::time::{Duration, Instant};

/// No test waits longer than this for anything.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Looks again and again until there is an answer.
///
/// # Panics
/// When there is none in [`PATIENCE`]; the message says what was waited for.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
