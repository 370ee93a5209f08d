//! Tables made by hand.

use std::sync::Arc;

use speil::protocol::table_def::{ColumnDef, TableDef};
use speil::protocol::table_name::TableName;

/// A table of these columns (name, type as SQL Server writes it, whether NULL is allowed), whose key is the first.
///
/// # Panics
/// When a name or a type is none.
#[must_use]
pub fn keyed_by_first(table: &str, columns: &[(&str, &str, bool)]) -> Arc<TableDef> {
    let columns = columns.iter().map(|&(name, sql_type, nullable)| ColumnDef {
        name: name.into(),
        sql_type: sql_type.parse().expect("a type"),
        nullable,
        default: None,
    });
    Arc::new(TableDef { name: TableName::new(table).expect("a name"), columns: columns.collect(), key: vec![0] })
}
