//! The calling side of the five operations: a fresh token per call, the headers real senders send, one kept-alive
//! connection, retries, and every answer checked to the letter (protocol.md sections 2 to 4).

use std::time::Duration;

use rsa::RsaPublicKey;

use super::answer::{self, Answer, Body, SoapFault};
use super::connection::{Connection, Framing, Request, Response, TransportError};
use super::endpoint::Endpoint;
use super::spelling::{self, Batch, Spelling};
use crate::auth::testing::{TokenIssuer, check_answer, random_nonce};
use crate::protocol::messages::{ReplicationSummary, TableSchemaInfo};
use crate::protocol::names::Operation;

/// Whom the client speaks for, and to whom.
#[derive(Clone)]
pub struct Identity {
    /// Signs the vendor's tokens.
    pub issuer: TokenIssuer,
    /// The partner's application.
    pub application_id: String,
    /// The application's public key: what the endpoint's answers are checked with.
    pub application_key: RsaPublicKey,
    /// Context identifier.
    pub tenant: String,
}

/// Writes a request around a token: a repetition has one of its own, as the Task's has.
type Write<'w> = dyn Fn(&str) -> Vec<u8> + Send + Sync + 'w;

/// A client of one endpoint, for one tenant. One call at a time, as the Task makes them.
pub struct Client {
    endpoint: Endpoint,
    identity: Identity,
    spelling: Spelling,
    timeout: Duration,
    retries: u32,
    connection: Option<Connection>,
    state: String,
    problems: Vec<String>,
    /// Calls made and bytes sent.
    pub sent: Sent,
}

/// What has gone over the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Sent {
    pub calls: u64,
    pub bytes: u64,
    pub retries: u64,
    pub connections: u64,
}

/// A call that brought no success.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("{operation}: {source}")]
    Transport { operation: Operation, source: TransportError },
    /// The endpoint answered a SOAP fault.
    #[error("{operation} was answered by the fault {}: {}", fault.code, fault.message)]
    Fault { operation: Operation, fault: SoapFault },
    /// `IsSuccessful` is false.
    #[error("{operation} was refused: {message}")]
    Refused { operation: Operation, message: String },
    /// What came back is no answer to the call.
    #[error("{operation} was answered by HTTP {status} and what cannot be read: {what}")]
    Unreadable { operation: Operation, status: u16, what: String },
    /// The simulator cannot make the call.
    #[error("{operation} cannot be called: {what}")]
    Own { operation: Operation, what: String },
}

impl Client {
    /// A client that waits two minutes for an answer and repeats a call that broke twice.
    #[must_use]
    pub fn new(endpoint: Endpoint, identity: Identity, spelling: Spelling) -> Self {
        Self {
            endpoint,
            identity,
            spelling,
            timeout: Duration::from_mins(2),
            retries: 2,
            connection: None,
            state: String::new(),
            problems: Vec::new(),
            sent: Sent::default(),
        }
    }

    /// Waits this long for an answer.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Repeats a call that broke this many times.
    #[must_use]
    pub const fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How it spells.
    #[must_use]
    pub const fn spelling(&self) -> Spelling {
        self.spelling
    }

