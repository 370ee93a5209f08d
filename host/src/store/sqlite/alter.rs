//! Changing one of our tables with its rows in it (protocol.md section 5).
//!
//! Columns added at the end are added in place. Everything else builds the table anew beside the old one, moves the rows over
//! and takes the old one's name, all in the caller's transaction; indexes and triggers that administrators or plug-ins made
//! are made again from their own SQL, without those that name a column that is gone.
//!
//! A value whose type changes is converted only where that gives what SQL Server gives and what a fill would have stored.
//! Anything else is refused: the pipeline then fills the table anew, which is always right.

use rusqlite::Connection;

use super::catalog::spelled_columns;
use super::ddl::{self, column_clause, create_table, default_is_constant, row_address};
use super::errors::Result;
use super::ident::{quote, same};
use super::rows::refused_row;
use super::values::{load, store};
use crate::protocol::columns::Value;
use crate::protocol::sql_type::{Family, SqlType};
use crate::protocol::table_def::TableDef;
use crate::store::{StoreError, StoreErrorKind};

/// The name a table has while it is built anew; names that begin so are never mirrored.
const BESIDE: &str = "speil_rebuilt";

/// Changes `table`, made to `old`, to `new`.
pub(super) fn alter(db: &Connection, table: &str, old: &TableDef, new: &TableDef) -> Result<()> {
    if !adds_at_the_end(old, new) {
        return rebuild(db, table, old, new);
    }
    for column in &new.columns[old.columns.len()..] {
        db.execute_batch(&format!("ALTER TABLE {} ADD COLUMN {}", quote(table), column_clause(column)))?;
    }
    if new.name.as_str() != table {
        db.execute_batch(&format!("ALTER TABLE {} RENAME TO {}", quote(table), quote(new.name.as_str())))?;
    }
    Ok(())
}

/// Whether the new table is the old one with columns behind it that SQLite can add in place.
fn adds_at_the_end(old: &TableDef, new: &TableDef) -> bool {
    old.columns.len() <= new.columns.len()
        && old.key == new.key
        && old.columns.iter().zip(&new.columns).all(|(old, new)| old == new)
        && new.columns[old.columns.len()..].iter().all(|column| {
            // SQLite wants a value for a NOT NULL column at once.
            default_is_constant(column)
                && (column.nullable || !matches!(ddl::default_clause(column).as_deref(), None | Some("NULL")))
        })
}

/// Builds the table anew as `new`, with the rows it has.
pub(super) fn rebuild(db: &Connection, table: &str, old: &TableDef, new: &TableDef) -> Result<()> {
    let companions = companions(db, table)?;
    let spelled = spelled_columns(db, table, old)?.ok_or_else(|| {
        StoreError::new(
            StoreErrorKind::Schema,
            format!("table {table} has not the columns it was made with; somebody changed it by hand"),
        )
    })?;
    db.execute_batch(&create_table(BESIDE, new))?;
    copy_rows(db, table, old, &spelled, new)?;
    db.execute_batch(&format!(
        "DROP TABLE {}; ALTER TABLE {BESIDE} RENAME TO {};",
        quote(table),
        quote(new.name.as_str())
    ))?;
    let lost: Vec<&str> = old
        .columns
        .iter()
        .filter(|column| new.column_index(&column.name).is_none())
        .map(|column| column.name.as_str())
        .collect();
    for companion in companions {
        companion.restore(db, &lost)?;
    }
    Ok(())
}

/// An index or a trigger of somebody else's on the table.
struct Companion {
    kind: String,
    name: String,
    sql: String,
    columns: Vec<String>,
}

