//! One table of the source: its columns, which keys are there, when each was last written, and so what every cell is.

use std::collections::HashMap;

use super::changes::ChangeLog;
use super::without::Without;
use crate::protocol::messages::{ColumnInfo, RowOp, TableSchemaInfo};
use crate::protocol::sql_type::SqlType;
use crate::task::cell::Cell;
use crate::task::dice::Dice;
use crate::task::shape::{ColumnShape, TableShape};
use crate::task::values;

/// One table.
#[derive(Debug, Clone)]
pub struct SourceTable {
    pub(super) seed: u64,
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) columns: Vec<SourceColumn>,
    /// Keys `1..=base` were there at the start, written at `created`.
    base: i64,
    created: i64,
    next_key: i64,
    /// Keys written since: the version, `None` once deleted.
    touched: HashMap<i64, Option<i64>>,
    pub(super) without: Without,
    len: u64,
    log: ChangeLog,
}

/// One column, with what it has been.
#[derive(Debug, Clone)]
pub struct SourceColumn {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) default_text: String,
    /// What it was from which version on, oldest first; never empty.
    pub(super) eras: Vec<Era>,
    /// Set for a column that was added to rows that were there: what these hold.
    pub(super) added: Option<(i64, Cell)>,
}

/// What a column was for a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Era {
    pub(super) since: i64,
    pub(super) sql_type: SqlType,
    pub(super) nullable: bool,
}

