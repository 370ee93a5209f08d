//! The partner's components: find, check, compile, limit, call.
//!
//! [`hooks`] is what the pipeline sees: traits, so that the pipeline can be tested without a WebAssembly engine.
//! [`PluginHost`] is the real thing behind them.
//!
//! | question | file |
//! |---|---|
//! | which hooks there are, and what a failure of each means | [`hook`] (and one file for the call of each) |
//! | which files are plug-ins | [`folder`] |
//! | what a sidecar may say | [`sidecar`] |
//! | a plug-in's life, and what a broken one means | [`component`] |
//! | what it may import, and what of that must be granted | [`import`] |
//! | what to do about an import or export that does not fit | [`check`] |
//! | how much of everything it may use | [`limits`] |
//! | pool, clock | [`engine`] |
//! | one instance, and what its faults mean | [`instance`] |
//! | the hooks of one incoming call | [`call`] |
//! | what transforms make of tables and rows | [`transform`] |
//! | failures that do not fail the call | [`events`] |

mod bindings;
mod call;
mod check;
mod component;
mod counters;
mod digest;
mod engine;
mod events;
mod folder;
mod hook;
pub mod hooks;
mod host;
mod import;
mod instance;
mod limits;
mod sidecar;
mod transform;

pub use component::{Broken, Step};
pub use counters::Count;
pub use hook::{FailureRule, Function, Hook};
pub use hooks::{CallHooks, CallInfo, HookFailure, HookSource, NoHooks};
pub use host::{PluginHost, PluginStatus, PluginsError};
pub use limits::Limits;
pub use sidecar::{DatabaseGrant, Deterministic, Grants, OnFailure, Poison, Sidecar};
