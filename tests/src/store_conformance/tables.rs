//! Tables are made, emptied and dropped; only ours, and always with their metadata row.

use speil::protocol::default_value::DefaultValue;
use speil::protocol::lsn::Lsn;
use speil::protocol::sql_type::SqlType;
use speil::protocol::table_def::ColumnDef;
use speil::store::{StoreErrorKind, TableKind};

use super::StoreFactory;
use super::kit::*;

pub async fn a_created_table_is_empty_and_must_be_filled(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    assert_eq!(rows_of(&db, &contact()).await, Vec::<Row>::new());
    let record = record(&db, "contact").await;
    assert_eq!(record.hash, Some(hash(1)));
    assert_eq!(record.lsn, Lsn::REFILL);
    assert_eq!(record.kind, TableKind::Mirrored);
    assert!(!record.fill_begun);
    assert_eq!(record.def.as_deref(), Some(&contact()));
}

pub async fn creating_again_leaves_nothing_of_the_old_table(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let other = table("contact", vec![column("id", SqlType::BigInt, false), column("x", SqlType::Bit, false)]);
    db.create_table(&turn("contact", 2), &other, hash(2)).await.unwrap();
    assert_eq!(rows_of(&db, &other).await, Vec::<Row>::new());
    let record = record(&db, "contact").await;
    assert_eq!((record.hash, record.lsn, record.def.as_deref()), (Some(hash(2)), Lsn::REFILL, Some(&other)));
    assert_eq!(db.tables().await.unwrap().len(), 1);
}

