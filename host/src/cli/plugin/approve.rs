//! `speil plugin approve`: an operator has seen what a new version asks for.

use std::process::ExitCode;

use clap::Args;

use super::running;
use crate::app;
use crate::cli::output::print;
use crate::cli::{CliError, ConfigArgs};
use crate::config::ServerConfig;
use crate::plugins::Update;

/// Let a new version run.
#[derive(Debug, Args)]
#[command(
    after_help = "Shows what the version in the plug-in folder asks for beyond the approved one, and writes down \
                        that this very file may run. Of a transform it also says what will be filled anew, \
                        and asks the running host which tables that are. A running host takes it in at once, or within [plugins] \
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
    let tables = update.refills.is_some().then(|| tables(&config.server, &update.name)).transpose()?;
    print(text(&update, tables.as_deref()))?;
    if !args.show {
        update.approve().map_err(CliError::Failed)?;
        print(format_args!("approved: {} may run as it is in the folder now", update.name))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Which tables may be filled anew: what the running host has seen the transform work on.
fn tables(server: &ServerConfig, name: &str) -> Result<String, CliError> {
    let runtime = app::runtime(1).map_err(|error| CliError::Failed(format!("no threads can be started: {error}")))?;
    let answer = runtime.block_on(running::ask(server, "GET", "/plugins"));
    let list = answer.and_then(|answer| answer.json.ok_or(answer.words));
    Ok(match list {
        Ok(list) => {
            let plugins = list.as_array().map(Vec::as_slice).unwrap_or_default();
            let of_this = plugins.iter().find(|plugin| plugin["name"] == name);
            match of_this.and_then(|plugin| plugin["worked_on"].as_str()) {
                Some(worked_on) => format!("so far it has worked on {worked_on}"),
                None => "which tables these are will show with the first cycle: since its start the running host has seen none".into(),
            }
        }
        Err(why) => format!("which tables these are, a running host can tell; none was asked: {why}"),
    })
}

fn text(update: &Update, tables: Option<&str>) -> String {
    let approved = update.approved.as_deref().unwrap_or("none so far");
    let mut lines = vec![format!("approved   {approved}"), format!("in folder  {}", update.digest)];
    lines.extend(update.more.iter().map(|line| format!("+ {line}")));
    lines.extend(update.less.iter().map(|line| format!("- {line}")));
    if update.more.is_empty() {
        lines.push("it asks for nothing that is not approved".into());
    }
    lines.extend(update.refills.clone());
    lines.extend(tables.map(str::to_owned));
    lines.join("\n")
}
