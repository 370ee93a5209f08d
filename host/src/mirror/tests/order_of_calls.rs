//! Calls that overtake each other: design.md invariant 2, and what keeps an older call from undoing a newer.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::kit::{I, Kit, batch, contact, person, shown};

fn assert_sendable<T: Send>(future: T) -> T {
    future
}

#[tokio::test]
async fn an_older_wipe_cannot_empty_what_a_newer_call_has_filled() {
    let kit = Kit::new();
    kit.schema(&[person()]).await.unwrap();
    let stalled = kit.caller();
    kit.wipe("person").await.unwrap();
    kit.rows(batch(person(), 10, &[(I, &["1", "Ann"])])).await.unwrap();
    let failure = kit.mirror.wipe(stalled, "person".into()).await.unwrap_err();
    assert!(failure.message.contains("overtaken by a later call"), "{failure}");
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann"]);
    assert_eq!(kit.db().error_of("person"), None, "being overtaken is nobody's error");
}

#[tokio::test]
async fn an_older_wipe_cannot_empty_a_table_that_a_newer_table_schema_has_answered_for() {
    let kit = Kit::new();
    kit.filled().await;
    let stalled = kit.caller();
    assert_eq!(kit.schema(&[person()]).await.unwrap()[0].1, 10);
    kit.mirror.wipe(stalled, "person".into()).await.unwrap_err();
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"], "or changes from 10 on would be all there is");
}

#[tokio::test]
async fn an_older_table_schema_has_no_effect_once_a_newer_call_has_touched_a_table() {
    let kit = Kit::new();
    kit.schema(&[person(), contact()]).await.unwrap();
    let stalled = kit.caller();
    kit.wipe("person").await.unwrap();
    kit.rows(batch(person(), 0, &[(I, &["1", "Ann"])])).await.unwrap();
    let failure = kit.schema_as(stalled, &[person()]).await.unwrap_err();
    assert!(failure.message.contains("overtaken"), "{failure}");
    assert!(kit.db().get("contact").is_some(), "not listed by the older call, and not dropped by it");
    kit.rows(batch(person(), 10, &[(I, &["2", "Bo"])])).await.unwrap();
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"], "the fill went on where it was");
}

#[tokio::test]
async fn older_rows_are_refused_batch_by_batch_once_a_newer_call_has_the_table() {
    let kit = Kit::new();
    kit.filled().await;
    kit.schema(&[person(), contact()]).await.unwrap();
    let (sender, receiver) = mpsc::channel(1);
    let mirror = kit.mirror.clone();
    let caller = kit.caller();
    let older = tokio::spawn(assert_sendable(async move { mirror.row_data(caller, receiver).await }));
    sender.send(Ok(batch(contact(), 5, &[(I, &["1", "1"])]))).await.unwrap();
    kit.rows(batch(person(), 20, &[(I, &["3", "new"])])).await.unwrap();
    sender.send(Ok(batch(person(), 15, &[(I, &["3", "old"])]))).await.unwrap();
    drop(sender);
    let failure = older.await.unwrap().unwrap_err();
    assert!(failure.message.contains("overtaken"), "{failure}");
    assert_eq!(shown(&kit.db(), "contact"), ["1 1"]);
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo", "3 new"]);
}

#[tokio::test]
async fn an_older_replication_completed_does_not_close_a_newer_cycle() {
    let kit = Kit::new();
    kit.filled().await;
    let stalled = kit.caller();
    kit.schema(&[person()]).await.unwrap();
    kit.mirror.replication_completed(stalled, Vec::new()).await.unwrap_err();
    let cycles = crate::store::MirrorDb::history(&*kit.db()).cycles(1).await.unwrap();
    assert_eq!(cycles[0].completed_at, None);
}

