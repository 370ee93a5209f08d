//! What differs between two generations, in sentences: for the log, and for the events of each tenant whose cycle is the
//! first to be made by the new one. What will be filled anew is said here, before it happens.

use std::collections::{BTreeMap, VecDeque};

use super::component::Plugin;
use super::digest;
use super::generation::{Known, Pending, PluginSet};
use super::hook::Hook;
use super::rows::RowCounter;
use crate::store::history::{EventLevel, EventRecord};

/// One sentence about a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The generation that brought it.
    pub number: u64,
    pub level: EventLevel,
    pub message: String,
    pub advice: Option<String>,
}

/// The last notices.
#[derive(Debug, Default)]
pub struct Notices(VecDeque<Notice>);

impl Notices {
    const MOST: usize = 100;

    pub fn add(&mut self, notice: Notice) {
        self.0.push_back(notice);
        while self.0.len() > Self::MOST {
            self.0.pop_front();
        }
    }

    /// Events for a tenant that was told up to a generation and is now in another: the newest, a few.
    pub fn since(&self, told: u64, now: u64, at: i64) -> Vec<EventRecord> {
        let new = self.0.iter().rev().filter(|notice| notice.number > told && notice.number <= now);
        let mut events: Vec<EventRecord> = new.take(10).map(|notice| notice.event(at)).collect();
        events.reverse();
        events
    }
}

impl Notice {
    fn event(&self, at: i64) -> EventRecord {
        EventRecord {
            at,
            // A plug-in that is no good is no reason to call the tenant failing: the calls that fail for it are.
            level: if self.level == EventLevel::Error { EventLevel::Warning } else { self.level },
            kind: "plugin".into(),
            operation: None,
            table: None,
            message: self.message.clone(),
            advice: self.advice.clone(),
        }
    }

    /// Writes it to the log.
    pub fn log(&self) {
        let advice = self.advice.as_deref().map(|advice| format!("; {advice}")).unwrap_or_default();
        match self.level {
            EventLevel::Error => tracing::error!("{}{advice}", self.message),
            EventLevel::Warning => tracing::warn!("{}{advice}", self.message),
            EventLevel::Info => tracing::info!("{}{advice}", self.message),
        }
    }
}

/// What the new generation changes. `rows`: counts those that will be filled anew.
#[must_use]
pub fn between(old: &PluginSet, new: &PluginSet, rows: &RowCounter) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut tell = |level, message: String, advice: Option<String>| {
        notices.push(Notice { number: new.number, level, message, advice });
    };
    for before in &old.plugins {
        if new.find(&before.name).is_none() {
            tell(
                EventLevel::Info,
                format!("plug-in {} was removed{}", before.name, refills(old, new, before, None, rows)),
                None,
            );
        }
    }
    for plugin in &new.plugins {
        let before = old.find(&plugin.name);
        let changed = before.is_none_or(|before| !std::sync::Arc::ptr_eq(before, plugin));
        if changed {
            let what = match before {
                None => "was added".to_owned(),
                Some(before) if before.source.component == plugin.source.component => "has another sidecar".to_owned(),
                Some(before) => format!("changed from {} to {}", version(before), version(plugin)),
            };
            match &plugin.linked {
                Ok(_) => {
                    let refills = match before {
                        Some(before) => refills(old, new, before, Some(plugin), rows),
                        None if plugin.has(Hook::Transform) => {
                            "; the tables it works on are filled anew in each tenant's next cycle".to_owned()
                        }
                        None => String::new(),
                    };
                    tell(EventLevel::Info, format!("plug-in {} {what}{refills}", plugin.name), None);
                }
                Err(broken) => tell(
                    EventLevel::Error,
                    format!("plug-in {} {what} and cannot be used: {}", plugin.name, broken.reason),
                    Some("mend, replace or remove its file".into()),
                ),
            }
        }
        let pending = new.pending.get(&plugin.name);
        if pending != old.pending.get(&plugin.name)
            && let Some(pending) = pending
            && plugin.linked.is_ok()
        {
            let so_far = match pending {
                Pending::Approval { refills: Some(_), .. } => worked_on(old, &plugin.name, rows).so_far(),
                Pending::Approval { refills: None, .. } | Pending::Broken { .. } => String::new(),
            };
            let message = format!(
                "plug-in {} stays as it is ({}): {}{so_far}",
                plugin.name,
                version(plugin),
                pending.sentence(&plugin.name)
            );
            tell(EventLevel::Warning, message, None);
        }
    }
    notices
}

/// The first digits of a version's digest.
fn version(plugin: &Plugin) -> String {
    let hex = plugin.read.as_ref().map(digest::to_hex).unwrap_or_default();
    if hex.is_empty() { "nothing".into() } else { hex[..12].to_owned() }
}

