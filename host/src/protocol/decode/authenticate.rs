//! `AuthenticateRequest`.

use std::io::Read;

use super::super::fault::Fault;
use super::super::messages::AuthenticateRequest;
use super::super::xml::element::Element;
use super::super::xml::reader::XmlReader;
use super::once::Once;

pub(super) fn read<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<AuthenticateRequest, Fault> {
    let mut request = AuthenticateRequest::default();
    let mut once = Once::default();
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::ClientState => {
                once.see(0, "ClientState", "AuthenticateRequest")?;
                request.client_state = xml.nillable_text(tag)?;
            }
            _ => xml.skip()?,
        }
    }
    Ok(request)
}
