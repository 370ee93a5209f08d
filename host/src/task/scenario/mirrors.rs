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

/// The backup's name.
const COPY: &str = "before_the_restore";

async fn resync_table(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let table = world.busiest_name()?;
    let place = world.place()?;
    place.delete_a_row(&table).await?;
    place.set_refill(Some(&table)).await?;
    world.source.work(20);
    let report = world.cycle().await;
    let filled: Vec<String> =
        report.tables.iter().filter(|sent| sent.filled.is_some()).map(|sent| sent.table.clone()).collect();
    world.check(filled == [table.clone()], format!("LSN -1 was set for {table} by hand, but filled were: {filled:?}"));
    Ok(())
}

async fn resync_all(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    world.place()?.set_refill(None).await?;
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
    world.place()?.hard_reset(&table).await?;
    let report = world.cycle().await;
    let filled = report.filled();
    world.check(filled == 1, format!("one table was reset by hand, {filled} were filled"));
    Ok(())
}

async fn metadata_dropped(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    world.place()?.drop_metadata().await?;
    world.cycle().await;
    Ok(())
}

async fn restore_mirror(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    let place = world.place()?;
    place.backup(COPY).await?;
    world.source.work(150);
    world.cycle().await;
    place.restore(COPY).await?;
    world.source.work(50);
    let report = world.cycle().await;
    let filled = report.filled();
    world.check(
        filled == 0,
        format!("a mirror restored from a backup catches up, yet {filled} tables were filled anew"),
    );
    Ok(())
}
