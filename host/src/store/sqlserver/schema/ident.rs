//! Names and literals as T-SQL text: quoting, comparing, and the names that are ours (invariant 8).

use crate::protocol::context_id::ContextId;
use crate::protocol::table_name::fold;

/// An identifier as T-SQL text: whatever it holds, it stays one identifier. In brackets; one that holds a closing bracket stands
/// in double quotes, which mean the same since every session of ours has QUOTED_IDENTIFIER ON (Babelfish cannot read a doubled
/// bracket).
pub(in crate::store::sqlserver) fn quote(name: &str) -> String {
    let (open, close) = if name.contains(']') { ('"', '"') } else { ('[', ']') };
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push(open);
    for c in name.chars() {
        if c == close {
            quoted.push(close);
        }
        quoted.push(c);
    }
    quoted.push(close);
    quoted
}

/// A table's full name: never left to the login's default schema, which may change between two connections.
pub(in crate::store::sqlserver) fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", quote(schema), quote(table))
}

/// A text as an expression that is exactly that text, in Unicode. A NUL and a backslash before the end of a line (which T-SQL
/// takes for a continued line, and swallows) are written so that they survive.
pub(in crate::store::sqlserver) fn text_literal(text: &str) -> String {
    let mut pieces: Vec<String> = Vec::new();
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '\0' => {
                flush(&mut plain, &mut pieces);
                pieces.push("NCHAR(0)".into());
                continue;
            }
            '\r' | '\n' if plain.ends_with('\\') => flush(&mut plain, &mut pieces),
            '\'' => plain.push('\''),
            _ => {}
        }
        plain.push(c);
    }
    if pieces.is_empty() {
        return format!("N'{plain}'");
    }
    flush(&mut plain, &mut pieces);
    // Without a (max) in front, what is put together is cut at 4,000 characters.
    format!("(CONVERT(nvarchar(max), N'') + {})", pieces.join(" + "))
}

fn flush(plain: &mut String, pieces: &mut Vec<String>) {
    if !plain.is_empty() {
        pieces.push(format!("N'{plain}'"));
        plain.clear();
    }
}

/// Bytes as a literal.
pub(in crate::store::sqlserver) fn blob_literal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut literal = String::with_capacity(bytes.len() * 2 + 2);
    literal.push_str("0x");
    for byte in bytes {
        write!(literal, "{byte:02X}").expect("writing to a string cannot fail");
    }
    literal
}

/// Whether two identifiers are the same to us: in no alphabet does case count, whatever the database's collation.
pub(in crate::store::sqlserver) fn same(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { fold(a) == fold(b) }
}

/// The metadata table's name, `<context identifier>_mirroring` (protocol.md section 6).
pub(in crate::store::sqlserver) fn metadata_table(tenant: &ContextId) -> String {
    format!("{tenant}_mirroring")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_name_cannot_end_early() {
        assert_eq!(quote("contact"), "[contact]");
        assert_eq!(quote("a\"; DROP TABLE b; --"), "[a\"; DROP TABLE b; --]");
        assert_eq!(quote("a]; DROP TABLE b; --"), "\"a]; DROP TABLE b; --\"");
        assert_eq!(quote("a]\"; DROP TABLE b; --"), "\"a]\"\"; DROP TABLE b; --\"");
        assert_eq!(qualified("dbo", "order"), "[dbo].[order]");
    }

    #[test]
    fn literals_hold_what_they_are_given() {
        assert_eq!(text_literal("it's"), "N'it''s'");
        assert_eq!(text_literal("a\r\nb"), "N'a\r\nb'");
        assert_eq!(text_literal("a\0'"), "(CONVERT(nvarchar(max), N'') + N'a' + NCHAR(0) + N'''')");
        assert_eq!(text_literal("a\\\nb"), "(CONVERT(nvarchar(max), N'') + N'a\\' + N'\nb')");
        assert_eq!(blob_literal(&[0, 0xab]), "0x00AB");
    }

    proptest::proptest! {
        #[test]
        fn no_text_ends_its_literal(text in proptest::prelude::any::<String>()) {
            let literal = text_literal(&text);
            // Every quote inside is doubled: outside of quotes only our own words remain.
            let outside: String = literal.split('\'').step_by(2).collect();
            let ours = outside.replace("(CONVERT(nvarchar(max), N", "").replace("NCHAR(0)", "");
            proptest::prop_assert!(ours.chars().all(|c| matches!(c, 'N' | '+' | ' ' | ')')), "{literal}");
        }

        #[test]
        fn no_name_ends_its_quotes(name in proptest::prelude::any::<String>()) {
            let quoted = quote(&name);
            let close = quoted.chars().last().unwrap();
            let inside: String = quoted[1..quoted.len() - 1].to_owned();
            proptest::prop_assert_eq!(inside.matches(close).count() % 2, 0);
            let doubled: String = std::iter::repeat_n(close, 2).collect();
            proptest::prop_assert_eq!(inside.replace(&doubled, &close.to_string()), name);
        }
    }

    #[test]
    fn names_have_no_case_in_any_alphabet() {
        assert!(same("Kontakt", "KONTAKT"));
        assert!(same("ærlig", "ÆRLIG"));
        assert!(!same("contact", "contacts"));
    }

    #[test]
    fn the_metadata_table_is_called_after_the_tenant() {
        assert_eq!(metadata_table(&ContextId::new("Cust10195").unwrap()), "Cust10195_mirroring");
    }
}
