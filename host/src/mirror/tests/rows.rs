//! RowData: protocol.md section 7.

use super::kit::{D, I, Kit, U, batch, contact, info, person, shown};
use crate::mirror::BrokenBody;
use crate::protocol::lsn::Lsn;
use crate::store::StoreErrorKind;

fn lsn(kit: &Kit, table: &str) -> i64 {
    kit.db().get(table).unwrap().record.lsn.0
}

#[tokio::test]
async fn insert_replaces_update_inserts_delete_of_nothing_does_nothing_so_a_batch_may_come_twice() {
    let kit = Kit::new();
    kit.filled().await;
    let again = || {
        batch(person(), 20, &[(I, &["1", "Ann B."]), (U, &["3", "Cy"]), (D, &["2", ""]), (D, &["9"]), (U, &["1", "A"])])
    };
    kit.rows(again()).await.unwrap();
    assert_eq!(shown(&kit.db(), "person"), ["1 A", "3 Cy"]);
    kit.rows(again()).await.unwrap();
    assert_eq!(shown(&kit.db(), "person"), ["1 A", "3 Cy"]);
    assert_eq!(lsn(&kit, "person"), 20);
}

#[tokio::test]
async fn an_lsn_moves_only_forward_and_only_when_greater_than_zero() {
    let kit = Kit::new();
    kit.filled().await;
    for (sent, stored) in [(0, 10), (-1, 10), (9, 10), (11, 11)] {
        kit.rows(batch(person(), sent, &[(I, &["5", "Eve"])])).await.unwrap();
        assert_eq!(lsn(&kit, "person"), stored, "after {sent}");
    }
}

#[tokio::test]
async fn a_batch_without_rows_still_moves_the_lsn() {
    let kit = Kit::new();
    kit.filled().await;
    kit.rows(batch(person(), 30, &[])).await.unwrap();
    assert_eq!(lsn(&kit, "person"), 30);
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"]);
}

#[tokio::test]
async fn intermediate_batches_leave_the_table_not_wholly_filled() {
    let kit = Kit::new();
    kit.schema(&[person()]).await.unwrap();
    kit.wipe("person").await.unwrap();
    kit.rows(batch(person(), 0, &[(I, &["1", "Ann"])])).await.unwrap();
    assert_eq!(kit.schema(&[person()]).await.unwrap()[0].1, -1);
    // The fill was broken off: what comes now is a new one, and the old rows are gone when its first rows come.
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann"]);
    kit.rows(batch(person(), 0, &[(I, &["2", "Bo"])])).await.unwrap();
    kit.rows(batch(person(), 10, &[(I, &["3", "Cy"])])).await.unwrap();
    assert_eq!(shown(&kit.db(), "person"), ["2 Bo", "3 Cy"]);
    assert_eq!(kit.schema(&[person()]).await.unwrap()[0].1, 10);
}

#[tokio::test]
async fn minus_one_set_by_hand_in_the_middle_of_a_cycle_is_not_overwritten_by_the_changes_that_follow() {
    let kit = Kit::new();
    kit.filled().await;
    kit.schema(&[person()]).await.unwrap();
    kit.db().edit("person", |table| table.record.lsn = Lsn(-1));
    kit.rows(batch(person(), 20, &[(I, &["3", "Cy"])])).await.unwrap();
    assert_eq!(lsn(&kit, "person"), -1, "or the mirror would be missing what a fill brings");
    assert_eq!(kit.schema(&[person()]).await.unwrap()[0].1, -1);
}

#[tokio::test]
async fn a_bad_cell_names_table_row_column_and_text_and_nothing_of_its_batch_is_applied() {
    let kit = Kit::new();
    kit.filled().await;
    let failure = kit.rows(batch(person(), 20, &[(I, &["7", "Gus"]), (U, &["seven", "Gus"])])).await.unwrap_err();
    for part in ["person", "2", "person_id", "seven"] {
        assert!(failure.message.contains(part), "{part} in {failure}");
    }
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"]);
    assert_eq!(lsn(&kit, "person"), 10);
    let error = kit.db().error_of("person").unwrap();
    assert_eq!((error.row, error.column.as_deref()), (Some(2), Some("person_id")));
    // The next success of the table ends it.
    kit.rows(batch(person(), 20, &[(I, &["7", "Gus"])])).await.unwrap();
    assert_eq!(kit.db().error_of("person"), None);
}

#[tokio::test]
async fn batches_before_a_broken_one_stay_and_those_after_it_are_not_applied() {
    let kit = Kit::new();
    kit.filled().await;
    kit.schema(&[person(), contact()]).await.unwrap();
    let failure = kit
        .batches(
            kit.caller(),
            vec![
                Ok(batch(person(), 20, &[(I, &["3", "Cy"])])),
                Ok(batch(contact(), 21, &[(I, &["1", "70000"])])),
                Ok(batch(person(), 22, &[(I, &["4", "Di"])])),
            ],
        )
        .await
        .unwrap_err();
    assert!(failure.message.contains("contact") && failure.message.contains("batch 2"), "{failure}");
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo", "3 Cy"]);
    assert_eq!((lsn(&kit, "person"), lsn(&kit, "contact")), (20, -1));
}

