//! The cells of one row: where nearly all of a tenant's bytes go through. No allocation per cell: the text goes
//! from the reader's buffer to the end of the batch's arena. Cells written as real senders write them take the short
//! way ([`super::plain_cells`]), and with them whole rows; all others this one. Both give the same.

use std::io::Read;

use super::super::super::fault::Fault;
use super::super::super::raw_batch::RawBatchBuilder;
use super::super::super::xml::element::Element;
use super::super::super::xml::limits::Limits;
use super::super::super::xml::reader::XmlReader;
use super::super::once::unknown_item;
use super::plain_cells::KnownCells;

/// Reads to the end of a row's cells: of the row begun, or of a later one that the short way has come to.
pub(super) fn read<R: Read>(
    xml: &mut XmlReader<'_, R>,
    known: &mut KnownCells,
    builder: &mut RawBatchBuilder,
) -> Result<(), Fault> {
    let mut row = RowSize::of(xml.limits());
    loop {
        known.take(xml, &mut row, builder)?;
        let Some(tag) = xml.child()? else { return Ok(()) };
        if tag.element != Element::Cell {
            return Err(unknown_item(xml.local_name(), "ColumnValues", "string"));
        }
        known.learn(xml, tag);
        if tag.nil {
            xml.nothing_inside()?;
            row.add(0)?;
            builder.nil_cell();
            continue;
        }
        let cell = builder.cell_bytes();
        let before = cell.len();
        xml.text_into(cell, "The text of a cell", row.limits.text_bytes)?;
        let bytes = cell.len() - before;
        row.add(bytes)?;
        builder.end_cell();
    }
}

/// How large the row has become.
pub(super) struct RowSize<'l> {
    pub(super) limits: &'l Limits,
    cells: usize,
    bytes: usize,
}

impl<'l> RowSize<'l> {
    const fn of(limits: &'l Limits) -> Self {
        Self { limits, cells: 0, bytes: 0 }
    }

    /// The next row begins.
    pub(super) const fn start_again(&mut self) {
        self.cells = 0;
        self.bytes = 0;
    }

    /// One cell more, of so many bytes.
    #[inline]
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), Fault> {
        self.cells += 1;
        self.bytes += bytes;
        if self.cells > self.limits.columns {
            return Err(Fault::limit("The number of cells in a row", self.limits.columns as u64, "cells"));
        }
        if self.bytes > self.limits.row_bytes {
            return Err(Fault::limit("The text of all cells of a row", self.limits.row_bytes as u64, "bytes"));
        }
        Ok(())
    }
}
