//! `speil plugin list`: asks the host that runs, or else says what the folder holds.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::app;
use crate::cli::output::{ago, print, print_json, table, thousands};
use crate::cli::{CliError, ConfigArgs};
use crate::config::ServerConfig;
use crate::mirror::clock::{Clock, SystemClock};
use crate::plugins::PluginHost;

use super::running;

/// Show every plug-in.
#[derive(Debug, Args)]
#[command(
    after_help = "Asks the running host (its /plugins, as [server] listen and admin_token say). If it cannot be \
                        reached, shows what the plug-in folder holds: without calls and errors.\n\n\
                        State: running, paused (hooks that kept failing are left alone for a while; `speil plugin resume` ends that), outdated (the file \
                        in the folder cannot be used, the version before runs), waiting (for `speil plugin approve`), \
                        broken.\n\nExit code 1 if any is broken.\n\n\
                        Examples:\n  speil plugin list\n  \
                        speil plugin list --json | jq '.plugins[] | {name, state}'"
)]
pub(super) struct ListArgs {
    /// Print JSON: {running, plugins}; each as /plugins shows it. Fields are added, never renamed.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &ListArgs) -> Result<ExitCode, CliError> {
    let mut config = args.config.load()?;
    "error".clone_into(&mut config.log.filter);
    crate::logging::init(&config.log).map_err(CliError::failed)?;
    let runtime = app::runtime(1).map_err(|error| CliError::Failed(format!("no threads can be started: {error}")))?;
    let (plugins, unreachable) = match runtime.block_on(list(&config.server)) {
        Ok(plugins) => (plugins, None),
        Err(why) => {
            let host = PluginHost::look(&config.plugins).map_err(CliError::failed)?;
            (serde_json::to_value(host.list()).map_err(CliError::failed)?, Some(why))
        }
    };
    let list = plugins.as_array().cloned().unwrap_or_default();
    let broken = list.iter().any(|plugin| plugin["state"] == "broken");
    if args.json {
        print_json(&json!({ "running": unreachable.is_none(), "plugins": plugins }))?;
    } else {
        print(text(&list, SystemClock.now()))?;
        if let Some(why) = unreachable {
            print(format_args!("\nThis is what the folder holds; the running host was not asked: {why}"))?;
        }
    }
    Ok(if broken { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// What the running host says.
async fn list(server: &ServerConfig) -> Result<Value, String> {
    let answer = running::ask(server, "GET", "/plugins").await?;
    answer.json.ok_or(answer.words)
}

fn text(plugins: &[Value], now: i64) -> String {
    if plugins.is_empty() {
        return "no plug-ins".into();
    }
    let mut shown = table(["plug-in", "version", "state", "hook", "calls", "errors", "time per call"]);
    let mut remarks = Vec::new();
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    for plugin in plugins {
        let name = word(&plugin["name"]);
        let version: String = word(&plugin["digest"]).chars().take(12).collect();
        let mut first = [name.clone(), version, word(&plugin["state"])];
        let counts = plugin["counts"].as_array().map(Vec::as_slice).unwrap_or_default();
        for count in counts {
            let number = |key: &str| count[key].as_u64().unwrap_or(0);
            let [name, version, state] = std::mem::take(&mut first);
            let each = micros(number("nanos") / number("calls").max(1));
            let (calls, failures) = (thousands(number("calls")), thousands(number("failures")));
            shown.add_row([name, version, state, word(&count["function"]), calls, failures, each]);
        }
        if counts.is_empty() {
            let [name, version, state] = first;
            let hooks = plugin["hooks"].as_array().map(Vec::as_slice).unwrap_or_default();
            let hooks = hooks.iter().map(word).collect::<Vec<_>>().join(", ");
            shown.add_row([name, version, state, hooks, String::new(), String::new(), String::new()]);
        }
        for key in ["broken", "pending"] {
            remarks.extend(
                plugin[key]
                    .as_str()
                    .filter(|_| key != "pending" || plugin["broken"].is_null())
                    .map(|text| format!("{name}: {text}")),
            );
        }
        remarks.extend(plugin["worked_on"].as_str().map(|text| format!("{name}: so far it has worked on {text}")));
        for paused in plugin["paused"].as_array().map(Vec::as_slice).unwrap_or_default() {
            remarks.push(format!(
                "{name}: {} kept failing and is left alone; to be tried again in {} s, {} calls left out",
                word(&paused["function"]),
                paused["seconds"],
                paused["left_out"]
            ));
        }
        if let Some(error) = plugin["last_error"].as_object() {
            let at = error.get("at").and_then(Value::as_i64);
            let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
            remarks.push(format!("{name}: last error {}: {message}", ago(at, now)));
        }
    }
    std::iter::once(shown.to_string()).chain(remarks).collect::<Vec<_>>().join("\n")
}

fn micros(nanos: u64) -> String {
    match nanos {
        0..1_000_000 => format!("{} µs", nanos / 1_000),
        _ => format!("{} ms", nanos / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hook_has_its_line_and_what_is_wrong_a_sentence() {
        let plugins = json!([
            {
                "name": "feed", "state": "paused", "digest": "0123456789abcdef", "broken": null, "pending": null,
                "counts": [
                    { "function": "rows-committed", "calls": 2000, "failures": 10, "nanos": 8_000_000 },
                    { "function": "wiped", "calls": 1, "failures": 0, "nanos": 2_500_000 }
                ],
                "paused": [{ "function": "rows-committed", "seconds": 40, "left_out": 3 }],
                "last_error": { "at": 0, "function": "rows-committed", "message": "plug-in feed: no answer" }
            },
            { "name": "new", "state": "broken", "digest": null, "hooks": ["wiped"], "broken": "new.wasm: rubbish",
              "pending": null, "counts": [], "paused": [], "last_error": null }
        ]);
        let text = text(plugins.as_array().expect("a list"), 60_000);
        for part in [
            "feed: rows-committed kept failing and is left alone; to be tried again in 40 s, 3 calls left out",
            "feed: last error 1 min ago: plug-in feed: no answer",
            "new: new.wasm: rubbish",
            "0123456789ab",
            "2,000",
            "4 µs",
            "2 ms",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert_eq!(text.matches("feed ").count(), 1, "{text}");
    }
}
