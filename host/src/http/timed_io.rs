//! A connection that keeps time: how long it may be silent, how long a request's head may take, how long a write may
//! be stuck. hyper's own header timer starts when a connection begins to wait, so it cannot tell a kept-alive
//! connection at rest from a sender that dribbles its head; this one can.
//!
//! Bodies are not timed here: whoever reads a body knows whether it waits for the sender or for the database
//! ([`super::soap`]).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What a connection is doing.
#[derive(Debug)]
pub(super) struct Phase {
    /// With a generation above it, so that two rests are two and each has its own deadline.
    now: AtomicU64,
    /// Since when, in milliseconds from the connection's beginning.
    since: AtomicU64,
    began: Instant,
    /// Who waits to read while a request is served: woken when that is over, since hyper does not read again by itself
    /// and no deadline would be set.
    reader: AtomicWaker,
    /// Why it was cut off, if it was: hyper does not pass every error on.
    cut: OnceLock<Cut>,
}

/// Nothing is under way on a connection that has already served a request.
const IDLE: u64 = 0;
/// A request's head is awaited or coming.
const HEAD: u64 = 1;
/// A request is being served.
const BUSY: u64 = 2;
const MASK: u64 = 3;

/// What a connection that serves no request has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Never sent a whole request.
    Silent,
    /// Was answered, and has not asked again.
    Between,
}

impl Phase {
    /// A new connection: its first head must come within the header time.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            now: AtomicU64::new(HEAD),
            since: AtomicU64::new(0),
            began: Instant::now(),
            reader: AtomicWaker::new(),
            cut: OnceLock::new(),
        })
    }

    /// A request's head has been read.
    pub(super) fn busy(&self) {
        self.set(BUSY);
    }

    /// The answer has been handed over.
    pub(super) fn idle(&self) {
        self.set(IDLE);
        self.reader.wake();
    }

    /// Why the connection was cut off, if it was.
    pub(super) fn cut(&self) -> Option<Cut> {
        self.cut.get().copied()
    }

    /// How it rests and for how long already; `None` while a request is being served.
    pub(super) fn rest(&self) -> Option<(Rest, Duration)> {
        let rest = match self.get() {
            HEAD => Rest::Silent,
            now if now & MASK == BUSY => return None,
            _ => Rest::Between,
        };
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        Some((rest, self.began.elapsed().saturating_sub(since)))
    }

    fn set(&self, phase: u64) {
        // One connection is driven by one task, so there is nothing to race with.
        let next = (self.now.load(Ordering::Relaxed) | MASK).wrapping_add(1) | phase;
        self.now.store(next, Ordering::Relaxed);
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.since.store(since, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }
}

/// The time limits of one connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct IoTimeouts {
    /// From a head's first byte (or the connection's beginning) to its end.
    pub(super) header: Duration,
    /// Between two requests.
    pub(super) idle: Duration,
    /// A write that makes no progress at all.
    pub(super) write: Duration,
}

/// See the module.
#[derive(Debug)]
pub(super) struct TimedIo<S> {
    inner: S,
    phase: Arc<Phase>,
    timeouts: IoTimeouts,
    read: Timer,
    write: Timer,
}

/// A deadline that is armed for something and forgotten when that is over.
#[derive(Debug, Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    armed_for: Option<u64>,
}

impl Timer {
    /// Whether the deadline has passed, arming it first unless it is armed for the same thing.
    fn poll(&mut self, cx: &mut Context<'_>, what: u64, after: Duration) -> Poll<()> {
        let armed = self.armed_for == Some(what);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(after)));
        if !armed {
            sleep.as_mut().reset(Instant::now() + after);
            self.armed_for = Some(what);
        }
        sleep.as_mut().poll(cx)
    }

    fn disarm(&mut self) {
        self.armed_for = None;
    }
}

impl<S> TimedIo<S> {
    pub(super) fn new(inner: S, phase: Arc<Phase>, timeouts: IoTimeouts) -> Self {
        Self { inner, phase, timeouts, read: Timer::default(), write: Timer::default() }
    }

    /// What every way of writing shares: progress disarms, no progress runs against the clock.
    fn timed_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(&mut S, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match write(&mut self.inner, cx) {
            Poll::Ready(done) => {
                self.write.disarm();
                Poll::Ready(done)
            }
            Poll::Pending => {
                ready!(self.write.poll(cx, 0, self.timeouts.write));
                Poll::Ready(Err(timed_out(&self.phase, Cut::Answer)))
            }
        }
    }
}

/// Why a connection was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Cut {
    #[error("the request's head took too long")]
    Head,
    #[error("the connection was idle for too long")]
    Idle,
    #[error("the caller stopped taking its answer")]
    Answer,
}

