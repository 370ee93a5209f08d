//! `RowDataRequest`, the one message that is read as a stream: each batch is handed over as soon as it is complete,
//! and only one is in the making.
//!
//! | idea | file |
//! |---|---|
//! | one batch: rows, LSN, table | [`batch`] |
//! | one row, and its cells: the hot path | [`row`], [`cells`] |
//! | cells and whole rows written as real senders write them, many times faster | [`plain_cells`], [`seam`], [`form`] |
//! | who gets a batch when: the client state first | [`delivery`] |

mod batch;
mod cells;
mod delivery;
mod form;
mod plain_cells;
mod row;
mod seam;

use std::io::Read;
use std::ops::ControlFlow;

use super::super::fault::Fault;
use super::super::messages::RowDataBatch;
use super::super::names::Operation;
use super::super::raw_batch::SpillSettings;
use super::super::xml::attributes::Tag;
use super::super::xml::element::Element;
use super::super::xml::limits::Limits;
use super::super::xml::reader::XmlReader;
use super::envelope;
use super::once::{Once, nil, unknown_item};
use delivery::Delivery;

/// Who gets what a RowData call holds.
pub trait RowDataSink {
    /// Called exactly once, before any batch; empty when the call holds no client state. Not called when the body
    /// turns out to be broken before it is known.
    fn client_state(&mut self, state: &str);

    /// Called for each batch in the order they came. `Break`: the rest is not wanted.
    fn batch(&mut self, batch: RowDataBatch) -> ControlFlow<()>;
}

/// The sink does not want the rest.
struct BrokenOff;

/// Why reading stops before the end.
enum Stop {
    Fault(Fault),
    BrokenOff,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<BrokenOff> for Stop {
    fn from(BrokenOff: BrokenOff) -> Self {
        Self::BrokenOff
    }
}

pub(super) fn decode<R: Read>(
    body: R,
    limits: &Limits,
    spill: SpillSettings,
    sink: &mut dyn RowDataSink,
) -> Result<(), Fault> {
    let mut xml = XmlReader::new(body, limits);
    match read(&mut xml, Delivery::new(spill, sink)) {
        Ok(()) => envelope::close(&mut xml),
        Err(Stop::BrokenOff) => Ok(()),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

fn read<R: Read>(xml: &mut XmlReader<'_, R>, mut delivery: Delivery<'_>) -> Result<(), Stop> {
    envelope::open_expected(xml, Operation::RowData)?;
    let mut once = Once::default();
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::ClientState => {
                once.see(0, "ClientState", "RowDataRequest")?;
                let state = xml.nillable_text(tag)?.unwrap_or_default();
                delivery.client_state(&state)?;
            }
            Element::DataBatches => {
                once.see(1, "DataBatches", "RowDataRequest")?;
                if tag.nil {
                    xml.nothing_inside()?;
                } else {
                    batches(xml, &mut delivery)?;
                }
            }
            _ => stranger(xml, tag, "RowDataRequest")?,
        }
    }
    delivery.end()?;
    Ok(())
}

fn batches<R: Read>(xml: &mut XmlReader<'_, R>, delivery: &mut Delivery<'_>) -> Result<(), Stop> {
    while let Some(tag) = xml.child()? {
        if tag.element != Element::RowDataBatch {
            return Err(unknown_item(xml.local_name(), "DataBatches", "RowDataBatch").into());
        }
        if tag.nil {
            return Err(nil("A RowDataBatch").into());
        }
        let batch = batch::read(xml, delivery.spill_settings()?)?;
        delivery.batch(batch)?;
    }
    Ok(())
}

/// An element that nobody asked for here. It is passed over, unless it would take rows with it: one that carries rows
/// and stands at the wrong place, or has its name in a namespace that is not the contract's.
fn stranger<R: Read>(xml: &mut XmlReader<'_, R>, tag: Tag, parent: &str) -> Result<(), Fault> {
    let name = xml.local_name();
    match tag.element {
        Element::DataBatches
        | Element::RowDataBatch
        | Element::Data
        | Element::RowData
        | Element::ColumnValues
        | Element::Cell => {
            Err(Fault::client(format!("{name} does not belong into {parent}; its rows would vanish silently.")))
        }
        _ if matches!(name, "DataBatches" | "RowDataBatch" | "Data" | "RowData" | "ColumnValues") => {
            Err(Fault::client(format!("{name} is not in the contract's namespace; its rows would vanish silently.")))
        }
        _ => xml.skip(),
    }
}
