//! HTTP, SOAPAction, the service page and the WSDL (protocol.md section 2).

use super::evidence::{Evidence, Got, Outcome, Want};
use super::probe::Probe;
use super::{Check, check};
use crate::protocol::names::Operation;
use crate::task::client::headers;
use crate::task::connection::{Connection, Framing, Request, Response};
use crate::task::spelling::Spelling;

pub(super) const ALL: &[Check] = &[
    check!("transport/get-page", "section 2", "a GET on the URL shows a page for people", get_page),
    check!("transport/wsdl", "section 2", "?wsdl gives the description", wsdl),
    check!("transport/single-wsdl", "section 2", "?singleWsdl gives the description in one document", single_wsdl),
    check!("transport/path-case", "section 2", "paths match without regard to case", path_case),
    check!("transport/action-quoted", "section 2", "SOAPAction in quotes is taken", action_quoted),
    check!("transport/action-unquoted", "section 2", "SOAPAction without quotes is taken", action_unquoted),
    check!("transport/action-absent", "section 2", "without SOAPAction the body decides", action_absent),
    check!("transport/action-empty", "section 2", "an empty SOAPAction counts as missing", action_empty),
    check!(
        "transport/action-mismatch",
        "section 2",
        "a SOAPAction that names another operation than the body is a fault",
        action_mismatch
    ),
    check!("transport/action-unknown", "section 2", "a SOAPAction that names no operation is a fault", action_unknown),
    check!("transport/chunked", "section 2", "a body in chunks is taken", chunked),
    check!("transport/chunks-of-one", "section 2", "a body in chunks of one byte is taken", chunks_of_one),
    check!(
        "transport/expect-continue",
        "section 2",
        "Expect: 100-continue with the body right behind is taken",
        expect_continue
    ),
    check!("transport/keep-alive", "section 2", "one connection serves several calls", keep_alive),
    check!(
        "transport/keep-alive-after-fault",
        "section 2",
        "a connection serves on after a fault",
        keep_alive_after_fault
    ),
    check!("transport/gzip-unasked", "section 2", "an answer is not packed for those who do not ask", gzip_unasked),
    check!("transport/gzip-asked", "section 2", "an answer to those who ask for gzip can be read", gzip_asked),
    check!(
        "transport/other-charset",
        "section 2",
        "UTF-8 is read whatever Content-Type says, never 415",
        other_charset
    ),
    check!("transport/other-type", "section 2", "another Content-Type is no reason to refuse, never 415", other_type),
    check!(
        "transport/length-and-chunks",
        "section 2",
        "Content-Length together with Transfer-Encoding leaves no doubt where the body ends",
        length_and_chunks
    ),
    check!("transport/too-large", "section 2", "a body announced too large is refused before it is sent", too_large),
];

fn get(probe: &Probe, query: &str) -> Request {
    Request {
        method: "GET".into(),
        target: format!("{}{query}", probe.endpoint().path()),
        headers: vec![("Accept".into(), "*/*".into())],
        body: Vec::new(),
        framing: Framing::None,
    }
}

fn page(
    sent: &str,
    expected: &str,
    result: Result<Response, impl std::fmt::Display>,
    good: impl Fn(&Response) -> bool,
) -> Outcome {
    match result {
        Ok(response) => {
            let kind = response.header("content-type").unwrap_or("no Content-Type");
            Evidence::new(sent, expected, format!("HTTP {}, {kind}, {:?}", response.status, response.excerpt()))
                .when(response.status == 200 && good(&response))
        }
        Err(error) => Err(Evidence::new(sent, expected, error.to_string())),
    }
}

async fn get_page(probe: &Probe) -> Outcome {
    let result = probe.exchange(&get(probe, "")).await;
    page("GET", "HTTP 200, an HTML page", result, |response| {
        response.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) && !response.body.is_empty()
    })
}

