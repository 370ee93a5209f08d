//! A plug-in's statement, run: as its user, in a transaction of the host's, bounded in every direction.
//!
//! The transaction is marked by an application lock whose name the text cannot know: if it is not held any more when the statement
//! has ended, the text has ended the transaction, whatever it began after that. Anything that fails costs the connection, and
//! with it the server takes the transaction back.

use std::fmt::Write as _;

use futures_util::TryStreamExt as _;
use tiberius::{ColumnType, Command, CommandItem};

use super::cells::{bound, value};
use super::told::{Trouble, transactions};
use super::users::{self, Users};
use crate::store::guest::{Bounds, GuestError, GuestPowers, GuestRows, GuestValue};
use crate::store::rules::guests::{too_large_an_answer, too_many_objects, too_many_rows};
use crate::store::sqlserver::connection::pool::Lease;
use crate::store::sqlserver::mirror::session::{Session, begin_marked, new_write};
use crate::store::sqlserver::mirror::statement::{Cells, Statement};
use crate::store::sqlserver::schema::ident::text_literal;

/// Bytes that may come for one statement: an answer of [`Bounds::BYTES`] in UTF-16, with room for what describes it.
const ON_THE_WIRE: u64 = (Bounds::BYTES as u64) * 2 + (4 << 20);

/// A connection that is a plug-in's user. Closed, never given back.
pub(super) struct Guarded {
    lease: Lease,
    /// The plug-in's own schema.
    schema: String,
    powers: GuestPowers,
}

/// What stands in a plug-in's own schema: name and kind of each object, and the number of indexes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Own {
    objects: Vec<(String, String)>,
    indexes: usize,
}

/// What there is in the schema.
fn own(schema: &str) -> Statement {
    let mut statement = Statement::new();
    let schema = statement.text(schema);
    statement.then(format!("SELECT o.name, o.type FROM sys.objects o WHERE o.schema_id = SCHEMA_ID({schema})"));
    statement.then(format!(
        "SELECT COUNT(*) FROM sys.indexes i JOIN sys.objects o ON o.object_id = i.object_id WHERE o.schema_id = SCHEMA_ID({schema}) \
         AND o.type IN ('U', 'V') AND i.index_id > 0 AND i.is_primary_key = 0 AND i.is_unique_constraint = 0"
    ));
    statement
}

/// Whether the transaction is still the host's, and the only one.
fn still(mark: &str) -> String {
    format!(
        "SELECT CASE WHEN APPLOCK_MODE(N'public', {}, N'Transaction') = N'Exclusive' THEN 1 ELSE 0 END, @@TRANCOUNT",
        text_literal(mark)
    )
}

impl Own {
    fn read(answers: &[Vec<Cells>]) -> Option<Self> {
        let [objects, indexes] = answers else { return None };
        let objects = objects
            .iter()
            .map(|row| Some((row.owned(0)?, row.text(1)?.trim().to_owned())))
            .collect::<Option<Vec<_>>>()?;
        Some(Self { objects, indexes: usize::try_from(indexes.first()?.integer(0)?).ok()? })
    }

    fn count(&self) -> usize {
        self.indexes + self.objects.iter().filter(|(_, kind)| matches!(kind.as_str(), "U" | "V")).count()
    }

