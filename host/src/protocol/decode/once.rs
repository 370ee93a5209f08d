//! What may stand once in an element.

use super::super::fault::Fault;

/// Which of an element's parts have been seen.
#[derive(Debug, Default)]
pub(super) struct Once(u32);

impl Once {
    /// Notes that the part with this number stands here; a second time is a fault that names it.
    pub(super) fn see(&mut self, part: u32, name: &str, parent: &str) -> Result<(), Fault> {
        let bit = 1 << part;
        if self.0 & bit != 0 {
            return Err(Fault::client(format!("{name} stands twice in one {parent}.")));
        }
        self.0 |= bit;
        Ok(())
    }
}

/// An item that is not what its list holds.
pub(super) fn unknown_item(local_name: &str, list: &str, item: &str) -> Fault {
    let name = super::super::fault::quoted(local_name);
    Fault::client(format!(
        "{list} holds an element {name} that is not a {item} of the contract's namespace; it would vanish silently."
    ))
}

/// An item, number or boolean that is nil.
pub(super) fn nil(name: &str) -> Fault {
    Fault::client(format!("{name} is nil, which it may not be."))
}
