//! `speil bench`: every line of what this machine can do and what we make of it. Limit and ours take turns in one run, since a
//! machine is never as quiet as it seems, and the middle of several rounds counts.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::report::{BenchReport, Line};
use super::setup::Keys;
use super::{decode, filling, large, process, schema, store};
use crate::cli::CliError;
use crate::cli::output::{print, print_json, thousands};
use crate::config::LogFormat;

/// What `speil bench` takes.
#[derive(Debug, Args)]
pub(super) struct MachineArgs {
    /// Rows of the tables that are filled.
    #[arg(long, value_name = "N", default_value_t = 60_000, value_parser = clap::value_parser!(u64).range(400..))]
    rows: u64,
    /// How often each figure is measured; the middle one counts.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=99))]
    rounds: u64,
    /// Rows that the large table grows to.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(4_000..))]
    large_rows: u64,
    /// The same as `--large-rows 10000000`.
    #[arg(long, conflicts_with = "large_rows")]
    full: bool,
    /// Megabytes of the one huge call.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    call_mb: u64,
    /// Tenants that a host knows in the line `tenants`.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    tenants: u64,
    /// How many of them call at once.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    active: u64,
    /// Only these lines; may be given several times.
    #[arg(long, value_enum, value_name = "LINE")]
    only: Vec<Part>,
    /// A folder on the disk to be measured [default: the system's temporary folder].
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// A component of Python with its sidecar beside it, to be one of the plug-ins of the line `start` [default: the sales-summary.wasm
    /// that .ci/languages leaves in the folder $SPEIL_TEST_LANGUAGES, if it is there]
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Lines that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Reading calls.
    Decode,
    /// One tenant and two over HTTP.
    Fill,
    /// The store without anything around it.
    Store,
    /// Growth and changes of a large table.
    Large,
    /// Wide rows and long texts.
    Shapes,
    /// One redacted column.
    Redact,
    /// TableSchema when nothing has changed.
    Schema,
    /// Memory of one huge call.
    Huge,
    /// Memory of many tenants.
    Tenants,
    /// Start to first answer.
    Start,
}

/// What every line needs to know.
pub(super) struct Machine {
    pub rows: u64,
    pub rounds: u64,
    pub large: u64,
    /// Bytes of the one huge call.
    pub call_bytes: u64,
    /// Tenants of the host with many, and how many of them call at once.
    pub tenants: u64,
    pub active: u64,
    pub directory: PathBuf,
    pub keys: Keys,
    /// A component made of Python.
    pub python: Option<PathBuf>,
}

pub(super) fn run(args: &MachineArgs) -> Result<ExitCode, CliError> {
    if args.active > args.tenants {
        let (active, tenants) = (args.active, args.tenants);
        return Err(CliError::Usage(format!("--active {active} cannot be more than --tenants {tenants}")));
    }
    let quiet = crate::config::LogConfig { format: LogFormat::Text, filter: "error".into() };
    crate::logging::init(&quiet).map_err(CliError::failed)?;
    let machine = Machine {
        rows: args.rows,
        rounds: args.rounds,
        large: if args.full { 10_000_000 } else { args.large_rows },
        call_bytes: args.call_mb * 1_000_000,
        tenants: args.tenants,
        active: args.active,
        directory: args.directory.clone().unwrap_or_else(std::env::temp_dir),
        keys: Keys::make()?,
        python: args.python.clone().or_else(built_python),
    };
    let runtime = crate::app::runtime(64).map_err(CliError::failed)?;
    let parts: Vec<Part> = match args.only.as_slice() {
        [] => Part::value_variants().to_vec(),
        some => some.to_vec(),
    };
    let mut lines = Vec::new();
    for part in parts {
        let name = part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let measured = runtime.block_on(measure(&machine, part));
        lines.extend(measured.map_err(|error| CliError::Failed(format!("the line {name:?}: {error}")))?);
    }
    let report = BenchReport { format: 1, setting: setting(&machine), lines };
    if args.json {
        print_json(&report)?;
    } else {
        print(report.text())?;
    }
    Ok(if report.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The example in Python, where it was built for the tests.
fn built_python() -> Option<PathBuf> {
    let folder = std::env::var_os("SPEIL_TEST_LANGUAGES").map(PathBuf::from)?;
    Some(folder.join("sales-summary.wasm")).filter(|file| file.is_file())
}

async fn measure(machine: &Machine, part: Part) -> Result<Vec<Line>, CliError> {
    match part {
        Part::Decode => decode::lines(machine),
        Part::Fill => filling::lines(machine).await,
        Part::Store => store::lines(machine).await,
        Part::Large => large::lines(machine).await,
        Part::Shapes => filling::shapes(machine).await,
        Part::Redact => filling::redacted(machine).await,
        Part::Schema => schema::lines(machine).await,
        Part::Huge => process::huge_call(machine).await,
        Part::Tenants => process::many_tenants(machine).await,
        Part::Start => process::start(machine).await,
    }
}

fn setting(machine: &Machine) -> String {
    format!(
        "speil {} on {} cores, files in {}; {} rows, {} rounds, the middle one counts{}",
        env!("CARGO_PKG_VERSION"),
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        machine.directory.display(),
        thousands(machine.rows),
        machine.rounds,
        if cfg!(debug_assertions) { "; a debug build, whose figures mean little" } else { "" }
    )
}
