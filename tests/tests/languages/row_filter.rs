//! C: `row-filter` leaves rows out, takes them out and lets them back in.

use std::path::{Path, PathBuf};

use speil::protocol::messages::RowOp::{Insert, Update};

use super::mirrored::Mirrored;

fn folder(built: &Path, sidecar: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(built.join("row-filter.wasm"), folder.path().join("row-filter.wasm")).expect("built");
    std::fs::write(folder.path().join("row-filter.toml"), sidecar).expect("written");
    folder
}

pub async fn keeps(built: PathBuf) {
    let sidecar = std::fs::read_to_string(built.join("row-filter.toml")).expect("built");
    let folder = folder(&built, &sidecar);
    let mut mirrored = Mirrored::with(folder.path()).await;
    mirrored.begin().await;
    let contact = |id, country| [id, Some("name"), country];
    mirrored
        .send(
            "contact",
            &[
                (Insert, &contact(Some("[I:1]"), Some("[I:578]"))),
                (Insert, &contact(Some("[I:2]"), Some("[I:752]"))),
                (Insert, &contact(Some("[I:3]"), Some("[I:840]"))),
                (Insert, &contact(Some("[I:4]"), None)),
            ],
        )
        .await;
    mirrored
        .send(
            "person",
            &[
                (Insert, &[Some("[I:1]"), None, Some("[S:0]")]),
                (Insert, &[Some("[I:2]"), None, Some("[S:1]")]),
                (Insert, &[Some("[I:3]"), None, None]),
            ],
        )
        .await;
    mirrored.send("sale", &[(Insert, &[Some("[I:1]"), None, None])]).await;
    mirrored.complete().await;
    assert_eq!(mirrored.query("SELECT contact_id FROM contact").await, ["1", "2"]);
    assert_eq!(mirrored.query("SELECT person_id FROM person").await, ["1", "3"]);
    assert_eq!(mirrored.query("SELECT sale_id FROM sale").await, ["1"]);

    mirrored.begin().await;
    mirrored
        .send(
            "contact",
            &[(Update, &contact(Some("[I:1]"), Some("[I:840]"))), (Update, &contact(Some("[I:3]"), Some("[I:752]")))],
        )
        .await;
    mirrored.complete().await;
    assert_eq!(mirrored.query("SELECT contact_id FROM contact").await, ["2", "3"]);
    assert_eq!(mirrored.failures().await, Vec::<String>::new());
}

pub async fn lists(built: PathBuf) {
    let folder = folder(&built, "[config]\n\"contact.name\" = \"not Test, NULL\"\n\"contact.country_id\" = \"1,2\"\n");
    let mut mirrored = Mirrored::with(folder.path()).await;
    mirrored.begin().await;
    let rows = [
        [Some("[I:1]"), Some("Ann"), Some("[I:1]")],
        [Some("[I:2]"), Some("Test"), Some("[I:1]")],
        [Some("[I:3]"), None, Some("[I:1]")],
        [Some("[I:4]"), Some("test"), Some("[I:2]")],
        [Some("[I:5]"), Some("Bo"), Some("[I:3]")],
    ];
    let rows: Vec<_> = rows.iter().map(|cells| (Insert, &cells[..])).collect();
    mirrored.send("contact", &rows).await;
    mirrored.complete().await;
    assert_eq!(mirrored.query("SELECT contact_id FROM contact").await, ["1", "4"]);
}
