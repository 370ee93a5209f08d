//! What must be so before a call, and what it brings.

use speil::protocol::messages::RowOp;
use speil::protocol::sql_type::{Length, SqlType};
use speil::task::batching::Batcher;
use speil::task::shape::{ColumnShape, TableShape};
use speil::task::source::{Need, SchemaChange, Source};
use speil::task::spelling::{Batch, Rows};

use super::calls::Call;
use crate::kit::Tenant;

/// The table that most calls are about. Its column [`NAME`] goes through the transform.
pub const STORY: &str = "story";
pub const NAME: &str = "name";
/// The table of long rows.
pub const LETTER: &str = "letter";
/// Its column that grows.
const SUBJECT: &str = "subject";
/// A table that comes and goes.
pub const EXTRA: &str = "extra";
/// A row whose [`NAME`] is this the transform cannot take.
pub const POISON: &str = "poison";

const STORY_AT: usize = 0;
const LETTER_AT: usize = 1;
/// Together a quarter of a megabyte: more than three times what a batch may have in memory.
const LETTERS: u64 = 260;
const LETTER_BYTES: u16 = 600;

/// A tenant's source.
pub fn source(seed: u64) -> Source {
    let story = vec![
        ColumnShape::new("story_id", SqlType::Int, false),
        ColumnShape::new(NAME, SqlType::NVarChar(Length::Limited(200)), true),
        ColumnShape::new("rank", SqlType::SmallInt, false),
    ];
    let letter = vec![
        ColumnShape::new("letter_id", SqlType::Int, false),
        ColumnShape::new(SUBJECT, SqlType::NVarChar(Length::Limited(60)), true),
        ColumnShape::new("seal", SqlType::Binary(LETTER_BYTES), false),
    ];
    let table = |name: &str, columns, rows| TableShape { name: name.into(), columns, rows };
    Source::of(seed, vec![table(STORY, story, 24), table(LETTER, letter, LETTERS)])
}

/// What a call brings.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    pub batches: Vec<Batch>,
    /// Keys of rows that were not sent as the source has them.
    pub spoilt: Vec<i64>,
}

impl Prepared {
    /// The source writes to the rows that were not sent as it has them, so that they come again.
    pub fn repair(&self, source: &mut Source) {
        for key in &self.spoilt {
            assert!(source.update(STORY_AT, *key), "row {key} is there");
        }
    }
}

