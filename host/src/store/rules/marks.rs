//! The marks a table has beside its LSN, as they are stored, and where the LSN moves.

use crate::protocol::lsn::Lsn;

/// Whether a table whose LSN means refill is being filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Fill {
    /// No fill was announced: -1 was written by hand, rows that come are changes.
    None,
    /// The next rows must find the table emptied.
    Expected,
    /// Emptied; rows add to it.
    Begun,
}

impl Fill {
    pub fn code(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Expected => 1,
            Self::Begun => 2,
        }
    }

    pub fn from_code(code: Option<i64>) -> Self {
        match code {
            Some(1) => Self::Expected,
            Some(2) => Self::Begun,
            _ => Self::None,
        }
    }

    /// What is left of it once this LSN is stored.
    pub fn after(self, lsn: Lsn) -> Self {
        if lsn.means_refill() { self } else { Self::None }
    }
}

/// The LSN to store when a batch comes to a table, by protocol.md section 7; one that was set to -1 by hand stays until a fill is
/// announced.
pub(in crate::store) fn moved(stored: Lsn, fill: Fill, batch: Lsn) -> Lsn {
    if stored.means_refill() && fill == Fill::None { stored } else { stored.moved_by(batch).unwrap_or(stored) }
}

/// Whether rows that were sent are missing, so that the LSN may not move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::store) enum Gap {
    #[default]
    None,
    /// A batch failed. Over when the next `TableSchema` looks at the table: the source sends it again.
    Failed,
}

impl Gap {
    pub fn code(self) -> i64 {
        match self {
            Self::None => 0,
            Self::Failed => 1,
        }
    }

    pub fn from_code(code: Option<i64>) -> Self {
        match code {
            None | Some(0) => Self::None,
            Some(_) => Self::Failed,
        }
    }
}