    /// The tenant it speaks for.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.identity.tenant
    }

    /// A second client for the same tenant, with a connection of its own.
    #[must_use]
    pub fn another(&self) -> Self {
        let mut other = Self::new(self.endpoint.clone(), self.identity.clone(), self.spelling);
        other.timeout = self.timeout;
        other.retries = self.retries;
        other.state.clone_from(&self.state);
        other
    }

    /// The same client spelling another way.
    #[must_use]
    pub fn spelled(&self, spelling: Spelling) -> Self {
        let mut other = self.another();
        other.spelling = spelling;
        other
    }

    /// Takes what was found wrong with the form of the answers so far.
    pub fn take_problems(&mut self) -> Vec<String> {
        std::mem::take(&mut self.problems)
    }

    /// Closes the connection: the next call opens a new one.
    pub fn hang_up(&mut self) {
        self.connection = None;
    }

    /// Authenticate; the `SignedApplicationToken` is checked. The answer's `ClientState` goes with all later calls.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn authenticate(&mut self) -> Result<Answer, CallError> {
        let nonce = random_nonce();
        let spelling = self.spelling;
        let write = move |token: &str| spelling::authenticate(spelling, token, "");
        let answer = self.call_with(Operation::Authenticate, &write, Some(&nonce)).await?;
        if let Err(problem) =
            check_answer(answer.text("SignedApplicationToken"), &nonce, &self.identity.application_key, now())
        {
            self.problems.push(format!("Authenticate: {problem}"));
        }
        let supported = answer.text("SupportedInterfaces");
        if supported != "1" {
            self.problems.push(format!("Authenticate: SupportedInterfaces is {supported:?} and should be \"1\""));
        }
        answer.text("ClientState").clone_into(&mut self.state);
        Ok(answer)
    }

    /// TableSchema.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn table_schema(&mut self, tables: &[TableSchemaInfo]) -> Result<Answer, CallError> {
        let (spelling, state) = (self.spelling, self.state.clone());
        let write = move |token: &str| spelling::table_schema(spelling, token, &state, tables);
        self.call_with(Operation::TableSchema, &write, None).await
    }

    /// Wipe.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn wipe(&mut self, table: &str) -> Result<Answer, CallError> {
        let (spelling, state) = (self.spelling, self.state.clone());
        let write = move |token: &str| spelling::wipe(spelling, token, &state, table);
        self.call_with(Operation::Wipe, &write, None).await
    }

    /// RowData.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn row_data(&mut self, batches: &[Batch]) -> Result<Answer, CallError> {
        let (spelling, state) = (self.spelling, self.state.clone());
        let write = move |token: &str| spelling::row_data(spelling, token, &state, batches);
        self.call_with(Operation::RowData, &write, None).await
    }

    /// ReplicationCompleted.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn replication_completed(&mut self, changed: &[ReplicationSummary]) -> Result<Answer, CallError> {
        let (spelling, state) = (self.spelling, self.state.clone());
        let write = move |token: &str| spelling::replication_completed(spelling, token, &state, changed);
        self.call_with(Operation::ReplicationCompleted, &write, None).await
    }

    /// The bytes of a RowData call, head and body, with a token of their own: for calls that are sent slowly, cut
    /// short or overtaken.
    ///
    /// # Errors
    /// The token cannot be signed.
    pub fn raw_row_data(&self, batches: &[Batch]) -> Result<(Vec<u8>, Vec<u8>), CallError> {
        let write = |token: &str| spelling::row_data(self.spelling, token, &self.state, batches);
        let request = self.request(Operation::RowData, &write, None)?;
        Ok((request.head(&self.endpoint), request.body))
    }

    /// Opens a connection beside the client's own.
    ///
    /// # Errors
    /// Not reachable.
    pub async fn open(&self) -> Result<Connection, TransportError> {
        Connection::open(&self.endpoint).await
    }

    fn request(&self, operation: Operation, write: &Write<'_>, nonce: Option<&str>) -> Result<Request, CallError> {
        let Identity { issuer, application_id, tenant, .. } = &self.identity;
        let mut token = issuer.token(application_id, tenant, now());
        if let Some(nonce) = nonce {
            token = token.nonce(nonce);
        }
        let token = token.sign().map_err(|error| CallError::Own { operation, what: error.to_string() })?;
        Ok(Request {
            method: "POST".into(),
            target: self.endpoint.path().to_owned(),
            headers: headers(self.spelling, &operation.action()),
            body: write(&token),
            framing: Framing::ContentLength,
        })
    }

    async fn call_with(
        &mut self,
        operation: Operation,
        write: &Write<'_>,
        nonce: Option<&str>,
    ) -> Result<Answer, CallError> {
        let mut left = self.retries;
        loop {
            // A repetition has a token of its own, as the Task's has.
            let request = self.request(operation, write, nonce)?;
            self.sent.calls += 1;
            self.sent.bytes += request.body.len() as u64;
            match self.exchange(&request).await {
                Ok(response) => return self.judge(operation, &response),
                Err(_) if left > 0 => {
                    left -= 1;
                    self.sent.retries += 1;
                }
                Err(source) => return Err(CallError::Transport { operation, source }),
            }
        }
    }

    async fn exchange(&mut self, request: &Request) -> Result<Response, TransportError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.dial().await?,
        };
        let mut result = connection.exchange(&self.endpoint, request, self.timeout).await;
        if matches!(result, Err(TransportError::Closed | TransportError::Broken { .. })) && connection.used() {
            // A kept-alive connection that the server had closed meanwhile is no failure of the call.
            connection = self.dial().await?;
            result = connection.exchange(&self.endpoint, request, self.timeout).await;
        }
        let response = result?;
        let keep =
            !response.early && response.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"));
        self.connection = keep.then_some(connection);
        Ok(response)
    }

    async fn dial(&mut self) -> Result<Connection, TransportError> {
        self.sent.connections += 1;
        Connection::open(&self.endpoint).await
    }

    fn judge(&mut self, operation: Operation, response: &Response) -> Result<Answer, CallError> {
        let status = response.status;
        let body = answer::read(operation, &response.body).map_err(|what| CallError::Unreadable {
            operation,
            status,
            what: format!("{what}; it begins {:?}", response.excerpt()),
        })?;
        self.problems
            .extend(form_problems(response, &body).into_iter().map(|problem| format!("{operation}: {problem}")));
        match body {
            Body::Fault(fault) => Err(CallError::Fault { operation, fault }),
            Body::Answer(answer) => {
                self.problems.extend(answer.problems.iter().map(|problem| format!("{operation}: {problem}")));
                if answer.successful {
                    Ok(answer)
                } else {
                    Err(CallError::Refused { operation, message: answer.error_message })
                }
            }
        }
    }
}

