//! The program is killed, as by a power cut, between any two steps of a cycle and in the middle of a RowData, and started
//! again: no LSN is ever ahead of its rows, and the mirror becomes the source.

use speil::protocol::messages::RowOp;
use speil::protocol::sql_type::{Length, SqlType};
use speil::task::batching::Batcher;
use speil::task::cell::Cell;
use speil::task::client::CallError;
use speil::task::cycle::CycleOptions;
use speil::task::dice::Dice;
use speil::task::shape::{ColumnShape, TableShape};
use speil::task::source::{Need, SchemaChange, Source};

use super::At;
use crate::kit::tenant::small;
use crate::kit::{Tenant, wait};

/// Counts calls; the one that may no longer be made is the end.
struct Steps {
    left: usize,
}

/// Why a cycle went no further.
enum End {
    OutOfSteps,
    Broken(CallError),
}

impl From<CallError> for End {
    fn from(error: CallError) -> Self {
        Self::Broken(error)
    }
}

impl Steps {
    fn take(&mut self) -> Result<(), End> {
        self.left = self.left.checked_sub(1).ok_or(End::OutOfSteps)?;
        Ok(())
    }
}

/// A cycle as the Task makes it, call by call, as far as the steps reach.
async fn walk(tenant: &mut Tenant, steps: &mut Steps) -> Result<(), End> {
    let source = tenant.source.clone();
    steps.take()?;
    tenant.client.authenticate().await?;
    steps.take()?;
    let infos: Vec<_> = source.tables().iter().map(speil::task::source::SourceTable::info).collect();
    let answer = tenant.client.table_schema(&infos).await?;
    for (name, lsn) in answer.lsns {
        let table = source.table(&name).expect("it was listed");
        let rows: Vec<(i64, RowOp)> = match source.need(table, lsn) {
            Need::Nothing => continue,
            Need::Changes(changes) => changes.into_iter().collect(),
            Need::Refill(_) => {
                steps.take()?;
                tenant.client.wipe(table.name()).await?;
                table.keys().map(|key| (key, RowOp::Insert)).collect()
            }
        };
        for batch in Batcher::new(table, rows.into_iter(), 8_000, source.version()) {
            steps.take()?;
            tenant.client.row_data(&[batch]).await?;
        }
    }
    steps.take()?;
    tenant.client.replication_completed(&[]).await?;
    Ok(())
}

/// Kills the host after each step of a cycle, each time with a tenant of its own that `begin` has brought to where the cycle
/// begins. Answers how many steps there were.
async fn killed_after_each_step(at: At, begin: impl AsyncFn(&mut Tenant)) -> usize {
    let mut speil = at.speil();
    speil.start();
    for steps in 0.. {
        let source = Source::new(speil::task::shape::ShapeOptions { seed: 5, tables: 4, rows: 240, extras: false });
        let mut tenant = Tenant::new(&speil, &format!("Cust{steps}"), source);
        begin(&mut tenant).await;
        let end = walk(&mut tenant, &mut Steps { left: steps }).await;
        speil.kill();
        if tenant.place().exists().await.expect("known") {
            tenant.is_nowhere_ahead().await;
        }
        speil.start();
        tenant.call_again(&speil);
        tenant.is_mirrored().await;
        match end {
            Ok(()) => return steps,
            Err(End::OutOfSteps) => {}
            Err(End::Broken(error)) => panic!("step {steps}: {error}"),
        }
    }
    unreachable!("a cycle has an end")
}

pub async fn a_kill_after_any_step_of_a_first_fill_costs_nothing(at: At) {
    let steps = killed_after_each_step(at, async |_| {}).await;
    // Authenticate, TableSchema, Wipe and RowData of four tables, ReplicationCompleted.
    assert!(steps >= 11, "{steps} steps");
}

pub async fn a_kill_after_any_step_of_a_cycle_of_changes_costs_nothing(at: At) {
    let steps = killed_after_each_step(at, async |tenant| {
        tenant.is_mirrored().await;
        let table = tenant.source.tables()[0].name().to_owned();
        let column = ColumnShape::new("renamed_later", SqlType::NVarChar(Length::Limited(40)), true);
        let added = SchemaChange::AddColumn { table: table.clone(), column, existing: Cell::Null };
        tenant.source.alter(added).expect("possible");
        tenant.source.work(60);
        tenant.source.truncate(1);
        tenant.source.insert(1);
    });
    let steps = steps.await;
    // At the least: three operations once, one table wiped and filled, two tables changed.
    assert!(steps >= 7, "{steps} steps");
}

