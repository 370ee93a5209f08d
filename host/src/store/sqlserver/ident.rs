//! Names and literals in T-SQL.

/// An identifier as T-SQL: whatever it holds, it stays one identifier.
pub(super) fn quote(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}
