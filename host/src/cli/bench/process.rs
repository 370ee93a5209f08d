//! What belongs to a process: the memory that one huge call takes, the memory of many tenants, and the time from start to the
//! first answer. Each in a host of its own process. Where the system tells no process's peak, its lines are left out.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::child::Child;
use super::report::{Line, median};
use super::setup::{Plugin, Setup};
use super::work::Work;
use super::{Machine, table};
use crate::cli::CliError;
use crate::protocol::context_id::ContextId;
use crate::store::Store as _;
use crate::store::sqlite::{SqliteSettings, SqliteStore};

/// How long an answer to a huge call may take.
const PATIENCE: Duration = Duration::from_mins(10);
/// The first key of the huge call: all its keys have as many digits.
const FIRST_KEY: i64 = 1_000_000_000;
/// Rows written once and sent again and again under other keys.
const PATTERN: i64 = 1_000;
/// Rows that each active tenant sends, unless the tables that are filled have fewer.
const ROWS: u64 = 5_000;
const PLUGINS: usize = 10;

/// One huge RowData call, all of it one batch.
pub(super) async fn huge_call(machine: &Machine) -> Result<Vec<Line>, CliError> {
    let setup = Setup::make(&machine.directory, &machine.keys, &[])?;
    let child = Child::start(&setup)?;
    let work = Work::part(&table::source(1), 1..=1, 1);
    let mut client = setup.client(&child.address, "Huge")?;
    client.authenticate().await.map_err(CliError::failed)?;
    client.table_schema(std::slice::from_ref(&work.info)).await.map_err(CliError::failed)?;

    let (head, mut body) = pattern(&client)?;
    let at = places(&body)?;
    let (first, last) = (at[0].0, at[at.len() - 1].1);
    let rows_bytes = (last - first) as u64;
    let times = machine.call_bytes.div_ceil(rows_bytes.max(1));
    let total = body.len() as u64 - rows_bytes + times * rows_bytes;
    let head = String::from_utf8(head).map_err(CliError::failed)?;
    let announced = format!("Content-Length: {}\r\n", body.len());
    if !head.contains(&announced) {
        return Err(CliError::failed("the call's head does not say how long it is"));
    }
    let head = head.replace(&announced, &format!("Content-Length: {total}\r\n"));

    let mut connection = client.open().await.map_err(CliError::failed)?;
    connection.send(head.as_bytes()).await.map_err(CliError::failed)?;
    connection.send(&body[..first]).await.map_err(CliError::failed)?;
    let mut key = FIRST_KEY;
    for _ in 0..times {
        for &(_, _, digits) in &at {
            let mut text = String::with_capacity(10);
            write!(text, "{key}").map_err(CliError::failed)?;
            body[digits..digits + text.len()].copy_from_slice(text.as_bytes());
            key += 1;
        }
        connection.send(&body[first..last]).await.map_err(CliError::failed)?;
    }
    connection.send(&body[last..]).await.map_err(CliError::failed)?;
    let answer = connection.receive(PATIENCE).await.map_err(CliError::failed)?;
    if !String::from_utf8_lossy(&answer.body).contains("IsSuccessful>true<") {
        return Err(CliError::Failed(format!("the huge call failed: {}", answer.excerpt())));
    }
    let sent = (key - FIRST_KEY).unsigned_abs();
    work.holding(sent).all_there(&setup.mirror("Huge"))?;
    let what = format!("peak memory of a host that takes one RowData call of {} MB", total / 1_000_000);
    Ok(child.peak_megabytes().map(|peak| Line::within(&what, "MB", 200.0, peak)).into_iter().collect())
}

/// A call of some rows whose keys have ten digits.
fn pattern(client: &crate::task::client::Client) -> Result<(Vec<u8>, Vec<u8>), CliError> {
    use crate::task::spelling::{Batch, Rows};
    let source = table::source(PATTERN.unsigned_abs());
    let table = &source.tables()[0];
    let mut rows = Rows::default();
    for key in 1..=PATTERN {
        let cells = table.row(key).unwrap_or_default();
        let mut texts: Vec<Option<String>> = cells
            .iter()
            .zip(table.columns())
            .map(|(cell, column)| crate::protocol::cell::encode(cell.as_value(), column.sql_type()))
            .collect();
        texts[0] = Some(format!("[I:{}]", FIRST_KEY + key - 1));
        rows.push(crate::protocol::messages::RowOp::Insert, texts);
    }
    let batch = Batch { table: table.info(), rows, lsn: source.version() };
    client.raw_row_data(&[batch]).map_err(CliError::failed)
}

