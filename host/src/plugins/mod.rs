//! The partner's components.
//!
//! [`hooks`] is what the pipeline sees: traits, so that the pipeline can be tested without a WebAssembly engine.

mod bindings;
pub mod hooks;

pub use hooks::{CallHooks, CallInfo, HookFailure, HookSource, NoHooks};
