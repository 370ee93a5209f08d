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

/// Short, so that an endless loop is a matter of a tenth of a second.
const LIMITS: &str = "time = \"100ms\"\nmemory = \"32 MiB\"";

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
        let host = hostile(function.name(), behaviour, LIMITS);
        all.push(format!("{function} {}", outcome(&host, function).await));
    }
    all.join("\n")
}

#[tokio::test]
async fn a_trap_in_each_hook() {
    insta::assert_snapshot!(outcomes("trap").await, @"");
}

#[tokio::test]
async fn an_endless_loop_in_each_hook() {
    insta::assert_snapshot!(outcomes("loop").await, @"");
}

#[tokio::test]
async fn a_memory_hog_in_each_hook() {
    insta::assert_snapshot!(outcomes("memory").await, @"");
}

#[tokio::test]
async fn a_returned_error_in_each_hook() {
    insta::assert_snapshot!(outcomes("error").await, @"");
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
    insta::assert_snapshot!(all.join("\n"), @"");
}
