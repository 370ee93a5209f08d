//! Texts of XSD types. White space around them is collapsed, as XSD says; anything else that does not belong is a
//! fault (protocol.md section 2).

use super::super::fault::{Fault, quoted};
use super::text::is_blank;

/// `xs:boolean`: true, false, 1 or 0.
pub(in crate::protocol) fn boolean(text: &str, name: &str) -> Result<bool, Fault> {
    match text.trim_matches(is_blank) {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(Fault::client(format!("{name} is {}, which is no boolean.", quoted(other)))),
    }
}

/// `xs:long`.
pub(in crate::protocol) fn long(text: &str, name: &str) -> Result<i64, Fault> {
    let text = text.trim_matches(is_blank);
    text.parse().map_err(|_| Fault::client(format!("{name} is {}, which is no 64-bit integer.", quoted(text))))
}

/// `xs:int`.
pub(in crate::protocol) fn int(text: &str, name: &str) -> Result<i32, Fault> {
    let text = text.trim_matches(is_blank);
    text.parse().map_err(|_| Fault::client(format!("{name} is {}, which is no 32-bit integer.", quoted(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_four_words_and_nothing_else() {
        for (text, value) in [("true", true), ("1", true), (" \r\n\tfalse ", false), ("0", false)] {
            assert_eq!(boolean(text, "IsNullable"), Ok(value));
        }
        for text in ["", "maybe", "True", "TRUE", "2", "-1", "\u{a0}true"] {
            assert_eq!(
                boolean(text, "IsNullable").unwrap_err().message,
                format!("IsNullable is {text:?}, which is no boolean.")
            );
        }
    }

    #[test]
    fn integers_may_have_a_sign_and_white_space_around() {
        for (text, value) in [("0", 0), ("-1", -1), (" +7\n", 7), ("007", 7), ("9223372036854775807", i64::MAX)] {
            assert_eq!(long(text, "LSN"), Ok(value));
        }
        for text in ["", "abc", "1.0", "1e3", "9223372036854775808", "--1", "1 2", "0x1", "٣"] {
            assert_eq!(long(text, "LSN").unwrap_err().message, format!("LSN is {text:?}, which is no 64-bit integer."));
        }
        assert_eq!(int("-2147483648", "Deletes"), Ok(i32::MIN));
        assert_eq!(
            int("2147483648", "Deletes").unwrap_err().message,
            "Deletes is \"2147483648\", which is no 32-bit integer."
        );
    }
}
