//! Whatever the source does to a table between two cycles, the mirror ends equal to it: the schema planner against a model
//! of SQL Server with change tracking, which resends rows that were written and none for a change of schema. And each rule
//! of the planner by itself.
//!
//! What no mirror can see is not in the model: a column dropped and added again under its old name between two cycles, and a
//! default changed between the column's birth and the first cycle that sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::kit::{Calls, Kit, info};
use crate::mirror::schema_hash;
use crate::mirror::schema_plan::{Action, Reason, Wanted, decide};
use crate::protocol::cell;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::{ColumnInfo, RowDataBatch, RowOp, TableSchemaInfo};
use crate::protocol::raw_batch::RawBatch;
use crate::protocol::sql_type::{Length, SqlType};
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::{TableKind, TableRecord};

pub const TYPES: [SqlType; 16] = [
    SqlType::TinyInt,
    SqlType::SmallInt,
    SqlType::Int,
    SqlType::BigInt,
    SqlType::NVarChar(Length::Limited(5)),
    SqlType::NVarChar(Length::Limited(20)),
    SqlType::NVarChar(Length::Max),
    SqlType::VarChar(Length::Limited(20)),
    SqlType::Char(5),
    SqlType::Char(8),
    SqlType::Decimal { precision: 9, scale: 2 },
    SqlType::Decimal { precision: 12, scale: 2 },
    SqlType::Decimal { precision: 12, scale: 4 },
    SqlType::Real,
    SqlType::Float,
    SqlType::Text,
];

/// A column at the source. Its identity survives a rename.
#[derive(Debug, Clone)]
struct Col {
    name: String,
    sql_type: SqlType,
    nullable: bool,
    default: Option<u8>,
    /// Changed in this interval already: see the head of this file.
    touched: bool,
}

/// The source's one table: rows by key, cells by column position (the key is not among them).
#[derive(Debug, Default)]
pub struct Source {
    columns: Vec<Col>,
    rows: BTreeMap<i64, Vec<Option<String>>>,
    changed: BTreeSet<i64>,
    names: usize,
    version: i64,
    wide_key: bool,
}

#[derive(Debug, Clone)]
pub enum Step {
    Add {
        sql_type: usize,
        nullable: bool,
        default: Option<u8>,
        with_values: bool,
    },
    Drop(usize),
    Rename(usize),
    Shout(usize),
    /// To a type some places away in [`TYPES`], where the next of kin are.
    Retype(usize, isize),
    Nullable(usize),
    NotNull(usize),
    Default(usize, Option<u8>),
    Swap(usize, usize),
    WidenKey,
    Write {
        key: i64,
        seed: u8,
    },
    Delete {
        key: i64,
    },
}

pub fn step() -> impl Strategy<Value = Step> {
    let types = 0..TYPES.len();
    let at = 0..8usize;
    let default = proptest::option::of(0..3u8);
    prop_oneof![
        3 => (types, any::<bool>(), default.clone(), any::<bool>()).prop_map(
            |(sql_type, nullable, default, with_values)| Step::Add { sql_type, nullable, default, with_values }
        ),
        1 => at.clone().prop_map(Step::Drop),
        1 => at.clone().prop_map(Step::Rename),
        1 => at.clone().prop_map(Step::Shout),
        6 => (at.clone(), -3..=3isize).prop_map(|(at, by)| Step::Retype(at, by)),
        1 => at.clone().prop_map(Step::Nullable),
        1 => at.clone().prop_map(Step::NotNull),
        1 => (at.clone(), default).prop_map(|(at, default)| Step::Default(at, default)),
        1 => (at.clone(), at).prop_map(|(one, other)| Step::Swap(one, other)),
        1 => Just(Step::WidenKey),
        8 => (0..6i64, any::<u8>()).prop_map(|(key, seed)| Step::Write { key, seed }),
        2 => (0..6i64).prop_map(|key| Step::Delete { key }),
    ]
}

/// A value's text, as the source would show it.
fn value(sql_type: SqlType, seed: u8) -> String {
    let number = u32::from(seed) % 200;
    match sql_type {
        SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt => number.to_string(),
        SqlType::Decimal { scale: 2, .. } => format!("{number}.25"),
        SqlType::Decimal { .. } => format!("{number}.2500"),
        SqlType::Real | SqlType::Float => format!("{number}.1"),
        SqlType::Char(length) => format!("{:width$}", format!("é{number}"), width = usize::from(length)),
        _ => format!("t{number}"),
    }
}

