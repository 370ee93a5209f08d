//! Several applications on one host: told apart by audience or by path, and never in each other's mirrors.

use std::collections::BTreeMap;

use speil::protocol::context_id::ContextId;
use speil_tests::kit::client::{Connection, call, get, post};
use speil_tests::kit::host::{APPLICATION, Host, PATH, TENANT, issuer, now};
use speil_tests::kit::soap::{batch, envelope, row_data, tables};

const OTHER: &str = "fedcba9876543210fedcba9876543210";

/// A host with a second application on the same path, whose mirrors are in the folder `other`.
async fn host() -> Host {
    Host::start_with(|config| {
        let mut other = config.applications[0].clone();
        other.id = OTHER.into();
        other.folder = Some("other".into());
        config.applications.push(other);
    })
    .await
}

#[tokio::test]
async fn tenants_of_one_name_do_not_meet_in_one_mirror() {
    let host = host().await;
    for (application, rows) in [(APPLICATION, 1..4), (OTHER, 10..18)] {
        let token = issuer().issue(application, TENANT, now()).expect("signed");
        let schema = envelope(&token, "TableSchema", &tables(&["contact"]));
        call(host.address, "TableSchema", &schema).await.succeeded();
        let filled = envelope(&token, "RowData", &row_data(&[batch("contact", rows, 7)]));
        call(host.address, "RowData", &filled).await.succeeded();
    }
    assert_eq!(host.rows(TENANT, "contact").await, 3, "the first application's mirror, in the directory itself");

    let tenant = ContextId::new(TENANT).expect("legal");
    let found = host.app.store.list().await.expect("readable");
    let rows: BTreeMap<bool, u64> = {
        let mut rows = BTreeMap::new();
        for mirror in found {
            let db = mirror.mirror.expect("it opens");
            assert_eq!(*db.tenant(), tenant);
            let tables = db.history().tables().await.expect("readable");
            rows.insert(db.place().contains("other"), tables[0].rows);
        }
        rows
    };
    assert_eq!(rows, BTreeMap::from([(false, 3), (true, 8)]), "status shows both");
}

#[tokio::test]
async fn a_refused_call_is_told_to_the_mirror_of_the_application_it_was_for() {
    let host = host().await;
    for application in [APPLICATION, OTHER] {
        let token = issuer().issue(application, TENANT, now()).expect("signed");
        let schema = envelope(&token, "TableSchema", &tables(&["contact"]));
        call(host.address, "TableSchema", &schema).await.succeeded();
    }
    let late = issuer().token(OTHER, TENANT, now()).nbf(now() - 7200).exp(now() - 3600).sign().expect("signed");
    call(host.address, "Wipe", &envelope(&late, "Wipe", "")).await.refused();
    for mirror in host.app.store.list().await.expect("readable") {
        let db = mirror.mirror.expect("it opens");
        let events = db.history().events(10).await.expect("readable");
        let refused = events.iter().any(|event| event.kind == "refused");
        assert_eq!(refused, db.place().contains("other"), "{} {events:?}", db.place());
    }
    assert_eq!(host.app.mirrors.refusals()[0].path, PATH);
}

#[tokio::test]
async fn a_folders_store_is_looked_at_for_readiness_and_closed_at_the_end() {
    let mut host = host().await;
    let token = issuer().issue(OTHER, TENANT, now()).expect("signed");
    call(host.address, "TableSchema", &envelope(&token, "TableSchema", &tables(&["contact"]))).await.succeeded();
    let ready = get(host.address, "/readyz", "").await;
    assert_eq!(
        (ready.status, ready.body.as_str()),
        (200, "ready\nkeys: ok\nkeys: ok\nstore: ok\nstore other: ok\nplug-ins: ok\n")
    );
    let folder = host.folder.path().join("mirrors").join("other");
    let logs = || {
        let files = std::fs::read_dir(&folder).expect("the folder is there");
        let names = files.map(|file| file.expect("readable").file_name().to_string_lossy().into_owned());
        names.filter(|name| name.ends_with("-wal")).count()
    };
    assert_eq!(logs(), 1, "open");
    assert_eq!(host.stop().await, 0);
    host.app.mirrors.close().await;
    assert_eq!(logs(), 0, "closed in order");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_not_ready() {
    let host = host().await;
    let mirrors = host.folder.path().join("mirrors");
    std::fs::create_dir_all(&mirrors).expect("made");
    std::fs::write(mirrors.join("other"), b"a file where the folder should be").expect("written");
    let answer = get(host.address, "/readyz", "").await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.body.contains("store: ok\nstore other: FAILED"), "{}", answer.body);
}

#[tokio::test]
async fn refused_calls_are_counted_under_the_applications_own_path_however_it_was_spelled() {
    let host = host().await;
    let token = issuer().issue(APPLICATION, TENANT, now()).expect("signed");
    call(host.address, "TableSchema", &envelope(&token, "TableSchema", &tables(&["contact"]))).await.succeeded();
    let late = issuer().token(APPLICATION, TENANT, now()).nbf(now() - 7200).exp(now() - 3600).sign().expect("signed");
    let body = envelope(&late, "Wipe", "");
    for path in [PATH.to_owned(), PATH.to_uppercase(), PATH.to_lowercase()] {
        let mut connection = Connection::open(host.address).await;
        connection.send(post("Wipe", &body).replacen(PATH, &path, 1)).await;
        connection.answer().await;
    }
    let refusals = host.app.mirrors.refusals();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert_eq!((refusals[0].path.as_str(), refusals[0].count), (PATH, 3));
    let events = host.mirror(TENANT).await.history().events(10).await.expect("readable");
    assert_eq!(events.iter().filter(|event| event.kind == "refused").count(), 1, "told once");
}
