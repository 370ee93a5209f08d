//! Every limit trips on its own, is named, and leaves the call able to go on; what is closed stays closed.

mod plugins;

use std::time::{Duration, Instant};

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
async fn waiting_is_cut_like_working() {
    for behaviour in ["sleep", "poll"] {
        let begun = Instant::now();
        let message = misbehaved(behaviour, "time = \"200ms\"").await;
        assert_eq!(
            message,
            "plug-in hostile, hook operation.before: it took longer than its limit of 200 ms; raise `time` under \
             [limits] in hostile.toml if it needs longer"
        );
        assert!(begun.elapsed() < Duration::from_mins(1), "{behaviour} was not cut");
    }
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
    let all = "all its hooks of this call together took longer than its limit of 500 ms; raise `call_time` under";
    assert!(messages[0].contains("it took longer than its limit of 300 ms"), "{messages:?}");
    assert!(messages[1..].iter().all(|message| message.contains(all)) && messages.len() == 4, "{messages:?}");
}

#[tokio::test]
async fn a_recursion_without_an_end_meets_the_stack_s_limit() {
    assert_eq!(
        misbehaved("overflow", "").await,
        "plug-in hostile, hook operation.before: it used up its stack of 1 MiB, which is the same for every plug-in: a \
         recursion without an end?"
    );
}

#[tokio::test]
async fn an_exit_and_a_panic_are_told_apart_and_a_panic_s_words_reach_the_log() {
    assert_eq!(
        misbehaved("exit", "").await,
        "plug-in hostile, hook operation.before: it ended itself with exit code 1"
    );
    let lines = Lines::listen();
    misbehaved("panic", "").await;
    let lines = lines.take().join("\n");
    assert!(lines.contains("WARN hostile a panic on purpose"), "{lines}");
}

#[tokio::test]
async fn log_lines_are_bounded_in_number_volume_and_length() {
    let lines = Lines::listen();
    assert_eq!(misbehaved("log-flood", "time = \"5m\"\nlog_lines = 10").await, "ok");
    let flood = lines.take();
    assert_eq!(flood.len(), 11);
    assert_eq!(
        flood[10],
        "WARN hostile no further lines of this call are written: more than `log_lines` = 10; raise it under [limits] in \
         hostile.toml if they are needed"
    );
    assert_eq!(misbehaved("print-flood", "time = \"5m\"\nlog_bytes = 1000").await, "ok");
    let flood = lines.take();
    assert!(flood.last().unwrap().contains("more than `log_bytes` = 1000 bytes; raise it under [limits]"), "{flood:?}");
    assert!(flood.iter().map(String::len).sum::<usize>() < 4_000);
    for behaviour in ["log-long", "print-endless"] {
        assert_eq!(misbehaved(behaviour, "").await, "ok");
        let long = lines.take();
        assert_eq!(long.len(), 2, "{behaviour}");
        assert!(long[1].len() < (8 << 10) + 100 && long[1].ends_with('…'), "{behaviour}");
    }
}

#[tokio::test]
async fn what_an_import_is_given_is_bounded_too() {
    assert_eq!(
        misbehaved("log-huge", "output = \"16 MiB\"").await,
        "plug-in hostile, hook operation.before: it handed over more than its limit of 16 MiB at once; raise `output` \
         under [limits] in hostile.toml if it needs that much"
    );
}

#[tokio::test]
async fn files_environment_and_input_are_closed() {
    assert_eq!(misbehaved("files", "").await, "plug-in hostile refuses the call: read: true, write: true");
    assert_eq!(misbehaved("environment", "").await, "plug-in hostile refuses the call: 0 variables, 0 arguments");
    assert_eq!(misbehaved("stdin", "").await, "plug-in hostile refuses the call: Ok(0)");
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
