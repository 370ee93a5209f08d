//! A mirror in memory, with faults on demand: small enough to be read as the contract of [`MirrorDb`], and fast enough for
//! properties. Not an engine: no transactions, since every method is one step under one lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;

use crate::protocol::cell;
use crate::protocol::columns::TypedBatch;
use crate::protocol::context_id::ContextId;
use crate::protocol::default_value::DefaultValue;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::RowOp;
use crate::protocol::raw_batch::RawBatch;
use crate::protocol::sql_type::Family;
use crate::protocol::table_def::{ColumnDef, TableDef};
use crate::protocol::table_name::TableName;
use crate::store::history::{CycleRecord, EventRecord, History, Millis, OpCounts, TableError};
use crate::store::{
    ActualTable, Applied, Connection, FoundMirror, IndexDef, MirrorDb, RowChanges, RowWriter, SchemaHash, Store,
    StoreError, StoreErrorKind, TableKind, TableMark, TableRecord, Ticket, Turn,
};

type Row = Vec<Option<String>>;

/// Where a fill stands: see `MirrorDb::expect_refill`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    None,
    Expected,
    Begun,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub record: TableRecord,
    pub rows: BTreeMap<Vec<String>, Row>,
    /// A table that the vendor's package made.
    pub actual: Option<ActualTable>,
    ticket: Ticket,
    fill: Fill,
    /// See `MirrorDb::mark_gap`.
    pub(super) gap: bool,
    pub(super) error: Option<TableError>,
    pub(super) confirmed_at: Option<Millis>,
    pub(super) counts: OpCounts,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) tables: BTreeMap<String, Table>,
    pub(super) gone: Vec<String>,
    pub(super) last_ticket: i64,
    pub(super) cycles: Vec<CycleRecord>,
    pub(super) events: Vec<EventRecord>,
    /// Methods that fail next, once each, and how.
    pub(super) faults: Vec<(&'static str, StoreErrorKind)>,
    /// Every write, in order, for assertions.
    pub(super) log: Vec<String>,
}

pub struct Memory {
    tenant: ContextId,
    state: Arc<Mutex<State>>,
}

/// Mirrors of several tenants.
#[derive(Default)]
pub struct MemoryStore {
    mirrors: Mutex<BTreeMap<ContextId, Arc<Memory>>>,
    pub opened_with: Mutex<Vec<Option<Connection>>>,
}

impl MemoryStore {
    pub fn mirror(&self, tenant: &ContextId) -> Option<Arc<Memory>> {
        self.mirrors.lock().unwrap().get(tenant).cloned()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn engine(&self) -> &'static str {
        "memory"
    }
    async fn open(&self, tenant: &ContextId, connection: Option<&Connection>) -> Result<Arc<dyn MirrorDb>, StoreError> {
        self.opened_with.lock().unwrap().push(connection.cloned());
        if connection.is_some_and(|connection| connection.0 == "forbidden") {
            return Err(StoreError::new(StoreErrorKind::Connection, "that place is not allowed"));
        }
        let mut mirrors = self.mirrors.lock().unwrap();
        let mirror = mirrors
            .entry(tenant.clone())
            .or_insert_with(|| Arc::new(Memory { tenant: tenant.clone(), state: Arc::default() }));
        Ok(mirror.clone())
    }
    async fn open_existing(
        &self,
        tenant: &ContextId,
        _connection: Option<&Connection>,
    ) -> Result<Option<Arc<dyn MirrorDb>>, StoreError> {
        Ok(self.mirror(tenant).map(|mirror| mirror as Arc<dyn MirrorDb>))
    }
    async fn list(&self) -> Result<Vec<FoundMirror>, StoreError> {
        Ok(Vec::new())
    }
    async fn check(&self) -> Result<String, StoreError> {
        Ok("in memory".into())
    }
    async fn close(&self) {}
}

