use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::protocol::testing::{any_type, any_value};

#[test]
fn a_column_takes_the_values_of_its_family_and_no_other() {
    let mut column = Column::with_capacity(SqlType::Int, 2);
    column.push(Value::Integer(7)).unwrap();
    column.push(Value::Null).unwrap();
    let refused = column.push(Value::Text("7")).unwrap_err();
    assert_eq!(refused.to_string(), "a value of family Some(Text) cannot stand in a column of family Integer");
    assert_eq!(column.len(), 2);
    assert_eq!(column.null_count(), 1);
    assert_eq!((column.value(0, 0), column.value(1, 0)), (Value::Integer(7), Value::Null));
}

#[test]
fn spans_of_what_came_in_and_values_of_its_own_stand_side_by_side() {
    let mut spans = Spans::over(Bytes::from_static(b"hallo"), 4);
    spans.push_span(Some(0..5));
    spans.push(Some(b"verden")).unwrap();
    spans.push_span(Some(5..5));
    spans.push(Some(b"")).unwrap();
    spans.push(None).unwrap();
    spans.push_span(Some(1..4));
    let expected = [Some("hallo"), Some("verden"), Some(""), Some(""), None, Some("all")];
    let read = |spans: &Spans| (0..spans.len()).map(|row| spans.get_str(row).map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!(read(&spans), expected.map(|text| text.map(str::to_owned)));
    assert_eq!(read(&spans.clone().freeze()), read(&spans));
    assert_eq!(spans.get_strs(&[5, 4, 1, 0, 3, 1, 2]), [5, 4, 1, 0, 3, 1, 2].map(|row| expected[row]));
    assert_eq!(
        read(&spans.gather(&[5, 4, 1, 1])),
        ["all", "", "verden", "verden"].map(|text| (!text.is_empty()).then(|| text.to_owned()))
    );
}

#[test]
fn texts_are_read_together_also_where_what_lies_between_is_no_text() {
    let mut spans = Spans::over(Bytes::from_static(b"a\xFFb\xC3\xA5"), 3);
    spans.push_span(Some(0..1));
    spans.push_span(Some(2..3));
    spans.push_span(Some(3..5));
    assert_eq!(spans.get_strs(&[0, 1, 2]), [Some("a"), Some("b"), Some("å")]);
    assert_eq!(spans.get_strs(&[2, 1]), [Some("å"), Some("b")]);
    assert_eq!(spans.get_strs(&[]), []);
    assert_eq!(Spans::with_capacity(0).get_strs(&[]), []);
}

#[test]
fn a_gathered_text_column_shares_what_came_in() {
    let buffer = Bytes::from_static(b"abc");
    let mut spans = Spans::over(buffer.clone(), 1);
    spans.push_span(Some(1..2));
    let gathered = spans.gather(&[0]);
    assert_eq!(gathered.get(0).unwrap().as_ptr(), buffer[1..].as_ptr());
}

#[test]
#[should_panic(expected = "inside the buffer")]
fn a_span_beyond_the_buffer_is_a_mistake_of_ours() {
    Spans::over(Bytes::from_static(b"abc"), 1).push_span(Some(1..4));
}

fn column_values() -> impl Strategy<Value = (SqlType, Vec<Option<OwnedValue>>)> {
    any_type().prop_flat_map(|sql_type| {
        (Just(sql_type), proptest::collection::vec(proptest::option::weighted(0.8, any_value(sql_type)), 0..150))
    })
}

proptest! {
    #[test]
    fn what_is_pushed_is_there_and_gathering_picks_it((sql_type, values) in column_values(), picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let mut column = Column::with_capacity(sql_type, 0);
        let scale = sql_type.decimal_scale();
        for value in &values {
            column.push(value.as_ref().map_or(Value::Null, OwnedValue::as_value)).unwrap();
        }
        let expected = |row: usize| values[row].clone().unwrap_or(OwnedValue::Null);
        prop_assert_eq!(column.len(), values.len());
        prop_assert_eq!(column.family(), sql_type.family());
        prop_assert_eq!(column.null_count(), values.iter().filter(|value| value.is_none()).count());
        for row in 0..values.len() {
            prop_assert_eq!(column.value(row, scale).to_owned(), expected(row));
        }
        if !values.is_empty() {
            let rows: Vec<u32> = picks.iter().map(|pick| u32::try_from(pick.index(values.len())).unwrap()).collect();
            let gathered = column.gather(&rows);
            prop_assert_eq!(gathered.len(), rows.len());
            for (at, &row) in rows.iter().enumerate() {
                prop_assert_eq!(gathered.value(at, scale).to_owned(), expected(row as usize));
            }
        }
    }
}
