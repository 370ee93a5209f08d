//! JavaScript: `change-feed` really posts.

use std::path::{Path, PathBuf};

use serde_json::json;
use speil::protocol::messages::RowOp::{Delete, Insert, Update};

use super::mirrored::Mirrored;
use super::receiver::{Posted, Receiver};

/// The example with its own sidecar, but for the receiver and the token's place.
fn folder(built: &Path, port: u16) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let sidecar = std::fs::read_to_string(built.join("change-feed.toml")).expect("built");
    let changes = [
        ("https://hooks.example.com/speil", format!("http://127.0.0.1:{port}/hook?from=speil")),
        ("hooks.example.com:443", format!("127.0.0.1:{port}")),
        ("{ env = \"CHANGE_FEED_TOKEN\" }", "{ file = \"token.txt\" }".to_owned()),
    ];
    let sidecar = changes.into_iter().fold(sidecar, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, &to)
    });
    std::fs::write(folder.path().join("change-feed.toml"), sidecar).expect("written");
    std::fs::write(folder.path().join("token.txt"), "secret word").expect("written");
    std::fs::copy(built.join("change-feed.wasm"), folder.path().join("change-feed.wasm")).expect("built");
    folder
}

/// The one request that one batch made.
fn only(receiver: &Receiver) -> Posted {
    let mut posted = receiver.take();
    assert_eq!(posted.len(), 1, "{posted:#?}");
    posted.remove(0)
}

pub async fn posts(built: PathBuf) {
    let receiver = Receiver::start(204).await;
    let folder = folder(&built, receiver.port);
    let mut mirrored = Mirrored::with(folder.path()).await;
    mirrored.begin().await;
    let one = [Some("[I:1]"), Some("[I:5]"), Some("[F:10.5]")];
    let two = [Some("[I:2]"), None, Some("[F:2]")];
    mirrored.send("sale", &[(Insert, &one), (Insert, &two)]).await;
    let filled = only(&receiver);
    assert!(filled.head.starts_with("post /hook?from=speil http/1.1\r\n"), "{}", filled.head);
    assert!(filled.head.contains("authorization: bearer secret word"), "{}", filled.head);
    assert!(filled.head.contains("content-type: application/json"), "{}", filled.head);
    let change = |kind: &str, key: &str| json!({ "kind": kind, "key": [key] });
    assert_eq!(
        filled.body,
        json!({
            "tenant": "Cust10195", "table": "sale", "lsn": 10, "inserted": 2, "updated": 0, "deleted": 0,
            "changes": [change("upserted", "1"), change("upserted", "2")], "truncated": false,
        })
    );
    mirrored.complete().await;

    mirrored.begin().await;
    mirrored.send("sale", &[(Update, &one), (Delete, &[Some("[I:2]"), None, None])]).await;
    let posted = only(&receiver);
    // In no order that is promised.
    let changes = posted.body["changes"].as_array().expect("a list");
    assert!(changes.len() == 2, "{changes:?}");
    assert!(changes.contains(&change("upserted", "1")) && changes.contains(&change("deleted", "2")), "{changes:?}");
    assert_eq!((&posted.body["updated"], &posted.body["deleted"]), (&json!(1), &json!(1)));
    // More than fits into one write of its stream.
    let keys: Vec<String> = (100..1_100).map(|key| format!("[I:{key}]")).collect();
    let many: Vec<[Option<&str>; 3]> = keys.iter().map(|key| [Some(key.as_str()), None, None]).collect();
    let many: Vec<_> = many.iter().map(|cells| (Insert, &cells[..])).collect();
    mirrored.send("sale", &many).await;
    let long = only(&receiver);
    assert_eq!(long.body["changes"].as_array().map(Vec::len), Some(1_000));
    mirrored.complete().await;
    assert_eq!(mirrored.failures().await, Vec::<String>::new());
}

pub async fn is_refused(built: PathBuf) {
    let receiver = Receiver::start(503).await;
    let folder = folder(&built, receiver.port);
    let mut mirrored = Mirrored::with(folder.path()).await;
    mirrored.begin().await;
    mirrored.send("sale", &[(Insert, &[Some("[I:1]"), None, None])]).await;
    assert_eq!(receiver.take().len(), 1);
    let failures = mirrored.failures().await;
    assert!(failures.len() == 1 && failures[0].contains("the receiver answered 503"), "{failures:?}");
    assert_eq!(mirrored.query("SELECT sale_id FROM sale").await, ["1"]);
}
