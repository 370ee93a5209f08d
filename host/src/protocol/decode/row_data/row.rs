//! One `RowData`: its cells and its operation, in either order.

use std::io::Read;

use super::super::super::fault::{Fault, quoted};
use super::super::super::messages::RowOp;
use super::super::super::raw_batch::RawBatchBuilder;
use super::super::super::xml::element::Element;
use super::super::super::xml::reader::XmlReader;
use super::super::once::Once;
use super::batch::cannot_keep;
use super::cells;
use super::plain_cells::KnownCells;
use super::seam::SeamTags;

/// Reads to the end of a row whose start tag was just read: of that one, or of a later one that the short way has come to.
pub(super) fn read<R: Read>(
    xml: &mut XmlReader<'_, R>,
    known: &mut KnownCells,
    builder: &mut RawBatchBuilder,
) -> Result<(), Fault> {
    let mut operation = None;
    let mut once = Once::default();
    let mut seam = known.wants_seam().then(|| SeamTags::of(xml.tag_text()));
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::ColumnValues => {
                once.see(0, "ColumnValues", "RowData")?;
                if tag.nil {
                    seam = None;
                    xml.nothing_inside()?;
                } else {
                    if let Some(seam) = &mut seam {
                        seam.cells(xml, operation.is_some());
                    }
                    cells::read(xml, known, builder)?;
                }
            }
            Element::RowOperation => {
                once.see(1, "Operation", "RowData")?;
                if tag.nil {
                    return Err(no_operation(builder, "nil"));
                }
                if let Some(seam) = &mut seam {
                    seam.operation(xml.tag_text());
                }
                operation = Some(self::operation(xml, builder)?);
            }
            _ => {
                seam = None;
                super::stranger(xml, tag, "RowData")?;
            }
        }
    }
    if let Some(seam) = &seam {
        known.learn_seam(seam);
    }
    let operation = operation.ok_or_else(|| no_operation(builder, "missing"))?;
    builder.end_row(operation).map_err(|error| cannot_keep(&error))
}

fn operation<R: Read>(xml: &mut XmlReader<'_, R>, builder: &RawBatchBuilder) -> Result<RowOp, Fault> {
    let text = xml.text()?;
    match text.trim() {
        "I" => Ok(RowOp::Insert),
        "U" => Ok(RowOp::Update),
        "D" => Ok(RowOp::Delete),
        other => Err(no_operation(builder, &quoted(other))),
    }
}

fn no_operation(builder: &RawBatchBuilder, what: &str) -> Fault {
    let row = builder.rows() + 1;
    Fault::client(format!("The Operation of row {row} of a batch is {what}; it must be I, U or D."))
}
