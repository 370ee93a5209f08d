//! `speil_tables`: what is known of each table beside its metadata row. Above all whether it is ours: that must outlast
//! an administrator who deletes metadata rows or the whole metadata table.
//!
//! It must not outlast the table, though: whoever drops it by hand may make one of his own under its name. So what the
//! table was made as is kept too (`made_as`, its object number and a digest of its columns), and without a metadata row only a
//! table that still is that is ours. TableSchema forgets the others ([`strangers`]).

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use rsa::sha2::{Digest, Sha256};

use super::session::Names;
use super::statement::{Cells, Statement};
use crate::protocol::table_name::TableName;
use crate::store::Ticket;
use crate::store::history::{Millis, OpCounts, TableError};
use crate::store::rules::counts::signed;
use crate::store::rules::marks::Gap;
use crate::store::sqlserver::schema::ident::qualified;

/// What is known of one table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::store::sqlserver) struct Known {
    /// There is a row of it.
    pub is_noted: bool,
    /// Made or taken over by this project. Whether the table that is there now is that one: [`Known::owns`].
    pub owned: bool,
    /// What it was made as.
    pub made_as: Option<String>,
    pub ticket: Option<Ticket>,
    /// `None`: never counted.
    pub rows: Option<u64>,
    pub gap: Gap,
}

const COLUMNS: &str = "owned, made_as, ticket, row_count, gap";

impl Known {
    fn read(cells: &Cells, first: usize) -> Self {
        Self {
            is_noted: true,
            owned: cells.integer(first).is_some_and(|owned| owned != 0),
            made_as: cells.owned(first + 1),
            ticket: cells.integer(first + 2).map(Ticket),
            rows: cells.integer(first + 3).map(i64::unsigned_abs),
            gap: Gap::from_code(cells.integer(first + 4)),
        }
    }

    /// Whether the table that is there now, which is `now`, is the one this project made or took over.
    pub fn owns(&self, now: Option<&String>) -> bool {
        self.owned && self.made_as.is_some() && self.made_as.as_ref() == now
    }
}

/// The number of the object a table was made as.
pub(in crate::store::sqlserver) fn object_of(made_as: &str) -> Option<i64> {
    made_as.split_once(':').and_then(|(object, _)| object.parse().ok())
}

const SHAPES: &str = "SELECT c.object_id, c.name, t.name, c.max_length, c.[precision], c.[scale], c.is_nullable \
     FROM sys.columns c LEFT JOIN sys.types t ON t.user_type_id = c.user_type_id";

/// The statement that reads what [`made_as`] digests, of these objects.
pub(in crate::store::sqlserver) fn select_shapes(ids: &[i64]) -> Statement {
    let mut statement = Statement::new();
    let ids: Vec<String> = ids.iter().map(|id| statement.integer(*id)).collect();
    statement.then(format!("{SHAPES} WHERE c.object_id IN ({}) ORDER BY c.object_id, c.column_id", ids.join(", ")));
    statement
}

/// The same of the table that has a name.
pub(in crate::store::sqlserver) fn select_shape(names: &Names, table: &str) -> Statement {
    let mut statement = Statement::new();
    let name = statement.text(qualified(&names.schema, table).as_str());
    statement.then(format!("{SHAPES} WHERE c.object_id = OBJECT_ID({name}) ORDER BY c.object_id, c.column_id"));
    statement
}

/// What tables were made as, by object number: the number and a digest of the columns, which changes with every change of
/// their shape.
pub(in crate::store::sqlserver) fn made_as(columns: &[Cells]) -> HashMap<i64, String> {
    let mut digests: HashMap<i64, Sha256> = HashMap::new();
    for column in columns {
        let Some(id) = column.integer(0) else { continue };
        let digest = digests.entry(id).or_default();
        for text in [1, 2] {
            digest.update(column.text(text).unwrap_or_default().as_bytes());
            digest.update([0]);
        }
        for number in 3..=6 {
            digest.update(column.integer(number).unwrap_or_default().to_le_bytes());
        }
    }
    let written = digests.into_iter().map(|(id, digest)| {
        let made_as = digest.finalize().iter().fold(format!("{id}:"), |mut made_as, byte| {
            write!(made_as, "{byte:02x}").expect("writing to a string cannot fail");
            made_as
        });
        (id, made_as)
    });
    written.collect()
}

