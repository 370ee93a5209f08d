//! A pull reader of elements: [`XmlReader::child`] walks, [`XmlReader::text`] and [`XmlReader::text_into`] read a
//! value, [`XmlReader::skip`] passes over. quick-xml splits the bytes into tags and texts; what those mean, and
//! everything XML demands beyond matching tags, is decided here. Nothing is read further than asked for.

use std::io::{self, BufRead as _, Read};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::errors::Error;
use quick_xml::events::{BytesDecl, Event};

use super::super::fault::{Fault, quoted};
use super::attributes::{Tag, read_tag};
use super::feed::{Bound, Feed};
use super::limits::Limits;
use super::namespaces::{Memory, Scope};
use super::text::{Pairs, is_blank, push_raw, reference};

pub(in crate::protocol) struct XmlReader<'l, R: Read> {
    xml: Reader<Feed<R>>,
    /// quick-xml's event, emptied before each.
    event: Vec<u8>,
    /// One per open element, and the outermost.
    scopes: Vec<Rc<Scope>>,
    memory: Memory,
    /// The element just begun has no content: `<a/>`.
    empty: bool,
    limits: &'l Limits,
    /// Texts nobody wants.
    scratch: Vec<u8>,
    /// Bytes that were taken past quick-xml, whose positions lack them.
    taken_past: u64,
}

/// What may stand where a text is, and where it goes.
enum Text<'a> {
    /// White space only, between elements.
    Blank,
    /// A value: appended from `start` on.
    Value { out: &'a mut Vec<u8>, start: usize, bound: Bound, pairs: Pairs },
    /// Inside an element nobody knows.
    Skipped { bound: Bound, pairs: Pairs },
}

enum Step {
    Start(Tag),
    End,
    /// Text, comment or declaration.
    Nothing,
    Eof,
}

const TEXT: &str = "The text of an element";
const TEXT_BETWEEN: &str = "Text stands where only elements may stand";
/// The longest reference is `&#x0010FFFF;` with some zeros in front.
const REFERENCE: Bound = Bound { what: "A reference", bytes: 64 };
const CDATA_MARKS: usize = "<![CDATA[]]>".len();
/// Capacity above which a buffer is given back after a large text.
const KEEP: usize = 1 << 20;

impl<'l, R: Read> XmlReader<'l, R> {
    pub(in crate::protocol) fn new(source: R, limits: &'l Limits) -> Self {
        let head = Bound { what: "The part before the operation, with the SOAP header,", bytes: limits.header_bytes };
        let mut xml = Reader::from_reader(Feed::new(source, head));
        let config = xml.config_mut();
        config.check_comments = true;
        config.check_end_names = true;
        config.allow_dangling_amp = false;
        config.allow_unmatched_ends = false;
        config.expand_empty_elements = false;
        config.trim_text(false);
        Self {
            xml,
            event: Vec::new(),
            scopes: vec![Scope::outermost()],
            memory: Memory::default(),
            empty: false,
            limits,
            scratch: Vec::new(),
            taken_past: 0,
        }
    }

