//! Texts of a CRM's many users: names and notes in many languages, and everything else people paste into fields.

use super::dice::Dice;

/// Short texts of many scripts.
const WORDS: &[&str] = &[
    "møte",
    "avtale",
    "årsrapport",
    "kjøp",
    "Ærø",
    "Ødegård",
    "blåbær",
    "kontrakt",
    "oppfølging",
    "tilbud",
    "faktura",
    "meeting",
    "quarterly",
    "follow-up",
    "invoice",
    "proposal",
    "renewal",
    "customer",
    "O'Brien",
    "Smith & Sons",
    "größe",
    "Straße",
    "Überprüfung",
    "façade",
    "crème brûlée",
    "Peña",
    "niño",
    "São Paulo",
    "łódź",
    "žluťoučký",
    "Привет",
    "договор",
    "счёт",
    "Москва",
    "Київ",
    "Αθήνα",
    "συμφωνία",
    "会議",
    "東京",
    "契約書",
    "合同",
    "北京",
    "회의",
    "서울",
    "계약",
    "مرحبا",
    "عقد",
    "القاهرة",
    "שלום",
    "חוזה",
    "สวัสดี",
    "สัญญา",
    "नमस्ते",
    "अनुबंध",
    "Việt Nam",
    "ﬁnance",
    "naïve",
    "e\u{301}te\u{301}",
    "n\u{303}",
    "İstanbul",
    "ıspanak",
    "ß",
    "👍",
    "🎉",
    "👩‍👩‍👧‍👦",
    "🇳🇴",
    "𝒳",
    "𠮷野家",
    "€",
    "™",
];

/// Texts that break what is written carelessly. Every one is legal in an `nvarchar` column.
pub const AWKWARD: &[&str] = &[
    "",
    " ",
    "   ",
    "  leading",
    "trailing  ",
    "\ttab\t",
    "\n",
    "\r",
    "\r\n",
    "line one\r\nline two\r\n",
    "old\rmac",
    "[I:5] not a number",
    "[I:5]",
    "[DT:05/18/2020 10:40:43.0000000]",
    "[B:AAAA]",
    "[S:",
    "[]",
    "NULL",
    "null",
    "\u{1}",
    "vertical\u{b}tab",
    "form\u{c}feed",
    "nul\u{0}inside",
    "\u{1b}[31mred",
    "\u{fffe}",
    "\u{ffff}end",
    "\u{7f}",
    "\u{85}next line",
    "\u{2028}separator",
    "\u{feff}bom",
    "👍 𠮷 beyond the basic plane",
    "]]>",
    "<b>&amp;</b>",
    "<![CDATA[x]]>",
    "<!-- -->",
    "&#x0;",
    "\"double\" 'single'",
    "it's; DROP TABLE contact;--",
    "`tick` [bracket]",
    "%s %d {0} ${x}",
    "C:\\path\\file",
    "a\u{a0}b",
    "e\u{301}",
    "é",
    "ZWJ\u{200d}",
    "\u{202e}rtl",
    "1760-01-01 00:00:00",
    "0",
    "-1",
    "1e3",
    "true",
];

/// A text of at most `units` UTF-16 code units, usually far shorter.
pub fn text(dice: &mut Dice, units: usize) -> String {
    if dice.once_in(20) {
        return cut(dice.pick(AWKWARD), units);
    }
    let mut words = match dice.below(400) {
        0 => 600 + dice.below(1_400),
        1..=4 => 60 + dice.below(200),
        5..=60 => 8 + dice.below(20),
        _ => 1 + dice.below(4),
    };
    let mut text = String::new();
    while words > 0 && text.len() < 20_000 {
        if !text.is_empty() {
            text.push(if dice.once_in(30) { '\n' } else { ' ' });
        }
        text.push_str(dice.pick(WORDS));
        words -= 1;
    }
    if (1_000..=4_000).contains(&units) && dice.once_in(300) {
        // Exactly full: off-by-one errors live here.
        while text.len() < units * 4 {
            text.push_str("fylt ");
            text.push_str(dice.pick(WORDS));
        }
    }
    cut(&text, units)
}

/// A text for a column of a code page: what every one of them has.
pub fn ascii(dice: &mut Dice, len: usize) -> String {
    const PARTS: &[&str] =
        &["A-104", "pending", "north", "B/2", "ref 77", "x", "", " padded ", "OK", "n/a", "O'Neil", "<none>"];
    let mut text = dice.pick(PARTS).to_owned();
    if dice.once_in(8) {
        text.push_str(&" more".repeat(dice.index(40)));
    }
    text.truncate(len);
    text
}

/// The text cut to so many UTF-16 code units, never inside a character.
fn cut(text: &str, units: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|c| {
            used += c.len_utf16();
            used <= units
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{cut, text};
    use crate::task::dice::Dice;

    #[test]
    fn a_text_never_outgrows_its_column_and_is_never_cut_inside_a_character() {
        assert_eq!(cut("a👍b", 2), "a");
        assert_eq!(cut("a👍b", 3), "a👍");
        for n in 0..3_000 {
            let mut dice = Dice::named(&[n]);
            assert!(text(&mut dice, 12).encode_utf16().count() <= 12);
        }
    }

    #[test]
    fn long_texts_empty_ones_and_control_characters_all_come_up() {
        let texts: Vec<String> = (0..6_000).map(|n| text(&mut Dice::named(&[n]), usize::MAX)).collect();
        assert!(texts.iter().any(|t| t.len() > 5_000));
        assert!(texts.iter().any(String::is_empty));
        assert!(texts.iter().any(|t| t.contains('\u{b}')));
        assert!(texts.iter().any(|t| t.contains("\r\n")));
        assert!(texts.iter().any(|t| t == "[I:5] not a number"));
    }
}
