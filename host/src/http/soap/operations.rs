//! What each operation does between a good token and its answer: decode, hand over to the pipeline, encode. RowData,
//! which streams, has [`super::row_data`].

use std::sync::Arc;

use bytes::Bytes;

use super::answer::Answer;
use super::body::{self, BodyReader, Incoming};
use super::call::End;
use super::row_data;
use crate::auth::VerifiedTenant;
use crate::faults::{self, Step};
use crate::http::metrics::Outcome;
use crate::http::parts::Shared;
use crate::mirror::{Arrival, Caller, Failure, Mirror};
use crate::protocol::decode::{self, Limits};
use crate::protocol::encode::response;
use crate::protocol::fault::Fault;
use crate::protocol::messages::{AuthenticateResponse, PlainResponse, TableSchemaResponse};
use crate::protocol::names::Operation;
use crate::threads::{self, Lost};

/// `SupportedInterfaces` of every real answer (protocol.md section 3).
const SUPPORTED_INTERFACES: &str = "1";
/// `SuperOfficeMirroringBuild` of every real answer (protocol.md section 3).
const MIRRORING_BUILD: &str = "4.0.0.0/Release_1";

/// A call whose token was good.
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    /// The pipeline of the application called.
    pub(super) mirror: Arc<Mirror>,
    pub(super) tenant: VerifiedTenant,
    pub(super) arrival: Arrival,
    pub(super) request_id: String,
    /// When the token was checked, seconds since the Unix epoch.
    pub(super) now: i64,
}

impl Job {
    pub(super) fn caller(&self, client_state: Option<String>) -> Caller {
        Caller {
            tenant: self.tenant.tenant().clone(),
            application: self.tenant.application().id().to_owned(),
            client_state: client_state.unwrap_or_default(),
            request_id: self.request_id.clone(),
            arrival: self.arrival,
        }
    }
}

/// Reads the rest of the message and does what it says.
pub(super) async fn carry_out(job: Job, operation: Operation, prefix: Bytes, incoming: &mut Incoming) -> End {
    match operation {
        Operation::Authenticate => match read(&job, prefix, incoming, decode::authenticate).await {
            Ok(request) => authenticate(job, request.client_state).await,
            Err(end) => end,
        },
        Operation::TableSchema => table_schema(job, prefix, incoming).await,
        Operation::RowData => row_data::carry_out(job, prefix, incoming).await,
        Operation::Wipe => match read(&job, prefix, incoming, decode::wipe).await {
            Ok(request) => {
                let caller = job.caller(request.client_state);
                plain(operation, job.mirror.wipe(caller, request.table_name).await, 0)
            }
            Err(end) => end,
        },
        Operation::ReplicationCompleted => match read(&job, prefix, incoming, decode::replication_completed).await {
            Ok(request) => {
                let caller = job.caller(request.client_state);
                plain(operation, job.mirror.replication_completed(caller, request.changed_tables).await, 0)
            }
            Err(end) => end,
        },
    }
}

async fn table_schema(job: Job, prefix: Bytes, incoming: &mut Incoming) -> End {
    let shared = job.shared.clone();
    let decode = move |body, limits: &Limits| decode::table_schema_again(body, limits, &shared.known_tables);
    let request = match read(&job, prefix, incoming, decode).await {
        Ok(request) => request,
        Err(end) => return end,
    };
    let (mirror, caller) = (job.mirror.clone(), job.caller(request.client_state));
    let work = async move { mirror.table_schema(caller, request.tables).await };
    let (mirror_lsn, outcome) = match threads::for_store(&*job.shared.store, &job.shared.kill, work).await {
        Ok(Ok(mirror_lsn)) => (mirror_lsn, Ok(())),
        Ok(Err(failure)) => (Vec::new(), Err(failure.message)),
        Err(why) => return lost(&why),
    };
    let xml = response::table_schema(&TableSchemaResponse { outcome: outcome.clone(), mirror_lsn });
    end(xml, outcome.err(), 0)
}

