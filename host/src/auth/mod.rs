//! Trust, both ways: the vendor's token in, our signed answer out (protocol.md section 4).

use std::sync::Arc;

use crate::protocol::context_id::ContextId;

/// A token that passed every check, and what it says: who holds one speaks for this tenant and no other.
/// Only [`Applications::verify`] makes it.
#[derive(Debug, Clone)]
pub struct VerifiedTenant {
    tenant: ContextId,
    application: Arc<Application>,
    nonce: Nonce,
}

/// 32 hex digits: all that is ever signed beside a time stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

/// One `[[application]]` with its keys ready. Its Debug shows no key.
#[derive(Debug)]
pub struct Application {
    // TODO(auth): verifying keys by thumbprint, signing key
    id: String,
    path: String,
}

/// All applications of this host.
#[derive(Debug)]
pub struct Applications {
    list: Vec<Arc<Application>>,
}

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
}

/// Every way a token can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    Malformed,
    Algorithm,
    UnknownSigner,
    Signature,
    Issuer,
    Audience,
    Expired,
    NotYetValid,
    MissingTimes,
    Tenant,
    Nonce,
}

impl VerifiedTenant {
    /// The tenant it speaks for.
    #[must_use]
    pub fn tenant(&self) -> &ContextId {
        &self.tenant
    }

    /// The application it was issued for.
    #[must_use]
    pub fn application(&self) -> &Arc<Application> {
        &self.application
    }

    /// The nonce our answer signs.
    #[must_use]
    pub fn nonce(&self) -> &Nonce {
        &self.nonce
    }
}

impl Application {
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl Applications {
    /// Reads keys and certificates of every application.
    ///
    /// # Errors
    /// A sentence naming application, file and what is wrong with it.
    pub fn load(_configs: &[crate::config::ApplicationConfig]) -> Result<Self, AuthError> {
        todo!("auth room")
    }

    /// Whether any application answers on this path; case does not count.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        self.list.iter().any(|application| application.path.eq_ignore_ascii_case(path))
    }

    /// Checks a token for the applications on this path at this time (seconds since the Unix epoch).
    ///
    /// # Errors
    /// The [`Refusal`] of the application that came closest.
    pub fn verify(&self, _path: &str, _token: &str, _now: i64) -> Result<VerifiedTenant, Refusal> {
        todo!("auth room")
    }
}

impl VerifiedTenant {
    /// `NONCE.TIMESTAMP.SIGNATURE` (section 4). Signing takes a millisecond: call it off the event loop.
    ///
    /// # Errors
    /// The key cannot sign, for example because it is too short for SHA-256.
    pub fn sign_answer(&self, _now: i64) -> Result<String, AuthError> {
        todo!("auth room")
    }
}

/// A key or certificate that cannot be used. A sentence for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AuthError(pub String);
