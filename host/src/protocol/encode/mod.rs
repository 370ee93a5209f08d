//! From messages to bytes, both directions (protocol.md sections 2 and 3): element order and spelling are fixed
//! here, since .NET's reader silently drops elements that come in another order.
//!
//! | idea | file |
//! |---|---|
//! | text as .NET writes it | [`escape`] |
//! | our answers | [`response`] |
//! | requests in the spellings of .NET and Mono, for the simulator | [`request`] |

pub(crate) mod escape;
pub mod request;
pub mod response;
