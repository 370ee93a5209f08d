//! A body that is counted as it passes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// Ends with `over` when nothing is left of the budget.
pub(super) struct Counted<F> {
    body: WasiBody,
    left: Arc<AtomicUsize>,
    over: F,
}

impl<F: Fn() -> Error> Counted<F> {
    pub fn new(body: WasiBody, left: Arc<AtomicUsize>, over: F) -> Self {
        Self { body, left, over }
    }
}

impl<F: Fn() -> Error + Unpin> Body for Counted<F> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
        let length = frame.data_ref().map_or(0, Bytes::len);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(length));
        if taken.is_err() {
            self.left.store(0, Ordering::Relaxed);
            return Poll::Ready(Some(Err((self.over)())));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
