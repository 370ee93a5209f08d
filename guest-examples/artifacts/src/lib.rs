//! The example plug-ins of `guest-examples/` as bytes, for `speil demo` and for tests.

include!(concat!(env!("OUT_DIR"), "/components.rs"));

/// cargo's folder for them: what they depend on is built there already.
pub const TARGET_DIR: &str = concat!(env!("OUT_DIR"), "/guests");

#[cfg(test)]
mod tests {
    #[test]
    fn every_example_is_a_component_and_no_core_module() {
        for bytes in [super::INDEX_MANAGER, super::PII_REDACTOR, super::CONNECTION_ROUTER] {
            assert_eq!(bytes[..8], *b"\0asm\x0d\0\x01\0");
        }
    }
}
