//! Batches that break the plan's promises: lengths, types, indexes, counts that lie.

use crate::exports::speil::mirror::transform::{Applied, Batch, ColumnValues, NamedColumn};

fn text(name: &str, value: &str, rows: usize) -> NamedColumn {
    NamedColumn { name: name.into(), values: ColumnValues::Text(vec![Some(value.into()); rows]) }
}

fn integer(name: &str, value: Option<i64>, rows: usize) -> NamedColumn {
    NamedColumn { name: name.into(), values: ColumnValues::Integer(vec![value; rows]) }
}

pub fn applied(behaviour: &str, batch: &Batch) -> Result<Applied, String> {
    let rows = batch.operations.len();
    let mut columns = vec![text("name", "n", rows), integer("age", Some(1), rows), text("added", "a", rows)];
    let mut keep = vec![true; rows];
    match behaviour {
        "too-few-rows" => columns[0] = text("name", "n", rows - 1),
        "too-many-rows" => columns[0] = text("name", "n", rows + 1),
        "a-million-rows" => columns[1] = integer("age", Some(1), 1_000_000),
        "no-rows" => columns = vec![text("name", "n", 0), integer("age", None, 0), text("added", "a", 0)],
        "too-few-flags" => {
            keep.pop();
        }
        "too-many-flags" => keep = vec![true; 1_000_000],
        "no-flags" => keep.clear(),
        "missing-column" => {
            columns.pop();
        }
        "no-columns" => columns.clear(),
        "column-twice" => columns.push(text("name", "n", rows)),
        "column-twice-in-capitals" => columns.push(text("NAME", "n", rows)),
        "many-columns" => columns.extend((0..10_000).map(|number| text(&format!("c{number}"), "n", 0))),
        "unpromised-column" => columns.push(integer("id", Some(7), rows)),
        "column-without-a-name" => columns[0] = text("", "n", rows),
        "wrong-type" => columns[1] = text("age", "1", rows),
        "out-of-range" => columns[1] = integer("age", Some(1 << 40), rows),
        "null-in-not-null" => columns[1] = integer("age", None, rows),
        "too-long" => columns[2] = text("added", "sixsix", rows),
        "huge" => {
            let values = vec![Some("h".repeat(1 << 20)); 60];
            columns[0] = NamedColumn { name: "name".into(), values: ColumnValues::Text(values) };
        }
        // Half of the work is done when it ends.
        "trap-half-way" => {
            for (row, flag) in keep.iter_mut().enumerate() {
                if row == rows / 2 {
                    std::process::abort();
                }
                *flag = false;
            }
        }
        _ => {}
    }
    Ok(Applied { columns, keep })
}
