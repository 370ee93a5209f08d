//! A large table: whether filling it slows down as it grows, and changes in it, held against the same statements by a plain loop
//! in a copy of the mirror.

use super::Machine;
use super::host::Host;
use super::plain::Plain;
use super::report::{Line, median};
use super::table;
use super::work::Work;
use crate::cli::CliError;
use crate::cli::output::thousands;
use crate::task::source::Need;

/// Most rows of one measurement of growth; a small table has at least four.
const PART: u64 = 10_000;
/// Most measurements at the beginning, which those at the end are held against: one alone is chance.
const SOME: usize = 9;
/// Changes in one round.
const CHANGES: u64 = 20_000;

pub(super) async fn lines(machine: &Machine) -> Result<Vec<Line>, CliError> {
    let part = (machine.large / 4).clamp(1, PART);
    let rows = machine.large / part * part;
    let mut source = table::source(rows);
    let host = Host::start(&machine.directory, &machine.keys, &[]).await?;
    let client = host.tenant("Large", &[source.tables()[0].info()]).await?;

    let mut rates = Vec::new();
    for number in 0..rows / part {
        let first = i64::try_from(number * part).map_err(CliError::failed)? + 1;
        let last = first + i64::try_from(part).map_err(CliError::failed)? - 1;
        let work = Work::part(&source, first..=last, last.unsigned_abs());
        let calls = work.calls(&client)?;
        rates.push(table::per_second(part, calls.make(&client).await?));
    }
    // The middle one of the first and of the last.
    let some = (rates.len() / 4).clamp(1, SOME);
    let first_rows = part * some as u64;
    let growth = Line::new(
        &format!("growth: {} rows more in a table of {}", thousands(part), thousands(rows)),
        &format!("the same in its first {}", thousands(first_rows)),
        "rows/s",
        median(rates[..some].to_vec()),
        median(rates[rates.len() - some..].to_vec()),
        0.8,
    );

    let mirror = host.setup.mirror("Large");
    let copy = host.setup.path("copy.db");
    let db = rusqlite::Connection::open_with_flags(&mirror, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY);
    let vacuumed = db.and_then(|db| db.execute("VACUUM INTO ?1", [copy.to_string_lossy()]));
    vacuumed.map_err(CliError::failed)?;
    let (mut limit, mut ours) = (Vec::new(), Vec::new());
    for round in 0..machine.rounds {
        let before = source.version();
        table::change_some(&mut source, round, CHANGES.min(rows / 2));
        let Need::Changes(changes) = source.need(&source.tables()[0], before) else {
            return Err(CliError::failed("the source kept no changes to send"));
        };
        let work = Work::of(&source, changes.into_iter().collect(), source.rows());
        limit.push(table::per_second(work.rows, Plain::open(&copy, &work)?.run(&work.plain)?));
        let calls = work.calls(&client)?;
        ours.push(table::per_second(work.rows, calls.make(&client).await?));
        work.all_there(&mirror)?;
        work.all_there(&copy)?;
    }
    host.stop().await;
    let what = format!(
        "changes over HTTP in a table of {} rows: half updates, a quarter inserts and deletes each",
        thousands(rows)
    );
    let changes = Line::rounds(&what, "the same statements by plain loop", "rows/s", &limit, &ours, 1.0);
    Ok(vec![changes, growth])
}
