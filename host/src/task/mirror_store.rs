//! The one place where the simulator names a store: a SQLite mirror by its file.

use std::path::Path;

use crate::store::sqlite::{SqliteSettings, SqliteStore};
use crate::store::{Connection, StoreError, StoreErrorKind};

/// A store over the file's folder, and the connection that names the file in it.
pub(super) fn open(path: &Path) -> Result<(SqliteStore, Option<Connection>), StoreError> {
    let wrong = |what: &str| StoreError::new(StoreErrorKind::Connection, format!("{} {what}", path.display()));
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| wrong("names no file"))?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder =
        folder.canonicalize().map_err(|error| wrong("is in a folder that cannot be read").with_source(error))?;
    Ok((SqliteStore::open(SqliteSettings::new(folder))?, Some(Connection(name.to_owned()))))
}
