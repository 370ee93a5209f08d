//! A column's type on the first line, ` null` behind it if NULL may stand there, and a cell's text below: typed, written
//! back, typed again.

use speil::protocol::cell::{CellError, encode, plain, type_segment};
use speil::protocol::columns::{OwnedValue, TypedBatch, Value};
use speil::protocol::messages::RowOp;
use speil::protocol::raw_batch::{RawBatchBuilder, SpillSettings};
use speil::protocol::sql_type::{Family, SqlType};
use speil::protocol::table_def::{ColumnDef, TableDef};
use speil::protocol::table_name::TableName;

/// Tries one cell.
pub fn run(data: &[u8]) {
    let Some(end) = data.iter().position(|&byte| byte == b'\n') else { return };
    let Ok(first) = std::str::from_utf8(&data[..end]) else { return };
    let (name, nullable) = first.strip_suffix(" null").map_or((first, false), |name| (name, true));
    let sql_type = match name.parse::<SqlType>() {
        Ok(sql_type) => sql_type,
        Err(error) => return super::is_presentable(&error.to_string(), 2000),
    };
    assert_eq!(sql_type.to_string().parse::<SqlType>(), Ok(sql_type), "a type reads as it is written");
    cell(sql_type, nullable, &data[end + 1..]);
}

fn cell(sql_type: SqlType, nullable: bool, text: &[u8]) {
    let def = table(sql_type, nullable);
    let batch = match typed(&def, text) {
        Ok(batch) => batch,
        Err(error) => {
            assert_eq!((error.table.as_str(), error.row, error.column.as_deref()), ("fuzzed", 1, Some("value")));
            return super::is_presentable(&error.to_string(), 2000);
        }
    };
    let value = value(&batch, sql_type);
    let Some(written) = encode(value.as_value(), sql_type) else {
        assert!(nullable, "NULL in a column that is NOT NULL");
        assert!(text.is_empty() || (text[0] == b'[' && text.ends_with(b":]")), "NULL from {text:?}");
        return;
    };
    in_range(value.as_value(), sql_type);
    agrees(value.as_value(), text);
    if value.as_value() == Value::Binary(&[]) {
        // Written as `[B:]`, which is NULL on the wire.
        return;
    }
    let again = typed(&def, written.as_bytes()).unwrap_or_else(|error| panic!("{written:?}: {error}"));
    assert_eq!(self::value(&again, sql_type), value, "{text:?} is written as {written:?}");
    assert_eq!(encode(value.as_value(), sql_type).as_ref(), Some(&written));
    // Months before days are read with a marker only, and bare base64 or digits would be another reading.
    if !matches!(sql_type.family(), Family::Timestamp | Family::TimestampOffset) {
        let bare = plain(&batch.columns[1], 0, sql_type);
        let again = typed(&def, bare.as_bytes()).unwrap_or_else(|error| panic!("{bare:?}: {error}"));
        assert_eq!(self::value(&again, sql_type), value, "{text:?} is {bare:?} without a marker");
    }
}

/// A key and the column in question.
fn table(sql_type: SqlType, nullable: bool) -> TableDef {
    let column =
        |name: &str, sql_type, nullable| ColumnDef { name: name.to_owned(), sql_type, nullable, default: None };
    TableDef {
        name: TableName::new("fuzzed").expect("legal"),
        columns: vec![column("id", SqlType::Int, false), column("value", sql_type, nullable)],
        key: vec![0],
    }
}

fn typed(def: &TableDef, text: &[u8]) -> Result<TypedBatch, CellError> {
    let mut builder = RawBatchBuilder::new(SpillSettings { threshold_bytes: usize::MAX, directory: None });
    builder.cell_bytes().extend_from_slice(b"[I:1]");
    builder.end_cell();
    builder.cell_bytes().extend_from_slice(text);
    builder.end_cell();
    builder.end_row(RowOp::Insert).expect("a small row");
    let batch = builder.finish().expect("in memory");
    let segment = batch.into_segments().next().expect("one row").expect("in memory");
    type_segment(segment, def)
}

fn value(batch: &TypedBatch, sql_type: SqlType) -> OwnedValue {
    batch.columns[1].value(0, sql_type.decimal_scale()).to_owned()
}

/// What the type can hold, and no more.
fn in_range(value: Value<'_>, sql_type: SqlType) {
    match value {
        Value::Integer(number) => {
            let (least, most) = sql_type.integer_range().expect("an integer type");
            assert!((least..=most).contains(&number), "{number} in {sql_type}");
        }
        Value::Decimal { unscaled, .. } => {
            let (least, most) = sql_type.decimal_range().expect("a decimal type");
            assert!((least..=most).contains(&unscaled), "{unscaled} in {sql_type}");
        }
        Value::Real(number) => {
            assert!(number.is_finite(), "{number} in {sql_type}");
            #[expect(clippy::cast_possible_truncation, reason = "that it is a number of 32 bits is what is checked")]
            let rounded = f64::from(number as f32);
            assert!(sql_type != SqlType::Real || rounded.to_bits() == number.to_bits(), "{number} in a real");
        }
        Value::Text(text) => {
            let most = sql_type.max_units().map_or(usize::MAX, usize::from);
            assert!(text.encode_utf16().count() <= most, "{} units in {sql_type}", text.len());
        }
        Value::Binary(bytes) => {
            let most = sql_type.max_bytes().map_or(usize::MAX, usize::from);
            assert!(bytes.len() <= most, "{} bytes in {sql_type}", bytes.len());
        }
        Value::Time(ticks) => assert!((0..864_000_000_000).contains(&ticks), "{ticks} ticks in a day"),
        Value::TimestampOffset(_, offset) => assert!((-840..=840).contains(&offset), "{offset} minutes"),
        Value::Null | Value::Timestamp(_) | Value::Guid(_) => {}
    }
}

/// A second, plain reading of texts and numbers.
fn agrees(value: Value<'_>, text: &[u8]) {
    if let Value::Text(value) = value {
        return assert_eq!(value.as_bytes(), text, "a text is its cell, verbatim");
    }
    let text = std::str::from_utf8(text).expect("what is no text is ASCII");
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).and_then(|text| text.split_once(':'));
    let bare = bare.map_or(text, |(_, bare)| bare);
    match value {
        Value::Integer(number) => {
            let plainly = match bare {
                "true" | "True" => 1,
                "false" | "False" => 0,
                bare => bare.parse::<i128>().unwrap_or_else(|error| panic!("{bare:?}: {error}")),
            };
            assert_eq!(i128::from(number), plainly, "{text:?}");
        }
        Value::Decimal { unscaled, scale } => {
            let (whole, decimals) = bare.split_once('.').unwrap_or((bare, ""));
            assert!(decimals.trim_end_matches('0').len() <= usize::from(scale), "{text:?} was rounded");
            let decimals = decimals.trim_end_matches('0');
            let digits = format!("{whole}{decimals:0<width$}", width = usize::from(scale));
            assert_eq!(digits.parse::<i128>(), Ok(unscaled), "{text:?}");
        }
        Value::Real(number) => {
            let plainly: f64 = bare.parse().unwrap_or_else(|error| panic!("{bare:?}: {error}"));
            let of_32_bits = f64::from(bare.parse::<f32>().expect("as before"));
            assert!([plainly.to_bits(), of_32_bits.to_bits()].contains(&number.to_bits()), "{text:?} is {number}");
        }
        _ => {}
    }
}
