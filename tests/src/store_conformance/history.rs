//! The side tables: what happened, kept in the mirror.

use speil::protocol::lsn::Lsn;
use speil::protocol::messages::ReplicationSummary;
use speil::protocol::names::Operation;
use speil::store::Ticket;
use speil::store::history::{CallRecord, CycleRecord, EventLevel, EventRecord, TableError, TableHistory};

use super::StoreFactory;
use super::kit::*;

fn call(at: i64, failed: bool) -> CallRecord {
    CallRecord { at, operation: Operation::RowData, failed, table_errors: Vec::new(), events: Vec::new() }
}

fn event(at: i64, message: &str) -> EventRecord {
    EventRecord {
        at,
        level: EventLevel::Warning,
        kind: "schema".into(),
        operation: Some("TableSchema".into()),
        table: Some("contact".into()),
        message: message.into(),
        advice: None,
    }
}

fn summary(table: &str, inserts: i32, updates: i32, deletes: i32) -> ReplicationSummary {
    ReplicationSummary { deletes, inserts, table_name: table.into(), updates }
}

pub async fn a_cycle_is_counted_from_its_beginning_to_its_end(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    let history = db.history();
    assert!(history.cycles(10).await.unwrap().is_empty());
    history.begin_cycle(Ticket(7), 1_000).await.unwrap();
    put(&db, &contact(), 8, &three(), 100).await.unwrap();
    history.record_call(&call(2_000, false)).await.unwrap();
    history.record_call(&call(3_000, true)).await.unwrap();
    let mismatches = history.complete_cycle(4_000, &[summary("CONTACT", 3, 0, 0)]).await.unwrap();
    assert_eq!(mismatches, Vec::<String>::new());
    let expected = CycleRecord {
        id: 7,
        started_at: 1_000,
        last_call_at: 4_000,
        completed_at: Some(4_000),
        calls: 2,
        failed_calls: 1,
        inserts: 3,
        updates: 0,
        deletes: 0,
        reported: Some((3, 0, 0)),
        mismatches,
    };
    assert_eq!(history.cycles(10).await.unwrap(), [expected]);
}

pub async fn cycles_come_newest_first_and_as_many_as_asked(f: &impl StoreFactory) {
    let db = open(f).await;
    for ticket in [3, 5, 9] {
        db.history().begin_cycle(Ticket(ticket), ticket * 10).await.unwrap();
    }
    db.history().begin_cycle(Ticket(9), 99).await.unwrap();
    let ids =
        |cycles: Vec<CycleRecord>| cycles.into_iter().map(|cycle| (cycle.id, cycle.started_at)).collect::<Vec<_>>();
    assert_eq!(ids(db.history().cycles(2).await.unwrap()), [(9, 90), (5, 50)]);
    assert_eq!(db.history().cycles(100).await.unwrap().len(), 3);
    assert_eq!(db.history().cycles(100).await.unwrap()[1].completed_at, None);
}

pub async fn counts_that_differ_are_told_table_by_table(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    for name in ["person", "quiet"] {
        db.create_table(&turn(name, 1), &simple(name), hash(1)).await.unwrap();
    }
    let history = db.history();
    history.begin_cycle(Ticket(7), 1_000).await.unwrap();
    put(&db, &contact(), 8, &three(), 100).await.unwrap();
    put(&db, &simple("person"), 8, &three(), 100).await.unwrap();
    let reported = [summary("contact", 2, 1, 0), summary("elsewhere", 0, 0, 4), summary("quiet", 0, 0, 0)];
    let mismatches = history.complete_cycle(4_000, &reported).await.unwrap();
    assert_eq!(mismatches.len(), 3, "{mismatches:?}");
    for (sentence, table) in mismatches.iter().zip(["contact", "elsewhere", "person"]) {
        assert!(sentence.contains(table), "{sentence}");
    }
    assert_eq!(history.cycles(1).await.unwrap()[0].mismatches, mismatches);
    assert_eq!(history.cycles(1).await.unwrap()[0].reported, Some((2, 1, 4)));
}

pub async fn a_new_cycle_counts_from_nothing(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    db.history().begin_cycle(Ticket(2), 1_000).await.unwrap();
    put(&db, &contact(), 3, &three(), 100).await.unwrap();
    assert_eq!(db.history().tables().await.unwrap()[0].cycle_inserts, 3);
    db.history().begin_cycle(Ticket(4), 2_000).await.unwrap();
    assert_eq!(db.history().tables().await.unwrap()[0].cycle_inserts, 0);
    let cycles = db.history().cycles(2).await.unwrap();
    assert_eq!((cycles[0].inserts, cycles[1].inserts), (0, 3));
}

