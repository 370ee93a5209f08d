//! What is wrong with a row, in words: table, row, column and the text, shortened.

use std::fmt;

use crate::protocol::raw_batch::Segment;
use crate::protocol::shown::shown_bytes;
use crate::protocol::sql_type::SqlType;
use crate::protocol::table_def::TableDef;

/// A row of a batch that cannot be taken. Its text is a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellError {
    pub table: String,
    /// Number of the row inside its batch, counted from 1.
    pub row: u64,
    pub column: Option<String>,
    /// The cell's text, quoted, escaped and shortened; `None` if there is none.
    pub text: Option<String>,
    /// What is wrong, with the text, without the place.
    pub message: String,
}

impl fmt::Display for CellError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {:?}, row {}", self.table, self.row)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column:?}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for CellError {}

/// Why a cell's text is no value of its column's type. Small: it travels through the hot loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::protocol) enum Misfit {
    Null,
    /// Not written as the type's values are.
    Form,
    /// The text begins as `[X:` does, but no such marker is known.
    UnknownMarker,
    /// A marker that does not go with the column's type.
    OtherMarker,
    OutOfRange,
    Decimals {
        allowed: u8,
    },
    /// A time of day where only a date can stand.
    TimeInDate,
    TooLong {
        is: usize,
        unit: &'static str,
    },
    /// Fewer bytes than a type of exactly so many has.
    WrongLength {
        is: usize,
    },
    NotUtf8,
    Full,
}

impl Misfit {
    /// The reason in words, to stand behind "does not fit TYPE: ".
    pub(in crate::protocol) fn reason(self, sql_type: SqlType) -> String {
        match self {
            Self::Null => "the column is NOT NULL".into(),
            Self::Form => format!("it is not {}", form(sql_type)),
            Self::UnknownMarker => "its marker is none of I, S, F, M, D, DT, T and B".into(),
            Self::OtherMarker => format!("its marker is not one for {}", form(sql_type)),
            Self::OutOfRange => "it is outside what the type can hold".into(),
            Self::Decimals { allowed: 0 } => "it has digits after the point, and the type has none".into(),
            Self::Decimals { allowed } => format!("it has more than {allowed} digits after the point"),
            Self::TimeInDate => "it has a time of day other than midnight".into(),
            Self::TooLong { is, unit } => format!("it is {is} {unit} long"),
            Self::WrongLength { is } => format!("it is {is} bytes long"),
            Self::NotUtf8 => "it is not valid UTF-8".into(),
            Self::Full => super::SpansFull.to_string(),
        }
    }
}

/// What values of a type are, in words.
fn form(sql_type: SqlType) -> &'static str {
    use crate::protocol::sql_type::Family;
    match sql_type.family() {
        Family::Integer if sql_type == SqlType::Bit => "0, 1, true or false",
        Family::Integer => "a whole number",
        Family::Real => "a number",
        Family::Decimal => "a decimal number",
        Family::Timestamp if sql_type == SqlType::Date => "a date",
        Family::Timestamp => "a date and time",
        Family::Time => "a time of day",
        Family::TimestampOffset => "a date and time with an offset",
        Family::Text => "text",
        Family::Binary => "base64",
        Family::Guid => "a uniqueidentifier",
    }
}

impl CellError {
    fn at(segment: &Segment, def: &TableDef, row: usize, message: String) -> Self {
        Self {
            table: def.name.as_str().to_owned(),
            row: segment.first_row + row as u64,
            column: None,
            text: None,
            message,
        }
    }

    pub(super) fn misfit(segment: &Segment, def: &TableDef, row: usize, column: usize, misfit: Misfit) -> Self {
        let cell = segment.cells(row).nth(column).flatten();
        let text = cell.map(shown_bytes);
        let column = &def.columns[column];
        let shown = text.as_deref().unwrap_or("NULL");
        let message = format!("{shown} does not fit {}: {}", column.sql_type, misfit.reason(column.sql_type));
        Self { column: Some(column.name.clone()), text, ..Self::at(segment, def, row, message) }
    }

    pub(super) fn keyless(segment: &Segment, def: &TableDef, row: usize) -> Self {
        let message = format!(
            "the table has no primary key, so operation {} cannot find its row; name the key columns in the configuration",
            segment.op(row).letter()
        );
        Self::at(segment, def, row, message)
    }

    pub(super) fn key_missing(segment: &Segment, def: &TableDef, row: usize, cells: usize) -> Self {
        let missing = def.key.iter().copied().filter(|&key| key >= cells).min();
        let column = missing.map(|key| def.columns[key].name.clone());
        let message = format!("the row is to be deleted, but has only {cells} cells and none for this key column");
        Self { column, ..Self::at(segment, def, row, message) }
    }

    pub(super) fn wrong_count(segment: &Segment, def: &TableDef, row: usize, cells: usize) -> Self {
        let message = format!("the row has {cells} cells, but the table has {} columns", def.columns.len());
        Self::at(segment, def, row, message)
    }
}
