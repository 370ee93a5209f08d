//! CREATE TABLE and its like: definitions rendered as T-SQL (invariant 8: nothing from outside is passed through).
//!
//! Keys and defaults get no names: SQL Server makes up ones that are unique in the database, and whoever needs one looks it up.

use super::ident::{qualified, quote};
use super::types::{self, KEY_COLLATION, key_bytes, render, stored};
use crate::protocol::shown::in_one_line;
use crate::protocol::sql_type::Family;
use crate::protocol::table_def::{ColumnDef, TableDef};
use crate::store::sqlserver::errors::Result;
use crate::store::{StoreError, StoreErrorKind};

/// Columns of a table, without sparse ones.
const MOST_COLUMNS: usize = 1_024;
/// Columns of a key or an index.
pub(in crate::store::sqlserver) const MOST_KEY_COLUMNS: usize = 32;
/// Bytes of a clustered key, and of any other.
const CLUSTERED_BYTES: u32 = 900;
pub(in crate::store::sqlserver) const KEY_BYTES: u32 = 1_700;

/// Whether SQL Server can have such a table at all, asked before anything of the old one is dropped.
///
/// # Errors
/// [`StoreErrorKind::Schema`], with what is too much.
pub(in crate::store::sqlserver) fn check(def: &TableDef) -> Result<()> {
    let refuse = |message: String| Err(StoreError::new(StoreErrorKind::Schema, message));
    if def.columns.len() > MOST_COLUMNS {
        return refuse(format!(
            "table {} has {} columns, and SQL Server mirrors at most {MOST_COLUMNS} of a table (more are possible with sparse \
             columns only); leave columns out with a plug-in, or the table in the Task's SkipTable setting",
            def.name,
            def.columns.len()
        ));
    }
    if def.key.len() > MOST_KEY_COLUMNS {
        return refuse(format!(
            "table {}: its key has {} columns, and SQL Server allows {MOST_KEY_COLUMNS}",
            def.name,
            def.key.len()
        ));
    }
    // Of a column of fixed length every value is that long; longer ones of varying length are refused row by row, if ever.
    let fixed: u32 = key_types(def).filter(|sql_type| is_fixed(*sql_type)).map(key_bytes).sum();
    if fixed > KEY_BYTES {
        return refuse(format!(
            "table {}: its key is {fixed} bytes long, and SQL Server allows {KEY_BYTES}; name other key columns under [mirror.keys]",
            def.name
        ));
    }
    Ok(())
}

fn key_types(def: &TableDef) -> impl Iterator<Item = crate::protocol::sql_type::SqlType> + '_ {
    // `hierarchyid` and others that may be shorter than they are declared count as varying.
    def.key.iter().map(|&i| stored(def.columns[i].sql_type))
}

fn is_fixed(sql_type: crate::protocol::sql_type::SqlType) -> bool {
    use crate::protocol::sql_type::SqlType;
    !matches!(sql_type, SqlType::NVarChar(_) | SqlType::VarChar(_) | SqlType::VarBinary(_))
}

/// `CREATE TABLE` under a name of the caller's choice.
pub(in crate::store::sqlserver) fn create_table(schema: &str, name: &str, def: &TableDef) -> String {
    let mut parts: Vec<String> =
        def.columns.iter().enumerate().map(|(i, column)| column_clause(column, def.is_key(i))).collect();
    parts.extend(key_clause(def));
    format!("CREATE TABLE {} (\n  {}\n)", qualified(schema, name), parts.join(",\n  "))
}

/// A column's clause, as CREATE TABLE and ADD take it.
pub(in crate::store::sqlserver) fn column_clause(column: &ColumnDef, is_key: bool) -> String {
    let default = default_clause(column).map(|default| format!(" DEFAULT {default}")).unwrap_or_default();
    let null = if column.nullable { "NULL" } else { "NOT NULL" };
    format!("{} {} {null}{default}", quote(&column.name), type_clause(column, is_key))
}

/// A column's type with, in a key, the collation that tells all texts apart.
pub(in crate::store::sqlserver) fn type_clause(column: &ColumnDef, is_key: bool) -> String {
    let collate = is_key && column.sql_type.family() == Family::Text;
    let collation = if collate { format!(" COLLATE {KEY_COLLATION}") } else { String::new() };
    format!("{}{collation}", render(column.sql_type))
}

/// The default as T-SQL in parentheses; `None` when there is none.
pub(in crate::store::sqlserver) fn default_clause(column: &ColumnDef) -> Option<String> {
    types::default_literal(column.default.as_ref()?, column.sql_type)
}

/// The primary key's clause; `None` without a key.
///
/// Clustered: rows lie in the order in which changes look for them. A clustered key may have 900 bytes; a longer one becomes an
/// index of its own, which may have 1,700. Where even those may be exceeded SQL Server warns and refuses the rows that are too
/// long, not the table.
pub(in crate::store::sqlserver) fn key_clause(def: &TableDef) -> Option<String> {
    if def.key.is_empty() {
        return None;
    }
    let bytes: u32 = key_types(def).map(key_bytes).fold(0, u32::saturating_add);
    let kind = if bytes <= CLUSTERED_BYTES { "CLUSTERED" } else { "NONCLUSTERED" };
    let key: Vec<String> = def.key.iter().map(|&i| quote(&def.columns[i].name)).collect();
    Some(format!("PRIMARY KEY {kind} ({})", key.join(", ")))
}

