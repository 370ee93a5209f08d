//! SQLite's errors as the store's: what happened, who can do something about it, and what.
//!
//! Decided by SQLite's result codes alone, never by its texts. The file's path is put in front where an operation
//! ends ([`at`]), because the code that meets the error seldom knows it.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::store::{StoreError, StoreErrorKind};
use crate::threads;

pub(super) type Result<T, E = StoreError> = std::result::Result<T, E>;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let (kind, message) = match error.sqlite_error_code() {
            Some(code) => by_code(code, &error),
            None => (StoreErrorKind::Internal, format!("the mirror file was not read as expected ({error})")),
        };
        Self::new(kind, message).with_source(error)
    }
}

const READ_ONLY: &str =
    "the mirror file may not be written; give the account that runs speil write permission on it and its folder";

const LEFT_HALF_WAY: &str = "the program that wrote the mirror file last was stopped in the middle, and only one that may write \
     can put the file right; start speil, or open the file once for writing, and read again";

/// What SQLite would say at the first write.
pub(super) fn read_only() -> StoreError {
    StoreError::new(StoreErrorKind::Environment, READ_ONLY)
}

/// Whether a reader met a journal that must be played back first: SQLite calls it a write to a read-only database.
pub(super) fn needs_a_writer(error: &StoreError) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<rusqlite::Error>());
    source.is_some_and(is_left_half_way)
}

fn is_left_half_way(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_READONLY_CANTINIT, SQLITE_READONLY_RECOVERY, SQLITE_READONLY_ROLLBACK};
    error.sqlite_error().is_some_and(|told| {
        [SQLITE_READONLY_ROLLBACK, SQLITE_READONLY_RECOVERY, SQLITE_READONLY_CANTINIT].contains(&told.extended_code)
    })
}

