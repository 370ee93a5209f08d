//! The last operation per key wins (protocol.md section 7): from a batch of operations to rows to delete and rows to
//! write, no key twice.
//!
//! Keys are compared by value, exactly: text by its code points. SQL Server's usual collations compare text without
//! regard to case or trailing spaces, so there two operations on `a` and `A` are two on one row and here two on two; the Task
//! sends only the final state of a row, under one spelling, so nothing hangs on it, and the store's own key has the last
//! word.

use std::collections::HashMap;
use std::hash::Hash;

use crate::protocol::columns::{Column, TypedBatch, Value};
use crate::protocol::messages::RowOp;
use crate::protocol::table_def::TableDef;

/// Row numbers of the batch, from 0, in order of their last operation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reduced {
    pub(super) deletes: Vec<u32>,
    pub(super) upserts: Vec<u32>,
}

/// A row that cannot be reduced. `row` counts from 0 inside the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReduceError {
    /// An update or delete of a table that has no key.
    NoKey { row: usize, op: RowOp },
    /// A key cell is NULL.
    NullKey { row: usize, column: usize },
}

/// Reduces a batch of rows of `def`.
///
/// # Panics
/// When the batch has 2^32 rows; a segment has at most 65,536.
pub(super) fn reduce(batch: &TypedBatch, def: &TableDef) -> Result<Reduced, ReduceError> {
    if def.key.is_empty() {
        if let Some(row) = batch.ops.iter().position(|&op| op != RowOp::Insert) {
            return Err(ReduceError::NoKey { row, op: batch.ops[row] });
        }
        return Ok(Reduced { deletes: Vec::new(), upserts: (0..number(batch.len())).collect() });
    }
    if let [at] = def.key[..]
        && let Column::Integer(keys) = &batch.columns[at]
    {
        // Nearly every real table. A Task sends keys in rising order, and then nothing can be there twice.
        let mut previous = None;
        let mut rising = true;
        for row in 0..batch.len() {
            let key = keys.get(row).ok_or(ReduceError::NullKey { row, column: at })?;
            rising &= previous.is_none_or(|previous| previous < key);
            previous = Some(key);
        }
        if rising {
            return Ok(split(batch, |_| true));
        }
        return Ok(last_per_key(batch, |row| keys.get(row)));
    }
    for row in 0..batch.len() {
        if let Some(&column) = def.key.iter().find(|&&at| batch.columns[at].value(row, 0) == Value::Null) {
            return Err(ReduceError::NullKey { row, column });
        }
    }
    Ok(last_per_key(batch, |row| def.key.iter().map(|&at| key_part(&batch.columns[at], row)).collect::<Vec<_>>()))
}

fn last_per_key<K: Eq + Hash>(batch: &TypedBatch, key: impl Fn(usize) -> K) -> Reduced {
    let mut last = HashMap::with_capacity(batch.len());
    for row in 0..batch.len() {
        last.insert(key(row), row);
    }
    if last.len() == batch.len() {
        return split(batch, |_| true);
    }
    let mut wins = vec![false; batch.len()];
    for row in last.into_values() {
        wins[row] = true;
    }
    split(batch, |row| wins[row])
}

fn split(batch: &TypedBatch, wins: impl Fn(usize) -> bool) -> Reduced {
    let mut reduced = Reduced::default();
    for (row, op) in batch.ops.iter().enumerate() {
        if wins(row) {
            match op {
                RowOp::Delete => reduced.deletes.push(number(row)),
                RowOp::Insert | RowOp::Update => reduced.upserts.push(number(row)),
            }
        }
    }
    reduced
}

fn number(row: usize) -> u32 {
    u32::try_from(row).expect("a segment has at most 65,536 rows")
}

/// A key cell, comparable.
#[derive(PartialEq, Eq, Hash)]
enum KeyPart<'a> {
    Integer(i128),
    /// A float by its bits, with one zero.
    Real(u64),
    Offset(i64, i16),
    Bytes(&'a [u8]),
    Guid([u8; 16]),
    Null,
}

