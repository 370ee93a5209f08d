//! One `RowDataBatch`. Its rows come before its table's description, so they are kept as texts.

use std::io::Read;
use std::sync::Arc;

use super::super::super::fault::Fault;
use super::super::super::lsn::Lsn;
use super::super::super::messages::{RowDataBatch, TableSchemaInfo};
use super::super::super::raw_batch::{RawBatchBuilder, SpillSettings};
use super::super::super::xml::element::Element;
use super::super::super::xml::reader::XmlReader;
use super::super::super::xml::values;
use super::super::once::{Once, nil, unknown_item};
use super::super::table_info::{self, Allowance};
use super::plain_cells::KnownCells;
use super::row;

pub(super) fn read<R: Read>(xml: &mut XmlReader<'_, R>, spill: SpillSettings) -> Result<RowDataBatch, Fault> {
    const PARENT: &str = "RowDataBatch";
    let mut builder = RawBatchBuilder::of_checked_texts(spill);
    let mut lsn = Lsn(0);
    let mut table = TableSchemaInfo::default();
    let mut once = Once::default();
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::Data => {
                once.see(0, "Data", PARENT)?;
                if tag.nil {
                    xml.nothing_inside()?;
                } else {
                    rows(xml, &mut builder)?;
                }
            }
            Element::Lsn => {
                once.see(1, "LSN", PARENT)?;
                if tag.nil {
                    return Err(nil("LSN"));
                }
                lsn = Lsn(values::long(&xml.text()?, "LSN")?);
            }
            Element::TableInfo => {
                once.see(2, "TableInfo", PARENT)?;
                if tag.nil {
                    xml.nothing_inside()?;
                } else {
                    let mut allowance = Allowance::of(xml);
                    table = table_info::read(xml, &mut allowance)?;
                }
            }
            _ => super::stranger(xml, tag, PARENT)?,
        }
    }
    let rows = builder.finish().map_err(|error| cannot_keep(&error))?;
    Ok(RowDataBatch { rows, lsn, table: Arc::new(table) })
}

fn rows<R: Read>(xml: &mut XmlReader<'_, R>, builder: &mut RawBatchBuilder) -> Result<(), Fault> {
    let mut known = KnownCells::default();
    while let Some(tag) = xml.child()? {
        if tag.element != Element::RowData {
            return Err(unknown_item(xml.local_name(), "Data", "RowData"));
        }
        if tag.nil {
            return Err(nil("A RowData"));
        }
        row::read(xml, &mut known, builder)?;
    }
    Ok(())
}

/// The rows could not be kept: our trouble, not the caller's.
pub(super) fn cannot_keep(error: &std::io::Error) -> Fault {
    Fault::server(
        "The rows could not be kept while reading them; the log of the mirroring service says why. Send them again later.",
        format!("rows of a RowData call could not be kept in the temporary file: {error}"),
    )
}
