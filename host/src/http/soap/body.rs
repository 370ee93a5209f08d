//! A request's body as it comes: bounded in bytes, bounded in the time its sender may make us wait, and handed to the
//! decoder, which reads synchronously on a thread of its own.

use std::io::{self, Read};
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::faults::{self, Step};

/// Pieces between the connection and the decoder.
const PIECES: usize = 8;

/// Why a body ended before its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("The message is larger than the {limit} bytes this endpoint accepts.")]
    TooLarge { limit: u64 },
    #[error("The message stopped coming: fewer than {} bytes in {} seconds.", .0.bytes, .0.time.as_secs_f32())]
    Stalled(Pace),
    #[error("The message broke off: {0}.")]
    Broken(String),
}

/// How fast a body must come: a sender that brings less than these bytes within this time is not sending but holding us
/// up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) bytes: usize,
    pub(super) time: Duration,
}

impl Pace {
    /// At least so many bytes a second, measured over this time.
    pub(super) fn new(bytes_per_second: u64, time: Duration) -> Self {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let bytes = bytes_per_second.saturating_mul(millis) / 1000;
        Self { bytes: usize::try_from(bytes).unwrap_or(usize::MAX).max(1), time }
    }
}

/// The sending side of a body.
pub(super) struct Incoming {
    body: Body,
    /// What may still come.
    left: u64,
    limit: u64,
    pace: Pace,
    /// What is left of the pace's time.
    budget: Duration,
    since_progress: usize,
    received: u64,
    ended: bool,
    stalled: bool,
}

impl Incoming {
    pub(super) fn new(body: Body, limit: u64, pace: Pace) -> Self {
        let budget = pace.time;
        Self { body, left: limit, limit, pace, budget, since_progress: 0, received: 0, ended: false, stalled: false }
    }

    /// A lower limit from here on, for operations that have no business being large.
    pub(super) fn lower_limit(&mut self, limit: u64) -> Result<(), BodyError> {
        if limit < self.limit {
            self.limit = limit;
            self.left = limit.checked_sub(self.received).ok_or(BodyError::TooLarge { limit })?;
        }
        Ok(())
    }

    /// Bytes that came.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Whether it came too slowly and was given up.
    pub(super) fn has_stalled(&self) -> bool {
        self.stalled
    }

    /// Whether all of it came.
    pub(super) fn is_complete(&self) -> bool {
        self.ended
    }