/// The statement that reads what is known of one table.
pub(in crate::store::sqlserver) fn select_one(statement: &mut Statement, names: &Names, table: &TableName) {
    let folded = statement.text(table.folded());
    statement.then(format!("SELECT {COLUMNS} FROM {} WHERE folded = {folded}", names.tables));
}

/// What is known, from what [`select_one`] answered.
pub(in crate::store::sqlserver) fn one(answer: &[Cells]) -> Known {
    answer.first().map(|cells| Known::read(cells, 0)).unwrap_or_default()
}

/// The statement that reads all that is known.
pub(in crate::store::sqlserver) fn select_all(statement: &mut Statement, names: &Names) {
    statement.then(format!("SELECT folded, {COLUMNS} FROM {}", names.tables));
}

/// By folded name, from what [`select_all`] answered.
pub(in crate::store::sqlserver) fn all(answer: &[Cells]) -> HashMap<String, Known> {
    answer.iter().filter_map(|cells| Some((cells.owned(0)?, Known::read(cells, 1)))).collect()
}

/// The mark of the last write to a table.
pub(in crate::store::sqlserver) fn last_write(statement: &mut Statement, names: &Names, table: &TableName) {
    let folded = statement.text(table.folded());
    statement.then(format!("SELECT last_write FROM {} WHERE folded = {folded}", names.tables));
}

/// What to do with tables of ours that are not in the database any more, or are no longer what we made and have no metadata row
/// either: what comes to have their names is somebody else's.
pub(in crate::store::sqlserver) enum Stranger {
    /// No longer ours.
    Given(String),
    /// Ours, and to be looked at: what it was made as is not known (a side table dropped by hand), or is known of another
    /// object (a database brought in from elsewhere).
    Unknown(String, i64),
    /// Ours if it still is what we made.
    Unlisted(String, i64),
}

/// Looks through all that is ours. `listed` are the folded names that have a row with a hash of ours, `there` the tables in the
/// database, by folded name.
pub(in crate::store::sqlserver) fn strangers(
    known: &HashMap<String, Known>,
    listed: &HashSet<String>,
    there: &HashMap<String, i64>,
) -> Vec<Stranger> {
    let owned = known.iter().filter(|(_, known)| known.owned);
    let mut strangers: Vec<Stranger> = owned
        .filter_map(|(folded, known)| match (there.get(folded), &known.made_as) {
            (None, _) => Some(Stranger::Given(folded.clone())),
            (Some(&id), Some(made_as)) if listed.contains(folded) => {
                (object_of(made_as) != Some(id)).then(|| Stranger::Unknown(folded.clone(), id))
            }
            (Some(&id), None) if listed.contains(folded) => Some(Stranger::Unknown(folded.clone(), id)),
            (Some(&id), _) => Some(Stranger::Unlisted(folded.clone(), id)),
        })
        .collect();
    strangers.sort_by(|a, b| a.folded().cmp(b.folded()));
    strangers
}

impl Stranger {
    fn folded(&self) -> &str {
        match self {
            Self::Given(folded) | Self::Unknown(folded, _) | Self::Unlisted(folded, _) => folded,
        }
    }

    /// The object whose columns must be looked at.
    pub fn object(&self) -> Option<i64> {
        match self {
            Self::Given(_) => None,
            Self::Unknown(_, id) | Self::Unlisted(_, id) => Some(*id),
        }
    }

