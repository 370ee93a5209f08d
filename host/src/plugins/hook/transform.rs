//! `transform`: a plan for each table, then batches through all steps of it.

use std::sync::Arc;
use std::time::Instant;

use crate::plugins::bindings::exports::speil::mirror::transform::{
    Applied, Batch, NamedColumnParam, RowOperation, TablePlan,
};
use crate::plugins::bindings::speil::mirror::types::{Column, Table};
use crate::plugins::call::{Failed, PluginCall};
use crate::plugins::digest::Builder;
use crate::plugins::hook::{Function, Hook};
use crate::plugins::hooks::{HookFailure, TransformPlan};
use crate::plugins::instance::within;
use crate::plugins::sidecar::Deterministic;
use crate::plugins::transform::convert::{self, Texts, Values};
use crate::plugins::transform::isolate::Isolated;
use crate::plugins::transform::merge::{self, Checked};
use crate::plugins::transform::plan::{self, Planned, Step, Steps};
use crate::plugins::transform::violation::{RowName, Violation};
use crate::protocol::columns::TypedBatch;
use crate::protocol::messages::RowOp;
use crate::protocol::table_def::TableDef;

impl PluginCall {
    /// The plans of all transforms for a table, one after the other.
    pub(in crate::plugins) async fn plan_table(&mut self, table: &Arc<TableDef>) -> Result<TransformPlan, HookFailure> {
        let transforms = self.having(Hook::Transform);
        if transforms.is_empty() {
            return Ok(TransformPlan::untouched(table.clone()));
        }
        let key = (self.info.tenant.clone(), table.digest());
        if let Some(plan) = self.set.plans.get(&key) {
            return Ok(plan);
        }
        let mut current = table.clone();
        let mut steps = Vec::new();
        let mut digest = Builder::new("speil transforms 1");
        let mut touched = false;
        let mut skipped = false;
        for at in transforms {
            let begun = Instant::now();
            let planned = match self.call_plan(at, &current).await {
                Ok(answer) => {
                    plan::check(at, &current, answer).map_err(|text| Failed::violation(Violation::of_answer(text)))
                }
                Err(failed) => Err(failed),
            };
            let planned = self.settle(at, Function::TransformPlan, Some(table.name.as_str()), begun, planned)?;
            let Some(planned) = planned else { continue };
            if matches!(planned, Planned::Untouched) {
                continue;
            }
            touched = true;
            let plugin = self.plugin(at);
            if let (Some(identity), Ok(linked)) = (plugin.identity(), &plugin.linked) {
                digest = plan::digest(digest, &identity, &linked.settings.made_with(), &planned);
            }
            match planned {
                Planned::Step(step) => {
                    current = step.after.clone();
                    steps.push(*step);
                }
                Planned::Skip => {
                    skipped = true;
                    break;
                }
                Planned::Untouched => {}
            }
        }
        let plan = TransformPlan {
            source: table.clone(),
            target: (!skipped).then_some(current),
            digest: touched.then(|| digest.finish()),
            steps: Arc::new(Steps(steps)),
        };
        self.set.plans.put(key, &plan);
        Ok(plan)
    }

    async fn call_plan(&mut self, at: usize, table: &TableDef) -> Result<Option<TablePlan>, Failed> {
        let types: Vec<String> = table.columns.iter().map(|column| column.sql_type.to_string()).collect();
        let columns: Vec<Column<'_>> = table
            .columns
            .iter()
            .zip(&types)
            .enumerate()
            .map(|(index, (column, sql_type))| Column {
                name: &column.name,
                sql_type,
                kind: convert::kind(column.sql_type),
                nullable: column.nullable,
                key: table.is_key(index),
            })
            .collect();
        let mut entered = self.enter(at, 0).await?;
        entered.instance.set_transforming(true);
        let guest = entered.guests().transform.ok_or_else(Failed::missing)?;
        let told = Table { name: table.name.as_str(), columns: &columns };
        let call = guest.call_plan(&mut entered.instance.store, Self::context(&self.info), told);
        let answer = within(entered.allowance, &self.plugin(at).limits, call).await;
        self.leave(entered, answer)?.map_err(Failed::Answered)
    }

