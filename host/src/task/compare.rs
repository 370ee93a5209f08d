//! Is the mirror equal to the source: every table, every row, every cell. What is meant to differ, because plug-ins
//! transform it, is told by an [`Expectation`].

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use super::cell::{Cell, same, show};
use super::source::{Source, SourceTable};
use crate::protocol::columns::{TypedBatch, Value};
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::{TableName, fold};
use crate::store::{MirrorDb, StoreError, TableKind};

/// What a mirror should hold, given what the source holds.
pub trait Expectation: Send + Sync {
    /// What becomes of a table.
    fn table(&self, _table: &str) -> TableExpected {
        TableExpected::Mirrored
    }

    /// What becomes of a column of the source.
    fn column(&self, _table: &str, _column: &str) -> ColumnExpected<'_> {
        ColumnExpected::Same
    }

    /// Whether the mirror has this column though the source has none of that name.
    fn added(&self, _table: &str, _column: &str) -> bool {
        false
    }

    /// Whether this row of the source is in the mirror.
    fn kept(&self, _table: &str, _row: &[Cell]) -> bool {
        true
    }
}

/// See [`Expectation::table`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableExpected {
    Mirrored,
    /// Left out of the mirror.
    Skipped,
}

/// See [`Expectation::column`].
pub enum ColumnExpected<'e> {
    Same,
    /// Not in the mirror.
    Dropped,
    /// In the mirror, with values that are not looked at.
    Any,
    /// In the mirror, with this of the source's value.
    Computed(&'e (dyn Fn(&Cell) -> Cell + Send + Sync)),
}

/// The mirror is the source.
#[derive(Debug, Clone, Copy)]
pub struct Unchanged;

impl Expectation for Unchanged {}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    pub table: String,
    /// The key's text, when it is about one row.
    pub key: Option<String>,
    pub column: Option<String>,
    pub source: String,
    pub mirror: String,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Comparison {
    pub tables: usize,
    pub rows: u64,
    pub cells: u64,
    /// All that differs.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    #[serde(skip)]
    limit: usize,
}

impl Comparison {
    /// Whether nothing differs.
    #[must_use]
    pub const fn equal(&self) -> bool {
        self.differing == 0
    }

    fn add(&mut self, table: &str, key: Option<Value<'_>>, column: Option<&str>, source: String, mirror: String) {
        self.differing += 1;
        if self.differences.len() < self.limit {
            self.differences.push(Difference {
                table: table.to_owned(),
                key: key.map(show),
                column: column.map(str::to_owned),
                source,
                mirror,
            });
        }
    }
}

/// Compares everything; keeps the first `limit` differences.
///
/// # Errors
/// The mirror cannot be read.
pub async fn compare(
    source: &Source,
    mirror: &dyn MirrorDb,
    expectation: &dyn Expectation,
    limit: usize,
) -> Result<Comparison, StoreError> {
    let mut result = Comparison { limit, ..Comparison::default() };
    let records = mirror.tables().await?;
    let mut left: HashMap<String, _> =
        records.into_iter().map(|record| (record.table.folded().to_owned(), record)).collect();
    for table in source.tables() {
        let record = left.remove(&fold(table.name()));
        match (expectation.table(table.name()), record) {
            (TableExpected::Skipped, record) => {
                if record.is_some_and(|record| record.kind != TableKind::Skipped) {
                    result.add(table.name(), None, None, "left out".into(), "mirrored".into());
                }
            }
            (TableExpected::Mirrored, None) => {
                result.add(table.name(), None, None, format!("{} rows", table.len()), "no such table".into());
            }
            (TableExpected::Mirrored, Some(record)) => {
                result.tables += 1;
                if record.lsn.means_refill() {
                    let filled = format!("filled, version {}", source.version());
                    result.add(table.name(), None, None, filled, format!("LSN {}", record.lsn));
                }
                let Some(def) = record.def else {
                    result.add(table.name(), None, None, "a table".into(), "no definition is stored for it".into());
                    continue;
                };
                compare_table(table, &def, mirror, expectation, &mut result).await?;
            }
        }
    }
    let mut more: Vec<TableName> = left.into_values().map(|record| record.table).collect();
    more.sort();
    for table in more {
        result.add(table.as_str(), None, None, "no such table".into(), "a table".into());
    }
    Ok(result)
}

/// Where a column of the mirror gets its value from.
enum From<'e> {
    /// This column of the source, changed or not.
    Source(usize, Option<&'e (dyn Fn(&Cell) -> Cell + Send + Sync)>),
    Unchecked,
}