fn is_wsdl(response: &Response) -> bool {
    let text = String::from_utf8_lossy(&response.body);
    response.header("content-type").is_some_and(|kind| kind.contains("xml"))
        && text.contains("http://schemas.xmlsoap.org/wsdl/")
        && text.contains("MirroringClientService")
}

async fn wsdl(probe: &Probe) -> Outcome {
    let result = probe.exchange(&get(probe, "?wsdl")).await;
    page("GET ?wsdl", "HTTP 200, a WSDL of MirroringClientService", result, is_wsdl)
}

async fn single_wsdl(probe: &Probe) -> Outcome {
    let result = probe.exchange(&get(probe, "?singleWsdl")).await;
    page("GET ?singleWsdl", "HTTP 200, a WSDL with all operations and types", result, |response| {
        let text = String::from_utf8_lossy(&response.body);
        is_wsdl(response) && Operation::ALL.iter().all(|operation| text.contains(operation.request_element()))
    })
}

async fn path_case(probe: &Probe) -> Outcome {
    let mut request = probe.authenticate()?;
    request.target = swap_case(&request.target);
    probe.expect(Want::Success, &format!("Authenticate to {}", request.target.clone()), request).await
}

/// Every letter in its other case, but nothing after a `?`.
fn swap_case(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let swapped: String = path
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    swapped + query
}

async fn with_action(probe: &Probe, want: Want, sent: &str, action: Option<&str>) -> Outcome {
    let mut request = probe.authenticate()?;
    request.headers.retain(|(name, _)| name != "SOAPAction");
    if let Some(action) = action {
        request.headers.push(("SOAPAction".into(), action.to_owned()));
    }
    probe.expect(want, sent, request).await
}

async fn action_quoted(probe: &Probe) -> Outcome {
    let action = format!("\"{}\"", Operation::Authenticate.action());
    with_action(probe, Want::Success, "Authenticate with its SOAPAction in quotes", Some(&action)).await
}

async fn action_unquoted(probe: &Probe) -> Outcome {
    let action = Operation::Authenticate.action();
    with_action(probe, Want::Success, "Authenticate with its SOAPAction without quotes", Some(&action)).await
}

async fn action_absent(probe: &Probe) -> Outcome {
    with_action(probe, Want::Success, "Authenticate without SOAPAction", None).await
}

async fn action_empty(probe: &Probe) -> Outcome {
    with_action(probe, Want::Success, "Authenticate with SOAPAction: \"\"", Some("\"\"")).await
}

async fn action_mismatch(probe: &Probe) -> Outcome {
    let action = format!("\"{}\"", Operation::Wipe.action());
    with_action(probe, Want::FaultCode("Client"), "an AuthenticateRequest with the SOAPAction of Wipe", Some(&action))
        .await
}

async fn action_unknown(probe: &Probe) -> Outcome {
    let action = "\"http://example.com/Nothing\"";
    with_action(
        probe,
        Want::FaultCode("Client"),
        "Authenticate with the SOAPAction http://example.com/Nothing",
        Some(action),
    )
    .await
}

async fn chunked(probe: &Probe) -> Outcome {
    let request = Request { framing: Framing::Chunked(512), ..probe.authenticate()? };
    probe.expect(Want::Success, "Authenticate in chunks of 512 bytes", request).await
}

async fn chunks_of_one(probe: &Probe) -> Outcome {
    let request = Request { framing: Framing::Chunked(1), ..probe.authenticate()? };
    probe.expect(Want::Success, "Authenticate in chunks of one byte", request).await
}

async fn expect_continue(probe: &Probe) -> Outcome {
    let request =
        Request { headers: headers(Spelling::Mono, &Operation::Authenticate.action()), ..probe.authenticate()? };
    probe.expect(Want::Success, "Authenticate with Expect: 100-continue", request).await
}

