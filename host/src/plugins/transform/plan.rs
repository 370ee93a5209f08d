//! A plug-in's plan for a table becomes a [`Step`], or is refused. Everything a plan could get wrong is found here,
//! before any row is touched.

use std::sync::Arc;

use crate::plugins::bindings::exports::speil::mirror::transform::{RowsPlan, TablePlan};
use crate::plugins::digest::{Builder, Digest};
use crate::plugins::events::quoted;
use crate::protocol::sql_type::SqlType;
use crate::protocol::table_def::{ColumnDef, TableDef};
use crate::protocol::table_name::fold;

/// Columns of one table: what SQL Server allows.
const MAX_COLUMNS: usize = 1_024;

/// What one plug-in does to a table's rows.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its place among the plug-ins.
    pub plugin: usize,
    /// The table as it comes to this plug-in, and as it leaves it.
    pub before: Arc<TableDef>,
    pub after: Arc<TableDef>,
    /// Columns of `before` that `apply` gets.
    pub inputs: Vec<usize>,
    /// Columns of `after` that `apply` returns.
    pub outputs: Vec<usize>,
    pub filter: bool,
    /// For each column of `after`, where its values come from.
    pub origins: Vec<Origin>,
}

/// Where a column's values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The column of `before` with this index.
    Kept(usize),
    /// The output with this position.
    Output(usize),
    /// Added, and nothing promised: NULL.
    Null,
}

/// All steps for a table, in order: what [`crate::plugins::hooks::TransformPlan::steps`] holds.
#[derive(Debug, Clone, Default)]
pub struct Steps(pub Vec<Step>);

/// What a plan comes to.
#[derive(Debug)]
pub enum Planned {
    Untouched,
    Skip,
    Step(Box<Step>),
}

impl Step {
    /// Whether `apply` is called at all.
    #[must_use]
    pub fn calls(&self) -> bool {
        !self.inputs.is_empty() || !self.outputs.is_empty() || self.filter
    }
}

/// Checks a plan against the table as it comes to the plug-in.
///
/// # Errors
/// A sentence without the plug-in's and the table's name.
pub fn check(plugin: usize, before: &Arc<TableDef>, plan: Option<TablePlan>) -> Result<Planned, String> {
    match plan {
        None => Ok(Planned::Untouched),
        Some(TablePlan::Skip) => Ok(Planned::Skip),
        Some(TablePlan::Rows(plan)) if is_nothing(&plan) => Ok(Planned::Untouched),
        Some(TablePlan::Rows(plan)) => rows(plugin, before, &plan).map(|step| Planned::Step(Box::new(step))),
    }
}

fn is_nothing(plan: &RowsPlan) -> bool {
    plan.drop.is_empty() && plan.add.is_empty() && plan.inputs.is_empty() && plan.outputs.is_empty() && !plan.filter
}

