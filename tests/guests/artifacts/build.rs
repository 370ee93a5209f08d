//! Builds the tests' plug-ins.

use std::path::Path;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("artifacts stands beside the guests");
    speil_guest_build::build(root, &["recorder", "transformer", "hostile", "mail-domain", "powers"], &["../../wit"]);
}
