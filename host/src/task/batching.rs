//! Rows into batches by size: `BatchSize` bytes each (protocol.md section 10), the LSN on a table's last batch only.

use super::spelling::{Batch, Rows};
use crate::protocol::cell;
use crate::protocol::messages::{RowOp, TableSchemaInfo};
use crate::task::cell::Cell;
use crate::task::source::SourceTable;

/// Cuts one table's rows into batches.
pub struct Batcher<'s> {
    table: &'s SourceTable,
    info: TableSchemaInfo,
    size: usize,
    lsn: i64,
    rows: std::iter::Peekable<Box<dyn Iterator<Item = (i64, RowOp)> + Send + 's>>,
    finished: bool,
    /// How many rows of each operation have been cut so far.
    pub counts: Counts,
}

/// Rows by operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub const fn rows(self) -> u64 {
        self.inserts + self.updates + self.deletes
    }
}

impl<'s> Batcher<'s> {
    /// Rows of `table`, in batches of about `size` bytes; `lsn` comes with the last.
    pub fn new(
        table: &'s SourceTable,
        rows: impl Iterator<Item = (i64, RowOp)> + Send + 's,
        size: usize,
        lsn: i64,
    ) -> Self {
        let rows: Box<dyn Iterator<Item = (i64, RowOp)> + Send + 's> = Box::new(rows);
        Self { table, info: table.info(), size, lsn, rows: rows.peekable(), finished: false, counts: Counts::default() }
    }

    fn write(&mut self, rows: &mut Rows, key: i64, op: RowOp) {
        match op {
            RowOp::Insert => self.counts.inserts += 1,
            RowOp::Update => self.counts.updates += 1,
            RowOp::Delete => self.counts.deletes += 1,
        }
        let columns = self.table.columns();
        let encode = |cell: &Cell, at: usize| cell::encode(cell.as_value(), columns[at].sql_type());
        let written = if op == RowOp::Delete { None } else { self.table.row(key) };
        let texts: Vec<Option<String>> = if let Some(cells) = written {
            cells.iter().enumerate().map(|(at, cell)| encode(cell, at)).collect()
        } else {
            // Change tracking knows nothing of a deleted row but its key.
            let mut texts = vec![None; columns.len()];
            texts[0] = encode(&self.table.key_cell(key), 0);
            texts
        };
        rows.push(op, texts);
    }
}

impl Iterator for Batcher<'_> {
    type Item = Batch;

    /// A table without rows gives one batch without rows: its LSN must travel all the same.
    fn next(&mut self) -> Option<Batch> {
        if self.finished {
            return None;
        }
        let mut rows = Rows::default();
        while rows.bytes() < self.size
            && let Some((key, op)) = self.rows.next()
        {
            self.write(&mut rows, key, op);
        }
        self.finished = self.rows.peek().is_none();
        let lsn = if self.finished { self.lsn } else { 0 };
        Some(Batch { table: self.info.clone(), rows, lsn })
    }
}

#[cfg(test)]
mod tests {
    use super::Batcher;
    use crate::protocol::messages::RowOp;
    use crate::protocol::sql_type::{Length, SqlType};
    use crate::task::shape::{ColumnShape, TableShape};
    use crate::task::source::Source;

    fn source(rows: u64) -> Source {
        let columns = vec![
            ColumnShape::new("id", SqlType::Int, false),
            ColumnShape::new("text", SqlType::NVarChar(Length::Limited(100)), true),
        ];
        Source::of(1, vec![TableShape { name: "t".into(), columns, rows }])
    }

    #[test]
    fn batches_are_about_as_large_as_asked_and_only_the_last_carries_the_lsn() {
        let source = source(500);
        let table = &source.tables()[0];
        let all = table.keys().map(|key| (key, RowOp::Insert));
        let mut cutter = Batcher::new(table, all, 10_000, 77);
        let batches: Vec<_> = cutter.by_ref().collect();
        assert_eq!(cutter.counts.inserts, 500);
        assert_eq!(batches.iter().map(|batch| batch.rows.len()).sum::<u64>(), 500);
        assert!(batches.len() > 5);
        let (last, others) = batches.split_last().expect("some");
        assert_eq!(last.lsn, 77);
        for batch in others {
            assert_eq!(batch.lsn, 0);
            assert!((10_000..16_000).contains(&batch.rows.bytes()), "{}", batch.rows.bytes());
        }
    }

    #[test]
    fn an_empty_table_still_sends_its_lsn() {
        let source = source(0);
        let batches: Vec<_> = Batcher::new(&source.tables()[0], std::iter::empty(), 10, 5).collect();
        assert_eq!(batches.len(), 1);
        assert_eq!((batches[0].rows.len(), batches[0].lsn), (0, 5));
    }

    #[test]
    fn a_batch_that_is_exactly_full_is_not_followed_by_an_empty_one() {
        let source = source(3);
        let table = &source.tables()[0];
        let batches: Vec<_> = Batcher::new(table, table.keys().map(|key| (key, RowOp::Insert)), 1, 9).collect();
        assert_eq!(
            batches.iter().map(|batch| (batch.rows.len(), batch.lsn)).collect::<Vec<_>>(),
            [(1, 0), (1, 0), (1, 9)]
        );
    }
}