#[tokio::test]
async fn a_body_that_breaks_off_keeps_the_batches_that_came_whole_and_says_why() {
    let kit = Kit::new();
    kit.filled().await;
    let failure = kit
        .batches(
            kit.caller(),
            vec![Ok(batch(person(), 20, &[(I, &["3", "Cy"])])), Err(BrokenBody("the body ended too soon".into()))],
        )
        .await
        .unwrap_err();
    assert!(failure.message.contains("the body ended too soon"), "{failure}");
    assert_eq!(lsn(&kit, "person"), 20);
}

#[tokio::test]
async fn rows_for_a_table_that_no_table_schema_made_are_refused() {
    let kit = Kit::new();
    kit.filled().await;
    let failure = kit.rows(batch(contact(), 20, &[(I, &["1", "2"])])).await.unwrap_err();
    assert!(failure.message.contains("contact") && failure.message.contains("TableSchema"), "{failure}");
    assert!(kit.db().get("contact").is_none());
}

#[tokio::test]
async fn rows_whose_columns_differ_by_name_or_type_or_number_are_refused() {
    let kit = Kit::new();
    kit.filled().await;
    let mut other_name = person();
    other_name.columns[1].name = "nickname".into();
    let mut other_type = person();
    other_type.columns[1].sql_type = "nvarchar(51)".into();
    let mut more = person();
    more.columns.push(contact().columns[1].clone());
    for (table, part) in [(other_name, "name"), (other_type, "nvarchar(51)"), (more, "3 columns")] {
        let cells: &[&str] = if table.columns.len() == 3 { &["5", "Eve", "1"] } else { &["5", "Eve"] };
        let failure = kit.rows(batch(table, 20, &[(I, cells)])).await.unwrap_err();
        assert!(failure.message.contains(part) && failure.message.contains("next cycle"), "{part}: {failure}");
    }
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"]);
}

#[tokio::test]
async fn columns_may_come_in_another_order_and_case_and_without_their_defaults_and_nullability() {
    let kit = Kit::new();
    kit.filled().await;
    let other = info("PERSON", &[("NAME", "NVARCHAR(50)", false, ""), ("Person_Id", "int", true, "default ((0))")]);
    kit.rows(batch(other.clone(), 20, &[(I, &["Cy", "3"]), (U, &["NULL", "1"]), (D, &["", "2"])])).await.unwrap();
    assert_eq!(shown(&kit.db(), "person"), ["1 NULL", "3 Cy"]);

    // The same where a transform has a hand in it, and only this process knows what the source looks like.
    let mut kit = Kit::new();
    kit.hooks.set(|behaviour| behaviour.drop.push(("person".into(), "name".into())));
    kit.schema(&[person()]).await.unwrap();
    kit.rows(batch(other.clone(), 20, &[(I, &["Cy", "3"])])).await.unwrap();
    assert_eq!(shown(&kit.db(), "person"), ["3"]);
    kit.restart();
    assert!(kit.rows(batch(other, 21, &[(I, &["Di", "4"])])).await.is_err());
    kit.rows(batch(person(), 21, &[(I, &["4", "Di"])])).await.unwrap();
}

#[tokio::test]
async fn a_table_without_a_key_takes_inserts_and_says_what_to_configure_for_the_rest() {
    let kit = Kit::new();
    let log = info("log", &[("line", "nvarchar(100)", true, "")]);
    kit.schema(std::slice::from_ref(&log)).await.unwrap();
    kit.rows(batch(log.clone(), 5, &[(I, &["a"]), (I, &["a"])])).await.unwrap();
    assert_eq!(shown(&kit.db(), "log"), ["a", "a"]);
    let failure = kit.rows(batch(log, 6, &[(I, &["b"]), (D, &["a"])])).await.unwrap_err();
    assert!(failure.message.contains("log") && failure.message.contains("row 2"), "{failure}");
    assert_eq!(lsn(&kit, "log"), 5);
    let event = kit.db().events().remove(0);
    assert!(event.advice.unwrap().contains("[mirror.keys]"));
}

#[tokio::test]
async fn a_key_that_is_missing_is_an_error_of_its_row() {
    let kit = Kit::new();
    kit.filled().await;
    for row in [(D, &["NULL", "x"][..]), (I, &["NULL", "x"][..]), (D, &["", "x"][..])] {
        let failure = kit.rows(batch(person(), 20, &[row])).await.unwrap_err();
        assert!(failure.message.contains("person_id"), "{failure}");
    }
    assert_eq!(lsn(&kit, "person"), 10);
}

#[tokio::test]
async fn a_transform_that_fails_fails_the_call_and_no_row_reaches_the_mirror_unchanged() {
    let kit = Kit::new();
    kit.hooks.set(|behaviour| behaviour.fail_transform.push("person".into()));
    kit.schema(&[person()]).await.unwrap();
    let failure = kit.rows(batch(person(), 20, &[(I, &["1", "Ann"])])).await.unwrap_err();
    assert!(failure.message.contains("trapped in apply"), "{failure}");
    assert!(shown(&kit.db(), "person").is_empty());
    assert_eq!(lsn(&kit, "person"), -1);
}

