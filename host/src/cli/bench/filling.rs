//! Filling a table over HTTP into durable SQLite: one tenant and two held against the plain loop, other shapes of rows and a
//! redacted column held against the usual rows.

use super::Machine;
use super::host::Host;
use super::plain::Plain;
use super::report::{Line, median};
use super::setup::Plugin;
use super::table;
use super::work::Work;
use crate::cli::CliError;
use crate::protocol::messages::RowOp;
use crate::protocol::sql_type::{Length, SqlType};
use crate::task::shape::{ColumnShape, TableShape};
use crate::task::source::Source;
use crate::task::spelling::{Batch, Rows};

const LOOP: &str = "plain rusqlite loop, same rows";

/// One tenant, then two at once.
pub(super) async fn lines(machine: &Machine) -> Result<Vec<Line>, CliError> {
    let work = Work::fill(&table::source(machine.rows));
    let host = Host::start(&machine.directory, &machine.keys, &[]).await?;
    let mut one = host.tenant("One", std::slice::from_ref(&work.info)).await?;
    let mut two = host.tenant("Two", std::slice::from_ref(&work.info)).await?;
    let files = [host.setup.path("plain1.db"), host.setup.path("plain2.db")];
    let (mut limit, mut ours, mut limit2, mut ours2) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..machine.rounds {
        let plain = Plain::create(&files[0], &work)?;
        limit.push(table::per_second(work.rows, plain.run(&work.plain)?));
        drop(plain);
        ours.push(table::per_second(work.rows, host.refill(&mut one, &work).await?));

        let plain = [Plain::create(&files[0], &work)?, Plain::create(&files[1], &work)?];
        let took = std::thread::scope(|scope| {
            let runs = plain.map(|plain| {
                let stretches = &work.plain;
                scope.spawn(move || plain.run(stretches))
            });
            runs.map(|run| run.join().unwrap_or_else(|_| Err(CliError::failed("a plain loop panicked"))))
        });
        let [first, second] = took;
        limit2.push(table::per_second(2 * work.rows, first?.max(second?)));
        let calls = (host.ready(&mut one, &work).await?, host.ready(&mut two, &work).await?);
        let (first, second) = tokio::join!(calls.0.make(&one), calls.1.make(&two));
        ours2.push(table::per_second(2 * work.rows, first?.max(second?)));
    }
    host.stop().await;
    Ok(vec![
        Line::rounds("one tenant, 1 MB calls over HTTP to durable SQLite", LOOP, "rows/s", &limit, &ours, 0.8),
        Line::rounds("two tenants at once", "the same loop, two files at once", "rows/s", &limit2, &ours2, 1.0),
    ])
}

/// Wide rows and long texts, in bytes a second of those of the usual rows.
pub(super) async fn shapes(machine: &Machine) -> Result<Vec<Line>, CliError> {
    let usual = Work::fill(&table::source(machine.rows / 2));
    let wide = Work::fill(&table::wide(machine.rows / 10));
    let long = long_texts(machine.rows / 40);
    let host = Host::start(&machine.directory, &machine.keys, &[]).await?;
    let infos = [usual.info.clone(), wide.info.clone(), long.info.clone()];
    let mut client = host.tenant("Shapes", &infos).await?;
    let mut figures = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..machine.rounds {
        for (work, figures) in [&usual, &wide, &long].into_iter().zip(&mut figures) {
            let bytes = work.calls(&client)?.bytes;
            figures.push(table::per_second(bytes, host.refill(&mut client, work).await?) / 1e6);
        }
    }
    host.stop().await;
    let [usual, wide, long] = figures.map(median);
    let against = "rows of 14 columns";
    Ok(vec![
        Line::new("rows of 111 columns", against, "MB/s", usual, wide, 0.7),
        Line::new("rows with texts of 20 kB", against, "MB/s", usual, long, 0.7),
    ])
}

/// A column that a plug-in hashes.
pub(super) async fn redacted(machine: &Machine) -> Result<Vec<Line>, CliError> {
    let work = Work::fill(&table::source(machine.rows));
    let redactor = Plugin {
        name: "pii-redactor".into(),
        wasm: speil_guest_artifacts::PII_REDACTOR.into(),
        sidecar: format!("[config]\nsalt = \"bench\"\n\"{}.name\" = \"hash:32\"\n", table::NAME),
    };
    let without = Host::start(&machine.directory, &machine.keys, &[]).await?;
    let with = Host::start(&machine.directory, &machine.keys, &[redactor]).await?;
    let mut plain = without.tenant("Plain", std::slice::from_ref(&work.info)).await?;
    let mut hashed = with.tenant("Hashed", std::slice::from_ref(&work.info)).await?;
    let (mut limit, mut ours) = (Vec::new(), Vec::new());
    // More than elsewhere: what is looked for is a tenth, and a round is as long as a blink.
    for _ in 0..3 * machine.rounds {
        limit.push(table::per_second(work.rows, without.refill(&mut plain, &work).await?));
        ours.push(table::per_second(work.rows, with.refill(&mut hashed, &work).await?));
    }
    without.stop().await;
    with.stop().await;
    Ok(vec![Line::rounds("one column hashed by a plug-in", "the same calls without it", "rows/s", &limit, &ours, 0.9)])
}

/// Rows of a key and a text of 20 kB.
fn long_texts(rows: u64) -> Work {
    const TEXT: &str = "Long texts are letters, notes and mails: words, spaces, æ, ø and å, a line end now and then.\n";
    let columns = vec![
        ColumnShape::new("text_id", SqlType::Int, false),
        ColumnShape::new("text", SqlType::NVarChar(Length::Max), true),
    ];
    let source = Source::of(3, vec![TableShape { name: "text".into(), columns, rows: 0 }]);
    let text = TEXT.repeat(20_000 / TEXT.len());
    let info = source.tables()[0].info();
    let mut work = Work::fill(&source);
    work.batches.clear();
    let mut batch = Rows::default();
    for key in 1..=rows.max(1) {
        batch.push(RowOp::Insert, vec![Some(format!("[I:{key}]")), Some(text.clone())]);
        if batch.bytes() >= super::work::CALL_BYTES || key == rows.max(1) {
            work.batches.push(Batch { table: info.clone(), rows: std::mem::take(&mut batch), lsn: 0 });
        }
    }
    work.holding(rows.max(1))
}
