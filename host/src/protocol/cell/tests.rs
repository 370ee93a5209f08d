//! Typing seen from outside: rows of texts in, values or one sentence out.

use proptest::prelude::*;

use super::*;
use crate::protocol::columns::{OwnedValue, Value};
use crate::protocol::messages::{ColumnInfo, TableSchemaInfo};
use crate::protocol::raw_batch::{RawBatch, RawBatchBuilder, SpillSettings};
use crate::protocol::testing::{any_type, any_value};

fn table(columns: &[(&str, &str, bool)]) -> TableDef {
    let columns = columns
        .iter()
        .map(|&(name, sql_type, is_nullable)| ColumnInfo {
            name: name.into(),
            sql_type: sql_type.into(),
            is_nullable,
            default_value: String::new(),
        })
        .collect();
    TableDef::from_wire(&TableSchemaInfo { table_name: "contact".into(), columns }, None).unwrap()
}

fn typed(def: &TableDef, rows: &[(RowOp, &[Option<&str>])]) -> Result<TypedBatch, CellError> {
    let batch = RawBatch::from_rows(rows.iter().map(|(op, cells)| (*op, cells.iter().copied())));
    let segment = batch.into_segments().next().unwrap().unwrap();
    type_segment(segment, def)
}

/// One insert with this text in a nullable column of this type.
fn cell(sql_type: &str, text: Option<&str>) -> Result<OwnedValue, String> {
    let def = table(&[("id", "int", false), ("value", sql_type, true)]);
    let batch = typed(&def, &[(RowOp::Insert, &[Some("1"), text])]).map_err(|error| error.message)?;
    Ok(batch.columns[1].value(0, def.columns[1].sql_type.decimal_scale()).to_owned())
}

fn reads(sql_type: &str, text: &str, expected: &OwnedValue) {
    assert_eq!(cell(sql_type, Some(text)).as_ref(), Ok(expected), "{text:?} as {sql_type}");
}

fn refused(sql_type: &str, text: &str, reason: &str) {
    let canonical = sql_type.parse::<SqlType>().unwrap();
    let shown = crate::protocol::shown::shown(text);
    assert_eq!(cell(sql_type, Some(text)), Err(format!("{shown} does not fit {canonical}: {reason}")));
}

fn at(text: &str) -> OwnedValue {
    OwnedValue::Timestamp(crate::protocol::datetime::parse_iso(text, SqlType::DateTime2(7)).unwrap())
}

const WHOLE: &str = "it is not a whole number";
const RANGE: &str = "it is outside what the type can hold";
const UNKNOWN: &str = "its marker is none of I, S, F, M, D, DT, T and B";

#[test]
fn whole_numbers_are_read_with_any_number_marker_or_none() {
    for text in ["[I:123]", "[S:123]", "[F:123]", "[M:123]", "123", "0123"] {
        for sql_type in ["tinyint", "smallint", "int", "bigint"] {
            reads(sql_type, text, &OwnedValue::Integer(123));
        }
    }
    reads("bigint", "[I:-9223372036854775808]", &OwnedValue::Integer(i64::MIN));
    reads("bigint", "9223372036854775807", &OwnedValue::Integer(i64::MAX));
    reads("bigint", "-000000000000000000000000000000017", &OwnedValue::Integer(-17));
    reads("int", "-0", &OwnedValue::Integer(0));
}

#[test]
fn whole_numbers_are_never_guessed() {
    for text in [
        "[I:1e3]", "[F:1e3]", "[I: 5 ]", "[I:5 ]", " 5", "5 ", "[I:+5]", "-", "[I:-]", "--5", "0x10", "1,000",
        "[I:5]]", "[I:٣]", "five", "NULL", "[I]", "[I:5", "[", "[]",
    ] {
        refused("int", text, WHOLE);
    }
    for text in ["[F:5.5]", "[F:5.0]", "5.25", "-0.0", "12345678901234567890.5"] {
        refused("int", text, "it has digits after the point, and the type has none");
    }
    for text in ["[X:5]", "[i:5]", "[II:5]", "[:5]", "[G:5]", "[X:]", "[ I:5]", "[DTX:5]"] {
        refused("int", text, UNKNOWN);
    }
    for text in ["[D:05/18/2020]", "[DT:05/18/2020 10:40:43]", "[T:10:40]", "[B:AAAA]"] {
        refused("int", text, "its marker is not one for a whole number");
    }
}

