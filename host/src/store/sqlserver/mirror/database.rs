//! [`MirrorDb`] and [`History`] for SQL Server: which body runs in which kind of transaction.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::metadata::{self, Row};
use super::session::{Session, attempt};
use super::statement::Statement;
use super::tables::{Work, object, select_object};
use super::writer::{SqlServerRowWriter, advance_skipped};
use super::{history, quarantine, sets, side_tables};
use crate::protocol::columns::TypedBatch;
use crate::protocol::context_id::ContextId;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::ReplicationSummary;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::history::{CallRecord, CycleRecord, EventRecord, Millis, OpCounts, TableHistory};
use crate::store::rules::definitions::{Definitions, to_text};
use crate::store::rules::refusals::{not_ours, unknown_table};
use crate::store::sqlserver::connection::pool::Pool;
use crate::store::sqlserver::errors::Result;
use crate::store::sqlserver::guest::{SqlServerGuest, SqlServerValues};
use crate::store::sqlserver::rows::read;
use crate::store::sqlserver::schema::catalog::{self, Object, find_object};
use crate::store::sqlserver::schema::indexes;
use crate::store::{
    ActualTable, GuestDatabase, GuestPowers, GuestValues, History, IndexDef, MirrorDb, QuarantineCount, Quarantined,
    RowWriter, SchemaHash, StoreError, StoreErrorKind, TableMark, TableRecord, Ticket, Turn,
};

/// One tenant's mirror database. Holds no connection by itself.
pub(in crate::store::sqlserver) struct SqlServerMirror {
    session: Arc<Session>,
    /// Connections for plug-ins' own statements.
    guests: Arc<Pool>,
    definitions: Definitions,
    /// Tables as they were last read one by one, the newest last: a few, since rows come table by table.
    seen: Mutex<VecDeque<TableRecord>>,
}

/// Tables kept in [`SqlServerMirror::seen`].
const SEEN: usize = 4;

impl SqlServerMirror {
    pub fn new(session: Arc<Session>, guests: Arc<Pool>) -> Self {
        Self { session, guests, definitions: Definitions::default(), seen: Mutex::default() }
    }

    /// Checks whose database it is, and makes what is missing in it. The database itself is there already, whether
    /// `create` was asked for or not.
    pub async fn ready(&self, _create: bool) -> Result<()> {
        super::session::retry!(side_tables::ensure(&self.session).await.map(drop))
    }

    /// The next ticket, if the mirror was opened before and is this tenant's still. Nothing is tried twice.
    pub async fn ticket_at_once(&self) -> Result<Ticket> {
        if !self.session.is_ready() {
            return Err(StoreError::new(StoreErrorKind::Internal, "the mirror was not opened"));
        }
        sets::ticket_at_once(&self.session).await
    }
}

/// A transaction that writes to one table, from its lock to its commit, as often as reasons that pass make it fail. The body is
/// evaluated with the [`Work`] under the name given, and answers what the whole answers.
macro_rules! write {
    ($session:expr, $table:expr, |$work:ident| $body:expr) => {{
        let (session, table): (&Arc<Session>, &TableName) = ($session, $table);
        attempt!(session, {
            let mut $work = Work::begin(session, table).await?;
            match $body.await {
                Ok(answer) => $work.commit(table).await.map(|()| answer),
                Err(error) => {
                    $work.give_up().await;
                    Err(error)
                }
            }
        })
    }};
}

/// The definition a row tells.
fn known_definition(row: &Row) -> Option<TableDef> {
    serde_json::from_str(row.definition.as_deref()?).ok()
}

impl SqlServerMirror {
    fn seen(&self) -> MutexGuard<'_, VecDeque<TableRecord>> {
        // Nothing can panic half-way in what is done behind it.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen of a table is old.
    fn forget(&self, table: &TableName) {
        self.seen().retain(|known| known.table != *table);
        self.session.columns.forget(table);
    }

