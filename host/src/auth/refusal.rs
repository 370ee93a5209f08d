//! Why a token was refused, in the two texts every refusal has: one for the caller, safe, and one for the log, with all
//! an administrator needs; and the line of configuration that would mend it, where there is one.
//!
//! Refusals are made beside the checks (`token`, `signature`, `audience`, `claims`); here is what they have in common.

use std::fmt;

use crate::protocol::context_id::ContextId;

/// Why a token was refused: one text for the caller, one for the log, and the configuration line that would mend it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{log}")]
pub struct Refusal {
    pub reason: RefusalReason,
    /// Safe to answer: says what kind of trouble it is, nothing of ours.
    pub answer: String,
    /// Everything an administrator needs; no token, no key.
    pub log: String,
    /// For example `check_audience = false` or `certificates = [...]`, with a word on when that is right.
    pub fix: Option<String>,
    /// The tenant the token names, when its signature was good (expired, wrong audience): so that the refusal can be
    /// shown with the tenant. Not to be trusted for anything else.
    pub tenant: Option<ContextId>,
    /// The folder of the application that came closest: where the tenant's mirror is, when a tenant is named.
    pub folder: Option<Box<str>>,
}

impl Refusal {
    pub(super) fn new(reason: RefusalReason, log: impl Into<String>) -> Self {
        Self { reason, answer: reason.answer().to_owned(), log: log.into(), fix: None, tenant: None, folder: None }
    }

    pub(super) fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    pub(super) fn with_tenant(mut self, tenant: Option<ContextId>) -> Self {
        self.tenant = tenant;
        self
    }
}

/// Every way a token can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// Not three base64url parts holding JSON objects, or more than a token may be.
    Malformed,
    /// Signed with something else than RS256.
    Algorithm,
    /// Names, or is signed by, a certificate that the application does not trust.
    UnknownSigner,
    /// Names a trusted certificate and is not signed by it.
    Signature,
    /// `iss` is not the vendor.
    Issuer,
    /// `aud` is another application.
    Audience,
    /// `exp` has passed.
    Expired,
    /// `nbf` is still to come.
    NotYetValid,
    /// `nbf` or `exp` is missing, no number, or both make no sense together.
    MissingTimes,
    /// No usable context identifier.
    Tenant,
    /// `nonce` is not 32 hex digits.
    Nonce,
}

impl RefusalReason {
    /// What the caller is told.
    #[must_use]
    pub const fn answer(self) -> &'static str {
        match self {
            Self::Malformed => "The signed token is malformed.",
            Self::Algorithm => "The signed token's algorithm is not accepted; RS256 is required.",
            Self::UnknownSigner => "The signed token is signed with a certificate that is not trusted here.",
            Self::Signature => "The signed token's signature is not valid.",
            Self::Issuer => "The signed token is not issued by SuperOffice AS.",
            Self::Audience => "The signed token is meant for another application.",
            Self::Expired => "The signed token has expired.",
            Self::NotYetValid => "The signed token is not valid yet.",
            Self::MissingTimes => "The signed token does not say when it is valid.",
            Self::Tenant => "The signed token names no valid context identifier.",
            Self::Nonce => "The signed token has no valid nonce.",
        }
    }

    /// One word, for metrics and machines; never changes.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownSigner => "unknown_signer",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::MissingTimes => "missing_times",
            Self::Tenant => "tenant",
            Self::Nonce => "nonce",
        }
    }

    /// How far a token came before it failed: the order of the checks. The refusal of the application where it came
    /// furthest is the one worth showing.
    pub(super) const fn closeness(self) -> u8 {
        match self {
            Self::Malformed => 0,
            Self::Algorithm => 1,
            Self::UnknownSigner => 2,
            Self::Signature => 3,
            Self::Issuer => 4,
            Self::Audience => 5,
            Self::MissingTimes => 6,
            Self::NotYetValid => 7,
            Self::Expired => 8,
            Self::Tenant => 9,
            Self::Nonce => 10,
        }
    }
}

/// Text from a token, fit for a log line: quoted, escaped, shortened.
pub(super) struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        match self.0.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{:?}…", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

/// A span of time as people say it: `45 seconds`, `12 minutes`, `3 hours`, `5 days`; rounded down.
pub(super) struct Span(pub i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.unsigned_abs();
        let (count, unit) = match seconds {
            0..60 => (seconds, "second"),
            60..3_600 => (seconds / 60, "minute"),
            3_600..172_800 => (seconds / 3_600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

/// A moment as `2026-11-21 05:47:26 UTC`; what lies outside the calendar as the bare number.
pub(super) struct Moment(pub i64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(moment) = time::OffsetDateTime::from_unix_timestamp(self.0) else {
            return write!(f, "{} seconds after 1970", self.0);
        };
        let (date, time) = (moment.date(), moment.time());
        write!(
            f,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            date.year(),
            u8::from(date.month()),
            date.day(),
            time.hour(),
            time.minute(),
            time.second()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_token_is_escaped_and_shortened() {
        assert_eq!(Quoted("a\"b\n\u{7}").to_string(), r#""a\"b\n\u{7}""#);
        assert_eq!(Quoted(&"é".repeat(500)).to_string(), format!("\"{}\"…", "é".repeat(80)));
    }

    #[test]
    fn spans_and_moments_read_as_people_say_them() {
        let spans = [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (7_199, "1 hour"),
            (200_000, "2 days"),
        ];
        for (seconds, text) in spans {
            assert_eq!(Span(seconds).to_string(), text);
        }
        assert_eq!(Moment(1_795_240_046).to_string(), "2026-11-21 05:47:26 UTC");
        assert_eq!(Moment(i64::MAX).to_string(), format!("{} seconds after 1970", i64::MAX));
    }
}
