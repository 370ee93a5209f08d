//! What a plug-in may do to a mirror's database itself, as an engine offers it: SQL of its own ([`GuestDatabase`]) and small
//! values ([`GuestValues`]).
//!
//! The text of a statement is hostile. An engine holds these bounds **by what the database itself enforces, never by reading the
//! SQL**: SQLite by its authorizer on a connection of the plug-in's own, SQL Server by a low-privilege database user.
//!
//! 1. Readable: the mirrored tables (rows of the metadata table with a hash of ours) and the plug-in's own. Nothing else: not
//!    the metadata table, no `speil_` table, no catalogue, no other database, no file, no setting.
//! 2. Writable, with [`GuestPowers::write`]: tables, indexes and views whose names begin with [`GuestPowers::prefix`], unless
//!    the name belongs to a mirrored table, or begins with one of [`GuestPowers::others`] (another plug-in's longer prefix) or
//!    ends with `_mirroring`. No triggers at all, no index on a mirrored table, no name outside the prefix by renaming.
//! 3. One statement a call, in a transaction of the engine's: nothing the text says begins, ends or outlives it.
//! 4. Bounded: rows and bytes of the answer, length of the text, number of own tables, and [`Bounds::until`], after which the statement is
//!    interrupted, also when the future that asked is dropped.
//! 5. A connection on which a statement was interrupted or refused is clean before anybody uses it again.
//!
//! What each engine does for it: `sqlite/guest/`, `sqlserver/guest/`, and docs/decisions/sql-of-plug-ins.md.

use std::time::Instant;

use async_trait::async_trait;

/// Whose statements, and how much they may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestPowers {
    /// The plug-in's name: its file's, without the ending.
    pub plugin: String,
    /// What its own names begin with, in small letters: `plugin_sales_summary_`.
    pub prefix: String,
    /// Prefixes of other plug-ins that begin with this one: what begins with them is theirs.
    pub others: Vec<String>,
    /// Whether it may write at all.
    pub write: bool,
}

impl GuestPowers {
    /// The powers of a plug-in among all those of its folder.
    #[must_use]
    pub fn of<'a>(plugin: &str, write: bool, all: impl Iterator<Item = &'a str>) -> Self {
        let own = prefix(plugin);
        let others = all.map(prefix).filter(|other| other.len() > own.len() && other.starts_with(&own)).collect();
        Self { plugin: plugin.into(), prefix: own, others, write }
    }

    /// Whether an object of this name is the plug-in's own, mirrored tables aside. SQL names have no case.
    #[must_use]
    pub fn owns(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        name.len() > self.prefix.len()
            && name.starts_with(&self.prefix)
            && !name.ends_with("_mirroring")
            && !self.others.iter().any(|other| name.starts_with(other.as_str()))
    }
}

/// What names of a plug-in's own tables begin with.
#[must_use]
pub fn prefix(plugin: &str) -> String {
    let word: String = plugin
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '_' })
        .collect();
    format!("plugin_{word}_")
}

/// A value of a row, or a parameter. See `wit/database.wit`.
#[derive(Debug, Clone, PartialEq)]
pub enum GuestValue {
    Null,
    Integer(i64),
    Real(f64),
    Decimal(String),
    Text(String),
    /// ISO 8601.
    Timestamp(String),
    Binary(Vec<u8>),
}

impl GuestValue {
    /// About what it weighs in memory, for [`Bounds::BYTES`].
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Null | Self::Integer(_) | Self::Real(_) => 0,
                Self::Decimal(text) | Self::Text(text) | Self::Timestamp(text) => text.len(),
                Self::Binary(bytes) => bytes.len(),
            }
    }
}

/// The answer of a query.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GuestRows {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<GuestValue>>,
    /// There were more than [`Bounds::rows`].
    pub truncated: bool,
}

/// How much a statement may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Rows wanted. More than [`Bounds::MOST_ROWS`] are an error, not a cut.
    pub rows: usize,
    /// When it is interrupted.
    pub until: Instant,
}

impl Bounds {
    /// Rows of one answer.
    pub const MOST_ROWS: usize = 10_000;
    /// Bytes of one answer, as [`GuestValue::weight`] counts.
    pub const BYTES: usize = 8 << 20;
    /// Bytes of one statement's text.
    pub const SQL: usize = 256 << 10;
    /// Lists of parameters of one `execute-many`.
    pub const BATCH: usize = 10_000;
    /// Parameters of one statement: SQL Server's 2,100 less those it needs itself.
    pub const PARAMETERS: usize = 2_000;
    /// Bytes of one value, given or made on the way.
    pub const VALUE: usize = 16 << 20;
    /// Tables, indexes and views of one plug-in in one mirror.
    pub const OBJECTS: usize = 256;
}

