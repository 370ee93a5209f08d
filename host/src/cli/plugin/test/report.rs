//! What is printed: a test a paragraph, and each limit as a share of what there is.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::plugins::trial::{Ending, Outcome, Ran, Use};

/// All tests of one component.
pub(super) struct Report {
    pub(super) plugin: String,
    pub(super) digest: String,
    pub(super) tests: Vec<Test>,
}

/// One test.
pub(super) struct Test {
    name: String,
    hook: String,
    /// The fixture could not even be read.
    pub(super) unread: bool,
    pub(super) blessed: bool,
    /// None: it passed.
    pub(super) problems: Vec<String>,
    pub(super) remark: Option<&'static str>,
    /// The plug-in's own error, where it was one that was not a problem.
    error: Option<String>,
    log: Vec<(&'static str, String)>,
    calls: Vec<String>,
    /// What came of it.
    made: Vec<String>,
    ran: Vec<Ran>,
    uses: Vec<Use>,
    /// With making mirror and instance.
    pub(super) whole: Duration,
}

impl Test {
    pub(super) fn of(name: &str, hook: &str, outcome: &Outcome, made: Vec<String>) -> Self {
        Self {
            made,
            error: outcome.error.clone(),
            log: outcome.log.clone(),
            calls: outcome.calls.clone(),
            ran: outcome.ran.clone(),
            uses: outcome.uses.clone(),
            ..Self::broken_with(name, hook, Vec::new())
        }
    }

    /// It could not be run.
    pub(super) fn broken(name: &str, hook: &str, reason: String) -> Self {
        Self::broken_with(name, hook, vec![reason])
    }

    /// Its file is no fixture.
    pub(super) fn unread(name: &str, reason: String) -> Self {
        Self { unread: true, ..Self::broken_with(name, "?", vec![reason]) }
    }

    fn broken_with(name: &str, hook: &str, problems: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            hook: hook.to_owned(),
            unread: false,
            blessed: false,
            problems,
            remark: None,
            error: None,
            log: Vec::new(),
            calls: Vec::new(),
            made: Vec::new(),
            ran: Vec::new(),
            uses: Vec::new(),
            whole: Duration::ZERO,
        }
    }

    fn took(&self) -> Duration {
        self.ran.iter().map(|ran| ran.took).sum()
    }

    fn json(&self) -> Value {
        let uses: Vec<Value> = self
            .uses
            .iter()
            .map(|one| json!({ "limit": one.limit, "used": one.used, "of": one.of, "percent": one.percent(), "over": one.over }))
            .collect();
        let ran: Vec<Value> = self
            .ran
            .iter()
            .map(|ran| {
                json!({ "function": ran.function.name(), "rows": ran.rows, "ms": millis(ran.took), "ending": ending(ran.ending) })
            })
            .collect();
        let log: Vec<Value> = self.log.iter().map(|(level, text)| json!({ "level": level, "text": text })).collect();
        json!({
            "name": self.name, "hook": self.hook, "passed": self.problems.is_empty(), "problems": self.problems,
            "blessed": self.blessed, "error": self.error, "ms": millis(self.took()), "log": log, "calls": self.calls, "made": self.made,
            "ran": ran, "limits": uses,
        })
    }
}

const fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::Answered => "error",
        Ending::Unusable => "unusable",
        Ending::Trapped => "trap",
        Ending::Limit(_) => "limit",
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// With or without colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Coloured,
}

impl Style {
    /// Colours on a terminal, unless `NO_COLOR` says otherwise (no-color.org: set and not empty).
    pub(super) fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if !refused && std::io::stdout().is_terminal() { Self::Coloured } else { Self::Plain }
    }

    fn paint(self, code: u8, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    fn red(self, text: &str) -> String {
        self.paint(31, text)
    }

    fn green(self, text: &str) -> String {
        self.paint(32, text)
    }
}

