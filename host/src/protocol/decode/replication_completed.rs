//! `ReplicationCompletedRequest` and its summaries.

use std::io::Read;

use super::super::fault::Fault;
use super::super::messages::{ReplicationCompletedRequest, ReplicationSummary};
use super::super::xml::attributes::Tag;
use super::super::xml::element::Element;
use super::super::xml::reader::XmlReader;
use super::super::xml::values;
use super::once::{Once, nil, unknown_item};

pub(super) fn read<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<ReplicationCompletedRequest, Fault> {
    let mut request = ReplicationCompletedRequest::default();
    let mut once = Once::default();
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::ClientState => {
                once.see(0, "ClientState", "ReplicationCompletedRequest")?;
                request.client_state = xml.nillable_text(tag)?;
            }
            Element::ChangedTables => {
                once.see(1, "ChangedTables", "ReplicationCompletedRequest")?;
                if tag.nil {
                    xml.nothing_inside()?;
                } else {
                    request.changed_tables = summaries(xml)?;
                }
            }
            _ => xml.skip()?,
        }
    }
    Ok(request)
}

fn summaries<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<Vec<ReplicationSummary>, Fault> {
    let mut summaries = Vec::new();
    while let Some(tag) = xml.child()? {
        if tag.element != Element::ReplicationSummary {
            return Err(unknown_item(xml.local_name(), "ChangedTables", "ReplicationSummary"));
        }
        if tag.nil {
            return Err(nil("A ReplicationSummary"));
        }
        let limit = xml.limits().tables;
        if summaries.len() == limit {
            return Err(Fault::limit("The number of summaries", limit as u64, "tables"));
        }
        summaries.push(summary(xml)?);
    }
    Ok(summaries)
}

fn summary<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<ReplicationSummary, Fault> {
    const PARENT: &str = "ReplicationSummary";
    let mut summary = ReplicationSummary::default();
    let mut once = Once::default();
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::Deletes => {
                once.see(0, "Deletes", PARENT)?;
                summary.deletes = count(xml, tag, "Deletes")?;
            }
            Element::Inserts => {
                once.see(1, "Inserts", PARENT)?;
                summary.inserts = count(xml, tag, "Inserts")?;
            }
            Element::TableName => {
                once.see(2, "TableName", PARENT)?;
                summary.table_name = xml.nillable_text(tag)?.unwrap_or_default();
            }
            Element::Updates => {
                once.see(3, "Updates", PARENT)?;
                summary.updates = count(xml, tag, "Updates")?;
            }
            _ => xml.skip()?,
        }
    }
    Ok(summary)
}

fn count<R: Read>(xml: &mut XmlReader<'_, R>, tag: Tag, name: &str) -> Result<i32, Fault> {
    if tag.nil {
        return Err(nil(name));
    }
    values::int(&xml.text()?, name)
}
