//! The way of every call: which operation, whose, is there room, carry it out, write down how it went.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody};
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, Request, Response};
use bytes::Bytes;

use super::answer::{self, Answer, Manner};
use super::body::{BodyError, Incoming, Pace};
use super::operations::{self, Job};
use super::trace_ids::TraceIds;
use crate::auth::{Refusal, VerifiedTenant};
use crate::faults::{self, Step};
use crate::http::connection::Peer;
use crate::http::metrics::Outcome;
use crate::http::parts::Shared;
use crate::http::room::{Inside, NoRoom, Place, Whose};
use crate::http::troubles::Trouble;
use crate::mirror::{Arrival, Mirror, NewRefusal};
use crate::protocol::fault::Fault;
use crate::protocol::names::Operation;
use crate::protocol::{decode, soap_action};

/// Every operation but RowData is held in memory once decoded, so it has a limit of its own. A schema of ten thousand
/// tables is a tenth of this.
const SMALL_MESSAGE: u64 = 128 << 20;
/// How much of a body nobody will look at is read, so that its sender gets to read the answer.
const DRAIN_BYTES: u64 = 4 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// One call.
pub(super) struct Call {
    shared: Arc<Shared>,
    path: String,
    /// Unknown where no connection is before the router.
    peer: Option<Peer>,
    headers: HeaderMap,
    ids: TraceIds,
    announced: Option<u64>,
    body: Incoming,
    /// Taken when the head of the request was here and before any of its body was read: a call that crawls is older
    /// than its repetition, however late the rest of it comes.
    arrival: Arrival,
    began: Instant,
}

/// How a call ended: what is answered, and what is written down.
pub(super) struct End {
    pub(super) answer: Answer,
    pub(super) outcome: Outcome,
    /// The `ErrorMessage` or the fault's text.
    pub(super) message: Option<String>,
    pub(super) rows: u64,
}

impl End {
    pub(super) fn fault(fault: Fault) -> Self {
        Self { outcome: Outcome::Fault, message: Some(fault.message.clone()), answer: Answer::Fault(fault), rows: 0 }
    }

    pub(super) fn injected(injected: &faults::Injected) -> Self {
        Self::fault(Fault::server(injected.to_string(), ""))
    }

    pub(super) fn body(error: &BodyError) -> Self {
        Self::fault(Fault::client(error.to_string()))
    }
}

/// What the head of a message told.
struct Head {
    operation: Operation,
    token: String,
    /// The message's first bytes, from which the operation is read again.
    prefix: Bytes,
}

impl Call {
    pub(super) fn new(shared: Arc<Shared>, request: Request<Body>, ids: TraceIds) -> Self {
        let (head, body) = request.into_parts();
        let announced = body.size_hint().exact();
        let pace = Pace::new(shared.config.min_body_rate, shared.config.body_timeout);
        let incoming = Incoming::new(body, shared.config.max_request_bytes, pace);
        Self {
            path: head.uri.path().to_owned(),
            peer: head.extensions.get().copied(),
            headers: head.headers,
            ids,
            announced,
            body: incoming,
            arrival: Mirror::arrival(),
            began: Instant::now(),
            shared,
        }
    }

    /// Carries the call out and answers it.
    pub(super) async fn run(mut self) -> Response<Body> {
        let (operation, end) = match self.head().await {
            Ok(head) => {
                tracing::Span::current().record("operation", head.operation.name());
                (Some(head.operation), self.operate(head).await)
            }
            Err(end) => (None, end),
        };
        faults::pass_or_panic(Step::Counted).await;
        self.write_down(operation, &end);
        if let Some(peer) = self.peer.filter(|_| self.body.has_stalled()) {
            self.shared.troubles.note(Trouble::SlowBody, peer.address);
        }
        faults::pass_or_panic(Step::AnswerHead).await;
        let manner = Manner { gzip: answer::accepts_gzip(&self.headers), close: !self.body.is_complete() };
        let mut response = answer::respond(&end.answer, manner);
        if let Err(injected) = faults::pass(Step::AnswerBody).await {
            answer::break_off(&mut response, injected);
        }
        if !self.body.is_complete() {
            // While the answer is on its way; hyper keeps the connection open for writing as long as this reads.
            tokio::spawn(self.body.drain(DRAIN_BYTES, DRAIN_TIME));
        }
        response
    }

    /// Reads enough of the message to know the operation and the token.
    async fn head(&mut self) -> Result<Head, End> {
        let fault = |fault| End::fault(fault);
        let action = match self.headers.get("soapaction") {
            None => None,
            Some(value) => Some(value.to_str().map_err(|_| {
                fault(Fault::client("The SOAPAction header holds characters that no operation's name has."))
            })?),
        };
        let action = soap_action::parse(action).map_err(fault)?;
        if let Some(coding) = self.headers.get(CONTENT_ENCODING)
            && !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")
        {
            return Err(fault(Fault::client(
                "Compressed messages are not accepted; send the message without Content-Encoding.",
            )));
        }
        let max = self.shared.config.max_request_bytes;
        if self.announced.is_some_and(|announced| announced > max) {
            return Err(End::body(&BodyError::TooLarge { limit: max }));
        }
        let limits = &self.shared.limits;
        let prefix = self.body.prefix(limits.header_bytes).await.map_err(|error| End::body(&error))?;
        let seen = &prefix[..prefix.len().min(limits.header_bytes)];
        let complete = seen.len() == prefix.len() && self.body.is_complete();
        let head = decode::read_head(seen, complete, limits).map_err(fault)?;
        soap_action::agree(action, head.operation).map_err(fault)?;
        faults::pass(Step::MessageHead).await.map_err(|injected| End::injected(&injected))?;
        Ok(Head { operation: head.operation, token: head.token, prefix })
    }

