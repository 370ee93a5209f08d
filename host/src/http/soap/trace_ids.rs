//! What the caller calls its request: `Request-Id` and `Traceparent`, bounded and cleaned before they meet a log or a
//! plug-in.

use axum::http::HeaderMap;
use rand::Rng;

/// Longest identifier taken over.
const MAX: usize = 128;

/// The identifiers of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TraceIds {
    /// The vendor's `Request-Id`, or one of our own.
    pub(super) request: String,
    /// `Traceparent`, empty when absent.
    pub(super) traceparent: String,
}

impl TraceIds {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self {
            request: clean(headers, "request-id").unwrap_or_else(own),
            traceparent: clean(headers, "traceparent").unwrap_or_default(),
        }
    }
}

/// A header's visible ASCII characters, at most [`MAX`]; anything else becomes `?`.
fn clean(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.as_bytes().trim_ascii();
    let text: String =
        value.iter().take(MAX).map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '?' }).collect();
    (!text.is_empty()).then_some(text)
}

fn own() -> String {
    format!("speil-{:016x}", rand::thread_rng().r#gen::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_own_is_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("Request-Id", "|8cdd8ba6-4e2f.1.".parse().expect("legal"));
        headers
            .insert("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().expect("legal"));
        let ids = TraceIds::of(&headers);
        assert_eq!(ids.request, "|8cdd8ba6-4e2f.1.");
        assert_eq!(ids.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    }

    #[test]
    fn what_would_spoil_a_log_is_cleaned_and_cut() {
        let mut headers = HeaderMap::new();
        let nasty = axum::http::HeaderValue::from_bytes(b"a b\tc\xC3\xA6").expect("opaque");
        headers.insert("Request-Id", nasty);
        assert_eq!(TraceIds::of(&headers).request, "a?b?c??");
        headers.insert("Request-Id", "x".repeat(5000).parse().expect("legal"));
        assert_eq!(TraceIds::of(&headers).request.len(), MAX);
    }

    #[test]
    fn without_one_each_request_gets_its_own() {
        let headers = HeaderMap::new();
        let (one, two) = (TraceIds::of(&headers), TraceIds::of(&headers));
        assert_ne!(one.request, two.request);
        assert_eq!(one.traceparent, "");
    }
}
