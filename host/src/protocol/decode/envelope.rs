//! The SOAP envelope: one optional Header with the token, one Body with one operation, nothing else.

use std::io::Read;

use super::super::fault::{Fault, quoted};
use super::super::names::{NS_SOAP, Operation};
use super::super::xml::element::Element;
use super::super::xml::limits::Limits;
use super::super::xml::reader::XmlReader;

/// Where in the envelope a reader stands once it has the operation's start tag, and what came before.
pub(super) struct Opened {
    pub(super) token: String,
    pub(super) operation: Operation,
}

/// Reads a whole request: envelope, header, the operation by `read`, and the end.
pub(super) fn request<R: Read, T>(
    body: R,
    limits: &Limits,
    expected: Operation,
    read: impl FnOnce(&mut XmlReader<'_, R>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut xml = XmlReader::new(body, limits);
    open_expected(&mut xml, expected)?;
    let request = read(&mut xml)?;
    close(&mut xml)?;
    Ok(request)
}

/// Reads to the operation's start tag, which must be this operation's.
pub(super) fn open_expected<R: Read>(xml: &mut XmlReader<'_, R>, expected: Operation) -> Result<(), Fault> {
    let opened = open(xml)?;
    if opened.operation == expected {
        Ok(())
    } else {
        Err(Fault::client(format!("The body holds {}, where {expected} is expected.", opened.operation)))
    }
}

/// Reads to the operation's start tag.
pub(super) fn open<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<Opened, Fault> {
    let token = to_body(xml)?;
    let Some(tag) = xml.child()? else {
        return Err(Fault::client("The SOAP body is empty; it must hold one of the five operations."));
    };
    let Element::Request(operation) = tag.element else {
        let name = quoted(xml.local_name());
        return Err(Fault::client(format!("There is no operation {name} (in the namespace it is in).")));
    };
    let token = token.ok_or_else(|| Fault::client("The SOAP header holds no SignedToken."))?;
    xml.head_is_over();
    Ok(Opened { token, operation })
}

/// Reads to the inside of the SOAP body; gives the token, if there was one.
pub(super) fn to_body<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<Option<String>, Fault> {
    match xml.root()?.element {
        Element::Envelope => {}
        Element::ForeignEnvelope => {
            return Err(Fault::version_mismatch(format!(
                "The envelope is not SOAP 1.1; its namespace must be {NS_SOAP}."
            )));
        }
        _ => {
            let name = quoted(xml.local_name());
            return Err(Fault::client(format!("The body's root element is {name}, not a SOAP 1.1 Envelope.")));
        }
    }
    let mut token = None;
    let mut header_seen = false;
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::Body => return Ok(token),
            Element::Header if header_seen => return Err(Fault::client("The SOAP envelope holds two Headers.")),
            Element::Header => {
                header_seen = true;
                token = header(xml)?;
            }
            _ => {
                let name = quoted(xml.local_name());
                return Err(Fault::client(format!("The SOAP envelope holds an element {name} before its Body.")));
            }
        }
    }
    Err(Fault::client("The SOAP envelope holds no Body."))
}

/// Reads the header to its end. Entries for another actor are not ours.
fn header<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<Option<String>, Fault> {
    let mut token = None;
    while let Some(tag) = xml.child()? {
        match tag.element {
            _ if tag.for_another => xml.skip()?,
            Element::SignedToken => {
                if token.is_some() {
                    return Err(Fault::client("The SOAP header holds two SignedTokens."));
                }
                let Some(text) = xml.nillable_text(tag)? else {
                    return Err(Fault::client("The SignedToken in the SOAP header is nil."));
                };
                token = Some(text);
            }
            _ if tag.must_understand => {
                let name = quoted(xml.local_name());
                return Err(Fault::must_understand(format!(
                    "The SOAP header entry {name} must be understood, and is not known here."
                )));
            }
            _ => xml.skip()?,
        }
    }
    Ok(token)
}

/// The operation has been read to its end: so must be the body, the envelope and the document.
pub(super) fn close<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<(), Fault> {
    if xml.child()?.is_some() {
        let name = quoted(xml.local_name());
        return Err(Fault::client(format!(
            "The SOAP body holds {name} after its operation; it must hold one operation."
        )));
    }
    if xml.child()?.is_some() {
        let name = quoted(xml.local_name());
        return Err(Fault::client(format!("The SOAP envelope holds {name} after its Body.")));
    }
    xml.end_of_document()
}
