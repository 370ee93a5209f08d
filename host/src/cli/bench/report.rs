//! What was measured: each line holds a figure of ours against a limit that was measured in the same run.

use crate::cli::output::{table, thousands};

/// One line.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct Line {
    pub what: String,
    /// What it is held against.
    pub against: String,
    pub unit: &'static str,
    pub limit: f64,
    pub ours: f64,
    pub ratio: f64,
    /// The ratio to reach.
    pub wanted: f64,
    pub reached: bool,
}

/// All lines.
#[derive(Debug, Clone, serde::Serialize)]
pub(super) struct BenchReport {
    pub format: u32,
    /// What it was measured on and with.
    pub setting: String,
    pub lines: Vec<Line>,
}

impl Line {
    pub fn new(what: &str, against: &str, unit: &'static str, limit: f64, ours: f64, wanted: f64) -> Self {
        let ratio = if limit > 0.0 { ours / limit } else { 0.0 };
        let (what, against) = (what.to_owned(), against.to_owned());
        Self { what, against, unit, limit, ours, ratio, wanted, reached: ratio >= wanted }
    }

    /// Both measured once in each round, one after the other. The middle ones are shown; the ratio is the middle one of the
    /// rounds' own ratios, since a machine that others use as well is as fast for both within a round and not from one to
    /// the next.
    pub fn rounds(what: &str, against: &str, unit: &'static str, limits: &[f64], ours: &[f64], wanted: f64) -> Self {
        let pairs = limits.iter().zip(ours).filter(|(limit, _)| **limit > 0.0);
        let ratio = median(pairs.map(|(limit, ours)| ours / limit).collect());
        let line = Self::new(what, against, unit, median(limits.to_vec()), median(ours.to_vec()), wanted);
        Self { ratio, reached: ratio >= wanted, ..line }
    }
}

impl Line {
    /// A figure that is to stay below another: the ratio says how much room is left.
    pub fn within(what: &str, unit: &'static str, most: f64, ours: f64) -> Self {
        let ratio = if ours > 0.0 { most / ours } else { 0.0 };
        let (what, against) = (what.to_owned(), "the most that is asked for".to_owned());
        Self { what, against, unit, limit: most, ours, ratio, wanted: 1.0, reached: ratio >= 1.0 }
    }
}

impl BenchReport {
    /// Whether every ratio was reached.
    pub fn good(&self) -> bool {
        self.lines.iter().all(|line| line.reached)
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut shown = table(["what", "held against", "unit", "limit", "ours", "ratio", "to reach", ""]);
        for line in &self.lines {
            shown.add_row([
                line.what.clone(),
                line.against.clone(),
                line.unit.to_owned(),
                thousands(whole(line.limit)),
                thousands(whole(line.ours)),
                format!("{:.2}", line.ratio),
                format!("{:.2}", line.wanted),
                if line.reached { "reached" } else { "MISSED" }.to_owned(),
            ]);
        }
        format!("{}\n{shown}", self.setting)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive figure for people")]
fn whole(figure: f64) -> u64 {
    figure.max(0.0).round() as u64
}

/// The middle one of several measurements; of two in the middle the lesser.
pub(super) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::{BenchReport, Line, median};

    #[test]
    fn the_middle_of_several() {
        let medians = [median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0]), median(Vec::new())];
        assert_eq!(medians.map(f64::to_bits), [2.0, 1.0, 0.0].map(f64::to_bits));
    }

    #[test]
    fn a_missed_ratio_is_told_and_fails() {
        let lines = vec![
            Line::new("filling", "bare", "rows/s", 1_000.0, 850.0, 0.8),
            Line::new("changes", "bare", "rows/s", 1_000.0, 400.0, 0.5),
        ];
        let report = BenchReport { format: 1, setting: "here".into(), lines };
        assert!(!report.good());
        let text = report.text();
        assert!(text.contains("0.85") && text.contains("MISSED") && text.contains("reached"), "{text}");
    }

    #[test]
    fn a_machine_that_slows_down_between_rounds_changes_no_ratio() {
        let figures = |limits: &[f64], ours: &[f64]| {
            let line = Line::rounds("a", "b", "rows/s", limits, ours, 0.8);
            ([line.limit, line.ours, line.ratio].map(f64::to_bits), line.reached)
        };
        let expected = |figures: [f64; 3], reached| (figures.map(f64::to_bits), reached);
        assert_eq!(figures(&[100.0, 50.0, 10.0], &[80.0, 40.0, 8.0]), expected([50.0, 40.0, 0.8], true));
        // The middle ones of each side may come from different rounds.
        assert_eq!(figures(&[100.0, 50.0, 80.0], &[50.0, 25.0, 80.0]), expected([80.0, 50.0, 0.5], false));
        assert_eq!(figures(&[], &[]), expected([0.0, 0.0, 0.0], false));
    }
}
