//! How many rows the tables have that a changed transform fills anew, asked of the mirrors before it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::runtime::Handle;

use crate::protocol::context_id::ContextId;
use crate::protocol::table_name::fold;

/// No more tenants are asked for than this, and no longer: a reload waits for it.
const TENANTS: usize = 100;
const TIME: Duration = Duration::from_secs(5);
/// For one tenant.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who knows the mirrors.
#[async_trait]
pub trait MirrorRows: Send + Sync {
    /// The tables of all mirrors of a tenant, with their rows. `None`: they cannot be read now.
    async fn table_rows(&self, tenant: &ContextId) -> Option<Vec<(String, u64)>>;
}

/// Asks, once there is somebody to be asked.
#[derive(Default)]
pub struct RowCounter {
    source: OnceLock<Weak<dyn MirrorRows>>,
    /// Of the event loop on which calls are answered.
    runtime: OnceLock<Handle>,
}

/// Rows of tables, those of all tenants that were asked for together.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// By folded name.
    rows: BTreeMap<String, u64>,
    tenants: usize,
}

impl RowCounter {
    /// Says who is to be asked. The first stays.
    pub fn ask(&self, source: Weak<dyn MirrorRows>) {
        let _ = self.source.set(source);
    }

    /// Remembers the event loop it is called on, if it is called on one.
    pub fn note_runtime(&self) {
        if self.runtime.get().is_none()
            && let Ok(runtime) = Handle::try_current()
        {
            let _ = self.runtime.set(runtime);
        }
    }

    /// Counts the rows of all tables of these tenants, so far as there is somebody to be asked, and time.
    pub fn count(&self, tenants: &BTreeSet<ContextId>) -> Counted {
        let source = self.source.get().and_then(Weak::upgrade);
        let (Some(source), Some(runtime)) = (source, self.runtime.get()) else { return Counted::default() };
        // A thread of its own, since the one that reloads may be an event loop's.
        std::thread::scope(|scope| scope.spawn(|| ask(&source, runtime, tenants)).join().unwrap_or_default())
    }
}

fn ask(source: &Arc<dyn MirrorRows>, runtime: &Handle, tenants: &BTreeSet<ContextId>) -> Counted {
    let begun = Instant::now();
    let mut counted = Counted::default();
    for tenant in tenants.iter().take(TENANTS).take_while(|_| begun.elapsed() < TIME) {
        let tables = runtime.block_on(async { tokio::time::timeout(PATIENCE, source.table_rows(tenant)).await });
        // What cannot be told now is no reason to hold a change up.
        let Ok(Some(tables)) = tables else { continue };
        counted.tenants += 1;
        for (table, rows) in tables {
            *counted.rows.entry(fold(&table)).or_default() += rows;
        }
    }
    counted
}

impl Counted {
    /// A table with its rows, where they were counted.
    #[must_use]
    pub fn named(&self, table: &str) -> String {
        match self.rows.get(&fold(table)) {
            Some(1) => format!("{table}: 1 row"),
            Some(rows) => format!("{table}: {rows} rows"),
            None => table.to_owned(),
        }
    }

    /// For how many of these tenants rows were counted, if not for all: to be added to a sentence.
    #[must_use]
    pub fn remark(&self, tenants: usize) -> String {
        match self.tenants {
            0 => String::new(),
            some if some < tenants => format!("; rows are those of {some} of them"),
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_counted_is_named_without_a_figure() {
        let rows = [("person".to_owned(), 1_200), ("one".to_owned(), 1)].into_iter().collect();
        let counted = Counted { rows, tenants: 2 };
        assert_eq!(
            ["Person", "one", "other"].map(|table| counted.named(table)),
            ["Person: 1200 rows", "one: 1 row", "other"]
        );
        assert_eq!(counted.remark(2), "");
        assert_eq!(counted.remark(3), "; rows are those of 2 of them");
        assert_eq!(Counted::default().remark(3), "");
    }
}
