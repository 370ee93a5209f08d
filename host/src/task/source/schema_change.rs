//! Changes of schema, each with what SQL Server does to the rows and to change tracking: next to nothing. A column that
//! is added, renamed or altered resends no row; only what needs a new primary key, or a new table, forgets the log.

use super::Source;
use super::table::{Era, SourceColumn};
use crate::protocol::sql_type::SqlType;
use crate::task::cell::Cell;
use crate::task::shape::{ColumnShape, TableShape};

/// One change. Tables and columns are named as they are now.
#[derive(Debug, Clone)]
pub enum SchemaChange {
    /// Rows that are there get `existing`: NULL, the default (`NOT NULL`, or `WITH VALUES`), or whatever a default such
    /// as `getdate()` gave at that moment.
    AddColumn {
        table: String,
        column: ColumnShape,
        existing: Cell,
    },
    DropColumn {
        table: String,
        column: String,
    },
    /// `sp_rename`: values stay.
    RenameColumn {
        table: String,
        column: String,
        to: String,
    },
    /// `ALTER COLUMN`: values that fit stay as they are, unsent; for the others whoever narrows it has updated the rows
    /// before. To NOT NULL likewise.
    AlterColumn {
        table: String,
        column: String,
        sql_type: SqlType,
        nullable: bool,
    },
    /// Drop and add of a default constraint.
    ChangeDefault {
        table: String,
        column: String,
        default_text: String,
    },
    /// A new type of the key column, which needs a new primary key, so change tracking begins anew.
    ChangeKeyType {
        table: String,
        sql_type: SqlType,
    },
    AddTable(TableShape),
    DropTable {
        table: String,
    },
    /// Dropped and made again, under the same name.
    RecreateTable {
        table: String,
        rows: u64,
    },
    RenameTable {
        table: String,
        to: String,
    },
}

/// The change names what is not there, or may not be done. A sentence.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the simulated source cannot do this: {0}")]
pub struct ChangeError(String);

impl Source {
    /// Carries it out.
    ///
    /// # Errors
    /// When a table or column named is not there.
    pub fn alter(&mut self, change: SchemaChange) -> Result<(), ChangeError> {
        self.version += 1;
        let version = self.version;
        match change {
            SchemaChange::AddColumn { table, column, existing } => {
                let id = self.next_column;
                self.next_column += 1;
                let at = self.find(&table)?;
                let mut added = SourceColumn::new(id, column, version);
                added.added = Some((version, existing));
                self.tables[at].columns.push(added);
            }
            SchemaChange::DropColumn { table, column } => {
                let (table, column) = self.find_column(&table, &column)?;
                if column == 0 {
                    return Err(ChangeError("the key column cannot be dropped".into()));
                }
                self.tables[table].columns.remove(column);
            }
            SchemaChange::RenameColumn { table, column, to } => {
                let (table, column) = self.find_column(&table, &column)?;
                self.tables[table].columns[column].name = to;
            }
            SchemaChange::AlterColumn { table, column, sql_type, nullable } => {
                let (table, column) = self.find_column(&table, &column)?;
                if column == 0 {
                    return Err(ChangeError("the key column is altered by ChangeKeyType".into()));
                }
                self.alter_column(table, column, Era { since: version, sql_type, nullable });
            }
            SchemaChange::ChangeDefault { table, column, default_text } => {
                let (table, column) = self.find_column(&table, &column)?;
                self.tables[table].columns[column].default_text = default_text;
            }
            SchemaChange::ChangeKeyType { table, sql_type } => {
                let at = self.find(&table)?;
                self.tables[at].columns[0].eras.push(Era { since: version, sql_type, nullable: false });
                self.tables[at].log_mut().forget_until(version);
            }
            SchemaChange::AddTable(shape) => {
                if self.index_of(&shape.name).is_some() {
                    return Err(ChangeError(format!("there is a table {} already", shape.name)));
                }
                self.add_table(shape);
            }
            SchemaChange::DropTable { table } => {
                let at = self.find(&table)?;
                self.tables.remove(at);
            }
            SchemaChange::RecreateTable { table, rows } => {
                let at = self.find(&table)?;
                let old = self.tables.remove(at);
                let columns = old.columns.iter().map(|column| {
                    let now = column.now();
                    ColumnShape::new(column.name.clone(), now.sql_type, now.nullable)
                        .with_default(column.default_text.clone(), Cell::Null)
                });
                self.add_table(TableShape { name: old.name.clone(), columns: columns.collect(), rows });
            }
            SchemaChange::RenameTable { table, to } => {
                let at = self.find(&table)?;
                self.tables[at].name = to;
            }
        }
        Ok(())
    }

    fn alter_column(&mut self, table: usize, column: usize, era: Era) {
        let table = &mut self.tables[table];
        let misfits: Vec<i64> = table
            .keys()
            .filter(|key| {
                let written = table.written_at(*key).unwrap_or_default();
                let cell = table.cell_written(*key, column, written);
                (cell == Cell::Null && !era.nullable) || cell.altered_to(era.sql_type).is_none()
            })
            .collect();
        table.columns[column].eras.push(era);
        if let Some((_, backfill)) = &mut table.columns[column].added
            && let Some(changed) = backfill.altered_to(era.sql_type)
        {
            *backfill = changed;
        }
        for key in misfits {
            table.update(key, era.since);
        }
    }

