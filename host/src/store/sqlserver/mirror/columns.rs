//! Columns of the tables last written to, so that a call in the middle of a cycle need not ask for them.
//!
//! What is kept here is never taken on trust: the statement that begins a transaction reads no row of the table's columns, and the head
//! of its answer, names and types, must be what it was. That head calls datetime and smalldatetime by one name, so of such columns one
//! value is read, whose length tells. It says nothing of lengths and of NULL: a table is kept only if that is all it does not
//! say, and a write that fails with columns that were kept is done again with columns that were asked for (`mirror/writer.rs`). A column
//! that somebody made narrower meanwhile makes a call slower, never wrong.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tiberius::ColumnType;

use super::statement::{Answer, Head};
use crate::protocol::sql_type::SqlType;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::sqlserver::rows::carrier::Target;
use crate::store::sqlserver::rows::targets::Targets;
use crate::store::sqlserver::schema::ident::{qualified, quote};

/// Tables kept: a few, since rows come table by table.
const MOST: usize = 4;

/// A table's columns as they were asked for.
pub(in crate::store::sqlserver) struct Kept {
    def: TableDef,
    /// As the database spells it.
    table: String,
    /// What shows that they are the same still, each an answer of its own.
    pub selects: Vec<String>,
    head: Head,
    /// Types of the columns of which a value is read by the first of two statements.
    moments: Vec<SqlType>,
    pub targets: Vec<Target>,
}

impl Kept {
    /// Whether they are still those of the table, by its name, what [`Kept::selects`] answered, and the head of the last answer.
    pub fn are_of(&self, table: &str, answers: &[Answer], head: &[(String, ColumnType)]) -> bool {
        let values = || answers.first().and_then(|rows| rows.first());
        let is_still = |(place, sql_type): (usize, &SqlType)| {
            values().and_then(|row| row.moment_type(place)).is_some_and(|is| is == *sql_type)
        };
        self.table == table && self.head == head && self.moments.iter().enumerate().all(is_still)
    }
}

/// The tables last written to, the newest last.
#[derive(Default)]
pub(in crate::store::sqlserver) struct KnownColumns(Mutex<VecDeque<Arc<Kept>>>);

impl KnownColumns {
    /// The columns of a table that has this definition.
    pub fn of(&self, def: &TableDef) -> Option<Arc<Kept>> {
        self.all().iter().find(|kept| kept.def == *def).cloned()
    }

    /// Keeps what was asked for, if it can be seen at a glance that it is the same still.
    pub fn keep(&self, schema: &str, table: &str, def: &TableDef, asked: &Targets) {
        self.forget(&def.name);
        let Some(head) = asked.head.clone() else { return };
        let (mut moments, mut names) = (Vec::new(), Vec::new());
        for ((name, is), target) in head.iter().zip(&asked.targets) {
            match (is, target.kept) {
                (ColumnType::Datetimen, sql_type @ (SqlType::DateTime | SqlType::SmallDateTime)) => {
                    moments.push(sql_type);
                    names.push(quote(name));
                }
                (is, _) if tells_all(*is) => {}
                _ => return,
            }
        }
        let mut selects = vec![select(schema, table, def)];
        if !names.is_empty() {
            selects.insert(0, select_value(schema, table, &names));
        }
        let targets = asked.targets.clone();
        let kept = Kept { def: def.clone(), table: table.to_owned(), selects, head, moments, targets };
        let mut all = self.all();
        if all.len() >= MOST {
            all.pop_front();
        }
        all.push_back(Arc::new(kept));
    }

