//! Rows into a table: how is planned once per transaction, then each stretch goes the shortest way that is sure.
//!
//! | stretch | way | round trips |
//! |---|---|---|
//! | a few rows | a table variable filled by parameter, and the three statements behind it | 1 |
//! | new rows, none of whose keys can be there | bulk load into the table itself | 3, one more to ask outside a fill |
//! | everything else | bulk load into a temporary table, then delete-join, update-join, insert-where-missing | 4, one more the first time |
//!
//! One stretch may go the last two ways, each with its part of the rows.
//!
//! A value longer than the driver loads sends its row by parameter, and only that row.

use tiberius::{ColumnData, SqlBulkCopyOption, SqlBulkCopyOptions, TokenRow};

use super::bulk::{MOST_PARAMETERS, Rows, bound, load};
use super::carrier::{Target, loads_by_name};
use super::refused;
use super::stage::{self, Layout, Work};
use super::values::cell;
use crate::faults::{self, Step};
use crate::protocol::columns::{Column, TypedBatch};
use crate::protocol::messages::RowOp;
use crate::protocol::table_def::TableDef;
use crate::store::error::RowPlace;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::{Result, sql_error};
use crate::store::sqlserver::schema::ident::qualified;
use crate::store::{Applied, RowChanges, StoreError, StoreErrorKind};

/// Up to so many rows a temporary table costs more than it saves.
const FEW_ROWS: usize = 48;
/// Values beyond this in a few rows are a load after all.
const FEW_BYTES: usize = 256 << 10;
/// From so many new rows on, a load of their own is faster than the way through the temporary table.
const WORTH_A_LOAD: usize = 200;

/// How rows of one table are written, in one transaction.
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(in crate::store::sqlserver) struct RowPlan {
    /// As the database spells it, for messages.
    table: String,
    layout: Layout,
    /// The driver can load into the table itself.
    direct: bool,
    filling: bool,
    /// Rows of a fill are loaded without asking whether any is there already.
    hopeful: bool,
    /// Rows were found in the table, or put there.
    has_rows: bool,
    /// The columns were not asked for in this transaction ([`RowPlan::trusted_in_vain`]).
    trusting: bool,
}

impl RowPlan {
    /// Plans for `table` as the database spells it, with these columns. `filling`: its rows are probably new.
    pub fn new(schema: &str, table: &str, columns: Vec<Target>, def: &TableDef, filling: bool) -> Self {
        let direct = loads_by_name(schema) && loads_by_name(table) && columns.iter().all(Target::is_direct);
        Self {
            table: table.to_owned(),
            layout: Layout { table: qualified(schema, table), columns, key: def.key.clone() },
            direct,
            filling,
            hopeful: false,
            has_rows: false,
            trusting: false,
        }
    }

    /// The same with columns that were not asked for in this transaction.
    pub fn trusting(mut self) -> Self {
        self.trusting = true;
        self
    }

    /// Whether to load rows of a fill without asking whether any is there already; `has_rows`: there are some in the table. If one
    /// was there, the transaction is lost ([`RowPlan::hoped_in_vain`]): whoever hopes must be able to apply everything again.
    pub fn hope(&mut self, hopeful: bool, has_rows: bool) {
        self.hopeful = hopeful && self.filling && !self.layout.key.is_empty();
        self.has_rows |= has_rows;
    }

    /// Whether the error may be owed to hoping: then everything is to be applied again without.
    pub fn hoped_in_vain(&self, error: &StoreError) -> bool {
        self.hopeful && refused::is_about_rows(error)
    }

    /// Whether the error may be owed to columns that are not what they were: then everything is to be applied again with columns that
    /// were asked for. A transaction that is applied again is asked for anyway.
    pub fn trusted_in_vain(&self, error: &StoreError) -> bool {
        self.trusting && error.kind != StoreErrorKind::Transient
    }

