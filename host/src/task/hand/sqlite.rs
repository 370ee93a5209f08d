//! The hand in a SQLite file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::{Rows, quoted};

pub(super) fn run(path: &Path, script: &str) -> Result<(), String> {
    connect(path)?.execute_batch(script).map_err(|error| format!("{script}: {error}"))
}

pub(super) fn rows(path: &Path, query: &str) -> Result<Rows, String> {
    let failed = |error: rusqlite::Error| format!("{query}: {error}");
    let db = connect(path)?;
    let mut statement = db.prepare(query).map_err(failed)?;
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| Ok(text(row.get_ref(at)?))).collect());
    rows.and_then(Iterator::collect).map_err(failed)
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(value) => Some(value.to_string()),
        ValueRef::Real(value) => Some(value.to_string()),
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => Some(super::hex(bytes)),
    }
}

pub(super) fn remove(path: &Path) -> Result<(), String> {
    for suffix in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{suffix}", path.display()));
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(format!("{}: {error}", file.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn backup(path: &Path, to: &Path) -> Result<(), String> {
    let to = to.to_string_lossy();
    connect(path)?.execute("VACUUM INTO ?1", [&to]).map(|_| ()).map_err(|error| format!("a backup to {to}: {error}"))
}

pub(super) fn restore(path: &Path, from: &Path) -> Result<(), String> {
    let failed = |error: rusqlite::Error| format!("restoring failed: {error}");
    let mut connection = connect(path)?;
    connection.execute("ATTACH DATABASE ?1 AS old", [from.to_string_lossy()]).map_err(failed)?;
    let tables: Vec<String> = connection
        .prepare("SELECT name FROM old.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'")
        .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
        .map_err(failed)?;
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    for table in tables {
        let table = quoted(&table);
        transaction.execute(&format!("DELETE FROM main.{table}"), []).map_err(failed)?;
        transaction.execute(&format!("INSERT INTO main.{table} SELECT * FROM old.{table}"), []).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

fn connect(path: &Path) -> Result<Connection, String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(Duration::from_secs(30))?;
        Ok(connection)
    });
    opened.map_err(|error| format!("{}: {error}", path.display()))
}
