//! What makes, empties and removes tables: the bodies of [`super::database`]'s transactions.
//!
//! Here alone a table is dropped, and only one of ours: with a hash of ours in its metadata row, or known in
//! `speil_tables` as made or taken over by this project and unchanged since (invariant 7).
//!
//! Round trips are few: one that begins, locks and reads all there is to know of the table, those that change it, and one that writes
//! down what became of it and commits.

use std::sync::Arc;

use super::columns::Kept;
use super::empty::empty;
use super::known::{self, Known, Mark};
use super::metadata::{self, Row, Written};
use super::quarantine;
use super::session::{Names, Session, Tx, new_write};
use super::statement::{Answer, Head, Statement};
use crate::protocol::lsn::Lsn;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::rules::marks::Fill;
use crate::store::rules::refusals::{self, unknown_table};
use crate::store::sqlserver::errors::Result;
use crate::store::sqlserver::schema::catalog::{self, Object, find_object};
use crate::store::sqlserver::schema::ddl;
use crate::store::sqlserver::schema::ident::{qualified, same};
use crate::store::{SchemaHash, StoreError, StoreErrorKind, TableKind, Ticket, Turn};

/// A transaction that writes to one table.
pub(in crate::store::sqlserver) struct Work {
    pub tx: Tx,
    /// What [`select_place`] answered when the transaction began.
    found: Vec<Answer>,
    /// What tells whether columns are what they were ([`Kept::are_of`]).
    pub columns: Vec<Answer>,
    pub head: Head,
    pub session: Arc<Session>,
    pub names: Names,
    /// Left in the table's row, so that a commit whose answer was lost can be looked for.
    pub write: String,
    /// What is written down together with the commit.
    pub last: Statement,
}

/// A table at the beginning of a write: its rows in our tables, and what really stands there.
pub(in crate::store::sqlserver) struct Place {
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
    fn own_table(&self) -> Option<&Object> {
        self.object.as_ref().filter(|object| object.is_table() && self.is_ours())
    }
}

/// Refuses a write that a later one has overtaken.
pub(in crate::store::sqlserver) fn check_ticket(
    table: &TableName,
    row: Option<&Row>,
    known: &Known,
    ticket: Ticket,
) -> Result<()> {
    refusals::check_ticket(table, [known.ticket, row.and_then(|row| row.ticket)], ticket)
}

/// The table that has a name, found as the server finds it. By functions: some servers take longer to look through the catalogue's
/// views than to write a thousand rows.
pub(in crate::store::sqlserver) fn select_object(statement: &mut Statement, names: &Names, table: &TableName) {
    let name = statement.text(qualified(&names.schema, table.as_str()).as_str());
    statement
        .then(format!("SELECT OBJECT_ID({name}, N'U'), CAST(OBJECT_NAME(OBJECT_ID({name}, N'U')) AS nvarchar(128))"));
}

/// The table, from what [`select_object`] answered; `None`: there is none, or it is something else.
pub(in crate::store::sqlserver) fn object(answer: &Answer) -> Option<Object> {
    let cells = answer.first()?;
    let id = i32::try_from(cells.integer(0)?).ok()?;
    Some(Object { id, name: cells.owned(1)?, kind: Object::TABLE.to_owned() })
}

/// So many answers of [`select_place`].
const PLACE: usize = 3;

/// All that must be known of a table before it is written to: what our tables say, what is there, the metadata rows.
fn select_place(statement: &mut Statement, names: &Names, table: &TableName) {
    known::select_one(statement, names, table);
    select_object(statement, names, table);
    metadata::select_one(statement, names, table, false);
}

impl Work {
    /// Begins, behind the table's lock.
    pub async fn begin(session: &Arc<Session>, table: &TableName) -> Result<Self> {
        Self::begin_with(session, table, None).await
    }

    /// The same, and looks whether the table's columns are what they were.
    pub async fn begin_with(session: &Arc<Session>, table: &TableName, columns: Option<&Kept>) -> Result<Self> {
        let names = session.names();
        let read = |read: &mut Statement| {
            select_place(read, &names, table);
            for select in columns.iter().flat_map(|columns| &columns.selects) {
                read.then(select);
            }
        };
        let (tx, mut found, head) = session.begin_table(table, read).await?;
        let columns = found.split_off(PLACE.min(found.len()));
        let session = Arc::clone(session);
        Ok(Self { tx, found, columns, head, session, names, write: new_write(), last: Statement::new() })
    }

