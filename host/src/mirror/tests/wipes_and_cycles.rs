//! Wipe (protocol.md section 8), ReplicationCompleted, Authenticate.

use super::kit::{I, Kit, batch, person, shown, tenant};
use crate::mirror::NewRefusal;
use crate::store::history::EventLevel;
use crate::store::{Connection, StoreErrorKind};

#[tokio::test]
async fn a_wipe_empties_the_table_and_its_lsn_is_minus_one_until_it_is_filled() {
    let kit = Kit::new();
    kit.filled().await;
    kit.wipe("PERSON").await.unwrap();
    assert!(shown(&kit.db(), "person").is_empty());
    assert_eq!(kit.schema(&[person()]).await.unwrap()[0].1, -1);
    kit.rows(batch(person(), 20, &[(I, &["3", "Cy"])])).await.unwrap();
    assert_eq!(kit.schema(&[person()]).await.unwrap()[0].1, 20);
}

#[tokio::test]
async fn a_wipe_of_a_table_that_no_table_schema_made_is_refused_and_is_no_tables_error() {
    let kit = Kit::new();
    kit.filled().await;
    for name in ["contact", "", "speil_events"] {
        let failure = kit.wipe(name).await.unwrap_err();
        assert!(failure.message.contains("wiped"), "{failure}");
    }
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"]);
}

#[tokio::test]
async fn a_wipe_that_the_database_refuses_is_told_with_what_to_do() {
    let kit = Kit::new();
    kit.filled().await;
    kit.db().fail_next("wipe", StoreErrorKind::Environment);
    kit.wipe("person").await.unwrap_err();
    let event = kit.db().events().remove(0);
    assert_eq!((event.level, event.table.as_deref()), (EventLevel::Error, Some("person")));
    assert!(event.advice.unwrap().contains("disk"));
    assert!(kit.db().error_of("person").is_some());
}

#[tokio::test]
async fn counts_that_differ_from_what_was_received_become_warnings() {
    let kit = Kit::new();
    kit.filled().await;
    kit.schema(&[person()]).await.unwrap();
    kit.rows(batch(person(), 20, &[(I, &["3", "Cy"])])).await.unwrap();
    kit.completed(&[("person", 5)]).await.unwrap();
    let warning = kit.db().events().into_iter().find(|event| event.level == EventLevel::Warning).unwrap();
    assert_eq!(warning.message, "person: 5 inserts reported, 1 received");
}

#[tokio::test]
async fn authenticate_makes_no_mirror_and_gives_back_the_client_state_and_what_plugins_add() {
    let kit = Kit::new();
    let answer = kit.mirror.authenticate(kit.caller()).await.unwrap();
    assert_eq!((answer.client_state.as_str(), answer.additional_information_json.as_str()), ("state", ""));
    assert!(kit.store.mirror(&tenant()).is_none());
    kit.hooks.set(|behaviour| {
        behaviour.authenticated.insert("doNotReplicate".into(), "true".into());
    });
    let answer = kit.mirror.authenticate(kit.caller()).await.unwrap();
    assert_eq!(answer.additional_information_json, r#"{"doNotReplicate":"true"}"#);
}

#[tokio::test]
async fn authenticate_is_recorded_in_a_mirror_that_is_there() {
    let kit = Kit::new();
    kit.filled().await;
    kit.mirror.authenticate(kit.caller()).await.unwrap();
    assert_eq!(kit.db().take_log(), ["record_call Authenticate"]);
}

#[tokio::test]
async fn the_mirror_is_opened_where_a_plugin_says_and_its_failure_fails_the_call() {
    let kit = Kit::new();
    kit.hooks.set(|behaviour| behaviour.connection = Some("elsewhere".into()));
    kit.filled().await;
    assert!(kit.store.opened_with.lock().unwrap().iter().all(|it| *it == Some(Connection("elsewhere".into()))));
    kit.hooks.set(|behaviour| behaviour.connection = Some("forbidden".into()));
    assert!(kit.schema(&[person()]).await.unwrap_err().message.contains("not allowed"));
    kit.hooks.set(|behaviour| behaviour.fail_resolve = true);
    let failure = kit.schema(&[person()]).await.unwrap_err();
    assert!(failure.message.contains("resolve-connection"), "{failure}");
    assert!(kit.db().events().iter().any(|event| event.kind == "plugin"), "told in the mirror that exists");
}

#[tokio::test]
async fn a_refused_call_is_remembered_and_told_in_the_tenants_mirror_without_counting_as_a_call() {
    let kit = Kit::new();
    let refusal = || NewRefusal {
        tenant: Some(tenant()),
        reason: "the token has expired".into(),
        fix: Some("clock_skew = \"10m\"".into()),
        path: "/MirroringClientService.svc".into(),
    };
    kit.mirror.record_refusal(refusal()).await;
    assert!(kit.store.mirror(&tenant()).is_none(), "a refused caller makes no mirror");
    kit.filled().await;
    kit.clock.advance(std::time::Duration::from_mins(10));
    kit.mirror.record_refusal(refusal()).await;
    kit.mirror.record_refusal(refusal()).await;
    assert_eq!(kit.db().take_log(), ["record_events"]);
    let event = kit.db().events().remove(0);
    assert_eq!((event.kind.as_str(), event.message.as_str()), ("refused", "the token has expired"));
    assert_eq!(kit.mirror.refusals().of(&tenant())[0].count, 3);
}

#[tokio::test]
async fn a_call_that_cannot_be_recorded_is_answered_all_the_same() {
    let kit = Kit::new();
    kit.filled().await;
    kit.db().fail_next("record_call", StoreErrorKind::Transient);
    kit.rows(batch(person(), 20, &[(I, &["3", "Cy"])])).await.unwrap();
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo", "3 Cy"]);
}
