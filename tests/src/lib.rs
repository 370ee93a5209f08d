//! What the end-to-end tests share, and the suites that several implementations must pass.

pub mod store_conformance;
