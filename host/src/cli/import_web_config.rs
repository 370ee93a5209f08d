//! `speil import-web-config`: from the vendor's `web.config` to a `speil.toml`, with a table of what became what.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use tempfile::NamedTempFile;

use super::CliError;
use super::output::{print, print_json, table};
use crate::config::web_config::{self, ImportOptions, Imported};

/// Write a speil.toml that does what a web.config did.
#[derive(Debug, Args)]
#[command(
    after_help = "Reads appSettings and connectionStrings of the vendor's package, with the files they name (file, \
                        configSource). What has no counterpart becomes a comment. The connection string, password and all, goes \
                        into speil.toml, which is made readable for its owner alone; --secrets-in-env keeps it out.\n\n\
                        Examples:\n  speil import-web-config C:/inetpub/mirror/Web.config\n  \
                        speil import-web-config Web.config --out /etc/speil/speil.toml --secrets-in-env"
)]
pub(super) struct ImportArgs {
    /// The web.config of the vendor's package.
    web_config: PathBuf,
    /// The file to write. Paths in it are relative to its folder.
    #[arg(long, short, value_name = "FILE", default_value = "speil.toml")]
    out: PathBuf,
    /// Leave the connection string to the environment variable SPEIL_SQL.
    #[arg(long)]
    secrets_in_env: bool,
    /// Overwrite the file if it is there.
    #[arg(long)]
    force: bool,
    /// Print a JSON object of the file, what became of each setting, and what to do next.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ImportArgs) -> Result<ExitCode, CliError> {
    if args.out.exists() && !args.force {
        return Err(CliError::Failed(format!(
            "{} is there already; name another file with --out, or overwrite it with --force",
            args.out.display()
        )));
    }
    let folder = folder_of(&args.out);
    let options = ImportOptions { secrets_in_env: args.secrets_in_env };
    let imported = web_config::import(&args.web_config, folder, options).map_err(CliError::Failed)?;
    write(&args.out, folder, &imported.toml, args.force)?;
    if args.json {
        print_json(&serde_json::json!({ "file": args.out, "settings": imported.settings, "next": imported.next }))?;
    } else {
        print(text(&args.out, &imported))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Whole or not at all, and never readable for others meanwhile: temporary files are their owner's alone.
fn write(file: &Path, folder: &Path, text: &str, force: bool) -> Result<(), CliError> {
    let failed = |error: std::io::Error| CliError::Failed(format!("{} cannot be written: {error}", file.display()));
    let mut temporary = NamedTempFile::new_in(folder).map_err(failed)?;
    temporary.write_all(text.as_bytes()).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    let placed = if force { temporary.persist(file) } else { temporary.persist_noclobber(file) };
    placed.map(drop).map_err(|error| failed(error.error))
}

fn text(file: &Path, imported: &Imported) -> String {
    let mut list = table(["web.config", "speil.toml", ""]);
    for one in &imported.settings {
        list.add_row([one.setting.as_str(), one.key.as_deref().unwrap_or("-"), one.note.as_str()]);
    }
    let mut lines = vec![list.to_string(), String::new(), format!("Wrote {}. Next:", file.display())];
    lines.extend(imported.next.iter().enumerate().map(|(at, next)| format!("{}. {next}", at + 1)));
    lines.join("\n")
}
