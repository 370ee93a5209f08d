//! The way to a server: connection strings, names and ports, logins and tokens, encryption, one connection, the pool.
//!
//! | question | file |
//! |---|---|
//! | what a connection string says | [`connection_string`] |
//! | where the server listens | [`address`], [`browser`] (named instances) |
//! | does it encrypt | [`prelogin`] |
//! | who logs in, and how | [`login`], [`token`] (Entra ID) |
//! | one connection, never used again when left half-way | [`conn`], [`patient`] (time-outs), what its session keeps ready: [`prepared`] |
//! | who may have one now | [`pool`] |

pub(in crate::store::sqlserver) mod address;
pub(in crate::store::sqlserver) mod browser;
pub(in crate::store::sqlserver) mod conn;
pub(in crate::store::sqlserver) mod connection_string;
#[cfg(test)]
pub(in crate::store::sqlserver) mod fake_server_tests;
#[cfg(test)]
pub(in crate::store::sqlserver) mod live_tests;
pub(in crate::store::sqlserver) mod login;
pub(in crate::store::sqlserver) mod patient;
pub(in crate::store::sqlserver) mod pool;
pub(in crate::store::sqlserver) mod prelogin;
pub(in crate::store::sqlserver) mod prepared;
pub(in crate::store::sqlserver) mod token;
