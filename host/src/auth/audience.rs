//! For which application a token was issued: the claim `aud`, `spn:` and the application's id.
//!
//! The vendor's sample does not look; we do (protocol.md section 4), since a token that another partner's application
//! received would open this host otherwise. `check_audience = false` switches it off.

use serde_json::Value;

use super::refusal::{Quoted, Refusal, RefusalReason};
use super::token::Token;

const PREFIX: &str = "spn:";

/// Whether one of the token's audiences is this application. Ids are hex: case does not count.
pub(super) fn names(token: &Token<'_>, id: &str) -> bool {
    audiences(token).any(|audience| {
        audience
            .split_at_checked(PREFIX.len())
            .is_some_and(|(prefix, rest)| prefix.eq_ignore_ascii_case(PREFIX) && rest.eq_ignore_ascii_case(id))
    })
}

/// `aud` as a text or as an array of texts.
fn audiences<'t>(token: &'t Token<'_>) -> impl Iterator<Item = &'t str> {
    let (one, many) = match token.claims.get("aud") {
        Some(Value::String(text)) => (Some(text.as_str()), &[][..]),
        Some(Value::Array(list)) => (None, list.as_slice()),
        _ => (None, &[][..]),
    };
    one.into_iter().chain(many.iter().filter_map(Value::as_str))
}

/// What an administrator is told: what the token names, what is served here, and where the named one is served.
///
/// `served` are the ids on the path called; `elsewhere` the paths on which this host serves other applications.
pub(super) fn refusal(token: &Token<'_>, path: &str, served: &[&str], elsewhere: &[(&str, &str)]) -> Refusal {
    const SHOWN: usize = 3;
    let mut named = audiences(token).take(SHOWN).map(|audience| Quoted(audience).to_string()).collect::<Vec<_>>();
    if audiences(token).count() > SHOWN {
        named.push("…".to_owned());
    }
    let named =
        if named.is_empty() { "names no audience".to_owned() } else { format!("is meant for {}", named.join(", ")) };
    let here = served.iter().map(|id| format!("spn:{id}")).collect::<Vec<_>>().join(", ");
    let mut log = format!("A token was refused: it {named}, and {path} of this host serves {here}.");
    if let Some((_, other)) = elsewhere.iter().find(|(id, _)| names(token, id)) {
        log += " That application is served on ";
        log += other;
        log += ": the vendor has the wrong address for it.";
        return Refusal::new(RefusalReason::Audience, log);
    }
    let refusal = Refusal::new(RefusalReason::Audience, log);
    let foreign = audiences(token)
        .filter_map(|audience| audience.strip_prefix(PREFIX))
        .find(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    match (foreign, served) {
        (Some(id), [_]) => refusal.with_fix(format!(
            "id = \"{id}\"   # if that is this application's id; check_audience = false accepts tokens for any application"
        )),
        (Some(id), _) => refusal.with_fix(format!("[[application]] with id = \"{id}\"   # if that application is yours too")),
        (None, [_]) => refusal.with_fix("check_audience = false   # only if the vendor really issues tokens without one"),
        (None, _) => refusal,
    }
}
