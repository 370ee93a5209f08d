//! One cycle as the Task makes it: Authenticate, TableSchema, for each table that needs it Wipe and RowData, then
//! ReplicationCompleted (protocol.md section 1). Whatever an endpoint does that the contract does not allow becomes a
//! sentence in the report.

use std::collections::{BTreeMap, BTreeSet};

use super::batching::{Batcher, Counts};
use super::client::{CallError, Client};
use super::connection::TransportError;
use super::progress::Progress;
use super::source::{Need, RefillReason, Source, SourceTable};
use super::spelling::Batch;
use crate::protocol::messages::{ReplicationSummary, RowOp};

/// How a cycle is made.
#[derive(Debug, Clone)]
pub struct CycleOptions {
    /// Bytes of rows in a batch (section 10).
    pub batch_size: usize,
    /// Most batches in a call; they may be of several tables.
    pub batches_per_call: usize,
    /// Bytes of rows after which a call is sent, whatever it holds.
    pub call_bytes: usize,
    /// `SkipTable`: tables left out.
    pub skip_tables: Vec<String>,
    /// Ends the cycle after so many RowData calls, without a word, as a Task does that is stopped.
    pub stop_after: Option<u64>,
    /// Makes every call twice.
    pub twice: bool,
}

impl Default for CycleOptions {
    fn default() -> Self {
        Self {
            batch_size: 1_000_000,
            batches_per_call: 16,
            call_bytes: 1_000_000,
            skip_tables: Vec::new(),
            stop_after: None,
            twice: false,
        }
    }
}

/// How a cycle ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CycleEnd {
    Completed,
    /// The endpoint asked to be left alone (`doNotReplicate`).
    LeftAlone,
    /// Ended early because that was asked for.
    Interrupted,
    /// A call failed; no ReplicationCompleted was sent.
    Failed,
}

/// What was sent of one table.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TableSent {
    pub table: String,
    /// Why it was filled; `None`: changes only.
    pub filled: Option<RefillReason>,
    #[serde(flatten)]
    pub counts: Counts,
    pub batches: u64,
    pub bytes: u64,
}

/// What a cycle did and found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct CycleReport {
    pub end: CycleEnd,
    /// Tables that something was sent of.
    pub tables: Vec<TableSent>,
    /// Tables listed.
    pub listed: usize,
    /// Sentences: what the endpoint did wrong.
    pub problems: Vec<String>,
    /// Why not even the first call came through: one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nothing_done: Option<String>,
    pub calls: u64,
    pub bytes: u64,
    pub seconds: f64,
    /// How long TableSchema took, in milliseconds.
    pub table_schema_ms: f64,
    /// What the endpoint has promised: by a table's folded name the LSN of its last batch, for which a call was answered with success.
    #[serde(skip)]
    pub acknowledged: BTreeMap<String, i64>,
}

impl CycleReport {
    /// Rows sent.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.counts.rows()).sum()
    }

    /// Tables that were filled.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.tables.iter().filter(|table| table.filled.is_some()).count()
    }

    /// What was sent of one table.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&TableSent> {
        self.tables.iter().find(|table| table.table.eq_ignore_ascii_case(name))
    }
}

/// Runs one cycle.
pub async fn run(client: &mut Client, source: &Source, options: &CycleOptions, progress: &dyn Progress) -> CycleReport {
    let started = std::time::Instant::now();
    let before = client.sent;
    let mut cycle = Cycle {
        client,
        source,
        options,
        progress,
        report: CycleReport {
            end: CycleEnd::Failed,
            tables: Vec::new(),
            listed: 0,
            problems: Vec::new(),
            nothing_done: None,
            calls: 0,
            bytes: 0,
            seconds: 0.0,
            table_schema_ms: 0.0,
            acknowledged: BTreeMap::new(),
        },
        pending: Vec::new(),
        row_data_calls: 0,
        broken: BTreeSet::new(),
    };
    match cycle.run().await {
        Ok(end) => cycle.report.end = end,
        Err(error) => {
            // Authenticate comes before anything is listed.
            cycle.report.nothing_done = (cycle.report.listed == 0).then(|| turned_away(&error));
            cycle.report.problems.push(error.to_string());
        }
    }
    progress.end();
    let mut report = cycle.report;
    report.problems.extend(client.take_problems());
    report.calls = client.sent.calls - before.calls;
    report.bytes = client.sent.bytes - before.bytes;
    report.seconds = started.elapsed().as_secs_f64();
    report
}

struct Cycle<'c> {
    client: &'c mut Client,
    source: &'c Source,
    options: &'c CycleOptions,
    progress: &'c dyn Progress,
    report: CycleReport,
    /// Batches of the call to come.
    pending: Vec<Batch>,
    row_data_calls: u64,
    /// Tables one of whose calls was refused: nothing more is sent of them in this cycle.
    broken: BTreeSet<String>,
}

