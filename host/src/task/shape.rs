//! The shape of a real tenant from a seed: how many tables and columns, of which types, with which defaults and how
//! many rows (protocol.md section 5).

use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::cell::Cell;
use super::values::NO_DATE;
use super::vocabulary;
use crate::protocol::sql_type::{Length, SqlType};

/// Tables of the real tenant whose mix this follows.
pub const REAL_TABLES: usize = 413;
/// Columns of the real tenant.
pub const REAL_COLUMNS: usize = 5_270;
/// Columns of its widest table.
pub const WIDEST: usize = 111;

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct ShapeOptions {
    pub seed: u64,
    /// At least one.
    pub tables: usize,
    /// Rows in all tables together.
    pub rows: u64,
    /// Adds the tables of [`super::extras`]: every SQL type, odd keys, odd names.
    pub extras: bool,
}

impl Default for ShapeOptions {
    fn default() -> Self {
        Self { seed: 1, tables: REAL_TABLES, rows: 200_000, extras: false }
    }
}

/// A table to be made.
#[derive(Debug, Clone)]
pub struct TableShape {
    pub name: String,
    pub columns: Vec<ColumnShape>,
    pub rows: u64,
}

/// A column to be made.
#[derive(Debug, Clone)]
pub struct ColumnShape {
    pub name: String,
    pub sql_type: SqlType,
    pub nullable: bool,
    /// As the wire spells it; empty for none.
    pub default_text: String,
    /// What the default is, for rows that are there when a column is added.
    pub default: Cell,
}

impl ColumnShape {
    /// A column without a default.
    #[must_use]
    pub fn new(name: impl Into<String>, sql_type: SqlType, nullable: bool) -> Self {
        Self { name: name.into(), sql_type, nullable, default_text: String::new(), default: Cell::Null }
    }

    /// The same column with a default.
    #[must_use]
    pub fn with_default(mut self, text: impl Into<String>, value: Cell) -> Self {
        self.default_text = text.into();
        self.default = value;
        self
    }
}

/// The tables of a tenant. The same options give the same tables.
#[must_use]
pub fn tenant(options: ShapeOptions) -> Vec<TableShape> {
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    let tables = options.tables.max(1);
    let widths = widths(&mut rng, tables);
    let mut types = types(&mut rng, widths.iter().sum::<usize>() - tables);
    let names = vocabulary::table_names(tables);
    let rows = row_counts(&mut rng, tables, options.rows);
    let mut made: Vec<TableShape> = names
        .into_iter()
        .zip(widths)
        .zip(rows)
        .map(|((name, width), rows)| {
            let mut columns = vec![ColumnShape::new(format!("{}_id", name.to_lowercase()), SqlType::Int, false)];
            let own = types.split_off(types.len() - (width - 1));
            columns.extend(vocabulary::column_names(&name, &own).into_iter().zip(own).map(|(name, sql_type)| {
                let nullable = !matches!(sql_type, SqlType::Int | SqlType::SmallInt) || rng.gen_ratio(1, 12);
                let mut column = ColumnShape::new(name, sql_type, nullable);
                give_default(&mut rng, &mut column);
                column
            }));
            TableShape { name, columns, rows }
        })
        .collect();
    if options.extras {
        made.extend(super::extras::tables());
    }
    made
}

/// How wide each table is: one is the widest, one the narrowest, the rest skewed between.
fn widths(rng: &mut ChaCha8Rng, tables: usize) -> Vec<usize> {
    let total = if tables == REAL_TABLES { REAL_COLUMNS } else { (tables * REAL_COLUMNS).div_ceil(REAL_TABLES) };
    if tables == 1 {
        return vec![total];
    }
    let widest = WIDEST.min(total - 1 - (tables - 2) * 2);
    let mut widths = vec![2; tables - 2];
    let mut left = total - widest - 1 - widths.iter().sum::<usize>();
    while left > 0 && !widths.is_empty() {
        // The smaller of two draws: many narrow tables, a few wide ones.
        let at = rng.gen_range(0..widths.len()).min(rng.gen_range(0..widths.len()));
        if widths[at] < WIDEST - 1 {
            widths[at] += 1;
            left -= 1;
        }
    }
    let mut all = vec![widest];
    all.append(&mut widths);
    all.push(1);
    if left > 0 {
        all[0] += left;
    }
    all
}

/// The types of all columns that are not the key, in the real tenant's proportions, shuffled.
fn types(rng: &mut ChaCha8Rng, columns: usize) -> Vec<SqlType> {
    const REAL_REST: usize = REAL_COLUMNS - REAL_TABLES;
    const LONG: [u16; 36] = [4_000; 36];
    const LENGTHS: [u16; 17] = [255, 255, 254, 239, 219, 128, 119, 99, 100, 64, 50, 49, 40, 30, 20, 10, 1];
    let mut real: Vec<SqlType> = Vec::with_capacity(REAL_REST);
    let mut put = |sql_type, times| real.extend(std::iter::repeat_n(sql_type, times));
    put(SqlType::Int, 2_420 - REAL_TABLES);
    put(SqlType::SmallInt, 866);
    put(SqlType::DateTime, 707);
    put(SqlType::Float, 109);
    put(SqlType::NVarChar(Length::Max), 96);
    put(SqlType::VarBinary(Length::Max), 2);
    put(SqlType::NText, 1);
    real.extend(LONG.map(|n| SqlType::NVarChar(Length::Limited(n))));
    for n in [2_046, 2_047, 3_072, 3_999, 3_999, 2_046, 2_047, 3_072] {
        real.push(SqlType::NVarChar(Length::Limited(n)));
    }
    while real.len() < REAL_REST {
        real.push(SqlType::NVarChar(Length::Limited(LENGTHS[real.len() % LENGTHS.len()])));
    }
    real.shuffle(rng);
    if columns == REAL_REST {
        return real;
    }
    (0..columns).map(|at| real[at % REAL_REST]).collect()
}

