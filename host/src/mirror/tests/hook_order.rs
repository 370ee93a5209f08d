//! Each hook at its moment, with its arguments: design.md, the hook table.

use super::kit::{I, Kit, batch, contact, person, tenant};

#[tokio::test]
async fn table_schema_calls_its_hooks_in_order_for_every_table() {
    let kit = Kit::new();
    kit.schema(&[person(), contact()]).await.unwrap();
    assert_eq!(
        kit.hooks.take(),
        [
            r#"begin Cust1 app TableSchema "state" r1"#,
            "before",
            "resolve",
            "attach Cust1",
            "replicate person Created",
            "replicate contact Created",
            "event schema person was created",
            "event schema contact was created",
            r#"after true """#,
        ]
    );
    kit.schema(&[contact()]).await.unwrap();
    assert_eq!(
        kit.hooks.take()[4..],
        [
            "replicate person Dropped",
            "replicate contact Unchanged",
            "event schema person was dropped: the source does not list it any more",
            r#"after true """#,
        ]
    );
}

#[tokio::test]
async fn row_data_transforms_before_the_commit_and_tells_after_it() {
    let kit = Kit::new();
    kit.hooks.set(|behaviour| {
        behaviour.keep_odd.push("person".into());
        behaviour.wants_rows_committed = true;
    });
    kit.schema(&[person()]).await.unwrap();
    kit.hooks.take();
    kit.rows(batch(person(), 10, &[(I, &["1", "Ann"])])).await.unwrap();
    assert_eq!(
        kit.hooks.take(),
        [
            r#"begin Cust1 app RowData "state" r1"#,
            "before",
            "resolve",
            "attach Cust1",
            "transform person 1",
            r#"committed person +1 ~0 -0 lsn 10 [(false, ["1"])]"#,
            r#"after true """#,
        ]
    );
}

#[tokio::test]
async fn wipe_completion_and_authenticate_call_theirs() {
    let kit = Kit::new();
    kit.filled().await;
    kit.hooks.set(|behaviour| behaviour.wiped_fails = true);
    kit.wipe("person").await.unwrap();
    assert_eq!(
        kit.hooks.take()[3..],
        [
            "attach Cust1",
            "wiped person",
            "event wipe person was emptied of 2 rows",
            "event plugin plug-in test trapped in wiped",
            r#"after true """#,
        ]
    );
    assert!(kit.db().events().iter().any(|event| event.message.contains("trapped in wiped")), "told, and no failure");
    kit.completed(&[]).await.unwrap();
    assert_eq!(
        kit.hooks.take()[4..],
        [
            "completed 0",
            "event cycle cycle completed: 0 tables changed, 0 inserts, 0 updates, 0 deletes",
            r#"after true """#,
        ]
    );
    kit.mirror.authenticate(kit.caller()).await.unwrap();
    assert_eq!(kit.hooks.take()[1..], ["before", "resolve", "attach Cust1", "authenticated", r#"after true """#]);
}

#[tokio::test]
async fn a_refusal_by_a_plugin_stops_the_call_before_anything_is_opened_and_after_is_called_all_the_same() {
    let kit = Kit::new();
    kit.hooks.set(|behaviour| behaviour.refuse = Some("closed for maintenance".into()));
    let failure = kit.schema(&[person()]).await.unwrap_err();
    assert_eq!(failure.message, "closed for maintenance");
    assert_eq!(
        kit.hooks.take()[1..],
        ["before", "event plugin closed for maintenance", r#"after false "closed for maintenance""#]
    );
    assert!(kit.store.mirror(&tenant()).is_none());
}

#[tokio::test]
async fn a_table_that_a_plugin_skips_is_told_as_dropped_once_and_only_if_it_was_there() {
    let kit = Kit::new();
    kit.schema(&[person()]).await.unwrap();
    kit.hooks.set(|behaviour| behaviour.skip = vec!["person".into(), "contact".into()]);
    let mut told = Vec::new();
    for _ in 0..2 {
        kit.hooks.take();
        kit.schema(&[person(), contact()]).await.unwrap();
        told.extend(kit.hooks.take().into_iter().filter(|call| call.starts_with("replicate")));
    }
    assert_eq!(
        told,
        [
            "replicate person Dropped",
            "replicate contact Unchanged",
            "replicate person Unchanged",
            "replicate contact Unchanged",
        ]
    );
}
