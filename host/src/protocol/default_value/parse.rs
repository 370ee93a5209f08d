//! Defaults as SQL text: `default ((-1))`, `DEFAULT (N'')`, `(getdate())`, `CONSTRAINT [DF_x] DEFAULT 0`. A small reader of
//! exactly what [`DefaultValue`] can say; every other expression is refused, so that no SQL from outside survives.

use super::DefaultValue;
use crate::protocol::shown::shown;

/// Why a default cannot be mirrored. A sentence for people that quotes the text, shortened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DefaultValueError {
    #[error(
        "the default {0} is not understood: only numbers, texts, binary literals, NULL, the current time and new uniqueidentifiers can be mirrored"
    )]
    Unknown(String),
    #[error("the default {0} is nested deeper than {DEEPEST} parentheses")]
    TooDeep(String),
    #[error("the default {0} is a number too large or too small for any column")]
    OutOfRange(String),
}

/// SQL Server itself writes two levels.
const DEEPEST: usize = 32;

/// `float` ends at 1.8E+308; a decimal has at most 38 digits.
const MOST_DIGITS: usize = 400;

/// What went wrong, before the text is put to it.
enum Trouble {
    Unknown,
    TooDeep,
    OutOfRange,
}

type Read<T> = Result<T, Trouble>;

impl DefaultValue {
    /// Reads a default as it came over the wire; `None` if there is none.
    ///
    /// # Errors
    /// Anything that is not plainly one of the variants.
    pub fn parse(text: &str) -> Result<Option<Self>, DefaultValueError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let mut reader = Reader { rest: text };
        reader
            .prefix()
            .and_then(|()| reader.expression(0))
            .and_then(|value| reader.end().map(|()| Some(value)))
            .map_err(|trouble| match trouble {
                Trouble::Unknown => DefaultValueError::Unknown(shown(text)),
                Trouble::TooDeep => DefaultValueError::TooDeep(shown(text)),
                Trouble::OutOfRange => DefaultValueError::OutOfRange(shown(text)),
            })
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes one character, after white space, if it is this one.
    fn take(&mut self, character: char) -> bool {
        self.space();
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn end(&mut self) -> Read<()> {
        self.space();
        if self.rest.is_empty() { Ok(()) } else { Err(Trouble::Unknown) }
    }

    /// The longest run of bytes that satisfy a condition; they are ASCII.
    fn run(&mut self, accept: impl Fn(u8) -> bool) -> &'a str {
        let len = self.rest.bytes().take_while(|&byte| byte.is_ascii() && accept(byte)).count();
        let (run, rest) = self.rest.split_at(len);
        self.rest = rest;
        run
    }

    /// A word, after white space; nothing is taken if there is none.
    fn word(&mut self) -> &'a str {
        self.space();
        self.run(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    }

