//! Stands in until the engine's own is merged.

use std::sync::Arc;

use super::errors::Result;
use super::session::Session;
use crate::protocol::context_id::ContextId;
use crate::store::{MirrorDb, StoreError, StoreErrorKind};

pub(super) struct SqlServerMirror(Arc<Session>);

impl SqlServerMirror {
    pub fn new(session: Arc<Session>) -> Self {
        Self(session)
    }

    pub async fn ready(&self, _create: bool) -> Result<()> {
        Err(StoreError::new(StoreErrorKind::Internal, "not merged"))
    }

    pub fn tenant(&self) -> &ContextId {
        &self.0.tenant
    }

    pub fn into_db(self: Arc<Self>) -> Arc<dyn MirrorDb> {
        unimplemented!()
    }
}
