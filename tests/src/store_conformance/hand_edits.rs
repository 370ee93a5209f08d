//! What administrators do by hand keeps working (protocol.md section 6).

use speil::protocol::lsn::Lsn;
use speil::store::{StoreErrorKind, TableKind};

use super::StoreFactory;
use super::kit::*;

pub async fn an_lsn_written_by_hand_is_the_lsn(f: &impl StoreFactory) {
    let db = with_three(f).await;
    for (edit, lsn) in [("-1", -1), ("NULL", -1), ("77", 77), ("-5", -5)] {
        f.by_hand(&cust(), &format!(r#"UPDATE "Cust10195_mirroring" SET LSN = {edit};"#)).await;
        assert_eq!(lsn_of(&db, "contact").await, lsn);
        assert_eq!(db.tables().await.unwrap()[0].lsn, Lsn(lsn));
    }
}

pub async fn a_row_deleted_and_its_table_dropped_is_a_table_never_seen(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"DELETE FROM "Cust10195_mirroring" WHERE tablename = 'contact'; DROP TABLE "contact";"#).await;
    assert!(db.tables().await.unwrap().is_empty());
    assert_eq!(kind(put(&db, &contact(), 2, &three(), 200).await), StoreErrorKind::UnknownTable);
    db.create_table(&turn("contact", 3), &contact(), hash(1)).await.unwrap();
    put(&db, &contact(), 3, &three(), 200).await.unwrap();
}

pub async fn a_table_whose_row_alone_was_deleted_is_still_ours(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"DELETE FROM "Cust10195_mirroring";"#).await;
    assert!(db.table(&named("contact")).await.unwrap().is_none());
    db.create_table(&turn("contact", 3), &contact(), hash(1)).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await, Vec::<Row>::new());
    f.by_hand(&cust(), r#"DELETE FROM "Cust10195_mirroring";"#).await;
    db.drop_table(&turn("contact", 3)).await.unwrap();
    assert!(db.describe(&named("contact")).await.unwrap().is_none());
}

pub async fn a_table_of_ones_own_after_a_hard_reset_is_not_ours(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"DELETE FROM "Cust10195_mirroring" WHERE tablename = 'contact'; DROP TABLE "contact";"#).await;
    // A cycle comes that does not list it: what is ours is looked at all the same.
    db.confirm_tables(speil::store::Ticket(2), &[named("person")]).await.unwrap();
    f.by_hand(&cust(), r#"CREATE TABLE "contact" ("mine" int); INSERT INTO "contact" VALUES (1);"#).await;
    is_left_alone(f, &db).await;
}

pub async fn a_table_of_ones_own_in_a_dropped_tables_place_is_not_ours(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(
        &cust(),
        r#"DELETE FROM "Cust10195_mirroring"; DROP TABLE "contact";
           CREATE TABLE "contact" ("mine" int); INSERT INTO "contact" VALUES (1);"#,
    )
    .await;
    is_left_alone(f, &db).await;
    db.confirm_tables(speil::store::Ticket(4), &[named("person")]).await.unwrap();
    is_left_alone(f, &db).await;
}

async fn is_left_alone(f: &impl StoreFactory, db: &std::sync::Arc<dyn speil::store::MirrorDb>) {
    assert_eq!(kind(db.create_table(&turn("contact", 5), &contact(), hash(1)).await), StoreErrorKind::Foreign);
    let index = speil::store::IndexDef { name: "i".to_owned(), columns: Vec::new(), unique: false };
    assert_eq!(kind(db.ensure_index(&named("contact"), &index).await), StoreErrorKind::Foreign);
    db.drop_table(&turn("contact", 5)).await.unwrap();
    assert_eq!(f.query(&cust(), r#"SELECT "mine" FROM "contact""#).await, [[Some("1".to_owned())]]);
}

pub async fn a_dropped_metadata_table_means_everything_anew(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"DROP TABLE "Cust10195_mirroring";"#).await;
    assert!(db.tables().await.unwrap().is_empty());
    assert_eq!(f.query(&cust(), r#"SELECT count(*) FROM "Cust10195_mirroring""#).await, [[Some("0".to_owned())]]);
    assert!(db.ticket().await.unwrap().0 > 1);
    db.create_table(&turn("contact", 3), &contact(), hash(1)).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await, Vec::<Row>::new());
}

pub async fn dropped_side_tables_are_made_again(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(
        &cust(),
        "DROP TABLE speil_tables; DROP TABLE speil_cycles; DROP TABLE speil_events; DROP TABLE speil_meta;",
    )
    .await;
    assert_eq!(lsn_of(&db, "contact").await, 100);
    put(&db, &contact(), 2, &[person(4, "Di")], 110).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await.len(), 4);
    assert_eq!(db.history().tables().await.unwrap()[0].rows, 4);
    assert!(db.history().cycles(5).await.unwrap().is_empty());
    // Still ours: the metadata row has our hash. That is noted again before the row may go as well.
    db.confirm_tables(speil::store::Ticket(3), &[named("contact")]).await.unwrap();
    f.by_hand(&cust(), r#"DROP TABLE "Cust10195_mirroring";"#).await;
    db.create_table(&turn("contact", 4), &contact(), hash(1)).await.unwrap();
}

pub async fn a_table_dropped_by_hand_asks_to_be_made_again(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"DROP TABLE "contact";"#).await;
    let listed = db.tables().await.unwrap();
    assert_eq!((listed[0].hash, listed[0].lsn, listed[0].kind), (None, Lsn::REFILL, TableKind::TakenOver));
    assert_eq!(kind(put(&db, &contact(), 2, &three(), 200).await), StoreErrorKind::UnknownTable);
    assert_eq!(kind(db.wipe(&turn("contact", 2)).await), StoreErrorKind::UnknownTable);
    db.create_table(&turn("contact", 2), &contact(), hash(1)).await.unwrap();
    put(&db, &contact(), 2, &three(), 200).await.unwrap();
}

pub async fn several_rows_for_one_table_read_as_one_and_become_one(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"INSERT INTO "Cust10195_mirroring" (tablename, LSN) VALUES ('CONTACT', -1);"#).await;
    let listed = db.tables().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].hash, listed[0].lsn), (Some(hash(1)), Lsn::REFILL));
    db.expect_refill(&turn("contact", 2)).await.unwrap();
    put(&db, &contact(), 2, &[person(9, "x")], 300).await.unwrap();
    assert_eq!(lsn_of(&db, "contact").await, 300);
    let left = f.query(&cust(), r#"SELECT tablename FROM "Cust10195_mirroring""#).await;
    assert_eq!(left, [[Some("contact".to_owned())]]);
}

pub async fn rows_that_name_no_table_are_passed_over(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"INSERT INTO "Cust10195_mirroring" (tablename, LSN) VALUES ('', 5); INSERT INTO "Cust10195_mirroring" (tablename, LSN) VALUES ('speil_x', 5);"#).await;
    assert_eq!(db.tables().await.unwrap().len(), 1);
}

pub async fn a_row_written_by_hand_has_no_hash_of_ours(f: &impl StoreFactory) {
    let db = open(f).await;
    f.by_hand(&cust(), r#"INSERT INTO "Cust10195_mirroring" (tablename, LSN) VALUES ('contact', 5);"#).await;
    let record = record(&db, "contact").await;
    assert_eq!((record.hash, record.kind, record.lsn), (None, TableKind::TakenOver, Lsn(5)));
    db.create_table(&turn("contact", 2), &contact(), hash(1)).await.unwrap();
    assert_eq!(lsn_of(&db, "contact").await, -1);
}

pub async fn rows_changed_by_hand_do_not_disturb(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(
        &cust(),
        r#"DELETE FROM "contact" WHERE "contact_id" = 1; INSERT INTO "contact" ("contact_id") VALUES (50);"#,
    )
    .await;
    let rows = [(Update, person(1, "Ada")), (Delete, person(50, "")), (Delete, person(2, ""))];
    apply(&db, &contact(), 2, &rows, 110).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await, [person(1, "Ada"), person(3, "Cy")]);
    assert_eq!(db.wipe(&turn("contact", 3)).await.unwrap(), 2);
}
