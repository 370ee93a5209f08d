//! The tables of ours beside the mirrored ones: made where missing, completed where older, and the check whose file it is.
//!
//! `speil_meta` holds the tenant, the format and the last ticket; `speil_tables` what is known of each table, above all
//! whether it is ours; `speil_cycles` and `speil_events` are history; `speil_values` is what plug-ins keep, `speil_quarantine` rows
//! kept aside. The metadata table `<context>_mirroring` is the
//! administrators' own: ours are its `speil_` columns only, beside `tablename` and `LSN`. Every one may be dropped by hand.

use rusqlite::{Connection, OptionalExtension, params};

use super::errors::Result;
use super::ident::{metadata_table, quote};
use super::pool::Conn;
use crate::protocol::context_id::ContextId;
use crate::store::{StoreError, StoreErrorKind};

/// The format of the side tables. Columns are only ever added, so that an older file is completed when it is opened.
const FORMAT: i64 = 1;

/// A table of ours: its name, and its columns each with its declaration.
struct Wanted<'a> {
    name: &'a str,
    columns: &'a [(&'a str, &'a str)],
}

const SIDE_TABLES: [Wanted<'static>; 6] = [
    Wanted { name: "speil_meta", columns: &[("name", "text NOT NULL PRIMARY KEY"), ("value", "")] },
    Wanted {
        name: "speil_tables",
        columns: &[
            ("folded", "text NOT NULL PRIMARY KEY"),
            ("tablename", "text"),
            ("owned", "integer NOT NULL DEFAULT 0"),
            ("made_as", "text"),
            ("ticket", "integer"),
            ("row_count", "integer"),
            ("last_change_at", "integer"),
            ("last_confirmed_at", "integer"),
            ("fill_started_at", "integer"),
            ("error_at", "integer"),
            ("error_message", "text"),
            ("error_row", "integer"),
            ("error_column", "text"),
            ("gone_at", "integer"),
            ("cycle_inserts", "integer NOT NULL DEFAULT 0"),
            ("cycle_updates", "integer NOT NULL DEFAULT 0"),
            ("cycle_deletes", "integer NOT NULL DEFAULT 0"),
            ("gap", "integer NOT NULL DEFAULT 0"),
        ],
    },
    Wanted {
        name: "speil_cycles",
        columns: &[
            ("id", "INTEGER PRIMARY KEY"),
            ("started_at", "integer NOT NULL DEFAULT 0"),
            ("last_call_at", "integer NOT NULL DEFAULT 0"),
            ("completed_at", "integer"),
            ("calls", "integer NOT NULL DEFAULT 0"),
            ("failed_calls", "integer NOT NULL DEFAULT 0"),
            ("inserts", "integer NOT NULL DEFAULT 0"),
            ("updates", "integer NOT NULL DEFAULT 0"),
            ("deletes", "integer NOT NULL DEFAULT 0"),
            ("reported_inserts", "integer"),
            ("reported_updates", "integer"),
            ("reported_deletes", "integer"),
            ("mismatches", "text NOT NULL DEFAULT '[]'"),
        ],
    },
    Wanted {
        name: "speil_events",
        columns: &[
            ("id", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("at", "integer NOT NULL DEFAULT 0"),
            ("level", "integer NOT NULL DEFAULT 0"),
            ("kind", "text NOT NULL DEFAULT ''"),
            ("operation", "text"),
            ("tablename", "text"),
            ("message", "text NOT NULL DEFAULT ''"),
            ("advice", "text"),
        ],
    },
    Wanted {
        name: "speil_values",
        columns: &[
            // `<plug-in>/<key>`: no file name holds a slash.
            ("id", "text NOT NULL PRIMARY KEY"),
            ("plugin", "text NOT NULL DEFAULT ''"),
            ("name", "text NOT NULL DEFAULT ''"),
            ("value", "blob"),
        ],
    },
    Wanted {
        name: "speil_quarantine",
        columns: &[
            ("id", "text NOT NULL PRIMARY KEY"),
            ("folded", "text NOT NULL DEFAULT ''"),
            ("tablename", "text"),
            ("row_key", "text"),
            ("at", "integer NOT NULL DEFAULT 0"),
            ("plugin", "text"),
            ("version", "text"),
            ("error", "text"),
            ("op", "text"),
            ("cells", "text"),
        ],
    },
];

/// Every transaction of a table that is transformed asks which of its rows are kept aside; those of others must cost it nothing.
const HELD: &str = "speil_quarantine_held";

/// Every call looks a table up by its name, which may be spelled in any case: all names are read, and must not bring the pages of all
/// definitions with them.
const NAMES: &str = "speil_metadata_names";

const METADATA_COLUMNS: [(&str, &str); 7] = [
    ("tablename", "nvarchar(128) NOT NULL"),
    ("LSN", "bigint"),
    ("speil_hash", "text"),
    ("speil_kind", "text"),
    ("speil_fill", "integer"),
    ("speil_ticket", "integer"),
    ("speil_definition", "text"),
];

/// Makes sure, inside a write transaction, that all tables of ours are there and the file is this tenant's.
pub(super) fn ensure(conn: &mut Conn, tenant: &ContextId) -> Result<()> {
    let version = schema_version(&conn.db)?;
    if conn.verified == Some(version) {
        return Ok(());
    }
    check_identity(&conn.db, tenant)?;
    for statement in missing(&conn.db, tenant)? {
        conn.db.execute_batch(&statement)?;
    }
    let mut insert = conn.db.prepare("INSERT OR IGNORE INTO speil_meta (name, value) VALUES (?1, ?2)")?;
    insert.execute(params!["tenant", tenant.as_str()])?;
    insert.execute(params!["format", FORMAT])?;
    insert.execute(params!["ticket", 0])?;
    conn.verified = Some(schema_version(&conn.db)?);
    Ok(())
}

/// Whether [`ensure`] would have nothing to make: for readers, which may not write.
pub(super) fn is_complete(conn: &mut Conn, tenant: &ContextId) -> Result<bool> {
    let version = schema_version(&conn.db)?;
    if conn.verified == Some(version) {
        return Ok(true);
    }
    check_identity(&conn.db, tenant)?;
    let complete = missing(&conn.db, tenant)?.is_empty();
    conn.verified = complete.then_some(version);
    Ok(complete)
}

/// Changes with every change of schema, whoever makes it.
pub(super) fn schema_version(db: &Connection) -> Result<i64> {
    Ok(db.prepare_cached("PRAGMA schema_version")?.query_row([], |row| row.get(0))?)
}

/// The tenant written in the file; `None` when the file has no side tables.
pub(super) fn stored_tenant(db: &Connection) -> Result<Option<String>> {
    if !has_table(db, "speil_meta")? {
        return Ok(None);
    }
    let value = db.query_row("SELECT value FROM speil_meta WHERE name = 'tenant'", [], |row| row.get(0));
    Ok(value.optional()?)
}

/// Refuses a file of another tenant, of a later format, or with another tenant's metadata table.
pub(super) fn check_identity(db: &Connection, tenant: &ContextId) -> Result<()> {
    let refuse = |message: String| Err(StoreError::new(StoreErrorKind::Connection, message));
    match stored_tenant(db)? {
        Some(owner) if owner == tenant.as_str() => {
            let format: Option<i64> =
                db.query_row("SELECT value FROM speil_meta WHERE name = 'format'", [], |row| row.get(0)).optional()?;
            match format {
                Some(format) if format > FORMAT => refuse(format!(
                    "the mirror of {tenant} was written by a later version of speil (format {format}, this one knows {FORMAT}); \
                     use that version"
                )),
                _ => Ok(()),
            }
        }
        Some(owner) => Err(another_tenants(&owner, tenant)),
        None => match foreign_metadata(db, tenant)? {
            Some(table) => refuse(format!(
                "the file holds {table:?}, so it is the mirror of another tenant than {:?}; every tenant needs a file of its own",
                tenant.as_str()
            )),
            None => Ok(()),
        },
    }
}

/// The file is somebody else's.
pub(super) fn another_tenants(owner: &str, tenant: &ContextId) -> StoreError {
    StoreError::new(
        StoreErrorKind::Connection,
        format!(
            "the file is the mirror of {owner:?}, not of {:?}; every tenant needs a file of its own",
            tenant.as_str()
        ),
    )
}

/// A metadata table that is another tenant's.
fn foreign_metadata(db: &Connection, tenant: &ContextId) -> Result<Option<String>> {
    let own = metadata_table(tenant);
    let mut found = db.prepare(
        "SELECT m.name FROM sqlite_schema m WHERE m.type = 'table' AND m.name LIKE '%\\_mirroring' ESCAPE '\\'
           AND (SELECT count(*) FROM pragma_table_info(m.name) c WHERE lower(c.name) IN ('tablename', 'lsn')) = 2",
    )?;
    let mut rows = found.query([])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if name != own {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn has_table(db: &Connection, name: &str) -> Result<bool> {
    Ok(db
        .prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE")?
        .exists([name])?)
}

/// The statements that would make what is missing.
fn missing(db: &Connection, tenant: &ContextId) -> Result<Vec<String>> {
    let metadata = metadata_table(tenant);
    let mut statements = Vec::new();
    for wanted in &SIDE_TABLES {
        missing_of(db, wanted, &mut statements)?;
    }
    missing_of(db, &Wanted { name: &metadata, columns: &METADATA_COLUMNS }, &mut statements)?;
    let indexes =
        [(HELD, "speil_quarantine (folded, id)".to_owned()), (NAMES, format!("{} (tablename)", quote(&metadata)))];
    for (name, on) in indexes {
        if !db.prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?1")?.exists([name])? {
            statements.push(format!("CREATE INDEX {name} ON {on}"));
        }
    }
    Ok(statements)
}

fn missing_of(db: &Connection, wanted: &Wanted<'_>, statements: &mut Vec<String>) -> Result<()> {
    let there: Vec<String> = db
        .prepare_cached("SELECT lower(name) FROM pragma_table_info(?1)")?
        .query_map([wanted.name], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if there.is_empty() {
        let columns: Vec<String> = wanted.columns.iter().map(|(name, decl)| format!("{name} {decl}")).collect();
        statements.push(format!("CREATE TABLE {} ({})", quote(wanted.name), columns.join(", ")));
        return Ok(());
    }
    for (name, decl) in wanted.columns {
        if there.contains(&name.to_ascii_lowercase()) {
            continue;
        }
        if matches!(*name, "tablename" | "LSN" | "folded" | "name" | "id") {
            return Err(StoreError::new(
                StoreErrorKind::Schema,
                format!(
                    "the table {} has no column {name}, so it is not a table of mirroring; rename or drop it, it is then made anew",
                    wanted.name
                ),
            ));
        }
        statements.push(format!("ALTER TABLE {} ADD COLUMN {name} {decl}", quote(wanted.name)));
    }
    Ok(())
}