    /// Commits what was written to the table, and what is last to be written.
    pub async fn commit(self, table: &TableName) -> Result<()> {
        let Self { tx, session, write, last, .. } = self;
        session.commit_after(tx, &last, table, &write).await
    }

    /// Takes everything back after an error, and keeps the connection if it can be used.
    pub async fn give_up(self) {
        if !self.tx.is_busy()
            && let Err(error) = self.tx.rollback().await
        {
            tracing::debug!(%error, "a transaction could not be taken back; its connection is closed instead");
        }
    }

    /// The table as it was looked up when the transaction began, for a write; refuses the write when it was overtaken. Once for each
    /// transaction.
    pub async fn place(&mut self, turn: &Turn) -> Result<Place> {
        let answers = std::mem::take(&mut self.found);
        let [known, objects, rows] = &answers[..] else { return Err(too_few()) };
        let (known, row) = (known::one(known), metadata::one(rows, &turn.table));
        check_ticket(&turn.table, row.as_ref(), &known, turn.ticket)?;
        let object = match object(objects) {
            Some(table) => Some(table),
            // Something else may have the name, or the database may tell names apart that are one to us.
            None => find_object(&mut self.tx, &self.names.schema, turn.table.as_str()).await?,
        };
        let owned = match &object {
            // A metadata row of ours says enough.
            Some(object) if known.owned && row.as_ref().is_none_or(|row| row.kind() != TableKind::Mirrored) => {
                known.owns(self.made_as(&object.name).await?.as_ref())
            }
            Some(_) | None => false,
        };
        Ok(Place { row, known, owned, object })
    }

    /// What the table that has this name was made as.
    async fn made_as(&mut self, table: &str) -> Result<Option<String>> {
        let columns = known::select_shape(&self.names, table).rows(&mut self.tx).await?;
        Ok(known::made_as(&columns).into_values().next())
    }

