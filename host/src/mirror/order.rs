//! What keeps two calls off one table, and an older call from undoing a newer one (design.md, invariants 2 and 5).
//!
//! A caller that timed out may repeat its call while the first one still runs. Both would do the same, but the first may
//! come *after* the repetition, and by then the cycle has gone on: its Wipe would empty what has been filled since. So:
//!
//! - one call at a time works on a (tenant, table), in the order in which they came to its lock;
//! - each (tenant, table) remembers the latest call that has begun to work on it, by [`Arrival`]; an earlier one that comes
//!   afterwards is refused;
//! - the store does the same across hosts and restarts by [`Ticket`]. Tickets are taken after the mirror is open and so
//!   may come in another order than the calls did; [`CallPlace::settle`] evens that out.
//!
//! It also keeps the gaps (`MirrorDb::mark_gap`) that could not be written into the mirror when they came about, until
//! they can be or are over; among them those of calls that were told to come again before anything of them was read, of
//! which nobody knows the tables.
//!
//! Memory is bounded: a tenant of which no call has been active for [`IDLE`] keeps one number, the latest arrival of
//! all its tables. A call older than that which turns up after an hour is refused on any table, which is safe.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OwnedMutexGuard;

use super::Arrival;
use crate::protocol::context_id::ContextId;
use crate::protocol::table_name::TableName;
use crate::store::Ticket;

/// After this long without an active call a tenant's tables are forgotten one by one and remembered as a whole.
const IDLE: Duration = Duration::from_hours(1);

/// A later call has already begun to work on the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overtaken;

/// All tenants' calls in this process.
#[derive(Debug, Default)]
pub(super) struct Order {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    tenants: HashMap<ContextId, Tenant>,
    next_id: u64,
    swept_at: Option<Instant>,
}

#[derive(Debug)]
struct Tenant {
    /// What a table that is not in `tables` starts with.
    floor: Option<Arrival>,
    tables: HashMap<String, Arc<tokio::sync::Mutex<Option<Arrival>>>>,
    active: Vec<Active>,
    idle_since: Instant,
    /// Tables, folded, of which rows are missing and whose mirror does not know it yet. Outlasts [`IDLE`].
    gaps: HashSet<String>,
    /// Rows of tables nobody knows are missing.
    unread: Option<Unread>,
}

/// Rows were sent that were not even read: every table may have a gap.
#[derive(Debug)]
struct Unread {
    /// When the latest such call came.
    arrival: Arrival,
    /// Tables whose gap has been written down since, folded.
    settled: HashSet<String>,
}

#[derive(Debug)]
struct Active {
    id: u64,
    arrival: Arrival,
    ticket: Option<Ticket>,
}

impl Order {
    /// A call begins; it is active until the answer is dropped.
    pub(super) fn enter(&self, tenant: &ContextId, arrival: Arrival) -> CallPlace {
        let mut state = lock(&self.state);
        state.sweep(Instant::now());
        state.next_id += 1;
        let id = state.next_id;
        state.tenant(tenant).active.push(Active { id, arrival, ticket: None });
        CallPlace { state: self.state.clone(), tenant: tenant.clone(), arrival, id }
    }
}

impl Order {
    /// A call that sent rows was told to come again before its tables were known. If its sender goes on with the cycle all
    /// the same, no LSN may move past the rows that are missing.
    pub(super) fn left_out(&self, tenant: &ContextId, arrival: Arrival) {
        let mut state = lock(&self.state);
        let unread = &mut state.tenant(tenant).unread;
        let arrival = unread.as_ref().map_or(arrival, |unread| unread.arrival.max(arrival));
        *unread = Some(Unread { arrival, settled: HashSet::new() });
    }
}

impl State {
    fn tenant(&mut self, tenant: &ContextId) -> &mut Tenant {
        self.tenants.entry(tenant.clone()).or_insert_with(|| Tenant {
            floor: None,
            tables: HashMap::new(),
            active: Vec::new(),
            idle_since: Instant::now(),
            gaps: HashSet::new(),
            unread: None,
        })
    }

    /// Looks for idle tenants, now and then.
    fn sweep(&mut self, now: Instant) {
        if self.swept_at.is_some_and(|at| now.duration_since(at) < IDLE / 4) {
            return;
        }
        self.swept_at = Some(now);
        for tenant in self.tenants.values_mut() {
            if tenant.active.is_empty() && now.duration_since(tenant.idle_since) >= IDLE {
                tenant.forget_tables();
            }
        }
    }
}