async fn several(probe: &Probe, sent: &str, requests: &[(Want, Request)]) -> Outcome {
    let mut connection = Connection::open(probe.endpoint())
        .await
        .map_err(|error| Evidence::new(sent, "a connection", error.to_string()))?;
    for (at, (want, request)) in requests.iter().enumerate() {
        let result = connection.exchange(probe.endpoint(), request, std::time::Duration::from_mins(1)).await;
        let got = Got::read(Operation::Authenticate, result);
        if !got.is(*want) {
            return Err(Evidence::new(sent, format!("call {}: {}", at + 1, want.describe()), got.describe()));
        }
    }
    Ok(Evidence::new(sent, "an answer to each", "an answer to each"))
}

async fn keep_alive(probe: &Probe) -> Outcome {
    let calls = [
        (Want::Success, probe.authenticate()?),
        (Want::Success, probe.authenticate()?),
        (Want::Success, probe.authenticate()?),
    ];
    several(probe, "Authenticate three times over one connection", &calls).await
}

async fn keep_alive_after_fault(probe: &Probe) -> Outcome {
    let calls = [
        (Want::Fault, probe.request(Operation::Authenticate, "this is no XML")),
        (Want::Success, probe.authenticate()?),
    ];
    several(probe, "no XML, then Authenticate, over one connection", &calls).await
}

async fn gzip_unasked(probe: &Probe) -> Outcome {
    let mut request = probe.authenticate()?;
    request.headers.retain(|(name, _)| name != "Accept-Encoding");
    let sent = "Authenticate without Accept-Encoding";
    match probe.exchange(&request).await {
        Ok(response) => {
            let coding = response.header("content-encoding").unwrap_or("none").to_owned();
            Evidence::new(sent, "no Content-Encoding", format!("Content-Encoding {coding}"))
                .when(matches!(coding.as_str(), "none" | "identity"))
        }
        Err(error) => Err(Evidence::new(sent, "no Content-Encoding", error.to_string())),
    }
}

async fn gzip_asked(probe: &Probe) -> Outcome {
    let request = probe.authenticate()?;
    probe.expect(Want::Success, "Authenticate with Accept-Encoding: gzip, deflate", request).await
}

async fn typed(probe: &Probe, kind: &str) -> Outcome {
    let mut request = probe.authenticate()?;
    request.headers.retain(|(name, _)| name != "Content-Type");
    request.headers.push(("Content-Type".into(), kind.to_owned()));
    probe.expect(Want::Success, &format!("Authenticate in UTF-8 with Content-Type: {kind}"), request).await
}

async fn other_charset(probe: &Probe) -> Outcome {
    typed(probe, "text/xml; charset=iso-8859-1").await
}

async fn other_type(probe: &Probe) -> Outcome {
    typed(probe, "application/octet-stream").await
}

/// HTTP allows either: to refuse, or to go by the chunks and never to read another request from that connection.
async fn length_and_chunks(probe: &Probe) -> Outcome {
    let mut request = Request { framing: Framing::Chunked(100), ..probe.authenticate()? };
    request.headers.push(("Content-Length".into(), "20".into()));
    let sent = "Authenticate with Content-Length: 20 and Transfer-Encoding: chunked";
    let expected = "a refusal, or a connection that is closed after the answer";
    match probe.exchange(&request).await {
        Ok(response) => {
            let closed = response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            Evidence::new(sent, expected, format!("HTTP {}, connection closed: {closed}", response.status))
                .when(closed || response.status >= 400)
        }
        Err(error) => Ok(Evidence::new(sent, expected, error.to_string())),
    }
}

async fn too_large(probe: &Probe) -> Outcome {
    let request = Request { framing: Framing::Claim(1 << 45), ..probe.authenticate()? };
    probe.expect(Want::Fault, "Authenticate with Content-Length: 35184372088832", request).await
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_path_changes_case() {
        assert_eq!(super::swap_case("/Mirroring.svc?Wsdl"), "/mIRRORING.SVC?Wsdl");
    }
}
