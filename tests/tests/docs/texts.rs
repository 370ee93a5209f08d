//! The operator's guide quotes the program, and quotes it right.

use std::path::Path;

use super::markdown::{page, root};

/// All source, texts that go over several lines put together.
fn source(folder: &Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            source(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push_str(&std::fs::read_to_string(&path).expect("source is text").replace("\r\n", "\n"));
        }
    }
}

fn joined(text: &str) -> String {
    let mut parts = text.split("\\\n");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| whole + part.trim_start())
}

#[test]
fn every_text_in_the_troubleshooting_table_is_one_of_the_programs() {
    let mut all = String::new();
    source(&root().join("host/src"), &mut all);
    let all = joined(&all);
    let guide = page("docs/operators-guide.md");
    let mut quoted = 0;
    let mut wrong = Vec::new();
    for row in guide.table_under("## Troubleshooting") {
        for text in row[1].split('`').skip(1).step_by(2) {
            for piece in text.split('…').map(str::trim).filter(|piece| piece.len() > 7) {
                quoted += 1;
                if !all.contains(piece) {
                    wrong.push(piece.to_owned());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "the program never says:\n{}", wrong.join("\n"));
    assert!(quoted > 25, "only {quoted} texts were found");
}