/// What is wrong with the HTTP side of an answer.
#[must_use]
pub fn form_problems(response: &Response, body: &Body) -> Vec<String> {
    let mut problems = Vec::new();
    let wanted = match body {
        Body::Answer(_) => 200,
        Body::Fault(_) => 500,
    };
    if response.status != wanted {
        problems.push(format!("HTTP status {} and should be {wanted}", response.status));
    }
    match response.header("content-type") {
        None => problems.push("the answer has no Content-Type".into()),
        Some(kind) => {
            let lower = kind.to_ascii_lowercase().replace([' ', '"'], "");
            if !(lower == "text/xml;charset=utf-8" || lower.starts_with("text/xml;charset=utf-8;")) {
                problems.push(format!("Content-Type is {kind:?} and should be \"text/xml; charset=utf-8\""));
            }
        }
    }
    problems
}

/// The headers of a real sender, in its order and spelling (protocol.md section 2).
#[must_use]
pub fn headers(spelling: Spelling, action: &str) -> Vec<(String, String)> {
    let mut headers = vec![
        ("Content-Type".to_owned(), "text/xml; charset=utf-8".to_owned()),
        ("SOAPAction".to_owned(), format!("\"{action}\"")),
    ];
    match spelling {
        Spelling::DotNet => {
            let id = random_nonce();
            headers.push(("Accept-Encoding".into(), "gzip, deflate".into()));
            headers.push(("Cache-Control".into(), "no-cache, max-age=0".into()));
            headers.push(("Request-Id".into(), format!("|{}.{}.", &id[..8], &id[8..16])));
            headers.push(("Traceparent".into(), format!("00-{id}-{}-00", &random_nonce()[..16])));
        }
        Spelling::Mono => headers.push(("Expect".into(), "100-continue".into())),
    }
    headers
}

/// Seconds since the Unix epoch.
#[must_use]
pub fn now() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|passed| i64::try_from(passed.as_secs()).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
