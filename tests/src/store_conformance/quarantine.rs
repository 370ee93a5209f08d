//! Rows kept aside: they go and come with the transaction that would have written them, and with their table.

use speil::protocol::cell::RawCell;
use speil::protocol::lsn::Lsn;
use speil::store::quarantine::id;
use speil::store::{QuarantineCount, Quarantined, SetAside};

use super::StoreFactory;
use super::kit::*;

fn aside(table: &str, key: &str, at: i64) -> Quarantined {
    let cell = |column: &str, text: Option<&str>| RawCell { column: column.into(), text: text.map(Into::into) };
    Quarantined {
        id: id(&named(table), &[key.to_owned()]),
        table: named(table),
        key: key.to_owned(),
        at,
        plugin: "p".into(),
        version: "0123".into(),
        error: "it's no use; DROP TABLE x -- \u{e5}".into(),
        op: Insert,
        cells: vec![
            cell("contact_id", Some(&format!("[I:{key}]"))),
            cell("name", Some("a\u{1}\"b")),
            cell("amount", None),
        ],
    }
}

/// One transaction that keeps these aside, gives those back, and writes a row.
async fn keep(
    f: &std::sync::Arc<dyn speil::store::MirrorDb>,
    ticket: i64,
    keep: &[Quarantined],
    clear: &[&str],
    lsn: i64,
) {
    let mut writer = f.begin(&turn("contact", ticket), &contact(), hash(1)).await.expect("a transaction");
    writer.apply(changes(&contact(), &[(Insert, person(50 + ticket, "Zoe"))])).await.expect("the row fits");
    let clear = clear.iter().map(|key| id(&named("contact"), &[(*key).to_owned()])).collect();
    writer.set_aside(SetAside { clear, keep: keep.to_vec() }).await.expect("kept aside");
    writer.commit(Lsn(lsn), counts(1, 0, 0, 1)).await.expect("committed");
}

pub async fn rows_kept_aside_are_listed_counted_and_given_back(f: &impl StoreFactory) {
    let db = with_three(f).await;
    assert_eq!(db.quarantine_counts().await.unwrap(), []);
    keep(&db, 2, &[aside("contact", "7", 5), aside("contact", "8", 6)], &[], 200).await;
    drop(db);
    let db = open(f).await;
    assert_eq!(db.quarantined(None, 10).await.unwrap(), [aside("contact", "8", 6), aside("contact", "7", 5)]);
    assert_eq!(db.quarantined(Some(&named("CONTACT")), 1).await.unwrap(), [aside("contact", "8", 6)]);
    assert_eq!(db.quarantined(Some(&named("other")), 10).await.unwrap(), []);
    assert_eq!(db.quarantine_counts().await.unwrap(), [QuarantineCount { table: named("contact"), rows: 2 }]);
    keep(&db, 3, &[], &["8", "9"], 300).await;
    assert_eq!(db.quarantined(None, 10).await.unwrap(), [aside("contact", "7", 5)]);
    assert_eq!(lsn_of(&db, "contact").await, 300);
}

pub async fn a_row_kept_again_replaces_what_was_kept(f: &impl StoreFactory) {
    let db = with_three(f).await;
    keep(&db, 2, &[aside("contact", "7", 5)], &[], 200).await;
    let later = Quarantined { version: "4567".into(), op: Update, ..aside("CONTACT", "7", 9) };
    keep(&db, 3, std::slice::from_ref(&later), &[], 300).await;
    assert_eq!(db.quarantined(None, 10).await.unwrap(), [later]);
}

pub async fn a_transaction_taken_back_keeps_nothing_aside(f: &impl StoreFactory) {
    let db = with_three(f).await;
    keep(&db, 2, &[aside("contact", "7", 5)], &[], 200).await;
    let mut writer = db.begin(&turn("contact", 3), &contact(), hash(1)).await.unwrap();
    assert_eq!(writer.held().await.unwrap(), [aside("contact", "7", 5).id]);
    let clear = vec![aside("contact", "7", 5).id];
    writer.set_aside(SetAside { clear, keep: vec![aside("contact", "8", 6)] }).await.unwrap();
    assert_eq!(writer.held().await.unwrap(), [aside("contact", "8", 6).id], "a transaction sees what it did");
    drop(writer);
    let mut writer = db.begin(&turn("contact", 3), &contact(), hash(1)).await.unwrap();
    assert_eq!(writer.held().await.unwrap(), [aside("contact", "7", 5).id]);
}

pub async fn what_empties_makes_or_drops_a_table_gives_its_rows_back(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let none: [Quarantined; 0] = [];
    keep(&db, 2, &[aside("contact", "7", 5)], &[], 200).await;
    db.wipe(&turn("contact", 3)).await.unwrap();
    assert_eq!(db.quarantined(None, 10).await.unwrap(), none, "wiped");

    keep(&db, 4, &[aside("contact", "7", 5)], &[], 200).await;
    db.create_table(&turn("contact", 5), &contact(), hash(1)).await.unwrap();
    assert_eq!(db.quarantined(None, 10).await.unwrap(), none, "made anew");

    keep(&db, 5, &[aside("contact", "7", 5)], &[], 200).await;
    f.by_hand(&cust(), r#"UPDATE "Cust10195_mirroring" SET LSN = -1;"#).await;
    db.expect_refill(&turn("contact", 6)).await.unwrap();
    assert_eq!(db.quarantined(None, 10).await.unwrap().len(), 1, "nothing is emptied before rows come");
    put(&db, &contact(), 6, &[person(10, "Jo")], 300).await.unwrap();
    assert_eq!(db.quarantined(None, 10).await.unwrap(), none, "filled anew");

    keep(&db, 7, &[aside("contact", "7", 5)], &[], 400).await;
    db.skip_table(&turn("contact", 8), hash(2)).await.unwrap();
    assert_eq!(db.quarantined(None, 10).await.unwrap(), none, "skipped");

    db.create_table(&turn("contact", 9), &contact(), hash(1)).await.unwrap();
    keep(&db, 9, &[aside("contact", "7", 5)], &[], 400).await;
    db.drop_table(&turn("contact", 10)).await.unwrap();
    assert_eq!(db.quarantined(None, 10).await.unwrap(), none, "dropped");
}