/// The cycle ends here.
struct Stop;

impl<'c> Cycle<'c> {
    async fn run(&mut self) -> Result<CycleEnd, CallError> {
        let answer = self.client.authenticate().await?;
        let information = answer.text("AdditionalInformationJson");
        if asks_to_be_left_alone(information, &mut self.report.problems) {
            return Ok(CycleEnd::LeftAlone);
        }
        let lsns = self.table_schema().await?;
        let source = self.source;
        let mut plan: Vec<(&SourceTable, Need)> = Vec::new();
        for table in self.listed() {
            if let Some(lsn) = lsns.get(&table.name().to_lowercase()) {
                let need = source.need(table, *lsn);
                if need != Need::Nothing || source.is_old(*lsn) {
                    plan.push((table, need));
                }
            }
        }
        let rows = plan.iter().map(|(table, need)| rows_of(table, need)).sum();
        self.progress.begin("rows", rows);
        for (table, need) in plan {
            if self.table(table, need).await?.is_err() {
                return Ok(CycleEnd::Interrupted);
            }
        }
        if self.send().await?.is_err() {
            return Ok(CycleEnd::Interrupted);
        }
        if !self.broken.is_empty() {
            return Ok(CycleEnd::Failed);
        }
        self.completed().await?;
        Ok(CycleEnd::Completed)
    }

