//! The buffer quick-xml reads from. Sizes are bounded here, before quick-xml gathers anything: an event gets an
//! allowance, and a byte beyond it is an error that names the limit. The total is counted.

use std::io::{self, BufRead, Read};
use std::ops::Range;

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
    /// As far as the bounds let quick-xml see: at most `end`.
    visible: usize,
    /// Bytes taken before those in the buffer.
    before: u64,
    /// The source has said that there is no more.
    ended: bool,
    /// For the event being read: where it must have ended, counted from the first byte of all.
    event: (u64, Bound),
    /// For the message's head, until it is over.
    head: Option<(u64, Bound)>,
    /// More was asked for than there is.
    starved: bool,
    /// Whole characters, known to be UTF-8: this stretch of the buffer.
    checked: Range<usize>,
    /// A byte that belongs to no character has come. What is behind it is no longer looked at.
    broken: bool,
}

impl<R: Read> Feed<R> {
    pub(super) fn new(source: R, head: Bound) -> Self {
        Self {
            source: Utf8Reader::new(source),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            visible: 0,
            before: 0,
            ended: false,
            event: (head.bytes as u64, head),
            head: Some((head.bytes as u64, head)),
            starved: false,
            checked: 0..0,
            broken: false,
        }
    }

    /// The next three bytes, and how many there are: fewer only at the end, zeros in their place.
    #[inline]
    pub(super) fn peek(&mut self) -> io::Result<([u8; 3], usize)> {
        if let [a, b, c, ..] = self.buffer[self.start..self.end] {
            return Ok(([a, b, c], 3));
        }
        self.peek_further()
    }

    #[cold]
    fn peek_further(&mut self) -> io::Result<([u8; 3], usize)> {
        self.move_to_front();
        while self.end < 3 && !self.ended {
            if let Err(error) = self.read_more() {
                self.see();
                return Err(error);
            }
        }
        self.see();
        let ready = self.end.min(3);
        self.starved |= ready == 0;
        let mut next = [0; 3];
        next[..ready].copy_from_slice(&self.buffer[..ready]);
        Ok((next, ready))
    }

    /// What has arrived and is not taken yet, as far as it is whole characters in valid UTF-8. A fast path may look at it and
    /// [`consume`](io::BufRead::consume) of it, between two events.
    pub(super) fn arrived(&self) -> &[u8] {
        if self.start < self.checked.start {
            &[]
        } else {
            self.buffer.get(self.start..self.checked.end).unwrap_or_default()
        }
    }

    /// Waits for more to arrive behind what has. `false`: there is no more, or the buffer holds much already.
    pub(super) fn read_on(&mut self) -> io::Result<bool> {
        if self.ended || self.broken || self.end - self.start > BUFFER / 2 {
            return Ok(false);
        }
        self.move_to_front();
        let read = self.read_more();
        self.see();
        read.map(|()| !self.ended)
    }

    /// Makes room behind what has arrived.
    fn move_to_front(&mut self) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.before += self.start as u64;
        self.end -= self.start;
        self.checked = self.checked.start.saturating_sub(self.start)..self.checked.end.saturating_sub(self.start);
        self.start = 0;
    }

    /// Sets the allowance of the next event: its bound, and `marks` more for what is around it.
    #[inline]
    pub(super) fn allow(&mut self, bound: Bound, marks: usize) {
        self.event = (self.consumed().saturating_add((bound.bytes + marks) as u64), bound);
        self.see();
    }

    /// The message's head is over: its bound counts no more.
    pub(super) fn head_is_over(&mut self) {
        self.head = None;
        self.see();
    }

    /// Whether somebody wanted more than there was.
    pub(super) const fn starved(&self) -> bool {
        self.starved
    }

    /// Bytes taken so far, counted as UTF-8.
    #[inline]
    pub(super) const fn consumed(&self) -> u64 {
        self.before + self.start as u64
    }

    /// Works out how far the bounds let see.
    #[inline]
    fn see(&mut self) {
        let bound = self.head.map_or(self.event.0, |(head, _)| head.min(self.event.0));
        let visible = usize::try_from(bound.saturating_sub(self.before)).unwrap_or(usize::MAX);
        self.visible = visible.clamp(self.start, self.end);
    }

    fn read_more(&mut self) -> io::Result<()> {
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(n) => {
                    self.ended = n == 0;
                    self.end += n;
                    self.check();
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Looks for broken UTF-8 in what has come, all of it at once: many times faster than text by text.
    fn check(&mut self) {
        if self.broken {
            return;
        }
        // The end of a character whose beginning is taken: whoever took that looks at this as well.
        while self.checked.is_empty()
            && self.checked.end < self.end.min(3)
            && self.buffer[self.checked.end] & 0xC0 == 0x80
        {
            self.checked = self.checked.end + 1..self.checked.end + 1;
        }
        match simdutf8::compat::from_utf8(&self.buffer[self.checked.end..self.end]) {
            Ok(_) => self.checked.end = self.end,
            Err(error) => {
                self.checked.end += error.valid_up_to();
                self.broken = error.error_len().is_some();
            }
        }
    }

    /// Nothing is visible: reads more, unless a bound is why.
    #[cold]
    fn fill(&mut self) -> io::Result<()> {
        if self.start == self.end && !self.ended {
            self.before += self.start as u64;
            self.start = 0;
            self.end = 0;
            self.visible = 0;
            self.checked = 0..0;
            self.read_more()?;
            self.see();
        }
        if self.start == self.end {
            self.starved = true;
            return Ok(());
        }
        let consumed = self.consumed();
        for (until, bound) in [Some(self.event), self.head].into_iter().flatten() {
            if consumed >= until {
                return Err(io::Error::other(Fault::limit(bound.what, bound.bytes as u64, "bytes")));
            }
        }
        Ok(())
    }
}

impl<R: Read> BufRead for Feed<R> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.visible {
            self.fill()?;
        }
        Ok(&self.buffer[self.start..self.visible])
    }

    #[inline]
    fn consume(&mut self, n: usize) {
        self.start += n;
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

    /// Gets all into the buffer: the first read gives only what the encoding is found by.
    fn fill(feed: &mut Feed<&[u8]>) {
        while !feed.ended {
            feed.read_more().unwrap();
        }
        feed.see();
    }

    #[test]
    fn a_byte_beyond_the_head_s_bound_is_an_error_that_names_it() {
        let mut feed = Feed::new(&b"123456789"[..], HEAD);
        feed.allow(Bound { what: "An event", bytes: 100 }, 0);
        fill(&mut feed);
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
        fill(&mut feed);
        assert_eq!(feed.fill_buf().unwrap(), b"123");
        feed.consume(3);
        assert_eq!(feed.fill_buf().unwrap_err().to_string(), "A comment exceeds the limit of 2 bytes.");
        feed.allow(HEAD, 0);
        assert_eq!(feed.fill_buf().unwrap(), b"45678");
        assert_eq!(feed.consumed(), 3);
    }

    #[test]
    fn peeking_takes_nothing_and_is_short_only_at_the_end() {
        let mut feed = Feed::new(&b"abcd"[..], HEAD);
        assert_eq!(feed.peek().unwrap(), (*b"abc", 3));
        feed.consume(2);
        assert_eq!(feed.peek().unwrap(), (*b"cd\0", 2));
        assert!(!feed.starved());
        feed.consume(2);
        assert_eq!(feed.consumed(), 4);
        assert_eq!(feed.peek().unwrap(), ([0; 3], 0));
        assert!(feed.starved());
    }
}
