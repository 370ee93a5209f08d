//! A tenant's mirror as an administrator handles it, beside a host that runs: hand edits of the metadata table, a backup
//! taken and put back (protocol.md section 6). For scenarios, conformance checks and tests only.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::TaskError;
use super::hand::{Hand, Rows, literal, quoted};
use crate::protocol::context_id::ContextId;
use crate::store::{MirrorDb, Store};

/// Where a tenant's mirror is, and whose it is. It need not be there yet.
#[derive(Clone)]
pub struct MirrorPlace {
    tenant: String,
    hand: Hand,
    /// The store that reads it; `None`: one over the file's folder.
    store: Option<Arc<dyn Store>>,
}

impl MirrorPlace {
    /// The mirror of `tenant` in a SQLite file.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>, tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), hand: Hand::Sqlite(path.into()), store: None }
    }

    /// The mirror of `tenant` that a store keeps in the place it was configured for, and a hand in its database.
    #[must_use]
    pub fn in_store(store: Arc<dyn Store>, hand: Hand, tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), hand, store: Some(store) }
    }

    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The file, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.hand {
            Hand::Sqlite(path) => Some(path),
            Hand::SqlServer(_) => None,
        }
    }

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> String {
        self.hand.place()
    }

    /// Opens it as a mirror, for reading.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub async fn open(&self) -> Result<Arc<dyn MirrorDb>, TaskError> {
        let tenant = ContextId::new(self.tenant.clone()).map_err(TaskError::Usage)?;
        let opened = match (&self.store, &self.hand) {
            (None, Hand::Sqlite(path)) => match super::mirror_store::open(path) {
                Ok((store, connection)) => store.open_existing(&tenant, connection.as_ref()).await,
                Err(error) => Err(error),
            },
            (Some(store), _) => store.open_existing(&tenant, None).await,
            (None, Hand::SqlServer(_)) => return Err(self.unreadable("no store reads it")),
        };
        let opened = opened.map_err(|error| self.unreadable(error.to_string()))?;
        opened.ok_or_else(|| self.unreadable("it is not there, or it is no mirror"))
    }

    /// Whether there is a database yet.
    ///
    /// # Errors
    /// That cannot be told.
    pub async fn exists(&self) -> Result<bool, TaskError> {
        self.hand.exists().await.map_err(|error| self.unreadable(error))
    }

    /// Takes the database away, with all in it.
    ///
    /// # Errors
    /// It cannot be.
    pub async fn remove(&self) -> Result<(), TaskError> {
        self.hand.remove().await.map_err(|error| self.unreadable(error))
    }

    /// Runs statements by hand. Standard SQL with quoted names does on every engine.
    ///
    /// # Errors
    /// What the database says.
    pub async fn run(&self, script: &str) -> Result<(), TaskError> {
        self.hand.run(script).await.map_err(|error| self.unreadable(error))
    }

    /// Rows of a query, every value as text.
    ///
    /// # Errors
    /// What the database says.
    pub async fn rows(&self, query: &str) -> Result<Rows, TaskError> {
        self.hand.rows(query).await.map_err(|error| self.unreadable(error))
    }

    /// The stored LSN of a table that is listed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn lsn(&self, table: &str) -> Result<Option<i64>, TaskError> {
        let rows = self.rows(&format!("SELECT LSN FROM {} WHERE {}", self.metadata(), self.names(table))).await?;
        Ok(rows.first().and_then(|row| row.first()?.as_deref()?.parse().ok()))
    }

    /// Whether there is a table of this name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn has_table(&self, table: &str) -> Result<bool, TaskError> {
        let query = match &self.hand {
            Hand::Sqlite(_) => {
                format!(
                    "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower({})",
                    self.text(table)
                )
            }
            Hand::SqlServer(_) => format!("SELECT 1 WHERE object_id({}) IS NOT NULL", self.text(&quoted(table))),
        };
        Ok(!self.rows(&query).await?.is_empty())
    }

    /// Sets the LSN of one table, or of all, to -1.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn set_refill(&self, table: Option<&str>) -> Result<(), TaskError> {
        let which = table.map(|table| format!(" WHERE {}", self.names(table))).unwrap_or_default();
        self.run(&format!("UPDATE {} SET LSN = -1{which}", self.metadata())).await
    }

    /// Deletes a table's metadata row and drops the table: a hard reset.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn hard_reset(&self, table: &str) -> Result<(), TaskError> {
        let delete = format!("DELETE FROM {} WHERE {}", self.metadata(), self.names(table));
        self.run(&format!("{delete}; DROP TABLE {}", quoted(table))).await
    }

    /// Drops the metadata table: everything anew.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn drop_metadata(&self) -> Result<(), TaskError> {
        self.run(&format!("DROP TABLE {}", self.metadata())).await
    }

    /// Spoils one row, so that a comparison that sees nothing is found out.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn delete_a_row(&self, table: &str) -> Result<(), TaskError> {
        self.hand.delete_a_row(table).await.map_err(|error| self.unreadable(error))
    }

    /// Copies all tables aside.
    ///
    /// # Errors
    /// The database cannot be read, or the copy not written.
    pub async fn backup(&self, copy: &str) -> Result<(), TaskError> {
        self.hand.backup(copy).await.map_err(|error| self.unreadable(error))
    }

    /// Puts a copy back, all tables in one transaction, as a restore looks to those who have the database open. The tables
    /// must be the same as when it was taken.
    ///
    /// # Errors
    /// The database cannot be written, or its tables are others.
    pub async fn restore(&self, copy: &str) -> Result<(), TaskError> {
        self.hand.restore(copy).await.map_err(|error| self.unreadable(error))
    }

    /// The metadata table's name, quoted.
    #[must_use]
    pub fn metadata(&self) -> String {
        quoted(&format!("{}_mirroring", self.tenant))
    }

    /// A text in SQL, as the engine reads every letter of it.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        match &self.hand {
            Hand::Sqlite(_) => literal(text),
            Hand::SqlServer(_) => format!("N{}", literal(text)),
        }
    }

    fn names(&self, table: &str) -> String {
        format!("lower(tablename) = lower({})", self.text(table))
    }

    fn unreadable(&self, message: impl Into<String>) -> TaskError {
        TaskError::Mirror { place: self.place(), message: message.into() }
    }
}
