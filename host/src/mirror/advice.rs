//! What to do about it: sentences that go with the words of [`super::state`].

use std::time::Duration;

use super::state::{CHANGE_DATA_KEPT, Derived, Facts, TableState, TenantState};
use crate::protocol::table_name::fold;
use crate::store::history::{EventLevel, EventRecord, Millis};

/// Sentences for one tenant, the most urgent first. Empty when nothing need be said.
pub(super) fn tenant(facts: &Facts<'_>, derived: &Derived) -> Vec<String> {
    let mut advice = Vec::new();
    match derived.state {
        TenantState::Lost => advice.push(format!(
            "nothing was confirmed for more than {} days, so the changes since are no longer kept at the source: the Mirroring \
             Task wipes and fills this mirror anew as soon as its calls are accepted again",
            CHANGE_DATA_KEPT.as_secs() / 86_400
        )),
        TenantState::Failing => {
            let failing = derived.tables.values().filter(|state| **state == TableState::Failing).count();
            if failing > 0 {
                advice.push(format!(
                    "{failing} table{} cannot be mirrored; the others go on",
                    if failing == 1 { "" } else { "s" }
                ));
            }
            let newest = facts.events.iter().find(|event| event.level == EventLevel::Error);
            if let Some(event) = newest {
                advice.push(match &event.advice {
                    Some(what) => format!("{}; {what}", event.message),
                    None => event.message.clone(),
                });
            }
        }
        TenantState::Refused => {
            let newest = facts.refusals.iter().max_by_key(|refused| refused.last_at);
            let (reason, fix) = match newest {
                Some(refused) => (Some(refused.reason.clone()), refused.fix.clone()),
                None => facts
                    .events
                    .iter()
                    .find(|event| event.kind == "refused")
                    .map_or((None, None), |event| (Some(event.message.clone()), event.advice.clone())),
            };
            advice.push(format!(
                "the Mirroring Task calls and is refused: {}",
                reason.unwrap_or_else(|| "see the log".into())
            ));
            advice.extend(fix.map(|fix| format!("in the configuration: {fix}")));
        }
        TenantState::Silent => advice.push(match derived.last_call_at {
            Some(at) => format!(
                "no call for {}: look at whether the vendor still runs the Mirroring Task for this tenant, and whether the \
                 registered address leads here",
                span(facts.now - at)
            ),
            None => "no call has been seen yet: look at whether the vendor runs the Mirroring Task for this tenant, and \
                     whether the registered address leads here"
                .into(),
        }),
        TenantState::Late => advice.push(match derived.last_completed_at {
            Some(at) => format!(
                "calls come, but no cycle was completed for {}: look at the newest cycle's failed calls",
                span(facts.now - at)
            ),
            None => "calls come, but no cycle has been completed yet: look at the newest cycle's failed calls".into(),
        }),
        TenantState::Filling => {
            let count = |wanted: &[TableState]| derived.tables.values().filter(|state| wanted.contains(state)).count();
            let (done, left) = (count(&[TableState::Current]), count(&[TableState::Filling, TableState::Waiting]));
            advice.push(format!(
                "{done} of {} tables are filled; nothing need be done, the rest comes with this cycle or the next",
                done + left
            ));
        }
        TenantState::Current => {}
    }
    let overdue =
        matches!(derived.state, TenantState::Failing | TenantState::Refused | TenantState::Silent | TenantState::Late);
    if let (true, Some(deadline)) = (overdue, derived.refill_deadline) {
        advice
            .push(format!("left until the whole mirror must be filled anew: {}", span((deadline - facts.now).max(0))));
    }
    advice
}

/// A sentence for one table, if something can be said. For a failing one: what was said when it failed.
pub(super) fn table(name: &str, state: TableState, rows: u64, events: &[EventRecord]) -> Option<String> {
    match state {
        TableState::Failing => {
            let folded = fold(name);
            let of_table = |event: &&EventRecord| event.table.as_deref().is_some_and(|table| fold(table) == folded);
            let mut errors = events.iter().filter(|event| event.level == EventLevel::Error);
            errors.find(of_table).and_then(|event| event.advice.clone())
        }
        TableState::Filling => Some(format!("{rows} rows so far")),
        TableState::Waiting => Some("its rows come with the next cycle".into()),
        TableState::Skipped => Some("a plug-in leaves it out".into()),
        TableState::Gone => Some("the source does not list it any more".into()),
        TableState::Current => None,
    }
}

/// A sentence for one table of which rows are kept aside.
pub(super) fn kept_aside(rows: u64) -> Option<String> {
    match rows {
        0 => None,
        1 => Some("1 row is kept aside and not in the mirror; the plug-in's next version is given it again".into()),
        _ => Some(format!(
            "{rows} rows are kept aside and not in the mirror; the plug-in's next version is given them again"
        )),
    }
}

/// A sentence for a tenant of which rows are kept aside.
pub(super) fn quarantine(rows: u64, tables: usize) -> Option<String> {
    let of = if tables == 1 { "1 table".to_owned() } else { format!("{tables} tables") };
    let are = if rows == 1 { "1 row is".to_owned() } else { format!("{rows} rows are") };
    (rows > 0).then(|| {
        format!("{are} kept aside, of {of}: a plug-in fails on them, and they are not in the mirror; mend the plug-in")
    })
}

/// A length of time in its two largest units: `6 days 3 hours`.
pub(super) fn span(millis: Millis) -> String {
    let seconds = Duration::from_millis(u64::try_from(millis).unwrap_or_default()).as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (length, name) in units {
        let count = rest / length;
        rest %= length;
        if count > 0 {
            parts.push(format!("{count} {name}{}", if count == 1 { "" } else { "s" }));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    if parts.is_empty() { "0 seconds".into() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_two_largest_units() {
        let day = 86_400_000;
        assert_eq!(span(6 * day + 3 * 3_600_000 + 59_000), "6 days 3 hours");
        assert_eq!(span(day + 1_000), "1 day");
        assert_eq!(span(61_000), "1 minute 1 second");
        assert_eq!(span(0), "0 seconds");
        assert_eq!(span(-5), "0 seconds");
    }
}