impl Tenant {
    /// Keeps the latest arrival of all tables instead of each table's own. Only when no call is active.
    fn forget_tables(&mut self) {
        for (_, place) in self.tables.drain() {
            if let Ok(latest) = place.try_lock() {
                self.floor = self.floor.max(*latest);
            }
        }
        self.tables.shrink_to_fit();
    }
}

/// A call's place among its tenant's calls. Dropping it ends the call.
#[derive(Debug)]
pub(super) struct CallPlace {
    state: Arc<Mutex<State>>,
    tenant: ContextId,
    arrival: Arrival,
    id: u64,
}

/// The right to work on a table, until dropped.
#[derive(Debug)]
pub(super) struct TableGuard {
    _held: OwnedMutexGuard<Option<Arrival>>,
}

impl CallPlace {
    /// Waits for the table, and notes that this call has begun to work on it.
    pub(super) async fn table(&self, table: &TableName) -> Result<TableGuard, Overtaken> {
        self.take(table.folded()).await
    }

    /// The same for the tenant's cycle as a whole, which has no table: who may open and close it. No table has an empty
    /// name.
    pub(super) async fn cycle(&self) -> Result<TableGuard, Overtaken> {
        self.take("").await
    }

    async fn take(&self, key: &str) -> Result<TableGuard, Overtaken> {
        let place = {
            let mut state = lock(&self.state);
            // The entry is there: `enter` made it, and entries are never removed.
            let Some(tenant) = state.tenants.get_mut(&self.tenant) else { return Err(Overtaken) };
            if let Some(place) = tenant.tables.get(key) {
                place.clone()
            } else {
                let place = Arc::new(tokio::sync::Mutex::new(tenant.floor));
                tenant.tables.insert(key.to_owned(), place.clone());
                place
            }
        };
        let mut held = place.lock_owned().await;
        if held.is_some_and(|latest| latest > self.arrival) {
            return Err(Overtaken);
        }
        *held = Some(self.arrival);
        Ok(TableGuard { _held: held })
    }

    /// Rows of the table are missing, and the mirror could not be told.
    pub(super) fn owe_gap(&self, table: &TableName) {
        if let Some(tenant) = lock(&self.state).tenants.get_mut(&self.tenant) {
            tenant.gaps.insert(table.folded().to_owned());
        }
    }

    /// Whether [`CallPlace::owe_gap`] was said of the table and is not over.
    pub(super) fn owes_gap(&self, table: &TableName) -> bool {
        lock(&self.state).tenants.get(&self.tenant).is_some_and(|tenant| {
            tenant.gaps.contains(table.folded())
                || tenant.unread.as_ref().is_some_and(|unread| !unread.settled.contains(table.folded()))
        })
    }

    /// The gap is in the mirror, or over.
    pub(super) fn settle_gap(&self, table: &TableName) {
        if let Some(tenant) = lock(&self.state).tenants.get_mut(&self.tenant) {
            tenant.gaps.remove(table.folded());
            if let Some(unread) = &mut tenant.unread {
                unread.settled.insert(table.folded().to_owned());
            }
        }
    }

    /// The LSNs of all tables have been told anew, so what was sent before and not read will be sent again.
    pub(super) fn settle_unread(&self) {
        if let Some(tenant) = lock(&self.state).tenants.get_mut(&self.tenant)
            && tenant.unread.as_ref().is_some_and(|unread| unread.arrival < self.arrival)
        {
            tenant.unread = None;
        }
    }

    /// Makes a ticket that the store gave agree with the order of arrival among the calls now active: never smaller than
    /// that of an earlier call, never greater than that of a later one. Two calls may so share a ticket, which the store
    /// allows; their arrivals tell them apart.
    pub(super) fn settle(&self, given: Ticket) -> Ticket {
        let mut state = lock(&self.state);
        let Some(tenant) = state.tenants.get_mut(&self.tenant) else { return given };
        let mut ticket = given;
        for other in &tenant.active {
            let Some(theirs) = other.ticket else { continue };
            if other.arrival < self.arrival {
                ticket = ticket.max(theirs);
            }
        }
        for other in &tenant.active {
            let Some(theirs) = other.ticket else { continue };
            if other.arrival > self.arrival {
                ticket = ticket.min(theirs);
            }
        }
        if let Some(own) = tenant.active.iter_mut().find(|active| active.id == self.id) {
            own.ticket = Some(ticket);
        }
        ticket
    }
}

impl Drop for CallPlace {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(tenant) = state.tenants.get_mut(&self.tenant) {
            tenant.active.retain(|active| active.id != self.id);
            tenant.idle_since = Instant::now();
        }
    }
}

