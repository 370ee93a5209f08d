//! The metadata table `<context>_mirroring`, row by row. Administrators edit it by hand, so it is read afresh every time, names
//! have no case, and whatever stands there is read as something sensible.
//!
//! Several rows for one table (only a hand can make them) read as one: the row with a hash of ours counts, and the
//! smallest LSN of all, so that a row somebody added with -1 does what was meant. The next write leaves one row.
//!
//! Names count as they stand. Only the vendor's package may have padded its own with spaces: a row without a hash
//! of ours is read without them if no other row names that table. A row of ours never is, for what it names may be dropped.
//! In a column of fixed length (`char(n)`) spaces say nothing, and all names are read without them.
//!
//! The vendor's table has no key, and rows have no address: a row is found by its name as it is spelled, byte by byte, and
//! rows that agree even in that are removed by number.

use std::collections::{HashMap, HashSet};

use super::session::Names;
use super::statement::{Cells, Statement};
use crate::protocol::lsn::Lsn;
use crate::protocol::table_name::TableName;
use crate::store::rules::definitions::{StoredRow, kind_of};
use crate::store::rules::marks::Fill;
use crate::store::sqlserver::schema::ident::{quote, same};
use crate::store::{SchemaHash, TableKind, Ticket};

/// Compares without case and accents: whatever [`same`] takes for the same, and a little more, which is looked at here.
const LOOSE: &str = "COLLATE Latin1_General_CI_AI";
/// Compares character by character. Spaces at the end still do not count, so a full stop is put behind them.
const EXACT: &str = "COLLATE Latin1_General_100_BIN2";

/// A column as the catalogue has it, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::store::sqlserver) struct TheirColumn {
    pub name: String,
    pub type_name: String,
    /// In bytes; -1 without limit.
    pub max_length: i64,
    /// Neither NULL nor a default will do, and the server makes no value itself.
    pub wants_value: bool,
    /// Values may not come twice.
    pub in_key: bool,
}

/// What the metadata table looks like: the vendor's may have columns of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sqlserver) struct Shape {
    /// The column of names, quoted, as spelled.
    pub name: String,
    /// The column of LSNs, the same way.
    pub lsn: String,
    /// Names are padded by their column's type.
    fixed_names: bool,
    /// Columns of theirs that want a value in a new row.
    wanting: Vec<TheirColumn>,
}

impl Default for Shape {
    fn default() -> Self {
        Self { name: "[tablename]".into(), lsn: "[LSN]".into(), fixed_names: false, wanting: Vec::new() }
    }
}

impl Shape {
    /// Of the table's columns; without any, our own.
    pub fn of(columns: Vec<TheirColumn>) -> Self {
        let mut shape = Self::default();
        for column in columns {
            if column.name.eq_ignore_ascii_case("tablename") {
                shape.fixed_names = matches!(column.type_name.as_str(), "char" | "nchar");
                shape.name = quote(&column.name);
            } else if column.name.eq_ignore_ascii_case("LSN") {
                shape.lsn = quote(&column.name);
            } else if column.wants_value && column.type_name != "timestamp" {
                shape.wanting.push(column);
            }
        }
        shape
    }

    /// A row's name as text.
    fn name_text(&self) -> String {
        if self.fixed_names {
            format!("RTRIM(CAST({} AS nvarchar(4000)))", self.name)
        } else {
            format!("CAST({} AS nvarchar(4000))", self.name)
        }
    }

    /// Rows whose name is spelled exactly so. The first comparison is there for an index.
    fn spelled(&self, name: &str) -> String {
        format!("{} = {name} AND ({} + N'.') {EXACT} = {name} + N'.'", self.name, self.name_text())
    }

    /// Rows whose name is perhaps the same.
    fn alike(&self, name: &str) -> String {
        format!("{} {LOOSE} = {name}", self.name_text())
    }
}

/// A value for a column of theirs that must have one: the hash's text where text will do, else one that says nothing.
fn filler(column: &TheirColumn, hash: &str, table: &str) -> String {
    let length = column.max_length;
    match column.type_name.as_str() {
        "char" | "varchar" if length > 0 => format!("LEFT({hash}, {length})"),
        "nchar" | "nvarchar" if length > 0 => format!("LEFT({hash}, {})", length / 2),
        "char" | "varchar" | "nchar" | "nvarchar" | "text" | "ntext" | "sysname" => hash.to_owned(),
        "uniqueidentifier" => "NEWID()".to_owned(),
        "date" | "datetime" | "datetime2" | "smalldatetime" | "datetimeoffset" | "time" => "GETUTCDATE()".to_owned(),
        "binary" | "varbinary" | "image" => "0x00".to_owned(),
        "tinyint" | "smallint" | "int" | "bigint" if column.in_key => {
            let name = quote(&column.name);
            format!("(SELECT COALESCE(MAX({name}), 0) + 1 FROM {table})")
        }
        "xml" => "N'<none/>'".to_owned(),
        _ => "0".to_owned(),
    }
}

