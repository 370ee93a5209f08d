//! The Mirroring Task simulator: the vendor's side of the contract, to test any endpoint against (protocol.md).
//!
//! | idea | file |
//! |---|---|
//! | chance that can be repeated | [`dice`] |
//! | a tenant's shape: tables, columns, defaults, row counts | [`shape`], [`vocabulary`], [`extras`] |
//! | a cell's value | [`cell`], [`values`], [`texts`] |
//! | the source database under change tracking | [`source`] |
//! | requests as .NET and Mono spell them | [`spelling`] |
//! | answers, read strictly | [`answer`] |
//! | HTTP by hand | [`endpoint`], [`connection`] |
//! | the calling side of the five operations | [`client`] |
//! | rows into batches | [`batching`] |
//! | one cycle | [`cycle`] |
//! | is the mirror equal to the source | [`compare`] |
//! | an administrator's hand in the mirror | [`mirror_place`], [`hand`] |
//! | named stories | [`scenario`] |
//! | a run from options to report | [`run`](mod@run) |
//! | a named list of checks | [`conformance`] |
//!
//! The Task keeps no state and neither does this: the source is made anew from its seed for every run, so a mirror that an
//! earlier run left behind stands ahead of it and is filled anew.

pub mod answer;
pub mod batching;
pub mod cell;
pub mod client;
pub mod compare;
pub mod conformance;
pub mod connection;
pub mod cycle;
pub mod dice;
pub mod endpoint;
pub mod error;
pub mod extras;
pub mod hand;
pub mod keys;
pub mod mirror_place;
mod mirror_store;
pub mod progress;
pub mod run;
pub mod scenario;
pub mod shape;
pub mod source;
pub mod spelling;
pub mod texts;
pub mod values;
mod vocabulary;

pub use error::TaskError;
pub use run::{RunOptions, RunReport, run};
