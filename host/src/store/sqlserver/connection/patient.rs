//! A socket that does not wait for ever: when nothing has come or gone for a while, reading or writing fails.
//!
//! The driver has a limit of its own, but it is fixed when a connection is opened and does not cover what it sends. A statement
//! that builds an index says nothing for an hour, and a bulk load may stall in the middle of sending: here both have one limit,
//! which can be changed between commands. Beside time there is a number of bytes that may still come, for answers that
//! somebody else's statement makes: the driver keeps a whole row, however large, before anybody can look at it.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long silence is borne and how much may come, shared by a connection and its socket.
#[derive(Debug, Clone)]
pub(in crate::store::sqlserver) struct Patience {
    /// In milliseconds; 0: for ever.
    silence: Arc<AtomicU64>,
    /// Bytes that may still be read; [`u64::MAX`]: as many as come.
    bytes: Arc<AtomicU64>,
}

impl Patience {
    pub fn new(silence: Option<Duration>) -> Self {
        let patience = Self { silence: Arc::default(), bytes: Arc::new(AtomicU64::new(u64::MAX)) };
        patience.set(silence);
        patience
    }

    pub fn set(&self, silence: Option<Duration>) {
        let millis = silence.map_or(0, |silence| u64::try_from(silence.as_millis()).unwrap_or(u64::MAX).max(1));
        self.silence.store(millis, Ordering::Relaxed);
    }

    pub fn get(&self) -> Option<Duration> {
        Some(self.silence.load(Ordering::Relaxed)).filter(|millis| *millis > 0).map(Duration::from_millis)
    }

    /// How many bytes may come from now on, until it is said anew; `None`: as many as like. One more, and reading fails with
    /// [`io::ErrorKind::FileTooLarge`].
    pub fn allow(&self, bytes: Option<u64>) {
        self.bytes.store(bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// So many came.
    fn came(&self, bytes: usize) -> io::Result<()> {
        let left = self.bytes.load(Ordering::Relaxed);
        if left == u64::MAX {
            return Ok(());
        }
        let left = left.checked_sub(bytes as u64);
        self.bytes.store(left.unwrap_or(0), Ordering::Relaxed);
        left.map(drop).ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, "the answer is larger than it may be"))
    }
}

/// A stream that fails with [`io::ErrorKind::TimedOut`] when it made no progress for as long as its [`Patience`].
pub(in crate::store::sqlserver) struct Patient<S> {
    stream: S,
    patience: Patience,
    reading: Watch,
    writing: Watch,
}

/// Since when one direction has been waited for.
#[derive(Default)]
struct Watch {
    timer: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Watch {
    /// To be called with what the stream said.
    fn look<T>(&mut self, patience: &Patience, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.waiting = false;
            return poll;
        }
        let Some(silence) = patience.get() else {
            self.waiting = false;
            return poll;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(silence)));
        if !self.waiting {
            self.waiting = true;
            // Far enough for the clock: `Instant` overflows for a century and more.
            timer.as_mut().reset(Instant::now() + silence.min(Duration::from_hours(24 * 365)));
        }
        match timer.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                self.waiting = false;
                let message = format!("the server said nothing for {} seconds", silence.as_secs_f64());
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, message)))
            }
        }
    }
}

impl<S> Patient<S> {
    pub fn new(stream: S, patience: Patience) -> Self {
        Self { stream, patience, reading: Watch::default(), writing: Watch::default() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let poll = Pin::new(&mut this.stream).poll_read(cx, buf);
        let poll = match poll {
            Poll::Ready(Ok(())) => Poll::Ready(this.patience.came(buf.filled().len() - before)),
            other => other,
        };
        this.reading.look(&this.patience, cx, poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.writing.look(&this.patience, cx, poll)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_flush(cx);
        this.writing.look(&this.patience, cx, poll)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.writing.look(&this.patience, cx, poll)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const SHORT: Duration = Duration::from_millis(30);

    #[tokio::test]
    async fn silence_ends_a_read() {
        let (near, mut far) = tokio::io::duplex(16);
        let mut near = Patient::new(near, Patience::new(Some(SHORT)));
        far.write_all(b"a").await.expect("room");
        let mut byte = [0];
        near.read_exact(&mut byte).await.expect("there already");
        let error = near.read_exact(&mut byte).await.expect_err("nothing more comes");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "the server said nothing for 0.03 seconds");
    }

    #[tokio::test]
    async fn a_write_nobody_takes_ends_too() {
        let (near, _far) = tokio::io::duplex(4);
        let mut near = Patient::new(near, Patience::new(Some(SHORT)));
        let error = near.write_all(b"more than fits").await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn without_a_limit_it_waits_and_the_limit_may_come_later() {
        let (near, _far) = tokio::io::duplex(4);
        let patience = Patience::new(None);
        assert_eq!(patience.get(), None);
        let mut near = Patient::new(near, patience.clone());
        let mut byte = [0];
        tokio::time::timeout(SHORT * 3, near.read_exact(&mut byte)).await.expect_err("it waits as long as one likes");
        patience.set(Some(SHORT));
        assert_eq!(patience.get(), Some(SHORT));
        near.read_exact(&mut byte).await.expect_err("nothing comes");
    }
    #[tokio::test]
    async fn more_than_is_allowed_is_not_read() {
        let (near, mut far) = tokio::io::duplex(64);
        let patience = Patience::new(None);
        let mut near = Patient::new(near, patience.clone());
        far.write_all(&[7; 30]).await.expect("room");
        patience.allow(Some(10));
        let mut ten = [0; 10];
        near.read_exact(&mut ten).await.expect("so many may come");
        let error = near.read_exact(&mut ten).await.expect_err("no more may");
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        patience.allow(None);
        near.read_exact(&mut ten).await.expect("as many as like");
    }
}