    /// What is kept of a table is old.
    pub fn forget(&self, table: &TableName) {
        self.all().retain(|kept| kept.def.name != *table);
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Arc<Kept>>> {
        // Nothing can panic half-way in what is done behind it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No row of a table's columns.
fn select(schema: &str, table: &str, def: &TableDef) -> String {
    let names: Vec<String> = def.columns.iter().map(|column| quote(&column.name)).collect();
    format!("SELECT TOP (0) {} FROM {}", names.join(", "), qualified(schema, table))
}

/// One value of each of these columns, which matter by their types alone: nobody who has the row locked is waited for.
fn select_value(schema: &str, table: &str, names: &[String]) -> String {
    format!("SELECT TOP (1) {} FROM {} WITH (NOLOCK)", names.join(", "), qualified(schema, table))
}

/// Whether the head of an answer tells all of a column's type but its length: neither precision nor scale, and not two types by one name
/// (datetime and smalldatetime, money and smallmoney, where they may be NULL).
fn tells_all(head: ColumnType) -> bool {
    matches!(
        head,
        ColumnType::Bit
            | ColumnType::Bitn
            | ColumnType::Int1
            | ColumnType::Int2
            | ColumnType::Int4
            | ColumnType::Int8
            | ColumnType::Float4
            | ColumnType::Float8
            | ColumnType::Datetime
            | ColumnType::Datetime4
            | ColumnType::Daten
            | ColumnType::Guid
            | ColumnType::NVarchar
            | ColumnType::NText
            | ColumnType::BigVarBin
            | ColumnType::Image
    )
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let def = crate::store::sqlserver::golden::sample::nasty_names();
    let names: Vec<String> = def.columns.iter().map(|column| quote(&column.name)).collect();
    vec![
        ("select", select("dbo", def.name.as_str(), &def)),
        ("select_value", select_value("dbo", def.name.as_str(), &names)),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::statement::Cells;
    use super::*;
    use crate::protocol::table_def::ColumnDef;

    fn def(name: &str, sql_type: SqlType) -> TableDef {
        let column = ColumnDef { name: "id".into(), sql_type, nullable: false, default: None };
        TableDef { name: TableName::new(name).unwrap(), columns: vec![column], key: vec![0] }
    }

    fn asked(head: ColumnType, kept: SqlType) -> Targets {
        let target = Target { name: "id".into(), kept, required: true, collation: None };
        Targets { targets: vec![target], head: Some(vec![("id".into(), head)]) }
    }

    #[test]
    fn columns_are_kept_for_their_definition_and_found_to_be_others_by_name_and_type() {
        let known = KnownColumns::default();
        let contact = def("contact", SqlType::Int);
        known.keep("dbo", "Contact", &contact, &asked(ColumnType::Int4, SqlType::Int));
        let kept = known.of(&contact).expect("kept");
        assert_eq!(kept.selects, ["SELECT TOP (0) [id] FROM [dbo].[Contact]"]);
        assert!(kept.are_of("Contact", &[vec![]], &[("id".into(), ColumnType::Int4)]));
        assert!(!kept.are_of("Contact", &[vec![]], &[("id".into(), ColumnType::Int8)]));
        assert!(!kept.are_of("Contact", &[vec![]], &[("Id".into(), ColumnType::Int4)]));
        assert!(!kept.are_of("contact", &[vec![]], &[("id".into(), ColumnType::Int4)]));
        assert!(!kept.are_of("Contact", &[], &[]));
        assert!(known.of(&def("contact", SqlType::BigInt)).is_none(), "another definition");
        known.forget(&contact.name);
        assert!(known.of(&contact).is_none());
    }

    #[test]
    fn a_datetime_is_known_by_one_of_its_values() {
        let known = KnownColumns::default();
        let contact = def("contact", SqlType::DateTime);
        known.keep("dbo", "contact", &contact, &asked(ColumnType::Datetimen, SqlType::DateTime));
        let kept = known.of(&contact).expect("kept");
        assert_eq!(kept.selects[0], "SELECT TOP (1) [id] FROM [dbo].[contact] WITH (NOLOCK)");
        let head = vec![("id".into(), ColumnType::Datetimen)];
        let with = |cells: Vec<Cells>| kept.are_of("contact", &[cells, vec![]], &head);
        assert!(with(vec![Cells::of_moment(Some(SqlType::DateTime))]));
        assert!(!with(vec![Cells::of_moment(Some(SqlType::SmallDateTime))]));
        assert!(!with(vec![Cells::of_moment(None)]), "NULL tells nothing");
        assert!(!with(vec![]), "nor does an empty table");
    }

    #[test]
    fn what_an_answers_head_does_not_tell_is_not_kept() {
        let known = KnownColumns::default();
        let contact = def("contact", SqlType::Int);
        for (head, kept) in [
            (ColumnType::Money, SqlType::Money),
            (ColumnType::Datetime2, SqlType::DateTime2(7)),
            (ColumnType::Numericn, SqlType::Decimal { precision: 9, scale: 2 }),
        ] {
            known.keep("dbo", "contact", &contact, &asked(head, kept));
            assert!(known.of(&contact).is_none(), "{head:?}");
        }
        known.keep("dbo", "contact", &contact, &Targets { targets: Vec::new(), head: None });
        assert!(known.of(&contact).is_none());
    }

    #[test]
    fn few_tables_are_kept() {
        let known = KnownColumns::default();
        for table in 0..10 {
            let def = def(&format!("t{table}"), SqlType::Int);
            known.keep("dbo", "t", &def, &asked(ColumnType::Int4, SqlType::Int));
        }
        assert_eq!(known.all().len(), MOST);
        assert!(known.of(&def("t9", SqlType::Int)).is_some());
    }
}
