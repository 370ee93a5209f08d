//! The test kit: a whole host on a free port over a temporary folder, a raw HTTP client that checks the shape of every
//! answer, and messages as the vendor writes them.

pub mod client;
pub mod host;
pub mod proxy;
pub mod soap;
pub mod task;

pub use client::{Answer, Connection};
pub use host::Host;