#[tokio::test]
async fn a_call_that_is_overtaken_on_another_host_is_refused_by_the_store() {
    // Two hosts over one mirror: each counts its own arrivals.
    let here = Kit::new();
    here.filled().await;
    let mut there = Kit::new();
    there.store = here.store.clone();
    there.restart();
    let (sender, receiver) = mpsc::channel(1);
    let mirror = here.mirror.clone();
    let caller = here.caller();
    let older = tokio::spawn(async move { mirror.row_data(caller, receiver).await });
    // Its ticket is taken before it reads rows.
    while !here.db().take_log().contains(&"ticket".to_owned()) {
        tokio::task::yield_now().await;
    }
    there.wipe("person").await.unwrap();
    there.rows(batch(person(), 30, &[(I, &["9", "new"])])).await.unwrap();
    sender.send(Ok(batch(person(), 20, &[(I, &["3", "old"])]))).await.unwrap();
    drop(sender);
    assert!(older.await.unwrap().unwrap_err().message.contains("overtaken"));
    assert_eq!(shown(&here.db(), "person"), ["9 new"]);
}

#[tokio::test]
async fn many_calls_for_tables_and_tenants_at_once_all_end_well() {
    let kit = Arc::new(Kit::new());
    let tables: Vec<_> = (0..12)
        .map(|number| {
            let mut table = person();
            table.table_name = format!("t{number}");
            table
        })
        .collect();
    kit.schema(&tables).await.unwrap();
    let calls = tables.iter().cloned().map(|table| {
        let kit = kit.clone();
        tokio::spawn(async move {
            kit.wipe(&table.table_name).await.unwrap();
            for number in 1..6 {
                let key = number.to_string();
                kit.rows(batch(table.clone(), number, &[(I, &[&key, "x"])])).await.unwrap();
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    for table in &tables {
        assert_eq!(shown(&kit.db(), &table.table_name), ["1 x", "2 x", "3 x", "4 x", "5 x"]);
    }
}

#[tokio::test]
async fn every_operations_future_can_be_spawned() {
    let kit = Kit::new();
    let mirror = &kit.mirror;
    drop(assert_sendable(mirror.authenticate(kit.caller())));
    drop(assert_sendable(mirror.table_schema(kit.caller(), Vec::new())));
    drop(assert_sendable(mirror.wipe(kit.caller(), String::new())));
    drop(assert_sendable(mirror.replication_completed(kit.caller(), Vec::new())));
    assert!(kit.hooks.take().is_empty(), "a future that is never polled does nothing");
}

#[tokio::test]
async fn a_table_schema_that_is_overtaken_on_another_host_changes_and_drops_nothing() {
    let here = Kit::new();
    here.filled().await;
    here.db().fail_next("confirm_tables", crate::store::StoreErrorKind::Overtaken);
    let failure = here.schema(&[contact()]).await.unwrap_err();
    assert!(failure.message.contains("overtaken"), "{failure}");
    assert_eq!(shown(&here.db(), "person"), ["1 Ann", "2 Bo"]);
    assert!(here.db().get("contact").is_none());
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_leaves_nothing_and_holds_nothing_up() {
    let kit = Kit::new();
    kit.filled().await;
    let (sender, receiver) = mpsc::channel(2);
    {
        let mut call = Box::pin(kit.mirror.row_data(kit.caller(), receiver));
        // Two batches wait; the call is dropped in the middle of the first or between the two, as it comes.
        sender.send(Ok(batch(person(), 20, &[(I, &["3", "Cy"])]))).await.unwrap();
        sender.send(Ok(batch(person(), 21, &[(I, &["4", "Di"])]))).await.unwrap();
        for _ in 0..3 {
            assert!(futures_util::poll!(&mut call).is_pending());
            tokio::task::yield_now().await;
        }
    }
    let rows = shown(&kit.db(), "person");
    let lsn = kit.db().get("person").unwrap().record.lsn.0;
    let all = ["1 Ann", "2 Bo", "3 Cy", "4 Di"];
    let whole = [(10, &all[..2]), (20, &all[..3]), (21, &all[..])];
    let whole = whole.iter().any(|(at, expected)| *at == lsn && *expected == rows);
    assert!(whole, "rows and LSN belong together: {lsn} {rows:?}");
    kit.rows(batch(person(), 22, &[(I, &["5", "Ed"])])).await.unwrap();
    assert_eq!(kit.db().get("person").unwrap().record.lsn.0, 22);
}
