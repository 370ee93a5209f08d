//! `resolve-connection`: where a tenant's mirror lives.

use crate::plugins::call::{Failed, PluginCall};
use crate::plugins::instance::within;
use crate::plugins::limits::{Limits, size};
use crate::store::Connection;

impl PluginCall {
    pub(in crate::plugins) async fn call_resolve_connection(
        &mut self,
        at: usize,
    ) -> Result<Option<Connection>, Failed> {
        let mut entered = self.enter(at, 0).await?;
        let guest = entered.guests().resolve_connection.ok_or_else(Failed::missing)?;
        let call = guest.call_resolve(&mut entered.instance.store, Self::context(&self.info));
        let answer = within(entered.allowance, &self.plugin(at).limits, call).await;
        match self.leave(entered, answer)?.map_err(Failed::Answered)? {
            None => Ok(None),
            Some(text) if text.trim().is_empty() => Err(Failed::Unusable(
                "it answered an empty connection; to leave it to the configuration, it answers none".into(),
            )),
            Some(text) if text.len() > Limits::ANSWER => Err(Failed::Unusable(format!(
                "it answered a connection of {}, and at most {} are taken",
                size(text.len()),
                size(Limits::ANSWER)
            ))),
            Some(text) => Ok(Some(Connection(text))),
        }
    }
}
