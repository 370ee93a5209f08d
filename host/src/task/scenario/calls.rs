//! Stories of calls: cut short, made twice, overtaken by their own repetition, made beside others, spelled otherwise.

use super::{Scenario, World, scenario};
use crate::protocol::messages::RowOp;
use crate::task::batching::Batcher;
use crate::task::cycle::CycleOptions;
use crate::task::error::TaskError;
use crate::task::source::{Need, Source};
use crate::task::spelling::{Batch, Spelling};

pub(super) const ALL: &[Scenario] = &[
    scenario!("interrupted-fill", "a first fill ends in the middle of a table", interrupted_fill),
    scenario!("interrupted-changes", "a cycle with changes ends half-way", interrupted_changes),
    scenario!("hung-up", "the caller hangs up in the middle of a body", hung_up),
    scenario!("every-call-twice", "every call is made twice", every_call_twice),
    scenario!("overtaken-call", "a slow call is overtaken by its repetition and later changes", overtaken_call),
    scenario!(
        "overtaken-short-call",
        "the same with a call of a few rows, all of which could be here at once",
        overtaken_short_call
    ),
    scenario!("small-batches", "many batches a call, many tables a call", small_batches),
    scenario!("side-by-side", "rows of several tables arrive at once", side_by_side),
    scenario!("both-spellings", "a cycle as .NET spells it, the next as Mono does", both_spellings),
];

fn small(world: &World<'_>) -> CycleOptions {
    CycleOptions { batch_size: 8_000, batches_per_call: 2, call_bytes: 16_000, ..world.options.clone() }
}

async fn interrupted_fill(world: &mut World<'_>) -> Result<(), TaskError> {
    for calls in [1, 3, 7] {
        let options = CycleOptions { stop_after: Some(calls), ..small(world) };
        world.cycle_with(&options).await;
        world.client.hang_up();
        world.source.work(10);
    }
    Ok(())
}

async fn interrupted_changes(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    for calls in [1, 2] {
        world.source.work(100);
        let options = CycleOptions { stop_after: Some(calls), ..small(world) };
        world.cycle_with(&options).await;
    }
    Ok(())
}

async fn every_call_twice(world: &mut World<'_>) -> Result<(), TaskError> {
    world.options.twice = true;
    world.cycle().await;
    world.source.work(100);
    world.cycle().await;
    world.options.twice = false;
    Ok(())
}

async fn small_batches(world: &mut World<'_>) -> Result<(), TaskError> {
    let options =
        CycleOptions { batch_size: 3_000, batches_per_call: 40, call_bytes: 200_000, ..world.options.clone() };
    world.cycle_with(&options).await;
    world.source.work(200);
    world.cycle_with(&options).await;
    Ok(())
}

async fn both_spellings(world: &mut World<'_>) -> Result<(), TaskError> {
    let other = match world.client.spelling() {
        Spelling::DotNet => Spelling::Mono,
        Spelling::Mono => Spelling::DotNet,
    };
    world.cycle().await;
    let spelled = world.client.spelled(other);
    let first = std::mem::replace(&mut world.client, spelled);
    world.source.work(200);
    world.cycle().await;
    world.client = first;
    Ok(())
}

/// All rows of a table, as batches.
fn fill_of(source: &Source, table: usize, size: usize) -> Vec<Batch> {
    let table = &source.tables()[table];
    let rows = table.keys().map(|key| (key, RowOp::Insert));
    Batcher::new(table, rows, size, source.version()).collect()
}

/// What happened to a table since a version, as batches.
fn changes_of(source: &Source, table: usize, lsn: i64) -> Vec<Batch> {
    let table = &source.tables()[table];
    match source.need(table, lsn) {
        Need::Changes(changes) => Batcher::new(table, changes.into_iter(), 1_000_000, source.version()).collect(),
        Need::Nothing | Need::Refill(_) => Vec::new(),
    }
}

