//! Exports every hook and writes each call, with all its arguments, to the log: so that the host's tests see which
//! hooks were called, in which order, with what. Each line begins with a number that this instance counts, so that
//! they also see which calls shared an instance.
//!
//! Configuration: `resolve` (a connection to answer), `authenticated` (JSON to answer), `ensure` (a table: makes an
//! index on it before replication), `print` (also writes to standard output and standard error), `trap`
//! (`wiped`: panics there).

use std::sync::atomic::{AtomicU32, Ordering};

wit_bindgen::generate!({ path: "../../../wit", world: "plugin", generate_all });

use exports::speil::mirror::{
    authenticated, before_replicate_table, log_event, operation, replication_completed, resolve_connection,
    rows_committed, transform, wiped,
};
use speil::mirror::types::{Context, OperationKind, Table};
use speil::mirror::{indexes, log};
use wasi::config::store;

/// Lines written by this instance: state that must not outlive the call it serves.
static LINES: AtomicU32 = AtomicU32::new(0);

struct Recorder;
export!(Recorder);

fn config(key: &str) -> Option<String> {
    store::get(key).expect("this host's configuration can be read")
}

fn record(context: &Context, what: &str) {
    let number = LINES.fetch_add(1, Ordering::Relaxed) + 1;
    let Context { tenant, application, client_state, request_id } = context;
    log::write(log::Level::Info, &format!("{number} [{tenant} {application} {client_state:?} {request_id}] {what}"));
}

impl resolve_connection::Guest for Recorder {
    fn resolve(context: Context) -> Result<Option<String>, String> {
        record(&context, "resolve-connection");
        Ok(config("resolve"))
    }
}

impl authenticated::Guest for Recorder {
    fn additional_information(context: Context) -> Result<Option<String>, String> {
        record(&context, "authenticated");
        Ok(config("authenticated"))
    }
}

impl before_replicate_table::Guest for Recorder {
    fn before_replicate_table(
        context: Context,
        table: String,
        change: before_replicate_table::SchemaChange,
    ) -> Result<(), String> {
        record(&context, &format!("before-replicate-table {table} {change:?}"));
        if config("ensure").as_deref() == Some(table.as_str()) {
            let columns = vec![indexes::IndexColumn { name: "name".into(), descending: true }];
            let index = indexes::Index { name: "recorded".into(), columns, unique: false };
            let changed = indexes::ensure(&table, &index)?;
            let all = indexes::list(&table)?;
            let dropped = indexes::drop(&table, "none")?;
            record(&context, &format!("indexes changed={changed} dropped={dropped} {all:?}"));
        }
        Ok(())
    }
}

impl transform::Guest for Recorder {
    fn plan(context: Context, table: Table) -> Result<Option<transform::TablePlan>, String> {
        record(&context, &format!("transform.plan {table:?}"));
        Ok(None)
    }

    fn apply(context: Context, table: String, batch: transform::Batch) -> Result<transform::Applied, String> {
        record(&context, &format!("transform.apply {table} {batch:?}"));
        Err("the recorder plans nothing, so it has nothing to apply".into())
    }
}

impl wiped::Guest for Recorder {
    fn wiped(context: Context, table: String) -> Result<(), String> {
        record(&context, &format!("wiped {table}"));
        assert!(config("trap").as_deref() != Some("wiped"), "a panic on purpose");
        Ok(())
    }
}

impl replication_completed::Guest for Recorder {
    fn replication_completed(
        context: Context,
        changed: Vec<replication_completed::TableSummary>,
    ) -> Result<(), String> {
        record(&context, &format!("replication-completed {changed:?}"));
        Ok(())
    }
}

impl rows_committed::Guest for Recorder {
    fn rows_committed(context: Context, commit: rows_committed::Commit) -> Result<(), String> {
        record(&context, &format!("rows-committed {commit:?}"));
        Ok(())
    }
}

impl operation::Guest for Recorder {
    fn before(context: Context, operation: OperationKind) -> Result<(), String> {
        record(&context, &format!("operation.before {operation:?}"));
        if let Some(text) = config("print") {
            println!("{text}");
            eprintln!("{text}, loudly");
            print!("and a line without an end");
            std::io::Write::flush(&mut std::io::stdout()).expect("output goes to the log");
        }
        Ok(())
    }

    fn after(
        context: Context,
        operation: OperationKind,
        successful: bool,
        error_message: String,
    ) -> Result<(), String> {
        record(&context, &format!("operation.after {operation:?} {successful} {error_message:?}"));
        Ok(())
    }
}

impl log_event::Guest for Recorder {
    fn log_event(context: Context, event: log_event::Event) {
        record(&context, &format!("log-event {event:?}"));
    }
}