fn rows(plugin: usize, before: &Arc<TableDef>, plan: &RowsPlan) -> Result<Step, String> {
    let dropped = named("drops", &plan.drop, before)?;
    if let Some(&key) = dropped.iter().find(|&&index| before.is_key(index)) {
        return Err(format!(
            "its plan drops {}, which is part of the primary key; key columns stay",
            name(&before.columns[key].name)
        ));
    }
    let inputs = named("asks for", &plan.inputs, before)?;

    let mut columns = Vec::with_capacity(before.columns.len() + plan.add.len());
    let mut origins = Vec::with_capacity(columns.capacity());
    let mut key = vec![0; before.key.len()];
    for (index, column) in before.columns.iter().enumerate().filter(|(index, _)| !dropped.contains(index)) {
        if let Some(place) = before.key.iter().position(|&key| key == index) {
            key[place] = columns.len();
        }
        columns.push(column.clone());
        origins.push(Origin::Kept(index));
    }
    for new in &plan.add {
        let column = added(&new.name, &new.sql_type)?;
        let folded = fold(&column.name);
        if columns.iter().any(|other: &ColumnDef| fold(&other.name) == folded) {
            return Err(format!("its plan adds {}, and the table has a column of that name", name(&new.name)));
        }
        columns.push(column);
        origins.push(Origin::Null);
        if columns.len() > MAX_COLUMNS {
            return Err(format!("after its plan the table would have more than {MAX_COLUMNS} columns"));
        }
    }
    if columns.is_empty() {
        return Err("its plan drops every column; to leave the table out, it answers `skip`".into());
    }
    let after = Arc::new(TableDef { name: before.name.clone(), columns, key });

    if let Some(gone) =
        plan.outputs.iter().find(|output| after.column_index(output).is_none() && before.column_index(output).is_some())
    {
        return Err(format!("its plan both drops and promises {}", name(gone)));
    }
    let outputs = named("promises", &plan.outputs, &after)?;
    for (position, &index) in outputs.iter().enumerate() {
        if after.is_key(index) {
            return Err(format!(
                "its plan promises {}, which is part of the primary key; key columns are not changed",
                name(&after.columns[index].name)
            ));
        }
        origins[index] = Origin::Output(position);
    }
    Ok(Step { plugin, before: before.clone(), after, inputs, outputs, filter: plan.filter, origins })
}

/// The indices of columns, each named once.
fn named(verb: &str, names: &[String], table: &TableDef) -> Result<Vec<usize>, String> {
    let mut indices = Vec::with_capacity(names.len().min(MAX_COLUMNS));
    for text in names {
        let index = table
            .column_index(text)
            .ok_or_else(|| format!("its plan {verb} {}, and the table has no column of that name", name(text)))?;
        if indices.contains(&index) {
            return Err(format!("its plan {verb} {} twice", name(text)));
        }
        indices.push(index);
    }
    Ok(indices)
}

fn added(text: &str, sql_type: &str) -> Result<ColumnDef, String> {
    if text.is_empty() || text.contains('\0') || text.encode_utf16().count() > 128 {
        return Err(format!("its plan adds a column named {}; a name has 1 to 128 characters and no NUL", name(text)));
    }
    let sql_type: SqlType = sql_type
        .parse()
        .map_err(|error| format!("its plan adds {} with the type {}: {error}", name(text), name(sql_type)))?;
    Ok(ColumnDef { name: text.into(), sql_type, nullable: true, default: None })
}

fn name(text: &str) -> String {
    format!("`{}`", quoted(text, 128))
}

