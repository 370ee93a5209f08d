//! Changing one of our tables with its rows in it (protocol.md section 5): what is there is looked up, [`super::alter_plan`] says
//! what to do, and each step is a batch of its own (T-SQL would else look for columns that are not there yet), all in the
//! caller's transaction.

use super::alter_plan::{Step, There, plan};
use super::catalog::{columns, server, text};
use super::ddl::{column_clause, key_clause, refused, type_clause};
use super::ident::{qualified, quote};
use super::indexes;
use crate::protocol::table_def::TableDef;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::Result;

/// Default constraints by the names they really have.
const DEFAULTS: &str = "\
SELECT CAST(c.name AS nvarchar(128)), CAST(d.name AS nvarchar(128))
FROM sys.default_constraints AS d
JOIN sys.columns AS c ON c.object_id = d.parent_object_id AND c.column_id = d.parent_column_id
JOIN sys.objects AS o ON o.object_id = c.object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name = @P1 AND o.name = @P2";

/// The primary key by the name it really has.
const KEY: &str = "\
SELECT CAST(k.name AS nvarchar(128))
FROM sys.key_constraints AS k
JOIN sys.objects AS o ON o.object_id = k.parent_object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE k.type = 'PK' AND s.name = @P1 AND o.name = @P2";

/// Statistics that somebody made. The server's own go by themselves.
const STATISTICS: &str = "\
SELECT CAST(t.name AS nvarchar(128)), CAST(c.name AS nvarchar(128))
FROM sys.stats AS t
JOIN sys.stats_columns AS p ON p.object_id = t.object_id AND p.stats_id = t.stats_id
JOIN sys.columns AS c ON c.object_id = p.object_id AND c.column_id = p.column_id
JOIN sys.objects AS o ON o.object_id = c.object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE t.user_created = 1 AND s.name = @P1 AND o.name = @P2";

/// Changes a column's or a table's spelling. The caution that the server prints with it is about scripts.
pub(in crate::store::sqlserver) const RENAME_COLUMN: &str = "EXEC sp_rename @P1, @P2, N'COLUMN'";
pub(in crate::store::sqlserver) const RENAME_TABLE: &str = "EXEC sp_rename @P1, @P2, N'OBJECT'";

/// Changes `table`, as the catalogue spells it and made to `old`, to `new`. Inside the caller's transaction, which is lost when
/// this fails.
///
/// # Errors
/// [`crate::store::StoreErrorKind::Schema`] when the rows cannot be kept or the server refuses: the pipeline makes the table anew.
pub(in crate::store::sqlserver) async fn alter(
    conn: &mut Conn,
    schema: &str,
    table: &str,
    old: &TableDef,
    new: &TableDef,
) -> Result<()> {
    let there = there(conn, schema, table).await?;
    let steps = plan(table, &there, old, new)?;
    tell(table, &steps);
    for step in steps {
        let done = match (rename(schema, table, &step), render(schema, table, &step)) {
            (Some(rename), _) => respell(conn, rename.call, &rename.place, rename.from, rename.to).await,
            (None, Some(sql)) => conn.run(&sql).await,
            (None, None) => Ok(()),
        };
        done.map_err(|error| refused(error, &format!("table {table} cannot be changed with its rows in it")))?;
    }
    Ok(())
}

/// A change of spelling.
pub(super) struct Rename<'s> {
    pub call: &'static str,
    /// What it is in.
    pub place: String,
    pub from: &'s str,
    pub to: &'s str,
}

impl Rename<'_> {
    /// What is renamed, as the procedure wants it.
    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", self.place, bracketed(self.from))
    }
}

/// What a step spells anew, if that is what it does.
pub(super) fn rename<'s>(schema: &str, table: &'s str, step: &'s Step) -> Option<Rename<'s>> {
    match step {
        Step::RenameColumn { from, to } => {
            let place = format!("{}.{}", bracketed(schema), bracketed(table));
            Some(Rename { call: RENAME_COLUMN, place, from, to })
        }
        Step::RenameTable { to } => Some(Rename { call: RENAME_TABLE, place: bracketed(schema), from: table, to }),
        _ => None,
    }
}

/// The name that something has for a moment while its spelling changes; tables whose names begin so are never mirrored.
const RESPELLED: &str = "speil_respelled";

/// Changes a spelling by way of another name: to a database without case the new one is taken, by the very thing that is renamed.
pub(in crate::store::sqlserver) async fn respell(
    conn: &mut Conn,
    rename: &str,
    place: &str,
    from: &str,
    to: &str,
) -> Result<()> {
    for (from, to) in [(from, RESPELLED), (RESPELLED, to)] {
        let from = format!("{place}.{}", bracketed(from));
        conn.exec(rename, &[&from.as_str(), &to]).await?;
    }
    Ok(())
}

