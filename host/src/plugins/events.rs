//! Failures that do not fail the call, as events; and the words of failures in general.

use std::time::{SystemTime, UNIX_EPOCH};

use super::breaker::Turn;
use super::hook::Function;
use crate::protocol::names::Operation;
use crate::store::history::{EventLevel, EventRecord};

/// Events of one incoming call. A hook that fails for each of 400 tables must not push everything else out of the
/// history: after [`Events::EACH`] of one plug-in and function, the rest is counted.
#[derive(Debug, Default)]
pub struct Events {
    records: Vec<EventRecord>,
    /// Plug-in, function, failures.
    counts: Vec<(usize, Function, usize)>,
}

impl Events {
    const EACH: usize = 5;

    /// Records a failure.
    pub fn failed(
        &mut self,
        plugin: (usize, &str),
        function: Function,
        operation: Operation,
        table: Option<&str>,
        message: String,
    ) {
        let key = |entry: &&mut (usize, Function, usize)| entry.0 == plugin.0 && entry.1 == function;
        let count = if let Some((_, _, count)) = self.counts.iter_mut().find(key) {
            *count += 1;
            *count
        } else {
            self.counts.push((plugin.0, function, 1));
            1
        };
        let (message, table) = match count {
            ..=Self::EACH => (message, table.map(Into::into)),
            _ if count == Self::EACH + 1 => {
                (format!("{message} (further failures of this hook in this call are not recorded)"), None)
            }
            _ => return,
        };
        self.records.push(EventRecord {
            at: now(),
            // The call went on: worth a look, no reason to call the tenant failing.
            level: EventLevel::Warning,
            kind: "plugin".into(),
            operation: Some(operation.to_string()),
            table,
            message,
            advice: Some(format!(
                "the call went on without it; see the log lines of the plug-in {}, and mend or remove it",
                plugin.1
            )),
        });
    }

    /// A plug-in's function was paused, or works again.
    pub fn turned(&mut self, plugin: &str, function: Function, operation: Operation, turn: Turn) {
        let (level, advice) = match turn {
            Turn::Paused(_) => (
                EventLevel::Warning,
                Some(format!(
                    "then one call tries it; mend the plug-in (a changed file is tried at once), or what it needs and then `speil plugin \
                     resume {plugin}`"
                )),
            ),
            Turn::Resumed(_) => (EventLevel::Info, None),
        };
        let message = format!("plug-in {plugin}, hook {function}: {}", turn.sentence());
        let operation = Some(operation.to_string());
        let kind = "plugin".into();
        self.records.push(EventRecord { at: now(), level, kind, operation, table: None, message, advice });
    }

    /// Events from before the call.
    pub fn begin_with(records: Vec<EventRecord>) -> Self {
        Self { records, counts: Vec::new() }
    }

    /// Hands the events over.
    pub fn take(&mut self) -> Vec<EventRecord> {
        std::mem::take(&mut self.records)
    }
}

/// UTC milliseconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A text from a plug-in without characters that could forge or hide what stands around it.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        let hides = matches!(character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if character == '\t' {
            out.push(' ');
        } else if character.is_control() || hides {
            out.extend(character.escape_unicode());
        } else {
            out.push(character);
        }
        out
    })
}

/// A plug-in's own words inside one of our sentences: printable and at most `most` characters.
#[must_use]
pub fn quoted(text: &str, most: usize) -> String {
    let short: String = text.chars().take(most).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{}{more}", printable(&short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_forge_a_line() {
        assert_eq!(printable("a\nERROR b\u{1b}[31m\u{202e}\tå"), "a\\u{a}ERROR b\\u{1b}[31m\\u{202e} å");
        assert_eq!(quoted("abcdef", 3), "abc…");
        assert_eq!(quoted("abc", 3), "abc");
    }

    #[test]
    fn one_hook_cannot_fill_the_history() {
        let mut events = Events::default();
        for number in 0..400 {
            let message = format!("failure {number}");
            events.failed((0, "p"), Function::BeforeReplicateTable, Operation::TableSchema, Some("t"), message);
        }
        events.failed((0, "p"), Function::Wiped, Operation::Wipe, Some("t"), "another hook".into());
        let records = events.take();
        assert_eq!(records.len(), 7);
        assert_eq!(records[5].message, "failure 5 (further failures of this hook in this call are not recorded)");
        assert_eq!(records[6].message, "another hook");
        assert!(events.take().is_empty());
    }
}
