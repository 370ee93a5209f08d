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

/// Versions of transforms of one table, each of which gets rows as those before it made them: what one makes of a row depends on the
/// others' versions too. Of one alone it is its own; of several 64 letters all the same, its own digest's first 12 and then one of all.
#[must_use]
pub fn versions_among(plugins: Vec<(String, String)>) -> Vec<(String, String)> {
    if plugins.len() < 2 {
        return plugins;
    }
    let all = Builder::new("speil transforms together 1").texts(plugins.iter().map(|(_, version)| version.as_str()));
    let all = to_hex(&all.finish());
    let among = |version: &str| format!("{}+{}", version.get(..12).unwrap_or_default(), &all[..51]);
    plugins.into_iter().map(|(name, version)| (name, among(&version))).collect()
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

    #[test]
    fn a_version_among_several_is_another_when_any_of_them_is() {
        let of = |names: &[(&str, char)]| {
            let one = |(name, letter): &(&str, char)| ((*name).to_owned(), letter.to_string().repeat(64));
            versions_among(names.iter().map(one).collect())
        };
        assert_eq!(of(&[("b", '1')]), [("b".to_owned(), "1".repeat(64))]);
        let before = of(&[("a", '0'), ("b", '1')]);
        let (name, version) = &before[1];
        assert!(name == "b" && version.len() == 64 && version.starts_with("111111111111+"), "{before:?}");
        let after = of(&[("a", '2'), ("b", '1')]);
        assert!(after[1].0 == "b" && after[1] != before[1], "{after:?}");
        assert_ne!(of(&[("a", '0')]), before[..1]);
    }
}
