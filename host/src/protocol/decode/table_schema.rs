//! `TableSchemaRequest`.

use std::io::Read;
use std::sync::Arc;

use super::super::fault::Fault;
use super::super::messages::{TableSchemaInfo, TableSchemaRequest};
use super::super::xml::element::Element;
use super::super::xml::reader::XmlReader;
use super::known_tables::{KnownTables, Look};
use super::once::{Once, nil, unknown_item};
use super::table_info::{self, Allowance};

pub(super) fn read<R: Read>(
    xml: &mut XmlReader<'_, R>,
    known: Option<&KnownTables>,
) -> Result<TableSchemaRequest, Fault> {
    let mut request = TableSchemaRequest::default();
    let mut once = Once::default();
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::ClientState => {
                once.see(0, "ClientState", "TableSchemaRequest")?;
                request.client_state = xml.nillable_text(tag)?;
            }
            Element::Tables => {
                once.see(1, "Tables", "TableSchemaRequest")?;
                if tag.nil {
                    xml.nothing_inside()?;
                } else {
                    request.tables = tables(xml, known)?;
                }
            }
            _ => xml.skip()?,
        }
    }
    Ok(request)
}

fn tables<R: Read>(
    xml: &mut XmlReader<'_, R>,
    known: Option<&KnownTables>,
) -> Result<Vec<Arc<TableSchemaInfo>>, Fault> {
    let mut tables = Vec::new();
    let mut allowance = Allowance::of(xml);
    let look = known.map(|known| Look::new(known, xml));
    loop {
        let mut unknown = None;
        if let Some(look) = &look
            && tables.len() < xml.limits().tables
        {
            match look.pass(xml, &mut allowance)? {
                Ok(table) => {
                    tables.push(table);
                    continue;
                }
                Err(element) => unknown = element,
            }
        }
        let Some(tag) = xml.child()? else { return Ok(tables) };
        if tag.element != Element::TableSchemaInfo {
            return Err(unknown_item(xml.local_name(), "Tables", "TableSchemaInfo"));
        }
        if tag.nil {
            return Err(nil("A TableSchemaInfo"));
        }
        let limit = xml.limits().tables;
        if tables.len() == limit {
            return Err(Fault::limit("The number of tables", limit as u64, "tables"));
        }
        let table = Arc::new(table_info::read(xml, &mut allowance)?);
        if let (Some(look), Some(element)) = (&look, unknown) {
            look.learn(element, xml, &table);
        }
        tables.push(table);
    }
}
