//! The cells of one row: where nearly all of a tenant's bytes go through. No allocation per cell: the text goes
//! from the reader's buffer to the end of the batch's arena.
//!
//! A faster way for the exact byte patterns senders write belongs here, in front of the loop: the bytes that
//! have arrived can be seen before quick-xml takes them (`xml::feed`), and whatever does not match goes the way below.

use std::io::Read;

use super::super::super::fault::Fault;
use super::super::super::raw_batch::RawBatchBuilder;
use super::super::super::xml::element::Element;
use super::super::super::xml::reader::XmlReader;
use super::super::once::unknown_item;

pub(super) fn read<R: Read>(xml: &mut XmlReader<'_, R>, builder: &mut RawBatchBuilder) -> Result<(), Fault> {
    let limits = xml.limits();
    let mut cells = 0;
    let mut row_bytes = 0;
    while let Some(tag) = xml.child()? {
        if tag.element != Element::Cell {
            return Err(unknown_item(xml.local_name(), "ColumnValues", "string"));
        }
        cells += 1;
        if cells > limits.columns {
            return Err(Fault::limit("The number of cells in a row", limits.columns as u64, "cells"));
        }
        if tag.nil {
            xml.nothing_inside()?;
            builder.nil_cell();
            continue;
        }
        let cell = builder.cell_bytes();
        let before = cell.len();
        xml.text_into(cell, "The text of a cell", limits.text_bytes)?;
        row_bytes += cell.len() - before;
        if row_bytes > limits.row_bytes {
            return Err(Fault::limit("The text of all cells of a row", limits.row_bytes as u64, "bytes"));
        }
        builder.end_cell();
    }
    Ok(())
}
