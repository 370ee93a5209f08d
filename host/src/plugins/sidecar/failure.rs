//! `[failure]`: what a hook's failure means for the incoming call, where that may be chosen.
//!
//! A transform can never be ignored (design.md, invariant 6), nor can the answer where a tenant's mirror lives: rows would
//! reach the wrong place or the right one unchanged. What has happened already (`operation`'s after, `log-event`) cannot
//! fail a call any more.

use std::collections::BTreeMap;

use toml::Value;

use super::grants::word;
use super::{hook_named, unknown};
use crate::plugins::hook::{FailureRule, Function, Hook};

/// What the operator chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// The incoming call fails.
    Fail,
    /// An event is recorded and the call goes on.
    Ignore,
}

/// Choices, by hook. What is not in it keeps the hook's own rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failures(BTreeMap<Hook, OnFailure>);

impl Failures {
    /// What a failure of this function means for this plug-in.
    #[must_use]
    pub fn rule(&self, function: Function) -> FailureRule {
        let own = function.failure_rule();
        match (self.0.get(&function.hook()), function) {
            (None, _) | (_, Function::OperationAfter) => own,
            (Some(OnFailure::Fail), _) => FailureRule::FailsCall,
            (Some(OnFailure::Ignore), _) => FailureRule::Logged,
        }
    }
}

pub(super) fn parse(value: &Value) -> Result<Failures, String> {
    let table = value.as_table().ok_or("`failure` must be a table: [failure]")?;
    let mut failures = BTreeMap::new();
    for (key, value) in table {
        let Some(hook) = Hook::from_name(key) else {
            return Err(match hook_named(key) {
                Some(near) => format!("unknown key `failure.{key}`; did you mean `failure.{near}`?"),
                None => unknown("failure.", key, &Hook::ALL.map(Hook::name)),
            });
        };
        let chosen = match value.as_str() {
            Some("fail") => OnFailure::Fail,
            Some("ignore") => OnFailure::Ignore,
            _ => return Err(word(&format!("failure.{key}"), value, &["fail", "ignore"])),
        };
        allowed(hook, chosen)?;
        failures.insert(hook, chosen);
    }
    Ok(Failures(failures))
}

fn allowed(hook: Hook, chosen: OnFailure) -> Result<(), String> {
    match (hook, chosen) {
        (Hook::Transform, OnFailure::Ignore) => Err(
            "`failure.transform` cannot be \"ignore\": rows that it should have changed or left out would reach the mirror \
             unchanged; take `transform` out of `hooks` if it is not wanted"
                .into(),
        ),
        (Hook::ResolveConnection, OnFailure::Ignore) => Err(
            "`failure.resolve-connection` cannot be \"ignore\": rows would go to another database than they should; take \
             `resolve-connection` out of `hooks` if it is not wanted"
                .into(),
        ),
        (Hook::LogEvent, OnFailure::Fail) => Err(
            "`failure.log-event` cannot be \"fail\": what it is told has happened already; it is always \"ignore\"".into(),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(text: &str) -> Result<Failures, String> {
        parse(&Value::Table(text.parse().unwrap()))
    }

    #[test]
    fn only_what_may_be_chosen_changes() {
        let chosen = failures(
            "authenticated = \"ignore\"\noperation = \"ignore\"\nrows-committed = \"fail\"\ntransform = \"fail\"",
        )
        .unwrap();
        let rule = |function| chosen.rule(function);
        assert_eq!(rule(Function::Authenticated), FailureRule::Logged);
        assert_eq!(rule(Function::OperationBefore), FailureRule::Logged);
        assert_eq!(rule(Function::OperationAfter), FailureRule::Logged);
        assert_eq!(rule(Function::RowsCommitted), FailureRule::FailsCall);
        assert_eq!(rule(Function::TransformApply), FailureRule::FailsCall);
        assert_eq!(rule(Function::Wiped), FailureRule::Logged);
        assert_eq!(failures("operation = \"fail\"").unwrap().rule(Function::OperationAfter), FailureRule::Logged);
    }

    #[test]
    fn a_transform_is_never_ignored() {
        let refusals: Vec<String> = [
            "transform = \"ignore\"",
            "resolve-connection = \"ignore\"",
            "log-event = \"fail\"",
            "wiped = \"fails\"",
            "wipe = \"fail\"",
        ]
        .iter()
        .map(|text| failures(text).unwrap_err())
        .collect();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        `failure.transform` cannot be "ignore": rows that it should have changed or left out would reach the mirror unchanged; take `transform` out of `hooks` if it is not wanted
        `failure.resolve-connection` cannot be "ignore": rows would go to another database than they should; take `resolve-connection` out of `hooks` if it is not wanted
        `failure.log-event` cannot be "fail": what it is told has happened already; it is always "ignore"
        `failure.wiped` must be "fail" or "ignore", not "fails"; did you mean "fail"?
        unknown key `failure.wipe`; did you mean `failure.wiped`?
        "#);
    }
}