    /// Writes down what became of it, if anything did. `now` is what tables are, by object number.
    pub fn settle(
        &self,
        statement: &mut Statement,
        names: &Names,
        known: &HashMap<String, Known>,
        now: &HashMap<i64, String>,
    ) {
        let now = self.object().and_then(|id| now.get(&id));
        let folded = statement.text(self.folded());
        match (self, now) {
            (Self::Unknown(..), Some(now)) => {
                let now = statement.text(now.as_str());
                statement.then(format!("UPDATE {} SET made_as = {now} WHERE folded = {folded}", names.tables));
            }
            (Self::Unlisted(..), Some(now))
                if known.get(self.folded()).is_some_and(|known| known.made_as.as_ref() == Some(now)) => {}
            _ => {
                statement
                    .then(format!("UPDATE {} SET owned = 0, made_as = NULL WHERE folded = {folded}", names.tables));
            }
        }
    }
}

const NO_ERROR: &str = "error_at = NULL, error_message = NULL, error_row = NULL, error_column = NULL";

/// A write's marks: on behalf of which call, and which one, to be found again when its answer is lost.
#[derive(Debug, Clone, Copy)]
pub(in crate::store::sqlserver) struct Mark<'a> {
    pub ticket: Ticket,
    pub write: &'a str,
}

/// The parameters of a table's row, which is made if it is missing: its folded name and its name.
fn row(statement: &mut Statement, names: &Names, table: &TableName) -> (String, String) {
    let (folded, name) = (statement.text(table.folded()), statement.text(table.as_str()));
    statement.then(format!(
        "INSERT INTO {0} (folded, tablename) SELECT {folded}, {name} \
         WHERE NOT EXISTS (SELECT 1 FROM {0} WITH (UPDLOCK, HOLDLOCK) WHERE folded = {folded})",
        names.tables
    ));
    (folded, name)
}

/// The same with the parameters of its marks: `ticket = ..., last_write = ...`.
fn marked_row(statement: &mut Statement, names: &Names, table: &TableName, mark: Mark<'_>) -> (String, String, String) {
    row(statement, names, table);
    marks(statement, table, mark)
}

/// The parameters of a table's names and of its marks.
fn marks(statement: &mut Statement, table: &TableName, mark: Mark<'_>) -> (String, String, String) {
    let (folded, name) = (statement.text(table.folded()), statement.text(table.as_str()));
    let (ticket, write) = (statement.integer(mark.ticket.0), statement.text(mark.write));
    (folded, name, format!("ticket = {ticket}, last_write = {write}"))
}

/// The table is ours, holds this many rows, and its fill has not begun.
pub(in crate::store::sqlserver) fn made(
    statement: &mut Statement,
    names: &Names,
    table: &TableName,
    mark: Mark<'_>,
    rows: u64,
    made_as: Option<&String>,
) {
    let (folded, name, marks) = marked_row(statement, names, table, mark);
    let (rows, made_as) = (statement.integer(signed(rows)), statement.text(made_as.map(String::as_str)));
    statement.then(format!(
        "UPDATE {} SET tablename = {name}, owned = 1, made_as = {made_as}, {marks}, row_count = {rows}, \
         fill_started_at = NULL, gone_at = NULL, gap = 0, {NO_ERROR} WHERE folded = {folded}",
        names.tables
    ));
}

/// The table's shape changed, its rows did not.
pub(in crate::store::sqlserver) fn altered(
    statement: &mut Statement,
    names: &Names,
    table: &TableName,
    mark: Mark<'_>,
    made_as: Option<&String>,
) {
    let (folded, name, marks) = marked_row(statement, names, table, mark);
    let made_as = statement.text(made_as.map(String::as_str));
    statement.then(format!(
        "UPDATE {} SET tablename = {name}, owned = 1, made_as = {made_as}, {marks}, gone_at = NULL, {NO_ERROR} \
         WHERE folded = {folded}",
        names.tables
    ));
}

