//! The body of a call. RowData is read with the short way for cells and rows and by the general reader alone: both must tell the
//! same. No reader may mind where the bytes are cut.

use std::io::Read;
use std::ops::ControlFlow;

use speil::protocol::decode::{self, KnownTables, Limits, RowDataSink};
use speil::protocol::fault::Fault;
use speil::protocol::messages::{RowDataBatch, RowOp, TableSchemaInfo};
use speil::protocol::names::Operation;
use speil::protocol::raw_batch::SpillSettings;

/// Tries one body.
pub fn run(body: &[u8]) {
    for limits in [Limits::default(), tight()] {
        let is_rows = rows(body, &limits);
        let start = &body[..body.len().min(limits.header_bytes)];
        let head = decode::read_head(start, start.len() == body.len(), &limits);
        if let Err(fault) = &head {
            super::is_presentable(&fault.message, 2000);
        }
        // What was read as rows to its end is none of the others, and they say so at its beginning.
        if !is_rows {
            others(body, &limits);
        }
    }
}

/// Limits that small inputs can reach.
fn tight() -> Limits {
    Limits {
        header_bytes: 600,
        depth: 12,
        name_bytes: 24,
        tag_bytes: 200,
        attributes: 6,
        namespaces: 6,
        namespaces_in_scope: 12,
        comment_bytes: 20,
        blank_bytes: 20,
        text_bytes: 12,
        row_bytes: 30,
        value_bytes: 40,
        tables: 2,
        columns: 4,
        all_columns: 5,
        description_bytes: 120,
        short_way: true,
    }
}

type Row = (RowOp, Vec<Option<Vec<u8>>>);

/// What a sink was told.
#[derive(Debug, Default, PartialEq)]
struct Told {
    states: Vec<String>,
    batches: Vec<(Vec<Row>, i64, TableSchemaInfo)>,
}

impl RowDataSink for Told {
    fn client_state(&mut self, state: &str) {
        assert!(self.batches.is_empty(), "the client state comes before any batch");
        self.states.push(state.to_owned());
    }

    fn batch(&mut self, batch: RowDataBatch) -> ControlFlow<()> {
        assert_eq!(self.states.len(), 1, "the client state comes once, before the batches");
        let counted = batch.rows.rows();
        let mut rows = Vec::new();
        for segment in batch.rows.into_segments() {
            let segment = segment.expect("what was spilled can be read");
            for row in 0..segment.rows() {
                let cells: Vec<_> = segment.cells(row).map(|cell| cell.map(<[u8]>::to_vec)).collect();
                for cell in cells.iter().flatten() {
                    assert!(std::str::from_utf8(cell).is_ok(), "cells are UTF-8");
                }
                rows.push((segment.op(row), cells));
            }
        }
        assert_eq!(counted, rows.len() as u64, "rows are counted as they are");
        self.batches.push((rows, batch.lsn.0, (*batch.table).clone()));
        ControlFlow::Continue(())
    }
}

fn row_data(body: &mut dyn Read, limits: &Limits, threshold_bytes: usize) -> (Told, Result<(), Fault>) {
    let mut told = Told::default();
    let spill = SpillSettings { threshold_bytes, directory: None };
    let ended = decode::row_data(body, limits, spill, &mut told);
    (told, ended.map_err(without_place))
}

/// Whether it is a RowData request.
fn rows(body: &[u8], limits: &Limits) -> bool {
    let whole = row_data(&mut &*body, limits, 1 << 20);
    let general = row_data(&mut &*body, &Limits { short_way: false, ..limits.clone() }, 1 << 20);
    assert_eq!(whole, general, "the short way for cells and the general reader");
    for size in [1, 2 + body.len() % 61] {
        let cut = row_data(&mut Pieces { left: body, size }, limits, 1 << 20);
        assert_eq!(whole, cut, "whole, and in pieces of {size}");
    }
    match &whole.1 {
        Err(fault) => super::is_presentable(&fault.message, 2000),
        Ok(()) if whole.0.batches.iter().any(|(rows, ..)| !rows.is_empty()) => {
            let spilled = row_data(&mut &*body, limits, 0);
            assert_eq!(whole, spilled, "kept in memory, and in a file");
        }
        Ok(()) => {}
    }
    whole.1.is_ok()
}

/// The messages that are no stream, and the answers the simulator reads.
fn others(body: &[u8], limits: &Limits) {
    same(body, limits, |body, limits| decode::authenticate(body, limits).map_err(without_place));
    same(body, limits, |body, limits| decode::table_schema(body, limits).map_err(without_place));
    let (known, general) = (KnownTables::default(), decode::table_schema(body, limits).map_err(without_place));
    for time in ["read", "told by its bytes"] {
        let again = decode::table_schema_again(body, limits, &known).map_err(without_place);
        assert_eq!(general, again, "tables of a TableSchema, {time}");
    }
    same(body, limits, |body, limits| decode::wipe(body, limits).map_err(without_place));
    same(body, limits, |body, limits| decode::replication_completed(body, limits).map_err(without_place));
    // Read at the other end of the wire; their own words for what is wrong may name a place.
    same(body, limits, |body, limits| decode::response::authenticate(body, limits).ok());
    same(body, limits, |body, limits| decode::response::table_schema(body, limits).ok());
    same(body, limits, |body, limits| decode::response::plain(Operation::Wipe, body, limits).ok());
}

fn same<T: PartialEq + std::fmt::Debug>(body: &[u8], limits: &Limits, read: fn(&mut dyn Read, &Limits) -> T) {
    let whole = read(&mut &*body, limits);
    let cut = read(&mut Pieces { left: body, size: 1 }, limits);
    assert_eq!(whole, cut, "whole, and byte by byte");
}

/// A fault without the number behind "near byte", which may be that of a piece's first byte.
fn without_place(mut fault: Fault) -> Fault {
    if let Some((before, after)) = fault.message.split_once("near byte ") {
        fault.message = format!("{before}near byte {}", after.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    fault
}

/// Gives a body a few bytes at a time.
struct Pieces<'b> {
    left: &'b [u8],
    size: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.size.min(out.len()).min(self.left.len());
        let (now, left) = self.left.split_at(n);
        out[..n].copy_from_slice(now);
        self.left = left;
        Ok(n)
    }
}
