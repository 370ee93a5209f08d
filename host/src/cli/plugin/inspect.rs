//! `speil plugin inspect`: a file, before it is put anywhere.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::CliError;
use crate::cli::output::{print, print_json, thousands};
use crate::plugins::Inspection;

/// Look at a component.
#[derive(Debug, Args)]
#[command(after_help = "None of its code is run. A sidecar beside it (NAME.toml) is looked at as well.\n\n\
                        Exit code 1 if this host could not use it.\n\n\
                        Examples:\n  speil plugin inspect plugins/mail-domain.wasm\n  \
                        speil plugin inspect mail-domain.wasm --json")]
pub(super) struct InspectArgs {
    /// The component, NAME.wasm.
    file: PathBuf,
    /// Print JSON: {size, digest, wit_version, hooks, exports, imports, problem}.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &InspectArgs) -> Result<ExitCode, CliError> {
    let inspection = Inspection::of(&args.file).map_err(CliError::Failed)?;
    if args.json {
        print_json(&inspection)?;
    } else {
        print(text(&inspection).trim_end())?;
    }
    Ok(if inspection.problem.is_some() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn text(inspection: &Inspection) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{name:<12}{value}");
    };
    line("size", &format!("{} bytes", thousands(inspection.size as u64)));
    line("SHA-256", &inspection.digest);
    let version = if inspection.wit_version.is_empty() { "none" } else { &inspection.wit_version };
    line("interfaces", &format!("speil:mirror {version}"));
    line("hooks", &if inspection.hooks.is_empty() { "none".to_owned() } else { inspection.hooks.join(", ") });
    for export in &inspection.exports {
        line("exports", export);
    }
    for import in &inspection.imports {
        match import.needs {
            None => line("imports", &import.name),
            Some(grant) => line("imports", &format!("{}, needs `{grant}` under [grants] in its sidecar", import.name)),
        }
    }
    match &inspection.problem {
        None => line("verdict", "this host can use it"),
        Some(problem) => line("verdict", &format!("this host cannot use it: {problem}")),
    }
    text
}
