//! Reading: a call's body to typed columns, held against quick-xml going through the same bytes and doing nothing with them.

use std::ops::ControlFlow;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::report::Line;
use super::table;
use super::work::{Work, seconds};
use super::{Machine, setup::Setup};
use crate::cli::CliError;
use crate::protocol::cell::type_segment;
use crate::protocol::decode::{self, Limits, RowDataSink};
use crate::protocol::messages::RowDataBatch;
use crate::protocol::raw_batch::SpillSettings;
use crate::protocol::table_def::TableDef;

pub(super) fn lines(machine: &Machine) -> Result<Vec<Line>, CliError> {
    let work = Work::fill(&table::source(machine.rows.min(50_000)));
    // Only to write the calls; nobody listens there.
    let client = Setup::make(&machine.directory, &machine.keys, &[])?.client("127.0.0.1:9", "Bench")?;
    let calls = work.calls(&client)?;
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..machine.rounds {
        let (scan, ()) = seconds(|| calls.bodies().try_for_each(scan))?;
        let (read, rows) = seconds(|| calls.bodies().map(typed).sum::<Result<u64, CliError>>())?;
        if rows != work.rows {
            return Err(CliError::Failed(format!("{rows} rows were read in the place of {}", work.rows)));
        }
        bare.push(table::per_second(calls.bytes, scan) / 1e6);
        ours.push(table::per_second(calls.bytes, read) / 1e6);
    }
    Ok(vec![Line::rounds(
        "reading RowData of 14 columns to typed columns",
        "quick-xml's events, unread",
        "MB/s",
        &bare,
        &ours,
        1.0,
    )])
}

fn scan(body: &[u8]) -> Result<(), CliError> {
    let mut reader = Reader::from_reader(body);
    loop {
        // Borrowed from the body: the way to read that copies nothing.
        match reader.read_event().map_err(CliError::failed)? {
            Event::Eof => return Ok(()),
            event => drop(std::hint::black_box(event)),
        }
    }
}

/// How many rows were read and typed.
fn typed(body: &[u8]) -> Result<u64, CliError> {
    struct Typing(Result<u64, CliError>);
    impl Typing {
        fn take(batch: RowDataBatch) -> Result<u64, CliError> {
            let def = TableDef::from_wire(&batch.table, None).map_err(CliError::failed)?;
            let mut rows = 0;
            for segment in batch.rows.into_segments() {
                let typed = type_segment(segment.map_err(CliError::failed)?, &def).map_err(CliError::failed)?;
                rows += std::hint::black_box(typed).len() as u64;
            }
            Ok(rows)
        }
    }
    impl RowDataSink for Typing {
        fn client_state(&mut self, _: &str) {}
        fn batch(&mut self, batch: RowDataBatch) -> ControlFlow<()> {
            match (&mut self.0, Self::take(batch)) {
                (Ok(sum), Ok(rows)) => {
                    *sum += rows;
                    ControlFlow::Continue(())
                }
                (_, Err(error)) => {
                    self.0 = Err(error);
                    ControlFlow::Break(())
                }
                (Err(_), Ok(_)) => ControlFlow::Break(()),
            }
        }
    }
    let spill = SpillSettings { threshold_bytes: usize::MAX, directory: None };
    let mut typing = Typing(Ok(0));
    decode::row_data(body, &Limits::default(), spill, &mut typing).map_err(|fault| CliError::Failed(fault.message))?;
    typing.0
}