    pub(in crate::protocol) const fn limits(&self) -> &'l Limits {
        self.limits
    }

    /// The bound on the message's head ends here.
    pub(in crate::protocol) fn head_is_over(&mut self) {
        self.feed().head_is_over();
    }

    /// Whether the bytes ended before the reader had what it was asked for.
    pub(in crate::protocol) const fn starved(&self) -> bool {
        self.xml.get_ref().starved()
    }

    /// The local name of the element just begun: right after [`XmlReader::child`] gave it.
    pub(in crate::protocol) fn local_name(&self) -> &str {
        let name = self.name();
        name.split_once(':').map_or(name, |(_, local)| local)
    }

    /// The name in the start tag that quick-xml read last.
    fn name(&self) -> &str {
        let tag = std::str::from_utf8(&self.event).unwrap_or_default();
        let tag = tag.strip_prefix('<').unwrap_or(tag);
        tag.split(|c| is_blank(c) || matches!(c, '/' | '>')).next().unwrap_or_default()
    }

    /// The start tag that quick-xml read last, angle brackets included: right after [`XmlReader::child`] gave it.
    pub(in crate::protocol) fn tag_text(&self) -> &[u8] {
        &self.event
    }

    /// What prefixes mean where the reader stands: the same pointer means the same.
    pub(in crate::protocol) fn scope(&self) -> &Rc<Scope> {
        self.scopes.last().expect("the outermost scope stays")
    }

    /// The element just begun declares no namespace.
    pub(in crate::protocol) fn declares_nothing(&self) -> bool {
        matches!(self.scopes.as_slice(), [.., outer, inner] if Rc::ptr_eq(outer, inner))
    }

    /// The bytes that have arrived and come next, in valid UTF-8 and whole characters, for a fast path. Only where
    /// [`XmlReader::child`] could be called; none while the open element is one without content.
    pub(in crate::protocol) fn arrived(&self) -> &[u8] {
        if self.empty { &[] } else { self.xml.get_ref().arrived() }
    }

    /// Bytes read so far, counted as UTF-8.
    pub(in crate::protocol) const fn consumed(&self) -> u64 {
        self.xml.get_ref().consumed()
    }

    /// Takes so many of [`XmlReader::arrived`]: whole elements, or what stands between them would be torn.
    pub(in crate::protocol) fn take(&mut self, bytes: usize) {
        self.taken_past += bytes as u64;
        self.feed().consume(bytes);
    }

    /// Waits for more bytes behind [`XmlReader::arrived`]. `false`: what has arrived must do.
    pub(in crate::protocol) fn read_on(&mut self) -> Result<bool, Fault> {
        if self.empty { Ok(false) } else { self.feed().read_on().map_err(|error| io_fault(&error)) }
    }

    /// Where quick-xml found its last error.
    fn error_position(&self) -> u64 {
        self.xml.error_position() + self.taken_past
    }

    fn feed(&mut self) -> &mut Feed<R> {
        self.xml.get_mut()
    }

    /// The document's root element.
    pub(in crate::protocol) fn root(&mut self) -> Result<Tag, Fault> {
        match self.peek()? {
            (_, 0) => return Err(Fault::client("The body is empty.")),
            ([0xEF, 0xBB, 0xBF], _) => return Err(Fault::client("The body begins with two byte order marks.")),
            _ => {}
        }
        loop {
            match self.step(&mut Text::Blank)? {
                Step::Start(tag) => return Ok(tag),
                Step::Nothing => {}
                Step::End | Step::Eof => return Err(self.broken_off()),
            }
        }
    }

    /// The next element inside the one that is open; `None` when that one ends. Text between elements is a fault.
    pub(in crate::protocol) fn child(&mut self) -> Result<Option<Tag>, Fault> {
        if self.empty {
            self.close();
            return Ok(None);
        }
        loop {
            match self.step(&mut Text::Blank)? {
                Step::Start(tag) => return Ok(Some(tag)),
                Step::End => return Ok(None),
                Step::Nothing => {}
                Step::Eof => return Err(self.broken_off()),
            }
        }
    }

    /// Reads the open element's text to its end and appends it. An element inside is a fault.
    /// `what` names the text if it is longer than `max_bytes`.
    pub(in crate::protocol) fn text_into(
        &mut self,
        out: &mut Vec<u8>,
        what: &'static str,
        max_bytes: usize,
    ) -> Result<(), Fault> {
        if self.empty {
            self.close();
            return Ok(());
        }
        let start = out.len();
        let mut text = Text::Value { out, start, bound: Bound { what, bytes: max_bytes }, pairs: Pairs::default() };
        loop {
            match self.step(&mut text)? {
                Step::Start(_) => {
                    let inner = quoted(self.name());
                    return Err(Fault::client(format!("The element {inner} stands where only text may stand.")));
                }
                Step::End => return Ok(()),
                Step::Nothing => {}
                Step::Eof => return Err(self.broken_off()),
            }
        }
    }

    /// The open element's text, read to its end.
    pub(in crate::protocol) fn text(&mut self) -> Result<String, Fault> {
        let mut out = Vec::new();
        self.text_into(&mut out, TEXT, self.limits.value_bytes)?;
        Ok(String::from_utf8(out).expect("made of characters"))
    }

    /// The text of an element that may be nil: `None` then.
    pub(in crate::protocol) fn nillable_text(&mut self, tag: Tag) -> Result<Option<String>, Fault> {
        if tag.nil { self.nothing_inside().map(|()| None) } else { self.text().map(Some) }
    }

    /// Reads a nil element to its end: it must hold nothing.
    pub(in crate::protocol) fn nothing_inside(&mut self) -> Result<(), Fault> {
        if self.child()?.is_none() {
            return Ok(());
        }
        let inner = quoted(self.name());
        Err(Fault::client(format!("The element {inner} stands inside an element that is nil.")))
    }

    /// Passes over the open element and all it holds. It must be XML all the same.
    pub(in crate::protocol) fn skip(&mut self) -> Result<(), Fault> {
        let outside = self.scopes.len() - 1;
        let bound = Bound { what: TEXT, bytes: self.limits.value_bytes };
        let mut text = Text::Skipped { bound, pairs: Pairs::default() };
        while self.scopes.len() > outside {
            if self.empty {
                self.close();
                continue;
            }
            if matches!(self.step(&mut text)?, Step::Eof) {
                return Err(self.broken_off());
            }
        }
        Ok(())
    }

    /// The root has ended: nothing but white space may follow.
    pub(in crate::protocol) fn end_of_document(&mut self) -> Result<(), Fault> {
        const AFTER: &str = "Something follows after the SOAP envelope; only white space may.";
        loop {
            match self.peek()? {
                (_, 0) => return Ok(()),
                ([b' ' | b'\t' | b'\n' | b'\r', ..], _) => {}
                _ => return Err(Fault::client(AFTER)),
            }
            match self.step(&mut Text::Blank) {
                Ok(_) => {}
                Err(fault) if fault.message.starts_with(TEXT_BETWEEN) => return Err(Fault::client(AFTER)),
                Err(fault) => return Err(fault),
            }
        }
    }

    /// One event.
    fn step(&mut self, text: &mut Text<'_>) -> Result<Step, Fault> {
        let first = self.xml.get_ref().consumed() == 0;
        self.allow_next(text)?;
        if self.event.capacity() > KEEP {
            self.event = Vec::new();
        }
        self.event.clear();
        let limits = self.limits;
        match self.xml.read_event_into(&mut self.event) {
            Ok(Event::Start(start)) => {
                text.interrupt()?;
                let tag = begin(&mut self.scopes, &mut self.memory, &start, start.name().0, limits)?;
                Ok(Step::Start(tag))
            }
            Ok(Event::Empty(start)) => {
                text.interrupt()?;
                let tag = begin(&mut self.scopes, &mut self.memory, &start, start.name().0, limits)?;
                self.empty = true;
                Ok(Step::Start(tag))
            }
            Ok(Event::End(_)) => {
                text.interrupt()?;
                self.close();
                Ok(Step::End)
            }
            Ok(Event::Text(raw)) => {
                text.raw(&raw, false, &mut self.scratch)?;
                Ok(Step::Nothing)
            }
            Ok(Event::CData(raw)) => {
                text.raw(&raw, true, &mut self.scratch)?;
                Ok(Step::Nothing)
            }
            Ok(Event::GeneralRef(name)) => {
                text.reference(&name, &mut self.scratch)?;
                Ok(Step::Nothing)
            }
            Ok(Event::Comment(comment)) => {
                super::text::check_raw(&comment)?;
                text.interrupt()?;
                Ok(Step::Nothing)
            }
            Ok(Event::Decl(declaration)) => {
                check_declaration(&declaration, first)?;
                Ok(Step::Nothing)
            }
            Ok(Event::PI(_)) => Err(Fault::client("The body holds a processing instruction, which SOAP forbids.")),
            Ok(Event::DocType(_)) => Err(doctype()),
            Ok(Event::Eof) => Ok(Step::Eof),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// Looks at what comes next and bounds it, before any of it is gathered.
    fn allow_next(&mut self, text: &Text<'_>) -> Result<(), Fault> {
        let limits = self.limits;
        let (bound, marks) = match self.peek()?.0 {
            [b'<', b'!', b'-'] => (Bound { what: "A comment", bytes: limits.comment_bytes }, 0),
            [b'<', b'!', b'['] => (text.bound(limits), CDATA_MARKS),
            [b'<', b'!', other] if other != 0 => return Err(doctype()),
            [b'<', ..] => (Bound { what: "A tag", bytes: limits.tag_bytes }, 0),
            [b'&', ..] => (REFERENCE, 0),
            // One byte more, to see that the text ends there.
            _ => (text.bound(limits), 1),
        };
        self.feed().allow(bound, marks);
        Ok(())
    }

    #[inline]
    fn peek(&mut self) -> Result<([u8; 3], usize), Fault> {
        self.feed().peek().map_err(|error| io_fault(&error))
    }

    /// The innermost open element has ended.
    fn close(&mut self) {
        self.empty = false;
        self.scopes.pop();
    }

    fn broken_off(&self) -> Fault {
        Fault::client(format!(
            "The body ends in the middle of the message, after {} bytes.",
            self.xml.get_ref().consumed()
        ))
    }

    fn fault(&self, error: &Error) -> Fault {
        match error {
            Error::Io(error) => io_fault(error),
            _ if self.starved() => self.broken_off(),
            Error::Encoding(_) => Fault::client(format!(
                "The body is not valid UTF-8 near byte {}; send UTF-8, or UTF-16 with a byte order mark.",
                self.error_position()
            )),
            error => {
                Fault::client(format!("The body is not XML near byte {}: {}.", self.error_position(), describe(error)))
            }
        }
    }
}

/// What a start tag means. The same tag in the same scope is looked at once.
fn begin(
    scopes: &mut Vec<Rc<Scope>>,
    memory: &mut Memory,
    text: &str,
    name: &str,
    limits: &Limits,
) -> Result<Tag, Fault> {
    if scopes.len() > limits.depth {
        return Err(Fault::limit("The depth of elements inside each other", limits.depth as u64, "elements"));
    }
    let outer = scopes.last().expect("the outermost scope stays");
    if let Some((tag, inner)) = memory.recall(outer, text) {
        let inner = Rc::clone(inner);
        scopes.push(inner);
        return Ok(tag);
    }
    let (tag, inner) = read_tag(name, &text[name.len()..], outer, limits)?;
    memory.remember(outer, text, tag, &inner);
    scopes.push(inner);
    Ok(tag)
}

impl Text<'_> {
    /// What the next stretch of text may have at most.
    fn bound(&self, limits: &Limits) -> Bound {
        match self {
            Self::Blank => Bound { what: "White space between elements", bytes: limits.blank_bytes },
            Self::Value { bound, .. } | Self::Skipped { bound, .. } => *bound,
        }
    }

    fn raw(&mut self, raw: &str, cdata: bool, scratch: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Blank => {
                let text = raw.trim_start_matches(is_blank);
                if text.is_empty() {
                    return Ok(());
                }
                super::text::check_raw(text)?;
                Err(text_between(text))
            }
            Self::Value { out, start, bound, pairs } => {
                if !raw.is_empty() {
                    pairs.interrupt()?;
                }
                push_raw(out, raw, cdata)?;
                check(out.len() - *start, *bound)
            }
            Self::Skipped { bound, pairs } => {
                pairs.interrupt()?;
                scratch.clear();
                push_raw(scratch, raw, cdata)?;
                check(scratch.len(), *bound)
            }
        }
    }

    fn reference(&mut self, name: &str, scratch: &mut Vec<u8>) -> Result<(), Fault> {
        match self {
            Self::Blank => match reference(name)? {
                0x20 | 0x9 | 0xA | 0xD => Ok(()),
                _ => Err(text_between(&format!("&{name};"))),
            },
            Self::Value { out, start, bound, pairs } => {
                pairs.push(out, name)?;
                check(out.len() - *start, *bound)
            }
            Self::Skipped { pairs, .. } => {
                scratch.clear();
                pairs.push(scratch, name)
            }
        }
    }

    /// A tag or comment stands here: no half of a surrogate pair may wait.
    fn interrupt(&mut self) -> Result<(), Fault> {
        match self {
            Self::Blank => Ok(()),
            Self::Value { pairs, .. } | Self::Skipped { pairs, .. } => pairs.interrupt(),
        }
    }
}