#[test]
fn whole_numbers_stay_in_their_types_range() {
    for (sql_type, first, last) in [
        ("tinyint", "0", "255"),
        ("smallint", "-32768", "32767"),
        ("int", "-2147483648", "2147483647"),
        ("bigint", "-9223372036854775808", "9223372036854775807"),
    ] {
        reads(sql_type, first, &OwnedValue::Integer(first.parse().unwrap()));
        reads(sql_type, last, &OwnedValue::Integer(last.parse().unwrap()));
        refused(sql_type, &(last.parse::<i128>().unwrap() + 1).to_string(), RANGE);
        refused(sql_type, &(first.parse::<i128>().unwrap() - 1).to_string(), RANGE);
        refused(sql_type, &"9".repeat(40), RANGE);
    }
}

#[test]
fn a_bit_is_a_number_or_a_truth_value() {
    for (text, value) in [("[I:1]", 1), ("[I:0]", 0), ("1", 1), ("00", 0), ("true", 1), ("False", 0), ("[I:True]", 1)] {
        reads("bit", text, &OwnedValue::Integer(value));
    }
    refused("bit", "[I:2]", RANGE);
    refused("bit", "-1", RANGE);
    refused("bit", "yes", "it is not 0, 1, true or false");
}

#[test]
fn decimals_are_read_exactly_or_not_at_all() {
    let decimal = |unscaled, scale| OwnedValue::Decimal { unscaled, scale };
    for (sql_type, text, expected) in [
        ("decimal(9,2)", "[F:123.4]", decimal(12_340, 2)),
        ("decimal(9,2)", "[I:-5]", decimal(-500, 2)),
        ("decimal(9,2)", ".5", decimal(50, 2)),
        ("decimal(9,2)", "-0.00", decimal(0, 2)),
        ("decimal(38,0)", "99999999999999999999999999999999999999", decimal(10i128.pow(38) - 1, 0)),
        ("decimal(38,38)", "-0.00000000000000000000000000000000000001", decimal(-1, 38)),
        ("decimal(5,0)", "0000000000000000000000000000000000000000000000000012345", decimal(12_345, 0)),
        ("money", "[M:123.45]", decimal(1_234_500, 4)),
        ("money", "922337203685477.5807", decimal(i64::MAX.into(), 4)),
        ("money", "-922337203685477.5808", decimal(i64::MIN.into(), 4)),
        ("smallmoney", "[F:-214748.3648]", decimal(i32::MIN.into(), 4)),
    ] {
        reads(sql_type, text, &expected);
    }
    refused("decimal(9,2)", "[F:1.234]", "it has more than 2 digits after the point");
    refused("decimal(9,2)", "[F:1.230]", "it has more than 2 digits after the point");
    refused("decimal(9,0)", "[F:1.0]", "it has digits after the point, and the type has none");
    refused("decimal(3,2)", "10", RANGE);
    refused("decimal(38,0)", &"9".repeat(39), RANGE);
    refused("decimal(38,10)", &"9".repeat(4000), RANGE);
    refused("money", "922337203685477.5808", RANGE);
    refused("smallmoney", "214748.3648", RANGE);
    for text in ["[F:1E+20]", "1e3", "1.", "-", ".", "[M:$5]", "[M:1,5]", "inf", "NaN", " 1"] {
        refused("decimal(38,4)", text, "it is not a decimal number");
    }
}

#[test]
fn floats_take_what_dotnet_writes() {
    for (sql_type, text, expected) in [
        ("float", "[F:1E+20]", 1e20),
        ("float", "[F:1.5e-7]", 1.5e-7),
        ("float", "[F:123.4]", 123.4),
        ("float", "[I:-3]", -3.0),
        ("float", "0.1", 0.1),
        ("float", "1.7976931348623157E+308", f64::MAX),
        ("float", "5e-324", 5e-324),
        ("float", "1e-999", 0.0),
        ("float", "12345678", 12_345_678.0),
        ("real", "0.1", f64::from(0.1f32)),
        ("real", "[F:3.4028235E+38]", f64::from(f32::MAX)),
        ("real", "16777217", 16_777_216.0),
    ] {
        reads(sql_type, text, &OwnedValue::Real(expected));
    }
    refused("float", "1.8E+308", RANGE);
    refused("real", "3.5E+38", RANGE);
    for text in [
        "[I:1e3]", "[S:1e3]", "[M:1e3]", "NaN", "inf", "Infinity", "-∞", "1e", "1e+", "1e5.0", "0x1p3", "1_000", "+1",
        "[F:1 ]", "1.",
    ] {
        refused("float", text, "it is not a number");
    }
}

