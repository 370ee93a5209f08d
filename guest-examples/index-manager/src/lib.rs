//! `index-manager`: keeps the indexes that its sidecar names.
//!
//! The host makes primary keys and nothing else. Each entry of `[config]` is an index:
//!
//! ```toml
//! [config]
//! "contact.ix_contact_name" = "name, department desc"
//! "person.ix_person_email"  = "unique email"
//! ```
//!
//! A table's indexes are ensured when the table has been created, re-created or altered, and all of them once more at
//! the end of a cycle, so that an index added to the sidecar appears without a refill.

wit_bindgen::generate!({
    path: "../../wit",
    inline: r#"
        package example:index-manager;

        world index-manager {
            import speil:mirror/log@0.1.0;
            import speil:mirror/indexes@0.1.0;
            import wasi:config/store@0.2.0-rc.1;

            export speil:mirror/before-replicate-table@0.1.0;
            export speil:mirror/replication-completed@0.1.0;
        }
    "#,
    generate_all,
});

use exports::speil::mirror::before_replicate_table::{self, SchemaChange};
use exports::speil::mirror::replication_completed::{self, TableSummary};
use speil::mirror::indexes::{self, Index, IndexColumn};
use speil::mirror::log::{Level, write};
use speil::mirror::types::Context;
use wasi::config::store;

struct IndexManager;
export!(IndexManager);

impl before_replicate_table::Guest for IndexManager {
    fn before_replicate_table(_context: Context, table: String, change: SchemaChange) -> Result<(), String> {
        match change {
            SchemaChange::Created | SchemaChange::Recreated | SchemaChange::Altered => ensure(Some(&table)),
            SchemaChange::Unchanged | SchemaChange::Dropped => Ok(()),
        }
    }
}

impl replication_completed::Guest for IndexManager {
    fn replication_completed(_context: Context, _changed: Vec<TableSummary>) -> Result<(), String> {
        ensure(None)
    }
}

/// Ensures the configured indexes of one table, or of all. One that fails does not keep the others from being made.
fn ensure(only: Option<&str>) -> Result<(), String> {
    let mut failures = Vec::new();
    for (key, value) in store::get_all().map_err(|error| format!("cannot read [config]: {error:?}"))? {
        let (table, index) = match parse(&key, &value) {
            Ok(entry) => entry,
            Err(error) => {
                failures.push(error);
                continue;
            }
        };
        if only.is_some_and(|only| !only.eq_ignore_ascii_case(table)) {
            continue;
        }
        match indexes::ensure(table, &index) {
            Ok(true) => write(Level::Info, &format!("made index {} on {table}", index.name)),
            Ok(false) => {}
            Err(error) => failures.push(format!("{}: {error}", index.name)),
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

/// Reads one entry: `"table.index" = "[unique ]column[ desc], ..."`.
fn parse<'a>(key: &'a str, value: &str) -> Result<(&'a str, Index), String> {
    let (table, name) =
        key.split_once('.').ok_or_else(|| format!("[config] {key:?}: write the key as \"table.index\""))?;
    let (unique, columns) = match value.trim().strip_prefix("unique ") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let mut list = Vec::new();
    for column in columns.split(',') {
        let column = column.trim();
        let (column, descending) = match column.strip_suffix(" desc") {
            Some(column) => (column.trim_end(), true),
            None => (column, false),
        };
        if column.is_empty() {
            return Err(format!("[config] {key:?}: a column name is missing in {value:?}"));
        }
        list.push(IndexColumn { name: column.to_owned(), descending });
    }
    Ok((table, Index { name: name.to_owned(), columns: list, unique }))
}
