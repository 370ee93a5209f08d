//! Reads an endpoint's answers as .NET's reader would, and says aloud what that reader would silently pass over: a
//! wrong order, something missing, something unknown (protocol.md section 3). Written apart from the host's own
//! encoder on purpose: one mistake must not hide another.

use std::borrow::Cow;

use quick_xml::NsReader;
use quick_xml::events::Event;
use quick_xml::name::ResolveResult;

use crate::protocol::names::{NS_DATA, NS_MIRRORING, NS_SOAP, NS_XSI, Operation};

/// One element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    pub namespace: String,
    pub name: String,
    pub nil: bool,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// The first child of this name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }
}

/// A SOAP fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoapFault {
    /// Local part of `faultcode`.
    pub code: String,
    pub message: String,
}

/// What the body of an answer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Answer(Answer),
    Fault(SoapFault),
}

/// A readable answer, and what is wrong with its form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    pub successful: bool,
    pub error_message: String,
    /// The texts of Authenticate's further elements, by name.
    pub texts: Vec<(String, String)>,
    /// `MirrorLSN`, in the order given.
    pub lsns: Vec<(String, i64)>,
    /// Sentences: departures from the contract.
    pub problems: Vec<String>,
}

impl Answer {
    /// A further element's text; empty when it is not there.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.texts.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text)
    }
}

/// The elements an answer must have, in order.
#[must_use]
pub const fn expected(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::Authenticate => &[
            "IsSuccessful",
            "ErrorMessage",
            "SignedApplicationToken",
            "SupportedInterfaces",
            "SuperOfficeMirroringBuild",
            "ClientState",
            "AdditionalInformationJson",
        ],
        Operation::TableSchema => &["IsSuccessful", "ErrorMessage", "MirrorLSN"],
        Operation::RowData | Operation::Wipe | Operation::ReplicationCompleted => &["IsSuccessful", "ErrorMessage"],
    }
}

/// Reads the body of an HTTP answer.
///
/// # Errors
/// A sentence: it is no SOAP envelope with an answer to `operation` or a fault.
pub fn read(operation: Operation, body: &[u8]) -> Result<Body, String> {
    let envelope = parse(body)?;
    if !envelope.is(NS_SOAP, "Envelope") {
        return Err(format!(
            "the answer is a {} element of {:?}, not a SOAP 1.1 Envelope",
            envelope.name, envelope.namespace
        ));
    }
    let soap_body =
        envelope.children.iter().find(|child| child.is(NS_SOAP, "Body")).ok_or("the answer has no SOAP Body")?;
    let [content] = soap_body.children.as_slice() else {
        return Err(format!("the answer's Body holds {} elements instead of one", soap_body.children.len()));
    };
    if content.is(NS_SOAP, "Fault") {
        let text = |name| content.child(name).map(|child| child.text.trim().to_owned()).unwrap_or_default();
        let code = text("faultcode");
        if code.is_empty() {
            return Err("the fault has no faultcode".into());
        }
        let code = code.rsplit(':').next().unwrap_or_default().to_owned();
        return Ok(Body::Fault(SoapFault { code, message: text("faultstring") }));
    }
    if !content.is(NS_MIRRORING, operation.response_element()) {
        return Err(format!(
            "the answer's Body holds {} of {:?} instead of {} of {NS_MIRRORING:?}",
            content.name,
            content.namespace,
            operation.response_element()
        ));
    }
    Ok(Body::Answer(read_answer(operation, content)))
}

