//! The client against an endpoint that answers whatever a test says: what it notices, and what it sends.

use std::sync::{Arc, Mutex, OnceLock};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{CallError, Client, Identity};
use crate::auth::testing::{TokenIssuer, generate_key};
use crate::protocol::names::{NS_DATA, NS_MIRRORING, NS_SOAP};
use crate::task::endpoint::Endpoint;
use crate::task::spelling::Spelling;

/// An endpoint that gives these answers, one a request, over any number of connections; what it was sent.
async fn endpoint(answers: Vec<String>) -> (Endpoint, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/Mirror.svc", listener.local_addr().expect("bound"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    tokio::spawn(async move {
        let mut answers = answers.into_iter().peekable();
        while answers.peek().is_some() {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            while answers.peek().is_some() {
                let Some(request) = read_request(&mut stream).await else { break };
                log.lock().expect("no test panics holding it").push(request);
                let Some(answer) = answers.next() else { return };
                if answer.is_empty() || stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    (Endpoint::new(&url, None).expect("a URL"), seen)
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?;
            if body.len() >= length.parse::<usize>().ok()? {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn http(status: &str, kind: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn envelope(body: &str) -> String {
    format!("<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Body>{body}</s:Body></s:Envelope>")
}

fn wiped(inside: &str) -> String {
    envelope(&format!("<WipeResponse xmlns=\"{NS_MIRRORING}\">{inside}</WipeResponse>"))
}

const GOOD: &str = "<IsSuccessful>true</IsSuccessful><ErrorMessage/>";
const XML: &str = "text/xml; charset=utf-8";

fn client(endpoint: Endpoint) -> Client {
    static ISSUER: OnceLock<TokenIssuer> = OnceLock::new();
    let issuer = ISSUER.get_or_init(|| TokenIssuer::new(generate_key(1024).expect("a key"))).clone();
    let application_key = issuer.public_key();
    let identity = Identity { issuer, application_id: "0".repeat(32), application_key, tenant: "Cust1".into() };
    Client::new(endpoint, identity, Spelling::DotNet).with_retries(0)
}

async fn problems(answer: String) -> Vec<String> {
    let (endpoint, _) = endpoint(vec![answer]).await;
    let mut client = client(endpoint);
    client.wipe("t").await.expect("readable");
    client.take_problems()
}

#[tokio::test]
async fn a_good_answer_has_no_problems_and_each_departure_is_told() {
    assert_eq!(problems(http("200 OK", XML, &wiped(GOOD))).await, Vec::<String>::new());
    let status = problems(http("202 Accepted", XML, &wiped(GOOD))).await;
    assert_eq!(status, ["Wipe: HTTP status 202 and should be 200"]);
    let kind = problems(http("200 OK", "application/soap+xml", &wiped(GOOD))).await;
    assert_eq!(kind, ["Wipe: Content-Type is \"application/soap+xml\" and should be \"text/xml; charset=utf-8\""]);
    let order = problems(http("200 OK", XML, &wiped("<ErrorMessage/><IsSuccessful>true</IsSuccessful>"))).await;
    assert!(order.len() == 1 && order[0].contains("in this order"), "{order:?}");
    let missing = problems(http("200 OK", XML, &wiped("<IsSuccessful>true</IsSuccessful>"))).await;
    assert!(missing.len() == 1 && missing[0].contains("but holds IsSuccessful"), "{missing:?}");
}

#[tokio::test]
async fn refusals_faults_and_nonsense_are_told_apart() {
    let refused = wiped("<IsSuccessful>false</IsSuccessful><ErrorMessage>no such table</ErrorMessage>");
    let fault = envelope("<s:Fault><faultcode>s:Client</faultcode><faultstring>bad</faultstring></s:Fault>");
    let answers = vec![
        http("200 OK", XML, &refused),
        http("500 Internal Server Error", XML, &fault),
        http("200 OK", "text/html", "<html>"),
        http("200 OK", XML, &fault),
    ];
    let (endpoint, _) = endpoint(answers).await;
    let mut client = client(endpoint);
    assert!(matches!(client.wipe("t").await, Err(CallError::Refused { message, .. }) if message == "no such table"));
    assert!(matches!(client.wipe("t").await, Err(CallError::Fault { fault, .. }) if fault.message == "bad"));
    assert!(matches!(client.wipe("t").await, Err(CallError::Unreadable { status: 200, .. })));
    assert!(client.take_problems().is_empty());
    assert!(matches!(client.wipe("t").await, Err(CallError::Fault { .. })));
    assert_eq!(client.take_problems(), ["Wipe: HTTP status 200 and should be 500"]);
}

#[tokio::test]
async fn an_answer_signed_by_another_key_or_over_another_nonce_is_told() {
    let body = format!(
        "<AuthenticateResponse xmlns=\"{NS_MIRRORING}\">{GOOD}<SignedApplicationToken>{}.209901010000.AAAA\
         </SignedApplicationToken><SupportedInterfaces>1</SupportedInterfaces><SuperOfficeMirroringBuild/><ClientState>st\
         </ClientState><AdditionalInformationJson/></AuthenticateResponse>",
        "0".repeat(32)
    );
    let (endpoint, seen) =
        endpoint(vec![http("200 OK", XML, &envelope(&body)), http("200 OK", XML, &wiped(GOOD))]).await;
    let mut client = client(endpoint);
    client.authenticate().await.expect("readable");
    let problems = client.take_problems();
    assert!(problems.len() == 1 && problems[0].contains("nonce"), "{problems:?}");
    client.wipe("t").await.expect("readable");
    let seen = seen.lock().expect("no test panics holding it");
    assert!(seen[1].contains("<ClientState>st</ClientState>"), "the client state travels on");
}

#[tokio::test]
async fn it_sends_what_real_senders_send_over_one_connection_with_a_token_each() {
    let (endpoint, seen) = endpoint(vec![http("200 OK", XML, &wiped(GOOD)); 2]).await;
    let mut client = client(endpoint);
    client.wipe("t").await.expect("readable");
    client.wipe("t").await.expect("readable");
    assert_eq!((client.sent.calls, client.sent.connections), (2, 1));
    let seen = seen.lock().expect("no test panics holding it");
    let action = format!("SOAPAction: \"{NS_MIRRORING}/IMirroringClientService/Wipe\"\r\n");
    for request in seen.iter() {
        assert!(request.starts_with("POST /Mirror.svc HTTP/1.1\r\n"));
        for header in [action.as_str(), "Accept-Encoding: gzip, deflate\r\n", "Request-Id: |", "Traceparent: 00-"] {
            assert!(request.contains(header), "{header} in {request}");
        }
    }
    let token = |request: &str| request.split("SignedToken").nth(1).map(str::to_owned);
    assert_ne!(token(&seen[0]), token(&seen[1]));
}

#[tokio::test]
async fn a_connection_the_server_closed_is_opened_anew_and_a_call_that_broke_is_repeated() {
    let good = http("200 OK", XML, &wiped(GOOD));
    let (endpoint, seen) = endpoint(vec![good.clone(), String::new(), good.clone(), String::new(), good]).await;
    let mut client = client(endpoint).with_retries(1);
    client.wipe("t").await.expect("the first");
    client.wipe("t").await.expect("over a new connection");
    client.hang_up();
    client.wipe("t").await.expect("repeated");
    assert_eq!(client.sent.retries, 1);
    assert_eq!(seen.lock().expect("no test panics holding it").len(), 5);
}

#[tokio::test]
async fn table_lsns_are_read_by_name_and_their_order_is_checked() {
    let lsn = "<a:TableLSN><a:TableName>t</a:TableName><a:LSN>5</a:LSN></a:TableLSN>";
    let body = format!(
        "<TableSchemaResponse xmlns=\"{NS_MIRRORING}\" xmlns:a=\"{NS_DATA}\">{GOOD}<MirrorLSN>{lsn}</MirrorLSN></TableSchemaResponse>"
    );
    let (endpoint, _) = endpoint(vec![http("200 OK", XML, &envelope(&body))]).await;
    let mut client = client(endpoint);
    let answer = client.table_schema(&[]).await.expect("readable");
    assert_eq!(answer.lsns, [("t".to_owned(), 5)]);
    assert_eq!(client.take_problems().len(), 1);
}
