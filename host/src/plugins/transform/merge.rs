//! A batch and what a plug-in answered for it become the next batch.

use super::convert;
use super::plan::{Origin, Step};
use super::violation::Violation;
use crate::plugins::bindings::exports::speil::mirror::transform::Applied;
use crate::protocol::columns::{Column, Fixed, Spans, TypedBatch, Value};
use crate::protocol::messages::RowOp;
use crate::protocol::sql_type::Family;

/// The rows a plug-in sees: inserts and updates.
#[must_use]
pub fn live_rows(batch: &TypedBatch) -> Vec<usize> {
    (0..batch.len()).filter(|&row| batch.ops[row] != RowOp::Delete).collect()
}

/// An answer whose every value has been checked.
#[derive(Debug, Clone)]
pub struct Checked {
    /// One column for each of [`Step::outputs`], in their order, of the live rows.
    columns: Vec<Column>,
    /// For each live row, whether it stays; empty when the step does not filter.
    keep: Vec<bool>,
}

/// Checks an answer against what the plan promised. Key columns cannot come back at all: a plan may not promise them.
///
/// # Errors
/// What is wrong, without any value.
pub fn check(step: &Step, answer: Applied, rows: usize) -> Result<Checked, Violation> {
    let wanted_flags = if step.filter { rows } else { 0 };
    if answer.keep.len() != wanted_flags {
        return Err(Violation::of_answer(if step.filter {
            format!("it returned {} keep flags for {rows} rows", answer.keep.len())
        } else {
            format!("it returned {} keep flags, and its plan has no filter", answer.keep.len())
        }));
    }
    let mut columns: Vec<Option<Column>> = vec![None; step.outputs.len()];
    for named in answer.columns {
        let index = step.after.column_index(&named.name);
        let Some(position) = step.outputs.iter().position(|&output| Some(output) == index) else {
            let name = crate::plugins::events::quoted(&named.name, 128);
            let text = match index {
                Some(index) if step.after.is_key(index) => {
                    format!(
                        "it returned the column `{name}`, which is part of the primary key; key columns are not changed"
                    )
                }
                _ => format!("it returned the column `{name}`, which its plan did not promise"),
            };
            return Err(Violation::of_column(&name, text));
        };
        let def = &step.after.columns[step.outputs[position]];
        if columns[position].is_some() {
            return Err(Violation::of_column(&def.name, format!("it returned the column `{}` twice", def.name)));
        }
        columns[position] = Some(convert::column(named.values, def, rows)?);
    }
    let columns = columns
        .into_iter()
        .zip(&step.outputs)
        .map(|(column, &index)| {
            column.ok_or_else(|| {
                let name = &step.after.columns[index].name;
                let text = format!("it did not return the column `{name}`, which its plan promised");
                Violation::of_column(name, text)
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(Checked { columns, keep: answer.keep })
}

/// Where two answers for the same rows differ first.
#[must_use]
pub fn difference(step: &Step, one: &Checked, other: &Checked) -> Option<Violation> {
    let same = |a: Value<'_>, b: Value<'_>| match (a, b) {
        (Value::Real(a), Value::Real(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    };
    let flag = one.keep.iter().zip(&other.keep).position(|(a, b)| a != b);
    let value = step.outputs.iter().zip(one.columns.iter().zip(&other.columns)).find_map(|(&index, (a, b))| {
        let def = &step.after.columns[index];
        let scale = def.sql_type.decimal_scale();
        let row = (0..a.len()).find(|&row| !same(a.value(row, scale), b.value(row, scale)))?;
        Some((row, def))
    });
    match (flag, value) {
        (_, Some((row, def))) => Some(Violation::of_value(
            &def.name,
            row,
            "made twice of the same rows it came out different; a transform makes the same of the same rows, without clock, \
             chance or memory",
        )),
        (Some(row), None) => Some(Violation::of_row(
            row,
            "asked twice about the same rows it kept the row once and once not; a transform makes the same of the same rows, \
             without clock, chance or memory"
                .into(),
        )),
        (None, None) => None,
    }
}

/// Answers for stretches of rows, one after the other, as one answer for all of them; `None`: there was nothing to ask.
///
/// # Errors
/// Together they are more than a column can hold.
pub fn join(step: &Step, answers: Vec<Checked>) -> Result<Option<Checked>, Violation> {
    let mut answers = answers.into_iter();
    let Some(mut joined) = answers.next() else { return Ok(None) };
    for answer in answers {
        for ((&index, into), from) in step.outputs.iter().zip(&mut joined.columns).zip(&answer.columns) {
            let def = &step.after.columns[index];
            for row in 0..from.len() {
                into.push(from.value(row, def.sql_type.decimal_scale())).map_err(|error| {
                    let text = format!("its values for the column `{}` cannot be put together: {error}", def.name);
                    Violation::of_column(&def.name, text)
                })?;
            }
        }
        joined.keep.extend(answer.keep);
    }
    Ok(Some(joined))
}

/// The batch with these rows made deletes: their cells beside the key are NULL.
#[must_use]
pub fn take_out(step: &Step, batch: TypedBatch, rows: &[usize]) -> TypedBatch {
    let TypedBatch { mut ops, columns, first_row } = batch;
    let mut out = vec![false; ops.len()];
    for &row in rows {
        out[row] = true;
        ops[row] = RowOp::Delete;
    }
    let kept = |index: usize, column: Column| {
        if step.before.is_key(index) {
            return column;
        }
        pick(&column, out.iter().enumerate().map(|(row, out)| (!out).then_some(row)))
    };
    let columns = columns.into_iter().enumerate().map(|(index, column)| kept(index, column)).collect();
    TypedBatch { ops, columns, first_row }
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
