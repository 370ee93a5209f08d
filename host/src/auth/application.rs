//! The applications of this host, and the way a token takes through their checks.
//!
//! A token is taken apart once; then every application on the path called looks at it, in the order signature, issuer,
//! audience, times, tenant, nonce. The first that is satisfied is the one the token was issued for. When none is, the
//! refusal worth showing is the one of the application the token names, else of the one where it came furthest.

use std::fmt;
use std::sync::Arc;

use rsa::RsaPrivateKey;
use rsa::traits::PublicKeyParts as _;

use super::nonce::Nonce;
use super::refusal::{Quoted, Refusal, RefusalReason};
use super::signers::{self, TrustedSigner, VendorSigner};
use super::token::Token;
use super::{AuthError, answer, audience, claims, keys, signature};
use crate::config::{ApplicationConfig, Environment};
use crate::protocol::context_id::ContextId;

/// A token that passed every check, and what it says: who holds one speaks for this tenant and no other.
/// Only [`Applications::verify`] makes it.
#[derive(Debug, Clone)]
pub struct VerifiedTenant {
    tenant: ContextId,
    application: Arc<Application>,
    nonce: Nonce,
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

    /// `NONCE.TIMESTAMP.SIGNATURE` (section 4). Signing takes a millisecond: call it off the event loop.
    ///
    /// # Errors
    /// The key cannot sign, or the time is outside the calendar.
    pub fn sign_answer(&self, now: i64) -> Result<String, AuthError> {
        answer::sign(&self.application.key, &self.nonce, now)
    }
}

/// One `[[application]]` with its keys ready. Its Debug shows no key.
pub struct Application {
    id: String,
    path: String,
    environment: Environment,
    folder: Option<String>,
    check_audience: bool,
    clock_skew: std::time::Duration,
    trusted: Vec<TrustedSigner>,
    key: RsaPrivateKey,
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("id", &self.id)
            .field("path", &self.path)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

impl Application {
    /// SoAppId.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The path it is called on; case does not count.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The vendor's environment whose tokens it takes.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// The folder of its own below the mirror directory, if it has one.
    #[must_use]
    pub fn folder(&self) -> Option<&str> {
        self.folder.as_deref()
    }

    /// Whose signatures it believes.
    #[must_use]
    pub fn trusted_signers(&self) -> &[TrustedSigner] {
        &self.trusted
    }

    /// The public half of its key, as the vendor was given it.
    #[must_use]
    pub fn public_key(&self) -> rsa::RsaPublicKey {
        self.key.to_public_key()
    }

    /// The length of its key: 1024 is accepted, 2048 is what a new one should have.
    #[must_use]
    pub fn key_bits(&self) -> usize {
        keys::bits(&self.key)
    }

    fn load(config: &ApplicationConfig, vendor: &[VendorSigner]) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut trusted = Vec::new();
        let own = vendor.iter().find(|(environment, _)| *environment == config.environment);
        trusted.extend(own.map(|(_, signer)| signer.clone()));
        for path in &config.certificates {
            match std::fs::read(path) {
                Err(error) => problems.push(format!(
                    "Application {}: the certificate file {} cannot be read: {error}.",
                    config.id,
                    path.display()
                )),
                Ok(bytes) => match keys::public_keys(&bytes) {
                    Err(error) => problems.push(format!(
                        "Application {}: the certificate file {} {error}.",
                        config.id,
                        path.display()
                    )),
                    Ok(found) => trusted.extend(found.into_iter().map(|found| TrustedSigner {
                        key: found.key,
                        thumbprint: found.thumbprint,
                        origin:
                            path.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy().into_owned()),
                    })),
                },
            }
        }
        if trusted.is_empty() && problems.is_empty() {
            problems.push(format!(
                "Application {}: environment = \"custom\" trusts nobody without certificates = [\"signer.crt\"].",
                config.id
            ));
        }
        match keys::private_key(config.private_key.expose()) {
            Err(error) => {
                let origin = config.private_key.origin().unwrap_or("the text given as private_key");
                problems.push(format!("Application {}: {origin} {error}.", config.id));
                Err(problems)
            }
            Ok(_) if !problems.is_empty() => Err(problems),
            Ok(key) => Ok(Self {
                id: config.id.clone(),
                path: config.path.clone(),
                environment: config.environment,
                folder: config.folder.clone(),
                check_audience: config.check_audience,
                clock_skew: config.clock_skew,
                trusted,
                key,
            }),
        }
    }

    /// All checks of this application, in their order. `audience` makes the refusal of a wrong one, which depends on
    /// what else is served.
    fn check(
        &self,
        token: &Token<'_>,
        vendor: &[VendorSigner],
        now: i64,
        audience: &dyn Fn() -> Refusal,
    ) -> Result<(ContextId, Nonce), Refusal> {
        let who = format!("Application {}", self.id);
        signature::check(token, &self.trusted, vendor, self.environment, &who)?;
        // From here on the vendor said it: the tenant can be named even when something else is wrong.
        let tenant = claims::tenant(token, &who);
        let named = || tenant.as_ref().ok().cloned();
        claims::check_issuer(token, &who).map_err(|refusal| refusal.with_tenant(named()))?;
        if self.check_audience && !audience::names(token, &self.id) {
            return Err(audience().with_tenant(named()));
        }
        claims::check_times(token, now, self.clock_skew, &who).map_err(|refusal| refusal.with_tenant(named()))?;
        let nonce = claims::nonce(token, &who).map_err(|refusal| refusal.with_tenant(named()));
        Ok((tenant?, nonce?))
    }
}