/// Why a statement came to nothing. Nothing was changed. The texts are for the plug-in's author and the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuestError {
    /// It may not.
    #[error("{0}")]
    Denied(String),
    /// The database does not understand it, or the parameters do not fit.
    #[error("{0}")]
    Invalid(String),
    /// Too many rows or bytes, or too slow.
    #[error("{0}")]
    Limit(String),
    /// A constraint of one of the plug-in's own tables.
    #[error("{0}")]
    Constraint(String),
    /// Another writer holds the mirror.
    #[error("{0}")]
    Busy(String),
    /// Not on this engine, or not now.
    #[error("{0}")]
    Unavailable(String),
    /// The database failed.
    #[error("{0}")]
    Failed(String),
}

/// Which SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestEngine {
    Sqlite,
    SqlServer,
}

/// SQL on one mirror on behalf of one plug-in, for the length of one incoming call. See the module for what every
/// implementation promises.
#[async_trait]
pub trait GuestDatabase: Send + Sync {
    /// Which SQL it is.
    fn engine(&self) -> Option<GuestEngine>;

    /// Runs one statement that reads.
    async fn query(&self, sql: String, parameters: Vec<GuestValue>, bounds: Bounds) -> Result<GuestRows, GuestError>;

    /// Runs one statement that writes once for every list of parameters, all of it in one transaction that is durable when
    /// this returns. Answers the rows changed.
    async fn execute(&self, sql: String, parameters: Vec<Vec<GuestValue>>, until: Instant) -> Result<u64, GuestError>;
}

/// Small values of one plug-in in one mirror, kept in the side tables. All operations are durable when they return.
#[async_trait]
pub trait GuestValues: Send + Sync {
    /// The values of these keys, in order.
    async fn get(&self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, GuestError>;

    /// Sets these (`Some`) or deletes them (`None`), all in one transaction.
    ///
    /// # Errors
    /// [`GuestError::Limit`]: afterwards the plug-in would hold more than [`GuestValuesLimits`] allow.
    async fn put(&self, changes: Vec<(String, Option<Vec<u8>>)>) -> Result<(), GuestError>;

    /// Adds to the value of a key, read as a decimal number in text (absent: 0), in one transaction. Answers the sum.
    async fn increment(&self, key: String, by: u64) -> Result<u64, GuestError>;

    /// At most `most` keys in order, from the key after the first `skip` on.
    async fn keys(&self, skip: u64, most: usize) -> Result<Vec<String>, GuestError>;
}

/// Bounds of [`GuestValues`], per plug-in and tenant.
#[derive(Debug, Clone, Copy)]
pub struct GuestValuesLimits;

impl GuestValuesLimits {
    /// Characters of a key.
    pub const KEY: usize = 256;
    /// Bytes of a value.
    pub const VALUE: usize = 1 << 20;
    /// Keys.
    pub const KEYS: usize = 10_000;
    /// Bytes of all values.
    pub const BYTES: usize = 16 << 20;
    /// Keys of one answer or change.
    pub const BATCH: usize = 1_000;
}

/// An engine that does not offer it.
#[derive(Debug, Clone, Copy)]
pub struct NotOffered;

fn not_offered() -> GuestError {
    GuestError::Unavailable(
        "this kind of mirror does not offer `database` and `wasi:keyvalue` to plug-ins; those in SQLite and SQL Server do".into(),
    )
}

#[async_trait]
impl GuestDatabase for NotOffered {
    fn engine(&self) -> Option<GuestEngine> {
        None
    }

    async fn query(&self, _: String, _: Vec<GuestValue>, _: Bounds) -> Result<GuestRows, GuestError> {
        Err(not_offered())
    }

    async fn execute(&self, _: String, _: Vec<Vec<GuestValue>>, _: Instant) -> Result<u64, GuestError> {
        Err(not_offered())
    }
}

#[async_trait]
impl GuestValues for NotOffered {
    async fn get(&self, _: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, GuestError> {
        Err(not_offered())
    }

    async fn put(&self, _: Vec<(String, Option<Vec<u8>>)>) -> Result<(), GuestError> {
        Err(not_offered())
    }

    async fn increment(&self, _: String, _: u64) -> Result<u64, GuestError> {
        Err(not_offered())
    }

    async fn keys(&self, _: u64, _: usize) -> Result<Vec<String>, GuestError> {
        Err(not_offered())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plug_in_owns_what_has_its_prefix_and_no_other_plug_in_s() {
        let powers = GuestPowers::of("sales", true, ["sales", "Sales-Summary", "other"].into_iter());
        assert_eq!(
            (powers.prefix.as_str(), &powers.others[..]),
            ("plugin_sales_", &["plugin_sales_summary_".into()][..])
        );
        for own in ["plugin_sales_x", "PLUGIN_Sales_summary", "plugin_sales_summaryx"] {
            assert!(powers.owns(own), "{own}");
        }
        for other in ["person", "plugin_sales_", "plugin_sales_summary_t", "plugin_sale_x", "plugin_sales_mirroring"] {
            assert!(!powers.owns(other), "{other}");
        }
    }
}