async fn compare_table(
    table: &SourceTable,
    def: &TableDef,
    mirror: &dyn MirrorDb,
    expectation: &dyn Expectation,
    result: &mut Comparison,
) -> Result<(), StoreError> {
    let name = table.name();
    let Some(columns) = match_columns(table, def, expectation, result) else { return Ok(()) };
    let mut walk = Walk {
        table,
        def,
        expectation,
        columns,
        seen: HashSet::new(),
        by_key: if table.key_is_integer() { HashMap::new() } else { keys_by_text(table) },
        result,
    };
    mirror
        .read(def, 4_096, &mut |batch| {
            walk.batch(&batch);
            ControlFlow::Continue(())
        })
        .await?;
    let Walk { seen, result, .. } = walk;
    for key in table.keys() {
        if !seen.contains(&key)
            && let Some(row) = table.row(key)
            && expectation.kept(name, &row)
        {
            result.add(name, Some(row[0].as_value()), None, "a row".into(), "no such row".into());
        }
    }
    Ok(())
}

/// Pairs the mirror's columns with the source's; `None` when no row can be compared.
fn match_columns<'e>(
    table: &SourceTable,
    def: &TableDef,
    expectation: &'e dyn Expectation,
    result: &mut Comparison,
) -> Option<Vec<From<'e>>> {
    let name = table.name();
    let mut at: HashMap<String, usize> =
        table.columns().iter().enumerate().map(|(at, column)| (fold(column.name()), at)).collect();
    let mut columns = Vec::with_capacity(def.columns.len());
    for column in &def.columns {
        let Some(source) = at.remove(&fold(&column.name)) else {
            if !expectation.added(name, &column.name) {
                result.add(name, None, Some(&column.name), "no such column".into(), "a column".into());
            }
            columns.push(From::Unchecked);
            continue;
        };
        columns.push(match expectation.column(name, &column.name) {
            ColumnExpected::Same => {
                let expected = &table.columns()[source];
                let description = |sql_type: crate::protocol::sql_type::SqlType, nullable: bool| {
                    format!("{sql_type} {}", if nullable { "NULL" } else { "NOT NULL" })
                };
                let wanted = description(expected.sql_type(), expected.nullable());
                let found = description(column.sql_type, column.nullable);
                if wanted != found {
                    result.add(name, None, Some(&column.name), wanted, found);
                }
                From::Source(source, None)
            }
            ColumnExpected::Computed(compute) => From::Source(source, Some(compute)),
            ColumnExpected::Any => From::Unchecked,
            ColumnExpected::Dropped => {
                result.add(name, None, Some(&column.name), "dropped by design".into(), "a column".into());
                From::Unchecked
            }
        });
    }
    for (_, source) in at {
        let column = table.columns()[source].name();
        if !matches!(expectation.column(name, column), ColumnExpected::Dropped) {
            result.add(name, None, Some(column), "a column".into(), "no such column".into());
        }
    }
    if !columns.iter().any(|column| matches!(column, From::Source(0, _))) {
        result.add(name, None, None, "a key column".into(), "none: rows cannot be compared".into());
        return None;
    }
    Some(columns)
}

/// The key of a row by its key cell, for keys that are no integers.
fn keys_by_text(table: &SourceTable) -> HashMap<String, i64> {
    table.keys().map(|key| (show(table.key_cell(key).as_value()), key)).collect()
}

struct Walk<'w> {
    table: &'w SourceTable,
    def: &'w TableDef,
    expectation: &'w dyn Expectation,
    columns: Vec<From<'w>>,
    seen: HashSet<i64>,
    by_key: HashMap<String, i64>,
    result: &'w mut Comparison,
}

impl Walk<'_> {
    fn batch(&mut self, batch: &TypedBatch) {
        let name = self.table.name();
        let Some(key_at) = self.columns.iter().position(|column| matches!(column, From::Source(0, _))) else { return };
        for row in 0..batch.len() {
            self.result.rows += 1;
            let value = |at: usize| batch.columns[at].value(row, self.def.columns[at].sql_type.decimal_scale());
            let shown = value(key_at);
            let key = match shown {
                Value::Integer(key) if self.table.key_is_integer() => Some(key),
                other => self.by_key.get(&show(other)).copied(),
            };
            let Some((key, cells)) = key.and_then(|key| Some((key, self.table.row(key)?))) else {
                self.result.add(name, Some(shown), None, "no such row".into(), "a row".into());
                continue;
            };
            if !self.seen.insert(key) {
                self.result.add(name, Some(shown), None, "one row".into(), "the key twice".into());
                continue;
            }
            if !self.expectation.kept(name, &cells) {
                self.result.add(name, Some(shown), None, "left out by design".into(), "a row".into());
                continue;
            }
            for (at, from) in self.columns.iter().enumerate() {
                let From::Source(source, compute) = from else { continue };
                self.result.cells += 1;
                let computed = compute.map(|compute| compute(&cells[*source]));
                let expected = computed.as_ref().unwrap_or(&cells[*source]);
                if !same(expected.as_value(), value(at)) {
                    let column = &self.def.columns[at].name;
                    self.result.add(name, Some(shown), Some(column), show(expected.as_value()), show(value(at)));
                }
            }
        }
    }
}
