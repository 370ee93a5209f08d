//! Transforms: what plug-ins make of a table and of its rows, checked.
//!
//! | idea | file |
//! |---|---|
//! | a plug-in's plan for a table becomes a step, or is refused | [`plan`] |
//! | plans are kept, since a table is planned for every batch | [`cache`] |
//! | values cross into WIT types and back, each checked | [`convert`] |
//! | a batch and what a plug-in answered become the next batch | [`merge`] |

pub(super) mod cache;
pub(super) mod convert;
pub(super) mod merge;
pub(super) mod plan;
