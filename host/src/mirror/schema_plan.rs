//! Who decides whether a table is left alone, altered or filled anew: this file, and nothing else (protocol.md sections
//! 5 and 6). Pure: from what the mirror's metadata says and what the source wants, to one [`Action`].
//!
//! The rule behind the rules: a table may be altered in place only if, afterwards, every row in it is what the source holds
//! *without any row being sent again*, since change tracking does not resend rows for a change of schema. In doubt,
//! fill anew: that costs time, a wrong guess costs the mirror.

use std::sync::Arc;

use crate::protocol::default_value::DefaultValue;
use crate::protocol::lsn::Lsn;
use crate::protocol::sql_type::{Length, SqlType};
use crate::protocol::table_def::{ColumnDef, TableDef};
use crate::protocol::table_name::fold;
use crate::store::{ActualTable, SchemaHash, TableKind, TableRecord};

use super::schema_hash;

/// What the source and the plug-ins want the table to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) hash: SchemaHash,
    /// `None`: a plug-in skips the table.
    pub(super) target: Option<&'a TableDef>,
    /// Whether a transform touches the table.
    pub(super) transformed: bool,
}

/// What to do about a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// As in the last cycle.
    Leave,
    /// The vendor's table is what the source wants: it becomes ours, LSN and rows stay.
    Adopt,
    /// New here.
    Create,
    /// From this definition to the wanted one, keeping rows and LSN.
    Alter { old: Arc<TableDef> },
    /// Drop, create, fill anew.
    Recreate(Reason),
    /// Keep only how far the source has come.
    Skip,
}

/// Why a table cannot keep its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    /// The vendor's table differs from the source; in words.
    TakeoverDiffers(String),
    /// The vendor's table was made without the transforms that are configured now.
    TakeoverTransformed,
    /// Made by an older version that kept no definition, or the metadata was edited.
    NoDefinition,
    /// A transform touches the table, or did when it was made.
    Transforms,
    KeyChanged,
    /// Columns both removed and added.
    Renamed,
    /// An added column whose values in rows that exist cannot be known from here.
    Added {
        column: String,
    },
    /// A type change that might change values.
    Type {
        column: String,
        old: SqlType,
        new: SqlType,
    },
    /// NULL became NOT NULL.
    NotNull {
        column: String,
    },
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TakeoverDiffers(how) => {
                write!(f, "the table that the vendor's package made differs from the source: {how}")
            }
            Self::TakeoverTransformed => {
                f.write_str("the vendor's package made it without the transforms that are configured now")
            }
            Self::NoDefinition => f.write_str("the mirror does not know which definition the table was made from"),
            Self::Transforms => f.write_str("what plug-ins make of its rows, or of its columns, has changed"),
            Self::KeyChanged => f.write_str("its primary key has changed"),
            Self::Renamed => f.write_str("columns were both removed and added, which may be a rename"),
            Self::Added { column } => {
                write!(f, "column {column:?} is new and its values in rows that exist cannot be known from here")
            }
            Self::Type { column, old, new } => write!(f, "column {column:?} changed from {old} to {new}"),
            Self::NotNull { column } => write!(f, "column {column:?} became NOT NULL"),
        }
    }
}

/// Whether a table is what is wanted already, which needs no more than its mark.
pub(super) fn is_as_wanted(hash: Option<SchemaHash>, kind: TableKind, wanted: Wanted<'_>) -> bool {
    hash == Some(wanted.hash) && (kind == TableKind::Skipped) == wanted.target.is_none()
}

/// Whether the decision needs [`ActualTable`]: only where the vendor's table might be taken over.
pub(super) fn needs_actual(record: Option<&TableRecord>, wanted: Wanted<'_>) -> bool {
    wanted.target.is_some() && record.is_some_and(|record| record.hash.is_none())
}