/// There is no table any more (`gone_at`), or a plug-in leaves it out (`None`).
pub(in crate::store::sqlserver) fn unmade(
    statement: &mut Statement,
    names: &Names,
    table: &TableName,
    mark: Mark<'_>,
    gone_at: Option<Millis>,
) {
    let (folded, _, marks) = marked_row(statement, names, table, mark);
    let gone_at = statement.integer(gone_at);
    statement.then(format!(
        "UPDATE {} SET owned = 0, made_as = NULL, {marks}, row_count = 0, fill_started_at = NULL, gone_at = {gone_at}, gap = 0, \
         {NO_ERROR} WHERE folded = {folded}",
        names.tables
    ));
}

/// Rows that were sent are missing. The ticket stays: nothing was done to the table.
pub(in crate::store::sqlserver) fn missing_rows(
    statement: &mut Statement,
    names: &Names,
    table: &TableName,
    write: &str,
) {
    let (folded, _) = row(statement, names, table);
    let write = statement.text(write);
    statement.then(format!(
        "UPDATE {} SET gap = {}, last_write = {write} WHERE folded = {folded}",
        names.tables,
        Gap::Failed.code()
    ));
}

/// What a call that looks at many tables does to them. At most 1,000 a time; `new` are those nothing is known of.
pub(in crate::store::sqlserver) fn seen(
    statement: &mut Statement,
    names: &Names,
    tables: &[&TableName],
    new: &[&TableName],
    ticket: Ticket,
    fill_expected: bool,
) {
    add_rows(statement, names, new);
    let folded: Vec<String> = tables.iter().map(|table| statement.text(table.folded())).collect();
    let ticket = statement.integer(ticket.0);
    let fill = if fill_expected { ", fill_started_at = NULL" } else { "" };
    statement.then(format!(
        "UPDATE {} SET ticket = {ticket}, gap = 0{fill} WHERE folded IN ({})",
        names.tables,
        folded.join(", ")
    ));
}

/// Makes rows of tables nothing is known of.
pub(in crate::store::sqlserver) fn add_rows(statement: &mut Statement, names: &Names, new: &[&TableName]) {
    if new.is_empty() {
        return;
    }
    let values: Vec<String> = new
        .iter()
        .map(|table| format!("({}, {})", statement.text(table.folded()), statement.text(table.as_str())))
        .collect();
    statement.then(format!("INSERT INTO {} (folded, tablename) VALUES {}", names.tables, values.join(", ")));
}

/// What a commit of rows leaves behind.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub(in crate::store::sqlserver) struct Committed {
    pub rows: u64,
    pub changed: bool,
    pub filling: bool,
    pub owned: bool,
    pub received: OpCounts,
    /// The call that brought it is counted here, too.
    pub call: bool,
    /// There is a row of the table ([`Known::is_noted`]).
    pub is_noted: bool,
}

/// Counts what came, for the table and for the newest cycle, and clears the table's error. The cycle comes last: all writers
/// meet there.
pub(in crate::store::sqlserver) fn committed(
    statement: &mut Statement,
    names: &Names,
    table: &TableName,
    mark: Mark<'_>,
    done: &Committed,
) {
    if !done.is_noted {
        row(statement, names, table);
    }
    let (folded, name, marks) = marks(statement, table, mark);
    let OpCounts { inserts, updates, deletes, at } = done.received;
    let (rows, at) = (statement.integer(signed(done.rows)), statement.integer(at));
    let owned = i32::from(done.owned);
    let changed = if done.changed { format!(", last_change_at = {at}") } else { String::new() };
    let fill = if done.filling { format!("COALESCE(fill_started_at, {at})") } else { "NULL".to_owned() };
    // A fill has inserts alone; each value that is bound costs some servers as much as a column that is set.
    let counts = [("inserts", inserts), ("updates", updates), ("deletes", deletes)];
    let counts = counts.map(|(what, count)| (what, (count > 0).then(|| statement.integer(signed(count)))));
    let mut cycle: Vec<String> = Vec::new();
    let mut table: Vec<String> = Vec::new();
    for (what, count) in &counts {
        if let Some(count) = count {
            table.push(format!("cycle_{what} = cycle_{what} + {count}, "));
            cycle.push(format!("{what} = {what} + {count}"));
        }
    }
    statement.then(format!(
        "UPDATE {} SET tablename = {name}, owned = {owned}, {marks}, row_count = {rows}, gone_at = NULL{changed}, \
         fill_started_at = {fill}, {}{NO_ERROR} WHERE folded = {folded}",
        names.tables,
        table.concat()
    ));
    if done.call {
        cycle.push("calls = calls + 1".into());
        cycle.push(format!("last_call_at = CASE WHEN last_call_at > {at} THEN last_call_at ELSE {at} END"));
    }
    if !cycle.is_empty() {
        statement.then(format!(
            "UPDATE {0} SET {1} WHERE id = (SELECT MAX(id) FROM {0})",
            names.cycles,
            cycle.join(", ")
        ));
    }
}

