//! `speil bench sqlserver`: filling and changing a table through the whole path, held against the driver's bare bulk load of the
//! same rows into the same server in transactions of the same size, turn by turn in one run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::place::{Place, Where};
use super::report::{BenchReport, Line};
use super::{bare, table};
use crate::cli::CliError;
use crate::cli::output::{print, print_json, thousands};
use crate::config::LogFormat;
use crate::task::hand::Hand;

/// The share of the bare load that filling is to reach.
const FILL: f64 = 0.8;
/// The same for changes.
const CHANGES: f64 = 0.5;

/// What `speil bench sqlserver` takes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  speil bench sqlserver --config speil.toml\n\n\
                        It makes a database of its own and drops it afterwards. Rows come in calls of 1 MB, as the vendor sends \
                        them, each answered when it is committed; so the bare bulk load that is the limit commits as often: one \
                        load for each call, with that call's rows, over one connection of the same driver.\n\n\
                        Exit codes: 0 every ratio was reached, 1 one was missed or something failed, 2 asked wrongly.")]
pub(super) struct SqlServerArgs {
    /// The configuration, whose section "mirror" says which server [default: speil.toml].
    #[arg(long, short, value_name = "FILE", env = "SPEIL_CONFIG", conflicts_with = "connection")]
    config: Option<PathBuf>,
    /// A connection string, in the place of a configuration.
    #[arg(long, value_name = "TEXT", env = "SPEIL_BENCH_CONNECTION", hide_env_values = true)]
    connection: Option<String>,
    /// Rows of the table.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    rows: u64,
    /// How often each figure is measured; the middle one counts.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=99))]
    rounds: u64,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &SqlServerArgs) -> Result<ExitCode, CliError> {
    let quiet = crate::config::LogConfig { format: LogFormat::Text, filter: "error".into() };
    crate::logging::init(&quiet).map_err(CliError::failed)?;
    let runtime = crate::app::runtime(64).map_err(CliError::failed)?;
    let report = runtime.block_on(async {
        let default = PathBuf::from("speil.toml");
        let at = match &args.connection {
            Some(connection) => Where::Connection(connection),
            None => Where::Config(args.config.as_ref().unwrap_or(&default)),
        };
        let mut place = Place::make(&at).await?;
        let measured = measure(&mut place, args).await;
        // Whatever came of it, the database goes.
        let removed = place.remove().await;
        measured.and_then(|report| removed.map(|()| report))
    })?;
    if args.json {
        print_json(&report)?;
    } else {
        print(report.text())?;
    }
    Ok(if report.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(place: &mut Place, args: &SqlServerArgs) -> Result<BenchReport, CliError> {
    let mut source = table::source(args.rows);
    place.client.authenticate().await.map_err(CliError::failed)?;
    place.client.table_schema(&[source.tables()[0].info()]).await.map_err(CliError::failed)?;
    let (mut bare, mut filled, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    let mut bytes = 0;
    for round in 0..args.rounds {
        let calls = table::Calls::of_fill(&source, &place.client)?;
        bare.push(bare::load(&place.hand, &source.tables()[0], &calls.sizes).await?);
        bytes = calls.bytes;
        place.client.wipe(table::NAME).await.map_err(CliError::failed)?;
        filled.push(table::per_second(calls.rows, calls.make(&place.client).await?));
        all_there(place, args.rows).await?;
        let before = source.version();
        table::change(&mut source, round);
        let calls = table::Calls::of_changes(&source, &place.client, before)?;
        changed.push(table::per_second(calls.rows, calls.make(&place.client).await?));
        all_there(place, source.rows()).await?;
    }
    let against = "bare bulk load, as many commits";
    Ok(BenchReport {
        format: 1,
        setting: format!(
            "{} rows of 14 columns, {} MB on the wire, {} rounds, {} cores; {}",
            thousands(args.rows),
            bytes / 1_000_000,
            args.rounds,
            std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            place.about().await
        ),
        lines: vec![
            Line::rounds("filling a table, whole path", against, "rows/s", &bare, &filled, FILL),
            Line::rounds("changes, whole path", against, "rows/s", &bare, &changed, CHANGES),
        ],
    })
}

/// Rows that were not written were not fast.
async fn all_there(place: &Place, rows: u64) -> Result<(), CliError> {
    let query = format!("SELECT count(*) FROM {}", table::NAME);
    let found = Hand::SqlServer(place.hand.clone()).rows(&query).await.map_err(CliError::failed)?;
    let found = found.into_iter().flatten().flatten().next().unwrap_or_default();
    if found == rows.to_string() {
        return Ok(());
    }
    Err(CliError::Failed(format!("the mirror has {found} rows in the place of {rows}")))
}
