//! What a failure of each hook means (design.md, the hook table): a trap, an endless loop, a memory hog and a returned
//! error, in every hook.

mod plugins;

use plugins::{Lines, begin, hostile, people, person, told};
use speil::plugins::hooks::{CallOutcome, Committed, HookFailure, SchemaChange};
use speil::plugins::{CallHooks, FailureRule, Function, PluginHost};
use speil::protocol::lsn::Lsn;
use speil::protocol::messages::RowOp;
use speil::protocol::names::Operation;
use speil::protocol::table_name::TableName;
use speil::store::Applied;
use speil::store::history::{EventLevel, EventRecord};

/// Short for the endless loop alone: no other misbehaviour may meet it first, however busy the machine is.
fn limits(behaviour: &str) -> &'static str {
    if behaviour == "loop" { "time = \"500ms\"" } else { "memory = \"32 MiB\"" }
}

/// Calls one function as the pipeline would.
async fn call(function: Function, call: &mut dyn CallHooks) -> Result<(), HookFailure> {
    let table = TableName::new("person").unwrap();
    match function {
        Function::ResolveConnection => call.resolve_connection().await.map(drop),
        Function::Authenticated => call.authenticated().await.map(drop),
        Function::TransformPlan => call.plan(&person()).await.map(drop),
        Function::TransformApply => {
            let plan = call.plan(&person()).await?;
            call.transform(&plan, people(&[(RowOp::Insert, 1, Some("Ann"), 30)])).await.map(drop)
        }
        Function::OperationBefore => call.before_operation().await,
        Function::BeforeReplicateTable => {
            call.before_replicate_table(&table, SchemaChange::Created).await;
            Ok(())
        }
        Function::Wiped => {
            call.wiped(&table).await;
            Ok(())
        }
        Function::ReplicationCompleted => {
            call.replication_completed(&[]).await;
            Ok(())
        }
        Function::RowsCommitted => {
            let applied = Applied::default();
            let committed = Committed { table, applied, lsn: Lsn(1), changes: vec![], truncated: false };
            call.rows_committed(&committed).await;
            Ok(())
        }
        Function::OperationAfter => {
            call.after_operation(&CallOutcome { successful: true, message: String::new() }).await;
            Ok(())
        }
        Function::LogEvent => {
            let event = EventRecord {
                at: 0,
                level: EventLevel::Info,
                kind: "wipe".into(),
                operation: None,
                table: None,
                message: "m".into(),
                advice: None,
            };
            call.log_event(&event).await;
            Ok(())
        }
    }
}

/// Everything that became of one misbehaviour in one function.
async fn outcome(host: &PluginHost, function: Function) -> String {
    let lines = Lines::listen();
    let mut hooks = begin(host, Operation::Wipe);
    let result = call(function, &mut *hooks).await;
    assert!(
        lines.take().iter().any(|line| line.starts_with(&format!("INFO hostile {function}: "))),
        "{function} was not reached"
    );
    let events = told(&hooks.take_events());
    // The plug-in is not lost for the rest of the call: a function that is not misbehaving gets an instance.
    let other = if function == Function::Wiped { Function::ReplicationCompleted } else { Function::Wiped };
    call(other, &mut *hooks).await.expect("the other hook is quiet");
    assert_eq!(told(&hooks.take_events()), Vec::<String>::new(), "after {function}");
    match (function.failure_rule(), result) {
        (FailureRule::FailsCall, Err(failure)) => {
            assert_eq!(failure.plugin, "hostile");
            assert_eq!(failure.hook, function.name());
            assert_eq!(events, Vec::<String>::new());
            let word = if failure.refused { "refused" } else { "fails" };
            format!("{word}: {failure}")
        }
        (FailureRule::Logged, Ok(())) => {
            assert_eq!(events.len(), 1, "{function}");
            format!("told: {}", events[0])
        }
        (FailureRule::Ignored, Ok(())) => {
            assert_eq!(events, Vec::<String>::new());
            "ignored".into()
        }
        (rule, result) => panic!("{function}: {rule:?}, {result:?}"),
    }
}

async fn outcomes(behaviour: &str) -> String {
    let mut all = Vec::new();
    for function in Function::ALL {
        let host = hostile(function.name(), behaviour, limits(behaviour));
        all.push(format!("{function} {}", outcome(&host, function).await));
    }
    all.join("\n")
}

