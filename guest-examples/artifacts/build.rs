//! Builds the example plug-ins.

use std::path::Path;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("artifacts stands beside the examples");
    speil_guest_build::build(root, &["index-manager", "pii-redactor", "connection-router"], &["../wit"]);
}
