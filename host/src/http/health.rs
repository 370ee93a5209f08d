//! Is it alive, is it ready: what a host needs before the vendor may call it, line by line.
//!
//! Readiness is about this host: keys, store, plug-ins. One tenant's database that is down is that tenant's trouble
//! (`speil status`) and never takes a host out of service, which would stop all the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Response, StatusCode};
use tokio::sync::Mutex;

use super::parts::Shared;
use super::router::text;
use crate::auth::Applications;
use crate::mirror::Mirrors;
use crate::plugins::{PluginHost, PluginState};
use crate::store::Store;

/// One thing a host needs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CheckLine {
    /// `keys`, `store`, `plug-in NAME`, ...
    pub what: String,
    pub ok: bool,
    /// What was found.
    pub found: String,
    /// How to mend it, when it is not well.
    pub mend: Option<String>,
}

impl CheckLine {
    /// It is there.
    pub fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), ok: true, found: found.into(), mend: None }
    }

    /// It is not.
    pub fn failed(what: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), ok: false, found: found.into(), mend: Some(mend.into()) }
    }
}

/// Looks at everything a running host needs.
pub async fn check(applications: &Applications, mirrors: &Mirrors, plugins: &PluginHost) -> Vec<CheckLine> {
    let mut lines: Vec<_> = applications
        .iter()
        .map(|application| {
            let found = format!("application {} answers on {}", application.id(), application.path());
            CheckLine::ok("keys", found)
        })
        .collect();
    for (folder, store) in mirrors.stores() {
        lines.push(store_line(folder, &**store).await);
    }
    lines.extend(plugin_lines(plugins));
    lines
}

/// Whether mirrors can be made and written, in the mirror directory or in an application's folder below it.
pub async fn store_line(folder: Option<&str>, store: &dyn Store) -> CheckLine {
    let what = store_name(folder);
    match store.check().await {
        Ok(found) => CheckLine::ok(what, found),
        Err(error) => CheckLine::failed(
            what,
            error.to_string(),
            match store.engine() {
                "sqlserver" => "see [mirror] in the configuration, and docs/sql-server.md for what the login needs",
                _ => {
                    "see [mirror] in the configuration: the place must exist and be writable for the account speil runs as"
                }
            },
        ),
    }
}

/// What a store's line is called.
#[must_use]
pub fn store_name(folder: Option<&str>) -> String {
    folder.map_or_else(|| "store".into(), |folder| format!("store {folder}"))
}

/// How each plug-in is.
pub fn plugin_lines(plugins: &PluginHost) -> Vec<CheckLine> {
    let list = plugins.list();
    if list.is_empty() {
        return vec![CheckLine::ok("plug-ins", "none")];
    }
    list.into_iter()
        .map(|plugin| {
            let what = match plugin.state {
                PluginState::Running | PluginState::Broken => format!("plug-in {}", plugin.name),
                state => format!("plug-in {} ({})", plugin.name, state.word()),
            };
            let remark = plugin.remark();
            match plugin.broken {
                None => {
                    let hooks = format!("hooks: {}", plugin.hooks.map_or_else(String::new, |all| all.join(", ")));
                    // What runs on as it was, or leaves out what may be left out, takes no host out of service.
                    CheckLine::ok(what, remark.map_or_else(|| hooks.clone(), |remark| format!("{hooks}; {remark}")))
                }
                Some(reason) => {
                    let means = if plugin.blocks_rows {
                        "TableSchema and RowData fail until it works: mend, replace or remove its file"
                    } else {
                        "what it should do is left undone: mend, replace or remove its file"
                    };
                    CheckLine::failed(what, reason, means)
                }
            }
        })
        .collect()
}

/// The last look, kept for a moment: this path is open to anyone, and looking costs a file or a connection.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, Vec<CheckLine>)>>);

/// How long a look stays good.
const GOOD_FOR: Duration = Duration::from_secs(2);

/// `/readyz`: 200 when nothing is missing, else 503, with the lines either way.
pub(super) async fn readyz(shared: Arc<Shared>) -> Response<Body> {
    if shared.stop.is_cancelled() {
        return text(StatusCode::SERVICE_UNAVAILABLE, "not ready: the host is stopping\n");
    }
    let mut kept = shared.readiness.0.lock().await;
    let lines = match &*kept {
        Some((at, lines)) if at.elapsed() < GOOD_FOR => lines.clone(),
        _ => {
            let lines = check(&shared.applications, &shared.mirrors, &shared.plugins).await;
            *kept = Some((Instant::now(), lines.clone()));
            lines
        }
    };
    drop(kept);
    let ready = lines.iter().all(|line| line.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    text(status, render(ready, &lines))
}

/// What `/readyz` shows. The details are for administrators; what stands here may be read by anyone who can reach the
/// port, so a failure says what fails, and the log and `speil check` say why.
fn render(ready: bool, lines: &[CheckLine]) -> String {
    let head = if ready { "ready\n" } else { "not ready\n" };
    let lines = lines.iter().map(|line| {
        let state = if line.ok { "ok" } else { "FAILED (run `speil check` on the host)" };
        format!("{}: {state}\n", line.what)
    });
    std::iter::once(head.to_owned()).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_need_has_its_line_and_a_failure_gives_nothing_away() {
        let lines = [
            CheckLine::ok("keys", "application 0123 answers on /m.svc"),
            CheckLine::failed("store", "/srv/secret/place is read-only", "mend it"),
        ];
        assert_eq!(render(false, &lines), "not ready\nkeys: ok\nstore: FAILED (run `speil check` on the host)\n");
        assert_eq!(render(true, &lines[..1]), "ready\nkeys: ok\n");
    }
}
