//! `speil demo`: the whole thing at work with nothing configured: a folder with keys, a configuration and the example
//! plug-ins in it, a real host on a free port, and the simulated Mirroring Task calling it over HTTP with real tokens.
//! Then what was mirrored, what the plug-ins did, how fast, and whether the mirror equals the source.
//!
//! The folder stays, and everything in it is real: `speil status`, `speil serve` and any SQLite tool work on it.

mod folder;
mod redaction;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use self::folder::Folder;
use self::redaction::Plan;
use self::report::{DemoReport, Work};
use super::CliError;
use super::output::{print, print_json};
use super::task::watch::Bars;
use crate::app::{self, App};
use crate::config::LogFormat;
use crate::http::Server;
use crate::protocol::table_name::TableName;
use crate::store::MirrorDb;
use crate::task::client::Identity;
use crate::task::endpoint::Endpoint;
use crate::task::mirror_place::MirrorPlace;
use crate::task::run::{self, RunOptions};
use crate::task::shape::{REAL_TABLES, ShapeOptions};
use crate::task::source::Source;

/// The simulated tenant.
const TENANT: &str = "Cust10195";
/// Rows that change between the two cycles.
const CHANGES: u64 = 5_000;

/// Mirror a simulated tenant end to end.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 1 if the mirror differs from the source in any cell.\n\nExamples:\n  speil demo\n  \
                        speil demo --rows 1000000\n  speil demo --keep ./demo --json\n  speil demo --plugins ./my-plugins")]
pub(super) struct DemoArgs {
    /// Rows in all tables together.
    #[arg(long, value_name = "N", default_value_t = 220_000)]
    rows: u64,
    /// Tables. As many as a real tenant's by default.
    #[arg(long, value_name = "N", default_value_t = REAL_TABLES)]
    tables: usize,
    /// Put everything into this folder, which must be new or empty, in place of a temporary one.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Run the plug-ins of this folder too, each NAME.wasm with its NAME.toml.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DemoArgs) -> Result<ExitCode, CliError> {
    let quiet = crate::config::LogConfig { format: LogFormat::Text, filter: "error".into() };
    crate::logging::init(&quiet).map_err(CliError::failed)?;
    let shape = ShapeOptions { seed: 1, tables: args.tables, rows: args.rows, extras: true };
    let source = Source::new(shape);
    let plan = Plan::of(&source);
    let folder = Folder::make(args.keep.as_deref(), &plan)?;
    if let Some(own) = &args.plugins {
        folder.add_plugins(own)?;
    }
    let config = folder.config()?;
    let runtime = app::runtime(config.server.max_calls)
        .map_err(|error| CliError::Failed(format!("no threads can be started: {error}")))?;
    let app = {
        let _inside = runtime.enter();
        App::compose(config).map_err(CliError::failed)?
    };
    whole(&app)?;
    let report = runtime.block_on(async {
        let report = mirror(&app, &folder, shape, source, plan).await;
        app.mirrors.close().await;
        report
    })?;
    if args.json {
        print_json(&report)?;
    } else {
        print(report.text())?;
    }
    Ok(if report.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether every plug-in can be used. One that cannot may keep all rows out, and then there is nothing to be shown.
fn whole(app: &App) -> Result<(), CliError> {
    let list = app.plugins.list();
    let broken = list.iter().filter_map(|plugin| Some((plugin.name.as_str(), plugin.broken.as_deref()?)));
    let lines: Vec<String> = broken
        .map(|(name, reason)| format!("plug-in {name} cannot be used, so the demo does not begin: {reason}"))
        .collect();
    if lines.is_empty() { Ok(()) } else { Err(CliError::Failed(lines.join("\n"))) }
}

/// Host and Task in one process, over a socket between them.
async fn mirror(
    app: &App,
    folder: &Folder,
    shape: ShapeOptions,
    source: Source,
    plan: Plan,
) -> Result<DemoReport, CliError> {
    let server = Server::start(app.parts()).await.map_err(CliError::failed)?;
    let application = app.applications.iter().next().ok_or_else(|| CliError::failed("the demo has no application"))?;
    let url = format!("http://{}{}", server.local_addr, application.path());
    let endpoint = Endpoint::new(&url, None).map_err(CliError::failed)?;
    let identity = Identity {
        issuer: folder.issuer.clone(),
        application_id: application.id().to_owned(),
        application_key: application.public_key(),
        tenant: TENANT.into(),
    };
    let plan = Arc::new(plan);
    let mut options = RunOptions::new(endpoint, identity);
    options.shape = shape;
    options.cycles = 2;
    options.changes = CHANGES;
    // A transform of somebody else's makes a mirror that is meant to differ.
    let own_transform = Folder::own_transform(&app.plugins.list());
    options.mirror = own_transform.is_none().then(|| MirrorPlace::file(folder.mirror(TENANT), TENANT));
    options.expectation = plan.clone();
    let ran = run::run_with(options, source, &Bars::new()).await.map_err(CliError::failed);
    // Whatever came of it, nothing is left running.
    let stopped = server.shutdown().await;
    let run = ran?;
    let mut problems = run.problems.clone();
    if stopped.calls_cut_off > 0 {
        problems.push(format!("{} calls were cut off when the host stopped", stopped.calls_cut_off));
    }
    let db = super::target::find_listed(&*app.store, TENANT).await?;
    let indexes = indexes(&*db, &plan, &mut problems).await?;
    let work = Work {
        indexes,
        hashed: plan.count(redaction::Action::Hash),
        blanked: plan.count(redaction::Action::Blank),
        dropped: plan.count(redaction::Action::Drop),
        example: plan.example(),
        plugins: app.plugins.list(),
    };
    Ok(DemoReport {
        folder: folder.path.clone(),
        config: folder.config_file(),
        mirror: db.place(),
        run,
        work,
        own_transform,
        problems,
    })
}

/// How many of the wanted indexes are in the mirror; what is missing is a problem.
async fn indexes(db: &dyn MirrorDb, plan: &Plan, problems: &mut Vec<String>) -> Result<usize, CliError> {
    let mut there = 0;
    for wanted in &plan.indexes {
        let table = TableName::new(wanted.table.as_str()).map_err(CliError::failed)?;
        let indexes = db.indexes(&table).await.map_err(CliError::failed)?;
        if indexes.iter().any(|index| index.name == wanted.name) {
            there += 1;
        } else {
            problems.push(format!("index-manager did not make {} on {}", wanted.name, wanted.table));
        }
    }
    Ok(there)
}