    /// Checks the token, finds room, carries out.
    async fn operate(&mut self, head: Head) -> End {
        let now = time::OffsetDateTime::from(faults::now()).unix_timestamp();
        let tenant = match self.shared.applications.verify(&self.path, &head.token, now) {
            Ok(tenant) => tenant,
            Err(refusal) => return self.refused(head.operation, &refusal).await,
        };
        if let Err(injected) = faults::pass(Step::Token).await {
            return End::injected(&injected);
        }
        tracing::Span::current().record("tenant", tracing::field::display(tenant.tenant().as_str().escape_debug()));
        if head.operation != Operation::RowData
            && let Err(error) = self.small_message()
        {
            return End::body(&error);
        }
        let Some(mirror) = self.shared.mirrors.of(tenant.application().folder()).cloned() else {
            let message = "This host has no mirrors for this application; see [[application]] folder.".to_owned();
            return operations::unsuccessful(head.operation, message);
        };
        let _inside = match self.room(&tenant, head.operation).await {
            Ok(inside) => inside,
            Err(why) => {
                if head.operation == Operation::RowData {
                    // Of which tables is not known, since nothing of it was read.
                    mirror.rows_left_out(tenant.tenant(), self.arrival);
                }
                return operations::unsuccessful(head.operation, why.to_string());
            }
        };
        if let Err(injected) = faults::pass(Step::Room).await {
            return End::injected(&injected);
        }
        let job = Job {
            shared: self.shared.clone(),
            mirror,
            tenant,
            arrival: self.arrival,
            request_id: self.ids.request.clone(),
            now,
        };
        operations::carry_out(job, head.operation, head.prefix, &mut self.body).await
    }

    /// Waits for this call's turn to be worked on.
    async fn room(&mut self, tenant: &VerifiedTenant, operation: Operation) -> Result<Inside, NoRoom> {
        let place = if operation == Operation::Authenticate { Place::First } else { Place::Later };
        let application = tenant.application().id().to_owned();
        let whose = Whose { application, tenant: tenant.tenant().clone() };
        let entered = self.shared.room.enter(whose, place).await;
        if let Err(why) = entered {
            self.shared.metrics.turned_away(why);
        }
        entered
    }

    fn small_message(&mut self) -> Result<(), BodyError> {
        if self.announced.is_some_and(|announced| announced > SMALL_MESSAGE) {
            return Err(BodyError::TooLarge { limit: SMALL_MESSAGE });
        }
        self.body.lower_limit(SMALL_MESSAGE)
    }

    /// A token that is not good is a refusal, not a fault: the Task shows its text to an administrator.
    async fn refused(&mut self, operation: Operation, refusal: &Refusal) -> End {
        let tenant = refusal.tenant.as_ref().map(|tenant| tenant.as_str().escape_debug().to_string());
        tracing::warn!(
            path = %self.path.escape_debug(),
            reason = refusal.reason.word(),
            tenant = tenant.as_deref().unwrap_or("(not known)"),
            fix = refusal.fix.as_deref().unwrap_or(""),
            "refused: {}", refusal.log
        );
        self.shared.metrics.refused(refusal.reason);
        // The answer's text and not the log's: that one holds times and names from the token, and equal refusals are
        // counted together.
        let remembered = NewRefusal {
            tenant: refusal.tenant.clone(),
            reason: refusal.answer.clone(),
            fix: refusal.fix.clone(),
            // As configured: whoever calls could spell it in ever new ways.
            path: self.shared.applications.configured_path(&self.path).unwrap_or_default().to_owned(),
        };
        if let Some(mirror) = self.shared.mirrors.of(refusal.folder.as_deref()) {
            mirror.record_refusal(remembered).await;
        }
        let mut end = operations::unsuccessful(operation, refusal.answer.clone());
        end.outcome = Outcome::Refused;
        end
    }

    /// Log line and numbers of a call that has ended.
    fn write_down(&self, operation: Option<Operation>, end: &End) {
        let took = self.began.elapsed();
        self.shared.metrics.call(operation, end.outcome, took, self.body.received(), end.rows);
        let (bytes, rows) = (self.body.received(), end.rows);
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let name = operation.map_or("unknown operation", Operation::name);
        match (&end.message, end.outcome) {
            (_, Outcome::Success) => tracing::info!(bytes, rows, duration_ms, "{name} done"),
            // The refusal has been logged with more than may be answered.
            (_, Outcome::Refused) => tracing::debug!(bytes, duration_ms, "{name} refused"),
            (message, outcome) => {
                let message = message.as_deref().unwrap_or("no message");
                tracing::warn!(bytes, rows, duration_ms, outcome = outcome.name(), "{name} failed: {message}");
            }
        }
    }
}
