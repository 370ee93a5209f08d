use super::*;
use crate::protocol::columns::{Column, Value};
use crate::protocol::table_def::ColumnDef;
use crate::protocol::table_name::TableName;

/// A table of a whole-number key `k` and texts, the key last so that no row can be taken for its place.
fn table(texts: usize) -> TableDef {
    let column = |name: String, sql_type, nullable| ColumnDef { name, sql_type, nullable, default: None };
    let text = SqlType::NVarChar(crate::protocol::sql_type::Length::Max);
    let mut columns: Vec<ColumnDef> = (0..texts).map(|at| column(format!("t{at}"), text, at > 0)).collect();
    columns.push(column("k".into(), SqlType::Int, false));
    TableDef { name: TableName::new("ts").expect("a name"), columns, key: vec![texts] }
}

fn opened(def: &TableDef) -> (Connection, RowPlan) {
    let mut db = Connection::open_in_memory().expect("a database");
    let names: Vec<String> = def.columns.iter().map(|column| column.name.clone()).collect();
    db.execute_batch(&format!("CREATE TABLE ts ({}, PRIMARY KEY (k)); BEGIN", names.join(", "))).expect("a table");
    let feed = Feed::of(&mut db).expect("a feed");
    let plan = RowPlan::new(&db, &feed, "ts", def).expect("a plan");
    (db, plan)
}

/// Rows of an operation, a key and what stands in every text; `None` is NULL.
fn changes(def: &TableDef, rows: &[(RowOp, i64, Option<&str>)]) -> RowChanges {
    let mut columns: Vec<Column> =
        def.columns.iter().map(|column| Column::with_capacity(column.sql_type, rows.len())).collect();
    for &(_, key, text) in rows {
        for column in &mut columns {
            match column {
                Column::Integer(_) => column.push(Value::Integer(key)),
                _ => column.push(text.map_or(Value::Null, Value::Text)),
            }
            .expect("a value of the column's family");
        }
    }
    let batch = TypedBatch { ops: rows.iter().map(|row| row.0).collect(), columns, first_row: 1 };
    let upserts = (0..u32::try_from(rows.len()).expect("few rows")).collect();
    RowChanges { batch: Arc::new(batch), deletes: Vec::new(), upserts }
}

fn stored(db: &Connection) -> Vec<(i64, String)> {
    let mut all = db.prepare("SELECT k, t0 FROM ts ORDER BY k").expect("a select");
    let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("every row")
}

const INSERT: RowOp = RowOp::Insert;
const UPDATE: RowOp = RowOp::Update;

#[test]
fn what_was_inserted_and_what_was_updated_is_counted_apart() {
    let def = table(2);
    let (db, plan) = opened(&def);
    let counted = |rows: &[_]| {
        let applied = plan.apply(&db, &changes(&def, rows)).expect("it is written");
        (applied.inserted, applied.updated)
    };
    assert_eq!(counted(&[(INSERT, 1, Some("a")), (INSERT, 2, Some("b"))]), (2, 0), "all new");
    assert_eq!(counted(&[(INSERT, 2, Some("c")), (INSERT, 3, Some("d"))]), (1, 1), "inserts of which one is there");
    assert_eq!(counted(&[(UPDATE, 3, Some("e")), (INSERT, 4, Some("f"))]), (1, 1), "an update and an insert");
    assert_eq!(counted(&[(UPDATE, 9, Some("g"))]), (1, 0), "an update of what is not there");
    assert_eq!(counted(&[(INSERT, 5, Some("h")), (INSERT, 5, Some("i"))]), (1, 1), "one key twice: the later stands");
    let texts: Vec<(i64, String)> =
        [(1, "a"), (2, "c"), (3, "e"), (4, "f"), (5, "i"), (9, "g")].map(|(key, text)| (key, text.to_owned())).into();
    assert_eq!(stored(&db), texts);
}

#[test]
fn what_a_trigger_of_the_partners_writes_is_not_counted() {
    let def = table(1);
    let (db, plan) = opened(&def);
    db.execute_batch(
        "CREATE TABLE seen (k); \
         CREATE TRIGGER copy AFTER INSERT ON ts BEGIN \
           INSERT INTO seen VALUES (new.k); UPDATE ts SET t0 = t0 || '!' WHERE k = new.k; END; \
         CREATE TRIGGER again AFTER UPDATE ON ts BEGIN INSERT INTO seen VALUES (new.k); END;",
    )
    .expect("triggers");
    let applied = plan.apply(&db, &changes(&def, &[(INSERT, 1, Some("a")), (INSERT, 2, Some("b"))])).expect("written");
    assert_eq!(applied, Applied { inserted: 2, updated: 0, deleted: 0 });
    let applied = plan.apply(&db, &changes(&def, &[(UPDATE, 2, Some("c")), (UPDATE, 3, Some("d"))])).expect("written");
    assert_eq!(applied, Applied { inserted: 1, updated: 1, deleted: 0 });
    assert_eq!(stored(&db), [(1, "a!".into()), (2, "c".into()), (3, "d!".into())]);
}

#[test]
fn the_row_that_is_refused_is_named_wherever_it_stands() {
    for wide in [1, 15, 16, 127, 128, 1023] {
        let def = table(wide);
        let (db, plan) = opened(&def);
        let rows: Vec<_> = (1..=100).map(|key| (INSERT, key, (key != 73).then_some("text"))).collect();
        let refused = plan.apply(&db, &changes(&def, &rows)).expect_err("t0 allows no NULL");
        let said = refused.to_string();
        assert!(said.contains("row 73") && said.contains("t0"), "{wide} texts: {said}");
    }
}

#[test]
fn a_table_wider_than_any_feed_is_written_row_by_row() {
    let def = table(1024);
    let (db, plan) = opened(&def);
    assert!(plan.whole.is_none());
    let rows = [(INSERT, 1, Some("a")), (UPDATE, 2, Some("b")), (INSERT, 1, Some("c"))];
    let applied = plan.apply(&db, &changes(&def, &rows)).expect("written");
    assert_eq!((applied.inserted, applied.updated), (2, 1));
    assert_eq!(stored(&db), [(1, "c".into()), (2, "b".into())]);
}

#[test]
fn an_index_of_the_partners_refuses_by_row_too() {
    let def = table(1);
    let (db, plan) = opened(&def);
    db.execute_batch("CREATE UNIQUE INDEX one_of_each ON ts (t0)").expect("an index");
    let refused = plan
        .apply(&db, &changes(&def, &[(INSERT, 1, Some("a")), (INSERT, 2, Some("b")), (INSERT, 3, Some("a"))]))
        .expect_err("a twice");
    assert!(refused.to_string().contains("row 3"), "{refused}");
}
