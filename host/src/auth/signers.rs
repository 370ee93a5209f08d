//! Who may sign tokens: the vendor's three environments, built in, and what the configuration adds.
//!
//! The keys and thumbprints are public facts of the vendor's federated-login certificates (RSA 2048, valid past 2113).
//! Only the public keys are carried, not the certificates: a thumbprint is the SHA-1 of the whole certificate and is
//! taken over as published; it chooses a key, it proves nothing.

use std::fmt;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::RsaPublicKey;

use super::keys;
use crate::config::Environment;

/// SHA-1 of a certificate: what `kid` (upper-case hex) and `x5t` (base64url) of a token name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Thumbprint([u8; 20]);

impl Thumbprint {
    #[must_use]
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// 40 hex digits of any case; else nothing.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 40 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |index: usize| char::from(pair[index]).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
        Some(Self(bytes))
    }

    /// 20 bytes in base64url without padding; else nothing.
    #[must_use]
    pub fn from_x5t(text: &str) -> Option<Self> {
        if text.len() != 27 {
            return None;
        }
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// As `x5t` carries it.
    #[must_use]
    pub fn to_x5t(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

/// A key whose signature on a token is believed.
#[derive(Debug, Clone)]
pub struct TrustedSigner {
    pub(super) key: RsaPublicKey,
    pub(super) thumbprint: Option<Thumbprint>,
    pub(super) origin: String,
}

impl TrustedSigner {
    /// The certificate's thumbprint; a bare public key has none and is tried whatever certificate a token names.
    #[must_use]
    pub fn thumbprint(&self) -> Option<Thumbprint> {
        self.thumbprint
    }

    /// Where it comes from, for people: `environment "sod"` or a file's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The public key.
    #[must_use]
    pub fn key(&self) -> &RsaPublicKey {
        &self.key
    }
}

struct BuiltIn {
    environment: Environment,
    kid: &'static str,
    spki: &'static str,
}

const BUILT_IN: [BuiltIn; 3] = [
    BuiltIn {
        environment: Environment::Sod,
        kid: "16B7FB8C3F9AB06885A800C64E64C97C4AB5E98C",
        spki: concat!(
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsY6PrEDYl7VuiTaFDCnTKYwcqq2y5J/vttZWf8QCV9oOXsI77lhC",
            "qO71SavHaoRQe3gkXsWIbgpv3hwmYyDiOiqf6XdJxVarmrvvjmXDQDl9mgUZ4visDhxNPFyWjsMiLQpVUlpO73ASy7+F/cuB",
            "CTQ4g9YDX7YBh94WL+EvA9ciB6ZtRsRS945ezrDMq8Q38RjpemXekc7ObwPXOX7PzFkGcdMWLHNm6Ktj2OFIqkuJYBRmOr85",
            "IlKcuek4x0LeVDj24Min/HG+4MqVpvDzF4m2Ib5AgFI3Akl9p7Z+dCSq6KTphu8hO/LmW+E93kz6weG7dZxt7otFps0j09py",
            "+QIDAQAB",
        ),
    },
    BuiltIn {
        environment: Environment::Stage,
        kid: "484903A7732B928C7980A39D38E947EA119F1089",
        spki: concat!(
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtgS8RGXLIp4PjVPYtUOJx0AzRK0V9fSc/QA9oaNuCso8WQGXbCQB",
            "gD0Q/kHpU00GFVG5eH0cPyTNBPlfpudHT+XAt8SWItfnOfEA7hYeGzDkptLEH4GftWqkhUS787FhrakC0WPX1tumyJseFsYo",
            "v82LRf+KlS+Zgyyx8MTknw1LvvXHUGLMmNkpKjTyRXG32h0tcsySQzhG3JI1rMCoHhyOB9TiWxvwS8HqEKp5nsZ7yf6lVoHj",
            "IgqXoucXgn65Lq3IIFVXnD/dm5w7RcAxZDZMfs20X5jczahWxiWgfblAg3YHDp3JWj7/rVv46ZOdKeCaKpTNfRH8CDpD1DE8",
            "uQIDAQAB",
        ),
    },
    BuiltIn {
        environment: Environment::Production,
        kid: "60B61583DBB2B7EEC46FD01EC0056E62451D61F3",
        spki: concat!(
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA+RC+K9wigt0IrC2UceGHtokG4VeNNvwXHDt6ouIhlG9X5cvKQZto",
            "eS6eVXujILFUDTt0FjjLdUU7ZhggtjyqGMle+h44dP2zaXgzfblvSAkbgbc9LPhjvkOCJV51Mjzn+Ih7AIw/4Vh72OI5AJyR",
            "1uHuMxosKLZlMz3pfCudjBl7BJwuZDzYE0FtLUNwhhBdLqBI38aoi4xA/2bk7NN8SOmXwvieA0irPdItxnY9ZwUat2DTb7ry",
            "mGMRQZ4SWZ/deTIZwYiNiSB4xlLKhks80OwB80Ke4eDc56orVjmOXNPc2DfJ3YNmmI2beXXQwbn8sR/DuTovySm2tzD7DEyJ",
            "pwIDAQAB",
        ),
    },
];

/// A signer of one of the vendor's environments.
pub type VendorSigner = (Environment, TrustedSigner);

static SIGNERS: LazyLock<Vec<VendorSigner>> = LazyLock::new(|| {
    let decode = |entry: &BuiltIn| {
        let der = STANDARD.decode(entry.spki).ok()?;
        let found = keys::public_keys(&der).ok()?.into_iter().next()?;
        Some((
            entry.environment,
            TrustedSigner {
                key: found.key,
                thumbprint: Thumbprint::from_hex(entry.kid),
                origin: format!("environment \"{}\"", entry.environment.word()),
            },
        ))
    };
    // Constants: that all three decode is tested, so that nothing can be lost here.
    BUILT_IN.iter().filter_map(decode).collect()
});

/// The built-in signer of an environment; `custom` has none.
#[must_use]
pub fn built_in(environment: Environment) -> Option<&'static TrustedSigner> {
    SIGNERS.iter().find(|(of, _)| *of == environment).map(|(_, signer)| signer)
}

/// All built-in signers: to tell an administrator whose token it was that the application does not trust.
#[must_use]
pub fn all_built_in() -> &'static [VendorSigner] {
    &SIGNERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_environments_are_built_in_with_the_published_thumbprints() {
        let published = [
            (Environment::Sod, "16B7FB8C3F9AB06885A800C64E64C97C4AB5E98C", "Frf7jD-asGiFqADGTmTJfEq16Yw"),
            (Environment::Stage, "484903A7732B928C7980A39D38E947EA119F1089", "SEkDp3Mrkox5gKOdOOlH6hGfEIk"),
            (Environment::Production, "60B61583DBB2B7EEC46FD01EC0056E62451D61F3", "YLYVg9uyt-7Eb9AewAVuYkUdYfM"),
        ];
        assert_eq!(all_built_in().len(), 3);
        for (environment, kid, x5t) in published {
            let signer = built_in(environment).expect("built in");
            let thumbprint = signer.thumbprint().expect("has a thumbprint");
            assert_eq!(thumbprint.to_string(), kid);
            assert_eq!(thumbprint.to_x5t(), x5t);
            assert_eq!(Thumbprint::from_x5t(x5t), Some(thumbprint));
            assert_eq!(keys::bits(signer.key()), 2048);
        }
        assert!(built_in(Environment::Custom).is_none());
    }

    #[test]
    fn thumbprints_are_read_from_either_spelling_and_nothing_else() {
        let hex = "16b7fb8c3f9ab06885a800c64e64c97c4ab5e98c";
        assert_eq!(Thumbprint::from_hex(hex), Thumbprint::from_hex(&hex.to_uppercase()));
        for bad in ["", "16B7", &"G".repeat(40), &"é".repeat(20), &"+1".repeat(20)] {
            assert_eq!(Thumbprint::from_hex(bad), None, "{bad}");
        }
        assert_eq!(Thumbprint::from_x5t("Frf7jD+asGiFqADGTmTJfEq16Yw"), None, "standard base64 is not base64url");
    }
}
