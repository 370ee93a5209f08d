//! `speil plugin approve`: an operator has seen what a new version asks for.

use std::process::ExitCode;

use clap::Args;

use crate::cli::output::print;
use crate::cli::{CliError, ConfigArgs};
use crate::plugins::Update;

/// Let a new version run.
#[derive(Debug, Args)]
#[command(
    after_help = "Shows what the version in the plug-in folder asks for beyond the approved one, and writes down \
                        that this very file may run. A running host takes it in at once, or within [plugins] \
                        poll_interval. Run it under the account of the host.\n\n\
                        Examples:\n  speil plugin approve change-feed --show\n  speil plugin approve change-feed"
)]
pub(super) struct ApproveArgs {
    /// The plug-in: its file's name without .wasm.
    name: String,
    /// Only show the difference.
    #[arg(long)]
    show: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &ApproveArgs) -> Result<ExitCode, CliError> {
    let config = args.config.load()?;
    let update = Update::of(&config.plugins, &args.name).map_err(CliError::Failed)?;
    print(text(&update))?;
    if !args.show {
        update.approve().map_err(CliError::Failed)?;
        print(format_args!("approved: {} may run as it is in the folder now", update.name))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(update: &Update) -> String {
    let approved = update.approved.as_deref().unwrap_or("none so far");
    let mut lines = vec![format!("approved   {approved}"), format!("in folder  {}", update.digest)];
    lines.extend(update.more.iter().map(|line| format!("+ {line}")));
    lines.extend(update.less.iter().map(|line| format!("- {line}")));
    if update.more.is_empty() {
        lines.push("it asks for nothing that is not approved".into());
    }
    lines.extend(update.refills.clone());
    lines.join("\n")
}
