//! What a program of the usual kind can try, in any hook: `tests/guests/hostile`.

use std::time::Instant;

use speil::plugins::Function;
use speil::protocol::names::Operation;
use speil_test_guests::HOSTILE;

use super::{Hosted, NEIGHBOUR, VICTIM, begin, beside, call_hook, hosted, outcome};
use crate::held;
use crate::plugins::told;

/// A behaviour in one function, with these limits.
type Case = (&'static str, Function, &'static str);

const SHORT: &str = "time = \"150ms\"";
const SMALL: &str = "memory = \"16 MiB\"";
/// No other limit may be met first, however busy the machine is.
const PATIENT: &str = "time = \"5m\"";

const IN_EACH_HOOK: [(&str, &str); 4] = [("loop", SHORT), ("memory", SMALL), ("trap", PATIENT), ("error", PATIENT)];

const SPIN: [Case; 8] = [
    ("sleep", Function::Wiped, SHORT),
    ("poll", Function::Wiped, SHORT),
    ("loop-in-config", Function::Wiped, SHORT),
    ("loop-in-clock", Function::Wiped, SHORT),
    ("loop-in-random", Function::Wiped, SHORT),
    ("loop-in-poll", Function::Wiped, SHORT),
    ("loop-in-files", Function::Wiped, SHORT),
    ("many-waits", Function::Wiped, SHORT),
];

const CLOCK: [Case; 3] = [
    ("until-the-end-of-time", Function::Wiped, SHORT),
    ("for-ever", Function::Wiped, SHORT),
    ("backwards", Function::Wiped, PATIENT),
];

const MEMORY: [Case; 3] = [
    ("memory-at-once", Function::Wiped, PATIENT),
    ("overflow", Function::Wiped, PATIENT),
    ("handles", Function::Wiped, PATIENT),
];

const TRAPS: [Case; 6] = [
    ("panic", Function::Wiped, PATIENT),
    ("exit", Function::Wiped, PATIENT),
    ("exit-well", Function::Wiped, PATIENT),
    ("error-with-controls", Function::OperationBefore, PATIENT),
    ("long-error", Function::OperationBefore, PATIENT),
    ("huge-error", Function::OperationBefore, "output = \"16 MiB\"\ntime = \"5m\""),
];

const LOGS: [Case; 9] = [
    ("log-flood", Function::Wiped, "log_lines = 10\ntime = \"5m\""),
    ("log-flood", Function::Wiped, "log_bytes = 1000\ntime = \"5m\""),
    ("log-long", Function::Wiped, PATIENT),
    ("log-huge", Function::Wiped, "output = \"16 MiB\"\ntime = \"5m\""),
    ("log-forged", Function::Wiped, PATIENT),
    ("print-flood", Function::Wiped, "log_lines = 10\nlog_bytes = 1000\ntime = \"5m\""),
    ("print-endless", Function::Wiped, PATIENT),
    ("print-no-text", Function::Wiped, PATIENT),
    ("flood-and-trap", Function::Wiped, "log_lines = 10\ntime = \"5m\""),
];

const ESCAPE: [Case; 8] = [
    ("index", Function::OperationBefore, PATIENT),
    ("forged-handle", Function::Wiped, PATIENT),
    ("forged-handles", Function::Wiped, PATIENT),
    ("stale-handle", Function::Wiped, PATIENT),
    ("handle-dropped-twice", Function::Wiped, PATIENT),
    ("handle-of-another-kind", Function::Wiped, PATIENT),
    ("output-through-a-forged-stream", Function::Wiped, PATIENT),
    ("poll-nothing", Function::Wiped, PATIENT),
];

const ENVIRONMENT: [Case; 8] = [
    ("files", Function::OperationBefore, PATIENT),
    ("files-by-name", Function::OperationBefore, PATIENT),
    ("environment", Function::OperationBefore, PATIENT),
    ("folder", Function::OperationBefore, PATIENT),
    ("stdin", Function::OperationBefore, PATIENT),
    ("stdin-to-the-end", Function::OperationBefore, PATIENT),
    ("thread", Function::OperationBefore, PATIENT),
    ("process", Function::OperationBefore, PATIENT),
];

const ANSWERS: [Case; 8] = [
    ("empty", Function::ResolveConnection, PATIENT),
    ("blank", Function::ResolveConnection, PATIENT),
    ("huge", Function::ResolveConnection, PATIENT),
    ("not-json", Function::Authenticated, PATIENT),
    ("not-an-object", Function::Authenticated, PATIENT),
    ("huge", Function::Authenticated, PATIENT),
    ("deep", Function::Authenticated, PATIENT),
    ("many-members", Function::Authenticated, PATIENT),
];

