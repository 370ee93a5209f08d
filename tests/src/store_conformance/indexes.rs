//! Indexes for plug-ins: asked for as often as they like, made once.

use speil::store::records::IndexColumn;
use speil::store::{IndexDef, StoreErrorKind};

use super::StoreFactory;
use super::kit::*;

fn index(name: &str, columns: &[(&str, bool)], unique: bool) -> IndexDef {
    let columns =
        columns.iter().map(|(name, descending)| IndexColumn { name: (*name).to_owned(), descending: *descending });
    IndexDef { name: name.to_owned(), columns: columns.collect(), unique }
}

pub async fn an_index_is_made_once_and_listed(f: &impl StoreFactory) {
    let db = with_three(f).await;
    assert!(db.indexes(&named("contact")).await.unwrap().is_empty(), "the key's own index is not listed");
    let wanted = index("ix_name", &[("name", false), ("amount", true)], false);
    assert!(db.ensure_index(&named("CONTACT"), &wanted).await.unwrap());
    assert!(!db.ensure_index(&named("contact"), &wanted).await.unwrap());
    assert_eq!(db.indexes(&named("contact")).await.unwrap(), [wanted]);
}

pub async fn an_index_that_differs_is_made_anew(f: &impl StoreFactory) {
    let db = with_three(f).await;
    for wanted in [
        index("ix", &[("name", false)], false),
        index("ix", &[("name", true)], false),
        index("ix", &[("name", true)], true),
        index("IX", &[("amount", false), ("name", false)], false),
    ] {
        assert!(db.ensure_index(&named("contact"), &wanted).await.unwrap());
        assert_eq!(db.indexes(&named("contact")).await.unwrap(), [wanted]);
    }
}

pub async fn an_index_is_dropped_by_its_name(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.ensure_index(&named("contact"), &index("Ix", &[("name", false)], false)).await.unwrap();
    assert!(db.drop_index(&named("contact"), "ix").await.unwrap());
    assert!(!db.drop_index(&named("contact"), "ix").await.unwrap());
    assert!(db.indexes(&named("contact")).await.unwrap().is_empty());
}

pub async fn each_table_has_index_names_of_its_own(f: &impl StoreFactory) {
    let db = with_three(f).await;
    db.create_table(&turn("person", 1), &simple("person"), hash(1)).await.unwrap();
    let wanted = index("ix", &[("name", false)], false);
    assert!(db.ensure_index(&named("contact"), &wanted).await.unwrap());
    assert!(db.ensure_index(&named("person"), &wanted).await.unwrap());
    assert!(db.drop_index(&named("contact"), "ix").await.unwrap());
    assert_eq!(db.indexes(&named("person")).await.unwrap(), [wanted]);
}

pub async fn an_index_made_by_hand_is_seen_and_respected(f: &impl StoreFactory) {
    let db = with_three(f).await;
    f.by_hand(&cust(), r#"CREATE INDEX "mine" ON "contact" ("name");"#).await;
    let same = index("mine", &[("name", false)], false);
    assert_eq!(db.indexes(&named("contact")).await.unwrap(), std::slice::from_ref(&same));
    assert!(!db.ensure_index(&named("contact"), &same).await.unwrap());
}

pub async fn indexes_outlast_a_wipe(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let wanted = index("ix", &[("name", false)], true);
    db.ensure_index(&named("contact"), &wanted).await.unwrap();
    db.wipe(&turn("contact", 2)).await.unwrap();
    assert_eq!(db.indexes(&named("contact")).await.unwrap(), [wanted]);
}

pub async fn an_index_that_makes_no_sense_is_refused(f: &impl StoreFactory) {
    let db = with_three(f).await;
    let schema = StoreErrorKind::Schema;
    for wanted in [
        index("ix", &[("nothing", false)], false),
        index("ix", &[], false),
        index("", &[("name", false)], false),
        index("ix", &[("name", false), ("NAME", true)], false),
    ] {
        assert_eq!(kind(db.ensure_index(&named("contact"), &wanted).await), schema, "{wanted:?}");
    }
    let wanted = index("ix", &[("name", false)], false);
    assert_eq!(kind(db.ensure_index(&named("nothing"), &wanted).await), StoreErrorKind::UnknownTable);
    f.by_hand(&cust(), r#"CREATE TABLE "theirs" ("name" int);"#).await;
    assert_eq!(kind(db.ensure_index(&named("theirs"), &wanted).await), StoreErrorKind::Foreign);
    assert!(db.indexes(&named("contact")).await.unwrap().is_empty());
}

pub async fn an_index_name_may_hold_anything(f: &impl StoreFactory) {
    let db = with_three(f).await;
    for name in ["a\"b", "a.b", "a]b;--", "日本", "with space"] {
        let wanted = index(name, &[("name", false)], false);
        assert!(db.ensure_index(&named("contact"), &wanted).await.unwrap(), "{name}");
        assert!(!db.ensure_index(&named("contact"), &wanted).await.unwrap(), "{name}");
        assert!(db.drop_index(&named("contact"), name).await.unwrap(), "{name}");
    }
}