impl Report {
    pub(super) fn failed(&self) -> usize {
        self.tests.iter().filter(|test| !test.problems.is_empty()).count()
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "plugin": self.plugin, "digest": self.digest, "failed": self.failed(),
            "tests": self.tests.iter().map(Test::json).collect::<Vec<_>>(),
        })
    }

    pub(super) fn text(&self, style: Style) -> String {
        let mut text = format!("{} {}\n", self.plugin, self.digest.get(..12).unwrap_or_default());
        self.tests.iter().for_each(|test| test.write(&mut text, style));
        let (failed, all) = (self.failed(), self.tests.len());
        let line = if failed == 0 {
            style.green(&format!("{all} of {all} passed"))
        } else {
            style.red(&format!("{failed} of {all} failed"))
        };
        text.push('\n');
        text.push_str(&line);
        text
    }
}

/// Writing to a text cannot fail.
macro_rules! say {
    ($text:expr, $($part:tt)*) => {{ let _ = writeln!($text, $($part)*); }};
}

impl Test {
    fn write(&self, text: &mut String, style: Style) {
        let word = match (self.problems.is_empty(), self.blessed) {
            (false, _) => style.red("FAIL"),
            (true, true) => style.green("written"),
            (true, false) => style.green("ok"),
        };
        say!(
            text,
            "\n{word}  {}  ({}, {} ms in the plug-in, {} ms in all)",
            self.name,
            self.hook,
            millis(self.took()),
            millis(self.whole)
        );
        for (level, logged) in &self.log {
            say!(text, "  log    {level}: {logged}");
        }
        for call in &self.calls {
            say!(text, "  asked  {call}");
        }
        for line in &self.made {
            say!(text, "  made   {line}");
        }
        if let Some(error) = self.error.as_ref().filter(|_| self.problems.is_empty()) {
            say!(text, "  error  {error}");
        }
        self.write_uses(text, style);
        for problem in &self.problems {
            say!(text, "  {}", style.red(&problem.replace('\n', "\n  ")));
        }
        if let Some(remark) = self.remark {
            say!(text, "  {remark}");
        }
    }

    /// What was used, each as a share of its limit.
    fn write_uses(&self, text: &mut String, style: Style) {
        for one in self.uses.iter().filter(|one| one.used > 0 || one.over) {
            let (used, of) = one.shown();
            let share =
                if one.over && one.used <= one.of { "over".to_owned() } else { format!("{:.1} %", one.percent()) };
            let shown = format!("  {:<15}{used} of {of}, {share}", one.limit);
            say!(text, "{}", if one.over { style.red(&shown) } else { shown });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::trial::Unit;

    fn test(over: bool) -> Test {
        let mut test = Test::broken_with("one", "transform", Vec::new());
        test.uses = vec![
            Use { limit: "memory", used: 3 << 20, of: 2 << 20, unit: Unit::Bytes, over },
            Use { limit: "http_requests", used: 0, of: 1_000, unit: Unit::Count, over: false },
            Use { limit: "time", used: 1_500, of: 10_000_000, unit: Unit::Micros, over: false },
        ];
        test
    }

    #[test]
    fn limits_are_shown_as_shares_and_red_when_over_and_only_in_colour() {
        let report = Report { plugin: "p".into(), digest: "0123456789abcdef".into(), tests: vec![test(true)] };
        let plain = report.text(Style::Plain);
        assert!(plain.contains("  memory         3 MiB of 2 MiB, 150.0 %\n"), "{plain}");
        assert!(plain.contains("  time           1500 µs of 10 s, 0.0 %\n"), "{plain}");
        assert!(!plain.contains("http_requests") && !plain.contains('\u{1b}'), "{plain}");
        let coloured = report.text(Style::Coloured);
        assert!(coloured.contains("\u{1b}[31m  memory         3 MiB of 2 MiB, 150.0 %\u{1b}[0m"), "{coloured}");
    }

    #[test]
    fn a_report_counts_what_failed() {
        let mut failed = test(false);
        failed.problems.push("rows\n  expected 1".into());
        let report = Report { plugin: "p".into(), digest: String::new(), tests: vec![test(false), failed] };
        assert!(report.text(Style::Plain).ends_with("\n1 of 2 failed"), "{}", report.text(Style::Plain));
        assert_eq!(
            (report.json()["failed"].as_u64(), report.json()["tests"][1]["passed"].as_bool()),
            (Some(1), Some(false))
        );
    }
}
