//! A table's definition, typed and keyed: what planning, typing and the stores work with. Who decides what a table's
//! key is: [`TableDef::from_wire`] (protocol.md section 5).

use std::collections::HashSet;

use rsa::sha2::{Digest as _, Sha256};

use super::default_value::{DefaultMisfit, DefaultValue, DefaultValueError};
use super::messages::{ColumnInfo, TableSchemaInfo};
use super::shown::shown;
use super::sql_type::{SqlType, SqlTypeError};
use super::table_name::{TableName, TableNameError, fold};

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ColumnDef {
    /// As the source spells it. Compared without regard to case ([`super::table_name::fold`]).
    pub name: String,
    pub sql_type: SqlType,
    pub nullable: bool,
    pub default: Option<DefaultValue>,
}

/// One table. Column names are unique without regard to case; there is at least one column.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct TableDef {
    pub name: TableName,
    pub columns: Vec<ColumnDef>,
    /// Indices into `columns`; every one NOT NULL. Empty: no key, mirrored by insert alone (section 5).
    pub key: Vec<usize>,
}

/// Why a table cannot be mirrored. A sentence for people that names the table and, where it is one, the column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableDefError {
    #[error(transparent)]
    Name(#[from] TableNameError),
    #[error("table {table:?} has no columns")]
    NoColumns { table: String },
    #[error("table {table:?} has {columns} columns, more than the {MAX_COLUMNS} that SQL Server allows")]
    TooManyColumns { table: String, columns: usize },
    #[error("table {table:?}, column {number}: its name {name} is {problem}, which SQL Server does not allow")]
    ColumnName { table: String, number: usize, name: String, problem: &'static str },
    #[error("table {table:?} has two columns named {name:?}")]
    TwiceTheSame { table: String, name: String },
    #[error("table {table:?}, column {column:?}: {error}")]
    Type { table: String, column: String, error: SqlTypeError },
    #[error("table {table:?}, column {column:?}: {error}")]
    Default { table: String, column: String, error: DefaultValueError },
    #[error("table {table:?}, column {column:?}: {error}")]
    DefaultMisfit { table: String, column: String, error: DefaultMisfit },
    #[error("table {table:?}: the configured key column {column} {problem}; correct the configuration")]
    Key { table: String, column: String, problem: &'static str },
    #[error(
        "table {table:?}: {columns} key columns are configured, more than the {MAX_KEY_COLUMNS} that SQL Server allows"
    )]
    TooManyKeyColumns { table: String, columns: usize },
}

/// What SQL Server allows a table with sparse columns; without, it allows 1,024.
const MAX_COLUMNS: usize = 30_000;
const MAX_KEY_COLUMNS: usize = 32;
/// UTF-16 units.
const MAX_NAME_UNITS: usize = 128;

impl TableDef {
    /// Reads a table as the wire describes it. `key` are the configured names of its key columns; without, the first
    /// column is the key when it is NOT NULL and of a type that can be one. Configured as an empty list the table
    /// has no key.
    ///
    /// # Errors
    /// See [`TableDefError`]; the table alone cannot be mirrored.
    pub fn from_wire(info: &TableSchemaInfo, key: Option<&[String]>) -> Result<Self, TableDefError> {
        let name = TableName::new(info.table_name.as_str())?;
        let table = || name.as_str().to_owned();
        if info.columns.is_empty() {
            return Err(TableDefError::NoColumns { table: table() });
        }
        if info.columns.len() > MAX_COLUMNS {
            return Err(TableDefError::TooManyColumns { table: table(), columns: info.columns.len() });
        }
        let mut seen = HashSet::with_capacity(info.columns.len());
        let mut columns = Vec::with_capacity(info.columns.len());
        for (index, column) in info.columns.iter().enumerate() {
            if let Some(problem) = name_problem(&column.name) {
                let name = shown(&column.name);
                return Err(TableDefError::ColumnName { table: table(), number: index + 1, name, problem });
            }
            if !seen.insert(fold(&column.name)) {
                return Err(TableDefError::TwiceTheSame { table: table(), name: column.name.clone() });
            }
            columns.push(column_from_wire(&name, column)?);
        }
        let mut def = Self { name, columns, key: Vec::new() };
        def.key = match key {
            Some(key) => def.configured_key(key)?,
            None if !def.columns[0].nullable && def.columns[0].sql_type.can_be_key() => vec![0],
            None => Vec::new(),
        };
        Ok(def)
    }

