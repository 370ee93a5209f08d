//! What the tests of several rooms share, and the suites that several implementations of one trait must pass.

pub mod e2e;
pub mod fault_steps;
pub mod fuzz;
pub mod kit;
pub mod saboteurs;
pub mod sqlserver;
pub mod store_conformance;
