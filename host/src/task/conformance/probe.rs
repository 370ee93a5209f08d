//! What a check calls the endpoint with: raw requests of any form, with tokens of any kind.

use std::time::Duration;

use super::evidence::{Evidence, Got, Outcome, Want};
use crate::auth::testing::{TokenBuilder, random_nonce};
use crate::protocol::names::{NS_MIRRORING, NS_SOAP, Operation};
use crate::task::client::{Client, Identity, headers, now};
use crate::task::connection::{Connection, Framing, Request, Response, TransportError};
use crate::task::endpoint::Endpoint;
use crate::task::mirror_place::MirrorPlace;
use crate::task::spelling::Spelling;

/// A check's way to the endpoint.
#[derive(Clone)]
pub struct Probe {
    endpoint: Endpoint,
    identity: Identity,
    mirror: Option<MirrorPlace>,
    run: String,
}

/// How long a check waits for an answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// The Authenticate request that most checks of form are made with: it needs no mirror.
pub(super) const AUTHENTICATE: &str = "<AuthenticateRequest xmlns=\"http://www.superoffice.com/online/mirroring/0.1\"><ClientState/></AuthenticateRequest>";

impl Probe {
    pub(super) fn new(endpoint: Endpoint, identity: Identity, mirror: Option<MirrorPlace>) -> Self {
        Self { endpoint, identity, mirror, run: random_nonce()[..8].to_owned() }
    }

    /// The probe of one check: its tenant is named after it, unless it looks into the mirror of the tenant given.
    pub(super) fn of(&self, check: &str, looks_inside: bool) -> Self {
        let mut own = self.clone();
        let name: String = check.chars().filter(char::is_ascii_alphanumeric).collect();
        own.run = format!("{name}_{}", self.run);
        if !looks_inside {
            own.identity.tenant = format!("Conf{name}");
        }
        own
    }

    /// The probe of another tenant, for the same check.
    pub(super) fn neighbour(&self) -> Self {
        let mut other = self.clone();
        other.identity.tenant.push_str("Neighbour");
        other
    }

    pub(super) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) const fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) const fn mirror(&self) -> Option<&MirrorPlace> {
        self.mirror.as_ref()
    }

    /// A table name of this run.
    pub(super) fn table(&self, name: &str) -> String {
        format!("{name}_{}", self.run)
    }

    /// A client for the check's tenant.
    pub(super) fn client(&self) -> Client {
        Client::new(self.endpoint.clone(), self.identity.clone(), Spelling::DotNet)
            .with_timeout(PATIENCE)
            .with_retries(0)
    }

    /// A token in the making.
    pub(super) fn token(&self) -> TokenBuilder<'_> {
        self.identity.issuer.token(&self.identity.application_id, &self.identity.tenant, now())
    }

    /// A good token.
    pub(super) fn good(&self) -> Result<String, Evidence> {
        sign(self.token())
    }

    /// A request with this body as it is, and a real sender's headers.
    pub(super) fn request(&self, operation: Operation, body: impl Into<Vec<u8>>) -> Request {
        Request {
            method: "POST".into(),
            target: self.endpoint.path().to_owned(),
            headers: headers(Spelling::DotNet, &operation.action()),
            body: body.into(),
            framing: Framing::ContentLength,
        }
    }

    /// A good Authenticate request.
    pub(super) fn authenticate(&self) -> Result<Request, Evidence> {
        Ok(self.request(Operation::Authenticate, envelope(&header(&self.good()?), AUTHENTICATE)))
    }

    /// Sends a request over a connection of its own.
    pub(super) async fn exchange(&self, request: &Request) -> Result<Response, TransportError> {
        Connection::open(&self.endpoint).await?.exchange(&self.endpoint, request, PATIENCE).await
    }

    /// Sends a request and reads the answer as one to `operation`.
    pub(super) async fn send(&self, operation: Operation, request: &Request) -> Got {
        Got::read(operation, self.exchange(request).await)
    }

    /// Sends a request for Authenticate and judges the answer.
    pub(super) async fn expect(&self, want: Want, sent: &str, request: Request) -> Outcome {
        want.outcome(sent, &self.send(Operation::Authenticate, &request).await)
    }

    /// Sends a body as Authenticate and judges the answer.
    pub(super) async fn expect_body(&self, want: Want, sent: &str, body: impl Into<Vec<u8>>) -> Outcome {
        let request = self.request(Operation::Authenticate, body);
        self.expect(want, sent, request).await
    }
}

/// Signs a token.
pub(super) fn sign(token: TokenBuilder<'_>) -> Result<String, Evidence> {
    token.sign().map_err(|error| Evidence::new("nothing", "a token to send", error.to_string()))
}

/// The header entry that carries a token.
pub(super) fn header(token: &str) -> String {
    format!("<h:SignedToken s:mustUnderstand=\"1\" xmlns:h=\"{NS_MIRRORING}\">{token}</h:SignedToken>")
}

/// An envelope around a header's entries and a body's content.
pub(super) fn envelope(header: &str, body: &str) -> String {
    format!("<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>")
}