/// Where each row begins, ends, and has its key's digits.
fn places(body: &[u8]) -> Result<Vec<(usize, usize, usize)>, CliError> {
    let text = std::str::from_utf8(body).map_err(CliError::failed)?;
    let none = || CliError::failed("the rows of a call were not found in it");
    let (start, end) = ("RowData>", "</");
    let open = text.find("RowData><").map(|at| text[..at].rfind('<').unwrap_or(at)).ok_or_else(none)?;
    let name = &text[open + 1..open + text[open..].find('>').ok_or_else(none)?];
    if !name.ends_with(start.trim_end_matches('>')) {
        return Err(none());
    }
    let closing = format!("{end}{name}>");
    let (mut at, mut found) = (open, Vec::new());
    while text[at..].starts_with(&format!("<{name}>")) {
        let until = at + text[at..].find(&closing).ok_or_else(none)? + closing.len();
        let digits = at + text[at..until].find("[I:").ok_or_else(none)? + 3;
        found.push((at, until, digits));
        at = until;
    }
    if found.len() as u64 == PATTERN.unsigned_abs() { Ok(found) } else { Err(none()) }
}

/// Many tenants known, some of them at work.
pub(super) async fn many_tenants(machine: &Machine) -> Result<Vec<Line>, CliError> {
    let setup = Setup::make(&machine.directory, &machine.keys, &[])?;
    let store = SqliteStore::open(SqliteSettings::new(setup.path("mirrors"))).map_err(CliError::failed)?;
    for tenant in 0..machine.tenants {
        let tenant = ContextId::new(format!("Cust{tenant}")).map_err(CliError::failed)?;
        store.open(&tenant, None).await.map_err(CliError::failed)?;
    }
    store.close().await;
    let child = Child::start(&setup)?;
    let work = Work::fill(&table::source(ROWS.min(machine.rows)));
    let mut clients = Vec::new();
    for tenant in 0..machine.active {
        let mut client = setup.client(&child.address, &format!("Cust{tenant}"))?;
        client.authenticate().await.map_err(CliError::failed)?;
        client.table_schema(std::slice::from_ref(&work.info)).await.map_err(CliError::failed)?;
        clients.push((work.calls(&client)?, client));
    }
    let calls = clients.iter().map(|(calls, client)| calls.make(client));
    futures_util::future::try_join_all(calls).await?;
    for (_, client) in &clients {
        work.all_there(&setup.mirror(client.tenant()))?;
    }
    let (known, active) = (machine.tenants, machine.active);
    let what = format!("peak memory of a host with {known} tenants, {active} of them calling at once");
    Ok(child.peak_megabytes().map(|peak| Line::within(&what, "MB", 150.0, peak)).into_iter().collect())
}

/// From the program's start to its first answer, with plug-ins whose compiled code is cached.
pub(super) async fn start(machine: &Machine) -> Result<Vec<Line>, CliError> {
    let mut plugins: Vec<Plugin> = (0..PLUGINS)
        .map(|number| Plugin {
            name: format!("index-manager-{number}"),
            wasm: speil_guest_artifacts::INDEX_MANAGER.into(),
            sidecar: String::new(),
        })
        .collect();
    let mut what = format!("start to first answer, {PLUGINS} cached plug-ins");
    if let Some(component) = &machine.python {
        let cannot = |error| CliError::Failed(format!("{} cannot be read: {error}", component.display()));
        plugins[0] = Plugin {
            name: "python".into(),
            wasm: std::fs::read(component).map_err(cannot)?.into(),
            sidecar: std::fs::read_to_string(component.with_extension("toml")).map_err(cannot)?,
        };
        what.push_str(", one of them Python");
    }
    let setup = Setup::make(&machine.directory, &machine.keys, &plugins)?;
    // Compiles them.
    drop(Child::start(&setup)?);
    let mut times = Vec::new();
    for _ in 0..machine.rounds.max(5) {
        let began = Instant::now();
        let child = Child::start(&setup)?;
        let mut client = setup.client(&child.address, "Start")?;
        client.authenticate().await.map_err(CliError::failed)?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(vec![Line::within(&what, "ms", 100.0, median(times))])
}
