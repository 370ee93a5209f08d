//! What limits leave standing: the thread, the rest of the call, calls in a queue. That each trips on its own and is named is
//! held by `hostile_plugins.rs`.

mod plugins;

use plugins::{Lines, begin, hostile};
use speil::plugins::PluginHost;
use speil::protocol::names::Operation;

/// What `operation.before` comes to.
async fn before(host: &PluginHost) -> String {
    begin(host, Operation::Authenticate)
        .before_operation()
        .await
        .map_or_else(|failure| failure.message, |()| "ok".into())
}

async fn misbehaved(behaviour: &str, limits: &str) -> String {
    before(&hostile("operation.before", behaviour, limits)).await
}

#[tokio::test]
async fn an_endless_loop_does_not_hold_its_thread() {
    let host = hostile("operation.before", "loop", "time = \"500ms\"");
    let mut call = begin(&host, Operation::Authenticate);
    let turns = async {
        for _ in 0..5 {
            tokio::task::yield_now().await;
        }
    };
    // One thread, the loop first in every turn: the other gets to its end first only if the loop lets go again and again.
    tokio::select! {
        biased;
        result = call.before_operation() => panic!("the loop held its thread until it was cut: {result:?}"),
        () = turns => {}
    }
}

#[tokio::test]
async fn all_hooks_of_a_call_together_have_a_limit() {
    let host = hostile("before-replicate-table", "loop", "time = \"300ms\"\ncall_time = \"500ms\"");
    let mut call = begin(&host, Operation::TableSchema);
    let table = speil::protocol::table_name::TableName::new("t").unwrap();
    for _ in 0..4 {
        call.before_replicate_table(&table, speil::plugins::hooks::SchemaChange::Unchanged).await;
    }
    let messages = plugins::told(&call.take_events());
    let all = "all its hooks of this call together took longer than its limit of 500 ms (cut after ";
    assert!(messages[0].contains("it took longer than its limit of 300 ms"), "{messages:?}");
    assert!(messages[1..].iter().all(|message| message.contains(all)) && messages.len() == 4, "{messages:?}");
}

#[tokio::test]
async fn an_exit_and_a_panic_are_told_apart_and_a_panic_s_words_reach_the_log() {
    assert_eq!(
        misbehaved("exit", "").await,
        "plug-in hostile, hook operation.before: it ended itself with exit code 1; its log lines may say why"
    );
    let lines = Lines::listen();
    misbehaved("panic", "").await;
    let lines = lines.take().join("\n");
    assert!(lines.contains("WARN hostile a panic on purpose"), "{lines}");
}

#[tokio::test]
async fn indexes_are_reachable_only_once_a_mirror_is_open() {
    assert_eq!(
        misbehaved("index", "").await,
        "plug-in hostile refuses the call: the tenant's mirror is not open in this hook, so it has no indexes yet; use \
         before-replicate-table or replication-completed"
    );
}

#[tokio::test]
async fn only_so_many_calls_hold_an_instance_at_once() {
    let host = hostile("none", "none", "instances = 1\ntime = \"200ms\"");
    let mut first = begin(&host, Operation::Authenticate);
    first.before_operation().await.unwrap();
    assert_eq!(
        before(&host).await,
        "plug-in hostile, hook operation.before: all 1 instances it may have at once were busy for 200 ms; raise \
         `instances` under [limits] in hostile.toml, or look at what keeps them busy"
    );
    drop(first);
    assert_eq!(before(&host).await, "ok");
}

#[tokio::test]
async fn more_calls_at_once_than_instances_are_all_served() {
    let host = hostile("none", "none", "");
    let calls = (0..200).map(|_| {
        let host = host.clone();
        tokio::spawn(async move { before(&host).await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), "ok");
    }
    assert_eq!(host.list()[0].counts[0].calls, 200);
}
