//! Rows and LSN: together or not at all, counted exactly, and the same when repeated.

use std::ops::ControlFlow;

use speil::protocol::lsn::Lsn;
use speil::protocol::sql_type::SqlType;
use speil::store::{Applied, StoreErrorKind};

use super::StoreFactory;
use super::kit::*;

pub async fn inserts_updates_and_deletes_are_counted_exactly(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let rows = [(Insert, person(4, "Di")), (Update, person(1, "Ada II")), (Delete, vec![Integer(2), Null, Null])];
    let (applied, lsn) = apply(&db, &contact(), 2, &rows, 110).await.unwrap();
    assert_eq!(applied, Applied { inserted: 1, updated: 1, deleted: 1 });
    assert_eq!(lsn, Lsn(110));
    assert_eq!(rows_of(&db, &contact()).await, [person(1, "Ada II"), person(3, "Cy"), person(4, "Di")]);
}

pub async fn an_insert_of_what_is_there_replaces_it(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let (applied, _) = apply(&db, &contact(), 2, &[(Insert, vec![Integer(2), Null, money(-1)])], 110).await.unwrap();
    assert_eq!(applied, Applied { inserted: 0, updated: 1, deleted: 0 });
    assert_eq!(rows_of(&db, &contact()).await[1], [Integer(2), Null, money(-1)]);
}

pub async fn an_update_of_what_is_missing_inserts_it(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let (applied, _) = apply(&db, &contact(), 2, &[(Update, person(9, "New"))], 110).await.unwrap();
    assert_eq!(applied, Applied { inserted: 1, updated: 0, deleted: 0 });
    assert_eq!(rows_of(&db, &contact()).await.len(), 4);
}

pub async fn a_delete_of_what_is_missing_does_nothing(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let (applied, lsn) = apply(&db, &contact(), 2, &[(Delete, vec![Integer(9), Null, Null])], 110).await.unwrap();
    assert_eq!((applied, lsn), (Applied::default(), Lsn(110)));
    assert_eq!(rows_of(&db, &contact()).await, three());
}

pub async fn a_batch_applied_twice_ends_the_same(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let rows = [(Insert, person(4, "Di")), (Update, person(1, "Ada II")), (Delete, vec![Integer(2), Null, Null])];
    apply(&db, &contact(), 2, &rows, 110).await.unwrap();
    let once = rows_of(&db, &contact()).await;
    let (applied, lsn) = apply(&db, &contact(), 3, &rows, 110).await.unwrap();
    assert_eq!((applied, lsn), (Applied { inserted: 0, updated: 2, deleted: 0 }, Lsn(110)));
    assert_eq!(rows_of(&db, &contact()).await, once);
}

pub async fn the_lsn_moves_only_forward(f: &impl StoreFactory) {
    let db = with_three(f).await;
    for (batch, stored) in [(0, 100), (-1, 100), (99, 100), (100, 100), (101, 101), (i64::MAX, i64::MAX)] {
        let (_, lsn) = put(&db, &contact(), 2, &three(), batch).await.unwrap();
        assert_eq!(lsn, Lsn(stored), "after a batch with LSN {batch}");
        assert_eq!(lsn_of(&db, "contact").await, stored);
    }
}

pub async fn a_writer_that_is_dropped_leaves_nothing(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut writer = db.begin(&turn("contact", 2), &contact(), hash(1)).await.unwrap();
    writer.apply(changes(&contact(), &[(Delete, person(1, "")), (Insert, person(7, "Gone"))])).await.unwrap();
    drop(writer);
    assert_eq!(rows_of(&db, &contact()).await, three());
    assert_eq!(lsn_of(&db, "contact").await, 100);
    // The connection is not left half-way.
    put(&db, &contact(), 2, &[person(8, "Hi")], 120).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await.len(), 4);
}

pub async fn nothing_is_seen_before_the_commit(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let mut writer = db.begin(&turn("contact", 2), &contact(), hash(1)).await.unwrap();
    writer.apply(changes(&contact(), &[(Insert, person(7, "Soon"))])).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await, three());
    assert_eq!(lsn_of(&db, "contact").await, 100);
    writer.commit(Lsn(110), counts(1, 0, 0, 1)).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await.len(), 4);
    assert_eq!(lsn_of(&db, "contact").await, 110);
}

