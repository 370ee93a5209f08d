//! What happens to a source between two cycles, by chance that can be repeated: writes, truncated tables, changes of schema,
//! days that pass, a restore from a backup.

use speil::protocol::sql_type::{Length, SqlType};
use speil::task::cell::Cell;
use speil::task::dice::Dice;
use speil::task::shape::{ColumnShape, TableShape};
use speil::task::source::{Backup, RETENTION_HOURS, SchemaChange, Source};

/// Most tables and fewest.
const TABLES: std::ops::RangeInclusive<usize> = 3..=7;
/// Beyond these, rows are deleted instead.
const ROWS: u64 = 700;

/// A tenant of four small tables, which together have the types of real ones, and one of long rows.
pub fn source(seed: u64) -> Source {
    let small = [table("contact", 160), table("person", 120), table("sale", 60), table("note", 20)];
    Source::of(seed, small.into_iter().chain([letters(120)]).collect())
}

/// Rows of four kilobytes: filled at once, a batch of half a megabyte.
fn letters(rows: u64) -> TableShape {
    let columns = vec![
        ColumnShape::new("letter_id", SqlType::Int, false),
        ColumnShape::new("subject", SqlType::NVarChar(Length::Limited(60)), true),
        ColumnShape::new("seal", SqlType::Binary(3_000), false),
    ];
    TableShape { name: "letter".into(), columns, rows }
}

fn table(name: &str, rows: u64) -> TableShape {
    let text = |name: &str, length| ColumnShape::new(name, SqlType::NVarChar(length), true);
    TableShape {
        name: name.into(),
        columns: vec![
            ColumnShape::new(format!("{name}_id"), SqlType::Int, false),
            text("name", Length::Limited(120)),
            ColumnShape::new("rank", SqlType::SmallInt, false).with_default("default ((0))", Cell::Integer(0)),
            ColumnShape::new("owner_id", SqlType::Int, true),
            ColumnShape::new("registered", SqlType::DateTime, true),
            ColumnShape::new("amount", SqlType::Float, true),
            text("remark", Length::Max),
            ColumnShape::new("picture", SqlType::VarBinary(Length::Limited(40)), true),
        ],
        rows,
    }
}

/// The course of a source's life.
pub struct Life {
    dice: Dice,
    backup: Option<Backup>,
    names: u64,
    /// Of a hundred rounds so many change the schema.
    schema_share: u64,
    /// The source was restored: until a whole cycle has come through nothing may be written to it, else its version could pass a
    /// mirror's from before, which nobody could tell from the right one. No endpoint can know better; a real source has the same
    /// trouble.
    pub must_rest: bool,
}

/// What happened, in words and for counting.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Happened {
    pub schema_changes: u64,
    pub wipes: u64,
    pub restores: u64,
    pub writes: u64,
}

impl Life {
    pub fn new(seed: u64, tenant: u64, schema_share: u64) -> Self {
        let dice = Dice::named(&[seed, tenant, 0x11fe]);
        Self { dice, backup: None, names: 0, schema_share, must_rest: false }
    }

