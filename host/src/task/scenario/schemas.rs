//! Stories of the source's schema: each kind of change, with rows in the table and writes after it. Change tracking resends
//! no row for most of them, so the mirror must know by itself when to ask for a fill.

use super::{Scenario, World, scenario};
use crate::protocol::sql_type::{Length, SqlType};
use crate::task::cell::Cell;
use crate::task::error::TaskError;
use crate::task::shape::{ColumnShape, TableShape};
use crate::task::source::SchemaChange;
use crate::task::values::{self, NO_DATE};

pub(super) const ALL: &[Scenario] = &[
    scenario!("add-column", "a column that may be NULL is added", add_column),
    scenario!("add-column-default", "a NOT NULL column with a default is added", add_column_default),
    scenario!(
        "add-column-null-default",
        "a column that may be NULL is added with a default, which old rows do not get",
        add_column_null_default
    ),
    scenario!("add-column-now", "a column whose default is the moment is added", add_column_now),
    scenario!("add-column-no-default", "a NOT NULL column without a default is added", add_column_no_default),
    scenario!("drop-column", "a column is dropped", drop_column),
    scenario!("rename-column", "a column is renamed; no row is resent", rename_column),
    scenario!("swap-columns", "two columns change names with each other", swap_columns),
    scenario!("drop-and-add-column", "a column is dropped and another added in one cycle", drop_and_add_column),
    scenario!("widen-column", "texts get longer columns, integers wider ones", widen_column),
    scenario!("narrow-column", "a text column is made shorter", narrow_column),
    scenario!("change-type", "an integer column becomes text", change_type),
    scenario!("set-not-null", "a column may no longer be NULL", set_not_null),
    scenario!("set-null", "a column may be NULL from now on", set_null),
    scenario!("change-default", "only a default changes", change_default),
    scenario!("change-key-type", "the key becomes bigint", change_key_type),
    scenario!("new-table", "a table is made", new_table),
    scenario!("drop-table", "a table is dropped", drop_table),
    scenario!("recreate-table", "a table is dropped and made again under its name", recreate_table),
    scenario!("rename-table", "a table is renamed", rename_table),
    scenario!("many-changes", "several changes of several tables between two cycles", many_changes),
];

/// A table with a column of each kind that is changed below, made for the story, filled and mirrored.
const TABLE: &str = "story";

async fn begin(world: &mut World<'_>) -> Result<(), TaskError> {
    if world.source.table(TABLE).is_none() {
        world.source.alter(SchemaChange::AddTable(TableShape {
            name: TABLE.into(),
            columns: vec![
                ColumnShape::new("story_id", SqlType::Int, false),
                ColumnShape::new("name", SqlType::NVarChar(Length::Limited(200)), true),
                ColumnShape::new("rank", SqlType::SmallInt, false).with_default("default ((0))", Cell::Integer(0)),
                ColumnShape::new("owner_id", SqlType::Int, true),
                ColumnShape::new("registered", SqlType::DateTime, true)
                    .with_default("default (N'1760-01-01 00:00:00')", Cell::Timestamp(NO_DATE)),
                ColumnShape::new("other", SqlType::NVarChar(Length::Limited(200)), true),
            ],
            rows: 200,
        }))?;
    }
    world.cycle().await;
    Ok(())
}

/// Changes the schema, mirrors it, then writes to the table, so that both old and new rows are compared.
async fn change(world: &mut World<'_>, change: SchemaChange) -> Result<(), TaskError> {
    begin(world).await?;
    world.source.alter(change)?;
    world.cycle().await;
    world.compare().await?;
    if let Some(comparison) = world.comparison.take()
        && !comparison.equal()
    {
        let first = comparison.differences.first();
        world
            .problems
            .push(format!("right after the change {} cells differ, the first: {first:?}", comparison.differing));
    }
    write(world);
    Ok(())
}

fn write(world: &mut World<'_>) {
    if let Some(at) = world.source.index_of(TABLE) {
        for key in 1..=60 {
            world.source.update(at, key);
        }
        world.source.delete(at, 70);
        world.source.insert(at);
    }
}

async fn add_column(world: &mut World<'_>) -> Result<(), TaskError> {
    let column = ColumnShape::new("added", SqlType::NVarChar(Length::Limited(50)), true);
    change(world, SchemaChange::AddColumn { table: TABLE.into(), column, existing: Cell::Null }).await
}

async fn add_column_default(world: &mut World<'_>) -> Result<(), TaskError> {
    let column = ColumnShape::new("added", SqlType::Int, false).with_default("default ((-1))", Cell::Integer(-1));
    change(world, SchemaChange::AddColumn { table: TABLE.into(), column, existing: Cell::Integer(-1) }).await
}

async fn add_column_null_default(world: &mut World<'_>) -> Result<(), TaskError> {
    let column = ColumnShape::new("added", SqlType::Int, true).with_default("default ((5))", Cell::Integer(5));
    change(world, SchemaChange::AddColumn { table: TABLE.into(), column, existing: Cell::Null }).await
}

async fn add_column_now(world: &mut World<'_>) -> Result<(), TaskError> {
    let moment = Cell::Timestamp(values::days(2026, 3, 4) * 864_000_000_000);
    let column =
        ColumnShape::new("added", SqlType::DateTime, false).with_default("default (getdate())", moment.clone());
    change(world, SchemaChange::AddColumn { table: TABLE.into(), column, existing: moment }).await
}

