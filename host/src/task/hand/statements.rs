//! A script's statements. SQL Server wants some alone in a batch and checks names of a batch before any of it ran, so
//! scripts run statement by statement.

/// The statements of a script: cut at semicolons that stand outside of texts and quoted names.
#[must_use]
pub fn statements(script: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut quote = None;
    let mut begin = 0;
    for (at, letter) in script.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, '[') => quote = Some(']'),
            (None, ';') => {
                found.push(&script[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    found.push(&script[begin..]);
    found.into_iter().map(str::trim).filter(|statement| !statement.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::statements;

    #[test]
    fn semicolons_in_texts_and_names_are_no_ends() {
        let script = r#"INSERT INTO "a;b" VALUES ('c;d''e;f'); DROP TABLE [g;h];; SELECT 1"#;
        assert_eq!(statements(script), [r#"INSERT INTO "a;b" VALUES ('c;d''e;f')"#, "DROP TABLE [g;h]", "SELECT 1"]);
    }
}
