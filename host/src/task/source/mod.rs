//! A source tenant: a SQL Server database under change tracking, as far as the Mirroring Task can see it.
//!
//! | idea | file |
//! |---|---|
//! | rows: which keys are there, and when each was last written | [`table`] |
//! | the change log: what happened since a version | [`changes`] |
//! | changes of schema | [`schema_change`] |
//! | a working day's writes | [`traffic`] |
//! | what a mirror's database cannot keep | `without` |
//!
//! Values are not stored: a cell is a function of seed, table, column, key and the version that wrote it, so a tenant of
//! millions of rows costs what its changes cost. A backup is a clone.
//!
//! What change tracking promises, and this keeps: versions only grow; a change is known by key, last state only;
//! changes older than the retention are forgotten, and whoever stands further back than the *minimum valid version*
//! must be filled anew; `TRUNCATE TABLE` and everything that needs a new primary key forget a table's changes at once;
//! other schema changes leave no trace.

pub mod changes;
pub mod schema_change;
pub mod table;
pub mod traffic;
mod without;

use super::shape::{self, ShapeOptions, TableShape};
pub use changes::{Need, RefillReason};
pub use schema_change::SchemaChange;
pub use table::SourceTable;
use without::Without;

/// How long changes are kept, in simulated hours (protocol.md section 1).
pub const RETENTION_HOURS: u64 = 7 * 24;

/// The tenant's database.
#[derive(Debug, Clone)]
pub struct Source {
    seed: u64,
    /// `CHANGE_TRACKING_CURRENT_VERSION()`.
    version: i64,
    /// Simulated time.
    hours: u64,
    /// Which version was current when, oldest first; what retention works by.
    marks: Vec<(u64, i64)>,
    tables: Vec<SourceTable>,
    next_table: u64,
    next_column: u64,
    without: Without,
}

/// The source as it was: see [`Source::restore`].
#[derive(Debug, Clone)]
pub struct Backup(Source);

impl Source {
    /// A tenant of this shape, filled. Its version is greater than zero, as a used database's is.
    #[must_use]
    pub fn new(options: ShapeOptions) -> Self {
        Self::of(options.seed, shape::tenant(options))
    }

    /// The same tenant, but that no text of it holds the character 0: for mirrors in a database that cannot keep it.
    #[must_use]
    pub fn without_nul(self) -> Self {
        let without = Without { nul: true, ..self.without };
        self.made_without(without)
    }

    /// The same tenant, but that its times and moments have six digits of a second at most: likewise.
    #[must_use]
    pub fn without_seventh_digit(self) -> Self {
        let without = Without { seventh_digit: true, ..self.without };
        self.made_without(without)
    }

    fn made_without(mut self, without: Without) -> Self {
        self.without = without;
        self.tables.iter_mut().for_each(|table| table.without = without);
        self
    }

    /// A tenant of these tables, filled.
    #[must_use]
    pub fn of(seed: u64, tables: Vec<TableShape>) -> Self {
        let mut source = Self {
            seed,
            version: 1_000,
            hours: 0,
            marks: Vec::new(),
            tables: Vec::new(),
            next_table: 0,
            next_column: 0,
            without: Without::default(),
        };
        for table in tables {
            source.add_table(table);
        }
        source.marks.push((0, source.version));
        source
    }

    /// `CHANGE_TRACKING_CURRENT_VERSION()`.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.version
    }

    /// All tables, in the order they are listed.
    #[must_use]
    pub fn tables(&self) -> &[SourceTable] {
        &self.tables
    }

    /// A table by its name, whatever its case.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&SourceTable> {
        self.tables.iter().find(|table| table.name().eq_ignore_ascii_case(name))
    }

    /// Rows in all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(SourceTable::len).sum()
    }

    /// Columns in all tables.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.tables.iter().map(|table| table.columns().len()).sum()
    }

    /// The seed all values come from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// What a mirror of this table needs that stands at `lsn`.
    #[must_use]
    pub fn need(&self, table: &SourceTable, lsn: i64) -> Need {
        table.log().need(lsn, self.version)
    }

    /// Whether a mirror that stands at `lsn` will be out of the change log in half the retention: time to confirm it.
    #[must_use]
    pub fn is_old(&self, lsn: i64) -> bool {
        let limit = self.hours.saturating_sub(RETENTION_HOURS / 2);
        self.version_at(limit).is_some_and(|version| lsn < version)
    }

    /// Lets time pass; the change log forgets what is older than the retention.
    pub fn pass_hours(&mut self, hours: u64) {
        self.marks.push((self.hours, self.version));
        self.hours += hours;
        let Some(limit) = self.hours.checked_sub(RETENTION_HOURS).and_then(|limit| self.version_at(limit)) else {
            return;
        };
        for table in &mut self.tables {
            table.log_mut().forget_until(limit);
        }
    }

    /// The version that was current at a time.
    fn version_at(&self, hours: u64) -> Option<i64> {
        self.marks.iter().take_while(|(at, _)| *at <= hours).last().map(|(_, version)| *version)
    }

    /// Takes a backup.
    #[must_use]
    pub fn backup(&self) -> Backup {
        Backup(self.clone())
    }

    /// Restores a backup: the version goes back too, so a mirror that has gone on stands *ahead* of the source.
    pub fn restore(&mut self, backup: &Backup) {
        *self = backup.0.clone();
    }

    /// Inserts a row; its key.
    pub fn insert(&mut self, table: usize) -> i64 {
        self.version += 1;
        self.tables[table].insert(self.version)
    }

    /// Updates a row; false when there is none.
    pub fn update(&mut self, table: usize, key: i64) -> bool {
        self.version += 1;
        self.tables[table].update(key, self.version)
    }

    /// Deletes a row; false when there is none.
    pub fn delete(&mut self, table: usize, key: i64) -> bool {
        self.version += 1;
        self.tables[table].delete(key, self.version)
    }

    /// Puts a deleted key back, with new values; false when it is there.
    pub fn insert_again(&mut self, table: usize, key: i64) -> bool {
        self.version += 1;
        self.tables[table].insert_again(key, self.version)
    }

    /// `TRUNCATE TABLE`: no row is logged, the table's changes are forgotten.
    pub fn truncate(&mut self, table: usize) {
        self.version += 1;
        self.tables[table].truncate(self.version);
    }

    /// The index of a table, for the calls that write.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.name().eq_ignore_ascii_case(name))
    }

    fn add_table(&mut self, shape: TableShape) {
        self.next_table += 1;
        let first_column = self.next_column;
        self.next_column += shape.columns.len() as u64;
        let mut table = SourceTable::new(self.seed, self.next_table, first_column, self.version, shape);
        table.without = self.without;
        self.tables.push(table);
    }
}

