//! Text from outside as it may stand in a message: quoted, escaped and short.

use std::fmt::Write as _;

/// Characters of a text that are shown.
const SHOWN: usize = 60;

/// Quotes a text: control characters escaped, at most 60 characters, then `…`.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::from("\"");
    let mut rest = text.chars();
    for character in rest.by_ref().take(SHOWN) {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push('\\'),
            _ if misleads(character) => escape(&mut out, character),
            _ => out.push(character),
        }
    }
    if rest.next().is_some() {
        out.push('…');
    }
    out.push('"');
    out
}

/// A sentence with such texts in it, in one line: what would end it, or speak to a terminal, escaped. Twice is as once.
pub(crate) fn in_one_line(sentence: String) -> String {
    if !sentence.contains(misleads) {
        return sentence;
    }
    let mut out = String::with_capacity(sentence.len() + 16);
    for character in sentence.chars() {
        if misleads(character) {
            escape(&mut out, character);
        } else {
            out.push(character);
        }
    }
    out
}

/// Control characters, and what turns or hides the text around it: direction marks, line separators, zero widths.
pub(crate) fn misleads(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn escape(out: &mut String, character: char) {
    write!(out, "\\u{{{:x}}}", u32::from(character)).expect("writing to a String cannot fail");
}

/// The same for bytes that ought to be UTF-8.
pub(crate) fn shown_bytes(bytes: &[u8]) -> String {
    // Four bytes a character at most: no need to look at a gigabyte to show its beginning.
    let start = &bytes[..bytes.len().min(4 * (SHOWN + 2))];
    shown(&String::from_utf8_lossy(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_disturb_a_message_is_escaped() {
        assert_eq!(shown("a\"b\r\n\u{0}\u{202e}å😀"), "\"a\\\"b\\u{d}\\u{a}\\u{0}\\u{202e}å😀\"");
    }

    #[test]
    fn a_sentence_stays_in_its_line() {
        let once = in_one_line("table \"a\n\u{1b}\u{2028}å\": no".to_owned());
        assert_eq!(once, "table \"a\\u{a}\\u{1b}\\u{2028}å\": no");
        assert_eq!(in_one_line(once.clone()), once);
    }

    #[test]
    fn long_texts_are_cut_at_sixty_characters() {
        assert_eq!(shown(&"ø".repeat(60)), format!("\"{}\"", "ø".repeat(60)));
        assert_eq!(shown(&"ø".repeat(61)), format!("\"{}…\"", "ø".repeat(60)));
        assert_eq!(shown_bytes(&vec![b'x'; 1 << 20]), format!("\"{}…\"", "x".repeat(60)));
    }

    #[test]
    fn bytes_that_are_not_text_are_shown_with_replacement_characters() {
        assert_eq!(shown_bytes(b"a\xffb"), "\"a\u{fffd}b\"");
    }
}
