//! TableSchema: protocol.md section 5, metadata section 6.

use super::kit::{I, Kit, START, batch, contact, info, person, shown};
use crate::protocol::lsn::Lsn;
use crate::protocol::sql_type::{Length, SqlType};
use crate::store::history::EventLevel;
use crate::store::records::ActualColumn;
use crate::store::{ActualTable, StoreErrorKind, TableKind};

fn lsns(answer: &[(String, i64)]) -> Vec<(&str, i64)> {
    answer.iter().map(|(table, lsn)| (table.as_str(), *lsn)).collect()
}

#[tokio::test]
async fn a_new_table_is_created_and_answers_minus_one_in_the_order_and_spelling_of_the_request() {
    let kit = Kit::new();
    let mut shouted = contact();
    shouted.table_name = "CONTACT".into();
    let answer = kit.schema(&[person(), shouted]).await.unwrap();
    assert_eq!(lsns(&answer), [("person", -1), ("CONTACT", -1)]);
    assert!(kit.db().get("contact").is_some());
}

#[tokio::test]
async fn an_unchanged_table_answers_its_stored_lsn_without_a_call_to_the_database_for_it_alone() {
    let kit = Kit::new();
    kit.filled().await;
    assert_eq!(lsns(&kit.schema(&[person()]).await.unwrap()), [("person", 10)]);
    let log = kit.db().take_log();
    assert_eq!(log, ["ticket", "confirm_tables", "begin_cycle", "record_call TableSchema"]);
}

#[tokio::test]
async fn a_request_that_lists_no_table_is_refused_and_drops_nothing() {
    let kit = Kit::new();
    kit.filled().await;
    let failure = kit.schema(&[]).await.unwrap_err();
    assert!(failure.message.contains("no table at all"), "{failure}");
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"]);
}

#[tokio::test]
async fn a_table_whose_type_is_unknown_stops_only_itself_and_what_is_mirrored_of_it_stays() {
    let kit = Kit::new();
    kit.filled().await;
    let broken = info("person", &[("person_id", "int", false, ""), ("shape", "sphere(3)", true, "")]);
    let answer = kit.schema(&[broken, contact()]).await.unwrap();
    assert_eq!(lsns(&answer), [("contact", -1)]);
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"], "listed, so not dropped");
    let error = kit.db().error_of("person").expect("its status shows why");
    assert!(error.message.contains("sphere"), "{}", error.message);
    assert_eq!(error.at, START);
}

#[tokio::test]
async fn reserved_names_and_the_tenants_own_metadata_table_are_refused_alone_whatever_their_case() {
    let kit = Kit::new();
    let named = |name: &str| info(name, &[("id", "int", false, "")]);
    let answer =
        kit.schema(&[named("cUST1_Mirroring"), named("Speil_events"), named("Cust2_mirroring"), person()]).await;
    assert_eq!(lsns(&answer.unwrap()), [("Cust2_mirroring", -1), ("person", -1)]);
    let told: Vec<String> = kit.db().events().into_iter().map(|event| event.message).collect();
    assert!(told.iter().any(|message| message.contains("cUST1_Mirroring")), "{told:?}");
    assert!(told.iter().any(|message| message.contains("Speil_events")), "{told:?}");
}

#[tokio::test]
async fn a_table_listed_twice_is_an_error_for_that_table_alone_and_stays_as_it_is() {
    let kit = Kit::new();
    kit.filled().await;
    let mut twin = person();
    twin.table_name = "PERSON".into();
    let answer = kit.schema(&[person(), contact(), twin]).await.unwrap();
    assert_eq!(lsns(&answer), [("contact", -1)]);
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"]);
    assert!(kit.db().error_of("person").unwrap().message.contains("2 times"));
}

#[tokio::test]
async fn a_table_that_the_source_no_longer_lists_is_dropped() {
    let kit = Kit::new();
    kit.filled().await;
    kit.schema(&[contact()]).await.unwrap();
    assert!(kit.db().get("person").is_none());
    assert!(kit.hooks.take().contains(&"replicate person Dropped".to_owned()));
}

