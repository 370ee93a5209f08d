//! The short way for cells: the exact bytes that a sender writes for a plain cell, an empty one, a nil one, and between two rows,
//! learnt from the first of each that came the long way and then recognised in the buffer without quick-xml.
//!
//! Whatever is not exactly that goes the long way: CDATA, comments, CR, other forbidden or suspicious characters, references
//! other than the few that every text has, other attributes, other prefixes. So this decides nothing about the contract; that both
//! ways give the same is a property test (`decode::tests::mutations`).

use std::io::Read;
use std::rc::Rc;

use super::super::super::fault::Fault;
use super::super::super::raw_batch::RawBatchBuilder;
use super::super::super::xml::attributes::Tag;
use super::super::super::xml::namespaces::Scope;
use super::super::super::xml::reader::XmlReader;
use super::batch::cannot_keep;
use super::cells::RowSize;
use super::form::Form;
use super::seam::{Seam, SeamTags};

/// How cells are written where these prefixes mean what they mean. A form not seen yet stands nowhere.
#[derive(Default)]
pub(super) struct KnownCells {
    scope: Option<Rc<Scope>>,
    /// `<b:string>`
    start: Form,
    /// `</b:string>`
    end: Form,
    /// `<b:string/>`
    empty: Form,
    /// `<b:string i:nil="true"/>`
    nil: Form,
    seam: Seam,
}

/// Why no more is taken of what has arrived.
#[derive(PartialEq, Eq)]
enum Stop {
    /// It is not written in a known way.
    Unknown,
    /// It may be, but it has not wholly arrived.
    Cut,
}

impl KnownCells {
    /// Learns from the cell whose start tag was just read the long way.
    pub(super) fn learn<R: Read>(&mut self, xml: &XmlReader<'_, R>, tag: Tag) {
        if !xml.declares_nothing() {
            return;
        }
        if !self.is_here(xml) {
            *self = Self { scope: Some(Rc::clone(xml.scope())), ..Self::default() };
        }
        let text = xml.tag_text();
        if tag.nil {
            if text.ends_with(b"/>") && self.nil.bytes() != text {
                self.nil = Form::new(text.to_vec());
            }
            return;
        }
        let name = text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">")).unwrap_or_default();
        let name = name.strip_suffix(b"/").unwrap_or(name);
        let is_name = !name.is_empty() && name.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_'));
        if is_name && self.start.bytes().get(1..self.start.len().saturating_sub(1)) != Some(name) {
            self.start = Form::new([b"<", name, b">"].concat());
            self.end = Form::new([b"</", name, b">"].concat());
            self.empty = Form::new([b"<", name, b"/>"].concat());
        }
    }

    /// Whether it is not known yet what stands between two rows.
    pub(super) const fn wants_seam(&self) -> bool {
        !self.seam.is_known()
    }

    /// Learns from a row that was read the long way.
    pub(super) fn learn_seam(&mut self, tags: &SeamTags) {
        if let Some((scope, seam)) = tags.seam()
            && self.scope.as_ref().is_some_and(|here| Rc::ptr_eq(here, scope))
        {
            self.seam = seam;
        }
    }

    /// Takes as many cells as are written in a known way, and rows with them.
    pub(super) fn take<R: Read>(
        &self,
        xml: &mut XmlReader<'_, R>,
        row: &mut RowSize<'_>,
        builder: &mut RawBatchBuilder,
    ) -> Result<(), Fault> {
        if !self.is_here(xml) {
            return Ok(());
        }
        loop {
            let (taken, stop) = self.take_arrived(xml.arrived(), row, builder)?;
            xml.take(taken);
            if stop == Stop::Unknown || !xml.read_on()? {
                return Ok(());
            }
        }
    }

    /// How many bytes were taken.
    fn take_arrived(
        &self,
        arrived: &[u8],
        row: &mut RowSize<'_>,
        builder: &mut RawBatchBuilder,
    ) -> Result<(usize, Stop), Fault> {
        let mut taken = 0;
        loop {
            let next = &arrived[taken..];
            if self.start.begins(next) {
                let cell = builder.cell_bytes();
                let before = cell.len();
                let written = match plain_text(&next[self.start.len()..], &self.end, row.limits.text_bytes, cell) {
                    Ok(written) => written,
                    Err(stop) => return Ok((taken, stop)),
                };
                let bytes = cell.len() - before;
                row.add(bytes)?;
                builder.end_cell();
                taken += self.start.len() + written + self.end.len();
            } else if self.nil.begins(next) {
                row.add(0)?;
                builder.nil_cell();
                taken += self.nil.len();
            } else if self.empty.begins(next) {
                row.add(0)?;
                builder.end_cell();
                taken += self.empty.len();
            } else if let Some((operation, bytes)) = self.seam.at(next) {
                builder.end_row(operation).map_err(|error| cannot_keep(&error))?;
                row.start_again();
                taken += bytes;
            } else {
                return Ok((taken, self.why(next)));
            }
        }
    }

    /// Whether what stands here may become something known when more of it has arrived.
    #[cold]
    fn why(&self, next: &[u8]) -> Stop {
        let known = [&self.start, &self.nil, &self.empty];
        let may_come = known.into_iter().any(|form| form.may_come(next)) || self.seam.may_come(next);
        if may_come { Stop::Cut } else { Stop::Unknown }
    }

    fn is_here<R: Read>(&self, xml: &XmlReader<'_, R>) -> bool {
        xml.limits().short_way && self.scope.as_ref().is_some_and(|scope| Rc::ptr_eq(scope, xml.scope()))
    }
}

