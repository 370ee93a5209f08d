//! `/metrics`, `/status`, `/plugins` and `/plugins/NAME/resume`: for administrators. With `[server] admin_token` they answer to whoever brings it
//! (`Authorization: Bearer ...`); without one, to callers on this machine that came straight here.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use rsa::sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::connection::Peer;
use super::overview::{self, Overview};
use super::parts::Shared;
use super::router::text;
use crate::mirror::clock::{Clock, SystemClock};
use crate::plugins::PluginState;
use crate::store::StoreError;

/// How long an overview stays good: gathering one opens every mirror.
const GOOD_FOR: Duration = Duration::from_secs(15);

/// The last overview.
#[derive(Default)]
pub(super) struct Kept(Mutex<Option<(Instant, Arc<Overview>)>>);

/// `/metrics`
pub(super) async fn metrics(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    if let Some(refusal) = turn_away(&shared, &request) {
        return refusal;
    }
    let (tenants, quarantined) = match look(&shared).await {
        Ok(overview) => (states(&overview), overview.tenants.iter().map(|tenant| tenant.quarantined).sum()),
        Err(error) => {
            // The other numbers are good all the same.
            tracing::warn!(%error, "/metrics cannot look at the mirrors");
            (Vec::new(), 0)
        }
    };
    shared.metrics.now(shared.connections.count(), shared.room.waiting());
    match shared.metrics.text(shared.calls.count(), &tenants, &plugin_states(&shared), quarantined) {
        Ok(page) => {
            let mut response = text(StatusCode::OK, page);
            let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            text(StatusCode::INTERNAL_SERVER_ERROR, "The metrics cannot be written; the log says why.\n")
        }
    }
}

