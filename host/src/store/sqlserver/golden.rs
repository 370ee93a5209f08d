//! Every statement this engine sends, written down and read by a T-SQL grammar, without a server.
//!
//! How a file joins: all its statement texts are made by pure functions or constants; it lists them, each under a name, in
//!
//! ```ignore
//! #[cfg(test)]
//! pub(super) fn statements() -> Vec<(&'static str, String)> { ... }
//! ```
//!
//! and stands in [`FILES`]. [`sample`] has tables to make statements for: every type, every default, names that try to break
//! out. `UPDATE_GOLDEN=1 cargo test --lib sqlserver::golden` writes `golden/<file>.sql` anew, which is then read and
//! committed; a listed text that the grammar does not read stands in [`GRAMMAR_LACKS`] with the reason, and is read by the
//! second grammar alone (`.ci/tsql`, which reads all of them). One that no live server of ours has run stands in
//! [`UNVERIFIED`], which docs/sqlserver-statements.md shows.

use std::path::PathBuf;

use sqlparser::dialect::MsSqlDialect;
use sqlparser::parser::Parser;

pub(super) mod sample;

/// A file's statements, each under a name.
type Statements = fn() -> Vec<(&'static str, String)>;

/// The files that send statements.
const FILES: &[(&str, Statements)] = &[
    ("catalog", super::catalog::statements),
    ("ddl", super::ddl::statements),
    ("stage", super::stage::statements),
    ("read", super::read::statements),
];

/// Statements that the Rust grammar cannot read though they are T-SQL: file, name, why.
const GRAMMAR_LACKS: &[(&str, &str, &str)] = &[];

fn place(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/sqlserver/golden").join(format!("{file}.sql"))
}

fn is_update() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// The golden file's text: statements with their names, parted as sqlcmd parts batches.
fn written(statements: &[(&'static str, String)]) -> String {
    let texts: Vec<String> = statements.iter().map(|(name, sql)| format!("-- {name}\n{sql}\nGO\n")).collect();
    texts.join("\n")
}

#[test]
fn every_statement_is_written_down() {
    for (file, statements) in FILES {
        let now = written(&statements());
        let place = place(file);
        if is_update() {
            std::fs::write(&place, &now).unwrap();
        }
        let then = std::fs::read_to_string(&place).unwrap_or_default();
        assert!(
            then == now,
            "{file}: the statements are not those of its golden file. If the change is meant: UPDATE_GOLDEN=1 cargo test --lib \
             sqlserver::golden, and look at the difference.\n--- now ---\n{now}"
        );
    }
}

#[test]
fn names_are_given_once() {
    for (file, statements) in FILES {
        let mut names: Vec<&str> = statements().iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all, "{file}: two statements of one name");
    }
}

#[test]
fn every_statement_is_t_sql() {
    let mut wrong = Vec::new();
    for (file, statements) in FILES {
        for (name, sql) in statements() {
            let excused = GRAMMAR_LACKS.iter().any(|(of, who, _)| (of, who) == (file, &name));
            match Parser::parse_sql(&MsSqlDialect {}, &sql) {
                Ok(_) if excused => wrong.push(format!("{file}/{name}: the grammar reads it, no excuse is needed")),
                Err(error) if !excused => wrong.push(format!("{file}/{name}: {error}\n{sql}")),
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
