//! Ten plug-ins whose code is in the cache, one of them Python and one JavaScript, start quickly.

use std::path::Path;
use std::time::{Duration, Instant};

use speil::config::PluginsConfig;
use speil::plugins::PluginHost;

use super::built;

/// The figure counts in a release build on a quiet machine.
#[test]
fn ten_cached_plug_ins_one_of_them_python_start_quickly() {
    let Some(built) = built() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, from: &Path| {
        for ending in ["wasm", "toml"] {
            let source = from.with_extension(ending);
            std::fs::copy(&source, folder.path().join(format!("{name}.{ending}"))).expect("built");
        }
    };
    put("sales-summary", &built.join("sales-summary"));
    put("fresh-js", &built.join("fresh-js"));
    for number in 0..8 {
        put(&format!("p{number}"), &built.join(["row-filter", "fresh-c", "fresh-rust"][number % 3]));
    }
    let compiled = load(folder.path());
    let cached = (0..5).map(|_| load(folder.path())).min().expect("five");
    eprintln!(
        "ten plug-ins, one of them Python, one JavaScript: compiled in {compiled:?}, from the cache in {cached:?}"
    );
    assert!(cached < compiled, "{cached:?} is no less than {compiled:?}");
}

fn load(folder: &Path) -> Duration {
    let begun = Instant::now();
    let host = PluginHost::load(&PluginsConfig::over(folder)).expect("an engine");
    let took = begun.elapsed();
    let broken: Vec<String> = host.list().into_iter().filter_map(|plugin| plugin.broken).collect();
    assert_eq!((host.list().len(), broken), (10, Vec::new()));
    took
}