/// Reads a whole message on a thread that may block, while its bytes arrive.
async fn read<T: Send + 'static>(
    job: &Job,
    prefix: Bytes,
    incoming: &mut Incoming,
    decode: impl FnOnce(BodyReader, &Limits) -> Result<T, Fault> + Send + 'static,
) -> Result<T, End> {
    let (feed, reader) = body::feed(prefix);
    let limits = job.shared.limits.clone();
    let decoding = tokio::task::spawn_blocking(move || {
        faults::pass_blocking(Step::Decode).map_err(|injected| Fault::server(injected.to_string(), ""))?;
        decode(reader, &limits)
    });
    let (pumped, decoded) = tokio::join!(incoming.pump(feed), decoding);
    // A body that broke makes the decoder fail too; why it broke is the better answer.
    pumped.map_err(|error| End::body(&error))?;
    match decoded {
        Ok(decoded) => decoded.map_err(End::fault),
        Err(panic) => Err(mistake(&panic)),
    }
}

/// The answer to work that did not come to its end.
pub(super) fn lost(lost: &Lost) -> End {
    match lost {
        Lost::CutOff => End::fault(Fault::server("This host is being stopped; send this call again later.", "")),
        Lost::Panicked | Lost::Task(_) => mistake(lost),
    }
}

/// The answer to a defect of ours in a task of its own.
pub(super) fn mistake(panic: &impl std::fmt::Display) -> End {
    tracing::error!(error = %panic, "a call was ended by a mistake in this program");
    End::fault(Fault::server("An internal error ended this call; the host's log has the details.", panic.to_string()))
}

async fn authenticate(job: Job, client_state: Option<String>) -> End {
    let authenticated = match job.mirror.authenticate(job.caller(client_state)).await {
        Ok(authenticated) => authenticated,
        Err(failure) => return unsuccessful(Operation::Authenticate, failure.message),
    };
    let (tenant, now) = (job.tenant, job.now);
    let signed = match tokio::task::spawn_blocking(move || tenant.sign_answer(now)).await {
        Ok(Ok(signed)) => signed,
        Ok(Err(error)) => {
            tracing::error!(%error, "our answer cannot be signed");
            let message = "The mirroring host cannot sign its answer with the application's private key; its \
                           administrator finds the reason in the host's log.";
            return unsuccessful(Operation::Authenticate, message.into());
        }
        Err(panic) => return mistake(&panic),
    };
    if let Err(injected) = faults::pass(Step::Signed).await {
        return End::injected(&injected);
    }
    let answer = AuthenticateResponse {
        outcome: Ok(()),
        signed_application_token: signed,
        supported_interfaces: SUPPORTED_INTERFACES.into(),
        mirroring_build: MIRRORING_BUILD.into(),
        client_state: authenticated.client_state,
        additional_information_json: authenticated.additional_information_json,
    };
    end(response::authenticate(&answer), None, 0)
}

/// The answer of Wipe, ReplicationCompleted and RowData.
pub(super) fn plain(operation: Operation, done: Result<(), Failure>, rows: u64) -> End {
    let outcome = done.map_err(|failure| failure.message);
    end(response::plain(operation, &PlainResponse { outcome: outcome.clone() }), outcome.err(), rows)
}

/// The operation's answer with `IsSuccessful=false`.
pub(super) fn unsuccessful(operation: Operation, message: String) -> End {
    let outcome = Err(message.clone());
    let xml = match operation {
        Operation::Authenticate => response::authenticate(&AuthenticateResponse {
            outcome,
            signed_application_token: String::new(),
            supported_interfaces: SUPPORTED_INTERFACES.into(),
            mirroring_build: MIRRORING_BUILD.into(),
            client_state: String::new(),
            additional_information_json: String::new(),
        }),
        Operation::TableSchema => response::table_schema(&TableSchemaResponse { outcome, mirror_lsn: Vec::new() }),
        Operation::RowData | Operation::Wipe | Operation::ReplicationCompleted => {
            response::plain(operation, &PlainResponse { outcome })
        }
    };
    end(xml, Some(message), 0)
}

fn end(xml: String, message: Option<String>, rows: u64) -> End {
    let outcome = if message.is_none() { Outcome::Success } else { Outcome::Failed };
    End { answer: Answer::Response(xml), outcome, message, rows }
}