pub async fn a_refused_row_takes_the_whole_transaction_with_it(f: &impl StoreFactory) {
    let db = open(f).await;
    let mut def = contact();
    def.columns[1].nullable = false;
    db.create_table(&turn("contact", 1), &def, hash(1)).await.unwrap();
    put(&db, &def, 1, &three(), 100).await.unwrap();
    let mut writer = db.begin(&turn("contact", 2), &def, hash(1)).await.unwrap();
    writer.apply(changes(&def, &[(Insert, person(4, "Di"))])).await.unwrap();
    let bad = changes(&def, &[(Insert, person(5, "Ed")), (Insert, vec![Integer(6), Null, Null])]);
    let error = writer.apply(bad).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Row);
    assert!(error.message.contains("contact"), "{error}");
    let place = error.at.expect("the row is told");
    assert_eq!(place.row, 2);
    assert_eq!(place.column.as_deref(), Some("name"));
    assert_eq!(kind(writer.apply(changes(&def, &[])).await), StoreErrorKind::Internal);
    assert_eq!(kind(writer.commit(Lsn(110), counts(3, 0, 0, 1)).await), StoreErrorKind::Internal);
    assert_eq!(rows_of(&db, &def).await, three());
    assert_eq!(lsn_of(&db, "contact").await, 100);
}

pub async fn a_row_that_a_unique_index_refuses_is_named(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"CREATE UNIQUE INDEX "one_name" ON "contact" ("name");"#).await;
    let error = put(&db, &contact(), 2, &[person(8, "Hi"), person(9, "Bo")], 110).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Row);
    assert!(error.message.contains("contact"), "{error}");
    assert_eq!(error.at.map(|place| place.row), Some(2));
    assert_eq!(rows_of(&db, &contact()).await, three());
}

pub async fn a_key_that_is_null_is_refused_not_made_up(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    let error = put(&db, &contact(), 1, &[vec![Null, text("nobody"), Null]], 10).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Row);
    assert_eq!(error.at.and_then(|place| place.column).as_deref(), Some("contact_id"));
    assert_eq!(rows_of(&db, &contact()).await, Vec::<Row>::new());
}

pub async fn a_table_without_a_key_takes_inserts_alone(f: &impl StoreFactory) {
    let db = open(f).await;
    let mut def = contact();
    def.key.clear();
    db.create_table(&turn("contact", 1), &def, hash(1)).await.unwrap();
    let (applied, _) = put(&db, &def, 1, &[person(1, "Ada"), person(1, "Ada")], 10).await.unwrap();
    assert_eq!(applied, Applied { inserted: 2, updated: 0, deleted: 0 });
    assert_eq!(rows_of(&db, &def).await, [person(1, "Ada"), person(1, "Ada")]);
    assert_eq!(kind(apply(&db, &def, 1, &[(Delete, person(1, "Ada"))], 11).await), StoreErrorKind::Row);
}

pub async fn keys_of_several_columns_and_of_text_work(f: &impl StoreFactory) {
    let db = open(f).await;
    let mut def = table(
        "relation",
        vec![column("a", nvarchar(20), false), column("n", SqlType::Int, true), column("b", SqlType::Int, false)],
    );
    def.key = vec![2, 0];
    db.create_table(&turn("relation", 1), &def, hash(1)).await.unwrap();
    let row = |a: &str, n: i64, b: i64| vec![text(a), Integer(n), Integer(b)];
    put(&db, &def, 1, &[row("x", 1, 2), row("y", 2, 1), row("X", 3, 1), row("x", 4, 1)], 10).await.unwrap();
    let changed = [(Update, row("x", 5, 2)), (Delete, row("y", 0, 1))];
    let (applied, _) = apply(&db, &def, 1, &changed, 11).await.unwrap();
    assert_eq!(applied, Applied { inserted: 0, updated: 1, deleted: 1 });
    assert_eq!(rows_of(&db, &def).await, [row("X", 3, 1), row("x", 4, 1), row("x", 5, 2)]);
    assert_eq!(db.describe(&named("relation")).await.unwrap().unwrap().key, ["b", "a"]);
}

