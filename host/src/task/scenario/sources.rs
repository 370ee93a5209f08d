//! Stories of the source's rows and versions.

use super::{Scenario, World, scenario};
use crate::task::error::TaskError;
use crate::task::source::{RETENTION_HOURS, RefillReason};

pub(super) const ALL: &[Scenario] = &[
    scenario!("first-fill", "a mirror that knows nothing is filled", first_fill),
    scenario!("changes", "three working days: inserts, updates, deletes, keys put back", changes),
    scenario!("truncate", "a table is truncated at the source, then written again", truncate),
    scenario!("wiped-empty", "every row of a table is deleted", emptied),
    scenario!("silent-too-long", "the mirror is not reached for longer than changes are kept", silent_too_long),
    scenario!("quiet-week", "nothing changes for days; LSNs are carried on, nothing is filled anew", quiet_week),
    scenario!("restore-source", "the source is restored from a backup: mirrors stand ahead of it", restore_source),
    scenario!("delete-and-reinsert", "a key is deleted and put back between two cycles", delete_and_reinsert),
];

async fn first_fill(world: &mut World<'_>) -> Result<(), TaskError> {
    let report = world.cycle().await;
    let (filled, listed, rows) = (report.filled(), report.listed, report.rows());
    let (tables, total) = (world.source.tables().len(), world.source.rows());
    world.check(listed == tables, format!("{listed} tables were listed of {tables}"));
    world.check(filled == tables, format!("a mirror that knows nothing had {filled} tables filled of {tables}"));
    world.check(rows == total, format!("{rows} rows were sent of {total}"));
    Ok(())
}

async fn changes(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    for _ in 0..3 {
        let writes = (world.source.rows() / 50).clamp(50, 20_000);
        world.source.work(writes);
        world.source.pass_hours(1);
        let report = world.cycle().await;
        let filled = report.filled();
        world.check(filled == 0, format!("{filled} tables were filled anew though only rows changed"));
    }
    Ok(())
}

async fn truncate(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let at = world.busiest()?;
    world.source.truncate(at);
    for _ in 0..25 {
        world.source.insert(at);
    }
    let report = world.cycle().await;
    let filled = report.filled();
    world.check(filled == 1, format!("one table was truncated, {filled} were filled anew"));
    Ok(())
}

async fn emptied(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let at = world.busiest()?;
    let keys: Vec<i64> = world.source.tables()[at].keys().collect();
    for key in keys {
        world.source.delete(at, key);
    }
    Ok(())
}

async fn silent_too_long(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    world.source.work(100);
    world.source.pass_hours(RETENTION_HOURS + 1);
    world.source.work(50);
    let report = world.cycle().await;
    let reasons = report.tables.iter().filter(|table| table.filled == Some(RefillReason::TooOld)).count();
    let tables = world.source.tables().len();
    world.check(reasons == tables, format!("{reasons} tables of {tables} were filled anew after a silence too long"));
    Ok(())
}

async fn quiet_week(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let at = world.busiest()?;
    for _ in 0..12 {
        world.source.insert(at);
        world.source.pass_hours(20);
        let report = world.cycle().await;
        let filled = report.filled();
        world.check(filled == 0, format!("{filled} tables were filled anew in a quiet week"));
    }
    Ok(())
}

async fn restore_source(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let backup = world.source.backup();
    world.source.work(200);
    let at = world.busiest()?;
    world.source.insert(at);
    world.cycle().await;
    world.source.restore(&backup);
    let report = world.cycle().await;
    let ahead = report.tables.iter().filter(|table| table.filled == Some(RefillReason::AheadOfSource)).count();
    world.check(ahead > 0, "the source was restored from a backup and no table stood ahead of it");
    world.source.work(50);
    Ok(())
}

async fn delete_and_reinsert(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let at = world.busiest()?;
    world.source.delete(at, 1);
    world.source.insert_again(at, 1);
    world.source.delete(at, 2);
    world.cycle().await;
    world.source.insert_again(at, 2);
    let new = world.source.insert(at);
    world.source.delete(at, new);
    Ok(())
}