#[cfg(test)]
mod tests {
    use super::{Need, RefillReason, Source};
    use crate::protocol::messages::RowOp;
    use crate::task::shape::ShapeOptions;

    fn small() -> Source {
        Source::new(ShapeOptions { seed: 3, tables: 4, rows: 100, extras: false })
    }

    fn busiest(source: &Source) -> usize {
        (0..source.tables().len()).max_by_key(|at| source.tables()[*at].len()).expect("there are tables")
    }

    #[test]
    fn the_last_operation_per_key_is_told_and_a_delete_wins() {
        let mut source = small();
        let at = busiest(&source);
        let before = source.version();
        let new = source.insert(at);
        source.update(at, new);
        source.update(at, 1);
        source.update(at, 2);
        source.delete(at, 2);
        let gone = source.insert(at);
        source.delete(at, gone);
        let Need::Changes(changes) = source.need(&source.tables()[at], before) else { panic!("changes expected") };
        assert_eq!(changes.get(&new), Some(&RowOp::Insert));
        assert_eq!(changes.get(&1), Some(&RowOp::Update));
        assert_eq!(changes.get(&2), Some(&RowOp::Delete));
        assert_eq!(changes.get(&gone), Some(&RowOp::Delete));
        assert_eq!(changes.len(), 4);
    }

    #[test]
    fn a_row_deleted_and_put_back_is_an_insert_and_a_later_reader_sees_less() {
        let mut source = small();
        let at = busiest(&source);
        let before = source.version();
        source.delete(at, 1);
        let between = source.version();
        source.insert_again(at, 1);
        let table = &source.tables()[at];
        let Need::Changes(all) = source.need(table, before) else { panic!("changes expected") };
        assert_eq!(all.get(&1), Some(&RowOp::Insert));
        let Need::Changes(later) = source.need(table, between) else { panic!("changes expected") };
        assert_eq!(later.get(&1), Some(&RowOp::Insert));
        assert_eq!(source.need(table, source.version()), Need::Nothing);
    }

    #[test]
    fn changes_are_kept_seven_days_and_no_longer() {
        let mut source = small();
        let at = busiest(&source);
        let mirror = source.version();
        source.update(at, 1);
        source.pass_hours(6 * 24);
        assert!(matches!(source.need(&source.tables()[at], mirror), Need::Changes(_)));
        assert!(source.is_old(mirror));
        source.pass_hours(2 * 24);
        assert_eq!(source.need(&source.tables()[at], mirror), Need::Refill(RefillReason::TooOld));
        let now = source.version();
        assert_eq!(source.need(&source.tables()[at], now), Need::Nothing);
    }

    #[test]
    fn a_truncated_table_must_be_filled_anew_and_only_that_one() {
        let mut source = small();
        let at = busiest(&source);
        let other = (at + 1) % source.tables().len();
        let mirror = source.version();
        source.truncate(at);
        assert_eq!(source.tables()[at].len(), 0);
        assert_eq!(source.need(&source.tables()[at], mirror), Need::Refill(RefillReason::TooOld));
        assert_eq!(source.need(&source.tables()[other], mirror), Need::Nothing);
    }

    #[test]
    fn a_restored_source_stands_behind_its_mirror() {
        let mut source = small();
        let at = busiest(&source);
        let backup = source.backup();
        let rows = source.rows();
        source.insert(at);
        let mirror = source.version();
        source.restore(&backup);
        assert_eq!(source.rows(), rows);
        assert_eq!(source.need(&source.tables()[at], mirror), Need::Refill(RefillReason::AheadOfSource));
    }

    #[test]
    fn a_mirror_that_knows_nothing_must_be_filled() {
        let source = small();
        assert_eq!(source.need(&source.tables()[0], -1), Need::Refill(RefillReason::New));
    }

    #[test]
    fn millions_of_rows_cost_no_memory_and_every_cell_can_be_asked_for() {
        let source = Source::new(ShapeOptions { seed: 3, tables: 2, rows: 5_000_000, extras: false });
        assert_eq!(source.rows(), 5_000_000);
        let table = &source.tables()[busiest(&source)];
        let key = i64::try_from(table.len()).expect("fits");
        assert_eq!(table.row(key), table.row(key));
        assert_ne!(table.row(key), table.row(key - 1));
    }
}