#[tokio::test]
async fn a_transform_that_changed_since_table_schema_stops_rows_until_the_next_cycle() {
    let kit = Kit::new();
    kit.filled().await;
    kit.hooks.set(|behaviour| behaviour.keep_odd.push("person".into()));
    let failure = kit.rows(batch(person(), 20, &[(I, &["3", "Cy"])])).await.unwrap_err();
    assert!(failure.message.contains("plug-ins"), "{failure}");
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"]);
}

#[tokio::test]
async fn a_row_that_a_filter_leaves_out_is_deleted_from_the_mirror() {
    let kit = Kit::new();
    kit.hooks.set(|behaviour| behaviour.keep_odd.push("person".into()));
    kit.schema(&[person()]).await.unwrap();
    kit.rows(batch(person(), 20, &[(I, &["1", "Ann"]), (I, &["2", "Bo"]), (U, &["4", "Di"])])).await.unwrap();
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann"]);
}

#[tokio::test]
async fn rows_and_lsn_stay_as_they_were_when_the_database_fails_at_any_step() {
    for step in ["begin", "apply", "commit"] {
        let kit = Kit::new();
        kit.filled().await;
        kit.db().fail_next(step, StoreErrorKind::Transient);
        let again = || batch(person(), 20, &[(U, &["1", "Ann B."]), (D, &["2"])]);
        assert!(kit.rows(again()).await.is_err(), "{step}");
        assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"], "{step}");
        assert_eq!(lsn(&kit, "person"), 10, "{step}");
        kit.rows(again()).await.unwrap();
        assert_eq!(shown(&kit.db(), "person"), ["1 Ann B."], "{step}");
    }
}

#[tokio::test]
async fn operations_are_counted_as_the_task_counts_them_not_as_they_were_applied() {
    let kit = Kit::new();
    kit.filled().await;
    kit.schema(&[person()]).await.unwrap();
    kit.rows(batch(person(), 20, &[(I, &["1", "A"]), (U, &["1", "B"]), (D, &["1"]), (D, &["77"])])).await.unwrap();
    let table = crate::store::MirrorDb::history(&*kit.db()).tables().await.unwrap().remove(0);
    assert_eq!((table.cycle_inserts, table.cycle_updates, table.cycle_deletes), (1, 1, 2));
}

#[tokio::test]
async fn rows_committed_is_told_keys_only_and_the_last_change_of_each_and_only_when_wanted() {
    let kit = Kit::new();
    kit.filled().await;
    let change = || batch(person(), 20, &[(I, &["3", "Cy"]), (U, &["1", "x"]), (D, &["1"]), (D, &["2"])]);
    kit.rows(change()).await.unwrap();
    assert!(!kit.hooks.take().iter().any(|call| call.starts_with("committed")));
    kit.hooks.set(|behaviour| behaviour.wants_rows_committed = true);
    kit.rows(change()).await.unwrap();
    let told = kit.hooks.take().into_iter().find(|call| call.starts_with("committed")).unwrap();
    assert_eq!(told, r#"committed person +0 ~1 -0 lsn 20 [(true, ["1"]), (true, ["2"]), (false, ["3"])]"#);
}

#[tokio::test]
async fn rows_committed_says_when_there_were_more_than_it_is_told() {
    let kit = Kit::new();
    kit.filled().await;
    kit.hooks.set(|behaviour| behaviour.wants_rows_committed = true);
    let keys: Vec<String> = (100..10_101).map(|key: i32| key.to_string()).collect();
    let cells: Vec<[&str; 2]> = keys.iter().map(|key| [key.as_str(), "x"]).collect();
    let rows: Vec<_> = cells.iter().map(|cells| (I, &cells[..])).collect();
    kit.rows(batch(person(), 20, &rows)).await.unwrap();
    let told = kit.hooks.take().into_iter().find(|call| call.starts_with("committed")).unwrap();
    assert!(told.ends_with(" truncated") && !told.contains("10100"), "{}", told.len());
    assert_eq!(kit.db().rows("person").len(), 10_003);
}

#[tokio::test]
async fn a_gap_that_cannot_be_written_down_is_remembered_until_it_can_be() {
    let kit = Kit::new();
    kit.filled().await;
    kit.db().fail_next("commit", StoreErrorKind::Environment);
    kit.db().fail_next("mark_gap", StoreErrorKind::Environment);
    kit.rows(batch(person(), 0, &[(I, &["3", "Cy"])])).await.unwrap_err();
    assert!(!kit.db().get("person").unwrap().gap);
    kit.rows(batch(person(), 20, &[(I, &["4", "Di"])])).await.unwrap();
    assert_eq!(kit.schema(&[person()]).await.unwrap(), [("person".to_owned(), 10)]);
    kit.rows(batch(person(), 20, &[(I, &["3", "Cy"]), (I, &["4", "Di"])])).await.unwrap();
    assert_eq!(kit.schema(&[person()]).await.unwrap(), [("person".to_owned(), 20)]);
}