#[tokio::test]
async fn a_vendors_table_that_was_never_taken_over_is_not_dropped_when_it_is_not_listed() {
    let kit = Kit::new();
    kit.filled().await;
    kit.db().put_vendor_table("legacy", 5, ActualTable { columns: vec![], key: vec![] }, vec![]);
    kit.schema(&[person()]).await.unwrap();
    assert!(kit.db().get("legacy").is_some());
}

#[tokio::test]
async fn an_added_column_with_a_default_keeps_the_rows_and_the_lsn() {
    let kit = Kit::new();
    kit.filled().await;
    let mut wider = person();
    wider.columns.extend(contact().columns.into_iter().skip(1));
    assert_eq!(lsns(&kit.schema(&[wider]).await.unwrap()), [("person", 10)]);
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann 0", "2 Bo 0"]);
    assert!(kit.hooks.take().contains(&"replicate person Altered".to_owned()));
}

#[tokio::test]
async fn columns_both_removed_and_added_fill_the_table_anew() {
    let kit = Kit::new();
    kit.filled().await;
    let mut renamed = person();
    renamed.columns[1].name = "full_name".into();
    assert_eq!(lsns(&kit.schema(&[renamed]).await.unwrap()), [("person", -1)]);
    assert!(shown(&kit.db(), "person").is_empty());
    assert!(kit.hooks.take().contains(&"replicate person Recreated".to_owned()));
}

#[tokio::test]
async fn an_adjustment_that_fails_becomes_drop_and_create_and_minus_one() {
    let kit = Kit::new();
    kit.filled().await;
    let mut wider = person();
    wider.columns[1].sql_type = "nvarchar(200)".into();
    kit.db().fail_next("alter_table", StoreErrorKind::Schema);
    assert_eq!(lsns(&kit.schema(&[wider]).await.unwrap()), [("person", -1)]);
    assert!(shown(&kit.db(), "person").is_empty());
}

#[tokio::test]
async fn a_table_that_can_neither_be_adjusted_nor_created_is_left_out_and_the_others_are_answered() {
    let kit = Kit::new();
    kit.filled().await;
    let mut wider = person();
    wider.columns[1].sql_type = "nvarchar(200)".into();
    kit.db().fail_next("alter_table", StoreErrorKind::Schema);
    kit.db().fail_next("create_table", StoreErrorKind::Environment);
    let answer = kit.schema(&[wider.clone(), contact()]).await.unwrap();
    assert_eq!(lsns(&answer), [("contact", -1)]);
    let event = kit.db().events().into_iter().find(|event| event.level == EventLevel::Error).unwrap();
    assert_eq!((event.table.as_deref(), event.kind.as_str()), (Some("person"), "error"));
    assert!(event.advice.is_some());
    // The next cycle mends it.
    assert_eq!(lsns(&kit.schema(&[wider, contact()]).await.unwrap()), [("person", 10), ("contact", -1)]);
}

#[tokio::test]
async fn a_plan_that_fails_leaves_out_its_table_alone_and_answers_no_lsn_for_it() {
    let kit = Kit::new();
    kit.filled().await;
    kit.hooks.set(|behaviour| behaviour.fail_plan.push("person".into()));
    assert_eq!(lsns(&kit.schema(&[person(), contact()]).await.unwrap()), [("contact", -1)]);
    assert!(kit.db().error_of("person").unwrap().message.contains("trapped in plan"));
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann", "2 Bo"]);
}

#[tokio::test]
async fn a_changed_or_removed_transform_fills_its_tables_anew_and_no_other() {
    let kit = Kit::new();
    let both = [person(), contact()];
    kit.schema(&both).await.unwrap();
    for (table, row) in [(person(), ["1", "Ann"]), (contact(), ["1", "7"])] {
        kit.rows(batch(table, 10, &[(I, &row)])).await.unwrap();
    }
    kit.hooks.set(|behaviour| behaviour.drop.push(("person".into(), "name".into())));
    assert_eq!(lsns(&kit.schema(&both).await.unwrap()), [("person", -1), ("contact", 10)]);
    kit.rows(batch(person(), 11, &[(I, &["1", "Ann"])])).await.unwrap();
    assert_eq!(shown(&kit.db(), "person"), ["1"]);
    assert_eq!(lsns(&kit.schema(&both).await.unwrap()), [("person", 11), ("contact", 10)]);
    kit.hooks.set(|behaviour| behaviour.drop.clear());
    assert_eq!(lsns(&kit.schema(&both).await.unwrap()), [("person", -1), ("contact", 10)]);
}

