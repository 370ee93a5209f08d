//! Which path is what. Application paths come from the configuration and have no case; everything else is fixed.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use axum::routing::{get, post};

use super::connection::Peer;
use super::parts::Shared;
use super::{admin, health, page, soap};

/// All paths of the host.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/livez", get(async || text(StatusCode::OK, "alive\n")))
        .route("/readyz", get(async |State(shared): State<Arc<Shared>>| health::readyz(shared).await))
        .route("/metrics", get(admin::metrics))
        .route("/status", get(admin::status))
        .route("/plugins", get(admin::plugins))
        .route("/plugins/{name}/resume", post(admin::resume))
        .fallback(service)
        .with_state(shared)
}

/// The applications' paths, and what is no path at all.
async fn service(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let Some(configured) = shared.applications.iter().map(|one| one.path()).find(|one| same(one, &path)) else {
        return not_found();
    };
    match *request.method() {
        Method::POST => soap::post(shared.clone(), request).await,
        Method::GET | Method::HEAD => {
            let tls = request.extensions().get::<Peer>().is_some_and(|peer| peer.tls);
            let public = shared.config.public_url.as_deref();
            page::get(public, tls, request.headers(), configured, request.uri())
        }
        _ => {
            let mut response = text(
                StatusCode::METHOD_NOT_ALLOWED,
                "This is a SOAP service: POST to call it, GET to read about it.\n",
            );
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
            response
        }
    }
}

fn same(configured: &str, path: &str) -> bool {
    configured.eq_ignore_ascii_case(path)
}

fn not_found() -> Response<Body> {
    text(
        StatusCode::NOT_FOUND,
        "There is nothing at this address. Speil, a database mirror, answers on the path of each [[application]] in \
         its configuration (usually /MirroringClientService.svc), and on /livez and /readyz.\n",
    )
}

/// A plain text answer.
pub(super) fn text(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