const PLANS: [Case; 14] = [
    ("drop-key", Function::TransformPlan, PATIENT),
    ("output-key", Function::TransformPlan, PATIENT),
    ("drop-unknown", Function::TransformPlan, PATIENT),
    ("input-unknown", Function::TransformPlan, PATIENT),
    ("output-unknown", Function::TransformPlan, PATIENT),
    ("output-dropped", Function::TransformPlan, PATIENT),
    ("output-twice", Function::TransformPlan, PATIENT),
    ("add-existing", Function::TransformPlan, PATIENT),
    ("add-twice", Function::TransformPlan, PATIENT),
    ("add-bad-type", Function::TransformPlan, PATIENT),
    ("add-bad-name", Function::TransformPlan, PATIENT),
    ("add-many", Function::TransformPlan, PATIENT),
    ("input-many", Function::TransformPlan, PATIENT),
    ("huge-name", Function::TransformPlan, PATIENT),
];

const COLUMNS: [Case; 20] = [
    ("too-few-rows", Function::TransformApply, PATIENT),
    ("too-many-rows", Function::TransformApply, PATIENT),
    ("a-million-rows", Function::TransformApply, PATIENT),
    ("no-rows", Function::TransformApply, PATIENT),
    ("too-few-flags", Function::TransformApply, PATIENT),
    ("too-many-flags", Function::TransformApply, PATIENT),
    ("no-flags", Function::TransformApply, PATIENT),
    ("missing-column", Function::TransformApply, PATIENT),
    ("no-columns", Function::TransformApply, PATIENT),
    ("column-twice", Function::TransformApply, PATIENT),
    ("column-twice-in-capitals", Function::TransformApply, PATIENT),
    ("many-columns", Function::TransformApply, PATIENT),
    ("unpromised-column", Function::TransformApply, PATIENT),
    ("column-without-a-name", Function::TransformApply, PATIENT),
    ("wrong-type", Function::TransformApply, PATIENT),
    ("out-of-range", Function::TransformApply, PATIENT),
    ("null-in-not-null", Function::TransformApply, PATIENT),
    ("too-long", Function::TransformApply, PATIENT),
    ("huge", Function::TransformApply, "output = \"8 MiB\"\ntime = \"5m\""),
    ("trap-half-way", Function::TransformApply, PATIENT),
];

/// Those of the tests below that have no list.
const SINGLE: usize = 4;

pub const COUNT: usize = IN_EACH_HOOK.len() * Function::ALL.len()
    + SPIN.len()
    + CLOCK.len()
    + MEMORY.len()
    + TRAPS.len()
    + LOGS.len()
    + ESCAPE.len()
    + ENVIRONMENT.len()
    + ANSWERS.len()
    + PLANS.len()
    + COLUMNS.len()
    + SINGLE;

/// The host with the guest that does this in this hook of the victim's calls, and is quiet in all others.
fn guest(behaviour: &str, hook: &str, limits: &str) -> Hosted {
    let sidecar = format!(
        "[config]\ntenant = \"{VICTIM}\"\nhook = \"{hook}\"\nbehaviour = \"{behaviour}\"\n[limits]\n{limits}\n"
    );
    hosted(&[("hostile.wasm", HOSTILE), ("hostile.toml", sidecar.as_bytes())])
}

async fn tried(cases: &[Case]) -> Vec<String> {
    let mut all = Vec::new();
    for (behaviour, function, limits) in cases {
        let Hosted { host, .. } = guest(behaviour, function.name(), limits);
        let came = beside(&host, outcome(&host, *function)).await;
        assert!(came.contains(&format!("INFO hostile {function}: {behaviour}")), "{behaviour} was not reached: {came}");
        let came = came.replace(&format!("\n  log: INFO hostile {function}: {behaviour}"), "");
        all.push(format!("{behaviour}: {came}"));
    }
    all
}

async fn in_each_hook(which: usize) -> Vec<String> {
    let (behaviour, limits) = IN_EACH_HOOK[which];
    let cases = Function::ALL.map(|function| (behaviour, function, limits));
    tried(&cases).await
}

#[tokio::test]
async fn an_endless_loop_in_each_hook() {
    held!("loop-in-each-hook", in_each_hook(0).await);
}

#[tokio::test]
async fn all_memory_in_each_hook() {
    held!("memory-in-each-hook", in_each_hook(1).await);
}

#[tokio::test]
async fn a_trap_in_each_hook() {
    held!("trap-in-each-hook", in_each_hook(2).await);
}

#[tokio::test]
async fn an_error_in_each_hook() {
    held!("error-in-each-hook", in_each_hook(3).await);
}

#[tokio::test]
async fn to_run_for_ever() {
    held!("spin", tried(&SPIN).await);
}

