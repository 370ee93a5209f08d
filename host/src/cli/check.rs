//! `speil check`: everything `serve` needs, looked at one by one, each with how to mend it. Nothing stops at the first
//! trouble, and nothing is left behind.

use std::process::ExitCode;
use std::slice;

use clap::Args;

use super::output::{print, print_json};
use super::{CliError, ConfigArgs};
use crate::app;
use crate::auth::Applications;
use crate::config::{ApplicationConfig, Config, LogConfig, LogFormat, ServerConfig};
use crate::http::health::{self, CheckLine};
use crate::http::tls;
use crate::plugins::PluginHost;
use crate::store::Store;

/// Look at everything a host needs.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 1 if anything would fail.\n\nExamples:\n  speil check\n  speil check --takeover\n  \
                        speil check --json | jq '.[] | select(.ok | not)'")]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Tell table by table what taking over the mirrors of the vendor's package would do.
    #[arg(long)]
    takeover: bool,
    /// Print a JSON array of {what, ok, found, mend}.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode, CliError> {
    let quiet = LogConfig { format: LogFormat::Text, filter: "error".into() };
    crate::logging::init(&quiet).map_err(CliError::failed)?;
    let lines = match Config::load(&args.config.config) {
        Ok(config) => look(&config, args.takeover)?,
        Err(error) => vec![CheckLine::failed(
            "configuration",
            error.to_string(),
            "mend the file; `speil keygen` makes a key pair, docs/ has a whole example",
        )],
    };
    if args.json {
        print_json(&lines)?;
    } else {
        print(render(&lines))?;
    }
    Ok(if lines.iter().all(|line| line.ok) { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn look(config: &Config, every_table: bool) -> Result<Vec<CheckLine>, CliError> {
    let runtime = app::runtime(1).map_err(|error| CliError::Failed(format!("no threads can be started: {error}")))?;
    let _inside = runtime.enter();
    let mut lines = vec![CheckLine::ok("configuration", "understood")];
    lines.extend(config.applications.iter().map(application));
    lines.extend(together(&config.applications));
    lines.push(address(&config.server));
    lines.extend(certificate(&config.server));
    let folders = config.applications.iter().filter_map(|application| application.folder.as_deref()).map(Some);
    for folder in std::iter::once(None).chain(folders) {
        match app::open_store_in(&config.mirror, folder) {
            Ok(store) => runtime.block_on(async {
                let line = health::store_line(folder, &*store).await;
                let works = line.ok;
                lines.push(line);
                // What cannot be reached has been told.
                if works {
                    lines.extend(takeovers(folder, &*store, every_table).await);
                }
                store.close().await;
            }),
            Err(error) => lines.push(CheckLine::failed(
                health::store_name(folder),
                error.to_string(),
                "see [mirror] in the configuration",
            )),
        }
    }
    match PluginHost::look(&config.plugins) {
        Ok(plugins) => lines.extend(health::plugin_lines(&plugins)),
        Err(error) => {
            lines.push(CheckLine::failed("plug-ins", error.to_string(), "see [plugins] in the configuration"));
        }
    }
    Ok(lines)
}

/// What would become of the mirrors that the vendor's package made: a line for each, and one for each table if asked.
async fn takeovers(folder: Option<&str>, store: &dyn Store, every_table: bool) -> Vec<CheckLine> {
    let found = match store.takeovers().await {
        Ok(found) => found,
        Err(error) => {
            let what = format!("takeover, {}", health::store_name(folder));
            return vec![CheckLine::failed(
                what,
                error.to_string(),
                "the login must be able to see the server's databases",
            )];
        }
    };
    let mut lines = Vec::new();
    for takeover in found {
        let what = format!("takeover of {}", takeover.place);
        lines.push(match &takeover.trouble {
            None => CheckLine::ok(what, takeover.summary()),
            Some(trouble) => CheckLine::failed(what, takeover.summary(), trouble.clone()),
        });
        for table in takeover.tables.iter().filter(|_| every_table) {
            let found = match (&table.refill, table.lsn) {
                (None, lsn) => format!(
                    "kept with LSN {} and {} rows, if the source's columns are the same",
                    lsn.unwrap_or_default(),
                    table.rows.unwrap_or_default()
                ),
                (Some(why), _) => format!("filled anew: {why}"),
            };
            lines.push(CheckLine::ok(format!("takeover of {}: {}", takeover.place, table.table), found));
        }
    }
    lines
}

/// One application by itself, so that one bad key does not hide the next.
fn application(config: &ApplicationConfig) -> CheckLine {
    let what = format!("application {}", config.id);
    match Applications::load(slice::from_ref(config)) {
        Ok(loaded) => {
            let found: Vec<_> = loaded
                .iter()
                .map(|one| {
                    let audience = if config.check_audience { "" } else { ", audience not checked" };
                    format!(
                        "{} on {}, key of {} bits, {} trusted signer(s){audience}",
                        config.environment.word(),
                        one.path(),
                        one.key_bits(),
                        one.trusted_signers().len()
                    )
                })
                .collect();
            CheckLine::ok(what, found.join("; "))
        }
        Err(error) => CheckLine::failed(
            what,
            error.to_string(),
            "see this [[application]]: private_key and certificates; `speil keygen` makes a new key pair",
        ),
    }
}

/// What is wrong only with all of them together, such as two that cannot be told apart.
fn together(configs: &[ApplicationConfig]) -> Option<CheckLine> {
    let each_is_well = configs.iter().all(|config| Applications::load(slice::from_ref(config)).is_ok());
    let error = Applications::load(configs).err().filter(|_| each_is_well)?;
    Some(CheckLine::failed("applications", error.to_string(), "give each [[application]] its own path or its own id"))
}

fn address(config: &ServerConfig) -> CheckLine {
    let what = format!("address {}", config.listen);
    match std::net::TcpListener::bind(config.listen) {
        Ok(_) => CheckLine::ok(what, "free"),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            CheckLine::ok(what, "in use: good if speil serves there now, else another program has it")
        }
        Err(error) => CheckLine::failed(what, error.to_string(), "set [server] listen to an address of this machine"),
    }
}

fn certificate(config: &ServerConfig) -> Option<CheckLine> {
    let config = config.tls.as_ref()?;
    Some(match tls::acceptor(config) {
        Ok(_) => CheckLine::ok("TLS", format!("certificate {}", config.certificate.display())),
        Err(error) => CheckLine::failed("TLS", error.to_string(), "see [server] tls in the configuration"),
    })
}

fn render(lines: &[CheckLine]) -> String {
    let width = lines.iter().map(|line| line.what.chars().count()).max().unwrap_or_default();
    let mut text = Vec::new();
    for line in lines {
        let state = if line.ok { "ok    " } else { "FAILED" };
        text.push(format!("{state}  {:width$}  {}", line.what, line.found));
        text.extend(line.mend.iter().map(|mend| format!("        {:width$}  -> {mend}", "")));
    }
    text.push(match lines.iter().filter(|line| !line.ok).count() {
        0 => "All is well: `speil serve` would start.".to_owned(),
        1 => "One thing would fail.".to_owned(),
        failed => format!("{failed} things would fail."),
    });
    text.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_what_was_found_and_a_failure_how_to_mend_it() {
        let lines = [CheckLine::ok("store", "writable"), CheckLine::failed("TLS", "no such file", "see [server] tls")];
        assert_eq!(
            render(&lines),
            "ok      store  writable\nFAILED  TLS    no such file\n               -> see [server] tls\nOne thing would fail."
        );
        assert!(render(&lines[..1]).ends_with("`speil serve` would start."));
    }
}
