//! Uses what a plug-in can be granted, as its configuration says: `script` holds a line for each thing to try, and the answer
//! to each is written to the log. Kind or hostile is a matter of the script.
//!
//! | line | tries |
//! |---|---|
//! | `query SQL` | a query of at most 5 rows |
//! | `execute SQL` | a statement that writes |
//! | `many SQL` | the same for the parameters 1, 2 and 3 |
//! | `prefix`, `engine` | what `database` says of itself |
//! | `set KEY VALUE`, `get KEY`, `delete KEY`, `increment KEY`, `keys`, `open NAME` | wasi:keyvalue |
//! | `http METHOD URL [BODY]` | a request, its answer read to the end |
//! | `follow URL` | the same, and what its `location` names |
//! | `config KEY`, `env NAME` | configuration, secrets, environment |
//! | `read PATH`, `write PATH`, `list PATH` | files |
//! | `fail TEXT` | ends the hook with this error |
//! | `panic KEY` | ends it by a panic with what is configured so |
//!
//! It runs in `replication-completed`, and in `transform.plan` where `in-transform` is configured.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package tests:powers;

        world powers {
            include speil:mirror/granted@0.1.0;
            import speil:mirror/log@0.1.0;
            import wasi:config/store@0.2.0-rc.1;
            export speil:mirror/transform@0.1.0;
            export speil:mirror/replication-completed@0.1.0;
        }
    ",
    world: "tests:powers/powers",
    generate_all,
});

use exports::speil::mirror::replication_completed::{self, TableSummary};
use exports::speil::mirror::transform::{self, Applied, Batch, TablePlan};
use speil::mirror::database::{self, EngineKind, Error, Value};
use speil::mirror::log;
use speil::mirror::types::{Context, Table};
use wasi::config::store as config;
use wasi::http::outgoing_handler::handle;
use wasi::http::types::{Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasi::io::streams::StreamError;
use wasi::keyvalue::{atomics, batch, store};

struct Powers;
export!(Powers);

impl replication_completed::Guest for Powers {
    fn replication_completed(_context: Context, _changed: Vec<TableSummary>) -> Result<(), String> {
        run()
    }
}

impl transform::Guest for Powers {
    fn plan(_context: Context, _table: Table) -> Result<Option<TablePlan>, String> {
        if setting("in-transform").is_some() { run().map(|()| None) } else { Ok(None) }
    }

    fn apply(_context: Context, _table: String, _batch: Batch) -> Result<Applied, String> {
        Err("it is never asked".into())
    }
}

fn setting(key: &str) -> Option<String> {
    config::get(key).expect("the configuration can be read")
}

fn run() -> Result<(), String> {
    for line in setting("script").unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if word == "fail" {
            return Err(rest.into());
        }
        let answer = attempt(word, rest).unwrap_or_else(|error| format!("ERROR {error}"));
        log::write(log::Level::Info, &answer);
    }
    Ok(())
}

fn attempt(word: &str, rest: &str) -> Result<String, String> {
    match word {
        "query" => database::query(rest, &[], 5).map(rows).map_err(sql),
        "execute" => database::execute(rest, &[]).map(|count| count.to_string()).map_err(sql),
        "many" => {
            let lists: Vec<Vec<Value>> = (1..=3).map(|number| vec![Value::Integer(number)]).collect();
            database::execute_many(rest, &lists).map(|count| count.to_string()).map_err(sql)
        }
        "prefix" => Ok(database::prefix()),
        "engine" => database::engine()
            .map(|engine| match engine {
                EngineKind::Sqlite => "sqlite".into(),
                EngineKind::Sqlserver => "sqlserver".into(),
            })
            .map_err(sql),
        "set" | "get" | "delete" | "increment" | "keys" | "open" | "both" => {
            keyvalue(word, rest).map_err(|error| match error {
                store::Error::NoSuchStore => "no such store".into(),
                store::Error::AccessDenied => "access denied".into(),
                store::Error::Other(text) => text,
            })
        }
        "http" => {
            let (method, rest) = rest.split_once(' ').ok_or("http METHOD URL")?;
            let (url, body) = rest.split_once(' ').unwrap_or((rest, ""));
            request(method, url, body.as_bytes()).map(|(status, _, length)| format!("{status}, {length} bytes"))
        }
        "follow" => {
            let (_, location, _) = request("GET", rest, b"")?;
            let location = location.ok_or("no redirect")?;
            request("GET", &location, b"").map(|(status, _, length)| format!("{status}, {length} bytes"))
        }
        "config" => Ok(setting(rest).unwrap_or_else(|| "none".into())),
        "panic" => panic!("{}", setting(rest).unwrap_or_default()),
        "env" => Ok(std::env::var(rest).unwrap_or_else(|_| "none".into())),
        "read" => std::fs::read_to_string(rest).map_err(|error| error.kind().to_string()),
        "write" => std::fs::write(rest, "written").map(|()| "written".into()).map_err(|error| error.kind().to_string()),
        "list" => std::fs::read_dir(rest)
            .map(|entries| format!("{} entries", entries.count()))
            .map_err(|error| error.kind().to_string()),
        _ => Err(format!("no such word: {word}")),
    }
}

