//! `speil task run`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::watch::Bars;
use super::{TargetArgs, runtime, seconds, told};
use crate::cli::output::{CliError, print, print_json, table, thousands};
use crate::task::compare::Comparison;
use crate::task::cycle::CycleReport;
use crate::task::run::{self as task, RunOptions, RunReport};
use crate::task::scenario;
use crate::task::spelling::Spelling;

/// What `speil task run` takes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  speil task run --url http://127.0.0.1:8080/MirroringClientService.svc \\\n    \
                        --application-id 0123456789abcdef0123456789abcdef --signing-key vendor.pem \\\n    \
                        --public-key public.xml --mirror mirrors/Cust10195.db\n\n\
                        Exit codes: 0 everything as it should be, 1 something differs, 2 asked wrongly.")]
pub(super) struct RunArgs {
    #[command(flatten)]
    target: Option<TargetArgs>,
    /// Tables of the simulated tenant.
    #[arg(long, value_name = "N", default_value_t = crate::task::shape::REAL_TABLES)]
    tables: usize,
    /// Rows in all tables together.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    rows: u64,
    /// Adds tables with every SQL type, with keys that are no integers, and with names that want quoting.
    #[arg(long)]
    extras: bool,
    /// The same seed gives the same tenant.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Cycles to make: the first fills, rows change before each later one.
    #[arg(long, value_name = "N", default_value_t = 2)]
    cycles: u32,
    /// Rows written to the source before each later cycle.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    changes: u64,
    /// Bytes of rows in a batch, as a tenant may set it.
    #[arg(long, value_name = "BYTES", default_value_t = 1_000_000)]
    batch_size: usize,
    /// Tables left out, as a tenant may set it; may be given several times.
    #[arg(long, value_name = "TABLE")]
    skip_table: Vec<String>,
    /// Whose way of writing XML to follow.
    #[arg(long, value_enum, default_value = "dotnet")]
    spelling: Sender,
    /// How long to wait for an answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = seconds)]
    timeout: Duration,
    /// A named story in the place of plain cycles.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Name the scenarios and what happens in them, and do nothing else.
    #[arg(long)]
    list_scenarios: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Whose way of writing XML.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Sender {
    Dotnet,
    Mono,
}

impl Sender {
    const fn spelling(self) -> Spelling {
        match self {
            Self::Dotnet => Spelling::DotNet,
            Self::Mono => Spelling::Mono,
        }
    }
}

pub(super) fn run(args: &RunArgs) -> Result<ExitCode, CliError> {
    if args.list_scenarios {
        return list(args.json);
    }
    let target = args.target.as_ref().ok_or_else(|| {
        CliError::Usage("--url, --application-id, --signing-key and --public-key say whom to call and as whom".into())
    })?;
    let tenant = target.tenant("Cust10195");
    let mut options = RunOptions::new(target.endpoint()?, target.identity(&tenant)?);
    options.mirror = target.mirror(&tenant)?;
    options.shape.tables = args.tables;
    options.shape.rows = args.rows;
    options.shape.seed = args.seed;
    options.shape.extras = args.extras;
    options.cycles = args.cycles;
    options.changes = args.changes;
    options.cycle.batch_size = args.batch_size;
    options.cycle.call_bytes = args.batch_size;
    options.cycle.skip_tables.clone_from(&args.skip_table);
    options.spelling = args.spelling.spelling();
    options.timeout = args.timeout;
    options.scenario.clone_from(&args.scenario);
    let report = runtime()?.block_on(task::run(options, &Bars::new())).map_err(told)?;
    if args.json {
        print_json(&report)?;
    } else {
        print(text(&report))?;
    }
    Ok(if report.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(json: bool) -> Result<ExitCode, CliError> {
    let all = scenario::all();
    if json {
        let names: Vec<_> = all
            .iter()
            .map(|scenario| {
                serde_json::json!({ "name": scenario.name, "about": scenario.about, "needs_mirror": scenario.needs_mirror })
            })
            .collect();
        print_json(&names)?;
    } else {
        let mut shown = table(["scenario", "what happens", "needs"]);
        for scenario in all {
            shown.add_row([scenario.name, scenario.about, if scenario.needs_mirror { "--mirror" } else { "" }]);
        }
        print(shown)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The report for people.
pub(super) fn text(report: &RunReport) -> String {
    let mut lines: Vec<String> = nothing_done(report).into_iter().collect();
    lines.push(format!(
        "{} at {}: {} tables, {} columns, {} rows",
        report.tenant,
        report.url,
        report.tables,
        thousands(report.columns as u64),
        thousands(report.rows)
    ));
    let mut cycles =
        table(["cycle", "ended", "tables sent", "filled", "rows", "calls", "MB", "seconds", "rows/s", "TableSchema"]);
    for (number, cycle) in report.cycles.iter().enumerate() {
        cycles.add_row(cycle_row(number + 1, cycle));
    }
    if nothing_done(report).is_none() {
        lines.push(cycles.to_string());
    }
    if let Some(comparison) = &report.comparison {
        lines.push(compared(comparison));
    }
    if !report.problems.is_empty() {
        lines.push(match (report.problems.len(), nothing_done(report)) {
            (1, Some(_)) => return lines.join("\n"),
            (1, None) => "1 thing the endpoint did wrong:".to_owned(),
            (many, _) => format!("{many} things the endpoint did wrong:"),
        });
        lines.extend(report.problems.iter().map(|problem| format!("  - {problem}")));
    }
    lines.push(if report.good() {
        "Everything is as it should be.".into()
    } else {
        "Something is not as it should be.".into()
    });
    lines.join("\n")
}

/// The one sentence about a run in which no cycle came further than its first call.
fn nothing_done(report: &RunReport) -> Option<String> {
    let first = report.cycles.first()?;
    report.cycles.iter().all(|cycle| cycle.nothing_done.is_some()).then(|| first.nothing_done.clone())?
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn cycle_row(number: usize, cycle: &CycleReport) -> [String; 10] {
    let rows = cycle.rows();
    [
        number.to_string(),
        format!("{:?}", cycle.end).to_lowercase(),
        format!("{} of {}", cycle.tables.len(), cycle.listed),
        cycle.filled().to_string(),
        thousands(rows),
        thousands(cycle.calls),
        format!("{:.1}", cycle.bytes as f64 / 1e6),
        format!("{:.2}", cycle.seconds),
        format!("{:.0}", rows as f64 / cycle.seconds.max(0.001)),
        format!("{:.1} ms", cycle.table_schema_ms),
    ]
}

fn compared(comparison: &Comparison) -> String {
    let seen = format!(
        "{} tables, {} rows, {} cells compared",
        comparison.tables,
        thousands(comparison.rows),
        thousands(comparison.cells)
    );
    if comparison.equal() {
        return format!("Mirror equals source: {seen}.");
    }
    let mut shown = table(["table", "key", "column", "source", "mirror"]);
    for difference in &comparison.differences {
        let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
        shown.add_row([
            difference.table.clone(),
            or_nothing(&difference.key),
            or_nothing(&difference.column),
            difference.source.clone(),
            difference.mirror.clone(),
        ]);
    }
    format!(
        "Mirror and source differ in {} places ({seen}); the first {}:\n{shown}",
        thousands(comparison.differing),
        comparison.differences.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::cycle::CycleEnd;
    use crate::task::source::traffic::Written;

    fn report(nothing_done: Option<&str>, problems: &[&str]) -> RunReport {
        let problems: Vec<String> = problems.iter().map(|&problem| problem.to_owned()).collect();
        let cycle = CycleReport {
            end: CycleEnd::Failed,
            tables: Vec::new(),
            listed: 0,
            problems: problems.clone(),
            nothing_done: nothing_done.map(str::to_owned),
            calls: 1,
            bytes: 0,
            seconds: 0.0,
            table_schema_ms: 0.0,
            acknowledged: std::collections::BTreeMap::new(),
        };
        RunReport {
            url: "http://localhost:1/m.svc".into(),
            tenant: "Cust1".into(),
            scenario: None,
            tables: 1,
            columns: 2,
            rows: 3,
            cycles: vec![cycle],
            written: Written::default(),
            comparison: None,
            problems,
        }
    }

    #[test]
    fn a_run_that_never_began_says_why_first_and_shows_no_zeros() {
        let shown = text(&report(Some("The endpoint could not be reached: x."), &["x"]));
        assert_eq!(
            shown,
            "The endpoint could not be reached: x.\nCust1 at http://localhost:1/m.svc: 1 tables, 2 columns, 3 rows"
        );
    }

    #[test]
    fn one_thing_is_one_thing() {
        let shown = text(&report(None, &["x"]));
        assert!(shown.contains("\n1 thing the endpoint did wrong:\n  - x\n"), "{shown}");
        assert!(shown.contains("tables sent"), "{shown}");
    }
}
