//! Who gets a batch when. Batches that are complete before the client state is known are held back: senders write
//! the client state first, so this is for the odd one that does not, or that sends none.

use super::super::super::fault::Fault;
use super::super::super::messages::RowDataBatch;
use super::super::super::raw_batch::SpillSettings;
use super::{BrokenOff, RowDataSink};

pub(super) struct Delivery<'s> {
    sink: &'s mut dyn RowDataSink,
    spill: SpillSettings,
    state_known: bool,
    held: Vec<RowDataBatch>,
}

impl<'s> Delivery<'s> {
    /// Batches held back at once. All but the first few lie in a temporary file each.
    const MAX_HELD: usize = 256;

    pub(super) fn new(spill: SpillSettings, sink: &'s mut dyn RowDataSink) -> Self {
        Self { sink, spill, state_known: false, held: Vec::new() }
    }

    /// How the next batch is to be kept: in memory as far as allowed if it goes straight on; if it is to be held,
    /// all held batches share what one may have.
    pub(super) fn spill_settings(&self) -> Result<SpillSettings, Fault> {
        if self.state_known {
            return Ok(self.spill.clone());
        }
        if self.held.len() == Self::MAX_HELD {
            return Err(Fault::limit("The number of batches before the ClientState", Self::MAX_HELD as u64, "batches"));
        }
        // Half for the first, a quarter for the second and so on: never more than the whole.
        let share = u32::try_from(self.held.len()).map_or(u32::MAX, |held| held.saturating_add(1));
        let threshold_bytes = self.spill.threshold_bytes.checked_shr(share).unwrap_or(0);
        Ok(SpillSettings { threshold_bytes, ..self.spill.clone() })
    }

    /// The client state is known: what was held goes first.
    pub(super) fn client_state(&mut self, state: &str) -> Result<(), BrokenOff> {
        self.state_known = true;
        self.sink.client_state(state);
        for batch in std::mem::take(&mut self.held) {
            self.hand_over(batch)?;
        }
        Ok(())
    }

    pub(super) fn batch(&mut self, batch: RowDataBatch) -> Result<(), BrokenOff> {
        if self.state_known {
            self.hand_over(batch)
        } else {
            self.held.push(batch);
            Ok(())
        }
    }

    /// The operation has ended: there is no client state if there was none till now.
    pub(super) fn end(&mut self) -> Result<(), BrokenOff> {
        if self.state_known { Ok(()) } else { self.client_state("") }
    }

    fn hand_over(&mut self, batch: RowDataBatch) -> Result<(), BrokenOff> {
        if self.sink.batch(batch).is_break() { Err(BrokenOff) } else { Ok(()) }
    }
}
