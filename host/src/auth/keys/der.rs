//! The binary forms: PKCS#1 and PKCS#8 private keys, SPKI and PKCS#1 public keys, X.509 certificates.
//!
//! Only the structure is read here; the numbers go through `parts`, so that every form is held to the same rules.

use rsa::pkcs1;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, PrivateKeyInfo};
use rsa::{RsaPrivateKey, RsaPublicKey};
use sha1::{Digest as _, Sha1};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::spki::SubjectPublicKeyInfoRef;
use zeroize::Zeroizing;

use super::parts::{self, Parts};
use super::{KeyError, PublicKeyFound, pem};
use crate::auth::signers::Thumbprint;

fn damaged(what: &'static str) -> impl Fn(&dyn std::fmt::Display) -> KeyError {
    move |error| KeyError::Der { what, detail: error.to_string() }
}

/// `RSA PRIVATE KEY`.
pub(super) fn private_pkcs1(der: &[u8]) -> Result<RsaPrivateKey, KeyError> {
    let key = pkcs1::RsaPrivateKey::try_from(der).map_err(|error| damaged("PKCS#1 private key")(&error))?;
    if key.version() != pkcs1::Version::TwoPrime {
        return Err(KeyError::Inconsistent("it has more than two primes".into()));
    }
    parts::private(&Parts {
        modulus: key.modulus.as_bytes(),
        exponent: key.public_exponent.as_bytes(),
        d: Some(key.private_exponent.as_bytes()),
        p: Some(key.prime1.as_bytes()),
        q: Some(key.prime2.as_bytes()),
        dp: Some(key.exponent1.as_bytes()),
        dq: Some(key.exponent2.as_bytes()),
        inverse_q: Some(key.coefficient.as_bytes()),
    })
}

/// `PRIVATE KEY`.
pub(super) fn private_pkcs8(der: &[u8]) -> Result<RsaPrivateKey, KeyError> {
    let info = PrivateKeyInfo::try_from(der).map_err(|error| damaged("PKCS#8 private key")(&error))?;
    if info.algorithm.oid != pkcs1::ALGORITHM_OID {
        return Err(KeyError::NotRsa(format!("algorithm {}", info.algorithm.oid)));
    }
    private_pkcs1(info.private_key)
}

/// `RSA PUBLIC KEY`.
pub(super) fn public_pkcs1(der: &[u8]) -> Result<RsaPublicKey, KeyError> {
    let key = pkcs1::RsaPublicKey::try_from(der).map_err(|error| damaged("PKCS#1 public key")(&error))?;
    parts::public(&Parts {
        modulus: key.modulus.as_bytes(),
        exponent: key.public_exponent.as_bytes(),
        ..Parts::default()
    })
}

/// `PUBLIC KEY`.
pub(super) fn public_spki(der: &[u8]) -> Result<RsaPublicKey, KeyError> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|error| damaged("public key")(&error))?;
    if info.algorithm.oid != pkcs1::ALGORITHM_OID {
        return Err(KeyError::NotRsa(format!("algorithm {}", info.algorithm.oid)));
    }
    let bits = info.subject_public_key.as_bytes().ok_or_else(|| damaged("public key")(&"its bits are no bytes"))?;
    public_pkcs1(bits)
}

/// `CERTIFICATE`. Trust is pinned to the certificate: neither its dates nor its issuer count.
pub(super) fn certificate(der: &[u8]) -> Result<PublicKeyFound, KeyError> {
    let certificate = x509_cert::Certificate::from_der(der).map_err(|error| damaged("X.509 certificate")(&error))?;
    let spki = certificate
        .tbs_certificate
        .subject_public_key_info
        .to_der()
        .map_err(|error| damaged("X.509 certificate")(&error))?;
    let thumbprint = Thumbprint::new(Sha1::digest(der).into());
    Ok(PublicKeyFound { key: public_spki(&spki)?, thumbprint: Some(thumbprint) })
}

/// Binary of unknown kind: a certificate, else a public key.
pub(super) fn public_any(der: &[u8]) -> Result<PublicKeyFound, KeyError> {
    if x509_cert::Certificate::from_der(der).is_ok() {
        return certificate(der);
    }
    if PrivateKeyInfo::try_from(der).is_ok() || pkcs1::RsaPrivateKey::try_from(der).is_ok() {
        return Err(KeyError::PrivateWhereTrusted);
    }
    if SubjectPublicKeyInfoRef::from_der(der).is_ok() {
        return Ok(PublicKeyFound { key: public_spki(der)?, thumbprint: None });
    }
    if pkcs1::RsaPublicKey::try_from(der).is_ok() {
        return Ok(PublicKeyFound { key: public_pkcs1(der)?, thumbprint: None });
    }
    Err(KeyError::NoPublicKey)
}

/// A private key as PKCS#8 PEM.
pub fn write_private_pem(key: &RsaPrivateKey) -> Result<Zeroizing<String>, KeyError> {
    let der = key.to_pkcs8_der().map_err(|error| damaged("private key")(&error))?;
    Ok(pem::write("PRIVATE KEY", der.as_bytes()))
}

/// A public key as SPKI PEM.
pub fn write_public_pem(key: &RsaPublicKey) -> Result<String, KeyError> {
    let der = key.to_public_key_der().map_err(|error| damaged("public key")(&error))?;
    Ok(pem::write("PUBLIC KEY", der.as_bytes()).to_string())
}