#[tokio::test]
async fn a_schema_change_of_a_table_that_a_transform_touches_fills_it_anew() {
    let kit = Kit::new();
    kit.hooks.set(|behaviour| behaviour.drop.push(("person".into(), "name".into())));
    kit.schema(&[person()]).await.unwrap();
    kit.rows(batch(person(), 10, &[(I, &["1", "Ann"])])).await.unwrap();
    let mut wider = person();
    wider.columns.extend(contact().columns.into_iter().skip(1));
    assert_eq!(lsns(&kit.schema(&[wider]).await.unwrap()), [("person", -1)]);
}

#[tokio::test]
async fn a_skipped_table_keeps_only_how_far_the_source_has_come() {
    let kit = Kit::new();
    kit.filled().await;
    kit.hooks.set(|behaviour| behaviour.skip.push("person".into()));
    assert_eq!(lsns(&kit.schema(&[person()]).await.unwrap()), [("person", -1)]);
    assert_eq!(kit.db().get("person").unwrap().record.kind, TableKind::Skipped);
    kit.rows(batch(person(), 20, &[(I, &["x", "not even a number"])])).await.unwrap();
    assert_eq!(lsns(&kit.schema(&[person()]).await.unwrap()), [("person", 20)]);
    assert!(shown(&kit.db(), "person").is_empty());
    kit.hooks.set(|behaviour| behaviour.skip.clear());
    assert_eq!(lsns(&kit.schema(&[person()]).await.unwrap()), [("person", -1)]);
}

#[tokio::test]
async fn an_lsn_set_below_zero_by_hand_resyncs_that_table() {
    let kit = Kit::new();
    kit.filled().await;
    kit.db().edit("person", |table| table.record.lsn = Lsn(-7));
    assert_eq!(lsns(&kit.schema(&[person()]).await.unwrap()), [("person", -1)]);
    kit.rows(batch(person(), 12, &[(I, &["3", "Cy"])])).await.unwrap();
    assert_eq!(shown(&kit.db(), "person"), ["3 Cy"], "rows without a wipe find the table emptied, once");
}

#[tokio::test]
async fn a_row_deleted_and_a_table_dropped_by_hand_is_a_hard_reset() {
    let kit = Kit::new();
    kit.filled().await;
    kit.db().forget("person");
    assert_eq!(lsns(&kit.schema(&[person()]).await.unwrap()), [("person", -1)]);
}

fn as_the_vendor_makes_it(name_type: SqlType) -> ActualTable {
    let column =
        |name: &str, sql_type, nullable| ActualColumn { name: name.into(), sql_type: Some(sql_type), nullable };
    ActualTable {
        columns: vec![column("PERSON_ID", SqlType::Int, false), column("name", name_type, true)],
        key: vec!["person_id".into()],
    }
}

fn ann() -> Vec<(Vec<String>, Vec<Option<String>>)> {
    vec![(vec!["[I:1]".into()], vec![Some("[I:1]".into()), Some("Ann".into())])]
}

#[tokio::test]
async fn a_vendors_table_that_agrees_with_the_source_is_taken_over_with_its_rows_and_lsn() {
    let kit = Kit::new();
    kit.schema(&[contact()]).await.unwrap();
    kit.db().put_vendor_table("person", 77, as_the_vendor_makes_it(SqlType::NVarChar(Length::Limited(50))), ann());
    assert_eq!(lsns(&kit.schema(&[person(), contact()]).await.unwrap()), [("person", 77), ("contact", -1)]);
    assert_eq!(shown(&kit.db(), "person"), ["1 Ann"]);
    assert!(kit.db().events().iter().any(|event| event.kind == "takeover"));
    assert_eq!(lsns(&kit.schema(&[person(), contact()]).await.unwrap()), [("person", 77), ("contact", -1)]);
}

