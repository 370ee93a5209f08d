//! A change of schema keeps the rows, the LSN and what others built on the table, or changes nothing.

use std::sync::Arc;

use speil::protocol::columns::OwnedValue::{Decimal, Timestamp};
use speil::protocol::datetime::ticks_from_civil;
use speil::protocol::default_value::DefaultValue;
use speil::protocol::lsn::Lsn;
use speil::protocol::sql_type::{Length, SqlType};
use speil::protocol::table_def::TableDef;
use speil::store::{MirrorDb, StoreErrorKind};

use super::StoreFactory;
use super::kit::*;

/// Alters `contact` with three rows at LSN 100, and returns the rows then.
async fn altered(db: &Arc<dyn MirrorDb>, new: &TableDef) -> Vec<Row> {
    let seen = record(db, "contact").await;
    assert_eq!(seen.hash, Some(hash(1)));
    db.alter_table(&turn("contact", 2), &contact(), new, hash(2)).await.unwrap_or_else(|error| panic!("{error}"));
    // RowData of the table as it is now must not be judged by what it was.
    let known = db.table_as_known(&seen.table);
    assert!(
        known.is_none_or(|known| known.hash == Some(hash(2))),
        "what was seen before the change is still taken for true"
    );
    let record = record(db, "contact").await;
    assert_eq!((record.lsn, record.hash, record.def.as_deref()), (Lsn(100), Some(hash(2)), Some(new)));
    rows_of(db, new).await
}

pub async fn a_column_is_added_at_the_end(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut new = contact();
    new.columns.push(column("extra", SqlType::DateTime, true));
    let rows = altered(&db, &new).await;
    assert_eq!(rows[0], [Integer(1), text("Ada"), money(12_500), Null]);
    assert_eq!(rows.len(), 3);
}

pub async fn an_added_column_takes_its_default(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut new = contact();
    let with = |name: &str, sql_type, default: DefaultValue| {
        let mut column = column(name, sql_type, false);
        column.default = Some(default);
        column
    };
    new.columns.push(with("n", SqlType::SmallInt, DefaultValue::Number("-1".into())));
    new.columns.push(with("t", NVARCHAR_MAX, DefaultValue::Text(String::new())));
    new.columns.push(with("d", SqlType::DateTime, DefaultValue::Text("17600101 00:00:00".into())));
    new.columns.push(with(
        "p",
        SqlType::Decimal { precision: 20, scale: 2 },
        DefaultValue::Number("123456789012345678.25".into()),
    ));
    let no_date = Timestamp(ticks_from_civil(1760, 1, 1, 0, 0, 0, 0).unwrap());
    let exact = Decimal { unscaled: 12_345_678_901_234_567_825, scale: 2 };
    for row in altered(&db, &new).await {
        assert_eq!(row[3..], [Integer(-1), text(""), no_date.clone(), exact.clone()]);
    }
}

pub async fn a_column_is_added_in_the_middle(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut new = contact();
    new.columns.insert(1, column("extra", nvarchar(10), true));
    let rows = altered(&db, &new).await;
    assert_eq!(rows[1], [Integer(2), Null, text("Bo"), money(25_000)]);
    let described = db.describe(&named("contact")).await.unwrap().unwrap();
    assert_eq!(described.columns[1].name, "extra");
}

pub async fn a_column_is_dropped(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut new = contact();
    new.columns.remove(1);
    assert_eq!(
        altered(&db, &new).await,
        [[Integer(1), money(12_500)], [Integer(2), money(25_000)], [Integer(3), money(37_500)]]
    );
}

pub async fn columns_are_added_dropped_and_moved_at_once(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut new = contact();
    new.columns = vec![
        column("amount", SqlType::Money, true),
        column("new", SqlType::Bit, true),
        column("contact_id", SqlType::Int, false),
    ];
    new.key = vec![2];
    assert_eq!(altered(&db, &new).await[2], [money(37_500), Null, Integer(3)]);
}

pub async fn types_are_widened(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut new = contact();
    new.columns[0].sql_type = SqlType::BigInt;
    new.columns[1].sql_type = NVARCHAR_MAX;
    new.columns[2].sql_type = SqlType::Decimal { precision: 38, scale: 10 };
    let rows = altered(&db, &new).await;
    let expected = vec![Integer(1), text("Ada"), Decimal { unscaled: 12_500_000_000, scale: 10 }];
    assert_eq!(rows[0], expected);
    let described = db.describe(&named("contact")).await.unwrap().unwrap();
    let types: Vec<_> = described.columns.iter().map(|column| column.sql_type).collect();
    assert_eq!(types, new.columns.iter().map(|column| Some(column.sql_type)).collect::<Vec<_>>());
    let exact = vec![Integer(i64::MAX), text("x"), Decimal { unscaled: 10i128.pow(37) + 1, scale: 10 }];
    let mut writer = db.begin(&turn("contact", 3), &new, hash(2)).await.unwrap();
    writer.apply(changes(&new, &[(Insert, exact.clone())])).await.unwrap();
    writer.commit(Lsn(200), counts(1, 0, 0, 1)).await.unwrap();
    assert_eq!(rows_of(&db, &new).await[3], exact);
}

