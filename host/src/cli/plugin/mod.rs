//! `speil plugin`: what plug-ins do, what a file is, letting a new version run, and beginning one.

mod approve;
mod inspect;
mod list;
mod new;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::CliError;

/// Look at plug-ins, let new versions run, and begin new ones.
#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show every plug-in: how it is, what it did, its last error.
    List(list::ListArgs),
    /// Let a new version run that asks for more than the one before.
    Approve(approve::ApproveArgs),
    /// Show what a component exports, imports and needs, without running it.
    Inspect(inspect::InspectArgs),
    /// Begin a plug-in: a folder that builds and passes its own test.
    New(new::NewArgs),
}

pub(super) fn run(args: &PluginArgs) -> Result<ExitCode, CliError> {
    match &args.verb {
        Verb::List(args) => list::run(args),
        Verb::Approve(args) => approve::run(args),
        Verb::Inspect(args) => inspect::run(args),
        Verb::New(args) => new::run(args),
    }
}
