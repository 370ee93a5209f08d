//! `speil resync`: the hand edit that administrators know, LSN -1 in the metadata table, without an SQL tool.

use std::process::ExitCode;

use clap::Args;

use super::output::{print, print_json};
use super::{CliError, ConfigArgs, target};

/// Have tables filled anew.
#[derive(Debug, Args)]
#[command(
    after_help = "Sets the stored LSN to -1. The tenant's next cycle then sends these tables from nothing; until \
                        it does, their rows stay as they are. Works while `speil serve` runs.\n\n\
                        Examples:\n  speil resync Cust10195 contact person\n  speil resync Cust10195        (every table)"
)]
pub(super) struct ResyncArgs {
    /// The tenant (context identifier), as `speil status` shows it.
    tenant: String,
    /// Tables, in any case; all of them when none is given.
    tables: Vec<String>,
    /// Print {tenant, tables} as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &ResyncArgs) -> Result<ExitCode, CliError> {
    let wanted = target::table_names(&args.tables)?;
    let opened = target::open(&args.config)?;
    let changed = opened.runtime.block_on(async {
        let db = target::find(&opened, &args.tenant).await?;
        let there = db.tables().await.map_err(CliError::failed)?;
        let missing: Vec<_> = wanted
            .iter()
            .filter(|table| there.iter().all(|one| one.table != **table))
            .map(ToString::to_string)
            .collect();
        if !missing.is_empty() {
            return Err(CliError::Failed(format!(
                "{} has no table {}; `speil status {} --all` lists those it has. Nothing was changed",
                args.tenant,
                missing.join(", "),
                args.tenant
            )));
        }
        let changed = db.resync(&wanted).await.map_err(CliError::failed)?;
        opened.store.close().await;
        Ok(changed)
    })?;
    if args.json {
        let tables: Vec<_> = changed.iter().map(ToString::to_string).collect();
        print_json(&serde_json::json!({ "tenant": args.tenant, "tables": tables }))?;
    } else {
        print(format_args!(
            "{} {} of {} will be filled anew in its next cycle: {}",
            changed.len(),
            if changed.len() == 1 { "table" } else { "tables" },
            args.tenant,
            changed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
