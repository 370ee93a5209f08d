//! Typing seen from outside: rows of texts in, a batch or one sentence out. What each type's text may be is in `values`.

use proptest::prelude::*;

use super::*;
use crate::protocol::columns::{OwnedValue, Value};
use crate::protocol::messages::{ColumnInfo, TableSchemaInfo};
use crate::protocol::raw_batch::{RawBatch, RawBatchBuilder, SpillSettings};
use crate::protocol::testing::{any_type, any_value};

mod values;

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
    for (row, id) in (0..4).zip(1..) {
        assert_eq!(batch.columns[0].value(row, 0), Value::Integer(id));
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_value_of_any_type_survives_the_wire((sql_type, value) in any_type().prop_flat_map(|sql_type| (Just(sql_type), any_value(sql_type)))) {
        let text = encode(value.as_value(), sql_type);
        let read = cell(&sql_type.to_string(), text.as_deref());
        if let (OwnedValue::Real(sent), Ok(OwnedValue::Real(read))) = (&value, &read) {
            // Minus zero too, which equals zero.
            prop_assert_eq!(sent.to_bits(), read.to_bits());
        }
        prop_assert_eq!(read, Ok(value));
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

    #[test]
    fn a_segment_is_typed_as_its_rows_are_one_by_one(
        rows in proptest::collection::vec(any_row(), 1..60)
    ) {
        let def = table(&[("id", "int", false), ("name", "nvarchar(3)", true), ("count", "int", true)]);
        let segment = |rows: &[(RowOp, Vec<Option<String>>)]| {
            RawBatch::from_rows(rows.to_vec()).into_segments().next().unwrap().unwrap()
        };
        let together = type_segment(segment(&rows), &def);
        for (number, row) in rows.iter().enumerate() {
            match type_segment(segment(std::slice::from_ref(row)), &def) {
                Ok(alone) => {
                    let Ok(together) = &together else { continue };
                    prop_assert_eq!(together.ops[number], row.0);
                    for (one, all) in alone.columns.iter().zip(&together.columns) {
                        prop_assert_eq!(one.value(0, 0), all.value(number, 0));
                    }
                }
                Err(error) => {
                    let expected = CellError { row: number as u64 + 1, ..error };
                    prop_assert_eq!(together.map(|_| ()), Err(expected));
                    return Ok(());
                }
            }
        }
        let together = together.unwrap();
        prop_assert!(together.columns.iter().all(|column| column.len() == rows.len()));
    }
}

/// Mostly what fits, with the number of cells its operation allows.
fn any_row() -> impl Strategy<Value = (RowOp, Vec<Option<String>>)> {
    let cells = |count| proptest::collection::vec(any_cell(), count);
    prop_oneof![
        20 => (prop_oneof![Just(RowOp::Insert), Just(RowOp::Update)], cells(3..=3)),
        10 => (Just(RowOp::Delete), cells(1..=4)),
        1 => (Just(RowOp::Insert), cells(0..=4)),
    ]
}

/// Mostly what fits one column or another.
fn any_cell() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        60 => (0i32..100).prop_map(|number| Some(number.to_string())),
        1 => Just(None),
        1 => Just(Some(String::new())),
        1 => Just(Some("[DT:05/18/2020 10:40:43.0000000]".to_owned())),
        1 => Just(Some("long text".to_owned())),
    ]
}