fn read_answer(operation: Operation, content: &Element) -> Answer {
    let mut answer = Answer::default();
    let expected = expected(operation);
    let names: Vec<&str> = content.children.iter().map(|child| child.name.as_str()).collect();
    if names != expected {
        answer.problems.push(format!(
            "{} must hold {} in this order, but holds {}",
            content.name,
            expected.join(", "),
            if names.is_empty() { "nothing".into() } else { names.join(", ") }
        ));
    }
    for child in &content.children {
        if child.namespace != NS_MIRRORING {
            answer.problems.push(format!("{} is in namespace {:?}, not {NS_MIRRORING:?}", child.name, child.namespace));
        }
        match child.name.as_str() {
            "IsSuccessful" => match child.text.trim() {
                "true" | "1" => answer.successful = true,
                "false" | "0" => {}
                other => answer.problems.push(format!("IsSuccessful is {other:?}, which is no boolean")),
            },
            "ErrorMessage" => answer.error_message.clone_from(&child.text),
            "MirrorLSN" => read_lsns(child, &mut answer),
            name => answer.texts.push((name.to_owned(), child.text.clone())),
        }
    }
    match (answer.successful, answer.error_message.trim().is_empty()) {
        (true, false) => {
            answer.problems.push(format!("IsSuccessful is true, yet ErrorMessage says {:?}", answer.error_message));
        }
        (false, true) => answer.problems.push("IsSuccessful is false, but ErrorMessage says nothing".into()),
        _ => {}
    }
    answer
}

fn read_lsns(list: &Element, answer: &mut Answer) {
    for item in &list.children {
        if !item.is(NS_DATA, "TableLSN") {
            answer.problems.push(format!(
                "MirrorLSN holds {} of {:?} instead of TableLSN of {NS_DATA:?}",
                item.name, item.namespace
            ));
            continue;
        }
        let names: Vec<&str> = item.children.iter().map(|child| child.name.as_str()).collect();
        if names != ["LSN", "TableName"] || item.children.iter().any(|child| child.namespace != NS_DATA) {
            answer
                .problems
                .push(format!("a TableLSN must hold LSN, TableName of {NS_DATA:?}, but holds {}", names.join(", ")));
        }
        let table = item.child("TableName").map(|child| child.text.clone()).unwrap_or_default();
        match item.child("LSN").map(|child| child.text.trim().parse::<i64>()) {
            Some(Ok(lsn)) => answer.lsns.push((table, lsn)),
            Some(Err(_)) | None => {
                answer.problems.push(format!("the TableLSN of {table:?} has no LSN that is a number"));
            }
        }
    }
}