fn by_code(code: ErrorCode, error: &rusqlite::Error) -> (StoreErrorKind, String) {
    use StoreErrorKind::{Corrupt, Environment, Internal, Row, Schema, Transient};
    match code {
        ErrorCode::DiskFull => {
            (Environment, "the disk is full; free some space, the next call carries on from there".into())
        }
        ErrorCode::ReadOnly if is_left_half_way(error) => (Environment, LEFT_HALF_WAY.into()),
        ErrorCode::ReadOnly => (Environment, READ_ONLY.into()),
        ErrorCode::CannotOpen => (
            Environment,
            "the mirror file cannot be opened; check that its folder exists, that the account that runs speil may \
             read and write there, and that it may have more files open than now"
                .into(),
        ),
        ErrorCode::SystemIoFailure => (
            Environment,
            format!("the operating system failed to read or write the mirror file ({error}); check the disk"),
        ),
        ErrorCode::PermissionDenied => {
            (Environment, "the operating system denies access to the mirror file; check its permissions".into())
        }
        ErrorCode::OutOfMemory | ErrorCode::NoLargeFileSupport => {
            (Environment, format!("the machine lacks what the mirror file needs ({error})"))
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => (
            Transient,
            "another program holds the mirror file locked; the same call succeeds once that program has ended its \
             transaction"
                .into(),
        ),
        ErrorCode::SchemaChanged => {
            (Transient, "another program changed a table meanwhile; the same call will succeed when repeated".into())
        }
        ErrorCode::OperationInterrupted | ErrorCode::OperationAborted => {
            (Transient, "the work on the mirror file was interrupted; repeat the call".into())
        }
        ErrorCode::DatabaseCorrupt => (
            Corrupt,
            "the mirror file is damaged; restore it from a backup, or remove it so that the tenant is mirrored anew"
                .into(),
        ),
        ErrorCode::NotADatabase => (
            Corrupt,
            "the file is no SQLite database, or its beginning is damaged; restore it from a backup, or remove it so \
             that the tenant is mirrored anew"
                .into(),
        ),
        ErrorCode::ConstraintViolation => (Row, format!("the database refuses a row ({error})")),
        ErrorCode::TooBig => (Row, "a value is larger than SQLite can hold (1,000,000,000 bytes)".into()),
        ErrorCode::TypeMismatch => (Row, format!("a value does not fit its column ({error})")),
        ErrorCode::Unknown => (Schema, format!("the database refuses ({error})")),
        _ => (Internal, format!("SQLite was used in a way it does not allow ({error})")),
    }
}

/// Says where: puts the file's path in front of errors that concern the file rather than the call.
pub(super) fn at(path: &Path) -> impl Fn(StoreError) -> StoreError + use<> {
    let place = path.display().to_string();
    move |mut error| {
        let about_the_file = match error.kind {
            StoreErrorKind::Transient
            | StoreErrorKind::Environment
            | StoreErrorKind::Corrupt
            | StoreErrorKind::Schema
            | StoreErrorKind::Internal => true,
            StoreErrorKind::Overtaken
            | StoreErrorKind::UnknownTable
            | StoreErrorKind::SchemaChanged
            | StoreErrorKind::Foreign
            | StoreErrorKind::Row
            | StoreErrorKind::Connection => false,
        };
        if about_the_file && !error.message.starts_with("mirror file ") {
            error.message = format!("mirror file {place}: {}", error.message);
        }
        error
    }
}

/// Work on another thread that did not come to its end.
pub(super) fn lost_task(error: impl Into<threads::Lost>) -> StoreError {
    let error = error.into();
    let what = if error.is_panic() { "broke off by a mistake of this program" } else { "was stopped" };
    StoreError::new(StoreErrorKind::Internal, format!("the work on the mirror file {what}; nothing of it was kept"))
        .with_source(error)
}

/// An error of the file system rather than of SQLite.
pub(super) fn file_system(what: &str, path: &Path, error: std::io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Environment, format!("{what} {}: {error}", path.display())).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::super::open::{self, Access};
    use super::*;
    use rusqlite::ffi;

    fn kind(code: std::ffi::c_int) -> StoreErrorKind {
        StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)).kind
    }

    #[test]
    fn each_result_code_says_who_can_act() {
        assert_eq!(kind(ffi::SQLITE_FULL), StoreErrorKind::Environment);
        assert_eq!(kind(ffi::SQLITE_READONLY), StoreErrorKind::Environment);
        assert_eq!(kind(ffi::SQLITE_CANTOPEN), StoreErrorKind::Environment);
        assert_eq!(kind(ffi::SQLITE_IOERR_WRITE), StoreErrorKind::Environment);
        assert_eq!(kind(ffi::SQLITE_BUSY_SNAPSHOT), StoreErrorKind::Transient);
        assert_eq!(kind(ffi::SQLITE_LOCKED), StoreErrorKind::Transient);
        assert_eq!(kind(ffi::SQLITE_CORRUPT), StoreErrorKind::Corrupt);
        assert_eq!(kind(ffi::SQLITE_NOTADB), StoreErrorKind::Corrupt);
        assert_eq!(kind(ffi::SQLITE_CONSTRAINT_NOTNULL), StoreErrorKind::Row);
        assert_eq!(kind(ffi::SQLITE_TOOBIG), StoreErrorKind::Row);
        assert_eq!(kind(ffi::SQLITE_ERROR), StoreErrorKind::Schema);
        assert_eq!(kind(ffi::SQLITE_MISUSE), StoreErrorKind::Internal);
    }

    #[test]
    fn a_journal_to_be_played_back_is_no_matter_of_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("x.db"), folder.path().join("copy.db"));
        let db = rusqlite::Connection::open(&path).unwrap();
        // A transaction that outgrows the cache has changed the file before it is committed.
        db.execute_batch(
            "PRAGMA cache_size=1; CREATE TABLE t (x);
             BEGIN;
             INSERT INTO t SELECT randomblob(3000) FROM (VALUES (1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12));
             UPDATE t SET x = randomblob(3000);",
        )
        .unwrap();
        std::fs::copy(&path, &copy).unwrap();
        std::fs::copy(folder.path().join("x.db-journal"), folder.path().join("copy.db-journal")).unwrap();
        let read = |access| -> Result<i64> {
            let db = open::open(&copy, access, std::time::Duration::ZERO)?;
            Ok(db.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?)
        };
        let error = read(Access::Read).unwrap_err();
        assert!(needs_a_writer(&error), "{error}");
        assert_eq!(error.message, LEFT_HALF_WAY);
        assert_eq!(read(Access::Write { create: false }).unwrap(), 0);
        assert_eq!(read(Access::Read).unwrap(), 0);
        assert!(!needs_a_writer(&read_only()));
    }

    #[test]
    fn the_path_is_told_once_and_only_where_the_file_is_meant() {
        let at = at(Path::new("m/Cust1.db"));
        let full = StoreError::from(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), None));
        let once = at(full);
        assert!(once.message.starts_with("mirror file m/Cust1.db: the disk is full"), "{once}");
        assert_eq!(at(once).message.matches("m/Cust1.db").count(), 1);
        let foreign = at(StoreError::new(StoreErrorKind::Foreign, "not ours"));
        assert_eq!(foreign.message, "not ours");
    }
}
