//! What a mirror database must do, and the engines that do it.
//!
//! [`Store`] opens mirrors; [`MirrorDb`] is one tenant's mirror. Both engines pass one conformance suite
//! (`tests/`). The doc comments here are the contract.
//!
//! What every engine promises:
//! 1. Rows and LSN commit together or not at all; what was answered as done survives power loss.
//! 2. Every write carries a [`Turn`]: a write whose ticket is older than the last one applied to that table is
//!    refused with [`StoreErrorKind::Overtaken`], inside the transaction that would have written. So a call that its sender
//!    gave up on and repeated can never undo what the repetition did.
//! 3. Only tables listed in the metadata table with a hash of ours are ever dropped, altered or emptied.
//! 4. No text becomes SQL: identifiers are quoted, types and defaults rendered from their parsed form, values bound.
//! 5. A future that is dropped leaves either nothing or the whole; the connection it used is not reused half-way.

pub mod error;
pub mod guest;
pub mod history;
pub mod quarantine;
pub mod records;
mod rules;
pub mod sqlite;
pub mod sqlserver;
pub mod takeover;

use std::sync::Arc;

use async_trait::async_trait;

use crate::protocol::columns::TypedBatch;
use crate::protocol::context_id::ContextId;
use crate::protocol::lsn::Lsn;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
pub use error::{StoreError, StoreErrorKind};
pub use guest::{GuestDatabase, GuestError, GuestPowers, GuestRows, GuestValue, GuestValues, prefix as guest_prefix};
pub use history::History;
pub use quarantine::{QuarantineCount, Quarantined, SetAside};
pub use records::{ActualTable, IndexDef, SchemaHash, TableKind, TableMark, TableRecord};
pub use takeover::{Takeover, TakeoverTable};

/// The order of a call among all calls of its tenant: greater is later. Handed out when the call arrives, by the
/// mirror itself, so that it holds across hosts and restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub i64);

/// A write's place: which table, on behalf of which call.
#[derive(Debug, Clone)]
pub struct Turn {
    pub table: TableName,
    pub ticket: Ticket,
}

/// Where a tenant's mirror lives, when a plug-in has said so: a path below the mirror directory for SQLite, a
/// connection string for SQL Server. Holds secrets: never logged.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Connection(pub String);

/// Opens mirrors. Cheap to share; holds pools and open files.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// `sqlite` or `sqlserver`: for messages and status.
    fn engine(&self) -> &'static str;

    /// Whether its work blocks a thread, rather than waiting for a server: a call's work then has a thread for itself
    /// ([`crate::threads`]).
    fn blocks(&self) -> bool {
        false
    }

    /// Opens the tenant's mirror, creating the database, the metadata table and the side tables where missing.
    /// `connection` is what a plug-in answered; `None` means the configuration's place.
    ///
    /// # Errors
    /// Cannot be reached, may not be created, belongs to another tenant, or `connection` is not allowed.
    async fn open(&self, tenant: &ContextId, connection: Option<&Connection>) -> Result<Arc<dyn MirrorDb>, StoreError>;

    /// [`Store::open`] and [`MirrorDb::ticket`] in one, for a call in the middle of a cycle: whose mirror it is is looked at as
    /// always, but an engine may leave out looking for what the cycle's first call has made. What is missing shows in the first
    /// statement that needs it.
    ///
    /// # Errors
    /// As both.
    async fn open_again(
        &self,
        tenant: &ContextId,
        connection: Option<&Connection>,
    ) -> Result<(Arc<dyn MirrorDb>, Ticket), StoreError> {
        let mirror = self.open(tenant, connection).await?;
        let ticket = mirror.ticket().await?;
        Ok((mirror, ticket))
    }

    /// Opens the tenant's mirror only if it exists already; never creates anything.
    ///
    /// # Errors
    /// As [`Store::open`].
    async fn open_existing(
        &self,
        tenant: &ContextId,
        connection: Option<&Connection>,
    ) -> Result<Option<Arc<dyn MirrorDb>>, StoreError>;

    /// Every mirror found in the configuration's place (and, for SQLite, in folders below it), opened.
    /// One that cannot be opened is listed with its error and hides no other.
    ///
    /// # Errors
    /// The place itself cannot be read.
    async fn list(&self) -> Result<Vec<FoundMirror>, StoreError>;

    /// Whether mirrors could be made and written here, for `speil check` and `/readyz`; creates nothing that stays.
    ///
    /// # Errors
    /// With a sentence saying what is missing.
    async fn check(&self) -> Result<String, StoreError>;

    /// What taking over the mirrors of the vendor's package that are in the configuration's place would do, for `speil check`.
    /// Changes nothing. Engines for which that package made no mirrors have none.
    ///
    /// # Errors
    /// The place itself cannot be read.
    async fn takeovers(&self) -> Result<Vec<Takeover>, StoreError> {
        Ok(Vec::new())
    }

    /// Finishes and closes everything. Called once, when no call is in flight.
    async fn close(&self);
}

