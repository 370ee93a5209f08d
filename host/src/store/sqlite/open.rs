//! How a connection to a mirror file is set up.
//!
//! WAL with `synchronous=FULL`: a commit is on disk before it returns, and readers and the writer never wait for each
//! other. `fullfsync` makes the same true on macOS, where a plain fsync stops at the drive's cache; elsewhere it does nothing.
//! What a mirror holds is not trusted: no functions in views and triggers beyond harmless ones (`trusted_schema`), and a
//! misspelt identifier is an error, never a text (`DQS`).

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::errors::{Result, read_only};
use crate::store::{StoreError, StoreErrorKind};

/// Prepared statements kept per connection: three for each of a cycle's busiest tables, and the metadata's own.
const STATEMENTS: usize = 64;

/// How much a connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write { create: bool },
}

/// Opens the file. WAL is left to [`enter_wal`]: a file is not changed before it is known to be ours.
pub(super) fn open(path: &Path, access: Access, busy_timeout: Duration) -> Result<Connection> {
    // No SQLITE_OPEN_URI: a path that begins with `file:` is a path.
    let mut flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    flags |= match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write { create: false } => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Access::Write { create: true } => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    let db = Connection::open_with_flags(path, flags)?;
    // A file that may not be written SQLite opens for reading instead, and such a connection would stay what it is after the
    // permission has been given.
    if access != Access::Read && db.is_readonly(rusqlite::MAIN_DB)? {
        return Err(read_only());
    }
    db.busy_timeout(busy_timeout)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    // Views and triggers that administrators made on a mirrored table must not block a change of its schema.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, true)?;
    Ok(db)
}

/// Turns the writer's connection to WAL, durable commits, and a log that shrinks again after a big fill. When the log is brought
/// into the file is decided in [`super::log`].
pub(super) fn enter_wal(db: &Connection) -> Result<()> {
    let mode: String = db.query_row("PRAGMA journal_mode=WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::new(
            StoreErrorKind::Environment,
            format!(
                "write-ahead logging cannot be switched on (journal mode stays {mode}); the mirror directory must be on a local \
                 disk, not on a network share"
            ),
        ));
    }
    db.execute_batch(
        "PRAGMA synchronous=FULL; PRAGMA fullfsync=ON; PRAGMA checkpoint_fullfsync=ON;
         PRAGMA journal_size_limit=67108864;
         PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY;",
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_durable_and_double_quotes_are_never_texts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let db = open(&path, Access::Write { create: true }, Duration::from_secs(1)).unwrap();
        enter_wal(&db).unwrap();
        let number = |pragma: &str| db.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(number("synchronous"), 2);
        assert_eq!(number("foreign_keys"), 0);
        assert_eq!(number("trusted_schema"), 0);
        assert_eq!(db.query_row("PRAGMA journal_mode", [], |row| row.get::<_, String>(0)).unwrap(), "wal");
        assert!(db.prepare("SELECT \"nothing\"").is_err());
    }

    #[test]
    fn nothing_is_made_unless_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let error = open(&path, Access::Write { create: false }, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Environment);
        assert!(!path.exists());
    }
}
