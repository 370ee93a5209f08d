//! `log-event`: every notable event.

use crate::plugins::bindings::exports::speil::mirror::log_event::{Event, Level};
use crate::plugins::call::{Failed, PluginCall};
use crate::plugins::instance::within;
use crate::store::history::{EventLevel, EventRecord};

impl PluginCall {
    pub(in crate::plugins) async fn call_log_event(&mut self, at: usize, event: &EventRecord) -> Result<(), Failed> {
        let event = Event {
            at: event.at,
            level: match event.level {
                EventLevel::Info => Level::Info,
                EventLevel::Warning => Level::Warning,
                EventLevel::Error => Level::Error,
            },
            kind: &event.kind,
            table: event.table.as_deref(),
            message: &event.message,
            advice: event.advice.as_deref(),
        };
        let mut entered = self.enter(at, 0).await?;
        let guest = entered.guests().log_event.ok_or_else(Failed::missing)?;
        let call = guest.call_log_event(&mut entered.instance.store, Self::context(&self.info), event);
        let answer = within(entered.allowance, &self.plugin(at).limits, call).await;
        self.leave(entered, answer)
    }
}
