//! `WipeRequest`.

use std::io::Read;

use super::super::fault::Fault;
use super::super::messages::WipeRequest;
use super::super::xml::element::Element;
use super::super::xml::reader::XmlReader;
use super::once::Once;

pub(super) fn read<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<WipeRequest, Fault> {
    let mut request = WipeRequest::default();
    let mut once = Once::default();
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::ClientState => {
                once.see(0, "ClientState", "WipeRequest")?;
                request.client_state = xml.nillable_text(tag)?;
            }
            Element::WipedTable => {
                once.see(1, "TableName", "WipeRequest")?;
                request.table_name = xml.nillable_text(tag)?.unwrap_or_default();
            }
            _ => xml.skip()?,
        }
    }
    Ok(request)
}