    /// Tables and views with the plug-in's prefix, and constraints of theirs. No trigger: somebody with more rights who changes
    /// such a table by hand would run it.
    fn check(&self, powers: &GuestPowers) -> Result<(), GuestError> {
        for (name, kind) in &self.objects {
            match kind.as_str() {
                "U" | "V" if powers.owns(name) => {}
                "U" | "V" => {
                    return Err(GuestError::Denied(format!(
                        "it may not make {name:?}: a plug-in writes only what is its own, with names that begin with {}",
                        powers.prefix
                    )));
                }
                "PK" | "UQ" | "C" | "D" | "F" | "EC" => {}
                "TR" => return Err(GuestError::Denied("it may not make or drop a trigger".into())),
                _ => {
                    return Err(GuestError::Denied(
                        "it may not make or change anything but its own tables, indexes and views".into(),
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Guarded {
    /// Makes the connection the plug-in's user's.
    pub async fn open(
        mut lease: Lease,
        session: &Session,
        users: &Users,
        powers: &GuestPowers,
    ) -> Result<Self, Trouble> {
        users::enter(&mut lease, &session.names(), users).await?;
        Ok(Self::over(lease, users.owner.clone(), powers.clone()))
    }

    /// Over a connection that already is the right user's.
    pub(super) fn over(mut lease: Lease, schema: String, powers: GuestPowers) -> Self {
        // The time is the caller's to keep.
        lease.set_patience(None);
        Self { lease, schema, powers }
    }

    /// Nothing of the last statement is left.
    pub fn is_clean(&self) -> bool {
        !self.lease.is_busy()
    }

    /// Runs one statement that reads, and takes back whatever else it did.
    pub async fn query(&mut self, sql: &str, parameters: &[GuestValue], bounds: Bounds) -> Result<GuestRows, Trouble> {
        let mark = self.begin().await?;
        let rows = self.read(sql, parameters, bounds).await?;
        if self.is_clean() {
            self.check(&mark).await?;
            self.lease.run("ROLLBACK TRANSACTION").await?;
        }
        Ok(rows)
    }

    /// Runs one statement that writes, once for each list, all or nothing.
    pub async fn execute(&mut self, sql: &str, lists: &[Vec<GuestValue>]) -> Result<u64, Trouble> {
        let mark = self.begin().await?;
        let before = self.own().await?;
        let mut changed = 0;
        for parameters in lists {
            changed += self.write(sql, parameters).await?;
        }
        self.check(&mark).await?;
        let after = self.own().await?;
        after.check(&self.powers)?;
        if after.count() > Bounds::OBJECTS && after.count() > before.count() {
            return Err(too_many_objects(after.count()).into());
        }
        self.lease.run("COMMIT TRANSACTION").await?;
        Ok(changed)
    }

    /// Begins the host's transaction; answers its mark.
    async fn begin(&mut self) -> Result<String, Trouble> {
        let mark = format!("speil:guest:{}", new_write());
        let rows = Statement::of(begin_marked(&mark)).rows(&mut self.lease).await?;
        match rows.first().and_then(|row| row.integer(0)) {
            Some(0 | 1) => Ok(mark),
            _ => Err(GuestError::Failed("the transaction could not be marked".into()).into()),
        }
    }

    async fn check(&mut self, mark: &str) -> Result<(), Trouble> {
        let rows = Statement::of(still(mark)).rows(&mut self.lease).await?;
        let number = |column| rows.first().and_then(|row| row.integer(column));
        if (number(0), number(1)) == (Some(1), Some(1)) { Ok(()) } else { Err(transactions().into()) }
    }

    async fn own(&mut self) -> Result<Own, Trouble> {
        let answers = own(&self.schema).results(&mut self.lease).await?;
        Own::read(&answers)
            .ok_or_else(|| GuestError::Failed("the server answered less than it was asked".into()).into())
    }

    async fn read(&mut self, sql: &str, parameters: &[GuestValue], bounds: Bounds) -> Result<GuestRows, Trouble> {
        let command = command(sql, parameters)?;
        self.lease.allow(Some(ON_THE_WIRE));
        let mut items = command.exec(self.lease.begin_raw()).await?;
        let mut answer: Option<GuestRows> = None;
        let mut types: Vec<ColumnType> = Vec::new();
        let mut weight = 0;
        while let Some(item) = items.try_next().await? {
            match item {
                CommandItem::Metadata(_) if answer.is_some() => return Err(more_than_one().into()),
                CommandItem::Metadata(meta) => {
                    types = meta.columns().iter().map(tiberius::Column::column_type).collect();
                    let columns = meta.columns().iter().map(|column| column.name().to_owned()).collect();
                    answer = Some(GuestRows { columns, ..GuestRows::default() });
                }
                CommandItem::Row(row) => {
                    let Some(answer) = &mut answer else { continue };
                    if answer.rows.len() == bounds.rows {
                        // The server is still sending: the connection goes, and no more is worked out.
                        answer.truncated = true;
                        return Ok(std::mem::take(answer));
                    }
                    if answer.rows.len() == Bounds::MOST_ROWS {
                        return Err(too_many_rows().into());
                    }
                    let mut values = Vec::with_capacity(types.len());
                    for ((_, data), of) in row.cells().zip(&types) {
                        let value = value(data, *of)?;
                        weight += value.weight();
                        if weight > Bounds::BYTES {
                            return Err(too_large_an_answer().into());
                        }
                        values.push(value);
                    }
                    answer.rows.push(values);
                }
                _ => {}
            }
        }
        drop(items);
        self.lease.allow(None);
        self.lease.done();
        answer.ok_or_else(|| {
            GuestError::Invalid("this is no statement that reads; `execute` runs those that write".into()).into()
        })
    }

    /// Answers the rows changed.
    async fn write(&mut self, sql: &str, parameters: &[GuestValue]) -> Result<u64, Trouble> {
        let command = command(sql, parameters)?;
        self.lease.allow(Some(ON_THE_WIRE));
        let mut items = command.exec(self.lease.begin_raw()).await?;
        let mut changed = 0;
        while let Some(item) = items.try_next().await? {
            match item {
                CommandItem::Metadata(_) => {
                    return Err(GuestError::Invalid(
                        "this is no statement that writes; `query` runs those that read".into(),
                    )
                    .into());
                }
                CommandItem::RowsAffected(0) => {}
                CommandItem::RowsAffected(_) if changed > 0 => return Err(more_than_one().into()),
                CommandItem::RowsAffected(rows) => changed = rows,
                _ => {}
            }
        }
        drop(items);
        self.lease.allow(None);
        self.lease.done();
        Ok(changed)
    }
}

fn more_than_one() -> GuestError {
    GuestError::Invalid("there is more than one statement; give them one at a time".into())
}

/// The statement with its parameters, as `sp_executesql` takes them: values never become text.
fn command<'a>(sql: &'a str, parameters: &[GuestValue]) -> Result<Command<'a>, GuestError> {
    if parameters.len() > Bounds::PARAMETERS {
        return Err(GuestError::Limit(format!(
            "the statement has {} parameters, and at most {} are taken",
            parameters.len(),
            Bounds::PARAMETERS
        )));
    }
    let bound = parameters.iter().map(bound).collect::<Result<Vec<_>, _>>()?;
    let mut declared = String::new();
    for (number, one) in bound.iter().enumerate() {
        let comma = if number == 0 { "" } else { ", " };
        write!(declared, "{comma}@P{} {}", number + 1, one.declared).expect("writing to a string cannot fail");
    }
    let mut command = Command::new("sp_executesql");
    command.bind_param("@stmt", sql);
    command.bind_param("@params", declared);
    for (number, one) in bound.into_iter().enumerate() {
        command.bind_param(format!("@P{}", number + 1), one);
    }
    Ok(command)
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    vec![
        ("still", still("speil:guest:0123456789abcdef0123456789abcdef")),
        ("own", own("speil_plugin_sales_summary").sql().to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(objects: &[(&str, &str)]) -> Own {
        let objects = objects.iter().map(|&(name, kind)| (name.to_owned(), kind.to_owned())).collect();
        Own { objects, indexes: 1 }
    }

    #[test]
    fn a_schema_holds_tables_and_views_with_the_prefix_and_nothing_else() {
        let powers = GuestPowers::of("a", true, ["a", "a-b"].into_iter());
        let fine = own(&[("plugin_a_t", "U"), ("plugin_a_v", "V"), ("PK__x", "PK"), ("DF__y", "D")]);
        assert_eq!((fine.check(&powers), fine.count()), (Ok(()), 3));
        for (name, kind) in [
            ("other", "U"),
            ("plugin_a_b_t", "U"),
            ("plugin_a_mirroring", "U"),
            ("sale", "V"),
            ("plugin_a_t", "TR"),
            ("plugin_a_s", "SO"),
            ("plugin_a_n", "SN"),
            ("plugin_a_p", "P"),
            ("plugin_a_f", "FN"),
        ] {
            let error = own(&[(name, kind)]).check(&powers).expect_err(kind);
            assert!(matches!(error, GuestError::Denied(_)), "{name} {kind}: {error}");
        }
    }
}
