//! The short way for cells: the exact bytes that a sender writes for a plain cell, an empty one and a nil one,
//! learnt from the first of each that came the long way and then recognised in the buffer without quick-xml.
//!
//! Whatever is not exactly that goes the long way: references, CDATA, comments, CR, other forbidden or suspicious
//! characters, other attributes, other prefixes, a cell that has not wholly arrived. So this decides nothing about
//! the contract; that both ways give the same is a property test (`decode::tests::mutations`: the same bytes whole
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

/// Bytes that mean themselves inside a text: no markup, no control character, not the first byte of U+FFFE and its
/// neighbours, and no `>`, which might end a `]]>`.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ' as usize;
    while byte < 256 {
        plain[byte] = !matches!(byte, 0x26 | 0x3C | 0x3E | 0xEF);
        byte += 1;
    }
    plain[b'\t' as usize] = true;
    plain[b'\n' as usize] = true;
    plain
};

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
                let Some(text) = plain_text(text, &self.end) else { break };
                if text.len() > row.limits.text_bytes {
                    break;
                }
                row.add(text.len())?;
                builder.cell_bytes().extend_from_slice(text);
                builder.end_cell();
                taken += self.start.len() + text.len() + self.end.len();
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

/// The text up to this end tag, if it is there and all between is plain and UTF-8.
#[inline]
fn plain_text<'a>(bytes: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let mut any = 0;
    let mut len = 0;
    loop {
        let byte = *bytes.get(len)?;
        if !PLAIN[usize::from(byte)] {
            break;
        }
        any |= byte;
        len += 1;
    }
    let (text, rest) = bytes.split_at(len);
    let valid = rest.starts_with(end) && (any < 0x80 || std::str::from_utf8(text).is_ok());
    valid.then_some(text)
}
