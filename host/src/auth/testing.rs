//! The test kit: mints the vendor's tokens, right ones and wrong ones, and checks our answer as the vendor does.
//!
//! For the simulator and for tests. A host takes such tokens only where its configuration says `environment =
//! "custom"` with the issuer's public key among the `certificates`: no key here is trusted by itself.
//!
//! ```
//! use speil::auth::testing::{TokenIssuer, generate_key};
//!
//! let issuer = TokenIssuer::new(generate_key(1024).unwrap());
//! let now = 1_795_240_046;
//! let token = issuer.issue("0123456789abcdef0123456789abcdef", "Cust10195", now).unwrap();
//! let expired = issuer.token("0123456789abcdef0123456789abcdef", "Cust10195", now).exp(now - 3_600).sign().unwrap();
//! assert_ne!(token, expired);
//! ```

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::rand_core::{OsRng, RngCore as _};
use rsa::sha2::{Digest as _, Sha256};
use rsa::{Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};
use serde_json::{Value, json};

use super::signers::Thumbprint;
use super::{AuthError, answer, claims, keys};

/// How far the vendor's Task lets the time stamp of an answer differ from its own clock.
const ANSWER_DRIFT_SECONDS: i64 = 15 * 60;

/// A new RSA key. Seconds for 4096 bits, more without optimisation.
///
/// # Errors
/// A length outside [`keys::MIN_BITS`] to [`keys::MAX_BITS`].
pub fn generate_key(bits: usize) -> Result<RsaPrivateKey, AuthError> {
    keys::generate(bits).map_err(|error| AuthError(format!("A key of {bits} bits cannot be made: it {error}.")))
}

/// Plays the vendor's federated login: issues tokens with its own key.
#[derive(Clone)]
pub struct TokenIssuer {
    key: RsaPrivateKey,
    thumbprint: Option<Thumbprint>,
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuer").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

impl TokenIssuer {
    /// Issues tokens that name no certificate.
    #[must_use]
    pub fn new(key: RsaPrivateKey) -> Self {
        Self { key, thumbprint: None }
    }

    /// Issues tokens with `kid` and `x5t` of this thumbprint.
    #[must_use]
    pub fn with_thumbprint(mut self, thumbprint: Thumbprint) -> Self {
        self.thumbprint = Some(thumbprint);
        self
    }

    /// The key a host has to trust.
    #[must_use]
    pub fn public_key(&self) -> RsaPublicKey {
        self.key.to_public_key()
    }

    /// The key a host has to trust, as the text of a file that `certificates = [...]` may name.
    ///
    /// # Errors
    /// The key cannot be written.
    pub fn public_key_pem(&self) -> Result<String, AuthError> {
        keys::write_public_pem(&self.public_key()).map_err(|error| AuthError(format!("The issuer's key {error}.")))
    }

    /// A token as the vendor issues it: valid from one minute ago for six minutes, with a fresh nonce.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn issue(&self, application_id: &str, tenant: &str, now: i64) -> Result<String, AuthError> {
        self.token(application_id, tenant, now).sign()
    }

    /// The same, each part of which can be changed before it is signed.
    #[must_use]
    pub fn token(&self, application_id: &str, tenant: &str, now: i64) -> TokenBuilder<'_> {
        let mut header = BTreeMap::from([("typ".to_owned(), json!("JWT"))]);
        if let Some(thumbprint) = self.thumbprint {
            header.insert("kid".to_owned(), json!(thumbprint.to_string()));
            header.insert("x5t".to_owned(), json!(thumbprint.to_x5t()));
        }
        let claims = BTreeMap::from([
            ("iss".to_owned(), json!(claims::ISSUER)),
            ("aud".to_owned(), json!(format!("spn:{application_id}"))),
            ("sub".to_owned(), json!(tenant)),
            (claims::CONTEXT.to_owned(), json!(tenant)),
            ("nonce".to_owned(), json!(random_nonce())),
            ("nbf".to_owned(), json!(now - 60)),
            ("exp".to_owned(), json!(now + 300)),
        ]);
        TokenBuilder { issuer: self, header, claims, algorithm: TokenAlgorithm::Rs256 }
    }
}

/// 32 random hex digits.
#[must_use]
pub fn random_nonce() -> String {
    format!("{:016x}{:016x}", OsRng.next_u64(), OsRng.next_u64())
}

/// With what a token is signed; all but the first are attacks, or another product's habit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// The vendor's.
    Rs256,
    /// `none`, and an empty signature.
    None,
    /// HMAC with the public key's PEM text as secret: what a verifier that trusts `alg` falls for.
    Hs256WithPublicKey,
    Rs512,
    Ps256,
}

/// A token in the making.
#[derive(Debug, Clone)]
pub struct TokenBuilder<'a> {
    issuer: &'a TokenIssuer,
    header: BTreeMap<String, Value>,
    claims: BTreeMap<String, Value>,
    algorithm: TokenAlgorithm,
}

