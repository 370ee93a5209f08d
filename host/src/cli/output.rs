//! What commands print and how they end: tables for people, JSON for programs, sentences for errors, exit codes 0, 1
//! (it failed) and 2 (it was asked wrongly).

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use comfy_table::{ContentArrangement, Table, presets};

/// How a command ends when it does not end well.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// It was tried and failed: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// It was asked wrongly: exit code 2.
    #[error("{0}")]
    Usage(String),
}

impl CliError {
    /// From any error that is a sentence.
    pub fn failed(error: impl Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// From any error that is a sentence.
    pub fn usage(error: impl Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// Says it on standard error and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        // When standard error is closed there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "speil: {self}");
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
        })
    }
}

/// Prints a text and a line end. A reader that has gone (`speil status | head`) ends the command quietly.
///
/// # Errors
/// Standard output cannot be written to for another reason.
pub fn print(text: impl Display) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(CliError::Failed(format!("standard output cannot be written to: {error}"))),
    }
}

/// Prints a value as JSON for programs.
///
/// # Errors
/// As [`print()`].
pub fn print_json(value: &impl serde::Serialize) -> Result<(), CliError> {
    print(serde_json::to_string_pretty(value).map_err(CliError::failed)?)
}

/// A table for people: no frame, as wide as it needs to be and no wider than the terminal.
#[must_use]
pub fn table<'a>(head: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(head.into_iter().map(str::to_owned).collect::<Vec<_>>());
    table
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time for people, in its two largest units: `3 d 4 h`, `12 min`, `8 s`.
#[must_use]
pub fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

/// How long ago, for people.
#[must_use]
pub fn ago(then_millis: Option<i64>, now_millis: i64) -> String {
    then_millis.map_or_else(|| "never".into(), |then| format!("{} ago", span((now_millis - then) / 1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn times_are_told_in_two_units() {
        for (seconds, text) in
            [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (3660, "1 h 1 min"), (90_000, "1 d 1 h"), (604_800, "7 d 0 h")]
        {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(ago(None, 0), "never");
        assert_eq!(ago(Some(1_000), 62_000), "1 min ago");
    }
}
