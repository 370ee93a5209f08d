//! What is wrong with a message, and the exact fault each gets.

use super::*;
use crate::protocol::fault::FaultCode;

fn wipe_fault(body: impl AsRef<[u8]>) -> Fault {
    wipe(body.as_ref(), &Limits::default()).unwrap_err()
}

fn client(body: impl AsRef<[u8]>) -> String {
    let fault = wipe_fault(body);
    assert_eq!(fault.code, FaultCode::Client, "{fault}");
    fault.message
}

fn wipe_envelope(inner: &str) -> String {
    envelope(&format!("<m:WipeRequest>{inner}</m:WipeRequest>"))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn malformed_xml_of_many_kinds_gets_a_fault_that_says_what_is_wrong() {
    let good = wipe_envelope("");
    assert_eq!(wipe(good.as_bytes(), &Limits::default()), Ok(WipeRequest::default()));
    let cases: Vec<(&str, String, &str)> = vec![
        ("empty", String::new(), "The body is empty."),
        ("blank", "  \n".into(), "The body ends in the middle of the message, after 3 bytes."),
        ("no XML", "hello".into(), "Text stands where only elements may stand: \"hello\"."),
        ("JSON", "{\"a\":1}".into(), "Text stands where only elements may stand: \"{\\\"a\\\":1}\"."),
        (
            "DTD",
            format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{good}"),
            "The body holds a document type declaration, which SOAP forbids.",
        ),
        (
            "lower-case DTD",
            format!("<!doctype a>{good}"),
            "The body holds a document type declaration, which SOAP forbids.",
        ),
        ("XML 1.1", format!("<?xml version='1.1'?>{good}"), "The body is XML \"1.1\"; only XML 1.0 is read."),
        (
            "no version",
            format!("<?xml encoding='utf-8'?>{good}"),
            "The XML declaration does not say which version it is.",
        ),
        (
            "late declaration",
            format!("\n<?xml version='1.0'?>{good}"),
            "An XML declaration stands elsewhere than at the very beginning.",
        ),
        (
            "processing instruction",
            format!("<?php x?>{good}"),
            "The body holds a processing instruction, which SOAP forbids.",
        ),
        ("instruction inside", wipe_envelope("<?x?>"), "The body holds a processing instruction, which SOAP forbids."),
        ("two byte order marks", format!("\u{feff}\u{feff}{good}"), "The body begins with two byte order marks."),
        ("text after", format!("{good}x"), "Something follows after the SOAP envelope; only white space may."),
        ("entity after", format!("{good} &#65;"), "Something follows after the SOAP envelope; only white space may."),
        ("element after", format!("{good}<x/>"), "Something follows after the SOAP envelope; only white space may."),
        (
            "comment after",
            format!("{good}\n<!-- x -->"),
            "Something follows after the SOAP envelope; only white space may.",
        ),
        ("unknown entity", wipe_envelope("<x>&nbsp;</x>"), "The entity &nbsp; is not one of XML's five."),
        ("no reference", wipe_envelope("<x>&#xZZ;</x>"), "&#xZZ; is no character reference."),
        ("beyond Unicode", wipe_envelope("<x>&#x110000;</x>"), "&#x110000; lies beyond the last character, U+10FFFF."),
        ("half a pair", wipe_envelope("<x>&#xD800;</x>"), "&#xD800; is half a surrogate pair, which is no character."),
        (
            "half a pair, split",
            wipe_envelope("<x>&#xD83D;<!-- -->&#xDE00;</x>"),
            "&#xD83D; is half a surrogate pair, which is no character.",
        ),
        (
            "raw control",
            wipe_envelope("<x>\u{1}</x>"),
            "The body holds the raw character U+0001, which XML forbids; write it as &#x1;.",
        ),
        (
            "raw control between",
            wipe_envelope("\u{b}"),
            "The body holds the raw character U+000B, which XML forbids; write it as &#xB;.",
        ),
        (
            "raw control in a comment",
            wipe_envelope("<!--\0-->"),
            "The body holds the raw character U+0000, which XML forbids; write it as &#x0;.",
        ),
        (
            "raw U+FFFE",
            wipe_envelope("<x>\u{fffe}</x>"),
            "The body holds the raw character U+FFFE, which XML forbids; write it as &#xFFFE;.",
        ),
        (
            "end of CDATA in text",
            wipe_envelope("<x>]]></x>"),
            "A text holds \"]]>\", which must be written as \"]]&gt;\".",
        ),
        ("text between", wipe_envelope("x"), "Text stands where only elements may stand: \"x\"."),
        (
            "element in text",
            wipe_envelope("<m:TableName>a<b/></m:TableName>"),
            "The element \"b\" stands where only text may stand.",
        ),
        (
            "element in nil",
            wipe_envelope("<m:TableName i:nil='true'><b/></m:TableName>"),
            "The element \"b\" stands inside an element that is nil.",
        ),
        (
            "text in nil",
            wipe_envelope("<m:TableName i:nil='true'>b</m:TableName>"),
            "Text stands where only elements may stand: \"b\".",
        ),
        ("undeclared prefix", wipe_envelope("<q:x/>"), "The namespace prefix \"q\" is not declared."),
        ("undeclared attribute prefix", wipe_envelope("<x q:y=''/>"), "The namespace prefix \"q\" is not declared."),
        ("attribute twice", wipe_envelope("<x y='1' y='2'/>"), "The element \"x\" has the attribute \"y\" twice."),
        (
            "attribute without value",
            wipe_envelope("<x y/>"),
            "The tag of the element \"x\" is not XML: an attribute has no value.",
        ),
        (
            "attribute without quotes",
            wipe_envelope("<x y=1/>"),
            "The tag of the element \"x\" is not XML: an attribute's value has no quotes.",
        ),
        ("no name", wipe_envelope("<1x/>"), "\"1x\" is no XML name."),
    ];
    for (kind, body, message) in cases {
        assert_eq!(client(&body), message, "{kind}");
    }
}

#[test]
fn what_quick_xml_refuses_is_told_with_its_place() {
    let good = wipe_envelope("");
    let at = |what: &str, body: &str| body.find(what).unwrap();
    let body = wipe_envelope("<x></y>");
    assert_eq!(
        client(&body),
        format!("The body is not XML near byte {}: expected `</x>`, but `</y>` was found.", at("</y>", &body))
    );
    let body = wipe_envelope("<x>a & b</x>");
    assert_eq!(
        client(&body),
        format!(
            "The body is not XML near byte {}: entity or character reference not closed: `;` not found before end of input.",
            at("& b", &body)
        )
    );
    let body = wipe_envelope("<!-- a -- b -->");
    assert!(client(&body).starts_with("The body is not XML near byte "), "{}", client(&body));
    let body = good.replace("</s:Envelope>", "</s:Envelope");
    assert_eq!(client(&body), format!("The body ends in the middle of the message, after {} bytes.", body.len()));
    let mut body = wipe_envelope("<m:TableName>x</m:TableName>").into_bytes();
    let x = body.iter().position(|b| *b == b'x').unwrap();
    body[x] = 0xE5;
    assert!(client(&body).starts_with("The body is not valid UTF-8 near byte "), "{}", client(&body));
    assert!(client(&body).ends_with("; send UTF-8, or UTF-16 with a byte order mark."), "{}", client(&body));
}

#[test]
fn an_envelope_that_is_not_soap_1_1_is_told_so() {
    let soap12 = wipe_envelope("").replace(NS_SOAP, "http://www.w3.org/2003/05/soap-envelope");
    let fault = wipe_fault(&soap12);
    assert_eq!(fault.code, FaultCode::VersionMismatch);
    assert_eq!(
        fault.message,
        "The envelope is not SOAP 1.1; its namespace must be http://schemas.xmlsoap.org/soap/envelope/."
    );
    assert_eq!(wipe_fault("<Envelope/>").code, FaultCode::VersionMismatch);
    assert_eq!(client("<html/>"), "The body's root element is \"html\", not a SOAP 1.1 Envelope.");
}

#[test]
fn an_envelope_holds_one_header_one_body_and_nothing_else() {
    let good = wipe_envelope("");
    for (body, message) in [
        (good.replace("</s:Header>", "</s:Header><s:Header/>"), "The SOAP envelope holds two Headers."),
        (good.replace("<s:Header>", "<x/><s:Header>"), "The SOAP envelope holds an element \"x\" before its Body."),
        (good.replace("</s:Body>", "</s:Body><s:Body/>"), "The SOAP envelope holds \"Body\" after its Body."),
        (good.replace("</s:Body>", "</s:Body><s:Header/>"), "The SOAP envelope holds \"Header\" after its Body."),
        (
            good.replace("</s:Body>", "<m:WipeRequest/></s:Body>"),
            "The SOAP body holds \"WipeRequest\" after its operation; it must hold one operation.",
        ),
        (
            good.replace("<m:WipeRequest></m:WipeRequest>", ""),
            "The SOAP body is empty; it must hold one of the five operations.",
        ),
        (
            good.replace("m:WipeRequest", "m:DropRequest"),
            "There is no operation \"DropRequest\" (in the namespace it is in).",
        ),
        (
            good.replace("m:WipeRequest", "d:WipeRequest"),
            "There is no operation \"WipeRequest\" (in the namespace it is in).",
        ),
        (good.replace("WipeRequest", "RowDataRequest"), "The body holds RowData, where Wipe is expected."),
        (format!("<s:Envelope xmlns:s='{NS_SOAP}'/>"), "The SOAP envelope holds no Body."),
    ] {
        assert_eq!(client(&body), message, "{body}");
    }
}

#[test]
fn a_token_that_is_missing_nil_or_there_twice_is_a_fault() {
    let good = wipe_envelope("");
    let token = "<m:SignedToken>t</m:SignedToken>";
    for (body, message) in [
        (good.replace(token, ""), "The SOAP header holds no SignedToken."),
        (good.replace(&format!("<s:Header>{token}</s:Header>"), ""), "The SOAP header holds no SignedToken."),
        (good.replace(token, "<d:SignedToken>t</d:SignedToken>"), "The SOAP header holds no SignedToken."),
        (good.replace(token, "<m:SignedToken i:nil='true'/>"), "The SignedToken in the SOAP header is nil."),
        (good.replace(token, &token.repeat(2)), "The SOAP header holds two SignedTokens."),
    ] {
        assert_eq!(client(&body), message, "{body}");
        assert_eq!(read_head(body.as_bytes(), true, &Limits::default()).unwrap_err().message, message);
    }
}

#[test]
fn a_header_entry_that_must_be_understood_and_is_not_gets_its_own_fault() {
    for attributes in [
        "s:mustUnderstand='1'",
        "s:mustUnderstand='true'",
        "s:mustUnderstand='1' s:actor=''",
        "s:actor='http://schemas.xmlsoap.org/soap/actor/next' s:mustUnderstand='1'",
    ] {
        let body =
            wipe_envelope("").replace("<s:Header>", &format!("<s:Header><x:Extra xmlns:x='urn:x' {attributes}/>"));
        let fault = wipe_fault(&body);
        assert_eq!(fault.code, FaultCode::MustUnderstand, "{attributes}");
        assert_eq!(fault.message, "The SOAP header entry \"Extra\" must be understood, and is not known here.");
    }
    let body = wipe_envelope("").replace("<s:Header>", "<s:Header><x s:mustUnderstand='perhaps'/>");
    assert_eq!(client(&body), "mustUnderstand is \"perhaps\", which is no boolean.");
}

#[test]
fn what_may_stand_once_and_stands_twice_is_a_fault() {
    assert_eq!(client(wipe_envelope("<m:TableName/><m:TableName/>")), "TableName stands twice in one WipeRequest.");
    assert_eq!(
        client(wipe_envelope("<m:ClientState/><m:ClientState i:nil='1'/>")),
        "ClientState stands twice in one WipeRequest."
    );
    for part in ["<d:Data/>", "<d:LSN>1</d:LSN>", "<d:TableInfo/>"] {
        let name = part[3..].split(['/', '>']).next().unwrap();
        let message = format!("{name} stands twice in one RowDataBatch.");
        assert_eq!(row_data_fault(&batch_envelope(&part.repeat(2))), message);
    }
    for part in ["<d:ColumnValues/>", "<d:Operation>I</d:Operation>"] {
        let name = part[3..].split(['/', '>']).next().unwrap();
        let body = batch_envelope(&format!("<d:Data><d:RowData>{}</d:RowData></d:Data>", part.repeat(2)));
        assert_eq!(row_data_fault(&body), format!("{name} stands twice in one RowData."));
    }
    let body = envelope("<m:RowDataRequest><m:DataBatches/><m:DataBatches/></m:RowDataRequest>");
    assert_eq!(row_data_fault(&body), "DataBatches stands twice in one RowDataRequest.");
}

#[test]
fn rows_cells_and_batches_never_vanish_silently() {
    let vanish = |list: &str, name: &str, item: &str| {
        format!(
            "{list} holds an element \"{name}\" that is not a {item} of the contract's namespace; it would vanish silently."
        )
    };
    let batches =
        |inner: &str| envelope(&format!("<m:RowDataRequest><m:DataBatches>{inner}</m:DataBatches></m:RowDataRequest>"));
    assert_eq!(row_data_fault(&batches("<d:Batch/>")), vanish("DataBatches", "Batch", "RowDataBatch"));
    assert_eq!(row_data_fault(&batches("<m:RowDataBatch/>")), vanish("DataBatches", "RowDataBatch", "RowDataBatch"));
    assert_eq!(
        row_data_fault(&batches("<d:RowDataBatch i:nil='true'/>")),
        "A RowDataBatch is nil, which it may not be."
    );
    assert_eq!(row_data_fault(&batch_envelope("<d:Data><d:Row/></d:Data>")), vanish("Data", "Row", "RowData"));
    assert_eq!(
        row_data_fault(&batch_envelope("<d:Data><d:RowData i:nil='true'/></d:Data>")),
        "A RowData is nil, which it may not be."
    );
    assert_eq!(cells("<d:string/>"), Err(vanish("ColumnValues", "string", "string")));
    for (body, name, parent) in [
        (envelope("<m:RowDataRequest><d:RowDataBatch/></m:RowDataRequest>"), "RowDataBatch", "RowDataRequest"),
        (batch_envelope("<d:RowData/>"), "RowData", "RowDataBatch"),
        (batch_envelope("<d:Data><d:RowData><a:string>x</a:string></d:RowData></d:Data>"), "string", "RowData"),
    ] {
        assert_eq!(
            row_data_fault(&body),
            format!("{name} does not belong into {parent}; its rows would vanish silently.")
        );
    }
    assert_eq!(
        row_data_fault(&batch_envelope("<m:Data/>")),
        "Data is not in the contract's namespace; its rows would vanish silently."
    );
    assert_eq!(
        row_data_fault(&envelope("<m:RowDataRequest><DataBatches/></m:RowDataRequest>")),
        "DataBatches is not in the contract's namespace; its rows would vanish silently."
    );
}

#[test]
fn tables_columns_and_summaries_never_vanish_silently() {
    let schema = |inner: &str| {
        let body = envelope(&format!("<m:TableSchemaRequest><m:Tables>{inner}</m:Tables></m:TableSchemaRequest>"));
        table_schema(body.as_bytes(), &Limits::default()).unwrap_err().message
    };
    let vanish = |list: &str, item: &str| {
        format!(
            "{list} holds an element \"x\" that is not a {item} of the contract's namespace; it would vanish silently."
        )
    };
    assert_eq!(schema("<x/>"), vanish("Tables", "TableSchemaInfo"));
    assert_eq!(schema("<d:TableSchemaInfo i:nil='1'/>"), "A TableSchemaInfo is nil, which it may not be.");
    let columns =
        |inner: &str| schema(&format!("<d:TableSchemaInfo><d:Columns>{inner}</d:Columns></d:TableSchemaInfo>"));
    assert_eq!(columns("<x/>"), vanish("Columns", "ColumnInfo"));
    assert_eq!(columns("<d:ColumnInfo i:nil='1'/>"), "A ColumnInfo is nil, which it may not be.");
    let completed = |inner: &str| {
        let body = envelope(&format!(
            "<m:ReplicationCompletedRequest><m:ChangedTables>{inner}</m:ChangedTables></m:ReplicationCompletedRequest>"
        ));
        replication_completed(body.as_bytes(), &Limits::default()).unwrap_err().message
    };
    assert_eq!(completed("<x/>"), vanish("ChangedTables", "ReplicationSummary"));
    assert_eq!(completed("<d:ReplicationSummary i:nil='1'/>"), "A ReplicationSummary is nil, which it may not be.");
    assert_eq!(
        completed("<d:ReplicationSummary><d:Deletes>many</d:Deletes></d:ReplicationSummary>"),
        "Deletes is \"many\", which is no 32-bit integer."
    );
    assert_eq!(
        columns("<d:ColumnInfo><d:IsNullable>maybe</d:IsNullable></d:ColumnInfo>"),
        "IsNullable is \"maybe\", which is no boolean."
    );
    assert_eq!(
        columns("<d:ColumnInfo><d:IsNullable i:nil='true'/></d:ColumnInfo>"),
        "IsNullable is nil, which it may not be."
    );
}

#[test]
fn an_lsn_is_a_number_or_absent() {
    for (lsn, message) in [
        ("<d:LSN>abc</d:LSN>", "LSN is \"abc\", which is no 64-bit integer."),
        ("<d:LSN/>", "LSN is \"\", which is no 64-bit integer."),
        ("<d:LSN i:nil='true'/>", "LSN is nil, which it may not be."),
        ("<d:LSN>9223372036854775808</d:LSN>", "LSN is \"9223372036854775808\", which is no 64-bit integer."),
    ] {
        assert_eq!(row_data_fault(&batch_envelope(lsn)), message);
    }
}

#[test]
fn an_operation_is_one_of_three_letters_and_its_row_is_named() {
    let rows = |second: &str| {
        batch_envelope(&format!(
            "<d:Data><d:RowData><d:Operation>I</d:Operation></d:RowData><d:RowData>{second}</d:RowData></d:Data>"
        ))
    };
    for (operation, what) in [
        ("<d:Operation>i</d:Operation>", "\"i\""),
        ("<d:Operation>Insert</d:Operation>", "\"Insert\""),
        ("<d:Operation/>", "\"\""),
        ("<d:Operation i:nil='true'/>", "nil"),
        ("", "missing"),
    ] {
        assert_eq!(
            row_data_fault(&rows(operation)),
            format!("The Operation of row 2 of a batch is {what}; it must be I, U or D.")
        );
    }
}
