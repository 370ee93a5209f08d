//! A call dies, fails or is held up at every step between its first byte and the last of its answer. Each time: what did its
//! caller see, what is left in the mirror, does the repeated call come through, does the mirror become its source, and was
//! another tenant served all along? A call that is held is repeated by its own caller, which then goes on: the older call must
//! change nothing any more.

mod calls;
mod held;
pub mod orders;
mod page;
mod pieces;
mod prepare;
mod table;
mod walk;

pub use calls::{CALLS, Call};
pub use orders::{Action, Orders};
pub use page::Page;
pub use table::table;
pub use walk::{Passed, Walked, walk};
