//! `operation`: around each of the five operations.

use crate::plugins::bindings::speil::mirror::types::OperationKind;
use crate::plugins::call::{Failed, PluginCall};
use crate::plugins::hooks::CallOutcome;
use crate::plugins::instance::within;
use crate::protocol::names::Operation;

impl PluginCall {
    pub(in crate::plugins) async fn call_operation_before(&mut self, at: usize) -> Result<(), Failed> {
        let mut entered = self.enter(at, 0).await?;
        let guest = entered.guests().operation.ok_or_else(Failed::missing)?;
        let operation = kind(self.info.operation);
        let call = guest.call_before(&mut entered.instance.store, Self::context(&self.info), operation);
        let answer = within(entered.allowance, &self.plugin(at).limits, call).await;
        self.leave(entered, answer)?.map_err(Failed::Answered)
    }

    pub(in crate::plugins) async fn call_operation_after(
        &mut self,
        at: usize,
        outcome: &CallOutcome,
    ) -> Result<(), Failed> {
        let mut entered = self.enter(at, 0).await?;
        let guest = entered.guests().operation.ok_or_else(Failed::missing)?;
        let operation = kind(self.info.operation);
        let context = Self::context(&self.info);
        let store = &mut entered.instance.store;
        let call = guest.call_after(store, context, operation, outcome.successful, &outcome.message);
        let answer = within(entered.allowance, &self.plugin(at).limits, call).await;
        self.leave(entered, answer)?.map_err(Failed::Answered)
    }
}

const fn kind(operation: Operation) -> OperationKind {
    match operation {
        Operation::Authenticate => OperationKind::Authenticate,
        Operation::TableSchema => OperationKind::TableSchema,
        Operation::RowData => OperationKind::RowData,
        Operation::Wipe => OperationKind::Wipe,
        Operation::ReplicationCompleted => OperationKind::ReplicationCompleted,
    }
}
