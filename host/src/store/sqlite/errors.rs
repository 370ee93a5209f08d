//! SQLite's errors as the store's: what happened, who can do something about it, and what.
//!
//! Decided by SQLite's result codes alone, never by its texts. The file's path is put in front where an operation
//! ends ([`at`]), because the code that meets the error seldom knows it.

use std::path::Path;

use rusqlite::ErrorCode;

use crate::store::{StoreError, StoreErrorKind};

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

/// What SQLite would say at the first write.
pub(super) fn read_only() -> StoreError {
    StoreError::new(StoreErrorKind::Environment, READ_ONLY)
}

fn by_code(code: ErrorCode, error: &rusqlite::Error) -> (StoreErrorKind, String) {
    use StoreErrorKind::{Corrupt, Environment, Internal, Row, Schema, Transient};
    match code {
        ErrorCode::DiskFull => {
            (Environment, "the disk is full; free some space, the next call carries on from there".into())
        }
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
pub(super) fn lost_task(error: tokio::task::JoinError) -> StoreError {
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
