//! A batch and what a plug-in answered for it become the next batch.

use super::convert;
use super::plan::{Origin, Step};
use crate::plugins::bindings::exports::speil::mirror::transform::Applied;
use crate::protocol::columns::{Column, Fixed, Spans, TypedBatch};
use crate::protocol::messages::RowOp;
use crate::protocol::sql_type::Family;

/// The rows a plug-in sees: inserts and updates.
#[must_use]
pub fn live_rows(batch: &TypedBatch) -> Vec<usize> {
    (0..batch.len()).filter(|&row| batch.ops[row] != RowOp::Delete).collect()
}

/// An answer whose every value has been checked.
pub struct Checked {
    /// One column for each of [`Step::outputs`], in their order, of the live rows.
    columns: Vec<Column>,
    /// For each live row, whether it stays; empty when the step does not filter.
    keep: Vec<bool>,
}

/// Checks an answer against what the plan promised.
///
/// # Errors
/// A sentence without the plug-in's and the table's name, and without any value.
pub fn check(step: &Step, answer: Applied, rows: usize) -> Result<Checked, String> {
    let wanted_flags = if step.filter { rows } else { 0 };
    if answer.keep.len() != wanted_flags {
        return Err(if step.filter {
            format!("it returned {} keep flags for {rows} rows", answer.keep.len())
        } else {
            format!("it returned {} keep flags, and its plan has no filter", answer.keep.len())
        });
    }
    let mut columns: Vec<Option<Column>> = vec![None; step.outputs.len()];
    for named in answer.columns {
        let index = step.after.column_index(&named.name);
        let Some(position) = step.outputs.iter().position(|&output| Some(output) == index) else {
            return Err(format!(
                "it returned the column `{}`, which its plan did not promise",
                crate::plugins::events::quoted(&named.name, 128)
            ));
        };
        let def = &step.after.columns[step.outputs[position]];
        if columns[position].is_some() {
            return Err(format!("it returned the column `{}` twice", def.name));
        }
        columns[position] = Some(convert::column(named.values, def, rows)?);
    }
    let columns = columns
        .into_iter()
        .zip(&step.outputs)
        .map(|(column, &index)| {
            column.ok_or_else(|| {
                format!("it did not return the column `{}`, which its plan promised", step.after.columns[index].name)
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Checked { columns, keep: answer.keep })
}

/// What becomes of one row.
#[derive(Clone, Copy)]
struct Fate {
    /// Row of the batch before.
    row: usize,
    /// Its number among the live rows; `None` for deletes and for rows not kept.
    live: Option<usize>,
}

/// Puts the next batch together. Without an answer (no live rows, or nothing asked) promised columns are NULL.
#[must_use]
pub fn merge(step: &Step, batch: TypedBatch, answer: Option<&Checked>) -> TypedBatch {
    let filtered = answer.is_some_and(|answer| answer.keep.contains(&false));
    let has_key = !step.before.key.is_empty();
    let mut live = 0;
    let mut fates = Vec::with_capacity(batch.len());
    let mut ops = Vec::with_capacity(batch.len());
    for row in 0..batch.len() {
        if batch.ops[row] == RowOp::Delete {
            fates.push(Fate { row, live: None });
            ops.push(RowOp::Delete);
            continue;
        }
        let number = live;
        live += 1;
        if !filtered || answer.is_none_or(|answer| answer.keep[number]) {
            fates.push(Fate { row, live: Some(number) });
            ops.push(batch.ops[row]);
        } else if has_key {
            // It may be in the mirror from earlier: taken out by its key.
            fates.push(Fate { row, live: None });
            ops.push(RowOp::Delete);
        }
        // A table without a key only ever gets inserts: what is not kept was never there.
    }

    let all_live = fates.iter().all(|fate| fate.live.is_some());
    let mut before: Vec<Option<Column>> = batch.columns.into_iter().map(Some).collect();
    let columns = step
        .origins
        .iter()
        .enumerate()
        .map(|(index, origin)| {
            let def = &step.after.columns[index];
            match *origin {
                Origin::Kept(from) => {
                    let column = before[from].take().unwrap_or_else(|| nulls(def.sql_type.family(), 0));
                    if !filtered {
                        column
                    } else if step.after.is_key(index) {
                        pick(&column, fates.iter().map(|fate| Some(fate.row)))
                    } else {
                        // Cells of a delete beside its key are NULL.
                        pick(&column, fates.iter().map(|fate| fate.live.map(|_| fate.row)))
                    }
                }
                Origin::Output(position) => match answer {
                    Some(answer) if all_live && !filtered => answer.columns[position].clone(),
                    Some(answer) => pick(&answer.columns[position], fates.iter().map(|fate| fate.live)),
                    None => nulls(def.sql_type.family(), fates.len()),
                },
                Origin::Null => nulls(def.sql_type.family(), fates.len()),
            }
        })
        .collect();
    TypedBatch { ops, columns, first_row: batch.first_row }
}

/// A column of these rows, in this order; `None` is NULL.
fn pick(column: &Column, rows: impl Iterator<Item = Option<usize>>) -> Column {
    fn fixed<T: Copy + Default>(column: &Fixed<T>, rows: impl Iterator<Item = Option<usize>>) -> Fixed<T> {
        let mut picked = Fixed::with_capacity(rows.size_hint().0);
        rows.for_each(|row| picked.push(row.and_then(|row| column.get(row))));
        picked
    }
    fn spans(column: &Spans, rows: impl Iterator<Item = Option<usize>>) -> Spans {
        Spans::from_values(rows.map(|row| row.and_then(|row| column.get(row))))
    }
    match column {
        Column::Integer(values) => Column::Integer(fixed(values, rows)),
        Column::Real(values) => Column::Real(fixed(values, rows)),
        Column::Decimal(values) => Column::Decimal(fixed(values, rows)),
        Column::Timestamp(values) => Column::Timestamp(fixed(values, rows)),
        Column::Time(values) => Column::Time(fixed(values, rows)),
        Column::TimestampOffset(values) => Column::TimestampOffset(fixed(values, rows)),
        Column::Text(values) => Column::Text(spans(values, rows)),
        Column::Binary(values) => Column::Binary(spans(values, rows)),
        Column::Guid(values) => Column::Guid(fixed(values, rows)),
    }
}

/// A column of NULLs.
fn nulls(family: Family, rows: usize) -> Column {
    fn fixed<T: Copy + Default>(rows: usize) -> Fixed<T> {
        let mut column = Fixed::with_capacity(rows);
        (0..rows).for_each(|_| column.push(None));
        column
    }
    let spans = || Spans::from_values(std::iter::repeat_n(None, rows));
    match family {
        Family::Integer => Column::Integer(fixed(rows)),
        Family::Real => Column::Real(fixed(rows)),
        Family::Decimal => Column::Decimal(fixed(rows)),
        Family::Timestamp => Column::Timestamp(fixed(rows)),
        Family::Time => Column::Time(fixed(rows)),
        Family::TimestampOffset => Column::TimestampOffset(fixed(rows)),
        Family::Text => Column::Text(spans()),
        Family::Binary => Column::Binary(spans()),
        Family::Guid => Column::Guid(fixed(rows)),
    }
}
