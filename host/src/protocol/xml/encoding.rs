//! Which encoding a body is in: its bytes decide, never a label (protocol.md section 2). UTF-8 with or without byte
//! order mark, or UTF-16 of either byte order with one; UTF-8 comes out. Whether UTF-8 *is* valid is checked
//! further up, where the text is looked at anyway.

use std::io::{self, Read};

use super::super::fault::Fault;

/// Reads any accepted encoding and gives UTF-8 without byte order mark.
pub(super) struct Utf8Reader<R> {
    source: R,
    state: State,
}

enum State {
    /// Nothing read yet.
    Start,
    /// The bytes looked at to find the encoding, then straight through.
    Utf8 {
        first: [u8; 4],
        from: usize,
        to: usize,
    },
    Utf16(Utf16),
}

impl<R: Read> Utf8Reader<R> {
    pub(super) const fn new(source: R) -> Self {
        Self { source, state: State::Start }
    }

    /// Looks at up to four bytes.
    fn detect(&mut self) -> io::Result<()> {
        let mut first = [0; 4];
        let mut len = 0;
        while len < first.len() {
            match self.source.read(&mut first[len..]) {
                Ok(0) => break,
                Ok(n) => len += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.state = match &first[..len] {
            [0xFF, 0xFE, 0, 0] | [0, 0, 0xFE, 0xFF] => {
                return Err(fault("The body is UTF-32; send UTF-8, or UTF-16 with a byte order mark."));
            }
            [b'<', 0, ..] | [0, b'<', ..] => {
                return Err(fault(
                    "The body looks like UTF-16 without a byte order mark; send UTF-8, or UTF-16 with one.",
                ));
            }
            [0xFF, 0xFE, rest @ ..] => State::Utf16(Utf16::new(u16::from_le_bytes, rest)),
            [0xFE, 0xFF, rest @ ..] => State::Utf16(Utf16::new(u16::from_be_bytes, rest)),
            [0xEF, 0xBB, 0xBF, ..] => State::Utf8 { first, from: 3, to: len },
            _ => State::Utf8 { first, from: 0, to: len },
        };
        Ok(())
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if matches!(self.state, State::Start) {
            self.detect()?;
        }
        match &mut self.state {
            State::Start => unreachable!("the encoding was detected just now"),
            State::Utf8 { first, from, to } if *from < *to => {
                let n = out.len().min(*to - *from);
                out[..n].copy_from_slice(&first[*from..*from + n]);
                *from += n;
                Ok(n)
            }
            State::Utf8 { .. } => self.source.read(out),
            State::Utf16(utf16) => utf16.read(&mut self.source, out),
        }
    }
}

/// The way from UTF-16 to UTF-8. What came before a broken unit is given out before the fault.
struct Utf16 {
    unit: fn([u8; 2]) -> u16,
    /// Bytes not decoded yet: the first `kept`.
    raw: Box<[u8]>,
    kept: usize,
    /// Text not given out yet, from `given` on.
    text: String,
    given: usize,
    /// A first half of a surrogate pair waiting for its second.
    high: Option<u16>,
    failed: Option<&'static str>,
    ended: bool,
}

const CHUNK: usize = 16 * 1024;
const LONE: &str = "The body is UTF-16 with half a surrogate pair, which is no character.";
const ODD: &str = "The body is UTF-16 and ends in the middle of a character.";

impl Utf16 {
    fn new(unit: fn([u8; 2]) -> u16, first: &[u8]) -> Self {
        let mut raw = vec![0; CHUNK].into_boxed_slice();
        raw[..first.len()].copy_from_slice(first);
        Self { unit, raw, kept: first.len(), text: String::new(), given: 0, high: None, failed: None, ended: false }
    }

    fn read(&mut self, source: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            if let Some(message) = self.failed {
                return Err(fault(message));
            }
            if self.ended || out.is_empty() {
                return Ok(0);
            }
            self.fill(source)?;
        }
        let n = out.len().min(self.text.len() - self.given);
        out[..n].copy_from_slice(&self.text.as_bytes()[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }

    fn fill(&mut self, source: &mut impl Read) -> io::Result<()> {
        let read = source.read(&mut self.raw[self.kept..])?;
        self.ended = read == 0;
        self.kept += read;
        self.text.clear();
        self.given = 0;
        let whole = self.kept & !1;
        for pair in self.raw[..whole].chunks_exact(2) {
            let unit = (self.unit)([pair[0], pair[1]]);
            match (self.high.take(), unit) {
                (None, 0xD800..=0xDBFF) => self.high = Some(unit),
                (Some(high), 0xDC00..=0xDFFF) => {
                    let code = 0x1_0000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(unit) - 0xDC00);
                    self.text.push(char::from_u32(code).expect("a surrogate pair is a character"));
                }
                (None, _) if !(0xDC00..=0xDFFF).contains(&unit) => {
                    self.text.push(char::from_u32(unit.into()).expect("no surrogate, so a character"));
                }
                _ => {
                    self.failed = Some(LONE);
                    return Ok(());
                }
            }
        }
        self.raw.copy_within(whole..self.kept, 0);
        self.kept -= whole;
        if self.ended && (self.kept > 0 || self.high.is_some()) {
            self.failed = Some(ODD);
        }
        Ok(())
    }
}

/// A fault on its way through layers that speak `io::Error`.
fn fault(message: &str) -> io::Error {
    io::Error::other(Fault::client(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, String> {
        let mut text = String::new();
        Utf8Reader::new(bytes).read_to_string(&mut text).map(|_| text).map_err(|error| error.to_string())
    }

    /// Gives one byte at a time, and an interruption before each.
    struct Dripping<'a>(&'a [u8], bool);
    impl Read for Dripping<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let n = self.0.len().min(1).min(out.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(unit).collect()
    }

    #[test]
    fn utf_8_comes_through_with_and_without_a_byte_order_mark() {
        assert_eq!(read("<å>😀".as_bytes()), Ok("<å>😀".into()));
        assert_eq!(read("\u{feff}<å>".as_bytes()), Ok("<å>".into()));
        assert_eq!(read(b""), Ok(String::new()));
        assert_eq!(read(b"a"), Ok("a".into()));
    }

    #[test]
    fn utf_16_of_both_byte_orders_becomes_utf_8_however_it_drips_in() {
        let text = "<a>blåbær 😀\u{fffe}\0</a>";
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            let bytes = utf16(text, unit);
            assert_eq!(read(&bytes), Ok(text.into()));
            let mut dripped = String::new();
            Utf8Reader::new(Dripping(&bytes, false)).read_to_string(&mut dripped).unwrap();
            assert_eq!(dripped, text);
        }
    }

    #[test]
    fn other_encodings_and_broken_utf_16_are_faults() {
        assert_eq!(
            read(&[0xFF, 0xFE, 0, 0, b'<', 0, 0, 0]),
            Err("The body is UTF-32; send UTF-8, or UTF-16 with a byte order mark.".into())
        );
        assert_eq!(
            read(b"<\0a\0"),
            Err("The body looks like UTF-16 without a byte order mark; send UTF-8, or UTF-16 with one.".into())
        );
        assert_eq!(read(&[0xFF, 0xFE, b'<', 0, b'a']), Err(ODD.into()));
        assert_eq!(read(&[0xFF, 0xFE, 0x00, 0xD8]), Err(ODD.into()));
        assert_eq!(read(&[0xFF, 0xFE, 0x00, 0xDC, b'a', 0]), Err(LONE.into()));
        assert_eq!(read(&[0xFF, 0xFE, 0x00, 0xD8, b'a', 0]), Err(LONE.into()));
    }

    #[test]
    fn text_before_a_broken_unit_is_given_out_first() {
        let mut reader = Utf8Reader::new(&[0xFF, 0xFE, b'a', 0, 0x00, 0xDC][..]);
        let mut out = [0; 8];
        assert_eq!(reader.read(&mut out).unwrap(), 1);
        assert_eq!(out[0], b'a');
        assert_eq!(reader.read(&mut out).unwrap_err().to_string(), LONE);
    }
}
