//! `before-replicate-table`: a table's schema is in place, its rows may come.

use crate::plugins::bindings::exports::speil::mirror::before_replicate_table::SchemaChange as Told;
use crate::plugins::call::{Failed, PluginCall};
use crate::plugins::hooks::SchemaChange;
use crate::plugins::instance::within;
use crate::protocol::table_name::TableName;

impl PluginCall {
    pub(in crate::plugins) async fn call_before_replicate_table(
        &mut self,
        at: usize,
        table: &TableName,
        change: SchemaChange,
    ) -> Result<(), Failed> {
        let change = match change {
            SchemaChange::Unchanged => Told::Unchanged,
            SchemaChange::Created => Told::Created,
            SchemaChange::Altered => Told::Altered,
            SchemaChange::Recreated => Told::Recreated,
            SchemaChange::Dropped => Told::Dropped,
        };
        let mut entered = self.enter(at, 0).await?;
        let guest = entered.guests().before_replicate_table.ok_or_else(Failed::missing)?;
        let context = Self::context(&self.info);
        let call = guest.call_before_replicate_table(&mut entered.instance.store, context, table.as_str(), change);
        let answer = within(entered.allowance, &self.plugin(at).limits, call).await;
        self.leave(entered, answer)?.map_err(Failed::Answered)
    }
}
