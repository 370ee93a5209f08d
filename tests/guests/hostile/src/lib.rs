//! Misbehaves in the hook that `hook` names in its configuration, in the way that `behaviour` names; every other hook
//! is quiet. One component for all cases, so that the tests compile it once.
//!
//! `hook`: a name of the table in the author's guide (`wiped`, `operation.before`, ...). `behaviour`: see
//! [`misbehave`] for what any hook can do, and the hooks themselves for what their answers can do.

use std::hint::black_box;
use std::time::Duration;

wit_bindgen::generate!({ path: "../../../wit", world: "plugin", generate_all });

use exports::speil::mirror::{
    authenticated, before_replicate_table, log_event, operation, replication_completed, resolve_connection,
    rows_committed, transform, wiped,
};
use speil::mirror::log;
use speil::mirror::types::{Context, OperationKind, Table};
use transform::{Applied, Batch, ColumnValues, NamedColumn, NewColumn, RowsPlan, TablePlan};
use wasi::config::store;

struct Hostile;
export!(Hostile);

fn config(key: &str) -> String {
    store::get(key).expect("this host's configuration can be read").unwrap_or_default()
}

/// The behaviour asked for, if it is for this hook. Says so in the log first: tests see that the hook was reached.
fn behaviour(hook: &str) -> Option<String> {
    if config("hook") != hook {
        return None;
    }
    let behaviour = config("behaviour");
    log::write(log::Level::Info, &format!("{hook}: {behaviour}"));
    Some(behaviour)
}

/// What any hook can do: answer an error, or never answer properly.
fn misbehave(hook: &str) -> Result<(), String> {
    let Some(behaviour) = behaviour(hook) else { return Ok(()) };
    match behaviour.as_str() {
        "error" => return Err("on purpose".into()),
        "error-with-controls" => return Err("one\nERROR two\u{1b}[31m".into()),
        "long-error" => return Err("x".repeat(1 << 20)),
        "trap" => std::process::abort(),
        "panic" => panic!("a panic on purpose"),
        "overflow" => {
            black_box(recurse(0));
        }
        "exit" => std::process::exit(3),
        "loop" => loop {
            black_box(());
        },
        "memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(vec![1u8; 1 << 20]));
            }
        }
        "sleep" => std::thread::sleep(Duration::from_secs(3_600)),
        // Many short sleeps: no single import is slow.
        "poll" => loop {
            std::thread::sleep(Duration::from_millis(1));
        },
        "log-flood" => {
            for number in 0..1_000_000 {
                log::write(log::Level::Info, &format!("flood {number}"));
            }
        }
        "log-long" => log::write(log::Level::Info, &"y".repeat(1 << 20)),
        "log-huge" => log::write(log::Level::Info, &"y".repeat(40 << 20)),
        "print-flood" => {
            for number in 0..1_000_000 {
                println!("flood {number}");
            }
        }
        "print-endless" => {
            for _ in 0..1_000 {
                print!("{}", "z".repeat(1 << 10));
            }
        }
        "index" => {
            let error = speil::mirror::indexes::list("person").expect_err("there is no mirror in this call");
            return Err(error);
        }
        "files" => {
            let read = std::fs::read_dir("/").map(|entries| entries.count()).map_err(|error| error.to_string());
            let write = std::fs::write("/tmp/hostile", "x").map_err(|error| error.to_string());
            return Err(format!("read: {}, write: {}", read.is_err(), write.is_err()));
        }
        "environment" => {
            let variables = std::env::vars().count();
            let arguments = std::env::args().count();
            return Err(format!("{variables} variables, {arguments} arguments"));
        }
        "stdin" => {
            let mut text = String::new();
            let read = std::io::stdin().read_line(&mut text).map_err(|error| error.to_string());
            return Err(format!("{read:?}"));
        }
        _ => {}
    }
    Ok(())
}

/// Never set: the compiler must not know that the recursion has no end.
static ENOUGH: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Keeps nothing in linear memory, so that it is the engine's stack that runs out.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    if ENOUGH.load(std::sync::atomic::Ordering::Relaxed) {
        return depth;
    }
    recurse(depth + 1).rotate_left(1).wrapping_add(depth)
}

impl resolve_connection::Guest for Hostile {
    fn resolve(_context: Context) -> Result<Option<String>, String> {
        misbehave("resolve-connection")?;
        Ok(match config("behaviour").as_str() {
            "huge" => Some("c".repeat(1 << 20)),
            "empty" => Some(String::new()),
            _ => None,
        })
    }
}

impl authenticated::Guest for Hostile {
    fn additional_information(_context: Context) -> Result<Option<String>, String> {
        misbehave("authenticated")?;
        Ok(match config("behaviour").as_str() {
            "not-json" => Some("{ doNotReplicate".into()),
            "not-an-object" => Some("[1]".into()),
            "huge" => Some(format!("{{\"a\":\"{}\"}}", "j".repeat(1 << 20))),
            _ => None,
        })
    }
}

