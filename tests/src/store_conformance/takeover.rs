//! A mirror that the vendor's package made is taken over in place (protocol.md section 6).

use std::sync::Arc;

use speil::protocol::lsn::Lsn;
use speil::store::{MirrorDb, StoreErrorKind, TableKind};

use super::StoreFactory;
use super::kit::*;

/// Their metadata table: a hash of their own that must have a value, and no column of ours.
async fn vendors(f: &impl StoreFactory) -> Arc<dyn MirrorDb> {
    f.by_hand(
        &cust(),
        r#"CREATE TABLE "Cust10195_mirroring" ("tablename" varchar(128) NOT NULL, "schemahash" varchar(64) NOT NULL, "LSN" bigint NOT NULL);
           INSERT INTO "Cust10195_mirroring" VALUES ('contact', 'AbC=', 4711);
           CREATE TABLE "contact" ("contact_id" int NOT NULL PRIMARY KEY, "name" varchar(200), "amount" money);
           INSERT INTO "contact" VALUES (1, 'Ada', 1.25);
           INSERT INTO "contact" VALUES (2, 'Bo', NULL);"#,
    )
    .await;
    open(f).await
}

fn theirs() -> speil::protocol::table_def::TableDef {
    let mut def = contact();
    def.columns[1].sql_type =
        speil::protocol::sql_type::SqlType::VarChar(speil::protocol::sql_type::Length::Limited(200));
    def
}

pub async fn their_tables_are_listed_as_not_yet_ours(f: &impl StoreFactory) {
    let db = vendors(f).await;
    let record = record(&db, "contact").await;
    assert_eq!((record.hash, record.kind, record.lsn, record.def), (None, TableKind::TakenOver, Lsn(4711), None));
    let actual = db.describe(&named("contact")).await.unwrap().unwrap();
    assert_eq!(actual.key, ["contact_id"]);
    let seen: Vec<_> = actual.columns.iter().map(|c| (c.name.as_str(), c.sql_type, c.nullable)).collect();
    let expected: Vec<_> = theirs().columns.iter().map(|c| (c.name.clone(), Some(c.sql_type), c.nullable)).collect();
    assert_eq!(seen, expected.iter().map(|(n, t, null)| (n.as_str(), *t, *null)).collect::<Vec<_>>());
}