fn check(len: usize, bound: Bound) -> Result<(), Fault> {
    if len > bound.bytes { Err(Fault::limit(bound.what, bound.bytes as u64, "bytes")) } else { Ok(()) }
}

fn text_between(text: &str) -> Fault {
    Fault::client(format!("{TEXT_BETWEEN}: {}.", quoted(text)))
}

fn doctype() -> Fault {
    Fault::client("The body holds a document type declaration, which SOAP forbids.")
}

fn check_declaration(declaration: &BytesDecl<'_>, first: bool) -> Result<(), Fault> {
    if !first {
        return Err(Fault::client("An XML declaration stands elsewhere than at the very beginning."));
    }
    match declaration.version() {
        Ok(version) if version == "1.0" => Ok(()),
        Ok(version) => Err(Fault::client(format!("The body is XML {}; only XML 1.0 is read.", quoted(&version)))),
        Err(_) => Err(Fault::client("The XML declaration does not say which version it is.")),
    }
}

/// A fault that came through `io::Error` as itself, or one about the connection.
fn io_fault(error: &io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
        Some(fault) => fault.clone(),
        None => Fault::client("The body could not be read to its end.").with_log(error.to_string()),
    }
}

/// quick-xml's complaint, bounded and with nothing in it that could hide.
fn describe(error: &Error) -> String {
    const MAX_CHARS: usize = 160;
    let text = error.to_string();
    let text =
        text.strip_prefix("syntax error: ").or_else(|| text.strip_prefix("ill-formed document: ")).unwrap_or(&text);
    text.chars()
        .take(MAX_CHARS)
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}
