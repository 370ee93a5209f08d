//! The table that is mirrored: 14 columns as in a real tenant. Its calls are made ready before the clock runs, since writing
//! them is the vendor's work and not ours.

use std::time::{Duration, Instant};

use super::work::CALL_BYTES;
use crate::cli::CliError;
use crate::protocol::messages::RowOp;
use crate::protocol::sql_type::{Length, SqlType};
use crate::task::batching::Batcher;
use crate::task::client::Client;
use crate::task::dice::Dice;
use crate::task::shape::{ColumnShape, TableShape};
use crate::task::source::{Need, Source};
use crate::task::spelling::Batch;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(10);

/// The table's name.
pub(super) const NAME: &str = "contact";

/// The table with so many rows.
pub(super) fn source(rows: u64) -> Source {
    let text = |name: &str, length: u16| ColumnShape::new(name, SqlType::NVarChar(Length::Limited(length)), true);
    let plain = |name: &str, sql_type| ColumnShape::new(name, sql_type, false);
    let columns = vec![
        plain("contact_id", SqlType::Int),
        text("name", 220),
        text("department", 220),
        text("number1", 50),
        plain("associate_id", SqlType::Int),
        plain("category_idx", SqlType::Int),
        plain("business_idx", SqlType::Int),
        plain("country_id", SqlType::Int),
        plain("source", SqlType::SmallInt),
        plain("deleted", SqlType::SmallInt),
        plain("registered", SqlType::DateTime),
        plain("updated", SqlType::DateTime),
        plain("updated_count", SqlType::SmallInt),
        ColumnShape::new("turnover", SqlType::Float, true),
    ];
    // Both sides of the comparison load the same, on servers too that cannot keep the character.
    Source::of(1, vec![TableShape { name: NAME.into(), columns, rows }]).without_nul()
}

/// A table as wide as a real tenant's widest, of the types that are most there.
pub(super) fn wide(rows: u64) -> Source {
    let columns = (0..crate::task::shape::WIDEST).map(|at| {
        let (name, sql_type) = match at % 6 {
            _ if at == 0 => ("wide_id".to_owned(), SqlType::Int),
            0 => (format!("when{at}"), SqlType::DateTime),
            1 => (format!("flag{at}"), SqlType::SmallInt),
            2 => (format!("text{at}"), SqlType::NVarChar(Length::Limited(100))),
            3 => (format!("amount{at}"), SqlType::Float),
            _ => (format!("ref{at}"), SqlType::Int),
        };
        ColumnShape::new(name, sql_type, false)
    });
    Source::of(2, vec![TableShape { name: "wide".into(), columns: columns.collect(), rows }]).without_nul()
}

/// Half as many changes as there are rows: half of them updates, a quarter inserts, a quarter deletes. How many.
pub(super) fn change(source: &mut Source, seed: u64) -> u64 {
    let changes = source.rows() / 2;
    change_some(source, seed, changes)
}

/// About so many changes of the same kinds.
pub(super) fn change_some(source: &mut Source, seed: u64, changes: u64) -> u64 {
    let mut dice = Dice::named(&[0xbe4c, seed]);
    let mut keys: Vec<i64> = source.tables()[0].keys().collect();
    for at in (1..keys.len()).rev() {
        keys.swap(at, dice.index(at + 1));
    }
    let quarter = usize::try_from(changes / 4).unwrap_or(0).min(keys.len() / 3);
    let (deleted, others) = keys.split_at(quarter);
    for key in deleted {
        source.delete(0, *key);
    }
    for key in others.iter().take(2 * quarter) {
        source.update(0, *key);
    }
    for _ in 0..quarter {
        source.insert(0);
    }
    4 * quarter as u64
}

/// Calls of RowData, written and signed.
pub(super) struct Calls {
    #[expect(clippy::struct_field_names, reason = "calls, as the protocol names them")]
    calls: Vec<(Vec<u8>, Vec<u8>)>,
    /// Rows in each call.
    pub sizes: Vec<usize>,
    pub rows: u64,
    pub bytes: u64,
}

impl Calls {
    /// All rows of the table.
    pub fn of_fill(source: &Source, client: &Client) -> Result<Self, CliError> {
        let table = &source.tables()[0];
        Self::of(source, client, table.keys().map(|key| (key, RowOp::Insert)).collect())
    }

    /// What has changed since this LSN.
    pub fn of_changes(source: &Source, client: &Client, since: i64) -> Result<Self, CliError> {
        match source.need(&source.tables()[0], since) {
            Need::Changes(changes) => Self::of(source, client, changes.into_iter().collect()),
            Need::Nothing | Need::Refill(_) => Err(CliError::failed("the source kept no changes to send")),
        }
    }

    fn of(source: &Source, client: &Client, rows: Vec<(i64, RowOp)>) -> Result<Self, CliError> {
        let count = rows.len() as u64;
        let batches: Vec<Batch> =
            Batcher::new(&source.tables()[0], rows.into_iter(), CALL_BYTES, source.version()).collect();
        Self::of_batches(client, &batches, count)
    }

    /// A call for each batch.
    pub fn of_batches(client: &Client, batches: &[Batch], count: u64) -> Result<Self, CliError> {
        let calls =
            batches.iter().map(|batch| client.raw_row_data(std::slice::from_ref(batch))).collect::<Result<Vec<_>, _>>();
        let calls = calls.map_err(CliError::failed)?;
        let sizes = batches.iter().map(|batch| usize::try_from(batch.rows.len()).unwrap_or(usize::MAX)).collect();
        let bytes = calls.iter().map(|(_, body)| body.len() as u64).sum();
        Ok(Self { calls, sizes, rows: count, bytes })
    }

    /// Makes them one after the other over one connection, as the Task does. Seconds.
    pub async fn make(&self, client: &Client) -> Result<f64, CliError> {
        let mut connection = client.open().await.map_err(CliError::failed)?;
        let began = Instant::now();
        for (head, body) in &self.calls {
            connection.send(head).await.map_err(CliError::failed)?;
            connection.send(body).await.map_err(CliError::failed)?;
            let answer = connection.receive(PATIENCE).await.map_err(CliError::failed)?;
            let text = String::from_utf8_lossy(&answer.body);
            if answer.status != 200 || !text.contains("IsSuccessful>true<") {
                return Err(CliError::Failed(format!("a call failed: {}", answer.excerpt())));
            }
        }
        Ok(began.elapsed().as_secs_f64())
    }

    /// The bodies.
    pub fn bodies(&self) -> impl Iterator<Item = &[u8]> {
        self.calls.iter().map(|(_, body)| body.as_slice())
    }
}

/// So many in so many seconds: how many a second.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds.max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::{change, source};
    use crate::protocol::messages::RowOp;
    use crate::task::source::Need;

    #[test]
    fn the_table_is_as_wide_as_promised_and_changes_are_of_each_kind() {
        let mut source = source(800);
        assert_eq!(source.tables()[0].columns().len(), 14);
        let before = source.version();
        assert_eq!(change(&mut source, 1), 400);
        let Need::Changes(changes) = source.need(&source.tables()[0], before) else { panic!("there are changes") };
        let count = |op: RowOp| changes.values().filter(|each| **each == op).count();
        assert_eq!((count(RowOp::Update), count(RowOp::Insert), count(RowOp::Delete)), (200, 100, 100));
        assert_eq!(source.rows(), 800);
    }
}
