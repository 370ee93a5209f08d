//! Character data: what may stand in it, how lines end, what references mean (protocol.md section 2).
//!
//! - A *raw* character that XML 1.0 forbids is a fault, as .NET's reader has it; the same character as a
//!   *reference* (`&#x0;` `&#xB;` `&#xFFFE;`) is kept, since .NET writes free text so.
//! - A raw CR, alone or before LF, is LF, as XML 1.0 says; `&#xD;` is CR.
//! - References are the five predefined entities and character references. Two that make a surrogate pair are one
//!   character; half a pair alone is a fault.

use std::borrow::Cow;

use super::super::fault::{Fault, quoted};

/// White space of XML.
pub(super) const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Appends raw character data as it is meant: line ends normalised, forbidden characters refused.
/// `]]>` is refused unless `cdata`.
pub(super) fn push_raw(out: &mut Vec<u8>, raw: &str, cdata: bool) -> Result<(), Fault> {
    let bytes = raw.as_bytes();
    // One pass without branches over what is nearly always plain.
    let odd = bytes.iter().fold(0, |odd, &b| {
        let control = u8::from(b < b' ') & u8::from(b != b'\t') & u8::from(b != b'\n');
        odd | control | u8::from(b == b'>') | u8::from(b == 0xEF)
    });
    if odd == 0 {
        out.extend_from_slice(bytes);
        return Ok(());
    }
    check_raw(raw)?;
    if !cdata && raw.contains("]]>") {
        return Err(Fault::client("A text holds \"]]>\", which must be written as \"]]&gt;\"."));
    }
    let mut lines = raw.split('\r');
    out.extend_from_slice(lines.next().unwrap_or_default().as_bytes());
    for line in lines {
        if !line.starts_with('\n') {
            out.push(b'\n');
        }
        out.extend_from_slice(line.as_bytes());
    }
    Ok(())
}

/// Refuses raw characters that XML 1.0 forbids.
pub(super) fn check_raw(raw: &str) -> Result<(), Fault> {
    let forbidden =
        |c: &char| matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}');
    match raw.chars().find(forbidden) {
        None => Ok(()),
        Some(c) => Err(Fault::client(format!(
            "The body holds the raw character U+{:04X}, which XML forbids; write it as &#x{:X};.",
            u32::from(c),
            u32::from(c)
        ))),
    }
}

/// What a reference (the text between `&` and `;`) means: the number of a character, or half of a surrogate pair.
pub(super) fn reference(name: &str) -> Result<u32, Fault> {
    let code = match name {
        "lt" => '<'.into(),
        "gt" => '>'.into(),
        "amp" => '&'.into(),
        "apos" => '\''.into(),
        "quot" => '"'.into(),
        _ => match name.strip_prefix('#') {
            None => return Err(Fault::client(format!("The entity &{}; is not one of XML's five.", unquoted(name)))),
            Some(digits) => number(digits)
                .ok_or_else(|| Fault::client(format!("&{}; is no character reference.", unquoted(name))))?,
        },
    };
    if code > 0x10_FFFF {
        return Err(Fault::client(format!("&{}; lies beyond the last character, U+10FFFF.", unquoted(name))));
    }
    Ok(code)
}

/// The number in a character reference. What does not fit is a number too large to be a character.
fn number(digits: &str) -> Option<u32> {
    let (digits, radix) = match digits.strip_prefix('x') {
        Some(hex) => (hex, 16),
        None => (digits, 10),
    };
    if digits.is_empty() {
        return None;
    }
    digits
        .chars()
        .try_fold(0_u32, |number, digit| Some(number.saturating_mul(radix).saturating_add(digit.to_digit(radix)?)))
}

/// A name for a message: shortened, and nothing in it that could hide.
fn unquoted(name: &str) -> String {
    let quoted = quoted(name);
    quoted.replacen('"', "", 1).replace('"', "")
}

/// Puts references together: halves of surrogate pairs that stand beside each other are one character.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    high: Option<u32>,
}

impl Pairs {
    /// Appends what a reference means.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, name: &str) -> Result<(), Fault> {
        let code = reference(name)?;
        let code = match (self.high.take(), code) {
            (None, 0xD800..=0xDBFF) => {
                self.high = Some(code);
                return Ok(());
            }
            (Some(high), 0xDC00..=0xDFFF) => 0x1_0000 + ((high - 0xD800) << 10) + (code - 0xDC00),
            (Some(high), _) => return Err(lone(high)),
            (None, _) => code,
        };
        let character = char::from_u32(code).ok_or_else(|| lone(code))?;
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// Something else than a reference follows: no half may be waiting.
    pub(super) fn interrupt(&mut self) -> Result<(), Fault> {
        self.high.take().map_or(Ok(()), |high| Err(lone(high)))
    }
}

fn lone(code: u32) -> Fault {
    Fault::client(format!("&#x{code:X}; is half a surrogate pair, which is no character."))
}

