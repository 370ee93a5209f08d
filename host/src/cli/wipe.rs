//! `speil wipe`: empties tables now, as the Task's Wipe would. Rows are gone until the next cycle brings them, so it
//! asks first.

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;

use super::output::{print, print_json, thousands};
use super::{CliError, ConfigArgs, target};
use crate::store::Turn;

/// Empty tables now.
#[derive(Debug, Args)]
#[command(
    after_help = "The tables and their indexes stay; their rows are gone until the tenant's next cycle has filled \
                        them anew. `speil resync` does the same without emptying first.\n\n\
                        Examples:\n  speil wipe Cust10195 contact person\n  speil wipe Cust10195 contact --yes --json"
)]
pub(super) struct WipeArgs {
    /// The tenant (context identifier), as `speil status` shows it.
    tenant: String,
    /// Tables, in any case.
    #[arg(required = true)]
    tables: Vec<String>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Print [{table, rows}] as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &WipeArgs) -> Result<ExitCode, CliError> {
    let tables = target::table_names(&args.tables)?;
    let opened = target::open(&args.config)?;
    let wiped = opened.runtime.block_on(async {
        let db = target::find(&opened, &args.tenant).await?;
        // All must be there before any is emptied.
        for table in &tables {
            if db.table(table).await.map_err(CliError::failed)?.is_none() {
                return Err(CliError::Failed(format!(
                    "{} has no table {table}; `speil status {} --all` lists those it has. Nothing was emptied",
                    args.tenant, args.tenant
                )));
            }
        }
        if !args.yes {
            confirm(&args.tenant, &db.place(), &args.tables)?;
        }
        let mut wiped = Vec::new();
        for table in tables {
            let ticket = db.ticket().await.map_err(CliError::failed)?;
            let turn = Turn { table: table.clone(), ticket };
            let rows = db.wipe(&turn).await.map_err(CliError::failed)?;
            wiped.push((table, rows));
        }
        opened.store.close().await;
        Ok(wiped)
    })?;
    if args.json {
        let list: Vec<_> =
            wiped.iter().map(|(table, rows)| serde_json::json!({ "table": table.to_string(), "rows": rows })).collect();
        print_json(&list)?;
    } else {
        for (table, rows) in &wiped {
            print(format_args!("{table}: {} rows gone; the next cycle fills it anew", thousands(*rows)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks a person; a script must say `--yes`.
fn confirm(tenant: &str, place: &str, tables: &[String]) -> Result<(), CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage("this empties tables; give --yes to do so without being asked".into()));
    }
    let asked = write!(std::io::stderr(), "Empty {} of {tenant} ({place})? [y/N] ", tables.join(", "))
        .and_then(|()| std::io::stderr().flush());
    asked.map_err(CliError::failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(CliError::failed)?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(CliError::Failed("nothing was emptied".into()))
    }
}
