//! Column defaults: parsed from the wire's SQL text and rendered anew, never passed through (protocol.md
//! section 5, invariant 8). The reading is in `parse`, what a default means for a column of a type in `convert`.

mod convert;
mod parse;

pub use convert::{DefaultMisfit, TypedDefault};
pub use parse::DefaultValueError;

/// A default as far as this project understands it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum DefaultValue {
    /// A number, in canonical decimal text: optional `-`, digits, optional `.` and digits; no exponent.
    Number(String),
    /// A character literal, unescaped.
    Text(String),
    /// A binary literal (`0x...`).
    Binary(Vec<u8>),
    /// `getdate()`, `sysdatetime()`, `getutcdate()`, `sysutcdatetime()`, `current_timestamp`.
    Now { utc: bool },
    /// `newid()`, `newsequentialid()`.
    NewGuid,
    /// `NULL`.
    Null,
}
