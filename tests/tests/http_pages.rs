//! What is not a SOAP call: the service page, the description, health, and the administrators' paths.

use speil::config::Secret;
use speil_tests::kit::client::{Connection, get};
use speil_tests::kit::host::{Host, PATH, TENANT};
use speil_tests::kit::{client, soap};

#[tokio::test]
async fn a_get_shows_the_service_page_whatever_the_case_of_the_path() {
    let host = Host::start().await;
    for path in [PATH.to_owned(), PATH.to_lowercase(), PATH.to_uppercase(), format!("{PATH}?anything")] {
        let page = get(host.address, &path, "").await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.body.contains(&format!("http://localhost{PATH}")), "{}", page.body);
    }
}

#[tokio::test]
async fn the_description_is_there_in_both_forms_and_names_the_public_address() {
    let host = Host::start_with(|config| config.server.public_url = Some("https://mirror.example".into())).await;
    for query in ["?wsdl", "?WSDL", "?singleWsdl", "?singlewsdl"] {
        let document = get(host.address, &format!("{PATH}{query}"), "").await;
        assert_eq!(document.status, 200, "{query}");
        assert_eq!(document.header("content-type"), Some("text/xml; charset=utf-8"));
        assert!(document.body.contains("definitions"), "{query}: {}", document.body);
    }
    let single = get(host.address, &format!("{PATH}?singleWsdl"), "").await;
    assert!(single.body.contains(&format!("https://mirror.example{PATH}")), "{}", single.body);
    let schema = get(host.address, &format!("{PATH}?xsd=xsd0"), "").await;
    assert_eq!(schema.status, 200);
    assert!(schema.body.contains("schema"), "{}", schema.body);
    let none = get(host.address, &format!("{PATH}?xsd=xsd99"), "").await;
    assert_eq!(none.status, 404);
}

#[tokio::test]
async fn head_answers_as_get_does_without_a_body() {
    let host = Host::start().await;
    let mut connection = Connection::open(host.address).await;
    let whole = get(host.address, PATH, "").await;
    // Twice on one connection: a body that came after all would spoil the second answer.
    for _ in 0..2 {
        connection.send(format!("HEAD {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        let head = connection.head_answer().await;
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), whole.header("content-type"));
        assert_eq!(head.header("content-length"), whole.header("content-length"));
    }
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let host = Host::start().await;
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
        let mut connection = Connection::open(host.address).await;
        connection.send(format!("{method} {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")).await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
    }
}

#[tokio::test]
async fn an_unknown_path_says_where_to_look() {
    let host = Host::start().await;
    for path in ["/", "/Other.svc", "/MirroringClientService.svc/"] {
        let answer = get(host.address, path, "").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("MirroringClientService.svc"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_host_with_all_it_needs_is_alive_and_ready() {
    let host = Host::start().await;
    let alive = get(host.address, "/livez", "").await;
    assert_eq!((alive.status, alive.body.as_str()), (200, "alive\n"));
    let ready = get(host.address, "/readyz", "").await;
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\nkeys: ok\nstore: ok\nplug-ins: ok\n"));
}

#[tokio::test]
async fn one_tenants_broken_mirror_leaves_the_host_ready() {
    let host = Host::start().await;
    client::call_as(host.address, TENANT, "TableSchema", &soap::tables(&["contact"])).await.succeeded();
    std::fs::write(host.folder.path().join("mirrors").join("Cust666.db"), b"this is no database at all")
        .expect("written");
    assert_eq!(get(host.address, "/readyz", "").await.status, 200);
    let status = get(host.address, "/status", "").await;
    let status: serde_json::Value = serde_json::from_str(&status.body).expect("JSON");
    assert_eq!(status["tenants"][0]["tenant"], TENANT);
    assert_eq!(status["unreadable"].as_array().expect("a list").len(), 1, "{status}");
}

#[tokio::test]
async fn a_store_that_cannot_be_made_is_not_ready_and_gives_no_path_away() {
    let host = Host::start().await;
    // The folder is made with the first mirror, so there is none yet.
    std::fs::write(host.folder.path().join("mirrors"), b"a file where the folder should be").expect("written");
    let answer = get(host.address, "/readyz", "").await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("store: FAILED"), "{}", answer.body);
    assert!(!answer.body.contains(&host.folder.path().display().to_string()), "{}", answer.body);
}

#[tokio::test]
async fn numbers_and_states_are_for_callers_on_the_host() {
    let host = Host::start().await;
    client::call_as(host.address, TENANT, "TableSchema", &soap::tables(&["contact"])).await.succeeded();
    let metrics = get(host.address, "/metrics", "").await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.body.contains("speil_calls_total{operation=\"TableSchema\",outcome=\"success\"} 1"),
        "{}",
        metrics.body
    );
    assert!(metrics.body.contains("speil_tenants{state="), "{}", metrics.body);
    for path in ["/metrics", "/status", "/plugins"] {
        let proxied = get(host.address, path, "X-Forwarded-For: 192.0.2.7\r\n").await;
        assert_eq!(proxied.status, 403, "{path}");
        assert!(!proxied.body.contains(TENANT));
    }
    for (headers, status) in [("X-Forwarded-For: 192.0.2.7\r\n", 403), ("Origin: http://localhost\r\n", 403), ("", 404)]
    {
        assert_eq!(resume(&host, headers).await, status, "{headers}");
    }
}

/// Asks to end the pauses of a plug-in that is not there.
async fn resume(host: &Host, headers: &str) -> u16 {
    let mut connection = client::Connection::open(host.address).await;
    let head = format!("POST /plugins/none/resume HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n{headers}\r\n");
    connection.send(head).await;
    connection.answer().await.status
}

#[tokio::test]
async fn with_an_admin_token_only_who_brings_it_is_let_in() {
    let host = Host::start_with(|config| config.server.admin_token = Some(Secret::new("s3cret".into()))).await;
    for wrong in ["", "Authorization: Bearer s3cre\r\n", "Authorization: Basic s3cret\r\n"] {
        for path in ["/status", "/metrics", "/plugins"] {
            let answer = get(host.address, path, wrong).await;
            assert_eq!(answer.status, 401, "{path} {wrong}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        assert_eq!(resume(&host, wrong).await, 401, "{wrong}");
    }
    let right = "Authorization: Bearer s3cret\r\nX-Forwarded-For: 192.0.2.7\r\n";
    assert_eq!(get(host.address, "/status", right).await.status, 200);
    assert_eq!(get(host.address, "/metrics", right).await.status, 200);
    assert_eq!(get(host.address, "/plugins", right).await.status, 200);
    assert_eq!(resume(&host, right).await, 404);
}
