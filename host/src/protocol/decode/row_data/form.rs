//! Bytes that are looked for at one place again and again: a tag, exactly as its sender writes it.

/// The bytes of a tag. The empty one stands nowhere.
#[derive(Debug, Default)]
pub(super) struct Form {
    bytes: Vec<u8>,
    /// The first sixteen of them, and which bits of sixteen those are: most tags are told by one comparison.
    first: u128,
    mask: u128,
}

impl Form {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let mut first = [0; 16];
        let len = bytes.len().min(16);
        first[..len].copy_from_slice(&bytes[..len]);
        let mask = if len == 16 { u128::MAX } else { (1 << (8 * len)) - 1 };
        Self { bytes, first: u128::from_le_bytes(first), mask }
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether these bytes begin with it.
    #[inline]
    pub(super) fn begins(&self, bytes: &[u8]) -> bool {
        match bytes.first_chunk::<16>() {
            Some(chunk) => {
                (u128::from_le_bytes(*chunk) & self.mask) == self.first
                    && self.mask != 0
                    && (self.bytes.len() <= 16 || bytes.starts_with(&self.bytes))
            }
            None => self.mask != 0 && bytes.starts_with(&self.bytes),
        }
    }

    /// Whether these bytes are too few to tell: they are how it begins.
    pub(super) fn may_come(&self, bytes: &[u8]) -> bool {
        bytes.len() < self.bytes.len() && self.bytes.starts_with(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_told_by_all_its_bytes() {
        for len in 1..40_u8 {
            let bytes: Vec<u8> = (b'A'..b'A' + len).collect();
            let form = Form::new(bytes.clone());
            for more in [&b""[..], b"x", b"a longer text behind it"] {
                let mut text = [&bytes, more].concat();
                assert!(form.begins(&text), "{len} {more:?}");
                for at in 0..usize::from(len) {
                    text[at] ^= 1;
                    assert!(!form.begins(&text), "{len} {more:?} {at}");
                    text[at] ^= 1;
                    assert!(!form.begins(&text[..at]));
                    assert!(form.may_come(&text[..at]));
                }
                assert!(!form.may_come(&text));
            }
        }
    }

    #[test]
    fn the_empty_form_stands_nowhere() {
        let none = Form::default();
        for bytes in [&b""[..], b"a", &[0; 20], b"more than sixteen bytes"] {
            assert!(!none.begins(bytes));
            assert!(!none.may_come(bytes));
        }
    }
}
