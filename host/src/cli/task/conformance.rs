//! `speil task conformance`.

use std::process::ExitCode;

use clap::Args;

use super::watch::Bars;
use super::{TargetArgs, runtime, told};
use crate::cli::output::{CliError, print, print_json, table};
use crate::task::conformance::{self as checks, ConformanceOptions, Report, Verdict};

/// What `speil task conformance` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  speil task conformance --url http://127.0.0.1:8080/MirroringClientService.svc \\\n    \
                        --application-id 0123456789abcdef0123456789abcdef --signing-key vendor.pem \\\n    \
                        --public-key public.xml --only trust/\n\n\
                        Each check speaks for a tenant of its own (Conf...), so the endpoint ends up with small mirrors of\n\
                        that name. Checks that look inside the mirror use --tenant and --mirror; do not point them at a tenant\n\
                        whose mirror you want to keep.\n\n\
                        Exit codes: 0 all passed, 1 some failed, 2 asked wrongly."
)]
pub(super) struct ConformanceArgs {
    #[command(flatten)]
    target: Option<TargetArgs>,
    /// Only checks whose name contains this; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Name the checks and their rules, and do nothing else.
    #[arg(long)]
    list: bool,
    /// Show what every check sent and got, not only those that failed.
    #[arg(long)]
    all: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ConformanceArgs) -> Result<ExitCode, CliError> {
    if args.list {
        return list(args);
    }
    let target = args.target.as_ref().ok_or_else(|| {
        CliError::Usage("--url, --application-id, --signing-key and --public-key say whom to check and as whom".into())
    })?;
    // A name of its own: the checks wipe and drop, and must not meet a mirror somebody has filled.
    let tenant = target.tenant("Conformance");
    let options = ConformanceOptions {
        endpoint: target.endpoint()?,
        identity: target.identity(&tenant)?,
        mirror: target.mirror(&tenant)?,
        only: args.only.clone(),
    };
    let report = runtime()?.block_on(checks::run(options, &Bars::new())).map_err(told)?;
    if args.json {
        print_json(&report)?;
    } else {
        print(text(&report, args.all))?;
    }
    Ok(if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(args: &ConformanceArgs) -> Result<ExitCode, CliError> {
    let chosen = checks::chosen(&args.only);
    if args.json {
        let names: Vec<_> = chosen
            .iter()
            .map(|check| {
                serde_json::json!({
                    "name": check.name, "rule": check.rule, "about": check.about, "needs_mirror": check.needs_mirror
                })
            })
            .collect();
        print_json(&names)?;
    } else {
        let mut shown = table(["check", "rule", "what must hold", "needs"]);
        for check in &chosen {
            shown.add_row([check.name, check.rule, check.about, if check.needs_mirror { "--mirror" } else { "" }]);
        }
        print(format!("{shown}\n{} checks", chosen.len()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(report: &Report, all: bool) -> String {
    let mut shown = table(["check", "rule", "verdict", "sent", "expected", "got"]);
    let mut rows = 0;
    for check in &report.checks {
        if !all && check.verdict != Verdict::Failed {
            continue;
        }
        rows += 1;
        let verdict = match check.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Skipped => "skipped",
        };
        let evidence = &check.evidence;
        shown.add_row([
            format!("{}\n{}", check.name, check.about),
            check.rule.to_owned(),
            verdict.to_owned(),
            evidence.sent.clone(),
            evidence.expected.clone(),
            evidence.got.clone(),
        ]);
    }
    let end = format!(
        "{}: {} passed, {} failed, {} skipped{}",
        report.url,
        report.passed,
        report.failed,
        report.skipped,
        if report.skipped > 0 { " (they look into the mirror: give --mirror FILE.db)" } else { "" }
    );
    if rows > 0 { format!("{shown}\n{end}") } else { end }
}