/// One line of [`Store::list`].
pub struct FoundMirror {
    /// The tenant, as far as it could be read; else what the place is called.
    pub name: String,
    pub place: String,
    pub mirror: Result<Arc<dyn MirrorDb>, StoreError>,
}

/// One tenant's mirror. Writers to one mirror may queue inside the engine; readers of the database are never
/// blocked.
#[async_trait]
pub trait MirrorDb: Send + Sync + 'static {
    /// Whose mirror this is.
    fn tenant(&self) -> &ContextId;

    /// Where it is, for people: a path, or server and database. No secrets.
    fn place(&self) -> String;

    /// The next ticket: greater than every ticket ever given or stored in this mirror.
    async fn ticket(&self) -> Result<Ticket, StoreError>;

    /// All rows of the metadata table `<context>_mirroring`, read afresh: administrators edit it by hand.
    /// If the metadata table was dropped by hand it is made again, empty.
    async fn tables(&self) -> Result<Vec<TableRecord>, StoreError>;

    /// One row of the metadata table.
    async fn table(&self, table: &TableName) -> Result<Option<TableRecord>, StoreError>;

    /// The same without asking the database, as this host last saw it; its LSN is then old. For whoever says its hash to
    /// [`MirrorDb::begin`], which refuses one that is not the table's any more. By default nothing is known.
    fn table_as_known(&self, table: &TableName) -> Option<TableRecord> {
        let _ = table;
        None
    }

    /// Bytes of rows, about, that are worth an [`RowWriter::apply`] of their own, so that the next ones are typed and transformed while
    /// they are written. By default a batch is cut no further than it came.
    fn stretch_bytes(&self) -> usize {
        usize::MAX
    }

    /// Whether [`MirrorDb::begin`] is a way to another machine and back, worth going while a batch's first rows are typed. By default a
    /// transaction begins when they are, beside their transforms.
    fn begins_ahead(&self) -> bool {
        false
    }

    /// A table as it really is in the database, whoever made it; `None` if there is none.
    async fn describe(&self, table: &TableName) -> Result<Option<ActualTable>, StoreError>;

    /// Drops the table if it is ours, creates it empty and writes its metadata row: this hash, LSN -1, nothing
    /// filled yet. One transaction.
    ///
    /// # Errors
    /// [`StoreErrorKind::Foreign`] when a table of that name exists that is not ours. [`StoreErrorKind::Overtaken`].
    async fn create_table(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<(), StoreError>;

    /// Changes our table from `old` to `new` keeping its rows, then writes the new hash; LSN stays. One
    /// transaction. New columns take their default (or NULL) in rows that exist.
    ///
    /// # Errors
    /// Whatever the database refuses; nothing has changed then.
    async fn alter_table(
        &self,
        turn: &Turn,
        old: &TableDef,
        new: &TableDef,
        hash: SchemaHash,
    ) -> Result<(), StoreError>;

    /// Takes over a table that the vendor's package made and whose real shape agrees with the source: writes our
    /// hash beside the row that is there; LSN stays.
    async fn adopt_table(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<(), StoreError>;

    /// Takes over a table that the vendor's package made only to make it anew: our hash is written beside the row that is there,
    /// the table itself is not looked at. `hash` must be one that no table has. By default [`MirrorDb::adopt_table`], which
    /// will do where that never changes the table.
    async fn claim_table(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<(), StoreError> {
        self.adopt_table(turn, def, hash).await
    }

    /// Writes a metadata row without a table: a plug-in skips it, but how far the source has come is kept.
    /// A table of ours that is there is dropped. LSN starts at -1.
    async fn skip_table(&self, turn: &Turn, hash: SchemaHash) -> Result<(), StoreError>;

    /// Drops the table if it is ours, and its metadata row. Nothing there: nothing done.
    async fn drop_table(&self, turn: &Turn) -> Result<(), StoreError>;

    /// Says that the next rows without a wipe must find the table emptied: called when -1 was answered.
    /// (protocol.md section 8). Nothing is emptied yet.
    ///
    /// A table whose LSN is below zero although neither this, a creation nor a wipe came before (an administrator set it by hand in the
    /// middle of a cycle) is not being filled: rows that come are applied as changes, and its LSN stays below zero.
    async fn expect_refill(&self, turn: &Turn) -> Result<(), StoreError>;

    /// [`MirrorDb::expect_refill`] for many tables on behalf of one call. Engines that can do it in one transaction
    /// should.
    async fn expect_refills(&self, ticket: Ticket, tables: &[TableName]) -> Result<(), StoreError> {
        for table in tables {
            self.expect_refill(&Turn { table: table.clone(), ticket }).await?;
        }
        Ok(())
    }

    /// Confirms in one transaction that these tables have been looked at by this call without change, so that an older
    /// call may not change them any more: as a write would, but for many tables at once. Unknown names are passed over.
    ///
    /// Returns what the metadata says of every table at that moment, those that were not named included: as
    /// [`MirrorDb::tables`], without the definitions.
    async fn confirm_tables(&self, ticket: Ticket, tables: &[TableName]) -> Result<Vec<TableMark>, StoreError>;

    /// Empties the table and sets LSN -1, in one transaction; the table and its indexes stay. Returns how many
    /// rows were there. A skipped table only gets LSN -1.
    ///
    /// # Errors
    /// [`StoreErrorKind::UnknownTable`] when there is no metadata row.
    async fn wipe(&self, turn: &Turn) -> Result<u64, StoreError>;

    /// Begins a transaction that writes rows. The engine compares `hash` with the stored one inside the
    /// transaction: if they differ, somebody changed the table, [`StoreErrorKind::SchemaChanged`].
    /// If the stored LSN means refill and nothing was emptied since [`MirrorDb::expect_refill`], the table is
    /// emptied first, once, inside this transaction.
    async fn begin(&self, turn: &Turn, def: &TableDef, hash: SchemaHash) -> Result<Box<dyn RowWriter>, StoreError>;

    /// The counterpart of [`MirrorDb::begin`] and [`RowWriter::commit`] for a table that a plug-in skips
    /// ([`TableKind::Skipped`]): moves its LSN by the same rule and counts the operations, in one transaction; there are
    /// no rows. Returns the LSN now stored.
    ///
    /// # Errors
    /// As [`MirrorDb::begin`]; [`StoreErrorKind::SchemaChanged`] also when the table is not skipped any more.
    async fn advance_skipped(
        &self,
        turn: &Turn,
        hash: SchemaHash,
        lsn: Lsn,
        received: history::OpCounts,
    ) -> Result<Lsn, StoreError>;

    /// Says that rows of this table were sent and are not in the mirror: until a call after this one looks at the table
    /// ([`MirrorDb::confirm_tables`], [`MirrorDb::expect_refills`]), makes it anew or wipes it, [`RowWriter::commit`] writes
    /// rows but leaves the LSN where it is, so that the source sends again what is missing. Durable. A table without a
    /// metadata row, or one that is skipped, has nothing to miss: nothing done.
    ///
    /// # Errors
    /// [`StoreErrorKind::Overtaken`]: a later call has been at the table, and nothing needs to be marked.
    async fn mark_gap(&self, turn: &Turn) -> Result<(), StoreError>;

    /// Reads a table's rows in key order, `columns` of `def` in order, in chunks of at most `chunk` rows, for
    /// comparing and for tests. All rows are operation `Insert`.
    async fn read(
        &self,
        def: &TableDef,
        chunk: usize,
        sink: &mut (dyn FnMut(TypedBatch) -> std::ops::ControlFlow<()> + Send),
    ) -> Result<(), StoreError>;

    /// Indexes of a table, without the primary key's.
    async fn indexes(&self, table: &TableName) -> Result<Vec<IndexDef>, StoreError>;

    /// Makes the index if no index of that name is there with the same columns; one that differs is made anew.
    /// Returns whether anything changed. Only on tables of ours.
    async fn ensure_index(&self, table: &TableName, index: &IndexDef) -> Result<bool, StoreError>;

    /// Drops an index of one of our tables. Returns whether it was there.
    async fn drop_index(&self, table: &TableName, name: &str) -> Result<bool, StoreError>;

    /// The host's own side tables.
    fn history(&self) -> &dyn History;

    /// SQL of a plug-in's own, within these powers ([`guest`]). Nothing is opened before the first statement. By default: this
    /// engine does not offer it.
    fn guest(&self, powers: GuestPowers) -> Box<dyn GuestDatabase> {
        let _ = powers;
        Box::new(guest::NotOffered)
    }

    /// Small values of a plug-in's own, kept in the side tables. By default: this engine does not offer it.
    fn guest_values(&self, plugin: &str) -> Box<dyn GuestValues> {
        let _ = plugin;
        Box::new(guest::NotOffered)
    }

    /// How many rows of each table are kept aside ([`quarantine`]); tables without any are left out.
    async fn quarantine_counts(&self) -> Result<Vec<QuarantineCount>, StoreError> {
        Ok(Vec::new())
    }

    /// Rows kept aside, of one table or of all, those tried last first and at most so many.
    async fn quarantined(&self, table: Option<&TableName>, limit: usize) -> Result<Vec<Quarantined>, StoreError> {
        let _ = (table, limit);
        Ok(Vec::new())
    }

    /// Hand edit for operators (`speil resync`): sets LSN -1 in the metadata rows of these tables, all when empty.
    /// Returns the tables changed.
    async fn resync(&self, tables: &[TableName]) -> Result<Vec<TableName>, StoreError>;
}

/// Row changes of one stretch of a batch, already reduced to the last operation per key: `deletes` and `upserts`
/// are row numbers of `batch` (from 0), with no key in both or twice. Without a key every row is in `upserts`.
#[derive(Debug, Clone)]
pub struct RowChanges {
    pub batch: Arc<TypedBatch>,
    pub deletes: Vec<u32>,
    pub upserts: Vec<u32>,
}

/// What a stretch did to the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Applied {
    /// Rows that were not there before.
    pub inserted: u64,
    /// Rows that were there and were written again.
    pub updated: u64,
    /// Rows that were there and are gone.
    pub deleted: u64,
}

/// A transaction that writes rows to one table. Dropping it without [`RowWriter::commit`] takes everything back.
#[async_trait]
pub trait RowWriter: Send {
    /// Applies a stretch; stretches apply in order.
    ///
    /// # Errors
    /// The transaction is lost, all of it. A row the database refuses is named by table, row and column where the
    /// engine can tell.
    async fn apply(&mut self, changes: RowChanges) -> Result<Applied, StoreError>;

    /// Ids of the table's rows that are kept aside ([`quarantine`]), as this transaction sees them. By default none.
    ///
    /// # Errors
    /// As [`RowWriter::apply`].
    async fn held(&mut self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    /// Keeps rows aside and gives rows back, in this transaction. By default: this engine keeps nothing aside.
    ///
    /// # Errors
    /// As [`RowWriter::apply`].
    async fn set_aside(&mut self, changes: SetAside) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        Err(StoreError::new(StoreErrorKind::Internal, "this store cannot keep rows aside"))
    }

    /// Asks that the commit count the call as well, in the newest cycle and in the same transaction, as
    /// [`History::record_call`] would. Whether it will: then only what else there is to record of the call is left, by
    /// [`History::record_counted_call`]. By default it will not.
    fn count_call(&mut self) -> bool {
        false
    }

    /// Moves the LSN by the rule of [`Lsn::moved_by`], unless the table has a gap ([`MirrorDb::mark_gap`]), and commits, durably. `received` are the operations as the
    /// Task counts them; they and the row count go to the side tables in the same transaction. Returns the LSN
    /// now stored.
    async fn commit(self: Box<Self>, lsn: Lsn, received: history::OpCounts) -> Result<Lsn, StoreError>;
}