/// Makes it so. `number` tells one call from the other.
pub async fn prepare(tenant: &mut Tenant, call: Call, number: u16) -> Prepared {
    let mut prepared = Prepared::default();
    match call {
        Call::Authenticate | Call::FirstOpen | Call::Wipe | Call::ReplicationCompleted => {}
        Call::TableSchema => {
            // Of a table that no transform looks at, whose plan would change with it.
            let sql_type = SqlType::NVarChar(Length::Limited(60 + number));
            let (table, column) = (LETTER.to_owned(), SUBJECT.to_owned());
            alter(tenant, SchemaChange::AlterColumn { table, column, sql_type, nullable: true });
        }
        Call::Recreate => {
            let column = tenant.source.tables()[STORY_AT].columns()[2].name().to_owned();
            alter(tenant, SchemaChange::RenameColumn { table: STORY.into(), column, to: format!("rank_{number}") });
        }
        Call::Create => {
            if tenant.source.index_of(EXTRA).is_some() {
                alter(tenant, SchemaChange::DropTable { table: EXTRA.into() });
                tenant.cycle().await;
            }
            alter(tenant, SchemaChange::AddTable(extra()));
        }
        Call::Drop => {
            if tenant.source.index_of(EXTRA).is_none() {
                alter(tenant, SchemaChange::AddTable(extra()));
                tenant.cycle().await;
            }
            alter(tenant, SchemaChange::DropTable { table: EXTRA.into() });
        }
        Call::RowData | Call::InPieces => {
            let lsn = lsn(tenant, STORY).await;
            a_few_changes(&mut tenant.source);
            prepared.batches = vec![batch(&tenant.source, STORY_AT, &changes(&tenant.source, STORY_AT, lsn), true)];
        }
        Call::ThreeBatches => {
            let (story, letter) = (lsn(tenant, STORY).await, lsn(tenant, LETTER).await);
            // An update may leave a row as it was.
            tenant.source.insert(LETTER_AT);
            a_few_changes(&mut tenant.source);
            let source = &tenant.source;
            let (letters, stories) = (changes(source, LETTER_AT, letter), changes(source, STORY_AT, story));
            let (first, second) = stories.split_at(1);
            prepared.batches = vec![
                batch(source, LETTER_AT, &letters, true),
                batch(source, STORY_AT, first, false),
                batch(source, STORY_AT, second, true),
            ];
        }
        Call::LongBatch => {
            let lsn = lsn(tenant, LETTER).await;
            let keys: Vec<i64> = tenant.source.tables()[LETTER_AT].keys().collect();
            for key in &keys {
                tenant.source.update(LETTER_AT, *key);
            }
            tenant.source.delete(LETTER_AT, keys[0]);
            tenant.source.insert(LETTER_AT);
            prepared.batches = vec![batch(&tenant.source, LETTER_AT, &changes(&tenant.source, LETTER_AT, lsn), true)];
        }
        Call::Unwiped => {
            tenant.place().set_refill(Some(STORY)).await.expect("writable");
            let infos: Vec<_> = tenant.source.tables().iter().map(speil::task::source::SourceTable::info).collect();
            tenant.client.table_schema(&infos).await.expect("answered");
            // A row that nothing but emptying takes out of the mirror.
            let gone = tenant.source.tables()[STORY_AT].keys().next().expect("rows");
            tenant.source.delete(STORY_AT, gone);
            tenant.source.insert(STORY_AT);
            let table = &tenant.source.tables()[STORY_AT];
            let all: Vec<_> = table.keys().map(|key| (key, RowOp::Insert)).collect();
            prepared.batches = vec![batch(&tenant.source, STORY_AT, &all, true)];
        }
        Call::KeptAside => {
            let lsn = lsn(tenant, STORY).await;
            tenant.source.insert(STORY_AT);
            let changes = changes(&tenant.source, STORY_AT, lsn);
            let new = tenant.source.insert(STORY_AT);
            let mut batch = batch(&tenant.source, STORY_AT, &changes, true);
            let cells = [format!("[I:{new}]"), POISON.to_owned(), "[S:1]".to_owned()];
            batch.rows.push(RowOp::Insert, cells.map(Some).to_vec());
            prepared = Prepared { batches: vec![batch], spoilt: vec![new] };
        }
    }
    prepared
}

/// Rows that a newer cycle brings: every row of the table that most calls are about.
pub fn goes_on(source: &mut Source) {
    let keys: Vec<i64> = source.tables()[STORY_AT].keys().collect();
    for key in keys {
        source.update(STORY_AT, key);
    }
}

fn a_few_changes(source: &mut Source) {
    let last = source.tables()[STORY_AT].keys().last().expect("rows");
    let first = source.tables()[STORY_AT].keys().next().expect("rows");
    source.update(STORY_AT, last);
    source.delete(STORY_AT, first);
    source.insert(STORY_AT);
}

async fn lsn(tenant: &Tenant, table: &str) -> i64 {
    let mirror = tenant.place().open().await.expect("a mirror");
    let records = mirror.tables().await.expect("readable");
    records.iter().find(|record| record.table.as_str() == table).expect("listed").lsn.0
}

fn changes(source: &Source, table: usize, lsn: i64) -> Vec<(i64, RowOp)> {
    let table = &source.tables()[table];
    let Need::Changes(changes) = source.need(table, lsn) else { panic!("changes of {} since {lsn}", table.name()) };
    changes.into_iter().collect()
}

fn batch(source: &Source, table: usize, rows: &[(i64, RowOp)], is_last: bool) -> Batch {
    let table = &source.tables()[table];
    let lsn = if is_last { source.version() } else { 0 };
    let mut batches = Batcher::new(table, rows.iter().copied(), usize::MAX, lsn);
    batches.next().unwrap_or_else(|| Batch { table: table.info(), rows: Rows::default(), lsn })
}

fn alter(tenant: &mut Tenant, change: SchemaChange) {
    tenant.source.alter(change).expect("possible");
}

fn extra() -> TableShape {
    let columns = vec![
        ColumnShape::new("extra_id", SqlType::Int, false),
        ColumnShape::new("remark", SqlType::NVarChar(Length::Limited(40)), true),
    ];
    TableShape { name: EXTRA.into(), columns, rows: 4 }
}
