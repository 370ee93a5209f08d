//! The test kit: a whole host on a free port over a temporary folder, a raw HTTP client that checks the shape of every
//! answer, and messages as the vendor writes them.

pub mod client;
pub mod engine;
pub mod fault_proxy;
pub mod host;
pub mod process;
pub mod proxy;
pub mod skipped;
pub mod soap;
pub mod tables;
pub mod task;
pub mod tenant;
pub mod wait;

pub use client::{Answer, Connection};
pub use engine::{At, Engine};
pub use fault_proxy::FaultProxy;
pub use host::Host;
pub use process::Speil;
pub use skipped::skipped;
pub use tenant::Tenant;
