//! Digests: which component this is, and which transforms with which configuration and plans make a table's rows
//! (design.md invariant 6).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rsa::sha2::{Digest as _, Sha256};

/// SHA-256.
pub type Digest = [u8; 32];

/// The digest of a file's bytes.
#[must_use]
pub fn of_file(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// As people see it: 64 lower-case hex digits.
#[must_use]
pub fn to_hex(digest: &Digest) -> String {
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
        hex
    })
}

/// A digest over several things, each with its length, so that no two lists of things read the same.
pub struct Builder(Sha256);

impl Builder {
    /// Begins one; `domain` keeps digests of different kinds apart.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        Self(Sha256::new()).bytes(domain.as_bytes())
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, number: usize) -> Self {
        self.0.update((number as u64).to_be_bytes());
        self
    }

    /// Adds texts, in order.
    #[must_use]
    pub fn texts<'a>(self, texts: impl ExactSizeIterator<Item = &'a str>) -> Self {
        let count = texts.len();
        texts.fold(self.number(count), |builder, text| builder.bytes(text.as_bytes()))
    }

    /// Adds a configuration.
    #[must_use]
    pub fn config(self, config: &BTreeMap<String, String>) -> Self {
        let count = config.len();
        config
            .iter()
            .fold(self.number(count), |builder, (key, value)| builder.bytes(key.as_bytes()).bytes(value.as_bytes()))
    }

    /// The digest.
    #[must_use]
    pub fn finish(self) -> Digest {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_that_only_read_alike_differ() {
        let digest = |texts: &[&str]| Builder::new("test").texts(texts.iter().copied()).finish();
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["ab"]), digest(&["ab", ""]));
        assert_eq!(digest(&["ab", "c"]), digest(&["ab", "c"]));
        assert_ne!(Builder::new("a").finish(), Builder::new("b").finish());
    }
}