/// Decides. `actual` is the table as it really is, where [`needs_actual`] asked for it.
pub(super) fn decide(record: Option<&TableRecord>, actual: Option<&ActualTable>, wanted: Wanted<'_>) -> Action {
    if record.is_some_and(|record| is_as_wanted(record.hash, record.kind, wanted)) {
        return Action::Leave;
    }
    let Some(target) = wanted.target else { return Action::Skip };
    let Some(record) = record else { return Action::Create };
    let Some(hash) = record.hash else {
        let Some(actual) = actual else { return Action::Create };
        if wanted.transformed {
            return Action::Recreate(Reason::TakeoverTransformed);
        }
        return match difference(actual, target) {
            None => Action::Adopt,
            Some(how) => Action::Recreate(Reason::TakeoverDiffers(how)),
        };
    };
    if record.kind == TableKind::Skipped {
        return Action::Create;
    }
    let Some(old) = &record.def else { return Action::Recreate(Reason::NoDefinition) };
    // The stored hash is that of the stored definition alone only if no transform had a hand in the rows.
    if wanted.transformed || schema_hash::of_untouched(old) != hash {
        return Action::Recreate(Reason::Transforms);
    }
    match obstacle(old, target) {
        None => Action::Alter { old: Arc::clone(old) },
        Some(reason) => Action::Recreate(reason),
    }
}

/// What a change of a table's definition at the source means for its mirror, where no transform has a hand in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedChange {
    /// The mirror's table stays as it is.
    Nothing,
    /// It is altered; rows and LSN stay.
    InPlace,
    /// It is made and filled anew, for this reason.
    Anew(String),
}

/// What TableSchema would do about a table that was mirrored as `old` and is wanted as `new`.
#[must_use]
pub fn planned_change(old: &TableDef, new: &TableDef) -> PlannedChange {
    let record = TableRecord {
        table: old.name.clone(),
        hash: Some(schema_hash::of_untouched(old)),
        lsn: Lsn(0),
        kind: TableKind::Mirrored,
        fill_begun: true,
        def: Some(Arc::new(old.clone())),
    };
    let wanted = Wanted { hash: schema_hash::of_untouched(new), target: Some(new), transformed: false };
    match decide(Some(&record), None, wanted) {
        Action::Leave => PlannedChange::Nothing,
        Action::Alter { .. } => PlannedChange::InPlace,
        Action::Recreate(reason) => PlannedChange::Anew(reason.to_string()),
        // A record with a hash and a definition, and a table that is wanted, come to none of these.
        Action::Adopt | Action::Create | Action::Skip => PlannedChange::Anew("it is not mirrored yet".into()),
    }
}

/// Why rows of `old` cannot become rows of `new` in place; `None` if they can.
fn obstacle(old: &TableDef, new: &TableDef) -> Option<Reason> {
    let key = |def: &TableDef| def.key.iter().map(|&at| fold(&def.columns[at].name)).collect::<Vec<_>>();
    if key(old) != key(new) {
        return Some(Reason::KeyChanged);
    }
    let added: Vec<&ColumnDef> = new.columns.iter().filter(|column| old.column_index(&column.name).is_none()).collect();
    let removed = old.columns.iter().any(|column| new.column_index(&column.name).is_none());
    if removed && !added.is_empty() {
        return Some(Reason::Renamed);
    }
    if let Some(column) = added.iter().find(|column| !known_in_old_rows(column)) {
        return Some(Reason::Added { column: column.name.clone() });
    }
    for (at, column) in new.columns.iter().enumerate() {
        let Some(before) = old.column_index(&column.name).map(|before| &old.columns[before]) else { continue };
        if column.sql_type != before.sql_type {
            if new.is_key(at) {
                return Some(Reason::KeyChanged);
            }
            if !keeps_every_value(before.sql_type, column.sql_type) {
                return Some(Reason::Type { column: column.name.clone(), old: before.sql_type, new: column.sql_type });
            }
        }
        if before.nullable && !column.nullable {
            return Some(Reason::NotNull { column: column.name.clone() });
        }
    }
    None
}