pub async fn a_table_of_somebody_else_is_never_touched(f: &impl StoreFactory) {
    let db = open(f).await;
    f.by_hand(&cust(), r#"CREATE TABLE "contact" (a int); INSERT INTO "contact" VALUES (7);"#).await;
    assert_eq!(kind(db.create_table(&turn("Contact", 1), &contact(), hash(1)).await), StoreErrorKind::Foreign);
    db.drop_table(&turn("contact", 1)).await.unwrap();
    assert_eq!(kind(db.wipe(&turn("contact", 1)).await), StoreErrorKind::UnknownTable);
    assert_eq!(kind(db.begin(&turn("contact", 1), &contact(), hash(1)).await), StoreErrorKind::UnknownTable);
    assert_eq!(
        kind(db.alter_table(&turn("contact", 1), &contact(), &contact(), hash(1)).await),
        StoreErrorKind::UnknownTable
    );
    db.skip_table(&turn("contact", 1), hash(1)).await.unwrap();
    assert_eq!(f.query(&cust(), r#"SELECT a FROM "contact""#).await, [[Some("7".to_owned())]]);
}

pub async fn a_view_of_somebody_else_is_never_touched(f: &impl StoreFactory) {
    let db = open(f).await;
    f.by_hand(&cust(), r#"CREATE VIEW "contact" AS SELECT 7 AS a;"#).await;
    assert_eq!(kind(db.create_table(&turn("contact", 1), &contact(), hash(1)).await), StoreErrorKind::Foreign);
    assert_eq!(f.query(&cust(), r#"SELECT a FROM "contact""#).await, [[Some("7".to_owned())]]);
}

pub async fn a_table_with_the_metadata_tables_name_is_refused(f: &impl StoreFactory) {
    let db = open(f).await;
    let def = simple("cust10195_MIRRORING");
    assert_eq!(kind(db.create_table(&turn("cust10195_MIRRORING", 1), &def, hash(1)).await), StoreErrorKind::Foreign);
    assert!(db.tables().await.unwrap().is_empty());
}

pub async fn a_dropped_table_is_gone_with_its_row(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.drop_table(&turn("CONTACT", 2)).await.unwrap();
    assert!(db.table(&named("contact")).await.unwrap().is_none());
    assert!(db.describe(&named("contact")).await.unwrap().is_none());
    db.drop_table(&turn("contact", 2)).await.unwrap();
    db.drop_table(&turn("never_there", 2)).await.unwrap();
}

pub async fn a_skipped_table_has_a_row_and_no_table(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.skip_table(&turn("contact", 2), hash(9)).await.unwrap();
    assert!(db.describe(&named("contact")).await.unwrap().is_none());
    let record = record(&db, "contact").await;
    assert_eq!((record.hash, record.kind, record.lsn), (Some(hash(9)), TableKind::Skipped, Lsn::REFILL));
    assert_eq!(kind(db.begin(&turn("contact", 2), &contact(), hash(9)).await), StoreErrorKind::SchemaChanged);
}

pub async fn a_skipped_tables_lsn_moves_without_rows(f: &impl StoreFactory) {
    let db = open(f).await;
    let at = turn("contact", 1);
    db.skip_table(&at, hash(9)).await.unwrap();
    assert_eq!(db.advance_skipped(&at, hash(9), Lsn(0), counts(4, 0, 0, 5)).await.unwrap(), Lsn::REFILL);
    assert_eq!(db.advance_skipped(&at, hash(9), Lsn(50), counts(4, 0, 0, 5)).await.unwrap(), Lsn(50));
    assert_eq!(db.advance_skipped(&at, hash(9), Lsn(40), counts(0, 0, 0, 5)).await.unwrap(), Lsn(50));
    assert_eq!(lsn_of(&db, "contact").await, 50);
    assert_eq!(
        kind(db.advance_skipped(&at, hash(8), Lsn(60), counts(0, 0, 0, 5)).await),
        StoreErrorKind::SchemaChanged
    );
    assert_eq!(db.wipe(&at).await.unwrap(), 0);
    assert_eq!(lsn_of(&db, "contact").await, -1);
    db.create_table(&at, &contact(), hash(1)).await.unwrap();
    assert_eq!(
        kind(db.advance_skipped(&at, hash(1), Lsn(60), counts(0, 0, 0, 5)).await),
        StoreErrorKind::SchemaChanged
    );
}

pub async fn a_wipe_empties_and_says_how_many_rows_there_were(f: &impl StoreFactory) {
    let db = with_three(f).await;
    assert_eq!(db.wipe(&turn("contact", 2)).await.unwrap(), 3);
    assert_eq!(rows_of(&db, &contact()).await, Vec::<Row>::new());
    let record = record(&db, "contact").await;
    assert_eq!((record.lsn, record.fill_begun), (Lsn::REFILL, true));
    assert_eq!(db.wipe(&turn("contact", 2)).await.unwrap(), 0);
    assert_eq!(kind(db.wipe(&turn("nothing", 2)).await), StoreErrorKind::UnknownTable);
}

pub async fn a_table_is_described_as_it_is(f: &impl StoreFactory) {
    let db = open(f).await;
    let mut def = contact();
    def.columns.push(column("when", SqlType::DateTime2(3), false));
    def.columns.push(column("price", SqlType::Decimal { precision: 38, scale: 10 }, true));
    def.columns.push(column("notes", NVARCHAR_MAX, true));
    db.create_table(&turn("contact", 1), &def, hash(1)).await.unwrap();
    let actual = db.describe(&named("CONTACT")).await.unwrap().unwrap();
    assert_eq!(actual.key, ["contact_id"]);
    let seen: Vec<_> = actual.columns.iter().map(|c| (c.name.as_str(), c.sql_type, c.nullable)).collect();
    let expected: Vec<_> = def.columns.iter().map(|c| (c.name.as_str(), Some(c.sql_type), c.nullable)).collect();
    assert_eq!(seen, expected);
    assert!(db.describe(&named("nothing")).await.unwrap().is_none());
}

pub async fn defaults_reach_rows_that_somebody_adds_by_hand(f: &impl StoreFactory) {
    let db = open(f).await;
    let with = |name: &str, sql_type, default| ColumnDef { default: Some(default), ..column(name, sql_type, false) };
    let def = table(
        "contact",
        vec![
            column("contact_id", SqlType::Int, false),
            with("n", SqlType::Int, DefaultValue::Number("-1".into())),
            with("t", nvarchar(20), DefaultValue::Text("it's".into())),
            with("d", SqlType::DateTime, DefaultValue::Text("1760-01-01 00:00:00".into())),
            with("m", SqlType::Money, DefaultValue::Number("922337203685477.5807".into())),
        ],
    );
    db.create_table(&turn("contact", 1), &def, hash(1)).await.unwrap();
    f.by_hand(&cust(), r#"INSERT INTO "contact" ("contact_id") VALUES (1);"#).await;
    let no_date = speil::protocol::datetime::parse_iso("1760-01-01 00:00:00", SqlType::DateTime).unwrap();
    let expected = vec![
        Integer(1),
        Integer(-1),
        text("it's"),
        speil::protocol::columns::OwnedValue::Timestamp(no_date),
        money(i128::from(i64::MAX)),
    ];
    assert_eq!(rows_of(&db, &def).await, [expected]);
}

pub async fn not_null_is_kept(f: &impl StoreFactory) {
    let db = open(f).await;
    let mut def = contact();
    def.columns[1].nullable = false;
    db.create_table(&turn("contact", 1), &def, hash(1)).await.unwrap();
    let refused = put(&db, &def, 1, &[vec![Integer(1), Null, Null]], 10).await;
    assert_eq!(kind(refused), StoreErrorKind::Row);
}

pub async fn unchanged_tables_are_all_listed(f: &impl StoreFactory) {
    let db = open(f).await;
    for number in 0..40 {
        let name = format!("table_{number}");
        db.create_table(&turn(&name, 1), &simple(&name), hash(1)).await.unwrap();
    }
    let listed = db.tables().await.unwrap();
    assert_eq!(listed.len(), 40);
    for record in &listed {
        assert_eq!(record.def.as_deref(), Some(&simple(record.table.as_str())));
    }
    assert_eq!(listed, db.tables().await.unwrap());
}