    /// A batch through all steps of its table's plan.
    pub(in crate::plugins) async fn transform_batch(
        &mut self,
        plan: &TransformPlan,
        mut batch: TypedBatch,
    ) -> Result<TypedBatch, HookFailure> {
        self.poisoned.clear();
        // A plan without steps of ours touches nothing.
        let Some(Steps(steps)) = plan.steps.downcast_ref::<Steps>() else { return Ok(batch) };
        // What may have to be kept aside is kept as it came.
        let source = steps.iter().any(|step| self.quarantines(step.plugin)).then(|| batch.clone());
        for step in steps {
            let begun = Instant::now();
            let table = step.before.name.as_str();
            let rows = merge::live_rows(&batch);
            let mut answer = self.answer(step, &batch, &rows).await;
            if let (Some(source), true) = (&source, self.quarantines(step.plugin))
                && let Err(first) = answer
            {
                answer = match self.isolate(step, &batch, &rows, first).await {
                    Ok(Isolated { answer, poisoned }) => {
                        let out: Vec<usize> = poisoned.iter().map(|(row, _)| *row).collect();
                        batch = merge::take_out(step, batch, &out);
                        self.set_aside(step, source, &plan.source, poisoned);
                        Ok(answer)
                    }
                    Err(failed) => Err(failed),
                };
            }
            let asked = step.calls() && !rows.is_empty();
            let answer = match answer {
                Ok(answer) => answer,
                Err(failed) => {
                    self.settle(step.plugin, Function::TransformApply, Some(table), begun, Err::<(), _>(failed))?;
                    continue;
                }
            };
            if asked {
                self.settle(step.plugin, Function::TransformApply, Some(table), begun, Ok(()))?;
            }
            batch = merge::merge(step, batch, answer.as_ref());
        }
        Ok(batch)
    }

    /// What a step makes of these rows; some batches are made twice, where the sidecar says so.
    async fn answer(&mut self, step: &Step, batch: &TypedBatch, rows: &[usize]) -> Result<Option<Checked>, Failed> {
        let plugin = self.plugin(step.plugin);
        let checks = plugin.sidecar.as_ref().is_ok_and(|sidecar| sidecar.deterministic == Deterministic::Check);
        let twice =
            checks && step.calls() && !rows.is_empty() && plugin.sampler.takes(&self.info.tenant, &step.before.name);
        if !twice {
            return self.call_apply(step, batch, rows).await;
        }
        let one = self.apply_afresh(step, batch, rows).await?;
        let other = self.apply_afresh(step, batch, rows).await?;
        if let (Some(one), Some(other)) = (&one, &other)
            && let Some(difference) = merge::difference(step, one, other)
        {
            let row = difference.row.map(|row| RowName::of(&step.before, batch, rows[row]));
            return Err(Failed::Differs(difference, row));
        }
        Ok(one)
    }

    /// [`PluginCall::call_apply`] in an instance that has seen nothing before.
    pub(in crate::plugins) async fn apply_afresh(
        &mut self,
        step: &Step,
        batch: &TypedBatch,
        rows: &[usize],
    ) -> Result<Option<Checked>, Failed> {
        self.forget_instance(step.plugin);
        self.call_apply(step, batch, rows).await
    }

    /// `rows` are rows of the batch that are no deletes. `None`: the plug-in was not called, since nothing was asked of it.
    async fn call_apply(&mut self, step: &Step, batch: &TypedBatch, rows: &[usize]) -> Result<Option<Checked>, Failed> {
        if batch.columns.len() != step.before.columns.len() {
            return Err(Failed::Unusable("the batch is not of the table that was planned".into()));
        }
        if rows.is_empty() || !step.calls() {
            return Ok(None);
        }
        let operations: Vec<RowOperation> = rows
            .iter()
            .map(|&row| if batch.ops[row] == RowOp::Insert { RowOperation::Insert } else { RowOperation::Update })
            .collect();
        let answer = {
            let at = step.plugin;
            let texts: Vec<Texts> = step
                .inputs
                .iter()
                .map(|&index| Texts::of(&batch.columns[index], step.before.columns[index].sql_type, rows))
                .collect();
            let values: Vec<Values<'_>> = step
                .inputs
                .iter()
                .zip(&texts)
                .map(|(&index, texts)| Values::of(&batch.columns[index], texts, rows))
                .collect();
            let columns: Vec<NamedColumnParam<'_>> = step
                .inputs
                .iter()
                .zip(&values)
                .map(|(&index, values)| NamedColumnParam {
                    name: &step.before.columns[index].name,
                    values: values.as_param(),
                })
                .collect();
            let told = Batch { operations: &operations, columns: &columns };
            let mut entered = self.enter(at, rows.len()).await?;
            entered.instance.set_transforming(true);
            let guest = entered.guests().transform.ok_or_else(Failed::missing)?;
            let context = Self::context(&self.info);
            let call = guest.call_apply(&mut entered.instance.store, context, step.before.name.as_str(), told);
            let answer = within(entered.allowance, &self.plugin(at).limits, call).await;
            let answer: Applied = self.leave(entered, answer)?.map_err(Failed::Answered)?;
            answer
        };
        merge::check(step, answer, rows.len()).map(Some).map_err(|violation| {
            let row = violation.row.map(|row| RowName::of(&step.before, batch, rows[row]));
            Failed::Violation(violation, row)
        })
    }
}
