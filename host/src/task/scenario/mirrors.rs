//! Stories of the mirror: what administrators do to it by hand, and a backup put back (protocol.md section 6).

use super::{Scenario, World, scenario};
use crate::task::error::TaskError;

pub(super) const ALL: &[Scenario] = &[
    scenario!("resync-table", "an administrator sets one LSN to -1", resync_table, mirror),
    scenario!("resync-all", "an administrator sets every LSN to -1", resync_all, mirror),
    scenario!("hard-reset", "an administrator deletes a metadata row and drops the table", hard_reset, mirror),
    scenario!("metadata-dropped", "an administrator drops the metadata table", metadata_dropped, mirror),
    scenario!("restore-mirror", "the mirror is restored from a backup and catches up", restore_mirror, mirror),
];

async fn resync_table(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let table = world.busiest_name()?;
    let file = world.file()?;
    file.delete_a_row(&table)?;
    file.set_refill(Some(&table))?;
    world.source.work(20);
    let report = world.cycle().await;
    let filled: Vec<String> =
        report.tables.iter().filter(|sent| sent.filled.is_some()).map(|sent| sent.table.clone()).collect();
    world.check(filled == [table.clone()], format!("LSN -1 was set for {table} by hand, but filled were: {filled:?}"));
    Ok(())
}

async fn resync_all(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    world.file()?.set_refill(None)?;
    let report = world.cycle().await;
    let (filled, tables) = (report.filled(), world.source.tables().len());
    world.check(
        filled == tables,
        format!("every LSN was set to -1 by hand, but {filled} tables of {tables} were filled"),
    );
    Ok(())
}

async fn hard_reset(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let table = world.busiest_name()?;
    world.file()?.hard_reset(&table)?;
    let report = world.cycle().await;
    let filled = report.filled();
    world.check(filled == 1, format!("one table was reset by hand, {filled} were filled"));
    Ok(())
}

async fn metadata_dropped(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    world.file()?.drop_metadata()?;
    world.cycle().await;
    Ok(())
}

async fn restore_mirror(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let folder = tempfile::tempdir()
        .map_err(|error| TaskError::usage(format!("no temporary folder for the mirror's backup: {error}")))?;
    let backup = folder.path().join("backup.db");
    let file = world.file()?;
    file.backup(&backup)?;
    world.source.work(150);
    world.cycle().await;
    file.restore(&backup)?;
    world.source.work(50);
    let report = world.cycle().await;
    let filled = report.filled();
    world.check(
        filled == 0,
        format!("a mirror restored from a backup catches up, yet {filled} tables were filled anew"),
    );
    Ok(())
}