    fn listed(&self) -> Vec<&'c SourceTable> {
        let skipped = |name: &str| self.options.skip_tables.iter().any(|skip| skip.eq_ignore_ascii_case(name));
        self.source.tables().iter().filter(|table| !skipped(table.name())).collect()
    }

    /// All tables at once; the LSN of each by its folded name.
    async fn table_schema(&mut self) -> Result<BTreeMap<String, i64>, CallError> {
        let infos: Vec<_> = self.listed().into_iter().map(SourceTable::info).collect();
        self.report.listed = infos.len();
        let started = std::time::Instant::now();
        let answer = self.client.table_schema(&infos).await?;
        self.report.table_schema_ms = started.elapsed().as_secs_f64() * 1_000.0;
        if self.options.twice {
            let again = self.client.table_schema(&infos).await?;
            if again.lsns != answer.lsns {
                self.report.problems.push("TableSchema: the same call made twice gave different LSNs".into());
            }
        }
        let mut lsns = BTreeMap::new();
        for (table, lsn) in answer.lsns {
            if lsns.insert(table.to_lowercase(), lsn).is_some() {
                self.report.problems.push(format!("TableSchema: table {table} is answered twice"));
            }
        }
        for info in &infos {
            if !lsns.contains_key(&info.table_name.to_lowercase()) {
                self.report.problems.push(format!(
                    "TableSchema: table {} was listed, but no LSN was answered for it; the endpoint could not make it",
                    info.table_name
                ));
                self.broken.insert(info.table_name.to_lowercase());
            }
        }
        let known: BTreeSet<String> = infos.iter().map(|info| info.table_name.to_lowercase()).collect();
        for table in lsns.keys().filter(|table| !known.contains(*table)) {
            self.report.problems.push(format!("TableSchema: an LSN was answered for {table}, which was not listed"));
        }
        Ok(lsns)
    }

    async fn table(&mut self, table: &SourceTable, need: Need) -> Result<Result<(), Stop>, CallError> {
        let version = self.source.version();
        let (filled, rows): (Option<RefillReason>, Box<dyn Iterator<Item = (i64, RowOp)> + Send + '_>) = match &need {
            Need::Refill(reason) => {
                let wiped = self.client.wipe(table.name()).await;
                if self.note(wiped.map(|_| ()), &[table.name()])?.is_none() {
                    return Ok(Ok(()));
                }
                if self.options.twice {
                    let again = self.client.wipe(table.name()).await;
                    if self.note(again.map(|_| ()), &[table.name()])?.is_none() {
                        return Ok(Ok(()));
                    }
                }
                (Some(*reason), Box::new(table.keys().map(|key| (key, RowOp::Insert))))
            }
            Need::Changes(changes) => (None, Box::new(changes.iter().map(|(key, op)| (*key, *op)))),
            // The mirror is equal but its LSN grows old: an empty batch carries it on before the log forgets it.
            Need::Nothing => (None, Box::new(std::iter::empty())),
        };
        let mut batcher = Batcher::new(table, rows, self.options.batch_size, version);
        let mut sent =
            TableSent { table: table.name().to_owned(), filled, counts: Counts::default(), batches: 0, bytes: 0 };
        while let Some(batch) = batcher.next() {
            if self.broken.contains(&table.name().to_lowercase()) {
                break;
            }
            sent.batches += 1;
            sent.bytes += batch.rows.bytes() as u64;
            self.pending.push(batch);
            let bytes: usize = self.pending.iter().map(|batch| batch.rows.bytes()).sum();
            if (self.pending.len() >= self.options.batches_per_call || bytes >= self.options.call_bytes)
                && let Err(stop) = self.send().await?
            {
                sent.counts = batcher.counts;
                self.report.tables.push(sent);
                return Ok(Err(stop));
            }
        }
        sent.counts = batcher.counts;
        self.report.tables.push(sent);
        Ok(Ok(()))
    }

    /// Sends the pending call, if there is one.
    async fn send(&mut self) -> Result<Result<(), Stop>, CallError> {
        if self.pending.is_empty() {
            return Ok(Ok(()));
        }
        let batches = std::mem::take(&mut self.pending);
        let names: Vec<&str> = batches.iter().map(|batch| batch.table.table_name.as_str()).collect();
        let times = if self.options.twice { 2 } else { 1 };
        for _ in 0..times {
            let answer = self.client.row_data(&batches).await;
            if self.note(answer.map(|_| ()), &names)?.is_none() {
                break;
            }
            let last = batches.iter().filter(|batch| batch.lsn > 0);
            let promised = last.map(|batch| (batch.table.table_name.to_lowercase(), batch.lsn));
            self.report.acknowledged.extend(promised);
        }
        self.progress.advance(batches.iter().map(|batch| batch.rows.len()).sum());
        self.row_data_calls += 1;
        if self.options.stop_after.is_some_and(|most| self.row_data_calls >= most) { Ok(Err(Stop)) } else { Ok(Ok(())) }
    }

    async fn completed(&mut self) -> Result<(), CallError> {
        let count = |rows: u64| i32::try_from(rows).unwrap_or(i32::MAX);
        let changed: Vec<ReplicationSummary> = self
            .report
            .tables
            .iter()
            .filter(|table| table.counts.rows() > 0)
            .map(|table| ReplicationSummary {
                deletes: count(table.counts.deletes),
                inserts: count(table.counts.inserts),
                table_name: table.table.clone(),
                updates: count(table.counts.updates),
            })
            .collect();
        for _ in 0..if self.options.twice { 2 } else { 1 } {
            self.client.replication_completed(&changed).await?;
        }
        Ok(())
    }

    /// A refusal or a fault breaks these tables for this cycle and is told; a broken transport ends the cycle.
    fn note(&mut self, result: Result<(), CallError>, tables: &[&str]) -> Result<Option<()>, CallError> {
        match result {
            Ok(()) => Ok(Some(())),
            Err(error @ (CallError::Refused { .. } | CallError::Fault { .. })) => {
                let tables: BTreeSet<&str> = tables.iter().copied().collect();
                let list = tables.iter().copied().collect::<Vec<_>>().join(", ");
                self.report.problems.push(format!("{error} (tables: {list})"));
                self.broken.extend(tables.iter().map(|table| table.to_lowercase()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// What it means that the first call of a cycle failed.
fn turned_away(error: &CallError) -> String {
    match error {
        CallError::Transport { source: TransportError::Connect { .. } | TransportError::Tls { .. }, .. } => {
            format!("The endpoint could not be reached: {error}.")
        }
        CallError::Transport { .. } => format!("The endpoint was reached and did not answer: {error}."),
        CallError::Fault { .. } | CallError::Refused { .. } => {
            format!("The endpoint turned the first call away, so nothing was replicated: {error}")
        }
        CallError::Unreadable { .. } => format!("What answers at this address is no mirroring endpoint: {error}"),
        CallError::Own { .. } => format!("No call could be made: {error}"),
    }
}

fn rows_of(table: &SourceTable, need: &Need) -> u64 {
    match need {
        Need::Nothing => 0,
        Need::Changes(changes) => changes.len() as u64,
        Need::Refill(_) => table.len(),
    }
}

/// `{ "doNotReplicate": "true" }` (section 3). Text that is no JSON object is a problem.
fn asks_to_be_left_alone(json: &str, problems: &mut Vec<String>) -> bool {
    if json.trim().is_empty() {
        return false;
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(json) {
        Ok(members) => match members.get("doNotReplicate") {
            Some(serde_json::Value::String(text)) => text.eq_ignore_ascii_case("true"),
            Some(serde_json::Value::Bool(yes)) => *yes,
            _ => false,
        },
        Err(error) => {
            problems.push(format!("Authenticate: AdditionalInformationJson is no JSON object ({error}): {json:?}"));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::asks_to_be_left_alone;

    #[test]
    fn only_a_clear_word_stops_the_cycle() {
        let mut problems = Vec::new();
        assert!(asks_to_be_left_alone("{ \"doNotReplicate\": \"true\" }", &mut problems));
        assert!(!asks_to_be_left_alone("{ \"doNotReplicate\": \"false\" }", &mut problems));
        assert!(!asks_to_be_left_alone("", &mut problems));
        assert!(problems.is_empty());
        assert!(!asks_to_be_left_alone("yes", &mut problems));
        assert_eq!(problems.len(), 1);
    }
}
