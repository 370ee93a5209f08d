//! What is not the message it should be is answered by HTTP 500 and a SOAP fault, never by silence, another status or
//! success (protocol.md section 2).

use super::evidence::{Outcome, Want};
use super::probe::{AUTHENTICATE, Probe, envelope, header};
use super::{Check, check};
use crate::protocol::names::{NS_DATA, NS_MIRRORING, NS_SOAP, Operation};

/// A check that sends one body in the place of Authenticate and wants a fault.
macro_rules! broken {
    ($name:literal, $about:literal, $body:expr) => {
        check!($name, "section 2", $about, |probe| fault(probe, $about, $body))
    };
}

pub(super) const ALL: &[Check] = &[
    broken!("malformed/empty", "an empty body", |_| Vec::new()),
    broken!("malformed/not-xml", "text that is no XML", |_| b"hello".to_vec()),
    broken!("malformed/json", "JSON", |_| b"{\"a\":1}".to_vec()),
    broken!("malformed/truncated", "a message cut short", |token| {
        let mut body = good(token);
        body.truncate(body.len() - 20);
        body
    }),
    broken!("malformed/mismatched-tags", "tags closed in the wrong order", |token| with(token, "<a><b></a></b>")),
    broken!("malformed/undeclared-prefix", "a prefix nothing declares", |token| with(
        token,
        "<x:AuthenticateRequest/>"
    )),
    broken!("malformed/duplicate-attribute", "an attribute given twice", |token| {
        with(token, &format!("<AuthenticateRequest xmlns=\"{NS_MIRRORING}\" a=\"1\" a=\"2\"/>"))
    }),
    broken!("malformed/bare-ampersand", "an ampersand that begins nothing", |token| state(token, "a & b")),
    broken!("malformed/bare-less-than", "a less-than sign in text", |token| state(token, "a < b")),
    broken!("malformed/unknown-entity", "a reference nothing declares", |token| state(token, "&nbsp;")),
    broken!("malformed/bad-reference", "a character reference that is no number", |token| state(token, "&#xZZ;")),
    broken!("malformed/reference-too-large", "a character reference beyond Unicode", |token| state(
        token,
        "&#x110000;"
    )),
    broken!("malformed/surrogate-reference", "a reference to half a character", |token| state(token, "&#xD800;")),
    broken!("malformed/dtd", "a document type", |token| { [b"<!DOCTYPE x>".as_slice(), &good(token)].concat() }),
    broken!("malformed/entity-bomb", "entities that grow", |token| {
        let dtd = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;\">]>";
        [dtd.as_bytes(), &state(token, "&b;")].concat()
    }),
    broken!("malformed/processing-instruction", "a processing instruction", |token| state(token, "<?php x ?>")),
    broken!("malformed/xml-1.1", "XML 1.1", |token| [b"<?xml version=\"1.1\"?>".as_slice(), &good(token)].concat()),
    broken!("malformed/invalid-utf8", "bytes that are no UTF-8", |token| {
        let mut body = state(token, "Q");
        if let Some(at) = body.windows(3).position(|window| window == b">Q<") {
            body[at + 1] = 0xff;
        }
        body
    }),
    broken!("malformed/utf16-without-mark", "UTF-16 without a byte order mark", |token| {
        String::from_utf8_lossy(&good(token)).encode_utf16().flat_map(u16::to_le_bytes).collect()
    }),
    broken!("malformed/no-envelope", "a request without an envelope", |_| AUTHENTICATE.as_bytes().to_vec()),
    check!("malformed/soap-12", "section 2", "a SOAP 1.2 envelope is a fault, Client or VersionMismatch", soap_12),
    broken!("malformed/no-body", "an envelope without a body", |token| {
        format!("<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Header>{}</s:Header></s:Envelope>", header(token)).into_bytes()
    }),
    broken!("malformed/empty-soap-body", "a body without a request", |token| with(token, "")),
    broken!("malformed/unknown-operation", "a request of no operation", |token| {
        with(token, &format!("<DropRequest xmlns=\"{NS_MIRRORING}\"/>"))
    }),
    broken!("malformed/other-namespace", "a request in another namespace", |token| {
        with(token, "<AuthenticateRequest xmlns=\"urn:other\"/>")
    }),
    broken!("malformed/two-operations", "two requests in one body", |token| with(token, &AUTHENTICATE.repeat(2))),
    broken!("malformed/two-headers", "two SOAP headers", |token| {
        format!(
            "<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Header>{}</s:Header><s:Header/><s:Body>{AUTHENTICATE}</s:Body></s:Envelope>",
            header(token)
        )
        .into_bytes()
    }),
    broken!("malformed/after-body", "an element after the body", |token| {
        String::from_utf8_lossy(&good(token)).replace("</s:Body>", "</s:Body><more/>").into_bytes()
    }),
    broken!("malformed/after-envelope", "text after the envelope", |token| [good(token), b"more".to_vec()].concat()),
    broken!("malformed/two-envelopes", "two envelopes", |token| good(token).repeat(2)),
    broken!("malformed/too-deep", "elements nested without end", |token| state(token, &"<a>".repeat(20_000))),
    broken!("malformed/element-twice", "an element given twice that may stand once", |token| {
        with(
            token,
            &format!(
                "<AuthenticateRequest xmlns=\"{NS_MIRRORING}\"><ClientState/><ClientState/></AuthenticateRequest>"
            ),
        )
    }),
    check!("malformed/lsn-no-number", "section 2", "an LSN that is no number is a fault", lsn_no_number),
    check!("malformed/lsn-nil", "section 2", "a nil LSN is a fault", lsn_nil),
    check!("malformed/boolean-maybe", "section 2", "a boolean that is none is a fault", boolean_maybe),
    check!("malformed/unknown-item", "section 2", "an unknown item where batches belong is a fault", unknown_item),
];

