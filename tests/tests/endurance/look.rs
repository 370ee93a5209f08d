//! One look into a mirror's file, as anybody might take it while the host is at work, starts, or has just been killed: all
//! tables with their LSNs in one read transaction, over a connection of its own that the host knows nothing of.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// What one moment's mirror holds.
#[derive(Debug, Clone, Default)]
pub struct Look {
    pub tables: Vec<SeenTable>,
}

/// A table that the metadata table lists.
#[derive(Debug, Clone)]
pub struct SeenTable {
    pub name: String,
    pub lsn: i64,
    /// Empty when there is no such table.
    pub columns: Vec<SeenColumn>,
    pub rows: Vec<Vec<Value>>,
}

/// A column, as it is declared.
#[derive(Debug, Clone)]
pub struct SeenColumn {
    pub name: String,
    pub declared: String,
    pub nullable: bool,
}

/// Longer than any recovery of a small file takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What SQLite tells a reader that would have to write first.
const UNREPAIRED: [i32; 3] = [
    rusqlite::ffi::SQLITE_READONLY_ROLLBACK,
    rusqlite::ffi::SQLITE_READONLY_RECOVERY,
    rusqlite::ffi::SQLITE_READONLY_CANTINIT,
];

/// What comes of a look.
#[derive(Debug)]
pub enum Seen {
    Mirror(Look),
    /// There is none.
    Nothing,
    /// A kill has left it with a journal that only the host's next start, and no reader, can play back.
    Unrepaired,
}

/// Takes a look.
pub fn take(file: &Path, tenant: &str) -> rusqlite::Result<Seen> {
    match look(file, tenant) {
        Ok(Some(look)) => Ok(Seen::Mirror(look)),
        Ok(None) => Ok(Seen::Nothing),
        Err(error) if error.sqlite_error().is_some_and(|told| UNREPAIRED.contains(&told.extended_code)) => {
            Ok(Seen::Unrepaired)
        }
        Err(error) => Err(error),
    }
}

impl Seen {
    /// The mirror, if one was seen.
    pub fn mirror(self) -> Option<Look> {
        match self {
            Self::Mirror(look) => Some(look),
            Self::Nothing | Self::Unrepaired => None,
        }
    }
}

fn look(file: &Path, tenant: &str) -> rusqlite::Result<Option<Look>> {
    if !file.exists() {
        return Ok(None);
    }
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(PATIENCE)?;
    // Deferred: the view is fixed by the first statement and stays until the end.
    db.execute_batch("BEGIN")?;
    let metadata = format!("{tenant}_mirroring");
    let exists = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    if db.query_row(exists, [&metadata], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let listed: Vec<(String, i64)> = db
        .prepare(&format!("SELECT tablename, LSN FROM \"{metadata}\""))?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let tables = listed.into_iter().map(|(name, lsn)| table(&db, name, lsn)).collect::<rusqlite::Result<_>>()?;
    db.execute_batch("COMMIT")?;
    Ok(Some(Look { tables }))
}

fn table(db: &Connection, name: String, lsn: i64) -> rusqlite::Result<SeenTable> {
    let columns: Vec<SeenColumn> = db
        .prepare("SELECT name, type, \"notnull\" FROM pragma_table_info(?1)")?
        .query_map([&name], |row| {
            Ok(SeenColumn { name: row.get(0)?, declared: row.get(1)?, nullable: !row.get::<_, bool>(2)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut rows = Vec::new();
    if !columns.is_empty() {
        let mut statement = db.prepare(&format!("SELECT * FROM \"{name}\""))?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            rows.push((0..columns.len()).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?);
        }
    }
    Ok(SeenTable { name, lsn, columns, rows })
}