async fn hung_up(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let at = world.busiest()?;
    let before = world.source.version();
    world.source.work(50);
    world.source.update(at, 1);
    let batches = changes_of(&world.source, at, before);
    let Some((head, body)) = world.client.raw_row_data(&batches).map_or_else(
        |error| {
            world.problems.push(error.to_string());
            None
        },
        Some,
    ) else {
        return Ok(());
    };
    for part in [0, body.len() / 2, body.len() - 1] {
        match world.client.open().await {
            Ok(mut connection) => {
                for bytes in [head.as_slice(), &body[..part]] {
                    if let Err(error) = connection.send(bytes).await {
                        world.problems.push(format!("a call that was to be cut short: {error}"));
                    }
                }
            }
            Err(error) => world.problems.push(format!("a call that was to be cut short: {error}")),
        }
    }
    Ok(())
}

/// Long enough that the endpoint has seen its token long before its end.
async fn overtaken_call(world: &mut World<'_>) -> Result<(), TaskError> {
    overtaken(world, 2_000).await
}

async fn overtaken_short_call(world: &mut World<'_>) -> Result<(), TaskError> {
    overtaken(world, 5).await
}

async fn overtaken(world: &mut World<'_>, rows: i64) -> Result<(), TaskError> {
    world.cycle().await;
    let at = world.busiest()?;
    let lsn = world.source.version();
    for key in 1..=rows.min(world.source.tables()[at].last_key()) {
        world.source.update(at, key);
    }
    // The first call: its head and nearly all its body arrive, then the line is slow.
    let slow = changes_of(&world.source, at, lsn);
    let (head, body) = match world.client.raw_row_data(&slow) {
        Ok(parts) => parts,
        Err(error) => {
            world.problems.push(error.to_string());
            return Ok(());
        }
    };
    // All but the end: a batch is nothing before its table's description, which comes last.
    let cut = body.len() - 40;
    let opened = world.client.open().await;
    let mut connection = match opened {
        Ok(connection) => connection,
        Err(error) => {
            world.problems.push(format!("the slow call: {error}"));
            return Ok(());
        }
    };
    for bytes in [head.as_slice(), &body[..cut]] {
        if let Err(error) = connection.send(bytes).await {
            world.problems.push(format!("the slow call: {error}"));
        }
    }
    // The sender gives up and repeats it; a cycle with later changes follows.
    world.cycle().await;
    for key in 1..=5 {
        world.source.update(at, key);
    }
    world.source.delete(at, 3);
    world.cycle().await;
    // Now the rest of the first call comes. Whatever it answers, it must change nothing.
    if connection.send(&body[cut..]).await.is_ok() {
        let answered = connection.receive(std::time::Duration::from_mins(1)).await;
        if let Ok(response) = answered {
            let status = response.status;
            world.check(status == 200 || status == 500, format!("an overtaken call was answered by HTTP {status}"));
        }
    }
    world.compare().await?;
    if let Some(comparison) = world.comparison.take()
        && !comparison.equal()
    {
        let first = comparison.differences.first();
        world.problems.push(format!("a call overtaken by its repetition undid later changes: {first:?}"));
    }
    Ok(())
}

async fn side_by_side(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let mut tables: Vec<usize> = (0..world.source.tables().len()).collect();
    tables.sort_by_key(|at| std::cmp::Reverse(world.source.tables()[*at].len()));
    tables.truncate(6);
    let mut running = tokio::task::JoinSet::new();
    for at in tables {
        let mut client = world.client.another();
        let name = world.source.tables()[at].name().to_owned();
        let batches = fill_of(&world.source, at, 50_000);
        running.spawn(async move {
            client.wipe(&name).await?;
            for batch in batches {
                client.row_data(&[batch]).await?;
            }
            Ok::<_, crate::task::client::CallError>(client.take_problems())
        });
    }
    while let Some(done) = running.join_next().await {
        match done {
            Ok(result) => {
                if let Some(problems) = world.expect_success("a table filled beside others", result) {
                    world.problems.extend(problems);
                }
            }
            Err(error) => return Err(TaskError::Internal(error.to_string())),
        }
    }
    Ok(())
}
