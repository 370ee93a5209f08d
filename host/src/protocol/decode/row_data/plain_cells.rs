//! The short way for cells: the exact bytes that a sender writes for a plain cell, an empty one and a nil one,
//! learnt from the first of each that came the long way and then recognised in the buffer without quick-xml.
//!
//! Whatever is not exactly that goes the long way: CDATA, comments, CR, other forbidden or suspicious characters, references
//! other than the few that every text has, other attributes, other prefixes, a cell that has not wholly arrived. So this decides
//! nothing about the contract; that both ways give the same is a property test (`decode::tests::mutations`: the same bytes whole
//! and in pieces too small for this way).

use std::io::Read;
use std::rc::Rc;

use super::super::super::fault::Fault;
use super::super::super::raw_batch::RawBatchBuilder;
use super::super::super::xml::attributes::Tag;
use super::super::super::xml::namespaces::Scope;
use super::super::super::xml::reader::XmlReader;
use super::cells::RowSize;

/// How cells are written where these prefixes mean what they mean. A form not seen yet is empty.
#[derive(Default)]
pub(super) struct KnownCells {
    scope: Option<Rc<Scope>>,
    /// `<b:string>`
    start: Vec<u8>,
    /// `</b:string>`
    end: Vec<u8>,
    /// `<b:string/>`
    empty: Vec<u8>,
    /// `<b:string i:nil="true"/>`
    nil: Vec<u8>,
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
            if text.ends_with(b"/>") && self.nil != text {
                self.nil = text.to_vec();
            }
            return;
        }
        let name = text.strip_prefix(b"<").and_then(|text| text.strip_suffix(b">")).unwrap_or_default();
        let name = name.strip_suffix(b"/").unwrap_or(name);
        let is_name = !name.is_empty() && name.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_'));
        if is_name && self.start.get(1..self.start.len().saturating_sub(1)) != Some(name) {
            self.start = [b"<", name, b">"].concat();
            self.end = [b"</", name, b">"].concat();
            self.empty = [b"<", name, b"/>"].concat();
        }
    }

    /// Takes as many cells as have arrived and are written in a known way.
    pub(super) fn take<R: Read>(
        &self,
        xml: &mut XmlReader<'_, R>,
        row: &mut RowSize<'_>,
        builder: &mut RawBatchBuilder,
    ) -> Result<(), Fault> {
        if !self.is_here(xml) {
            return Ok(());
        }
        let arrived = xml.arrived();
        let mut taken = 0;
        loop {
            let next = &arrived[taken..];
            if let Some(text) = after(next, &self.start) {
                let cell = builder.cell_bytes();
                let before = cell.len();
                let Some(written) = plain_text(text, &self.end, row.limits.text_bytes, cell) else { break };
                let bytes = cell.len() - before;
                row.add(bytes)?;
                builder.end_cell();
                taken += self.start.len() + written + self.end.len();
            } else if after(next, &self.nil).is_some() {
                row.add(0)?;
                builder.nil_cell();
                taken += self.nil.len();
            } else if after(next, &self.empty).is_some() {
                row.add(0)?;
                builder.end_cell();
                taken += self.empty.len();
            } else {
                break;
            }
        }
        xml.take(taken);
        Ok(())
    }

    fn is_here<R: Read>(&self, xml: &XmlReader<'_, R>) -> bool {
        self.scope.as_ref().is_some_and(|scope| Rc::ptr_eq(scope, xml.scope()))
    }
}

/// What follows a form, if it is known and stands here.
#[inline]
fn after<'a>(bytes: &'a [u8], form: &[u8]) -> Option<&'a [u8]> {
    if form.is_empty() { None } else { bytes.strip_prefix(form) }
}

