//! Every command line that is shown is one, and the command reference is what the program says of itself.

use speil::cli::reference;

use super::markdown::{Block, page, pages};

const REFERENCE: &str = "docs/reference-commands.md";
/// Above the generated part.
const HEAD: &str = "<!-- From here on this page is written by the program: see CONTRIBUTING.md. -->\n";

/// `UPDATE_DOCS=1 cargo test -p speil-tests --test docs_true` writes it anew.
#[test]
fn the_command_reference_is_what_the_program_says() {
    let page = page(REFERENCE);
    let (head, shown) = page.text.split_once(HEAD).expect("the page has a generated part");
    let generated = reference::page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page.path, format!("{head}{HEAD}{generated}")).expect("written");
        return;
    }
    if shown != generated {
        let differs = shown.lines().zip(generated.lines()).find(|(shown, generated)| shown != generated);
        panic!("{REFERENCE} is old, run with UPDATE_DOCS=1; the first line that differs: {differs:?}");
    }
}

#[test]
fn the_command_reference_has_every_verb_and_every_option() {
    let page = page(REFERENCE);
    for (verb, arguments) in reference::verbs() {
        let section = page.text.split_once(&format!("\n## speil {verb}\n")).unwrap_or_else(|| panic!("{verb}")).1;
        let section = section.split("\n## ").next().expect("a section");
        for argument in arguments {
            let is_there = section.lines().any(|line| line.starts_with('|') && line.contains(&argument));
            assert!(is_there, "{verb} {argument}");
        }
    }
    let sections = page.text.lines().filter(|line| line.starts_with("## speil ")).count();
    assert_eq!(sections, reference::verbs().len(), "and no others");
}

/// Commands of a block: continued lines put together, each part of a pipe by itself, in words. Of a unit for systemd
/// only what it starts.
fn commands(block: &Block) -> Vec<Vec<String>> {
    let text = block.text.replace("\\\n", " ");
    text.lines()
        .filter_map(|line| match block.language.as_str() {
            "ini" => line.strip_prefix("ExecStart="),
            _ => Some(line.trim().trim_start_matches("$ ")),
        })
        .flat_map(|line| parts(line).into_iter().map(|part| words(&part)))
        .collect()
}

/// Splits at `|`, `&&` and `;`, and cuts comments off, all outside of quotes.
fn parts(line: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for one in line.chars() {
        let last = parts.last_mut().expect("never empty");
        match (quote, one) {
            (None, '|' | ';' | '&') => parts.push(String::new()),
            (None, '#') if last.is_empty() || last.ends_with(' ') => break,
            (None, '\'' | '"') => {
                quote = Some(one);
                last.push(one);
            }
            (Some(open), _) if open == one => {
                quote = None;
                last.push(one);
            }
            _ => last.push(one),
        }
    }
    parts
}

fn words(part: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for one in part.trim().chars() {
        match (quote, one) {
            (None, ' ') => words.push(String::new()),
            (None, '\'' | '"') => quote = Some(one),
            (Some(open), _) if open == one => quote = None,
            _ => words.last_mut().expect("never empty").push(one),
        }
    }
    let redirected = words.iter().position(|word| word.starts_with('>') || word.starts_with("2>"));
    words.truncate(redirected.unwrap_or(words.len()));
    words.retain(|word| !word.is_empty());
    // Variables set for one command.
    let is_variable = |word: &String| word.split_once('=').is_some_and(|(name, _)| name.chars().all(is_name));
    let begin = words.iter().position(|word| !is_variable(word)).unwrap_or(words.len());
    words.split_off(begin)
}

fn is_name(one: char) -> bool {
    one.is_ascii_uppercase() || one.is_ascii_digit() || one == '_'
}

/// The words for us, where a command runs this program: by its name, by its path, or through cargo.
fn ours(words: &[String]) -> Option<Vec<String>> {
    let program = words.first()?.rsplit(['/', '\\']).next()?;
    if matches!(program, "speil" | "speil.exe") {
        return Some(words.to_vec());
    }
    if program == "cargo" && words.get(1).is_some_and(|verb| verb == "run") {
        let at = words.iter().position(|word| word == "--")?;
        return Some(std::iter::once("speil".to_owned()).chain(words[at + 1..].iter().cloned()).collect());
    }
    None
}

#[test]
fn every_command_line_shown_is_one() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for page in pages() {
        let shells = ["sh", "console", "powershell", "ini", "text"];
        for block in page.blocks().into_iter().filter(|block| shells.contains(&block.language.as_str())) {
            for words in commands(&block).iter().filter_map(|words| ours(words)) {
                seen += 1;
                // What help shows as an example may end in a remark in brackets.
                let words: Vec<String> = words.into_iter().take_while(|word| !word.starts_with('(')).collect();
                if let Err(error) = reference::understands(&words) {
                    wrong.push(format!("{}:{}: {}: {error}", page.name, block.line, words.join(" ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 25, "only {seen} command lines were found");
}

/// In running text a command may be cut short, but its verb and its options are there.
#[test]
fn every_command_named_in_running_text_has_its_verb_and_its_options() {
    let verbs = reference::verbs();
    let mut wrong = Vec::new();
    for page in pages() {
        for (line, span) in page.spans() {
            let Some(words) = ours(&words(span)).filter(|words| words.len() > 1) else { continue };
            let known = |path: &str| verbs.iter().find(|(verb, _)| verb == path);
            let one = words[1].clone();
            let two = words.get(2).map(|second| format!("{one} {second}")).unwrap_or_default();
            let group = verbs.iter().any(|(verb, _)| verb.starts_with(&format!("{one} ")));
            let options: Vec<&String> = words.iter().filter(|word| word.starts_with("--")).collect();
            let fine = match known(&two).or_else(|| known(&one)) {
                Some((_, arguments)) => options.iter().all(|option| arguments.contains(option)),
                None => one.starts_with("--") || (group && options.is_empty() && words.len() == 2),
            };
            if !fine {
                wrong.push(format!("{}:{line}: {span}", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_examples_in_the_programs_own_help_are_command_lines() {
    let generated = reference::page();
    for (verb, _) in reference::verbs() {
        assert!(
            generated.lines().any(|line| line.trim_start().starts_with(&format!("speil {verb}"))),
            "the help of {verb} has no example"
        );
    }
}