fn key_part(column: &Column, row: usize) -> KeyPart<'_> {
    match column.value(row, 0) {
        Value::Null => KeyPart::Null,
        Value::Integer(value) | Value::Timestamp(value) | Value::Time(value) => KeyPart::Integer(value.into()),
        Value::Decimal { unscaled, .. } => KeyPart::Integer(unscaled),
        Value::Real(value) => KeyPart::Real(if value == 0.0 { 0 } else { value.to_bits() }),
        // The same moment is the same key, whatever the offset it is told in.
        Value::TimestampOffset(ticks, offset) => KeyPart::Offset(ticks - i64::from(offset) * 600_000_000, 0),
        Value::Text(text) => KeyPart::Bytes(text.as_bytes()),
        Value::Binary(bytes) => KeyPart::Bytes(bytes),
        Value::Guid(guid) => KeyPart::Guid(guid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::columns::{Fixed, Spans};
    use crate::protocol::sql_type::{Length, SqlType};
    use crate::protocol::table_def::ColumnDef;
    use crate::protocol::table_name::TableName;
    use RowOp::{Delete as D, Insert as I, Update as U};
    use proptest::prelude::*;

    fn def(types: &[SqlType], key: &[usize]) -> TableDef {
        let columns = types.iter().enumerate().map(|(at, &sql_type)| ColumnDef {
            name: format!("c{at}"),
            sql_type,
            nullable: false,
            default: None,
        });
        TableDef { name: TableName::new("t").unwrap(), columns: columns.collect(), key: key.to_vec() }
    }

    fn integers(values: &[Option<i64>]) -> Column {
        let mut column = Fixed::with_capacity(values.len());
        for &value in values {
            column.push(value);
        }
        Column::Integer(column)
    }

    fn texts(values: &[&str]) -> Column {
        Column::Text(Spans::from_values(values.iter().map(|text| Some(text.as_bytes()))))
    }

    #[test]
    fn the_last_operation_on_a_key_wins() {
        let batch = TypedBatch {
            ops: vec![I, U, D, I, D, I],
            columns: vec![integers(&[Some(1), Some(1), Some(1), Some(2), Some(3), Some(3)])],
            first_row: 1,
        };
        let reduced = reduce(&batch, &def(&[SqlType::Int], &[0])).unwrap();
        assert_eq!(reduced, Reduced { deletes: vec![2], upserts: vec![3, 5] });
    }

    #[test]
    fn keys_of_several_columns_and_of_text_are_compared_whole_and_exactly() {
        let batch = TypedBatch {
            ops: vec![I, I, I, D],
            columns: vec![texts(&["a", "A", "a", "a"]), integers(&[Some(1), Some(1), Some(2), Some(1)])],
            first_row: 1,
        };
        let def = def(&[SqlType::NVarChar(Length::Max), SqlType::Int], &[0, 1]);
        assert_eq!(reduce(&batch, &def).unwrap(), Reduced { deletes: vec![3], upserts: vec![1, 2] });
    }

    #[test]
    fn a_table_without_a_key_takes_inserts_only() {
        let mut batch = TypedBatch { ops: vec![I, I], columns: vec![integers(&[Some(1), Some(1)])], first_row: 1 };
        let def = def(&[SqlType::Int], &[]);
        assert_eq!(reduce(&batch, &def).unwrap().upserts, [0, 1]);
        batch.ops[1] = U;
        assert_eq!(reduce(&batch, &def), Err(ReduceError::NoKey { row: 1, op: U }));
    }

    #[test]
    fn a_null_in_a_key_names_row_and_column() {
        let batch = TypedBatch {
            ops: vec![I, D],
            columns: vec![integers(&[Some(1), Some(2)]), integers(&[Some(1), None])],
            first_row: 1,
        };
        let two = def(&[SqlType::Int, SqlType::Int], &[0, 1]);
        assert_eq!(reduce(&batch, &two), Err(ReduceError::NullKey { row: 1, column: 1 }));
        let one = def(&[SqlType::Int, SqlType::Int], &[1]);
        assert_eq!(reduce(&batch, &one), Err(ReduceError::NullKey { row: 1, column: 1 }));
    }

    proptest! {
        #[test]
        fn reducing_is_the_same_as_applying_one_by_one(rows in prop::collection::vec((0u8..3, 0i64..12), 0..60)) {
            let ops: Vec<RowOp> = rows.iter().map(|(op, _)| [I, U, D][usize::from(*op)]).collect();
            let keys: Vec<Option<i64>> = rows.iter().map(|(_, key)| Some(*key)).collect();
            let names: Vec<String> = rows.iter().map(|(_, key)| key.to_string()).collect();
            let mut expected = std::collections::BTreeMap::new();
            for (at, (op, key)) in rows.iter().enumerate() {
                expected.insert(*key, (*op != 2, at));
            }
            let as_integers = TypedBatch { ops: ops.clone(), columns: vec![integers(&keys)], first_row: 1 };
            let as_texts = TypedBatch {
                ops,
                columns: vec![texts(&names.iter().map(String::as_str).collect::<Vec<_>>())],
                first_row: 1,
            };
            let fast = reduce(&as_integers, &def(&[SqlType::Int], &[0])).unwrap();
            let general = reduce(&as_texts, &def(&[SqlType::NText], &[0])).unwrap();
            prop_assert_eq!(&fast, &general);
            let mut upserts: Vec<usize> = expected.values().filter(|(keep, _)| *keep).map(|(_, at)| *at).collect();
            upserts.sort_unstable();
            let got: Vec<usize> = fast.upserts.iter().map(|&row| row as usize).collect();
            prop_assert_eq!(got, upserts);
            prop_assert_eq!(fast.upserts.len() + fast.deletes.len(), expected.len());
        }
    }
}
