//! Whole messages through the decoder.

mod bounds;
mod faults;
mod generated;
mod known_tables;
mod mutations;
mod requests;
mod round_trips;
mod streaming;

use std::io::{self, Read};
use std::ops::ControlFlow;

use super::*;
use crate::protocol::messages::{RowDataBatch, RowOp, TableSchemaInfo};
use crate::protocol::names::{NS_ARRAYS, NS_DATA, NS_MIRRORING, NS_SOAP, NS_XSI};

/// A cell is its text; `None` is nil.
type Row = (RowOp, Vec<Option<String>>);

/// A batch with its rows taken out of their segments.
#[derive(Debug, Clone, PartialEq)]
struct Batch {
    rows: Vec<Row>,
    lsn: i64,
    table: TableSchemaInfo,
}

/// What a sink was told.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    ClientState(String),
    Batch(Batch),
}

/// Keeps what it is told; breaks off after so many batches.
struct Recorder {
    told: Vec<Told>,
    wanted: usize,
}

impl RowDataSink for Recorder {
    fn client_state(&mut self, state: &str) {
        self.told.push(Told::ClientState(state.to_owned()));
    }

    fn batch(&mut self, batch: RowDataBatch) -> ControlFlow<()> {
        let counted = batch.rows.rows();
        let mut rows = Vec::new();
        for segment in batch.rows.into_segments() {
            let segment = segment.unwrap();
            for row in 0..segment.rows() {
                let cells = segment.cells(row).map(|cell| cell.map(|text| String::from_utf8(text.to_vec()).unwrap()));
                rows.push((segment.op(row), cells.collect()));
            }
        }
        assert_eq!(counted, rows.len() as u64);
        self.told.push(Told::Batch(Batch { rows, lsn: batch.lsn.0, table: (*batch.table).clone() }));
        self.wanted -= 1;
        if self.wanted == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Decodes a RowData body; what was told before a fault is not given.
fn row_data_of(body: impl Read) -> Result<Vec<Told>, Fault> {
    row_data_within(&Limits::default(), body)
}

fn row_data_within(limits: &Limits, body: impl Read) -> Result<Vec<Told>, Fault> {
    let mut recorder = Recorder { told: Vec::new(), wanted: usize::MAX };
    row_data(body, limits, SpillSettings::default(), &mut recorder)?;
    Ok(recorder.told)
}

/// Wraps a body's content in an envelope with a token. The usual prefixes are declared.
fn envelope(content: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='{NS_SOAP}' xmlns:m='{NS_MIRRORING}' xmlns:d='{NS_DATA}' xmlns:a='{NS_ARRAYS}' \
         xmlns:i='{NS_XSI}'><s:Header><m:SignedToken>t</m:SignedToken></s:Header><s:Body>{content}</s:Body></s:Envelope>"
    )
}

/// Wraps a batch's content in a whole RowData request.
fn batch_envelope(content: &str) -> String {
    envelope(&format!(
        "<m:RowDataRequest><m:ClientState/><m:DataBatches><d:RowDataBatch>{content}</d:RowDataBatch></m:DataBatches>\
         </m:RowDataRequest>"
    ))
}

/// The message of the fault a RowData body ends in.
fn row_data_fault(body: &str) -> String {
    row_data_of(body.as_bytes()).expect_err(body).message
}

/// The cells of the one row of a RowData request whose `ColumnValues` hold this.
fn cells(content: &str) -> Result<Vec<Option<String>>, String> {
    let body = batch_envelope(&format!(
        "<d:Data><d:RowData><d:ColumnValues>{content}</d:ColumnValues><d:Operation>I</d:Operation></d:RowData></d:Data>"
    ));
    let told = row_data_of(body.as_bytes()).map_err(|fault| fault.message)?;
    match told.into_iter().nth(1) {
        Some(Told::Batch(batch)) => Ok(batch.rows.into_iter().next().expect("one row was sent").1),
        other => panic!("a batch was sent, {other:?} came"),
    }
}

/// Gives a body in pieces of the sizes of a list, over and over.
struct Pieces<'a> {
    left: &'a [u8],
    sizes: Vec<usize>,
    at: usize,
}

impl<'a> Pieces<'a> {
    fn new(body: &'a [u8], sizes: Vec<usize>) -> Self {
        Self { left: body, sizes, at: 0 }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes.get(self.at).copied().unwrap_or(1).max(1);
        self.at = (self.at + 1) % self.sizes.len().max(1);
        let n = size.min(out.len()).min(self.left.len());
        out[..n].copy_from_slice(&self.left[..n]);
        self.left = &self.left[n..];
        Ok(n)
    }
}
