//! `wasi:http`: hosts that are listed, and no way around the list.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{grants, powers, run};

/// A server on this machine: its port, and how many connections it has seen.
struct Server {
    port: u16,
    seen: Arc<AtomicUsize>,
}

impl Server {
    /// Every connection is read up to its empty line and answered with this; then `endless` bytes without an end, or nothing.
    async fn start(answer: impl Fn(u16) -> String, endless: bool, silent: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let answer = answer(port);
        let seen = Arc::new(AtomicUsize::new(0));
        let count = seen.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    let mut buffer = [0; 4096];
                    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                        match stream.read(&mut buffer).await {
                            Ok(0) | Err(_) => return,
                            Ok(count) => head.extend_from_slice(&buffer[..count]),
                        }
                    }
                    if silent {
                        // Until the other side gives up.
                        while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
                        return;
                    }
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                    while endless && stream.write_all(&[b'x'; 16 << 10]).await.is_ok() {}
                });
            }
        });
        Self { port, seen }
    }

    async fn answering(answer: &str) -> Self {
        Self::start(|_| answer.to_owned(), false, false).await
    }

    fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";

#[tokio::test]
async fn a_listed_host_is_reached() {
    let server = Server::answering(OK).await;
    let port = server.port;
    let script = format!("http GET http://127.0.0.1:{port}/a?b=c\nhttp POST http://127.0.0.1:{port}/ body");
    let answers = run(&powers(&grants("read", &format!("\"127.0.0.1:{port}\"")), &script), None).await;
    assert_eq!(answers, "200, 5 bytes\n200, 5 bytes");
    assert_eq!(server.seen(), 2);
    // By name it is a private address, which the list must say.
    let script = format!("http GET http://LOCALHOST:{port}/");
    let private = format!("{{ host = \"localhost:{port}\", private = true }}");
    assert_eq!(run(&powers(&grants("read", &private), &script), None).await, "200, 5 bytes");
}