#[test]
fn dates_are_read_in_their_two_forms() {
    let moment = at("2020-05-18 10:40:43.1230000");
    for text in [
        "[DT:05/18/2020 10:40:43.1230000]",
        "[DT:05/18/2020 10:40:43.123]",
        "[DT:2020-05-18T10:40:43.123]",
        "2020-05-18 10:40:43.123",
        "2020-05-18T10:40:43.1239999",
    ] {
        reads("datetime", text, &moment);
    }
    for text in
        ["[D:05/18/2020]", "[D:2020-05-18]", "2020-05-18", "[DT:05/18/2020 00:00:00.0000000]", "2020-05-18T00:00"]
    {
        for sql_type in ["date", "datetime", "datetime2", "smalldatetime", "datetime2(0)"] {
            reads(sql_type, text, &at("2020-05-18 00:00:00"));
        }
    }
    reads("datetime", "[DT:01/01/1760 00:00:00.0000000]", &at("1760-01-01 00:00:00"));
    reads("datetime2", "[DT:12/31/9999 23:59:59.9999999]", &at("9999-12-31 23:59:59.9999999"));
    reads("datetime2", "0001-01-01", &at("0001-01-01 00:00:00"));
}

#[test]
fn fractions_beyond_the_types_precision_are_cut_off() {
    let text = "[DT:12/31/1999 23:59:59.9999999]";
    reads("datetime2(7)", text, &at("1999-12-31 23:59:59.9999999"));
    reads("datetime2(3)", text, &at("1999-12-31 23:59:59.9990000"));
    reads("datetime2(0)", text, &at("1999-12-31 23:59:59"));
    reads("datetime", text, &at("1999-12-31 23:59:59.9990000"));
    reads("smalldatetime", text, &at("1999-12-31 23:59:00"));
    reads("datetime2(7)", "1999-12-31 23:59:59.999999987654321", &at("1999-12-31 23:59:59.9999999"));
}

#[test]
fn dates_are_never_guessed() {
    for text in [
        "05/18/2020",
        "05/18/2020 10:40:43",
        "[DT:18/05/2020 10:40:43]",
        "[DT:5/18/2020 10:40:43]",
        "[DT:05/18/2020]",
        "[D:05/18/2020 00:00:00]",
        "[DT:02/30/2020 00:00:00]",
        "[DT:05/18/2020 24:00:00]",
        "[DT:05/18/2020 10:40:60]",
        "[DT:05/18/2020 10:40:43.]",
        "[DT:05/18/2020 10:40:43 ]",
        "[DT: 05/18/2020 10:40:43]",
        "[DT:05/18/2020  10:40:43]",
        "[DT:05/18/2020 10:40:43 PM]",
        "[DT:05/18/2020 10:40:43Z]",
        "20200518",
        "2020-5-18",
        "[DT:05/18/0000 10:40:43]",
        "now",
        "[DT:05-18-2020 10:40:43]",
        "2020-05-18 10",
        "[DT:05/18/2020 10:40:4]",
        "[DT:05/18/2020 10:40:43.12x]",
    ] {
        refused("datetime", text, "it is not a date and time");
    }
    refused("datetime", "[I:5]", "its marker is not one for a date and time");
    refused("datetime", "[T:10:40]", "its marker is not one for a date and time");
    refused("datetime", "[Dt:05/18/2020 10:40:43]", UNKNOWN);
    refused("date", "[DT:05/18/2020 00:00:01]", "it has a time of day other than midnight");
    refused("date", "2020-05-18 00:00:00.0000001", "it has a time of day other than midnight");
    refused("date", "soon", "it is not a date");
    refused("datetime", "1752-12-31", RANGE);
    refused("smalldatetime", "1899-12-31", RANGE);
    refused("smalldatetime", "2079-06-07", RANGE);
}

