//! Counting what is under way, so that a stop can wait for it.

use std::sync::Arc;

use tokio::sync::watch;

/// A count of things under way.
#[derive(Debug, Clone)]
pub(super) struct Work(Arc<watch::Sender<usize>>);

/// One thing under way, until dropped.
#[derive(Debug)]
pub(super) struct Begun(Arc<watch::Sender<usize>>);

impl Work {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// One more.
    pub(super) fn begin(&self) -> Begun {
        self.0.send_modify(|count| *count += 1);
        Begun(self.0.clone())
    }

    /// How many now.
    pub(super) fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Returns when nothing is under way.
    pub(super) async fn done(&self) {
        // The sender lives in `self`, so the only end of waiting is the count.
        let mut count = self.0.subscribe();
        drop(count.wait_for(|count| *count == 0).await);
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn done_waits_for_the_last() {
        let work = Work::new();
        work.done().await;
        let (one, two) = (work.begin(), work.begin());
        assert_eq!(work.count(), 2);
        drop(one);
        let waiting = tokio::spawn({
            let work = work.clone();
            async move { work.done().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(two);
        waiting.await.expect("done");
    }
}