    /// A table's metadata row, with its definition, and the object that has the table's name.
    async fn row_and_object(&self, table: &TableName) -> Result<(Option<Row>, Option<Object>)> {
        let mut lease = self.session.reader().await?;
        let names = self.session.names();
        let mut statement = Statement::new();
        metadata::select_one(&mut statement, &names, table, true);
        select_object(&mut statement, &names, table);
        let answers = statement.results(&mut lease).await?;
        let row = answers.first().and_then(|rows| metadata::one(rows, table));
        let object = match answers.get(1).and_then(object) {
            Some(table) => Some(table),
            None => find_object(&mut lease, &names.schema, table.as_str()).await?.filter(Object::is_table),
        };
        lease.finish_as_new();
        Ok((row, object))
    }

    /// The table of ours that an index may be made on, by its name in the catalogue. Looked up behind its lock, which is given
    /// back: an index is made outside any transaction, since it may take long and is tried in more than one way. Should the table be
    /// made anew meanwhile, it goes without the index, and `before-replicate-table` says so to the plug-in.
    async fn own_table(&self, table: &TableName) -> Result<String> {
        let mut work = Work::begin(&self.session, table).await?;
        let turn = Turn { table: table.clone(), ticket: Ticket(i64::MAX) };
        let place = work.place(&turn).await?;
        work.tx.rollback().await?;
        let is_ours = place.is_ours();
        match place.object.filter(Object::is_table) {
            Some(object) if is_ours => Ok(object.name),
            Some(_) => Err(not_ours(table)),
            None => Err(unknown_table(table)),
        }
    }
}

#[async_trait]
impl MirrorDb for SqlServerMirror {
    fn tenant(&self) -> &ContextId {
        &self.session.tenant
    }

    fn place(&self) -> String {
        self.session.place()
    }

    async fn ticket(&self) -> Result<Ticket> {
        attempt!(&self.session, sets::next_ticket(&self.session).await)
    }

    async fn tables(&self) -> Result<Vec<TableRecord>> {
        let answers = attempt!(&self.session, {
            let mut lease = self.session.reader().await?;
            let names = self.session.names();
            let mut statement = Statement::new();
            metadata::select_all(&mut statement, &names, true);
            sets::select_tables(&mut statement, &names);
            let answers = statement.results(&mut lease).await?;
            lease.finish();
            Ok::<_, StoreError>(answers)
        })?;
        let mut answers = answers.into_iter();
        let rows = metadata::all(&answers.next().unwrap_or_default());
        let there = sets::folded_names(&answers.next().unwrap_or_default());
        let records = rows.into_iter().map(|(table, row)| {
            let is_there = row.is_there || there.contains(table.folded());
            self.definitions.record(&table, &row.stored(), is_there)
        });
        Ok(records.collect())
    }

    async fn table(&self, table: &TableName) -> Result<Option<TableRecord>> {
        let (row, object) = attempt!(&self.session, self.row_and_object(table).await)?;
        let record = row.map(|row| {
            let name = TableName::new(row.tablename.trim_end()).unwrap_or_else(|_| table.clone());
            self.definitions.record(&name, &row.stored(), object.is_some())
        });
        let mut seen = self.seen();
        seen.retain(|known| known.table != *table);
        if let Some(record) = &record {
            if seen.len() >= SEEN {
                seen.pop_front();
            }
            seen.push_back(record.clone());
        }
        Ok(record)
    }

    fn table_as_known(&self, table: &TableName) -> Option<TableRecord> {
        self.seen().iter().find(|known| known.table == *table).cloned()
    }

    fn begins_ahead(&self) -> bool {
        true
    }

    async fn describe(&self, table: &TableName) -> Result<Option<ActualTable>> {
        attempt!(&self.session, {
            let (row, object) = self.row_and_object(table).await?;
            let Some(object) = object else { return Ok(None) };
            let known = row.as_ref().and_then(known_definition);
            let mut lease = self.session.reader().await?;
            let schema = self.session.schema();
            let actual = catalog::describe(&mut lease, schema, &object.name, known.as_ref()).await?;
            lease.finish();
            Ok(Some(actual))
        })
    }

