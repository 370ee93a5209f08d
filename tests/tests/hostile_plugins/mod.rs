//! What all families share: a host with one plug-in that means harm and one that does not, and a neighbour: another tenant
//! whose calls pass through both while the harm is done.

pub mod abi;
#[cfg(unix)]
pub mod code;
pub mod files;
pub mod guest;
pub mod odd;
pub mod powers;
pub mod start;
mod text;

use std::future::Future;
use std::path::Path;

use speil::config::PluginsConfig;
use speil::plugins::hooks::{CallInfo, CallOutcome, Committed, SchemaChange};
use speil::plugins::{CallHooks, Function, HookFailure, HookSource, PluginHost};
use speil::protocol::context_id::ContextId;
use speil::protocol::lsn::Lsn;
use speil::protocol::messages::RowOp;
use speil::protocol::names::Operation;
use speil::protocol::table_name::TableName;
use speil::store::Applied;
use speil::store::history::{EventLevel, EventRecord};
use speil_test_guests::TRANSFORMER;

use crate::plugins::{File, Lines, folder, info, people, person, shown, told, without};

/// Whose calls are attacked.
pub const VICTIM: &str = "Cust1";
/// Whose calls must notice nothing.
pub const NEIGHBOUR: &str = "Cust2";

/// The neighbour's own plug-in, and that of nobody else.
const KIND: &str = "tenants = [\"Cust2\"]\n[config]\n\"person.drop\" = \"photo,height,pay,born,guid,seen\"\n\
                    \"person.inputs\" = \"name\"\n\"person.outputs\" = \"name\"\n\"person.suffix\" = \"!\"\n";
/// What the neighbour's rows are to be.
const KIND_ROWS: &str = "I id=Integer(1) name=Text(\"Ann!\") age=Integer(30)\n\
                         U id=Integer(2) name=Null age=Integer(31)\n\
                         D id=Integer(3) name=Null age=Null\n";

/// A host over a folder that stays.
pub struct Hosted {
    pub folder: tempfile::TempDir,
    pub host: PluginHost,
}

/// The configuration of all hosts here: compiled code is shared, so that a component is compiled once for all cases, and
/// nothing waits for approval.
pub fn config(folder: &Path) -> PluginsConfig {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-plugins");
    PluginsConfig { cache_directory: Some(cache), approval: false, ..PluginsConfig::over(folder) }
}