    /// The next piece; `None` at the end. Only the time spent waiting here counts against the sender.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        while !self.ended {
            let began = Instant::now();
            let frame = match tokio::time::timeout(self.budget, self.body.frame()).await {
                Err(_) => {
                    self.stalled = true;
                    return Err(BodyError::Stalled(self.pace));
                }
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Ok(Some(Err(error))) => return Err(BodyError::Broken(describe(&error))),
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers mean nothing here.
            let Ok(piece) = frame.into_data() else { continue };
            self.count(piece.len(), began.elapsed())?;
            faults::pass(Step::BodyPiece).await.map_err(|injected| BodyError::Broken(injected.to_string()))?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    fn count(&mut self, bytes: usize, waited: Duration) -> Result<(), BodyError> {
        self.received += bytes as u64;
        self.left = self.left.checked_sub(bytes as u64).ok_or(BodyError::TooLarge { limit: self.limit })?;
        self.since_progress += bytes;
        if self.since_progress >= self.pace.bytes {
            self.since_progress = 0;
            self.budget = self.pace.time;
        } else {
            self.budget = self.budget.saturating_sub(waited);
        }
        Ok(())
    }

    /// The beginning of the body: at least `bytes`, or all of it.
    pub(super) async fn prefix(&mut self, bytes: usize) -> Result<Bytes, BodyError> {
        let prefix = self.next().await?.unwrap_or_default();
        if prefix.len() >= bytes {
            return Ok(prefix);
        }
        let mut gathered = BytesMut::from(prefix);
        while gathered.len() < bytes
            && let Some(piece) = self.next().await?
        {
            gathered.extend_from_slice(&piece);
        }
        Ok(gathered.freeze())
    }

    /// Feeds a decoder until the body ends, breaks, or the decoder has read enough.
    pub(super) async fn pump(&mut self, pieces: Feed) -> Result<(), BodyError> {
        loop {
            let (piece, outcome) = match self.next().await {
                Ok(Some(piece)) => (Piece::Data(piece), None),
                Ok(None) => (Piece::End, Some(Ok(()))),
                Err(error) => (Piece::Broken(error.to_string()), Some(Err(error))),
            };
            if pieces.0.send(piece).await.is_err() {
                return outcome.unwrap_or(Ok(()));
            }
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    /// Reads on without looking, within bounds, so that an honest caller gets to read its answer instead of a
    /// reset connection.
    pub(super) async fn drain(mut self, bytes: u64, time: Duration) {
        self.left = bytes;
        let reading = async { while let Ok(Some(_)) = self.next().await {} };
        // Out of time or out of bounds: the connection is closed, which is all that is left to do.
        let _ = tokio::time::timeout(time, reading).await;
    }
}

fn describe(error: &axum::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}

enum Piece {
    Data(Bytes),
    End,
    Broken(String),
}

/// The asynchronous end of a [`feed`].
pub(super) struct Feed(mpsc::Sender<Piece>);

/// The synchronous end of a [`feed`]. A body that ended without saying so is an error, never an end.
pub(super) struct BodyReader {
    current: Bytes,
    pieces: mpsc::Receiver<Piece>,
    ended: bool,
}

/// A way from the connection to a decoder on another thread, beginning with what was read already.
pub(super) fn feed(prefix: Bytes) -> (Feed, BodyReader) {
    let (sender, pieces) = mpsc::channel(PIECES);
    (Feed(sender), BodyReader { current: prefix, pieces, ended: false })
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Data(piece)) => self.current = piece,
                Some(Piece::End) => self.ended = true,
                Some(Piece::Broken(why)) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why)),
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the message broke off")),
            }
        }
        let taken = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..taken]);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    const PATIENCE: Pace = pace(Duration::from_secs(30));

    const fn pace(time: Duration) -> Pace {
        Pace { bytes: 1024, time }
    }

    fn body(pieces: &'static [&'static [u8]]) -> Body {
        Body::from_stream(stream::iter(pieces.iter().map(|piece| Ok::<_, Infallible>(Bytes::from_static(piece)))))
    }

    /// A body that brings `piece` every `pause`, for ever.
    fn dribble(piece: &'static [u8], pause: Duration) -> Body {
        Body::from_stream(stream::unfold((), move |()| async move {
            tokio::time::sleep(pause).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(piece)), ()))
        }))
    }

    #[tokio::test]
    async fn a_prefix_and_its_rest_make_the_whole() {
        let mut incoming = Incoming::new(body(&[b"one ", b"two ", b"", b"three"]), 100, PATIENCE);
        let prefix = incoming.prefix(6).await.expect("six bytes");
        assert_eq!(prefix, &b"one two "[..]);
        assert!(!incoming.is_complete());
        let (feed, mut reader) = feed(prefix);
        let decoder = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        incoming.pump(feed).await.expect("pumped");
        assert_eq!(decoder.await.expect("no panic").expect("read"), "one two three");
        assert_eq!(incoming.received(), 13);
        assert!(incoming.is_complete());
    }

    #[tokio::test]
    async fn one_byte_too_many_is_refused_and_the_decoder_told() {
        let mut incoming = Incoming::new(body(&[b"12345", b"678901"]), 10, PATIENCE);
        let (feed, mut reader) = feed(Bytes::new());
        let decoder = tokio::task::spawn_blocking(move || reader.read_to_end(&mut Vec::new()));
        assert_eq!(incoming.pump(feed).await, Err(BodyError::TooLarge { limit: 10 }));
        assert_eq!(decoder.await.expect("no panic").expect_err("broken").kind(), io::ErrorKind::UnexpectedEof);
        let mut exact = Incoming::new(body(&[b"12345", b"67890"]), 10, PATIENCE);
        assert_eq!(exact.prefix(100).await.expect("ten fit").len(), 10);
    }

    #[tokio::test]
    async fn a_limit_lowered_below_what_came_is_refused() {
        let mut incoming = Incoming::new(body(&[b"12345", b"678901"]), 100, PATIENCE);
        incoming.prefix(1).await.expect("some");
        incoming.lower_limit(5).expect("five came");
        assert_eq!(incoming.next().await, Err(BodyError::TooLarge { limit: 5 }));
        assert_eq!(incoming.lower_limit(4), Err(BodyError::TooLarge { limit: 4 }));
    }

    #[tokio::test]
    async fn a_feed_that_is_dropped_is_no_end() {
        let (feed, mut reader) = feed(Bytes::from_static(b"begun"));
        drop(feed);
        let read = tokio::task::spawn_blocking(move || reader.read_to_end(&mut Vec::new())).await.expect("no panic");
        assert_eq!(read.expect_err("not whole").kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn silence_ends_a_body() {
        let patience = Duration::from_millis(100);
        let mut incoming = Incoming::new(dribble(b"x", Duration::from_mins(1)), 100, pace(patience));
        assert_eq!(incoming.next().await, Err(BodyError::Stalled(pace(patience))));
        assert!(incoming.has_stalled());
    }

    #[tokio::test]
    async fn dribbling_is_no_progress() {
        let (patience, began) = (Duration::from_millis(200), Instant::now());
        let mut incoming = Incoming::new(dribble(b"x", Duration::from_millis(10)), u64::MAX, pace(patience));
        assert_eq!(incoming.prefix(usize::MAX).await, Err(BodyError::Stalled(pace(patience))));
        assert!(began.elapsed() >= patience, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn slow_but_steady_is_progress() {
        let (patience, began) = (Duration::from_millis(400), Instant::now());
        let mut incoming = Incoming::new(dribble(&[0; 600], Duration::from_millis(20)), u64::MAX, pace(patience));
        assert!(incoming.prefix(18_000).await.expect("comes in its time").len() >= 18_000);
        assert!(began.elapsed() > patience, "longer than one patience in all");
    }

    #[test]
    fn a_pace_is_a_rate_over_a_time() {
        assert_eq!(Pace::new(1024, Duration::from_secs(30)).bytes, 30_720);
        assert_eq!(Pace::new(1024, Duration::from_millis(500)).bytes, 512);
        assert_eq!(Pace::new(1, Duration::from_millis(500)).bytes, 1, "something must come");
    }

    #[tokio::test]
    async fn our_own_slowness_is_not_the_senders() {
        let patience = Duration::from_millis(100);
        let mut incoming = Incoming::new(body(&[b"a", b"b"]), 100, pace(patience));
        incoming.next().await.expect("a");
        tokio::time::sleep(patience * 3).await;
        assert_eq!(incoming.next().await, Ok(Some(Bytes::from_static(b"b"))));
    }

    #[tokio::test]
    async fn draining_is_bounded_in_bytes_and_time() {
        let (time, began) = (Duration::from_secs(20), Instant::now());
        let flood = Incoming::new(dribble(&[0; 5000], Duration::from_millis(1)), u64::MAX, PATIENCE);
        flood.drain(50_000, time).await;
        assert!(began.elapsed() < time, "stopped by the bytes");
        let silence = Incoming::new(dribble(b"x", Duration::from_secs(1000)), u64::MAX, PATIENCE);
        silence.drain(50_000, Duration::from_millis(50)).await;
        assert!(began.elapsed() < time, "stopped by the time");
    }
}