pub async fn a_table_of_key_columns_only_works(f: &impl StoreFactory) {
    let db = open(f).await;
    let def = table("ids", vec![column("id", SqlType::BigInt, false)]);
    db.create_table(&turn("ids", 1), &def, hash(1)).await.unwrap();
    put(&db, &def, 1, &[vec![Integer(i64::MIN)], vec![Integer(i64::MAX)]], 10).await.unwrap();
    let (applied, _) =
        apply(&db, &def, 1, &[(Update, vec![Integer(i64::MAX)]), (Update, vec![Integer(0)])], 11).await.unwrap();
    assert_eq!(applied, Applied { inserted: 1, updated: 1, deleted: 0 });
    assert_eq!(rows_of(&db, &def).await, [[Integer(i64::MIN)], [Integer(0)], [Integer(i64::MAX)]]);
}

pub async fn stretches_apply_in_order(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    let mut writer = db.begin(&turn("contact", 1), &contact(), hash(1)).await.unwrap();
    for name in ["first", "second", "third"] {
        writer.apply(changes(&contact(), &[(Update, person(1, name))])).await.unwrap();
    }
    writer.apply(changes(&contact(), &[(Delete, person(2, ""))])).await.unwrap();
    writer.commit(Lsn(5), counts(0, 3, 1, 1)).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await, [person(1, "third")]);
}

pub async fn a_changed_hash_refuses_rows(f: &impl StoreFactory) {
    let db = with_three(f).await;
    assert_eq!(kind(db.begin(&turn("contact", 2), &contact(), hash(2)).await), StoreErrorKind::SchemaChanged);
    assert_eq!(kind(db.begin(&turn("nothing", 2), &contact(), hash(1)).await), StoreErrorKind::UnknownTable);
}

pub async fn rows_are_read_in_key_order_chunk_by_chunk(f: &impl StoreFactory) {
    let db = with_contact(f).await;
    let rows: Vec<Row> = (1..=25).rev().map(|id| person(id, "x")).collect();
    put(&db, &contact(), 1, &rows, 10).await.unwrap();
    let mut sizes = Vec::new();
    let mut first_rows = Vec::new();
    db.read(&contact(), 10, &mut |batch| {
        sizes.push(batch.len());
        first_rows.push(batch.first_row);
        ControlFlow::Continue(())
    })
    .await
    .unwrap();
    assert_eq!((sizes, first_rows), (vec![10, 10, 5], vec![1, 11, 21]));
    let mut chunks = 0;
    db.read(&contact(), 1, &mut |_| {
        chunks += 1;
        if chunks == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .await
    .unwrap();
    assert_eq!(chunks, 3);
    assert_eq!(rows_of(&db, &contact()).await.first(), Some(&person(1, "x")));
}

pub async fn a_text_of_twenty_megabytes_comes_back(f: &impl StoreFactory) {
    let db = open(f).await;
    let def = table("document", vec![column("id", SqlType::Int, false), column("body", NVARCHAR_MAX, true)]);
    db.create_table(&turn("document", 1), &def, hash(1)).await.unwrap();
    let body = "æøå 日本 🙂 \r\n".repeat(20 << 20 >> 4);
    put(&db, &def, 1, &[vec![Integer(1), text(&body)]], 10).await.unwrap();
    let rows = rows_of(&db, &def).await;
    assert!(rows == [vec![Integer(1), text(&body)]], "the text came back changed");
}

pub async fn an_empty_commit_moves_the_lsn(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let writer = db.begin(&turn("contact", 2), &contact(), hash(1)).await.unwrap();
    assert_eq!(writer.commit(Lsn(130), counts(0, 0, 0, 1)).await.unwrap(), Lsn(130));
    assert_eq!(rows_of(&db, &contact()).await, three());
}
