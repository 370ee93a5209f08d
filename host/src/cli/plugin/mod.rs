//! `speil plugin`: what plug-ins do, what a file is, and letting a new version run.

mod approve;
mod inspect;
mod list;
mod resume;
mod running;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::CliError;

/// Look at plug-ins, and let new versions run.
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
    /// Have a plug-in called again whose hooks kept failing and were paused.
    Resume(resume::ResumeArgs),
    /// Show what a component exports, imports and needs, without running it.
    Inspect(inspect::InspectArgs),
}

pub(super) fn run(args: &PluginArgs) -> Result<ExitCode, CliError> {
    match &args.verb {
        Verb::List(args) => list::run(args),
        Verb::Approve(args) => approve::run(args),
        Verb::Resume(args) => resume::run(args),
        Verb::Inspect(args) => inspect::run(args),
    }
}
