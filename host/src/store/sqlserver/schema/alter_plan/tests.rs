//! The planner on made-up tables.

use super::*;
use crate::protocol::default_value::DefaultValue;
use crate::store::IndexDef;
use crate::store::records::IndexColumn;
use crate::store::sqlserver::golden::sample::{self, column};
use crate::store::sqlserver::schema::types::render;

/// The sample table as a server has it that was asked to make it.
fn there(def: &TableDef, is_babelfish: bool) -> There {
    let columns = def.columns.iter().enumerate().map(|(at, column)| Column {
        name: if is_babelfish { column.name.to_lowercase() } else { column.name.clone() },
        declared: render(column.sql_type),
        sql_type: Some(stored(column.sql_type)),
        not_null: !column.nullable,
        has_default: default_clause(column).is_some(),
        key_place: def.key.iter().position(|&key| key == at).map_or(0, |place| i32::try_from(place).unwrap() + 1),
        collation: None,
        is_generated: false,
    });
    let columns: Vec<Column> = columns.collect();
    let defaults = columns.iter().filter(|column| column.has_default);
    There {
        server: Server { is_babelfish, builds_online: false },
        defaults: defaults.map(|column| (column.name.clone(), format!("DF_{}", column.name))).collect(),
        key: (!def.key.is_empty()).then(|| "PK_1".to_owned()),
        indexes: Vec::new(),
        statistics: Vec::new(),
        columns,
    }
}

fn index(name: &str, columns: &[&str]) -> FoundIndex {
    let columns = columns.iter().map(|&name| IndexColumn { name: name.into(), descending: false }).collect();
    let def = IndexDef { name: name.into(), columns, unique: false };
    FoundIndex { def, kind: 2, is_constraint: false, included: Vec::new(), filter: None }
}

fn steps(new: &TableDef) -> Vec<Step> {
    let old = sample::contact();
    plan("contact", &there(&old, false), &old, new).unwrap()
}

#[test]
fn nothing_changed_needs_no_step() {
    assert_eq!(steps(&sample::contact()), []);
    let all = sample::every_type();
    assert_eq!(plan("every_type", &there(&all, false), &all, &all).unwrap(), []);
    let all = sample::every_default();
    assert_eq!(plan("every_default", &there(&all, false), &all, &all).unwrap(), []);
}

#[test]
fn a_column_is_added_and_rows_take_its_default() {
    let mut new = sample::contact();
    let plain = column("a", SqlType::Int, true);
    let strict = ColumnDef { default: Some(DefaultValue::Number("5".into())), ..column("b", SqlType::Int, false) };
    let filled = ColumnDef { default: Some(DefaultValue::Number("5".into())), ..column("c", SqlType::Int, true) };
    new.columns.insert(1, plain.clone());
    new.columns.push(strict.clone());
    new.columns.push(filled.clone());
    let add = |column: &ColumnDef| Step::AddColumn { column: column.clone(), is_key: false };
    assert_eq!(steps(&new), [add(&plain), add(&strict), add(&filled), Step::Fill { column: "c".into() }]);
}

#[test]
fn what_uses_a_dropped_column_goes_first() {
    let old = sample::contact();
    let mut new = sample::contact();
    new.columns.remove(1);
    let mut there = there(&old, false);
    there.indexes = vec![index("by_name", &["amount", "Name"]), index("by_amount", &["amount"])];
    there.statistics = vec![("s".into(), "amount".into()), ("s".into(), "Name".into()), ("t".into(), "notes".into())];
    assert_eq!(
        plan("contact", &there, &old, &new).unwrap(),
        [
            Step::DropIndex(there.indexes[0].clone()),
            Step::DropStatistics("s".into()),
            Step::DropConstraint("DF_Name".into()),
            Step::DropColumn("Name".into()),
        ]
    );
}

#[test]
fn a_changed_column_keeps_its_index_its_default_and_its_not_null() {
    let old = sample::contact();
    let mut new = sample::contact();
    new.columns[3].sql_type = SqlType::BigInt;
    let mut there = there(&old, false);
    there.indexes = vec![index("by_business", &["business_idx", "Name"]), index("by_name", &["Name"])];
    assert_eq!(
        plan("contact", &there, &old, &new).unwrap(),
        [
            Step::DropIndex(there.indexes[0].clone()),
            Step::DropConstraint("DF_business_idx".into()),
            Step::AlterColumn { column: new.columns[3].clone(), is_key: false, says_null: true },
            Step::AddDefault { column: "business_idx".into(), default: "(0)".into() },
            Step::CreateIndex(there.indexes[0].clone()),
        ]
    );
}