/// `DROP TABLE`.
pub(in crate::store::sqlserver) fn drop_table(schema: &str, name: &str) -> String {
    format!("DROP TABLE {}", qualified(schema, name))
}

/// Empties a table at once. Refused where a foreign key of an administrator's points at it: then [`delete_all`].
pub(in crate::store::sqlserver) fn truncate(schema: &str, name: &str) -> String {
    format!("TRUNCATE TABLE {}", qualified(schema, name))
}

/// Empties a table row by row.
pub(in crate::store::sqlserver) fn delete_all(schema: &str, name: &str) -> String {
    format!("DELETE FROM {}", qualified(schema, name))
}

/// How many rows a table has, exactly.
pub(in crate::store::sqlserver) fn count_rows(schema: &str, name: &str) -> String {
    format!("SELECT COUNT_BIG(*) FROM {}", qualified(schema, name))
}

/// The server's number of an error, when it is one of the server's.
pub(in crate::store::sqlserver) fn error_number(error: &StoreError) -> Option<u32> {
    match error.source.as_ref()?.downcast_ref::<tiberius::error::Error>()? {
        tiberius::error::Error::Server(token) => Some(token.code()),
        _ => None,
    }
}

/// An administrator must act: permissions, full or read-only databases, quotas.
const ENVIRONMENT: [u32; 14] = [229, 230, 262, 297, 300, 1088, 1101, 1105, 1132, 3906, 3908, 9002, 40_544, 40_549];

/// A change of schema that the server refused: the pipeline makes the table anew then, unless that would fail as well.
pub(in crate::store::sqlserver) fn refused(error: StoreError, what: &str) -> StoreError {
    let environment = error_number(&error).is_some_and(|number| ENVIRONMENT.contains(&number));
    match error.kind {
        StoreErrorKind::Environment | StoreErrorKind::Row if !environment => StoreError {
            kind: StoreErrorKind::Schema,
            message: in_one_line(format!("{what}: {}", error.message)),
            at: None,
            ..error
        },
        _ => error,
    }
}

/// Every statement of this file, for the golden files ([`crate::store::sqlserver::golden`]).
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    use crate::store::sqlserver::golden::sample;
    let contact = sample::contact();
    let mut nameless = sample::contact();
    nameless.key.clear();
    vec![
        ("create_table", create_table("dbo", "contact", &contact)),
        ("create_table_every_type", create_table("dbo", "every_type", &sample::every_type())),
        ("create_table_every_default", create_table("dbo", "every_default", &sample::every_default())),
        ("create_table_nasty_names", create_table("my schema", sample::NASTY[0], &sample::nasty_names())),
        ("create_table_text_key", create_table("dbo", "by_text", &sample::text_key(40))),
        ("create_table_long_key", create_table("dbo", "by_long_text", &sample::text_key(800))),
        ("create_table_no_key", create_table("dbo", "contact", &nameless)),
        ("drop_table", drop_table("dbo", "con]tact")),
        ("truncate", truncate("dbo", "contact")),
        ("delete_all", delete_all("dbo", "contact")),
        ("count_rows", count_rows("dbo", "contact")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sql_type::{Length, SqlType};
    use crate::store::sqlserver::golden::sample;

    #[test]
    fn a_table_wider_than_sql_server_allows_is_refused_in_a_sentence() {
        let mut wide = sample::contact();
        let more = (0..1_024).map(|i| ColumnDef {
            name: format!("c{i}"),
            sql_type: SqlType::Int,
            nullable: true,
            default: None,
        });
        wide.columns.extend(more);
        let refused = check(&wide).unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::Schema);
        assert!(refused.message.contains("at most 1024"), "{refused}");
        wide.columns.truncate(1_024);
        check(&wide).unwrap();
    }

    #[test]
    fn a_key_that_is_always_too_long_is_refused_one_that_may_be_is_not() {
        let key = |sql_type| {
            let mut def = sample::text_key(40);
            def.columns[0].sql_type = sql_type;
            def
        };
        assert!(check(&key(SqlType::Binary(2_000))).is_err());
        check(&key(SqlType::VarBinary(Length::Limited(2_000)))).unwrap();
        check(&key(SqlType::NVarChar(Length::Limited(4_000)))).unwrap();
    }

    #[test]
    fn a_long_key_is_not_clustered() {
        assert!(key_clause(&sample::text_key(450)).unwrap().starts_with("PRIMARY KEY CLUSTERED"));
        assert!(key_clause(&sample::text_key(451)).unwrap().starts_with("PRIMARY KEY NONCLUSTERED"));
    }
}
