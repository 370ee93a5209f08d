//! `--watch`: again whenever the component, its sidecar or a fixture changes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime};

use notify::{RecursiveMode, Watcher as _};

use super::{TestArgs, fixture_files, folder, report::Style, tested};
use crate::cli::CliError;
use crate::cli::output::print;

/// A file is whole when nothing has happened for so long.
const QUIET: Duration = Duration::from_millis(200);
/// Where the system does not tell, it is looked this often.
const POLL: Duration = Duration::from_secs(2);

/// What decides the tests: each file with its time and length.
type Stamps = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

pub(super) fn run(args: &TestArgs) -> Result<ExitCode, CliError> {
    let (tell, told) = channel();
    let mut watcher = notify::recommended_watcher(move |_: notify::Result<notify::Event>| {
        // Whatever it was, looking shows.
        let _ = tell.send(());
    })
    .map_err(|error| CliError::Failed(format!("files cannot be watched: {error}")))?;
    let beside = args.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fixtures = beside.join("fixtures");
    for place in [Some(beside.to_owned()), Some(fixtures), args.fixtures.clone()].into_iter().flatten() {
        if place.is_dir() {
            // Where it cannot be told, it is looked at now and then.
            let _ = watcher.watch(&place, RecursiveMode::NonRecursive);
        }
    }
    loop {
        let before = stamps(args);
        match tested(args) {
            Ok(report) => print(report.text(Style::of_stdout()))?,
            Err(error) => print(format_args!("{error}"))?,
        }
        print("\nwatching; interrupt to end")?;
        while stamps(args) == before {
            let _ = told.recv_timeout(POLL);
        }
        // Many changes are one: wait until it is quiet.
        while told.recv_timeout(QUIET).is_ok() {}
    }
}

fn stamps(args: &TestArgs) -> Stamps {
    let mut files = vec![args.file.clone(), args.file.with_extension("toml")];
    files.extend(folder(args).and_then(|folder| fixture_files(&folder).ok()).unwrap_or_default());
    let stamp = |path: PathBuf| {
        let known = std::fs::metadata(&path).ok().and_then(|found| Some((found.modified().ok()?, found.len())));
        (path, known)
    };
    files.into_iter().map(stamp).collect()
}
