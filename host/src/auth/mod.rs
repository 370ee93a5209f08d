//! Trust, both ways: the vendor's token in, our signed answer out (protocol.md section 4).
//!
//! | question | file |
//! |---|---|
//! | which applications are here, who checks what in which order | `application` |
//! | what is a well-formed token, which algorithm | `token` |
//! | who signed it | `signature`, with the trusted keys of [`signers`]; `verify` does the arithmetic |
//! | which application is it for | `audience` |
//! | issuer, times, tenant, nonce | `claims`, `nonce` |
//! | why was it refused, in which words | `refusal` |
//! | what do we answer | `answer` |
//! | how is a key file read and written | [`keys`] |
//! | how does a test mint a token | [`testing`] |
//!
//! Every call is checked, not only Authenticate, and nothing of one call's check is kept for the next.

mod answer;
mod application;
mod audience;
mod claims;
pub mod keys;
mod nonce;
mod refusal;
mod signature;
pub mod signers;
pub mod testing;
mod token;
mod verify;

pub use application::{Application, Applications, VerifiedTenant};
pub use nonce::Nonce;
pub use refusal::{Refusal, RefusalReason};

/// A key or certificate that cannot be used. A sentence for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct AuthError(pub String);

#[cfg(test)]
mod tests;
