//! The tests' own plug-ins as bytes: one that records, one that transforms as configured, one that misbehaves as
//! configured, one that uses what it is granted as configured.

include!(concat!(env!("OUT_DIR"), "/components.rs"));

#[cfg(test)]
mod tests {
    #[test]
    fn every_guest_is_a_component_and_no_core_module() {
        for bytes in [super::RECORDER, super::TRANSFORMER, super::HOSTILE] {
            assert_eq!(bytes[..8], *b"\0asm\x0d\0\x01\0");
        }
    }
}
