//! Misbehaves in the hook that `hook` names in its configuration, in the way that `behaviour` names, for the tenant that
//! `tenant` names (all, where it names none); every other hook is quiet. One component for all cases, so that the tests
//! compile it once; a file a family:
//!
//! | family | tries |
//! |---|---|
//! | [`spin`] | to run for ever: in its own code, in the host's, asleep, a little at a time |
//! | [`memory`] | to take all memory, stack, handles |
//! | [`traps`] | to end badly: traps, panics, exits, at once or half-way in a batch; errors that forge lines |
//! | [`logs`] | to fill the log, the disk, the screen |
//! | [`escape`] | handles that are forged, stale, of another kind; indexes where there is no mirror |
//! | [`environment`] | files, variables, arguments, input |
//! | [`clock`] | times that never come |
//! | [`state`] | to leave something behind, or to find what another left |
//! | [`answers`] | answers of hooks that cannot be used |
//! | [`plans`], [`columns`] | plans, and batches, that break their own promises |

mod answers;
mod clock;
mod columns;
mod environment;
mod escape;
mod logs;
mod memory;
mod plans;
mod spin;
mod state;
mod traps;

wit_bindgen::generate!({
    path: "../../../wit",
    inline: "
        package tests:hostile;

        world hostile {
            include speil:mirror/plugin@0.1.0;
            import wasi:io/poll@0.2.12;
            import wasi:io/streams@0.2.12;
            import wasi:clocks/monotonic-clock@0.2.12;
        }
    ",
    world: "tests:hostile/hostile",
    generate_all,
});

use exports::speil::mirror::{
    authenticated, before_replicate_table, log_event, operation, replication_completed, resolve_connection,
    rows_committed, transform, wiped,
};
use speil::mirror::log;
use speil::mirror::types::{Context, OperationKind, Table};
use transform::{Applied, Batch, TablePlan};
use wasi::config::store;

struct Hostile;
export!(Hostile);

fn config(key: &str) -> String {
    store::get(key).expect("this host's configuration can be read").unwrap_or_default()
}

/// Whether this hook of this tenant's call is the one to misbehave in.
fn chosen(hook: &str, context: &Context) -> bool {
    let tenant = config("tenant");
    config("hook") == hook && (tenant.is_empty() || tenant == context.tenant)
}

/// What a family does for a behaviour; `None`: it is another family's.
type Family = fn(&str) -> Option<Result<(), String>>;

const FAMILIES: [Family; 8] = [
    spin::attempt,
    memory::attempt,
    traps::attempt,
    logs::attempt,
    escape::attempt,
    environment::attempt,
    clock::attempt,
    state::attempt,
];

/// What any hook can do. Says so in the log first: tests see that the hook was reached.
fn misbehave(hook: &str, context: &Context) -> Result<(), String> {
    if !chosen(hook, context) {
        return Ok(());
    }
    let behaviour = config("behaviour");
    log::write(log::Level::Info, &format!("{hook}: {behaviour}"));
    FAMILIES.iter().find_map(|family| family(&behaviour)).unwrap_or(Ok(()))
}

impl resolve_connection::Guest for Hostile {
    fn resolve(context: Context) -> Result<Option<String>, String> {
        misbehave("resolve-connection", &context)?;
        Ok(if chosen("resolve-connection", &context) { answers::connection(&config("behaviour")) } else { None })
    }
}

impl authenticated::Guest for Hostile {
    fn additional_information(context: Context) -> Result<Option<String>, String> {
        misbehave("authenticated", &context)?;
        Ok(if chosen("authenticated", &context) { answers::json(&config("behaviour")) } else { None })
    }
}

impl before_replicate_table::Guest for Hostile {
    fn before_replicate_table(
        context: Context,
        _table: String,
        _change: before_replicate_table::SchemaChange,
    ) -> Result<(), String> {
        misbehave("before-replicate-table", &context)
    }
}

impl transform::Guest for Hostile {
    fn plan(context: Context, table: Table) -> Result<Option<TablePlan>, String> {
        misbehave("transform.plan", &context)?;
        if chosen("transform.apply", &context) {
            return Ok(Some(plans::for_apply()));
        }
        Ok(if chosen("transform.plan", &context) { plans::wrong(&config("behaviour"), &table) } else { None })
    }

    fn apply(context: Context, _table: String, batch: Batch) -> Result<Applied, String> {
        misbehave("transform.apply", &context)?;
        columns::applied(&config("behaviour"), &batch)
    }
}

impl wiped::Guest for Hostile {
    fn wiped(context: Context, _table: String) -> Result<(), String> {
        misbehave("wiped", &context)
    }
}

impl replication_completed::Guest for Hostile {
    fn replication_completed(
        context: Context,
        _changed: Vec<replication_completed::TableSummary>,
    ) -> Result<(), String> {
        misbehave("replication-completed", &context)
    }
}

impl rows_committed::Guest for Hostile {
    fn rows_committed(context: Context, _commit: rows_committed::Commit) -> Result<(), String> {
        misbehave("rows-committed", &context)
    }
}

impl operation::Guest for Hostile {
    fn before(context: Context, _operation: OperationKind) -> Result<(), String> {
        misbehave("operation.before", &context)
    }

    fn after(
        context: Context,
        _operation: OperationKind,
        _successful: bool,
        _error_message: String,
    ) -> Result<(), String> {
        misbehave("operation.after", &context)
    }
}

impl log_event::Guest for Hostile {
    fn log_event(context: Context, _event: log_event::Event) {
        // This hook cannot answer an error: a panic is its way.
        if misbehave("log-event", &context).is_err() {
            panic!("an error on purpose");
        }
    }
}