impl before_replicate_table::Guest for Hostile {
    fn before_replicate_table(
        _context: Context,
        _table: String,
        _change: before_replicate_table::SchemaChange,
    ) -> Result<(), String> {
        misbehave("before-replicate-table")
    }
}

impl transform::Guest for Hostile {
    fn plan(_context: Context, table: Table) -> Result<Option<TablePlan>, String> {
        misbehave("transform.plan")?;
        let none = RowsPlan { drop: vec![], add: vec![], inputs: vec![], outputs: vec![], filter: false };
        let column = |name: &str, sql_type: &str| NewColumn { name: name.into(), sql_type: sql_type.into() };
        let first = table.columns[0].name.clone();
        let plan = match config("behaviour").as_str() {
            _ if config("hook") == "transform.apply" => RowsPlan {
                add: vec![column("added", "nvarchar(5)")],
                inputs: vec!["id".into(), "name".into()],
                outputs: vec!["name".into(), "age".into(), "added".into()],
                filter: true,
                ..none
            },
            "drop-key" => RowsPlan { drop: vec![first], ..none },
            "output-key" => RowsPlan { outputs: vec![first], ..none },
            "drop-unknown" => RowsPlan { drop: vec!["nobody".into()], ..none },
            "input-unknown" => RowsPlan { inputs: vec!["nobody".into()], filter: true, ..none },
            "output-unknown" => RowsPlan { outputs: vec!["nobody".into()], ..none },
            "output-dropped" => RowsPlan { drop: vec!["name".into()], outputs: vec!["name".into()], ..none },
            "add-existing" => RowsPlan { add: vec![column("NAME", "int")], ..none },
            "add-twice" => RowsPlan { add: vec![column("a", "int"), column("A", "int")], ..none },
            "add-bad-type" => RowsPlan { add: vec![column("a", "varchar(5); drop table x")], ..none },
            "add-many" => {
                RowsPlan { add: (0..5_000).map(|number| column(&format!("a{number}"), "int")).collect(), ..none }
            }
            "add-bad-name" => RowsPlan { add: vec![column("", "int")], ..none },
            "output-twice" => RowsPlan { outputs: vec!["name".into(), "NAME".into()], ..none },
            _ => return Ok(None),
        };
        Ok(Some(TablePlan::Rows(plan)))
    }

    fn apply(_context: Context, _table: String, batch: Batch) -> Result<Applied, String> {
        misbehave("transform.apply")?;
        let rows = batch.operations.len();
        let text = |name: &str, value: &str, rows: usize| NamedColumn {
            name: name.into(),
            values: ColumnValues::Text(vec![Some(value.into()); rows]),
        };
        let integer = |name: &str, value: Option<i64>| NamedColumn {
            name: name.into(),
            values: ColumnValues::Integer(vec![value; rows]),
        };
        let mut columns = vec![text("name", "n", rows), integer("age", Some(1)), text("added", "a", rows)];
        let mut keep = vec![true; rows];
        match config("behaviour").as_str() {
            "too-few-rows" => columns[0] = text("name", "n", rows - 1),
            "too-many-rows" => columns[0] = text("name", "n", rows + 1),
            "too-few-flags" => {
                keep.pop();
            }
            "no-flags" => keep.clear(),
            "missing-column" => {
                columns.pop();
            }
            "column-twice" => columns.push(text("name", "n", rows)),
            "unpromised-column" => columns.push(integer("id", Some(7))),
            "wrong-type" => columns[1] = text("age", "1", rows),
            "out-of-range" => columns[1] = integer("age", Some(1 << 40)),
            "null-in-not-null" => columns[1] = integer("age", None),
            "too-long" => columns[2] = text("added", "sixsix", rows),
            "huge" => {
                let values = vec![Some("h".repeat(1 << 20)); 60];
                columns[0] = NamedColumn { name: "name".into(), values: ColumnValues::Text(values) };
            }
            _ => {}
        }
        Ok(Applied { columns, keep })
    }
}

impl wiped::Guest for Hostile {
    fn wiped(_context: Context, _table: String) -> Result<(), String> {
        misbehave("wiped")
    }
}

impl replication_completed::Guest for Hostile {
    fn replication_completed(
        _context: Context,
        _changed: Vec<replication_completed::TableSummary>,
    ) -> Result<(), String> {
        misbehave("replication-completed")
    }
}

impl rows_committed::Guest for Hostile {
    fn rows_committed(_context: Context, _commit: rows_committed::Commit) -> Result<(), String> {
        misbehave("rows-committed")
    }
}

impl operation::Guest for Hostile {
    fn before(_context: Context, _operation: OperationKind) -> Result<(), String> {
        misbehave("operation.before")
    }

    fn after(
        _context: Context,
        _operation: OperationKind,
        _successful: bool,
        _error_message: String,
    ) -> Result<(), String> {
        misbehave("operation.after")
    }
}

impl log_event::Guest for Hostile {
    fn log_event(_context: Context, _event: log_event::Event) {
        // This hook cannot answer an error: a panic is its way.
        if misbehave("log-event").is_err() {
            panic!("an error on purpose");
        }
    }
}