#[tokio::test]
async fn times_that_never_come() {
    held!("clock", tried(&CLOCK).await);
}

#[tokio::test]
async fn to_take_all_there_is() {
    held!("memory", tried(&MEMORY).await);
}

#[tokio::test]
async fn to_end_badly() {
    held!("traps", tried(&TRAPS).await);
}

#[tokio::test]
async fn to_fill_the_log() {
    held!("logs", tried(&LOGS).await);
}

#[tokio::test]
async fn handles_that_were_never_given() {
    held!("escape", tried(&ESCAPE).await);
}

#[tokio::test]
async fn what_stands_around_the_sandbox() {
    held!("environment", tried(&ENVIRONMENT).await);
    assert!(!std::path::Path::new("/tmp/hostile").exists());
}

#[tokio::test]
async fn answers_that_cannot_be_used() {
    held!("answers", tried(&ANSWERS).await);
}

#[tokio::test]
async fn plans_that_cannot_be() {
    held!("plans", tried(&PLANS).await);
}

#[tokio::test]
async fn batches_that_break_the_plan_s_promises() {
    held!("columns", tried(&COLUMNS).await);
}

#[tokio::test]
async fn a_little_time_in_each_of_many_hooks() {
    let Hosted { host, .. } = guest("dawdle", "before-replicate-table", "time = \"5m\"\ncall_time = \"100ms\"");
    let began = Instant::now();
    let events = beside(&host, async {
        let mut call = begin(&host, VICTIM, Operation::TableSchema);
        for _ in 0..400 {
            call_hook(&mut *call, Function::BeforeReplicateTable).await.expect("it is only told");
        }
        told(&call.take_events())
    })
    .await;
    // 400 times 40 ms would be 16 s; after 100 ms nothing of it runs.
    assert!(began.elapsed().as_secs() < 12, "{:?}", began.elapsed());
    held!("dawdle", events);
    let list = host.list();
    let counts = &list.iter().find(|plugin| plugin.name == "hostile").expect("there").counts;
    let count = counts.iter().find(|count| count.function == "before-replicate-table").expect("called");
    assert!(count.failures >= 390, "{count:?}");
}

#[tokio::test]
async fn more_instances_than_there_are() {
    let Hosted { host, .. } = guest("none", "none", "instances = 2\ntime = \"100ms\"");
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut call = begin(&host, VICTIM, Operation::Wipe);
        call_hook(&mut *call, Function::Wiped).await.expect("quiet");
        held.push(call);
    }
    let came = outcome_of_one_more(&host).await;
    held!("instances", [came]);
    drop(held);
    super::neighbour(&host).await;
}

async fn outcome_of_one_more(host: &speil::plugins::PluginHost) -> String {
    let mut call = begin(host, VICTIM, Operation::Wipe);
    call_hook(&mut *call, Function::OperationBefore).await.map_or_else(|failure| failure.message, |()| "ok".into())
}

#[tokio::test]
async fn nothing_is_remembered_from_one_call_to_the_next() {
    let sidecar = "[config]\nhook = \"wiped\"\nbehaviour = \"remember\"\n";
    let Hosted { host, .. } = hosted(&[("hostile.wasm", HOSTILE), ("hostile.toml", sidecar.as_bytes())]);
    let mut all = Vec::new();
    for tenant in [VICTIM, NEIGHBOUR, VICTIM] {
        let mut call = begin(&host, tenant, Operation::Wipe);
        call_hook(&mut *call, Function::Wiped).await.expect("it is only told");
        all.extend(told(&call.take_events()));
    }
    held!("remember", all);
}

#[tokio::test]
async fn nothing_is_found_of_what_another_tenant_left_in_memory() {
    let mut all = Vec::new();
    // Both from one pool of memories, the second right after the first.
    let sidecar = |tenant: &str, behaviour: &str| {
        format!("tenants = [\"{tenant}\"]\n[config]\nhook = \"wiped\"\nbehaviour = \"{behaviour}\"\n")
    };
    let (leaves, looks) = (sidecar(NEIGHBOUR, "leave-marks"), sidecar(VICTIM, "look-for-marks"));
    let files = [("a.wasm", HOSTILE), ("a.toml", leaves.as_bytes()), ("b.wasm", HOSTILE), ("b.toml", looks.as_bytes())];
    let Hosted { host, .. } = hosted(&files);
    for _ in 0..3 {
        for tenant in [NEIGHBOUR, VICTIM] {
            let mut call = begin(&host, tenant, Operation::Wipe);
            call_hook(&mut *call, Function::Wiped).await.expect("it is only told");
            all.extend(told(&call.take_events()));
        }
    }
    held!("marks", all);
}
