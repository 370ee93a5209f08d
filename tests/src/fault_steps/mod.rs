//! A call dies, fails or is held up at every step between its first byte and the last of its answer. Each time: what did its
//! caller see, what is left in the mirror, does the repeated call come through, does the mirror become its source, and was
//! another tenant served all along?

pub mod orders;
mod table;
mod walk;

pub use orders::{Action, Orders};
pub use table::table;
pub use walk::{CALLS, Call, Passed, walk};
