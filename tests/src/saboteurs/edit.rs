//! What saboteurs do to messages: read and change a body as text, and answer in the host's place.

use speil::protocol::names::{ACTION_PREFIX, NS_MIRRORING, NS_SOAP, Operation};
use speil::task::connection::{Request, Response};

/// Changes a request's body, if it is UTF-8.
pub(super) fn body(request: &mut Request, change: impl FnOnce(String) -> String) {
    if let Ok(text) = String::from_utf8(request.body.clone()) {
        request.body = change(text).into_bytes();
    }
}

/// Changes an answer's body.
pub(super) fn answer(response: &mut Response, change: impl FnOnce(String) -> String) {
    if let Ok(text) = String::from_utf8(response.body.clone()) {
        response.body = change(text).into_bytes();
    }
}

/// Whether the request is a call of this operation, by its SOAPAction.
pub(super) fn calls(request: &Request, operation: Operation) -> bool {
    header(request, "SOAPAction").is_some_and(|action| action.trim_matches('"') == operation.action())
}

/// Which operation a request calls, by its SOAPAction.
pub(super) fn operation(request: &Request) -> Option<Operation> {
    let action = header(request, "SOAPAction")?.trim_matches('"');
    let name = action.strip_prefix(ACTION_PREFIX)?;
    Operation::ALL.into_iter().find(|operation| operation.name() == name)
}

/// A request's header.
pub(super) fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Sets an answer's header.
pub(super) fn set_header(response: &mut Response, name: &str, value: &str) {
    response.headers.retain(|(known, _)| known != name);
    response.headers.push((name.to_owned(), value.to_owned()));
}

/// Whether an answer is a fault.
pub(super) fn is_fault(response: &Response) -> bool {
    response.status == 500
}

/// Whether an answer is a refusal.
pub(super) fn is_refusal(response: &Response) -> bool {
    response.status == 200 && String::from_utf8_lossy(&response.body).contains("IsSuccessful>false<")
}

/// A plain success, as the host writes it.
pub(super) fn success(operation: Operation) -> Response {
    let element = operation.response_element();
    soap(
        200,
        &format!("<{element} xmlns=\"{NS_MIRRORING}\"><IsSuccessful>true</IsSuccessful><ErrorMessage/></{element}>"),
    )
}

/// A fault, as the host writes it.
pub(super) fn fault(code: &str) -> Response {
    soap(500, &format!("<s:Fault><faultcode>s:{code}</faultcode><faultstring>no</faultstring></s:Fault>"))
}

/// An answer of this status around this content of a SOAP body.
pub(super) fn soap(status: u16, content: &str) -> Response {
    Response {
        status,
        headers: vec![("content-type".into(), "text/xml; charset=utf-8".into())],
        body: format!("<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Body>{content}</s:Body></s:Envelope>").into_bytes(),
        continued: false,
        early: false,
    }
}

/// Makes a refusal a success.
pub(super) fn make_good(response: &mut Response) {
    answer(response, |text| {
        let text = text.replace("IsSuccessful>false<", "IsSuccessful>true<");
        let Some(begin) = text.find("<ErrorMessage>") else { return text };
        let Some(end) = text.find("</ErrorMessage>") else { return text };
        format!("{}<ErrorMessage>{}", &text[..begin], &text[end..])
    });
}