#[test]
fn times_of_day_are_read_and_nothing_else() {
    let time = |hours: i64, minutes: i64, ticks: i64| OwnedValue::Time((hours * 60 + minutes) * 600_000_000 + ticks);
    reads("time", "[T:14:52]", &time(14, 52, 0));
    reads("time", "14:52:10", &time(14, 52, 100_000_000));
    reads("time", "[T:14:52:10.1234567]", &time(14, 52, 101_234_567));
    reads("time(0)", "[T:23:59:59.9999999]", &time(23, 59, 590_000_000));
    for text in ["[T:24:00]", "[T:14]", "14:5", "[T:14:52:]", "[T:2:52 PM]", "[T:-01:00]", "[T: 14:52]", "14.52"] {
        refused("time", text, "it is not a time of day");
    }
    refused("time", "[DT:05/18/2020 14:52:00]", "its marker is not one for a time of day");
}

#[test]
fn offsets_are_kept() {
    let ticks = |text| crate::protocol::datetime::parse_iso(text, SqlType::DateTime2(7)).unwrap();
    let local = ticks("2020-05-18 10:40:43");
    for (text, offset) in [
        ("[DT:05/18/2020 10:40:43.0000000 +02:00]", 120),
        ("[DT:05/18/2020 10:40:43-05:30]", -330),
        ("2020-05-18T10:40:43Z", 0),
        ("2020-05-18 10:40:43", 0),
        ("[DT:05/18/2020 10:40:43.0000000]", 0),
        ("2020-05-18 10:40:43 +14:00", 840),
    ] {
        reads("datetimeoffset", text, &OwnedValue::TimestampOffset(local, offset));
    }
    refused("datetimeoffset", "2020-05-18 10:40:43 +14:01", RANGE);
    refused("datetimeoffset", "0001-01-01 00:00:00 +00:01", RANGE);
    refused("datetimeoffset", "2020-05-18 10:40:43 +0200", "it is not a date and time with an offset");
    refused("datetimeoffset", "2020-05-18 10:40:43  +02:00", "it is not a date and time with an offset");
}

#[test]
fn base64_is_strict() {
    reads("varbinary(max)", "[B:AP8=]", &OwnedValue::Binary(vec![0, 255]));
    reads("varbinary(max)", "AP8=", &OwnedValue::Binary(vec![0, 255]));
    for text in ["[B:AP8]", "[B:AP9=]", "[B:AP8= ]", "[B:A-8=]", "[B:AP8==]", "[B:A]", "[B:AP\n8=]", "0xFF!"] {
        refused("image", text, "it is not base64");
    }
    refused("varbinary(1)", "[B:AP8=]", "it is 2 bytes long");
    refused("rowversion", "[B:AP8=]", "it is 2 bytes long");
    reads("rowversion", "[B:AAAAAAAAB9E=]", &OwnedValue::Binary(vec![0, 0, 0, 0, 0, 0, 7, 0xd1]));
    refused("varbinary(9)", "[I:1234]", "its marker is not one for base64");
}

#[test]
fn uniqueidentifiers_are_read_in_any_case_and_with_braces() {
    let value = OwnedValue::Guid(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128.to_be_bytes());
    for text in ["01234567-89ab-cdef-0123-456789abcdef", "{01234567-89AB-CDEF-0123-456789ABCDEF}"] {
        reads("uniqueidentifier", text, &value);
    }
    for text in [
        "0123456789abcdef0123456789abcdef",
        "{01234567-89ab-cdef-0123-456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdeg",
        "0123456-789ab-cdef-0123-456789abcdef",
        "øøøøøøøøøøøøøøøøøø",
    ] {
        refused("uniqueidentifier", text, "it is not a uniqueidentifier");
    }
    refused("uniqueidentifier", "[G:01234567-89ab-cdef-0123-456789abcdef]", UNKNOWN);
    refused("uniqueidentifier", "[I:5]", "its marker is not one for a uniqueidentifier");
}

#[test]
fn character_columns_take_the_text_verbatim() {
    for text in ["[I:5] not a number", "[I:5]", "[X:]", "", "  \r\n\t", "\u{0}\u{b}\u{ffff}", "😀", "]]>", "{}"] {
        for sql_type in
            ["nvarchar(max)", "varchar(50)", "nchar(50)", "char(50)", "text", "ntext", "xml", "json", "sql_variant"]
        {
            reads(sql_type, text, &OwnedValue::Text(text.into()));
        }
    }
}

