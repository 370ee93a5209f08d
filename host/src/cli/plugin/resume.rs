//! `speil plugin resume`: what was wrong is mended, so that the running host need not wait until it tries by itself.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::running::{self, Answer};
use crate::app;
use crate::cli::output::print;
use crate::cli::{CliError, ConfigArgs};

/// Have a paused plug-in called again.
#[derive(Debug, Args)]
#[command(
    after_help = "Hooks whose failure does not fail the call, and that keep failing, are left alone for 1 min, then 2, up to 15; \
                        then one call tries them. This ends the pause at once, in the running host (its \
                        /plugins/NAME/resume, as [server] listen and admin_token say). A changed file ends it too. What was \
                        left out meanwhile is not made up for.\n\n\
                        Exit code 1 if the host cannot be reached or has no such plug-in.\n\n\
                        Example:\n  speil plugin resume change-feed"
)]
pub(super) struct ResumeArgs {
    /// The plug-in: its file's name without .wasm.
    name: String,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &ResumeArgs) -> Result<ExitCode, CliError> {
    let config = args.config.load()?;
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if args.name.is_empty() || !args.name.chars().all(plain) {
        return Err(CliError::Failed(format!("no plug-in can be called {:?}", args.name)));
    }
    let runtime = app::runtime(1).map_err(|error| CliError::Failed(format!("no threads can be started: {error}")))?;
    let path = format!("/plugins/{}/resume", args.name);
    let answer = runtime
        .block_on(running::ask(&config.server, "POST", &path))
        .map_err(|why| CliError::Failed(format!("the running host cannot be asked: {why}")))?;
    print(text(&args.name, answer)?)?;
    Ok(ExitCode::SUCCESS)
}

fn text(name: &str, answer: Answer) -> Result<String, CliError> {
    let Answer { status, json, words } = answer;
    let resumed = match json {
        Some(Value::Array(resumed)) => resumed,
        _ if status == 404 => {
            return Err(CliError::Failed(format!(
                "the running host has no plug-in {name}; `speil plugin list` shows those it has"
            )));
        }
        _ => return Err(CliError::Failed(words)),
    };
    if resumed.is_empty() {
        return Ok(format!("{name} was not paused"));
    }
    let lines = resumed.iter().map(|one| {
        let function = one["function"].as_str().unwrap_or_default();
        format!("{name}: {function} is called again; {} calls were left out", one["left_out"])
    });
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, json: Option<Value>) -> Result<String, String> {
        text("feed", Answer { status, json, words: "the host says no".into() }).map_err(|error| error.to_string())
    }

    #[test]
    fn what_was_paused_is_said_and_what_cannot_be_done_too() {
        let resumed = serde_json::json!([{ "function": "rows-committed", "left_out": 7 }]);
        assert_eq!(said(200, Some(resumed)), Ok("feed: rows-committed is called again; 7 calls were left out".into()));
        assert_eq!(said(200, Some(serde_json::json!([]))), Ok("feed was not paused".into()));
        assert!(said(404, None).is_err_and(|words| words.contains("the running host has no plug-in feed")));
        assert!(said(403, None).is_err_and(|words| words.contains("the host says no")));
    }
}
