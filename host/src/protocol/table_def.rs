//! A table's definition, typed and keyed: what planning, typing and the stores work with.

use super::default_value::DefaultValue;
use super::sql_type::SqlType;
use super::table_name::TableName;

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

impl TableDef {
    /// The index of a column, whatever its case.
    #[must_use]
    pub fn column_index(&self, name: &str) -> Option<usize> {
        let folded = super::table_name::fold(name);
        self.columns.iter().position(|column| super::table_name::fold(&column.name) == folded)
    }

    /// Whether the column at this index is part of the key.
    #[must_use]
    pub fn is_key(&self, index: usize) -> bool {
        self.key.contains(&index)
    }
}
