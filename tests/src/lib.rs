//! What the tests of several rooms share.

pub mod kit;
pub mod saboteurs;
