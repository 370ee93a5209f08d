//! Tables told by their bytes: what is read so is what the general reader reads, whatever was read before and however either message
//! was changed.

use std::sync::Arc;

use proptest::prelude::*;

use super::mutations::{any_change, change, without_place};
use super::round_trips::{spelling, table};
use super::*;
use crate::protocol::encode::request::{self, Spelling};
use crate::protocol::messages::ColumnInfo;

fn message(spelling: Spelling, token: &str, tables: &[TableSchemaInfo]) -> Vec<u8> {
    let tables = tables.iter().cloned().map(Arc::new).collect();
    request::table_schema(spelling, token, &TableSchemaRequest { client_state: Some("s".into()), tables }).into_bytes()
}

fn tables(count: usize, columns: usize) -> Vec<TableSchemaInfo> {
    let column =
        |number| ColumnInfo { name: format!("column_{number}"), sql_type: "int".into(), ..ColumnInfo::default() };
    let table =
        |number| TableSchemaInfo { table_name: format!("table_{number}"), columns: (0..columns).map(column).collect() };
    (0..count).map(table).collect()
}

/// The general reader's answer, after holding the other's against it: with the body whole, and in pieces.
fn both(body: &[u8], sizes: &[usize], limits: &Limits, known: &KnownTables) -> Result<TableSchemaRequest, Fault> {
    let general = table_schema(body, limits).map_err(without_place);
    let whole = table_schema_again(body, limits, known).map_err(without_place);
    assert_eq!(whole, general);
    let pieces = table_schema_again(Pieces::new(body, sizes.to_vec()), limits, known).map_err(without_place);
    assert_eq!(pieces, general);
    general
}

/// Whether the very description comes back that was made when it was first read.
fn recognised(before: &TableSchemaRequest, after: &TableSchemaRequest) -> usize {
    before.tables.iter().zip(&after.tables).filter(|(before, after)| Arc::ptr_eq(before, after)).count()
}

#[test]
fn tables_are_recognised_behind_another_token_and_when_others_have_changed() {
    for spelling in Spelling::ALL {
        let (limits, known) = (Limits::default(), KnownTables::default());
        let mut tables = tables(20, 30);
        let first = table_schema_again(&message(spelling, "one", &tables)[..], &limits, &known).unwrap();
        let second = table_schema_again(&message(spelling, "another", &tables)[..], &limits, &known).unwrap();
        assert_eq!(first, second);
        assert_eq!(recognised(&first, &second), 20);
        tables[7].columns[3].is_nullable = true;
        let third = table_schema_again(&message(spelling, "one", &tables)[..], &limits, &known).unwrap();
        assert_eq!(recognised(&first, &third), 19);
        assert!(third.tables[7].columns[3].is_nullable);
    }
}

#[test]
fn the_same_bytes_under_other_prefixes_are_not_taken_for_known() {
    let (limits, known) = (Limits::default(), KnownTables::default());
    let of = |namespace: &str| {
        envelope(&format!(
            "<m:TableSchemaRequest xmlns:d='{namespace}'><m:Tables><d:TableSchemaInfo><d:TableName>a</d:TableName>\
             </d:TableSchemaInfo></m:Tables></m:TableSchemaRequest>"
        ))
    };
    both(of(crate::protocol::names::NS_DATA).as_bytes(), &[1000], &limits, &known).expect("a table");
    both(of("urn:other").as_bytes(), &[1000], &limits, &known).expect_err("no table in that namespace");
}

#[test]
fn what_a_message_may_hold_counts_for_known_tables_too() {
    let known = KnownTables::default();
    let body = message(Spelling::DotNet, "t", &tables(4, 10));
    both(&body, &[1000], &Limits::default(), &known).expect("read and known");
    let bounded = |limits: Limits| both(&body, &[1000], &limits, &known).expect_err("too much").message;
    assert!(bounded(Limits { all_columns: 39, ..Limits::default() }).contains("39 columns"));
    assert!(bounded(Limits { description_bytes: 300, ..Limits::default() }).contains("300 bytes"));
    assert!(bounded(Limits { tables: 3, ..Limits::default() }).contains("The number of tables"));
    both(&body, &[1000], &Limits { all_columns: 40, ..Limits::default() }, &known).expect("just enough");
}

proptest! {
    #[test]
    fn both_ways_give_the_same(
        spelling in spelling(),
        tables in prop::collection::vec(table(), 0..5),
        changes in prop::collection::vec(any_change(), 0..4),
        sizes in prop::collection::vec(1..400_usize, 1..4),
        order in any::<prop::sample::Index>(),
    ) {
        let (limits, known) = (Limits::default(), KnownTables::default());
        let body = message(spelling, "t", &tables);
        both(&body, &sizes, &limits, &known).unwrap();
        let mut turned = tables.clone();
        if !turned.is_empty() {
            turned.rotate_left(order.index(tables.len()));
        }
        let mut changed = message(spelling, "another token", &turned);
        change(&mut changed, changes);
        let _ = both(&changed, &sizes, &limits, &known);
        // What was learnt from a changed one is no more than what it says.
        both(&body, &sizes, &limits, &known).unwrap();
    }
}
