//! What changes a table from one definition to another with its rows in it: pure, from what is really there to a list of steps.
//!
//! SQL Server changes columns in place, but not while an index, a statistic, the key or a default constraint uses them: those go
//! first and come again afterwards. A change of type is made only where it gives what a fill would have stored, as in SQLite's
//! engine; anything else is refused, and the pipeline fills the table anew, which is always right.

use super::catalog::{Column, Server};
use super::ddl::{check, default_clause};
use super::ident::same;
use super::indexes::Found as FoundIndex;
use super::types::{KEY_COLLATION, can_be_indexed, is_stored_as, stored};
use crate::protocol::sql_type::{Family, Length, SqlType};
use crate::protocol::table_def::{ColumnDef, TableDef};
use crate::store::sqlserver::errors::Result;
use crate::store::{StoreError, StoreErrorKind};

/// A table as it is, with the real names of what hangs on its columns.
#[derive(Debug, Clone)]
pub(in crate::store::sqlserver) struct There {
    pub server: Server,
    pub columns: Vec<Column>,
    /// Default constraints: column, name.
    pub defaults: Vec<(String, String)>,
    /// The primary key constraint's name.
    pub key: Option<String>,
    pub indexes: Vec<FoundIndex>,
    /// Statistics that somebody made: name, and one of its columns. Once for each column.
    pub statistics: Vec<(String, String)>,
}

/// One statement's worth of change. Columns are named as the catalogue spells them until they are renamed, last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sqlserver) enum Step {
    DropIndex(FoundIndex),
    DropStatistics(String),
    DropConstraint(String),
    /// Type, nullability or collation. `says_null`: whether nullability is written down; it must be for NOT NULL, which SQL Server
    /// would else forget, and cannot be on Babelfish, which keeps it.
    AlterColumn {
        column: ColumnDef,
        is_key: bool,
        says_null: bool,
    },
    AddColumn {
        column: ColumnDef,
        is_key: bool,
    },
    /// Gives the rows there are the default of a column that may be NULL; one that may not has got it by being added.
    Fill {
        column: String,
    },
    DropColumn(String),
    AddDefault {
        column: String,
        default: String,
    },
    /// The key of this definition.
    AddKey(TableDef),
    CreateIndex(FoundIndex),
    RenameColumn {
        from: String,
        to: String,
    },
    RenameTable {
        to: String,
    },
}

/// The steps from `old` to `new`, for a table called `name` in the catalogue.
///
/// # Errors
/// [`StoreErrorKind::Schema`]: this cannot be done keeping the rows.
pub(in crate::store::sqlserver) fn plan(
    name: &str,
    there: &There,
    old: &TableDef,
    new: &TableDef,
) -> Result<Vec<Step>> {
    check(new)?;
    let work = Work { name, there, old, new, made: made(name, there, old, new)? };
    let altered = work.altered()?;
    let dropped = work.dropped();
    let gone = |column: &str| dropped.iter().any(|dropped| same(dropped, column));
    let touched = |column: &str| gone(column) || altered.iter().any(|step| same(altered_name(step), column));

    // What an index or a statistic does not outlast.
    let rebuilt = |column: &str| gone(column) || (touched(column) && !work.only_widens(column));

    let (mut steps, mut last) = (Vec::new(), Vec::new());
    for index in &there.indexes {
        let uses = |hit: &dyn Fn(&str) -> bool| there.columns.iter().any(|own| index.uses(&own.name) && hit(&own.name));
        if !uses(&rebuilt) {
            continue;
        }
        steps.push(Step::DropIndex(index.clone()));
        if !uses(&gone) && index.def.columns.iter().all(|column| work.can_be_indexed(&column.name)) {
            last.push(Step::CreateIndex(index.clone()));
        }
    }
    for (i, (name, column)) in there.statistics.iter().enumerate() {
        if rebuilt(column) && !there.statistics[..i].iter().any(|(earlier, of)| earlier == name && rebuilt(of)) {
            steps.push(Step::DropStatistics(name.clone()));
        }
    }
    let new_key = work.key_changes(&altered);
    if new_key {
        steps.extend(there.key.iter().map(|key| Step::DropConstraint(key.clone())));
    }
    let mut defaults = Vec::new();
    for (column, constraint) in &there.defaults {
        if gone(column) || work.default_changes(column) || touched(column) {
            // Babelfish has no constraint to drop: a default goes with its column, or by getting another.
            if !there.server.is_babelfish {
                steps.push(Step::DropConstraint(constraint.clone()));
            }
        }
    }
    for (column, before) in work.kept() {
        let default = default_clause(column);
        let had = there.defaults.iter().any(|(of, _)| same(of, &column.name));
        let again = had && touched(&column.name) && !there.server.is_babelfish;
        match default {
            Some(default) if again || !had || work.default_changes(&before.name) => {
                defaults.push(Step::AddDefault { column: column.name.clone(), default });
            }
            None if had && there.server.is_babelfish => {
                defaults.push(Step::AddDefault { column: column.name.clone(), default: "NULL".into() });
            }
            _ => {}
        }
    }
    steps.extend(altered);
    for (i, column) in work.made.columns.iter().enumerate() {
        if old.column_index(&column.name).is_some() {
            continue;
        }
        steps.push(Step::AddColumn { column: column.clone(), is_key: new.is_key(i) });
        if column.nullable && default_clause(column).is_some() {
            steps.push(Step::Fill { column: column.name.clone() });
        }
    }
    // After the new ones: a table must never be without a column.
    steps.extend(dropped.into_iter().map(Step::DropColumn));
    steps.extend(defaults);
    if new_key && !new.key.is_empty() {
        steps.push(Step::AddKey(work.made.clone()));
    }
    steps.append(&mut last);
    steps.extend(work.renames());
    Ok(steps)
}

