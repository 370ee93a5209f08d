//! Every statement this engine sends, written down and read by a T-SQL grammar, without a server.
//!
//! How a file joins: all its statement texts are made by pure functions or constants; it lists them, each under a name, in
//!
//! ```ignore
//! #[cfg(test)]
//! pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> { ... }
//! ```
//!
//! and stands in [`FILES`]. [`sample`] has tables to make statements for: every type, every default, names that try to break
//! out. `UPDATE_GOLDEN=1 cargo test --lib sqlserver::golden` writes `golden/<file>.sql` anew, which is then read and
//! committed. Two grammars read the files: a Rust one here, which lacks what [`GRAMMAR_LACKS`] says, and a Python one in
//! `.ci/tsql`, which lacks what its script says; each statement must be read by one of them,
//! but for two that neither knows and `tests/tsql/parse.py` names. What no live server of ours has
//! run stands in [`unverified`], which docs/sqlserver-statements.md shows.

use std::path::PathBuf;

use sqlparser::dialect::MsSqlDialect;
use sqlparser::parser::Parser;

pub(in crate::store::sqlserver) mod sample;
mod unverified;

/// A file's statements, each under a name.
type Statements = fn() -> Vec<(&'static str, String)>;

/// The files that send statements.
const FILES: &[(&str, Statements)] = &[
    ("alter", crate::store::sqlserver::schema::alter::statements),
    ("catalog", crate::store::sqlserver::schema::catalog::statements),
    ("columns", crate::store::sqlserver::mirror::columns::statements),
    ("conn", crate::store::sqlserver::connection::conn::statements),
    ("create", crate::store::sqlserver::place::create::statements),
    ("ddl", crate::store::sqlserver::schema::ddl::statements),
    ("empty", crate::store::sqlserver::mirror::empty::statements),
    ("found", crate::store::sqlserver::place::found::statements),
    ("guest_run", crate::store::sqlserver::guest::run::statements),
    ("guest_users", crate::store::sqlserver::guest::users::statements),
    ("guest_values", crate::store::sqlserver::guest::values::statements),
    ("history", crate::store::sqlserver::mirror::history::statements),
    ("indexes", crate::store::sqlserver::schema::indexes::statements),
    ("known", crate::store::sqlserver::mirror::known::statements),
    ("metadata", crate::store::sqlserver::mirror::metadata::statements),
    ("preview", crate::store::sqlserver::place::preview::statements),
    ("probe", crate::store::sqlserver::place::probe::statements),
    ("quarantine", crate::store::sqlserver::mirror::quarantine::statements),
    ("read", crate::store::sqlserver::rows::read::statements),
    ("session", crate::store::sqlserver::mirror::session::statements),
    ("sets", crate::store::sqlserver::mirror::sets::statements),
    ("side_tables", crate::store::sqlserver::mirror::side_tables::statements),
    ("stage", crate::store::sqlserver::rows::stage::statements),
    ("tables", crate::store::sqlserver::mirror::tables::statements),
];

/// Statements that the Rust grammar cannot read though they are T-SQL: file, name, why. The other grammar reads them all but those
/// that `tests/tsql/parse.py` names.
const GRAMMAR_LACKS: &[(&str, &str, &str)] = &[
    ("create", "create_database_in_elastic_pool", "it knows no options of CREATE DATABASE"),
    ("create", "snapshot_on", "it does not know ALTER DATABASE"),
    ("alter", "drop_statistics", "it does not know DROP STATISTICS"),
    ("alter", "alter_type", ALTER_COLUMN),
    ("alter", "alter_null", ALTER_COLUMN),
    ("alter", "alter_not_null", ALTER_COLUMN),
    ("alter", "alter_key_text", ALTER_COLUMN),
    ("alter", "add_default", ADD_DEFAULT),
    ("alter", "remove_default_babelfish", ADD_DEFAULT),
    ("guest_users", "owner", USER_OPTIONS),
    ("guest_users", "reader", USER_OPTIONS),
    ("guest_users", "grants_to_owner", "it does not know the permission CREATE VIEW"),
    ("guest_users", "grants_to_reader", "it does not know a class of securables"),
    ("guest_users", "become_user", "it does not know EXECUTE AS"),
    ("guest_values", "names", "it does not know a parameter for the number of rows"),
    ("metadata", "over", DELETE_TOP),
    ("metadata", "update", DELETE_TOP),
    ("session", "locks_of_table", CALL_ANSWERS),
    ("session", "locks_of_all", CALL_ANSWERS),
    ("session", "prepare", "it does not know OUTPUT in a call"),
    ("indexes", "create_index_online", "it does not know WITH behind CREATE INDEX"),
    ("indexes", "index_again_clustered", "it does not know CREATE CLUSTERED INDEX"),
];
const ALTER_COLUMN: &str = "it knows PostgreSQL's and standard SQL's way to change a type only";
const USER_OPTIONS: &str = "it does not know a user without a login";
const CALL_ANSWERS: &str = "it does not know that a procedure's answer can be kept";
const DELETE_TOP: &str = "it does not know DELETE TOP";
const ADD_DEFAULT: &str = "it does not know that a default can be added FOR a column";

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
fn what_was_never_run_on_a_live_server_is_in_the_docs() {
    for (file, name, _) in unverified::STATEMENTS {
        let listed = FILES.iter().any(|(of, statements)| of == file && statements().iter().any(|(one, _)| one == name));
        assert!(listed, "{file}/{name} is called unverified and is no statement of the golden files");
    }
    let place = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/sqlserver-statements.md");
    let page = unverified::page(&|file, name| {
        let (_, statements) = FILES.iter().find(|(of, _)| *of == file)?;
        statements().into_iter().find(|(one, _)| *one == name).map(|(_, sql)| sql)
    });
    if is_update() {
        std::fs::write(&place, &page).unwrap();
    }
    let there = std::fs::read_to_string(&place).unwrap_or_default();
    assert!(
        there == page,
        "docs/sqlserver-statements.md is not what golden/unverified.rs says: UPDATE_GOLDEN=1 writes it"
    );
}

#[test]
fn every_statement_is_t_sql() {
    for (file, name, _) in GRAMMAR_LACKS {
        let listed = FILES.iter().any(|(of, statements)| of == file && statements().iter().any(|(one, _)| one == name));
        assert!(listed, "{file}/{name} is excused and is no statement of the golden files");
    }
    let mut wrong = Vec::new();
    for (file, statements) in FILES {
        for (name, sql) in statements() {
            let excused = GRAMMAR_LACKS.iter().any(|(of, one, _)| of == file && *one == name);
            match Parser::parse_sql(&MsSqlDialect {}, &sql) {
                Ok(_) if excused => wrong.push(format!("{file}/{name}: the grammar reads it, no excuse is needed")),
                Err(error) if !excused => wrong.push(format!("{file}/{name}: {error}\n{sql}")),
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
