//! A SOAP call from its head to its answer.
//!
//! Whoever has no good token costs us a header's worth of work: the first 64 KiB of the body are read, the token in
//! them checked, and only then is the rest read, decoded and carried out. A call is a task of its own: if its caller
//! hangs up, work that has begun is finished all the same.
//!
//! Who answers what (protocol.md section 2): what is wrong with the *message* is a Fault and HTTP 500; a well-formed
//! call that cannot be carried out, a bad token included, is an answer with `IsSuccessful=false` and HTTP 200.

mod answer;
mod body;
mod call;
mod operations;
mod row_data;
mod trace_ids;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, Response};
use tracing::Instrument;

use self::answer::{Answer, Manner};
use self::call::Call;
use self::trace_ids::TraceIds;
use super::parts::Shared;
use crate::faults::{self, Step};
use crate::protocol::fault::Fault;

/// Serves a POST on one of the applications' paths.
pub(super) async fn post(shared: Arc<Shared>, request: Request<Body>) -> Response<Body> {
    let ids = TraceIds::of(request.headers());
    let span = tracing::info_span!(
        "call",
        request_id = %ids.request,
        traceparent = %ids.traceparent,
        operation = tracing::field::Empty,
        tenant = tracing::field::Empty,
    );
    let gzip = accepts_gzip(request.headers());
    let begun = shared.calls.begin();
    let call = Call::new(shared, request, ids);
    let work = tokio::spawn(
        async move {
            faults::pass_or_panic(Step::RequestHead).await;
            let response = call.run().await;
            drop(begun);
            response
        }
        .instrument(span.clone()),
    );
    match work.await {
        Ok(response) => response,
        // A panic is a mistake of ours; it has cost one call its answer, and nothing else.
        Err(error) => {
            span.in_scope(|| tracing::error!(%error, "a call was ended by a mistake in this program"));
            let message = "An internal error ended this call; the host's log has the details.";
            let fault = Fault::server(message, error.to_string());
            answer::respond(&Answer::Fault(fault), Manner { gzip, close: true })
        }
    }
}

/// Whether the caller asked for a compressed answer.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    answer::accepts_gzip(headers)
}
