//! `speil bench plugins`: what plug-ins cost, held against the same calls without any, turn by turn in one run.
//!
//! Four hosts in this process, each with mirrors of its own in SQLite files: without plug-ins; with `index-manager`, which hears of every
//! table; with one column redacted; with all columns of the rows passed through a plug-in and back.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::report::{BenchReport, Line, median};
use super::table;
use crate::app::App;
use crate::auth::keys;
use crate::auth::testing::{TokenIssuer, generate_key};
use crate::cli::CliError;
use crate::cli::output::{print, print_json, thousands};
use crate::config::{Config, LogConfig, LogFormat};
use crate::http::{RunningServer, Server};
use crate::protocol::messages::TableSchemaInfo;
use crate::task::client::{Client, Identity};
use crate::task::endpoint::Endpoint;
use crate::task::shape::ShapeOptions;
use crate::task::source::Source;
use crate::task::source::table::{SourceColumn, SourceTable};
use crate::task::spelling::Spelling;

const APPLICATION: &str = "0123456789abcdef0123456789abcdef";
const TENANT: &str = "Bench";
/// What an index plug-in may add to a TableSchema of a real tenant in which nothing has changed.
const ADDED: Duration = Duration::from_millis(2);
/// The share of the rows without plug-ins that is to be left with one redacted column.
const ONE: f64 = 0.9;
/// The same with all columns.
const ALL: f64 = 0.6;

/// What `speil bench plugins` takes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  speil bench plugins\n\n\
                        It needs nothing but a temporary folder, and removes it afterwards.\n\n\
                        Exit codes: 0 every figure was reached, 1 one was missed or something failed, 2 asked wrongly.")]