/// A host with these files and the neighbour's plug-in. Its loading is tried with the rest: it never fails.
pub fn hosted(files: &[File<'_>]) -> Hosted {
    let mut all = vec![("kind.wasm", TRANSFORMER), ("kind.toml", KIND.as_bytes())];
    all.extend_from_slice(files);
    let folder = folder(&all);
    let host = PluginHost::load(&config(folder.path())).expect("a broken plug-in breaks nobody else");
    Hosted { folder, host }
}

/// Begins a call of this tenant.
pub fn begin(host: &PluginHost, tenant: &str, operation: Operation) -> Box<dyn CallHooks> {
    host.begin(CallInfo { tenant: ContextId::new(tenant).expect("a tenant"), ..info(operation) })
}

/// One call of the neighbour's through all hooks, which comes to exactly what it always comes to.
pub async fn neighbour(host: &PluginHost) {
    let mut call = begin(host, NEIGHBOUR, Operation::RowData);
    call.before_operation().await.expect("the neighbour is let in");
    assert!(call.resolve_connection().await.expect("nobody routes it").is_none());
    assert!(call.authenticated().await.expect("nobody adds to its answer").is_empty());
    let plan = call.plan(&person()).await.expect("the neighbour's table is planned");
    let rows = [(RowOp::Insert, 1, Some("Ann"), 30), (RowOp::Update, 2, None, 31), (RowOp::Delete, 3, None, 0)];
    let batch = call.transform(&plan, people(&rows)).await.expect("the neighbour's rows are transformed");
    assert_eq!(shown(plan.target.as_deref().expect("not skipped"), &batch), KIND_ROWS);
    for function in Function::ALL {
        if !matches!(
            function,
            Function::OperationBefore
                | Function::ResolveConnection
                | Function::Authenticated
                | Function::TransformPlan
                | Function::TransformApply
        ) {
            call_hook(&mut *call, function).await.expect("nothing fails for the neighbour");
        }
    }
    assert_eq!(told(&call.take_events()), Vec::<String>::new(), "the neighbour is told nothing");
}

/// Does the harm while the neighbour calls, on one thread: a plug-in that held it would be noticed. Then the neighbour calls once
/// more: the host has stayed up.
pub async fn beside<T>(host: &PluginHost, harm: impl Future<Output = T>) -> T {
    let calls = async {
        for _ in 0..2 {
            neighbour(host).await;
        }
    };
    // The harm is polled first: it has begun when the neighbour comes.
    let (result, ()) = tokio::join!(biased; harm, calls);
    neighbour(host).await;
    result
}

/// Calls one function as the pipeline would.
pub async fn call_hook(call: &mut dyn CallHooks, function: Function) -> Result<(), HookFailure> {
    let table = TableName::new("person").expect("a name");
    match function {
        Function::ResolveConnection => call.resolve_connection().await.map(drop),
        Function::Authenticated => call.authenticated().await.map(drop),
        Function::TransformPlan => call.plan(&person()).await.map(drop),
        Function::TransformApply => {
            let plan = call.plan(&person()).await?;
            let rows = [(RowOp::Insert, 1, Some("Ann"), 30), (RowOp::Update, 2, Some("Bo"), 31)];
            call.transform(&plan, people(&rows)).await.map(drop)
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
            let (kind, message) = ("wipe".into(), "m".into());
            let (operation, table, advice) = (None, None, None);
            let event = EventRecord { at: 0, level: EventLevel::Info, kind, operation, table, message, advice };
            call.log_event(&event).await;
            Ok(())
        }
    }
}

/// Everything that becomes of one function of the victim's call: how it ends, the events, the log lines.
pub async fn outcome(host: &PluginHost, function: Function) -> String {
    let lines = Lines::listen();
    let mut call = begin(host, VICTIM, Operation::Wipe);
    let ended = match call_hook(&mut *call, function).await {
        Ok(()) => "the call goes on".to_owned(),
        Err(failure) if failure.refused => format!("the call is refused: {failure}"),
        Err(failure) => format!("the call fails: {failure}"),
    };
    let mut all = vec![ended];
    // Where in a source file is a matter of compilers.
    let placeless = |event: String| without(&event, "panicked at ", ": ", "PLACE", |place| place.contains(".rs:"));
    all.extend(told(&call.take_events()).into_iter().map(|event| format!("event: {}", placeless(event))));
    // The same call's next hook gets an instance, whatever became of this one.
    let other = if function == Function::Wiped { Function::ReplicationCompleted } else { Function::Wiped };
    call_hook(&mut *call, other).await.expect("the next hook is called");
    assert_eq!(told(&call.take_events()), Vec::<String>::new(), "the next hook is quiet");
    // What it had not finished is written at the end.
    drop(call);
    let mut lines: Vec<String> = lines.take().into_iter().map(|line| short(&line)).collect();
    if lines.len() > 4 {
        lines.splice(2..lines.len() - 1, [format!("({} lines)", lines.len() - 3)]);
    }
    all.extend(lines.into_iter().map(|line| format!("log: {line}")));
    all.join("\n  ")
}

/// A long line as its beginning and its length.
pub fn short(line: &str) -> String {
    const MOST: usize = 600;
    // As above.
    if let Some((head, _)) = line.split_once(" panicked at ") {
        return format!("{head} panicked");
    }
    if line.chars().count() <= MOST {
        return line.to_owned();
    }
    let head: String = line.chars().take(40).collect();
    format!("{head}... ({} bytes)", line.len())
}

/// What is held under snapshot: a line a case and more below it.
#[macro_export]
macro_rules! held {
    ($name:expr, $lines:expr) => {
        let text = $crate::plugins::plain(&$lines.join("\n"));
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!($name, text);
        });
    };
}
