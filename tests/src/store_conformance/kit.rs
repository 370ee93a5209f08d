//! What the cases share: small tables, rows as values, and the few steps every case is made of.

use std::ops::ControlFlow;
use std::sync::Arc;

use speil::protocol::columns::{Column, OwnedValue, TypedBatch};
use speil::protocol::context_id::ContextId;
use speil::protocol::lsn::Lsn;
use speil::protocol::messages::RowOp;
use speil::protocol::sql_type::{Length, SqlType};
use speil::protocol::table_def::{ColumnDef, TableDef};
use speil::protocol::table_name::TableName;
use speil::store::history::OpCounts;
use speil::store::{Applied, MirrorDb, RowChanges, SchemaHash, StoreError, StoreErrorKind, TableRecord, Ticket, Turn};

use super::StoreFactory;

pub use OwnedValue::{Integer, Null, Real};
pub use RowOp::{Delete, Insert, Update};

pub type Row = Vec<OwnedValue>;

pub fn cust() -> ContextId {
    ContextId::new("Cust10195").expect("a legal name")
}

pub fn tenant(name: &str) -> ContextId {
    ContextId::new(name).expect("a legal name")
}

pub fn named(name: &str) -> TableName {
    TableName::new(name).expect("a legal name")
}

pub fn text(text: &str) -> OwnedValue {
    OwnedValue::Text(text.to_owned())
}

pub const fn money(unscaled: i128) -> OwnedValue {
    OwnedValue::Decimal { unscaled, scale: 4 }
}

pub const fn nvarchar(length: u16) -> SqlType {
    SqlType::NVarChar(Length::Limited(length))
}

pub const NVARCHAR_MAX: SqlType = SqlType::NVarChar(Length::Max);

pub fn column(name: &str, sql_type: SqlType, nullable: bool) -> ColumnDef {
    ColumnDef { name: name.to_owned(), sql_type, nullable, default: None }
}

/// A table whose key is its first column.
pub fn table(name: &str, columns: Vec<ColumnDef>) -> TableDef {
    TableDef { name: named(name), columns, key: vec![0] }
}

/// `contact`: an integer key, a name, an amount of money.
pub fn contact() -> TableDef {
    simple("contact")
}

/// The same under another name.
pub fn simple(name: &str) -> TableDef {
    let columns = vec![
        column("contact_id", SqlType::Int, false),
        column("name", nvarchar(200), true),
        column("amount", SqlType::Money, true),
    ];
    table(name, columns)
}

pub fn person(id: i64, name: &str) -> Row {
    vec![Integer(id), text(name), money(i128::from(id) * 12_500)]
}

pub fn hash(number: u8) -> SchemaHash {
    SchemaHash([number; 32])
}

pub fn turn(table: &str, ticket: i64) -> Turn {
    Turn { table: named(table), ticket: Ticket(ticket) }
}

pub fn counts(inserts: u64, updates: u64, deletes: u64, at: i64) -> OpCounts {
    OpCounts { inserts, updates, deletes, at }
}

/// Opens the usual tenant's mirror.
pub async fn open(f: &impl StoreFactory) -> Arc<dyn MirrorDb> {
    f.store().open(&cust(), None).await.expect("the mirror opens")
}

/// A mirror with an empty `contact`, made by ticket 1 with hash 1, its refill expected.
pub async fn with_contact(f: &impl StoreFactory) -> Arc<dyn MirrorDb> {
    let db = open(f).await;
    db.create_table(&turn("contact", 1), &contact(), hash(1)).await.expect("the table is made");
    db
}

/// The same, filled with three rows at LSN 100.
pub async fn with_three(f: &impl StoreFactory) -> Arc<dyn MirrorDb> {
    let db = with_contact(f).await;
    put(&db, &contact(), 1, &three(), 100).await.expect("the rows fit");
    db
}

pub fn three() -> Vec<Row> {
    vec![person(1, "Ada"), person(2, "Bo"), person(3, "Cy")]
}

/// Rows with their operations, already one per key.
pub fn changes(def: &TableDef, rows: &[(RowOp, Row)]) -> RowChanges {
    let mut columns: Vec<Column> =
        def.columns.iter().map(|column| Column::with_capacity(column.sql_type, rows.len())).collect();
    for (_, row) in rows {
        assert_eq!(row.len(), columns.len(), "a row of the table");
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value.as_value()).expect("a value of the column's family");
        }
    }
    let of = |wanted: bool| {
        let numbers = (0u32..).zip(rows);
        numbers.filter(|(_, (op, _))| (*op == Delete) == wanted).map(|(number, _)| number).collect()
    };
    let batch = TypedBatch { ops: rows.iter().map(|(op, _)| *op).collect(), columns, first_row: 1 };
    RowChanges { batch: Arc::new(batch), deletes: of(true), upserts: of(false) }
}

/// One transaction: these rows and this LSN, with hash 1.
pub async fn apply(
    db: &Arc<dyn MirrorDb>,
    def: &TableDef,
    ticket: i64,
    rows: &[(RowOp, Row)],
    lsn: i64,
) -> Result<(Applied, Lsn), StoreError> {
    let turn = Turn { table: def.name.clone(), ticket: Ticket(ticket) };
    let mut writer = db.begin(&turn, def, hash(1)).await?;
    let applied = writer.apply(changes(def, rows)).await?;
    let received = counts(count(rows, Insert), count(rows, Update), count(rows, Delete), 1_000);
    let lsn = writer.commit(Lsn(lsn), received).await?;
    Ok((applied, lsn))
}

fn count(rows: &[(RowOp, Row)], op: RowOp) -> u64 {
    rows.iter().filter(|(each, _)| *each == op).count() as u64
}

/// [`apply`] with inserts only.
pub async fn put(
    db: &Arc<dyn MirrorDb>,
    def: &TableDef,
    ticket: i64,
    rows: &[Row],
    lsn: i64,
) -> Result<(Applied, Lsn), StoreError> {
    let rows: Vec<(RowOp, Row)> = rows.iter().map(|row| (Insert, row.clone())).collect();
    apply(db, def, ticket, &rows, lsn).await
}

/// Every row of the table.
pub async fn rows_of(db: &Arc<dyn MirrorDb>, def: &TableDef) -> Vec<Row> {
    let mut rows = Vec::new();
    db.read(def, 1_000, &mut |batch| {
        for row in 0..batch.len() {
            let cells = batch.columns.iter().zip(&def.columns);
            rows.push(
                cells.map(|(cells, column)| cells.value(row, column.sql_type.decimal_scale()).to_owned()).collect(),
            );
        }
        ControlFlow::Continue(())
    })
    .await
    .expect("the table can be read");
    rows
}

pub async fn record(db: &Arc<dyn MirrorDb>, table: &str) -> TableRecord {
    db.table(&named(table)).await.expect("the metadata can be read").expect("the table is listed")
}

pub async fn lsn_of(db: &Arc<dyn MirrorDb>, table: &str) -> i64 {
    record(db, table).await.lsn.0
}

/// The kind of an outcome that must be an error.
#[track_caller]
pub fn kind<T>(outcome: Result<T, StoreError>) -> StoreErrorKind {
    match outcome {
        Ok(_) => panic!("this had to be refused"),
        Err(error) => {
            assert!(!error.message.is_empty(), "an error says what happened");
            error.kind
        }
    }
}
