//! Token and operation from a body's first bytes, so that the token is checked before the rest is read (design.md,
//! "The way of a row").

use super::super::fault::Fault;
use super::super::names::Operation;
use super::super::xml::limits::Limits;
use super::super::xml::reader::XmlReader;
use super::envelope;

/// What a call says before its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The text of `SignedToken`, white space around it removed. Not checked yet.
    pub token: String,
    /// What the body's first element asks for.
    pub operation: Operation,
}

/// Reads the head out of the first bytes of a body: at least [`Limits::header_bytes`] of them, or all there are
/// (`complete`).
///
/// # Errors
/// The fault to answer: not SOAP 1.1, no token, no such operation, or the head does not end within `prefix`.
pub fn read_head(prefix: &[u8], complete: bool, limits: &Limits) -> Result<Head, Fault> {
    let mut xml = XmlReader::new(prefix, limits);
    match envelope::open(&mut xml) {
        Ok(opened) => Ok(Head { token: opened.token.trim().to_owned(), operation: opened.operation }),
        Err(_) if !complete && xml.starved() => Err(Fault::limit(
            "The part before the operation, with the SOAP header,",
            limits.header_bytes as u64,
            "bytes",
        )),
        Err(fault) => Err(fault),
    }
}