/// A row of the metadata table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sqlserver) struct Row {
    pub tablename: String,
    /// Further rows of that very spelling and hash.
    pub copies: u64,
    /// Rows of that very spelling with another hash or none.
    pub rivals: bool,
    /// Other spellings of the same table.
    pub others: Vec<String>,
    pub lsn: Lsn,
    pub hash: Option<SchemaHash>,
    /// The hash as it stands there.
    stored_hash: Option<String>,
    pub skipped: bool,
    pub fill: Fill,
    pub ticket: Option<Ticket>,
    /// JSON; not always read.
    pub definition: Option<String>,
    /// A table of that name is there; not always read.
    pub is_there: bool,
}

impl Row {
    pub fn kind(&self) -> TableKind {
        kind_of(self.hash, self.skipped)
    }

    /// Whether it is the only row of its table.
    pub fn is_alone(&self) -> bool {
        self.copies == 0 && !self.rivals && self.others.is_empty()
    }

    fn is_padded(&self) -> bool {
        self.tablename.trim_end() != self.tablename
    }

    fn read(cells: &Cells) -> Self {
        let stored_hash = cells.owned(2);
        Self {
            tablename: cells.owned(0).unwrap_or_default(),
            copies: 0,
            rivals: false,
            others: Vec::new(),
            lsn: cells.integer(1).map_or(Lsn::REFILL, Lsn),
            hash: stored_hash.as_deref().and_then(SchemaHash::from_hex),
            stored_hash,
            skipped: cells.text(3) == Some("skipped"),
            fill: Fill::from_code(cells.integer(4)),
            ticket: cells.integer(5).map(Ticket),
            definition: cells.owned(6),
            is_there: cells.integer(7) == Some(1),
        }
    }

    /// As the rules of every engine look at it.
    pub fn stored(&self) -> StoredRow<'_> {
        StoredRow {
            hash: self.hash,
            skipped: self.skipped,
            lsn: self.lsn,
            fill: self.fill,
            definition: self.definition.as_deref(),
        }
    }

    fn merged_with(self, other: Self) -> Self {
        let lsn = self.lsn.min(other.lsn);
        let (mut kept, gone) = if self.hash.is_none() && other.hash.is_some() { (other, self) } else { (self, other) };
        kept.lsn = lsn;
        kept.ticket = kept.ticket.max(gone.ticket);
        let mut spellings = gone.others;
        if gone.tablename != kept.tablename {
            spellings.push(gone.tablename);
        } else if gone.stored_hash == kept.stored_hash {
            kept.copies += 1 + gone.copies;
            kept.rivals |= gone.rivals;
        } else {
            kept.rivals = true;
        }
        for spelling in spellings {
            if spelling == kept.tablename {
                kept.rivals = true;
            } else if !kept.others.contains(&spelling) {
                kept.others.push(spelling);
            }
        }
        kept
    }
}

fn merge(rows: impl IntoIterator<Item = Row>) -> Option<Row> {
    rows.into_iter().reduce(Row::merged_with)
}

/// The statement that reads rows of one table, and perhaps of others.
pub(in crate::store::sqlserver) fn select_one(
    statement: &mut Statement,
    names: &Names,
    table: &TableName,
    with_definition: bool,
) {
    let name = statement.text(table.as_str());
    let shape = &names.shape;
    let (text, lsn, alike) = (shape.name_text(), &shape.lsn, shape.alike(&name));
    let definition = if with_definition { "speil_definition" } else { "NULL" };
    statement.then(format!(
        "SELECT {text}, {lsn}, speil_hash, speil_kind, speil_fill, speil_ticket, {definition}, NULL FROM {} WHERE {alike}",
        names.metadata
    ));
}

/// The row of one table, from what [`select_one`] answered.
pub(in crate::store::sqlserver) fn one(answer: &[Cells], table: &TableName) -> Option<Row> {
    let rows = answer.iter().map(Row::read).filter(|row| same(row.tablename.trim_end(), table.as_str()));
    let (padded, exact): (Vec<Row>, Vec<Row>) = rows.partition(Row::is_padded);
    merge(exact).or_else(|| merge(padded.into_iter().filter(|row| row.hash.is_none())))
}

