//! Which generation a tenant's cycle is made by.
//!
//! TableSchema decides what a cycle's tables look like, by the transforms of that moment; the rows that follow must be
//! made by the same ones, or they would not fit and be refused. So where transforms have changed since, RowData and Wipe
//! go on with the generation of their cycle's TableSchema, and the next cycle takes the new one and fills anew what it
//! changes. All other calls, and cycles whose transforms are still the same, take the newest at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::generation::PluginSet;
use super::hooks::CallInfo;
use crate::protocol::context_id::ContextId;
use crate::protocol::names::Operation;

/// For each application and tenant, how far it is.
#[derive(Default)]
pub struct Pins(Mutex<HashMap<(String, ContextId), Pin>>);

struct Pin {
    /// The generation of the last TableSchema of a cycle that has not ended.
    cycle: Option<Arc<PluginSet>>,
    /// The number of the generation of the last TableSchema.
    told: u64,
}

impl Pins {
    /// The generation for a call that begins, and for a TableSchema the number of the one this tenant's last was made by,
    /// if there was one.
    pub fn choose(&self, call: &CallInfo, newest: &Arc<PluginSet>) -> (Arc<PluginSet>, Option<u64>) {
        let mut pins = self.pins();
        let key = || (call.application.clone(), call.tenant.clone());
        match call.operation {
            Operation::TableSchema => {
                let pin = Pin { cycle: Some(newest.clone()), told: newest.number };
                let told = pins.insert(key(), pin).map(|before| before.told);
                (newest.clone(), told)
            }
            Operation::RowData | Operation::Wipe => {
                let pinned = pins.get(&key()).and_then(|pin| pin.cycle.as_ref());
                // One that keeps rows out helps nobody.
                let pinned = pinned.filter(|pinned| pinned.rows != newest.rows && !pinned.is_blocked());
                (pinned.unwrap_or(newest).clone(), None)
            }
            Operation::ReplicationCompleted => {
                if let Some(pin) = pins.get_mut(&key()) {
                    pin.cycle = None;
                }
                (newest.clone(), None)
            }
            Operation::Authenticate => (newest.clone(), None),
        }
    }

    /// How many cycles are made by an older generation than this.
    pub fn behind(&self, newest: &PluginSet) -> usize {
        let behind = |pin: &&Pin| pin.cycle.as_ref().is_some_and(|cycle| cycle.rows != newest.rows);
        self.pins().values().filter(behind).count()
    }

    fn pins(&self) -> MutexGuard<'_, HashMap<(String, ContextId), Pin>> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(tenant: &str, operation: Operation) -> CallInfo {
        CallInfo {
            tenant: ContextId::new(tenant).unwrap(),
            application: "app".into(),
            operation,
            client_state: String::new(),
            request_id: String::new(),
        }
    }

    fn set(number: u64, rows: u8) -> Arc<PluginSet> {
        Arc::new(PluginSet { number, rows: [rows; 32], ..PluginSet::empty() })
    }

    #[test]
    fn rows_follow_their_cycles_table_schema_and_everything_else_the_newest() {
        let pins = Pins::default();
        let (one, two, three) = (set(1, 1), set(2, 2), set(3, 2));
        let choose = |tenant, operation, newest| {
            let (set, told) = pins.choose(&call(tenant, operation), newest);
            (set.number, told)
        };
        assert_eq!(choose("a", Operation::RowData, &one), (1, None), "nothing is known of this cycle");
        assert_eq!(choose("a", Operation::TableSchema, &one), (1, None));
        assert_eq!(choose("a", Operation::RowData, &two), (1, None));
        assert_eq!(choose("a", Operation::Wipe, &two), (1, None));
        assert_eq!(choose("a", Operation::Authenticate, &two), (2, None));
        assert_eq!(choose("b", Operation::RowData, &two), (2, None), "another tenant");
        assert_eq!(pins.behind(&two), 1);
        assert_eq!(choose("a", Operation::TableSchema, &two), (2, Some(1)));
        assert_eq!(choose("a", Operation::RowData, &three), (3, None), "the same transforms");
        assert_eq!(choose("a", Operation::ReplicationCompleted, &three), (3, None));
        assert_eq!(choose("a", Operation::RowData, &one), (1, None), "its cycle has ended");
        assert_eq!(pins.behind(&one), 0);
        assert_eq!(choose("a", Operation::TableSchema, &three), (3, Some(2)));
    }
}