#[test]
fn a_text_is_as_long_as_its_utf16_units() {
    reads("nvarchar(4)", "øøøø", &OwnedValue::Text("øøøø".into()));
    reads("nvarchar(4)", "😀😀", &OwnedValue::Text("😀😀".into()));
    refused("nvarchar(4)", "abcde", "it is 5 characters long");
    refused("nvarchar(3)", "😀😀", "it is 4 characters long");
    refused("varchar(4)", "øøøøø", "it is 5 characters long");
    refused("char(1)", "ab", "it is 2 characters long");
}

#[test]
fn nothing_is_null_except_for_characters() {
    for sql_type in [
        "int",
        "bit",
        "decimal(5,2)",
        "money",
        "float",
        "date",
        "datetime",
        "time",
        "datetimeoffset",
        "varbinary(5)",
        "rowversion",
        "uniqueidentifier",
        "geometry",
    ] {
        for text in [None, Some(""), Some("[I:]"), Some("[DT:]"), Some("[B:]")] {
            assert_eq!(cell(sql_type, text), Ok(OwnedValue::Null), "{text:?} as {sql_type}");
        }
    }
    assert_eq!(cell("nvarchar(5)", None), Ok(OwnedValue::Null));
    assert_eq!(cell("nvarchar(5)", Some("")), Ok(OwnedValue::Text(String::new())));
}

#[test]
fn null_does_not_fit_a_column_that_is_not_null() {
    for sql_type in [
        "int",
        "bit",
        "money",
        "float",
        "datetime",
        "time",
        "datetimeoffset",
        "varbinary(5)",
        "uniqueidentifier",
        "ntext",
    ] {
        let def = table(&[("id", "int", false), ("value", sql_type, false)]);
        let canonical = def.columns[1].sql_type;
        let error = typed(&def, &[(RowOp::Update, &[Some("1"), None])]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "table \"contact\", row 1, column \"value\": NULL does not fit {canonical}: the column is NOT NULL"
            )
        );
        assert_eq!((error.row, error.text), (1, None));
    }
    let def = table(&[("id", "int", false), ("value", "int", false)]);
    let error = typed(&def, &[(RowOp::Insert, &[Some("1"), Some("[I:]")])]).unwrap_err();
    assert_eq!(error.message, "\"[I:]\" does not fit int: the column is NOT NULL");
    let error = typed(&def, &[(RowOp::Insert, &[Some("1"), Some("")])]).unwrap_err();
    assert_eq!(error.message, "\"\" does not fit int: the column is NOT NULL");
    assert!(typed(&table(&[("id", "ntext", false)]), &[(RowOp::Insert, &[Some("")])]).is_ok());
}

#[test]
fn an_error_names_table_row_column_and_text() {
    let def = table(&[("id", "int", false), ("name", "nvarchar(3)", true)]);
    let good: (RowOp, &[Option<&str>]) = (RowOp::Insert, &[Some("[I:1]"), Some("abc")]);
    let long = "x".repeat(100);
    let error = typed(&def, &[good, good, (RowOp::Insert, &[Some("[I:1]"), Some(&long)])]).unwrap_err();
    let shown = format!("\"{}…\"", "x".repeat(60));
    assert_eq!(
        error.to_string(),
        format!(
            "table \"contact\", row 3, column \"name\": {shown} does not fit nvarchar(3): it is 100 characters long"
        )
    );
    assert_eq!(
        error,
        CellError {
            table: "contact".into(),
            row: 3,
            column: Some("name".into()),
            text: Some(shown.clone()),
            message: format!("{shown} does not fit nvarchar(3): it is 100 characters long"),
        }
    );
}

#[test]
fn the_first_bad_row_is_named_and_in_it_the_first_bad_column() {
    let def = table(&[("id", "int", false), ("a", "int", true), ("b", "int", true)]);
    let ok: (RowOp, &[Option<&str>]) = (RowOp::Insert, &[Some("1"), None, None]);
    let mut rows = vec![ok; 3000];
    rows[2500] = (RowOp::Insert, &[Some("x"), None, None]);
    rows[1500] = (RowOp::Insert, &[Some("1")]);
    rows[1400] = (RowOp::Insert, &[Some("1"), Some("y"), None]);
    rows[1300] = (RowOp::Insert, &[Some("1"), Some("p"), Some("q")]);
    rows[1200] = (RowOp::Insert, &[Some("1"), None, Some("z")]);
    for (row, column) in [(1201, Some("b")), (1301, Some("a")), (1401, Some("a")), (1501, None), (2501, Some("id"))] {
        let error = typed(&def, &rows).unwrap_err();
        assert_eq!((error.row, error.column.as_deref()), (row, column));
        rows[usize::try_from(row).unwrap() - 1] = ok;
    }
    assert_eq!(typed(&def, &rows).unwrap().len(), 3000);
}

