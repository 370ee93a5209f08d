//! Data for every hook where there is no fixture, and data at the limits.

use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::Named;
use super::expect;
use super::report::Test;
use super::run::{overrides, try_input};
use crate::plugins::Hook;
use crate::plugins::hooks::Committed;
use crate::plugins::trial::{Fixture, Input, TableText, Trial};
use crate::protocol::columns::{Column, TypedBatch, Value};
use crate::protocol::datetime;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::{ReplicationSummary, RowOp};
use crate::protocol::raw_batch::Segment;
use crate::protocol::sql_type::{Family, SqlType};
use crate::protocol::table_def::{ColumnDef, TableDef};
use crate::store::Applied;

/// As many columns as the widest table of a real tenant has.
const WIDEST: usize = 111;
/// As many tables as a real tenant has.
const TABLES: usize = 413;
const MANY_ROWS: usize = 50_000;
/// Characters or bytes of a value without a length.
const LONG: usize = 1 << 20;

/// A column of every kind.
const COLUMNS: [&str; 10] = [
    "person_id int not null",
    "name nvarchar(255)",
    "email nvarchar(255)",
    "notes nvarchar(max)",
    "rank smallint not null",
    "height float",
    "paid decimal(18,4)",
    "registered datetime not null",
    "photo varbinary(max)",
    "row_guid uniqueidentifier",
];

/// `person`, which has rows.
fn person() -> TableText {
    let rows = [
        "person_id = 1\nname = \"Ann\"\nemail = \"ann@example.com\"\nnotes = \"line\\n😀\"\nrank = 3\nheight = 1.75\npaid = \"12.5000\"\n\
         registered = \"2020-05-18 10:40:43\"\nphoto = \"AP8=\"\nrow_guid = \"6F9619FF-8B86-D011-B42D-00C04FC964FF\"",
        "person_id = 2\nname = \"\"\nrank = 0\nregistered = \"1760-01-01\"",
    ];
    TableText {
        name: "person".into(),
        columns: COLUMNS.map(str::to_owned).to_vec(),
        key: None,
        rows: rows.iter().filter_map(|row| row.parse().ok()).collect(),
    }
}

fn names(hook: Hook) -> &'static [&'static str] {
    match hook {
        Hook::Operation => &["operation.before", "operation.after"],
        Hook::ResolveConnection => &["resolve-connection"],
        Hook::Authenticated => &["authenticated"],
        Hook::BeforeReplicateTable => &["before-replicate-table"],
        Hook::Transform => &["transform"],
        Hook::Wiped => &["wiped"],
        Hook::ReplicationCompleted => &["replication-completed"],
        Hook::RowsCommitted => &["rows-committed"],
        Hook::LogEvent => &["log-event"],
    }
}

/// A sample for each hook of a component.
pub(super) fn of_every_hook(trial: &Trial) -> Vec<Named> {
    let hooks = trial.hooks();
    let named = |name: &&str| Named {
        name: format!("sample {name}"),
        path: None,
        fixture: Ok(Fixture::of(name, vec![person()])),
    };
    hooks.into_iter().flat_map(names).map(named).collect()
}

/// Every hook at the limits, in the surroundings of its fixtures or of the sample.
pub(super) fn limits(trial: &Trial, named: &[Named], runtime: &Runtime) -> Vec<Test> {
    let mut tests = Vec::new();
    for one in named {
        let Ok(fixture) = &one.fixture else { continue };
        let Ok(input) = fixture.input() else { continue };
        let mut inputs: Vec<(String, Input, bool)> =
            hard(&input).into_iter().map(|(what, input)| (what.to_owned(), input, false)).collect();
        if trial.reaches_hosts() {
            inputs.push(("every host refused".into(), input, true));
        }
        for (what, input, refuse) in inputs {
            let name = format!("{}: {what}", one.name);
            let begun = Instant::now();
            let mut test = match try_input(trial, fixture, input, &overrides(fixture, refuse), runtime) {
                Ok(came) => {
                    let mut test = Test::of(&name, &fixture.hook, &came.outcome, expect::made(&came.found));
                    // A clean error is an answer; a trap, a limit or something unusable is not.
                    if came.outcome.is_defect() {
                        test.problems.push(came.outcome.error.unwrap_or_else(|| "a limit was passed".into()));
                    }
                    test
                }
                Err(reason) => Test::broken(&name, &fixture.hook, reason),
            };
            test.whole = begun.elapsed();
            tests.push(test);
        }
    }
    tests
}