    /// Takes a keyword if it is next and ends there.
    fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.rest;
        if self.word().eq_ignore_ascii_case(keyword) {
            return true;
        }
        self.rest = before;
        false
    }

    /// `CONSTRAINT name DEFAULT` or `DEFAULT`, either of which may be missing.
    fn prefix(&mut self) -> Read<()> {
        if self.keyword("constraint") {
            self.space();
            match self.rest.chars().next() {
                Some('[') => drop(self.delimited('[', ']')?),
                Some('"') => drop(self.delimited('"', '"')?),
                _ => {
                    let len = self.rest.find(char::is_whitespace).ok_or(Trouble::Unknown)?;
                    self.rest = &self.rest[len..];
                }
            }
            return if self.keyword("default") { Ok(()) } else { Err(Trouble::Unknown) };
        }
        self.keyword("default");
        Ok(())
    }

    /// What stands between delimiters, of which the closing one is doubled to stand for itself.
    fn delimited(&mut self, open: char, close: char) -> Read<String> {
        let mut rest = self.rest.strip_prefix(open).ok_or(Trouble::Unknown)?;
        let mut inside = String::new();
        loop {
            let (text, behind) = rest.split_once(close).ok_or(Trouble::Unknown)?;
            inside.push_str(text);
            let Some(doubled) = behind.strip_prefix(close) else {
                self.rest = behind;
                return Ok(inside);
            };
            inside.push(close);
            rest = doubled;
        }
    }

    fn expression(&mut self, depth: usize) -> Read<DefaultValue> {
        if depth > DEEPEST {
            return Err(Trouble::TooDeep);
        }
        if self.take('(') {
            let value = self.expression(depth + 1)?;
            return if self.take(')') { Ok(value) } else { Err(Trouble::Unknown) };
        }
        if self.take('-') {
            return match self.expression(depth + 1)? {
                DefaultValue::Number(number) => Ok(DefaultValue::Number(negated(number))),
                _ => Err(Trouble::Unknown),
            };
        }
        if self.take('+') {
            return match self.expression(depth + 1)? {
                number @ DefaultValue::Number(_) => Ok(number),
                _ => Err(Trouble::Unknown),
            };
        }
        let bytes = self.rest.as_bytes();
        match bytes {
            [b'\'', ..] => self.delimited('\'', '\'').map(DefaultValue::Text),
            [b'N' | b'n', b'\'', ..] => {
                self.rest = &self.rest[1..];
                self.delimited('\'', '\'').map(DefaultValue::Text)
            }
            [b'0', b'x' | b'X', ..] => {
                self.rest = &self.rest[2..];
                self.binary()
            }
            [b'0'..=b'9' | b'.', ..] => self.number(),
            _ => self.function(),
        }
    }

    /// Hex digits; an odd number of them has a zero in front, as in SQL Server.
    fn binary(&mut self) -> Read<DefaultValue> {
        let digits = self.run(|byte| byte.is_ascii_hexdigit());
        self.literal_ends()?;
        let value = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
        let mut bytes = Vec::with_capacity(digits.len().div_ceil(2));
        for pair in digits.as_bytes().rchunks(2).rev() {
            bytes.push(pair.iter().fold(0, |byte, &digit| byte << 4 | value(digit)));
        }
        Ok(DefaultValue::Binary(bytes))
    }

    fn number(&mut self) -> Read<DefaultValue> {
        let before = self.run(|byte| byte.is_ascii_digit());
        let after = match self.rest.strip_prefix('.') {
            Some(rest) => {
                self.rest = rest;
                self.run(|byte| byte.is_ascii_digit())
            }
            None => "",
        };
        if before.is_empty() && after.is_empty() {
            return Err(Trouble::Unknown);
        }
        let mut exponent = 0;
        if let Some(rest) = self.rest.strip_prefix(['e', 'E']) {
            self.rest = rest;
            let sign = self.run(|byte| matches!(byte, b'+' | b'-'));
            let digits = self.run(|byte| byte.is_ascii_digit());
            let size: i64 = match (sign.len(), digits.trim_start_matches('0')) {
                (2.., _) => return Err(Trouble::Unknown),
                // SQL Server reads `1e` as `1e0`.
                (_, "") => 0,
                (_, size) => size.parse().map_err(|_| Trouble::OutOfRange)?,
            };
            exponent = if sign == "-" { -size } else { size };
        }
        self.literal_ends()?;
        plain(before, after, exponent).map(DefaultValue::Number)
    }

    /// A literal is not followed by what would make it something else.
    fn literal_ends(&self) -> Read<()> {
        match self.rest.chars().next() {
            Some(next) if next.is_alphanumeric() || matches!(next, '_' | '.' | '\'') => Err(Trouble::Unknown),
            _ => Ok(()),
        }
    }

    fn function(&mut self) -> Read<DefaultValue> {
        let (value, parentheses) = match self.word().to_ascii_lowercase().as_str() {
            "null" => (DefaultValue::Null, false),
            "current_timestamp" => (DefaultValue::Now { utc: false }, false),
            "getdate" | "sysdatetime" | "sysdatetimeoffset" => (DefaultValue::Now { utc: false }, true),
            "getutcdate" | "sysutcdatetime" => (DefaultValue::Now { utc: true }, true),
            "newid" | "newsequentialid" => (DefaultValue::NewGuid, true),
            _ => return Err(Trouble::Unknown),
        };
        if parentheses && !(self.take('(') && self.take(')')) {
            return Err(Trouble::Unknown);
        }
        Ok(value)
    }
}

