//! `database` and `wasi:keyvalue` in a trial: the mirror's own, written down on the way, or answers that a fixture holds.

use std::fmt::Write as _;
use std::time::Instant;

use async_trait::async_trait;

use super::case::{DatabaseAnswer, DatabaseReply};
use super::recorder::Recorder;
use crate::store::guest::{Bounds, GuestEngine};
use crate::store::{GuestDatabase, GuestError, GuestRows, GuestValue, GuestValues};

/// A mirror's own, written down on the way.
pub(super) struct Through {
    pub(super) inner: Box<dyn GuestDatabase>,
    pub(super) recorder: Recorder,
}

#[async_trait]
impl GuestDatabase for Through {
    fn engine(&self) -> Option<GuestEngine> {
        self.inner.engine()
    }

    async fn query(&self, sql: String, parameters: Vec<GuestValue>, bounds: Bounds) -> Result<GuestRows, GuestError> {
        self.recorder.call(line("query", &sql, std::slice::from_ref(&parameters)));
        self.inner.query(sql, parameters, bounds).await
    }

    async fn execute(&self, sql: String, parameters: Vec<Vec<GuestValue>>, until: Instant) -> Result<u64, GuestError> {
        self.recorder.call(line("execute", &sql, &parameters));
        self.inner.execute(sql, parameters, until).await
    }
}

/// Answers that a fixture holds.
pub(super) struct Written(pub(super) Recorder);

impl Written {
    fn reply(&self, what: &str, sql: &str, parameters: &[Vec<GuestValue>]) -> Result<DatabaseReply, GuestError> {
        let all = self.0.answers.database.as_deref().unwrap_or_default();
        // Many lists are compared as one after the other.
        let asked: Vec<&GuestValue> = parameters.iter().flatten().collect();
        let fits = |answer: &DatabaseAnswer| {
            let same = |wanted: &Vec<GuestValue>| wanted.iter().collect::<Vec<_>>() == asked;
            answer.sql == sql && answer.parameters.as_ref().is_none_or(same)
        };
        let chosen = self.0.seen().database_answer(all.iter().map(fits));
        chosen.and_then(|at| all.get(at)).map(|answer| answer.reply.clone()).ok_or_else(|| {
            self.0.unexpected(unanswered(what, sql, &asked));
            GuestError::Unavailable("the fixture has no answer for this statement".into())
        })
    }
}

#[async_trait]
impl GuestDatabase for Written {
    fn engine(&self) -> Option<GuestEngine> {
        Some(GuestEngine::Sqlite)
    }

    async fn query(&self, sql: String, parameters: Vec<GuestValue>, bounds: Bounds) -> Result<GuestRows, GuestError> {
        let parameters = [parameters];
        self.0.call(line("query", &sql, &parameters));
        match self.reply("query", &sql, &parameters)? {
            DatabaseReply::Rows(mut rows) => {
                rows.truncated |= rows.rows.len() > bounds.rows;
                rows.rows.truncate(bounds.rows);
                Ok(rows)
            }
            DatabaseReply::Changed(_) => {
                Err(GuestError::Invalid("the fixture answers a number of rows where the plug-in asks for rows".into()))
            }
            DatabaseReply::Fails(error) => Err(error),
        }
    }

    async fn execute(&self, sql: String, parameters: Vec<Vec<GuestValue>>, _: Instant) -> Result<u64, GuestError> {
        self.0.call(line("execute", &sql, &parameters));
        match self.reply("execute", &sql, &parameters)? {
            DatabaseReply::Changed(rows) => Ok(rows),
            DatabaseReply::Rows(_) => {
                Err(GuestError::Invalid("the fixture answers rows where the plug-in changes them".into()))
            }
            DatabaseReply::Fails(error) => Err(error),
        }
    }
}

/// A mirror's own values, written down on the way.
pub(super) struct Values {
    pub(super) inner: Box<dyn GuestValues>,
    pub(super) recorder: Recorder,
}

#[async_trait]
impl GuestValues for Values {
    async fn get(&self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, GuestError> {
        self.recorder.call(format!("keyvalue.get {}", keys.join(" ")));
        self.inner.get(keys).await
    }

    async fn put(&self, changes: Vec<(String, Option<Vec<u8>>)>) -> Result<(), GuestError> {
        for (key, value) in &changes {
            self.recorder.call(match value {
                Some(value) => format!("keyvalue.set {key} {}", String::from_utf8_lossy(value)),
                None => format!("keyvalue.delete {key}"),
            });
        }
        self.inner.put(changes).await
    }

    async fn increment(&self, key: String, by: u64) -> Result<u64, GuestError> {
        self.recorder.call(format!("keyvalue.increment {key} {by}"));
        self.inner.increment(key, by).await
    }

    async fn keys(&self, skip: u64, most: usize) -> Result<Vec<String>, GuestError> {
        self.recorder.call("keyvalue.keys".into());
        self.inner.keys(skip, most).await
    }
}

/// Lists of parameters shown; the others are counted.
const SHOWN: usize = 3;

fn line(what: &str, sql: &str, parameters: &[Vec<GuestValue>]) -> String {
    let list = |list: &Vec<GuestValue>| format!("({})", list.iter().map(shown).collect::<Vec<_>>().join(", "));
    let mut text = format!("database.{what} {sql}");
    for one in parameters.iter().filter(|list| !list.is_empty()).take(SHOWN) {
        text.push(' ');
        text.push_str(&list(one));
    }
    if parameters.len() > SHOWN {
        write!(text, " and {} more", parameters.len() - SHOWN).expect("writing to a String cannot fail");
    }
    text
}

fn shown(value: &GuestValue) -> String {
    match value {
        GuestValue::Null => "NULL".into(),
        GuestValue::Integer(number) => number.to_string(),
        GuestValue::Real(number) => format!("{number:?}"),
        GuestValue::Decimal(text) => text.clone(),
        GuestValue::Text(text) | GuestValue::Timestamp(text) => format!("'{text}'"),
        GuestValue::Binary(bytes) => format!("{} bytes", bytes.len()),
    }
}

/// What to put into the fixture. A parameter that TOML has no word for leaves them all out.
fn unanswered(what: &str, sql: &str, parameters: &[&GuestValue]) -> String {
    let mut text = format!("[[database]]\nsql = {}\n", toml::Value::String(sql.into()));
    let written: Option<Vec<String>> = parameters
        .iter()
        .map(|value| {
            Some(match value {
                GuestValue::Integer(number) => number.to_string(),
                GuestValue::Real(number) => toml::Value::Float(*number).to_string(),
                GuestValue::Text(text) => toml::Value::String(text.clone()).to_string(),
                GuestValue::Null | GuestValue::Decimal(_) | GuestValue::Timestamp(_) | GuestValue::Binary(_) => {
                    return None;
                }
            })
        })
        .collect();
    if let Some(written) = written.filter(|written| !written.is_empty()) {
        writeln!(text, "parameters = [{}]", written.join(", ")).expect("writing to a String cannot fail");
    }
    text.push_str(if what == "query" { "columns = []\nrows = []\n" } else { "changed = 1\n" });
    text
}
