//! CREATE TABLE: a definition rendered as SQL (invariant 8: nothing from outside is passed through).
//!
//! Declared types are the source's own, so that any SQLite tool shows them. SQLite derives a column's affinity from words
//! in that text, and an affinity may change values; where the type's own text has the wrong one, a word is added behind it:
//! `decimal(18,2) blob`, `money blob` (numbers are kept as they are, not squeezed into 15 digits) and `xml text`, `json text`,
//! `sql_variant text` (a text that looks like a number stays a text). Types are written quoted, because SQLite's grammar has
//! no `(max)`.
//!
//! A key of one integer column is declared `INTEGER PRIMARY KEY`, which makes it the row's own address: the fastest there
//! is. Other keys are an ordinary `PRIMARY KEY (...)` beside it: rows with long texts would make a `WITHOUT ROWID` table
//! slow. Keys of characters are compared byte by byte, not by the source's collation.

use super::ident::{blob_literal, quote, text_literal};
use super::values::{Stored, store};
use crate::protocol::default_value::{DefaultValue, TypedDefault};
use crate::protocol::sql_type::{Family, SqlType};
use crate::protocol::table_def::{ColumnDef, TableDef};

/// The type as declared for a column that is not a row address.
pub(super) fn declared(sql_type: SqlType) -> String {
    match affinity_word(sql_type) {
        Some(word) => format!("{sql_type} {word}"),
        None => sql_type.to_string(),
    }
}

/// The word that gives the column an affinity which leaves its values alone.
fn affinity_word(sql_type: SqlType) -> Option<&'static str> {
    match sql_type {
        SqlType::Money | SqlType::SmallMoney => Some("blob"),
        SqlType::Decimal { precision, scale } if scale > 0 || precision > 18 => Some("blob"),
        SqlType::Xml | SqlType::Json | SqlType::SqlVariant => Some("text"),
        _ => None,
    }
}

/// The type a declaration stands for; `None` when it is none of SQL Server's.
pub(super) fn parse_declared(declared: &str) -> Option<SqlType> {
    if let Ok(sql_type) = declared.parse() {
        return Some(sql_type);
    }
    let (rest, word) = declared.trim().rsplit_once(' ')?;
    let sql_type: SqlType = rest.parse().ok()?;
    affinity_word(sql_type).is_some_and(|own| own.eq_ignore_ascii_case(word)).then_some(sql_type)
}

/// SQLite's rule for a declared type's affinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affinity {
    Integer,
    Text,
    Blob,
    Real,
    Numeric,
}

