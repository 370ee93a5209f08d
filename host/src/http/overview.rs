//! Every tenant on this host, worst first: what `speil status`, `/status` and `/metrics` show. The words are derived in
//! [`crate::mirror::state`]; this only gathers.

use crate::config::StatusConfig;
use crate::mirror::refusals::RefusedCalls;
use crate::mirror::{self, TenantReport};
use crate::store::{Store, StoreError};

/// All mirrors of a store, and the refusals that name no tenant.
#[derive(Debug, serde::Serialize)]
pub struct Overview {
    /// Worst first.
    pub tenants: Vec<TenantReport>,
    /// Mirrors that cannot be opened.
    pub unreadable: Vec<Unreadable>,
    /// Calls this process refused, newest first. Empty at the command line, which has refused nothing.
    pub refused: Vec<RefusedCalls>,
}

/// A mirror that is there and cannot be read.
#[derive(Debug, serde::Serialize)]
pub struct Unreadable {
    pub name: String,
    pub place: String,
    pub error: String,
}

/// Looks at every mirror.
///
/// # Errors
/// The store's place cannot be read at all.
pub async fn gather(
    store: &dyn Store,
    now: i64,
    config: &StatusConfig,
    refused: Vec<RefusedCalls>,
) -> Result<Overview, StoreError> {
    let mut overview = Overview { tenants: Vec::new(), unreadable: Vec::new(), refused };
    for found in store.list().await? {
        let report = match found.mirror {
            Ok(db) => mirror::report(&*db, now, config, &overview.refused).await,
            Err(error) => Err(error),
        };
        match report {
            Ok(report) => overview.tenants.push(report),
            Err(error) => {
                let (name, place) = (found.name, found.place);
                overview.unreadable.push(Unreadable { name, place, error: error.to_string() });
            }
        }
    }
    overview.tenants.sort_by(|a, b| b.state.cmp(&a.state).then_with(|| a.tenant.cmp(&b.tenant)));
    Ok(overview)
}
