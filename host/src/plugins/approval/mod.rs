//! Approval: a new version of a plug-in that asks for more than the approved one does not run before an operator has seen
//! what it asks for.
//!
//! What a plug-in asks for is what it imports, which hooks it is for, and what its sidecar grants ([`asks`]). The first
//! version seen is approved by being put there; so is a version that asks for nothing new. For any other, the approved
//! one runs on, from the bytes kept of it, until `speil plugin approve` has written down the new one's digest
//! ([`record`]).

pub mod asks;
pub mod record;

pub use asks::Asks;
pub use record::{Approved, Record};
