//! T-SQL cut into its smallest parts, as far as changes of tables go. Whatever else there were would have come from outside.

/// All words that a change of a table is made of, and the types a mirror has.
const WORDS: &[&str] = &[
    "ADD",
    "ALTER",
    "CLUSTERED",
    "COLLATE",
    "COLUMN",
    "CONSTRAINT",
    "CONVERT",
    "CREATE",
    "DEFAULT",
    "DROP",
    "EXEC",
    "FOR",
    "INDEX",
    "KEY",
    "N",
    "NCHAR",
    "NEWID",
    "NONCLUSTERED",
    "NOT",
    "NULL",
    "ON",
    "PRIMARY",
    "SET",
    "STATISTICS",
    "SYSDATETIME",
    "SYSDATETIMEOFFSET",
    "SYSUTCDATETIME",
    "TABLE",
    "UPDATE",
    "@P1",
    "@P2",
    "sp_rename",
    "Latin1_General_100_BIN2",
    "bigint",
    "binary",
    "bit",
    "date",
    "datetime",
    "datetime2",
    "datetimeoffset",
    "decimal",
    "float",
    "image",
    "int",
    "max",
    "money",
    "nchar",
    "ntext",
    "nvarchar",
    "real",
    "smalldatetime",
    "smallint",
    "smallmoney",
    "time",
    "tinyint",
    "uniqueidentifier",
    "varbinary",
];

/// The smallest part of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// One of [`WORDS`].
    Word(&'static str),
    /// What was quoted as a name.
    Name(String),
    /// What was quoted as a text.
    Text(String),
    Number(String),
    Sign(char),
}

/// A statement's parts.
///
/// # Panics
/// When something stands there that is none: then it is not ours.
pub fn of(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (token, read) = match first {
            ' ' | '\n' => {
                rest = &rest[1..];
                continue;
            }
            '[' => {
                let (name, read) = quoted(&rest[1..], ']', sql);
                (Token::Name(name), read + 1)
            }
            '"' => {
                let (name, read) = quoted(&rest[1..], '"', sql);
                (Token::Name(name), read + 1)
            }
            '\'' => {
                let (text, read) = quoted(&rest[1..], '\'', sql);
                // The server takes the two for a line that goes on, and swallows both.
                assert!(!text.contains("\\\n") && !text.contains("\\\r"), "a line of a text is lost: {sql:?}");
                (Token::Text(text), read + 1)
            }
            '0'..='9' => {
                let read = number(rest);
                (Token::Number(rest[..read].to_owned()), read)
            }
            '(' | ')' | ',' | '.' | '=' | '+' => (Token::Sign(first), 1),
            // Two of them would begin a comment.
            '-' if !rest.starts_with("--") => (Token::Sign(first), 1),
            _ => {
                let is_of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@');
                let read = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
                let found = &rest[..read];
                let word = WORDS.iter().find(|word| **word == found);
                let word = word.unwrap_or_else(|| panic!("not ours, at {:?}: {sql:?}", rest.get(..40).unwrap_or(rest)));
                (Token::Word(word), read)
            }
        };
        tokens.push(token);
        rest = &rest[read..];
    }
    tokens
}

/// What is quoted, to the closing quote that is not doubled; how many bytes that is with it.
fn quoted(text: &str, close: char, sql: &str) -> (String, usize) {
    let mut meant = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == close && chars.next_if(|(_, next)| *next == close).is_none() {
            return (meant, at + c.len_utf8());
        }
        meant.push(c);
    }
    panic!("a quote has no end: {sql:?}");
}

/// How long a number is: `0x00AB`, `12.50`, `1.5e-7`.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let hex = text.starts_with("0x");
    let mut at = 1;
    while at < bytes.len() {
        let goes_on = match bytes[at] {
            b'0'..=b'9' => true,
            b'x' | b'A'..=b'F' => hex,
            b'.' | b'e' => !hex,
            b'-' => !hex && bytes[at - 1] == b'e',
            _ => false,
        };
        if !goes_on {
            break;
        }
        at += 1;
    }
    at
}
