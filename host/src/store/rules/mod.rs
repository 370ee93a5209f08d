//! What every engine must do alike, so that it stands once: the engines differ in how they read and write, not in what a mark, a count
//! or a refusal means.
//!
//! | question | file |
//! |---|---|
//! | is a table being filled, are rows missing, where does its LSN move | [`marks`] |
//! | do the Task's counts agree with what came; how long history is kept | [`counts`] |
//! | what a row of the metadata table stands for | [`definitions`] |
//! | a call that may change nothing, and why | [`refusals`] |
//! | how much a plug-in's statement and values may take | [`guests`] |

pub(in crate::store) mod counts;
pub(in crate::store) mod definitions;
pub(in crate::store) mod guests;
pub(in crate::store) mod marks;
pub(in crate::store) mod refusals;