/// A good Authenticate message.
fn good(token: &str) -> Vec<u8> {
    with(token, AUTHENTICATE)
}

/// A good header around this body.
fn with(token: &str, body: &str) -> Vec<u8> {
    envelope(&header(token), body).into_bytes()
}

/// Authenticate with this, unescaped, in ClientState.
fn state(token: &str, state: &str) -> Vec<u8> {
    let request = format!(
        "<AuthenticateRequest xmlns=\"{NS_MIRRORING}\"><ClientState>{state}</ClientState></AuthenticateRequest>"
    );
    with(token, &request)
}

async fn fault(probe: &Probe, sent: &str, body: impl FnOnce(&str) -> Vec<u8>) -> Outcome {
    let body = body(&probe.good()?);
    probe.expect_body(Want::FaultCode("Client"), sent, body).await
}

async fn soap_12(probe: &Probe) -> Outcome {
    let body = good(&probe.good()?);
    let body = String::from_utf8_lossy(&body).replace(NS_SOAP, "http://www.w3.org/2003/05/soap-envelope");
    // SOAP 1.1 has a code of its own for this.
    probe.expect_body(Want::Fault, "Authenticate in a SOAP 1.2 envelope", body).await
}

/// A request of another operation, written by hand, that must be a fault.
async fn written(probe: &Probe, operation: Operation, sent: &str, content: &str) -> Outcome {
    let element = operation.request_element();
    let request = format!("<{element} xmlns=\"{NS_MIRRORING}\" xmlns:a=\"{NS_DATA}\">{content}</{element}>");
    let call = probe.request(operation, envelope(&header(&probe.good()?), &request));
    Want::FaultCode("Client").outcome(sent, &probe.send(operation, &call).await)
}

fn batch(lsn: &str) -> String {
    format!(
        "<DataBatches><a:RowDataBatch><a:Data/>{lsn}<a:TableInfo><a:Columns/><a:TableName>t</a:TableName></a:TableInfo>\
         </a:RowDataBatch></DataBatches>"
    )
}

async fn lsn_no_number(probe: &Probe) -> Outcome {
    written(probe, Operation::RowData, "RowData with LSN abc", &batch("<a:LSN>abc</a:LSN>")).await
}

async fn lsn_nil(probe: &Probe) -> Outcome {
    let nil = "<a:LSN xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i:nil=\"true\"/>";
    written(probe, Operation::RowData, "RowData with a nil LSN", &batch(nil)).await
}

async fn boolean_maybe(probe: &Probe) -> Outcome {
    let tables = "<Tables><a:TableSchemaInfo><a:Columns><a:ColumnInfo><a:DefaultValue/><a:IsNullable>maybe</a:IsNullable>\
                  <a:Name>id</a:Name><a:Type>int</a:Type></a:ColumnInfo></a:Columns><a:TableName>t</a:TableName>\
                  </a:TableSchemaInfo></Tables>";
    written(probe, Operation::TableSchema, "TableSchema with IsNullable maybe", tables).await
}

async fn unknown_item(probe: &Probe) -> Outcome {
    let batches = "<DataBatches><a:SomethingElse/></DataBatches>";
    written(probe, Operation::RowData, "RowData with SomethingElse where a RowDataBatch belongs", batches).await
}

#[cfg(test)]
mod tests {
    use super::{good, state};

    #[test]
    fn what_is_broken_is_broken_in_one_place_only() {
        let text = String::from_utf8(state("token", "x")).expect("UTF-8");
        assert!(crate::task::answer::parse(text.as_bytes()).is_ok());
        assert!(crate::task::answer::parse(&good("token")).is_ok());
    }
}