/// Defaults as the real tenant has them: about one column in ten, by type.
fn give_default(rng: &mut ChaCha8Rng, column: &mut ColumnShape) {
    if !rng.gen_ratio(1, 10) {
        return;
    }
    let (text, value) = match column.sql_type {
        SqlType::Int | SqlType::SmallInt => match rng.gen_range(0..8) {
            0..=2 => ("default ((-1))".to_owned(), Cell::Integer(-1)),
            3..=6 => ("default ((0))".to_owned(), Cell::Integer(0)),
            _ => {
                let number = rng.gen_range(1..30);
                (format!("default (({number}))"), Cell::Integer(number))
            }
        },
        SqlType::Float => ("default ((0))".to_owned(), Cell::Real(0.0)),
        SqlType::DateTime if rng.gen_ratio(1, 8) => {
            ("default (N'17600101 00:00:00')".to_owned(), Cell::Timestamp(NO_DATE))
        }
        SqlType::DateTime => ("default (N'1760-01-01 00:00:00')".to_owned(), Cell::Timestamp(NO_DATE)),
        SqlType::NVarChar(_) => ("default (N'')".to_owned(), Cell::Text(String::new())),
        _ => return,
    };
    column.default_text = text;
    column.default = value;
}

/// How many rows each table has: few tables hold most of them, one in eight is empty, the sum is exact.
fn row_counts(rng: &mut ChaCha8Rng, tables: usize, total: u64) -> Vec<u64> {
    let mut weights: Vec<u64> =
        (0..tables as u64).map(|rank| if tables > 8 && rank % 8 == 7 { 0 } else { 1_000_000 / (rank + 2) }).collect();
    weights.shuffle(rng);
    let sum: u64 = weights.iter().sum();
    let mut counts: Vec<u64> = weights
        .iter()
        .map(|weight| u64::try_from(u128::from(total) * u128::from(*weight) / u128::from(sum)).unwrap_or(0))
        .collect();
    let short = total - counts.iter().sum::<u64>();
    if let Some(greatest) = counts.iter_mut().max() {
        *greatest += short;
    }
    counts
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::{REAL_COLUMNS, ShapeOptions, tenant};
    use crate::protocol::sql_type::{Length, SqlType};

    #[test]
    fn the_default_tenant_has_the_real_ones_tables_columns_and_types() {
        let tables = tenant(ShapeOptions::default());
        assert_eq!(tables.len(), 413);
        let columns: Vec<_> = tables.iter().flat_map(|t| &t.columns).collect();
        assert_eq!(columns.len(), REAL_COLUMNS);
        let mut counts: HashMap<SqlType, usize> = HashMap::new();
        for column in &columns {
            *counts.entry(column.sql_type).or_default() += 1;
        }
        assert_eq!(counts[&SqlType::Int], 2_420);
        assert_eq!(counts[&SqlType::SmallInt], 866);
        assert_eq!(counts[&SqlType::DateTime], 707);
        assert_eq!(counts[&SqlType::Float], 109);
        assert_eq!(counts[&SqlType::NVarChar(Length::Max)], 96);
        assert_eq!(counts[&SqlType::VarBinary(Length::Max)], 2);
        assert_eq!(counts[&SqlType::NText], 1);
        assert_eq!(counts[&SqlType::NVarChar(Length::Limited(4_000))], 36);
        assert_eq!(tables.iter().map(|t| t.columns.len()).max(), Some(111));
        assert_eq!(tables.iter().map(|t| t.columns.len()).min(), Some(1));
        assert_eq!(tables.iter().map(|t| t.rows).sum::<u64>(), 200_000);
        assert!(tables.iter().any(|t| t.rows == 0));
        let defaults = columns.iter().filter(|c| !c.default_text.is_empty()).count();
        assert!((350..620).contains(&defaults), "{defaults} columns have a default; the real tenant has 485");
    }

    #[test]
    fn names_are_unique_without_regard_to_case_and_the_first_column_is_the_key() {
        let tables = tenant(ShapeOptions { extras: true, ..ShapeOptions::default() });
        let names: BTreeSet<String> = tables.iter().map(|t| t.name.to_lowercase()).collect();
        assert_eq!(names.len(), tables.len());
        for table in &tables {
            let columns: BTreeSet<String> = table.columns.iter().map(|c| c.name.to_lowercase()).collect();
            assert_eq!(columns.len(), table.columns.len(), "{}", table.name);
            assert!(!table.columns[0].nullable, "{}", table.name);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_tenant_and_any_size_is_met_exactly() {
        let describe = |seed| format!("{:?}", tenant(ShapeOptions { seed, tables: 30, rows: 999, extras: false }));
        assert_eq!(describe(5), describe(5));
        assert_ne!(describe(5), describe(6));
        for tables in [1, 2, 3, 9, 20, 50, 414, 900] {
            let made = tenant(ShapeOptions { seed: 1, tables, rows: 12_345, extras: false });
            assert_eq!(made.len(), tables);
            assert_eq!(made.iter().map(|t| t.rows).sum::<u64>(), 12_345, "{tables} tables");
            assert!(made.iter().all(|t| !t.columns.is_empty()));
        }
    }
}