/// All applications of this host.
#[derive(Debug)]
pub struct Applications {
    list: Vec<Arc<Application>>,
    /// The signers of the vendor's environments, for the hint whose token it was.
    vendor: Vec<VendorSigner>,
}

impl Applications {
    /// Reads keys and certificates of every application.
    ///
    /// # Errors
    /// A sentence naming application, file and what is wrong with it; one line each, all at once.
    pub fn load(configs: &[ApplicationConfig]) -> Result<Self, AuthError> {
        Self::load_with(configs, signers::all_built_in().to_vec())
    }

    /// The same with other keys for the vendor's environments: what tests of wrong environments need.
    pub(super) fn load_with(configs: &[ApplicationConfig], vendor: Vec<VendorSigner>) -> Result<Self, AuthError> {
        let mut problems = Vec::new();
        let mut list: Vec<Arc<Application>> = Vec::new();
        for config in configs {
            match Application::load(config, &vendor) {
                Ok(application) => list.push(Arc::new(application)),
                Err(more) => problems.extend(more),
            }
        }
        for (index, one) in list.iter().enumerate() {
            for other in &list[index + 1..] {
                problems.extend(conflict(one, other));
            }
        }
        if problems.is_empty() { Ok(Self { list, vendor }) } else { Err(AuthError(problems.join("\n"))) }
    }

    /// The applications, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Application>> {
        self.list.iter()
    }

    /// Whether any application answers on this path; case does not count.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        self.on(path).next().is_some()
    }

    /// This path as the configuration spells it; `None` when no application answers on it.
    #[must_use]
    pub fn configured_path(&self, path: &str) -> Option<&str> {
        self.on(path).next().map(|application| application.path())
    }

    fn on(&self, path: &str) -> impl Iterator<Item = &Arc<Application>> {
        self.list.iter().filter(move |application| application.path.eq_ignore_ascii_case(path))
    }

    /// Checks a token for the applications on this path at this time (seconds since the Unix epoch).
    ///
    /// # Errors
    /// The [`Refusal`] of the application that came closest.
    pub fn verify(&self, path: &str, token: &str, now: i64) -> Result<VerifiedTenant, Refusal> {
        let token = Token::parse(token)?;
        let wrong_audience = || {
            let served = self.on(path).map(|application| application.id.as_str()).collect::<Vec<_>>();
            let elsewhere = self
                .list
                .iter()
                .filter(|application| !application.path.eq_ignore_ascii_case(path))
                .map(|application| (application.id.as_str(), application.path.as_str()))
                .collect::<Vec<_>>();
            audience::refusal(&token, path, &served, &elsewhere)
        };
        let mut closest: Option<((bool, u8), Refusal)> = None;
        for application in self.on(path) {
            match application.check(&token, &self.vendor, now, &wrong_audience) {
                Ok((tenant, nonce)) => {
                    return Ok(VerifiedTenant { tenant, application: Arc::clone(application), nonce });
                }
                Err(mut refusal) => {
                    refusal.folder = application.folder.as_deref().map(Box::from);
                    let rank = (audience::names(&token, &application.id), refusal.reason.closeness());
                    if closest.as_ref().is_none_or(|(best, _)| rank > *best) {
                        closest = Some((rank, refusal));
                    }
                }
            }
        }
        Err(closest.map_or_else(
            || {
                let log = format!("A token was refused: no application of this host answers on {}.", Quoted(path));
                Refusal::new(RefusalReason::Audience, log)
            },
            |(_, refusal)| refusal,
        ))
    }
}

/// Two applications that a token could not tell apart.
fn conflict(one: &Application, other: &Application) -> Option<String> {
    if !one.path.eq_ignore_ascii_case(&other.path) {
        return None;
    }
    let unchecked = [one, other].into_iter().find(|application| !application.check_audience);
    if let Some(unchecked) = unchecked {
        return Some(format!(
            "Applications {} and {} share the path {}, where only the audience tells them apart, and {} has check_audience = \
             false: remove that line, or give one of them a path of its own.",
            one.id, other.id, one.path, unchecked.id
        ));
    }
    let share_signer = one.trusted.iter().any(|mine| other.trusted.iter().any(|theirs| mine.key.n() == theirs.key.n()));
    (one.id.eq_ignore_ascii_case(&other.id) && share_signer).then(|| {
        format!(
            "Application {} is there twice on the path {} with the same trusted signer: remove one, or give it another path.",
            one.id, one.path
        )
    })
}
