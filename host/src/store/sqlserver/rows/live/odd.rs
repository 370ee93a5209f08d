//! Odd names, odd keys, bad rows.

use super::*;
use crate::protocol::columns::OwnedValue::{Binary, Integer, Null, Real, Text};
use crate::protocol::sql_type::Length;
use crate::store::StoreErrorKind;

const TEXT: SqlType = SqlType::NVarChar(Length::Limited(40));

fn text(text: &str) -> OwnedValue {
    Text(text.to_owned())
}

fn inserts(rows: impl IntoIterator<Item = Row>) -> Vec<(RowOp, Row)> {
    rows.into_iter().map(|row| (RowOp::Insert, row)).collect()
}

#[tokio::test]
async fn names_of_any_kind_work_by_every_way() {
    let mut place = place!("names");
    for (number, name) in
        ["od d", "semi;colon", "quo'te", "dou\"ble", "brack]et", "[both]", "tab\tbed", "æøå 🙂", "a.b", "--"]
            .iter()
            .enumerate()
    {
        if place.is_babelfish && name.contains('🙂') {
            // It counts the letters of a column's name, not their halves, and so no client can read its answers.
            live_server::skipped(&format!("names, column {name:?}"), "this server's answers cut such names");
            continue;
        }
        let def = table(
            &format!("{name} {number}"),
            vec![column(name, SqlType::Int, false), column(&format!("{name} too"), TEXT, true)],
        );
        place.create(&def).await;
        let rows: Vec<Row> = (0..100).map(|id| vec![Integer(id), text("x")]).collect();
        let applied = place.apply(&def, true, &inserts(rows.clone())).await.unwrap_or_else(|e| panic!("{name:?}: {e}"));
        assert_eq!(applied.inserted, 100, "{name:?}");
        let updates: Vec<_> = rows.iter().map(|row| (RowOp::Update, row.clone())).collect();
        let applied = place.apply(&def, false, &updates).await.unwrap_or_else(|e| panic!("{name:?}: {e}"));
        assert_eq!(applied.updated, 100, "{name:?}");
        let deletes: Vec<_> = rows.iter().take(5).map(|row| (RowOp::Delete, vec![row[0].clone(), Null])).collect();
        assert_eq!(place.apply(&def, false, &deletes).await.unwrap().deleted, 5, "{name:?}");
        assert_eq!(place.rows(&def).await, rows[5..], "{name:?}");
    }
    place.done().await;
}

#[tokio::test]
async fn wide_tables_keep_within_the_parameters_there_are() {
    let mut place = place!("wide");
    let mut columns = vec![column("id", SqlType::Int, false)];
    columns.extend((1..300).map(|i| column(&format!("c{i}"), SqlType::Int, true)));
    columns.push(column("long", SqlType::NVarChar(Length::Max), true));
    let def = table("wide", columns);
    place.create(&def).await;
    for count in [1, 6, 7, 8, 60] {
        let mut rows: Vec<Row> = (0..count).map(|id| vec![Integer(id); 300]).collect();
        for row in &mut rows {
            row.push(text(&"x".repeat(40_000)));
        }
        for (op, filling) in [(RowOp::Insert, true), (RowOp::Update, false)] {
            let with: Vec<_> = rows.iter().map(|row| (op, row.clone())).collect();
            place.apply(&def, filling, &with).await.unwrap();
            assert!(place.rows(&def).await == rows, "{count} rows");
        }
        place.conn.run(&ddl::delete_all("dbo", "wide")).await.unwrap();
    }
    place.done().await;
}

#[tokio::test]
async fn a_table_without_a_key_is_added_to() {
    let mut place = place!("keyless");
    let mut def = table("log", vec![column("line", TEXT, true), column("n", SqlType::Int, true)]);
    def.key.clear();
    place.create(&def).await;
    let rows = inserts((0..70).map(|_| vec![text("same"), Integer(1)]));
    assert_eq!(place.apply(&def, false, &rows).await.unwrap().inserted, 70);
    assert_eq!(place.apply(&def, true, &rows[..3]).await.unwrap().inserted, 3);
    assert_eq!(place.rows(&def).await.len(), 73);
    let mut delete = changes(&def, &rows[..1]);
    delete.deletes = std::mem::take(&mut delete.upserts);
    let columns = targets(&mut place.conn, "dbo", "log", &def).await.unwrap().targets;
    let mut plan = RowPlan::new("dbo", "log", columns, &def, false);
    let error = plan.apply(&mut place.conn, &delete).await.unwrap_err();
    assert_eq!((error.kind, error.at.unwrap().row), (StoreErrorKind::Row, 1));
    place.done().await;
}

