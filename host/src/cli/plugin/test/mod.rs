//! `speil plugin test`: every fixture of a component, each under the server's own limits; without fixtures every hook against
//! sample data.
//!
//! | question | file |
//! |---|---|
//! | one fixture, from file to what came of it | [`mod@run`] |
//! | the mirror it runs on | [`mirror`] |
//! | is that what was expected; writing it down | [`expect`] |
//! | data where there is no fixture, and at the limits | [`sample`] |
//! | what is printed | [`report`] |
//! | again when a file changes | [`watch`] |

mod expect;
mod mirror;
mod report;
mod run;
mod sample;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use self::report::{Report, Style};
use crate::app;
use crate::cli::CliError;
use crate::cli::output::{print, print_json};
use crate::plugins::trial::{Fixture, Trial};

/// Try a component without a server.
#[derive(Debug, Args)]
#[command(
    after_help = "Each file DIR/*.toml is a test: which hook, what it is told, what the outside answers, what must come of it \
                  (see the author's guide, section Testing). Without any, every hook is run against sample data and must not \
                  trap or reach a limit. The sidecar beside FILE (NAME.toml) is used as in the server.\n\n\
                  Exit code 0 if all is well, 1 if a test fails, 2 if FILE or a fixture cannot be read.\n\n\
                  Examples:\n  speil plugin test mail-domain.wasm\n  \
                  speil plugin test mail-domain.wasm --bless\n  \
                  speil plugin test mail-domain.wasm --limits --json"
)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(in crate::cli) struct TestArgs {
    /// The component, NAME.wasm.
    file: PathBuf,
    /// The folder of fixtures. By default `fixtures` beside FILE, if there is one.
    #[arg(long, value_name = "DIR")]
    fixtures: Option<PathBuf>,
    /// Write into each fixture, as its [expect], what came of it.
    #[arg(long, visible_alias = "update")]
    bless: bool,
    /// Also try what is hard: nothing, NULL everywhere, the widest row, 50,000 rows, hosts that are refused.
    #[arg(long, conflicts_with = "bless")]
    limits: bool,
    /// Run again whenever the component, its sidecar or a fixture changes, until interrupted.
    #[arg(long, conflicts_with_all = ["json", "bless"])]
    watch: bool,
    /// Print JSON: {plugin, digest, tests, failed}.
    #[arg(long)]
    json: bool,
}

/// A fixture and where it came from.
struct Named {
    name: String,
    /// `None`: a sample of ours.
    path: Option<PathBuf>,
    fixture: Result<Fixture, String>,
}

pub(in crate::cli) fn run(args: &TestArgs) -> Result<ExitCode, CliError> {
    if args.watch {
        return watch::run(args);
    }
    once(args)
}

fn once(args: &TestArgs) -> Result<ExitCode, CliError> {
    let report = tested(args)?;
    if args.json {
        print_json(&report.json())?;
    } else {
        print(report.text(Style::of_stdout()))?;
    }
    let unread = report.tests.iter().any(|test| test.unread);
    Ok(ExitCode::from(if unread { 2 } else { u8::from(report.failed() > 0) }))
}

/// Runs everything.
fn tested(args: &TestArgs) -> Result<Report, CliError> {
    let trial = Trial::load(&args.file).map_err(CliError::Usage)?;
    let named = fixtures(args, &trial)?;
    let runtime = app::runtime(4).map_err(|error| CliError::Failed(format!("no threads can be started: {error}")))?;
    let mut tests = Vec::new();
    for one in &named {
        tests.push(run::test(&trial, one, args.bless, &runtime));
    }
    if args.limits {
        tests.extend(sample::limits(&trial, &named, &runtime));
    }
    if tests.is_empty() {
        return Err(CliError::Failed(format!("{} has no hook: there is nothing to test", args.file.display())));
    }
    Ok(Report { plugin: trial.name().to_owned(), digest: trial.digest(), tests })
}

/// The folder of fixtures, if there is one.
fn folder(args: &TestArgs) -> Option<PathBuf> {
    let beside = || args.file.parent().unwrap_or(Path::new("")).join("fixtures");
    args.fixtures.clone().or_else(|| Some(beside()).filter(|folder| folder.is_dir()))
}

fn fixtures(args: &TestArgs, trial: &Trial) -> Result<Vec<Named>, CliError> {
    let files = match folder(args) {
        Some(folder) => fixture_files(&folder).map_err(|error| {
            CliError::Usage(format!("the fixtures in {} cannot be read: {error}", folder.display()))
        })?,
        None => Vec::new(),
    };
    if args.fixtures.is_some() && files.is_empty() {
        return Err(CliError::Usage("the folder of fixtures holds no file NAME.toml".into()));
    }
    if files.is_empty() {
        return Ok(sample::of_every_hook(trial));
    }
    let read = |path: PathBuf| {
        let fixture = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        let fixture = fixture.and_then(|text| Fixture::parse(&text));
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Named { name, path: Some(path), fixture }
    };
    Ok(files.into_iter().map(read).collect())
}

fn fixture_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