pub(super) struct PluginsArgs {
    /// Rows of the table that is filled.
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    rows: u64,
    /// How often each figure is measured; the middle one counts.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=99))]
    rounds: u64,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &PluginsArgs) -> Result<ExitCode, CliError> {
    let quiet = LogConfig { format: LogFormat::Text, filter: "error".into() };
    crate::logging::init(&quiet).map_err(CliError::failed)?;
    let runtime = crate::app::runtime(64).map_err(CliError::failed)?;
    let report = runtime.block_on(measure(args))?;
    if args.json {
        print_json(&report)?;
    } else {
        print(report.text())?;
    }
    Ok(if report.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A plug-in with its sidecar.
type Plugin = (&'static str, &'static [u8], String);

async fn measure(args: &PluginsArgs) -> Result<BenchReport, CliError> {
    let source = table::source(args.rows);
    let columns: Vec<&str> = source.tables()[0].columns().iter().map(SourceColumn::name).collect();
    let redactor = |entries: &str| {
        let sidecar = format!("[config]\nsalt = \"of the bench\"\n{entries}");
        Some(("pii-redactor", speil_guest_artifacts::PII_REDACTOR, sidecar))
    };
    // The key passes no plug-in that changes columns: it may not be changed.
    let kept = columns.iter().skip(1).map(|column| format!("\"{}.{column}\" = \"keep\"\n", table::NAME));
    let keys = Keys::make()?;
    let mut without = Bench::start(&keys, None).await?;
    let mut index = Bench::start(&keys, Some(index_manager())).await?;
    let mut one = Bench::start(&keys, redactor(&format!("\"{}.name\" = \"hash\"\n", table::NAME))).await?;
    let mut all = Bench::start(&keys, redactor(&kept.collect::<String>())).await?;

    let (mut unchanged, mut told) = (Vec::new(), Vec::new());
    let tenant = Source::new(ShapeOptions { rows: 2_000, ..ShapeOptions::default() });
    let tables: Vec<TableSchemaInfo> = tenant.tables().iter().map(SourceTable::info).collect();
    for bench in [&mut without, &mut index] {
        // Made now, found unchanged from now on.
        bench.schema(&tables).await?;
    }
    for _ in 0..args.rounds * 4 {
        unchanged.push(without.schema(&tables).await?.as_secs_f64());
        told.push(index.schema(&tables).await?.as_secs_f64());
    }

    let (mut plain, mut redacted, mut passed) = (Vec::new(), Vec::new(), Vec::new());
    let info = [source.tables()[0].info()];
    for bench in [&mut without, &mut one, &mut all] {
        bench.schema(&info).await?;
        // The first fill finds everything cold.
        bench.fill(&source).await?;
    }
    for _ in 0..args.rounds {
        plain.push(without.fill(&source).await?);
        redacted.push(one.fill(&source).await?);
        passed.push(all.fill(&source).await?);
    }
    for bench in [without, index, one, all] {
        bench.stop().await;
    }
    let added = (median(told) - median(unchanged.clone())).max(0.0);
    let against = "no plug-ins";
    Ok(BenchReport {
        format: 1,
        setting: format!(
            "SQLite; {} rows of {} columns; TableSchema of {} tables, {} columns: {:.1} ms without plug-ins; {} rounds, {} cores",
            thousands(args.rows),
            columns.len(),
            tenant.tables().len(),
            thousands(tenant.columns() as u64),
            median(unchanged) * 1e3,
            args.rounds,
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        ),
        lines: vec![
            Line {
                what: "unchanged TableSchema, added by index-manager".into(),
                against: "at most".into(),
                unit: "µs",
                limit: ADDED.as_secs_f64() * 1e6,
                ours: added * 1e6,
                ratio: added / ADDED.as_secs_f64(),
                wanted: 1.0,
                reached: added <= ADDED.as_secs_f64(),
            },
            Line::rounds("filling, one column redacted", against, "rows/s", &plain, &redacted, ONE),
            Line::rounds("filling, all columns through a plug-in", against, "rows/s", &plain, &passed, ALL),
        ],
    })
}

/// Keeps an index of a table there is and hears of all others.
fn index_manager() -> Plugin {
    let sidecar = format!("[config]\n\"{}.ix_bench\" = \"name\"\n", table::NAME);
    ("index-manager", speil_guest_artifacts::INDEX_MANAGER, sidecar)
}

/// Keys of both sides: making them takes longer than most of what is measured.
struct Keys {
    issuer: TokenIssuer,
    application: rsa::RsaPrivateKey,
}

impl Keys {
    fn make() -> Result<Self, CliError> {
        let issuer = TokenIssuer::new(generate_key(2048).map_err(CliError::failed)?);
        Ok(Self { issuer, application: generate_key(2048).map_err(CliError::failed)? })
    }
}

/// A host with at most one plug-in, and its caller.
struct Bench {
    app: App,
    server: RunningServer,
    client: Client,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn start(keys: &Keys, plugin: Option<Plugin>) -> Result<Self, CliError> {
        let folder = tempfile::tempdir().map_err(CliError::failed)?;
        let write =
            |name: PathBuf, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).map_err(CliError::failed);
        let private = keys::write_private_pem(&keys.application).map_err(CliError::failed)?;
        write("signer.pem".into(), keys.issuer.public_key_pem().map_err(CliError::failed)?.as_bytes())?;
        write("private.pem".into(), private.as_bytes())?;
        std::fs::create_dir(folder.path().join("plugins")).map_err(CliError::failed)?;
        if let Some((name, component, sidecar)) = plugin {
            write(format!("plugins/{name}.wasm").into(), component)?;
            write(format!("plugins/{name}.toml").into(), sidecar.as_bytes())?;
        }
        let text = format!(
            "[[application]]\nid = \"{APPLICATION}\"\nenvironment = \"custom\"\nprivate_key = \"private.pem\"\n\
             certificates = [\"signer.pem\"]\n[server]\nlisten = \"127.0.0.1:0\"\n[mirror]\nstore = \"sqlite\"\n\
             directory = \"mirrors\"\n[plugins]\ndirectory = \"plugins\"\n"
        );
        let config = Config::from_text(&text, folder.path(), &BTreeMap::new()).map_err(|problems| {
            CliError::failed(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
        let app = App::compose(config).map_err(CliError::failed)?;
        if let Some(broken) = app.plugins.list().into_iter().find_map(|plugin| plugin.broken) {
            return Err(CliError::Failed(broken));
        }
        let server = Server::start(app.parts()).await.map_err(CliError::failed)?;
        let path = app.applications.iter().next().map(|one| one.path().to_owned()).unwrap_or_default();
        let endpoint = Endpoint::new(&format!("http://{}{path}", server.local_addr), None).map_err(CliError::failed)?;
        let identity = Identity {
            issuer: keys.issuer.clone(),
            application_id: APPLICATION.into(),
            application_key: keys.application.to_public_key(),
            tenant: TENANT.into(),
        };
        let mut client = Client::new(endpoint, identity, Spelling::DotNet);
        client.authenticate().await.map_err(CliError::failed)?;
        Ok(Self { app, server, client, _folder: folder })
    }

    /// How long a TableSchema takes.
    async fn schema(&mut self, tables: &[TableSchemaInfo]) -> Result<Duration, CliError> {
        let began = Instant::now();
        let answer = self.client.table_schema(tables).await.map_err(CliError::failed)?;
        let took = began.elapsed();
        if !answer.successful {
            return Err(CliError::Failed(format!("TableSchema failed: {}", answer.error_message)));
        }
        Ok(took)
    }

    /// Empties the table and fills it: rows per second.
    async fn fill(&mut self, source: &Source) -> Result<f64, CliError> {
        let calls = table::Calls::of_fill(source, &self.client)?;
        self.client.wipe(table::NAME).await.map_err(CliError::failed)?;
        Ok(table::per_second(calls.rows, calls.make(&self.client).await?))
    }

    async fn stop(self) {
        self.server.shutdown().await;
        self.app.mirrors.close().await;
    }
}
