//! An administrator's hand in a mirror's database: plain SQL, with the engine's own client and without the host. For scenarios,
//! conformance checks and tests.

mod sqlite;
mod sqlserver;
mod statements;

use std::path::{Path, PathBuf};

pub use sqlserver::SqlServerHand;
pub use statements::statements;

/// Rows of a query, every value as text: numbers as they are written, bytes in hexadecimal, NULL as `None`.
pub type Rows = Vec<Vec<Option<String>>>;

/// A hand in one database.
#[derive(Clone)]
pub enum Hand {
    /// In a SQLite file.
    Sqlite(PathBuf),
    SqlServer(SqlServerHand),
}

impl Hand {
    /// Runs statements, which stand apart by semicolons, one after the other. Standard SQL with quoted names does on both engines.
    ///
    /// # Errors
    /// What the database says about the first that fails.
    pub async fn run(&self, script: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(path) => sqlite::run(path, script),
            Self::SqlServer(hand) => hand.run(script).await,
        }
    }

    /// Rows of a query.
    ///
    /// # Errors
    /// What the database says.
    pub async fn rows(&self, query: &str) -> Result<Rows, String> {
        match self {
            Self::Sqlite(path) => sqlite::rows(path, query),
            Self::SqlServer(hand) => hand.rows(query).await,
        }
    }

    /// Whether there is a database.
    ///
    /// # Errors
    /// That cannot be told.
    pub async fn exists(&self) -> Result<bool, String> {
        match self {
            Self::Sqlite(path) => Ok(path.exists()),
            Self::SqlServer(hand) => hand.exists().await,
        }
    }

    /// Takes the database away, with all in it, whoever uses it.
    ///
    /// # Errors
    /// What the database says.
    pub async fn remove(&self) -> Result<(), String> {
        match self {
            Self::Sqlite(path) => sqlite::remove(path),
            Self::SqlServer(hand) => hand.remove().await,
        }
    }

    /// Copies all tables aside: into another file, or into another schema of the same database.
    ///
    /// # Errors
    /// What the database says.
    pub async fn backup(&self, copy: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(path) => sqlite::backup(path, &beside(path, copy)),
            Self::SqlServer(hand) => hand.backup(copy).await,
        }
    }

    /// Puts back what [`Hand::backup`] copied, all tables in one transaction, as a restore looks to those who have the database
    /// open. The tables must be the same as when it was taken.
    ///
    /// # Errors
    /// What the database says.
    pub async fn restore(&self, copy: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(path) => sqlite::restore(path, &beside(path, copy)),
            Self::SqlServer(hand) => hand.restore(copy).await,
        }
    }

    /// Deletes one row of a table.
    ///
    /// # Errors
    /// What the database says.
    pub async fn delete_a_row(&self, table: &str) -> Result<(), String> {
        let table = quoted(table);
        match self {
            Self::Sqlite(_) => {
                self.run(&format!("DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})")).await
            }
            Self::SqlServer(_) => self.run(&format!("DELETE TOP (1) FROM {table}")).await,
        }
    }

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::SqlServer(hand) => format!("database {}", hand.database()),
        }
    }
}

/// Where a copy of a file is kept: outside the folder of mirrors, whose files are all mirrors.
fn beside(file: &Path, copy: &str) -> PathBuf {
    let folder = file.parent().and_then(Path::parent).unwrap_or_else(|| Path::new("."));
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    folder.join(format!("{name}.{copy}"))
}

/// Bytes for people and for comparing.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A SQL identifier, as the standard quotes it and both engines read it.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A SQL text, as the standard quotes it.
#[must_use]
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
