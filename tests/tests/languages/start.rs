//! Ten plug-ins whose code is in the cache, one of them Python and one JavaScript, start quickly.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use speil::plugins::PluginHost;

/// The two with a language's runtime, and those of which the rest are copies.
pub const NEEDED: [&str; 5] = ["sales-summary", "fresh-js", "row-filter", "fresh-c", "fresh-rust"];

/// What an optimised build on two quiet processors keeps to; compiling takes a thousand times as long.
const LIMIT: Duration = Duration::from_millis(100);

pub async fn quickly(built: PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..10 {
        let from = built.join(NEEDED.get(number).unwrap_or(&NEEDED[2 + number % 3]));
        for ending in ["wasm", "toml"] {
            let to = folder.path().join(format!("p{number}.{ending}"));
            std::fs::copy(from.with_extension(ending), to).expect("built");
        }
    }
    // The plug-ins are tried on threads of their own.
    let loaded = tokio::task::spawn_blocking(move || {
        load(folder.path());
        let mut times: Vec<Duration> = (0..9).map(|_| load(folder.path())).collect();
        times.sort_unstable();
        (times[0], times[4])
    });
    let (best, usual) = loaded.await.expect("no panic");
    println!("ten cached plug-ins, one of them Python, one JavaScript, start in {usual:?}, at best in {best:?}");
    let limit = if cfg!(debug_assertions) { LIMIT * 50 } else { LIMIT };
    assert!(best < limit, "{best:?} is more than {limit:?}");
}

fn load(folder: &Path) -> Duration {
    let begun = Instant::now();
    let host = PluginHost::load(&super::plugins(folder)).expect("an engine");
    let took = begun.elapsed();
    let broken: Vec<String> = host.list().into_iter().filter_map(|plugin| plugin.broken).collect();
    assert_eq!((host.list().len(), broken), (10, Vec::new()));
    took
}
