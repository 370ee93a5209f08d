//! Statements that a session keeps ready: one that comes again and again is read and planned once, and then called by its number.
//!
//! SQL Server finds a statement it has seen by its text; other servers read it anew each time, which takes some of them longer than
//! doing it. A number is the session's own and ends with it, so it is kept with the connection.

use std::collections::HashMap;

use crate::store::sqlserver::schema::ident::text_literal;

/// From this use on it is worth keeping ready.
const WORTH: u32 = 3;
/// So many are kept ready; a session needs about five, and one more for each table that it fills.
const MOST: usize = 128;
/// So many are counted before counting begins anew.
const MOST_SEEN: usize = 512;

/// What is known of the statements of one session, by what they declare and their texts.
#[derive(Debug, Default)]
pub(in crate::store::sqlserver) struct Prepared {
    ready: HashMap<(String, String), i32>,
    seen: HashMap<(String, String), u32>,
}

/// How to call a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlserver) enum Way {
    /// By its number.
    Ready(i32),
    /// It is worth being made ready.
    Worth,
    /// By its text.
    Text,
}

impl Prepared {
    /// How to call the statement, this time.
    pub fn way(&mut self, declared: &str, text: &str) -> Way {
        let key = (declared.to_owned(), text.to_owned());
        if let Some(number) = self.ready.get(&key) {
            return Way::Ready(*number);
        }
        if self.seen.len() >= MOST_SEEN {
            self.seen.clear();
        }
        let seen = self.seen.entry(key).or_default();
        *seen = seen.saturating_add(1);
        if *seen == WORTH && self.ready.len() < MOST { Way::Worth } else { Way::Text }
    }

    /// It is ready under this number.
    pub fn made(&mut self, declared: &str, text: &str, number: i32) {
        self.ready.insert((declared.to_owned(), text.to_owned()), number);
    }

    /// The server knows none of them any more.
    pub fn forget(&mut self) {
        self.ready.clear();
        self.seen.clear();
    }
}

/// Whether a statement's text can stand in a literal: of control characters only ends of lines, and none that a backslash takes away.
pub(in crate::store::sqlserver) fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c != '\n' && c.is_control()) && !text.contains("\\\n")
}

/// A call by the text. What is declared must not be nothing.
pub(in crate::store::sqlserver) fn by_text(declared: &str, text: &str, given: &[String]) -> String {
    let given: Vec<String> =
        given.iter().enumerate().map(|(place, literal)| format!("@P{} = {literal}", place + 1)).collect();
    format!("EXEC sp_executesql {}, {}, {};", text_literal(text), text_literal(declared), given.join(", "))
}

/// Makes a statement ready: answers its number.
pub(in crate::store::sqlserver) fn prepare(declared: &str, text: &str) -> String {
    let declared = if declared.is_empty() { "NULL".to_owned() } else { text_literal(declared) };
    format!("DECLARE @ready int;\nEXEC sp_prepare @ready OUTPUT, {declared}, {};\nSELECT @ready;", text_literal(text))
}

/// A call by the number.
pub(in crate::store::sqlserver) fn by_number(number: i32, given: &[String]) -> String {
    let given = given.iter().fold(number.to_string(), |all, literal| all + ", " + literal);
    format!("EXEC sp_execute {given};")
}

#[cfg(test)]
mod tests {
    use super::{MOST, MOST_SEEN, Prepared, WORTH, Way, by_number, by_text, is_plain, prepare};

    #[test]
    fn values_stand_in_a_call_in_their_order() {
        let (declared, text) = ("@P1 nvarchar(4000), @P2 bigint", "UPDATE t SET a = @P1, b = @P2, c = N'';");
        let given = ["N'it''s'".to_owned(), "-7".to_owned()];
        assert_eq!(
            by_text(declared, text, &given),
            "EXEC sp_executesql N'UPDATE t SET a = @P1, b = @P2, c = N'''';', N'@P1 nvarchar(4000), @P2 bigint', \
             @P1 = N'it''s', @P2 = -7;"
        );
        assert_eq!(
            prepare(declared, text),
            "DECLARE @ready int;\nEXEC sp_prepare @ready OUTPUT, N'@P1 nvarchar(4000), @P2 bigint', \
             N'UPDATE t SET a = @P1, b = @P2, c = N'''';';\nSELECT @ready;"
        );
        assert_eq!(by_number(3, &given), "EXEC sp_execute 3, N'it''s', -7;");
        assert!(prepare("", "SELECT 1;").contains("@ready OUTPUT, NULL, N'SELECT 1;';"));
        assert_eq!(by_number(3, &[]), "EXEC sp_execute 3;");
    }

    #[test]
    fn what_has_no_plain_literal_is_told() {
        assert!(is_plain("SELECT 1\nFROM [a\\b]"));
        for text in ["a\0b", "a\r\nb", "a\\\nb"] {
            assert!(!is_plain(text), "{text:?}");
        }
    }

    #[test]
    fn a_statement_is_made_ready_once_it_comes_again_and_again() {
        let mut prepared = Prepared::default();
        for _ in 1..WORTH {
            assert_eq!(prepared.way("@P1 int", "SELECT @P1"), Way::Text);
        }
        assert_eq!(prepared.way("@P1 bigint", "SELECT @P1"), Way::Text, "other types, another statement");
        assert_eq!(prepared.way("@P1 int", "SELECT @P1"), Way::Worth);
        // It could not be made ready: it goes by its text from now on.
        assert_eq!(prepared.way("@P1 int", "SELECT @P1"), Way::Text);
        prepared.made("@P1 int", "SELECT @P1", 7);
        assert_eq!(prepared.way("@P1 int", "SELECT @P1"), Way::Ready(7));
        prepared.forget();
        assert_eq!(prepared.way("@P1 int", "SELECT @P1"), Way::Text);
    }

    #[test]
    fn neither_those_that_are_ready_nor_those_that_are_counted_grow_without_end() {
        let mut prepared = Prepared::default();
        for number in 0..2 * MOST_SEEN {
            let text = format!("SELECT {number}");
            for _ in 0..WORTH {
                if prepared.way("", &text) == Way::Worth {
                    prepared.made("", &text, 1);
                }
            }
        }
        assert_eq!(prepared.ready.len(), MOST);
        assert!(prepared.seen.len() <= MOST_SEEN);
    }
}