#[tokio::test]
async fn a_trap_in_each_hook() {
    insta::assert_snapshot!(outcomes("trap").await, @r#"
    resolve-connection fails: plug-in hostile, hook resolve-connection: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    authenticated fails: plug-in hostile, hook authenticated: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    before-replicate-table told: Warning plugin Wipe person: plug-in hostile, hook before-replicate-table for table person: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    transform.plan fails: plug-in hostile, hook transform.plan for table person: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    transform.apply fails: plug-in hostile, hook transform.apply for table person: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    wiped told: Warning plugin Wipe person: plug-in hostile, hook wiped for table person: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    replication-completed told: Warning plugin Wipe -: plug-in hostile, hook replication-completed: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    rows-committed told: Warning plugin Wipe person: plug-in hostile, hook rows-committed for table person: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    operation.before fails: plug-in hostile, hook operation.before: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    operation.after told: Warning plugin Wipe -: plug-in hostile, hook operation.after: it trapped: wasm trap: wasm `unreachable` instruction executed; its log lines may say why
    log-event ignored
    "#);
}

#[tokio::test]
async fn an_endless_loop_in_each_hook() {
    insta::assert_snapshot!(outcomes("loop").await, @r#"
    resolve-connection fails: plug-in hostile, hook resolve-connection: it took longer than its limit of 500 ms; raise `time` under [limits] in hostile.toml if it needs longer
    authenticated fails: plug-in hostile, hook authenticated: it took longer than its limit of 500 ms; raise `time` under [limits] in hostile.toml if it needs longer
    before-replicate-table told: Warning plugin Wipe person: plug-in hostile, hook before-replicate-table for table person: it took longer than its limit of 500 ms; raise `time` under [limits] in hostile.toml if it needs longer
    transform.plan fails: plug-in hostile, hook transform.plan for table person: it took longer than its limit of 500 ms; raise `time` under [limits] in hostile.toml if it needs longer
    transform.apply fails: plug-in hostile, hook transform.apply for table person: it took longer than its limit of 500 ms; raise `time` under [limits] in hostile.toml if it needs longer
    wiped told: Warning plugin Wipe person: plug-in hostile, hook wiped for table person: it took longer than its limit of 500 ms; raise `time` under [limits] in hostile.toml if it needs longer
    replication-completed told: Warning plugin Wipe -: plug-in hostile, hook replication-completed: it took longer than its limit of 500 ms; raise `time` under [limits] in hostile.toml if it needs longer
    rows-committed told: Warning plugin Wipe person: plug-in hostile, hook rows-committed for table person: it took longer than its limit of 500 ms; raise `time` under [limits] in hostile.toml if it needs longer
    operation.before fails: plug-in hostile, hook operation.before: it took longer than its limit of 500 ms; raise `time` under [limits] in hostile.toml if it needs longer
    operation.after told: Warning plugin Wipe -: plug-in hostile, hook operation.after: it took longer than its limit of 500 ms; raise `time` under [limits] in hostile.toml if it needs longer
    log-event ignored
    "#);
}

#[tokio::test]
async fn a_memory_hog_in_each_hook() {
    insta::assert_snapshot!(outcomes("memory").await, @r#"
    resolve-connection fails: plug-in hostile, hook resolve-connection: it asked for 32832 KiB of memory, more than its limit of 32 MiB; raise `memory` under [limits] in hostile.toml if it needs that much
    authenticated fails: plug-in hostile, hook authenticated: it asked for 32832 KiB of memory, more than its limit of 32 MiB; raise `memory` under [limits] in hostile.toml if it needs that much
    before-replicate-table told: Warning plugin Wipe person: plug-in hostile, hook before-replicate-table for table person: it asked for 32832 KiB of memory, more than its limit of 32 MiB; raise `memory` under [limits] in hostile.toml if it needs that much
    transform.plan fails: plug-in hostile, hook transform.plan for table person: it asked for 32832 KiB of memory, more than its limit of 32 MiB; raise `memory` under [limits] in hostile.toml if it needs that much
    transform.apply fails: plug-in hostile, hook transform.apply for table person: it asked for 32832 KiB of memory, more than its limit of 32 MiB; raise `memory` under [limits] in hostile.toml if it needs that much
    wiped told: Warning plugin Wipe person: plug-in hostile, hook wiped for table person: it asked for 32832 KiB of memory, more than its limit of 32 MiB; raise `memory` under [limits] in hostile.toml if it needs that much
    replication-completed told: Warning plugin Wipe -: plug-in hostile, hook replication-completed: it asked for 32832 KiB of memory, more than its limit of 32 MiB; raise `memory` under [limits] in hostile.toml if it needs that much
    rows-committed told: Warning plugin Wipe person: plug-in hostile, hook rows-committed for table person: it asked for 32832 KiB of memory, more than its limit of 32 MiB; raise `memory` under [limits] in hostile.toml if it needs that much
    operation.before fails: plug-in hostile, hook operation.before: it asked for 32832 KiB of memory, more than its limit of 32 MiB; raise `memory` under [limits] in hostile.toml if it needs that much
    operation.after told: Warning plugin Wipe -: plug-in hostile, hook operation.after: it asked for 32832 KiB of memory, more than its limit of 32 MiB; raise `memory` under [limits] in hostile.toml if it needs that much
    log-event ignored
    "#);
}

#[tokio::test]
async fn a_returned_error_in_each_hook() {
    insta::assert_snapshot!(outcomes("error").await, @r#"
    resolve-connection fails: plug-in hostile, hook resolve-connection: it answered an error: on purpose
    authenticated fails: plug-in hostile, hook authenticated: it answered an error: on purpose
    before-replicate-table told: Warning plugin Wipe person: plug-in hostile, hook before-replicate-table for table person: it answered an error: on purpose
    transform.plan fails: plug-in hostile, hook transform.plan for table person: it answered an error: on purpose
    transform.apply fails: plug-in hostile, hook transform.apply for table person: it answered an error: on purpose
    wiped told: Warning plugin Wipe person: plug-in hostile, hook wiped for table person: it answered an error: on purpose
    replication-completed told: Warning plugin Wipe -: plug-in hostile, hook replication-completed: it answered an error: on purpose
    rows-committed told: Warning plugin Wipe person: plug-in hostile, hook rows-committed for table person: it answered an error: on purpose
    operation.before refused: plug-in hostile refuses the call: on purpose
    operation.after told: Warning plugin Wipe -: plug-in hostile, hook operation.after: it answered an error: on purpose
    log-event ignored
    "#);
}

#[tokio::test]
async fn a_failed_observer_of_every_table_is_told_a_few_times() {
    let host = hostile("before-replicate-table", "trap", "");
    let mut hooks = begin(&host, Operation::TableSchema);
    for _ in 0..20 {
        call(Function::BeforeReplicateTable, &mut *hooks).await.unwrap();
    }
    assert_eq!(hooks.take_events().len(), 6);
    let counts = &host.list()[0].counts;
    assert_eq!((counts[0].function, counts[0].calls, counts[0].failures), ("before-replicate-table", 20, 20));
}

#[tokio::test]
async fn a_plug_in_s_words_cannot_forge_a_line_nor_fill_a_page() {
    let host = hostile("operation.before", "error-with-controls", "");
    let failure = call(Function::OperationBefore, &mut *begin(&host, Operation::Wipe)).await.unwrap_err();
    assert_eq!(failure.message, "plug-in hostile refuses the call: one\\u{a}ERROR two\\u{1b}[31m");
    let host = hostile("operation.before", "long-error", "");
    let failure = call(Function::OperationBefore, &mut *begin(&host, Operation::Wipe)).await.unwrap_err();
    assert_eq!(failure.message, format!("plug-in hostile refuses the call: {}…", "x".repeat(500)));
}

#[tokio::test]
async fn answers_that_cannot_be_used_fail_the_call() {
    let mut all = Vec::new();
    for (function, behaviour) in [
        (Function::ResolveConnection, "empty"),
        (Function::ResolveConnection, "huge"),
        (Function::Authenticated, "not-json"),
        (Function::Authenticated, "not-an-object"),
        (Function::Authenticated, "huge"),
    ] {
        let host = hostile(function.name(), behaviour, "");
        let failure = call(function, &mut *begin(&host, Operation::Authenticate)).await.unwrap_err();
        all.push(failure.message);
    }
    insta::assert_snapshot!(all.join("\n"), @r#"
    plug-in hostile, hook resolve-connection: it answered an empty connection; to leave it to the configuration, it answers none
    plug-in hostile, hook resolve-connection: it answered a connection of 1 MiB, and at most 64 KiB are taken
    plug-in hostile, hook authenticated: it answered a text that is not JSON: key must be a string at line 1 column 3
    plug-in hostile, hook authenticated: it answered JSON that is not an object such as { "doNotReplicate": "true" }
    plug-in hostile, hook authenticated: it answered 1025 KiB of JSON, and at most 64 KiB are taken
    "#);
}
