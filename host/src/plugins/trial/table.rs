//! Tables and rows as a fixture writes them: `"person_id int not null"` and `{ person_id = 1, name = "Ann" }`. What a row does not
//! name is NULL. Values are typed by the column, as cells on the wire are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toml::{Table, Value as Toml};

use crate::protocol::cell::{encode, type_segment};
use crate::protocol::columns::{TypedBatch, Value};
use crate::protocol::datetime::{format_iso, format_iso_offset};
use crate::protocol::messages::{ColumnInfo, RowOp, TableSchemaInfo};
use crate::protocol::raw_batch::RawBatch;
use crate::protocol::sql_type::{Family, SqlType};
use crate::protocol::table_def::TableDef;

/// A table's definition from its columns' texts. Without `key` the first column is the key if it may not be NULL, as in the
/// server.
///
/// # Errors
/// A sentence that names table and column.
pub fn define(name: &str, columns: &[String], key: Option<&[String]>) -> Result<TableDef, String> {
    let columns = columns
        .iter()
        .map(|text| {
            column(text).ok_or_else(|| {
                format!("table {name}: {text:?} is no column; write \"name type\" or \"name type not null\"")
            })
        })
        .collect::<Result<_, _>>()?;
    let info = TableSchemaInfo { table_name: name.to_owned(), columns };
    TableDef::from_wire(&info, key).map_err(|error| error.to_string())
}

fn column(text: &str) -> Option<ColumnInfo> {
    let text = text.trim();
    let (name, rest) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => text.split_once(char::is_whitespace)?,
    };
    let rest = rest.trim();
    let words = |end: &str| {
        let cut = rest.len().checked_sub(end.len()).filter(|&at| rest.is_char_boundary(at))?;
        rest[cut..].eq_ignore_ascii_case(end).then(|| rest[..cut].trim_end())
    };
    let (sql_type, is_nullable) = match (words(" not null"), words(" null")) {
        (Some(sql_type), _) => (sql_type, false),
        (None, Some(sql_type)) => (sql_type, true),
        (None, None) => (rest, true),
    };
    (!name.is_empty() && !sql_type.is_empty()).then(|| ColumnInfo {
        default_value: String::new(),
        is_nullable,
        name: name.to_owned(),
        sql_type: sql_type.to_owned(),
    })
}

/// A table's columns as [`define`] reads them.
#[must_use]
pub fn columns(def: &TableDef) -> Vec<String> {
    let name = |name: &str| {
        if name.contains(char::is_whitespace) || name.starts_with('[') { format!("[{name}]") } else { name.to_owned() }
    };
    let not_null = |nullable: bool| if nullable { "" } else { " not null" };
    def.columns
        .iter()
        .map(|column| format!("{} {}{}", name(&column.name), column.sql_type, not_null(column.nullable)))
        .collect()
}

/// Rows typed, in pieces as the server makes them.
///
/// # Errors
/// A sentence that names row and column.
pub fn batches(def: &TableDef, rows: &[Table], operations: &[RowOp]) -> Result<Vec<TypedBatch>, String> {
    let mut texts = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let mut cells = vec![None; def.columns.len()];
        for (name, value) in row {
            let at = def
                .column_index(name)
                .ok_or_else(|| format!("table {}, row {}: there is no column {name}", def.name, number + 1))?;
            cells[at] = Some(cell(value, def.columns[at].sql_type).ok_or_else(|| {
                format!("table {}, row {}, column {name}: {value} is no value of a cell", def.name, number + 1)
            })?);
        }
        texts.push((operations.get(number).copied().unwrap_or(RowOp::Insert), cells));
    }
    RawBatch::from_rows(texts)
        .into_segments()
        .map(|segment| {
            let segment = segment.map_err(|error| error.to_string())?;
            type_segment(segment, def).map_err(|error| format!("table {}: {error}", def.name))
        })
        .collect()
}

