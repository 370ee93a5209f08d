//! ReplicationCompleted: the cycle is whole. What the Task says it sent is compared with what came.

use super::call::{Call, CallError};
use crate::protocol::messages::ReplicationSummary;
use crate::store::history::EventLevel;

pub(super) async fn run(call: &mut Call<'_>, changed: &[ReplicationSummary]) -> Result<(), CallError> {
    for summary in changed {
        call.tables.note(&summary.table_name);
    }
    let opened = call.open().await?;
    let _cycle = call.lock_cycle().await?;
    let now = call.now();
    let mismatches = opened.db.history().complete_cycle(now, changed).await?;
    for mismatch in mismatches {
        call.event(
            EventLevel::Warning,
            "cycle",
            None,
            mismatch,
            Some("if it happens again, resync the table: speil resync".into()),
        );
    }
    let total = |count: fn(&ReplicationSummary) -> i32| changed.iter().map(|one| i64::from(count(one))).sum::<i64>();
    call.event(
        EventLevel::Info,
        "cycle",
        None,
        format!(
            "cycle completed: {} tables changed, {} inserts, {} updates, {} deletes",
            changed.len(),
            total(|one| one.inserts),
            total(|one| one.updates),
            total(|one| one.deletes)
        ),
        None,
    );
    call.hooks.replication_completed(changed).await;
    Ok(())
}
