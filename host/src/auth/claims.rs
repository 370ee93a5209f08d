//! What a token with a good signature says: issuer, times, tenant, nonce. The audience has a file of its own.

use std::time::Duration;

use serde_json::Value;

use super::nonce::Nonce;
use super::refusal::{Moment, Quoted, Refusal, RefusalReason, Span};
use super::token::Token;
use crate::protocol::context_id::ContextId;

/// The only issuer.
pub(super) const ISSUER: &str = "SuperOffice AS";

/// The claim that names the tenant; `sub` says the same.
pub(super) const CONTEXT: &str = "http://schemes.superoffice.net/identity/ctx";

/// The longest life a token may have. The vendor's live about six minutes; one that lives for years is a mistake or a
/// stolen key's work.
const MAX_LIFETIME: i64 = 24 * 3_600;

/// The issuer is the vendor.
pub(super) fn check_issuer(token: &Token<'_>, who: &str) -> Result<(), Refusal> {
    let refuse = |what: String| {
        let log = format!("{who} refused a token: {what}, and only {ISSUER:?} issues tokens for mirroring.");
        Err(Refusal::new(RefusalReason::Issuer, log))
    };
    match token.claims.get("iss") {
        Some(Value::String(issuer)) if issuer == ISSUER => Ok(()),
        Some(Value::String(issuer)) => refuse(format!("its issuer is {}", Quoted(issuer))),
        Some(_) => refuse("its issuer is not a text".into()),
        None => refuse("it names no issuer".into()),
    }
}

/// Valid at this time, give or take the clock skew. `iat` does not count.
pub(super) fn check_times(token: &Token<'_>, now: i64, skew: Duration, who: &str) -> Result<(), Refusal> {
    let not_before = moment(token, "nbf", who)?;
    let expires = moment(token, "exp", who)?;
    let nonsense =
        |what: String| Err(Refusal::new(RefusalReason::MissingTimes, format!("{who} refused a token: {what}.")));
    if expires <= not_before {
        return nonsense(format!(
            "it expires ({}) before it begins to be valid ({})",
            Moment(expires),
            Moment(not_before)
        ));
    }
    let lifetime = expires.saturating_sub(not_before);
    if lifetime > MAX_LIFETIME {
        return nonsense(format!(
            "it is valid for {}, and the vendor's are for minutes (more than {} is not believed)",
            Span(lifetime),
            Span(MAX_LIFETIME)
        ));
    }
    let skew_seconds = i64::try_from(skew.as_secs()).unwrap_or(i64::MAX);
    if now.saturating_add(skew_seconds) < not_before {
        let early = not_before.saturating_sub(now);
        let refusal = Refusal::new(
            RefusalReason::NotYetValid,
            format!(
                "{who} refused a token: it is valid in {} by this host's clock ({}; valid from {}), and a clock skew of {} \
                 is allowed. This host's clock is probably slow.",
                Span(early),
                Moment(now),
                Moment(not_before),
                Span(skew_seconds)
            ),
        );
        return Err(wider_skew(refusal, early));
    }
    if now.saturating_sub(skew_seconds) >= expires {
        let late = now.saturating_sub(expires);
        let refusal = Refusal::new(
            RefusalReason::Expired,
            format!(
                "{who} refused a token: it expired {} ago by this host's clock ({}; valid until {}), and a clock skew of {} \
                 is allowed. This host's clock is probably fast, or the token is an old one sent again.",
                Span(late),
                Moment(now),
                Moment(expires),
                Span(skew_seconds)
            ),
        );
        return Err(wider_skew(refusal, late));
    }
    Ok(())
}

/// The skew that would have let it through, when a clock can plausibly be that wrong.
fn wider_skew(refusal: Refusal, off: i64) -> Refusal {
    const PLAUSIBLE: i64 = 3_600;
    if off >= PLAUSIBLE {
        return refusal;
    }
    let minutes = off / 60 + 1;
    refusal.with_fix(format!("clock_skew = \"{minutes}m\"   # better: let this host's clock be set by NTP"))
}

fn moment(token: &Token<'_>, claim: &str, who: &str) -> Result<i64, Refusal> {
    let refuse =
        |what: &str| Refusal::new(RefusalReason::MissingTimes, format!("{who} refused a token: its {claim} {what}."));
    match token.claims.get(claim) {
        None => Err(refuse("is missing")),
        Some(Value::Number(number)) => seconds(number).ok_or_else(|| refuse("is not a time")),
        Some(_) => Err(refuse("is not a number")),
    }
}

/// Whole seconds; a fraction, which the standard allows, is cut off.
fn seconds(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        // Within what a calendar can hold, so that the conversion is exact but for the fraction.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked to be far inside i64, and whole seconds are wanted"
        )]
        (float.abs() < 1e12).then_some(float as i64)
    })
}

/// The tenant: `ctx`, else `sub`; two that differ are refused.
pub(super) fn tenant(token: &Token<'_>, who: &str) -> Result<ContextId, Refusal> {
    let refuse = |what: String| Refusal::new(RefusalReason::Tenant, format!("{who} refused a token: {what}."));
    let text = |claim: &str| match token.claims.get(claim) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(refuse(format!("its claim {claim} is not a text"))),
    };
    let name = match (text(CONTEXT)?, text("sub")?) {
        (Some(context), Some(subject)) if context != subject => {
            return Err(refuse(format!(
                "it names two tenants, {} (ctx) and {} (sub)",
                Quoted(context),
                Quoted(subject)
            )));
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => return Err(refuse(format!("it names no tenant (neither {CONTEXT} nor sub)"))),
    };
    ContextId::new(name.as_str()).map_err(|error| refuse(format!("{error}, here {}", Quoted(name))))
}

/// The nonce our answer will sign.
pub(super) fn nonce(token: &Token<'_>, who: &str) -> Result<Nonce, Refusal> {
    let refuse = |what: String| {
        let log = format!(
            "{who} refused a token: {what}; only 32 hex digits are signed, so that nobody can have other texts signed here."
        );
        Refusal::new(RefusalReason::Nonce, log)
    };
    match token.claims.get("nonce") {
        Some(Value::String(text)) => {
            Nonce::parse(text).ok_or_else(|| refuse(format!("its nonce {} is not 32 hex digits", Quoted(text))))
        }
        Some(_) => Err(refuse("its nonce is not a text".into())),
        None => Err(refuse("it has no nonce".into())),
    }
}
