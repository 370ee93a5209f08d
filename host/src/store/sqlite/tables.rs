//! What makes, empties and removes tables: the bodies of [`super::mirror`]'s transactions.
//!
//! Here alone a table is dropped, and only one of ours: with a hash of ours in its metadata row, or known in
//! `speil_tables` as made or taken over by this project and unchanged since (invariant 7).

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use super::catalog::{self, Object, find_object};
use super::ddl::{self, Affinity};
use super::errors::Result;
use super::ident::{quote, same};
use super::known::{self, Known};
use super::metadata::{self, Row, Written};
use super::quarantine;
use crate::protocol::lsn::Lsn;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::rules::definitions::mark;
use crate::store::rules::marks::{Fill, Gap};
use crate::store::rules::refusals::{self, unknown_table};
use crate::store::{SchemaHash, StoreError, StoreErrorKind, TableKind, TableMark, Ticket, Turn};

/// A transaction's view of one mirror.
pub(super) struct Work<'a> {
    pub db: &'a Connection,
    /// The metadata table's name.
    pub metadata: &'a str,
}

/// A table at the beginning of a write: its rows in our tables, and what really stands there.
pub(super) struct Place {
    pub row: Option<Row>,
    pub known: Known,
    /// The table that is there is the one we made or took over.
    pub owned: bool,
    pub object: Option<Object>,
}

impl Place {
    pub fn is_ours(&self) -> bool {
        self.owned || self.row.as_ref().is_some_and(|row| row.kind() == TableKind::Mirrored)
    }

    /// The table, if there is one and it is ours.
    fn own_table(&self) -> Option<&str> {
        self.object.as_ref().filter(|object| object.is_table() && self.is_ours()).map(|object| object.name.as_str())
    }
}

/// Refuses a write that a later one has overtaken.
pub(super) fn check_ticket(table: &TableName, row: Option<&Row>, known: &Known, ticket: Ticket) -> Result<()> {
    refusals::check_ticket(table, [known.ticket, row.and_then(|row| row.ticket)], ticket)
}

