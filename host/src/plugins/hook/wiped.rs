//! `wiped`: a table was emptied at the Task's request.

use crate::plugins::call::{Failed, PluginCall};
use crate::plugins::instance::within;
use crate::protocol::table_name::TableName;

impl PluginCall {
    pub(in crate::plugins) async fn call_wiped(&mut self, at: usize, table: &TableName) -> Result<(), Failed> {
        let mut entered = self.enter(at, 0).await?;
        let guest = entered.guests().wiped.ok_or_else(Failed::missing)?;
        let call = guest.call_wiped(&mut entered.instance.store, Self::context(&self.info), table.as_str());
        let answer = within(entered.allowance, &self.plugin(at).limits, call).await;
        self.leave(entered, answer)?.map_err(Failed::Answered)
    }
}