#[test]
fn a_column_gets_longer_under_its_index_until_no_index_can_hold_it() {
    let old = sample::contact();
    let mut new = sample::contact();
    let mut there = there(&old, false);
    there.indexes = vec![index("by_name", &["Name"])];
    there.statistics = vec![("s".into(), "Name".into())];
    let is_about_index =
        |step: &Step| matches!(step, Step::DropIndex(_) | Step::CreateIndex(_) | Step::DropStatistics(_));
    new.columns[1].sql_type = SqlType::NVarChar(Length::Limited(300));
    assert!(!plan("contact", &there, &old, &new).unwrap().iter().any(is_about_index));
    new.columns[1].sql_type = SqlType::NVarChar(Length::Max);
    let steps: Vec<Step> = plan("contact", &there, &old, &new).unwrap().into_iter().filter(is_about_index).collect();
    assert_eq!(steps, [Step::DropIndex(there.indexes[0].clone()), Step::DropStatistics("s".into())]);
}

#[test]
fn the_key_goes_and_comes_again_when_a_column_of_it_changes() {
    let mut new = sample::contact();
    new.columns[0].sql_type = SqlType::BigInt;
    assert_eq!(
        steps(&new),
        [
            Step::DropConstraint("PK_1".into()),
            Step::AlterColumn { column: new.columns[0].clone(), is_key: true, says_null: true },
            Step::AddKey(new.clone()),
        ]
    );
    let mut new = sample::contact();
    new.key = vec![];
    assert_eq!(steps(&new), [Step::DropConstraint("PK_1".into())]);
    let mut new = sample::contact();
    new.key = vec![3, 0];
    assert_eq!(steps(&new), [Step::DropConstraint("PK_1".into()), Step::AddKey(new.clone())]);
}

#[test]
fn a_text_in_the_key_is_told_apart_by_its_bytes() {
    let mut new = sample::contact();
    new.key = vec![1];
    let altered = Step::AlterColumn { column: new.columns[1].clone(), is_key: true, says_null: true };
    assert_eq!(steps(&new)[2], altered);
    // And no longer when it leaves the key.
    let mut before = there(&new, false);
    before.columns[1].collation = Some(KEY_COLLATION.to_owned());
    let back = plan("contact", &before, &new, &sample::contact()).unwrap();
    assert!(back.contains(&Step::AlterColumn { column: new.columns[1].clone(), is_key: false, says_null: true }));
}

#[test]
fn a_default_is_changed_added_and_removed() {
    let mut new = sample::contact();
    new.columns[1].default = Some(DefaultValue::Text("anon".into()));
    new.columns[3].default = None;
    new.columns[4].default = Some(DefaultValue::Number("1".into()));
    assert_eq!(
        steps(&new),
        [
            Step::DropConstraint("DF_Name".into()),
            Step::DropConstraint("DF_business_idx".into()),
            Step::AddDefault { column: "Name".into(), default: "(N'anon')".into() },
            Step::AddDefault { column: "amount".into(), default: "(1.0000)".into() },
        ]
    );
    let old = sample::contact();
    let babelfish = plan("contact", &there(&old, true), &old, &new).unwrap();
    assert_eq!(
        babelfish,
        [
            Step::AddDefault { column: "name".into(), default: "(N'anon')".into() },
            Step::AddDefault { column: "business_idx".into(), default: "NULL".into() },
            Step::AddDefault { column: "amount".into(), default: "(1.0000)".into() },
        ]
    );
}

#[test]
fn nullability_and_spelling_change() {
    let mut new = sample::contact();
    new.columns[4].nullable = false;
    new.columns[4].name = "Amount".into();
    new.name = crate::protocol::table_name::TableName::new("Contact").unwrap();
    let altered = ColumnDef { name: "amount".into(), ..new.columns[4].clone() };
    assert_eq!(
        steps(&new),
        [
            Step::AlterColumn { column: altered, is_key: false, says_null: true },
            Step::RenameColumn { from: "amount".into(), to: "Amount".into() },
            Step::RenameTable { to: "Contact".into() },
        ]
    );
}

