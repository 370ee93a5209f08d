//! [`MirrorDb`] and [`History`] for SQLite: which body runs in which kind of transaction.

use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;

use super::catalog::{self, find_object};
use super::errors::{Result, lost_task};
use super::metadata::{self};
use super::session::{Durability, Session};
use super::tables::{Work, next_ticket};
use super::writer::{SqliteRowWriter, advance_skipped};
use super::{guest, history, indexes, known, quarantine, read};
use crate::protocol::columns::TypedBatch;
use crate::protocol::context_id::ContextId;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::ReplicationSummary;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::history::{CallRecord, CycleRecord, EventRecord, Millis, OpCounts, TableHistory};
use crate::store::rules::definitions::{Definitions, to_text};
use crate::store::rules::refusals::{not_ours, unknown_table};
use crate::store::{
    ActualTable, GuestDatabase, GuestPowers, GuestValues, History, IndexDef, MirrorDb, QuarantineCount, Quarantined,
    RowWriter, SchemaHash, TableKind, TableMark, TableRecord, Ticket, Turn,
};

/// One tenant's mirror file. Holds no file open by itself.
pub(super) struct SqliteMirror {
    session: Arc<Session>,
    definitions: Arc<Definitions>,
}

impl SqliteMirror {
    pub fn new(session: Arc<Session>, definitions: Arc<Definitions>) -> Self {
        Self { session, definitions }
    }

    /// Opens the file and makes what is missing in it; the file itself only if `create`.
    pub async fn ready(&self, create: bool) -> Result<()> {
        self.session.ready(create).await.map(drop)
    }
}

/// The real name of a table of ours.
fn own_table(work: &Work<'_>, table: &TableName) -> Result<String> {
    let row = metadata::find(work.db, work.metadata, table)?;
    let listed = row.is_some_and(|row| row.kind() == TableKind::Mirrored);
    let object = find_object(work.db, table.as_str())?.filter(catalog::Object::is_table);
    match object {
        Some(object) if listed || known::find(work.db, table)?.owns(work.db, &object)? => Ok(object.name),
        Some(_) => Err(not_ours(table)),
        None => Err(unknown_table(table)),
    }
}

#[async_trait]
impl MirrorDb for SqliteMirror {
    fn tenant(&self) -> &ContextId {
        &self.session.tenant
    }

    fn place(&self) -> String {
        self.session.path.display().to_string()
    }

    async fn ticket(&self) -> Result<Ticket> {
        self.session.write(Durability::Relaxed, next_ticket).await
    }

    /// A quarter of the vendor's calls: what is written after the first is typed and transformed meanwhile. Smaller ones cost more
    /// than that is worth, each being a statement and a way to a thread and back (docs/decisions/speed.md).
    fn stretch_bytes(&self) -> usize {
        256 << 10
    }

    async fn tables(&self) -> Result<Vec<TableRecord>> {
        let definitions = Arc::clone(&self.definitions);
        self.session
            .read(move |work| {
                let there = catalog::tables(work.db)?;
                let rows = metadata::all(work.db, work.metadata)?;
                Ok(rows
                    .into_iter()
                    .map(|(table, row)| {
                        let is_there = there.contains_key(table.folded());
                        definitions.record(&table, &row.stored(), is_there)
                    })
                    .collect())
            })
            .await
    }

    async fn table(&self, table: &TableName) -> Result<Option<TableRecord>> {
        let (table, definitions) = (table.clone(), Arc::clone(&self.definitions));
        self.session
            .read(move |work| {
                let Some(row) = metadata::find(work.db, work.metadata, &table)? else { return Ok(None) };
                let is_there = find_object(work.db, table.as_str())?.is_some_and(|object| object.is_table());
                let name = TableName::new(row.tablename.trim_end()).unwrap_or_else(|_| table.clone());
                Ok(Some(definitions.record(&name, &row.stored(), is_there)))
            })
            .await
    }

