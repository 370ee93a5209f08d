//! The example plug-ins that are not Rust, and what `speil plugin new` makes in each language, in a real host.
//!
//! They are built by other languages' tools, so not by cargo: `guest-examples/build-others` builds them into a folder and names it in the variable
//! `SPEIL_TEST_LANGUAGES`. Without it nothing is tested here, and a line says so.

#[path = "languages/change_feed.rs"]
mod change_feed;
#[path = "languages/fresh.rs"]
mod fresh;
#[path = "languages/mirrored.rs"]
mod mirrored;
#[path = "languages/receiver.rs"]
mod receiver;
#[path = "languages/row_filter.rs"]
mod row_filter;
#[path = "languages/sales_summary.rs"]
mod sales_summary;
#[path = "languages/start.rs"]
mod start;

use std::io::Write as _;
use std::path::PathBuf;

/// The folder of components, if one is named.
fn built() -> Option<PathBuf> {
    let folder = std::env::var_os("SPEIL_TEST_LANGUAGES").map(PathBuf::from);
    if folder.is_none() {
        // Past the test runner, which keeps what a passing test prints.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: plug-ins of other languages: SPEIL_TEST_LANGUAGES names no folder; guest-examples/build-others makes one"
        );
    }
    // A test runs in its package's folder, the variable is set in the repository's.
    folder.map(|folder| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(folder))
}
