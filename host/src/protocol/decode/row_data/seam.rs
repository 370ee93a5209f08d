//! What stands between a row's last cell and the next row's first, where the operation comes after the cells: the same bytes from
//! row to row but for the operation's letter.

use std::io::Read;
use std::rc::Rc;

use super::super::super::messages::RowOp;
use super::super::super::xml::namespaces::Scope;
use super::super::super::xml::reader::XmlReader;
use super::form::Form;

/// The bytes around the operation's letter.
#[derive(Debug, Default)]
pub(super) struct Seam {
    /// `</b:ColumnValues><b:Operation>`
    before: Form,
    /// `</b:Operation></b:RowData><b:RowData><b:ColumnValues xmlns:c="…">`
    after: Form,
}

/// A row's start tags as they were read.
pub(super) struct SeamTags {
    row: Vec<u8>,
    cells: Vec<u8>,
    operation: Vec<u8>,
    /// What prefixes mean among the cells.
    scope: Option<Rc<Scope>>,
}

impl SeamTags {
    pub(super) fn of(row: &[u8]) -> Self {
        Self { row: row.to_vec(), cells: Vec::new(), operation: Vec::new(), scope: None }
    }

    /// The cells begin. Where the operation stood before them there is no seam to be learnt.
    pub(super) fn cells<R: Read>(&mut self, xml: &XmlReader<'_, R>, after_operation: bool) {
        if !after_operation {
            self.cells = xml.tag_text().to_vec();
            self.scope = Some(Rc::clone(xml.scope()));
        }
    }

    pub(super) fn operation(&mut self, tag: &[u8]) {
        self.operation = tag.to_vec();
    }

    /// What stands between rows that are written so, and what prefixes mean among their cells.
    pub(super) fn seam(&self) -> Option<(&Rc<Scope>, Seam)> {
        let (row, cells, operation) = (end_of(&self.row)?, end_of(&self.cells)?, end_of(&self.operation)?);
        let before = [&cells, self.operation.as_slice()].concat();
        let after = [&operation, &row, self.row.as_slice(), &self.cells].concat();
        Some((self.scope.as_ref()?, Seam { before: Form::new(before), after: Form::new(after) }))
    }
}

/// The end tag of a start tag, unless it is one of an element without content.
fn end_of(start: &[u8]) -> Option<Vec<u8>> {
    let name = start.strip_prefix(b"<")?.strip_suffix(b">")?;
    let name = name.split(u8::is_ascii_whitespace).next().filter(|name| !name.is_empty())?;
    (!start.ends_with(b"/>")).then(|| [b"</", name, b">"].concat())
}

impl Seam {
    pub(super) const fn is_known(&self) -> bool {
        self.before.len() > 0
    }

    /// The operation of the row that ends here, and how many bytes there are to the next row's first cell.
    #[inline]
    pub(super) fn at(&self, bytes: &[u8]) -> Option<(RowOp, usize)> {
        if !self.before.begins(bytes) {
            return None;
        }
        let (operation, behind) = bytes[self.before.len()..].split_first()?;
        let operation = match operation {
            b'I' => RowOp::Insert,
            b'U' => RowOp::Update,
            b'D' => RowOp::Delete,
            _ => return None,
        };
        self.after.begins(behind).then(|| (operation, self.before.len() + 1 + self.after.len()))
    }

    /// Whether these bytes are too few to tell.
    pub(super) fn may_come(&self, bytes: &[u8]) -> bool {
        if self.before.may_come(bytes) {
            return true;
        }
        let Some(behind) = bytes.strip_prefix(self.before.bytes()) else { return false };
        behind.is_empty() || self.after.may_come(&behind[1..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_start_tag_with_content_has_an_end() {
        assert_eq!(end_of(b"<b:RowData>").as_deref(), Some(&b"</b:RowData>"[..]));
        assert_eq!(end_of(b"<ColumnValues xmlns:c='x' >").as_deref(), Some(&b"</ColumnValues>"[..]));
        for none in [&b"<a/>"[..], b"<a b='c'/>", b"<a b='c' />", b"", b"<>", b"a>"] {
            assert_eq!(end_of(none), None, "{}", String::from_utf8_lossy(none));
        }
    }

    #[test]
    fn a_seam_is_told_by_all_its_bytes_and_asks_for_those_that_lack() {
        let seam = Seam { before: Form::new(b"</c><o>".to_vec()), after: Form::new(b"</o></r><r><c>".to_vec()) };
        let whole = b"</c><o>U</o></r><r><c>".as_slice();
        assert_eq!(seam.at(whole), Some((RowOp::Update, whole.len())));
        for cut in 0..whole.len() {
            assert_eq!(seam.at(&whole[..cut]), None);
            assert!(seam.may_come(&whole[..cut]), "{cut}");
        }
        for at in 0..whole.len() {
            let mut other = whole.to_vec();
            other[at] = b'#';
            assert_eq!(seam.at(&other), None);
            assert!(!seam.may_come(&other));
        }
        assert!(!Seam::default().is_known() && Seam::default().at(whole).is_none());
    }
}