#[tokio::test]
async fn a_vendors_table_that_differs_or_would_be_transformed_is_made_anew() {
    let kit = Kit::new();
    kit.schema(&[contact()]).await.unwrap();
    kit.db().put_vendor_table("person", 77, as_the_vendor_makes_it(SqlType::NText), ann());
    assert_eq!(lsns(&kit.schema(&[person(), contact()]).await.unwrap())[0], ("person", -1));
    assert!(shown(&kit.db(), "person").is_empty());
    let told = kit.db().events().into_iter().find(|event| event.kind == "takeover").unwrap().message;
    assert!(told.contains("ntext"), "{told}");

    let kit = Kit::new();
    kit.schema(&[contact()]).await.unwrap();
    kit.hooks.set(|behaviour| behaviour.keep_odd.push("person".into()));
    kit.db().put_vendor_table("person", 77, as_the_vendor_makes_it(SqlType::NVarChar(Length::Limited(50))), ann());
    assert_eq!(lsns(&kit.schema(&[person(), contact()]).await.unwrap())[0], ("person", -1));
}

#[tokio::test]
async fn a_takeover_that_broke_off_between_its_two_steps_is_made_anew_by_the_next_cycle() {
    let kit = Kit::new();
    kit.schema(&[contact()]).await.unwrap();
    kit.db().put_vendor_table("person", 77, as_the_vendor_makes_it(SqlType::NText), ann());
    kit.db().fail_next("create_table", StoreErrorKind::Transient);
    assert_eq!(lsns(&kit.schema(&[person(), contact()]).await.unwrap()), [("contact", -1)]);
    assert_eq!(lsns(&kit.schema(&[person(), contact()]).await.unwrap())[0], ("person", -1));
    assert!(shown(&kit.db(), "person").is_empty());
}

#[tokio::test]
async fn many_tables_changed_alike_are_one_event() {
    let kit = Kit::new();
    let tables: Vec<_> = (0..40).map(|number| info(&format!("t{number}"), &[("id", "int", false, "")])).collect();
    kit.schema(&tables).await.unwrap();
    let events = kit.db().events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].message.starts_with("40 tables (t0, t1, t2, …)"), "{}", events[0].message);
}

#[tokio::test]
async fn a_table_without_not_null_first_column_has_the_key_that_the_configuration_names() {
    let kit = Kit::with_keys(&[("Odd", &["id"])]);
    let odd = info("odd", &[("label", "nvarchar(10)", true, ""), ("id", "int", false, "")]);
    kit.schema(&[odd]).await.unwrap();
    assert_eq!(kit.db().get("odd").unwrap().record.def.unwrap().key, [1]);
}

#[tokio::test]
async fn a_real_tenant_of_413_tables_costs_as_many_calls_to_its_database_as_one_table_when_nothing_changed() {
    let kit = Kit::new();
    let tables: Vec<_> = (0..413)
        .map(|number| {
            let names: Vec<String> = (0..=12).map(|column| format!("column_{column}")).collect();
            let columns: Vec<_> =
                names.iter().map(|name| (name.as_str(), "nvarchar(255)", true, "default (N'')")).collect();
            info(&format!("table_{number}"), &[&[("id", "int", false, "")], &columns[..]].concat())
        })
        .collect();
    kit.schema(&tables).await.unwrap();
    for table in &tables {
        kit.rows(batch(table.clone(), 7, &[])).await.unwrap();
    }
    kit.db().take_log();
    let answer = kit.schema(&tables).await.unwrap();
    assert!(answer.iter().all(|(_, lsn)| *lsn == 7));
    assert_eq!(kit.db().take_log(), ["ticket", "confirm_tables", "begin_cycle", "record_call TableSchema"]);
}

#[tokio::test]
async fn a_store_that_cannot_say_what_tables_were_fails_the_call_and_not_single_tables() {
    let kit = Kit::new();
    let before = info("person", &[("id", "int", false, "")]);
    kit.schema(&[before]).await.unwrap();
    let changed = info("person", &[("id", "int", false, ""), ("name", "nvarchar(10)", true, "")]);
    kit.db().fail_next("tables", StoreErrorKind::Transient);
    kit.schema(std::slice::from_ref(&changed)).await.unwrap_err();
    assert!(kit.schema(&[changed]).await.is_ok(), "the next one mends it");
}
