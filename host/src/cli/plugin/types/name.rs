//! Names of tables and columns made legal in a language.

use std::collections::HashSet;

use super::write::Lang;

const RUST: &str = "as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in let \
                    loop macro match mod move mut override priv pub ref return self static struct super trait true try type \
                    typeof unsafe unsized use virtual where while yield abstract";
const JS: &str = "arguments await break case catch class const continue debugger default delete do else enum eval export extends false \
                  finally for function if implements import in instanceof interface let new null package private protected public return \
                  static super switch this throw true try typeof var void while with yield";
const PYTHON: &str = "False None True and as assert async await break class continue def del elif else except finally for from global if \
                      import in is lambda nonlocal not or pass raise return try while with yield COLUMNS rows cls self";
const C: &str = "alignas alignof auto bool break case char const constexpr continue default do double else enum extern false float for \
                 goto if inline int long nullptr register restrict return short signed sizeof static static_assert struct switch \
                 thread_local true typedef typeof typeof_unqual union unsigned void volatile while";

/// Names of fields, in order: legal, no keyword, no two alike.
pub(super) fn fields<'a>(names: impl Iterator<Item = &'a str>, lang: Lang) -> Vec<String> {
    let mut taken = HashSet::new();
    names
        .map(|name| {
            // Field names are in small letters where the language wants them so.
            let plain = plain(name);
            let word = if lang == Lang::Js { plain } else { plain.to_lowercase() };
            let mut field = legal(&word, lang);
            let mut number = 2;
            while !taken.insert(field.clone()) {
                field = legal(&format!("{word}_{number}"), lang);
                number += 1;
            }
            field
        })
        .collect()
}

/// A type's name: `ej_user` as `EjUser`.
pub(super) fn type_name(table: &str) -> String {
    let mut name = String::new();
    for word in plain(table).split('_').filter(|word| !word.is_empty()) {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.extend(letters);
    }
    if name.starts_with(|letter: char| !letter.is_ascii_alphabetic()) || name.is_empty() {
        name.insert_str(0, "Table");
    }
    // The only keyword with a capital letter that is the name of no value.
    if name == "Self" { "SelfRow".into() } else { name }
}

/// Letters, digits and `_` of ASCII; everything else is `_`.
pub(super) fn plain(name: &str) -> String {
    let mut plain: String = name.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '_' }).collect();
    if plain.starts_with(|one: char| one.is_ascii_digit()) {
        plain.insert(0, '_');
    }
    if plain.chars().all(|one| one == '_') { format!("column{plain}") } else { plain }
}

fn legal(word: &str, lang: Lang) -> String {
    let keywords = match lang {
        Lang::Rust => RUST,
        Lang::Js => JS,
        Lang::Python => PYTHON,
        Lang::C => C,
    };
    if !keywords.split_whitespace().any(|keyword| keyword == word) {
        return word.to_owned();
    }
    // These cannot be written raw.
    let is_raw = lang == Lang::Rust && !matches!(word, "self" | "super" | "crate");
    if is_raw { format!("r#{word}") } else { format!("{word}_") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_legal_and_stay_apart() {
        let names = ["type", "Type", "self", "a b", "a_b", "2nd", "å", "", "class", "int"];
        let fields = |lang| fields(names.into_iter(), lang).join(" ");
        assert_eq!(fields(Lang::Rust), "r#type type_2 self_ a_b a_b_2 _2nd column_ column class int");
        assert_eq!(fields(Lang::Js), "type Type self a_b a_b_2 _2nd column_ column class_ int");
        assert_eq!(fields(Lang::Python), "type type_2 self_ a_b a_b_2 _2nd column_ column class_ int");
        assert_eq!(fields(Lang::C), "type type_2 self a_b a_b_2 _2nd column_ column class int_");
    }

    #[test]
    fn types_are_named_after_their_tables() {
        let names: Vec<String> = ["person", "ej_user", "2nd", "å", "self", "Sale"].map(type_name).to_vec();
        assert_eq!(names, ["Person", "EjUser", "Table2nd", "Column", "SelfRow", "Sale"]);
    }
}
