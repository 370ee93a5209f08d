//! The server that live tests run against, and how they say that they did not run.

use std::io::Write as _;

/// The connection string of an administrator; `None`, and a line that cannot be overlooked, where no server is named.
pub(super) fn server(asker: &str) -> Option<String> {
    let named = std::env::var("SPEIL_TEST_SQLSERVER").ok().filter(|text| !text.trim().is_empty());
    if named.is_none() {
        skipped(asker, "SPEIL_TEST_SQLSERVER names no server");
    }
    named
}

/// A line that cannot be overlooked: written past the harness, which hides what a passing test prints.
pub(super) fn skipped(asker: &str, why: &str) {
    let line = format!("SKIPPED: SQL Server test {asker}: {why}\n");
    // Whoever closed the stream does not want to know.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