impl SourceColumn {
    pub(super) fn new(id: u64, shape: ColumnShape, version: i64) -> Self {
        Self {
            id,
            name: shape.name,
            default_text: shape.default_text,
            eras: vec![Era { since: version, sql_type: shape.sql_type, nullable: shape.nullable }],
            added: None,
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type now.
    #[must_use]
    pub fn sql_type(&self) -> SqlType {
        self.now().sql_type
    }

    /// Whether it may be NULL now.
    #[must_use]
    pub fn nullable(&self) -> bool {
        self.now().nullable
    }

    pub(super) fn now(&self) -> Era {
        self.eras[self.eras.len() - 1]
    }
}

impl SourceTable {
    pub(super) fn new(seed: u64, id: u64, first_column: u64, version: i64, shape: TableShape) -> Self {
        let base = i64::try_from(shape.rows).unwrap_or(i64::MAX - 1);
        let columns = (first_column..)
            .zip(shape.columns)
            .map(|(column_id, column)| SourceColumn::new(column_id, column, version))
            .collect();
        Self {
            seed,
            id,
            name: shape.name,
            columns,
            base,
            created: version,
            next_key: base + 1,
            touched: HashMap::new(),
            without: Without::default(),
            len: shape.rows,
            log: ChangeLog::since(version),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns; the first is the key.
    #[must_use]
    pub fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    /// Rows now.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The greatest key ever given.
    #[must_use]
    pub const fn last_key(&self) -> i64 {
        self.next_key - 1
    }

    /// How the wire describes it.
    #[must_use]
    pub fn info(&self) -> TableSchemaInfo {
        TableSchemaInfo {
            table_name: self.name.clone(),
            columns: self
                .columns
                .iter()
                .map(|column| ColumnInfo {
                    default_value: column.default_text.clone(),
                    is_nullable: column.nullable(),
                    name: column.name.clone(),
                    sql_type: column.sql_type().to_string(),
                })
                .collect(),
        }
    }

    /// The keys of all rows, ascending.
    pub fn keys(&self) -> impl Iterator<Item = i64> + '_ {
        (1..self.next_key).filter(|key| self.contains(*key))
    }

    /// Whether the row is there.
    #[must_use]
    pub fn contains(&self, key: i64) -> bool {
        self.written_at(key).is_some()
    }

    /// The version that last wrote the row.
    pub(super) fn written_at(&self, key: i64) -> Option<i64> {
        match self.touched.get(&key) {
            Some(state) => *state,
            None => (1..=self.base).contains(&key).then_some(self.created),
        }
    }

    /// The row's cells, in the order of [`SourceTable::columns`]; `None` when it is not there.
    #[must_use]
    pub fn row(&self, key: i64) -> Option<Vec<Cell>> {
        let written = self.written_at(key)?;
        Some((0..self.columns.len()).map(|at| self.cell_written(key, at, written)).collect())
    }

    /// The key column's value, of rows that are gone too.
    #[must_use]
    pub fn key_cell(&self, key: i64) -> Cell {
        match self.columns[0].sql_type() {
            SqlType::UniqueIdentifier => {
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&Dice::named(&[self.seed, self.id, key.cast_unsigned()]).bytes(16));
                Cell::Guid(bytes)
            }
            sql_type if sql_type.family() == crate::protocol::sql_type::Family::Text => {
                Cell::Text(format!("nøkkel {key:07}"))
            }
            _ => Cell::Integer(key),
        }
    }

    /// Whether the key column's value is the key itself.
    #[must_use]
    pub fn key_is_integer(&self) -> bool {
        self.columns[0].sql_type().family() == crate::protocol::sql_type::Family::Integer
    }

    pub(super) fn cell_written(&self, key: i64, at: usize, written: i64) -> Cell {
        self.without.of(self.cell_made(key, at, written))
    }

    fn cell_made(&self, key: i64, at: usize, written: i64) -> Cell {
        if at == 0 {
            return self.key_cell(key);
        }
        let column = &self.columns[at];
        if let Some((since, backfill)) = &column.added
            && written < *since
        {
            return backfill.clone();
        }
        let first = column.eras.iter().rposition(|era| era.since <= written).unwrap_or(0);
        let era = column.eras[first];
        // Half the columns of an updated row keep what they had: their value does not know the version.
        let name = [self.seed, self.id, column.id, key.cast_unsigned()];
        let mut choice = Dice::named(&[name[0], name[1], name[2], name[3], written.cast_unsigned()]);
        let mut dice = if choice.once_in(2) { Dice::named(&name) } else { choice };
        let mut cell = values::value(&mut dice, era.sql_type, era.nullable);
        for later in &column.eras[first + 1..] {
            if let Some(changed) = cell.altered_to(later.sql_type) {
                cell = changed;
            }
        }
        cell
    }

    pub(super) const fn log(&self) -> &ChangeLog {
        &self.log
    }

    pub(super) const fn log_mut(&mut self) -> &mut ChangeLog {
        &mut self.log
    }

    pub(super) fn insert(&mut self, version: i64) -> i64 {
        let key = self.next_key;
        self.next_key += 1;
        self.touched.insert(key, Some(version));
        self.len += 1;
        self.log.add(version, key, RowOp::Insert);
        key
    }

    pub(super) fn insert_again(&mut self, key: i64, version: i64) -> bool {
        if self.contains(key) || !(1..self.next_key).contains(&key) {
            return false;
        }
        self.touched.insert(key, Some(version));
        self.len += 1;
        self.log.add(version, key, RowOp::Insert);
        true
    }

    pub(super) fn update(&mut self, key: i64, version: i64) -> bool {
        if !self.contains(key) {
            return false;
        }
        self.touched.insert(key, Some(version));
        self.log.add(version, key, RowOp::Update);
        true
    }

    pub(super) fn delete(&mut self, key: i64, version: i64) -> bool {
        if !self.contains(key) {
            return false;
        }
        self.touched.insert(key, None);
        self.len -= 1;
        self.log.add(version, key, RowOp::Delete);
        true
    }

    pub(super) fn truncate(&mut self, version: i64) {
        // Keys go on where they were; what was there at the start is no more.
        self.base = 0;
        self.touched.clear();
        self.len = 0;
        self.log.forget_until(version);
    }

    /// A key that is there, near a place given by chance; `None` when the table is empty.
    pub(super) fn some_key(&self, dice: &mut Dice) -> Option<i64> {
        if self.len == 0 {
            return None;
        }
        let start = dice.between(1, self.next_key - 1);
        (start..self.next_key).chain(1..start).find(|key| self.contains(*key))
    }
}
