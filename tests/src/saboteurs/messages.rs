//! Endpoints that take too much or too little for a message.

use speil::protocol::names::{NS_SOAP, Operation};
use speil::task::connection::Request;

use super::edit;
use crate::kit::proxy::{HONEST, Saboteur, Way};

pub(super) const ALL: &[Saboteur] = &[
    Saboteur {
        name: "wants a SOAPAction",
        caught_by: &["transport/action-absent", "transport/action-empty"],
        request: |request| match edit::header(request, "SOAPAction") {
            Some("" | "\"\"") | None if request.method == "POST" => Way::Answer(edit::fault("Client")),
            _ => Way::On,
        },
        ..HONEST
    },
    Saboteur {
        name: "wants SOAPAction in quotes",
        caught_by: &["transport/action-unquoted"],
        request: |request| match edit::header(request, "SOAPAction") {
            Some(action) if !action.starts_with('"') => Way::Answer(edit::fault("Client")),
            _ => Way::On,
        },
        ..HONEST
    },
    Saboteur {
        name: "does not look at SOAPAction",
        caught_by: &["transport/action-mismatch", "transport/action-unknown"],
        request: |request| {
            request.headers.retain(|(name, _)| name != "SOAPAction");
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "goes by SOAPAction when the body is of another operation",
        caught_by: &["transport/action-mismatch"],
        request: |request| {
            if edit::operation(request).is_some() {
                request.headers.retain(|(name, _)| name != "SOAPAction");
            }
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "takes no chunks",
        caught_by: &["transport/chunked", "transport/chunks-of-one"],
        request: |request| match request.framing {
            speil::task::connection::Framing::Chunked(_) => Way::Answer(edit::soap(411, "")),
            _ => Way::On,
        },
        ..HONEST
    },
    Saboteur {
        name: "reads UTF-8 only",
        caught_by: &["forms/utf16-le", "forms/utf16-be"],
        request: |request| refuse(request, |body| body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff")),
        ..HONEST
    },
    Saboteur {
        name: "stumbles over a byte order mark",
        caught_by: &["forms/bom"],
        request: |request| refuse(request, |body| body.starts_with(b"\xef\xbb\xbf")),
        ..HONEST
    },
    Saboteur {
        name: "believes the declared encoding",
        caught_by: &["forms/declaration-other-encoding"],
        request: |request| refuse(request, |body| holds(body, "encoding=\"iso-8859-1\"")),
        ..HONEST
    },
    Saboteur {
        name: "knows no CDATA",
        caught_by: &["forms/cdata", "forms/cell-split"],
        along: &["inside/texts", "inside/texts-mono", "cells/text-verbatim"],
        request: |request| refuse(request, |body| holds(body, "<![CDATA[")),
        ..HONEST
    },
    Saboteur {
        name: "knows no comments",
        caught_by: &["forms/comments", "forms/cell-split"],
        request: |request| refuse(request, |body| holds(body, "<!-- ")),
        ..HONEST
    },
    Saboteur {
        name: "obeys XML 1.0 about control characters",
        caught_by: &["forms/control-characters", "cells/text-verbatim", "inside/texts", "inside/texts-mono"],
        request: |request| refuse(request, |body| holds(body, "&#x1;") || holds(body, "&#x0;") || holds(body, "&#xB;")),
        ..HONEST
    },
    Saboteur {
        name: "knows no element it was not told of",
        caught_by: &["forms/unknown-element"],
        request: |request| refuse(request, |body| holds(body, "<Before xmlns=")),
        ..HONEST
    },
    Saboteur {
        name: "reads a batch's elements in one order only",
        caught_by: &["forms/any-order"],
        request: |request| refuse(request, |body| holds(body, "<a:RowDataBatch><a:LSN>")),
        ..HONEST
    },
    Saboteur {
        name: "knows the token by its prefix",
        caught_by: &["forms/mono", "forms/zeep", "forms/odd-prefixes", "forms/spelling-rows", "inside/texts-mono"],
        along: &["header/token-without-must-understand"],
        request: |request| refuse(request, |body| holds(body, "SignedToken") && !holds(body, "<h:SignedToken")),
        ..HONEST
    },
    Saboteur {
        name: "passes over headers that must be understood",
        caught_by: &["header/must-understand"],
        request: |request| {
            edit::body(request, |text| {
                text.replace("<x:Trace xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"/>", "<x:Trace xmlns:x=\"urn:x\"/>")
            });
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "wants every header understood, whomever it is for",
        caught_by: &["header/other-actor"],
        request: |request| {
            if holds(&request.body, "s:actor=\"urn:somebody\"") {
                Way::Answer(edit::fault("MustUnderstand"))
            } else {
                Way::On
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "takes the first of two tokens",
        caught_by: &["header/two-tokens"],
        request: |request| {
            edit::body(request, |text| {
                let end = "</h:SignedToken>";
                match text.find(end).map(|at| at + end.len()) {
                    Some(at) if text[at..].starts_with("<h:SignedToken") => {
                        let second = text[at..].find(end).expect("it ends") + at + end.len();
                        format!("{}{}", &text[..at], &text[second..])
                    }
                    _ => text,
                }
            });
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "reads document types and passes over them",
        caught_by: &["malformed/dtd"],
        along: &["malformed/entity-bomb"],
        request: |request| {
            edit::body(request, |text| text.strip_prefix("<!DOCTYPE x>").map(str::to_owned).unwrap_or(text));
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "expands entities",
        caught_by: &["malformed/entity-bomb"],
        request: |request| {
            edit::body(request, |text| match (text.starts_with("<!DOCTYPE x ["), text.find("]>")) {
                (true, Some(end)) => text[end + 2..].replace("&b;", &"a".repeat(50)),
                _ => text,
            });
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "does not look behind the envelope",
        caught_by: &["malformed/after-envelope", "malformed/two-envelopes"],
        request: |request| {
            edit::body(request, |text| match text.find("</s:Envelope>") {
                Some(at) => text[..at + 13].to_owned(),
                None => text,
            });
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "does not look behind the body",
        caught_by: &["malformed/after-body"],
        request: |request| {
            edit::body(request, |text| text.replace("</s:Body><more/>", "</s:Body>"));
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "passes over processing instructions",
        caught_by: &["malformed/processing-instruction"],
        request: |request| {
            edit::body(request, |text| text.replace("<?php x ?>", ""));
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "mends bytes that are no UTF-8",
        caught_by: &["malformed/invalid-utf8"],
        request: |request| {
            if !request.body.contains(&0) && !request.body.starts_with(b"\xff") && !request.body.starts_with(b"\xfe") {
                request.body = String::from_utf8_lossy(&request.body).into_owned().into_bytes();
            }
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "takes SOAP 1.2 for 1.1",
        caught_by: &["malformed/soap-12"],
        request: |request| {
            edit::body(request, |text| text.replace("http://www.w3.org/2003/05/soap-envelope", NS_SOAP));
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "closes open elements by itself",
        caught_by: &["malformed/truncated"],
        request: |request| {
            edit::body(request, |text| {
                let whole = "</s:Body></s:Envelope>";
                let cut = &whole[..whole.len() - 20];
                match text.strip_suffix(cut) {
                    Some(rest) if !text.ends_with(whole) && text.starts_with("<s:") => format!("{rest}{whole}"),
                    _ => text,
                }
            });
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "reads an LSN that is no number as 0",
        caught_by: &["malformed/lsn-no-number"],
        request: |request| {
            if edit::calls(request, Operation::RowData) {
                edit::body(request, |text| {
                    let Some(begin) = text.find("LSN>").map(|at| at + 4) else { return text };
                    let end = begin + text[begin..].find('<').unwrap_or(0);
                    match text[begin..end].parse::<i64>() {
                        Ok(_) => text,
                        Err(_) => format!("{}0{}", &text[..begin], &text[end..]),
                    }
                });
            }
            Way::On
        },
        ..HONEST
    },
];

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

fn refuse(request: &Request, which: impl FnOnce(&[u8]) -> bool) -> Way {
    if which(&request.body) { Way::Answer(edit::fault("Client")) } else { Way::On }
}
