//! What a GET on an application's path shows: a page for people, and the description for their tools.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};

use crate::protocol::wsdl;

/// Where the service says it is: the configured address, or what the caller asked for.
fn service_url(public_url: Option<&str>, tls: bool, headers: &HeaderMap, path: &str) -> String {
    let scheme = if tls { "https" } else { "http" };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    match public_url {
        // With or without the path.
        Some(url) if url.to_ascii_lowercase().ends_with(&path.to_ascii_lowercase()) => url.to_owned(),
        Some(url) => format!("{}{path}", url.trim_end_matches('/')),
        None => format!("{scheme}://{}{path}", host.unwrap_or("localhost")),
    }
}

/// Host and port and nothing else: it is going to be repeated.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

/// Answers a GET or HEAD on a service path. `path` is the configured spelling.
pub(super) fn get(public_url: Option<&str>, tls: bool, headers: &HeaderMap, path: &str, uri: &Uri) -> Response<Body> {
    let url = service_url(public_url, tls, headers, path);
    let query = uri.query().unwrap_or_default();
    let (name, value) = query.split_once('=').unwrap_or((query, ""));
    match name.to_ascii_lowercase().as_str() {
        "wsdl" if value.is_empty() => xml(wsdl::wsdl(&url)),
        "singlewsdl" => xml(wsdl::single_wsdl(&url)),
        "xsd" => wsdl::xsd(&url, &value.to_ascii_lowercase()).map_or_else(|| unknown(query), xml),
        "wsdl" => unknown(query),
        _ => html(&service_page(&url)),
    }
}

fn unknown(query: &str) -> Response<Body> {
    let text = format!("There is no document {:?} here. Try ?wsdl or ?singleWsdl.\n", shorten(query));
    super::router::text(StatusCode::NOT_FOUND, text)
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

fn xml(document: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(document.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn html(page: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(page.to_owned()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    );
    response
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn service_page(url: &str) -> String {
    include_str!("page.html").replace("{url}", &escape(url)).replace("{version}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(text));
        headers
    }

    #[test]
    fn the_address_is_the_configured_one_with_or_without_its_path() {
        let headers = host("inner:8080");
        let url = |public| service_url(public, false, &headers, "/M.svc");
        assert_eq!(url(Some("https://mirror.example")), "https://mirror.example/M.svc");
        assert_eq!(url(Some("https://mirror.example/")), "https://mirror.example/M.svc");
        assert_eq!(url(Some("https://mirror.example/m.SVC")), "https://mirror.example/m.SVC");
        assert_eq!(url(None), "http://inner:8080/M.svc");
        assert_eq!(service_url(None, true, &headers, "/M.svc"), "https://inner:8080/M.svc");
    }

    #[test]
    fn a_host_header_is_not_repeated_unless_it_is_one() {
        assert_eq!(service_url(None, false, &host("evil\"><script>"), "/M.svc"), "http://localhost/M.svc");
        assert_eq!(service_url(None, false, &host("[::1]:80"), "/M.svc"), "http://[::1]:80/M.svc");
    }

    #[test]
    fn the_page_shows_the_address_and_nothing_to_fill_in() {
        let page = service_page("https://mirror.example/M.svc?a&b");
        assert!(page.contains("https://mirror.example/M.svc?a&amp;b"));
        assert!(!page.contains("{url}") && !page.contains("{version}"));
    }
}
