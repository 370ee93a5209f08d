//! Descriptions of tables that were read before, told by their bytes: a Task describes the same hundreds of tables in every cycle,
//! and what an element means depends on its bytes and on what prefixes mean around it, on nothing else.
//!
//! The general reader reads each element the first time; the same bytes are passed over from then on. Property tests and the fuzz
//! target of the decoder hold both ways against each other.

use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memchr::memmem;

use super::super::fault::Fault;
use super::super::messages::TableSchemaInfo;
use super::super::xml::namespaces::Declared;
use super::super::xml::reader::XmlReader;
use super::table_info::Allowance;
use crate::generations::Generations;

/// What ends a description, but for its prefix.
const END: &[u8] = b"TableSchemaInfo>";
/// An element is looked up by its length and its last bytes, where its table's name stands; then all of it is compared.
const LAST: usize = 256;

/// See the head of this file. Bounded in bytes; what was used last stays.
pub struct KnownTables(Mutex<Generations<Key, Arc<Known>>>);

type Key = (usize, Box<[u8]>);

struct Known {
    bytes: Box<[u8]>,
    scope: Arc<[Declared]>,
    table: Arc<TableSchemaInfo>,
}

impl KnownTables {
    /// Of elements, in a generation: some five real tenants' worth of different tables. What they mean takes as much again.
    const MAX_BYTES: usize = 8 << 20;

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
}

/// An element that is not known: what may be its bytes.
pub(super) struct Unknown {
    bytes: Box<[u8]>,
    began: u64,
}

impl<'k> Look<'k> {
    pub(super) fn new<R: Read>(known: &'k KnownTables, xml: &XmlReader<'_, R>) -> Self {
        Self { known, scope: xml.scope().declarations().into() }
    }

    /// Passes over the next element if it is known and the message may still hold what it says.
    pub(super) fn pass<R: Read>(
        &self,
        xml: &mut XmlReader<'_, R>,
        allowance: &mut Allowance,
    ) -> Result<Result<Arc<TableSchemaInfo>, Option<Unknown>>, Fault> {
        let length = loop {
            match whole_element(xml.arrived()) {
                Some(length) => break length,
                None if xml.read_on()? => {}
                None => return Ok(Err(None)),
            }
        };
        let bytes = &xml.arrived()[..length];
        let last: Box<[u8]> = bytes[length.saturating_sub(LAST)..].into();
        let found = self.known.memory().get(&(length, last));
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
        let key = (bytes.len(), bytes[bytes.len().saturating_sub(LAST)..].into());
        let weight = bytes.len();
        let known = Known { bytes, scope: Arc::clone(&self.scope), table: Arc::clone(table) };
        self.known.memory().put(key, Arc::new(known), weight);
    }
}

/// How long the element at the front is, white space before it included, if all of it is there: as it looks at first sight.
fn whole_element(bytes: &[u8]) -> Option<usize> {
    memmem::find_iter(bytes, END).map(|at| (at, at + END.len())).find_map(|(at, end)| {
        let tag = memchr::memrchr(b'<', &bytes[..at])?;
        (bytes.get(tag + 1) == Some(&b'/')).then_some(end)
    })
}