impl Memory {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
    pub fn fail_next(&self, method: &'static str, kind: StoreErrorKind) {
        self.state().faults.push((method, kind));
    }
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }
    pub fn get(&self, table: &str) -> Option<Table> {
        self.state().tables.get(&crate::protocol::table_name::fold(table)).cloned()
    }
    /// A hand edit of the metadata table.
    pub fn edit(&self, table: &str, edit: impl FnOnce(&mut Table)) {
        let mut state = self.state();
        let table = state.tables.get_mut(&crate::protocol::table_name::fold(table)).unwrap();
        edit(table);
        if !table.record.lsn.means_refill() {
            table.fill = Fill::None;
        }
        table.record.fill_begun = table.fill == Fill::Begun;
    }
    pub fn forget(&self, table: &str) {
        self.state().tables.remove(table);
    }
    /// A table as the vendor's package leaves it.
    pub fn put_vendor_table(&self, table: &str, lsn: i64, actual: ActualTable, rows: Vec<(Vec<String>, Row)>) {
        let name = TableName::new(table).unwrap();
        let mut made = new_table(&name, None, None, TableKind::TakenOver, Ticket(0));
        made.record.lsn = Lsn(lsn);
        made.fill = Fill::None;
        made.actual = Some(actual);
        made.rows = rows.into_iter().collect();
        self.state().tables.insert(name.folded().to_owned(), made);
    }
    /// Rows in key order as `NULL` or text.
    pub fn rows(&self, table: &str) -> Vec<Row> {
        self.get(table).map(|table| table.rows.into_values().collect()).unwrap_or_default()
    }
    pub fn events(&self) -> Vec<EventRecord> {
        self.state().events.clone()
    }
    pub fn error_of(&self, table: &str) -> Option<TableError> {
        self.get(table)?.error
    }
}

fn new_table(
    name: &TableName,
    def: Option<&TableDef>,
    hash: Option<SchemaHash>,
    kind: TableKind,
    ticket: Ticket,
) -> Table {
    Table {
        record: TableRecord {
            table: name.clone(),
            hash,
            lsn: Lsn::REFILL,
            kind,
            fill_begun: false,
            def: def.cloned().map(Arc::new),
        },
        rows: BTreeMap::new(),
        actual: None,
        ticket,
        fill: Fill::Expected,
        gap: false,
        error: None,
        confirmed_at: None,
        counts: OpCounts::default(),
    }
}

impl State {
    pub(super) fn enter(&mut self, method: &'static str, about: &str) -> Result<(), StoreError> {
        self.log.push(if about.is_empty() { method.to_owned() } else { format!("{method} {about}") });
        if let Some(at) = self.faults.iter().position(|(name, _)| *name == method) {
            let (_, kind) = self.faults.remove(at);
            return Err(StoreError::new(kind, format!("{method} was told to fail")));
        }
        Ok(())
    }

