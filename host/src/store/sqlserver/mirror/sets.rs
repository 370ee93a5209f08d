//! What one call does to many tables at once: in sets, behind the mirror's lock, in a handful of round trips whatever their
//! number. And the mirror's tickets.

use std::collections::{HashMap, HashSet};

use super::known::{self, Known};
use super::metadata::{self, Row};
use super::session::{Names, Session, Tx};
use super::side_tables;
use super::statement::{Answer, Cells, Statement};
use super::tables::check_ticket;
use crate::protocol::table_name::{TableName, fold};
use crate::store::rules::definitions::mark;
use crate::store::rules::marks::Fill;
use crate::store::sqlserver::errors::Result;
use crate::store::{StoreError, StoreErrorKind, TableKind, TableMark, Ticket};

/// Tables in one statement: three parameters each at most, of the 2,100 there may be.
const SET: usize = 600;

/// Everything a call over many tables must know, read in one round trip.
struct All {
    known: HashMap<String, Known>,
    rows: Vec<(TableName, Row)>,
    there: Vec<(i64, String)>,
}

fn select_everything(names: &Names) -> Statement {
    let mut statement = Statement::new();
    known::select_all(&mut statement, names);
    metadata::select_all(&mut statement, names, false);
    select_tables(&mut statement, names);
    statement
}

/// The tables that are in the schema.
pub(in crate::store::sqlserver) fn select_tables(statement: &mut Statement, names: &Names) {
    let schema = statement.text(names.schema.as_str());
    statement.then(format!("SELECT object_id, name FROM sys.tables WHERE schema_id = SCHEMA_ID({schema})"));
}

impl All {
    async fn read(tx: &mut Tx, names: &Names) -> Result<Self> {
        let answers = select_everything(names).results(tx).await?;
        let [known, rows, there] = &answers[..] else {
            return Err(StoreError::new(
                StoreErrorKind::Internal,
                "the server answered fewer results than it was asked for",
            ));
        };
        let there = there.iter().filter_map(|row| Some((row.integer(0)?, row.owned(1)?)));
        Ok(Self { known: known::all(known), rows: metadata::all(rows), there: there.collect() })
    }

    /// Those of the tables that have a metadata row, in the order of their names, after checking that the call was not overtaken
    /// at any of them.
    fn listed<'t>(&self, ticket: Ticket, tables: &'t [TableName]) -> Result<Vec<(&'t TableName, &Row)>> {
        let rows: HashMap<&TableName, &Row> = self.rows.iter().map(|(table, row)| (table, row)).collect();
        let mut listed = Vec::with_capacity(tables.len());
        let nothing = Known::default();
        for table in tables {
            let Some(row) = rows.get(table) else { continue };
            let known = self.known.get(table.folded()).unwrap_or(&nothing);
            check_ticket(table, Some(row), known, ticket)?;
            listed.push((table, *row));
        }
        listed.sort_by_key(|(table, _)| *table);
        listed.dedup_by_key(|(table, _)| *table);
        Ok(listed)
    }

    /// The tables that are there, by folded name. One that the server spells otherwise is known by its object number.
    fn there(&self) -> HashMap<String, i64> {
        let mut there: HashMap<String, i64> = self.there.iter().map(|(id, name)| (fold(name), *id)).collect();
        let ids: HashSet<i64> = self.there.iter().map(|(id, _)| *id).collect();
        for (folded, known) in &self.known {
            if let Some(id) = known.made_as.as_deref().and_then(known::object_of)
                && ids.contains(&id)
            {
                there.entry(folded.clone()).or_insert(id);
            }
        }
        there
    }
}

/// Writes down that the call has looked at these tables.
fn note_seen(
    statement: &mut Statement,
    names: &Names,
    all: &All,
    tables: &[(&TableName, &Row)],
    ticket: Ticket,
    fill_expected: bool,
) {
    let tables: Vec<&TableName> = tables.iter().map(|(table, _)| *table).collect();
    let new: Vec<&TableName> = tables.iter().copied().filter(|table| !all.known.contains_key(table.folded())).collect();
    known::seen(statement, names, &tables, &new, ticket, fill_expected);
}