pub async fn a_change_that_cannot_keep_the_values_is_refused_whole(f: &impl StoreFactory) {
    let db = with_three(f).await;
    for sql_type in [SqlType::Int, SqlType::DateTime, SqlType::VarBinary(Length::Max), SqlType::UniqueIdentifier] {
        let mut new = contact();
        new.columns.insert(1, column("extra", SqlType::Int, true));
        new.columns[2].sql_type = sql_type;
        let refused = db.alter_table(&turn("contact", 2), &contact(), &new, hash(2)).await;
        assert_eq!(kind(refused), StoreErrorKind::Schema, "nvarchar to {sql_type}");
    }
    assert_eq!(rows_of(&db, &contact()).await, three());
    let record = record(&db, "contact").await;
    assert_eq!((record.hash, record.def.as_deref()), (Some(hash(1)), Some(&contact())));
}

pub async fn a_column_becomes_nullable_and_not_nullable_again(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut strict = contact();
    strict.columns[1].nullable = false;
    assert_eq!(altered(&db, &strict).await, three());
    let mut writer = db.begin(&turn("contact", 3), &strict, hash(2)).await.unwrap();
    assert_eq!(
        kind(writer.apply(changes(&strict, &[(Insert, vec![Integer(9), Null, Null])])).await),
        StoreErrorKind::Row
    );
    drop(writer);
    db.alter_table(&turn("contact", 4), &strict, &contact(), hash(1)).await.unwrap();
    put(&db, &contact(), 5, &[vec![Integer(9), Null, Null]], 110).await.unwrap();
    // Now there is a NULL: it cannot go back.
    assert!(db.alter_table(&turn("contact", 6), &contact(), &strict, hash(2)).await.is_err());
    assert_eq!(rows_of(&db, &contact()).await.len(), 4);
    assert_eq!(record(&db, "contact").await.hash, Some(hash(1)));
}

pub async fn a_not_null_column_without_a_default_is_refused_while_there_are_rows(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut new = contact();
    new.columns.push(column("must", SqlType::Int, false));
    assert_eq!(kind(db.alter_table(&turn("contact", 2), &contact(), &new, hash(2)).await), StoreErrorKind::Schema);
    db.wipe(&turn("contact", 3)).await.unwrap();
    db.alter_table(&turn("contact", 3), &contact(), &new, hash(2)).await.unwrap();
}

pub async fn names_change_their_case(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut new = simple("Contact");
    new.columns[1].name = "NAME".into();
    assert_eq!(altered(&db, &new).await, three());
    let described = db.describe(&named("contact")).await.unwrap().unwrap();
    assert_eq!(described.columns[1].name, "NAME");
}

pub async fn the_key_changes(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut new = contact();
    new.columns[1].nullable = false;
    new.key = vec![1];
    assert_eq!(altered(&db, &new).await.len(), 3);
    assert_eq!(db.describe(&named("contact")).await.unwrap().unwrap().key, ["name"]);
    let mut writer = db.begin(&turn("contact", 3), &new, hash(2)).await.unwrap();
    let applied = writer.apply(changes(&new, &[(Insert, person(77, "Bo"))])).await.unwrap();
    assert_eq!(applied.updated, 1);
}

pub async fn a_key_that_the_rows_do_not_have_is_refused(f: &impl StoreFactory) {
    let db = with_three(f).await;
    put(&db, &contact(), 2, &[person(4, "Bo")], 110).await.unwrap();
    let mut new = contact();
    new.columns[1].nullable = false;
    new.key = vec![1];
    assert!(db.alter_table(&turn("contact", 3), &contact(), &new, hash(2)).await.is_err());
    assert_eq!(rows_of(&db, &contact()).await.len(), 4);
}

pub async fn indexes_on_columns_that_stay_are_kept(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(
        &cust(),
        r#"CREATE INDEX "by_name" ON "contact" ("name"); CREATE INDEX "by_amount" ON "contact" ("amount");"#,
    )
    .await;
    let mut new = contact();
    new.columns.remove(2);
    new.columns.insert(1, column("extra", SqlType::Int, true));
    altered(&db, &new).await;
    let names: Vec<String> = db.indexes(&named("contact")).await.unwrap().into_iter().map(|index| index.name).collect();
    assert_eq!(names, ["by_name"]);
}

pub async fn views_of_somebody_else_do_not_stand_in_the_way(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"CREATE VIEW "names" AS SELECT "contact_id", "name" FROM "contact";"#).await;
    let mut new = contact();
    new.columns.insert(1, column("extra", SqlType::Int, true));
    altered(&db, &new).await;
    assert_eq!(
        f.query(&cust(), r#"SELECT "name" FROM "names" ORDER BY "contact_id""#).await[0],
        [Some("Ada".to_owned())]
    );
    let mut without = new.clone();
    without.columns.remove(2);
    db.alter_table(&turn("contact", 3), &new, &without, hash(3)).await.unwrap();
    db.drop_table(&turn("contact", 4)).await.unwrap();
}

pub async fn a_changed_default_holds_for_new_rows_only(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut new = contact();
    new.columns[1].default = Some(DefaultValue::Text("anon".into()));
    assert_eq!(altered(&db, &new).await, three());
    f.by_hand(&cust(), r#"INSERT INTO "contact" ("contact_id") VALUES (4);"#).await;
    assert_eq!(rows_of(&db, &new).await[3], [Integer(4), text("anon"), Null]);
}