    fn mark(&self, turn: &Turn) -> Mark<'_> {
        Mark { ticket: turn.ticket, write: &self.write }
    }

    /// [`crate::store::MirrorDb::create_table`].
    pub async fn create(&mut self, turn: &Turn, def: &TableDef, hash: SchemaHash, definition: &str) -> Result<()> {
        ddl::check(def)?;
        let place = self.place(turn).await?;
        if same(turn.table.as_str(), &self.session.metadata) {
            return Err(StoreError::new(
                StoreErrorKind::Foreign,
                format!(
                    "table {} has the name of the mirror's own metadata table; leave it out in the Task's SkipTable setting",
                    turn.table
                ),
            ));
        }
        let mut statements = String::new();
        if let Some(object) = &place.object {
            if place.own_table().is_none() {
                return Err(StoreError::new(
                    StoreErrorKind::Foreign,
                    format!(
                        "the mirror holds a {} called {:?} that speil did not make and will not touch; rename or drop it, or leave \
                         table {} out in the Task's SkipTable setting",
                        object.kind.to_lowercase().replace('_', " "),
                        object.name,
                        turn.table
                    ),
                ));
            }
            statements = ddl::drop_table(&self.names.schema, &object.name) + ";\n";
        }
        statements += &ddl::create_table(&self.names.schema, turn.table.as_str(), def);
        self.tx.run(&statements).await?;
        let written = Written {
            hash,
            skipped: false,
            lsn: Lsn::REFILL,
            fill: Fill::Expected,
            ticket: turn.ticket,
            definition: Some(definition),
        };
        quarantine::clear(&mut self.last, &self.names, &turn.table);
        self.note_made(turn, place.row.as_ref(), &written, 0, turn.table.as_str()).await
    }

    /// Writes a metadata row and that the table is ours.
    async fn note_made(
        &mut self,
        turn: &Turn,
        row: Option<&Row>,
        written: &Written<'_>,
        rows: u64,
        table: &str,
    ) -> Result<()> {
        let made_as = self.made_as(table).await?;
        let mark = Mark { ticket: turn.ticket, write: &self.write };
        known::made(&mut self.last, &self.names, &turn.table, mark, rows, made_as.as_ref());
        metadata::write(&mut self.last, &self.names, &turn.table, row, written);
        Ok(())
    }

    /// The row and the table of the vendor's package that are to be taken over.
    fn theirs<'p>(&self, turn: &Turn, place: &'p Place) -> Result<(&'p Row, &'p Object)> {
        match (&place.row, place.object.as_ref().filter(|object| object.is_table())) {
            (Some(row), Some(object)) if !same(turn.table.as_str(), &self.session.metadata) => Ok((row, object)),
            _ => Err(unknown_table(&turn.table)),
        }
    }

    /// [`crate::store::MirrorDb::adopt_table`].
    pub async fn adopt(&mut self, turn: &Turn, def: &TableDef, hash: SchemaHash, definition: &str) -> Result<()> {
        let place = self.place(turn).await?;
        let (row, object) = self.theirs(turn, &place)?;
        if let Some(actual) = self.differing(&object.name, def).await? {
            crate::store::sqlserver::schema::alter::alter(&mut self.tx, &self.names.schema, &object.name, &actual, def)
                .await?;
        }
        let written = Written {
            hash,
            skipped: false,
            lsn: row.lsn,
            fill: row.fill,
            ticket: turn.ticket,
            definition: Some(definition),
        };
        let rows = catalog::count(&mut self.tx, &self.names.schema, &object.name).await?;
        self.note_made(turn, Some(row), &written, rows, &object.name).await
    }

    /// The definition of a table as it is, if values of `def`'s types or its key would not be kept by it.
    async fn differing(&mut self, table: &str, def: &TableDef) -> Result<Option<TableDef>> {
        let actual = catalog::describe(&mut self.tx, &self.names.schema, table, Some(def)).await?;
        let mut old = def.clone();
        for column in &mut old.columns {
            let Some(found) = actual.columns.iter().find(|found| same(&found.name, &column.name)) else {
                // Not a shape to keep: whoever takes it over means to make it anew.
                return Ok(None);
            };
            let Some(sql_type) = found.sql_type else { return Ok(None) };
            column.sql_type = sql_type;
            column.nullable = found.nullable;
        }
        let key: Option<Vec<usize>> = actual.key.iter().map(|name| old.column_index(name)).collect();
        if def.key.is_empty() {
            old.key = Vec::new();
        } else {
            old.key = key.unwrap_or_default();
        }
        Ok((old != *def).then_some(old))
    }

    /// [`crate::store::MirrorDb::claim_table`].
    pub async fn claim(&mut self, turn: &Turn, hash: SchemaHash) -> Result<()> {
        let place = self.place(turn).await?;
        let (row, object) = self.theirs(turn, &place)?;
        let written =
            Written { hash, skipped: false, lsn: row.lsn, fill: row.fill, ticket: turn.ticket, definition: None };
        let rows = catalog::count(&mut self.tx, &self.names.schema, &object.name).await?;
        self.note_made(turn, Some(row), &written, rows, &object.name).await
    }

    /// [`crate::store::MirrorDb::alter_table`].
    pub async fn alter(
        &mut self,
        turn: &Turn,
        old: &TableDef,
        new: &TableDef,
        hash: SchemaHash,
        definition: &str,
    ) -> Result<()> {
        ddl::check(new)?;
        let place = self.place(turn).await?;
        let (Some(row), Some(table)) = (&place.row, place.own_table()) else {
            return Err(unknown_table(&turn.table));
        };
        crate::store::sqlserver::schema::alter::alter(&mut self.tx, &self.names.schema, &table.name, old, new).await?;
        let written = Written {
            hash,
            skipped: false,
            lsn: row.lsn,
            fill: row.fill,
            ticket: turn.ticket,
            definition: Some(definition),
        };
        let made_as = self.made_as(turn.table.as_str()).await?;
        let mut statement = Statement::new();
        known::altered(&mut statement, &self.names, &turn.table, self.mark(turn), made_as.as_ref());
        metadata::write(&mut statement, &self.names, &turn.table, Some(row), &written);
        self.last = statement;
        Ok(())
    }

    /// [`crate::store::MirrorDb::skip_table`].
    pub async fn skip(&mut self, turn: &Turn, hash: SchemaHash) -> Result<()> {
        let place = self.place(turn).await?;
        if let Some(table) = place.own_table() {
            self.drop_object(&table.name).await?;
        }
        let written = Written {
            hash,
            skipped: true,
            lsn: Lsn::REFILL,
            fill: Fill::Expected,
            ticket: turn.ticket,
            definition: None,
        };
        let mut statement = Statement::new();
        quarantine::clear(&mut statement, &self.names, &turn.table);
        known::unmade(&mut statement, &self.names, &turn.table, self.mark(turn), None);
        metadata::write(&mut statement, &self.names, &turn.table, place.row.as_ref(), &written);
        self.last = statement;
        Ok(())
    }

    /// [`crate::store::MirrorDb::drop_table`].
    pub async fn drop(&mut self, turn: &Turn) -> Result<()> {
        let place = self.place(turn).await?;
        if place.row.is_none() && !place.known.owned {
            return Ok(());
        }
        if let Some(table) = place.own_table() {
            self.drop_object(&table.name).await?;
        }
        let now = self.now().await?;
        let mut statement = Statement::new();
        quarantine::clear(&mut statement, &self.names, &turn.table);
        known::unmade(&mut statement, &self.names, &turn.table, self.mark(turn), Some(now));
        if let Some(row) = &place.row {
            metadata::delete(&mut statement, &self.names, row);
        }
        self.last = statement;
        Ok(())
    }

    async fn drop_object(&mut self, table: &str) -> Result<()> {
        self.tx.run(&ddl::drop_table(&self.names.schema, table)).await
    }

    /// When the newest cycle was last heard of: the clock of those who call us. Without a cycle, this machine's.
    async fn now(&mut self) -> Result<i64> {
        let rows = newest_call(&self.names).rows(&mut self.tx).await?;
        Ok(rows.first().and_then(|row| row.integer(0).max(row.integer(1))).unwrap_or_else(|| {
            let since = crate::faults::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        }))
    }

    /// [`crate::store::MirrorDb::mark_gap`].
    pub async fn mark_gap(&mut self, turn: &Turn) -> Result<()> {
        let place = self.place(turn).await?;
        if place.row.is_none_or(|row| row.skipped) {
            return Ok(());
        }
        let mut statement = Statement::new();
        known::missing_rows(&mut statement, &self.names, &turn.table, &self.write);
        self.last = statement;
        Ok(())
    }

    /// [`crate::store::MirrorDb::wipe`].
    pub async fn wipe(&mut self, turn: &Turn) -> Result<u64> {
        let place = self.place(turn).await?;
        let Some(row) = &place.row else { return Err(unknown_table(&turn.table)) };
        let mut statement = Statement::new();
        quarantine::clear(&mut statement, &self.names, &turn.table);
        let emptied = match row.kind() {
            TableKind::TakenOver => return Err(unknown_table(&turn.table)),
            TableKind::Skipped => {
                known::unmade(&mut statement, &self.names, &turn.table, self.mark(turn), None);
                0
            }
            TableKind::Mirrored => {
                let Some(table) = place.own_table() else { return Err(unknown_table(&turn.table)) };
                let emptied = empty(&mut self.tx, &self.names.schema, table, place.known.rows).await?;
                let made_as = self.made_as(&table.name).await?;
                known::made(&mut statement, &self.names, &turn.table, self.mark(turn), 0, made_as.as_ref());
                emptied
            }
        };
        metadata::update(&mut statement, &self.names, row, Lsn::REFILL, Fill::Begun, turn.ticket);
        self.last = statement;
        Ok(emptied)
    }
}

fn too_few() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "the server answered fewer results than it was asked for")
}

fn newest_call(names: &Names) -> Statement {
    Statement::of(format!("SELECT TOP (1) last_call_at, started_at FROM {} ORDER BY id DESC", names.cycles))
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let names = Names::sample();
    let table = TableName::new("contact").expect("a legal name");
    let mut place = Statement::new();
    select_place(&mut place, &names, &table);
    vec![("place", place.sql().to_owned()), ("newest_call", newest_call(&names).sql().to_owned())]
}