/// A table of many rows and little else.
fn one_table(rows: u64) -> Source {
    let columns = vec![
        ColumnShape::new("story_id", SqlType::Int, false),
        ColumnShape::new("name", SqlType::NVarChar(Length::Limited(200)), true),
        ColumnShape::new("rank", SqlType::SmallInt, false),
        ColumnShape::new("registered", SqlType::DateTime, true),
    ];
    Source::of(11, vec![TableShape { name: "story".into(), columns, rows }])
}

/// Rows of a table as anybody sees them who opens the file; `None` while there is no such table.
async fn rows(tenant: &Tenant) -> Option<u64> {
    let rows = tenant.place().rows("SELECT count(*) FROM story").await.ok()?;
    rows.first()?.first()?.as_deref()?.parse().ok()
}

/// A dozen kills while one call of many batches is at work, each at another number of rows seen in the mirror.
pub async fn kills_at_any_moment_of_a_row_data_lose_nothing_that_was_promised(at: At) {
    const ROWS: u64 = 3_000;
    let mut dice = Dice::named(&[0xdead, 3]);
    let mut speil = at.speil();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", one_table(ROWS));
    let mut unfinished = 0;
    for kill in 0..12_u64 {
        // Every second time the table is filled from nothing, else changed.
        if kill % 2 == 0 {
            tenant.source.truncate(0);
            for _ in 0..ROWS {
                tenant.source.insert(0);
            }
        } else {
            let keys: Vec<i64> = tenant.source.tables()[0].keys().collect();
            keys.iter().step_by(2).for_each(|key| assert!(tenant.source.delete(0, *key)));
        }
        let source = tenant.source.clone();
        let table = &source.tables()[0];
        let mut client = tenant.client.another().with_retries(0);
        let answer = client.table_schema(&[table.info()]).await.expect("answered");
        let work: Vec<(i64, RowOp)> = match source.need(table, answer.lsns[0].1) {
            Need::Nothing => panic!("there is something to do"),
            Need::Changes(changes) => changes.into_iter().collect(),
            Need::Refill(_) => {
                client.wipe(table.name()).await.expect("answered");
                table.keys().map(|key| (key, RowOp::Insert)).collect()
            }
        };
        let before = rows(&tenant).await.expect("there is a table");
        let batches: Vec<_> = Batcher::new(table, work.into_iter(), 4_000, source.version()).collect();
        assert!(batches.len() > 20, "{} batches: {kill}", batches.len());
        let call = tokio::spawn(async move { client.row_data(&batches).await.map(|_| ()) });
        // From none to all of the rows that come or go.
        let moved = dice.below(table.len().abs_diff(before) * 9 / 10);
        let seen = wait::until("rows of the call that is at work", async || {
            rows(&tenant).await.filter(|now| now.abs_diff(before) >= moved)
        })
        .await;
        speil.kill();
        let answered = call.await.expect("no panic");
        if answered.is_err() {
            unfinished += 1;
        }
        assert_eq!(tenant.is_nowhere_ahead().await > 0, tenant.lsn("story").await >= 0);
        let left = rows(&tenant).await.expect("there is a table");
        assert!(left.abs_diff(before) >= seen.abs_diff(before), "kill {kill}: rows that were seen are gone again");
        if answered.is_ok() {
            assert_eq!(tenant.lsn("story").await, source.version(), "kill {kill}: an answered success was lost");
        }
        speil.start();
        tenant.call_again(&speil);
        tenant.is_mirrored().await;
    }
    assert!(unfinished >= 6, "only {unfinished} of 12 kills came while the call was at work");
}

/// A host that is killed again and again in the middle of a large tenant's first fill still gets there.
pub async fn a_fill_that_is_killed_again_and_again_goes_on_where_it_can(at: At) {
    let mut dice = Dice::named(&[0xfeed, 1]);
    let mut speil = at.speil();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(3));
    let options =
        CycleOptions { batch_size: 20_000, batches_per_call: 8, call_bytes: 150_000, ..CycleOptions::default() };
    for _ in 0..6 {
        let options = CycleOptions { stop_after: Some(dice.below(6) + 1), ..options.clone() };
        tenant.cycle_with(&options).await;
        speil.kill();
        tenant.is_nowhere_ahead().await;
        speil.start();
        tenant.call_again(&speil);
        tenant.source.work(30);
    }
    let filled = tenant.cycle().await.filled();
    let tables = tenant.source.tables().len();
    assert!(filled < tables, "tables that were filled before a kill are filled again: {filled} of {tables}");
    tenant.is_mirrored().await;
}
