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

mod bare;
mod place;
mod plugins;
mod report;
mod sqlserver;
mod table;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::output::CliError;

/// Measure this machine's limits and our share of them, in one run.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    what: What,
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
        What::Sqlserver(args) => sqlserver::run(args),
        What::Plugins(args) => plugins::run(args),
    }
}
