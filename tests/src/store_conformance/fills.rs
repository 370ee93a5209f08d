//! A table that must be filled from nothing is emptied once, and nobody else empties it (protocol.md section 8).

use speil::protocol::lsn::Lsn;
use speil::store::Applied;

use super::StoreFactory;
use super::kit::*;

pub async fn rows_after_an_announced_refill_find_the_table_emptied_once(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"UPDATE "Cust10195_mirroring" SET LSN = -1;"#).await;
    db.expect_refill(&turn("contact", 2)).await.unwrap();
    assert!(!record(&db, "contact").await.fill_begun);
    assert_eq!(rows_of(&db, &contact()).await, three(), "nothing is emptied before rows come");
    put(&db, &contact(), 2, &[person(10, "Jo")], 0).await.unwrap();
    assert!(record(&db, "contact").await.fill_begun);
    put(&db, &contact(), 2, &[person(11, "Ka")], 0).await.unwrap();
    assert_eq!(lsn_of(&db, "contact").await, -1);
    put(&db, &contact(), 2, &[person(12, "Li")], 200).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await, [person(10, "Jo"), person(11, "Ka"), person(12, "Li")]);
    let record = record(&db, "contact").await;
    assert_eq!((record.lsn, record.fill_begun), (Lsn(200), false));
}

pub async fn a_dropped_writer_leaves_the_emptying_undone(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"UPDATE "Cust10195_mirroring" SET LSN = -1;"#).await;
    db.expect_refill(&turn("contact", 2)).await.unwrap();
    drop(db.begin(&turn("contact", 2), &contact(), hash(1)).await.unwrap());
    assert_eq!(rows_of(&db, &contact()).await, three());
    put(&db, &contact(), 2, &[person(10, "Jo")], 200).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await, [person(10, "Jo")]);
}

pub async fn a_fill_that_broke_off_begins_anew(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    db.expect_refill(&turn("contact", 1)).await.unwrap();
    put(&db, &contact(), 1, &three(), 0).await.unwrap();
    drop(db);
    let db = open(f).await;
    assert_eq!(lsn_of(&db, "contact").await, -1);
    db.expect_refill(&turn("contact", 2)).await.unwrap();
    put(&db, &contact(), 2, &[person(3, "Cy")], 50).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await, [person(3, "Cy")]);
    db.expect_refill(&turn("contact", 3)).await.unwrap();
    db.wipe(&turn("contact", 3)).await.unwrap();
    put(&db, &contact(), 3, &three(), 60).await.unwrap();
    assert_eq!((rows_of(&db, &contact()).await, lsn_of(&db, "contact").await), (three(), 60));
}

pub async fn the_lsn_stays_while_rows_are_missing(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.mark_gap(&turn("CONTACT", 2)).await.unwrap();
    db.mark_gap(&turn("never_made", 2)).await.unwrap();
    drop(db);
    let db = open(f).await;
    let (_, lsn) = put(&db, &contact(), 3, &[person(4, "Di")], 200).await.unwrap();
    assert_eq!((lsn, lsn_of(&db, "contact").await), (Lsn(100), 100));
    assert_eq!(rows_of(&db, &contact()).await.len(), 4, "rows are applied all the same");
    let late = db.mark_gap(&turn("contact", 2)).await.unwrap_err();
    assert_eq!(late.kind, speil::store::StoreErrorKind::Overtaken);
    db.confirm_tables(speil::store::Ticket(4), &[named("contact")]).await.unwrap();
    put(&db, &contact(), 5, &[person(5, "Ed")], 200).await.unwrap();
    assert_eq!(lsn_of(&db, "contact").await, 200);
}

pub async fn a_fill_that_misses_rows_does_not_end_until_it_is_begun_anew(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    db.wipe(&turn("contact", 1)).await.unwrap();
    db.mark_gap(&turn("contact", 1)).await.unwrap();
    let (_, lsn) = put(&db, &contact(), 2, &[person(4, "Di")], 200).await.unwrap();
    assert_eq!((lsn, lsn_of(&db, "contact").await), (Lsn::REFILL, -1));
    db.wipe(&turn("contact", 3)).await.unwrap();
    put(&db, &contact(), 4, &three(), 200).await.unwrap();
    assert_eq!(lsn_of(&db, "contact").await, 200);
}

