//! `wasi:http/outgoing-handler`: requests to the hosts that `[grants] http` lists, and no others.
//!
//! Every request is checked by itself: host and port against the list, the address that the name leads to when the connection is
//! made. A redirect is an answer like any other: the plug-in reads it and asks again, and that request is checked like the first. Sizes and
//! numbers are counted over the incoming call ([`Budget`]); time is the hook's own.

mod address;
mod body;
mod send;
mod tls;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use self::body::Counted;
pub use self::tls::Trust;

use super::log::Log;
use crate::plugins::bindings::speil::mirror::log::Level;
use crate::plugins::instance::State;
use crate::plugins::limits::{Limits, size};
use crate::plugins::outside::Outside;
use crate::plugins::sidecar::HttpTarget;

pub(in crate::plugins) use self::send::send;

/// Requests of one instance at once.
const AT_ONCE: usize = 16;

/// What is left to one plug-in in one incoming call. Outlives its instances, so that a trap does not begin anew.
#[derive(Debug)]
pub struct Budget {
    requests: AtomicUsize,
    bytes: Arc<AtomicUsize>,
}

impl Budget {
    /// All of it.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { requests: AtomicUsize::new(limits.http_requests), bytes: Arc::new(AtomicUsize::new(limits.http_bytes)) }
    }

    /// Requests and bytes that are left.
    #[must_use]
    pub fn left(&self) -> (usize, usize) {
        (self.requests.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    fn take_request(&self) -> bool {
        self.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// An instance's way out.
pub struct Http {
    context: WasiHttpCtx,
    gate: Gate,
}

/// What decides about requests.
struct Gate {
    plugin: Arc<str>,
    targets: Arc<[HttpTarget]>,
    trust: Arc<Trust>,
    budget: Arc<Budget>,
    limits: (usize, usize),
    at_once: Arc<tokio::sync::Semaphore>,
    log: Arc<Log>,
    outside: Arc<dyn Outside>,
}

impl Http {
    /// For an instance that may reach these.
    pub fn new(
        plugin: Arc<str>,
        (targets, trust): (Arc<[HttpTarget]>, Arc<Trust>),
        budget: Arc<Budget>,
        limits: &Limits,
        log: &Arc<Log>,
        outside: &Arc<dyn Outside>,
    ) -> Self {
        let gate = Gate {
            plugin,
            targets,
            trust,
            budget,
            limits: (limits.http_requests, limits.http_bytes),
            at_once: Arc::new(tokio::sync::Semaphore::new(AT_ONCE)),
            log: log.clone(),
            outside: outside.clone(),
        };
        Self { context: WasiHttpCtx::new(), gate }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (table, http) = self.http_parts();
        WasiHttpCtxView { ctx: &mut http.context, table, hooks: &mut http.gate }
    }
}

/// What [`WasiHttpHooks::send_request`] answers.
type Sending = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Connection), Error>> + Send>;
/// Runs as long as the connection does.
pub(in crate::plugins) type Connection = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Gate {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _told: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Sending {
        let target = match self.admit(&request) {
            Ok(target) => target,
            Err((error, words)) => {
                self.log.line(Level::Warn, &words);
                return Box::new(async { Err(error) });
            }
        };
        let bytes = self.budget.bytes.clone();
        let most = u64::try_from(self.limits.1).ok();
        let cut = {
            let (log, limit) = (self.log.clone(), size(self.limits.1));
            let words = format!(
                "HTTP to {target} was cut: this call has moved its {limit}; raise `http_bytes` under [limits] in {}.toml if it \
                 needs more",
                self.plugin
            );
            move || log.line(Level::Warn, &words)
        };
        let told = cut.clone();
        let counted = bytes.clone();
        let request = request.map(|body| {
            Counted::new(body, counted, move || {
                told();
                Error::HttpRequestBodySize(most)
            })
            .boxed_unsync()
        });
        let (at_once, log, plugin) = (self.at_once.clone(), self.log.clone(), self.plugin.clone());
        let (trust, outside) = (self.trust.clone(), self.outside.clone());
        Box::new(async move {
            let place = at_once.try_acquire_owned().map_err(|_| {
                log.line(
                    Level::Warn,
                    &format!("more than {AT_ONCE} HTTP requests at once; read an answer to its end first"),
                );
                Error::ConnectionLimitReached
            })?;
            let (response, connection) =
                outside.send(request, &target, options.unwrap_or_default(), &trust).await.inspect_err(|error| {
                    log.line(Level::Warn, &send::words(error, &target, &plugin));
                })?;
            let response = response.map(|body| {
                Counted::new(body, bytes, move || {
                    cut();
                    Error::HttpResponseBodySize(most)
                })
                .boxed_unsync()
            });
            let connection: Connection = Box::new(async move {
                let _place = place;
                Pin::from(connection).await
            });
            Ok((response, connection))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        64 << 10
    }
}

impl Gate {
    /// The target a request is for, if it is on the list; else why not, for the plug-in and in words.
    fn admit(&self, request: &http::Request<WasiBody>) -> Result<HttpTarget, (Error, String)> {
        let plugin = &self.plugin;
        let denied = |words: String| Err((Error::HttpRequestDenied, words));
        if request.method() == http::Method::CONNECT || request.method() == http::Method::TRACE {
            return denied(format!("HTTP: {} is not offered", request.method()));
        }
        let uri = request.uri();
        let Some(authority) = uri.authority().filter(|authority| !authority.as_str().contains('@')) else {
            return Err((Error::HttpRequestUriInvalid, "HTTP: a request needs a host, and no user before it".into()));
        };
        let port =
            authority.port_u16().unwrap_or(if uri.scheme() == Some(&http::uri::Scheme::HTTPS) { 443 } else { 80 });
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        // An address may be written in many ways; the list holds its usual one.
        let host = host.parse::<std::net::IpAddr>().map_or(host, |address| address.to_string());
        let asked = HttpTarget { host, port, private: false };
        let Some(target) = self.targets.iter().find(|target| target.host == asked.host && target.port == asked.port)
        else {
            let mut all: Vec<String> = self.targets.iter().map(|target| format!("\"{target}\"")).collect();
            all.push(format!("\"{asked}\""));
            return denied(format!(
                "HTTP to {asked} is refused: it is not granted; if it should be, write `http = [{}]` under [grants] in \
                 {plugin}.toml",
                all.join(", ")
            ));
        };
        if !self.budget.take_request() {
            return denied(format!(
                "HTTP to {asked} is refused: this call has made its {} requests; raise `http_requests` under [limits] in \
                 {plugin}.toml if it needs more",
                self.limits.0
            ));
        }
        if self.budget.bytes.load(Ordering::Relaxed) == 0 {
            return denied(format!(
                "HTTP to {asked} is refused: this call has moved its {}; raise `http_bytes` under [limits] in {plugin}.toml \
                 if it needs more",
                size(self.limits.1)
            ));
        }
        Ok(target.clone())
    }
}