    fn configured_key(&self, names: &[String]) -> Result<Vec<usize>, TableDefError> {
        let table = || self.name.as_str().to_owned();
        if names.len() > MAX_KEY_COLUMNS {
            return Err(TableDefError::TooManyKeyColumns { table: table(), columns: names.len() });
        }
        let mut key = Vec::with_capacity(names.len());
        for name in names {
            let refuse = |problem| TableDefError::Key { table: table(), column: shown(name), problem };
            let index = self.column_index(name).ok_or_else(|| refuse("does not exist"))?;
            if self.columns[index].nullable {
                return Err(refuse("may be NULL"));
            }
            if !self.columns[index].sql_type.can_be_key() {
                return Err(refuse("is of a type that cannot be a key"));
            }
            if key.contains(&index) {
                return Err(refuse("is named twice"));
            }
            key.push(index);
        }
        Ok(key)
    }

    /// The index of a column, whatever its case.
    #[must_use]
    pub fn column_index(&self, name: &str) -> Option<usize> {
        let folded = fold(name);
        self.columns.iter().position(|column| fold(&column.name) == folded)
    }

    /// Whether the column at this index is part of the key.
    #[must_use]
    pub fn is_key(&self, index: usize) -> bool {
        self.key.contains(&index)
    }

    /// SHA-256 over the definition, stable across versions of this project. Equal for tables that differ in the case
    /// of names only.
    ///
    /// What is hashed, every text as its length in bytes (64 bits, little-endian) and its UTF-8, every number as 64
    /// bits, little-endian:
    /// 1. the text `speil table definition 1`
    /// 2. the table's name, folded
    /// 3. the number of columns, and for each: its name, folded; its type as [`SqlType`] displays it; 1 if nullable
    ///    else 0; the default: 0 for none, 1 and the text of a number, 2 and a text, 3 and bytes (as a text), 4 for
    ///    the local time, 5 for UTC, 6 for a new uniqueidentifier, 7 for NULL
    /// 4. the number of key columns, and the index of each
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut hasher = Hasher(Sha256::new());
        hasher.text("speil table definition 1");
        hasher.text(self.name.folded());
        hasher.number(self.columns.len());
        for column in &self.columns {
            hasher.text(&fold(&column.name));
            hasher.text(&column.sql_type.to_string());
            hasher.number(usize::from(column.nullable));
            match &column.default {
                None => hasher.number(0),
                Some(DefaultValue::Number(number)) => hasher.tagged(1, number.as_bytes()),
                Some(DefaultValue::Text(text)) => hasher.tagged(2, text.as_bytes()),
                Some(DefaultValue::Binary(bytes)) => hasher.tagged(3, bytes),
                Some(DefaultValue::Now { utc: false }) => hasher.number(4),
                Some(DefaultValue::Now { utc: true }) => hasher.number(5),
                Some(DefaultValue::NewGuid) => hasher.number(6),
                Some(DefaultValue::Null) => hasher.number(7),
            }
        }
        hasher.number(self.key.len());
        for &index in &self.key {
            hasher.number(index);
        }
        hasher.0.finalize().into()
    }
}

struct Hasher(Sha256);

impl Hasher {
    fn number(&mut self, number: usize) {
        self.0.update((number as u64).to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn tagged(&mut self, tag: usize, bytes: &[u8]) {
        self.number(tag);
        self.bytes(bytes);
    }
}

fn name_problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("empty")
    } else if name.encode_utf16().count() > MAX_NAME_UNITS {
        Some("longer than 128 characters")
    } else if name.contains('\0') {
        Some("one with a NUL character")
    } else {
        None
    }
}

fn column_from_wire(name: &TableName, info: &ColumnInfo) -> Result<ColumnDef, TableDefError> {
    let place = || (name.as_str().to_owned(), info.name.clone());
    let sql_type: SqlType = info.sql_type.parse().map_err(|error| {
        let (table, column) = place();
        TableDefError::Type { table, column, error }
    })?;
    let default = DefaultValue::parse(&info.default_value).map_err(|error| {
        let (table, column) = place();
        TableDefError::Default { table, column, error }
    })?;
    if let Some(default) = &default {
        default.fits(sql_type).map_err(|error| {
            let (table, column) = place();
            TableDefError::DefaultMisfit { table, column, error }
        })?;
    }
    Ok(ColumnDef { name: info.name.clone(), sql_type, nullable: info.is_nullable, default })
}

#[cfg(test)]
mod tests;