#[tokio::test]
async fn what_is_not_listed_is_refused_before_anything_is_sent() {
    let server = Server::answering(OK).await;
    let port = server.port;
    let other = Server::answering(OK).await;
    let granted = grants("read", &format!("\"127.0.0.1:{}\", \"api.example.com:443\"", other.port));
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://127.1:{}/", other.port),
        format!("http://2130706433:{}/", other.port),
        format!("http://0x7f000001:{}/", other.port),
        format!("http://[::ffff:127.0.0.1]:{}/", other.port),
        format!("http://[::1]:{}/", other.port),
        format!("http://127.0.0.1.:{}/", other.port),
        format!("http://user@127.0.0.1:{}/", other.port),
        format!("http://127.0.0.1:{port}@127.0.0.1:{}/", other.port),
        "http://api.example.com/".into(),
        "http://api.example.com:80/".into(),
        "https://api.example.com.evil.example/".into(),
        "https://evil.example/".into(),
        "https://169.254.169.254/latest/meta-data/".into(),
    ] {
        let answers = run(&powers(&granted, &format!("http GET {url}")), None).await;
        assert!(
            answers.contains("ErrorCode::HttpRequestDenied")
                || answers.contains("ErrorCode::HttpRequestUriInvalid")
                || answers.contains("ERROR authority"),
            "{url}: {answers}"
        );
    }
    assert_eq!((server.seen(), other.seen()), (0, 0));
    let answers =
        run(&powers(&granted, "http GET https://evil.example/"), None).await.replace(&other.port.to_string(), "PORT");
    insta::assert_snapshot!(answers, @r#"
    WARN HTTP to evil.example:443 is refused: it is not granted; if it should be, write `http = ["127.0.0.1:PORT", "api.example.com:443", "evil.example:443"]` under [grants] in powers.toml
    ERROR ErrorCode::HttpRequestDenied
    "#);
    let nobody = run(
        &powers(
            &grants("read", ""),
            &format!("http CONNECT http://127.0.0.1:{port}/\nhttp GET http://127.0.0.1:{port}/"),
        ),
        None,
    )
    .await;
    assert_eq!(nobody.matches("HttpRequestDenied").count(), 2, "{nobody}");
    assert_eq!(server.seen(), 0);
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused() {
    let server = Server::answering(OK).await;
    let port = server.port;
    let script = format!("http GET http://localhost:{port}/");
    let answers = run(&powers(&grants("read", &format!("\"localhost:{port}\"")), &script), None).await;
    assert!(answers.contains("ErrorCode::DestinationIpProhibited"), "{answers}");
    assert!(
        answers.contains(&format!("write `{{ host = \"localhost:{port}\", private = true }}` in `http`")),
        "{answers}"
    );
    assert_eq!(server.seen(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed_by_the_host_and_checked_when_the_plug_in_does() {
    let other = Server::answering(OK).await;
    let to = other.port;
    let answer = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{to}/x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let server = Server::answering(&answer).await;
    let port = server.port;
    let script = format!("http GET http://127.0.0.1:{port}/\nfollow http://127.0.0.1:{port}/");
    let answers = run(&powers(&grants("read", &format!("\"127.0.0.1:{port}\"")), &script), None).await;
    assert!(answers.starts_with("302, 0 bytes"), "{answers}");
    assert!(answers.contains("ErrorCode::HttpRequestDenied"), "{answers}");
    assert_eq!((server.seen(), other.seen()), (2, 0));
}

#[tokio::test]
async fn a_server_that_never_answers_costs_the_hook_its_time() {
    let server = Server::start(|_| String::new(), false, true).await;
    let port = server.port;
    let granted = format!("{}[limits]\ntime = \"500ms\"", grants("read", &format!("\"127.0.0.1:{port}\"")));
    let begun = Instant::now();
    let answers = run(&powers(&granted, &format!("http GET http://127.0.0.1:{port}/")), None).await;
    assert!(answers.contains("it took longer than its limit of 500 ms"), "{answers}");
    assert!(begun.elapsed() < Duration::from_mins(1));
}

#[tokio::test]
async fn an_endless_body_ends_at_the_limit() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let server = Server::start(|_| head.to_owned(), true, false).await;
    let port = server.port;
    let granted = format!("{}[limits]\nhttp_bytes = \"1 MiB\"", grants("read", &format!("\"127.0.0.1:{port}\"")));
    let script = format!("http GET http://127.0.0.1:{port}/\nhttp GET http://127.0.0.1:{port}/");
    let answers = run(&powers(&granted, &script), None).await;
    assert!(answers.contains("was cut: this call has moved its 1 MiB"), "{answers}");
    assert!(
        answers.contains("this call has moved its 1 MiB; raise `http_bytes` under [limits] in powers.toml"),
        "{answers}"
    );
    assert_eq!(server.seen(), 1);
}

#[tokio::test]
async fn an_endless_head_and_a_body_too_long_to_send_are_refused() {
    let many = format!("HTTP/1.1 200 OK\r\n{}", "x: y\r\n".repeat(50_000));
    let server = Server::answering(&many).await;
    let granted = format!("{}[limits]\nhttp_bytes = 1000", grants("read", &format!("\"127.0.0.1:{}\"", server.port)));
    let answers = run(&powers(&granted, &format!("http GET http://127.0.0.1:{}/", server.port)), None).await;
    assert!(answers.contains("ERROR ErrorCode::"), "{answers}");
    let script = format!("http POST http://127.0.0.1:{}/ {}", server.port, "b".repeat(3_000));
    let answers = run(&powers(&granted, &script), None).await;
    assert!(answers.contains("ERROR"), "{answers}");
}

#[tokio::test]
async fn requests_are_counted_over_the_call() {
    let server = Server::answering(OK).await;
    let granted = format!("{}[limits]\nhttp_requests = 2", grants("read", &format!("\"127.0.0.1:{}\"", server.port)));
    let script = format!("http GET http://127.0.0.1:{}/\n", server.port).repeat(3);
    let answers = run(&powers(&granted, &script), None).await;
    assert!(answers.starts_with("200, 5 bytes\n200, 5 bytes\n"), "{answers}");
    assert!(
        answers.contains("this call has made its 2 requests; raise `http_requests` under [limits] in powers.toml"),
        "{answers}"
    );
    assert_eq!(server.seen(), 2);
}

/// Against this program's own TLS server, whose certificate nobody trusts unless told to.
#[tokio::test]
async fn https_trusts_the_machine_s_certificates_and_those_it_is_told_of() {
    let server = tls_server("localhost.crt").await;
    let port = server.address.port();
    let named = format!("https://localhost:{port}/livez");
    assert_eq!(tried(port, &["localhost.crt"], &named).await, "200, 6 bytes");
    assert_eq!(tried(port, &["elsewhere.crt", "localhost.crt"], &named).await, "200, 6 bytes");
    let refused = |answer: &str| answer.contains("ErrorCode::Tls") && !answer.contains("200");
    let unknown = tried(port, &[], &named).await;
    assert!(refused(&unknown), "{unknown}");
    let another = tried(port, &["elsewhere.crt"], &named).await;
    assert!(refused(&another), "{another}");
    let missing = tried(port, &["nowhere.crt"], &named).await;
    assert!(missing.contains("http_certificates") && missing.contains("nowhere.crt"), "{missing}");
    let plain = tried(port, &["localhost.crt"], &named.replace("https", "http")).await;
    assert!(plain.contains("ERROR") && !plain.contains("200"), "{plain}");

    // Trusted, and of another name.
    let server = tls_server("elsewhere.crt").await;
    let port = server.address.port();
    let misnamed = tried(port, &["elsewhere.crt"], &format!("https://localhost:{port}/livez")).await;
    assert!(refused(&misnamed), "{misnamed}");
}

fn data(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

async fn tls_server(certificate: &str) -> speil_tests::kit::host::Host {
    speil_tests::kit::host::Host::start_with(|config| {
        let (certificate, key) = (data(certificate), data("localhost.key"));
        config.server.tls = Some(speil::config::TlsConfig { certificate, key });
    })
    .await
}

/// What a plug-in is answered, where these certificates are trusted beside the machine's.
async fn tried(port: u16, certificates: &[&str], url: &str) -> String {
    use speil::config::PluginsConfig;
    let host = format!("{{ host = \"localhost:{port}\", private = true }}");
    let sidecar = format!("[config]\nscript = \"http GET {url}\"\n{}", grants("read", &host));
    let files = [("powers.wasm", speil_test_guests::POWERS), ("powers.toml", sidecar.as_bytes())];
    let folder = crate::plugins::folder(&files);
    let http_certificates = certificates.iter().map(|name| data(name)).collect();
    let config = PluginsConfig { http_certificates, ..PluginsConfig::over(folder.path()) };
    run(&speil::plugins::PluginHost::load(&config).expect("an engine"), None).await
}