fn altered_name(step: &Step) -> &str {
    match step {
        Step::AlterColumn { column, .. } => &column.name,
        _ => "",
    }
}

/// `new`, with columns that are there spelled as the catalogue spells them.
fn made(name: &str, there: &There, old: &TableDef, new: &TableDef) -> Result<TableDef> {
    let refuse = |message: String| Err(StoreError::new(StoreErrorKind::Schema, format!("table {name}: {message}")));
    for column in &old.columns {
        if !there.columns.iter().any(|found| same(&found.name, &column.name)) {
            return refuse(format!("column {} is not there any more; somebody changed the table by hand", column.name));
        }
    }
    let mut made = new.clone();
    for column in &mut made.columns {
        match there.columns.iter().find(|found| same(&found.name, &column.name)) {
            Some(found) if old.column_index(&column.name).is_some() => column.name.clone_from(&found.name),
            Some(found) => {
                return refuse(format!("the new column {} is there already; somebody added it by hand", found.name));
            }
            None => {}
        }
    }
    Ok(made)
}

/// What the parts of the plan are made from.
struct Work<'a> {
    name: &'a str,
    there: &'a There,
    old: &'a TableDef,
    new: &'a TableDef,
    made: TableDef,
}

impl Work<'_> {
    /// Columns that stay, as they will be and as they are.
    fn kept(&self) -> impl Iterator<Item = (&ColumnDef, &Column)> {
        self.made
            .columns
            .iter()
            .filter_map(|column| Some((column, self.there.columns.iter().find(|found| found.name == column.name)?)))
    }

    /// Columns of ours that go. Those that somebody added stay: they are not ours.
    fn dropped(&self) -> Vec<String> {
        let ours = |column: &&Column| {
            self.old.column_index(&column.name).is_some() && self.new.column_index(&column.name).is_none()
        };
        self.there.columns.iter().filter(ours).map(|column| column.name.clone()).collect()
    }

    fn altered(&self) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        for (column, found) in self.kept() {
            let at = self.made.columns.iter().position(|own| own.name == column.name).unwrap_or_default();
            let before = self.old.column_index(&column.name).map(|at| &self.old.columns[at]);
            let from = before.map_or(column.sql_type, |before| before.sql_type);
            if from != column.sql_type && !converts(from, column.sql_type) {
                return Err(StoreError::new(
                    StoreErrorKind::Schema,
                    format!(
                        "table {}, column {}: values of type {from} cannot be made {} without knowing how the source does it",
                        self.name, column.name, column.sql_type
                    ),
                ));
            }
            let is_key = self.new.is_key(at);
            let renulled = found.not_null == column.nullable;
            if self.retypes(column, found) || renulled || self.recollates(column, found, is_key) {
                let says_null = !self.there.server.is_babelfish || renulled;
                steps.push(Step::AlterColumn { column: column.clone(), is_key, says_null });
            }
        }
        Ok(steps)
    }

    /// Whether a column only gets longer: SQL Server does that under an index, unless it is the key's.
    fn only_widens(&self, column: &str) -> bool {
        let Some((column, found)) = self.kept().find(|(own, _)| same(&own.name, column)) else { return false };
        let longer = match (found.sql_type, stored(column.sql_type)) {
            (Some(SqlType::NVarChar(Length::Limited(old))), SqlType::NVarChar(Length::Limited(new)))
            | (Some(SqlType::VarBinary(Length::Limited(old))), SqlType::VarBinary(Length::Limited(new))) => new >= old,
            _ => false,
        };
        let is_key = self.made.column_index(&column.name).is_some_and(|at| self.new.is_key(at));
        longer && found.not_null != column.nullable && !self.recollates(column, found, is_key)
    }

    /// Whether an index may be over a column as it will be; one that is not ours is as it was.
    fn can_be_indexed(&self, column: &str) -> bool {
        self.made.column_index(column).is_none_or(|at| can_be_indexed(stored(self.made.columns[at].sql_type)))
    }

    /// Whether a column is of another type than it should be. A server that keeps six digits of a second has no seventh to add; any
    /// other does as it was told, and a seventh digit is a change.
    fn retypes(&self, column: &ColumnDef, found: &Column) -> bool {
        let is_right = |there| {
            let keeps_six = self.there.server.is_babelfish;
            if keeps_six { is_stored_as(column.sql_type, there) } else { stored(column.sql_type) == there }
        };
        !found.sql_type.is_some_and(is_right)
    }

    /// Whether a text comes into the key, where all texts differ, or leaves it.
    fn recollates(&self, column: &ColumnDef, found: &Column, is_key: bool) -> bool {
        if self.there.server.is_babelfish || column.sql_type.family() != Family::Text {
            return false;
        }
        let bytewise = found.collation.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(KEY_COLLATION));
        is_key != bytewise && (is_key || found.key_place > 0)
    }

    fn key_changes(&self, altered: &[Step]) -> bool {
        let mut before: Vec<&Column> = self.there.columns.iter().filter(|column| column.key_place > 0).collect();
        before.sort_by_key(|column| column.key_place);
        let after: Vec<&str> = self.made.key.iter().map(|&at| self.made.columns[at].name.as_str()).collect();
        before.iter().map(|column| column.name.as_str()).ne(after.iter().copied())
            || altered.iter().any(|step| after.contains(&altered_name(step)))
    }

    /// Whether the default of a column that stays is another one now.
    fn default_changes(&self, column: &str) -> bool {
        let clause = |def: &TableDef| default_clause(&def.columns[def.column_index(column)?]);
        clause(self.old) != clause(self.new)
    }

    /// Spelling only: Babelfish has none to change.
    fn renames(&self) -> Vec<Step> {
        if self.there.server.is_babelfish {
            return Vec::new();
        }
        let pairs = self.new.columns.iter().zip(&self.made.columns).filter(|(new, made)| new.name != made.name);
        let mut steps: Vec<Step> =
            pairs.map(|(new, made)| Step::RenameColumn { from: made.name.clone(), to: new.name.clone() }).collect();
        if self.new.name.as_str() != self.name {
            steps.push(Step::RenameTable { to: self.new.name.as_str().to_owned() });
        }
        steps
    }
}

