//! `authenticated`: what is added to the answer of Authenticate.

use serde_json::{Map, Value};

use crate::plugins::call::{Failed, PluginCall};
use crate::plugins::instance::within;
use crate::plugins::limits::{Limits, size};

impl PluginCall {
    pub(in crate::plugins) async fn call_authenticated(&mut self, at: usize) -> Result<Map<String, Value>, Failed> {
        let mut entered = self.enter(at, 0).await?;
        let guest = entered.guests().authenticated.ok_or_else(Failed::missing)?;
        let call = guest.call_additional_information(&mut entered.instance.store, Self::context(&self.info));
        let answer = within(entered.allowance, &self.plugin(at).limits, call).await;
        match self.leave(entered, answer)?.map_err(Failed::Answered)? {
            None => Ok(Map::new()),
            Some(text) => parse(&text).map_err(Failed::Unusable),
        }
    }
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    if text.len() > Limits::ANSWER {
        return Err(format!(
            "it answered {} of JSON, and at most {} are taken",
            size(text.len()),
            size(Limits::ANSWER)
        ));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err("it answered JSON that is not an object such as { \"doNotReplicate\": \"true\" }".into()),
        Err(error) => Err(format!("it answered a text that is not JSON: {error}")),
    }
}