    fn find(&self, table: &str) -> Result<usize, ChangeError> {
        self.index_of(table).ok_or_else(|| ChangeError(format!("there is no table {table}")))
    }

    fn find_column(&self, table: &str, column: &str) -> Result<(usize, usize), ChangeError> {
        let at = self.find(table)?;
        let columns = &self.tables[at].columns;
        columns
            .iter()
            .position(|known| known.name.eq_ignore_ascii_case(column))
            .map(|column| (at, column))
            .ok_or_else(|| ChangeError(format!("table {table} has no column {column}")))
    }
}

#[cfg(test)]
mod tests {
    use super::SchemaChange;
    use crate::protocol::sql_type::{Length, SqlType};
    use crate::task::cell::Cell;
    use crate::task::shape::{ColumnShape, TableShape};
    use crate::task::source::{Need, RefillReason, Source};

    fn source() -> Source {
        Source::of(
            9,
            vec![TableShape {
                name: "contact".into(),
                columns: vec![
                    ColumnShape::new("contact_id", SqlType::Int, false),
                    ColumnShape::new("name", SqlType::NVarChar(Length::Limited(200)), true),
                    ColumnShape::new("rank", SqlType::SmallInt, false),
                ],
                rows: 300,
            }],
        )
    }

    fn column(source: &Source, at: usize) -> Vec<Cell> {
        let table = &source.tables()[0];
        table.keys().map(|key| table.row(key).expect("listed")[at].clone()).collect()
    }

    #[test]
    fn widening_and_renaming_change_no_value_and_resend_no_row() {
        let mut source = source();
        let (names, ranks, lsn) = (column(&source, 1), column(&source, 2), source.version());
        source
            .alter(SchemaChange::AlterColumn {
                table: "contact".into(),
                column: "rank".into(),
                sql_type: SqlType::BigInt,
                nullable: true,
            })
            .expect("possible");
        source
            .alter(SchemaChange::RenameColumn { table: "contact".into(), column: "name".into(), to: "navn".into() })
            .expect("possible");
        assert_eq!(column(&source, 1), names);
        assert_eq!(column(&source, 2), ranks);
        assert_eq!(source.need(&source.tables()[0], lsn), Need::Nothing);
        assert_eq!(source.tables()[0].info().columns[1].name, "navn");
    }

    #[test]
    fn narrowing_updates_exactly_the_rows_that_did_not_fit() {
        let mut source = source();
        let (before, lsn) = (column(&source, 1), source.version());
        let narrow = SqlType::NVarChar(Length::Limited(12));
        source
            .alter(SchemaChange::AlterColumn {
                table: "contact".into(),
                column: "name".into(),
                sql_type: narrow,
                nullable: false,
            })
            .expect("possible");
        let after = column(&source, 1);
        assert!(after.iter().all(|cell| *cell != Cell::Null && cell.fits(narrow)));
        let Need::Changes(changes) = source.need(&source.tables()[0], lsn) else { panic!("some rows did not fit") };
        for (at, (old, new)) in before.iter().zip(&after).enumerate() {
            let key = i64::try_from(at).expect("small") + 1;
            let misfit = *old == Cell::Null || !old.fits(narrow);
            assert_eq!(changes.contains_key(&key), misfit, "key {key}: {old:?} → {new:?}");
            assert!(misfit || old == new);
        }
    }

    #[test]
    fn an_added_column_holds_its_filler_until_a_row_is_written() {
        let mut source = source();
        let lsn = source.version();
        let shape = ColumnShape::new("extra", SqlType::Int, false).with_default("default ((7))", Cell::Integer(7));
        source
            .alter(SchemaChange::AddColumn { table: "contact".into(), column: shape, existing: Cell::Integer(7) })
            .expect("possible");
        assert!(column(&source, 3).iter().all(|cell| *cell == Cell::Integer(7)));
        assert_eq!(source.need(&source.tables()[0], lsn), Need::Nothing);
        for key in 1..=40 {
            source.update(0, key);
        }
        assert!(column(&source, 3).iter().any(|cell| *cell != Cell::Integer(7)));
    }

    #[test]
    fn a_new_key_or_a_table_made_again_forgets_the_log() {
        let mut source = source();
        let lsn = source.version();
        source
            .alter(SchemaChange::ChangeKeyType { table: "contact".into(), sql_type: SqlType::BigInt })
            .expect("possible");
        assert_eq!(source.need(&source.tables()[0], lsn), Need::Refill(RefillReason::TooOld));
        let lsn = source.version();
        source.alter(SchemaChange::RecreateTable { table: "contact".into(), rows: 20 }).expect("possible");
        assert_eq!(source.need(&source.tables()[0], lsn), Need::Refill(RefillReason::TooOld));
        assert_eq!(source.tables()[0].len(), 20);
    }

    #[test]
    fn what_is_not_there_cannot_be_changed() {
        let error = source().alter(SchemaChange::DropColumn { table: "contact".into(), column: "nix".into() });
        assert_eq!(
            error.expect_err("no such column").to_string(),
            "the simulated source cannot do this: table contact has no column nix"
        );
    }
}
