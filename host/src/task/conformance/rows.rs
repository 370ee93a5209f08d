//! RowData: batches, LSNs and tables (protocol.md section 7).

use super::evidence::{Outcome, Want};
use super::probe::Probe;
use super::story::{Story, table};
use super::{Check, check};
use crate::protocol::messages::RowOp::{Delete, Insert, Update};
use crate::task::spelling::{Batch, Rows};

pub(super) const ALL: &[Check] = &[
    check!("rows/lsn-moves", "section 7", "the LSN of a batch is answered by the next TableSchema", moves),
    check!("rows/lsn-zero", "section 7", "LSN 0 moves nothing", zero),
    check!("rows/lsn-lower", "section 7", "a lower LSN moves nothing", lower),
    check!("rows/lsn-negative", "section 7", "a negative LSN moves nothing", negative),
    check!("rows/lsn-large", "section 1", "the LSN is a signed 64-bit number", large),
    check!("rows/unfinished-fill", "section 5", "a fill whose last batch has not come answers -1", unfinished),
    check!("rows/empty-batch", "section 7", "a batch without rows moves the LSN", empty_batch),
    check!("rows/no-batches", "section 7", "a call without batches is taken", no_batches),
    check!("rows/repeat", "section 7", "the same call twice is taken twice", repeat),
    check!("rows/several-tables", "section 10", "one call may hold batches of several tables", several_tables),
    check!(
        "rows/earlier-batches-stay",
        "section 7",
        "batches before a failing one stay, what follows is not applied",
        earlier_stay
    ),
    check!("rows/unknown-table", "section 5", "rows of a table that TableSchema never made are refused", unknown_table),
    check!("rows/other-columns", "section 5", "rows whose columns differ from the mirror's are refused", other_columns),
    check!("rows/other-type", "section 5", "rows whose column types differ from the mirror's are refused", other_type),
    check!("rows/operations", "section 7", "update of a missing key and delete of a missing key are taken", operations),
    check!("rows/delete-key-only", "section 7", "a delete needs only its key cells", delete_key_only),
    check!("rows/without-wipe", "section 8", "rows for a table answered -1 are taken without a Wipe", without_wipe),
    check!("rows/many", "section 7", "a batch of 20,000 rows is taken", many),
];

async fn moves(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.expect_lsn(17).await?;
    story.rows(23, &[(Insert, &[Some("[I:2]"), Some("two"), None])]).await?;
    story.expect_lsn(23).await
}

/// Fills to 17, then sends a batch with this LSN; 17 must stay.
async fn stays(probe: &Probe, lsn: i64) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.rows(lsn, &[(Update, &[Some("[I:1]"), Some("again"), None])]).await?;
    story.expect_lsn(17).await
}

async fn zero(probe: &Probe) -> Outcome {
    stays(probe, 0).await
}

async fn lower(probe: &Probe) -> Outcome {
    stays(probe, 16).await
}

async fn negative(probe: &Probe) -> Outcome {
    stays(probe, -1).await
}

async fn large(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.rows(i64::MAX, &[]).await?;
    story.expect_lsn(i64::MAX).await
}

async fn unfinished(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.expect_lsn(-1).await?;
    story.rows(0, &[(Insert, &[Some("[I:1]"), None, None])]).await?;
    story.rows(0, &[(Insert, &[Some("[I:2]"), None, None])]).await?;
    story.expect_lsn(-1).await?;
    story.rows(0, &[(Insert, &[Some("[I:1]"), None, None])]).await?;
    story.rows(5, &[(Insert, &[Some("[I:2]"), None, None])]).await?;
    story.expect_lsn(5).await
}

async fn empty_batch(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.rows(40, &[]).await?;
    story.expect_lsn(40).await
}

async fn no_batches(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    let got = story.send(&[]).await;
    if !got.is(Want::Success) {
        return Err(story.evidence(Want::Success.describe(), got.describe()));
    }
    story.expect_lsn(17).await
}