/// What is filled anew because a transform is gone or another one: the tables it has worked on up to now are known.
fn refills(old: &PluginSet, new: &PluginSet, before: &Plugin, after: Option<&Plugin>, rows: &RowCounter) -> String {
    let was = before.has(Hook::Transform);
    let is = after.is_some_and(|after| after.has(Hook::Transform));
    if !was && !is {
        return String::new();
    }
    let mut whose = "each tenant's next cycle";
    if let Some(after) = after
        && was
        && is
        && before.identity() == after.identity()
        && before.made_with() == after.made_with()
    {
        if before.tenants() == after.tenants() {
            if neighbours(old, &before.name) != neighbours(new, &after.name) {
                return "; tables that it and another transform work on are filled anew in each tenant's next cycle"
                    .into();
            }
            return if before.source.component == after.source.component {
                String::new()
            } else {
                "; its revision is the same, so no table is filled anew".into()
            };
        }
        whose = "the next cycle of each tenant that it is now for, or no longer";
    }
    let worked_on = worked_on(old, &before.name, rows);
    let known = match &worked_on.tables[..] {
        [] => "the tables it has worked on".to_owned(),
        _ => format!("the tables it has worked on ({})", worked_on.list()),
    };
    let new = if is { ", and those it works on now," } else { "" };
    format!("; {known}{new} are filled anew in {whose}{}", worked_on.whose())
}

/// What a plug-in has worked on since the start; others may come.
struct WorkedOn {
    /// With their rows, where they could be counted.
    tables: Vec<String>,
    tenants: Vec<String>,
    remark: String,
}

/// What a transform has worked on since the start, with the rows there are now: what approving another version of it may fill anew.
#[must_use]
pub fn so_far(set: &PluginSet, name: &str, rows: &RowCounter) -> Option<String> {
    worked_on(set, name, rows).told()
}

/// What a generation's plug-ins have worked on, for the one after it to tell until cycles have come that it makes itself.
#[must_use]
pub fn known(set: &PluginSet) -> BTreeMap<String, Known> {
    set.plugins.iter().map(|plugin| (plugin.name.clone(), known_of(set, &plugin.name))).collect()
}

/// As the plans of a generation tell it.
fn known_of(set: &PluginSet, name: &str) -> Known {
    let at: Vec<usize> = (0..set.plugins.len()).filter(|&at| set.plugins[at].name == name).collect();
    let known = Known { tables: set.plans.tables(&at), tenants: set.plans.tenants(&at) };
    if known.tables.is_empty() { set.earlier.get(name).cloned().unwrap_or_default() } else { known }
}

fn worked_on(set: &PluginSet, name: &str, rows: &RowCounter) -> WorkedOn {
    let Known { tables, tenants } = known_of(set, name);
    let counted = rows.count(&tenants);
    WorkedOn {
        tables: tables.iter().map(|table| counted.named(table)).collect(),
        remark: counted.remark(tenants.len()),
        tenants: tenants.iter().map(|tenant| tenant.as_str().to_owned()).collect(),
    }
}

impl WorkedOn {
    /// The tables.
    fn list(&self) -> String {
        first(&self.tables)
    }

    /// The tenants, to be added to a sentence.
    fn whose(&self) -> String {
        let so_far = match &self.tenants[..] {
            [] => return String::new(),
            [one] => format!("; so far that is 1 tenant ({one})"),
            many => format!("; so far these are {} tenants ({})", many.len(), first(many)),
        };
        format!("{so_far}{}", self.remark)
    }

    /// All of it, to be added to a sentence; nothing, where nothing is known.
    fn so_far(&self) -> String {
        self.told().map(|told| format!("; so far it has worked on {told}")).unwrap_or_default()
    }

    /// All of it.
    fn told(&self) -> Option<String> {
        if self.tables.is_empty() {
            return None;
        }
        let of = match &self.tenants[..] {
            [one] => format!("tenant {one}"),
            many => format!("{} tenants ({})", many.len(), first(many)),
        };
        Some(format!("{}, of {of}{}", self.list(), self.remark))
    }
}

/// The first of many.
fn first(names: &[String]) -> String {
    const MOST: usize = 20;
    match names.len().checked_sub(MOST).filter(|more| *more > 0) {
        None => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..MOST].join(", ")),
    }
}

/// The transforms that come before this one, and those that come after it.
fn neighbours<'a>(set: &'a PluginSet, name: &str) -> [Vec<&'a str>; 2] {
    let transforms = set.plugins.iter().filter(|plugin| plugin.has(Hook::Transform)).map(|plugin| plugin.name.as_str());
    let all: Vec<&str> = transforms.collect();
    let at = all.iter().position(|other| *other == name).unwrap_or(all.len());
    let (mut before, mut after) = (all[..at].to_vec(), all.get(at + 1..).unwrap_or_default().to_vec());
    before.sort_unstable();
    after.sort_unstable();
    [before, after]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_told_what_came_since_and_not_more_than_a_few() {
        let mut notices = Notices::default();
        for number in 1..=200 {
            let message = format!("change {number}");
            notices.add(Notice { number, level: EventLevel::Info, message, advice: None });
        }
        let told = |told, now| {
            let events = notices.since(told, now, 7);
            (events.len(), events.first().map(|event| event.message.clone()))
        };
        assert_eq!(told(198, 199), (1, Some("change 199".into())));
        assert_eq!(told(0, 200), (10, Some("change 191".into())));
        assert_eq!(told(200, 200), (0, None));
    }
}
