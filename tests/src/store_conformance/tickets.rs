//! A call that its sender gave up on can never undo what the repetition did.

use speil::protocol::lsn::Lsn;
use speil::store::{StoreErrorKind, Ticket};

use super::StoreFactory;
use super::kit::*;

pub async fn tickets_only_grow_whoever_asks(f: &impl StoreFactory) {
    let (one, two) = (open(f).await, open(f).await);
    let mut last = one.ticket().await.unwrap();
    for turn in 0..10 {
        let next = if turn % 2 == 0 { &two } else { &one }.ticket().await.unwrap();
        assert!(next > last, "{next:?} after {last:?}");
        last = next;
    }
    drop((one, two));
    assert!(open(f).await.ticket().await.unwrap() > last);
}

pub async fn a_ticket_is_greater_than_every_one_stored(f: &impl StoreFactory) {
    let db = open(f).await;
    db.create_table(&turn("contact", 5_000), &contact(), hash(1)).await.unwrap();
    assert!(db.ticket().await.unwrap() > Ticket(5_000));
}

pub async fn an_overtaken_call_changes_nothing(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    put(&db, &contact(), 10, &three(), 100).await.unwrap();
    let old = turn("contact", 9);
    let overtaken = StoreErrorKind::Overtaken;
    let mut other = contact();
    other.columns.pop();
    assert_eq!(kind(db.create_table(&old, &contact(), hash(1)).await), overtaken);
    assert_eq!(kind(db.alter_table(&old, &contact(), &other, hash(2)).await), overtaken);
    assert_eq!(kind(db.adopt_table(&old, &contact(), hash(2)).await), overtaken);
    assert_eq!(kind(db.skip_table(&old, hash(2)).await), overtaken);
    assert_eq!(kind(db.drop_table(&old).await), overtaken);
    assert_eq!(kind(db.wipe(&old).await), overtaken);
    assert_eq!(kind(db.expect_refill(&old).await), overtaken);
    assert_eq!(kind(db.expect_refills(old.ticket, &[named("contact")]).await), overtaken);
    assert_eq!(kind(db.confirm_tables(old.ticket, &[named("contact")]).await), overtaken);
    assert_eq!(kind(db.begin(&old, &contact(), hash(1)).await), overtaken);
    assert_eq!(kind(db.advance_skipped(&old, hash(1), Lsn(5), counts(0, 0, 0, 1)).await), overtaken);
    assert_eq!(rows_of(&db, &contact()).await, three());
    let record = record(&db, "contact").await;
    assert_eq!((record.lsn, record.hash, record.def.as_deref()), (Lsn(100), Some(hash(1)), Some(&contact())));
}

pub async fn the_same_call_may_go_on(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    for lsn in [0, 0, 100] {
        put(&db, &contact(), 10, &three(), lsn).await.unwrap();
    }
    db.wipe(&turn("contact", 10)).await.unwrap();
}

pub async fn a_drop_is_not_undone_by_an_older_call(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.drop_table(&turn("contact", 10)).await.unwrap();
    assert_eq!(kind(db.create_table(&turn("contact", 9), &contact(), hash(1)).await), StoreErrorKind::Overtaken);
    db.create_table(&turn("contact", 10), &contact(), hash(1)).await.unwrap();
}

pub async fn a_confirmed_table_is_closed_to_older_calls(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.confirm_tables(Ticket(20), &[named("CONTACT"), named("nothing")]).await.unwrap();
    assert_eq!(kind(put(&db, &contact(), 19, &three(), 200).await), StoreErrorKind::Overtaken);
    put(&db, &contact(), 20, &three(), 200).await.unwrap();
    assert!(db.table(&named("nothing")).await.unwrap().is_none());
}

pub async fn an_overtaken_confirmation_confirms_none(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.create_table(&turn("person", 30), &simple("person"), hash(1)).await.unwrap();
    let both = [named("contact"), named("person")];
    assert_eq!(kind(db.confirm_tables(Ticket(20), &both).await), StoreErrorKind::Overtaken);
    put(&db, &contact(), 19, &three(), 200).await.unwrap();
}

pub async fn a_writer_that_began_first_is_not_overtaken_until_it_ends(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut writer = db.begin(&turn("contact", 5), &contact(), hash(1)).await.unwrap();
    let later = {
        let db = db.clone();
        tokio::spawn(async move { put(&db, &contact(), 6, &[person(1, "later")], 120).await })
    };
    writer.apply(changes(&contact(), &[(Update, person(1, "earlier"))])).await.unwrap();
    writer.commit(Lsn(110), counts(0, 1, 0, 1)).await.unwrap();
    later.await.unwrap().unwrap();
    assert_eq!(rows_of(&db, &contact()).await[0], person(1, "later"));
    assert_eq!(lsn_of(&db, "contact").await, 120);
}
