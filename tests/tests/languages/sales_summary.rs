//! Python: the table of `sales-summary` has the sums after each cycle.

use std::path::PathBuf;

use speil::protocol::messages::RowOp::{Delete, Insert, Update};

use super::mirrored::Mirrored;

pub async fn sums(built: PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["sales-summary.wasm", "sales-summary.toml"] {
        std::fs::copy(built.join(file), folder.path().join(file)).expect("built");
    }
    let totals = "SELECT group_value, row_count, total FROM plugin_sales_summary_totals ORDER BY group_value";
    let mut mirrored = Mirrored::with(folder.path()).await;
    mirrored.begin().await;
    mirrored
        .send(
            "sale",
            &[
                (Insert, &[Some("[I:1]"), Some("[I:5]"), Some("[F:10.5]")]),
                (Insert, &[Some("[I:2]"), Some("[I:5]"), Some("[F:20.25]")]),
                (Insert, &[Some("[I:3]"), None, Some("[F:1]")]),
                (Insert, &[Some("[I:4]"), Some("[I:7]"), Some("[F:-2]")]),
                (Insert, &[Some("[I:5]"), Some("[I:9]"), None]),
            ],
        )
        .await;
    mirrored.complete().await;
    assert_eq!(mirrored.failures().await, Vec::<String>::new());
    assert_eq!(mirrored.query(totals).await, [" 1 1", "5 2 30.75", "7 1 -2", "9 1 0"]);

    mirrored.begin().await;
    mirrored
        .send(
            "sale",
            &[
                (Update, &[Some("[I:2]"), Some("[I:5]"), Some("[F:30]")]),
                (Delete, &[Some("[I:4]"), None, None]),
                (Insert, &[Some("[I:6]"), Some("[I:11]"), Some("[F:8]")]),
            ],
        )
        .await;
    mirrored.complete().await;
    assert_eq!(mirrored.failures().await, Vec::<String>::new());
    assert_eq!(mirrored.query(totals).await, [" 1 1", "11 1 8", "5 2 40.5", "9 1 0"]);

    // A cycle in which another table changed alone leaves it as it is.
    mirrored.begin().await;
    mirrored.send("contact", &[(Insert, &[Some("[I:1]"), None, None])]).await;
    mirrored.complete().await;
    assert_eq!(mirrored.query(totals).await.len(), 4);
}