/// What is hard about a hook.
fn hard(input: &Input) -> Vec<(&'static str, Input)> {
    match input {
        Input::Transform { table, .. } => transform(table),
        Input::ReplicationCompleted(_) => {
            let all = (0..TABLES).map(|number| ReplicationSummary {
                table_name: format!("table_{number}"),
                inserts: i32::MAX,
                updates: i32::MAX,
                deletes: i32::MAX,
            });
            vec![
                ("nothing changed", Input::ReplicationCompleted(Vec::new())),
                ("413 tables changed", Input::ReplicationCompleted(all.collect())),
            ]
        }
        Input::RowsCommitted(committed) => {
            let empty =
                Committed { changes: Vec::new(), applied: Applied::default(), lsn: Lsn(-1), ..committed.clone() };
            let changes = (0..Committed::MAX_CHANGES).map(|number| (number % 3 == 0, vec![number.to_string()]));
            let applied = Applied { inserted: MANY_ROWS as u64, updated: 0, deleted: 0 };
            let many = Committed { changes: changes.collect(), applied, truncated: true, ..committed.clone() };
            vec![("an empty batch", Input::RowsCommitted(empty)), ("50,000 rows", Input::RowsCommitted(many))]
        }
        Input::OperationAfter(operation, outcome) => {
            let mut failed = outcome.clone();
            failed.successful = false;
            failed.message = "x".repeat(LONG);
            vec![("a failed call with a long message", Input::OperationAfter(*operation, failed))]
        }
        Input::LogEvent(event) => {
            let mut long = event.clone();
            long.message = "x".repeat(LONG);
            vec![("a long message", Input::LogEvent(long))]
        }
        Input::ResolveConnection
        | Input::Authenticated
        | Input::BeforeReplicateTable { .. }
        | Input::Wiped { .. }
        | Input::OperationBefore(_) => Vec::new(),
    }
}

fn transform(table: &Arc<TableDef>) -> Vec<(&'static str, Input)> {
    let rows = |rows: usize, value: &Filler| {
        let mut batches = Vec::new();
        let mut done = 0;
        // At least one, be it empty.
        while done < rows || batches.is_empty() {
            let piece = (rows - done).min(Segment::MAX_ROWS);
            batches.push(batch(table, done, piece, value));
            done += piece;
        }
        Input::Transform { table: table.clone(), batches }
    };
    let wide = Arc::new(widened(table));
    let widest = Input::Transform { table: wide.clone(), batches: vec![batch(&wide, 0, 1, &longest)] };
    vec![
        ("an empty batch", rows(0, &usual)),
        ("NULL everywhere", rows(1, &nothing)),
        ("the widest row", widest),
        ("50,000 rows", rows(MANY_ROWS, &usual)),
    ]
}

/// The same table with as many columns as the widest one has.
fn widened(table: &TableDef) -> TableDef {
    let kinds =
        ["nvarchar(4000)", "nvarchar(max)", "int", "float", "decimal(38,10)", "datetime2(7)", "varbinary(8000)"];
    let kinds: Vec<SqlType> = kinds.iter().filter_map(|kind| kind.parse().ok()).collect();
    let mut wide = table.clone();
    for (number, &sql_type) in (0..WIDEST.saturating_sub(table.columns.len())).zip(kinds.iter().cycle()) {
        let name = format!("speil_test_{number}");
        wide.columns.push(ColumnDef { name, sql_type, nullable: true, default: None });
    }
    wide
}

/// A column's value in a row, pushed.
type Filler = dyn Fn(&mut Column, &ColumnDef, usize);

fn batch(table: &TableDef, first: usize, rows: usize, value: &Filler) -> TypedBatch {
    let column = |(index, def): (usize, &ColumnDef)| {
        let mut column = Column::with_capacity(def.sql_type, rows);
        for row in first..first + rows {
            if table.is_key(index) { usual(&mut column, def, row) } else { value(&mut column, def, row) }
        }
        column
    };
    let columns = table.columns.iter().enumerate().map(column).collect();
    TypedBatch { ops: vec![RowOp::Insert; rows], columns, first_row: first as u64 + 1 }
}