/// Whether SQL Server, changing the column, makes of every value what a fill would have stored, or refuses the change.
fn converts(from: SqlType, to: SqlType) -> bool {
    let is_character = |sql_type| !matches!(sql_type, SqlType::Xml | SqlType::Json | SqlType::SqlVariant);
    let is_unicode = |sql_type| matches!(sql_type, SqlType::NChar(_) | SqlType::NVarChar(_) | SqlType::NText);
    match (from, to) {
        (SqlType::SmallDateTime | SqlType::Date, SqlType::DateTime | SqlType::DateTime2(_))
        | (SqlType::Date, SqlType::SmallDateTime) => return true,
        (SqlType::DateTime2(a), SqlType::DateTime2(b))
        | (SqlType::Time(a), SqlType::Time(b))
        | (SqlType::DateTimeOffset(a), SqlType::DateTimeOffset(b)) => return a < b,
        // Of all types only these become the outdated ones, and only they change into something else, of any length.
        (_, SqlType::NText | SqlType::Image) => return false,
        (SqlType::NText, to) => return to == SqlType::NVarChar(Length::Max),
        (SqlType::Image, to) => return to == SqlType::VarBinary(Length::Max),
        _ => {}
    }
    match (from.family(), to.family()) {
        // Anything but 0 becomes 1 in a bit.
        (Family::Integer, Family::Integer) => to != SqlType::Bit,
        (Family::Integer, Family::Decimal) => true,
        // A number that is too long for a varchar becomes a star.
        (Family::Integer, Family::Text) => {
            matches!(to, SqlType::VarChar(_) | SqlType::NVarChar(_)) && room(to) >= integer_length(from)
        }
        (Family::Real, Family::Real) => to == SqlType::Float,
        // Digits are added, never taken: SQL Server would round.
        (Family::Decimal, Family::Decimal) => from.decimal_scale() <= to.decimal_scale(),
        (Family::Text, Family::Text) => {
            is_character(from)
                && matches!(to, SqlType::VarChar(_) | SqlType::NVarChar(_) | SqlType::Text)
                && (is_unicode(to) || !is_unicode(from))
                // Spaces at the end would be cut off without a word.
                && room(stored(to)) >= room(stored(from))
        }
        (Family::Binary, Family::Binary) => {
            matches!(from, SqlType::Binary(_) | SqlType::VarBinary(_))
                && matches!(to, SqlType::VarBinary(_))
                && room(to) >= room(from)
        }
        _ => false,
    }
}

/// How much a type holds, of whatever it counts.
fn room(sql_type: SqlType) -> u32 {
    sql_type.max_units().or(sql_type.max_bytes()).map_or(u32::MAX, u32::from)
}

/// Characters of the longest number.
fn integer_length(sql_type: SqlType) -> u32 {
    match sql_type {
        SqlType::Bit => 1,
        SqlType::TinyInt => 3,
        SqlType::SmallInt => 6,
        SqlType::Int => 11,
        _ => 20,
    }
}

#[cfg(test)]
mod tests;
