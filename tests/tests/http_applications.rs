//! Several applications on one host: told apart by audience or by path, and never in each other's mirrors.

use std::collections::BTreeMap;

use speil::protocol::context_id::ContextId;
use speil_tests::kit::client::call;
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
