//! The address asked for on the first line, the Host header on the second: through the router of a whole host, without a
//! socket, once with a configured public address and once without.

use std::sync::OnceLock;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use quick_xml::events::Event;
use speil::app::App;
use speil::http::Server;
use tower_service::Service as _;

use crate::kit::host::PATH;

/// Tries one address.
pub fn run(data: &[u8]) {
    let mut lines = data.splitn(2, |&byte| byte == b'\n');
    let (target, host) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let (Ok(uri), Ok(host)) = (Uri::try_from(target), HeaderValue::from_bytes(host)) else { return };
    let place = place();
    for public in [false, true] {
        let (status, kind, body) = place.ask(public, Method::GET, &uri, &host);
        let (head, head_kind, _) = place.ask(public, Method::HEAD, &uri, &host);
        assert_eq!((head, head_kind), (status, kind.clone()), "HEAD is GET without a body");
        let on_path = uri.path().eq_ignore_ascii_case(PATH);
        let query = uri.query().unwrap_or_default();
        let asks_for_document = ["wsdl", "singlewsdl"].iter().any(|name| query.eq_ignore_ascii_case(name));
        match status {
            StatusCode::OK => assert!(on_path || ["/livez", "/readyz"].contains(&uri.path()), "{uri}"),
            // The description's parts that there are not, and all other addresses.
            StatusCode::NOT_FOUND => assert!(!on_path || !(query.is_empty() || asks_for_document), "{uri}"),
            // Nobody is known to call from this machine.
            StatusCode::FORBIDDEN => assert!(["/metrics", "/status", "/plugins"].contains(&uri.path()), "{uri}"),
            StatusCode::SERVICE_UNAVAILABLE => assert_eq!(uri.path(), "/readyz"),
            StatusCode::METHOD_NOT_ALLOWED => assert!(uri.path().ends_with("/resume"), "{uri}"),
            other => panic!("{other} for {uri}"),
        }
        if kind.starts_with("text/xml") {
            assert!(on_path && status == StatusCode::OK);
            is_a_description(&body, public);
        } else {
            assert!(!asks_for_document || !on_path, "{uri} is answered with {kind}");
        }
    }
}

struct Place {
    runtime: tokio::runtime::Runtime,
    /// Without a public address, and with one.
    routers: [axum::Router; 2],
    _app: App,
    _folder: tempfile::TempDir,
}

const PUBLIC: &str = "https://mirror.example.com";

fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let app = App::compose(crate::kit::host::config(folder.path())).expect("a host");
        let plain = Server::router(app.parts());
        let mut parts = app.parts();
        parts.config.public_url = Some(PUBLIC.to_owned());
        Place { runtime, routers: [plain, Server::router(parts)], _app: app, _folder: folder }
    })
}

impl Place {
    fn ask(&self, public: bool, method: Method, uri: &Uri, host: &HeaderValue) -> (StatusCode, String, Vec<u8>) {
        let mut router = self.routers[usize::from(public)].clone();
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert(HOST, host.clone());
        self.runtime.block_on(async {
            let answer = router.call(request).await.expect("a router cannot fail");
            let kind = answer.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().expect("a text").to_owned());
            let status = answer.status();
            let body = answer.into_body().collect().await.expect("whole").to_bytes();
            (status, kind.unwrap_or_default(), body.to_vec())
        })
    }
}

/// Well-formed, and every address in it is one: scheme, host and path, with nothing of the caller's but its host.
fn is_a_description(document: &[u8], public: bool) {
    let document = std::str::from_utf8(document).expect("UTF-8");
    let mut xml = quick_xml::Reader::from_str(document);
    loop {
        let tag = match xml.read_event().unwrap_or_else(|error| panic!("{error} in {document}")) {
            Event::Eof => break,
            Event::Start(tag) | Event::Empty(tag) => tag,
            _ => continue,
        };
        for attribute in tag.attributes() {
            let attribute = attribute.unwrap_or_else(|error| panic!("{error} in {document}"));
            let key: &str = attribute.key.as_ref();
            if !["location", "schemaLocation"].contains(&key) {
                continue;
            }
            let address: &str = attribute.value.as_ref();
            let start = if public { PUBLIC } else { "http://" };
            let rest = address.strip_prefix(start).unwrap_or_else(|| panic!("{address:?} begins otherwise"));
            let (host, path) = rest.split_once('/').unwrap_or_else(|| panic!("{address:?} has no path"));
            assert!(host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte)), "{address:?}");
            let path = format!("/{path}");
            assert!(path == PATH || path.starts_with(&format!("{PATH}?xsd=")), "{address:?}");
        }
    }
}
