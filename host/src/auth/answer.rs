//! Our answer to Authenticate: `NONCE.TIMESTAMP.SIGNATURE` (protocol.md section 4), which proves to the vendor that this
//! host holds the application's private key.
//!
//! The signature is blinded: the private operation runs on a number the caller does not know, so its timing tells
//! nothing (docs/decisions/rsa-crate.md).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::rand_core::OsRng;
use rsa::sha2::{Digest as _, Sha256};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use time::OffsetDateTime;

use super::AuthError;
use super::nonce::Nonce;

/// Signs a nonce at this time (seconds since the Unix epoch).
pub(super) fn sign(key: &RsaPrivateKey, nonce: &Nonce, now: i64) -> Result<String, AuthError> {
    let text = format!("{}.{}", nonce.as_str(), timestamp(now)?);
    let digest = Sha256::digest(text.as_bytes());
    let signature = key
        .sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha256>(), &digest)
        .map_err(|error| AuthError(format!("The private key cannot sign the answer: {error}.")))?;
    Ok(format!("{text}.{}", STANDARD.encode(signature)))
}

/// UTC `yyyyMMddHHmm`.
pub(super) fn timestamp(now: i64) -> Result<String, AuthError> {
    let moment = OffsetDateTime::from_unix_timestamp(now)
        .ok()
        .filter(|moment| (0..=9999).contains(&moment.year()))
        .ok_or_else(|| AuthError(format!("This host's clock cannot be right: {now} seconds after 1970.")))?;
    Ok(format!(
        "{:04}{:02}{:02}{:02}{:02}",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute()
    ))
}
