//! The store alone: typed columns into SQLite by its own interface, held against the plain loop.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::Machine;
use super::plain::Plain;
use super::report::Line;
use super::table;
use super::work::Work;
use crate::cli::CliError;
use crate::protocol::cell::{self, type_segment};
use crate::protocol::columns::TypedBatch;
use crate::protocol::context_id::ContextId;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::RowOp;
use crate::protocol::raw_batch::RawBatch;
use crate::protocol::table_def::TableDef;
use crate::store::history::OpCounts;
use crate::store::sqlite::{SqliteSettings, SqliteStore};
use crate::store::{MirrorDb, RowChanges, SchemaHash, Store as _, Turn};
use crate::task::source::Source;
use crate::threads;

const HASH: SchemaHash = SchemaHash([7; 32]);

pub(super) async fn lines(machine: &Machine) -> Result<Vec<Line>, CliError> {
    let source = table::source(machine.rows);
    let work = Work::fill(&source);
    let def = TableDef::from_wire(&work.info, None).map_err(CliError::failed)?;
    let batches = typed(&source, &work, &def)?;
    let folder =
        tempfile::Builder::new().prefix("speil-bench-").tempdir_in(&machine.directory).map_err(CliError::failed)?;
    let store = SqliteStore::open(SqliteSettings::new(folder.path().join("mirrors"))).map_err(CliError::failed)?;
    let tenant = ContextId::new("Bench").map_err(CliError::failed)?;
    let db = store.open(&tenant, None).await.map_err(CliError::failed)?;
    let (def, batches) = (Arc::new(def), Arc::new(batches));
    let (mut limit, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..machine.rounds {
        let plain = Plain::create(&folder.path().join("plain.db"), &work)?;
        limit.push(table::per_second(work.rows, plain.run(&work.plain)?));
        drop(plain);
        // On a thread of its own, as a call's work is.
        let (db, def, batches) = (db.clone(), def.clone(), batches.clone());
        let filled =
            threads::for_store(&store, &CancellationToken::new(), async move { fill(&*db, &def, &batches).await })
                .await;
        ours.push(table::per_second(work.rows, filled.map_err(CliError::failed)??));
        work.all_there(&folder.path().join("mirrors").join("Bench.db"))?;
    }
    store.close().await;
    Ok(vec![Line::rounds(
        "the store alone, from typed columns",
        "plain rusqlite loop, same rows",
        "rows/s",
        &limit,
        &ours,
        1.3,
    )])
}

/// Makes the table anew and fills it, a transaction for each batch. Seconds that the filling took.
async fn fill(db: &dyn MirrorDb, def: &TableDef, batches: &[Arc<TypedBatch>]) -> Result<f64, CliError> {
    let turn = Turn { table: def.name.clone(), ticket: db.ticket().await.map_err(CliError::failed)? };
    db.create_table(&turn, def, HASH).await.map_err(CliError::failed)?;
    let began = Instant::now();
    for batch in batches {
        let rows = u32::try_from(batch.len()).map_err(CliError::failed)?;
        let mut writer = db.begin(&turn, def, HASH).await.map_err(CliError::failed)?;
        let changes = RowChanges { batch: batch.clone(), deletes: Vec::new(), upserts: (0..rows).collect() };
        writer.apply(changes).await.map_err(CliError::failed)?;
        writer.commit(Lsn(0), OpCounts::default()).await.map_err(CliError::failed)?;
    }
    Ok(began.elapsed().as_secs_f64())
}

/// The rows as the pipeline hands them to the store, cut as the calls are.
fn typed(source: &Source, work: &Work, def: &TableDef) -> Result<Vec<Arc<TypedBatch>>, CliError> {
    let table = &source.tables()[0];
    let mut keys = table.keys();
    let mut batches = Vec::new();
    for batch in &work.batches {
        let rows = keys.by_ref().take(usize::try_from(batch.rows.len()).map_err(CliError::failed)?);
        let rows = rows.filter_map(|key| table.row(key)).map(|cells| {
            let texts: Vec<Option<String>> = cells
                .iter()
                .zip(table.columns())
                .map(|(cell, column)| cell::encode(cell.as_value(), column.sql_type()))
                .collect();
            (RowOp::Insert, texts)
        });
        for segment in RawBatch::from_rows(rows).into_segments() {
            let typed = type_segment(segment.map_err(CliError::failed)?, def).map_err(CliError::failed)?;
            batches.push(Arc::new(typed));
        }
    }
    Ok(batches)
}
