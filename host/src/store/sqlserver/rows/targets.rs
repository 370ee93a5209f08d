//! A table's columns as rows need them: what an empty answer of the table says of them, and only where that does not tell
//! enough, the catalogue.
//!
//! The answer's head costs next to nothing on every server; joining the catalogue's views takes some of them longer than writing
//! a thousand rows. It does not name collations, which matter to text keys and to columns with a code page: tables of ours have
//! such keys seldom and such columns never.

use tiberius::{ColumnType, FixedLenType, TypeInfo, VarLenType};

use super::carrier::{Target, loads_by_name};
use crate::protocol::sql_type::{Family, Length, SqlType};
use crate::protocol::table_def::TableDef;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::Result;
use crate::store::sqlserver::schema::catalog;
use crate::store::sqlserver::schema::ident::{qualified, quote, same};
use crate::store::{StoreError, StoreErrorKind};

/// There is no column of that name.
const NO_SUCH_COLUMN: u32 = 207;

/// A table's columns in the order of the definition, as the database has them.
pub(in crate::store::sqlserver) struct Targets {
    pub targets: Vec<Target>,
    /// Names and types in the head of the answer that told them; `None`: the catalogue did.
    pub head: Option<Vec<(String, ColumnType)>>,
}

/// Asks for a table's columns.
///
/// # Errors
/// [`StoreErrorKind::SchemaChanged`] when they are not those it was made with.
pub(in crate::store::sqlserver) async fn targets(
    conn: &mut Conn,
    schema: &str,
    table: &str,
    def: &TableDef,
) -> Result<Targets> {
    let names_are_plain = def.columns.iter().all(|column| loads_by_name(&column.name));
    let text_key = def.key.iter().any(|&key| def.columns[key].sql_type.family() == Family::Text);
    if names_are_plain
        && !text_key
        && loads_by_name(schema)
        && loads_by_name(table)
        && let Some(targets) = by_answer(conn, schema, table, def).await?
    {
        return Ok(targets);
    }
    Ok(Targets { targets: by_catalogue(conn, schema, table, def).await?, head: None })
}