/// The statement that reads every row, and whether a table of that name is there.
pub(in crate::store::sqlserver) fn select_all(statement: &mut Statement, names: &Names, with_definition: bool) {
    let shape = &names.shape;
    let (text, lsn) = (shape.name_text(), &shape.lsn);
    let schema = statement.text(format!("{}.", quote(&names.schema)).as_str());
    let definition = if with_definition { "speil_definition" } else { "NULL" };
    statement.then(format!(
        "SELECT {text}, {lsn}, speil_hash, speil_kind, speil_fill, speil_ticket, {definition}, \
         CASE WHEN OBJECT_ID({schema} + N'[' + REPLACE(RTRIM({text}), N']', N']]') + N']', N'U') IS NULL \
         THEN 0 ELSE 1 END FROM {} ORDER BY {}",
        names.metadata, shape.name
    ));
}

/// Every row whose table name can be one, those of padded names last, from what [`select_all`] answered.
pub(in crate::store::sqlserver) fn all(answer: &[Cells]) -> Vec<(TableName, Row)> {
    let (mut exact, mut padded) = (Vec::new(), Vec::new());
    for row in answer.iter().map(Row::read) {
        let Ok(table) = TableName::new(row.tablename.trim_end()) else { continue };
        match row.is_padded() {
            false => exact.push((table, row)),
            true if row.hash.is_none() => padded.push((table, row)),
            true => {}
        }
    }
    let named: HashSet<String> = exact.iter().map(|(table, _)| table.folded().to_owned()).collect();
    padded.retain(|(table, _)| !named.contains(table.folded()));
    let mut found: Vec<(TableName, Row)> = Vec::new();
    let mut places = HashMap::new();
    for (table, row) in exact.into_iter().chain(padded) {
        if let Some(&place) = places.get(table.folded()) {
            let entry: &mut (TableName, Row) = &mut found[place];
            entry.1 = entry.1.clone().merged_with(row);
        } else {
            places.insert(table.folded().to_owned(), found.len());
            found.push((table, row));
        }
    }
    found
}

/// What a write leaves in a row.
pub(in crate::store::sqlserver) struct Written<'a> {
    pub hash: SchemaHash,
    pub skipped: bool,
    pub lsn: Lsn,
    pub fill: Fill,
    pub ticket: Ticket,
    pub definition: Option<&'a str>,
}

/// Writes a table's row, new or over the one that is there.
pub(in crate::store::sqlserver) fn write(
    statement: &mut Statement,
    names: &Names,
    table: &TableName,
    row: Option<&Row>,
    written: &Written<'_>,
) {
    let hash = statement.text(written.hash.to_hex().as_str());
    let lsn = statement.integer(written.lsn.0);
    let kind = statement.text(if written.skipped { "skipped" } else { "mirrored" });
    let fill = statement.integer(written.fill.code());
    let ticket = statement.integer(written.ticket.0);
    let definition = statement.text(written.definition);
    let shape = &names.shape;
    let Some(row) = row else {
        let name = statement.text(table.as_str());
        let (mut columns, mut values) = (String::new(), String::new());
        for column in &shape.wanting {
            columns = columns + ", " + &quote(&column.name);
            values = values + ", " + &filler(column, &hash, &names.metadata);
        }
        statement.then(format!(
            "INSERT INTO {} ({}, {}, speil_hash, speil_kind, speil_fill, speil_ticket, speil_definition{columns}) \
             VALUES ({name}, {lsn}, {hash}, {kind}, {fill}, {ticket}, {definition}{values})",
            names.metadata, shape.name, shape.lsn
        ));
        return;
    };
    remove_duplicates(statement, names, row);
    // From now on the row is ours, and its name must stand there without padding.
    let renamed =
        if row.is_padded() { format!(", {} = {}", shape.name, statement.text(table.as_str())) } else { String::new() };
    let name = statement.text(row.tablename.as_str());
    statement.then(format!(
        "UPDATE {} SET {} = {lsn}, speil_hash = {hash}, speil_kind = {kind}, speil_fill = {fill}, speil_ticket = {ticket}, \
         speil_definition = {definition}{renamed} WHERE {}",
        names.metadata,
        shape.lsn,
        shape.spelled(&name)
    ));
}