/// SQL Server allows this only where there are no rows, or by way of a default dropped at once, whose value stays.
async fn add_column_no_default(world: &mut World<'_>) -> Result<(), TaskError> {
    let column = ColumnShape::new("added", SqlType::Int, false);
    change(world, SchemaChange::AddColumn { table: TABLE.into(), column, existing: Cell::Integer(42) }).await
}

async fn drop_column(world: &mut World<'_>) -> Result<(), TaskError> {
    change(world, SchemaChange::DropColumn { table: TABLE.into(), column: "other".into() }).await
}

async fn rename_column(world: &mut World<'_>) -> Result<(), TaskError> {
    change(world, SchemaChange::RenameColumn { table: TABLE.into(), column: "name".into(), to: "navn".into() }).await
}

/// The most treacherous of all: the schema's names and types are what they were, their order aside.
async fn swap_columns(world: &mut World<'_>) -> Result<(), TaskError> {
    begin(world).await?;
    for (column, to) in [("name", "between"), ("other", "name"), ("between", "other")] {
        let (table, column, to) = (TABLE.into(), column.into(), to.into());
        world.source.alter(SchemaChange::RenameColumn { table, column, to })?;
    }
    // Seen from here nothing but the order of columns tells; that both rows and order arrive anew is all that can be
    // asked for, so every row is written.
    if let Some(at) = world.source.index_of(TABLE) {
        let keys: Vec<i64> = world.source.tables()[at].keys().collect();
        for key in keys {
            world.source.update(at, key);
        }
    }
    Ok(())
}

async fn drop_and_add_column(world: &mut World<'_>) -> Result<(), TaskError> {
    begin(world).await?;
    world.source.alter(SchemaChange::DropColumn { table: TABLE.into(), column: "other".into() })?;
    let column = ColumnShape::new("another", SqlType::NVarChar(Length::Limited(200)), true);
    change(world, SchemaChange::AddColumn { table: TABLE.into(), column, existing: Cell::Null }).await
}

async fn alter(world: &mut World<'_>, column: &str, sql_type: SqlType, nullable: bool) -> Result<(), TaskError> {
    change(world, SchemaChange::AlterColumn { table: TABLE.into(), column: column.into(), sql_type, nullable }).await
}

async fn widen_column(world: &mut World<'_>) -> Result<(), TaskError> {
    alter(world, "name", SqlType::NVarChar(Length::Max), true).await?;
    alter(world, "rank", SqlType::Int, false).await?;
    alter(world, "owner_id", SqlType::BigInt, true).await?;
    alter(world, "registered", SqlType::DateTime2(7), true).await
}

async fn narrow_column(world: &mut World<'_>) -> Result<(), TaskError> {
    alter(world, "name", SqlType::NVarChar(Length::Limited(15)), true).await
}

async fn change_type(world: &mut World<'_>) -> Result<(), TaskError> {
    alter(world, "owner_id", SqlType::NVarChar(Length::Limited(20)), true).await
}

async fn set_not_null(world: &mut World<'_>) -> Result<(), TaskError> {
    alter(world, "owner_id", SqlType::Int, false).await
}

async fn set_null(world: &mut World<'_>) -> Result<(), TaskError> {
    alter(world, "rank", SqlType::SmallInt, true).await
}

async fn change_default(world: &mut World<'_>) -> Result<(), TaskError> {
    let default_text = "default ((7))".into();
    change(world, SchemaChange::ChangeDefault { table: TABLE.into(), column: "rank".into(), default_text }).await
}

async fn change_key_type(world: &mut World<'_>) -> Result<(), TaskError> {
    change(world, SchemaChange::ChangeKeyType { table: TABLE.into(), sql_type: SqlType::BigInt }).await
}

async fn new_table(world: &mut World<'_>) -> Result<(), TaskError> {
    world.cycle().await;
    begin(world).await?;
    write(world);
    Ok(())
}

async fn drop_table(world: &mut World<'_>) -> Result<(), TaskError> {
    change(world, SchemaChange::DropTable { table: TABLE.into() }).await
}

async fn recreate_table(world: &mut World<'_>) -> Result<(), TaskError> {
    change(world, SchemaChange::RecreateTable { table: TABLE.into(), rows: 40 }).await
}

async fn rename_table(world: &mut World<'_>) -> Result<(), TaskError> {
    change(world, SchemaChange::RenameTable { table: TABLE.into(), to: "story_renamed".into() }).await
}

async fn many_changes(world: &mut World<'_>) -> Result<(), TaskError> {
    begin(world).await?;
    let busiest = world.busiest_name()?;
    let table = || TABLE.to_owned();
    let added = ColumnShape::new("much_later", SqlType::Float, true);
    world.source.alter(SchemaChange::AddColumn { table: busiest, column: added, existing: Cell::Null })?;
    world.source.alter(SchemaChange::RenameColumn { table: table(), column: "rank".into(), to: "rang".into() })?;
    world.source.work(50);
    world.source.alter(SchemaChange::AlterColumn {
        table: table(),
        column: "name".into(),
        sql_type: SqlType::NVarChar(Length::Limited(20)),
        nullable: true,
    })?;
    world.source.alter(SchemaChange::AddTable(TableShape {
        name: "late".into(),
        columns: vec![ColumnShape::new("late_id", SqlType::Int, false)],
        rows: 3,
    }))?;
    write(world);
    Ok(())
}
