//! SOAP calls over HTTP: what is a fault, what is a refusal, and what the transport adds to either.

use speil::auth::testing::{TokenIssuer, generate_key};
use speil_tests::kit::client::{Connection, call, call_as, post, post_with};
use speil_tests::kit::host::{APPLICATION, Host, PATH, TENANT, issuer, now, token};
use speil_tests::kit::soap::{batch, envelope, row_data, tables, wipe};

#[tokio::test]
async fn a_whole_cycle_over_one_connection() {
    let host = Host::start().await;
    let mut connection = Connection::open(host.address).await;
    let rows = row_data(&[batch("contact", 1..4, 7)]);
    let completed = "<ClientState/><ChangedTables><d:ReplicationSummary><d:Deletes>0</d:Deletes><d:Inserts>3</d:Inserts>\
                     <d:TableName>contact</d:TableName><d:Updates>0</d:Updates></d:ReplicationSummary></ChangedTables>";
    let cycle = [
        ("Authenticate", "<ClientState/>".to_owned()),
        ("TableSchema", tables(&["contact"])),
        ("Wipe", wipe("contact")),
        ("RowData", rows),
        ("ReplicationCompleted", completed.to_owned()),
    ];
    for (operation, inner) in cycle {
        connection.send(post(operation, &envelope(&token(TENANT), operation, &inner))).await;
        let answer = connection.answer().await;
        answer.succeeded();
        assert_eq!(answer.text("ErrorMessage"), "");
        match operation {
            "Authenticate" => {
                assert_eq!(answer.text("SupportedInterfaces"), "1");
                assert_eq!(answer.text("SuperOfficeMirroringBuild"), "4.0.0.0/Release_1");
                assert_eq!(answer.text("SignedApplicationToken").split('.').count(), 3);
            }
            "TableSchema" => assert_eq!(answer.text("LSN"), "-1"),
            _ => {}
        }
    }
    assert_eq!(host.rows(TENANT, "contact").await, 3);
}

#[tokio::test]
async fn the_body_decides_when_there_is_no_action_and_both_must_agree_when_there_is() {
    let host = Host::start().await;
    let message = envelope(&token(TENANT), "Authenticate", "");
    let head = |action: &str| {
        format!("POST {PATH} HTTP/1.1\r\nHost: h\r\n{action}Content-Length: {}\r\n\r\n{message}", message.len())
    };
    for action in ["", "SOAPAction: \"\"\r\n", "SOAPAction:\r\n"] {
        let mut connection = Connection::open(host.address).await;
        connection.send(head(action)).await;
        connection.answer().await.succeeded();
    }
    let other = call(host.address, "Wipe", &message).await.fault();
    assert_eq!(other.0, "s:Client");
    assert!(other.1.contains("Wipe") && other.1.contains("Authenticate"), "{other:?}");
    let unknown = call(host.address, "DropEverything", &message).await.fault();
    assert!(unknown.1.contains("DropEverything"), "{unknown:?}");
}

#[tokio::test]
async fn what_is_wrong_with_the_message_is_a_fault() {
    let host = Host::start().await;
    let good = envelope(&token(TENANT), "Authenticate", "");
    let no_token = good.replace("SignedToken", "OtherToken").replace(" s:mustUnderstand=\"1\"", "");
    for (message, code) in [
        (String::new(), "s:Client"),
        ("not XML".to_owned(), "s:Client"),
        (good.replace("schemas.xmlsoap.org/soap/envelope/", "www.w3.org/2003/05/soap-envelope"), "s:VersionMismatch"),
        (no_token, "s:Client"),
        (good.replace("SignedToken", "OtherToken"), "s:MustUnderstand"),
        (good.replace("AuthenticateRequest", "OtherRequest"), "s:Client"),
        (good[..good.len() - 5].to_owned(), "s:Client"),
        (format!("{good}<more/>"), "s:Client"),
    ] {
        let fault = call(host.address, "Authenticate", &message).await.fault();
        assert_eq!(fault.0, code, "{fault:?} for {message}");
    }
}

#[tokio::test]
async fn a_bad_token_is_a_refusal_for_every_operation() {
    let host = Host::start().await;
    let stranger = TokenIssuer::new(generate_key(1024).expect("a key"));
    let forged = stranger.issue(APPLICATION, TENANT, now()).expect("signed");
    let expired =
        issuer().token(APPLICATION, TENANT, now()).exp(now() - 3600).nbf(now() - 7200).sign().expect("signed");
    for operation in ["Authenticate", "TableSchema", "RowData", "Wipe", "ReplicationCompleted"] {
        for token in [&forged, &expired] {
            let answer = call(host.address, operation, &envelope(token, operation, "<ClientState/>")).await;
            let message = answer.refused();
            assert!(message.starts_with("The signed token"), "{message}");
            assert!(answer.body.contains(&format!("{operation}Response")), "{}", answer.body);
        }
    }
    assert_eq!(host.app.mirrors.refusals().len(), 2, "remembered by kind");
    assert!(host.app.store.list().await.expect("readable").is_empty(), "nothing was made for a caller refused");
}