    async fn create_table(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<()> {
        let text = to_text(def)?;
        self.forget(&turn.table);
        write!(&self.session, &turn.table, |work| work.create(turn, def, hash, &text))
    }

    async fn alter_table(&self, turn: &Turn, old: &TableDef, new: &TableDef, hash: SchemaHash) -> Result<()> {
        let text = to_text(new)?;
        self.forget(&turn.table);
        write!(&self.session, &turn.table, |work| work.alter(turn, old, new, hash, &text))
    }

    async fn adopt_table(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<()> {
        let text = to_text(def)?;
        self.forget(&turn.table);
        write!(&self.session, &turn.table, |work| work.adopt(turn, def, hash, &text))
    }

    async fn claim_table(&self, turn: &Turn, _def: &TableDef, hash: SchemaHash) -> Result<()> {
        self.forget(&turn.table);
        write!(&self.session, &turn.table, |work| work.claim(turn, hash))
    }

    async fn skip_table(&self, turn: &Turn, hash: SchemaHash) -> Result<()> {
        self.forget(&turn.table);
        write!(&self.session, &turn.table, |work| work.skip(turn, hash))
    }

    async fn drop_table(&self, turn: &Turn) -> Result<()> {
        self.forget(&turn.table);
        write!(&self.session, &turn.table, |work| work.drop(turn))
    }

    async fn expect_refill(&self, turn: &Turn) -> Result<()> {
        self.expect_refills(turn.ticket, std::slice::from_ref(&turn.table)).await
    }

    async fn expect_refills(&self, ticket: Ticket, tables: &[TableName]) -> Result<()> {
        if tables.is_empty() {
            return Ok(());
        }
        attempt!(&self.session, sets::expect_refills(&self.session, ticket, tables).await)
    }

    async fn confirm_tables(&self, ticket: Ticket, tables: &[TableName]) -> Result<Vec<TableMark>> {
        attempt!(&self.session, sets::confirm(&self.session, ticket, tables).await)
    }

    async fn wipe(&self, turn: &Turn) -> Result<u64> {
        write!(&self.session, &turn.table, |work| work.wipe(turn))
    }

    async fn begin(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<Box<dyn RowWriter>> {
        let begun =
            Box::pin(SqlServerRowWriter::begin(Arc::clone(&self.session), turn.clone(), def.clone(), hash)).await;
        if begun.is_err() {
            // Another host may have changed the table.
            self.forget(&turn.table);
        }
        Ok(Box::new(begun?))
    }

    async fn advance_skipped(&self, turn: &Turn, hash: SchemaHash, lsn: Lsn, received: OpCounts) -> Result<Lsn> {
        write!(&self.session, &turn.table, |work| advance_skipped(&mut work, turn, hash, lsn, received))
    }

    async fn mark_gap(&self, turn: &Turn) -> Result<()> {
        write!(&self.session, &turn.table, |work| work.mark_gap(turn))
    }

    async fn read(
        &self,
        def: &TableDef,
        chunk: usize,
        sink: &mut (dyn FnMut(TypedBatch) -> ControlFlow<()> + Send),
    ) -> Result<()> {
        let mut lease = super::session::retry!(self.session.reader().await)?;
        let schema = self.session.schema();
        let object = find_object(&mut lease, schema, def.name.as_str()).await?.filter(Object::is_table);
        let Some(object) = object else { return Err(unknown_table(&def.name)) };
        read::read(&mut lease, schema, &object.name, def, chunk, sink).await?;
        lease.finish();
        Ok(())
    }

    async fn indexes(&self, table: &TableName) -> Result<Vec<IndexDef>> {
        attempt!(&self.session, {
            let (row, object) = self.row_and_object(table).await?;
            let Some(object) = object else { return Err(unknown_table(table)) };
            let known = row.as_ref().and_then(known_definition);
            let mut lease = self.session.reader().await?;
            let indexes = indexes::list(&mut lease, self.session.schema(), &object.name, known.as_ref()).await?;
            lease.finish();
            Ok(indexes)
        })
    }

    async fn ensure_index(&self, table: &TableName, index: &IndexDef) -> Result<bool> {
        attempt!(&self.session, {
            let name = self.own_table(table).await?;
            let mut lease = self.session.reader().await?;
            lease.set_patience(None);
            let changed = indexes::ensure(&mut lease, self.session.schema(), &name, index).await?;
            lease.finish();
            Ok(changed)
        })
    }

    async fn drop_index(&self, table: &TableName, name: &str) -> Result<bool> {
        attempt!(&self.session, {
            let own = self.own_table(table).await?;
            let mut lease = self.session.reader().await?;
            let changed = indexes::drop(&mut lease, self.session.schema(), &own, name).await?;
            lease.finish();
            Ok(changed)
        })
    }

    fn history(&self) -> &dyn History {
        self
    }

    fn guest(&self, powers: GuestPowers) -> Box<dyn GuestDatabase> {
        Box::new(SqlServerGuest::new(Arc::clone(&self.session), Arc::clone(&self.guests), powers))
    }

    fn guest_values(&self, plugin: &str) -> Box<dyn GuestValues> {
        Box::new(SqlServerValues::new(Arc::clone(&self.session), plugin))
    }

    async fn quarantine_counts(&self) -> Result<Vec<QuarantineCount>> {
        attempt!(&self.session, {
            let mut lease = self.session.reader().await?;
            let counts = quarantine::counts(&mut lease, &self.session.names()).await?;
            lease.finish();
            Ok::<_, StoreError>(counts)
        })
    }

    async fn quarantined(&self, table: Option<&TableName>, limit: usize) -> Result<Vec<Quarantined>> {
        attempt!(&self.session, {
            let mut lease = self.session.reader().await?;
            let rows = quarantine::list(&mut lease, &self.session.names(), table, limit).await?;
            lease.finish();
            Ok::<_, StoreError>(rows)
        })
    }

    async fn resync(&self, tables: &[TableName]) -> Result<Vec<TableName>> {
        attempt!(&self.session, sets::resync(&self.session, tables).await)
    }
}

#[async_trait]
impl History for SqlServerMirror {
    async fn begin_cycle(&self, ticket: Ticket, at: Millis) -> Result<()> {
        attempt!(&self.session, history::begin_cycle(&self.session, ticket, at).await)
    }

    async fn record_call(&self, call: &CallRecord) -> Result<()> {
        attempt!(&self.session, history::record_call(&self.session, call, false).await)
    }

    async fn record_counted_call(&self, call: &CallRecord) -> Result<()> {
        attempt!(&self.session, history::record_call(&self.session, call, true).await)
    }

    async fn record_events(&self, events: &[EventRecord]) -> Result<()> {
        attempt!(&self.session, history::record_events(&self.session, events).await)
    }

    async fn complete_cycle(&self, at: Millis, reported: &[ReplicationSummary]) -> Result<Vec<String>> {
        attempt!(&self.session, history::complete_cycle(&self.session, at, reported).await)
    }

    async fn cycles(&self, limit: usize) -> Result<Vec<CycleRecord>> {
        attempt!(&self.session, history::cycles(&self.session, limit).await)
    }

    async fn tables(&self) -> Result<Vec<TableHistory>> {
        attempt!(&self.session, history::tables(&self.session).await)
    }

    async fn events(&self, limit: usize) -> Result<Vec<EventRecord>> {
        attempt!(&self.session, history::events(&self.session, limit).await)
    }

    async fn newest_lsn(&self) -> Result<Option<Lsn>> {
        attempt!(&self.session, history::newest_lsn(&self.session).await)
    }
}
