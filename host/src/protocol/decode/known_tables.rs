//! Descriptions of tables that were read before, told by their bytes: a Task describes the same hundreds of tables in every cycle,
//! and what an element means depends on its bytes and on what prefixes mean around it, on nothing else.
//!
//! The general reader reads each element the first time; the same bytes are passed over from then on, unless there are more of them
//! than the reader's buffer holds at once (32 kB at least: some 150 columns). Property tests and the fuzz target of the decoder hold
//! both ways against each other.

use std::cell::Cell;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::memmem;

use super::super::fault::Fault;
use super::super::messages::TableSchemaInfo;
use super::super::xml::namespaces::Declared;
use super::super::xml::reader::XmlReader;
use super::table_info::{Allowance, text_of};
use crate::generations::Generations;

/// What ends a description, but for its prefix.
const END: &[u8] = b"TableSchemaInfo>";
/// An element is looked up by its length and its last bytes, where its table's name stands; then all of it is compared.
const LAST: usize = 256;
/// How far before [`END`] its tag begins at most. No sender's prefix is longer.
const TAG: usize = 256;
/// Prefixes and what is around them, of a message that is learnt from, in bytes. A sender has a handful.
const SCOPE: usize = 1024;
/// After so many elements of a message whose end is not in sight it is not looked for any more.
const TRIES: u32 = 16;

/// See the head of this file. Bounded in bytes; what was used last stays.
pub struct KnownTables(Mutex<Generations<Key, Arc<Known>>>);

type Key = (usize, Box<[u8]>);

struct Known {
    bytes: Box<[u8]>,
    scope: Arc<[Declared]>,
    table: Arc<TableSchemaInfo>,
}

impl KnownTables {
    /// In a generation, all told: some four real tenants' worth of different tables.
    const MAX_BYTES: usize = 16 << 20;

    fn memory(&self) -> MutexGuard<'_, Generations<Key, Arc<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for KnownTables {
    fn default() -> Self {
        Self(Mutex::new(Generations::new(Self::MAX_BYTES)))
    }
}

/// The descriptions of one message, each where the reader stands before its element.
pub(super) struct Look<'k> {
    known: &'k KnownTables,
    /// What prefixes mean around the elements.
    scope: Arc<[Declared]>,
    /// Elements whose end was not in sight.
    tries: Cell<u32>,
}

/// An element that is not known: what may be its bytes.
pub(super) struct Unknown {
    bytes: Box<[u8]>,
    began: u64,
}

impl<'k> Look<'k> {
    pub(super) fn new<R: Read>(known: &'k KnownTables, xml: &XmlReader<'_, R>) -> Self {
        let scope: Arc<[Declared]> = xml.scope().declarations().into();
        let bytes: usize = scope.iter().map(|declared| size_of_val(declared) + declared.0.len()).sum();
        let tries = Cell::new(if bytes > SCOPE { TRIES } else { 0 });
        Self { known, scope, tries }
    }

    /// Passes over the next element if it is known and the message may still hold what it says.
    pub(super) fn pass<R: Read>(
        &self,
        xml: &mut XmlReader<'_, R>,
        allowance: &mut Allowance,
    ) -> Result<Result<Arc<TableSchemaInfo>, Option<Unknown>>, Fault> {
        if self.tries.get() >= TRIES {
            return Ok(Err(None));
        }
        let length = loop {
            match whole_element(xml.arrived()) {
                Some(length) => break length,
                None if xml.read_on()? => {}
                None => {
                    self.tries.set(self.tries.get() + 1);
                    return Ok(Err(None));
                }
            }
        };
        let bytes = &xml.arrived()[..length];
        let found = self.known.memory().get(&key(bytes));
        if let Some(found) = found
            && *found.bytes == *bytes
            && found.scope == self.scope
            && allowance.table(&found.table)
        {
            xml.take(length);
            return Ok(Ok(Arc::clone(&found.table)));
        }
        Ok(Err(Some(Unknown { bytes: bytes.into(), began: xml.consumed() })))
    }

    /// The general reader has read the element: the next time it is known, if its bytes are those that were taken for them.
    pub(super) fn learn<R: Read>(&self, element: Unknown, xml: &XmlReader<'_, R>, table: &Arc<TableSchemaInfo>) {
        let Unknown { bytes, began } = element;
        if xml.consumed() - began != bytes.len() as u64 {
            return;
        }
        let key = key(&bytes);
        let columns: usize = table.columns.iter().map(|column| size_of_val(column) + text_of(column)).sum();
        // Vectors may have room for twice what they hold.
        let weight = size_of::<Known>() + SCOPE + LAST + bytes.len() + 2 * columns;
        let known = Known { bytes, scope: Arc::clone(&self.scope), table: Arc::clone(table) };
        self.known.memory().put(key, Arc::new(known), weight);
    }
}

fn key(bytes: &[u8]) -> Key {
    (bytes.len(), bytes[bytes.len().saturating_sub(LAST)..].into())
}

/// How long the element at the front is, white space before it included, if all of it is there: as it looks at first sight.
fn whole_element(bytes: &[u8]) -> Option<usize> {
    // Of a start tag and of an end tag: what has more of them is no sender's.
    memmem::find_iter(bytes, END).take(2).find_map(|at| {
        let from = at.saturating_sub(TAG);
        let tag = from + memchr::memrchr(b'<', &bytes[from..at])?;
        (bytes.get(tag + 1) == Some(&b'/')).then_some(at + END.len())
    })
}
