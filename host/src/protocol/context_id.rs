//! The context identifier: which tenant a call speaks for (protocol.md section 1).

use std::fmt;

/// A tenant's name as the vendor writes it, for example `Cust10195`. It comes only from a checked token, or from
/// an operator at the command line. Any text of 1 to 128 characters without control characters; case counts here,
/// and each store sees to it that no two tenants meet in one database.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct ContextId(String);

impl ContextId {
    /// The longest identifier accepted, in characters.
    pub const MAX_CHARS: usize = 128;

    /// Checks a text; the error is a sentence for people.
    ///
    /// # Errors
    /// Empty, longer than [`Self::MAX_CHARS`], surrounded by white space or holding a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        if text.is_empty() {
            return Err("the context identifier is empty".into());
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(format!("the context identifier is longer than {} characters", Self::MAX_CHARS));
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err(format!(
                "the context identifier {text:?} holds a control character or begins or ends with white space"
            ));
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ContextId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContextId({:?})", self.0)
    }
}
