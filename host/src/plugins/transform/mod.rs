//! Transforms: what plug-ins make of a table and of its rows, checked.
//!
//! | idea | file |
//! |---|---|
//! | a plug-in's plan for a table becomes a step, or is refused | [`plan`] |
//! | plans are kept, since a table is planned for every batch | [`cache`] |
//! | values cross into WIT types and back, each checked | [`convert`] |
//! | a batch and what a plug-in answered become the next batch | [`merge`] |
//! | what breaks the rules of the hook's edge, and where | [`violation`] |
//! | which batches are made twice and compared | [`sample`] |
//! | which rows are at fault when a batch fails | [`isolate`] |

pub(super) mod cache;
pub(super) mod convert;
pub(super) mod isolate;
pub(super) mod merge;
pub(super) mod plan;
pub(super) mod sample;
pub(super) mod violation;
