//! TableSchema: what the mirror answers for tables new, known, changed, broken and gone (protocol.md section 5).

use super::evidence::{Evidence, Outcome, Want};
use super::probe::Probe;
use super::story::{Story, table};
use super::{Check, check};
use crate::protocol::messages::{ColumnInfo, RowOp};

pub(super) const ALL: &[Check] = &[
    check!("schema/new-table", "section 5", "a new table answers -1", new_table),
    check!("schema/many-tables", "section 5", "every table listed is answered", many_tables),
    check!("schema/unfilled-stays", "section 5", "a table that was never filled answers -1 again", unfilled),
    check!("schema/unchanged", "section 5", "an unchanged table answers the LSN it has", unchanged),
    check!("schema/name-case", "section 5", "table names have no case", name_case),
    check!("schema/broken-alone", "section 5", "a table of an unknown type stops that table alone", broken_alone),
    check!(
        "schema/bad-default-alone",
        "section 5",
        "a table with SQL for a default stops at most that table",
        bad_default
    ),
    check!("schema/no-tables", "section 5", "a call that lists no table is refused", no_tables),
    check!(
        "schema/dropped-and-back",
        "section 5",
        "a table no longer listed is gone, and new when it comes back",
        dropped
    ),
    check!(
        "schema/column-type-changed",
        "section 5",
        "an incompatible type is a fill or an alteration, never silence",
        type_changed
    ),
    check!(
        "schema/renamed-column",
        "section 5",
        "columns removed and added in one change fill the table anew",
        renamed
    ),
    check!(
        "schema/not-null-added",
        "section 5",
        "a NOT NULL column added without a default fills the table anew",
        not_null_added
    ),
    check!("schema/default-changed", "section 5", "a table whose default changed stays answered", default_changed),
    check!("schema/every-type", "section 5", "every SQL Server type makes a table", every_type),
    check!("schema/defaults", "section 5", "every default seen in real tenants makes a table", defaults),
    check!("schema/wide-table", "section 5", "a table of 111 columns makes a table", wide),
    check!("schema/no-key", "section 5", "a table whose first column may be NULL is mirrored by insert alone", no_key),
    check!("schema/odd-names", "section 2", "any legal name of a table or column is taken", odd_names),
];

async fn new_table(probe: &Probe) -> Outcome {
    Story::new(probe).expect_lsn(-1).await
}

async fn many_tables(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    let tables: Vec<_> = (0..50).map(|n| table(&probe.table(&format!("m{n}")), &[("id", "int", false)])).collect();
    let lsns = story.lsns(&tables).await?;
    let answered = lsns.iter().filter(|lsn| **lsn == Some(-1)).count();
    story.evidence("-1 for each of 50 tables", format!("-1 for {answered}")).when(answered == 50)
}

async fn unfilled(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.expect_lsn(-1).await?;
    story.expect_lsn(-1).await
}

async fn unchanged(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.expect_lsn(17).await?;
    story.expect_lsn(17).await
}

async fn name_case(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.table.table_name = story.table.table_name.to_uppercase();
    story.expect_lsn(17).await?;
    story.rows(18, &[(RowOp::Delete, &[Some("[I:1]"), None, None])]).await?;
    story.expect_lsn(18).await
}

async fn broken_alone(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    let bad = table(&probe.table("bad"), &[("id", "int", false), ("x", "no_such_type(7)", true)]);
    let tables = [story.table.clone(), bad, table(&probe.table("also"), &[("id", "int", false)])];
    let lsns = story.lsns(&tables).await?;
    story
        .evidence("-1 for the two good tables, nothing for the broken one", format!("{lsns:?}"))
        .when(lsns == [Some(-1), None, Some(-1)])
}

async fn bad_default(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    let mut bad = table(&probe.table("bad"), &[("id", "int", false), ("x", "int", true)]);
    bad.columns[1].default_value = "default ((1)); DROP TABLE x --".into();
    let tables = [story.table.clone(), bad];
    let lsns = story.lsns(&tables).await?;
    story.evidence("-1 for the good table", format!("{lsns:?}")).when(lsns.first() == Some(&Some(-1)))
}

async fn no_tables(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    let got = story.schema_of(&[]).await;
    if !got.is(Want::Refused) {
        return Err(story.evidence(Want::Refused.describe(), got.describe()));
    }
    story.expect_lsn(17).await
}

async fn dropped(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    let other = [table(&probe.table("other"), &[("id", "int", false)])];
    story.lsns(&other).await?;
    story.expect_lsn(-1).await
}

