//! The pipelines of a host: one over the mirror directory, one over each folder below it that an application has to
//! itself. Tenants of one name exist in every environment and may be mirrored for several applications; their mirrors,
//! locks and orders of calls have nothing to do with each other (design.md invariant 5).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::Mirror;
use super::refusals::RefusedCalls;
use crate::plugins::MirrorRows;
use crate::protocol::context_id::ContextId;
use crate::store::Store;

/// See the head of this file.
pub struct Mirrors {
    root: Arc<Mirror>,
    folders: BTreeMap<String, Arc<Mirror>>,
}

impl Mirrors {
    /// The pipeline of applications that have no folder of their own, and those of the folders.
    #[must_use]
    pub fn new(root: Arc<Mirror>, folders: BTreeMap<String, Arc<Mirror>>) -> Self {
        Self { root, folders }
    }

    /// The pipeline of an application with this folder. `None` when no such folder was configured, and then the call
    /// must fail: another's mirrors are no stand-in.
    #[must_use]
    pub fn of(&self, folder: Option<&str>) -> Option<&Arc<Mirror>> {
        folder.map_or(Some(&self.root), |folder| self.folders.get(folder))
    }

    /// Every store that is written to, with the folder it is in; that of the mirror directory itself comes first.
    pub fn stores(&self) -> impl Iterator<Item = (Option<&str>, &Arc<dyn Store>)> {
        let folders = self.folders.iter().map(|(folder, mirror)| (Some(folder.as_str()), &mirror.store));
        std::iter::once((None, &self.root.store)).chain(folders)
    }

    /// Closes every store. Called once, when no call is in flight.
    pub async fn close(&self) {
        for (_, store) in self.stores() {
            store.close().await;
        }
    }

    /// Calls that were refused at the door, all pipelines together.
    #[must_use]
    pub fn refusals(&self) -> Vec<RefusedCalls> {
        std::iter::once(&self.root).chain(self.folders.values()).flat_map(|mirror| mirror.refusals().all()).collect()
    }
}

#[async_trait]
impl MirrorRows for Mirrors {
    async fn table_rows(&self, tenant: &ContextId) -> Option<Vec<(String, u64)>> {
        let mut all = Vec::new();
        for mirror in std::iter::once(&self.root).chain(self.folders.values()) {
            let connection = mirror.connections.of(tenant);
            let Some(db) = mirror.store.open_existing(tenant, connection.as_ref()).await.ok()? else { continue };
            let tables = db.history().tables().await.ok()?;
            all.extend(
                tables.into_iter().filter(|table| table.gone_at.is_none()).map(|table| (table.table, table.rows)),
            );
        }
        Some(all)
    }
}
