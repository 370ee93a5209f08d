//! What no live server of ours has run: the tests run against Babelfish, which lacks some of SQL Server. Listed by hand, shown by
//! docs/sqlserver-statements.md.

use std::fmt::Write;

/// The server that everything else was run on.
const TESTED_ON: &str = "Babelfish 4.x, a PostgreSQL that speaks SQL Server's protocol";

const NULLABILITY: &str = "Babelfish refuses NULL and NOT NULL in ALTER COLUMN";
const NO_DEFAULT_NAMES: &str = "in Babelfish a default is not a constraint, so the engine drops none by name there";

const NO_GUESTS: &str = "Babelfish has no users without a login, no DENY and no EXECUTE AS USER";

/// Golden file, statement, why.
pub(super) const STATEMENTS: &[(&str, &str, &str)] = &[
    ("alter", "alter_null", NULLABILITY),
    ("alter", "alter_not_null", NULLABILITY),
    ("alter", "alter_key_text", "Babelfish refuses COLLATE in ALTER COLUMN"),
    ("alter", "drop_constraint", NO_DEFAULT_NAMES),
    ("alter", "statistics", "Babelfish has no sys.stats_columns; the engine does not ask there"),
    ("alter", "drop_statistics", "Babelfish has no statistics that somebody made"),
    ("create", "create_database_in_elastic_pool", "Azure's alone; no T-SQL grammar at hand reads it either"),
    ("create", "snapshot_on", "Babelfish does not know READ_COMMITTED_SNAPSHOT: its readers never block"),
    (
        "indexes",
        "create_index_online",
        "accepted by Babelfish, which does nothing about ONLINE; its edition never asks for it",
    ),
    ("guest_users", "role", NO_GUESTS),
    ("guest_users", "owner", NO_GUESTS),
    ("guest_users", "reader", NO_GUESTS),
    ("guest_users", "owner_in_role", NO_GUESTS),
    ("guest_users", "reader_in_role", NO_GUESTS),
    ("guest_users", "schema", NO_GUESTS),
    ("guest_users", "grants_to_owner", NO_GUESTS),
    ("guest_users", "grants_to_reader", NO_GUESTS),
    ("guest_users", "grants_on_tables", NO_GUESTS),
    ("guest_users", "grant_taken_back", NO_GUESTS),
    ("guest_users", "become_user", NO_GUESTS),
    ("guest_users", "who_am_i", NO_GUESTS),
];

/// What is not a statement alone: feature, why.
const FEATURES: &[(&str, &str)] = &[
    ("the limits of 900 and 1,700 bytes of a key, and rows of more than 8,060 bytes", "Babelfish has other limits"),
    (
        "names of tables and columns that change their case: the statements were run, but Babelfish keeps lower case only",
        "Babelfish has no spelling to change",
    ),
    ("that the permissions of plug-ins' users keep out what they must, and how statements are run as them", NO_GUESTS),
    ("falling back from ONLINE when the server refuses it", "no server of ours refuses it"),
    ("names that differ by case only in a database whose collation tells case apart", "Babelfish's databases do not"),
    (
        "columns of the vendor's tables that nobody can write (computed, identity, rowversion): such a table is made anew",
        "no table of the vendor's was at hand",
    ),
];

/// The page; `statement` gives a golden statement's text.
pub(super) fn page(statement: &dyn Fn(&str, &str) -> Option<String>) -> String {
    let mut page = format!(
        "# SQL Server: what was never run on a live server\n\n\
         The engine's tests run against {TESTED_ON}; no Microsoft server was at hand. Every statement that the engine sends is \
         written down in `host/src/store/sqlserver/golden/` and read by T-SQL grammars, but those below were not run, because \
         Babelfish lacks them. This page is written by a test (`UPDATE_GOLDEN=1 cargo test --lib sqlserver::golden`) from \
         `golden/unverified.rs`.\n\n## Statements\n"
    );
    for (file, name, why) in STATEMENTS {
        let sql = statement(file, name).unwrap_or_default();
        write!(page, "\n`{file}.sql`, {name}: {why}.\n\n```sql\n{sql}\n```\n")
            .expect("writing to a string cannot fail");
    }
    page.push_str("\n## Features\n\n| feature | why not |\n|---|---|\n");
    for (feature, why) in FEATURES {
        writeln!(page, "| {feature} | {why} |").expect("writing to a string cannot fail");
    }
    page
}
