//! A mirror on a real server, when `SPEIL_TEST_SQLSERVER` names one: columns that somebody changes between two calls, and a schema
//! that is configured.

use crate::protocol::columns::OwnedValue::{Integer, Text, Timestamp};
use crate::protocol::datetime::parse_iso;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::RowOp;
use crate::protocol::sql_type::{Length, SqlType};
use crate::protocol::table_def::TableDef;
use crate::store::history::OpCounts;
use crate::store::sqlserver::guest::live::Place;
use crate::store::sqlserver::rows::live::{Row, changes, column, table};
use crate::store::{Applied, SchemaHash, StoreError, StoreErrorKind, Turn};

const HASH: SchemaHash = SchemaHash([7; 32]);

fn text(length: u16) -> SqlType {
    SqlType::NVarChar(Length::Limited(length))
}

fn definition(name: &str) -> TableDef {
    let columns = vec![
        column("id", SqlType::Int, false),
        column("n", SqlType::Int, true),
        column("t", text(100), true),
        column("at", SqlType::DateTime, true),
    ];
    table(name, columns)
}

/// A moment whose seconds are cut off and not rounded where a column keeps none.
fn at() -> i64 {
    parse_iso("2020-05-18 10:40:43", SqlType::DateTime).unwrap()
}

/// So many rows, enough for a load, the last with this text.
fn rows(from: i64, last: &str) -> Vec<Row> {
    let text = |id: i64| if id == from + 59 { last.to_owned() } else { format!("text {id}") };
    (from..from + 60).map(|id| vec![Integer(id), Integer(id % 7), Text(text(id)), Timestamp(at())]).collect()
}

/// One call.
async fn write(place: &Place, def: &TableDef, op: RowOp, rows: Vec<Row>, lsn: i64) -> Result<Applied, StoreError> {
    let turn = Turn { table: def.name.clone(), ticket: place.mirror.ticket().await? };
    let mut writer = place.mirror.begin(&turn, def, HASH).await?;
    let rows: Vec<_> = rows.into_iter().map(|row| (op, row)).collect();
    let applied = writer.apply(changes(def, &rows)).await?;
    writer.commit(Lsn(lsn), OpCounts::default()).await?;
    Ok(applied)
}

/// A table that two calls have written to, so that its columns are known.
async fn written(place: &Place, name: &str, filling: bool) -> TableDef {
    let def = definition(name);
    let turn = Turn { table: def.name.clone(), ticket: place.mirror.ticket().await.unwrap() };
    place.mirror.create_table(&turn, &def, HASH).await.unwrap();
    for (from, lsn) in [(1, 0), (61, if filling { 0 } else { 10 })] {
        assert_eq!(write(place, &def, RowOp::Insert, rows(from, "x"), lsn).await.unwrap().inserted, 60);
    }
    def
}

#[tokio::test]
async fn a_column_changed_by_hand_between_two_calls_is_written_to_as_it_is_now() {
    let Some(place) = Place::new("columns").await else { return };
    for (name, filling, op) in [("filling", true, RowOp::Insert), ("changes", false, RowOp::Update)] {
        let def = written(&place, name, filling).await;

        place.by_hand(&format!("ALTER TABLE {name} ALTER COLUMN n bigint")).await;
        let done = write(&place, &def, op, rows(121, "x"), 0).await.unwrap();
        assert_eq!(done.inserted, 60, "{name}: a column of another type");

        place.by_hand(&format!("ALTER TABLE {name} ALTER COLUMN at smalldatetime")).await;
        write(&place, &def, op, rows(301, "x"), 0).await.unwrap();
        let cut =
            place.by_hand(&format!("SELECT COUNT(*) FROM {name} WHERE id > 300 AND at = '2020-05-18 10:40'")).await;
        assert_eq!(cut, Some(60), "{name}: a moment to the minute");
        place.by_hand(&format!("DELETE FROM {name} WHERE id > 300")).await;

        // Narrower than the source's values: the row is named, as if it had been so from the beginning.
        place.by_hand(&format!("ALTER TABLE {name} ALTER COLUMN t nvarchar(12)")).await;
        let error = write(&place, &def, op, rows(181, "longer than twelve"), 0).await.expect_err("it does not fit");
        let at = error.at.as_ref().expect("the row");
        assert_eq!((error.kind, at.row, at.column.as_deref()), (StoreErrorKind::Row, 60, Some("t")), "{name}: {error}");

        // And wide again: what was known of it refuses nothing.
        place.by_hand(&format!("ALTER TABLE {name} ALTER COLUMN t nvarchar(100)")).await;
        let done = write(&place, &def, op, rows(181, "longer than twelve"), 0).await.unwrap();
        assert_eq!(done.inserted, 60, "{name}: a column made wider");

        let there = place.by_hand(&format!("SELECT COUNT(*) FROM {name}")).await;
        assert_eq!(there, Some(240), "{name}");
        let sum = place.by_hand(&format!("SELECT SUM(CAST(n AS bigint)) FROM {name}")).await;
        assert_eq!(sum, Some((1..=240).map(|id| id % 7).sum()), "{name}");

        place.by_hand(&format!("ALTER TABLE {name} DROP COLUMN t")).await;
        let error = write(&place, &def, op, rows(241, "x"), 0).await.expect_err("a column is gone");
        // Babelfish has no number of its own for it.
        assert!(matches!(error.kind, StoreErrorKind::SchemaChanged | StoreErrorKind::Schema), "{name}: {error}");
    }
    place.done().await;
}

#[tokio::test]
async fn a_table_made_anew_by_hand_between_two_calls_is_taken_as_it_is_now() {
    let Some(place) = Place::new("anew").await else { return };
    let def = written(&place, "contact", false).await;
    place.by_hand("DROP TABLE contact").await;
    let error = write(&place, &def, RowOp::Update, rows(1, "x"), 0).await.expect_err("there is no table");
    assert_eq!(error.kind, StoreErrorKind::UnknownTable, "{error}");
    place.by_hand("CREATE TABLE contact (t nvarchar(100) NULL, at datetime2 NULL, n smallint NULL, id bigint NOT NULL PRIMARY KEY)").await;
    let done = write(&place, &def, RowOp::Update, rows(1, "x"), 0).await.unwrap();
    assert_eq!(done.inserted, 60);
    assert_eq!(place.by_hand("SELECT COUNT(*) FROM contact WHERE t IS NOT NULL AND n = id % 7").await, Some(60));
    place.done().await;
}

#[tokio::test]
async fn a_schema_that_is_configured_is_made_and_holds_everything() {
    let Some(place) = Place::in_schema("schema", Some("mirror")).await else { return };
    let def = written(&place, "contact", false).await;
    assert_eq!(write(&place, &def, RowOp::Update, rows(31, "x"), 20).await.unwrap().updated, 60);
    assert_eq!(place.by_hand("SELECT COUNT(*) FROM mirror.contact").await, Some(120));
    assert_eq!(place.by_hand("SELECT LSN FROM mirror.Cust1_mirroring WHERE tablename = N'contact'").await, Some(20));
    let elsewhere = "SELECT COUNT(*) FROM sys.tables WHERE schema_id = SCHEMA_ID(N'dbo')";
    assert_eq!(place.by_hand(elsewhere).await, Some(0), "nothing is in the login's own schema");
    let known = place.mirror.table(&def.name).await.unwrap().expect("a table of the mirror");
    assert_eq!(known.lsn, Lsn(20));
    place.done().await;
}