/// Remembers a table's last error.
pub(in crate::store::sqlserver) fn failed(
    statement: &mut Statement,
    names: &Names,
    table: &TableName,
    error: &TableError,
) {
    let (folded, _) = row(statement, names, table);
    let (at, message) = (statement.integer(error.at), statement.text(error.message.as_str()));
    let (row, column) = (statement.integer(error.row.map(signed)), statement.text(error.column.as_deref()));
    statement.then(format!(
        "UPDATE {} SET error_at = {at}, error_message = {message}, error_row = {row}, error_column = {column} \
         WHERE folded = {folded}",
        names.tables
    ));
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let names = Names::sample();
    let (contact, person) =
        (TableName::new("contact").expect("a legal name"), TableName::new("Person").expect("a legal name"));
    let mark = Mark { ticket: Ticket(5), write: "5f0c" };
    let made_as = "7:00ff".to_owned();
    let error = TableError { at: 5, message: "row 7 does not fit".into(), row: Some(7), column: Some("name".into()) };
    let received = OpCounts { inserts: 1, updates: 2, deletes: 3, at: 9 };
    let done = Committed { rows: 4, changed: true, filling: true, owned: true, received, call: false, is_noted: false };
    let counting = Committed { call: true, is_noted: true, ..done };
    let filling = Committed { received: OpCounts { inserts: 7, at: 9, ..OpCounts::default() }, ..counting };
    let of = |make: &dyn Fn(&mut Statement)| {
        let mut statement = Statement::new();
        make(&mut statement);
        statement.sql().to_owned()
    };
    vec![
        ("shapes", select_shapes(&[7, 8]).sql().to_owned()),
        ("shape", select_shape(&names, "contact").sql().to_owned()),
        ("one", of(&|s| select_one(s, &names, &contact))),
        ("all", of(&|s| select_all(s, &names))),
        ("last_write", of(&|s| last_write(s, &names, &contact))),
        ("made", of(&|s| made(s, &names, &contact, mark, 3, Some(&made_as)))),
        ("altered", of(&|s| altered(s, &names, &contact, mark, Some(&made_as)))),
        ("unmade", of(&|s| unmade(s, &names, &contact, mark, Some(9)))),
        ("missing_rows", of(&|s| missing_rows(s, &names, &contact, "5f0c"))),
        ("seen", of(&|s| seen(s, &names, &[&contact, &person], &[&person], Ticket(5), true))),
        ("committed", of(&|s| committed(s, &names, &contact, mark, &done))),
        ("committed_with_the_call", of(&|s| committed(s, &names, &contact, mark, &counting))),
        ("committed_in_a_fill", of(&|s| committed(s, &names, &contact, mark, &filling))),
        ("failed", of(&|s| failed(s, &names, &contact, &error))),
        (
            "stranger_given",
            of(&|s| Stranger::Given("contact".into()).settle(s, &names, &HashMap::new(), &HashMap::new())),
        ),
        (
            "stranger_unknown",
            of(&|s| {
                let now = HashMap::from([(7, made_as.clone())]);
                Stranger::Unknown("contact".into(), 7).settle(s, &names, &HashMap::new(), &now);
            }),
        ),
    ]
}
