//! Mirrors are made, found and kept apart.

use speil::store::StoreErrorKind;

use super::StoreFactory;
use super::kit::*;

pub async fn opening_makes_the_mirror_and_opening_again_finds_it(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let again = open(f).await;
    assert_eq!(rows_of(&again, &contact()).await, rows_of(&db, &contact()).await);
    assert_eq!(again.tenant(), &cust());
    assert!(again.place().contains("Cust10195"), "{}", again.place());
}

pub async fn opening_what_exists_makes_nothing(f: &impl StoreFactory) {
    let store = f.store();
    assert!(store.open_existing(&cust(), None).await.unwrap().is_none());
    assert!(store.list().await.unwrap().is_empty());
    store.open(&cust(), None).await.unwrap();
    assert!(store.open_existing(&cust(), None).await.unwrap().is_some());
}

pub async fn a_restart_finds_rows_and_lsn(f: &impl StoreFactory) {
    let store = f.store();
    let db = store.open(&cust(), None).await.unwrap();
    db.create_table(&turn("contact", 1), &contact(), hash(1)).await.unwrap();
    put(&db, &contact(), 1, &three(), 100).await.unwrap();
    drop(db);
    store.close().await;
    drop(store);
    let db = open(f).await;
    assert_eq!(rows_of(&db, &contact()).await, three());
    assert_eq!(lsn_of(&db, "contact").await, 100);
}

pub async fn a_handle_works_on_after_the_store_closed_its_files(f: &impl StoreFactory) {
    let store = f.store();
    let db = store.open(&cust(), None).await.unwrap();
    db.create_table(&turn("contact", 1), &contact(), hash(1)).await.unwrap();
    store.close().await;
    put(&db, &contact(), 1, &three(), 100).await.unwrap();
    assert_eq!(rows_of(&db, &contact()).await, three());
}

pub async fn the_list_shows_every_mirror(f: &impl StoreFactory) {
    let store = f.store();
    for name in ["Cust3", "Cust1", "Cust2"] {
        store.open(&tenant(name), None).await.unwrap();
    }
    let found = f.store().list().await.unwrap();
    let names: Vec<&str> = found.iter().map(|mirror| mirror.name.as_str()).collect();
    assert_eq!(names, ["Cust1", "Cust2", "Cust3"]);
    for mirror in found {
        assert_eq!(mirror.mirror.expect("it opens").tenant().as_str(), mirror.name);
    }
}

pub async fn two_tenants_share_nothing(f: &impl StoreFactory) {
    let store = f.store();
    let (one, two) =
        (store.open(&tenant("Cust1"), None).await.unwrap(), store.open(&tenant("Cust2"), None).await.unwrap());
    one.create_table(&turn("contact", 5), &contact(), hash(1)).await.unwrap();
    put(&one, &contact(), 5, &three(), 7).await.unwrap();
    assert!(two.tables().await.unwrap().is_empty());
    assert!(two.describe(&named("contact")).await.unwrap().is_none());
    two.create_table(&turn("contact", 1), &contact(), hash(2)).await.unwrap();
    assert_eq!(rows_of(&two, &contact()).await, Vec::<Row>::new());
    assert_eq!(rows_of(&one, &contact()).await, three());
}

pub async fn tenants_with_strange_names_have_mirrors_of_their_own(f: &impl StoreFactory) {
    let long = "Ø".repeat(128);
    let longer_by_one_letter = format!("{}Å", "Ø".repeat(127));
    let names = [
        "a",
        "a.",
        "a. b",
        "../a",
        "a/b",
        "a\\b",
        "C:a",
        "a:stream",
        "CON",
        "nul.txt",
        "COM1",
        "%43ON",
        "a%2Eb",
        "a.b",
        ".a",
        "-a",
        "'; DROP TABLE x; --",
        "a\"b",
        "a]b",
        "日本",
        "sqlite_a",
        "speil_a",
        "a_mirroring",
        &long,
        &longer_by_one_letter,
    ];
    let store = f.store();
    for (number, name) in (1u8..).zip(names) {
        let db = store.open(&tenant(name), None).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(db.tables().await.unwrap().is_empty(), "{name} met another tenant");
        db.create_table(&turn("contact", 1), &contact(), hash(number)).await.unwrap();
    }
    let store = f.store();
    for (number, name) in (1u8..).zip(names) {
        let db = store.open_existing(&tenant(name), None).await.unwrap().unwrap_or_else(|| panic!("{name} was made"));
        assert_eq!(record(&db, "contact").await.hash, Some(hash(number)), "{name}");
    }
    assert_eq!(store.list().await.unwrap().len(), names.len());
}

pub async fn tenants_whose_names_differ_by_case_only_never_meet(f: &impl StoreFactory) {
    let store = f.store();
    let db = store.open(&tenant("Cust1"), None).await.unwrap();
    db.create_table(&turn("contact", 1), &contact(), hash(1)).await.unwrap();
    match store.open(&tenant("CUST1"), None).await {
        Ok(other) => assert!(other.tables().await.unwrap().is_empty()),
        Err(error) => assert_eq!(error.kind, StoreErrorKind::Connection),
    }
}

pub async fn the_check_leaves_nothing_behind(f: &impl StoreFactory) {
    let store = f.store();
    let sentence = store.check().await.unwrap();
    assert!(!sentence.is_empty());
    assert!(store.list().await.unwrap().is_empty());
}