#[tokio::test]
async fn a_bad_token_is_answered_though_its_body_is_large_and_goes_on() {
    let host = Host::start().await;
    let stranger = TokenIssuer::new(generate_key(1024).expect("a key"));
    let forged = stranger.issue(APPLICATION, TENANT, now()).expect("signed");
    // An honest caller sends its three megabytes before it looks for an answer.
    let inner = row_data(&[batch("contact", 1..20_000, 1)]);
    let message = envelope(&forged, "RowData", &inner);
    assert!(message.len() > 2 << 20);
    let mut connection = Connection::open(host.address).await;
    connection.send(post("RowData", &message)).await;
    connection.answer().await.refused();
    // One that never ends its message is answered as well.
    let mut endless = Connection::open(host.address).await;
    let head =
        post("RowData", &message).replace(&format!("Content-Length: {}", message.len()), "Content-Length: 60000000");
    endless.send(&head[..head.len() - 1_000_000]).await;
    endless.answer().await.refused();
}

#[tokio::test]
async fn too_large_a_message_is_refused_when_announced_and_when_it_comes() {
    let host = Host::start_with(|config| config.server.max_request_bytes = 100_000).await;
    let mut announced = Connection::open(host.address).await;
    announced
        .send(format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 100001\r\n\r\n"))
        .await;
    let fault = announced.answer().await.fault();
    assert_eq!(fault, ("s:Client".into(), "The message is larger than the 100000 bytes this endpoint accepts.".into()));

    call_as(host.address, TENANT, "TableSchema", &tables(&["contact"])).await.succeeded();
    let message =
        envelope(&token(TENANT), "RowData", &row_data(&[batch("contact", 1..300, 1), batch("contact", 300..900, 2)]));
    let (one, two) = message.split_at(80_000);
    let mut chunked = Connection::open(host.address).await;
    let action = format!("{}RowData", speil::protocol::names::ACTION_PREFIX);
    chunked
        .send(format!(
            "POST {PATH} HTTP/1.1\r\nHost: h\r\nSOAPAction: {action}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
            one.len(),
            two.len()
        ))
        .await;
    let fault = chunked.answer().await.fault();
    assert!(fault.1.contains("larger than the 100000 bytes"), "{fault:?}");
    assert_eq!(host.rows(TENANT, "contact").await, 299, "the batch that came whole stays");
}

#[tokio::test]
async fn chunks_are_as_good_as_a_length() {
    let host = Host::start().await;
    let message = envelope(&token(TENANT), "TableSchema", &tables(&["contact"]));
    let mut text = vec![format!("POST {PATH} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")];
    for piece in message.as_bytes().chunks(7) {
        text.push(format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece)));
    }
    text.push("0\r\n\r\n".into());
    let mut connection = Connection::open(host.address).await;
    connection.send(text.concat()).await;
    connection.answer().await.succeeded();
}

#[tokio::test]
async fn a_length_beside_chunks_never_leaves_a_second_request_on_the_connection() {
    let host = Host::start().await;
    let smuggled = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut connection = Connection::open(host.address).await;
    connection
        .send(format!(
            "POST {PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
            5 + smuggled.len()
        ))
        .await;
    let answers = String::from_utf8_lossy(&connection.closed().await).into_owned();
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    assert!(!answers.contains("alive"), "{answers}");
}

#[tokio::test]
async fn a_compressed_message_is_a_fault_and_a_compressed_answer_is_for_those_who_ask() {
    let host = Host::start().await;
    let names: Vec<String> = (0..100).map(|number| format!("table{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = envelope(&token(TENANT), "TableSchema", &tables(&names));
    for (headers, gzip) in
        [("", false), ("Accept-Encoding: gzip, deflate\r\n", true), ("Accept-Encoding: gzip;q=0\r\n", false)]
    {
        let mut connection = Connection::open(host.address).await;
        connection.send(post_with("TableSchema", &message, headers)).await;
        let answer = connection.answer().await;
        answer.succeeded();
        assert_eq!(answer.header("content-encoding") == Some("gzip"), gzip, "{headers}");
        assert!(answer.body.contains("table99<"), "{}", answer.body);
    }
    let mut connection = Connection::open(host.address).await;
    connection.send(post_with("TableSchema", &message, "Content-Encoding: gzip\r\n")).await;
    assert!(connection.answer().await.fault().1.contains("Content-Encoding"));
}

#[tokio::test]
async fn a_table_that_schema_never_made_is_refused_and_not_a_fault() {
    let host = Host::start().await;
    let message = call_as(host.address, TENANT, "RowData", &row_data(&[batch("ghost", 1..2, 1)])).await.refused();
    assert!(message.contains("ghost"), "{message}");
    let message = call_as(host.address, TENANT, "Wipe", &wipe("ghost")).await.refused();
    assert!(message.contains("ghost"), "{message}");
}

#[tokio::test]
async fn a_message_that_breaks_keeps_the_batches_that_came_whole() {
    let host = Host::start().await;
    call_as(host.address, TENANT, "TableSchema", &tables(&["contact"])).await.succeeded();
    let broken =
        envelope(&token(TENANT), "RowData", &row_data(&[batch("contact", 1..11, 5), "<d:RowDataBatch><oops".into()]));
    let fault = call(host.address, "RowData", &broken).await.fault();
    assert_eq!(fault.0, "s:Client");
    assert_eq!(host.rows(TENANT, "contact").await, 10);
}