fn companions(db: &Connection, table: &str) -> Result<Vec<Companion>> {
    let mut found = db.prepare(
        "SELECT type, name, sql FROM sqlite_schema
         WHERE tbl_name = ?1 COLLATE NOCASE AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY rowid",
    )?;
    let mut companions = Vec::new();
    let mut rows = found.query([table])?;
    while let Some(row) = rows.next()? {
        let (kind, name, sql): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let columns = db
            .prepare_cached("SELECT name FROM pragma_index_info(?1) WHERE name IS NOT NULL")?
            .query_map([&name], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        companions.push(Companion { kind, name, sql, columns });
    }
    Ok(companions)
}

impl Companion {
    fn restore(&self, db: &Connection, lost: &[&str]) -> Result<()> {
        if self.columns.iter().any(|column| lost.iter().any(|lost| same(lost, column))) {
            tracing::info!(index = self.name, "an index was dropped together with a column of it");
            return Ok(());
        }
        match db.execute_batch(&self.sql) {
            Ok(()) => Ok(()),
            // An expression over a lost column, or a trigger about one: it can mean nothing any more.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::Unknown) => {
                tracing::warn!(kind = self.kind, name = self.name, %error, "it does not fit the changed table and was dropped");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Where a column's values come from.
enum From {
    /// Moved as they are.
    Old(usize),
    /// Converted from a column of this place and type.
    Converted(usize, SqlType),
    /// The default's SQL.
    Default(String),
}

fn copy_rows(db: &Connection, table: &str, old: &TableDef, spelled: &[String], new: &TableDef) -> Result<()> {
    let empty = !db.prepare(&format!("SELECT 1 FROM {} LIMIT 1", quote(table)))?.exists([])?;
    if empty {
        return Ok(());
    }
    let mut sources = Vec::with_capacity(new.columns.len());
    for column in &new.columns {
        sources.push(match old.column_index(&column.name) {
            Some(place) if keeps_its_form(old.columns[place].sql_type, column.sql_type) => From::Old(place),
            Some(place) if converts(old.columns[place].sql_type, column.sql_type) => {
                From::Converted(place, old.columns[place].sql_type)
            }
            Some(place) => {
                return Err(StoreError::new(
                    StoreErrorKind::Schema,
                    format!(
                        "table {table}, column {}: values of type {} cannot be made {} without knowing how the source does it",
                        column.name, old.columns[place].sql_type, column.sql_type
                    ),
                ));
            }
            None => match ddl::default_clause(column) {
                Some(default) => From::Default(default),
                None if column.nullable => From::Default("NULL".into()),
                None => {
                    return Err(StoreError::new(
                        StoreErrorKind::Schema,
                        format!("table {table}, new column {}: it may not be NULL and has no default for the rows there", column.name),
                    ));
                }
            },
        });
    }
    let expressions: Vec<String> = sources
        .iter()
        .map(|source| match source {
            From::Old(place) | From::Converted(place, _) => quote(&spelled[*place]),
            From::Default(default) => default.clone(),
        })
        .collect();
    let columns: Vec<String> = new.columns.iter().map(|column| quote(&column.name)).collect();
    let columns = columns.join(", ");
    let select = format!("SELECT {} FROM {}", expressions.join(", "), quote(table));
    if !sources.iter().any(|source| matches!(source, From::Converted(..))) {
        // A row address does not refuse NULL but makes a number up; the old column may have allowed NULL.
        if let Some(key) = row_address(new) {
            let nulls = format!("SELECT 1 FROM {} WHERE {} IS NULL", quote(table), expressions[key]);
            if db.prepare(&nulls)?.exists([])? {
                return Err(StoreError::new(StoreErrorKind::Schema, format!("table {table}: a key of a row is NULL")));
            }
        }
        db.execute(&format!("INSERT INTO {BESIDE} ({columns}) {select}"), [])?;
        return Ok(());
    }
    let places: Vec<String> = (1..=new.columns.len()).map(|i| format!("?{i}")).collect();
    let mut insert = db.prepare(&format!("INSERT INTO {BESIDE} ({columns}) VALUES ({})", places.join(", ")))?;
    let mut rows = db.prepare(&select)?;
    let mut rows = rows.query([])?;
    let (mut number, mut scratch) = (0, String::new());
    while let Some(row) = rows.next()? {
        number += 1;
        for (i, (source, column)) in sources.iter().zip(&new.columns).enumerate() {
            let value = row.get_ref(i)?;
            match source {
                From::Old(_) | From::Default(_) => {
                    insert.raw_bind_parameter(i + 1, rusqlite::types::ToSqlOutput::Borrowed(value))?;
                }
                From::Converted(_, from) => {
                    let mut text = String::new();
                    let converted = load(value, *from).and_then(|value| convert(value, column.sql_type, &mut text));
                    let stored = converted.and_then(|value| store(value, column.sql_type, &mut scratch).ok());
                    let stored = stored.ok_or_else(|| {
                        refused_row(
                            table,
                            number,
                            Some(&column.name),
                            &format!("its value cannot be made {}", column.sql_type),
                            StoreErrorKind::Schema,
                        )
                    })?;
                    insert.raw_bind_parameter(i + 1, stored)?;
                }
            }
        }
        insert.raw_execute()?;
    }
    Ok(())
}

/// Whether every value of one type is stored exactly as the same value of the other would be, and SQL Server leaves it the
/// same when it changes the column.
fn keeps_its_form(from: SqlType, to: SqlType) -> bool {
    if from == to {
        return true;
    }
    match (from.family(), to.family()) {
        // Anything but 0 becomes 1 in a bit.
        (Family::Integer, Family::Integer) => to != SqlType::Bit,
        (Family::Integer, Family::Decimal) => to.decimal_scale() == 0,
        (Family::Real, Family::Real) => to == SqlType::Float,
        (Family::Decimal, Family::Decimal) => from.decimal_scale() == to.decimal_scale(),
        (Family::Timestamp, Family::Timestamp) => {
            from == SqlType::SmallDateTime && matches!(to, SqlType::DateTime | SqlType::DateTime2(_))
        }
        (Family::Text, Family::Text) => is_character(from) && varies(to) && (is_unicode(to) || !is_unicode(from)),
        (Family::Binary, Family::Binary) => {
            matches!(from, SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::Image)
                && matches!(to, SqlType::VarBinary(_) | SqlType::Image)
        }
        _ => false,
    }
}

/// Whether [`convert`] makes of every value what SQL Server makes of it.
fn converts(from: SqlType, to: SqlType) -> bool {
    match (from, to) {
        (SqlType::Date, SqlType::SmallDateTime | SqlType::DateTime | SqlType::DateTime2(_)) => true,
        (SqlType::DateTime2(a), SqlType::DateTime2(b))
        | (SqlType::Time(a), SqlType::Time(b))
        | (SqlType::DateTimeOffset(a), SqlType::DateTimeOffset(b)) => a < b,
        _ => match (from.family(), to.family()) {
            (Family::Integer, Family::Decimal) => true,
            (Family::Integer, Family::Text) => matches!(to, SqlType::VarChar(_) | SqlType::NVarChar(_)),
            // Digits are added, never taken: SQL Server would round.
            (Family::Decimal, Family::Decimal) => from.decimal_scale() < to.decimal_scale(),
            _ => false,
        },
    }
}

fn convert<'a>(value: Value<'a>, to: SqlType, text: &'a mut String) -> Option<Value<'a>> {
    let scale = to.decimal_scale();
    let scaled = |unscaled: i128, by: u8| {
        let unscaled = unscaled.checked_mul(10i128.pow(u32::from(by)))?;
        Some(Value::Decimal { unscaled, scale })
    };
    match (value, to.family()) {
        (Value::Integer(value), Family::Decimal) => scaled(i128::from(value), scale),
        (Value::Decimal { unscaled, scale: from }, Family::Decimal) => scaled(unscaled, scale.checked_sub(from)?),
        (Value::Integer(value), Family::Text) => {
            text.push_str(&value.to_string());
            Some(Value::Text(text))
        }
        (
            same @ (Value::Null | Value::Timestamp(_) | Value::Time(_) | Value::TimestampOffset(..)),
            Family::Decimal | Family::Text | Family::Timestamp | Family::Time | Family::TimestampOffset,
        ) => Some(same),
        _ => None,
    }
}

fn is_character(sql_type: SqlType) -> bool {
    !matches!(sql_type, SqlType::Xml | SqlType::Json | SqlType::SqlVariant)
}

/// Character types that do not pad.
fn varies(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::VarChar(_) | SqlType::NVarChar(_) | SqlType::Text | SqlType::NText)
}

fn is_unicode(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::NChar(_) | SqlType::NVarChar(_) | SqlType::NText)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sql_type::Length;

    #[test]
    fn only_changes_that_sql_server_makes_without_loss_are_made_in_place() {
        let nvarchar = |n| SqlType::NVarChar(Length::Limited(n));
        let decimal = |precision, scale| SqlType::Decimal { precision, scale };
        assert!(keeps_its_form(SqlType::SmallInt, SqlType::BigInt));
        assert!(keeps_its_form(nvarchar(10), SqlType::NVarChar(Length::Max)));
        assert!(keeps_its_form(decimal(10, 2), decimal(38, 2)));
        assert!(keeps_its_form(SqlType::Real, SqlType::Float));
        assert!(converts(decimal(10, 2), decimal(12, 4)));
        assert!(converts(SqlType::Date, SqlType::DateTime));
        for (from, to) in [
            (SqlType::Int, SqlType::Bit),
            (SqlType::Float, SqlType::Real),
            (nvarchar(10), SqlType::VarChar(Length::Limited(10))),
            (nvarchar(10), SqlType::NChar(10)),
            (decimal(10, 4), decimal(10, 2)),
            (SqlType::DateTime, SqlType::DateTime2(7)),
            (SqlType::Xml, SqlType::NVarChar(Length::Max)),
            (SqlType::VarBinary(Length::Max), SqlType::Binary(8)),
            (nvarchar(10), SqlType::Int),
        ] {
            assert!(!keeps_its_form(from, to) && !converts(from, to), "{from} to {to}");
        }
    }
}
