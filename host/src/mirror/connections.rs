//! Where each tenant's mirror was when it was last opened, so that what happens outside a call's hooks (a refused token, a plug-in
//! that fails before the mirror is open) can still be told in the right mirror. Holds secrets: never logged.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::protocol::context_id::ContextId;
use crate::store::Connection;

/// One entry per tenant that has called with a good token and has a connection of its own.
#[derive(Default)]
pub(super) struct Connections(Mutex<HashMap<ContextId, Connection>>);

impl Connections {
    pub(super) fn note(&self, tenant: &ContextId, connection: Option<Connection>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match connection {
            Some(connection) => known.insert(tenant.clone(), connection),
            None => known.remove(tenant),
        };
    }

    pub(super) fn of(&self, tenant: &ContextId) -> Option<Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }
}
