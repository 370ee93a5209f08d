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

#[test]
fn every_text_that_sql_server_troubles_are_known_by_is_one_of_the_programs() {
    let mut all = String::new();
    source(&root().join("host/src"), &mut all);
    let all = joined(&all);
    let page = page("docs/sql-server.md");
    for row in page.table_under("## When it does not work") {
        let text = row[0].trim_matches('`');
        assert!(text.len() > 7 && all.contains(text), "the program never says: {text}");
    }
}

/// The statements that an administrator is told to run are those that the program names.
#[test]
fn the_statements_for_administrators_are_those_of_the_program() {
    let mut all = String::new();
    source(&root().join("host/src/store/sqlserver"), &mut all);
    let page = page("docs/sql-server.md");
    for statement in [
        "ALTER SERVER ROLE dbcreator ADD MEMBER",
        "ALTER ROLE dbmanager ADD MEMBER",
        "ALTER ROLE db_owner ADD MEMBER",
        "CREATE USER",
        "CREATE DATABASE",
        "SET READ_COMMITTED_SNAPSHOT ON",
    ] {
        assert!(page.text.contains(statement) && all.contains(statement), "{statement}");
    }
}
