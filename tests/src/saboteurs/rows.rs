//! Endpoints that mirror something else than what was sent.

use std::fmt::Write as _;

use speil::protocol::names::Operation;
use speil::task::connection::{Request, Response};

use super::edit;
use crate::kit::proxy::{HONEST, Saboteur, Way};

/// Checks whose last word is an LSN.
const LSNS: &[&str] = &[
    "rows/*",
    "schema/*",
    "wipe/*",
    "cells/*",
    "completed/*",
    "forms/*",
    "inside/*",
    "trust/tenants-apart",
    "trust/on-wipe",
];

pub(super) const ALL: &[Saboteur] = &[
    Saboteur { name: "nothing: a proxy alone breaks no rule", ..HONEST },
    Saboteur {
        name: "nothing: a call that comes twice is the same call",
        request: |request| match edit::operation(request) {
            Some(Operation::RowData | Operation::Wipe) => Way::Twice,
            _ => Way::On,
        },
        ..HONEST
    },
    Saboteur {
        name: "drops control characters",
        caught_by: &["inside/texts", "inside/texts-mono"],
        request: |request| {
            cells(request, |text| {
                ["&#x1;", "&#xB;", "&#x0;", "&#xC;", "&#x1B;"]
                    .iter()
                    .fold(text, |text, control| text.replace(control, ""))
            })
        },
        ..HONEST
    },
    Saboteur {
        name: "drops carriage returns",
        caught_by: &["inside/texts", "inside/texts-mono"],
        request: |request| cells(request, |text| text.replace("&#xD;", "")),
        ..HONEST
    },
    Saboteur {
        name: "trims texts",
        caught_by: &["inside/texts", "inside/texts-mono"],
        request: |request| cells(request, |text| text.replace("trailing  <", "trailing<")),
        ..HONEST
    },
    Saboteur {
        name: "collapses white space",
        caught_by: &["inside/texts", "inside/texts-mono"],
        request: |request| cells(request, |text| text.replace("   ", " ")),
        ..HONEST
    },
    Saboteur {
        name: "takes a text for what its marker says",
        caught_by: &["inside/texts", "inside/texts-mono"],
        request: |request| cells(request, |text| text.replace(">[I:5] not a number<", ">5<")),
        ..HONEST
    },
    Saboteur {
        name: "knows the basic plane only",
        caught_by: &["inside/texts", "inside/texts-mono"],
        along: &["cells/text-too-long"],
        request: |request| {
            cells(request, |text| text.chars().map(|c| if u32::from(c) > 0xffff { '\u{fffd}' } else { c }).collect())
        },
        ..HONEST
    },
    Saboteur {
        name: "normalises Unicode",
        caught_by: &["inside/texts", "inside/texts-mono"],
        request: |request| cells(request, |text| text.replace("e\u{301}", "é")),
        ..HONEST
    },
    Saboteur {
        name: "cuts long texts silently",
        caught_by: &["cells/text-too-long"],
        request: |request| {
            cells(request, |text| text.replace(">four<", ">fou<").replace(">👍👍<", ">👍<").replace(">abc<", ">ab<"))
        },
        ..HONEST
    },
    Saboteur {
        name: "keeps NULL as the empty text",
        caught_by: &["inside/null-and-empty"],
        along: &["inside/*", "cells/null-in-not-null", "cells/key-null", "schema/no-key"],
        request: |request| cells(request, |text| text.replace(" i:nil=\"true\"", "")),
        ..HONEST
    },
    Saboteur {
        name: "keeps the empty text as NULL",
        caught_by: &["inside/null-and-empty", "inside/texts", "inside/texts-mono"],
        request: |request| {
            cells(request, |text| {
                text.replace("<b:string/>", "<b:string i:nil=\"true\"/>")
                    .replace("<d8p1:string/>", "<d8p1:string i:nil=\"true\"/>")
            })
        },
        ..HONEST
    },
    Saboteur {
        name: "drops the last row of a batch",
        caught_by: &["inside/last-wins", "inside/texts", "inside/repeat", "cells/error-named"],
        along: &["inside/*", "cells/*", "rows/*", "schema/*", "forms/*"],
        request: |request| {
            cells(request, |text| {
                let end = "</a:RowData>";
                match (text.find("<a:RowData>"), text.rfind("<a:RowData>"), text.rfind(end)) {
                    (Some(first), Some(last), Some(close)) if first < last => {
                        format!("{}{}", &text[..last], &text[close + end.len()..])
                    }
                    _ => text,
                }
            })
        },
        ..HONEST
    },
    Saboteur {
        name: "applies a batch's rows backwards",
        caught_by: &["inside/last-wins"],
        along: &["cells/error-named"],
        request: |request| {
            cells(request, |text| {
                let (open, end) = ("<a:RowData>", "</a:RowData>");
                let (Some(begin), Some(close)) = (text.find(open), text.rfind(end)) else { return text };
                let close = close + end.len();
                let mut rows: Vec<&str> = text[begin..close].split_inclusive(end).collect();
                if rows.iter().any(|row| !row.starts_with(open)) {
                    return text;
                }
                rows.reverse();
                format!("{}{}{}", &text[..begin], rows.concat(), &text[close..])
            })
        },
        ..HONEST
    },
    Saboteur {
        name: "does not delete",
        caught_by: &["inside/last-wins", "inside/repeat"],
        along: &["rows/*", "schema/no-key", "inside/*"],
        request: |request| cells(request, |text| text.replace("<a:Operation>D<", "<a:Operation>U<")),
        ..HONEST
    },
    Saboteur {
        name: "takes any operation",
        caught_by: &["cells/operation"],
        request: |request| cells(request, |text| text.replace("<a:Operation>X<", "<a:Operation>I<")),
        ..HONEST
    },
    Saboteur {
        name: "swallows wipes",
        caught_by: &[
            "wipe/answers-refill",
            "wipe/twice",
            "wipe/one-table",
            "wipe/unknown-table",
            "inside/wipe-empties",
        ],
        along: &["wipe/filled-again", "trust/tenants-apart", "trust/on-wipe", "transport/action-mismatch"],
        request: |request| {
            if edit::calls(request, Operation::Wipe) { Way::Answer(edit::success(Operation::Wipe)) } else { Way::On }
        },
        ..HONEST
    },
    Saboteur {
        name: "says that refused rows are in the mirror",
        caught_by: &[
            "cells/bad-integers",
            "cells/too-few",
            "rows/unknown-table",
            "rows/other-columns",
            "inside/refused-leaves-nothing",
        ],
        along: &["cells/*", "rows/*", "schema/no-key", "trust/on-row-data"],
        answer: |request, response| {
            if edit::calls(request, Operation::RowData) && edit::is_refusal(response) {
                edit::make_good(response);
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "refuses without naming the row",
        caught_by: &["cells/error-named"],
        answer: |request, response| {
            if edit::calls(request, Operation::RowData) && edit::is_refusal(response) {
                edit::answer(response, |text| match (text.find("<ErrorMessage>"), text.find("</ErrorMessage>")) {
                    (Some(begin), Some(end)) => format!("{}A row is wrong.{}", &text[..begin + 14], &text[end..]),
                    _ => text,
                });
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "rounds decimals",
        caught_by: &["cells/bad-decimals"],
        request: |request| cells(request, |text| text.replace("[F:1.234]", "[F:1.23]")),
        ..HONEST
    },
    Saboteur {
        name: "reads a bad day as the last of its month",
        caught_by: &["cells/bad-dates"],
        request: |request| cells(request, |text| text.replace("[DT:02/30/2020", "[DT:02/29/2020")),
        ..HONEST
    },
    Saboteur {
        name: "keeps integers in range by force",
        caught_by: &["cells/bad-integers"],
        request: |request| cells(request, |text| text.replace("[I:2147483648]", "[I:2147483647]")),
        ..HONEST
    },
    Saboteur {
        name: "reads base64 loosely",
        caught_by: &["cells/bad-binary"],
        request: |request| cells(request, |text| text.replace("[B:AAEC/w]", "[B:AAEC/w==]")),
        ..HONEST
    },
    Saboteur {
        name: "lets LSN 0 count",
        caught_by: &["rows/lsn-zero", "rows/unfinished-fill"],
        along: &["inside/*", "rows/*", "cells/*"],
        request: |request| cells(request, |text| text.replace("<a:LSN>0<", "<a:LSN>99<")),
        ..HONEST
    },
    Saboteur {
        name: "lets a negative LSN count",
        caught_by: &["rows/lsn-negative"],
        request: |request| cells(request, |text| text.replace("<a:LSN>-1<", "<a:LSN>99<")),
        ..HONEST
    },
    Saboteur {
        name: "keeps the LSN of the last call whatever it was",
        caught_by: &["rows/lsn-lower"],
        request: |request| cells(request, |text| text.replace("<a:LSN>16<", "<a:LSN>18<")),
        ..HONEST
    },
    Saboteur {
        name: "keeps the LSN in 32 bits",
        caught_by: &["rows/lsn-large"],
        answer: |request, response| {
            lsns(request, response, |lsn| i64::from(i32::try_from(lsn).unwrap_or(i32::MAX)));
        },
        ..HONEST
    },
    Saboteur {
        name: "answers 0 for a table that must be filled",
        caught_by: &["schema/new-table", "wipe/answers-refill", "rows/unfinished-fill"],
        along: LSNS,
        answer: |request, response| lsns(request, response, |lsn| lsn.max(0)),
        ..HONEST
    },
    Saboteur {
        name: "forgets how far it has come",
        caught_by: &["schema/unchanged", "rows/lsn-moves"],
        along: LSNS,
        answer: |request, response| lsns(request, response, |_| -1),
        ..HONEST
    },
    Saboteur {
        name: "answers the first fifty tables but one",
        caught_by: &["schema/many-tables"],
        answer: |request, response| {
            if edit::calls(request, Operation::TableSchema) {
                edit::answer(response, |text| {
                    let end = "</a:TableLSN>";
                    match (text.matches(end).count(), text.rfind("<a:TableLSN>"), text.rfind(end)) {
                        (50, Some(begin), Some(close)) => format!("{}{}", &text[..begin], &text[close + end.len()..]),
                        _ => text,
                    }
                });
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "takes a schema without tables",
        caught_by: &["schema/no-tables"],
        along: &["trust/on-table-schema"],
        answer: |request, response| {
            if edit::calls(request, Operation::TableSchema) && edit::is_refusal(response) {
                edit::make_good(response);
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "makes a table of a type it does not know",
        caught_by: &["schema/broken-alone"],
        request: |request| {
            edit::body(request, |text| text.replace("no_such_type(7)", "nvarchar(max)"));
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "lets one broken table stop the others",
        caught_by: &["schema/broken-alone"],
        answer: |request, response| {
            if String::from_utf8_lossy(&request.body).contains("no_such_type(7)") {
                *response = edit::fault("Server");
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "does not see that a column was renamed",
        caught_by: &["schema/renamed-column", "rows/other-columns"],
        request: |request| {
            edit::body(request, |text| text.replace(">navn<", ">name<"));
            Way::On
        },
        ..HONEST
    },
];

/// Changes the text of a RowData request.
fn cells(request: &mut Request, change: impl FnOnce(String) -> String) -> Way {
    if edit::calls(request, Operation::RowData) {
        edit::body(request, change);
    }
    Way::On
}

/// Changes the LSNs of a TableSchema answer.
fn lsns(request: &Request, response: &mut Response, change: impl Fn(i64) -> i64) {
    if !edit::calls(request, Operation::TableSchema) {
        return;
    }
    edit::answer(response, |text| {
        let mark = "<a:LSN>";
        let mut pieces = text.split(mark);
        let mut changed = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (lsn, rest) = piece.split_once('<').expect("an element ends");
            let lsn: i64 = lsn.parse().expect("the host answers numbers");
            write!(changed, "{mark}{}<{rest}", change(lsn)).expect("a String takes it");
        }
        changed
    });
}