pub async fn they_are_not_touched_before_they_are_taken_over(f: &impl StoreFactory) {
    let db = vendors(f).await;
    assert_eq!(kind(db.create_table(&turn("contact", 1), &contact(), hash(1)).await), StoreErrorKind::Foreign);
    assert_eq!(kind(db.wipe(&turn("contact", 1)).await), StoreErrorKind::UnknownTable);
    assert_eq!(kind(db.begin(&turn("contact", 1), &contact(), hash(1)).await), StoreErrorKind::SchemaChanged);
    assert_eq!(f.query(&cust(), r#"SELECT count(*) FROM "contact""#).await, [[Some("2".to_owned())]]);
}

pub async fn a_table_taken_over_keeps_lsn_and_rows(f: &impl StoreFactory) {
    let db = vendors(f).await;
    db.adopt_table(&turn("contact", 1), &theirs(), hash(1)).await.unwrap();
    let taken = record(&db, "contact").await;
    assert_eq!((taken.hash, taken.kind, taken.lsn), (Some(hash(1)), TableKind::Mirrored, Lsn(4711)));
    assert_eq!(taken.def.as_deref(), Some(&theirs()));
    let before = vec![vec![Integer(1), text("Ada"), money(12_500)], vec![Integer(2), text("Bo"), Null]];
    assert_eq!(rows_of(&db, &theirs()).await, before);
    assert_eq!(db.history().tables().await.unwrap()[0].rows, 2);
    let precise = vec![Integer(3), text("Cy"), money(i128::from(i64::MAX))];
    put(&db, &theirs(), 2, std::slice::from_ref(&precise), 4712).await.unwrap();
    assert_eq!(rows_of(&db, &theirs()).await[2], precise);
}

pub async fn their_own_columns_stay_as_they_are(f: &impl StoreFactory) {
    let db = vendors(f).await;
    db.adopt_table(&turn("contact", 1), &theirs(), hash(1)).await.unwrap();
    put(&db, &theirs(), 2, &[], 4712).await.unwrap();
    db.create_table(&turn("person", 2), &simple("person"), hash(1)).await.unwrap();
    let rows =
        f.query(&cust(), r#"SELECT tablename, LSN, schemahash FROM "Cust10195_mirroring" ORDER BY tablename"#).await;
    assert_eq!(rows[0], [Some("contact".to_owned()), Some("4712".to_owned()), Some("AbC=".to_owned())]);
    assert_eq!(rows[1][..2], [Some("person".to_owned()), Some("-1".to_owned())]);
}

pub async fn a_table_of_another_shape_can_be_made_anew_once_taken_over(f: &impl StoreFactory) {
    let db = vendors(f).await;
    let def = table(
        "contact",
        vec![column("id", speil::protocol::sql_type::SqlType::BigInt, false), column("extra", nvarchar(5), true)],
    );
    db.adopt_table(&turn("contact", 1), &def, hash(200)).await.unwrap();
    db.create_table(&turn("contact", 1), &def, hash(1)).await.unwrap();
    assert_eq!(lsn_of(&db, "contact").await, -1);
    assert_eq!(rows_of(&db, &def).await, Vec::<Row>::new());
}

pub async fn what_is_not_listed_cannot_be_taken_over(f: &impl StoreFactory) {
    let db = open(f).await;
    f.by_hand(&cust(), r#"CREATE TABLE "contact" ("contact_id" int NOT NULL PRIMARY KEY);"#).await;
    assert_eq!(kind(db.adopt_table(&turn("contact", 1), &contact(), hash(1)).await), StoreErrorKind::UnknownTable);
}

pub async fn a_table_that_cannot_be_rebuilt_can_be_claimed_and_made_anew(f: &impl StoreFactory) {
    let db = vendors(f).await;
    f.by_hand(
        &cust(),
        r#"DROP TABLE "contact"; CREATE TABLE "contact" ("contact_id" int NOT NULL, "name" varchar(200), "amount" money);
           INSERT INTO "contact" VALUES (1, 'Ada', 1); INSERT INTO "contact" VALUES (1, 'Ada again', 1);"#,
    )
    .await;
    db.claim_table(&turn("contact", 1), &theirs(), hash(200)).await.unwrap();
    let claimed = record(&db, "contact").await;
    assert_eq!((claimed.hash, claimed.lsn, claimed.def), (Some(hash(200)), Lsn(4711), None));
    assert_eq!(f.query(&cust(), r#"SELECT count(*) FROM "contact""#).await, [[Some("2".to_owned())]]);
    db.create_table(&turn("contact", 1), &theirs(), hash(1)).await.unwrap();
    assert_eq!(lsn_of(&db, "contact").await, -1);
    assert_eq!(rows_of(&db, &theirs()).await, Vec::<Row>::new());
    f.by_hand(&cust(), r#"CREATE TABLE "person" ("person_id" int NOT NULL PRIMARY KEY);"#).await;
    assert_eq!(
        kind(db.claim_table(&turn("person", 2), &simple("person"), hash(200)).await),
        StoreErrorKind::UnknownTable
    );
}

pub async fn names_that_they_padded_are_read_without_the_padding(f: &impl StoreFactory) {
    let db = vendors(f).await;
    f.by_hand(
        &cust(),
        r#"UPDATE "Cust10195_mirroring" SET tablename = 'contact   ';
           INSERT INTO "Cust10195_mirroring" (tablename, schemahash, LSN) VALUES ('person ', 'AbC=', 1);
           INSERT INTO "Cust10195_mirroring" (tablename, schemahash, LSN) VALUES ('person', 'AbC=', 2);"#,
    )
    .await;
    let listed: Vec<_> = db.tables().await.unwrap().into_iter().map(|one| (one.table.to_string(), one.lsn.0)).collect();
    assert_eq!(listed, [("person".to_owned(), 2), ("contact".to_owned(), 4711)]);
    assert_eq!((lsn_of(&db, "contact").await, lsn_of(&db, "person").await), (4711, 2));
    db.adopt_table(&turn("contact", 1), &theirs(), hash(1)).await.unwrap();
    assert_eq!(record(&db, "contact").await.hash, Some(hash(1)));
    put(&db, &theirs(), 2, &[person(9, "Cy")], 4712).await.unwrap();
    let names = f.query(&cust(), r#"SELECT tablename FROM "Cust10195_mirroring" ORDER BY LSN"#).await;
    assert_eq!(names, [["person "], ["person"], ["contact"]].map(|[name]| [Some(name.to_owned())]));
}