/// Nothing in here can panic half-way, so a poisoned lock guards sound data.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> ContextId {
        ContextId::new(name).unwrap()
    }

    fn table(name: &str) -> TableName {
        TableName::new(name).unwrap()
    }

    #[tokio::test]
    async fn an_earlier_call_is_refused_once_a_later_one_has_touched_the_table_whatever_its_case() {
        let order = Order::default();
        let first = order.enter(&tenant("Cust1"), Arrival(1));
        let second = order.enter(&tenant("Cust1"), Arrival(2));
        drop(second.table(&table("person")).await.unwrap());
        assert_eq!(first.table(&table("PERSON")).await.err(), Some(Overtaken));
        assert!(first.table(&table("contact")).await.is_ok(), "another table is not touched by it");
        assert!(second.table(&table("person")).await.is_ok(), "a call may come again to its own table");
    }

    #[tokio::test]
    async fn tenants_do_not_meet() {
        let order = Order::default();
        let first = order.enter(&tenant("Cust1"), Arrival(1));
        let second = order.enter(&tenant("Cust2"), Arrival(2));
        let held = second.table(&table("person")).await.unwrap();
        assert!(first.table(&table("person")).await.is_ok());
        drop(held);
    }

    #[tokio::test]
    async fn a_table_is_worked_on_by_one_call_at_a_time() {
        let order = Order::default();
        let first = order.enter(&tenant("Cust1"), Arrival(1));
        let second = order.enter(&tenant("Cust1"), Arrival(2));
        let held = first.table(&table("person")).await.unwrap();
        let name = table("person");
        let mut waiting = std::pin::pin!(second.table(&name));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(held);
        assert!(waiting.await.is_ok());
    }

    #[tokio::test]
    async fn what_was_touched_is_remembered_after_the_call_ended_and_after_the_tables_are_forgotten() {
        let order = Order::default();
        drop(order.enter(&tenant("Cust1"), Arrival(7)).table(&table("person")).await.unwrap());
        let late = order.enter(&tenant("Cust1"), Arrival(6));
        assert_eq!(late.table(&table("person")).await.err(), Some(Overtaken));
        drop(late);
        {
            let mut state = lock(&order.state);
            state.swept_at = None;
            state.sweep(Instant::now() + IDLE);
            assert!(state.tenants[&tenant("Cust1")].tables.is_empty(), "the map does not grow for ever");
        }
        let late = order.enter(&tenant("Cust1"), Arrival(6));
        assert_eq!(late.table(&table("person")).await.err(), Some(Overtaken));
        assert!(order.enter(&tenant("Cust1"), Arrival(8)).table(&table("person")).await.is_ok());
    }

    #[test]
    fn rows_that_nobody_read_are_missing_from_every_table_until_its_gap_is_written_down_or_the_lsns_are_told_anew() {
        let order = Order::default();
        let schema = order.enter(&tenant("Cust1"), Arrival(1));
        order.left_out(&tenant("Cust1"), Arrival(2));
        let rows = order.enter(&tenant("Cust1"), Arrival(3));
        let (person, contact) = (table("person"), table("CONTACT"));
        assert!(rows.owes_gap(&person) && rows.owes_gap(&contact));
        assert!(!order.enter(&tenant("Cust2"), Arrival(4)).owes_gap(&person), "another tenant's are not");
        rows.settle_gap(&person);
        assert!(!rows.owes_gap(&person) && rows.owes_gap(&contact));
        schema.settle_unread();
        assert!(rows.owes_gap(&contact), "its LSNs were told before");
        order.enter(&tenant("Cust1"), Arrival(5)).settle_unread();
        assert!(!rows.owes_gap(&contact));
    }

    #[test]
    fn tickets_agree_with_the_order_of_arrival_however_the_store_gave_them() {
        let order = Order::default();
        let first = order.enter(&tenant("Cust1"), Arrival(1));
        let second = order.enter(&tenant("Cust1"), Arrival(2));
        assert_eq!(second.settle(Ticket(10)), Ticket(10));
        assert_eq!(first.settle(Ticket(11)), Ticket(10), "not greater than a later call's");

        let order = Order::default();
        let first = order.enter(&tenant("Cust1"), Arrival(1));
        let second = order.enter(&tenant("Cust1"), Arrival(2));
        assert_eq!(first.settle(Ticket(11)), Ticket(11));
        assert_eq!(second.settle(Ticket(10)), Ticket(11), "not smaller than an earlier call's");
    }
}