/// References that a sender writes in ordinary texts: .NET's for markup and for the CR of a line end.
const REFERENCES: [(&[u8], u8); 5] =
    [(b"&amp;", b'&'), (b"&#xD;", b'\r'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"')];

/// Appends the text up to this end tag, if all of it is plain and at most so long as written. How long it is as written; where
/// it is not plain, or not wholly there, nothing is appended. The bytes are UTF-8.
#[inline]
fn plain_text(bytes: &[u8], end: &Form, limit: usize, out: &mut Vec<u8>) -> Result<usize, Stop> {
    let before = out.len();
    let mut at = 0;
    let stop = loop {
        let rest = &bytes[at..];
        let run = match plain_run(rest) {
            Ok(run) => run,
            Err(stop) => break stop,
        };
        out.extend_from_slice(&rest[..run]);
        at += run;
        let rest = &rest[run..];
        if end.begins(rest) {
            if at <= limit {
                return Ok(at);
            }
            break Stop::Unknown;
        }
        if let Some((written, meant)) = REFERENCES.iter().find(|(written, _)| rest.starts_with(written)) {
            out.push(*meant);
            at += written.len();
        } else {
            let cut = end.may_come(rest) || REFERENCES.iter().any(|(written, _)| written.starts_with(rest));
            break if cut { Stop::Cut } else { Stop::Unknown };
        }
    };
    out.truncate(before);
    Err(stop)
}

/// How many bytes mean themselves, before markup: no control character, not U+FFFE and U+FFFF, no `>`, which might end a `]]>`.
#[inline]
fn plain_run(bytes: &[u8]) -> Result<usize, Stop> {
    let mut len = 0;
    loop {
        while let Some(next) = bytes[len..].first_chunk::<8>() {
            let plain = plain_bytes(u64::from_le_bytes(*next));
            len += plain;
            if plain < 8 {
                break;
            }
        }
        match bytes[len..] {
            [] => return Err(Stop::Cut),
            [b'<' | b'&', ..] => return Ok(len),
            [0xEF, 0xBF, 0xBE | 0xBF, ..] | [0..b'\t' | 0x0B..b' ' | b'>', ..] => return Err(Stop::Unknown),
            _ => len += 1,
        }
    }
}

/// How many of eight bytes, the lowest first, mean themselves, before one that may not: of ASCII all from the blank on other than
/// markup, of what is beyond all but the first byte of U+FFFE and of some thousand other characters.
#[inline]
const fn plain_bytes(bytes: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES * 0x80;
    // Sets the top bit of each byte less than `limit`; above the first that is, some others' as well, which nobody looks at.
    const fn below(bytes: u64, limit: u8) -> u64 {
        bytes.wrapping_sub(ONES * limit as u64) & !bytes
    }
    const fn equal(bytes: u64, byte: u8) -> u64 {
        below(bytes ^ (ONES * byte as u64), 1)
    }
    // `<` and `>` differ in one bit.
    let other = below(bytes, b' ') | equal(bytes, b'&') | equal(bytes | (ONES * 2), b'>') | equal(bytes, 0xEF);
    (other & TOPS).trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_at_once_are_judged_as_one_by_one() {
        let plain = |byte: u8| byte >= b' ' && !matches!(byte, b'&' | b'<' | b'>' | 0xEF);
        for at in 0..8 {
            for byte in 0..=u8::MAX {
                for around in [b' ', b'a', 0x7F, 0xC3, 0, b'<', b'=', b'?', b'%', b'\'', 0x1F, 0xEE, 0xEF, 0xF0, 0xFF] {
                    let mut eight = [around; 8];
                    eight[at] = byte;
                    let singly = eight.iter().take_while(|&&byte| plain(byte)).count();
                    assert_eq!(plain_bytes(u64::from_le_bytes(eight)), singly, "{eight:?}");
                }
            }
        }
    }

    #[test]
    fn a_text_ends_at_its_tag_or_is_not_plain() {
        let end = Form::new(b"</b:string>".to_vec());
        let read = |text: &str| {
            let mut out = b"before".to_vec();
            let written = plain_text(&[text.as_bytes(), end.bytes(), b"<b:string>"].concat(), &end, 100, &mut out);
            let read = out.strip_prefix(b"before").expect("what was there stays").to_vec();
            match written {
                Ok(written) => {
                    assert_eq!(written, text.len());
                    Some(String::from_utf8(read).expect("UTF-8"))
                }
                Err(stop) => {
                    assert!(stop == Stop::Unknown, "{text:?}");
                    assert_eq!(read, b"", "nothing is left of what is not plain");
                    None
                }
            }
        };
        for text in [
            "",
            "a",
            "12345678",
            "1234567\n",
            "\tæøå Ærlig talt",
            "ü",
            "日本語 og 😀",
            "]] og =?;:'%\u{7F}",
            "\u{E000}\u{F000}\u{FEFF}\u{FFFD}",
            "\u{85}\u{9F}",
        ] {
            assert_eq!(read(text).as_deref(), Some(text));
        }
        assert_eq!(read("a&amp;b&#xD;\n&lt;&quot;æ&quot;&gt;").as_deref(), Some("a&b\r\n<\"æ\">"));
        let long = "a".repeat(101);
        for text in [
            "a&#65;b",
            "a&amp b",
            "a&",
            "a<b",
            "a>b",
            "a\rb",
            "\x0B",
            "12345678\0",
            "\u{FFFE}",
            "1234567\u{FFFF}",
            &long,
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn of_what_has_not_wholly_come_nothing_is_taken() {
        let end = Form::new(b"</b:string>".to_vec());
        let whole = "a&amp;b\u{FFFD} and more</b:string>";
        for cut in (0..whole.len()).filter(|&cut| whole.is_char_boundary(cut)) {
            let mut out = Vec::new();
            let stop = plain_text(&whole.as_bytes()[..cut], &end, 100, &mut out);
            assert!(stop == Err(Stop::Cut), "{}", &whole[..cut]);
            assert_eq!(out, b"");
        }
    }
}