    /// Applies one stretch.
    ///
    /// # Errors
    /// The transaction is lost. A row that the database refuses is looked for, with the transaction taken back.
    pub async fn apply(&mut self, conn: &mut Conn, changes: &RowChanges) -> Result<Applied> {
        match self.write(conn, changes).await {
            Err(error) if refused::is_about_rows(&error) && !(self.hopeful || self.trusting) && !conn.is_busy() => {
                Err(refused::find(self, conn, changes, error).await)
            }
            done => done,
        }
    }

    /// Forgets what was seen and made inside a transaction that is gone.
    pub(in crate::store::sqlserver) fn forget(&mut self) {
        self.has_rows = false;
    }

    pub(in crate::store::sqlserver) fn columns(&self) -> &[Target] {
        &self.layout.columns
    }

    /// Applies one stretch, without looking for the row when it fails.
    pub(in crate::store::sqlserver) async fn write(
        &mut self,
        conn: &mut Conn,
        changes: &RowChanges,
    ) -> Result<Applied> {
        let batch = &*changes.batch;
        self.check(changes)?;
        let rows = changes.deletes.len() + changes.upserts.len();
        if rows == 0 {
            return Ok(Applied::default());
        }
        if self.is_few(batch, changes) {
            return self.write_few(conn, changes).await;
        }
        if self.direct {
            let (new, rest) = self.split(changes);
            let sure = self.layout.key.is_empty() || self.hopeful;
            if !new.upserts.is_empty() && (sure || self.all_new(conn, &new).await?) {
                let mut applied = Applied::default();
                if !(rest.deletes.is_empty() && rest.upserts.is_empty()) {
                    // First, since a new row may have what an index allows only once from one that goes.
                    applied = self.write_staged(conn, &rest).await?;
                }
                applied.inserted += self.write_direct(conn, &new).await?;
                return Ok(applied);
            }
        }
        self.write_staged(conn, changes).await
    }

    /// Rows that are probably new, and all others. Few new ones are not worth a load of their own.
    fn split(&self, changes: &RowChanges) -> (RowChanges, RowChanges) {
        let mut new = RowChanges { batch: changes.batch.clone(), deletes: Vec::new(), upserts: Vec::new() };
        let mut rest = RowChanges { deletes: changes.deletes.clone(), ..new.clone() };
        let all = self.filling || self.layout.key.is_empty();
        let is_new = |row: &u32| all || changes.batch.ops[*row as usize] == RowOp::Insert;
        (new.upserts, rest.upserts) = changes.upserts.iter().partition(|row| is_new(row));
        if new.upserts.len() < WORTH_A_LOAD && !(rest.upserts.is_empty() && rest.deletes.is_empty()) {
            rest.upserts.clone_from(&changes.upserts);
            new.upserts.clear();
        }
        (new, rest)
    }

    /// What can be told before anything is sent.
    fn check(&self, changes: &RowChanges) -> Result<()> {
        let (batch, columns) = (&*changes.batch, &self.layout.columns);
        if batch.columns.len() != columns.len() {
            return Err(StoreError::new(
                StoreErrorKind::Internal,
                format!("table {}: a batch of {} columns for {}", self.table, batch.columns.len(), columns.len()),
            ));
        }
        if let (Some(&row), true) = (changes.deletes.first(), self.layout.key.is_empty()) {
            let why = "it is a delete, but the table has no key to find the row by";
            return Err(self.refused(batch, row as usize, None, why));
        }
        let mut first: Option<(usize, usize)> = None;
        for (place, column) in columns.iter().enumerate() {
            let is_key = self.layout.key.contains(&place);
            if batch.columns[place].null_count() == 0 || !(column.required || is_key) {
                continue;
            }
            let deletes = changes.deletes.iter().filter(|_| is_key);
            let null = changes.upserts.iter().chain(deletes).find(|&&row| is_null(&batch.columns[place], row as usize));
            if let Some(&row) = null
                && first.is_none_or(|(known, _)| (row as usize) < known)
            {
                first = Some((row as usize, place));
            }
        }
        match first {
            Some((row, place)) => Err(self.refused(batch, row, Some(place), &super::values::Misfit::Null.to_string())),
            None => Ok(()),
        }
    }