pub async fn a_table_knows_its_rows_and_when_they_changed(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    let now = async || db.history().tables().await.unwrap()[0].clone();
    let fresh = now().await;
    assert_eq!((fresh.rows, fresh.last_change_at, fresh.fill_started_at), (0, None, None));
    put(&db, &contact(), 1, &three(), 0).await.unwrap();
    let filling = now().await;
    assert_eq!((filling.rows, filling.last_change_at, filling.fill_started_at), (3, Some(1_000), Some(1_000)));
    put(&db, &contact(), 1, &[person(4, "Di")], 50).await.unwrap();
    let filled = now().await;
    assert_eq!((filled.rows, filled.fill_started_at), (4, None));
    apply(&db, &contact(), 1, &[(Delete, person(1, "")), (Delete, person(99, "")), (Update, person(2, "x"))], 60)
        .await
        .unwrap();
    assert_eq!(now().await.rows, 3);
    db.wipe(&turn("contact", 2)).await.unwrap();
    assert_eq!(now().await.rows, 0);
    assert_eq!(f.query(&cust(), r#"SELECT count(*) FROM "contact""#).await, [[Some("0".to_owned())]]);
}

pub async fn a_tables_last_error_stays_until_rows_come_through(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let error =
        TableError { at: 5_000, message: "row 7 does not fit".into(), row: Some(7), column: Some("name".into()) };
    let mut failed = call(5_000, true);
    failed.table_errors.push((named("CONTACT"), error.clone()));
    failed.table_errors.push((named("never_made"), error.clone()));
    db.history().begin_cycle(Ticket(2), 4_000).await.unwrap();
    db.history().record_call(&failed).await.unwrap();
    let last = async |name: &str| -> Option<TableError> {
        let tables: Vec<TableHistory> = db.history().tables().await.unwrap();
        tables.into_iter().find(|table| table.table == name).and_then(|table| table.last_error)
    };
    assert_eq!(last("contact").await, Some(error.clone()));
    assert_eq!(last("never_made").await, Some(error.clone()));
    db.confirm_tables(Ticket(3), &[named("contact")]).await.unwrap();
    assert_eq!(last("contact").await, Some(error));
    put(&db, &contact(), 3, &three(), 200).await.unwrap();
    assert_eq!(last("contact").await, None);
}

pub async fn a_completed_cycle_confirms_what_is_mirrored(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.skip_table(&turn("skipped", 1), hash(1)).await.unwrap();
    db.create_table(&turn("old", 1), &simple("old"), hash(1)).await.unwrap();
    db.history().begin_cycle(Ticket(2), 5_000).await.unwrap();
    db.drop_table(&turn("old", 2)).await.unwrap();
    db.history().complete_cycle(6_000, &[]).await.unwrap();
    let tables = db.history().tables().await.unwrap();
    let seen: Vec<_> = tables.iter().map(|t| (t.table.as_str(), t.last_confirmed_at, t.gone_at)).collect();
    assert_eq!(seen, [("contact", Some(6_000), None), ("old", None, Some(5_000)), ("skipped", Some(6_000), None)]);
}

pub async fn a_completed_cycle_does_not_confirm_what_failed_in_it(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.create_table(&turn("gap", 1), &simple("gap"), hash(1)).await.unwrap();
    db.create_table(&turn("error", 1), &simple("error"), hash(1)).await.unwrap();
    db.history().begin_cycle(Ticket(1), 1_000).await.unwrap();
    db.history().complete_cycle(2_000, &[]).await.unwrap();
    db.history().begin_cycle(Ticket(2), 5_000).await.unwrap();
    db.mark_gap(&turn("gap", 2)).await.unwrap();
    let mut failed = call(5_000, true);
    let error = TableError { at: 5_000, message: "row 7 does not fit".into(), row: Some(7), column: None };
    failed.table_errors.push((named("error"), error));
    db.history().record_call(&failed).await.unwrap();
    db.history().complete_cycle(6_000, &[]).await.unwrap();
    let tables = db.history().tables().await.unwrap();
    let seen: Vec<_> = tables.iter().map(|t| (t.table.as_str(), t.last_confirmed_at)).collect();
    assert_eq!(seen, [("contact", Some(6_000)), ("error", Some(2_000)), ("gap", Some(2_000))]);
}

pub async fn events_come_newest_first_and_the_oldest_go(f: &impl StoreFactory) {
    let db = open(f).await;
    let many: Vec<EventRecord> = (0..1_005).map(|n| event(n, &format!("event {n}"))).collect();
    db.history().record_events(&many).await.unwrap();
    let mut with_event = call(2_000, false);
    with_event.events.push(event(2_000, "the newest"));
    db.history().record_call(&with_event).await.unwrap();
    let events = db.history().events(usize::MAX).await.unwrap();
    assert_eq!(events.len(), 1_000);
    assert_eq!(events[0], event(2_000, "the newest"));
    assert_eq!(events[999].message, "event 6");
    assert_eq!(db.history().events(3).await.unwrap().len(), 3);
}

pub async fn events_of_refused_calls_touch_no_cycle(f: &impl StoreFactory) {
    let db = open(f).await;
    db.history().begin_cycle(Ticket(2), 5_000).await.unwrap();
    db.history().record_events(&[event(9_000, "refused")]).await.unwrap();
    let cycle = &db.history().cycles(1).await.unwrap()[0];
    assert_eq!((cycle.calls, cycle.last_call_at), (0, 5_000));
}

pub async fn the_newest_lsn_is_the_greatest_stored(f: &impl StoreFactory) {
    let db = open(f).await;
    assert_eq!(db.history().newest_lsn().await.unwrap(), None);
    let db = with_three(f).await;
    db.create_table(&turn("person", 1), &simple("person"), hash(1)).await.unwrap();
    put(&db, &simple("person"), 1, &three(), 70).await.unwrap();
    assert_eq!(db.history().newest_lsn().await.unwrap(), Some(Lsn(100)));
}

pub async fn a_transaction_taken_back_counts_nothing(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.history().begin_cycle(Ticket(2), 5_000).await.unwrap();
    let mut writer = db.begin(&turn("contact", 2), &contact(), hash(1)).await.unwrap();
    writer.apply(changes(&contact(), &[(Insert, person(4, "Di"))])).await.unwrap();
    drop(writer);
    let table = db.history().tables().await.unwrap()[0].clone();
    assert_eq!((table.rows, table.cycle_inserts), (3, 0));
    assert_eq!(db.history().cycles(1).await.unwrap()[0].inserts, 0);
}