impl TokenBuilder<'_> {
    /// Signs with another algorithm, and says so in `alg`.
    #[must_use]
    pub fn algorithm(mut self, algorithm: TokenAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Sets a header member; null leaves it out. `alg` set here contradicts how it is signed.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.header, name, value.into());
        self
    }

    /// Sets a claim; null leaves it out.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.claims, name, value.into());
        self
    }

    /// The certificate's thumbprint in hex, in the header.
    #[must_use]
    pub fn kid(self, kid: impl Into<Value>) -> Self {
        self.header("kid", kid)
    }

    /// The certificate's thumbprint in base64url, in the header.
    #[must_use]
    pub fn x5t(self, x5t: impl Into<Value>) -> Self {
        self.header("x5t", x5t)
    }

    #[must_use]
    pub fn iss(self, issuer: impl Into<Value>) -> Self {
        self.claim("iss", issuer)
    }

    /// The whole audience, `spn:` included; a text or an array.
    #[must_use]
    pub fn aud(self, audience: impl Into<Value>) -> Self {
        self.claim("aud", audience)
    }

    /// The claim that names the tenant; `sub` stays as it is.
    #[must_use]
    pub fn ctx(self, tenant: impl Into<Value>) -> Self {
        self.claim(claims::CONTEXT, tenant)
    }

    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "named after the claim, like its siblings")]
    pub fn sub(self, tenant: impl Into<Value>) -> Self {
        self.claim("sub", tenant)
    }

    #[must_use]
    pub fn nonce(self, nonce: impl Into<Value>) -> Self {
        self.claim("nonce", nonce)
    }

    #[must_use]
    pub fn nbf(self, seconds: impl Into<Value>) -> Self {
        self.claim("nbf", seconds)
    }

    #[must_use]
    pub fn exp(self, seconds: impl Into<Value>) -> Self {
        self.claim("exp", seconds)
    }

    /// The token.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn sign(mut self) -> Result<String, AuthError> {
        let name = match self.algorithm {
            TokenAlgorithm::Rs256 => "RS256",
            TokenAlgorithm::None => "none",
            TokenAlgorithm::Hs256WithPublicKey => "HS256",
            TokenAlgorithm::Rs512 => "RS512",
            TokenAlgorithm::Ps256 => "PS256",
        };
        self.header.entry("alg".to_owned()).or_insert_with(|| json!(name));
        let part = |members: &BTreeMap<String, Value>| URL_SAFE_NO_PAD.encode(json!(members).to_string());
        let text = format!("{}.{}", part(&self.header), part(&self.claims));
        let signature = self.signature(text.as_bytes())?;
        Ok(format!("{text}.{signature}"))
    }

    fn signature(&self, text: &[u8]) -> Result<String, AuthError> {
        let failed = |error: &dyn fmt::Display| AuthError(format!("The test token cannot be signed: {error}."));
        let other = |key: EncodingKey, algorithm| {
            jsonwebtoken::crypto::sign(text, &key, algorithm).map_err(|error| failed(&error))
        };
        let rsa = || {
            let der = self.issuer.key.to_pkcs1_der().map_err(|error| failed(&error))?;
            Ok::<_, AuthError>(EncodingKey::from_rsa_der(der.as_bytes()))
        };
        match self.algorithm {
            TokenAlgorithm::Rs256 => self
                .issuer
                .key
                .sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(text))
                .map(|signature| URL_SAFE_NO_PAD.encode(signature))
                .map_err(|error| failed(&error)),
            TokenAlgorithm::None => Ok(String::new()),
            TokenAlgorithm::Hs256WithPublicKey => {
                other(EncodingKey::from_secret(self.issuer.public_key_pem()?.as_bytes()), Algorithm::HS256)
            }
            TokenAlgorithm::Rs512 => other(rsa()?, Algorithm::RS512),
            TokenAlgorithm::Ps256 => other(rsa()?, Algorithm::PS256),
        }
    }
}

fn set(members: &mut BTreeMap<String, Value>, name: &str, value: Value) {
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
}

/// Checks a `SignedApplicationToken` as the vendor's Task does: the nonce it sent, a time stamp within 15 minutes, the
/// signature of the application's key over both.
///
/// # Errors
/// A sentence on what is wrong.
pub fn check_answer(text: &str, nonce: &str, key: &RsaPublicKey, now: i64) -> Result<(), String> {
    let parts = text.split('.').collect::<Vec<_>>();
    let [answered, stamp, signature] = parts[..] else {
        return Err(format!("the answer has {} parts between dots and should have three", parts.len()));
    };
    if answered != nonce {
        return Err(format!("the answer's nonce is {answered:?} and should be {nonce:?}"));
    }
    let minute = minutes(stamp).ok_or_else(|| format!("the answer's time stamp {stamp:?} is not yyyyMMddHHmm"))?;
    if now.abs_diff(minute) > ANSWER_DRIFT_SECONDS.unsigned_abs() {
        let here = answer::timestamp(now).map_err(|error| error.to_string())?;
        return Err(format!("the answer's time stamp is {stamp} and it is {here} now; 15 minutes are allowed"));
    }
    let signature =
        STANDARD.decode(signature).map_err(|error| format!("the answer's signature is not base64: {error}"))?;
    key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(format!("{nonce}.{stamp}")), &signature)
        .map_err(|_| "the answer's signature is not that of the application's key".to_owned())
}

/// `yyyyMMddHHmm` to seconds since the Unix epoch.
fn minutes(stamp: &str) -> Option<i64> {
    let format = time::macros::format_description!("[year][month][day][hour][minute]");
    if stamp.len() != 12 || !stamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    time::PrimitiveDateTime::parse(stamp, &format).ok().map(|moment| moment.assume_utc().unix_timestamp())
}