/// NULL where it may be.
fn nothing(column: &mut Column, def: &ColumnDef, row: usize) {
    if def.nullable { column.push_null() } else { usual(column, def, row) }
}

fn usual(column: &mut Column, def: &ColumnDef, row: usize) {
    let sql_type = def.sql_type;
    let number = i64::try_from(row).unwrap_or(i64::MAX);
    let text: String = {
        let most = sql_type.max_units().map_or(usize::MAX, usize::from);
        format!("{row} some text").chars().take(most).collect()
    };
    let bytes: Vec<u8> = {
        let most = sql_type.max_bytes().map_or(8, usize::from);
        row.to_be_bytes().into_iter().rev().take(most).collect()
    };
    let mut guid = [0; 16];
    guid[8..].copy_from_slice(&number.to_be_bytes());
    let (from, to) = datetime::range(sql_type);
    let ticks = datetime::cut(637_254_240_430_000_000, sql_type).clamp(from, to);
    let value = match sql_type.family() {
        Family::Integer => {
            let (from, to) = sql_type.integer_range().unwrap_or((0, i64::MAX));
            Value::Integer(number.clamp(from, to))
        }
        Family::Real => Value::Real(1.75),
        Family::Decimal => Value::Decimal { unscaled: 1, scale: sql_type.decimal_scale() },
        Family::Timestamp => Value::Timestamp(ticks),
        Family::Time => Value::Time(datetime::cut(535_200_000_000, sql_type)),
        Family::TimestampOffset => Value::TimestampOffset(ticks, 120),
        Family::Text => Value::Text(&text),
        Family::Binary => Value::Binary(&bytes),
        Family::Guid => Value::Guid(guid),
    };
    push(column, value);
}

/// The longest or largest the type can hold.
fn longest(column: &mut Column, def: &ColumnDef, _row: usize) {
    let sql_type = def.sql_type;
    let (_, last) = datetime::range(sql_type);
    match sql_type.family() {
        Family::Text => {
            let text = "W".repeat(sql_type.max_units().map_or(LONG, usize::from));
            push(column, Value::Text(&text));
        }
        Family::Binary => {
            let bytes = vec![0xff; sql_type.max_bytes().map_or(LONG, usize::from)];
            push(column, Value::Binary(&bytes));
        }
        Family::Integer => push(column, Value::Integer(sql_type.integer_range().map_or(i64::MAX, |range| range.1))),
        Family::Real => push(column, Value::Real(f64::from(f32::MAX))),
        Family::Decimal => {
            let unscaled = sql_type.decimal_range().map_or(1, |range| range.1);
            push(column, Value::Decimal { unscaled, scale: sql_type.decimal_scale() });
        }
        Family::Timestamp => push(column, Value::Timestamp(datetime::cut(last, sql_type))),
        Family::Time => push(column, Value::Time(datetime::cut(datetime::TICKS_PER_DAY - 1, sql_type))),
        Family::TimestampOffset => push(column, Value::TimestampOffset(datetime::cut(last, sql_type), 0)),
        Family::Guid => push(column, Value::Guid([0xff; 16])),
    }
}

fn push(column: &mut Column, value: Value<'_>) {
    column.push(value).expect("the value was made for the column's type, and a batch of it is far below 4 GiB");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_a_fixture_for_every_hook() {
        for name in Hook::ALL.into_iter().flat_map(names) {
            let fixture = Fixture::of(name, vec![person()]);
            assert_eq!(fixture.tables[0].rows.len(), 2);
            fixture.input().unwrap_or_else(|reason| panic!("{name}: {reason}"));
        }
    }

    #[test]
    fn what_is_hard_for_a_transform_is_as_hard_as_it_says() {
        let table = Arc::new(person().define().unwrap());
        let sizes: Vec<(usize, usize)> = transform(&table)
            .iter()
            .map(|(_, input)| {
                let Input::Transform { table, batches } = input else { panic!("a transform") };
                (table.columns.len(), batches.iter().map(TypedBatch::len).sum())
            })
            .collect();
        assert_eq!(sizes, [(10, 0), (10, 1), (111, 1), (10, 50_000)]);
    }
}
