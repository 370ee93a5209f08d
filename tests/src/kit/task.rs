//! The Mirroring Task simulator against a test host.

use speil::task::endpoint::Endpoint;
use speil::task::mirror_place::MirrorPlace;
use speil::task::progress::Unwatched;
use speil::task::run::{RunOptions, RunReport};

use super::Host;
use super::host::{PATH, TENANT, identity};

/// Where the host is.
pub fn endpoint(host: &Host) -> Endpoint {
    Endpoint::new(&format!("http://{}{PATH}", host.address), None).expect("a URL")
}

/// A small tenant against the host, compared with its mirror.
pub fn options(host: &Host) -> RunOptions {
    let mut options = RunOptions::new(endpoint(host), identity(TENANT));
    options.shape.tables = 12;
    options.shape.rows = 1_500;
    options.changes = 300;
    let file = host.folder.path().join("mirrors").join(format!("{TENANT}.db"));
    options.mirror = Some(MirrorPlace::file(file, TENANT));
    options
}

/// Tells a scenario with that tenant.
pub async fn tell(host: &Host, name: &str) -> RunReport {
    let mut options = options(host);
    options.scenario = Some(name.to_owned());
    speil::task::run(options, &Unwatched).await.expect("the story can be told")
}
