//! `replication-completed`: the end of a successful cycle.

use crate::plugins::bindings::exports::speil::mirror::replication_completed::TableSummary;
use crate::plugins::call::{Failed, PluginCall};
use crate::plugins::instance::within;
use crate::protocol::messages::ReplicationSummary;

impl PluginCall {
    pub(in crate::plugins) async fn call_replication_completed(
        &mut self,
        at: usize,
        changed: &[ReplicationSummary],
    ) -> Result<(), Failed> {
        // A count below zero, which the wire could carry, is none.
        let count = |count: i32| u32::try_from(count).unwrap_or(0);
        let changed: Vec<TableSummary<'_>> = changed
            .iter()
            .map(|table| TableSummary {
                table: &table.table_name,
                inserts: count(table.inserts),
                updates: count(table.updates),
                deletes: count(table.deletes),
            })
            .collect();
        let mut entered = self.enter(at, 0).await?;
        let guest = entered.guests().replication_completed.ok_or_else(Failed::missing)?;
        let context = Self::context(&self.info);
        let call = guest.call_replication_completed(&mut entered.instance.store, context, &changed);
        let answer = within(entered.allowance, &self.plugin(at).limits, call).await;
        self.leave(entered, answer)?.map_err(Failed::Answered)
    }
}