/// Moves LSN, fill and ticket of a row that is there.
pub(in crate::store::sqlserver) fn update(
    statement: &mut Statement,
    names: &Names,
    row: &Row,
    lsn: Lsn,
    fill: Fill,
    ticket: Ticket,
) {
    remove_duplicates(statement, names, row);
    let (lsn, fill, ticket) = (statement.integer(lsn.0), fill.code(), statement.integer(ticket.0));
    let name = statement.text(row.tablename.as_str());
    statement.then(format!(
        "UPDATE {} SET {} = {lsn}, speil_fill = {fill}, speil_ticket = {ticket} WHERE {}",
        names.metadata,
        names.shape.lsn,
        names.shape.spelled(&name)
    ));
}

/// Announces fills in rows that are the only ones of their tables; LSNs stay. At most 1,000.
pub(in crate::store::sqlserver) fn expect(statement: &mut Statement, names: &Names, rows: &[&Row], ticket: Ticket) {
    let spelled: Vec<String> = rows.iter().map(|row| statement.text(format!("{}.", row.tablename).as_str())).collect();
    let ticket = statement.integer(ticket.0);
    statement.then(format!(
        "UPDATE {} SET speil_fill = {}, speil_ticket = {ticket} WHERE ({} + N'.') {EXACT} IN ({})",
        names.metadata,
        Fill::Expected.code(),
        names.shape.name_text(),
        spelled.join(", ")
    ));
}

/// Sets LSN -1 in rows of these spellings, by hand as it were. At most 1,000.
pub(in crate::store::sqlserver) fn set_refill(statement: &mut Statement, names: &Names, spellings: &[String]) {
    let spelled: Vec<String> = spellings.iter().map(|name| statement.text(format!("{name}.").as_str())).collect();
    statement.then(format!(
        "UPDATE {} SET {} = -1 WHERE ({} + N'.') {EXACT} IN ({})",
        names.metadata,
        names.shape.lsn,
        names.shape.name_text(),
        spelled.join(", ")
    ));
}

/// Removes a table's row, and any further ones.
pub(in crate::store::sqlserver) fn delete(statement: &mut Statement, names: &Names, row: &Row) {
    for spelling in row.others.iter().chain([&row.tablename]) {
        let name = statement.text(spelling.as_str());
        statement.then(format!("DELETE FROM {} WHERE {}", names.metadata, names.shape.spelled(&name)));
    }
}

fn remove_duplicates(statement: &mut Statement, names: &Names, row: &Row) {
    for spelling in &row.others {
        let name = statement.text(spelling.as_str());
        statement.then(format!("DELETE FROM {} WHERE {}", names.metadata, names.shape.spelled(&name)));
    }
    let name = |statement: &mut Statement| names.shape.spelled(&statement.text(row.tablename.as_str()));
    if row.rivals {
        let spelled = name(statement);
        let other = match &row.stored_hash {
            Some(hash) => format!("(speil_hash IS NULL OR speil_hash <> {})", statement.text(hash.as_str())),
            None => "speil_hash IS NOT NULL".to_owned(),
        };
        statement.then(format!("DELETE FROM {} WHERE {spelled} AND {other}", names.metadata));
    }
    if row.copies > 0 {
        let spelled = name(statement);
        statement.then(format!("DELETE TOP ({}) FROM {} WHERE {spelled}", row.copies, names.metadata));
    }
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let names = Names::sample();
    let table = TableName::new("contact").expect("a legal name");
    let written = Written {
        hash: SchemaHash([7; 32]),
        skipped: false,
        lsn: Lsn(100),
        fill: Fill::Begun,
        ticket: Ticket(5),
        definition: Some("{}"),
    };
    // As the vendor's package may have left it: padded, written twice, once in another spelling.
    let cells = |name: &str| Cells::of_texts(&[Some(name), Some("100"), None, None, None, None, None, None]);
    let row = one(&[cells("contact"), cells("contact"), cells("CONTACT")], &table).expect("rows of the table");
    let of = |make: &dyn Fn(&mut Statement)| {
        let mut statement = Statement::new();
        make(&mut statement);
        statement.sql().to_owned()
    };
    vec![
        ("one", of(&|s| select_one(s, &names, &table, true))),
        ("all", of(&|s| select_all(s, &names, true))),
        ("insert", of(&|s| write(s, &names, &table, None, &written))),
        ("over", of(&|s| write(s, &names, &table, Some(&row), &written))),
        ("update", of(&|s| update(s, &names, &row, Lsn(100), Fill::None, Ticket(5)))),
        ("expect", of(&|s| expect(s, &names, &[&row], Ticket(5)))),
        ("set_refill", of(&|s| set_refill(s, &names, &["contact".to_owned(), "Person".to_owned()]))),
        ("delete", of(&|s| delete(s, &names, &row))),
    ]
}