fn negated(number: String) -> String {
    match number.strip_prefix('-') {
        Some(positive) => positive.to_owned(),
        None if number == "0" => number,
        None => format!("-{number}"),
    }
}

/// `before.after` times ten to the `exponent`, exactly, without exponent or idle zeros.
fn plain(before: &str, after: &str, exponent: i64) -> Read<String> {
    let digits = format!("{before}{after}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Ok("0".into());
    }
    // The point stands behind this many of the significant digits, perhaps before or beyond all of them.
    let leading = i64::try_from(digits.len() - significant.len()).map_err(|_| Trouble::OutOfRange)?;
    let point = i64::try_from(before.len()).map_err(|_| Trouble::OutOfRange)? - leading;
    let point = point.checked_add(exponent).ok_or(Trouble::OutOfRange)?;
    let significant = significant.trim_end_matches('0');
    let far = usize::try_from(point.unsigned_abs()).map_err(|_| Trouble::OutOfRange)?;
    if far + significant.len() > MOST_DIGITS {
        return Err(Trouble::OutOfRange);
    }
    Ok(if point <= 0 {
        format!("0.{}{significant}", "0".repeat(far))
    } else if far >= significant.len() {
        format!("{significant}{}", "0".repeat(far - significant.len()))
    } else {
        let (whole, fraction) = significant.split_at(far);
        format!("{whole}.{fraction}")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> DefaultValue {
        DefaultValue::Number(text.into())
    }

    fn text(text: &str) -> DefaultValue {
        DefaultValue::Text(text.into())
    }

    #[test]
    fn everything_seen_on_the_wire_is_understood() {
        for (wire, expected) in [
            ("", None),
            ("  ", None),
            ("default ((-1))", Some(number("-1"))),
            ("default ((0))", Some(number("0"))),
            ("default (N'')", Some(text(""))),
            ("default (N'1760-01-01 00:00:00')", Some(text("1760-01-01 00:00:00"))),
            ("default (N'17600101 00:00:00')", Some(text("17600101 00:00:00"))),
            ("-1", Some(number("-1"))),
            ("0", Some(number("0"))),
            ("17", Some(number("17"))),
        ] {
            assert_eq!(DefaultValue::parse(wire), Ok(expected), "{wire:?}");
        }
    }

    #[test]
    fn what_sql_server_may_write_is_understood() {
        for (wire, expected) in [
            ("DEFAULT((1))", number("1")),
            ("CONSTRAINT [DF_a]]b] DEFAULT ('x')", text("x")),
            ("constraint DF_å default(0)", number("0")),
            ("constraint \"df\" default 0", number("0")),
            ("((((((7))))))", number("7")),
            (" ( - ( 1 ) ) ", number("-1")),
            ("(-(-1))", number("1")),
            ("+5", number("5")),
            ("-0", number("0")),
            ("0.00", number("0")),
            ("-0.50", number("-0.5")),
            (".5", number("0.5")),
            ("5.", number("5")),
            ("007", number("7")),
            ("1e3", number("1000")),
            ("1.5E-3", number("0.0015")),
            ("123.45e1", number("1234.5")),
            ("0.00012e+4", number("1.2")),
            ("1e", number("1")),
            ("12345678901234567890123456789012345678.9", number("12345678901234567890123456789012345678.9")),
            ("'it''s'", text("it's")),
            ("('')", text("")),
            ("n'ø''''å'", text("ø''å")),
            ("(' ( ')", text(" ( ")),
            ("0x", DefaultValue::Binary(vec![])),
            ("(0xABC)", DefaultValue::Binary(vec![0x0a, 0xbc])),
            ("0X00ff", DefaultValue::Binary(vec![0, 255])),
            ("(getdate())", DefaultValue::Now { utc: false }),
            ("GetDate ( )", DefaultValue::Now { utc: false }),
            ("sysdatetime()", DefaultValue::Now { utc: false }),
            ("sysdatetimeoffset()", DefaultValue::Now { utc: false }),
            ("CURRENT_TIMESTAMP", DefaultValue::Now { utc: false }),
            ("getutcdate()", DefaultValue::Now { utc: true }),
            ("(sysutcdatetime())", DefaultValue::Now { utc: true }),
            ("newid()", DefaultValue::NewGuid),
            ("(newsequentialid())", DefaultValue::NewGuid),
            ("default (NULL)", DefaultValue::Null),
        ] {
            assert_eq!(DefaultValue::parse(wire), Ok(Some(expected)), "{wire:?}");
        }
    }

    #[test]
    fn every_other_expression_is_refused() {
        for wire in [
            "(CONVERT([datetime],'1760-01-01'))",
            "CAST(0 AS bit)",
            "default",
            "(0",
            "0)",
            "()",
            "(1)(2)",
            "1 2",
            "1+1",
            "- 'a'",
            "+getdate()",
            "'a' + 'b'",
            "'open",
            "N 'a'",
            "'a'b",
            "getdate",
            "getdate()+1",
            "getdate(1)",
            "0xGG",
            "0x1.5",
            "1e++5",
            "1e5.5",
            "1.2.3",
            "$5",
            ".",
            "constraint",
            "constraint x",
            "constraint x 0",
            "constraint [x default 0",
            "current_timestamp()",
            "null()",
            "dbo.f()",
            "1--",
            "0; drop table x",
            "\u{0}",
            "é",
            "NULLX",
            "user_name()",
            "next value for s",
            "-",
            "1_0",
        ] {
            let error = DefaultValue::parse(wire).map(|value| format!("{value:?}")).expect_err(wire);
            assert!(matches!(error, DefaultValueError::Unknown(_)), "{wire:?}: {error}");
        }
    }

    #[test]
    fn errors_name_the_text() {
        assert_eq!(
            DefaultValue::parse("(CONVERT([datetime],'1760-01-01'))").unwrap_err().to_string(),
            "the default \"(CONVERT([datetime],'1760-01-01'))\" is not understood: only numbers, texts, binary literals, NULL, the current time and new uniqueidentifiers can be mirrored"
        );
        assert_eq!(
            DefaultValue::parse("1e999").unwrap_err().to_string(),
            "the default \"1e999\" is a number too large or too small for any column"
        );
        let deep = "(".repeat(100_000);
        assert_eq!(
            DefaultValue::parse(&deep).unwrap_err().to_string(),
            format!("the default \"{}…\" is nested deeper than 32 parentheses", "(".repeat(60))
        );
        assert!(DefaultValue::parse(&"-".repeat(100_000)).is_err());
        assert!(DefaultValue::parse("1e99999999999999999999").is_err());
        assert!(DefaultValue::parse("1e-9223372036854775807").is_err());
    }

    proptest! {
        #[test]
        fn numbers_are_kept_exactly(whole in 0u64.., fraction in 0u32.., zeros in 0usize..5, exponent in -20i32..20) {
            // The same number written with another exponent has the same canonical text.
            let plain = format!("{whole}.{fraction:010}{}", "0".repeat(zeros));
            let digits = format!("{whole}{fraction:010}");
            let shifted = format!("{digits}e{}", -10);
            let moved = format!("{digits}{}e{}", "0".repeat(usize::try_from(exponent.max(0)).unwrap()), -10 - exponent.max(0));
            let canonical = format!("{whole}.{fraction:010}").trim_end_matches('0').trim_end_matches('.').to_owned();
            prop_assert_eq!(DefaultValue::parse(&plain), Ok(Some(DefaultValue::Number(canonical))));
            prop_assert_eq!(DefaultValue::parse(&plain), DefaultValue::parse(&shifted));
            prop_assert_eq!(DefaultValue::parse(&plain), DefaultValue::parse(&moved));
        }

        #[test]
        fn texts_survive_quoting(inside in any::<String>()) {
            let wire = format!("default (N'{}')", inside.replace('\'', "''"));
            prop_assert_eq!(DefaultValue::parse(&wire), Ok(Some(DefaultValue::Text(inside))));
        }

        #[test]
        fn reading_never_panics(wire in any::<String>(), sql in "[-+(0-9.eEx'N )]{0,20}") {
            let _ = DefaultValue::parse(&wire);
            let _ = DefaultValue::parse(&sql);
        }
    }
}
