//! Table names. SQL Server compares them without regard to case; so do we, everywhere (protocol.md section 2).

use std::fmt;
use std::hash::{Hash, Hasher};

/// The name of a mirrored table: as the source spells it, equal whatever the case.
/// Legal: 1-128 UTF-16 units, no NUL, no white space at either end (SQL Server takes `person` and `person ` for one table,
/// other databases do not), not a name this project keeps for itself.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TableName {
    spelled: String,
    folded: String,
}

/// Why a name cannot be mirrored. The text is a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableNameError {
    #[error("the table name is empty")]
    Empty,
    #[error("the table name {0:?} is longer than 128 characters, which SQL Server does not allow")]
    TooLong(String),
    #[error("the table name {0:?} holds a NUL character, which SQL Server does not allow")]
    Nul(String),
    #[error(
        "the table name {0:?} begins or ends with white space, which databases compare differently; rename the table at the \
         source, or leave it out in the Task's SkipTable setting"
    )]
    Padded(String),
    #[error("the table name {0:?} is kept for the mirror itself; leave this table out in the Task's SkipTable setting")]
    Reserved(String),
}

impl TableName {
    /// Checks a name as it came over the wire.
    ///
    /// # Errors
    /// See [`TableNameError`]. The name of the tenant's own metadata table is checked by the pipeline, which
    /// knows the tenant.
    pub fn new(text: impl Into<String>) -> Result<Self, TableNameError> {
        let spelled: String = text.into();
        if spelled.is_empty() {
            return Err(TableNameError::Empty);
        }
        let shortened = || spelled.chars().take(40).collect::<String>();
        if spelled.encode_utf16().count() > 128 {
            return Err(TableNameError::TooLong(shortened()));
        }
        if spelled.contains('\0') {
            return Err(TableNameError::Nul(shortened()));
        }
        if spelled.trim() != spelled {
            return Err(TableNameError::Padded(shortened()));
        }
        let folded = fold(&spelled);
        if folded.starts_with("speil_") || folded.starts_with("sqlite_") {
            return Err(TableNameError::Reserved(spelled));
        }
        Ok(Self { spelled, folded })
    }

    /// As the source spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.spelled
    }

    /// The folded form: equal for names that differ by case only. Use it as a key, never show it.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

/// Folds a SQL identifier for comparison: simple lower-casing of every character, one to one where Unicode allows.
#[must_use]
pub fn fold(identifier: &str) -> String {
    identifier.chars().flat_map(char::to_lowercase).collect()
}

impl From<TableName> for String {
    fn from(name: TableName) -> Self {
        name.spelled
    }
}

impl TryFrom<String> for TableName {
    type Error = TableNameError;
    fn try_from(text: String) -> Result<Self, TableNameError> {
        Self::new(text)
    }
}

impl PartialEq for TableName {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}
impl Eq for TableName {}
impl Hash for TableName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}
impl PartialOrd for TableName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for TableName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded.cmp(&other.folded)
    }
}
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelled)
    }
}
impl fmt::Debug for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableName({:?})", self.spelled)
    }
}