#[tokio::test]
async fn text_keys_are_told_apart_by_the_tables_own_collation() {
    let mut place = place!("collations");
    let def = table("own", vec![column("id", TEXT, false), column("n", SqlType::Int, true)]);
    place.create(&def).await;
    let row = |id: &str, n: i64| vec![text(id), Integer(n)];
    for many in [0, 60] {
        place.conn.run(&ddl::delete_all("dbo", "own")).await.unwrap();
        let mut rows = vec![row("a", 1), row("A", 2), row("å", 3)];
        rows.extend((0..many).map(|i| row(&format!("z{i:03}"), i)));
        assert_eq!(place.apply(&def, true, &inserts(rows.clone())).await.unwrap().inserted, rows.len() as u64);
        let again = place.apply(&def, false, &inserts(rows.clone())).await.unwrap();
        assert_eq!(again.updated, rows.len() as u64);
        let back: Vec<OwnedValue> = place.rows(&def).await.into_iter().map(|mut row| row.remove(0)).collect();
        let mut ids: Vec<OwnedValue> = rows.iter().map(|row| row[0].clone()).collect();
        ids.sort_by_key(|id| format!("{id:?}"));
        assert_eq!(back, ids);
    }
    // Made by somebody else, who took the database's collation.
    place.conn.run("CREATE TABLE [taken] ([id] nvarchar(40) NOT NULL PRIMARY KEY, [n] int NULL)").await.unwrap();
    let taken = table("taken", def.columns.clone());
    for many in [0, 60] {
        place.conn.run(&ddl::delete_all("dbo", "taken")).await.unwrap();
        let mut rows = vec![row("key", 1), row("other", 2)];
        rows.extend((0..many).map(|i| row(&format!("z{i:03}"), i)));
        place.apply(&taken, true, &inserts(rows)).await.unwrap();
        let mut rows = vec![row("KEY", 3), row("Other", 4), row("OTHER", 5), row("new", 6)];
        rows.extend((0..many).map(|i| row(&format!("Z{i:03}"), i)));
        let applied = place.apply(&taken, false, &inserts(rows)).await.unwrap();
        let expected = Applied { inserted: 1, updated: 3 + u64::try_from(many).unwrap(), deleted: 0 };
        assert_eq!(applied, expected);
        let back = place.rows(&taken).await;
        assert!(back.contains(&row("KEY", 3)) && back.contains(&row("OTHER", 5)), "{back:?}");
    }
    place.done().await;
}

#[tokio::test]
async fn a_code_page_never_swallows_a_letter() {
    let mut place = place!("pages");
    place
        .conn
        .run("CREATE TABLE [p] ([id] int NOT NULL PRIMARY KEY, [v] varchar(10) COLLATE Latin1_General_CI_AS NULL)")
        .await
        .unwrap();
    let def =
        table("p", vec![column("id", SqlType::Int, false), column("v", SqlType::VarChar(Length::Limited(10)), true)]);
    for many in [0, 80] {
        place.conn.run(&ddl::delete_all("dbo", "p")).await.unwrap();
        let mut rows = vec![vec![Integer(-1), text("æøå é")], vec![Integer(-2), text("")], vec![Integer(-3), Null]];
        rows.extend((0..many).map(|id| vec![Integer(id), text("plain")]));
        place.apply(&def, true, &inserts(rows.clone())).await.unwrap();
        rows.sort_by_key(|row| format!("{:09}", if let Integer(id) = row[0] { id + 1_000 } else { 0 }));
        assert_eq!(place.rows(&def).await, rows);
        rows[1][1] = text("日本");
        match place.apply(&def, true, &inserts(rows.clone())).await {
            Err(error) => {
                assert_eq!(error.kind, StoreErrorKind::Row, "{error}");
                let at = error.at.unwrap();
                assert_eq!((at.row, at.column.as_deref()), (2, Some("v")));
            }
            Ok(_) => assert_eq!(place.rows(&def).await, rows, "kept whole, or refused"),
        }
    }
    place.done().await;
}

#[tokio::test]
async fn the_row_that_is_refused_is_named() {
    let mut place = place!("refused");
    let def = table(
        "r",
        vec![
            column("id", SqlType::Int, false),
            column("name", TEXT, false),
            column("f", SqlType::Float, true),
            column("n", SqlType::Int, true),
        ],
    );
    place.create(&def).await;
    place.conn.run("ALTER TABLE [r] ADD CHECK ([n] < 1000)").await.unwrap();
    let good = |id: i64| vec![Integer(id), text("x"), Real(1.0), Integer(1)];
    for many in [10, 200, 1_000] {
        for filling in [true, false] {
            let bad = usize::try_from(many).unwrap() * 2 / 3;
            let with = |row: Row| {
                let mut rows: Vec<Row> = (0..many).map(good).collect();
                rows[bad] = row;
                inserts(rows)
            };
            for (row, column) in [
                (vec![Integer(-1), Null, Null, Null], Some("name")),
                (vec![Integer(-1), text("x"), Real(f64::NAN), Null], Some("f")),
                (vec![Integer(-1), text(&"x".repeat(41)), Null, Null], Some("name")),
                (vec![Integer(-1), text("x"), Null, Integer(5_000)], None),
            ] {
                let error = place.apply(&def, filling, &with(row.clone())).await.expect_err("refused");
                assert_eq!(error.kind, StoreErrorKind::Row, "{many} {row:?}: {error}");
                let at = error.at.unwrap_or_else(|| panic!("{many} {row:?}: no place in {}", error.message));
                assert_eq!(at.row, bad as u64 + 1, "{many} {row:?}");
                assert_eq!(at.column.as_deref(), column, "{many} {row:?}");
                assert_eq!(place.rows(&def).await, Vec::<Row>::new());
            }
        }
    }
    place.done().await;
}

