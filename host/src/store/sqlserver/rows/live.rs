//! Rows in and out of a real server, when `SPEIL_TEST_SQLSERVER` names one.

mod model;
mod odd;
mod round_trips;

use std::ops::ControlFlow;
use std::sync::Arc;

use super::plan::RowPlan;
use super::read::read;
use super::targets::targets;
use crate::protocol::columns::{Column, OwnedValue, TypedBatch};
use crate::protocol::messages::RowOp;
use crate::protocol::sql_type::SqlType;
use crate::protocol::table_def::{ColumnDef, TableDef};
use crate::protocol::table_name::TableName;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::connection::connection_string::Target;
use crate::store::sqlserver::connection::login::Connector;
use crate::store::sqlserver::live_server;
use crate::store::sqlserver::schema::catalog::find_object;
use crate::store::sqlserver::schema::ddl;
use crate::store::{Applied, RowChanges, StoreError};

pub(in crate::store::sqlserver) type Row = Vec<OwnedValue>;

/// A database of this test's own, dropped at its end.
struct Place {
    conn: Conn,
    name: String,
    server: Connector,
    /// Babelfish keeps six digits of a second, and no NUL in a text.
    is_babelfish: bool,
}

impl Place {
    /// `None`, and a line that cannot be overlooked, when no server is named.
    async fn new(test: &str) -> Option<Self> {
        let connection = live_server::server(test)?;
        let target = Target::parse(&connection).expect("SPEIL_TEST_SQLSERVER is a connection string");
        let server = Connector::new(Arc::new(target), None);
        let name = format!("t_rows_{test}_{:08x}", rand::random::<u32>());
        let mut master = server.open(Some("master")).await.expect("the server answers");
        alone(&mut master, &format!("CREATE DATABASE [{name}]")).await;
        let conn = server.open(Some(&name)).await.expect("the database is there");
        let version = master.query("SELECT CAST(SERVERPROPERTY('Babelfish') AS int)", &[]).await.expect("an answer");
        let is_babelfish = version.first().and_then(|row| row.get::<i32, _>(0)) == Some(1);
        Some(Self { conn, name, server, is_babelfish })
    }

    async fn done(self) {
        drop(self.conn);
        let mut master = self.server.open(Some("master")).await.expect("the server answers");
        alone(&mut master, &format!("DROP DATABASE [{}]", self.name)).await;
    }

    async fn create(&mut self, def: &TableDef) {
        self.conn.run(&ddl::create_table("dbo", def.name.as_str(), def)).await.expect("the table is made");
    }

    /// One transaction.
    async fn apply(&mut self, def: &TableDef, filling: bool, rows: &[(RowOp, Row)]) -> Result<Applied, StoreError> {
        self.stretches(def, filling, &[rows]).await
    }

    async fn stretches(
        &mut self,
        def: &TableDef,
        filling: bool,
        stretches: &[&[(RowOp, Row)]],
    ) -> Result<Applied, StoreError> {
        let conn = &mut self.conn;
        conn.run("BEGIN TRANSACTION").await?;
        let done = async {
            let there = find_object(conn, "dbo", def.name.as_str()).await?.expect("the table is there");
            let columns = targets(conn, "dbo", &there.name, def).await?.targets;
            let mut plan = RowPlan::new("dbo", &there.name, columns, def, filling);
            let mut all = Applied::default();
            for rows in stretches {
                let applied = plan.apply(conn, &changes(def, rows)).await?;
                all.inserted += applied.inserted;
                all.updated += applied.updated;
                all.deleted += applied.deleted;
            }
            Ok(all)
        }
        .await;
        if done.is_ok() {
            conn.run("COMMIT TRANSACTION").await?;
        } else if conn.is_busy() {
            self.conn = self.server.open(Some(&self.name)).await?;
        } else {
            conn.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION").await?;
        }
        done
    }

    async fn rows(&mut self, def: &TableDef) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut sink = |batch: TypedBatch| {
            for row in 0..batch.len() {
                let cells = def.columns.iter().zip(&batch.columns);
                rows.push(cells.map(|(c, v)| v.value(row, c.sql_type.decimal_scale()).to_owned()).collect());
            }
            ControlFlow::Continue(())
        };
        let there = find_object(&mut self.conn, "dbo", def.name.as_str()).await.expect("looked").expect("it is there");
        read(&mut self.conn, "dbo", &there.name, def, 1_000, &mut sink).await.expect("the rows are read");
        assert!(!self.conn.is_busy());
        rows
    }
}

/// Babelfish cannot make or drop two databases at once, whoever does the other.
async fn alone(master: &mut Conn, sql: &str) {
    let mut attempts = 100;
    while let Err(error) = master.run(sql).await {
        attempts -= 1;
        assert!(attempts > 0 && error.message.contains("concurrently"), "{sql}: {error}");
    }
}

pub(in crate::store::sqlserver) fn column(name: &str, sql_type: SqlType, nullable: bool) -> ColumnDef {
    ColumnDef { name: name.to_owned(), sql_type, nullable, default: None }
}

/// Its key is the first column.
pub(in crate::store::sqlserver) fn table(name: &str, columns: Vec<ColumnDef>) -> TableDef {
    TableDef { name: TableName::new(name).expect("a legal name"), columns, key: vec![0] }
}

pub(in crate::store::sqlserver) fn changes(def: &TableDef, rows: &[(RowOp, Row)]) -> RowChanges {
    let mut columns: Vec<Column> =
        def.columns.iter().map(|column| Column::with_capacity(column.sql_type, rows.len())).collect();
    for (_, row) in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value.as_value()).expect("a value of the column's family");
        }
    }
    let of = |wanted: bool| {
        let numbers = (0u32..).zip(rows);
        let chosen = numbers.filter(|(_, (op, _))| (*op == RowOp::Delete && !def.key.is_empty()) == wanted);
        chosen.map(|(number, _)| number).collect()
    };
    let batch = TypedBatch { ops: rows.iter().map(|(op, _)| *op).collect(), columns, first_row: 1 };
    RowChanges { batch: Arc::new(batch), deletes: of(true), upserts: of(false) }
}

/// The macro-like start of every test.
macro_rules! place {
    ($name:literal) => {
        match $crate::store::sqlserver::rows::live::Place::new($name).await {
            Some(place) => place,
            None => return,
        }
    };
}
use place;
