//! The server's errors in the plug-in author's terms.

use tiberius::error::Error as DriverError;

use crate::store::guest::GuestError;
use crate::store::rules::guests::{store_failed, too_large_an_answer};
use crate::store::sqlserver::errors::{number, sql_error};
use crate::store::{StoreError, StoreErrorKind};

/// What went wrong.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A permission is missing that the host may give: the table may be one that is mirrored since.
    NotGranted(GuestError),
    Other(GuestError),
}

impl Trouble {
    pub fn told(self) -> GuestError {
        match self {
            Self::NotGranted(error) | Self::Other(error) => error,
        }
    }
}

impl From<GuestError> for Trouble {
    fn from(error: GuestError) -> Self {
        Self::Other(error)
    }
}

/// The host's own statements around a plug-in's failed.
impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Other(store_failed(error))
    }
}

/// The plug-in's statement failed.
impl From<DriverError> for Trouble {
    fn from(error: DriverError) -> Self {
        let words = match &error {
            DriverError::Server(token) => token.message().trim_end_matches('.').to_owned(),
            DriverError::Io { kind: std::io::ErrorKind::FileTooLarge, .. } => return Self::Other(too_large_an_answer()),
            _ => String::new(),
        };
        let class = match &error {
            DriverError::Server(token) => token.class(),
            _ => u8::MAX,
        };
        let error = sql_error(error);
        let Some(number) = number(&error) else { return error.into() };
        match number {
            229 | 230 => Self::NotGranted(denied(&words)),
            _ => Self::Other(by_number(number, class, words, error)),
        }
    }
}

fn denied(words: &str) -> GuestError {
    GuestError::Denied(format!(
        "it may not do this in the mirror's database ({words}): a plug-in reads the mirrored tables and its own, and writes only its \
         own"
    ))
}

/// It tried to begin or end the host's transaction.
pub(super) fn transactions() -> GuestError {
    GuestError::Denied("it may not begin or end a transaction: every statement is one of its own".into())
}

fn by_number(number: u32, class: u8, words: String, error: StoreError) -> GuestError {
    match number {
        // Counts that do not agree; COMMIT and ROLLBACK without a beginning, or where they may not stand.
        266 | 628 | 3902 | 3903 | 3915 | 3916 | 3930 | 3931 | 3998 | 6401 => transactions(),
        // Permissions; and things that are "not there, or you do not have permission".
        218 | 262 | 297 | 300 | 371 | 378 | 916 | 1088 | 2557 | 2571 | 2760 | 3110 | 3701 | 3704 | 4613 | 4701
        | 4834 | 4902 | 5011 | 6004 | 6102 | 7415 | 7416 | 10_297 | 15_121 | 15_151 | 15_157 | 15_165 | 15_199
        | 15_247 | 15_281 | 15_357 | 15_517 | 21_089 => denied(&words),
        515 | 547 | 2601 | 2627 | 2628 | 8152 => GuestError::Constraint(words),
        1204 | 1205 | 1222 | 3960 => GuestError::Busy("another writer holds what it needs; try again later".into()),
        _ if class <= 16 && error.kind != StoreErrorKind::Transient => GuestError::Invalid(words),
        _ => store_failed(error),
    }
}
