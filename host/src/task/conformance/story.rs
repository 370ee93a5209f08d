//! Checks of several calls: one tenant, one small table, told step by step.

use super::evidence::{Evidence, Got, Outcome, Want};
use super::probe::Probe;
use crate::protocol::messages::{ColumnInfo, ReplicationSummary, RowOp, TableSchemaInfo};
use crate::task::client::Client;
use crate::task::spelling::{Batch, Rows, Spelling};

/// A tenant's calls, and what was sent so far.
pub(super) struct Story {
    client: Client,
    pub(super) table: TableSchemaInfo,
    told: Vec<String>,
}

/// A row: its operation and its cells as texts.
pub(super) type Row<'a> = (RowOp, &'a [Option<&'a str>]);

/// A table of these columns: name, type, whether it may be NULL.
pub(super) fn table(name: &str, columns: &[(&str, &str, bool)]) -> TableSchemaInfo {
    TableSchemaInfo {
        table_name: name.to_owned(),
        columns: columns
            .iter()
            .map(|(name, sql_type, nullable)| ColumnInfo {
                default_value: String::new(),
                is_nullable: *nullable,
                name: (*name).to_owned(),
                sql_type: (*sql_type).to_owned(),
            })
            .collect(),
    }
}

impl Story {
    /// A story of one table: `id int`, `name nvarchar(100)`, `number int`.
    pub(super) fn new(probe: &Probe) -> Self {
        let columns = [("id", "int", false), ("name", "nvarchar(100)", true), ("number", "int", true)];
        Self::of(probe, table(&probe.table("story"), &columns))
    }

    /// A story of this table.
    pub(super) fn of(probe: &Probe, table: TableSchemaInfo) -> Self {
        Self { client: probe.client(), table, told: Vec::new() }
    }

    /// The same story, whose calls are spelled as this sender spells them.
    pub(super) fn spelled(mut self, spelling: Spelling) -> Self {
        self.client = self.client.spelled(spelling);
        self
    }

    fn say(&mut self, what: impl Into<String>) {
        self.told.push(what.into());
    }

    /// What was sent so far.
    pub(super) fn sent(&self) -> String {
        self.told.join("; ")
    }

    /// Evidence about all that was sent so far.
    pub(super) fn evidence(&self, expected: impl Into<String>, got: impl Into<String>) -> Evidence {
        Evidence::new(self.sent(), expected, got)
    }

    fn demand(&self, want: Want, got: Got) -> Result<Got, Evidence> {
        if got.is(want) { Ok(got) } else { Err(self.evidence(want.describe(), got.describe())) }
    }

    /// TableSchema of these tables.
    pub(super) async fn schema_of(&mut self, tables: &[TableSchemaInfo]) -> Got {
        let names: Vec<_> = tables.iter().map(|table| table.table_name.as_str()).collect();
        self.say(format!("TableSchema({})", names.join(", ")));
        let answer = self.client.table_schema(tables).await;
        Got::from_call(answer, &self.client.take_problems())
    }

    /// TableSchema of these tables, which must succeed; the LSN of each name asked for, `None` when it is not answered.
    pub(super) async fn lsns(&mut self, tables: &[TableSchemaInfo]) -> Result<Vec<Option<i64>>, Evidence> {
        let got = self.schema_of(tables).await;
        let Got::Success(answer) = self.demand(Want::Success, got)? else { return Ok(Vec::new()) };
        Ok(tables
            .iter()
            .map(|table| {
                let found = answer.lsns.iter().find(|(name, _)| name.eq_ignore_ascii_case(&table.table_name));
                found.map(|(_, lsn)| *lsn)
            })
            .collect())
    }

    /// TableSchema of the story's table must answer this LSN.
    pub(super) async fn expect_lsn(&mut self, expected: i64) -> Outcome {
        let tables = [self.table.clone()];
        let lsns = self.lsns(&tables).await?;
        let got = lsns.first().copied().flatten();
        let shown = got.map_or_else(|| "the table is not answered".to_owned(), |lsn| format!("LSN {lsn}"));
        self.evidence(format!("LSN {expected}"), shown).when(got == Some(expected))
    }

    /// A batch of the story's table.
    pub(super) fn batch(&self, lsn: i64, rows: &[Row<'_>]) -> Batch {
        let mut made = Rows::default();
        for (op, cells) in rows {
            made.push(*op, cells.iter().map(|cell| cell.map(str::to_owned)).collect());
        }
        Batch { table: self.table.clone(), rows: made, lsn }
    }

    /// RowData of these batches.
    pub(super) async fn send(&mut self, batches: &[Batch]) -> Got {
        let batch =
            |batch: &Batch| format!("{} rows of {} with LSN {}", batch.rows.len(), batch.table.table_name, batch.lsn);
        self.say(format!("RowData({})", batches.iter().map(batch).collect::<Vec<_>>().join(", ")));
        let answer = self.client.row_data(batches).await;
        Got::from_call(answer, &self.client.take_problems())
    }

    /// RowData of one batch, which must succeed.
    pub(super) async fn rows(&mut self, lsn: i64, rows: &[Row<'_>]) -> Result<(), Evidence> {
        let batch = self.batch(lsn, rows);
        let got = self.send(&[batch]).await;
        self.demand(Want::Success, got).map(|_| ())
    }

    /// RowData of one batch, judged.
    pub(super) async fn expect_rows(&mut self, want: Want, lsn: i64, rows: &[Row<'_>]) -> Outcome {
        let batch = self.batch(lsn, rows);
        let got = self.send(&[batch]).await;
        self.evidence(want.describe(), got.describe()).when(got.is(want))
    }

    /// Wipe of a table.
    pub(super) async fn wipe(&mut self, table: &str) -> Got {
        self.say(format!("Wipe({table})"));
        let answer = self.client.wipe(table).await;
        Got::from_call(answer, &self.client.take_problems())
    }

    /// Makes the table, wipes it and fills it with row 1 up to this LSN.
    pub(super) async fn fill(&mut self, lsn: i64) -> Result<(), Evidence> {
        self.expect_lsn(-1).await?;
        self.fill_known(lsn).await
    }

    /// Wipes the table, which is there, and fills it with row 1 up to this LSN.
    pub(super) async fn fill_known(&mut self, lsn: i64) -> Result<(), Evidence> {
        let name = self.table.table_name.clone();
        let got = self.wipe(&name).await;
        self.demand(Want::Success, got)?;
        self.rows(lsn, &[(RowOp::Insert, &[Some("[I:1]"), Some("one"), Some("[I:11]")])]).await
    }

    /// ReplicationCompleted.
    pub(super) async fn completed(&mut self, changed: &[ReplicationSummary]) -> Got {
        self.say(format!("ReplicationCompleted({} tables)", changed.len()));
        let answer = self.client.replication_completed(changed).await;
        Got::from_call(answer, &self.client.take_problems())
    }
}
