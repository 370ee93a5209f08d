//! Versions of a transform exchanged again and again while a tenant is mirrored: no call fails for it, every row is made
//! by exactly one version, and in the end the mirror is what the last version makes of the source.
//!
//! 50 exchanges; `SPEIL_SWAPS=500 cargo test --test plugins_swaps` makes 500.

mod plugins;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use plugins::{another, place};
use speil::config::PluginsConfig;
use speil::task::client::Client;
use speil::task::compare::{Expectation, compare};
use speil::task::cycle::{self, CycleEnd, CycleOptions};
use speil::task::endpoint::Endpoint;
use speil::task::progress::Unwatched;
use speil::task::shape::ShapeOptions;
use speil::task::source::Source;
use speil::task::spelling::Spelling;
use speil_test_guests::TRANSFORMER;
use speil_tests::kit::Host;
use speil_tests::kit::host::{PATH, TENANT, identity};

/// What version a row was made by, twice: both are written by one call of the transform.
const ADDED: [&str; 2] = ["made_a", "made_b"];

/// Adds columns that hold the row's key and the version, to every table.
fn sidecar(source: &Source, version: usize) -> String {
    source.tables().iter().fold("[config]\n".to_owned(), |mut text, table| {
        let (name, key) = (table.name(), table.columns()[0].name());
        let [a, b] = ADDED;
        let lines = [
            ("add", format!("{a} nvarchar(max);{b} nvarchar(max)")),
            ("inputs", key.to_owned()),
            ("outputs", format!("{a},{b}")),
            ("suffix", format!("-v{version}")),
        ];
        for (what, value) in lines {
            writeln!(text, "\"{name}.{what}\" = \"{value}\"").expect("writing to a String cannot fail");
        }
        text
    })
}

struct Expected;

impl Expectation for Expected {
    fn added(&self, _table: &str, column: &str) -> bool {
        ADDED.contains(&column)
    }
}

/// The version that each table was made by; every row of it by that one.
fn versions(file: &str, source: &Source) -> Vec<Option<usize>> {
    let db = rusqlite::Connection::open(file).expect("a SQLite file");
    let version = |table: &speil::task::source::SourceTable| {
        let sql = format!("SELECT \"{}\", made_a, made_b FROM \"{}\"", table.columns()[0].name(), table.name());
        let mut query = db.prepare(&sql).expect("the table is there");
        let rows = query.query_map([], |row| {
            Ok((row.get::<_, rusqlite::types::Value>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        });
        let mut all: Vec<usize> = rows
            .expect("readable")
            .map(|row| {
                let (key, a, b) = row.expect("made by a version: neither is NULL");
                assert_eq!(a, b, "{}: one row by two versions", table.name());
                let (made_of, version) = a.rsplit_once("-v").expect("KEY-vN");
                if let rusqlite::types::Value::Integer(key) = key {
                    assert_eq!(made_of, key.to_string(), "{}", table.name());
                }
                version.parse().expect("a number")
            })
            .collect();
        all.sort_unstable();
        all.dedup();
        assert!(all.len() <= 1, "{}: rows of versions {all:?} in one table after a whole cycle", table.name());
        all.first().copied()
    };
    source.tables().iter().map(version).collect()
}

fn put(folder: &Path, source: &Source, version: usize) {
    let component = if version.is_multiple_of(2) { TRANSFORMER.to_vec() } else { another(TRANSFORMER, "odd") };
    place(folder, "p.wasm", &component);
    place(folder, "p.toml", sidecar(source, version).as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_exchanged_under_load() {
    let swaps: usize = std::env::var("SPEIL_SWAPS").map_or(50, |text| text.parse().expect("a number"));
    let mut source = Source::new(ShapeOptions { seed: 5, tables: 8, rows: 2_000, extras: false });
    let folder = tempfile::tempdir().expect("a folder");
    put(folder.path(), &source, 0);
    let mut host = Host::start_with(|config| config.plugins = PluginsConfig::over(folder.path())).await;
    let endpoint = Endpoint::new(&format!("http://{}{PATH}", host.address), None).expect("a URL");
    let mut client = Client::new(endpoint, identity(TENANT), Spelling::DotNet);
    let options =
        CycleOptions { batch_size: 10_000, batches_per_call: 2, call_bytes: 20_000, ..CycleOptions::default() };

    let done = Arc::new(AtomicUsize::new(0));
    let swapper = {
        let (host, source, folder) = (host.app.plugins.clone(), source.clone(), folder.path().to_owned());
        let done = done.clone();
        tokio::task::spawn_blocking(move || {
            for version in 1..=swaps {
                put(&folder, &source, version);
                assert!(host.reload().expect("readable"), "version {version} is another one");
                assert_eq!(host.list()[0].broken, None);
                done.store(version, Ordering::SeqCst);
            }
        })
    };
    let (mut cycles, mut most) = (0, 0);
    loop {
        let before = done.load(Ordering::SeqCst);
        let report = cycle::run(&mut client, &source, &options, &Unwatched).await;
        assert_eq!((report.problems, report.end), (Vec::new(), CycleEnd::Completed), "cycle {cycles}");
        let place = host.mirror(TENANT).await.place();
        versions(&place, &source);
        cycles += 1;
        most = most.max(done.load(Ordering::SeqCst) - before);
        if before == swaps {
            break;
        }
        source.work(50);
    }
    swapper.await.expect("every exchange went well");

    let report = cycle::run(&mut client, &source, &options, &Unwatched).await;
    assert_eq!((report.problems, report.end), (Vec::new(), CycleEnd::Completed));
    let mirror = host.mirror(TENANT).await;
    let made = versions(&mirror.place(), &source);
    assert!(made.iter().all(|version| version.is_none_or(|version| version == swaps)), "{made:?}");
    assert!(made.iter().flatten().count() > 4, "{made:?}");
    let found = compare(&source, mirror.as_ref(), &Expected, 20).await.expect("readable");
    assert!(found.equal() && found.rows == source.rows(), "{:#?}", found.differences);
    eprintln!("{swaps} exchanges in {cycles} cycles, at most {most} in one");
    assert!(most >= 2, "no cycle saw two exchanges");
    host.stop().await;
}
