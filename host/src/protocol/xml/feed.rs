//! The buffer quick-xml reads from. Sizes are bounded here, before quick-xml gathers anything: an event gets an
//! allowance, and a byte beyond it is an error that names the limit. The total is counted.
//!
//! [`Feed::peek`] and [`Feed::consume`](io::BufRead::consume) are also the door for a fast path that takes known byte
//! patterns straight out of the buffer between two events.

use std::io::{self, BufRead, Read};

use super::super::fault::Fault;
use super::encoding::Utf8Reader;

const BUFFER: usize = 64 * 1024;

/// A size that must not be exceeded, and what to call it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) what: &'static str,
    pub(super) bytes: usize,
}

pub(super) struct Feed<R> {
    source: Utf8Reader<R>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// The source has said that there is no more.
    ended: bool,
    consumed: u64,
    /// For the event being read: what is left, and of what.
    event: (usize, Bound),
    /// For the message's head, until it is over.
    head: Option<(usize, Bound)>,
    /// More was asked for than there is.
    starved: bool,
}

impl<R: Read> Feed<R> {
    pub(super) fn new(source: R, head: Bound) -> Self {
        Self {
            source: Utf8Reader::new(source),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            ended: false,
            consumed: 0,
            event: (head.bytes, head),
            head: Some((head.bytes, head)),
            starved: false,
        }
    }

    /// The next `n` bytes, fewer only at the end. Small `n` only.
    pub(super) fn peek(&mut self, n: usize) -> io::Result<&[u8]> {
        if self.end - self.start < n && !self.ended {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            while self.end < n && !self.ended {
                self.read_more()?;
            }
        }
        if self.start == self.end {
            self.starved = true;
        }
        Ok(&self.buffer[self.start..self.end.min(self.start + n)])
    }

    /// Sets the allowance of the next event: its bound, and `marks` more for what is around it.
    pub(super) const fn allow(&mut self, bound: Bound, marks: usize) {
        self.event = (bound.bytes.saturating_add(marks), bound);
    }

    /// The message's head is over: its bound counts no more.
    pub(super) const fn head_is_over(&mut self) {
        self.head = None;
    }

    /// Whether somebody wanted more than there was.
    pub(super) const fn starved(&self) -> bool {
        self.starved
    }

    /// Bytes taken so far, counted as UTF-8.
    pub(super) const fn consumed(&self) -> u64 {
        self.consumed
    }

    fn read_more(&mut self) -> io::Result<()> {
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(n) => {
                    self.ended = n == 0;
                    self.end += n;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: Read> BufRead for Feed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end && !self.ended {
            self.start = 0;
            self.end = 0;
            self.read_more()?;
        }
        let ready = self.end - self.start;
        if ready == 0 {
            self.starved = true;
            return Ok(&[]);
        }
        let mut n = ready;
        for (left, bound) in [Some(self.event), self.head].into_iter().flatten() {
            if left == 0 {
                return Err(io::Error::other(Fault::limit(bound.what, bound.bytes as u64, "bytes")));
            }
            n = n.min(left);
        }
        Ok(&self.buffer[self.start..self.start + n])
    }

    fn consume(&mut self, n: usize) {
        self.start += n;
        self.consumed += n as u64;
        self.event.0 = self.event.0.saturating_sub(n);
        if let Some((left, _)) = &mut self.head {
            *left = left.saturating_sub(n);
        }
    }
}

impl<R: Read> Read for Feed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let n = ready.len().min(out.len());
        out[..n].copy_from_slice(&ready[..n]);
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Bound = Bound { what: "The head", bytes: 8 };

    #[test]
    fn a_byte_beyond_the_head_s_bound_is_an_error_that_names_it() {
        let mut feed = Feed::new(&b"123456789"[..], HEAD);
        feed.allow(Bound { what: "An event", bytes: 100 }, 0);
        feed.peek(9).unwrap();
        assert_eq!(feed.fill_buf().unwrap(), b"12345678");
        feed.consume(8);
        assert_eq!(feed.fill_buf().unwrap_err().to_string(), "The head exceeds the limit of 8 bytes.");
        feed.head_is_over();
        assert_eq!(feed.fill_buf().unwrap(), b"9");
    }

    #[test]
    fn a_byte_beyond_an_event_s_allowance_is_an_error_that_names_it() {
        let mut feed = Feed::new(&b"12345678"[..], HEAD);
        feed.allow(Bound { what: "A comment", bytes: 2 }, 1);
        feed.peek(8).unwrap();
        assert_eq!(feed.fill_buf().unwrap(), b"123");
        feed.consume(3);
        assert_eq!(feed.fill_buf().unwrap_err().to_string(), "A comment exceeds the limit of 2 bytes.");
        feed.allow(HEAD, 0);
        assert_eq!(feed.fill_buf().unwrap(), b"45678");
        assert_eq!(feed.consumed(), 3);
    }

    #[test]
    fn peeking_takes_nothing_and_is_short_only_at_the_end() {
        let mut feed = Feed::new(&b"abc"[..], HEAD);
        assert_eq!(feed.peek(2).unwrap(), b"ab");
        feed.consume(2);
        assert_eq!(feed.peek(9).unwrap(), b"c");
        assert!(!feed.starved());
        feed.consume(1);
        assert_eq!(feed.peek(1).unwrap(), b"");
        assert!(feed.starved());
    }
}
