//! The partner's components: find, check, compile, limit, call.
//!
//! [`hooks`] is what the pipeline sees: traits, so that the pipeline can be tested without a WebAssembly engine.
//! [`PluginHost`] is the real thing behind them.
//!
//! | question | file |
//! |---|---|
//! | which hooks there are, and what a failure of each means | [`hook`] (and one file for the call of each) |
//! | which files are plug-ins | [`folder`] |
//! | how their files are read: bounded | [`reading`] |
//! | what a sidecar may say | [`sidecar`] |
//! | a plug-in's life, and what a broken one means | [`component`] |
//! | what it may import, and what of that must be granted | [`import`] |
//! | where its component is compiled and tried | [`workshop`] |
//! | the folder becomes a generation; what stays and what waits | [`loader`], [`generation`] |
//! | which names of plug-ins exclude each other | [`names`] |
//! | how a new generation comes in, and who gets which | [`host`], [`watch`], [`pins`] |
//! | what is said about a change, and how many rows it will fill anew | [`changes`], [`rows`] |
//! | compiling, in a process of its own | [`apart`] |
//! | compiled code on disk | [`cache`] |
//! | what a new version may ask for | [`approval`] |
//! | what keeps failing is left alone | [`breaker`] |
//! | what to do about an import or export that does not fit | [`check`] |
//! | how much of everything it may use | [`limits`] |
//! | pool, clock | [`engine`] |
//! | one instance, and what its faults mean | [`instance`] |
//! | the hooks of one incoming call | [`call`] |
//! | what transforms make of tables and rows | [`transform`] |
//! | failures that do not fail the call | [`events`] |
//! | where imports lead out of the sandbox | [`outside`] |
//! | a component tried with a fixture | [`trial`] |

mod apart;
mod approval;
mod bindings;
mod breaker;
mod cache;
mod call;
mod changes;
mod check;
mod component;
mod counters;
mod digest;
mod engine;
mod events;
mod folder;
mod generation;
mod hook;
pub mod hooks;
mod host;
mod import;
mod inspect;
mod instance;
mod limits;
mod loader;
mod names;
mod outside;
mod pins;
mod reading;
mod rows;
mod sidecar;
mod status;
mod transform;
pub mod trial;
mod watch;
mod workshop;

pub use apart::{asked as asked_to_compile, compile_by_this_program};
pub use breaker::{FAILURES, Paused, Resumed};
pub use component::{Broken, Step};
pub use counters::{Count, LastError};
pub use folder::{Found, find as find_in};
pub use hook::{FailureRule, Function, Hook};
pub use hooks::{CallHooks, CallInfo, HookFailure, HookSource, NoHooks};
pub use host::{PluginHost, PluginsError};
pub use inspect::{Inspection, Update};
pub use limits::Limits;
pub use rows::MirrorRows;
pub use sidecar::{DatabaseGrant, Deterministic, Grants, OnFailure, Poison, Sidecar};
pub use status::{PluginState, PluginStatus};
pub use watch::Watching;