#[test]
fn a_taken_over_column_becomes_what_ours_is_when_it_changes() {
    let mut old = sample::contact();
    old.columns[1].sql_type = SqlType::VarChar(Length::Limited(220));
    let mut there = there(&old, false);
    there.columns[1].sql_type = Some(old.columns[1].sql_type);
    let mut new = old.clone();
    new.columns[1].sql_type = SqlType::NVarChar(Length::Limited(220));
    let steps = plan("contact", &there, &old, &new).unwrap();
    assert!(steps.iter().any(|step| matches!(step, Step::AlterColumn { .. })), "{steps:?}");
}

#[test]
fn what_somebody_changed_by_hand_is_not_guessed_at() {
    let old = sample::contact();
    let mut fewer = there(&old, false);
    fewer.columns.remove(1);
    let refused = plan("contact", &fewer, &old, &old).unwrap_err();
    assert_eq!(refused.kind, StoreErrorKind::Schema);
    let mut more = there(&old, false);
    more.columns.push(Column { name: "theirs".into(), key_place: 0, ..more.columns[4].clone() });
    assert_eq!(plan("contact", &more, &old, &old).unwrap(), [], "a column of somebody else's stays");
    let mut new = old.clone();
    new.columns.push(column("Theirs", SqlType::Int, true));
    assert_eq!(plan("contact", &more, &old, &new).unwrap_err().kind, StoreErrorKind::Schema);
}

#[test]
fn a_seventh_digit_of_a_second_is_added_but_where_there_is_none() {
    for of in [SqlType::Time, SqlType::DateTime2, SqlType::DateTimeOffset] {
        let table = |digits| {
            let columns = vec![column("id", SqlType::Int, false), column("at", of(digits), true)];
            sample::table("t", columns)
        };
        let (old, new) = (table(6), table(7));
        let wider = Step::AlterColumn { column: new.columns[1].clone(), is_key: false, says_null: true };
        assert_eq!(plan("t", &there(&old, false), &old, &new).unwrap(), [wider]);
        assert_eq!(plan("t", &there(&old, true), &old, &new).unwrap(), []);
    }
}

#[test]
fn only_changes_that_sql_server_makes_without_loss_are_made() {
    let nvarchar = |n| SqlType::NVarChar(Length::Limited(n));
    let varchar = |n| SqlType::VarChar(Length::Limited(n));
    let decimal = |precision, scale| SqlType::Decimal { precision, scale };
    for (from, to) in [
        (SqlType::SmallInt, SqlType::BigInt),
        (SqlType::Int, decimal(18, 2)),
        (SqlType::Int, varchar(11)),
        (SqlType::SmallMoney, SqlType::Money),
        (decimal(10, 2), decimal(38, 10)),
        (SqlType::Real, SqlType::Float),
        (SqlType::Date, SqlType::DateTime),
        (nvarchar(10), SqlType::NVarChar(Length::Max)),
        (varchar(10), nvarchar(10)),
        (SqlType::Text, SqlType::VarChar(Length::Max)),
        (SqlType::NText, SqlType::NVarChar(Length::Max)),
        (SqlType::Image, SqlType::VarBinary(Length::Max)),
        (SqlType::Binary(8), SqlType::VarBinary(Length::Limited(8))),
    ] {
        assert!(converts(from, to), "{from} to {to}");
    }
    for (from, to) in [
        (SqlType::Int, SqlType::Bit),
        (SqlType::Int, varchar(10)),
        (SqlType::Float, SqlType::Real),
        (nvarchar(10), varchar(10)),
        (nvarchar(10), nvarchar(9)),
        (nvarchar(10), SqlType::NChar(10)),
        (nvarchar(10), SqlType::NText),
        (nvarchar(10), SqlType::Int),
        (SqlType::NText, nvarchar(4000)),
        (decimal(10, 4), decimal(10, 2)),
        (SqlType::DateTime, SqlType::DateTime2(7)),
        (SqlType::DateTime2(7), SqlType::DateTime2(3)),
        (SqlType::Xml, SqlType::NVarChar(Length::Max)),
        (SqlType::VarBinary(Length::Max), SqlType::Binary(8)),
        (SqlType::Geometry, SqlType::VarBinary(Length::Max)),
    ] {
        assert!(!converts(from, to), "{from} to {to}");
    }
}