/// sp_rename reads parts of a name in brackets, whatever is in them.
fn bracketed(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

async fn there(conn: &mut Conn, schema: &str, table: &str) -> Result<There> {
    let server = server(conn).await?;
    let columns = columns(conn, schema, table).await?;
    let mut pairs = Vec::new();
    for row in &conn.query(DEFAULTS, &[&schema, &table]).await? {
        pairs.push((text(row, 0)?, text(row, 1)?));
    }
    let key = conn.query(KEY, &[&schema, &table]).await?;
    let key = key.first().map(|row| text(row, 0)).transpose()?;
    let indexes = indexes::find(conn, schema, table).await?;
    let mut statistics = Vec::new();
    // Babelfish has no sys.stats_columns, and no statistics that anybody made.
    if !server.is_babelfish {
        for row in &conn.query(STATISTICS, &[&schema, &table]).await? {
            statistics.push((text(row, 0)?, text(row, 1)?));
        }
    }
    Ok(There { server, columns, defaults: pairs, key, indexes, statistics })
}

/// What goes and does not come again is said: somebody may have made it for a reason.
fn tell(table: &str, steps: &[Step]) {
    for step in steps {
        match step {
            Step::DropIndex(index) if !steps.contains(&Step::CreateIndex(index.clone())) || index.kind > 2 => {
                let name = &index.def.name;
                tracing::warn!(table, index = name, "an index was dropped, because a column of it changed or went");
            }
            Step::DropStatistics(name) => {
                tracing::info!(table, name, "a statistic was dropped, because a column of it changed or went");
            }
            _ => {}
        }
    }
}

/// A step as a statement; `None` for those that are parameters to a procedure and for what cannot be made again.
pub(super) fn render(schema: &str, table: &str, step: &Step) -> Option<String> {
    let this = qualified(schema, table);
    Some(match step {
        Step::DropIndex(index) => index.drop(schema, table),
        Step::DropStatistics(name) => format!("DROP STATISTICS {this}.{}", quote(name)),
        Step::DropConstraint(name) => format!("ALTER TABLE {this} DROP CONSTRAINT {}", quote(name)),
        Step::AlterColumn { column, is_key, says_null: false } => {
            format!("ALTER TABLE {this} ALTER COLUMN {} {}", quote(&column.name), type_clause(column, *is_key))
        }
        Step::AlterColumn { column, is_key, says_null: true } => {
            let null = if column.nullable { "NULL" } else { "NOT NULL" };
            format!("ALTER TABLE {this} ALTER COLUMN {} {} {null}", quote(&column.name), type_clause(column, *is_key))
        }
        Step::AddColumn { column, is_key } => format!("ALTER TABLE {this} ADD {}", column_clause(column, *is_key)),
        Step::Fill { column } => format!("UPDATE {this} SET {} = DEFAULT", quote(column)),
        Step::DropColumn(column) => format!("ALTER TABLE {this} DROP COLUMN {}", quote(column)),
        Step::AddDefault { column, default } => {
            format!("ALTER TABLE {this} ADD DEFAULT {default} FOR {}", quote(column))
        }
        Step::AddKey(def) => format!("ALTER TABLE {this} ADD {}", key_clause(def)?),
        Step::CreateIndex(index) => index.create(schema, table)?,
        Step::RenameColumn { .. } | Step::RenameTable { .. } => return None,
    })
}

/// Every statement of this file, for the golden files ([`crate::store::sqlserver::golden`]).
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    use super::alter_plan::Step;
    use crate::protocol::sql_type::{Length, SqlType};
    use crate::store::sqlserver::golden::sample::{NASTY, column, contact, every_default};

    let render = |step: Step| render("dbo", "contact", &step).expect("a statement");
    let name = column("Name", SqlType::NVarChar(Length::Max), false);
    let code = column("code", SqlType::NVarChar(Length::Limited(20)), false);
    let alter = |column, is_key, says_null| render(Step::AlterColumn { column, is_key, says_null });
    let add = |column, is_key| render(Step::AddColumn { column, is_key });
    let default = every_default().columns[14].clone();
    let mut texts: Vec<(&'static str, String)> = [
        ("default_constraints", DEFAULTS),
        ("primary_key", KEY),
        ("statistics", STATISTICS),
        ("rename_column", RENAME_COLUMN),
        ("rename_table", RENAME_TABLE),
    ]
    .map(|(name, sql)| (name, sql.to_owned()))
    .to_vec();
    texts.extend([
        ("drop_statistics", render(Step::DropStatistics(NASTY[0].into()))),
        ("drop_constraint", render(Step::DropConstraint("DF__contact__Name__38996AB5".into()))),
        ("alter_type", alter(column("amount", SqlType::Money, true), false, false)),
        ("alter_null", alter(column("amount", SqlType::Money, true), false, true)),
        ("alter_not_null", alter(name, false, true)),
        ("alter_key_text", alter(code.clone(), true, true)),
        ("add_column", add(column("extra", SqlType::DateTime2(7), true), false)),
        ("add_column_with_default", add(default, false)),
        ("add_column_to_key", add(code, true)),
        ("add_column_nasty_name", add(column(NASTY[0], SqlType::Int, true), false)),
        ("fill", render(Step::Fill { column: NASTY[0].into() })),
        ("drop_column", render(Step::DropColumn(NASTY[0].into()))),
        ("add_default", render(Step::AddDefault { column: NASTY[0].into(), default: "(N'it''s')".into() })),
        ("remove_default_babelfish", render(Step::AddDefault { column: "Name".into(), default: "NULL".into() })),
        ("add_key", render(Step::AddKey(contact()))),
    ]);
    texts
}