impl Affinity {
    pub fn of(declared: &str) -> Self {
        let upper = declared.to_ascii_uppercase();
        let has = |word: &str| upper.contains(word);
        if has("INT") {
            Self::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if has("BLOB") || upper.is_empty() {
            Self::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Self::Real
        } else {
            Self::Numeric
        }
    }

    /// Whether a column of this affinity keeps every value of the type as it is written.
    pub fn keeps(self, sql_type: SqlType) -> bool {
        let own = Self::of(&declared(sql_type));
        self == own
            || match sql_type.family() {
                Family::Integer => matches!(self, Self::Integer | Self::Numeric | Self::Blob),
                Family::Real => matches!(self, Self::Real | Self::Numeric | Self::Blob),
                Family::Decimal => self == Self::Blob || (own == Self::Numeric && self == Self::Integer),
                Family::Text => matches!(self, Self::Text | Self::Blob),
                // No affinity changes bytes, and these texts never look like numbers.
                Family::Binary | Family::Timestamp | Family::Time | Family::TimestampOffset | Family::Guid => true,
            }
    }
}

/// The key column that is the row's own address, if the table has one.
pub(super) fn row_address(def: &TableDef) -> Option<usize> {
    match def.key[..] {
        [key] => {
            matches!(def.columns[key].sql_type, SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt)
                .then_some(key)
        }
        _ => None,
    }
}

/// `CREATE TABLE` under a name of the caller's choice.
pub(super) fn create_table(name: &str, def: &TableDef) -> String {
    let address = row_address(def);
    let mut parts: Vec<String> = def
        .columns
        .iter()
        .enumerate()
        .map(|(i, column)| if Some(i) == address { address_column(column) } else { column_clause(column) })
        .collect();
    if address.is_none() && !def.key.is_empty() {
        let key: Vec<String> = def.key.iter().map(|&i| quote(&def.columns[i].name)).collect();
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    }
    format!("CREATE TABLE {} (\n  {}\n)", quote(name), parts.join(",\n  "))
}

fn address_column(column: &ColumnDef) -> String {
    // A default would never be used: SQLite gives a row without an address the next free one.
    format!("{} INTEGER PRIMARY KEY NOT NULL", quote(&column.name))
}

/// A column's clause, as CREATE TABLE and ADD COLUMN take it.
pub(super) fn column_clause(column: &ColumnDef) -> String {
    let mut clause = format!("{} {}", quote(&column.name), quote(&declared(column.sql_type)));
    if !column.nullable {
        clause.push_str(" NOT NULL");
    }
    if let Some(default) = default_clause(column) {
        clause.push_str(" DEFAULT ");
        clause.push_str(&default);
    }
    clause
}

/// The default as SQL; `None` when there is none, or it does not fit the column's type and would only be a wrong value.
pub(super) fn default_clause(column: &ColumnDef) -> Option<String> {
    let sql_type = column.sql_type;
    match column.default.as_ref()?.fits(sql_type).ok()? {
        TypedDefault::Now { utc } => now(sql_type, utc),
        TypedDefault::NewGuid => Some(NEW_GUID.into()),
        TypedDefault::Value(value) => literal(store(value.as_value(), sql_type, &mut String::new()).ok()?),
    }
}

/// Whether every row gets the same value, so that a column can be added without touching the rows.
pub(super) fn default_is_constant(column: &ColumnDef) -> bool {
    !matches!(column.default, Some(DefaultValue::Now { .. } | DefaultValue::NewGuid))
}

const NEW_GUID: &str = "(upper(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)),2) || \
                        '-' || substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)),2) || '-' || hex(randomblob(6))))";

fn now(sql_type: SqlType, utc: bool) -> Option<String> {
    let format = match sql_type {
        SqlType::Date => "%Y-%m-%d",
        SqlType::SmallDateTime => "%Y-%m-%d %H:%M:00",
        SqlType::DateTime => "%Y-%m-%d %H:%M:%f",
        SqlType::DateTime2(_) => "%Y-%m-%d %H:%M:%S",
        SqlType::Time(_) => "%H:%M:%S",
        SqlType::DateTimeOffset(_) => "%Y-%m-%d %H:%M:%S+00:00",
        _ => return None,
    };
    let local = !utc && !matches!(sql_type, SqlType::DateTimeOffset(_));
    Some(format!("(strftime('{format}', 'now'{}))", if local { ", 'localtime'" } else { "" }))
}

/// A stored value as a SQL literal.
pub(super) fn literal(value: Stored<'_>) -> Option<String> {
    Some(match value {
        Stored::Null => "NULL".into(),
        Stored::Integer(value) => value.to_string(),
        // 17 digits: the same double again.
        Stored::Real(value) if value.is_finite() => format!("{value:e}"),
        Stored::Real(_) => return None,
        Stored::Text(bytes) => {
            let text = text_literal(std::str::from_utf8(bytes).ok()?);
            if text.starts_with("CAST") { format!("({text})") } else { text }
        }
        Stored::Blob(bytes) => blob_literal(bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sql_type::Length;
    use crate::protocol::table_name::TableName;

    fn column(name: &str, sql_type: SqlType, default: Option<DefaultValue>) -> ColumnDef {
        ColumnDef { name: name.into(), sql_type, nullable: false, default }
    }

    #[test]
    fn a_table_is_declared_as_the_source_declares_it() {
        let money = DefaultValue::Number("0".into());
        let def = TableDef {
            name: TableName::new("con\"tact").unwrap(),
            columns: vec![
                column("contact_id", SqlType::Int, None),
                column("name", SqlType::NVarChar(Length::Max), Some(DefaultValue::Text("it's".into()))),
                column("amount", SqlType::Money, Some(money)),
                column("registered", SqlType::DateTime, Some(DefaultValue::Text("17600101 00:00:00".into()))),
            ],
            key: vec![0],
        };
        let sql = create_table("con\"tact", &def);
        let expected = r#"CREATE TABLE "con""tact" (
  "contact_id" INTEGER PRIMARY KEY NOT NULL,
  "name" "nvarchar(max)" NOT NULL DEFAULT 'it''s',
  "amount" "money blob" NOT NULL DEFAULT 0e0,
  "registered" "datetime" NOT NULL DEFAULT '1760-01-01 00:00:00'
)"#;
        assert_eq!(sql, expected);
    }

    proptest::proptest! {
        #[test]
        fn every_declared_type_is_read_back_and_keeps_its_own_values(sql_type in crate::protocol::testing::any_type()) {
            proptest::prop_assert_eq!(parse_declared(&declared(sql_type)), Some(sql_type));
            proptest::prop_assert!(Affinity::of(&declared(sql_type)).keeps(sql_type));
        }
    }

    #[test]
    fn a_declared_type_of_somebody_else_may_not_keep_every_value() {
        assert!(!Affinity::of("decimal(38,10)").keeps(SqlType::Decimal { precision: 38, scale: 10 }));
        assert!(!Affinity::of("money").keeps(SqlType::Money));
        assert!(!Affinity::of("xml").keeps(SqlType::Xml));
        assert!(Affinity::of("nvarchar(10)").keeps(SqlType::NVarChar(Length::Limited(10))));
        assert_eq!(parse_declared("whatever"), None);
        assert_eq!(parse_declared("int blob"), None);
    }

    #[test]
    fn a_default_that_changes_from_row_to_row_is_an_expression() {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        let guid = default_clause(&column("g", SqlType::UniqueIdentifier, Some(DefaultValue::NewGuid))).unwrap();
        let now = default_clause(&column("d", SqlType::DateTime, Some(DefaultValue::Now { utc: true }))).unwrap();
        let (guid, now): (String, String) =
            db.query_row(&format!("SELECT {guid}, {now}"), [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let value =
            super::super::values::load(rusqlite::types::ValueRef::Text(guid.as_bytes()), SqlType::UniqueIdentifier);
        assert!(matches!(value, Some(crate::protocol::columns::Value::Guid(_))), "{guid}");
        assert!(crate::protocol::datetime::parse_iso(&now, SqlType::DateTime).is_some(), "{now}");
    }
}
