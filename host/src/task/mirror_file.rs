//! A SQLite mirror as an administrator handles it, beside a host that runs: hand edits of the metadata table, a backup
//! taken and put back (protocol.md section 6). For scenarios and conformance checks only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::error::TaskError;
use crate::protocol::context_id::ContextId;
use crate::store::{MirrorDb, Store};

/// A mirror's file, and whose it is.
#[derive(Clone)]
pub struct MirrorFile {
    path: PathBuf,
    tenant: String,
}

/// A table of the metadata table, by hand.
impl MirrorFile {
    /// The mirror of `tenant` at `path`. The file need not be there yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, tenant: impl Into<String>) -> Self {
        Self { path: path.into(), tenant: tenant.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Opens it as a mirror, for reading.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub async fn open(&self) -> Result<Arc<dyn MirrorDb>, TaskError> {
        let failed = |message: String| self.unreadable(message);
        let (store, connection) = super::mirror_store::open(&self.path).map_err(|error| failed(error.to_string()))?;
        let tenant = ContextId::new(self.tenant.clone()).map_err(TaskError::Usage)?;
        let opened =
            store.open_existing(&tenant, connection.as_ref()).await.map_err(|error| failed(error.to_string()))?;
        opened.ok_or_else(|| failed("there is no such file, or it is no mirror".into()))
    }

    /// Sets the LSN of one table, or of all, to -1.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_refill(&self, table: Option<&str>) -> Result<(), TaskError> {
        let metadata = self.metadata();
        match table {
            Some(table) => {
                self.execute(&format!("UPDATE {metadata} SET LSN = -1 WHERE lower(tablename) = lower(?1)"), &[table])
            }
            None => self.execute(&format!("UPDATE {metadata} SET LSN = -1"), &[]),
        }
    }

    /// Deletes a table's metadata row and drops the table: a hard reset.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn hard_reset(&self, table: &str) -> Result<(), TaskError> {
        let metadata = self.metadata();
        self.execute(&format!("DELETE FROM {metadata} WHERE lower(tablename) = lower(?1)"), &[table])?;
        self.execute(&format!("DROP TABLE {}", quoted(table)), &[])
    }

    /// Drops the metadata table: everything anew.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn drop_metadata(&self) -> Result<(), TaskError> {
        self.execute(&format!("DROP TABLE {}", self.metadata()), &[])
    }

    /// Spoils one row, so that a comparison that sees nothing is found out.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn delete_a_row(&self, table: &str) -> Result<(), TaskError> {
        let table = quoted(table);
        self.execute(&format!("DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})"), &[])
    }

    /// Runs SQL that gives one text.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn query(&self, sql: &str) -> Result<Option<String>, TaskError> {
        use rusqlite::OptionalExtension as _;
        let connection = self.connect()?;
        connection
            .query_row(sql, [], |row| row.get::<_, Option<String>>(0))
            .optional()
            .map(Option::flatten)
            .map_err(|error| self.unreadable(error.to_string()))
    }

    /// Takes a backup into another file.
    ///
    /// # Errors
    /// The file cannot be read, or the other not written.
    pub fn backup(&self, to: &Path) -> Result<(), TaskError> {
        self.execute("VACUUM INTO ?1", &[&to.to_string_lossy()])
    }

    /// Puts a backup back, all tables in one transaction, as a restore looks to those who have the file open. The tables
    /// must be the same as when it was taken.
    ///
    /// # Errors
    /// The file cannot be written, or its tables are others.
    pub fn restore(&self, from: &Path) -> Result<(), TaskError> {
        let failed = |error: rusqlite::Error| self.unreadable(format!("restoring failed: {error}"));
        let mut connection = self.connect()?;
        connection.execute("ATTACH DATABASE ?1 AS old", [from.to_string_lossy()]).map_err(failed)?;
        let tables: Vec<String> = connection
            .prepare("SELECT name FROM old.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .map_err(failed)?;
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
        for table in tables {
            let table = quoted(&table);
            transaction.execute(&format!("DELETE FROM main.{table}"), []).map_err(failed)?;
            transaction.execute(&format!("INSERT INTO main.{table} SELECT * FROM old.{table}"), []).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    /// The metadata table's name, quoted.
    #[must_use]
    pub fn metadata(&self) -> String {
        quoted(&format!("{}_mirroring", self.tenant))
    }

    fn execute(&self, sql: &str, parameters: &[&str]) -> Result<(), TaskError> {
        let connection = self.connect()?;
        connection
            .execute(sql, rusqlite::params_from_iter(parameters))
            .map(|_| ())
            .map_err(|error| self.unreadable(format!("{sql}: {error}")))
    }

    fn connect(&self) -> Result<Connection, TaskError> {
        let opened = Connection::open_with_flags(
            &self.path,
            rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .and_then(|connection| {
            connection.busy_timeout(std::time::Duration::from_secs(30))?;
            Ok(connection)
        });
        opened.map_err(|error| self.unreadable(error.to_string()))
    }

    fn unreadable(&self, message: String) -> TaskError {
        TaskError::Mirror { place: self.path.display().to_string(), message }
    }
}

/// A SQL identifier.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