/// What ALTER COLUMN makes of a value; `None`: SQL Server refuses (or this model does not know).
fn converted(text: &str, from: SqlType, to: SqlType) -> Option<String> {
    let integer = |sql_type| matches!(sql_type, SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt);
    let room = |sql_type| match sql_type {
        SqlType::NVarChar(Length::Limited(n)) | SqlType::VarChar(Length::Limited(n)) | SqlType::Char(n) => {
            Some(n.into())
        }
        SqlType::NVarChar(Length::Max) | SqlType::Text => Some(usize::MAX),
        _ => None,
    };
    let fits = |text: String| {
        let chars = text.chars().count();
        match to {
            SqlType::Char(n) if chars <= n.into() => Some(format!("{text:width$}", width = usize::from(n))),
            _ => (chars <= room(to)?).then_some(text),
        }
    };
    match (from, to) {
        (from, to) if integer(from) && integer(to) => Some(text.to_owned()),
        (from, SqlType::Decimal { scale, .. }) if integer(from) => Some(format!("{text}.{}", "0".repeat(scale.into()))),
        (from, SqlType::Real | SqlType::Float) if integer(from) => Some(text.to_owned()),
        (SqlType::Decimal { scale: a, .. }, SqlType::Decimal { scale: b, .. }) => {
            (b >= a).then(|| format!("{text}{}", "0".repeat((b - a).into())))
        }
        (SqlType::Real, SqlType::Float) => Some(f64::from(text.parse::<f32>().ok()?).to_string()),
        (from, _) if (integer(from) || room(from).is_some()) && room(to).is_some() => fits(text.to_owned()),
        _ => None,
    }
}

impl Source {
    /// Columns of these types, NULL or not, and a few rows.
    pub fn beginning(columns: Vec<(usize, bool)>) -> Self {
        let mut source = Self::default();
        for (sql_type, nullable) in columns {
            source.apply(&Step::Add { sql_type, nullable, default: None, with_values: false });
        }
        for key in 0..4 {
            source.apply(&Step::Write { key, seed: 50 });
        }
        source
    }

    pub fn apply(&mut self, step: &Step) {
        let count = self.columns.len();
        let pick = |at: usize| at % count.max(1);
        match *step {
            Step::Add { sql_type, nullable, default, with_values } => {
                self.names += 1;
                let sql_type = TYPES[sql_type];
                let cell = match default {
                    Some(seed) if !nullable || with_values => Some(value(sql_type, seed)),
                    _ => None,
                };
                if cell.is_none() && !nullable && !self.rows.is_empty() {
                    return;
                }
                self.rows.values_mut().for_each(|row| row.push(cell.clone()));
                let name = format!("c{}", self.names);
                self.columns.push(Col { name, sql_type, nullable, default, touched: true });
            }
            Step::Drop(at) if count > 0 => {
                let at = pick(at);
                self.columns.remove(at);
                self.rows.values_mut().for_each(|row| {
                    row.remove(at);
                });
            }
            Step::Rename(at) if count > 0 => {
                let at = pick(at);
                self.names += 1;
                self.columns[at].name = format!("c{}", self.names);
            }
            Step::Shout(at) if count > 0 => {
                let column = &mut self.columns[pick(at)];
                column.name = column.name.to_uppercase();
            }
            Step::Retype(at, by) if count > 0 && !self.columns[pick(at)].touched => {
                let at = pick(at);
                let from = self.columns[at].sql_type;
                let place = TYPES.iter().position(|known| *known == from).expect("all types are from there");
                let to = TYPES[place.saturating_add_signed(by).min(TYPES.len() - 1)];
                let cells: Option<Vec<_>> = self
                    .rows
                    .values()
                    .map(|row| row[at].as_ref().map_or(Some(None), |text| converted(text, from, to).map(Some)))
                    .collect();
                if let (Some(cells), None) = (cells, self.columns[at].default) {
                    self.rows.values_mut().zip(cells).for_each(|(row, cell)| row[at] = cell);
                    self.columns[at].sql_type = to;
                    self.columns[at].touched = true;
                }
            }
            Step::Nullable(at) if count > 0 => self.columns[pick(at)].nullable = true,
            Step::NotNull(at) if count > 0 => {
                let at = pick(at);
                for (key, row) in &mut self.rows {
                    if row[at].is_none() {
                        row[at] = Some(value(self.columns[at].sql_type, 7));
                        self.changed.insert(*key);
                    }
                }
                self.columns[at].nullable = false;
            }
            Step::Default(at, default) if at < count && !self.columns[at].touched => self.columns[at].default = default,
            Step::Swap(one, other) if one < count && other < count => {
                self.columns.swap(one, other);
                self.rows.values_mut().for_each(|row| row.swap(one, other));
            }
            Step::WidenKey => self.wide_key = true,
            Step::Write { key, seed } => {
                let cell = |(at, column): (usize, &Col)| {
                    let seed = seed.wrapping_add(u8::try_from(at).unwrap());
                    (!(column.nullable && seed.is_multiple_of(3))).then(|| value(column.sql_type, seed))
                };
                self.rows.insert(key, self.columns.iter().enumerate().map(cell).collect());
                self.changed.insert(key);
            }
            Step::Delete { key } => {
                self.rows.remove(&key);
                self.changed.insert(key);
            }
            _ => {}
        }
    }

