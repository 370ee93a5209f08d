//! **Speil**: a mirror server for partners of SuperOffice CRM Online.
//!
//! The vendor's *Mirroring Task* pushes each tenant's tables to a partner's endpoint over SOAP. Speil is that
//! endpoint: it keeps one mirror database per tenant, and calls the partner's own logic as sandboxed WebAssembly
//! components.
//!
//! The rooms, in the order a row passes through them:
//!
//! | room | what it is for |
//! |---|---|
//! | [`http`] | the front door: SOAP endpoint, service page, health |
//! | [`auth`] | is this caller the vendor, and which tenant does it speak for |
//! | [`protocol`] | the wire contract, pure: messages, streaming decoder, cell text, SQL types |
//! | [`plugins`] | the partner's components: find, check, load, limit, call |
//! | [`mirror`] | the pipeline: five operations, schema planning, LSN rules, order of calls |
//! | [`store`] | what a mirror database must do, and the engines that do it |
//! | [`task`] | the Mirroring Task simulator, to test any endpoint against |
//! | [`config`] | `speil.toml` |
//! | [`cli`] | one file per verb |
//! | [`app`] | the composition root: from a configuration to the parts of a host |
//! | [`logging`] | where logs go and how they look |
//! | [`faults`] | steps at which tests let the program die, fail or wait; not in what is shipped |
//!
//! Imports point one way: `cli → http, task → mirror → store, plugins, auth → protocol`.

mod allocator;
pub mod app;
pub mod auth;
pub mod cli;
pub mod config;
pub mod faults;
mod generations;
pub mod http;
pub mod logging;
pub mod mirror;
pub mod plugins;
pub mod protocol;
pub mod store;
pub mod task;
mod threads;