async fn repeat(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    for _ in 0..2 {
        story
            .rows(
                23,
                &[
                    (Insert, &[Some("[I:2]"), Some("two"), None]),
                    (Update, &[Some("[I:1]"), Some("uno"), None]),
                    (Delete, &[Some("[I:3]"), None, None]),
                ],
            )
            .await?;
        story.expect_lsn(23).await?;
    }
    story.expect_lsn(23).await
}

/// Row 1 of a table that has nothing but its key.
fn one_row() -> Rows {
    let mut rows = Rows::default();
    rows.push(Insert, vec![Some("[I:1]".into())]);
    rows
}

async fn several_tables(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    let other = table(&probe.table("other"), &[("id", "int", false)]);
    let tables = [story.table.clone(), other.clone()];
    story.lsns(&tables).await?;
    let second = Batch { table: other, rows: one_row(), lsn: 6 };
    let batches = [story.batch(0, &[(Insert, &[Some("[I:1]"), None, None])]), second, story.batch(5, &[])];
    let got = story.send(&batches).await;
    if !got.is(Want::Success) {
        return Err(story.evidence(Want::Success.describe(), got.describe()));
    }
    let lsns = story.lsns(&tables).await?;
    story.evidence("LSN 5 and 6", format!("{lsns:?}")).when(lsns == [Some(5), Some(6)])
}

async fn earlier_stay(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    let batches = [
        story.batch(20, &[(Insert, &[Some("[I:2]"), None, None])]),
        story.batch(21, &[(Insert, &[Some("[I:not a number]"), None, None])]),
        story.batch(22, &[(Insert, &[Some("[I:4]"), None, None])]),
    ];
    let got = story.send(&batches).await;
    if !got.is(Want::Refused) {
        return Err(story.evidence(Want::Refused.describe(), got.describe()));
    }
    story.expect_lsn(20).await
}

async fn unknown_table(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.table.table_name = probe.table("never_listed");
    story.expect_rows(Want::Refused, 20, &[(Insert, &[Some("[I:1]"), None, None])]).await
}

async fn other_columns(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.table.columns[1].name = "navn".into();
    story.expect_rows(Want::Refused, 20, &[(Insert, &[Some("[I:2]"), None, None])]).await?;
    story.table.columns[1].name = "name".into();
    story.expect_lsn(17).await
}

async fn other_type(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.table.columns[2].sql_type = "nvarchar(20)".into();
    story.expect_rows(Want::Refused, 20, &[(Insert, &[Some("[I:2]"), None, Some("text")])]).await?;
    story.table.columns[2].sql_type = "int".into();
    story.expect_lsn(17).await
}

async fn operations(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    let rows: [super::story::Row<'_>; 3] = [
        (Update, &[Some("[I:50]"), Some("was never inserted"), None]),
        (Insert, &[Some("[I:1]"), Some("was there already"), None]),
        (Delete, &[Some("[I:99]"), None, None]),
    ];
    story.rows(30, &rows).await?;
    story.expect_lsn(30).await
}

async fn delete_key_only(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    story.rows(18, &[(Delete, &[Some("[I:1]")])]).await?;
    story.rows(19, &[(Delete, &[Some("[I:1]"), Some(""), Some("")])]).await?;
    story.rows(20, &[(Delete, &[Some("[I:1]"), None, None])]).await?;
    story.expect_lsn(20).await
}

async fn without_wipe(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.expect_lsn(-1).await?;
    story.rows(9, &[(Insert, &[Some("[I:1]"), None, None])]).await?;
    story.expect_lsn(9).await
}

async fn many(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.expect_lsn(-1).await?;
    let mut rows = Rows::default();
    for key in 1..=20_000 {
        rows.push(Insert, vec![Some(format!("[I:{key}]")), Some("row".into()), None]);
    }
    let batch = Batch { table: story.table.clone(), rows, lsn: 9 };
    let got = story.send(&[batch]).await;
    if !got.is(Want::Success) {
        return Err(story.evidence(Want::Success.describe(), got.describe()));
    }
    story.expect_lsn(9).await
}
