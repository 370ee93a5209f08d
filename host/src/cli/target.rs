//! Which mirror a command works on: found by its tenant, wherever a plug-in has put it.

use std::path::Path;
use std::sync::Arc;

use super::{CliError, ConfigArgs};
use crate::app;
use crate::config::{Config, StoreConfig};
use crate::protocol::context_id::ContextId;
use crate::protocol::table_name::TableName;
use crate::store::{MirrorDb, Store};

/// The configuration, its store, and a runtime to use it in.
pub(super) struct Opened {
    pub(super) config: Config,
    pub(super) store: Arc<dyn Store>,
    pub(super) runtime: tokio::runtime::Runtime,
}

/// Loads the configuration and opens its store. Nothing is logged but warnings.
pub(super) fn open(args: &ConfigArgs) -> Result<Opened, CliError> {
    let mut config = args.load()?;
    "warn".clone_into(&mut config.log.filter);
    crate::logging::init(&config.log).map_err(CliError::failed)?;
    let runtime = app::runtime(4).map_err(|error| CliError::Failed(format!("no threads can be started: {error}")))?;
    let store = {
        let _inside = runtime.enter();
        app::open_store(&config.mirror).map_err(CliError::failed)?
    };
    Ok(Opened { config, store, runtime })
}

/// The mirror of a tenant, which may be named `FOLDER/TENANT`.
pub(super) async fn find(opened: &Opened, tenant: &str) -> Result<Arc<dyn MirrorDb>, CliError> {
    if let Some(db) = find_in_database(opened, tenant).await? {
        return Ok(db);
    }
    find_listed(&*opened.store, tenant).await
}

/// On SQL Server a folder is a part of the database's name, so `FOLDER/TENANT` is looked for where that application writes; `/TENANT`
/// is that of the application without a folder.
async fn find_in_database(opened: &Opened, named: &str) -> Result<Option<Arc<dyn MirrorDb>>, CliError> {
    let config = &opened.config;
    let Some((folder, tenant)) = named.split_once('/') else { return Ok(None) };
    let folder = Some(folder).filter(|folder| !folder.is_empty());
    let is_known = config.applications.iter().any(|application| application.folder.as_deref() == folder);
    if !is_known || matches!(config.mirror.store, StoreConfig::Sqlite { .. }) {
        return Ok(None);
    }
    let tenant = ContextId::new(tenant).map_err(CliError::usage)?;
    let store = app::open_store_in(&config.mirror, folder).map_err(CliError::failed)?;
    store.open_existing(&tenant, None).await.map_err(CliError::failed)
}

/// The mirror of a tenant, among all that can be listed.
pub(super) async fn find_listed(store: &dyn Store, tenant: &str) -> Result<Arc<dyn MirrorDb>, CliError> {
    let tenant = ContextId::new(tenant).map_err(CliError::usage)?;
    // By list and not by place, since an application or a plug-in may have put it in a folder of its own.
    let (mut matching, mut known) = (Vec::new(), Vec::new());
    for found in store.list().await.map_err(CliError::failed)? {
        match found.mirror {
            Ok(db) if *db.tenant() == tenant || is_in_folder(&*db, &tenant) => matching.push(db),
            Ok(db) => known.push(db.tenant().to_string()),
            Err(error) if found.name == tenant.as_str() => return Err(CliError::failed(error)),
            Err(_) => {}
        }
    }
    if matching.len() > 1 {
        let places = matching.iter().map(|db| db.place()).collect::<Vec<_>>().join("\n  ");
        return Err(CliError::Failed(format!(
            "there are {} mirrors of a tenant {tenant}; name the folder too, as FOLDER/{tenant}:\n  {places}",
            matching.len()
        )));
    }
    if let Some(db) = matching.pop() {
        return Ok(db);
    }
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&name.to_lowercase(), &tenant.as_str().to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    Err(CliError::Failed(match nearest {
        Some((_, name)) => format!("there is no mirror of a tenant {tenant}; did you mean {name}?"),
        None => format!("there is no mirror of a tenant {tenant}; `speil status` lists those there are"),
    }))
}

/// Whether the mirror is what `FOLDER/TENANT` means.
fn is_in_folder(db: &dyn MirrorDb, named: &ContextId) -> bool {
    let Some((folder, tenant)) = named.as_str().rsplit_once('/') else { return false };
    db.tenant().as_str() == tenant
        && Path::new(&db.place()).parent().and_then(Path::file_name).is_some_and(|name| name == folder)
}

/// Table names as an operator writes them.
pub(super) fn table_names(texts: &[String]) -> Result<Vec<TableName>, CliError> {
    texts.iter().map(|text| TableName::new(text.as_str()).map_err(CliError::usage)).collect()
}
