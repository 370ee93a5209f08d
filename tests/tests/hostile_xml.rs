//! Messages that are not what they should be, through HTTP: always 500 and a SOAP 1.1 fault with the right code, on a
//! connection that serves on or is closed in so many words, with nothing stored.

use std::fmt::Write as _;

use speil::protocol::names::NS_SOAP;
use speil_tests::kit::client::{Connection, call, call_as, post_with};
use speil_tests::kit::host::{Host, PATH, TENANT, token};
use speil_tests::kit::soap::{batch, envelope, row_data, tables};

const CLIENT: &str = "s:Client";

/// A good TableSchema message, which would make a mirror.
fn good() -> String {
    envelope(&token(TENANT), "TableSchema", &tables(&["contact"]))
}

/// The same with this in the place of its client state.
fn with_state(state: &str) -> Vec<u8> {
    good().replace("<ClientState/>", &format!("<ClientState>{state}</ClientState>")).into_bytes()
}

fn changed(from: &str, to: &str) -> Vec<u8> {
    let good = good();
    assert!(good.contains(from), "{from}");
    good.replacen(from, to, 1).into_bytes()
}

/// A post of bytes that need not be text.
fn post_bytes(operation: &str, body: &[u8]) -> Vec<u8> {
    let head = post_with(operation, "", "");
    let head = head.replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
    [head.as_bytes(), body].concat()
}

fn utf16(text: &str, mark: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    format!("{mark}{text}").encode_utf16().flat_map(bytes).collect()
}

fn laughs() -> String {
    let mut dtd = String::from("<!DOCTYPE lolz [<!ENTITY lol0 \"lol\">");
    for n in 1..10 {
        let refs = format!("&lol{};", n - 1).repeat(10);
        write!(dtd, "<!ENTITY lol{n} \"{refs}\">").expect("a String takes it");
    }
    dtd + "]>"
}

