//! SOAP header entries: the token's, and others' (protocol.md section 2).

use super::evidence::{Outcome, Want};
use super::probe::{AUTHENTICATE, Probe, envelope, header};
use super::{Check, check};
use crate::protocol::names::{NS_MIRRORING, NS_SOAP, NS_XSI};

pub(super) const ALL: &[Check] = &[
    check!("header/no-header", "section 2", "a message without a SOAP header is a fault", no_header),
    check!("header/no-token", "section 2", "a header without a token is a fault", no_token),
    check!("header/nil-token", "section 2", "a nil token is a fault", nil_token),
    check!("header/two-tokens", "section 2", "two tokens are a fault", two_tokens),
    check!(
        "header/token-other-namespace",
        "section 2",
        "a SignedToken of another namespace is no token",
        other_namespace
    ),
    check!(
        "header/token-without-must-understand",
        "section 3",
        "the token counts without mustUnderstand too",
        plain_token
    ),
    check!("header/unknown", "section 2", "an unknown entry without mustUnderstand is passed over", unknown),
    check!("header/unknown-not-mandatory", "section 2", "mustUnderstand=\"0\" is no mustUnderstand", not_mandatory),
    check!(
        "header/must-understand",
        "section 2",
        "an unknown entry with mustUnderstand is the fault MustUnderstand",
        must_understand
    ),
    check!("header/other-actor", "section 2", "a mustUnderstand entry for another actor is not ours", other_actor),
    check!("header/token-last", "section 2", "the token is found behind other entries", token_last),
];

async fn sent_with(probe: &Probe, want: Want, sent: &str, header: &str) -> Outcome {
    probe.expect_body(want, sent, envelope(header, AUTHENTICATE)).await
}

async fn no_header(probe: &Probe) -> Outcome {
    let body = format!("<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Body>{AUTHENTICATE}</s:Body></s:Envelope>");
    probe.expect_body(Want::FaultCode("Client"), "Authenticate without a SOAP header", body).await
}

async fn no_token(probe: &Probe) -> Outcome {
    sent_with(probe, Want::FaultCode("Client"), "Authenticate with an empty SOAP header", "").await
}

async fn nil_token(probe: &Probe) -> Outcome {
    let nil = format!(
        "<h:SignedToken xmlns:h=\"{NS_MIRRORING}\" xmlns:i=\"{NS_XSI}\" i:nil=\"true\" s:mustUnderstand=\"1\"/>"
    );
    sent_with(probe, Want::FaultCode("Client"), "Authenticate with a nil token", &nil).await
}

async fn two_tokens(probe: &Probe) -> Outcome {
    let two = header(&probe.good()?).repeat(2);
    sent_with(probe, Want::FaultCode("Client"), "Authenticate with its token twice", &two).await
}

async fn other_namespace(probe: &Probe) -> Outcome {
    let token = format!("<SignedToken xmlns=\"urn:other\">{}</SignedToken>", probe.good()?);
    sent_with(probe, Want::FaultCode("Client"), "Authenticate with a SignedToken of namespace urn:other", &token).await
}

async fn plain_token(probe: &Probe) -> Outcome {
    let token = format!("<SignedToken xmlns=\"{NS_MIRRORING}\">{}</SignedToken>", probe.good()?);
    sent_with(probe, Want::Success, "Authenticate whose token has no mustUnderstand", &token).await
}

async fn beside(probe: &Probe, want: Want, sent: &str, entry: &str) -> Outcome {
    let entries = format!("{entry}{}", header(&probe.good()?));
    sent_with(probe, want, sent, &entries).await
}

async fn unknown(probe: &Probe) -> Outcome {
    let entry = "<x:Trace xmlns:x=\"urn:x\"><x:Deep>1</x:Deep></x:Trace>";
    beside(probe, Want::Success, "Authenticate with an unknown header entry", entry).await
}

async fn not_mandatory(probe: &Probe) -> Outcome {
    let entry = "<x:Trace xmlns:x=\"urn:x\" s:mustUnderstand=\"0\"/>";
    beside(probe, Want::Success, "Authenticate with an unknown header entry, mustUnderstand 0", entry).await
}

async fn must_understand(probe: &Probe) -> Outcome {
    let entry = "<x:Trace xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"/>";
    let sent = "Authenticate with an unknown header entry, mustUnderstand 1";
    beside(probe, Want::FaultCode("MustUnderstand"), sent, entry).await
}

async fn other_actor(probe: &Probe) -> Outcome {
    let entry = "<x:Trace xmlns:x=\"urn:x\" s:mustUnderstand=\"1\" s:actor=\"urn:somebody\"/>";
    beside(probe, Want::Success, "Authenticate with a mustUnderstand entry for another actor", entry).await
}

async fn token_last(probe: &Probe) -> Outcome {
    let entries = "<x:Trace xmlns:x=\"urn:x\">1</x:Trace>".repeat(20);
    beside(probe, Want::Success, "Authenticate with twenty entries before its token", &entries).await
}