#[tokio::test]
async fn a_stretch_after_another_uses_the_stage_again() {
    let mut place = place!("again");
    let def = table("s", vec![column("id", SqlType::Int, false), column("b", SqlType::VarBinary(Length::Max), true)]);
    place.create(&def).await;
    let rows = |n: u8| -> Vec<_> {
        (0..100)
            .map(|id| (RowOp::Update, vec![Integer(id), Binary(vec![n; if id == 7 { 70_000 } else { 3 }])]))
            .collect()
    };
    let (first, second) = (rows(1), rows(2));
    let applied = place.stretches(&def, false, &[&first, &second, &second]).await.unwrap();
    assert_eq!(applied, Applied { inserted: 100, updated: 200, deleted: 0 });
    let last: Vec<Row> = second.into_iter().map(|(_, row)| row).collect();
    assert!(place.rows(&def).await == last);
    // And another transaction, with another table, on the same connection.
    let other = table("o", vec![column("id", SqlType::BigInt, false), column("v", TEXT, true)]);
    place.create(&other).await;
    let rows: Vec<_> = (0..100).map(|id| (RowOp::Update, vec![Integer(id), text("x")])).collect();
    assert_eq!(place.apply(&other, false, &rows).await.unwrap().inserted, 100);
    // What is done to the table next over the connection is counted: no setting was left behind.
    let few: Vec<_> = (200..203).map(|id| (RowOp::Insert, vec![Integer(id), text("x")])).collect();
    assert_eq!(place.apply(&other, false, &few).await.unwrap().inserted, 3);
    assert_eq!(place.conn.exec(&ddl::delete_all("dbo", "o"), &[]).await.unwrap(), [103]);
    place.done().await;
}

#[tokio::test]
async fn reading_stops_when_nobody_listens() {
    let mut place = place!("reading");
    let def = table("r", vec![column("id", SqlType::Int, false), column("v", TEXT, true)]);
    place.create(&def).await;
    let rows: Vec<Row> = (0..25).map(|id| vec![Integer(id), text("x")]).collect();
    place.apply(&def, true, &inserts(rows)).await.unwrap();
    let mut seen = Vec::new();
    let mut all = |batch: TypedBatch| {
        seen.push((batch.first_row, batch.len()));
        ControlFlow::Continue(())
    };
    read(&mut place.conn, "dbo", "r", &def, 10, &mut all).await.unwrap();
    assert_eq!(seen, [(1, 10), (11, 10), (21, 5)]);
    let mut chunks = 0;
    let mut some = |_| {
        chunks += 1;
        if chunks == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    read(&mut place.conn, "dbo", "r", &def, 1, &mut some).await.unwrap();
    assert_eq!(chunks, 3);
    assert!(place.conn.is_busy());
    place.done().await;
}

#[tokio::test]
async fn new_rows_take_another_way_than_the_others_of_their_stretch() {
    let mut place = place!("split");
    let def = table("s", vec![column("id", SqlType::Int, false), column("v", TEXT, true)]);
    place.create(&def).await;
    let row = |id: i64, v: &str| vec![Integer(id), text(v)];
    place.apply(&def, true, &inserts((0..500).map(|id| row(id, "old")))).await.unwrap();
    for filling in [false, true] {
        for (from, new) in [(1_000, 300), (400, 200)] {
            let mut rows = inserts((from..from + 300).map(|id| row(id, "new")));
            rows.extend((0..100).map(|id| (RowOp::Update, row(id, "changed"))));
            rows.extend((100..150).map(|id| (RowOp::Delete, vec![Integer(id), Null])));
            rows.push((RowOp::Update, row(-1, "missing")));
            let applied = place.apply(&def, filling, &rows).await.unwrap();
            assert_eq!(applied, Applied { inserted: new + 1, updated: 400 - new, deleted: 50 }, "{filling} {from}");
            let mut expected: Vec<Row> = vec![row(-1, "missing")];
            expected.extend((0..100).map(|id| row(id, "changed")));
            expected.extend((150..500.min(from)).map(|id| row(id, "old")));
            expected.extend((from..from + 300).map(|id| row(id, "new")));
            assert!(place.rows(&def).await == expected, "{filling} {from}");
            place.conn.run(&ddl::delete_all("dbo", "s")).await.unwrap();
            place.apply(&def, true, &inserts((0..500).map(|id| row(id, "old")))).await.unwrap();
        }
    }
    place.done().await;
}