/// `/status`: the [`Overview`] as JSON.
pub(super) async fn status(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    if let Some(refusal) = turn_away(&shared, &request) {
        return refusal;
    }
    let page = match look(&shared).await {
        Ok(overview) => serde_json::to_vec_pretty(&*overview).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match page {
        Ok(json) => as_json(json),
        Err(error) => {
            tracing::error!(%error, "/status cannot look at the mirrors");
            text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n"))
        }
    }
}

/// `/plugins`: every plug-in, as `speil plugin list --json` shows it.
pub(super) async fn plugins(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    if let Some(refusal) = turn_away(&shared, &request) {
        return refusal;
    }
    let plugins = shared.plugins.clone();
    // Rows may have to be counted.
    let list = tokio::task::spawn_blocking(move || plugins.list_counted()).await;
    match list
        .map_err(|error| error.to_string())
        .and_then(|list| serde_json::to_vec_pretty(&list).map_err(|error| error.to_string()))
    {
        Ok(json) => as_json(json),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// `POST /plugins/NAME/resume`: hooks that kept failing are called again at once. Answers which, as JSON.
pub(super) async fn resume(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    request: Request,
) -> Response<Body> {
    if let Some(refusal) = turn_away(&shared, &request) {
        return refusal;
    }
    // Without a token nothing else tells an operator from a page that his browser shows.
    if shared.config.admin_token.is_none() && request.headers().contains_key(ORIGIN) {
        return text(StatusCode::FORBIDDEN, "This is not for web pages.\n");
    }
    let Some(resumed) = shared.plugins.resume(&name) else {
        return text(StatusCode::NOT_FOUND, "There is no plug-in of this name; /plugins lists those there are.\n");
    };
    match serde_json::to_vec_pretty(&resumed) {
        Ok(json) => as_json(json),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn as_json(json: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// How many plug-ins are in each state.
fn plugin_states(shared: &Shared) -> [(&'static str, i64); PluginState::ALL.len()] {
    let list = shared.plugins.list();
    PluginState::ALL.map(|state| {
        let count = list.iter().filter(|plugin| plugin.state == state).count();
        (state.word(), i64::try_from(count).unwrap_or(i64::MAX))
    })
}

async fn look(shared: &Shared) -> Result<Arc<Overview>, StoreError> {
    let mut kept = shared.overview.0.lock().await;
    if let Some((at, overview)) = &*kept
        && at.elapsed() < GOOD_FOR
    {
        return Ok(overview.clone());
    }
    let now = SystemClock.now();
    let gathered = overview::gather(&*shared.store, now, &shared.status, shared.mirrors.refusals()).await?;
    let overview = Arc::new(gathered);
    *kept = Some((Instant::now(), overview.clone()));
    Ok(overview)
}

/// How many tenants are in each state.
fn states(overview: &Overview) -> Vec<(String, i64)> {
    let mut counts = std::collections::BTreeMap::<String, i64>::new();
    for tenant in &overview.tenants {
        *counts.entry(tenant.state.to_string()).or_default() += 1;
    }
    if !overview.unreadable.is_empty() {
        counts.insert("unreadable".into(), i64::try_from(overview.unreadable.len()).unwrap_or(i64::MAX));
    }
    counts.into_iter().collect()
}

/// What is answered to anyone but an administrator.
fn turn_away(shared: &Shared, request: &Request) -> Option<Response<Body>> {
    let headers = request.headers();
    if let Some(token) = &shared.config.admin_token {
        if bearer(headers).is_some_and(|offered| equal(offered.as_bytes(), token.expose().as_bytes())) {
            return None;
        }
        let mut answer = text(
            StatusCode::UNAUTHORIZED,
            "This is for administrators: send `Authorization: Bearer` with the [server] admin_token.\n",
        );
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return Some(answer);
    }
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address.ip());
    if peer.is_some_and(|peer| is_local(peer, headers)) {
        return None;
    }
    Some(text(
        StatusCode::FORBIDDEN,
        "This is for administrators on the host itself. To read it from elsewhere, set [server] admin_token and send \
         it as `Authorization: Bearer`.\n",
    ))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether the caller is on this machine. A proxy on this machine speaks for somebody else, and a browser here can be
/// led by a page from elsewhere (DNS rebinding), which its Host header gives away.
fn is_local(peer: IpAddr, headers: &HeaderMap) -> bool {
    let proxied = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];
    peer.to_canonical().is_loopback()
        && !proxied.iter().any(|name| headers.contains_key(*name))
        && headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(names_loopback)
}

/// Whether a Host header names this machine's loopback.
fn names_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Compares two texts in a time that depends on neither: their digests, every byte.
fn equal(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = (Sha256::digest(a), Sha256::digest(b));
    std::hint::black_box(a.iter().zip(b.iter()).fold(0, |differs, (a, b)| differs | (a ^ b))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.parse().expect("name"), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_callers_that_came_straight_from_this_machine_are_local() {
        let here: IpAddr = "127.0.0.1".parse().expect("address");
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().expect("address");
        let there: IpAddr = "10.0.0.7".parse().expect("address");
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "LOCALHOST"] {
            let asked = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            assert!(is_local(here, &asked), "{host}");
            assert!(is_local(mapped, &asked), "{host}");
            assert!(!is_local(there, &asked), "{host}");
        }
        assert!(!is_local(here, &headers(&[("host", "localhost"), ("x-forwarded-for", "1.2.3.4")])));
        assert!(!is_local(here, &headers(&[("host", "evil.example")])));
        assert!(!is_local(here, &headers(&[("host", "localhost.evil.example")])));
        assert!(!is_local(here, &HeaderMap::new()));
    }

    #[test]
    fn a_bearer_token_must_be_the_very_one() {
        let offered = headers(&[("authorization", "bearer  s3cret")]);
        assert_eq!(bearer(&offered), Some("s3cret"));
        assert_eq!(bearer(&headers(&[("authorization", "Basic s3cret")])), None);
        assert!(equal(b"s3cret", b"s3cret"));
        assert!(!equal(b"s3cret", b"s3cret "));
        assert!(!equal(b"", b"s3cret"));
    }
}
