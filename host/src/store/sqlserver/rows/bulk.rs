//! Rows by the bulk protocol, and by parameter what it cannot carry.

use tiberius::{ColumnData, SqlBulkCopyOptions, ToSql, TokenRow};

use super::stage::Layout;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::{Result, sql_error};

/// The most parameters a statement may have.
pub(in crate::store::sqlserver) const MOST_PARAMETERS: usize = 2_100;
/// The driver's own two beside ours.
const OWN_PARAMETERS: usize = 2;
/// The most rows `VALUES` may list.
const MOST_ROWS: usize = 1_000;
/// Bytes of values in one statement, beyond the first row.
const MOST_BYTES: usize = 4 << 20;

/// Loads rows into a table. `name` and `columns` are quoted. Rows are sent as they are made, a packet at a time; how many went.
/// An error from `rows` leaves the load half-way, and the connection fit for nothing.
pub(in crate::store::sqlserver) async fn load<'r>(
    conn: &mut Conn,
    name: &str,
    columns: &[&str],
    options: SqlBulkCopyOptions,
    rows: impl Iterator<Item = Result<TokenRow<'r>>>,
) -> Result<u64> {
    let driver = conn.begin_raw();
    let loaded = async {
        let mut load = driver.bulk_insert_with_options(name, columns, options, &[]).await.map_err(sql_error)?;
        for row in rows {
            load.send(row?).await.map_err(sql_error)?;
        }
        load.finalize().await.map_err(sql_error)
    }
    .await;
    match loaded {
        Ok(done) => {
            conn.done();
            Ok(done.total())
        }
        Err(error) => {
            // The transaction is gone, and with it whatever it made.
            conn.note_stage(None);
            // The server's answer, even a bad one, ends a load; anything else leaves it half-way.
            let answered = error.source.as_ref().and_then(|source| source.downcast_ref::<tiberius::error::Error>());
            if matches!(answered, Some(tiberius::error::Error::Server(token)) if token.class() < 20) {
                conn.done();
            }
            Err(error)
        }
    }
}

/// A statement that lists rows, as it grows: NULL and small numbers are written into it, everything else is bound.
pub(in crate::store::sqlserver) struct Rows<'v> {
    into: String,
    names: Vec<String>,
    #[expect(clippy::struct_field_names, reason = "rows, ready to be listed")]
    rows: Vec<String>,
    values: Vec<ColumnData<'v>>,
    bytes: usize,
    /// Text before the `INSERT`, which may not be parted from it.
    before: String,
}

impl<'v> Rows<'v> {
    /// `into` and `names` are quoted.
    pub fn new(before: String, into: &str, names: Vec<String>) -> Self {
        Self { into: into.to_owned(), names, rows: Vec::new(), values: Vec::new(), bytes: 0, before }
    }

    /// Whether a row of so many values still goes into this statement.
    pub fn has_room(&self, values: usize) -> bool {
        self.rows.is_empty()
            || self.rows.len() < MOST_ROWS
                && self.values.len() + values + OWN_PARAMETERS <= MOST_PARAMETERS
                && self.bytes < MOST_BYTES
    }

    /// Adds a row: what stands before its values, then each value with how a parameter is made one of its column.
    pub fn push(&mut self, head: &[String], cells: Vec<(ColumnData<'v>, impl Fn(&str) -> String)>) {
        let mut row = format!("({}", head.join(", "));
        for (place, (data, convert)) in cells.into_iter().enumerate() {
            if place > 0 || !head.is_empty() {
                row.push_str(", ");
            }
            if is_null(&data) {
                row.push_str("NULL");
            } else {
                self.bytes += size(&data);
                self.values.push(data);
                row.push_str(&convert(&format!("@P{}", self.values.len())));
            }
        }
        row.push(')');
        self.rows.push(row);
    }

    /// Binds a value for what comes after the rows: its name.
    pub fn bind(&mut self, value: ColumnData<'v>) -> String {
        self.values.push(value);
        format!("@P{}", self.values.len())
    }

    /// The statement's text, and what is bound to it.
    pub fn finish(self, after: &str) -> (String, Vec<ColumnData<'v>>) {
        let insert = Layout::insert_rows(&self.into, &self.names, &self.rows);
        let parts = [self.before.as_str(), &insert, after];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        (parts.join(";\n"), self.values)
    }

    /// Sends them, leaving none.
    pub async fn flush(&mut self, conn: &mut Conn) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let next = Self::new(self.before.clone(), &self.into, self.names.clone());
        let (sql, values) = std::mem::replace(self, next).finish("");
        conn.exec(&sql, &bound(&values)).await.map(drop)
    }
}

/// As the driver takes them.
pub(in crate::store::sqlserver) fn bound<'a>(values: &'a [ColumnData<'_>]) -> Vec<&'a dyn ToSql> {
    values.iter().map(|value| value as &dyn ToSql).collect()
}

/// An untyped NULL makes some servers guess, so that none is ever bound.
fn is_null(data: &ColumnData<'_>) -> bool {
    matches!(
        data,
        ColumnData::U8(None)
            | ColumnData::I16(None)
            | ColumnData::I32(None)
            | ColumnData::I64(None)
            | ColumnData::F32(None)
            | ColumnData::F64(None)
            | ColumnData::Bit(None)
            | ColumnData::String(None)
            | ColumnData::Guid(None)
            | ColumnData::Binary(None)
            | ColumnData::Numeric(None)
            | ColumnData::Xml(None)
            | ColumnData::DateTime(None)
            | ColumnData::SmallDateTime(None)
            | ColumnData::Time(None)
            | ColumnData::Date(None)
            | ColumnData::DateTime2(None)
            | ColumnData::DateTimeOffset(None)
    )
}

fn size(data: &ColumnData<'_>) -> usize {
    match data {
        ColumnData::String(Some(text)) => text.len() * 2,
        ColumnData::Binary(Some(bytes)) => bytes.len(),
        _ => 16,
    }
}
