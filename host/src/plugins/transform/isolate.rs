//! Which rows are at fault when a batch fails and the sidecar says `poison = "quarantine"`: the batch is halved again and again,
//! each part in an instance of its own, until single rows fail by themselves. Those are handed to the pipeline, which leaves
//! them out of the mirror and keeps them aside; all others go on as if they had come without them.
//!
//! Bounded: so many tries, so much time, and no more rows than `quarantine_cap`. What is beyond any of these fails the call as
//! `poison = "stop"` would, and says so. What no row can be blamed for (no room for an instance, the call's time is up, the
//! plug-in is broken) fails the call at once.

use std::ops::Range;
use std::time::{Duration, Instant};

use super::merge::{self, Checked};
use super::plan::Step;
use super::violation::RowName;
use crate::plugins::call::{Failed, PluginCall};
use crate::plugins::hook::Function;
use crate::plugins::hooks::Poisoned;
use crate::plugins::sidecar::Poison;
use crate::protocol::cell::{self, RawCell};
use crate::protocol::columns::TypedBatch;
use crate::protocol::table_def::TableDef;

/// Calls of `apply` for one batch at most.
const TRIES: usize = 4_096;
/// Time for one batch at most, whatever the plug-in's own limits are.
const TIME: Duration = Duration::from_mins(2);

/// What became of a batch that failed.
pub struct Isolated {
    /// For the rows that are left.
    pub answer: Option<Checked>,
    /// Rows of the batch, from 0, and why each fails by itself.
    pub poisoned: Vec<(usize, Failed)>,
}

impl PluginCall {
    /// Whether rows that a plug-in fails on are to be kept aside.
    pub(in crate::plugins) fn quarantines(&self, at: usize) -> bool {
        self.outside.keeps_aside()
            && self.plugin(at).sidecar.as_ref().is_ok_and(|sidecar| sidecar.poison == Poison::Quarantine)
    }

    /// Finds the rows at fault among `rows` of a batch that has failed with `first`.
    pub(in crate::plugins) async fn isolate(
        &mut self,
        step: &Step,
        batch: &TypedBatch,
        rows: &[usize],
        first: Failed,
    ) -> Result<Isolated, Failed> {
        let sidecar = self.plugin(step.plugin).sidecar_name();
        let stopped = |first: Failed, why: String| Failed::Kept { first: Box::new(first), why };
        if !first.may_be_a_row() {
            return Err(first);
        }
        if step.before.key.is_empty() {
            let why = "a table without a key has no name to keep a row aside under, so the call fails as with poison = \"stop\"";
            return Err(stopped(first, why.into()));
        }
        let cap = self.plugin(step.plugin).sidecar.as_ref().map_or(0, |sidecar| sidecar.quarantine_cap);
        let begun = Instant::now();
        let mut tries = 0;
        let mut answers = Vec::new();
        let mut poisoned = Vec::new();
        // The next part on top.
        let mut parts = Vec::new();
        split(&mut parts, 0..rows.len());
        while let Some(part) = parts.pop() {
            tries += 1;
            if tries > TRIES || begun.elapsed() > TIME {
                let (tries, seconds) = (tries - 1, begun.elapsed().as_secs());
                let why = format!(
                    "the rows at fault could not be found in {tries} tries and {seconds} s, so the call fails as with \
                     poison = \"stop\""
                );
                return Err(stopped(first, why));
            }
            match self.apply_afresh(step, batch, &rows[part.clone()]).await {
                Ok(answer) => answers.extend(answer),
                Err(failed) if !failed.may_be_a_row() => return Err(failed),
                Err(failed) if part.len() == 1 => {
                    poisoned.push((rows[part.start], failed));
                    if poisoned.len() > cap {
                        return Err(stopped(first, full(step.before.name.as_str(), cap, &sidecar)));
                    }
                }
                Err(_) => split(&mut parts, part),
            }
        }
        self.forget_instance(step.plugin);
        Ok(Isolated { answer: merge::join(step, answers).map_err(Failed::violation)?, poisoned })
    }

    /// Notes rows to be kept aside as they came from the source.
    pub(in crate::plugins) fn set_aside(
        &mut self,
        step: &Step,
        source: &TypedBatch,
        table: &TableDef,
        rows: Vec<(usize, Failed)>,
    ) {
        let set = self.set.clone();
        let plugin = &set.plugins[step.plugin];
        let function = Function::TransformApply;
        for (row, failed) in rows {
            let name = RowName::of(table, source, row);
            let failed = failed.of_row(&name);
            self.poisoned.push(Poisoned {
                row,
                plugin: plugin.name.clone(),
                cap: plugin.sidecar.as_ref().map_or(0, |sidecar| sidecar.quarantine_cap),
                error: failed.sentence(plugin, function, Some(table.name.as_str())),
                log: failed.logged(plugin, function, Some(table.name.as_str())),
                op: source.ops[row],
                cells: raw(table, source, row),
            });
        }
    }
}

/// Why no more rows can be kept aside.
fn full(table: &str, cap: usize, sidecar: &str) -> String {
    format!(
        "more than {cap} rows of table {table} would be kept aside, which is the most (`quarantine_cap` in {sidecar}), so the \
         call fails as with poison = \"stop\""
    )
}

/// Puts both halves of a part on top, the first one first; a single row is tried by itself once more, in an instance that has
/// seen nothing before.
fn split(parts: &mut Vec<Range<usize>>, part: Range<usize>) {
    let half = part.start + part.len() / 2;
    if half == part.start {
        parts.push(part);
    } else {
        parts.push(half..part.end);
        parts.push(part.start..half);
    }
}

fn raw(table: &TableDef, source: &TypedBatch, row: usize) -> Vec<RawCell> {
    let cells = table.columns.iter().zip(&source.columns).map(|(def, column)| RawCell {
        column: def.name.clone(),
        text: cell::encode(column.value(row, def.sql_type.decimal_scale()), def.sql_type),
    });
    cells.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_all_rows_in_order_and_single_rows_stay_single() {
        for rows in 1..40 {
            let (mut parts, mut seen) = (Vec::new(), Vec::new());
            split(&mut parts, 0..rows);
            while let Some(part) = parts.pop() {
                if part.len() > 1 {
                    split(&mut parts, part);
                } else {
                    seen.extend(part);
                }
            }
            assert_eq!(seen, (0..rows).collect::<Vec<_>>());
        }
    }
}
