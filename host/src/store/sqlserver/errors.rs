//! From the driver's errors to ours: what can be done about it, and the sentence.

use crate::store::{StoreError, StoreErrorKind};

pub(super) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// An error of the driver or the server.
pub(super) fn sql_error(error: tiberius::error::Error) -> StoreError {
    let (kind, message) = match &error {
        tiberius::error::Error::Server(token) => (
            match token.code() {
                1205 => StoreErrorKind::Transient,
                _ => StoreErrorKind::Environment,
            },
            format!("SQL Server error {}, state {}: {}", token.code(), token.state(), token.message()),
        ),
        tiberius::error::Error::Io { message, .. } => {
            (StoreErrorKind::Transient, format!("the connection broke: {message}"))
        }
        other => (StoreErrorKind::Environment, other.to_string()),
    };
    StoreError::new(kind, message).with_source(error)
}