/// `None`: the answer does not tell enough.
async fn by_answer(conn: &mut Conn, schema: &str, table: &str, def: &TableDef) -> Result<Option<Targets>> {
    let names: Vec<String> = def.columns.iter().map(|column| quote(&column.name)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answer = conn.begin_raw().column_metadata(&qualified(schema, table), &names).await;
    let is_another = matches!(&answer, Err(tiberius::error::Error::Server(token)) if token.code() == NO_SUCH_COLUMN);
    let columns = conn.settle(answer).map_err(|error| if is_another { changed(table) } else { error })?;
    let mut targets = Vec::with_capacity(columns.len());
    for (actual, column) in columns.iter().zip(&def.columns) {
        let base = actual.base();
        let Some(kept) = kept(base.ty()).filter(|_| base.is_updateable()) else { return Ok(None) };
        if kept.family() != column.sql_type.family() {
            return Err(changed(table));
        }
        targets.push(Target {
            name: column.name.clone(),
            kept,
            required: !column.nullable || !base.is_nullable(),
            collation: None,
        });
    }
    let head = columns.iter().map(|column| (column.col_name().to_owned(), column.base().ty().into())).collect();
    Ok((targets.len() == def.columns.len()).then_some(Targets { targets, head: Some(head) }))
}

/// The type of a column by what an answer says of it; `None` for those with a code page or of the catalogue's own making.
fn kept(info: &TypeInfo) -> Option<SqlType> {
    Some(match info {
        TypeInfo::FixedLen(fixed) => match fixed {
            FixedLenType::Int1 => SqlType::TinyInt,
            FixedLenType::Bit => SqlType::Bit,
            FixedLenType::Int2 => SqlType::SmallInt,
            FixedLenType::Int4 => SqlType::Int,
            FixedLenType::Int8 => SqlType::BigInt,
            FixedLenType::Datetime4 => SqlType::SmallDateTime,
            FixedLenType::Datetime => SqlType::DateTime,
            FixedLenType::Float4 => SqlType::Real,
            FixedLenType::Float8 => SqlType::Float,
            FixedLenType::Money => SqlType::Money,
            FixedLenType::Money4 => SqlType::SmallMoney,
            FixedLenType::Null => return None,
        },
        TypeInfo::VarLenSized(sized) => {
            let digits = u8::try_from(sized.len()).ok().filter(|digits| *digits <= 7);
            match (sized.r#type(), sized.len()) {
                (VarLenType::Intn, 1) => SqlType::TinyInt,
                (VarLenType::Intn, 2) => SqlType::SmallInt,
                (VarLenType::Intn, 4) => SqlType::Int,
                (VarLenType::Intn, 8) => SqlType::BigInt,
                (VarLenType::Bitn, _) => SqlType::Bit,
                (VarLenType::Floatn, 4) => SqlType::Real,
                (VarLenType::Floatn, 8) => SqlType::Float,
                (VarLenType::Money, 4) => SqlType::SmallMoney,
                (VarLenType::Money, 8) => SqlType::Money,
                (VarLenType::Datetimen, 4) => SqlType::SmallDateTime,
                (VarLenType::Datetimen, 8) => SqlType::DateTime,
                (VarLenType::Daten, _) => SqlType::Date,
                (VarLenType::Timen, _) => SqlType::Time(digits?),
                (VarLenType::Datetime2, _) => SqlType::DateTime2(digits?),
                (VarLenType::DatetimeOffsetn, _) => SqlType::DateTimeOffset(digits?),
                (VarLenType::Guid, _) => SqlType::UniqueIdentifier,
                (VarLenType::NVarchar, bytes) => SqlType::NVarChar(limited(bytes, 2)?),
                (VarLenType::NChar, bytes) => match limited(bytes, 2)? {
                    Length::Limited(units) => SqlType::NChar(units),
                    Length::Max => return None,
                },
                (VarLenType::NText, _) => SqlType::NText,
                (VarLenType::BigVarBin, bytes) => SqlType::VarBinary(limited(bytes, 1)?),
                (VarLenType::BigBinary, bytes) => match limited(bytes, 1)? {
                    Length::Limited(bytes) => SqlType::Binary(bytes),
                    Length::Max => return None,
                },
                (VarLenType::Image, _) => SqlType::Image,
                _ => return None,
            }
        }
        TypeInfo::VarLenSizedPrecision { precision, scale, .. }
            if (1..=38).contains(precision) && scale <= precision =>
        {
            SqlType::Decimal { precision: *precision, scale: *scale }
        }
        _ => return None,
    })
}

fn limited(bytes: usize, each: usize) -> Option<Length> {
    match bytes {
        0 => None,
        1..=8_000 => u16::try_from(bytes / each).ok().map(Length::Limited),
        _ => Some(Length::Max),
    }
}

async fn by_catalogue(conn: &mut Conn, schema: &str, table: &str, def: &TableDef) -> Result<Vec<Target>> {
    let there = catalog::columns(conn, schema, table).await?;
    let mut columns = Vec::with_capacity(def.columns.len());
    for column in &def.columns {
        let actual = there.iter().find(|actual| same(&actual.name, &column.name)).ok_or_else(|| changed(table))?;
        let kept = actual.sql_type.filter(|kept| kept.family() == column.sql_type.family());
        columns.push(Target {
            name: actual.name.clone(),
            kept: kept.ok_or_else(|| changed(table))?,
            required: actual.not_null,
            collation: actual.collation.clone(),
        });
    }
    Ok(columns)
}

fn changed(table: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::SchemaChanged,
        format!(
            "table {table} has not the columns it was made with; somebody changed it by hand. Drop it and its row in the metadata \
             table, it is then made anew"
        ),
    )
}