    fn is_few(&self, batch: &TypedBatch, changes: &RowChanges) -> bool {
        let rows = changes.deletes.len() + changes.upserts.len();
        if rows > FEW_ROWS || rows * self.layout.columns.len() + 3 > MOST_PARAMETERS {
            return false;
        }
        let bytes = |column: &Column| match column {
            Column::Text(spans) | Column::Binary(spans) => {
                changes.upserts.iter().map(|&row| spans.get(row as usize).map_or(0, <[u8]>::len)).sum()
            }
            _ => 0,
        };
        batch.columns.iter().map(bytes).sum::<usize>() <= FEW_BYTES
    }

    /// Rows with a value too long for the driver's bulk load, in order.
    fn heavy(&self, changes: &RowChanges) -> Vec<u32> {
        let mut heavy = Vec::new();
        for (target, column) in self.layout.columns.iter().zip(&changes.batch.columns) {
            let Some(most) = target.most_bytes() else { continue };
            let is_heavy = |row: usize| match column {
                Column::Text(_) => text(column, row)
                    .is_some_and(|text| text.len() * 2 > most && text.encode_utf16().count() * 2 > most),
                Column::Binary(spans) => spans.get(row).is_some_and(|bytes| bytes.len() > most),
                _ => false,
            };
            heavy.extend(changes.upserts.iter().copied().filter(|&row| is_heavy(row as usize)));
        }
        heavy.sort_unstable();
        heavy.dedup();
        heavy
    }

    /// What the statements behind a stage have to do.
    fn work(&self, changes: &RowChanges) -> Work {
        let beyond_ascii = |place: usize| match &changes.batch.columns[place] {
            Column::Text(spans) => {
                let rows = changes.upserts.iter().chain(&changes.deletes);
                rows.into_iter().any(|&row| spans.get(row as usize).is_some_and(|text| !text.is_ascii()))
            }
            _ => false,
        };
        let check = (0..self.layout.columns.len()).any(|i| self.layout.columns[i].has_code_page() && beyond_ascii(i));
        Work { deletes: !changes.deletes.is_empty(), upserts: !changes.upserts.is_empty(), check, by_row: false }
    }

    /// One statement does it all.
    async fn write_few(&mut self, conn: &mut Conn, changes: &RowChanges) -> Result<Applied> {
        self.has_rows = true;
        let mut names = vec!["op".to_owned(), "n".to_owned()];
        names.extend((0..self.layout.columns.len()).map(|i| format!("c{i}")));
        let mut rows = Rows::new(self.layout.declare_stage(), stage::VARIABLE, names);
        for (op, row) in in_order(changes) {
            rows.push(&head(op, row), self.cells(&changes.batch, row as usize)?);
        }
        let upserts = rows.bind(count(&changes.upserts));
        let (sql, values) = rows.finish(&self.layout.apply(stage::VARIABLE, self.work(changes), &upserts));
        let answer = conn.query(&sql, &bound(&values)).await?;
        self.carried(&answer, &changes.batch)
    }

    /// Whether none of these rows can be in the table.
    async fn all_new(&mut self, conn: &mut Conn, changes: &RowChanges) -> Result<bool> {
        let sql = self.layout.probe();
        let range = match self.layout.key[..] {
            [key] => match &changes.batch.columns[key] {
                Column::Integer(values) => {
                    let keys = || changes.upserts.iter().filter_map(|&row| values.get(row as usize));
                    keys().min().zip(keys().max())
                }
                _ => None,
            },
            _ => None,
        };
        let answer = match &range {
            Some((least, most)) => conn.query(&sql, &[least, most]).await?,
            None => conn.query(&sql, &[]).await?,
        };
        let flag = |at: usize| match answer.first() {
            Some(row) => Ok(row.try_get::<i32, _>(at).map_err(sql_error)? != Some(0)),
            None => Ok::<_, StoreError>(true),
        };
        self.has_rows = flag(0)?;
        Ok(!flag(1)?)
    }