/// An attribute's value as it is meant: references resolved, white space characters made spaces.
pub(super) fn attribute_value(raw: &str) -> Result<Cow<'_, str>, Fault> {
    if !raw.bytes().any(|b| b < b' ' || b == b'&' || b == 0xEF) {
        return Ok(Cow::Borrowed(raw));
    }
    check_raw(raw)?;
    let mut out = Vec::with_capacity(raw.len());
    let mut pairs = Pairs::default();
    let mut left = raw;
    while let Some((before, after)) = left.split_once('&') {
        if !before.is_empty() {
            pairs.interrupt()?;
            push_attribute_text(&mut out, before);
        }
        let (name, next) = after
            .split_once(';')
            .ok_or_else(|| Fault::client("An attribute's value holds a \"&\" that begins no reference."))?;
        pairs.push(&mut out, name)?;
        left = next;
    }
    pairs.interrupt()?;
    push_attribute_text(&mut out, left);
    Ok(Cow::Owned(String::from_utf8(out).expect("made of characters")))
}

fn push_attribute_text(out: &mut Vec<u8>, raw: &str) {
    out.extend(raw.replace("\r\n", " ").bytes().map(|b| if matches!(b, b'\t' | b'\n' | b'\r') { b' ' } else { b }));
}

/// Checks the value of an attribute that means nothing to us.
pub(super) fn check_attribute_value(raw: &str) -> Result<(), Fault> {
    attribute_value(raw).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Result<String, String> {
        let mut out = Vec::new();
        push_raw(&mut out, text, false).map_err(|fault| fault.message)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn references(names: &[&str]) -> Result<String, String> {
        let mut out = Vec::new();
        let mut pairs = Pairs::default();
        for name in names {
            pairs.push(&mut out, name).map_err(|fault| fault.message)?;
        }
        pairs.interrupt().map_err(|fault| fault.message)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn raw_line_ends_become_line_feeds() {
        assert_eq!(raw("a\r\nb\rc\nd\r"), Ok("a\nb\nc\nd\n".into()));
        assert_eq!(raw("\r\r\n\n"), Ok("\n\n\n".into()));
    }

    #[test]
    fn raw_characters_xml_forbids_are_faults_and_others_are_kept() {
        for (text, code, hex) in [
            ("a\u{1}", "U+0001", "1"),
            ("\0", "U+0000", "0"),
            ("\u{b}", "U+000B", "B"),
            ("\u{fffe}", "U+FFFE", "FFFE"),
            ("x\u{ffff}", "U+FFFF", "FFFF"),
        ] {
            assert_eq!(
                raw(text),
                Err(format!("The body holds the raw character {code}, which XML forbids; write it as &#x{hex};."))
            );
        }
        for text in [" \t\n ", "\u{7f}\u{85}\u{a0}", "ｆｕｌｌ\u{fffd}\u{f000}", "a > b ] ]", "😀"] {
            assert_eq!(raw(text), Ok(text.into()));
        }
    }

    #[test]
    fn the_end_of_a_cdata_section_may_not_stand_in_text() {
        assert_eq!(raw("a]]>b"), Err("A text holds \"]]>\", which must be written as \"]]&gt;\".".into()));
        let mut out = Vec::new();
        push_raw(&mut out, "]]>\r\n", true).unwrap();
        assert_eq!(out, b"]]>\n");
    }

    #[test]
    fn the_five_entities_and_every_character_reference_are_known() {
        assert_eq!(references(&["lt", "gt", "amp", "apos", "quot"]), Ok("<>&'\"".into()));
        assert_eq!(
            references(&["#0", "#x0", "#xB", "#xFFFE", "#xd", "#13", "#x00000041"]),
            Ok("\0\0\u{b}\u{fffe}\r\rA".into())
        );
        assert_eq!(references(&["#x1F600", "#128512", "#x10FFFF"]), Ok("😀😀\u{10ffff}".into()));
    }

    #[test]
    fn halves_of_a_surrogate_pair_beside_each_other_are_one_character() {
        assert_eq!(references(&["#xD83D", "#xDE00"]), Ok("😀".into()));
        assert_eq!(references(&["#55357", "#56832"]), Ok("😀".into()));
        for names in [&["#xD83D"][..], &["#xD83D", "lt"], &["#xD83D", "#xD83D"]] {
            assert_eq!(references(names), Err("&#xD83D; is half a surrogate pair, which is no character.".into()));
        }
        assert_eq!(references(&["#xDE00"]), Err("&#xDE00; is half a surrogate pair, which is no character.".into()));
    }

    #[test]
    fn other_references_are_faults() {
        assert_eq!(references(&["nbsp"]), Err("The entity &nbsp; is not one of XML's five.".into()));
        assert_eq!(references(&[""]), Err("The entity &; is not one of XML's five.".into()));
        for name in ["#", "#x", "#X41", "#-1", "#+1", "#1f", "# 1"] {
            assert_eq!(references(&[name]), Err(format!("&{name}; is no character reference.")));
        }
        for name in ["#x110000", "#1114112", "#x100000041", "#99999999999999999999"] {
            assert_eq!(references(&[name]), Err(format!("&{name}; lies beyond the last character, U+10FFFF.")));
        }
    }

    #[test]
    fn attribute_values_are_resolved_and_their_white_space_is_spaces() {
        assert_eq!(attribute_value("a&amp;b\t\r\n&#xA;").unwrap(), "a&b  \n");
        assert_eq!(attribute_value("&#xD83D;&#xDE00;").unwrap(), "😀");
        assert!(attribute_value("&#xD83D;x&#xDE00;").is_err());
        assert!(attribute_value("a & b").is_err());
    }
}