async fn type_changed(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.table.columns[1].sql_type = "int".into();
    let tables = [story.table.clone()];
    let lsns = story.lsns(&tables).await?;
    // Rows under the new schema must be taken, whichever way the mirror went.
    story.rows(18, &[(RowOp::Insert, &[Some("[I:1]"), Some("[I:5]"), None])]).await?;
    story.evidence("the table is answered", format!("{lsns:?}")).when(matches!(lsns.as_slice(), [Some(_)]))
}

async fn renamed(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.table.columns[1].name = "navn".into();
    story.expect_lsn(-1).await
}

fn column(name: &str, sql_type: &str, is_nullable: bool, default_value: &str) -> ColumnInfo {
    ColumnInfo { default_value: default_value.into(), is_nullable, name: name.into(), sql_type: sql_type.into() }
}

async fn not_null_added(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.table.columns.push(column("more", "int", false, ""));
    story.expect_lsn(-1).await
}

async fn default_changed(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.table.columns[2].default_value = "default ((5))".into();
    let tables = [story.table.clone()];
    let lsns = story.lsns(&tables).await?;
    story.evidence("17, or -1 for a fill", format!("{lsns:?}")).when(matches!(lsns.as_slice(), [Some(17 | -1)]))
}

async fn every_type(probe: &Probe) -> Outcome {
    const TYPES: &[&str] = &[
        "bit",
        "tinyint",
        "smallint",
        "int",
        "bigint",
        "decimal(18,2)",
        "numeric(38,10)",
        "decimal",
        "money",
        "smallmoney",
        "float",
        "float(24)",
        "real",
        "date",
        "time",
        "time(0)",
        "smalldatetime",
        "datetime",
        "datetime2",
        "datetime2(3)",
        "datetimeoffset",
        "datetimeoffset(0)",
        "char(10)",
        "varchar(8000)",
        "varchar(max)",
        "nchar(4000)",
        "nvarchar(4000)",
        "nvarchar(max)",
        "NVARCHAR (MAX)",
        "text",
        "ntext",
        "binary(8)",
        "varbinary(100)",
        "varbinary(max)",
        "image",
        "uniqueidentifier",
        "xml",
        "rowversion",
        "timestamp",
        "sql_variant",
        "hierarchyid",
        "geometry",
        "geography",
        "sysname",
    ];
    let mut story = Story::new(probe);
    let tables: Vec<_> = TYPES
        .iter()
        .enumerate()
        .map(|(n, sql_type)| table(&probe.table(&format!("t{n}")), &[("id", "int", false), ("x", sql_type, true)]))
        .collect();
    let lsns = story.lsns(&tables).await?;
    let missing: Vec<&str> = TYPES.iter().zip(&lsns).filter(|(_, lsn)| lsn.is_none()).map(|(name, _)| *name).collect();
    let sent = format!("TableSchema of {} tables, one of each type", TYPES.len());
    Evidence::new(sent, "an LSN for each", format!("none for {missing:?}")).when(missing.is_empty())
}

async fn defaults(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.table.columns = vec![
        column("id", "int", false, ""),
        column("a", "int", false, "default ((-1))"),
        column("b", "smallint", false, "default ((0))"),
        column("c", "nvarchar(255)", true, "default (N'')"),
        column("d", "datetime", true, "default (N'1760-01-01 00:00:00')"),
        column("e", "datetime", true, "default (N'17600101 00:00:00')"),
        column("f", "int", true, "default ((25))"),
    ];
    story.expect_lsn(-1).await
}

async fn wide(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    let more = (1..111).map(|n| column(&format!("column{n}"), "nvarchar(4000)", true, ""));
    story.table.columns.truncate(1);
    story.table.columns.extend(more);
    story.expect_lsn(-1).await
}

async fn no_key(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.table.columns[0].is_nullable = true;
    story.expect_lsn(-1).await?;
    story.rows(3, &[(RowOp::Insert, &[None, Some("x"), None])]).await?;
    story.expect_rows(Want::Refused, 4, &[(RowOp::Delete, &[Some("[I:1]"), None, None])]).await?;
    story.expect_lsn(3).await
}

async fn odd_names(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.table.table_name = probe.table("order \"by\" [x]; DROP TABLE y--'æ 表");
    story.table.columns[1].name = "na]me \"x\"'; --".into();
    story.fill(4).await?;
    story.expect_lsn(4).await
}