/// References that a sender writes in ordinary texts: .NET's for markup and for the CR of a line end.
const REFERENCES: [(&[u8], u8); 5] =
    [(b"&amp;", b'&'), (b"&#xD;", b'\r'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"')];

/// Appends the text up to this end tag, if it is there and all between is plain and at most so long as written. How long it is
/// as written; where it is not plain, nothing is appended.
#[inline]
fn plain_text(bytes: &[u8], end: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<usize> {
    let before = out.len();
    let mut at = 0;
    let whole = loop {
        let Some(run) = plain_run(&bytes[at..]) else { break false };
        out.extend_from_slice(&bytes[at..at + run]);
        at += run;
        let rest = &bytes[at..];
        if rest.starts_with(end) {
            break true;
        }
        let Some((written, meant)) = REFERENCES.iter().find(|(written, _)| rest.starts_with(written)) else {
            break false;
        };
        out.push(*meant);
        at += written.len();
    };
    if whole && at <= limit {
        return Some(at);
    }
    out.truncate(before);
    None
}

/// How many bytes mean themselves, before markup: no control character, not the first byte of U+FFFE and its neighbours, no
/// `>`, which might end a `]]>`. `None` if no markup follows, or one of these, or what is no UTF-8.
#[inline]
fn plain_run(bytes: &[u8]) -> Option<usize> {
    let follows = |at: usize| bytes.get(at).is_some_and(|next| next & 0xC0 == 0x80);
    let mut len = 0;
    let mut unsure = false;
    loop {
        while let Some(next) = bytes[len..].first_chunk::<8>() {
            let plain = plain_ascii(u64::from_le_bytes(*next));
            len += plain;
            if plain < 8 {
                break;
            }
        }
        len += match *bytes.get(len)? {
            b'<' | b'&' => break,
            b'\t' | b'\n' | b' '..=b'=' | b'?'..=0x7F => 1,
            0xC2..=0xDF if follows(len + 1) => 2,
            0xE1..=0xEC | 0xEE if follows(len + 1) && follows(len + 2) => 3,
            0xEF | 0..0x80 => return None,
            0x80.. => {
                unsure = true;
                1
            }
        };
    }
    (!unsure || std::str::from_utf8(&bytes[..len]).is_ok()).then_some(len)
}

/// How many of eight bytes, the lowest first, are plain ASCII other than tab and line end, before one that is not.
#[inline]
const fn plain_ascii(bytes: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES * 0x80;
    // Sets the top bit of each byte less than `limit`; above the first that is, some others' as well, which nobody looks at.
    const fn below(bytes: u64, limit: u8) -> u64 {
        bytes.wrapping_sub(ONES * limit as u64) & !bytes
    }
    const fn equal(bytes: u64, byte: u8) -> u64 {
        below(bytes ^ (ONES * byte as u64), 1)
    }
    let other = bytes | below(bytes, b' ') | equal(bytes, b'&') | equal(bytes, b'<') | equal(bytes, b'>');
    (other & TOPS).trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_at_once_are_judged_as_one_by_one() {
        let plain = |byte: u8| matches!(byte, b' '..0x80) && !matches!(byte, b'&' | b'<' | b'>');
        for at in 0..8 {
            for byte in 0..=u8::MAX {
                for around in [b' ', b'a', 0x7F, 0xC3, 0, b'<', b'=', b'?', b'%', b'\'', 0x1F, 0xFF] {
                    let mut eight = [around; 8];
                    eight[at] = byte;
                    let singly = eight.iter().take_while(|&&byte| plain(byte)).count();
                    assert_eq!(plain_ascii(u64::from_le_bytes(eight)), singly, "{eight:?}");
                }
            }
        }
    }

    #[test]
    fn a_text_ends_at_its_tag_or_is_not_plain() {
        let end = b"</b:string>";
        let read = |text: &[u8]| {
            let mut out = b"before".to_vec();
            let written = plain_text(&[text, end, b"<b:string>"].concat(), end, 100, &mut out);
            assert_eq!(written.unwrap_or(text.len()), text.len());
            let text = out.strip_prefix(b"before").expect("what was there stays").to_vec();
            if written.is_none() {
                assert_eq!(text, b"", "nothing is left of what is not plain");
            }
            written.map(|_| text)
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
            "\u{E000}",
        ] {
            assert_eq!(read(text.as_bytes()).as_deref(), Some(text.as_bytes()), "{text:?}");
        }
        let meant = "a&b\r\n<\"æ\">".as_bytes();
        assert_eq!(read("a&amp;b&#xD;\n&lt;&quot;æ&quot;&gt;".as_bytes()).as_deref(), Some(meant));
        let odd: [&[u8]; 13] = [
            b"a&#65;b",
            b"a&amp b",
            b"a&",
            b"a<b",
            b"a>b",
            b"a\rb",
            b"\x0B",
            b"12345678\0",
            "\u{FFFE}".as_bytes(),
            b"\xC3",
            b"\x80abc",
            b"ab\xED\xA0\x80",
            &[b'a'; 101],
        ];
        for text in odd {
            assert_eq!(read(text), None, "{text:?}");
        }
        for cut in ["not all of it".as_bytes(), "cut off æ".as_bytes().split_last().expect("bytes").1, b"a&amp;"] {
            assert_eq!(plain_text(cut, end, 100, &mut Vec::new()), None);
        }
    }
}