    async fn describe(&self, table: &TableName) -> Result<Option<ActualTable>> {
        let table = table.clone();
        self.session
            .read(move |work| {
                let Some(object) = find_object(work.db, table.as_str())?.filter(catalog::Object::is_table) else {
                    return Ok(None);
                };
                let row = metadata::find(work.db, work.metadata, &table)?;
                let known: Option<TableDef> =
                    row.and_then(|row| row.definition).and_then(|text| serde_json::from_str(&text).ok());
                catalog::describe(work.db, &object.name, known.as_ref()).map(Some)
            })
            .await
    }

    async fn create_table(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<()> {
        let (turn, def, text) = (turn.clone(), def.clone(), to_text(def)?);
        self.session.write(Durability::Full, move |work| work.create(&turn, &def, hash, &text)).await
    }

    async fn alter_table(&self, turn: &Turn, old: &TableDef, new: &TableDef, hash: SchemaHash) -> Result<()> {
        let (turn, old, new, text) = (turn.clone(), old.clone(), new.clone(), to_text(new)?);
        self.session.write(Durability::Full, move |work| work.alter(&turn, &old, &new, hash, &text)).await
    }

    async fn adopt_table(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<()> {
        let (turn, def, text) = (turn.clone(), def.clone(), to_text(def)?);
        self.session.write(Durability::Full, move |work| work.adopt(&turn, &def, hash, &text)).await
    }

    async fn claim_table(&self, turn: &Turn, _def: &TableDef, hash: SchemaHash) -> Result<()> {
        let turn = turn.clone();
        self.session.write(Durability::Full, move |work| work.claim(&turn, hash)).await
    }

    async fn skip_table(&self, turn: &Turn, hash: SchemaHash) -> Result<()> {
        let turn = turn.clone();
        self.session.write(Durability::Full, move |work| work.skip(&turn, hash)).await
    }

    async fn drop_table(&self, turn: &Turn) -> Result<()> {
        let turn = turn.clone();
        self.session.write(Durability::Full, move |work| work.drop(&turn)).await
    }

    async fn expect_refill(&self, turn: &Turn) -> Result<()> {
        self.expect_refills(turn.ticket, std::slice::from_ref(&turn.table)).await
    }

    async fn expect_refills(&self, ticket: Ticket, tables: &[TableName]) -> Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        let tables = tables.to_vec();
        self.session.write(Durability::Full, move |work| work.expect_refills(ticket, &tables)).await
    }

    async fn confirm_tables(&self, ticket: Ticket, tables: &[TableName]) -> Result<Vec<TableMark>> {
        let tables = tables.to_vec();
        // Older calls that this keeps out do not outlive a power failure either.
        self.session.write(Durability::Relaxed, move |work| work.confirm(ticket, &tables)).await
    }

    async fn wipe(&self, turn: &Turn) -> Result<u64> {
        let turn = turn.clone();
        self.session.write(Durability::Full, move |work| work.wipe(&turn)).await
    }

    async fn begin(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<Box<dyn RowWriter>> {
        let writer = SqliteRowWriter::begin(Arc::clone(&self.session), turn.clone(), def.clone(), hash).await?;
        Ok(Box::new(writer))
    }

    async fn advance_skipped(&self, turn: &Turn, hash: SchemaHash, lsn: Lsn, received: OpCounts) -> Result<Lsn> {
        let turn = turn.clone();
        self.session.write(Durability::Full, move |work| advance_skipped(work, &turn, hash, lsn, received)).await
    }

    async fn mark_gap(&self, turn: &Turn) -> Result<()> {
        let turn = turn.clone();
        self.session.write(Durability::Full, move |work| work.mark_gap(&turn)).await
    }

    async fn read(
        &self,
        def: &TableDef,
        chunk: usize,
        sink: &mut (dyn FnMut(TypedBatch) -> ControlFlow<()> + Send),
    ) -> Result<()> {
        let lease = self.session.ready(false).await?.read().await?;
        let (session, def) = (Arc::clone(&self.session), def.clone());
        let (sender, mut receiver) = tokio::sync::mpsc::channel(2);
        let reading = tokio::task::spawn_blocking(move || {
            let send = |batch| sender.blocking_send(batch).is_ok();
            // Side tables dropped by hand do not matter to the rows.
            session.read_plainly(lease, |work| read::read(work.db, &def, chunk, send)).map_err(session.at())
        });
        while let Some(batch) = receiver.recv().await {
            if sink(batch).is_break() {
                break;
            }
        }
        drop(receiver);
        reading.await.map_err(lost_task)?
    }

    async fn indexes(&self, table: &TableName) -> Result<Vec<IndexDef>> {
        let table = table.clone();
        self.session
            .read(move |work| match find_object(work.db, table.as_str())?.filter(catalog::Object::is_table) {
                Some(object) => indexes::list(work.db, &object.name),
                None => Err(unknown_table(&table)),
            })
            .await
    }

    async fn ensure_index(&self, table: &TableName, index: &IndexDef) -> Result<bool> {
        let (table, index) = (table.clone(), index.clone());
        self.session
            .write(Durability::Full, move |work| indexes::ensure(work.db, &own_table(work, &table)?, &index))
            .await
    }

    async fn drop_index(&self, table: &TableName, name: &str) -> Result<bool> {
        let (table, name) = (table.clone(), name.to_owned());
        self.session.write(Durability::Full, move |work| indexes::drop(work.db, &own_table(work, &table)?, &name)).await
    }

    fn history(&self) -> &dyn History {
        self
    }

    fn guest(&self, powers: GuestPowers) -> Box<dyn GuestDatabase> {
        Box::new(guest::SqliteGuest::new(Arc::clone(&self.session), powers))
    }

    fn guest_values(&self, plugin: &str) -> Box<dyn GuestValues> {
        Box::new(guest::SqliteValues::new(Arc::clone(&self.session), plugin))
    }

    async fn quarantine_counts(&self) -> Result<Vec<QuarantineCount>> {
        self.session.read(|work| quarantine::counts(work.db)).await
    }

    async fn quarantined(&self, table: Option<&TableName>, limit: usize) -> Result<Vec<Quarantined>> {
        let table = table.cloned();
        self.session.read(move |work| quarantine::list(work.db, table.as_ref(), limit)).await
    }

    async fn resync(&self, tables: &[TableName]) -> Result<Vec<TableName>> {
        let tables = tables.to_vec();
        self.session.write(Durability::Full, move |work| work.resync(&tables)).await
    }
}

#[async_trait]
impl History for SqliteMirror {
    async fn begin_cycle(&self, ticket: Ticket, at: Millis) -> Result<()> {
        self.session.write(Durability::Relaxed, move |work| history::begin_cycle(work.db, ticket, at)).await
    }

    async fn record_call(&self, call: &CallRecord) -> Result<()> {
        let call = call.clone();
        self.session.write(Durability::Relaxed, move |work| history::record_call(work.db, &call)).await
    }

    async fn record_events(&self, events: &[EventRecord]) -> Result<()> {
        let events = events.to_vec();
        self.session.write(Durability::Relaxed, move |work| history::record_events(work.db, &events)).await
    }

    async fn complete_cycle(&self, at: Millis, reported: &[ReplicationSummary]) -> Result<Vec<String>> {
        let reported = reported.to_vec();
        self.session
            .write(Durability::Full, move |work| history::complete_cycle(work.db, work.metadata, at, &reported))
            .await
    }

    async fn cycles(&self, limit: usize) -> Result<Vec<CycleRecord>> {
        self.session.read(move |work| history::cycles(work.db, limit)).await
    }

    async fn tables(&self) -> Result<Vec<TableHistory>> {
        self.session.read(|work| history::tables(work.db)).await
    }

    async fn events(&self, limit: usize) -> Result<Vec<EventRecord>> {
        self.session.read(move |work| history::events(work.db, limit)).await
    }

    async fn newest_lsn(&self) -> Result<Option<Lsn>> {
        self.session.read(|work| history::newest_lsn(work.db, work.metadata)).await
    }
}
