//! Text as .NET writes it, so that .NET reads back exactly what it was: CR and the characters XML 1.0 forbids as
//! references, tabs and line feeds raw.

use std::fmt::Write as _;

/// Appends a text as an element's content.
pub(crate) fn push_text(out: &mut String, text: &str) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let (replacement, len) = match byte {
            b'<' => ("&lt;", 1),
            b'>' => ("&gt;", 1),
            b'&' => ("&amp;", 1),
            b'\t' | b'\n' => continue,
            0..=0x1F => ("", 1),
            0xEF if bytes[at..].starts_with(b"\xEF\xBF\xBE") => ("&#xFFFE;", 3),
            0xEF if bytes[at..].starts_with(b"\xEF\xBF\xBF") => ("&#xFFFF;", 3),
            _ => continue,
        };
        out.push_str(&text[done..at]);
        if replacement.is_empty() {
            write!(out, "&#x{byte:X};").expect("writing to a String does not fail");
        } else {
            out.push_str(replacement);
        }
        done = at + len;
    }
    out.push_str(&text[done..]);
}

/// Appends a text as an attribute's value between double quotes.
pub(crate) fn push_attribute(out: &mut String, text: &str) {
    let mut escaped = String::with_capacity(text.len());
    push_text(&mut escaped, text);
    for c in escaped.chars() {
        match c {
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            c => out.push(c),
        }
    }
}

/// Appends `<name>text</name>`, or `<name/>` for an empty text.
pub(crate) fn push_element(out: &mut String, name: &str, text: &str) {
    if text.is_empty() {
        push_empty(out, name);
        return;
    }
    push_start(out, name);
    push_text(out, text);
    push_end(out, name);
}

/// Appends `<name>`.
pub(crate) fn push_start(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
}

/// Appends `</name>`.
pub(crate) fn push_end(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Appends `<name/>`.
pub(crate) fn push_empty(out: &mut String, name: &str) {
    out.push('<');
    out.push_str(name);
    out.push_str("/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> String {
        let mut out = String::new();
        push_text(&mut out, text);
        out
    }

    #[test]
    fn text_is_written_as_net_writes_it() {
        assert_eq!(text("a\r\nb\tc"), "a&#xD;\nb\tc");
        assert_eq!(
            text("\0\u{1}\u{b}\u{1f}\u{fffe}\u{ffff}\u{fffd}\u{7f}"),
            "&#x0;&#x1;&#xB;&#x1F;&#xFFFE;&#xFFFF;\u{fffd}\u{7f}"
        );
        assert_eq!(text("<b> & ]]> 'c' \"d\" 😀 "), "&lt;b&gt; &amp; ]]&gt; 'c' \"d\" 😀 ");
    }

    #[test]
    fn attributes_keep_quotes_and_line_ends_as_references() {
        let mut out = String::new();
        push_attribute(&mut out, "a\"b\n<\r>");
        assert_eq!(out, "a&quot;b&#xA;&lt;&#xD;&gt;");
    }
}