pub async fn rows_after_a_wipe_are_not_emptied_again(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.wipe(&turn("contact", 2)).await.unwrap();
    put(&db, &contact(), 2, &[person(10, "Jo")], 0).await.unwrap();
    put(&db, &contact(), 2, &[person(11, "Ka")], 50).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await, [person(10, "Jo"), person(11, "Ka")]);
}

pub async fn a_wipe_within_an_announced_refill_counts_as_the_emptying(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.wipe(&turn("contact", 2)).await.unwrap();
    db.expect_refill(&turn("contact", 3)).await.unwrap();
    db.wipe(&turn("contact", 4)).await.unwrap();
    put(&db, &contact(), 5, &three(), 0).await.unwrap();
    put(&db, &contact(), 6, &[person(4, "Di")], 60).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await.len(), 4);
}

pub async fn an_lsn_set_to_refill_by_hand_in_the_middle_of_a_cycle_stays(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"UPDATE "Cust10195_mirroring" SET LSN = -1;"#).await;
    // No -1 was answered: the Task sends changes only, and the table must not end up holding those alone.
    let (_, lsn) = put(&db, &contact(), 2, &[person(4, "Di")], 110).await.unwrap();
    assert_eq!(lsn, Lsn::REFILL);
    assert_eq!(lsn_of(&db, "contact").await, -1);
    assert_eq!(rows_of(&db, &contact()).await.len(), 4);
    db.expect_refill(&turn("contact", 3)).await.unwrap();
    put(&db, &contact(), 3, &[person(1, "Ada")], 120).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await, [person(1, "Ada")]);
    assert_eq!(lsn_of(&db, "contact").await, 120);
}

pub async fn rows_of_a_fill_that_come_twice_are_there_once(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    let people = |ids: std::ops::Range<i64>, name: &str| ids.map(|id| person(id, name)).collect::<Vec<_>>();
    // A call whose answer was lost is repeated, and rows have changed meanwhile.
    put(&db, &contact(), 1, &people(0..300, "first"), 0).await.unwrap();
    let inserts = |rows: Vec<Row>| rows.into_iter().map(|row| (Insert, row)).collect::<Vec<_>>();
    let mut writer = db.begin(&turn("contact", 2), &contact(), hash(1)).await.unwrap();
    let (new, old) = (inserts(people(300..600, "first")), inserts(people(100..400, "second")));
    let applied = writer.apply(changes(&contact(), &new)).await.unwrap();
    assert_eq!(applied, Applied { inserted: 300, updated: 0, deleted: 0 });
    let applied = writer.apply(changes(&contact(), &old)).await.unwrap();
    assert_eq!(applied, Applied { inserted: 0, updated: 300, deleted: 0 });
    let applied = writer.apply(changes(&contact(), &inserts(people(600..900, "first")))).await.unwrap();
    assert_eq!(applied, Applied { inserted: 300, updated: 0, deleted: 0 });
    assert_eq!(writer.commit(Lsn(50), counts(900, 0, 0, 1)).await.unwrap(), Lsn(50));
    let expected: Vec<Row> =
        (0..900).map(|id| person(id, if (100..400).contains(&id) { "second" } else { "first" })).collect();
    assert!(rows_of(&db, &contact()).await == expected);
}

pub async fn a_refill_by_hand_works_a_second_time(f: &impl StoreFactory) {
    let db = with_three(f).await;
    for round in 2..5 {
        f.by_hand(&cust(), r#"UPDATE "Cust10195_mirroring" SET LSN = -1;"#).await;
        db.expect_refills(speil::store::Ticket(round), &[named("contact"), named("nothing")]).await.unwrap();
        put(&db, &contact(), round, &[person(round, "x")], round * 100).await.unwrap();
        assert_eq!(rows_of(&db, &contact()).await, [person(round, "x")]);
    }
}

pub async fn resync_is_the_same_hand_edit(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.create_table(&turn("person", 1), &simple("person"), hash(1)).await.unwrap();
    put(&db, &simple("person"), 1, &three(), 70).await.unwrap();
    assert_eq!(db.resync(&[named("CONTACT"), named("nothing")]).await.unwrap(), [named("contact")]);
    assert_eq!((lsn_of(&db, "contact").await, lsn_of(&db, "person").await), (-1, 70));
    assert_eq!(db.resync(&[]).await.unwrap().len(), 2);
    assert_eq!(lsn_of(&db, "person").await, -1);
    assert_eq!(rows_of(&db, &contact()).await, three());
}
