//! Names hold whatever SQL Server lets them hold, and have no case in any alphabet.

use speil::protocol::sql_type::SqlType;
use speil::protocol::table_name::{TableName, TableNameError};

use super::StoreFactory;
use super::kit::*;

pub async fn names_may_hold_anything(f: &impl StoreFactory) {
    let db = open(f).await;
    let names = [
        "order",
        "with space",
        "with\"quote",
        "with'apostrophe",
        "with]bracket",
        "[bracketed]",
        "semi;colon",
        "日本語",
        "a.b.c",
        "--comment",
        "tab\tand\nline",
        "%",
        "_",
        "0",
        "select * from x",
        "rowid",
        "🙂",
    ];
    for name in names {
        let columns: Vec<_> = std::iter::once(column("id", SqlType::Int, false))
            .chain(names.iter().map(|name| column(name, nvarchar(50), true)))
            .collect();
        let def = table(name, columns);
        db.create_table(&turn(name, 1), &def, hash(1)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let row: Row = std::iter::once(Integer(1)).chain(names.iter().map(|name| text(name))).collect();
        put(&db, &def, 1, std::slice::from_ref(&row), 10).await.unwrap();
        apply(&db, &def, 1, &[(Update, row.clone())], 11).await.unwrap();
        assert_eq!(rows_of(&db, &def).await, [row], "{name}");
        assert_eq!(db.describe(&named(name)).await.unwrap().unwrap().columns.len(), names.len() + 1);
    }
    assert_eq!(db.tables().await.unwrap().len(), names.len());
    for name in names {
        assert_eq!(db.wipe(&turn(name, 2)).await.unwrap(), 1);
        db.drop_table(&turn(name, 2)).await.unwrap();
    }
}

pub async fn names_have_no_case_in_any_alphabet(f: &impl StoreFactory) {
    let db = open(f).await;
    let spelled = table("Ærlig_Årsak", vec![column("Øre_Id", SqlType::Int, false), column("Navn", nvarchar(20), true)]);
    let shouted = table("ÆRLIG_ÅRSAK", vec![column("ØRE_ID", SqlType::Int, false), column("NAVN", nvarchar(20), true)]);
    db.create_table(&turn("Ærlig_Årsak", 1), &spelled, hash(1)).await.unwrap();
    put(&db, &shouted, 1, &[vec![Integer(1), text("x")]], 10).await.unwrap();
    assert_eq!(rows_of(&db, &shouted).await, [[Integer(1), text("x")]]);
    assert_eq!(rows_of(&db, &spelled).await, [[Integer(1), text("x")]]);
    assert!(db.describe(&named("ærlig_årsak")).await.unwrap().is_some());
    assert_eq!(db.wipe(&turn("ærlig_årsak", 2)).await.unwrap(), 1);
    db.create_table(&turn("ærlig_ÅRSAK", 3), &shouted, hash(2)).await.unwrap();
    assert_eq!(db.tables().await.unwrap().len(), 1);
    db.drop_table(&turn("ærlig_årsak", 4)).await.unwrap();
    assert!(db.tables().await.unwrap().is_empty());
    assert!(db.describe(&named("Ærlig_Årsak")).await.unwrap().is_none());
}

pub async fn a_foreign_table_is_recognised_in_any_case(f: &impl StoreFactory) {
    let db = open(f).await;
    f.by_hand(&cust(), r#"CREATE TABLE "ØRE" (a int);"#).await;
    let refused = db.create_table(&turn("øre", 1), &simple("øre"), hash(1)).await;
    assert_eq!(kind(refused), speil::store::StoreErrorKind::Foreign);
}

pub async fn a_letter_that_folds_into_ascii_is_that_letter(f: &impl StoreFactory) {
    let db = open(f).await;
    for (made, asked) in [("kelvin", "\u{212a}elvin"), ("\u{212a}ilo", "KILO")] {
        db.create_table(&turn(made, 1), &simple(made), hash(1)).await.unwrap();
        assert!(db.describe(&named(asked)).await.unwrap().is_some(), "{asked}");
        assert_eq!(record(&db, asked).await.hash, Some(hash(1)), "{asked}");
        put(&db, &simple(asked), 2, &three(), 100).await.unwrap();
        assert_eq!(db.wipe(&turn(asked, 3)).await.unwrap(), 3, "{asked}");
        db.create_table(&turn(asked, 4), &simple(asked), hash(2)).await.unwrap();
        assert_eq!(record(&db, made).await.hash, Some(hash(2)), "{asked}");
        db.drop_table(&turn(asked, 5)).await.unwrap();
        assert!(db.describe(&named(made)).await.unwrap().is_none(), "{asked}");
    }
}

pub async fn no_name_begins_or_ends_with_white_space(f: &impl StoreFactory) {
    for name in [" person", "person ", "\tperson", "person\u{a0}", " "] {
        assert_eq!(TableName::new(name).unwrap_err(), TableNameError::Padded(name.to_owned()), "{name:?}");
    }
    let db = open(f).await;
    db.create_table(&turn("a b", 1), &simple("a b"), hash(1)).await.unwrap();
}

pub async fn the_longest_names_work(f: &impl StoreFactory) {
    let db = open(f).await;
    let name = "Å".repeat(128);
    let def = table(&name, vec![column(&name, SqlType::Int, false), column("x", SqlType::Bit, true)]);
    db.create_table(&turn(&name, 1), &def, hash(1)).await.unwrap();
    put(&db, &def, 1, &[vec![Integer(1), Integer(1)]], 10).await.unwrap();
    assert_eq!(rows_of(&db, &def).await, [[Integer(1), Integer(1)]]);
}

pub async fn a_table_of_111_columns_works(f: &impl StoreFactory) {
    let db = open(f).await;
    let columns: Vec<_> = (0..111)
        .map(|i| column(&format!("c{i}"), if i % 3 == 0 { SqlType::Int } else { nvarchar(255) }, i != 0))
        .collect();
    let def = table("wide", columns);
    db.create_table(&turn("wide", 1), &def, hash(1)).await.unwrap();
    let row = |id: i64| -> Row {
        (0..111).map(|i| if i % 3 == 0 { Integer(id + i) } else { text(&format!("{id}/{i}")) }).collect()
    };
    let rows: Vec<Row> = (0..50).map(row).collect();
    put(&db, &def, 1, &rows, 10).await.unwrap();
    apply(&db, &def, 1, &[(Update, row(7))], 11).await.unwrap();
    assert_eq!(rows_of(&db, &def).await, rows);
}
