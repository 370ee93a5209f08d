//! The side tables of the mirror in memory.

use async_trait::async_trait;

use super::memory::{Memory, Table};
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::ReplicationSummary;
use crate::protocol::table_name::fold;
use crate::store::history::{CallRecord, CycleRecord, EventRecord, History, Millis, OpCounts, TableHistory};
use crate::store::{StoreError, Ticket};

#[async_trait]
impl History for Memory {
    async fn begin_cycle(&self, ticket: Ticket, at: Millis) -> Result<(), StoreError> {
        let mut state = self.state();
        state.enter("begin_cycle", "")?;
        state.tables.values_mut().for_each(|table| table.counts = OpCounts::default());
        state.cycles.insert(
            0,
            CycleRecord {
                id: ticket.0,
                started_at: at,
                last_call_at: at,
                completed_at: None,
                calls: 0,
                failed_calls: 0,
                inserts: 0,
                updates: 0,
                deletes: 0,
                reported: None,
                mismatches: Vec::new(),
            },
        );
        Ok(())
    }
    async fn record_call(&self, call: &CallRecord) -> Result<(), StoreError> {
        let mut state = self.state();
        state.enter("record_call", call.operation.name())?;
        if let Some(cycle) = state.cycles.first_mut() {
            cycle.last_call_at = call.at;
            cycle.calls += 1;
            cycle.failed_calls += u64::from(call.failed);
        }
        for (table, error) in &call.table_errors {
            if let Some(table) = state.tables.get_mut(table.folded()) {
                table.error = Some(error.clone());
            }
        }
        for event in &call.events {
            state.events.insert(0, event.clone());
        }
        Ok(())
    }
    async fn record_events(&self, events: &[EventRecord]) -> Result<(), StoreError> {
        let mut state = self.state();
        state.enter("record_events", "")?;
        for event in events {
            state.events.insert(0, event.clone());
        }
        Ok(())
    }
    async fn complete_cycle(&self, at: Millis, reported: &[ReplicationSummary]) -> Result<Vec<String>, StoreError> {
        let mut state = self.state();
        state.enter("complete_cycle", "")?;
        if let Some(cycle) = state.cycles.first_mut() {
            cycle.completed_at = Some(at);
        }
        let started = state.cycles.first().map_or(Millis::MIN, |cycle| cycle.started_at);
        let came_through =
            |table: &&mut Table| !table.gap && table.error.as_ref().is_none_or(|error| error.at < started);
        state.tables.values_mut().filter(came_through).for_each(|table| table.confirmed_at = Some(at));
        let mismatch = |one: &ReplicationSummary| {
            let got = state.tables.get(&fold(&one.table_name))?.counts.inserts;
            let said = u64::try_from(one.inserts).ok()?;
            (got != said).then(|| format!("{}: {said} inserts reported, {got} received", one.table_name))
        };
        Ok(reported.iter().filter_map(mismatch).collect())
    }
    async fn cycles(&self, limit: usize) -> Result<Vec<CycleRecord>, StoreError> {
        Ok(self.state().cycles.iter().take(limit).cloned().collect())
    }
    async fn tables(&self) -> Result<Vec<TableHistory>, StoreError> {
        let state = self.state();
        let live = state.tables.values().map(|table| TableHistory {
            table: table.record.table.as_str().to_owned(),
            rows: table.rows.len() as u64,
            last_change_at: None,
            last_confirmed_at: table.confirmed_at,
            fill_started_at: None,
            last_error: table.error.clone(),
            gone_at: None,
            cycle_inserts: table.counts.inserts,
            cycle_updates: table.counts.updates,
            cycle_deletes: table.counts.deletes,
        });
        Ok(live.collect())
    }
    async fn events(&self, limit: usize) -> Result<Vec<EventRecord>, StoreError> {
        Ok(self.state().events.iter().take(limit).cloned().collect())
    }
    async fn newest_lsn(&self) -> Result<Option<Lsn>, StoreError> {
        Ok(self.state().tables.values().map(|table| table.record.lsn).max())
    }
}
