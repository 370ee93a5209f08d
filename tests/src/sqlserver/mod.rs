//! Tests over a SQL Server, named by `SPEIL_TEST_SQLSERVER` (a connection string whose login may make databases).
//!
//! | idea | file |
//! |---|---|
//! | databases of one test, dropped at its end | [`place`] |
//! | what the server lacks | [`feature`] |
//! | running cases, saying loudly what was not run | [`runner`] |
//! | a place for the store's suite | [`factory`] |

pub mod factory;
pub mod feature;
pub mod place;
pub mod runner;

pub use factory::SqlServerFactory;
pub use feature::Feature;
pub use place::Place;
pub use runner::{Case, run};

/// Names the server to test with.
pub const VARIABLE: &str = "SPEIL_TEST_SQLSERVER";