/// Whether an added column's values in rows that exist follow from its definition. SQL Server fills a NOT NULL column
/// from its default. A nullable one without a default gets NULL; with a default it gets NULL or the default, depending on
/// WITH VALUES, which is not told.
fn known_in_old_rows(column: &ColumnDef) -> bool {
    if column.sql_type == SqlType::RowVersion {
        return false;
    }
    match (&column.default, column.nullable) {
        (None | Some(DefaultValue::Null), true)
        | (Some(DefaultValue::Number(_) | DefaultValue::Text(_) | DefaultValue::Binary(_)), false) => true,
        (None | Some(DefaultValue::Null), false)
        | (Some(DefaultValue::Number(_) | DefaultValue::Text(_) | DefaultValue::Binary(_)), true)
        | (Some(DefaultValue::Now { .. } | DefaultValue::NewGuid), _) => false,
    }
}

/// Whether every value of `old` is, unchanged and written the same way in both stores, a value of `new`, and stays so at
/// the source. (Not so, for example: char(5) to char(8) pads, datetime to datetime2 shows more digits, a decimal's
/// new scale adds zeros, real to float shows what rounding hid.)
fn keeps_every_value(old: SqlType, new: SqlType) -> bool {
    let room = |length: Length| match length {
        Length::Limited(units) => u32::from(units),
        Length::Max => u32::MAX,
    };
    match (old, new) {
        (SqlType::TinyInt, SqlType::SmallInt | SqlType::Int | SqlType::BigInt)
        | (SqlType::SmallInt, SqlType::Int | SqlType::BigInt)
        | (SqlType::Int, SqlType::BigInt)
        | (SqlType::SmallMoney, SqlType::Money)
        | (SqlType::Text, SqlType::VarChar(Length::Max) | SqlType::NVarChar(Length::Max))
        | (SqlType::NText, SqlType::NVarChar(Length::Max))
        | (SqlType::Image, SqlType::VarBinary(Length::Max)) => true,
        (SqlType::Decimal { precision: old, scale: a }, SqlType::Decimal { precision: new, scale: b }) => {
            a == b && new >= old
        }
        (SqlType::VarChar(old), SqlType::VarChar(new) | SqlType::NVarChar(new))
        | (SqlType::NVarChar(old), SqlType::NVarChar(new))
        | (SqlType::VarBinary(old), SqlType::VarBinary(new)) => room(new) >= room(old),
        _ => false,
    }
}

/// How a table as it is differs from what the source wants, in words; `None` if rows mirrored into one are right in the
/// other. The order of columns and their defaults do not count.
fn difference(actual: &ActualTable, target: &TableDef) -> Option<String> {
    if actual.columns.len() != target.columns.len() {
        return Some(format!("it has {} columns instead of {}", actual.columns.len(), target.columns.len()));
    }
    for column in &target.columns {
        let folded = fold(&column.name);
        let Some(there) = actual.columns.iter().find(|there| fold(&there.name) == folded) else {
            return Some(format!("it has no column {:?}", column.name));
        };
        // A rowversion's values cannot be written, so a mirror holds them as binary(8).
        let same = there.sql_type.is_some_and(|actual| {
            actual == column.sql_type || (column.sql_type, actual) == (SqlType::RowVersion, SqlType::Binary(8))
        });
        if !same {
            let is = there.sql_type.map_or_else(|| "of an unknown type".to_owned(), |actual| actual.to_string());
            return Some(format!("column {:?} is {is} instead of {}", column.name, column.sql_type));
        }
        if there.nullable != column.nullable {
            let instead = if column.nullable { "NOT NULL instead of NULL" } else { "NULL instead of NOT NULL" };
            return Some(format!("column {:?} is {instead}", column.name));
        }
    }
    let key: Vec<String> = target.key.iter().map(|&at| fold(&target.columns[at].name)).collect();
    if actual.key.iter().map(|name| fold(name)).collect::<Vec<_>>() != key {
        return Some("its primary key is another".to_owned());
    }
    None
}
