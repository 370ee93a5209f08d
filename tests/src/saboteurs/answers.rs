//! Endpoints whose HTTP, or the form of whose answers, is wrong.

use std::io::Write as _;

use speil::protocol::names::Operation;

use super::edit;
use crate::kit::host::PATH;
use crate::kit::proxy::{HONEST, Saboteur, Way};

/// Checks that come to a fault.
const FAULTS: &[&str] = &[
    "malformed/*",
    "header/*",
    "transport/action-mismatch",
    "transport/action-unknown",
    "transport/keep-alive-after-fault",
    "cells/operation",
];
/// Checks that come to a refusal.
const REFUSALS: &[&str] = &["trust/*", "cells/*", "rows/*", "schema/*", "wipe/*", "answers/*", "inside/*"];

pub(super) const ALL: &[Saboteur] = &[
    Saboteur {
        name: "has no page for people",
        caught_by: &["transport/get-page"],
        answer: |request, response| {
            if request.method == "GET" && !request.target.contains('?') {
                response.status = 405;
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "has no ?wsdl",
        caught_by: &["transport/wsdl"],
        answer: |request, response| {
            if request.target.ends_with("?wsdl") {
                response.status = 404;
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "has a ?singleWsdl without types",
        caught_by: &["transport/single-wsdl"],
        answer: |request, response| {
            if request.target.ends_with("?singleWsdl") {
                edit::answer(response, |text| text.replace("WipeRequest", "EraseRequest"));
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "matches paths by case",
        caught_by: &["transport/path-case"],
        answer: |request, response| {
            if !request.target.starts_with(PATH) {
                response.status = 404;
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "packs every answer",
        caught_by: &["transport/gzip-unasked"],
        answer: |_, response| {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(&response.body).expect("memory");
            response.body = packer.finish().expect("memory");
            edit::set_header(response, "content-encoding", "gzip");
        },
        ..HONEST
    },
    Saboteur {
        name: "says gzip and means nothing by it",
        caught_by: &["transport/gzip-asked"],
        along: &["*"],
        answer: |request, response| {
            if edit::header(request, "Accept-Encoding").is_some() {
                edit::set_header(response, "content-encoding", "gzip");
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "answers 415 to another Content-Type",
        caught_by: &["transport/other-charset", "transport/other-type"],
        answer: |request, response| {
            if edit::header(request, "Content-Type").is_some_and(|kind| kind != "text/xml; charset=utf-8") {
                response.status = 415;
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "closes after every answer without a word",
        caught_by: &["transport/keep-alive", "transport/keep-alive-after-fault"],
        request: |_| Way::OnAndClose,
        ..HONEST
    },
    Saboteur {
        name: "closes after a fault without a word",
        caught_by: &["transport/keep-alive-after-fault"],
        request: |request| if request.body.starts_with(b"this is no XML") { Way::OnAndClose } else { Way::On },
        ..HONEST
    },
    Saboteur {
        name: "answers faults with 400",
        caught_by: &["malformed/not-xml", "header/no-token", "transport/action-unknown"],
        along: FAULTS,
        answer: |_, response| {
            if edit::is_fault(response) {
                response.status = 400;
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "answers faults with 200",
        caught_by: &["malformed/not-xml", "header/no-token", "transport/action-unknown"],
        along: FAULTS,
        answer: |_, response| {
            if edit::is_fault(response) {
                response.status = 200;
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "answers faults as a page",
        caught_by: &["malformed/not-xml", "header/no-token", "transport/action-unknown"],
        along: FAULTS,
        answer: |_, response| {
            if edit::is_fault(response) {
                edit::set_header(response, "content-type", "text/html");
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "answers refusals with 401",
        caught_by: &["trust/expired", "rows/unknown-table", "wipe/unknown-table", "schema/no-tables"],
        along: REFUSALS,
        answer: |_, response| {
            if edit::is_refusal(response) {
                response.status = 401;
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "calls every fault the Server's",
        caught_by: &["malformed/not-xml", "header/no-token", "header/must-understand", "transport/action-unknown"],
        along: FAULTS,
        answer: |_, response| {
            edit::answer(response, |text| {
                text.replace("<faultcode>s:Client<", "<faultcode>s:Server<").replace("s:MustUnderstand<", "s:Server<")
            });
        },
        ..HONEST
    },
    Saboteur {
        name: "calls a header that must be understood the Client's fault",
        caught_by: &["header/must-understand"],
        answer: |_, response| edit::answer(response, |text| text.replace("s:MustUnderstand<", "s:Client<")),
        ..HONEST
    },
    Saboteur {
        name: "writes faults as SOAP 1.2",
        caught_by: &["malformed/not-xml", "header/no-token", "transport/action-unknown"],
        along: FAULTS,
        answer: |_, response| {
            if edit::is_fault(response) {
                edit::answer(response, |text| {
                    text.replace("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
                });
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "turns the elements of ReplicationCompletedResponse round",
        caught_by: &["answers/completed", "completed/counts", "completed/nothing"],
        answer: |request, response| {
            if edit::calls(request, Operation::ReplicationCompleted) {
                edit::answer(response, |text| {
                    text.replace(
                        "<IsSuccessful>true</IsSuccessful><ErrorMessage/>",
                        "<ErrorMessage/><IsSuccessful>true</IsSuccessful>",
                    )
                    .replace(
                        "<IsSuccessful>true</IsSuccessful><ErrorMessage></ErrorMessage>",
                        "<ErrorMessage></ErrorMessage><IsSuccessful>true</IsSuccessful>",
                    )
                });
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "writes MirrorLSN before ErrorMessage when it refuses",
        caught_by: &["schema/no-tables"],
        along: &["trust/on-table-schema"],
        answer: |request, response| {
            if edit::calls(request, Operation::TableSchema) && edit::is_refusal(response) {
                edit::answer(response, |text| {
                    text.replace("<ErrorMessage>", "<MirrorLSN/><ErrorMessage>").replace("<MirrorLSN></MirrorLSN>", "")
                });
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "leaves ErrorMessage out of refusals",
        caught_by: &["trust/expired", "rows/unknown-table", "wipe/unknown-table", "schema/no-tables"],
        along: REFUSALS,
        answer: |_, response| {
            if edit::is_refusal(response) {
                edit::answer(response, |text| match (text.find("<ErrorMessage>"), text.find("</ErrorMessage>")) {
                    (Some(begin), Some(end)) => format!("{}{}", &text[..begin], &text[end + 15..]),
                    _ => text,
                });
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "gives no reason for a refusal",
        caught_by: &["trust/expired", "rows/unknown-table", "wipe/unknown-table", "schema/no-tables"],
        along: REFUSALS,
        answer: |_, response| {
            if edit::is_refusal(response) {
                edit::answer(response, |text| match (text.find("<ErrorMessage>"), text.find("</ErrorMessage>")) {
                    (Some(begin), Some(end)) => format!("{}{}", &text[..begin + 14], &text[end..]),
                    _ => text,
                });
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "supports another version of the interfaces",
        caught_by: &["answers/authenticate-values"],
        answer: |_, response| {
            edit::answer(response, |text| text.replace("<SupportedInterfaces>1<", "<SupportedInterfaces>2<"));
        },
        ..HONEST
    },
    Saboteur {
        name: "adds information that is no JSON",
        caught_by: &["answers/authenticate-values"],
        answer: |_, response| {
            edit::answer(response, |text| {
                text.replace(
                    "<AdditionalInformationJson/>",
                    "<AdditionalInformationJson>none</AdditionalInformationJson>",
                )
                .replace("<AdditionalInformationJson></", "<AdditionalInformationJson>none</")
            });
        },
        ..HONEST
    },
];
