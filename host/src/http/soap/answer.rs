//! From the end of a call to an HTTP response: 200 for what was understood, 500 for every fault (a WCF client takes
//! 400, 401 and 413 for a broken connection), `text/xml; charset=utf-8`, gzip for those who ask.

use std::io::Write;

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::faults;
use crate::protocol::fault::Fault;

/// Below this, gzip costs more than it saves.
const WORTH_COMPRESSING: usize = 1024;

/// What a call came to.
#[derive(Debug)]
pub(super) enum Answer {
    /// The operation's answer, whatever its `IsSuccessful` says.
    Response(String),
    Fault(Fault),
}

/// How the caller wants it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) gzip: bool,
    /// The body was not read to its end: the connection cannot be used again.
    pub(super) close: bool,
}

/// Writes the response.
pub(super) fn respond(answer: &Answer, manner: Manner) -> Response<Body> {
    let (status, xml) = match answer {
        Answer::Response(xml) => (StatusCode::OK, std::borrow::Cow::Borrowed(xml.as_str())),
        Answer::Fault(fault) => (StatusCode::INTERNAL_SERVER_ERROR, fault.to_xml().into()),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml; charset=utf-8"));
    if manner.close {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let compressed = (manner.gzip && xml.len() >= WORTH_COMPRESSING).then(|| gzip(xml.as_bytes())).flatten();
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    *response.body_mut() = match compressed {
        Some(bytes) => {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            bytes.into()
        }
        None => xml.into_owned().into(),
    };
    response
}

/// Lets the answer break off where its body should begin.
pub(super) fn break_off(response: &mut Response<Body>, error: faults::Injected) {
    let broken = futures_util::stream::once(std::future::ready(Err::<bytes::Bytes, _>(error)));
    *response.body_mut() = Body::from_stream(broken);
}

fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).ok()
}

/// Whether the caller asked for gzip: named, or by `*`, and not with `q=0`.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut star = false;
    for value in headers.get_all(ACCEPT_ENCODING) {
        let Ok(value) = value.to_str() else { continue };
        for item in value.split(',') {
            let mut parts = item.split(';').map(str::trim);
            let coding = parts.next().unwrap_or_default();
            let refused = parts.filter_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let accepted = !refused.into_iter().any(|quality| quality.trim().parse() == Ok(0.0_f32));
            if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
                return accepted;
            }
            star |= coding == "*" && accepted;
        }
    }
    star
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::http::header::CONTENT_LENGTH;
    use http_body_util::BodyExt;

    use super::*;

    fn asked(text: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(text));
        headers
    }

    #[test]
    fn gzip_only_for_those_who_ask() {
        for yes in ["gzip", "gzip, deflate", "deflate, GZIP;q=0.5", "*", "br;q=1.0, *;q=0.1", "x-gzip"] {
            assert!(accepts_gzip(&asked(yes)), "{yes}");
        }
        for no in ["", "identity", "deflate", "gzip;q=0", "gzip; q=0.000, *", "*;q=0", "gzipped"] {
            assert!(!accepts_gzip(&asked(no)), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn a_large_answer_is_compressed_and_a_small_one_is_not() {
        let large = "<a/>".repeat(1000);
        let response = respond(&Answer::Response(large.clone()), Manner { gzip: true, close: false });
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(response.headers()[CONTENT_TYPE], "text/xml; charset=utf-8");
        assert!(!response.headers().contains_key(CONTENT_LENGTH), "hyper counts");
        let body = response.into_body().collect().await.expect("whole").to_bytes();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).expect("gzip");
        assert_eq!(text, large);

        let small = respond(&Answer::Response("<a/>".into()), Manner { gzip: true, close: true });
        assert!(!small.headers().contains_key(CONTENT_ENCODING));
        assert_eq!(small.headers()[CONNECTION], "close");
    }
}