/// Reads a document to its end.
///
/// # Errors
/// A sentence: not XML.
pub fn parse(body: &[u8]) -> Result<Element, String> {
    let text = std::str::from_utf8(body).map_err(|error| format!("the answer is not UTF-8: {error}"))?;
    let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = vec![Element::default()];
    loop {
        let (namespace, event) =
            reader.read_resolved_event().map_err(|error| format!("the answer is not XML: {error}"))?;
        match event {
            Event::Start(start) => {
                let namespace = match namespace {
                    ResolveResult::Bound(bound) => bound.as_ref().to_owned(),
                    ResolveResult::Unbound => String::new(),
                    ResolveResult::Unknown(prefix) => {
                        return Err(format!("the answer uses the prefix {prefix:?}, which nothing declares"));
                    }
                };
                let mut element =
                    Element { namespace, name: start.local_name().as_ref().to_owned(), ..Element::default() };
                for attribute in start.attributes() {
                    let attribute = attribute.map_err(|error| format!("the answer is not XML: {error}"))?;
                    let (bound, local) = reader.resolver().resolve_attribute(attribute.key);
                    if local.as_ref() == "nil" && matches!(bound, ResolveResult::Bound(ns) if ns.as_ref() == NS_XSI) {
                        element.nil = matches!(attribute.value.as_ref(), "true" | "1");
                    }
                }
                open.push(element);
            }
            Event::End(_) => {
                let closed = open.pop().unwrap_or_default();
                match open.last_mut() {
                    Some(parent) => parent.children.push(closed),
                    None => return Err("the answer closes what it never opened".into()),
                }
            }
            Event::Text(text) => push_text(&mut open, &text),
            Event::CData(text) => push_text(&mut open, &text),
            Event::GeneralRef(reference) => push_text(&mut open, &resolve(&reference)?),
            Event::DocType(_) => return Err("the answer has a DTD, which SOAP forbids".into()),
            Event::Eof => break,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    let root = open.pop().unwrap_or_default();
    if !open.is_empty() {
        return Err("the answer ends before its last element is closed".into());
    }
    root.children.into_iter().next().ok_or_else(|| "the answer is empty".to_owned())
}

fn push_text(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn resolve(name: &str) -> Result<Cow<'static, str>, String> {
    let known = match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => {
            let number = name.strip_prefix("#x").map(|hex| u32::from_str_radix(hex, 16));
            let number = number.or_else(|| name.strip_prefix('#').map(str::parse));
            return match number {
                Some(Ok(number)) => char::from_u32(number)
                    .map(|c| Cow::Owned(c.to_string()))
                    .ok_or_else(|| format!("the answer refers to &{name};, which is no character")),
                _ => Err(format!("the answer refers to &{name};, which nothing declares")),
            };
        }
    };
    Ok(Cow::Borrowed(known))
}

#[cfg(test)]
mod tests {
    use super::{Body, read};
    use crate::protocol::names::{NS_DATA, NS_MIRRORING, NS_SOAP, Operation};

    fn envelope(body: &str) -> Vec<u8> {
        format!("<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Body>{body}</s:Body></s:Envelope>").into_bytes()
    }

    fn problems(operation: Operation, body: &str) -> Vec<String> {
        match read(operation, &envelope(body)).expect("readable") {
            Body::Answer(answer) => answer.problems,
            Body::Fault(fault) => panic!("a fault: {fault:?}"),
        }
    }

    #[test]
    fn a_good_answer_has_no_problems() {
        let good = format!(
            "<TableSchemaResponse xmlns=\"{NS_MIRRORING}\"><IsSuccessful>true</IsSuccessful><ErrorMessage/><MirrorLSN \
             xmlns:a=\"{NS_DATA}\"><a:TableLSN><a:LSN>-1</a:LSN><a:TableName>x&amp;y</a:TableName></a:TableLSN></MirrorLSN>\
             </TableSchemaResponse>"
        );
        let Body::Answer(answer) = read(Operation::TableSchema, &envelope(&good)).expect("readable") else {
            panic!("fault")
        };
        assert_eq!(answer.problems, Vec::<String>::new());
        assert_eq!(answer.lsns, [("x&y".to_owned(), -1)]);
    }

    #[test]
    fn wrong_order_missing_elements_and_wrong_namespaces_are_told() {
        let swapped = format!(
            "<WipeResponse xmlns=\"{NS_MIRRORING}\"><ErrorMessage/><IsSuccessful>true</IsSuccessful></WipeResponse>"
        );
        assert!(problems(Operation::Wipe, &swapped)[0].contains("in this order"));
        let short = format!("<WipeResponse xmlns=\"{NS_MIRRORING}\"><IsSuccessful>true</IsSuccessful></WipeResponse>");
        assert_eq!(problems(Operation::Wipe, &short).len(), 1);
        let foreign = format!(
            "<m:WipeResponse xmlns:m=\"{NS_MIRRORING}\"><IsSuccessful>true</IsSuccessful><ErrorMessage/></m:WipeResponse>"
        );
        assert_eq!(problems(Operation::Wipe, &foreign).len(), 2);
        let silent = format!(
            "<WipeResponse xmlns=\"{NS_MIRRORING}\"><IsSuccessful>false</IsSuccessful><ErrorMessage/></WipeResponse>"
        );
        assert_eq!(problems(Operation::Wipe, &silent), ["IsSuccessful is false, but ErrorMessage says nothing"]);
    }

    #[test]
    fn faults_are_read_and_nonsense_is_refused() {
        let fault = "<s:Fault><faultcode>s:Client</faultcode><faultstring>no &lt;token&gt;</faultstring></s:Fault>";
        let Ok(Body::Fault(fault)) = read(Operation::Wipe, &envelope(fault)) else { panic!("no fault") };
        assert_eq!((fault.code.as_str(), fault.message.as_str()), ("Client", "no <token>"));
        for bad in ["", "<html/>", "<a><b></a>", "{}"] {
            assert!(read(Operation::Wipe, bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(read(Operation::Wipe, &envelope("")).is_err());
        let other = format!("<RowDataResponse xmlns=\"{NS_MIRRORING}\"/>");
        assert!(read(Operation::Wipe, &envelope(&other)).is_err());
    }
}
