//! What breaks the rules of the hook's edge: a sentence, and the row and the column it is about.
//!
//! A row is told to people by its key, as they know it; the log has its number in the batch instead, since rows belong to the
//! tenant's mirror and not to our log.

use crate::plugins::events::quoted;
use crate::protocol::cell;
use crate::protocol::columns::TypedBatch;
use crate::protocol::table_def::TableDef;
use crate::store::error::RowPlace;

/// See above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Without the plug-in's and the table's name, and without any value.
    pub text: String,
    /// Counted among the rows that the plug-in got, from 0.
    pub row: Option<usize>,
    pub column: Option<String>,
}

/// Which row of a batch a failure is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowName {
    /// `id = 17`.
    pub key: String,
    /// In the batch as it was sent, from 1.
    pub number: u64,
}

impl Violation {
    /// Of the answer as a whole.
    #[must_use]
    pub const fn of_answer(text: String) -> Self {
        Self { text, row: None, column: None }
    }

    /// Of a column.
    #[must_use]
    pub fn of_column(column: &str, text: String) -> Self {
        Self { text, row: None, column: Some(column.to_owned()) }
    }

    /// Of a row.
    #[must_use]
    pub const fn of_row(row: usize, text: String) -> Self {
        Self { text, row: Some(row), column: None }
    }

    /// Of a column's value in a row.
    #[must_use]
    pub fn of_value(column: &str, row: usize, what: &str) -> Self {
        Self {
            text: format!("its value for the column `{column}`: {what}"),
            row: Some(row),
            column: Some(column.to_owned()),
        }
    }

    /// Where it is, for the table's status. `row` is what [`Violation::row`] is called.
    #[must_use]
    pub fn place(&self, row: Option<&RowName>) -> Option<RowPlace> {
        Some(RowPlace { row: row?.number, column: self.column.clone() })
    }
}

impl RowName {
    /// Of a row of a batch, counted from 0.
    #[must_use]
    pub fn of(table: &TableDef, batch: &TypedBatch, row: usize) -> Self {
        let parts = table.key.iter().map(|&at| {
            let column = &table.columns[at];
            let text = cell::plain(&batch.columns[at], row, column.sql_type);
            format!("{} = {}", quoted(&column.name, 128), quoted(&text, 100))
        });
        let key: Vec<String> = parts.collect();
        Self { key: key.join(", "), number: batch.first_row + row as u64 }
    }

    /// For people who may see rows.
    #[must_use]
    pub fn told(&self) -> String {
        if self.key.is_empty() { self.logged() } else { format!(", row {}", self.key) }
    }

    /// For the log.
    #[must_use]
    pub fn logged(&self) -> String {
        format!(", row {} of the batch", self.number)
    }
}