#[test]
fn a_wrong_number_of_cells_is_an_error() {
    let def = table(&[("id", "int", false), ("name", "nvarchar(3)", true)]);
    for (op, cells) in
        [(RowOp::Insert, &[Some("1")][..]), (RowOp::Update, &[Some("1"), None, None]), (RowOp::Insert, &[])]
    {
        let error = typed(&def, &[(op, cells)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("table \"contact\", row 1: the row has {} cells, but the table has 2 columns", cells.len())
        );
    }
}

#[test]
fn a_delete_needs_its_key_and_nothing_else() {
    let def = table(&[("id", "int", false), ("name", "nvarchar(3)", false), ("at", "datetime", false)]);
    let rows: [(RowOp, &[Option<&str>]); 4] = [
        (RowOp::Delete, &[Some("[I:1]")]),
        (RowOp::Delete, &[Some("[I:2]"), None, Some("")]),
        (RowOp::Delete, &[Some("[I:3]"), Some("far too long"), Some("no date")]),
        (RowOp::Delete, &[Some("[I:4]"), None, None, Some("one too many")]),
    ];
    let batch = typed(&def, &rows).unwrap();
    for row in 0..4 {
        assert_eq!(batch.columns[0].value(row, 0), Value::Integer(row as i64 + 1));
        assert_eq!(batch.columns[1].value(row, 0), Value::Null);
        assert_eq!(batch.columns[2].value(row, 0), Value::Null);
    }
    assert_eq!(
        typed(&def, &[(RowOp::Delete, &[])]).unwrap_err().to_string(),
        "table \"contact\", row 1, column \"id\": the row is to be deleted, but has only 0 cells and none for this key column"
    );
    assert_eq!(
        typed(&def, &[(RowOp::Delete, &[None, Some("a")])]).unwrap_err().to_string(),
        "table \"contact\", row 1, column \"id\": NULL does not fit int: the column is NOT NULL"
    );
}

#[test]
fn a_table_without_a_key_takes_inserts_alone() {
    let def = table(&[("id", "int", true)]);
    assert!(typed(&def, &[(RowOp::Insert, &[None])]).is_ok());
    assert_eq!(
        typed(&def, &[(RowOp::Insert, &[None]), (RowOp::Update, &[Some("1")])]).unwrap_err().to_string(),
        "table \"contact\", row 2: the table has no primary key, so operation U cannot find its row; name the key columns in the configuration"
    );
}

#[test]
fn rows_are_numbered_through_all_segments() {
    let def = table(&[("id", "int", false)]);
    let rows = (0..Segment::MAX_ROWS + 5).map(|row| {
        let text = if row == Segment::MAX_ROWS + 2 { "bad" } else { "1" };
        (RowOp::Insert, [Some(text)])
    });
    let mut segments = RawBatch::from_rows(rows).into_segments();
    assert_eq!(type_segment(segments.next().unwrap().unwrap(), &def).unwrap().first_row, 1);
    let error = type_segment(segments.next().unwrap().unwrap(), &def).unwrap_err();
    assert_eq!(error.row, Segment::MAX_ROWS as u64 + 3);
}

#[test]
fn text_columns_point_into_what_came_in() {
    let def = table(&[("id", "int", false), ("name", "nvarchar(30)", true)]);
    let batch = RawBatch::from_rows([(RowOp::Insert, [Some("1"), Some("blåbær")])]);
    let segment = batch.into_segments().next().unwrap().unwrap();
    let came = segment.bytes.clone();
    let typed = type_segment(segment, &def).unwrap();
    let Column::Text(column) = &typed.columns[1] else { panic!("a text column") };
    assert_eq!(column.get(0).unwrap().as_ptr(), came[1..].as_ptr());
}

fn raw(cells: &[&[u8]]) -> Segment {
    let mut builder = RawBatchBuilder::new(SpillSettings::default());
    for cell in cells {
        builder.cell_bytes().extend_from_slice(cell);
        builder.end_cell();
    }
    builder.end_row(RowOp::Insert).unwrap();
    builder.finish().unwrap().into_segments().next().unwrap().unwrap()
}

#[test]
fn text_that_is_not_utf8_is_refused_in_the_cell_where_it_is() {
    let def = table(&[("id", "int", false), ("a", "ntext", true), ("b", "ntext", true)]);
    let error = type_segment(raw(&[b"1", b"fine", b"no\xff"]), &def).unwrap_err();
    assert_eq!(
        error.to_string(),
        "table \"contact\", row 1, column \"b\": \"no\u{fffd}\" does not fit ntext: it is not valid UTF-8"
    );
    // Valid as a whole, but a character is torn in two.
    let error = type_segment(raw(&[b"1", b"\xc3", b"\xa5"]), &def).unwrap_err();
    assert_eq!(error.column.as_deref(), Some("a"));
}

#[test]
fn values_are_written_as_netserver_writes_them() {
    for (sql_type, text, expected) in [
        ("int", "123", "[I:123]"),
        ("bit", "true", "[I:1]"),
        ("smallint", "0", "[S:0]"),
        ("float", "123.4", "[F:123.4]"),
        ("float", "1e20", "[F:1E+20]"),
        ("float", "1.5e-7", "[F:1.5E-07]"),
        ("float", "-0", "[F:-0]"),
        ("float", "1e14", "[F:100000000000000]"),
        ("float", "0.00001", "[F:0.00001]"),
        ("real", "0.1", "[F:0.1]"),
        ("real", "3.4028235E38", "[F:3.4028235E+38]"),
        ("decimal(9,2)", "-0.5", "[F:-0.50]"),
        ("decimal(9,0)", "17", "[F:17]"),
        ("money", "123.45", "[M:123.4500]"),
        ("date", "2020-05-18", "[D:05/18/2020]"),
        ("datetime", "2020-05-18 10:40:43", "[DT:05/18/2020 10:40:43.0000000]"),
        ("datetimeoffset", "2020-05-18 10:40:43 -01:30", "[DT:05/18/2020 10:40:43.0000000 -01:30]"),
        ("time", "14:52", "[T:14:52]"),
        ("time", "14:52:01", "[T:14:52:01]"),
        ("time", "14:52:00.5", "[T:14:52:00.5000000]"),
        ("varbinary(9)", "AP8=", "[B:AP8=]"),
        ("uniqueidentifier", "{01234567-89AB-CDEF-0123-456789ABCDEF}", "01234567-89ab-cdef-0123-456789abcdef"),
        ("nvarchar(50)", "[I:5] not a number", "[I:5] not a number"),
    ] {
        let value = cell(sql_type, Some(text)).unwrap();
        assert_eq!(
            encode(value.as_value(), sql_type.parse().unwrap()).as_deref(),
            Some(expected),
            "{text} as {sql_type}"
        );
    }
    assert_eq!(encode(Value::Null, SqlType::Int), None);
    assert_eq!(encode(Value::Text(""), SqlType::NText).as_deref(), Some(""));
    assert_eq!(encode(Value::Binary(&[]), SqlType::Image).as_deref(), Some("[B:]"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_value_of_any_type_survives_the_wire((sql_type, value) in any_type().prop_flat_map(|sql_type| (Just(sql_type), any_value(sql_type)))) {
        let text = encode(value.as_value(), sql_type);
        prop_assert_eq!(cell(&sql_type.to_string(), text.as_deref()), Ok(value));
    }

    #[test]
    fn typing_never_panics(sql_type in any_type(), bytes in any::<Vec<u8>>(), marked in "(\\[(I|S|F|M|D|DT|T|B|X)?:?)?[-+0-9eE./: TZ{}a-fx]{0,30}\\]?") {
        let def = table(&[("id", "int", false), ("value", &sql_type.to_string(), true)]);
        for cell in [&bytes[..], marked.as_bytes()] {
            if let Err(error) = type_segment(raw(&[b"1", cell]), &def) {
                prop_assert_eq!(error.column.as_deref(), Some("value"));
                prop_assert!(error.to_string().len() < 1000);
            }
        }
    }
}
