//! TableSchema of a real tenant's 413 tables when nothing has changed, with an index plug-in, held against parsing it alone.

use std::time::{Duration, Instant};

use super::Machine;
use super::host::Host;
use super::report::Line;
use super::setup::{Plugin, Setup};
use super::table::Calls;
use super::work::seconds;
use crate::cli::CliError;
use crate::protocol::decode::{self, Limits};
use crate::protocol::messages::TableSchemaInfo;
use crate::protocol::names::Operation;
use crate::task::client::headers;
use crate::task::connection::{Connection, Framing, Request};
use crate::task::shape::ShapeOptions;
use crate::task::source::{Source, SourceTable};
use crate::task::spelling::{self, Batch, Rows, Spelling};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// More than elsewhere, since each is a matter of milliseconds.
const ROUNDS: u64 = 7;

pub(super) async fn lines(machine: &Machine) -> Result<Vec<Line>, CliError> {
    let source = Source::new(ShapeOptions { rows: 0, ..ShapeOptions::default() });
    let infos: Vec<_> = source.tables().iter().map(SourceTable::info).collect();
    let indexed = source.tables().iter().filter(|table| table.columns().len() > 2).take(12);
    let sidecar = indexed.fold("[config]\n".to_owned(), |text, table| {
        format!("{text}\"{0}.ix_{0}\" = \"{1}\"\n", table.name(), table.columns()[1].name())
    });
    let plugin = Plugin { name: "index-manager".into(), wasm: speil_guest_artifacts::INDEX_MANAGER.into(), sidecar };
    let host = Host::start(&machine.directory, &machine.keys, &[plugin]).await?;
    // Makes the tables, fills them with nothing, so that none waits for its rows, and makes the second call's plans.
    let mut client = host.tenant("Schema", &infos).await?;
    let filled = |info: &TableSchemaInfo| Batch { table: info.clone(), rows: Rows::default(), lsn: source.version() };
    let fills: Vec<Batch> = infos.iter().map(filled).collect();
    Calls::of_batches(&client, &fills, 0)?.make(&client).await?;
    client.table_schema(&infos).await.map_err(CliError::failed)?;

    let endpoint = Setup::endpoint(&host.address())?;
    let mut connection = Connection::open(&endpoint).await.map_err(CliError::failed)?;
    let (mut parsing, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..machine.rounds.max(ROUNDS) {
        let token = host.setup.token("Schema")?;
        let body = spelling::table_schema(Spelling::DotNet, &token, "", &infos);
        let parse =
            || decode::table_schema(&body[..], &Limits::default()).map_err(|fault| CliError::Failed(fault.message));
        let (took, parsed) = seconds(parse)?;
        if parsed.tables.len() != infos.len() {
            return Err(CliError::failed("not every table was read"));
        }
        parsing.push(1.0 / took);
        let request = Request {
            method: "POST".into(),
            target: endpoint.path().to_owned(),
            headers: headers(Spelling::DotNet, &Operation::TableSchema.action()),
            body,
            framing: Framing::ContentLength,
        };
        let began = Instant::now();
        let answer = connection.exchange(&endpoint, &request, PATIENCE).await.map_err(CliError::failed)?;
        ours.push(1.0 / began.elapsed().as_secs_f64());
        if !String::from_utf8_lossy(&answer.body).contains("IsSuccessful>true<") {
            return Err(CliError::Failed(format!("TableSchema failed: {}", answer.excerpt())));
        }
    }
    host.stop().await;
    Ok(vec![Line::rounds(
        "TableSchema of 413 tables unchanged, with an index plug-in",
        "parsing it alone",
        "calls/s",
        &parsing,
        &ours,
        0.5,
    )])
}
