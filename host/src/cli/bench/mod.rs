//! `speil bench`: how fast this machine's limits are and what share of them we reach, both measured in one run.
//!
//! | idea | file |
//! |---|---|
//! | against a SQL Server | [`sqlserver`] |
//! | what plug-ins cost | [`plugins`] |
//! | the table that is mirrored, and calls made ready beforehand | [`table`] |
//! | the limit: the driver's bare bulk load | [`bare`] |
//! | a host of its own in this process, and a database that goes with it | [`place`] |
//! | lines of what, limit, ours and ratio | [`report`] |
//! | this machine over SQLite: options and order of the lines | [`machine`] |
//! | its lines | [`decode`], [`filling`], [`store`], [`large`], [`schema`], [`process`] |
//! | its limit: a plain loop of prepared statements | [`plain`] |
//! | rows in both forms, calls and values | [`work`] |
//! | its hosts: keys and folder, in this process, in one of their own | [`setup`], [`host`], [`child`] |

mod bare;
mod child;
mod decode;
mod filling;
mod host;
mod large;
mod machine;
mod place;
mod plain;
mod plugins;
mod process;
mod report;
mod schema;
mod setup;
mod sqlserver;
mod store;
mod table;
mod work;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::machine::Machine;
use super::output::CliError;

/// Measure this machine's limits and our share of them, in one run.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  speil bench\n  speil bench --only fill --only store --rounds 9\n  \
                  speil bench --full --directory /var/lib/speil --json\n  \
                  speil bench --only huge --call-mb 4000\n\n\
                  Without a subcommand: this machine over SQLite, in a temporary folder, two minutes. With greater sizes it \
                  takes longer; with small ones its figures say little.\n\n\
                  Exit codes: 0 every ratio was reached, 1 one was missed or something failed, 2 asked wrongly."
)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    machine: machine::MachineArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Filling and changing a table in a SQL Server, held against the bare bulk load of the same rows into the same server.
    Sqlserver(sqlserver::SqlServerArgs),
    /// What plug-ins cost, held against the same calls without any.
    Plugins(plugins::PluginsArgs),
}

pub(super) fn run(args: &BenchArgs) -> Result<ExitCode, CliError> {
    match &args.what {
        Some(What::Sqlserver(args)) => sqlserver::run(args),
        Some(What::Plugins(args)) => plugins::run(args),
        None => machine::run(&args.machine),
    }
}
