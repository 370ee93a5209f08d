//! `speil plugin`: what plug-ins do, what a file is, letting a new version run, beginning one, trying it, and the rows it gets.

mod approve;
mod inspect;
mod list;
mod new;
mod resume;
mod running;
mod test;
mod types;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::CliError;

/// Look at plug-ins, begin new ones, try them, and let new versions run.
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
    /// Try a component without a server: its fixtures, or samples, under the server's limits.
    Test(test::TestArgs),
    /// Write a table's rows as a type of a plug-in's language.
    Types(types::TypesArgs),
    /// Begin a plug-in: a folder that builds and passes its own test.
    New(new::NewArgs),
}

pub(super) fn run(args: &PluginArgs) -> Result<ExitCode, CliError> {
    match &args.verb {
        Verb::List(args) => list::run(args),
        Verb::Approve(args) => approve::run(args),
        Verb::Resume(args) => resume::run(args),
        Verb::Inspect(args) => inspect::run(args),
        Verb::Test(args) => test::run(args),
        Verb::Types(args) => types::run(args),
        Verb::New(args) => new::run(args),
    }
}