    fn turn(&mut self, turn: &Turn) -> Result<(), StoreError> {
        match self.tables.get_mut(turn.table.folded()) {
            Some(table) if table.ticket > turn.ticket => {
                Err(StoreError::new(StoreErrorKind::Overtaken, "a later ticket was here"))
            }
            Some(table) => {
                table.ticket = turn.ticket;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn known(&mut self, table: &TableName) -> Result<&mut Table, StoreError> {
        self.tables
            .get_mut(table.folded())
            .ok_or_else(|| StoreError::new(StoreErrorKind::UnknownTable, format!("no table {table}")))
    }
}

/// A default as a stored cell.
fn default_cell(column: &ColumnDef) -> Option<String> {
    match column.default.as_ref()? {
        DefaultValue::Number(text) | DefaultValue::Text(text) => Some(as_cell(text, column)),
        other => panic!("no test alters with the default {other:?}"),
    }
}

/// A cell of a column whose type has changed.
fn retyped(cell: &str, old: &ColumnDef, new: &ColumnDef) -> String {
    if old.sql_type == new.sql_type || old.sql_type.family() == Family::Text {
        return cell.to_owned();
    }
    let (_, value) = cell.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap().split_once(':').unwrap();
    as_cell(value, new)
}

fn as_cell(text: &str, column: &ColumnDef) -> String {
    let def = TableDef { name: TableName::new("x").unwrap(), columns: vec![column.clone()], key: vec![] };
    let batch = RawBatch::from_rows([(RowOp::Insert, [Some(text)])]);
    let typed = cell::type_segment(batch.into_segments().next().unwrap().unwrap(), &def).unwrap();
    stored(&typed, &def, 0, 0).unwrap()
}

fn stored(batch: &TypedBatch, def: &TableDef, column: usize, row: usize) -> Option<String> {
    let sql_type = def.columns[column].sql_type;
    cell::encode(batch.columns[column].value(row, sql_type.decimal_scale()), sql_type)
}

#[async_trait]
impl MirrorDb for Memory {
    fn tenant(&self) -> &ContextId {
        &self.tenant
    }
    fn place(&self) -> String {
        "memory".into()
    }
    async fn ticket(&self) -> Result<Ticket, StoreError> {
        let mut state = self.state();
        state.enter("ticket", "")?;
        state.last_ticket += 1;
        Ok(Ticket(state.last_ticket))
    }
    async fn tables(&self) -> Result<Vec<TableRecord>, StoreError> {
        let mut state = self.state();
        state.enter("tables", "")?;
        Ok(state.tables.values().map(|table| table.record.clone()).collect())
    }
    async fn table(&self, table: &TableName) -> Result<Option<TableRecord>, StoreError> {
        Ok(self.get(table.as_str()).map(|table| table.record))
    }
    async fn describe(&self, table: &TableName) -> Result<Option<ActualTable>, StoreError> {
        self.state().enter("describe", table.as_str())?;
        Ok(self.get(table.as_str()).and_then(|table| table.actual))
    }
    async fn create_table(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<(), StoreError> {
        let mut state = self.state();
        state.enter("create_table", turn.table.as_str())?;
        state.turn(turn)?;
        if state
            .tables
            .get(turn.table.folded())
            .is_some_and(|table| table.record.hash.is_none() && table.actual.is_some())
        {
            return Err(StoreError::new(StoreErrorKind::Foreign, "not ours"));
        }
        let made = new_table(&turn.table, Some(def), Some(hash), TableKind::Mirrored, turn.ticket);
        state.tables.insert(turn.table.folded().to_owned(), made);
        Ok(())
    }
    async fn alter_table(
        &self,
        turn: &Turn,
        old: &TableDef,
        new: &TableDef,
        hash: SchemaHash,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        state.enter("alter_table", turn.table.as_str())?;
        state.turn(turn)?;
        let table = state.known(&turn.table)?;
        assert_eq!(table.record.def.as_deref(), Some(old), "altered from what it is");
        for row in table.rows.values_mut() {
            *row = new
                .columns
                .iter()
                .map(|column| match old.column_index(&column.name) {
                    Some(at) => row[at].as_deref().map(|cell| retyped(cell, &old.columns[at], column)),
                    None => default_cell(column),
                })
                .collect();
        }
        table.record.def = Some(Arc::new(new.clone()));
        table.record.hash = Some(hash);
        Ok(())
    }
    async fn adopt_table(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<(), StoreError> {
        let mut state = self.state();
        state.enter("adopt_table", turn.table.as_str())?;
        state.turn(turn)?;
        let table = state.known(&turn.table)?;
        table.record.hash = Some(hash);
        table.record.kind = TableKind::Mirrored;
        table.record.def = Some(Arc::new(def.clone()));
        Ok(())
    }
    async fn skip_table(&self, turn: &Turn, hash: SchemaHash) -> Result<(), StoreError> {
        let mut state = self.state();
        state.enter("skip_table", turn.table.as_str())?;
        state.turn(turn)?;
        let made = new_table(&turn.table, None, Some(hash), TableKind::Skipped, turn.ticket);
        state.tables.insert(turn.table.folded().to_owned(), made);
        Ok(())
    }
    async fn drop_table(&self, turn: &Turn) -> Result<(), StoreError> {
        let mut state = self.state();
        state.enter("drop_table", turn.table.as_str())?;
        state.turn(turn)?;
        if state.tables.remove(turn.table.folded()).is_some() {
            state.gone.push(turn.table.as_str().to_owned());
        }
        Ok(())
    }
    async fn expect_refill(&self, turn: &Turn) -> Result<(), StoreError> {
        let mut state = self.state();
        state.enter("expect_refill", turn.table.as_str())?;
        state.turn(turn)?;
        let table = state.known(&turn.table)?;
        table.gap = false;
        table.fill = Fill::Expected;
        table.record.fill_begun = false;
        Ok(())
    }
    async fn confirm_tables(&self, ticket: Ticket, tables: &[TableName]) -> Result<Vec<TableMark>, StoreError> {
        let mut state = self.state();
        state.enter("confirm_tables", "")?;
        for table in tables {
            state.turn(&Turn { table: table.clone(), ticket })?;
            if let Some(table) = state.tables.get_mut(table.folded()) {
                table.gap = false;
            }
        }
        let records = state.tables.values().map(|table| &table.record);
        let mark = |record: &TableRecord| {
            let TableRecord { table, hash, lsn, kind, .. } = record.clone();
            TableMark { table, hash, lsn, kind }
        };
        Ok(records.map(mark).collect())
    }
    async fn wipe(&self, turn: &Turn) -> Result<u64, StoreError> {
        let mut state = self.state();
        state.enter("wipe", turn.table.as_str())?;
        state.known(&turn.table)?;
        state.turn(turn)?;
        let table = state.known(&turn.table)?;
        let rows = table.rows.len() as u64;
        table.rows.clear();
        table.record.lsn = Lsn::REFILL;
        table.fill = Fill::Begun;
        table.record.fill_begun = true;
        table.gap = false;
        Ok(rows)
    }
    async fn mark_gap(&self, turn: &Turn) -> Result<(), StoreError> {
        let mut state = self.state();
        state.enter("mark_gap", turn.table.as_str())?;
        state.turn(turn)?;
        if let Some(table) = state.tables.get_mut(turn.table.folded()) {
            table.gap = table.record.kind == TableKind::Mirrored;
        }
        Ok(())
    }
    async fn begin(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<Box<dyn RowWriter>, StoreError> {
        let mut state = self.state();
        state.enter("begin", turn.table.as_str())?;
        state.turn(turn)?;
        let table = state.known(&turn.table)?;
        if table.record.hash != Some(hash) {
            return Err(StoreError::new(StoreErrorKind::SchemaChanged, "another hash"));
        }
        let mut draft = table.clone();
        if draft.record.lsn.means_refill() && draft.fill == Fill::Expected {
            draft.rows.clear();
            draft.fill = Fill::Begun;
        }
        Ok(Box::new(Writer { state: self.state.clone(), def: def.clone(), draft }))
    }
    async fn advance_skipped(
        &self,
        turn: &Turn,
        hash: SchemaHash,
        lsn: Lsn,
        received: OpCounts,
    ) -> Result<Lsn, StoreError> {
        let mut state = self.state();
        state.enter("advance_skipped", turn.table.as_str())?;
        state.turn(turn)?;
        let table = state.known(&turn.table)?;
        if table.record.hash != Some(hash) || table.record.kind != TableKind::Skipped {
            return Err(StoreError::new(StoreErrorKind::SchemaChanged, "not skipped"));
        }
        table.moved(lsn, received);
        Ok(table.record.lsn)
    }
    async fn read(
        &self,
        _def: &TableDef,
        _chunk: usize,
        _sink: &mut (dyn FnMut(TypedBatch) -> std::ops::ControlFlow<()> + Send),
    ) -> Result<(), StoreError> {
        Err(StoreError::new(StoreErrorKind::Internal, "tests look at Memory::rows"))
    }
    async fn indexes(&self, _table: &TableName) -> Result<Vec<IndexDef>, StoreError> {
        Ok(Vec::new())
    }
    async fn ensure_index(&self, _table: &TableName, _index: &IndexDef) -> Result<bool, StoreError> {
        Ok(false)
    }
    async fn drop_index(&self, _table: &TableName, _name: &str) -> Result<bool, StoreError> {
        Ok(false)
    }
    fn history(&self) -> &dyn History {
        self
    }
    async fn resync(&self, _tables: &[TableName]) -> Result<Vec<TableName>, StoreError> {
        Ok(Vec::new())
    }
}

impl Table {
    fn moved(&mut self, lsn: Lsn, received: OpCounts) {
        let filling = self.fill != Fill::None || !self.record.lsn.means_refill();
        if let Some(lsn) = self.record.lsn.moved_by(lsn).filter(|_| filling && !self.gap) {
            self.record.lsn = lsn;
            self.fill = Fill::None;
        }
        self.record.fill_begun = self.fill == Fill::Begun;
        self.counts.inserts += received.inserts;
        self.counts.updates += received.updates;
        self.counts.deletes += received.deletes;
        self.error = None;
    }
}

struct Writer {
    state: Arc<Mutex<State>>,
    def: TableDef,
    draft: Table,
}

#[async_trait]
impl RowWriter for Writer {
    async fn apply(&mut self, changes: RowChanges) -> Result<Applied, StoreError> {
        self.state.lock().unwrap().enter("apply", self.def.name.as_str())?;
        let mut applied = Applied::default();
        let batch = &changes.batch;
        let key = |row: u32| -> Vec<String> {
            self.def.key.iter().map(|&at| stored(batch, &self.def, at, row as usize).unwrap()).collect()
        };
        for &row in &changes.deletes {
            applied.deleted += u64::from(self.draft.rows.remove(&key(row)).is_some());
        }
        for &row in &changes.upserts {
            let cells = (0..self.def.columns.len()).map(|at| stored(batch, &self.def, at, row as usize)).collect();
            let mut key = key(row);
            if key.is_empty() {
                key.push(format!("{:08}", self.draft.rows.len()));
            }
            match self.draft.rows.insert(key, cells) {
                Some(_) => applied.updated += 1,
                None => applied.inserted += 1,
            }
        }
        Ok(applied)
    }

    async fn commit(mut self: Box<Self>, lsn: Lsn, received: OpCounts) -> Result<Lsn, StoreError> {
        let mut state = self.state.lock().unwrap();
        state.enter("commit", self.def.name.as_str())?;
        self.draft.moved(lsn, received);
        let lsn = self.draft.record.lsn;
        state.tables.insert(self.def.name.folded().to_owned(), self.draft.clone());
        Ok(lsn)
    }
}