impl Work<'_> {
    /// Looks a table up for a write, and refuses the write when it was overtaken.
    pub fn place(&self, turn: &Turn) -> Result<Place> {
        let row = metadata::find(self.db, self.metadata, &turn.table)?;
        let known = known::find(self.db, &turn.table)?;
        check_ticket(&turn.table, row.as_ref(), &known, turn.ticket)?;
        let object = find_object(self.db, turn.table.as_str())?;
        let owned = match &object {
            // A metadata row of ours says enough.
            Some(object) if row.as_ref().is_none_or(|row| row.kind() != TableKind::Mirrored) => {
                known.owns(self.db, object)?
            }
            Some(_) | None => false,
        };
        Ok(Place { row, known, owned, object })
    }

    /// [`crate::store::MirrorDb::create_table`].
    pub fn create(&self, turn: &Turn, def: &TableDef, hash: SchemaHash, definition: &str) -> Result<()> {
        let place = self.place(turn)?;
        if same(turn.table.as_str(), self.metadata) {
            return Err(StoreError::new(
                StoreErrorKind::Foreign,
                format!(
                    "table {} has the name of the mirror's own metadata table; leave it out in the Task's SkipTable setting",
                    turn.table
                ),
            ));
        }
        if let Some(object) = &place.object {
            if place.own_table().is_none() {
                return Err(StoreError::new(
                    StoreErrorKind::Foreign,
                    format!(
                        "the mirror holds a {} called {:?} that speil did not make and will not touch; rename or drop it, or leave \
                         table {} out in the Task's SkipTable setting",
                        object.kind, object.name, turn.table
                    ),
                ));
            }
            self.drop_object(&object.name)?;
        }
        self.db.execute_batch(&ddl::create_table(turn.table.as_str(), def))?;
        metadata::write(
            self.db,
            self.metadata,
            &turn.table,
            place.row.as_ref(),
            &Written {
                hash,
                skipped: false,
                lsn: Lsn::REFILL,
                fill: Fill::Expected,
                ticket: turn.ticket,
                definition: Some(definition),
            },
        )?;
        quarantine::clear(self.db, &turn.table)?;
        known::made(self.db, &turn.table, turn.ticket, 0)
    }

    /// [`crate::store::MirrorDb::adopt_table`].
    pub fn adopt(&self, turn: &Turn, def: &TableDef, hash: SchemaHash, definition: &str) -> Result<()> {
        let place = self.place(turn)?;
        let (Some(row), Some(object)) = (&place.row, place.object.as_ref().filter(|object| object.is_table())) else {
            return Err(unknown_table(&turn.table));
        };
        if same(&object.name, self.metadata) {
            return Err(unknown_table(&turn.table));
        }
        if !self.fits(&object.name, def)? {
            super::alter::rebuild(self.db, &object.name, def, def)?;
        }
        let written = Written {
            hash,
            skipped: false,
            lsn: row.lsn,
            fill: row.fill,
            ticket: turn.ticket,
            definition: Some(definition),
        };
        metadata::write(self.db, self.metadata, &turn.table, Some(row), &written)?;
        known::made(self.db, &turn.table, turn.ticket, catalog::count(self.db, &object.name)?)
    }

    /// [`crate::store::MirrorDb::claim_table`].
    pub fn claim(&self, turn: &Turn, hash: SchemaHash) -> Result<()> {
        let place = self.place(turn)?;
        let (Some(row), Some(object)) = (&place.row, place.object.as_ref().filter(|object| object.is_table())) else {
            return Err(unknown_table(&turn.table));
        };
        if same(&object.name, self.metadata) {
            return Err(unknown_table(&turn.table));
        }
        let written =
            Written { hash, skipped: false, lsn: row.lsn, fill: row.fill, ticket: turn.ticket, definition: None };
        metadata::write(self.db, self.metadata, &turn.table, Some(row), &written)?;
        known::made(self.db, &turn.table, turn.ticket, catalog::count(self.db, &object.name)?)
    }

    /// Whether values of the definition's types are kept exactly by the table as it was made, and its key is enforced. If
    /// not, and the columns are there, it is rebuilt when it is taken over.
    fn fits(&self, table: &str, def: &TableDef) -> Result<bool> {
        let actual = catalog::columns(self.db, table)?;
        if def.columns.iter().any(|column| !actual.iter().any(|found| same(&found.name, &column.name))) {
            // Not a shape to keep: whoever takes it over means to make it anew.
            return Ok(true);
        }
        let affinities = def.columns.iter().all(|column| {
            actual
                .iter()
                .find(|found| same(&found.name, &column.name))
                .is_some_and(|found| Affinity::of(&found.declared).keeps(column.sql_type))
        });
        let mut key: Vec<_> = actual.iter().filter(|found| found.key_place > 0).collect();
        key.sort_by_key(|found| found.key_place);
        let keyed = def.key.is_empty()
            || (key.len() == def.key.len()
                && key.iter().zip(&def.key).all(|(found, &i)| same(&found.name, &def.columns[i].name)));
        Ok(affinities && keyed)
    }

    /// [`crate::store::MirrorDb::alter_table`].
    pub fn alter(&self, turn: &Turn, old: &TableDef, new: &TableDef, hash: SchemaHash, definition: &str) -> Result<()> {
        let place = self.place(turn)?;
        let (Some(row), Some(table)) = (&place.row, place.own_table()) else {
            return Err(unknown_table(&turn.table));
        };
        super::alter::alter(self.db, table, old, new)?;
        let written = Written {
            hash,
            skipped: false,
            lsn: row.lsn,
            fill: row.fill,
            ticket: turn.ticket,
            definition: Some(definition),
        };
        metadata::write(self.db, self.metadata, &turn.table, Some(row), &written)?;
        known::altered(self.db, &turn.table, turn.ticket)
    }

    /// [`crate::store::MirrorDb::skip_table`].
    pub fn skip(&self, turn: &Turn, hash: SchemaHash) -> Result<()> {
        let place = self.place(turn)?;
        if let Some(table) = place.own_table() {
            self.drop_object(table)?;
        }
        let written = Written {
            hash,
            skipped: true,
            lsn: Lsn::REFILL,
            fill: Fill::Expected,
            ticket: turn.ticket,
            definition: None,
        };
        metadata::write(self.db, self.metadata, &turn.table, place.row.as_ref(), &written)?;
        quarantine::clear(self.db, &turn.table)?;
        known::unmade(self.db, &turn.table, turn.ticket, None)
    }

    /// [`crate::store::MirrorDb::drop_table`].
    pub fn drop(&self, turn: &Turn) -> Result<()> {
        let place = self.place(turn)?;
        if place.row.is_none() && !place.known.owned {
            return Ok(());
        }
        if let Some(table) = place.own_table() {
            self.drop_object(table)?;
        }
        if let Some(row) = &place.row {
            metadata::delete(self.db, self.metadata, row)?;
        }
        quarantine::clear(self.db, &turn.table)?;
        known::unmade(self.db, &turn.table, turn.ticket, Some(self.now()?))
    }

    fn drop_object(&self, table: &str) -> Result<()> {
        Ok(self.db.execute_batch(&format!("DROP TABLE {}", quote(table)))?)
    }

    /// When the newest cycle was last heard of: the clock of those who call us. Without a cycle, this machine's.
    fn now(&self) -> Result<i64> {
        let at = self
            .db
            .query_row("SELECT max(last_call_at, started_at) FROM speil_cycles ORDER BY id DESC LIMIT 1", [], |row| {
                row.get(0)
            })
            .optional()?;
        Ok(at.unwrap_or_else(|| {
            let since = crate::faults::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        }))
    }

    /// [`crate::store::MirrorDb::expect_refills`]: all or none.
    pub fn expect_refills(&self, ticket: Ticket, tables: &[TableName]) -> Result<()> {
        for (table, row) in self.listed(metadata::marks(self.db, self.metadata)?, ticket, tables)? {
            metadata::update(self.db, self.metadata, &row, row.lsn, Fill::Expected, ticket)?;
            known::fill_expected(self.db, table, ticket, Gap::None)?;
        }
        Ok(())
    }

    /// [`crate::store::MirrorDb::mark_gap`].
    pub fn mark_gap(&self, turn: &Turn) -> Result<()> {
        let place = self.place(turn)?;
        match place.row {
            Some(row) if !row.skipped => known::missing_rows(self.db, &turn.table),
            _ => Ok(()),
        }
    }

    /// [`crate::store::MirrorDb::confirm_tables`]: all or none.
    pub fn confirm(&self, ticket: Ticket, tables: &[TableName]) -> Result<Vec<TableMark>> {
        let rows = metadata::marks(self.db, self.metadata)?;
        let there = catalog::tables(self.db)?;
        let marks = rows.iter().map(|(table, row)| mark(table, &row.stored(), there.contains_key(table.folded())));
        let marks = marks.collect();
        let ours = rows.iter().filter(|(_, row)| row.kind() == TableKind::Mirrored);
        let ours = ours.map(|(table, _)| table.folded().to_owned()).collect();
        let listed: Vec<&TableName> = self.listed(rows, ticket, tables)?.into_iter().map(|(table, _)| table).collect();
        known::seen(self.db, &listed, ticket)?;
        known::forget_strangers(self.db, &ours, &there)?;
        Ok(marks)
    }

    /// Those of the tables that have a metadata row, after checking that the call was not overtaken at any of them.
    fn listed<'t>(
        &self,
        rows: Vec<(TableName, Row)>,
        ticket: Ticket,
        tables: &'t [TableName],
    ) -> Result<Vec<(&'t TableName, Row)>> {
        let mut rows: HashMap<TableName, Row> = rows.into_iter().collect();
        let tickets = known::tickets(self.db)?;
        let mut listed = Vec::with_capacity(tables.len());
        for table in tables {
            let Some(row) = rows.remove(table) else { continue };
            refusals::check_ticket(table, [tickets.get(table.folded()).copied(), row.ticket], ticket)?;
            listed.push((table, row));
        }
        Ok(listed)
    }

    /// [`crate::store::MirrorDb::wipe`].
    pub fn wipe(&self, turn: &Turn) -> Result<u64> {
        let place = self.place(turn)?;
        let Some(row) = &place.row else { return Err(unknown_table(&turn.table)) };
        let emptied = match row.kind() {
            TableKind::Skipped => 0,
            TableKind::TakenOver => return Err(unknown_table(&turn.table)),
            TableKind::Mirrored => {
                let Some(table) = place.own_table() else { return Err(unknown_table(&turn.table)) };
                self.empty(table)?
            }
        };
        quarantine::clear(self.db, &turn.table)?;
        metadata::update(self.db, self.metadata, row, Lsn::REFILL, Fill::Begun, turn.ticket)?;
        match row.kind() {
            TableKind::Skipped => known::unmade(self.db, &turn.table, turn.ticket, None)?,
            TableKind::Mirrored | TableKind::TakenOver => known::made(self.db, &turn.table, turn.ticket, 0)?,
        }
        Ok(emptied)
    }

    /// Empties a table; without triggers on it SQLite drops its pages whole. Returns how many rows there were.
    pub fn empty(&self, table: &str) -> Result<u64> {
        let rows = self.db.execute(&format!("DELETE FROM {}", quote(table)), [])?;
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }

    /// [`crate::store::MirrorDb::resync`]: what an administrator does by hand.
    pub fn resync(&self, tables: &[TableName]) -> Result<Vec<TableName>> {
        let mut changed = Vec::new();
        for (table, row) in metadata::marks(self.db, self.metadata)? {
            if tables.is_empty() || tables.contains(&table) {
                self.db
                    .execute(&format!("UPDATE {} SET LSN = -1 WHERE rowid = ?1", quote(self.metadata)), [row.rowid])?;
                changed.push(table);
            }
        }
        Ok(changed)
    }
}

/// [`crate::store::MirrorDb::ticket`].
pub(super) fn next_ticket(work: &Work<'_>) -> Result<Ticket> {
    let greatest: i64 = work
        .db
        .prepare_cached(&format!(
            "SELECT max((SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM speil_meta WHERE name = 'ticket'), \
                        (SELECT coalesce(max(ticket), 0) FROM speil_tables), \
                        (SELECT coalesce(max(id), 0) FROM speil_cycles), \
                        (SELECT coalesce(max(CAST(speil_ticket AS INTEGER)), 0) FROM {}))",
            quote(work.metadata)
        ))?
        .query_row([], |row| row.get(0))?;
    let next = greatest.checked_add(1).ok_or_else(|| {
        StoreError::new(StoreErrorKind::Internal, "the mirror's tickets are used up; somebody wrote one by hand")
    })?;
    work.db
        .prepare_cached(
            "INSERT INTO speil_meta (name, value) VALUES ('ticket', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1",
        )?
        .execute([next])?;
    Ok(Ticket(next))
}