/// Kinds of broken messages: name, bytes, fault code.
#[expect(clippy::too_many_lines, reason = "a list")]
fn broken() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let many_attributes = (0..65_000).map(|n| format!(" a{n}=\"\"")).collect::<Vec<_>>().concat();
    let many_namespaces = (0..300).map(|n| format!(" xmlns:n{n}=\"urn:{n}\"")).collect::<Vec<_>>().concat();
    let deep = format!("{}{}", "<a>".repeat(30_000), "</a>".repeat(30_000));
    let mut nul = with_state("Q");
    let at = nul.windows(3).position(|window| window == b">Q<").expect("there");
    nul[at + 1] = 0;
    let mut bad_utf8 = nul.clone();
    bad_utf8[at + 1] = 0xc0;
    let mut gzipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzipped, good().as_bytes()).expect("memory");
    let good = good();
    vec![
        ("nothing", Vec::new(), CLIENT),
        ("white space", b" \r\n\t".to_vec(), CLIENT),
        ("a word", b"hello".to_vec(), CLIENT),
        ("JSON", b"{\"Tables\":[]}".to_vec(), CLIENT),
        ("a form", b"a=1&b=2".to_vec(), CLIENT),
        ("a page", b"<html><body/></html>".to_vec(), CLIENT),
        ("noise", (0..4096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect(), CLIENT),
        ("gzip without a word", gzipped.finish().expect("memory"), CLIENT),
        (
            "tags closed in the wrong order",
            changed("</Tables></TableSchemaRequest>", "</TableSchemaRequest></Tables>"),
            CLIENT,
        ),
        ("a tag never closed", changed("</Tables>", ""), CLIENT),
        ("a tag closed twice", changed("</Tables>", "</Tables></Tables>"), CLIENT),
        ("a prefix nothing declares", with_state("<q:x/>"), CLIENT),
        ("an attribute twice", changed("<Tables>", "<Tables a=\"1\" a=\"2\">"), CLIENT),
        ("an attribute without quotes", changed("<Tables>", "<Tables a=1>"), CLIENT),
        ("an attribute with a tag in it", changed("<Tables>", "<Tables a=\"<b>\">"), CLIENT),
        ("a bare ampersand", with_state("a & b"), CLIENT),
        ("an entity nothing declares", with_state("&nbsp;"), CLIENT),
        ("a reference without number", with_state("&#;"), CLIENT),
        ("a reference beyond Unicode", with_state("&#x110000;"), CLIENT),
        ("a reference that overflows", with_state("&#99999999999999999999;"), CLIENT),
        ("half a character", with_state("&#xD800;"), CLIENT),
        ("a bare NUL", nul, CLIENT),
        ("bytes that are no UTF-8", bad_utf8, CLIENT),
        ("an open CDATA", with_state("<![CDATA[ x"), CLIENT),
        ("an open comment", with_state("<!-- x"), CLIENT),
        ("dashes in a comment", with_state("<!-- a -- b -->"), CLIENT),
        ("the end of CDATA in text", with_state("]]>"), CLIENT),
        ("a processing instruction", with_state("<?php system('id') ?>"), CLIENT),
        ("a second declaration", with_state("<?xml version=\"1.0\"?>"), CLIENT),
        ("XML 1.1", format!("<?xml version=\"1.1\"?>{good}").into_bytes(), CLIENT),
        (
            "another encoding",
            format!("<?xml version=\"1.0\" encoding=\"utf-7\"?>{}", "+ADw-a+AD4-").into_bytes(),
            CLIENT,
        ),
        ("UTF-16 without a mark", utf16(&good, "", u16::to_le_bytes), CLIENT),
        (
            "UTF-16 of an odd length",
            {
                let mut b = utf16(&good, "\u{feff}", u16::to_le_bytes);
                b.pop();
                b
            },
            CLIENT,
        ),
        ("UTF-32", good.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(), CLIENT),
        ("a document type", format!("<!DOCTYPE x>{good}").into_bytes(), CLIENT),
        (
            "an external entity",
            {
                let dtd = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>";
                [dtd.as_bytes(), &with_state("&e;")].concat()
            },
            CLIENT,
        ),
        (
            "an external document type",
            format!("<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\">{good}").into_bytes(),
            CLIENT,
        ),
        ("a billion laughs", [laughs().as_bytes(), &with_state("&lol9;")].concat(), CLIENT),
        ("thirty thousand deep in a state", with_state(&deep), CLIENT),
        ("thirty thousand deep from the start", deep.clone().into_bytes(), CLIENT),
        ("65,000 attributes", changed("<Tables>", &format!("<Tables{many_attributes}>")), CLIENT),
        ("65,000 attributes on the envelope", changed("<s:Envelope", &format!("<s:Envelope{many_attributes}")), CLIENT),
        ("300 namespaces", changed("<Tables>", &format!("<Tables{many_namespaces}>")), CLIENT),
        ("a name without end", changed("<Tables>", &format!("<{}/><Tables>", "n".repeat(100_000))), CLIENT),
        ("an envelope of no SOAP", changed(NS_SOAP, "urn:soap"), "s:VersionMismatch"),
        ("SOAP 1.2", changed(NS_SOAP, "http://www.w3.org/2003/05/soap-envelope"), "s:VersionMismatch"),
        (
            "no body",
            {
                let at = good.find("<s:Body>").expect("there");
                format!("{}</s:Envelope>", &good[..at]).into_bytes()
            },
            CLIENT,
        ),
        (
            "an empty body",
            {
                let at = good.find("<s:Body>").expect("there");
                format!("{}<s:Body/></s:Envelope>", &good[..at]).into_bytes()
            },
            CLIENT,
        ),
        (
            "no such operation",
            String::from_utf8(changed("TableSchemaRequest", "DropRequest"))
                .expect("text")
                .replace("</TableSchemaRequest>", "</DropRequest>")
                .into_bytes(),
            CLIENT,
        ),
        ("two operations", changed("</s:Body>", "<x/></s:Body>"), CLIENT),
        ("two bodies", changed("</s:Envelope>", "<s:Body/></s:Envelope>"), CLIENT),
        ("two headers", changed("<s:Body>", "<s:Header/><s:Body>"), CLIENT),
        ("something after the envelope", format!("{good}<more/>").into_bytes(), CLIENT),
        ("NUL after the envelope", format!("{good}\u{0}").into_bytes(), CLIENT),
        ("a boolean that is none", changed(">false<", ">maybe<"), CLIENT),
        (
            "an unknown header that must be understood",
            changed("<s:Header>", "<s:Header><x:T xmlns:x=\"urn:x\" s:mustUnderstand=\"1\"/>"),
            "s:MustUnderstand",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_broken_message_is_a_fault_and_leaves_nothing_behind() {
    let host = Host::start().await;
    let kinds = broken();
    assert!(kinds.len() >= 20);
    let mut connection = Connection::open(host.address).await;
    for (name, body, code) in &kinds {
        connection.send(post_bytes("TableSchema", body)).await;
        let answer = connection.answer().await;
        let (got, text) = answer.fault();
        assert_eq!(&got, code, "{name}: {text}");
        assert!(text.len() > 10 && text.len() < 1_000, "{name}: {text}");
        assert!(!text.contains("/etc/") && !text.contains("eyJ") && !text.contains("panicked"), "{name}: {text}");
        if answer.header("connection") == Some("close") {
            connection.closed().await;
            connection = Connection::open(host.address).await;
        }
        // Whatever came before, the next call on the connection is served.
        connection.send("GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert_eq!(connection.answer().await.status, 200, "{name}");
        assert!(host.app.store.list().await.expect("readable").is_empty(), "{name} made a mirror");
    }
    call(host.address, "TableSchema", &good()).await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_cut_anywhere_is_a_fault_and_leaves_nothing_behind() {
    let host = Host::start().await;
    let whole = good();
    let mut connection = Connection::open(host.address).await;
    for end in (0..whole.len()).step_by(7) {
        connection.send(post_bytes("TableSchema", &whole.as_bytes()[..end])).await;
        let answer = connection.answer().await;
        assert_eq!(answer.fault().0, CLIENT, "cut at {end}");
        assert_ne!(answer.header("connection"), Some("close"), "cut at {end}");
    }
    assert!(host.app.store.list().await.expect("readable").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_rows_leave_the_rows_before_them_and_nothing_of_their_own() {
    let host = Host::start().await;
    call_as(host.address, TENANT, "TableSchema", &tables(&["contact"])).await.succeeded();
    let one = batch("contact", 1..3, 0);
    for (name, from, to) in [
        ("an LSN that is no number", "<d:LSN>0<", "<d:LSN>abc<"),
        ("an LSN beyond 64 bits", "<d:LSN>0<", "<d:LSN>9223372036854775808<"),
        ("two LSNs", "<d:LSN>0<", "<d:LSN>1</d:LSN><d:LSN>0<"),
        ("a nil LSN", "<d:LSN>0</d:LSN>", "<d:LSN i:nil=\"true\"/>"),
        ("no such operation", "<d:Operation>I<", "<d:Operation>DROP<"),
        ("a cell of another name", "<a:string>row 1</a:string>", "<a:text>row 1</a:text>"),
        ("a cell with an element in it", "row 1", "row <b>1</b>"),
        ("a row of another name", "<d:RowData><d:ColumnValues>", "<d:Row/><d:RowData><d:ColumnValues>"),
        ("two tables", "<d:TableInfo>", "<d:TableInfo/><d:TableInfo>"),
        ("half a reference in a cell", "row 1", "row &#1"),
        ("a DTD in a row", "row 1", "<!DOCTYPE x>"),
        ("many attributes on a cell", "<a:string>row 1", &format!("<a:string{}>row 1", " x=\"1\"".repeat(65_000))),
    ] {
        assert!(one.contains(from), "{name}");
        let broken = row_data(&[one.replacen(from, to, 1)]);
        let (code, text) = call_as(host.address, TENANT, "RowData", &broken).await.fault();
        assert_eq!(code, CLIENT, "{name}: {text}");
        assert_eq!(host.rows(TENANT, "contact").await, 0, "{name}");
    }
    call_as(host.address, TENANT, "RowData", &row_data(&[one])).await.succeeded();
    assert_eq!(host.rows(TENANT, "contact").await, 2);
}

#[tokio::test]
async fn utf16_is_read_by_its_mark_whatever_the_labels_say() {
    for (tenant, bytes) in [("Cust1", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("Cust2", u16::to_be_bytes)] {
        let host = Host::start().await;
        for (operation, inner) in [
            ("TableSchema", tables(&["contact"])),
            ("RowData", row_data(&[batch("contact", 1..4, 7).replace("row 2", "rød 👍")])),
        ] {
            let message = utf16(&envelope(&token(tenant), operation, &inner), "\u{feff}", bytes);
            let mut connection = Connection::open(host.address).await;
            connection.send(post_bytes(operation, &message)).await;
            connection.answer().await.succeeded();
        }
        let db = rusqlite::Connection::open(host.mirror(tenant).await.place()).expect("a SQLite file");
        let text: String =
            db.query_row("SELECT name FROM contact WHERE contact_id = 2", [], |row| row.get(0)).expect("a row");
        assert_eq!(text, "rød 👍");
    }
}

#[tokio::test]
async fn a_packed_message_is_a_fault_however_it_is_labelled() {
    let host = Host::start().await;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    // A thousand to one: nobody unpacks it to see.
    std::io::Write::write_all(&mut packer, &vec![b' '; 50 << 20]).expect("memory");
    let bytes = packer.finish().expect("memory");
    for coding in ["gzip", "deflate", "br", "gzip, gzip"] {
        let mut connection = Connection::open(host.address).await;
        connection
            .send(format!(
                "POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
                bytes.len()
            ))
            .await;
        connection.send(&bytes).await;
        let (code, text) = connection.answer().await.fault();
        assert_eq!(code, CLIENT);
        assert!(text.contains("Content-Encoding"), "{coding}: {text}");
    }
}
