//! TLS from the first byte, with the simulator as the caller that checks the certificate.

use std::path::{Path, PathBuf};

use speil::config::TlsConfig;
use speil::task::client::Identity;
use speil::task::endpoint::Endpoint;
use speil::task::progress::Unwatched;
use speil::task::run::{RunOptions, run};
use speil::task::shape::ShapeOptions;
use speil_tests::kit::Connection;
use speil_tests::kit::host::{APPLICATION, Host, PATH, TENANT, issuer};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

async fn host() -> Host {
    Host::start_with(|config| {
        config.server.tls = Some(TlsConfig { certificate: data("localhost.crt"), key: data("localhost.key") });
        config.server.header_timeout = std::time::Duration::from_millis(500);
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_cycles_over_tls() {
    let host = host().await;
    let url = format!("https://localhost:{}{PATH}", host.address.port());
    let endpoint = Endpoint::new(&url, Some(&data("localhost.crt"))).expect("a URL and a certificate");
    let application = host.app.applications.iter().next().expect("one");
    let identity = Identity {
        issuer: issuer().clone(),
        application_id: APPLICATION.into(),
        application_key: application.public_key(),
        tenant: TENANT.into(),
    };
    let mut options = RunOptions::new(endpoint, identity);
    options.shape = ShapeOptions { tables: 5, rows: 200, ..ShapeOptions::default() };
    options.changes = 20;
    let report = run(options, &Unwatched).await.expect("the run is made");
    assert!(report.good(), "{:?}", report.problems);
    assert_eq!(report.cycles.len(), 2);
}

#[tokio::test]
async fn who_speaks_plainly_to_tls_is_let_go() {
    let host = host().await;
    let mut plain = Connection::open(host.address).await;
    plain.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let said = plain.closed().await;
    assert!(!String::from_utf8_lossy(&said).contains("alive"), "{said:?}");
    // Who says nothing at all has no longer than a head may take.
    assert_eq!(Connection::open(host.address).await.closed().await, b"");
}

#[tokio::test]
async fn a_key_of_another_certificate_is_told_at_the_start() {
    let tls = |certificate: &str, key: &str| {
        let config = TlsConfig { certificate: data(certificate), key: data(key) };
        speil::http::tls::acceptor(&config).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(tls("localhost.crt", "localhost.key"), Ok(()));
    let missing = tls("nowhere.crt", "localhost.key").expect_err("no file");
    assert!(missing.contains("nowhere.crt") && missing.contains("[server] tls"), "{missing}");
    let swapped = tls("localhost.key", "localhost.key").expect_err("no certificate in it");
    assert!(swapped.contains("holds no certificate"), "{swapped}");
    let keyless = tls("localhost.crt", "localhost.crt").expect_err("no key in it");
    assert!(keyless.contains("TLS key"), "{keyless}");
}
