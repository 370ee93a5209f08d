//! RSA keys out of files: which form a text has, and the key in it.
//!
//! Partners' keys come as the .NET framework's RSA XML and are often only 1024 bits (protocol.md section 4), signers'
//! keys as certificates or bare public keys. Everything here treats a key file as text from outside: sizes are bounded
//! before any arithmetic, and no input makes it panic or compute for long.
//!
//! | form | file |
//! |---|---|
//! | `<RSAKeyValue>`, `<RSAKeyPair>` | `rsa_xml` |
//! | `-----BEGIN ...-----` | `pem` |
//! | the DER inside PEM: PKCS#1, PKCS#8, SPKI, X.509 | `der` |
//! | numbers to a checked key | `parts` |

mod der;
mod parts;
mod pem;
mod rsa_xml;

use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};

pub use der::{write_private_pem, write_public_pem};
pub use rsa_xml::{write_private as write_private_xml, write_public as write_public_xml};

use super::signers::Thumbprint;

/// The shortest modulus accepted: what the vendor's own tools made for years.
pub const MIN_BITS: usize = 1024;

/// The longest modulus accepted, so that no file makes this host compute for minutes.
pub const MAX_BITS: usize = 16_384;

/// The largest key or certificate file looked at.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// Why a text holds no usable key. Each is the end of a sentence that begins with the file's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("is empty")]
    Empty,
    #[error("is larger than {MAX_FILE_BYTES} bytes, which no key is")]
    TooLong,
    #[error(
        "holds no private key: expected RSA XML (<RSAKeyValue> or <RSAKeyPair>) or PEM (-----BEGIN PRIVATE KEY-----)"
    )]
    NoPrivateKey,
    #[error(
        "holds no certificate and no public key: expected an X.509 certificate (PEM or DER) or an RSA public key (PEM, DER or RSA XML)"
    )]
    NoPublicKey,
    #[error(
        "is encrypted, and a server has nobody to ask for the password: write it out once with `openssl pkcs8 -in FILE -out private.pem` and protect that file by its permissions"
    )]
    Encrypted,
    #[error(
        "holds only the public half of a key; the private half is needed to sign answers (RSA XML with <D>, <P> and <Q>, or PEM that begins with -----BEGIN PRIVATE KEY-----)"
    )]
    OnlyPublic,
    #[error("holds a certificate, not a private key; export the private key of that certificate")]
    OnlyCertificate,
    #[error("holds a private key, and only the signer's public key or certificate belongs here")]
    PrivateWhereTrusted,
    #[error("holds a key that is not RSA ({0})")]
    NotRsa(String),
    #[error("is not well-formed XML: {0}")]
    Xml(String),
    #[error("has no <{0}>")]
    MissingElement(&'static str),
    #[error("is not well-formed PEM: {0}")]
    Pem(String),
    #[error("holds a damaged {what}: {detail}")]
    Der { what: &'static str, detail: String },
    #[error("holds a key of {0} bits; at least {MIN_BITS} are required")]
    TooShort(usize),
    #[error("holds a key of {0} bits; at most {MAX_BITS} are accepted")]
    TooManyBits(usize),
    #[error("holds numbers that do not make one key: {0}")]
    Inconsistent(String),
}

/// A private key from RSA XML or PEM text.
pub fn private_key(text: &str) -> Result<RsaPrivateKey, KeyError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    check_length(text.as_bytes())?;
    if text.starts_with('<') {
        return rsa_xml::parse(text)?.private();
    }
    if !text.contains("-----BEGIN ") {
        return Err(KeyError::NoPrivateKey);
    }
    let mut other = KeyError::NoPrivateKey;
    for block in pem::blocks(text)? {
        match block.label.as_str() {
            "RSA PRIVATE KEY" if block.encrypted => return Err(KeyError::Encrypted),
            "RSA PRIVATE KEY" => return der::private_pkcs1(&block.der),
            "PRIVATE KEY" => return der::private_pkcs8(&block.der),
            "ENCRYPTED PRIVATE KEY" => return Err(KeyError::Encrypted),
            "PUBLIC KEY" | "RSA PUBLIC KEY" => other = KeyError::OnlyPublic,
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => other = KeyError::OnlyCertificate,
            label if label.ends_with("PRIVATE KEY") => {
                other = KeyError::NotRsa(label.trim_end_matches("PRIVATE KEY").trim().to_owned());
            }
            _ => {}
        }
    }
    Err(other)
}

/// A signer's public key as found in a file, with the thumbprint of the certificate it came in.
#[derive(Debug, Clone)]
pub struct PublicKeyFound {
    pub key: RsaPublicKey,
    /// SHA-1 of the certificate; a bare public key has none.
    pub thumbprint: Option<Thumbprint>,
}

/// Every signer in a file: certificates and public keys, PEM (several in one file), DER or RSA XML.
pub fn public_keys(bytes: &[u8]) -> Result<Vec<PublicKeyFound>, KeyError> {
    check_length(bytes)?;
    if let Some(text) = crate::config::decode_text(bytes) {
        let text = text.trim();
        if text.starts_with('<') {
            let parts = rsa_xml::parse(text).map_err(|error| match error {
                KeyError::NoPrivateKey => KeyError::NoPublicKey,
                other => other,
            })?;
            if parts.is_private() {
                return Err(KeyError::PrivateWhereTrusted);
            }
            return Ok(vec![PublicKeyFound { key: parts.public()?, thumbprint: None }]);
        }
        if text.contains("-----BEGIN ") {
            return public_keys_in_pem(text);
        }
    }
    der::public_any(bytes).map(|found| vec![found])
}

fn public_keys_in_pem(text: &str) -> Result<Vec<PublicKeyFound>, KeyError> {
    let mut found = Vec::new();
    for block in pem::blocks(text)? {
        match block.label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" => found.push(der::certificate(&block.der)?),
            "PUBLIC KEY" => found.push(PublicKeyFound { key: der::public_spki(&block.der)?, thumbprint: None }),
            "RSA PUBLIC KEY" => found.push(PublicKeyFound { key: der::public_pkcs1(&block.der)?, thumbprint: None }),
            label if label.ends_with("PRIVATE KEY") => return Err(KeyError::PrivateWhereTrusted),
            _ => {}
        }
    }
    if found.is_empty() { Err(KeyError::NoPublicKey) } else { Ok(found) }
}

/// A new key with the exponent 65537.
pub fn generate(bits: usize) -> Result<RsaPrivateKey, KeyError> {
    match bits {
        ..MIN_BITS => Err(KeyError::TooShort(bits)),
        MIN_BITS..=MAX_BITS => {
            RsaPrivateKey::new(&mut OsRng, bits).map_err(|error| KeyError::Inconsistent(error.to_string()))
        }
        _ => Err(KeyError::TooManyBits(bits)),
    }
}

/// The length of a key's modulus.
#[must_use]
pub fn bits(key: &impl PublicKeyParts) -> usize {
    key.n().bits()
}

fn check_length(bytes: &[u8]) -> Result<(), KeyError> {
    match bytes.len() {
        0 => Err(KeyError::Empty),
        length if length > MAX_FILE_BYTES => Err(KeyError::TooLong),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