    /// Straight into the table.
    async fn write_direct(&mut self, conn: &mut Conn, changes: &RowChanges) -> Result<u64> {
        let heavy = self.heavy(changes);
        let names = self.layout.names();
        let columns: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut options: SqlBulkCopyOptions =
            SqlBulkCopyOption::KeepNulls | SqlBulkCopyOption::CheckConstraints | SqlBulkCopyOption::FireTriggers;
        if !std::mem::replace(&mut self.has_rows, true) && !self.layout.key.is_empty() {
            // Nobody reads what is not there; the log is spared.
            options |= SqlBulkCopyOption::TableLock;
        }
        let plan = &*self;
        let rows = changes.upserts.iter().filter(|row| heavy.binary_search(row).is_err()).map(|&row| {
            let mut cells = TokenRow::with_capacity(columns.len());
            plan.fill(&mut cells, &changes.batch, row as usize)?;
            Ok(cells)
        });
        let sent = (changes.upserts.len() - heavy.len()) as u64;
        if sent > 0 {
            let taken = load(conn, &self.layout.table, &columns, options, rows).await?;
            // Some servers do not count. An index that ignores rows with a key it has lets them vanish without a word.
            if taken != 0 && taken != sent {
                let why = format!("table {}: the server took {taken} of {sent} rows", self.table);
                return Err(StoreError::new(StoreErrorKind::Row, why));
            }
        }
        let mut by_parameter = Rows::new(String::new(), &self.layout.table, names.clone());
        for &row in &heavy {
            if !by_parameter.has_room(columns.len()) {
                by_parameter.flush(conn).await?;
            }
            by_parameter.push(&[], self.cells(&changes.batch, row as usize)?);
        }
        by_parameter.flush(conn).await?;
        faults::pass(Step::Loaded).await?;
        Ok(changes.upserts.len() as u64)
    }

    /// Through the temporary table.
    async fn write_staged(&mut self, conn: &mut Conn, changes: &RowChanges) -> Result<Applied> {
        let create = self.layout.create_stage();
        if !conn.has_stage(&create) {
            conn.made_temporary(stage::TABLE);
            conn.run(&create).await?;
            conn.made_stage();
        }
        // Until it has been emptied again.
        conn.note_stage(None);
        self.has_rows = true;
        let heavy = self.heavy(changes);
        let names = self.layout.stage_names();
        let columns: Vec<&str> = names.iter().map(String::as_str).collect();
        let plan = &*self;
        let rows = in_order(changes).filter(|(_, row)| heavy.binary_search(row).is_err()).map(|(op, row)| {
            let mut cells = TokenRow::with_capacity(columns.len());
            cells.push(ColumnData::U8(Some(op)));
            cells.push(ColumnData::I32(Some(row.cast_signed())));
            plan.fill(&mut cells, &changes.batch, row as usize)?;
            Ok(cells)
        });
        // Nobody else sees the table: one lock is cheaper than many.
        load(conn, stage::TABLE, &columns, SqlBulkCopyOption::KeepNulls | SqlBulkCopyOption::TableLock, rows).await?;
        let mut by_parameter = Rows::new(String::new(), stage::TABLE, names.clone());
        for &row in &heavy {
            if !by_parameter.has_room(self.layout.columns.len()) {
                by_parameter.flush(conn).await?;
            }
            by_parameter.push(&head(stage::UPSERT, row), self.cells(&changes.batch, row as usize)?);
        }
        by_parameter.flush(conn).await?;
        faults::pass(Step::Loaded).await?;
        let work = Work { by_row: conn.empties_by_row(), ..self.work(changes) };
        let sql = self.layout.apply(stage::TABLE, work, "@P1");
        let answer = match Box::pin(conn.ready("@P1 bigint", &sql, &[changes.upserts.len().to_string()])).await? {
            Some(call) => conn.ask(&call).await?,
            None => conn.query(&sql, &bound(&[count(&changes.upserts)])).await?,
        };
        let applied = self.carried(&answer, &changes.batch)?;
        conn.note_stage(Some(create));
        Ok(applied)
    }

