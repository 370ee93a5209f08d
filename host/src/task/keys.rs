//! Reads the two keys a run needs: the one that plays the vendor's, and the application's public half.

use std::path::Path;

use rsa::RsaPublicKey;

use super::client::Identity;
use super::error::TaskError;
use crate::auth::keys;
use crate::auth::testing::TokenIssuer;

/// Reads an identity from key files.
///
/// `signing_key` signs the tokens: the private half of a key that the endpoint trusts (`environment = "custom"`).
/// `public_key` is the application's: its public half, or the private file itself. `certificate`, if the endpoint
/// trusts a certificate, gives the thumbprint that `kid` and `x5t` name.
///
/// # Errors
/// A file cannot be read, or holds no such key.
pub fn identity(
    signing_key: &Path,
    certificate: Option<&Path>,
    public_key: &Path,
    application_id: &str,
    tenant: &str,
) -> Result<Identity, TaskError> {
    Ok(Identity {
        issuer: issuer(signing_key, certificate)?,
        application_id: application_id.to_owned(),
        application_key: application_key(public_key)?,
        tenant: tenant.to_owned(),
    })
}

/// Reads who signs tokens: a private key, and the certificate whose thumbprint they name, if any.
///
/// # Errors
/// A file cannot be read, or holds no such key.
pub fn issuer(signing_key: &Path, certificate: Option<&Path>) -> Result<TokenIssuer, TaskError> {
    let mut issuer = TokenIssuer::new(
        keys::private_key(&text(signing_key)?).map_err(|error| unusable("signing key", signing_key, &error))?,
    );
    if let Some(path) = certificate {
        let found = keys::public_keys(&bytes(path)?).map_err(|error| unusable("certificate", path, &error))?;
        let thumbprint = found.into_iter().find_map(|key| key.thumbprint);
        issuer = issuer.with_thumbprint(thumbprint.ok_or_else(|| {
            TaskError::usage(format!(
                "{} holds a bare public key, which has no thumbprint; leave --certificate out",
                path.display()
            ))
        })?);
    }
    Ok(issuer)
}

/// The application's public key, from either half.
fn application_key(path: &Path) -> Result<RsaPublicKey, TaskError> {
    let bytes = bytes(path)?;
    if let Ok(text) = std::str::from_utf8(&bytes)
        && let Ok(private) = keys::private_key(text)
    {
        return Ok(private.to_public_key());
    }
    let found = keys::public_keys(&bytes).map_err(|error| unusable("application's public key", path, &error))?;
    found
        .into_iter()
        .next()
        .map(|found| found.key)
        .ok_or_else(|| TaskError::usage(format!("{} holds no key", path.display())))
}

fn bytes(path: &Path) -> Result<Vec<u8>, TaskError> {
    std::fs::read(path).map_err(|error| TaskError::usage(format!("{} cannot be read: {error}", path.display())))
}

fn text(path: &Path) -> Result<zeroize::Zeroizing<String>, TaskError> {
    std::fs::read_to_string(path)
        .map(zeroize::Zeroizing::new)
        .map_err(|error| TaskError::usage(format!("{} cannot be read: {error}", path.display())))
}

fn unusable(what: &str, path: &Path, error: &keys::KeyError) -> TaskError {
    TaskError::usage(format!("the {what} {} {error}", path.display()))
}
