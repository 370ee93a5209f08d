//! `rows-committed`: a batch is durable.

use crate::plugins::bindings::exports::speil::mirror::rows_committed::{Change, ChangeKind, Commit};
use crate::plugins::call::{Failed, PluginCall};
use crate::plugins::hooks::Committed;
use crate::plugins::instance::within;

impl PluginCall {
    pub(in crate::plugins) async fn call_rows_committed(
        &mut self,
        at: usize,
        committed: &Committed,
    ) -> Result<(), Failed> {
        let keys: Vec<Vec<&str>> =
            committed.changes.iter().map(|(_, key)| key.iter().map(String::as_str).collect()).collect();
        let changes: Vec<Change<'_>> = committed
            .changes
            .iter()
            .zip(&keys)
            .map(|((deleted, _), key)| Change {
                kind: if *deleted { ChangeKind::Deleted } else { ChangeKind::Upserted },
                key,
            })
            .collect();
        let commit = Commit {
            table: committed.table.as_str(),
            inserted: committed.applied.inserted,
            updated: committed.applied.updated,
            deleted: committed.applied.deleted,
            lsn: committed.lsn.0,
            changes: &changes,
            truncated: committed.truncated,
        };
        let mut entered = self.enter(at, changes.len()).await?;
        let guest = entered.guests().rows_committed.ok_or_else(Failed::missing)?;
        let call = guest.call_rows_committed(&mut entered.instance.store, Self::context(&self.info), commit);
        let answer = within(entered.allowance, &self.plugin(at).limits, call).await;
        self.leave(entered, answer)?.map_err(Failed::Answered)
    }
}
