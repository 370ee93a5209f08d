//! What has been promised: the LSN of every table whose last batch was answered with success. From then on no mirror may stand lower,
//! unless there is a reason for it: the source cannot go on from there (truncated, restored, silent for too long), the table was changed or
//! is gone at the source, an administrator laid hands on it. A reason is told *before* what it excuses is done.
//!
//! So a commit that was acknowledged and has vanished with all its rows is found, though the mirror it leaves behind is right in itself.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use speil::protocol::messages::TableSchemaInfo;
use speil::task::source::{Need, Source, SourceTable};

use super::look::Look;

/// A tenant's promises.
#[derive(Default)]
pub struct Promises(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// By folded name.
    tables: HashMap<String, Promise>,
    /// As the last cycle described it.
    described: HashMap<String, TableSchemaInfo>,
}

/// One table's.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Promise {
    /// `None`: nothing is promised.
    lsn: Option<i64>,
    /// Reasons told so far.
    reasons: u64,
}

/// What was promised at one time.
#[derive(Default, Clone)]
pub struct Given(HashMap<String, Promise>);

impl Promises {
    /// All that is promised now.
    pub fn now(&self) -> Given {
        Given(self.0.lock().expect("not poisoned").tables.clone())
    }

    /// Calls were answered.
    pub fn kept(&self, acknowledged: &BTreeMap<String, i64>) {
        let mut known = self.0.lock().expect("not poisoned");
        for (table, lsn) in acknowledged {
            known.tables.entry(table.clone()).or_default().lsn = Some(*lsn);
        }
    }

    /// A cycle of this source is about to begin: what it has reason to undo.
    pub fn before_cycle(&self, source: &Source) {
        let mut known = self.0.lock().expect("not poisoned");
        let Known { tables, described } = &mut *known;
        let now: HashMap<String, TableSchemaInfo> =
            source.tables().iter().map(|table| (table.name().to_lowercase(), table.info())).collect();
        for (name, promise) in tables.iter_mut() {
            let goes_on =
                |table: &SourceTable| promise.lsn.is_none_or(|lsn| !matches!(source.need(table, lsn), Need::Refill(_)));
            if !source.table(name).is_some_and(goes_on) || described.get(name) != now.get(name) {
                promise.is_excused();
            }
        }
        *described = now;
    }

    /// Somebody is about to lay hands on a table; `None`: on all of them.
    pub fn by_hand(&self, table: Option<&str>) {
        let mut known = self.0.lock().expect("not poisoned");
        match table {
            None => known.tables.values_mut().for_each(Promise::is_excused),
            Some(table) => known.tables.entry(table.to_lowercase()).or_default().is_excused(),
        }
    }
}

impl Promise {
    fn is_excused(&mut self) {
        self.lsn = None;
        self.reasons += 1;
    }
}

impl Given {
    /// What was promised before the look, has no excuse after it, and is not there; and how many promises were looked at.
    pub fn broken(&self, look: &Look, after: &Self) -> (u64, Vec<String>) {
        let (mut judged, mut broken) = (0, Vec::new());
        for (name, promise) in &self.0 {
            let Some(lsn) = promise.lsn else { continue };
            if after.0.get(name).is_none_or(|after| after.reasons != promise.reasons) {
                continue;
            }
            judged += 1;
            match look.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name)) {
                Some(table) if table.lsn >= lsn => {}
                Some(table) => broken.push(format!(
                    "{name} stands at LSN {}, and a call with LSN {lsn} was answered with success: what it brought is gone",
                    table.lsn
                )),
                None => broken.push(format!("{name} is gone, and a call with LSN {lsn} was answered with success")),
            }
        }
        (judged, broken)
    }
}
