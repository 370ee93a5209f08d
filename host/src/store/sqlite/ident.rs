//! Names inside the database: quoting, comparing, and the names that are ours (invariant 8).

use crate::protocol::context_id::ContextId;
use crate::protocol::table_name::fold;

/// An identifier as SQL text: whatever it holds, it stays one identifier.
pub(super) fn quote(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for c in name.chars() {
        if c == '"' {
            quoted.push('"');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// A text as a SQL literal. A NUL cannot stand in SQL text, so such a text is written as bytes and cast back.
pub(super) fn text_literal(text: &str) -> String {
    if text.contains('\0') {
        return format!("CAST({} AS TEXT)", blob_literal(text.as_bytes()));
    }
    format!("'{}'", text.replace('\'', "''"))
}

/// Bytes as a SQL literal.
pub(super) fn blob_literal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut literal = String::with_capacity(bytes.len() * 2 + 3);
    literal.push_str("X'");
    for byte in bytes {
        write!(literal, "{byte:02X}").expect("writing to a string cannot fail");
    }
    literal.push('\'');
    literal
}

/// Whether two identifiers are the same to us: SQLite folds ASCII only, SQL Server all letters.
pub(super) fn same(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { fold(a) == fold(b) }
}

/// The metadata table's name, `<context identifier>_mirroring` (protocol.md section 6). SQLite keeps names that begin
/// with `sqlite_` for itself, so a tenant called so gets `speil_` in front.
pub(super) fn metadata_table(tenant: &ContextId) -> String {
    let reserved = fold(tenant.as_str()).starts_with("sqlite_");
    format!("{}{tenant}_mirroring", if reserved { "speil_" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_name_cannot_end_early() {
        assert_eq!(quote(r#"a"; DROP TABLE b; --"#), r#""a""; DROP TABLE b; --""#);
    }

    #[test]
    fn literals_hold_quotes_and_nul() {
        assert_eq!(text_literal("it's"), "'it''s'");
        assert_eq!(text_literal("a\0b"), "CAST(X'610062' AS TEXT)");
    }

    #[test]
    fn names_have_no_case_in_any_alphabet() {
        assert!(same("Kontakt", "KONTAKT"));
        assert!(same("ærlig", "ÆRLIG"));
        assert!(!same("contact", "contacts"));
    }

    #[test]
    fn a_metadata_table_never_has_a_name_sqlite_keeps_for_itself() {
        assert_eq!(metadata_table(&ContextId::new("Cust10195").unwrap()), "Cust10195_mirroring");
        assert_eq!(metadata_table(&ContextId::new("SQLite_x").unwrap()), "speil_SQLite_x_mirroring");
    }
}
