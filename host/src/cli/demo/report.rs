//! What the demo shows at the end.

use std::path::PathBuf;

use crate::cli::output::{table, thousands};
use crate::plugins::PluginStatus;
use crate::task::run::RunReport;

/// Differences shown to people; `--json` has more.
const SHOWN: usize = 5;

/// What the plug-ins did.
#[derive(Debug, serde::Serialize)]
pub(super) struct Work {
    pub(super) indexes: usize,
    pub(super) hashed: usize,
    pub(super) blanked: usize,
    pub(super) dropped: usize,
    /// A hashed column: table and name.
    pub(super) example: Option<(String, String)>,
    pub(super) plugins: Vec<PluginStatus>,
}

/// All of it.
#[derive(Debug, serde::Serialize)]
pub(super) struct DemoReport {
    pub(super) folder: PathBuf,
    pub(super) config: PathBuf,
    pub(super) mirror: String,
    pub(super) run: RunReport,
    pub(super) work: Work,
    /// A transform from `--plugins`: the mirror is meant to differ, and was not compared.
    pub(super) own_transform: Option<String>,
    /// Sentences; none when all is well.
    pub(super) problems: Vec<String>,
}

impl DemoReport {
    /// Whether everything was as it should be, and really looked at.
    pub(super) fn good(&self) -> bool {
        self.problems.is_empty() && self.run.good() && (self.run.comparison.is_some() || self.own_transform.is_some())
    }

    pub(super) fn text(&self) -> String {
        let mut parts = vec![self.mirrored(), self.plugins(), self.verdict()];
        parts.push(self.look());
        parts.join("\n\n")
    }

    fn mirrored(&self) -> String {
        let mut shown = table([
            "cycle",
            "tables",
            "filled",
            "rows sent",
            "MB",
            "calls",
            "seconds",
            "rows/s",
            "MB/s",
            "TableSchema",
        ]);
        for (number, cycle) in self.run.cycles.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
            let (rows, megabytes) = (cycle.rows() as f64, cycle.bytes as f64 / 1e6);
            let seconds = cycle.seconds.max(1e-9);
            shown.add_row([
                format!("{} ({})", number + 1, if number == 0 { "first fill" } else { "changes" }),
                cycle.listed.to_string(),
                cycle.filled().to_string(),
                thousands(cycle.rows()),
                format!("{megabytes:.1}"),
                cycle.calls.to_string(),
                format!("{:.2}", cycle.seconds),
                format!("{:.0}", rows / seconds),
                format!("{:.1}", megabytes / seconds),
                format!("{:.1} ms", cycle.table_schema_ms),
            ]);
        }
        format!(
            "{} of {} tables, {} columns and {} rows, mirrored over HTTP into SQLite:\n{shown}",
            self.run.tenant,
            self.run.tables,
            thousands(u64::try_from(self.run.columns).unwrap_or(u64::MAX)),
            thousands(self.run.rows),
        )
    }

    fn plugins(&self) -> String {
        let mut shown = table(["plug-in", "hooks", "function", "calls", "failed", "ms each"]);
        for plugin in &self.work.plugins {
            let mut name = plugin.name.clone();
            let mut hooks = plugin.hooks.as_ref().map_or_else(|| "?".to_owned(), |hooks| hooks.join(", "));
            for count in &plugin.counts {
                #[expect(clippy::cast_precision_loss, reason = "shown with three decimals")]
                let each = count.nanos as f64 / 1e6 / count.calls.max(1) as f64;
                shown.add_row([
                    std::mem::take(&mut name),
                    std::mem::take(&mut hooks),
                    count.function.to_owned(),
                    thousands(count.calls),
                    count.failures.to_string(),
                    format!("{each:.3}"),
                ]);
            }
        }
        let errors = self.work.plugins.iter().filter_map(|plugin| plugin.last_error.as_ref());
        let errors = errors.fold(String::new(), |all, error| all + "\n  FAILED: " + &error.message);
        format!(
            "What the plug-ins did: index-manager made {} indexes; pii-redactor hashed {} columns, blanked {} and left {} out.\n{shown}{errors}",
            self.work.indexes, self.work.hashed, self.work.blanked, self.work.dropped
        )
    }

    fn verdict(&self) -> String {
        let mut lines = Vec::new();
        match &self.run.comparison {
            Some(same) if same.equal() => lines.push(format!(
                "Mirror equals source: {} tables, {} rows, {} cells compared one by one, redacted ones against their hash.",
                same.tables,
                thousands(same.rows),
                thousands(same.cells)
            )),
            Some(different) => {
                lines.push(format!("MIRROR DIFFERS FROM SOURCE: {} differences.", thousands(different.differing)));
                lines.extend(different.differences.iter().take(SHOWN).map(|one| {
                    let key = one.key.as_deref().map(|key| format!(" key {key}")).unwrap_or_default();
                    let column = one.column.as_deref().map(|column| format!(".{column}")).unwrap_or_default();
                    format!("  {}{column}{key}: source {}, mirror {}", one.table, one.source, one.mirror)
                }));
            }
            None => lines.push(match &self.own_transform {
                Some(name) => format!("{name} changes what reaches the mirror, so it was not compared with the source."),
                None => "THE MIRROR WAS NOT COMPARED.".into(),
            }),
        }
        lines.extend(self.problems.iter().map(|problem| format!("  PROBLEM: {problem}")));
        lines.join("\n")
    }

    fn look(&self) -> String {
        let tenant = &self.run.tenant;
        let mut lines = vec![format!("The mirror is {}. Look at it:", self.mirror)];
        let query = |sql: String| format!("  sqlite3 \"{}\" '{sql}'", self.mirror);
        lines.push(query(format!("SELECT tablename, LSN FROM \"{tenant}_mirroring\" ORDER BY LSN DESC LIMIT 5")));
        if let Some((table, column)) = &self.work.example {
            lines.push(query(format!("SELECT \"{column}\" FROM \"{table}\" LIMIT 5")));
        }
        lines.push(format!("  speil status {tenant} --config \"{}\"", self.config.display()));
        lines.push(format!("Everything is in {}; delete it when you are done.", self.folder.display()));
        lines.join("\n")
    }
}