    pub const fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    /// Lets something happen. The source is only restored while no row in the mirror is ahead of its LSN: batches of a cycle that was
    /// broken off carry no LSN, so if the source forgets that their rows were ever written, nobody is left who knows of them.
    pub fn goes_on(&mut self, source: &mut Source, mirror_is_whole: bool) -> Happened {
        let mut happened = Happened::default();
        if self.must_rest {
            return happened;
        }
        match self.dice.below(100) {
            0..=5 => {
                let at = self.dice.index(source.tables().len());
                source.truncate(at);
                for _ in 0..self.dice.below(40) {
                    source.insert(at);
                }
                happened.wipes += 1;
            }
            6..=8 => {
                // Longer than changes are kept: every table that has changed is filled anew.
                source.work(20);
                source.pass_hours(RETENTION_HOURS + 1);
                source.work(10);
                happened.wipes += 1;
            }
            9..=11 => source.pass_hours(RETENTION_HOURS * 2 / 3),
            12..=17 => self.backup = Some(source.backup()),
            18..=23 => {
                if let Some(backup) = &self.backup
                    && mirror_is_whole
                    && backup_version(backup) < source.version()
                {
                    source.restore(backup);
                    self.must_rest = true;
                    happened.restores += 1;
                    return happened;
                }
            }
            rolled if (24..24 + self.schema_share).contains(&rolled) => {
                for _ in 0..=self.dice.below(3) {
                    let alteration = self.schema_change(source);
                    let drops = matches!(alteration, SchemaChange::DropColumn { .. });
                    // What cannot be done to this source just now is not done.
                    let is_done = source.alter(alteration).is_ok();
                    happened.schema_changes += u64::from(is_done);
                    if is_done && drops {
                        // A backup would bring the column back, and nobody would send its values: to a mirror it is a new column,
                        // whose rows have its default.
                        self.backup = None;
                    }
                }
            }
            _ => {}
        }
        if self.dice.below(10) > 0 {
            let writes = self.dice.below(120);
            source.work(writes);
            happened.writes += writes;
        }
        keep_small(source);
        happened
    }

    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}_{}", self.names)
    }

    fn schema_change(&mut self, source: &Source) -> SchemaChange {
        let at = self.dice.index(source.tables().len());
        let chosen = &source.tables()[at];
        let table = chosen.name().to_owned();
        let column = &chosen.columns()[self.dice.index(chosen.columns().len())];
        let (column, sql_type, nullable) = (column.name().to_owned(), column.sql_type(), column.nullable());
        let existing = Cell::Null;
        match self.dice.below(12) {
            0 => {
                let column = ColumnShape::new(self.name("added"), SqlType::NVarChar(Length::Limited(50)), true);
                SchemaChange::AddColumn { table, column, existing }
            }
            1 => {
                let column = ColumnShape::new(self.name("moment"), SqlType::DateTime, true);
                SchemaChange::AddColumn { table, column, existing }
            }
            2 => {
                let existing = Cell::Integer(-1);
                let column = ColumnShape::new(self.name("number"), SqlType::Int, false)
                    .with_default("default ((-1))", existing.clone());
                SchemaChange::AddColumn { table, column, existing }
            }
            3 => SchemaChange::DropColumn { table, column },
            4 => SchemaChange::RenameColumn { table, column, to: self.name("renamed") },
            5 | 6 => match wider(sql_type) {
                Some(sql_type) => SchemaChange::AlterColumn { table, column, sql_type, nullable },
                None => SchemaChange::AlterColumn { table, column, sql_type, nullable: true },
            },
            7 => SchemaChange::AlterColumn { table, column, sql_type, nullable: !nullable },
            8 => SchemaChange::RenameTable { table, to: self.name("table") },
            9 if source.tables().len() < *TABLES.end() => {
                let rows = self.dice.below(80);
                SchemaChange::AddTable(self::table(&self.name("new"), rows))
            }
            10 if source.tables().len() > *TABLES.start() => SchemaChange::DropTable { table },
            11 => SchemaChange::ChangeKeyType { table, sql_type: SqlType::BigInt },
            _ => SchemaChange::RecreateTable { table, rows: self.dice.below(60) },
        }
    }
}

fn keep_small(source: &mut Source) {
    while source.rows() > ROWS {
        let at = (0..source.tables().len()).max_by_key(|at| source.tables()[*at].len()).expect("there are tables");
        let keys: Vec<i64> = source.tables()[at].keys().take(100).collect();
        for key in keys {
            source.delete(at, key);
        }
    }
}

fn backup_version(backup: &Backup) -> i64 {
    // A backup tells its version to whoever restores it.
    let mut restored = source(0);
    restored.restore(backup);
    restored.version()
}

fn wider(sql_type: SqlType) -> Option<SqlType> {
    match sql_type {
        SqlType::SmallInt => Some(SqlType::Int),
        SqlType::Int => Some(SqlType::BigInt),
        SqlType::DateTime => Some(SqlType::DateTime2(7)),
        SqlType::NVarChar(Length::Limited(_)) => Some(SqlType::NVarChar(Length::Max)),
        _ => None,
    }
}

impl Happened {
    pub const fn add(&mut self, more: Self) {
        self.schema_changes += more.schema_changes;
        self.wipes += more.wipes;
        self.restores += more.restores;
        self.writes += more.writes;
    }
}