/// A cell's text on the wire.
fn cell(value: &Toml, sql_type: SqlType) -> Option<String> {
    Some(match value {
        Toml::String(text) if sql_type.family() == Family::Binary && !text.starts_with('[') => format!("[B:{text}]"),
        Toml::String(text) => text.clone(),
        Toml::Integer(number) => number.to_string(),
        Toml::Float(number) => number.to_string(),
        Toml::Boolean(flag) => u8::from(*flag).to_string(),
        Toml::Datetime(moment) => moment.to_string().replace('T', " "),
        Toml::Array(_) | Toml::Table(_) => return None,
    })
}

/// A row of a batch; NULLs are left out.
#[must_use]
pub fn row(def: &TableDef, batch: &TypedBatch, row: usize) -> Table {
    def.columns
        .iter()
        .zip(&batch.columns)
        .filter_map(|(column, values)| {
            let value = values.value(row, column.sql_type.decimal_scale());
            Some((column.name.clone(), shown(value, column.sql_type)?))
        })
        .collect()
}

fn shown(value: Value<'_>, sql_type: SqlType) -> Option<Toml> {
    Some(match value {
        Value::Null => return None,
        Value::Integer(number) => number.into(),
        Value::Real(number) => number.into(),
        Value::Text(text) => text.into(),
        Value::Binary(bytes) => STANDARD.encode(bytes).into(),
        Value::Timestamp(ticks) | Value::Time(ticks) => format_iso(ticks, sql_type).into(),
        Value::TimestampOffset(ticks, offset) => format_iso_offset(ticks, offset, sql_type).into(),
        Value::Decimal { .. } | Value::Guid(_) => bare(&encode(value, sql_type)?).into(),
    })
}

/// The texts of a row's key, without the Task's markers.
#[must_use]
pub fn key(def: &TableDef, batch: &TypedBatch, row: usize) -> Vec<String> {
    def.key
        .iter()
        .filter_map(|&at| {
            let sql_type = def.columns[at].sql_type;
            let text = encode(batch.columns[at].value(row, sql_type.decimal_scale()), sql_type)?;
            Some(if sql_type.family() == Family::Text { text } else { bare(&text) })
        })
        .collect()
}

/// `[I:17]` as `17`.
fn bare(text: &str) -> String {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).and_then(|text| text.split_once(':'));
    inner.map_or_else(|| text.to_owned(), |(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_rows_come_back_as_they_were_written() {
        let written: Vec<String> = [
            "id int not null",
            "[a name] nvarchar(50)",
            "paid decimal(10,2)",
            "born date",
            "at time(0)",
            "photo varbinary(max)",
            "seen datetimeoffset(7)",
            "guid uniqueidentifier",
            "height float",
        ]
        .map(str::to_owned)
        .to_vec();
        let def = define("person", &written, None).unwrap();
        assert_eq!((columns(&def), &def.key[..]), (written, &[0][..]));
        let row_text = r#"
            id = 7
            "a name" = "Ann"
            paid = 12.5
            born = 2020-05-18
            at = "14:52:00"
            photo = "AP8="
            seen = "2020-05-18 10:40:43.1234567+02:00"
            guid = "6F9619FF-8B86-D011-B42D-00C04FC964FF"
            height = 1.75
        "#;
        let made = batches(&def, &[row_text.parse().unwrap()], &[]).unwrap();
        let back = row(&def, &made[0], 0);
        assert_eq!((back["paid"].as_str(), back["born"].as_str()), (Some("12.50"), Some("2020-05-18")));
        assert_eq!(key(&def, &made[0], 0), ["7"]);
        // What comes out goes in again.
        assert_eq!(row(&def, &batches(&def, std::slice::from_ref(&back), &[]).unwrap()[0], 0), back);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let def = define("t", &["id int not null".into(), "n nvarchar(2)".into()], None).unwrap();
        let refusal = |text: &str| batches(&def, &[text.parse().unwrap()], &[]).unwrap_err();
        assert_eq!(refusal("id = 1\nm = 2"), "table t, row 1: there is no column m");
        assert_eq!(refusal("id = [1]"), "table t, row 1, column id: [1] is no value of a cell");
        assert!(refusal("id = 1\nn = \"abc\"").contains("row 1"), "{}", refusal("id = 1\nn = \"abc\""));
        let refused = define("t", &["id".into()], None).unwrap_err();
        assert!(refused.contains("\"id\" is no column"), "{refused}");
    }
}