/// What a plug-in does to a table, for the table's schema hash: which component or revision, its configuration, its plan.
pub fn digest(
    builder: Builder,
    plugin: &Digest,
    config: &std::collections::BTreeMap<String, String>,
    planned: &Planned,
) -> Builder {
    let builder = builder.bytes(plugin).config(config);
    match planned {
        Planned::Untouched => builder.number(0),
        Planned::Skip => builder.number(1),
        Planned::Step(step) => {
            let name = |table: &'_ TableDef, index: &usize| table.columns[*index].name.clone();
            let inputs: Vec<String> = step.inputs.iter().map(|index| name(&step.before, index)).collect();
            let outputs: Vec<String> = step.outputs.iter().map(|index| name(&step.after, index)).collect();
            let columns: Vec<String> =
                step.after.columns.iter().map(|column| format!("{} {}", column.sql_type, column.name)).collect();
            builder
                .number(2)
                .texts(columns.iter().map(String::as_str))
                .texts(inputs.iter().map(String::as_str))
                .texts(outputs.iter().map(String::as_str))
                .number(usize::from(step.filter))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::bindings::exports::speil::mirror::transform::NewColumn;
    use crate::protocol::table_name::TableName;

    /// `a` int, `id` int key, `b` nvarchar(9).
    fn table() -> Arc<TableDef> {
        let column = |name: &str, sql_type: &str, nullable| ColumnDef {
            name: name.into(),
            sql_type: sql_type.parse().unwrap(),
            nullable,
            default: None,
        };
        let columns = vec![column("a", "int", true), column("id", "int", false), column("b", "nvarchar(9)", true)];
        Arc::new(TableDef { name: TableName::new("t").unwrap(), columns, key: vec![1] })
    }

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn rows_plan(drop: &[&str], add: &[(&str, &str)], inputs: &[&str], outputs: &[&str]) -> RowsPlan {
        let add = add.iter().map(|(name, kind)| NewColumn { name: (*name).into(), sql_type: (*kind).into() });
        RowsPlan {
            drop: texts(drop),
            add: add.collect(),
            inputs: texts(inputs),
            outputs: texts(outputs),
            filter: false,
        }
    }

    #[test]
    fn the_key_follows_its_column_and_values_know_where_they_come_from() {
        let plan = rows_plan(&["A"], &[("c", "bigint"), ("d", "date")], &["a", "B"], &["d", "b"]);
        let step = rows(0, &table(), &plan).unwrap();
        let names: Vec<&str> = step.after.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["id", "b", "c", "d"]);
        assert_eq!(step.after.key, [0]);
        assert_eq!(step.inputs, [0, 2], "a dropped column may still be an input");
        assert_eq!(step.outputs, [3, 1]);
        assert_eq!(step.origins, [Origin::Kept(1), Origin::Output(1), Origin::Null, Origin::Output(0)]);
        assert!(step.after.columns[2].nullable && step.calls());
    }

    #[test]
    fn a_dropped_column_s_name_is_free_for_another() {
        let step = rows(0, &table(), &rows_plan(&["a"], &[("a", "nvarchar(5)")], &["a"], &["a"])).unwrap();
        assert_eq!(step.inputs, [0]);
        assert_eq!(step.outputs, [2]);
        assert_eq!(step.after.columns[2].sql_type.to_string(), "nvarchar(5)");
    }

    #[test]
    fn a_plan_that_does_nothing_is_no_plan() {
        let nothing = TablePlan::Rows(rows_plan(&[], &[], &[], &[]));
        assert!(matches!(check(0, &table(), Some(nothing)), Ok(Planned::Untouched)));
        assert!(matches!(check(0, &table(), None), Ok(Planned::Untouched)));
        assert!(matches!(check(0, &table(), Some(TablePlan::Skip)), Ok(Planned::Skip)));
        let step = rows(0, &table(), &rows_plan(&["a"], &[], &[], &[])).unwrap();
        assert!(!step.calls(), "dropping alone needs no call");
    }

    #[test]
    fn a_table_without_a_key_keeps_at_least_one_column() {
        let keyless = Arc::new(TableDef { key: vec![], ..(*table()).clone() });
        let error = rows(0, &keyless, &rows_plan(&["a", "b", "id"], &[], &[], &[])).unwrap_err();
        assert_eq!(error, "its plan drops every column; to leave the table out, it answers `skip`");
    }

    #[test]
    fn the_digest_tells_plans_apart() {
        let plugin = [1; 32];
        let config = std::collections::BTreeMap::new();
        let digest = |planned: &Planned| super::digest(Builder::new("t"), &plugin, &config, planned).finish();
        let step = |plan: &RowsPlan| digest(&Planned::Step(Box::new(rows(0, &table(), plan).unwrap())));
        let all = [
            digest(&Planned::Untouched),
            digest(&Planned::Skip),
            step(&rows_plan(&["a"], &[], &[], &[])),
            step(&rows_plan(&[], &[("c", "int")], &[], &[])),
            step(&rows_plan(&[], &[("c", "bigint")], &[], &[])),
            step(&rows_plan(&[], &[], &["a"], &["b"])),
            step(&rows_plan(&[], &[], &["a", "b"], &["b"])),
            step(&rows_plan(&[], &[], &["a", "b"], &["a", "b"])),
            step(&RowsPlan { filter: true, ..rows_plan(&[], &[], &["a"], &["b"]) }),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
