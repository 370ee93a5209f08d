//! `speil status`: how the mirrors are, in the words of [`crate::mirror::state`]. It reads the mirrors themselves, so it
//! works whether or not a host runs.

use std::process::ExitCode;

use clap::Args;

use super::output::{ago, print, print_json, span, table, thousands};
use super::{CliError, ConfigArgs, target};
use crate::http::overview::{self, Overview};
use crate::mirror::clock::{Clock, SystemClock};
use crate::mirror::report::{CycleReport, TableReport};
use crate::mirror::{TableState, TenantReport, TenantState};
use crate::store::history::EventLevel;

/// Show how the mirrors are.
#[derive(Debug, Args)]
#[command(after_help = "Tenant: current, filling, late, silent, refused, failing, lost; the worst wins.\n\
                        Table: current, filling, waiting (nothing come yet), failing, skipped, gone.\n\n\
                        Exit code 1 if any tenant is refused, failing or lost, so that a watchdog can use it.\n\n\
                        Examples:\n  speil status\n  speil status Cust10195\n  speil status Cust10195 --all\n  \
                        speil status --json | jq '.tenants[] | {tenant, state, refill_in}'")]
pub(super) struct StatusArgs {
    /// One tenant (context identifier): its tables, cycles and errors.
    tenant: Option<String>,
    /// All of the tenant's tables, and not only those that want attention.
    #[arg(long)]
    all: bool,
    /// Print JSON: {tenants, unreadable, refused}, or one tenant's report. Fields are added, never renamed.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &StatusArgs) -> Result<ExitCode, CliError> {
    let opened = target::open(&args.config)?;
    let now = SystemClock.now();
    let text;
    let worst;
    match &args.tenant {
        None => {
            let overview = opened
                .runtime
                .block_on(async {
                    let overview = overview::gather(&*opened.store, now, &opened.config.status, Vec::new()).await;
                    opened.store.close().await;
                    overview
                })
                .map_err(CliError::failed)?;
            if args.json {
                print_json(&overview)?;
            }
            text = tenants(&overview, now);
            worst = overview.tenants.iter().map(|tenant| tenant.state).max();
            if !overview.unreadable.is_empty() {
                if !args.json {
                    print(&text)?;
                }
                return Ok(ExitCode::from(1));
            }
        }
        Some(tenant) => {
            let report = opened.runtime.block_on(async {
                let db = target::find(&opened, tenant).await?;
                let report = crate::mirror::report(&*db, now, &opened.config.status, &[]).await;
                opened.store.close().await;
                report.map_err(CliError::failed)
            })?;
            if args.json {
                print_json(&report)?;
            }
            text = one_tenant(&report, now, args.all);
            worst = Some(report.state);
        }
    }
    if !args.json {
        print(&text)?;
    }
    Ok(if worst.is_some_and(is_bad) { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

const fn is_bad(state: TenantState) -> bool {
    match state {
        TenantState::Current | TenantState::Filling | TenantState::Late | TenantState::Silent => false,
        TenantState::Refused | TenantState::Failing | TenantState::Lost => true,
    }
}

/// How long until the source has thrown away what this mirror needs.
fn refill(report: &TenantReport) -> String {
    match report.refill_in {
        None => "-".into(),
        Some(0) => "now".into(),
        Some(millis) => format!("in {}", span(millis / 1000)),
    }
}

/// All tenants, worst first.
pub(super) fn tenants(overview: &Overview, now: i64) -> String {
    if overview.tenants.is_empty() && overview.unreadable.is_empty() {
        return "No tenant has been mirrored here yet. If the vendor's Mirroring Task should have called, look at the \
                log of `speil serve` for refused calls, and at `speil check`."
            .into();
    }
    let mut list = table(["tenant", "state", "tables", "rows", "last call", "last complete", "refill forced"]);
    for tenant in &overview.tenants {
        list.add_row([
            tenant.tenant.to_string(),
            tenant.state.to_string(),
            counts(tenant),
            thousands(tenant.rows),
            ago(tenant.last_call_at, now),
            ago(tenant.last_completed_at, now),
            refill(tenant),
        ]);
    }
    for broken in &overview.unreadable {
        list.add_row([broken.name.as_str(), "unreadable", "-", "-", "-", "-", "-"]);
    }
    let mut lines = vec![list.to_string()];
    for tenant in &overview.tenants {
        lines.extend(tenant.advice.iter().map(|advice| format!("{}: {advice}", tenant.tenant)));
    }
    for broken in &overview.unreadable {
        lines.push(format!("{} ({}): {}", broken.name, broken.place, broken.error));
    }
    lines.join("\n")
}

/// `411 current, 2 failing`, worst first.
fn counts(report: &TenantReport) -> String {
    let order = [
        TableState::Failing,
        TableState::Waiting,
        TableState::Filling,
        TableState::Current,
        TableState::Skipped,
        TableState::Gone,
    ];
    let counted = order
        .iter()
        .filter_map(|state| report.table_states.get(state.word()).map(|count| format!("{count} {state}")))
        .collect::<Vec<_>>();
    if counted.is_empty() { "none".into() } else { counted.join(", ") }
}

/// One tenant: what to do, tables, cycles, events.
pub(super) fn one_tenant(report: &TenantReport, now: i64, all: bool) -> String {
    let mut lines = vec![
        format!("{} is {}", report.tenant, report.state),
        format!("  mirror         {}", report.place),
        format!("  tables         {}", counts(report)),
        format!("  rows           {}", thousands(report.rows)),
        format!("  last call      {}", ago(report.last_call_at, now)),
        format!("  last complete  {}", ago(report.last_completed_at, now)),
        format!("  refill forced  {}", refill(report)),
    ];
    lines.extend(report.advice.iter().map(|advice| format!("  -> {advice}")));
    let calm = |one: &&TableReport| one.state == TableState::Current && one.quarantined == 0;
    let shown: Vec<_> = report.tables.iter().filter(|one| all || !calm(one)).collect();
    if !shown.is_empty() {
        lines.push(format!("\n{}", tables(&shown, now)));
    }
    let hidden = report.tables.len() - shown.len();
    if hidden > 0 {
        let are = if hidden == 1 { "table is current; --all shows it" } else { "tables are current; --all shows them" };
        lines.push(format!("\n{hidden} {are}."));
    }
    if !report.quarantine.is_empty() {
        let shown = report.quarantine.iter().take(10);
        lines.push(format!(
            "\nKept aside and not in the mirror, {} rows, those tried last first:",
            thousands(report.quarantined)
        ));
        for row in shown {
            lines.push(format!("  {} [{}] {}: {}", ago(Some(row.at), now), row.table, row.key, row.error));
        }
    }
    if !report.cycles.is_empty() {
        lines.push(format!("\n{}", cycles(&report.cycles, now)));
    }
    let events: Vec<_> = report.events.iter().filter(|event| event.level != EventLevel::Info).take(10).collect();
    if !events.is_empty() {
        lines.push("\nWarnings and errors, newest first:".into());
    }
    for event in events {
        let table = event.table.as_deref().map(|table| format!(" [{table}]")).unwrap_or_default();
        lines.push(format!("  {}{table} {}", ago(Some(event.at), now), event.message));
        lines.extend(event.advice.iter().map(|advice| format!("    -> {advice}")));
    }
    lines.join("\n")
}

fn tables(shown: &[&TableReport], now: i64) -> String {
    let mut list = table(["table", "state", "rows", "LSN", "last change", "why, and what to do"]);
    for one in shown {
        let say = match (&one.error, &one.advice) {
            (Some(error), Some(advice)) => format!("{}; {advice}", error.message),
            (Some(error), None) => error.message.clone(),
            (None, advice) => advice.clone().unwrap_or_default(),
        };
        list.add_row([
            one.table.clone(),
            one.state.to_string(),
            thousands(one.rows),
            one.lsn.map_or_else(|| "-".into(), |lsn| lsn.to_string()),
            ago(one.last_change_at, now),
            say,
        ]);
    }
    list.to_string()
}

fn cycles(reports: &[CycleReport], now: i64) -> String {
    let mut list = table(["cycle began", "result", "took", "calls", "failed", "inserts", "updates", "deletes"]);
    for CycleReport { state, cycle } in reports.iter().take(5) {
        let end = cycle.completed_at.unwrap_or(cycle.last_call_at);
        let result = if cycle.mismatches.is_empty() {
            state.to_string()
        } else {
            let count = cycle.mismatches.len();
            format!("{state}, {count} {}", if count == 1 { "count differs" } else { "counts differ" })
        };
        list.add_row([
            ago(Some(cycle.started_at), now),
            result,
            span((end - cycle.started_at) / 1000),
            cycle.calls.to_string(),
            cycle.failed_calls.to_string(),
            thousands(cycle.inserts),
            thousands(cycle.updates),
            thousands(cycle.deletes),
        ]);
    }
    list.to_string()
}