fn rows(rows: database::Rows) -> String {
    let value = |value: &Value| match value {
        Value::Null => "NULL".into(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Decimal(text) | Value::Text(text) | Value::Timestamp(text) => format!("'{text}'"),
        Value::Binary(bytes) => format!("{} bytes", bytes.len()),
    };
    let row = |row: &Vec<Value>| row.iter().map(value).collect::<Vec<_>>().join(",");
    let all: Vec<String> = rows.rows.iter().map(row).collect();
    format!("{}: {}{}", rows.columns.join(","), all.join(" "), if rows.truncated { " and more" } else { "" })
}

fn sql(error: Error) -> String {
    match error {
        Error::Denied(text) => format!("denied: {text}"),
        Error::Invalid(text) => format!("invalid: {text}"),
        Error::Limit(text) => format!("limit: {text}"),
        Error::Constraint(text) => format!("constraint: {text}"),
        Error::Busy(text) => format!("busy: {text}"),
        Error::Unavailable(text) => format!("unavailable: {text}"),
        Error::Failed(text) => format!("failed: {text}"),
    }
}

fn keyvalue(word: &str, rest: &str) -> Result<String, store::Error> {
    let bucket = store::open(if word == "open" { rest } else { "" })?;
    let shown =
        |value: Option<Vec<u8>>| value.map_or("none".into(), |bytes| String::from_utf8_lossy(&bytes).into_owned());
    match word {
        "set" => {
            let (key, value) = rest.split_once(' ').unwrap_or((rest, ""));
            // `*1000` stands for that many bytes.
            let value = match value.strip_prefix('*').and_then(|number| number.parse().ok()) {
                Some(number) => vec![b'x'; number],
                None => value.into(),
            };
            bucket.set(key, &value).map(|()| "set".into())
        }
        "get" => bucket.get(rest).map(shown),
        "both" => {
            let keys: Vec<String> = rest.split(' ').map(str::to_owned).collect();
            let found = batch::get_many(&bucket, &keys)?;
            Ok(found.into_iter().map(|pair| shown(pair.map(|(_, value)| value))).collect::<Vec<_>>().join(","))
        }
        "delete" => bucket.delete(rest).map(|()| "deleted".into()),
        "increment" => atomics::increment(&bucket, rest, 5).map(|sum| sum.to_string()),
        "keys" => bucket.list_keys(None).map(|answer| answer.keys.join(",")),
        _ => Ok("opened".into()),
    }
}

/// Status, `location`, bytes of the body.
fn request(method: &str, url: &str, body: &[u8]) -> Result<(u16, Option<String>, usize), String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let request = OutgoingRequest::new(Fields::new());
    let method = match method {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => Method::Other(other.into()),
    };
    request.set_method(&method).map_err(|()| "method")?;
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    request.set_authority(Some(authority)).map_err(|()| "authority")?;
    request.set_path_with_query(Some(path)).map_err(|()| "path")?;
    let outgoing = request.body().map_err(|()| "body")?;
    let answer = handle(request, None).map_err(|error| format!("{error:?}"))?;
    if !body.is_empty() {
        let stream = outgoing.write().map_err(|()| "stream")?;
        for piece in body.chunks(4096) {
            stream.blocking_write_and_flush(piece).map_err(|error| format!("{error:?}"))?;
        }
    }
    OutgoingBody::finish(outgoing, None).map_err(|error| format!("{error:?}"))?;
    answer.subscribe().block();
    let response =
        answer.get().ok_or("not ready")?.map_err(|()| "taken twice")?.map_err(|error| format!("{error:?}"))?;
    let location = response.headers().get("location").pop().map(|value| String::from_utf8_lossy(&value).into_owned());
    let incoming = response.consume().map_err(|()| "consumed")?;
    let length = read(&incoming)?;
    Ok((response.status(), location, length))
}

fn read(body: &IncomingBody) -> Result<usize, String> {
    let stream = body.stream().map_err(|()| "stream")?;
    let mut length = 0;
    loop {
        match stream.blocking_read(64 << 10) {
            Ok(bytes) => length += bytes.len(),
            Err(StreamError::Closed) => return Ok(length),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = wasi::http::types::http_error_code(&error);
                return Err(format!("{code:?} after {length} bytes"));
            }
        }
    }
}