/// Cuts a connection off; the first reason is the one that counts.
fn timed_out(phase: &Phase, why: Cut) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, *phase.cut.get_or_init(|| why))
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedIo<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        if let Poll::Ready(done) = Pin::new(&mut this.inner).poll_read(cx, buf) {
            if buf.filled().len() > before && this.phase.get() & MASK == IDLE {
                this.phase.set(HEAD);
            }
            return Poll::Ready(done);
        }
        let now = this.phase.get();
        match now & MASK {
            IDLE => {
                ready!(this.read.poll(cx, now, this.timeouts.idle));
                Poll::Ready(Err(timed_out(&this.phase, Cut::Idle)))
            }
            HEAD => {
                ready!(this.read.poll(cx, now, this.timeouts.header));
                Poll::Ready(Err(timed_out(&this.phase, Cut::Head)))
            }
            _ => {
                this.read.disarm();
                this.phase.reader.register(cx.waker());
                Poll::Pending
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedIo<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().timed_write(cx, |inner, cx| Pin::new(inner).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().timed_write(cx, |inner, cx| Pin::new(inner).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().timed_write(cx, |inner, cx| Pin::new(inner).poll_shutdown(cx))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().timed_write(cx, |inner, cx| Pin::new(inner).poll_write_vectored(cx, bufs))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const HEADER: Duration = Duration::from_millis(150);
    const IDLE: Duration = Duration::from_millis(600);
    const WRITE: Duration = Duration::from_millis(150);

    fn pair() -> (tokio::io::DuplexStream, TimedIo<tokio::io::DuplexStream>, Arc<Phase>) {
        let (far, near) = tokio::io::duplex(64);
        let phase = Phase::new();
        let timeouts = IoTimeouts { header: HEADER, idle: IDLE, write: WRITE };
        (far, TimedIo::new(near, phase.clone(), timeouts), phase)
    }

    async fn fails_after(io: &mut TimedIo<tokio::io::DuplexStream>) -> (Duration, String) {
        let began = Instant::now();
        let error = io.read_u8().await.expect_err("nothing comes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        (began.elapsed(), error.to_string())
    }

    #[tokio::test]
    async fn a_new_connection_has_the_header_time() {
        let (_far, mut io, _phase) = pair();
        let (after, why) = fails_after(&mut io).await;
        assert!(after >= HEADER, "{after:?}");
        assert_eq!(why, "the request's head took too long");
    }

    #[tokio::test]
    async fn bytes_of_a_head_do_not_extend_its_time() {
        let (mut far, mut io, _phase) = pair();
        let dribble = tokio::spawn(async move {
            let mut sent = 0;
            while far.write_u8(b'G').await.is_ok() {
                sent += 1;
                tokio::time::sleep(HEADER / 10).await;
            }
            sent
        });
        let error = loop {
            if let Err(error) = io.read_u8().await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(io);
        assert!(dribble.await.expect("the sender notices") <= 12, "one time for the whole head");
    }

    #[tokio::test]
    async fn a_connection_at_rest_has_the_idle_time_each_time_anew() {
        let (mut far, mut io, phase) = pair();
        // Together these rests are longer than one idle time, and each is longer than the header time.
        for _ in 0..3 {
            phase.busy();
            phase.idle();
            let wait = tokio::time::timeout(IDLE / 2, io.read_u8()).await;
            assert!(wait.is_err(), "still waiting");
            far.write_u8(b'P').await.expect("open");
            assert_eq!(io.read_u8().await.expect("a byte"), b'P');
        }
        phase.busy();
        phase.idle();
        let (after, why) = fails_after(&mut io).await;
        assert!(after >= IDLE, "{after:?}");
        assert_eq!(why, "the connection was idle for too long");
    }

    #[tokio::test]
    async fn a_call_at_work_is_not_timed_here() {
        let (_far, mut io, phase) = pair();
        phase.busy();
        assert!(tokio::time::timeout(IDLE * 2, io.read_u8()).await.is_err());
    }

    #[tokio::test]
    async fn a_read_begun_while_a_call_was_at_work_is_timed_once_that_is_over() {
        let (_far, mut io, phase) = pair();
        phase.busy();
        let reading = tokio::spawn(async move { io.read_u8().await });
        tokio::task::yield_now().await;
        phase.idle();
        let error = tokio::time::timeout(IDLE * 20, reading).await.expect("timed").expect("no panic");
        assert_eq!(error.expect_err("nothing comes").kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_caller_that_takes_nothing_is_let_go() {
        let (_far, mut io, _phase) = pair();
        let error = io.write_all(&[0; 1000]).await.expect_err("the pipe holds 64 bytes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
