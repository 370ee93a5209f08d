//! RowData, which may be gigabytes: three workers at once, each as fast as the slowest, none holding more than a few
//! pieces.
//!
//! 1. the pump takes bytes from the connection;
//! 2. the decoder, on a thread of its own, makes batches of them;
//! 3. the pipeline, a task of its own, applies batch after batch, each in its transaction.
//!
//! A message that breaks after some batches keeps those: they were whole, and applying them again does no harm.

use std::ops::ControlFlow;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::body::{self, Incoming};
use super::call::End;
use super::operations::{self, Job};
use crate::faults::{self, Step};
use crate::mirror::{BrokenBody, Failure};
use crate::protocol::decode::{self, RowDataSink};
use crate::protocol::fault::Fault;
use crate::protocol::messages::RowDataBatch;
use crate::protocol::names::Operation;
use crate::threads::{self, Lost};

/// Batches that are decoded and not yet applied.
const BATCHES: usize = 2;

type Batch = Result<RowDataBatch, BrokenBody>;

/// Streams the message into the mirror.
pub(super) async fn carry_out(job: Job, prefix: Bytes, incoming: &mut Incoming) -> End {
    let (feed, reader) = body::feed(prefix);
    let (state, told_state) = oneshot::channel();
    let (batches, to_apply) = mpsc::channel(BATCHES);
    let mut sink = Sink { state: Some(state), batches, rows: 0 };
    let (limits, spill) = (job.shared.limits.clone(), job.shared.spill.clone());
    let decoding = tokio::task::spawn_blocking(move || {
        let begun = faults::pass_blocking(Step::Decode).map_err(|injected| Fault::server(injected.to_string(), ""));
        let decoded = begun.and_then(|()| decode::row_data(reader, &limits, spill, &mut sink));
        if let Err(fault) = &decoded {
            sink.broken(&fault.message);
        }
        (decoded, sink.rows)
    });
    let (pumped, decoded, applied) = tokio::join!(incoming.pump(feed), decoding, apply(&job, told_state, to_apply));

    let (decoded, rows) = match decoded {
        Ok(decoded) => decoded,
        Err(panic) => return operations::mistake(&panic),
    };
    let mut end = match (pumped, decoded, applied) {
        (Err(broken), _, _) => End::body(&broken),
        (Ok(()), Err(fault), _) => End::fault(fault),
        (Ok(()), Ok(()), Applied::Done(done)) => operations::plain(Operation::RowData, done, rows),
        (Ok(()), Ok(()), Applied::Lost(lost)) => operations::lost(&lost),
    };
    end.rows = rows;
    end
}

enum Applied {
    Done(Result<(), Failure>),
    Lost(Lost),
}

/// Runs the pipeline once the decoder knows the ClientState. If the message broke before that there is nothing to do.
async fn apply(job: &Job, state: oneshot::Receiver<String>, batches: mpsc::Receiver<Batch>) -> Applied {
    let Ok(state) = state.await else { return Applied::Done(Ok(())) };
    let (mirror, caller) = (job.mirror.clone(), job.caller(Some(state)));
    let applying = async move { mirror.row_data(caller, batches).await };
    match threads::for_store(&*job.shared.store, &job.shared.kill, applying).await {
        Ok(done) => Applied::Done(done),
        Err(lost) => Applied::Lost(lost),
    }
}

/// The decoder's end of the way to the pipeline.
struct Sink {
    state: Option<oneshot::Sender<String>>,
    batches: mpsc::Sender<Batch>,
    rows: u64,
}

impl Sink {
    /// Tells the pipeline that what it has is not all there was.
    fn broken(&mut self, why: &str) {
        // A pipeline that has ended already needs to hear nothing.
        let _ = self.batches.blocking_send(Err(BrokenBody(why.to_owned())));
    }
}

impl RowDataSink for Sink {
    fn client_state(&mut self, state: &str) {
        if let Some(tell) = self.state.take() {
            // Nobody listens only if the call has ended.
            let _ = tell.send(state.to_owned());
        }
    }

    fn batch(&mut self, batch: RowDataBatch) -> ControlFlow<()> {
        if let Err(injected) = faults::pass_blocking(Step::BatchDecoded) {
            self.broken(&injected.to_string());
            return ControlFlow::Break(());
        }
        let rows = batch.rows.rows();
        match self.batches.blocking_send(Ok(batch)) {
            Ok(()) => {
                self.rows += rows;
                ControlFlow::Continue(())
            }
            // The pipeline gave up on a batch before this one.
            Err(_) => ControlFlow::Break(()),
        }
    }
}
