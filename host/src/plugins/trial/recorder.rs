//! The outside of a trial: answers as the fixture says, and writes down what it was asked.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::case::{Answers, HttpAnswer};
use super::database::{Through, Values, Written};
use super::outcome::{Ending, Ran};
use crate::plugins::call::Failed;
use crate::plugins::hook::Function;
use crate::plugins::import::http::{Connection, Trust};
use crate::plugins::outside::Outside;
use crate::plugins::sidecar::HttpTarget;
use crate::protocol::table_name::TableName;
use crate::store::records::IndexDef;
use crate::store::{GuestDatabase, GuestPowers, GuestValues, MirrorDb, StoreError};

/// Cheap to clone: all clones are one.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    pub(super) answers: Arc<Answers>,
    seen: Arc<Mutex<Seen>>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) ran: Vec<Ran>,
    pub(super) log: Vec<(&'static str, String)>,
    pub(super) calls: Vec<String>,
    pub(super) unexpected: Vec<String>,
    pub(super) memory: usize,
    pub(super) table_elements: usize,
    /// Rows of the piece at work.
    piece: usize,
    /// For each recorded answer, how often it was given: those of the database, then those of hosts.
    given: (Vec<usize>, Vec<usize>),
}

impl Recorder {
    pub(super) fn new(answers: Answers) -> Self {
        let database = answers.database.as_ref().map_or(0, Vec::len);
        let given = (vec![0; database], vec![0; answers.http.len()]);
        let seen = Seen { given, ..Seen::default() };
        Self { answers: Arc::new(answers), seen: Arc::new(Mutex::new(seen)) }
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        // Nothing in here can panic half-way.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `apply` is about so many rows.
    pub(super) fn begin_piece(&self, rows: usize) {
        self.seen().piece = rows;
    }

    pub(super) fn call(&self, line: String) {
        self.seen().calls.push(line);
    }

    pub(super) fn unexpected(&self, toml: String) {
        let mut seen = self.seen();
        if !seen.unexpected.contains(&toml) {
            seen.unexpected.push(toml);
        }
    }

    /// What was seen, when nothing is called any more.
    pub(super) fn finish(self) -> Seen {
        std::mem::take(&mut *self.seen())
    }

    fn answer_to(&self, method: &str, url: &str, body: &str) -> Option<HttpAnswer> {
        let fits = |answer: &HttpAnswer| {
            answer.method.eq_ignore_ascii_case(method)
                && answer.url == url
                && answer.body.as_deref().is_none_or(|wanted| wanted == body)
        };
        let at = choose(&mut self.seen().given.1, self.answers.http.iter().map(fits))?;
        self.answers.http.get(at).cloned()
    }
}

impl Seen {
    pub(super) fn database_answer(&mut self, fits: impl Iterator<Item = bool>) -> Option<usize> {
        choose(&mut self.given.0, fits)
    }
}

/// The first that fits and was not given yet, else the last that fits.
fn choose(given: &mut [usize], fits: impl Iterator<Item = bool>) -> Option<usize> {
    let fitting: Vec<usize> = fits.enumerate().filter_map(|(at, fits)| fits.then_some(at)).collect();
    let at = fitting.iter().copied().find(|&at| given[at] == 0).or(fitting.last().copied())?;
    given[at] += 1;
    Some(at)
}

#[async_trait]
impl Outside for Recorder {
    fn database(&self, mirror: &Arc<dyn MirrorDb>, powers: &GuestPowers) -> Box<dyn GuestDatabase> {
        if self.answers.database.is_some() {
            return Box::new(Written(self.clone()));
        }
        Box::new(Through { inner: mirror.guest(powers.clone()), recorder: self.clone() })
    }

    fn values(&self, mirror: &Arc<dyn MirrorDb>, plugin: &str) -> Box<dyn GuestValues> {
        Box::new(Values { inner: mirror.guest_values(plugin), recorder: self.clone() })
    }

    async fn ensure_index(
        &self,
        mirror: &dyn MirrorDb,
        table: &TableName,
        index: &IndexDef,
    ) -> Result<bool, StoreError> {
        let direction = |descending: bool| if descending { " desc" } else { "" };
        let columns: Vec<String> =
            index.columns.iter().map(|column| format!("{}{}", column.name, direction(column.descending))).collect();
        let unique = if index.unique { " unique" } else { "" };
        self.call(format!("indexes.ensure {table} {} ({}){unique}", index.name, columns.join(", ")));
        mirror.ensure_index(table, index).await
    }

    async fn drop_index(&self, mirror: &dyn MirrorDb, table: &TableName, name: &str) -> Result<bool, StoreError> {
        self.call(format!("indexes.drop {table} {name}"));
        mirror.drop_index(table, name).await
    }

    /// A trial is to find such rows: it fails on them, whatever the sidecar says.
    fn keeps_aside(&self) -> bool {
        false
    }

    async fn send(
        &self,
        request: http::Request<WasiBody>,
        _target: &HttpTarget,
        _options: RequestOptions,
        _trust: &Arc<Trust>,
    ) -> Result<(http::Response<WasiBody>, Connection), Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body);
        let (method, url) = (head.method.as_str(), head.uri.to_string());
        let shown = if body.is_empty() { String::new() } else { format!(" {body}") };
        self.call(format!("http {method} {url}{shown}"));
        let Some(answer) = self.answer_to(method, &url, &body) else {
            self.unexpected(unanswered(method, &url, &body));
            return Err(Error::ConnectionRefused);
        };
        let Some(status) = answer.status else { return Err(Error::ConnectionRefused) };
        let mut response = http::Response::builder().status(status);
        for (name, value) in &answer.headers {
            response = response.header(name, value);
        }
        let body = Full::new(bytes::Bytes::from(answer.answer)).map_err(|never| match never {}).boxed_unsync();
        let response = response.body(body).map_err(|_| Error::HttpProtocolError)?;
        Ok((response, Box::new(async { Ok(()) })))
    }

    fn line(&self, level: &'static str, text: &str) {
        self.seen().log.push((level, text.to_owned()));
    }

    fn settled(&self, function: Function, took: Duration, failed: Option<&Failed>) {
        let mut seen = self.seen();
        let rows = if function == Function::TransformApply { seen.piece } else { 0 };
        seen.ran.push(Ran { function, took, rows, ending: Ending::of(failed) });
    }

    fn ended(&self, memory: usize, table_elements: usize) {
        let mut seen = self.seen();
        seen.memory = seen.memory.max(memory);
        seen.table_elements = seen.table_elements.max(table_elements);
    }
}

/// What to put into the fixture.
fn unanswered(method: &str, url: &str, body: &str) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut text = format!("[[http]]\nrequest = {}\n", quoted(&format!("{method} {url}")));
    if !body.is_empty() {
        writeln!(text, "body = {}", quoted(body)).expect("writing to a String cannot fail");
    }
    text.push_str("status = 200\nanswer = \"\"\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_fit_come_in_order_and_the_last_again_and_again() {
        let mut given = vec![0; 3];
        let fits = [true, false, true];
        let chosen: Vec<_> = (0..4).map(|_| choose(&mut given, fits.into_iter())).collect();
        assert_eq!(chosen, [Some(0), Some(2), Some(2), Some(2)]);
        assert_eq!(choose(&mut given, [false; 3].into_iter()), None);
    }
}