    pub fn info(&self) -> TableSchemaInfo {
        let default = |column: &Col| match column.default {
            Some(seed) => format!("default (N'{}')", value(column.sql_type, seed)),
            None => String::new(),
        };
        let number = |column: &Col| match column.default {
            Some(seed) => format!("default (({}))", value(column.sql_type, seed)),
            None => String::new(),
        };
        let mut columns = vec![ColumnInfo {
            default_value: String::new(),
            is_nullable: false,
            name: "id".into(),
            sql_type: if self.wide_key { "bigint".into() } else { "int".into() },
        }];
        columns.extend(self.columns.iter().map(|column| ColumnInfo {
            default_value: match column.sql_type.family() {
                crate::protocol::sql_type::Family::Text => default(column),
                _ => number(column),
            },
            is_nullable: column.nullable,
            name: column.name.clone(),
            sql_type: column.sql_type.to_string(),
        }));
        TableSchemaInfo { table_name: "thing".into(), columns }
    }

    fn row(&self, key: i64) -> Vec<Option<String>> {
        std::iter::once(Some(key.to_string())).chain(self.rows[&key].iter().cloned()).collect()
    }

    /// Rows as both sides write them.
    pub fn shown(&self) -> Vec<Vec<Option<String>>> {
        let def = TableDef::from_wire(&self.info(), None).unwrap();
        let rows = RawBatch::from_rows(self.rows.keys().map(|&key| (RowOp::Insert, self.row(key))));
        let mut shown = Vec::new();
        for segment in rows.into_segments() {
            let typed = cell::type_segment(segment.unwrap(), &def).unwrap();
            for row in 0..typed.len() {
                let cell = |at: usize| {
                    let sql_type = def.columns[at].sql_type;
                    cell::encode(typed.columns[at].value(row, sql_type.decimal_scale()), sql_type)
                };
                shown.push((0..def.columns.len()).map(cell).collect());
            }
        }
        shown
    }

    /// One cycle, as the Task does it.
    pub async fn mirror_into(&mut self, kit: &Calls) {
        self.version += 1;
        let lsn = kit.schema(&[self.info()]).await.unwrap()[0].1;
        let ops: Vec<(RowOp, Vec<Option<String>>)> = if lsn == -1 {
            kit.wipe("thing").await.unwrap();
            self.rows.keys().map(|&key| (RowOp::Insert, self.row(key))).collect()
        } else {
            assert_eq!(lsn, self.version - 1, "the mirror says how far it has come");
            let op = |&key: &i64| match self.rows.get(&key) {
                Some(_) => (RowOp::Update, self.row(key)),
                None => (RowOp::Delete, vec![Some(key.to_string())]),
            };
            self.changed.iter().map(op).collect()
        };
        let batch =
            RowDataBatch { rows: RawBatch::from_rows(ops), lsn: Lsn(self.version), table: Arc::new(self.info()) };
        kit.rows(batch).await.unwrap();
        self.changed.clear();
        self.columns.iter_mut().for_each(|column| column.touched = false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_mirror_ends_equal_to_the_source_whatever_changed(
        first in prop::collection::vec((0..TYPES.len(), any::<bool>()), 0..7),
        intervals in prop::collection::vec(prop::collection::vec(step(), 1..8), 2..5)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let kit = Kit::new();
            let mut source = Source::beginning(first);
            source.mirror_into(&kit).await;
            for interval in intervals {
                for step in &interval {
                    source.apply(step);
                }
                source.mirror_into(&kit).await;
                let mirrored = kit.db().rows("thing");
                assert_eq!(sorted(mirrored), sorted(source.shown()));
            }
        });
    }
}

pub fn sorted(mut rows: Vec<Vec<Option<String>>>) -> Vec<Vec<Option<String>>> {
    rows.sort();
    rows
}

fn def(columns: &[(&str, &str, bool, &str)]) -> TableDef {
    TableDef::from_wire(&info("thing", columns), None).unwrap()
}

fn from_to(old: &TableDef, new: &TableDef) -> Action {
    let record = TableRecord {
        table: TableName::new("thing").unwrap(),
        hash: Some(schema_hash::of_untouched(old)),
        lsn: Lsn(5),
        kind: TableKind::Mirrored,
        fill_begun: false,
        def: Some(Arc::new(old.clone())),
    };
    let wanted = Wanted { hash: schema_hash::of_untouched(new), target: Some(new), transformed: false };
    decide(Some(&record), None, wanted)
}

const ID: (&str, &str, bool, &str) = ("id", "int", false, "");

