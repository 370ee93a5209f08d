//! Where a plug-in's imports and its host's measures lead out of the sandbox: the tenant's database, other hosts, the log.
//!
//! [`World`] is the real one. [`super::trial`] has another, which answers from a fixture and writes down what was asked, so that a
//! plug-in is tested by the same loader, linker, limits and calls that serve it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::call::Failed;
use super::hook::Function;
use super::import::http::{self, Connection, Trust};
use super::sidecar::HttpTarget;
use crate::protocol::table_name::TableName;
use crate::store::records::IndexDef;
use crate::store::{GuestDatabase, GuestPowers, GuestValues, MirrorDb, StoreError};

/// See above. What is not said otherwise is the real thing. By the time anything here is called, grants and limits have been
/// looked at.
#[async_trait]
pub(super) trait Outside: Send + Sync + fmt::Debug {
    /// SQL on the mirror of the call.
    fn database(&self, mirror: &Arc<dyn MirrorDb>, powers: &GuestPowers) -> Box<dyn GuestDatabase> {
        mirror.guest(powers.clone())
    }

    /// The plug-in's values in the mirror of the call.
    fn values(&self, mirror: &Arc<dyn MirrorDb>, plugin: &str) -> Box<dyn GuestValues> {
        mirror.guest_values(plugin)
    }

    /// An index on the mirror of the call.
    async fn ensure_index(
        &self,
        mirror: &dyn MirrorDb,
        table: &TableName,
        index: &IndexDef,
    ) -> Result<bool, StoreError> {
        mirror.ensure_index(table, index).await
    }

    /// An index less.
    async fn drop_index(&self, mirror: &dyn MirrorDb, table: &TableName, name: &str) -> Result<bool, StoreError> {
        mirror.drop_index(table, name).await
    }

    /// A request to a host that is granted.
    async fn send(
        &self,
        request: ::http::Request<WasiBody>,
        target: &HttpTarget,
        options: RequestOptions,
        trust: &Arc<Trust>,
    ) -> Result<(::http::Response<WasiBody>, Connection), Error> {
        http::send(request, target, options, trust).await
    }

    /// Whether rows that a transform fails on may be kept aside, where its sidecar says so.
    fn keeps_aside(&self) -> bool {
        true
    }

    /// A line of the plug-in's, beside its way into the host's log.
    fn line(&self, level: &'static str, text: &str) {
        let _ = (level, text);
    }

    /// A function has ended.
    fn settled(&self, function: Function, took: Duration, failed: Option<&Failed>) {
        let _ = (function, took, failed);
    }

    /// An instance is gone; the most it had of memory and table elements.
    fn ended(&self, memory: usize, table_elements: usize) {
        let _ = (memory, table_elements);
    }
}

/// The real one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct World;

impl Outside for World {}
