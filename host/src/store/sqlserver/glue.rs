//! Temporary: until `store` and `conn` agree on names.
use super::connection_string::Target;

impl Target {
    pub(super) fn has_login(&self) -> bool {
        true
    }
    pub(super) fn with_login_of(self, _base: &Self) -> Self {
        self
    }
    pub(super) fn is_less_safe_than(&self, _base: &Self) -> Option<&'static str> {
        None
    }
}