#[test]
fn these_changes_keep_the_rows() {
    let old = def(&[ID, ("a", "nvarchar(50)", false, "")]);
    let altered = Action::Alter { old: Arc::new(old.clone()) };
    assert_eq!(from_to(&old, &old), Action::Leave);
    for (why, new) in [
        ("wider text", def(&[ID, ("a", "nvarchar(51)", false, "")])),
        ("text without limit", def(&[ID, ("a", "nvarchar(max)", false, "")])),
        ("NULL allowed", def(&[ID, ("a", "nvarchar(50)", true, "")])),
        ("another default", def(&[ID, ("a", "nvarchar(50)", false, "default (N'')")])),
        ("a column gone", def(&[ID])),
        ("a nullable column more", def(&[ID, ("a", "nvarchar(50)", false, ""), ("b", "int", true, "")])),
        (
            "a column with its default more",
            def(&[ID, ("b", "int", false, "default ((0))"), ("a", "nvarchar(50)", false, "")]),
        ),
    ] {
        assert_eq!(from_to(&old, &new), altered, "{why}");
    }
}

#[test]
fn these_changes_fill_the_table_anew() {
    let old = def(&[ID, ("a", "nvarchar(50)", true, ""), ("n", "int", true, "")]);
    let kept = [ID, ("a", "nvarchar(50)", true, ""), ("n", "int", true, "")];
    let with = |more| def(&[kept[0], kept[1], kept[2], more]);
    for (why, new, reason) in [
        ("a rename, as seen from here", def(&[ID, kept[1], ("m", "int", true, "")]), Reason::Renamed),
        ("NOT NULL without a default", with(("b", "int", false, "")), Reason::Added { column: "b".into() }),
        (
            "a default that was perhaps not applied",
            with(("b", "int", true, "default ((1))")),
            Reason::Added { column: "b".into() },
        ),
        (
            "a default that differs by row",
            with(("b", "datetime", false, "default (getdate())")),
            Reason::Added { column: "b".into() },
        ),
        (
            "values of the source's own making",
            with(("b", "rowversion", true, "")),
            Reason::Added { column: "b".into() },
        ),
        (
            "NULL no longer allowed",
            def(&[ID, ("a", "nvarchar(50)", false, ""), kept[2]]),
            Reason::NotNull { column: "a".into() },
        ),
        ("another key", def(&[("n", "int", false, ""), ID, kept[1]]), Reason::KeyChanged),
        ("a wider key", def(&[("id", "bigint", false, ""), kept[1], kept[2]]), Reason::KeyChanged),
        ("no key any more", def(&[("id", "int", true, ""), kept[1], kept[2]]), Reason::KeyChanged),
        (
            "narrower text",
            def(&[ID, ("a", "nvarchar(49)", true, ""), kept[2]]),
            Reason::Type {
                column: "a".into(),
                old: SqlType::NVarChar(Length::Limited(50)),
                new: SqlType::NVarChar(Length::Limited(49)),
            },
        ),
    ] {
        assert_eq!(from_to(&old, &new), Action::Recreate(reason), "{why}");
    }
}

#[test]
fn only_these_types_widen_in_place() {
    let widens = [
        ("tinyint", "smallint"),
        ("tinyint", "bigint"),
        ("smallint", "int"),
        ("int", "bigint"),
        ("smallmoney", "money"),
        ("decimal(9,2)", "decimal(10,2)"),
        ("varchar(5)", "varchar(6)"),
        ("varchar(5)", "nvarchar(5)"),
        ("varchar(max)", "nvarchar(max)"),
        ("ntext", "nvarchar(max)"),
        ("text", "varchar(max)"),
        ("image", "varbinary(max)"),
        ("varbinary(5)", "varbinary(max)"),
    ];
    let does_not = [
        ("bigint", "int"),
        ("bit", "int"),
        ("int", "float"),
        ("int", "nvarchar(20)"),
        ("decimal(9,2)", "decimal(10,3)"),
        ("decimal(9,2)", "decimal(8,2)"),
        ("real", "float"),
        ("datetime", "datetime2(7)"),
        ("date", "datetime"),
        ("char(5)", "char(6)"),
        ("nvarchar(5)", "varchar(5)"),
        ("nvarchar(max)", "nvarchar(4000)"),
        ("varchar(6)", "nvarchar(5)"),
        ("ntext", "varchar(max)"),
        ("time(3)", "time(7)"),
        ("binary(4)", "binary(8)"),
        ("money", "decimal(19,4)"),
    ];
    let kept = |old: &str, new: &str| {
        matches!(from_to(&def(&[ID, ("a", old, true, "")]), &def(&[ID, ("a", new, true, "")])), Action::Alter { .. })
    };
    for (old, new) in widens {
        assert!(kept(old, new), "{old} to {new} keeps every value");
    }
    for (old, new) in does_not {
        assert!(!kept(old, new), "{old} to {new} may not");
    }
}