/// [`crate::store::MirrorDb::expect_refills`]: all or none.
pub(in crate::store::sqlserver) async fn expect_refills(
    session: &Session,
    ticket: Ticket,
    tables: &[TableName],
) -> Result<()> {
    let (mut tx, names) = (session.begin_all().await?, session.names());
    let all = All::read(&mut tx, &names).await?;
    let listed = all.listed(ticket, tables)?;
    for set in listed.chunks(SET) {
        let mut statement = Statement::new();
        note_seen(&mut statement, &names, &all, set, ticket, true);
        let (alone, several): (Vec<&Row>, Vec<&Row>) = set.iter().map(|(_, row)| *row).partition(|row| row.is_alone());
        if !alone.is_empty() {
            metadata::expect(&mut statement, &names, &alone, ticket);
        }
        statement.exec(&mut tx).await?;
        for row in several {
            let mut statement = Statement::new();
            metadata::update(&mut statement, &names, row, row.lsn, Fill::Expected, ticket);
            statement.exec(&mut tx).await?;
        }
    }
    tx.commit().await
}

/// [`crate::store::MirrorDb::confirm_tables`]: all or none. And gives up tables of ours that are not there any more.
pub(in crate::store::sqlserver) async fn confirm(
    session: &Session,
    ticket: Ticket,
    tables: &[TableName],
) -> Result<Vec<TableMark>> {
    let (mut tx, names) = (session.begin_all().await?, session.names());
    let all = All::read(&mut tx, &names).await?;
    let listed = all.listed(ticket, tables)?;
    for set in listed.chunks(SET) {
        let mut statement = Statement::new();
        note_seen(&mut statement, &names, &all, set, ticket, false);
        statement.exec(&mut tx).await?;
    }
    let there: HashSet<String> = all.there.iter().map(|(_, name)| fold(name)).collect();
    let is_there = |table: &TableName, row: &Row| row.is_there || there.contains(table.folded());
    let marks = all.rows.iter().map(|(table, row)| mark(table, &row.stored(), is_there(table, row))).collect();
    let ours = all.rows.iter().filter(|(_, row)| row.kind() == TableKind::Mirrored);
    let ours = ours.map(|(table, _)| table.folded().to_owned()).collect();
    let strangers = known::strangers(&all.known, &ours, &all.there());
    for set in strangers.chunks(SET) {
        let ids: Vec<i64> = set.iter().filter_map(known::Stranger::object).collect();
        let now = if ids.is_empty() {
            HashMap::new()
        } else {
            known::made_as(&known::select_shapes(&ids).rows(&mut tx).await?)
        };
        let mut statement = Statement::new();
        for stranger in set {
            stranger.settle(&mut statement, &names, &all.known, &now);
        }
        statement.exec(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(marks)
}

/// [`crate::store::MirrorDb::resync`]: what an administrator does by hand.
pub(in crate::store::sqlserver) async fn resync(session: &Session, tables: &[TableName]) -> Result<Vec<TableName>> {
    let (mut tx, names) = (session.begin_all().await?, session.names());
    let all = All::read(&mut tx, &names).await?;
    let wanted = |table: &TableName| tables.is_empty() || tables.contains(table);
    let changed: Vec<(TableName, Row)> = all.rows.into_iter().filter(|(table, _)| wanted(table)).collect();
    for set in changed.chunks(SET) {
        let spellings: Vec<String> = set.iter().map(|(_, row)| row.tablename.clone()).collect();
        let mut statement = Statement::new();
        metadata::set_refill(&mut statement, &names, &spellings);
        statement.exec(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(changed.into_iter().map(|(table, _)| table).collect())
}

/// The next ticket, and whose database it is: asked in every call, since a database may be exchanged behind our back. Tickets of
/// transactions that are still open may count (NOLOCK): no writer holds this up, and a ticket may be greater than it need be.
fn take_ticket(names: &Names) -> Statement {
    let mut statement = Statement::new();
    let Names { meta, tables, cycles, metadata, .. } = names;
    statement.then(format!(
        "UPDATE {meta} SET value = CAST(1 + (SELECT MAX(g.ticket) FROM (SELECT CASE WHEN \
         value COLLATE Latin1_General_100_BIN2 NOT LIKE N'%[^0-9]%' AND LEN(value) BETWEEN 1 AND 18 \
         THEN CAST(value AS bigint) ELSE 0 END AS ticket \
         UNION ALL SELECT MAX(t.ticket) FROM {tables} t WITH (NOLOCK) \
         UNION ALL SELECT MAX(c.id) FROM {cycles} c WITH (NOLOCK) \
         UNION ALL SELECT MAX(m.speil_ticket) FROM {metadata} m WITH (NOLOCK)) AS g) AS nvarchar(32)) \
         OUTPUT inserted.value WHERE name = N'ticket'"
    ));
    statement.then(format!("SELECT name, value FROM {meta} WHERE name IN (N'tenant', N'format')"));
    statement
}

/// The same from the last ticket alone, for the many calls in the middle of a cycle: the others, one of which begins every cycle, see
/// to it that the last ticket is the greatest of all. One that was spoilt by hand stays as it is, and is no number.
fn take_next_ticket(names: &Names) -> Statement {
    let mut statement = Statement::new();
    let Names { meta, .. } = names;
    statement.then(format!(
        "UPDATE {meta} SET value = CASE WHEN value COLLATE Latin1_General_100_BIN2 NOT LIKE N'%[^0-9]%' AND \
         LEN(value) BETWEEN 1 AND 18 THEN CAST(CAST(value AS bigint) + 1 AS nvarchar(32)) ELSE value END \
         OUTPUT inserted.value WHERE name = N'ticket'"
    ));
    statement.then(format!("SELECT name, value FROM {meta} WHERE name IN (N'tenant', N'format')"));
    statement
}

/// A ticket at once, if all is as it should be: nothing is tried twice and nothing mended.
pub(in crate::store::sqlserver) async fn ticket_at_once(session: &Session) -> Result<Ticket> {
    let mut lease = session.reader().await?;
    let call = take_next_ticket(&session.names()).call(&mut lease).await?;
    let (answers, _) = Statement::of(call).asked(&mut lease).await?;
    lease.finish_as_new();
    taken(session, &answers)?.ok_or_else(|| no_ticket(session))
}

/// The ticket that was taken, after a look at whose database it is; `None`: rows of ours are missing or spoilt.
fn taken(session: &Session, answers: &[Answer]) -> Result<Option<Ticket>> {
    let [taken, meta] = answers else { return Ok(None) };
    let (Some(ticket), Some(owner)) =
        (taken.first().and_then(|row| row.integer(0)), side_tables::meta_value(meta, "tenant"))
    else {
        return Ok(None);
    };
    side_tables::check_owner(&session.tenant, owner, side_tables::meta_value(meta, "format"))?;
    Ok(Some(Ticket(ticket)))
}

fn no_ticket(session: &Session) -> StoreError {
    StoreError::new(
        StoreErrorKind::Environment,
        format!("database {}: speil_meta gives no ticket; somebody changed it by hand", session.database),
    )
}

/// [`crate::store::MirrorDb::ticket`].
pub(in crate::store::sqlserver) async fn next_ticket(session: &Session) -> Result<Ticket> {
    for _ in 0..2 {
        let mut lease = session.reader().await?;
        let answers = take_ticket(&session.names()).results(&mut lease).await?;
        lease.finish_as_new();
        if let Some(ticket) = taken(session, &answers)? {
            return Ok(ticket);
        }
        // Rows of ours were deleted by hand.
        side_tables::ensure(session).await?;
    }
    Err(no_ticket(session))
}

/// Names in lower case of the tables there, from what [`select_tables`] answered.
pub(in crate::store::sqlserver) fn folded_names(answer: &[Cells]) -> HashSet<String> {
    answer.iter().filter_map(|row| row.text(1)).map(fold).collect()
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let names = Names::sample();
    vec![
        ("everything", select_everything(&names).sql().to_owned()),
        ("ticket", take_ticket(&names).sql().to_owned()),
        ("next_ticket", take_next_ticket(&names).sql().to_owned()),
    ]
}