    /// What [`Layout::apply`] answered.
    fn carried(&self, answer: &[tiberius::Row], batch: &TypedBatch) -> Result<Applied> {
        let row = answer.first().ok_or_else(|| {
            StoreError::new(StoreErrorKind::Internal, format!("table {}: the server does not count", self.table))
        })?;
        if let Some(number) = row.try_get::<i32, _>(3).map_err(sql_error)? {
            let column = row.try_get::<i32, _>(4).map_err(sql_error)?.and_then(|place| usize::try_from(place).ok());
            let why = "its text has characters that the column's code page has not, or more bytes in it than the column takes";
            return Err(self.refused(batch, number.cast_unsigned() as usize, column, why));
        }
        let count = |at| -> Result<u64> {
            Ok(row.try_get::<i64, _>(at).map_err(sql_error)?.unwrap_or_default().unsigned_abs())
        };
        Ok(Applied { deleted: count(0)?, updated: count(1)?, inserted: count(2)? })
    }

    /// A row's cells for a load.
    #[inline]
    fn fill<'v>(&self, cells: &mut TokenRow<'v>, batch: &'v TypedBatch, row: usize) -> Result<()> {
        for (place, (target, column)) in self.layout.columns.iter().zip(&batch.columns).enumerate() {
            match cell(column, row, target.kept) {
                Ok(data) => cells.push(data),
                Err(misfit) => return Err(self.refused(batch, row, Some(place), &misfit.to_string())),
            }
        }
        Ok(())
    }

    /// A row's cells for a statement.
    pub(in crate::store::sqlserver) fn cells<'v, 'p>(
        &'p self,
        batch: &'v TypedBatch,
        row: usize,
    ) -> Result<Vec<(ColumnData<'v>, impl Fn(&str) -> String + use<'p>)>> {
        let mut cells = Vec::with_capacity(self.layout.columns.len());
        for (place, (target, column)) in self.layout.columns.iter().zip(&batch.columns).enumerate() {
            let data = cell(column, row, target.kept)
                .map_err(|misfit| self.refused(batch, row, Some(place), &misfit.to_string()))?;
            cells.push((data, move |parameter: &str| target.taken_from_parameter(parameter)));
        }
        Ok(cells)
    }

    /// An error about a row of a batch, numbered from 0, and perhaps one of its columns.
    pub(in crate::store::sqlserver) fn refused(
        &self,
        batch: &TypedBatch,
        row: usize,
        column: Option<usize>,
        why: &str,
    ) -> StoreError {
        let number = batch.first_row + row as u64;
        let column = column.and_then(|place| self.layout.columns.get(place)).map(|column| column.name.as_str());
        refused_row(&self.table, number, column, why, StoreErrorKind::Row)
    }
}

/// Deletes first, then what is written, each with its `op`.
fn in_order(changes: &RowChanges) -> impl Iterator<Item = (u8, u32)> {
    let deletes = changes.deletes.iter().map(|&row| (stage::DELETE, row));
    deletes.chain(changes.upserts.iter().map(|&row| (stage::UPSERT, row)))
}

fn count(rows: &[u32]) -> ColumnData<'static> {
    ColumnData::I64(Some(i64::try_from(rows.len()).unwrap_or(i64::MAX)))
}

fn head(op: u8, row: u32) -> [String; 2] {
    [op.to_string(), row.to_string()]
}

fn is_null(column: &Column, row: usize) -> bool {
    match column {
        Column::Text(spans) | Column::Binary(spans) => spans.get(row).is_none(),
        _ => column.value(row, 0).is_null(),
    }
}

fn text(column: &Column, row: usize) -> Option<&str> {
    match column {
        Column::Text(spans) => spans.get_str(row),
        _ => None,
    }
}

/// An error about one row.
pub(in crate::store::sqlserver) fn refused_row(
    table: &str,
    row: u64,
    column: Option<&str>,
    why: &str,
    kind: StoreErrorKind,
) -> StoreError {
    let place = column.map_or_else(String::new, |column| format!(", column {column}"));
    StoreError::new(kind, format!("table {table}, row {row}{place}: {why}"))
        .at_row(RowPlace { row, column: column.map(str::to_owned) })
}
