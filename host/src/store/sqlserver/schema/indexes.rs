//! Indexes: those that plug-ins ask for, portable over both stores, and those that somebody else made, which a change of the
//! table drops and makes again.
//!
//! A unique index of SQL Server takes two NULLs for the same, SQLite's does not. One made here leaves rows out that have a NULL
//! among its columns (`WHERE ... IS NOT NULL`), so that both refuse the same rows.

use super::catalog::{Column, Server, columns, optional, required, server, text};
use super::ddl::{KEY_BYTES, MOST_KEY_COLUMNS, error_number, refused};
use super::ident::{qualified, quote, same};
use super::types::{can_be_indexed, key_bytes};
use crate::protocol::sql_type::SqlType;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::fold;
use crate::store::records::IndexColumn;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::Result;
use crate::store::{IndexDef, StoreError, StoreErrorKind};

/// An index as it is in the database, without the primary key's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sqlserver) struct Found {
    pub def: IndexDef,
    /// 1 clustered, 2 not; the others (column store, XML, spatial, hash) are none that a plug-in can ask for.
    pub kind: i32,
    /// It belongs to a UNIQUE constraint of that name.
    pub is_constraint: bool,
    pub included: Vec<String>,
    /// `([name] IS NOT NULL)`, as the server writes it.
    pub filter: Option<String>,
}

/// All columns of all indexes of a table but its primary key's.
pub(in crate::store::sqlserver) const INDEXES: &str = "\
SELECT i.index_id, CAST(i.name AS nvarchar(128)), CAST(i.type AS int), CAST(i.is_unique AS int), CAST(i.is_unique_constraint AS int),
  CAST(i.filter_definition AS nvarchar(max)), CAST(c.name AS nvarchar(128)), CAST(ic.is_descending_key AS int), CAST(ic.is_included_column AS int)
FROM sys.objects AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
JOIN sys.indexes AS i ON i.object_id = o.object_id
JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
WHERE s.name = @P1 AND o.name = @P2 AND i.type > 0 AND i.is_primary_key = 0 AND i.is_hypothetical = 0
ORDER BY i.index_id, ic.is_included_column, ic.key_ordinal, ic.index_column_id";

/// Reads them; `table` as the catalogue spells it.
pub(in crate::store::sqlserver) async fn find(conn: &mut Conn, schema: &str, table: &str) -> Result<Vec<Found>> {
    let rows = conn.query(INDEXES, &[&schema, &table]).await?;
    let mut found: Vec<(i32, Found)> = Vec::new();
    for row in &rows {
        let id: i32 = required(row, 0)?;
        if found.last().is_none_or(|(last, _)| *last != id) {
            let index = Found {
                def: IndexDef {
                    name: plain_name(table, &text(row, 1)?),
                    columns: Vec::new(),
                    unique: required::<i32>(row, 3)? != 0,
                },
                kind: required(row, 2)?,
                is_constraint: required::<i32>(row, 4)? != 0,
                included: Vec::new(),
                filter: optional::<&str>(row, 5)?.map(str::to_owned),
            };
            found.push((id, index));
        }
        let Some((_, index)) = found.last_mut() else { continue };
        let name = text(row, 6)?;
        if required::<i32>(row, 8)? != 0 {
            index.included.push(name);
        } else {
            index.def.columns.push(IndexColumn { name, descending: required::<i32>(row, 7)? != 0 });
        }
    }
    Ok(found.into_iter().map(|(_, index)| index).collect())
}

/// Babelfish shows an index as `<index><table><32 hex digits>`, in lower case, though it is dropped by its own name.
fn plain_name(table: &str, physical: &str) -> String {
    let own = || {
        let (rest, digest) = physical.split_at_checked(physical.len().checked_sub(32)?)?;
        let hex = digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let name = rest.strip_suffix(fold(table).as_str())?;
        (hex && !name.is_empty()).then(|| name.to_owned())
    };
    own().unwrap_or_else(|| physical.to_owned())
}

impl Found {
    /// Whether a column is part of it in any way.
    pub fn uses(&self, column: &str) -> bool {
        self.def.columns.iter().map(|own| &own.name).chain(&self.included).any(|own| same(own, column))
            || self
                .filter
                .as_ref()
                .is_some_and(|filter| fold(filter).contains(&format!("[{}]", fold(&column.replace(']', "]]")))))
    }

    /// The statement that drops it.
    pub fn drop(&self, schema: &str, table: &str) -> String {
        if self.is_constraint {
            return format!("ALTER TABLE {} DROP CONSTRAINT {}", qualified(schema, table), quote(&self.def.name));
        }
        drop_index(schema, table, &self.def.name)
    }

    /// The statement that makes it as it was; `None` for a kind that is not made of columns alone.
    pub fn create(&self, schema: &str, table: &str) -> Option<String> {
        let kind = match self.kind {
            1 => "CLUSTERED ",
            // What SQL Server makes of it when nothing is said, which both grammars of the golden files read.
            2 if !self.is_constraint => "",
            2 => "NONCLUSTERED ",
            _ => return None,
        };
        let (table, name, columns) = (qualified(schema, table), quote(&self.def.name), column_list(&self.def));
        if self.is_constraint {
            return Some(format!("ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE {kind}({columns})"));
        }
        let unique = if self.def.unique { "UNIQUE " } else { "" };
        let included: Vec<String> = self.included.iter().map(|column| quote(column)).collect();
        let include = if included.is_empty() { String::new() } else { format!(" INCLUDE ({})", included.join(", ")) };
        // The server's own text about the server's own table: nothing that came over the wire.
        let filter = self.filter.as_ref().map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
        Some(format!("CREATE {unique}{kind}INDEX {name} ON {table} ({columns}){include}{filter}"))
    }
}

fn column_list(index: &IndexDef) -> String {
    let columns: Vec<String> = index
        .columns
        .iter()
        .map(|column| format!("{}{}", quote(&column.name), if column.descending { " DESC" } else { "" }))
        .collect();
    columns.join(", ")
}

/// `DROP INDEX`.
fn drop_index(schema: &str, table: &str, name: &str) -> String {
    format!("DROP INDEX {} ON {}", quote(name), qualified(schema, table))
}

/// `CREATE INDEX` for a plug-in. `nullable`: which columns of a unique index may be NULL.
fn create_index(schema: &str, table: &str, index: &IndexDef, nullable: &[&str], online: bool) -> String {
    let unique = if index.unique { "UNIQUE " } else { "" };
    let tests: Vec<String> = nullable.iter().map(|name| format!("{} IS NOT NULL", quote(name))).collect();
    let filter =
        if index.unique && !tests.is_empty() { format!(" WHERE {}", tests.join(" AND ")) } else { String::new() };
    format!(
        "CREATE {unique}INDEX {} ON {} ({}){filter}{}",
        quote(&index.name),
        qualified(schema, table),
        column_list(index),
        if online { " WITH (ONLINE = ON)" } else { "" }
    )
}

/// The same in place of one that differs: both or neither.
fn replace_index(schema: &str, table: &str, old: &str, index: &IndexDef, nullable: &[&str]) -> String {
    format!(
        "BEGIN TRANSACTION;\n{};\n{};\nCOMMIT TRANSACTION",
        drop_index(schema, table, old),
        create_index(schema, table, index, nullable, false)
    )
}

/// All indexes of a table but its primary key's and its constraints'; `known`, the stored definition, tells how columns are
/// spelled.
pub(in crate::store::sqlserver) async fn list(
    conn: &mut Conn,
    schema: &str,
    table: &str,
    known: Option<&TableDef>,
) -> Result<Vec<IndexDef>> {
    let found = find(conn, schema, table).await?;
    let mut listed: Vec<IndexDef> = found.into_iter().filter(is_plain).map(|found| found.def).collect();
    for column in listed.iter_mut().flat_map(|index| &mut index.columns) {
        if let Some(own) = known.and_then(|def| Some(&def.columns[def.column_index(&column.name)?])) {
            column.name.clone_from(&own.name);
        }
    }
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listed)
}

fn is_plain(found: &Found) -> bool {
    matches!(found.kind, 1 | 2) && !found.is_constraint
}

/// The server refuses to build it while others write: another edition than it said, a column of an outdated type, or an old
/// compatibility level.
const NOT_ONLINE: [u32; 5] = [153, 155, 1_712, 2_725, 2_726];
/// There is an index of that name already.
const EXISTS: u32 = 1_913;

/// Makes an index, or makes it anew when it differs. Whether anything changed. Not inside a transaction: what is refused online
/// is tried again, and an index may take long.
///
/// # Errors
/// [`StoreErrorKind::Schema`], with what the server or the table's columns do not allow.
pub(in crate::store::sqlserver) async fn ensure(
    conn: &mut Conn,
    schema: &str,
    table: &str,
    wanted: &IndexDef,
) -> Result<bool> {
    let there = columns(conn, schema, table).await?;
    let (wanted, nullable) = resolve(table, &there, wanted)?;
    let nullable: Vec<&str> = nullable.iter().map(String::as_str).collect();
    let refuse = |error| refused(error, &format!("index {} of table {table}", wanted.name));
    // A second round: another host made the index between our looking and our making.
    for last in [false, true] {
        let found = find(conn, schema, table).await?.into_iter().find(|found| same(&found.def.name, &wanted.name));
        if let Some(found) = found {
            if !is_plain(&found) {
                return Err(StoreError::new(
                    StoreErrorKind::Schema,
                    format!(
                        "index {} of table {table}: somebody made one of that name that is not a plug-in's to change",
                        wanted.name
                    ),
                ));
            }
            if agree(&found, &wanted, &nullable) {
                return Ok(false);
            }
            let replace = replace_index(schema, table, &found.def.name, &wanted, &nullable);
            conn.run(&replace).await.map_err(refuse)?;
            return Ok(true);
        }
        let Server { builds_online, .. } = server(conn).await?;
        let mut made = conn.run(&create_index(schema, table, &wanted, &nullable, builds_online)).await;
        if builds_online && matches!(&made, Err(error) if error_number(error).is_some_and(|n| NOT_ONLINE.contains(&n)))
        {
            made = conn.run(&create_index(schema, table, &wanted, &nullable, false)).await;
        }
        match made {
            Err(error) if !last && error_number(&error) == Some(EXISTS) => {}
            made => return made.map(|()| true).map_err(refuse),
        }
    }
    unreachable!("the second round returns")
}

/// The index with its columns as the database spells them, and which of them may be NULL.
fn resolve(table: &str, there: &[Column], wanted: &IndexDef) -> Result<(IndexDef, Vec<String>)> {
    let refuse = |message: String| {
        let message = format!("index {} of table {table}: {message}", wanted.name);
        Err(StoreError::new(StoreErrorKind::Schema, message))
    };
    if wanted.name.is_empty() || wanted.name.contains('\0') || wanted.name.encode_utf16().count() > 128 {
        return refuse("its name must have 1 to 128 characters and no NUL".into());
    }
    if wanted.columns.is_empty() {
        return refuse("it has no columns".into());
    }
    if wanted.columns.len() > MOST_KEY_COLUMNS {
        return refuse(format!("it has {} columns, and SQL Server allows {MOST_KEY_COLUMNS}", wanted.columns.len()));
    }
    let mut resolved = IndexDef { name: wanted.name.clone(), columns: Vec::new(), unique: wanted.unique };
    let (mut nullable, mut bytes, mut always) = (Vec::new(), 0u32, 0u32);
    for column in &wanted.columns {
        let Some(own) = there.iter().find(|own| same(&own.name, &column.name)) else {
            return refuse(format!("there is no column {}", column.name));
        };
        if resolved.columns.iter().any(|earlier| earlier.name == own.name) {
            return refuse(format!("column {} is named twice", column.name));
        }
        let Some(sql_type) = own.sql_type.filter(|sql_type| can_be_indexed(*sql_type)) else {
            return refuse(format!(
                "column {} is {} in the mirror, and SQL Server makes no index over such a column; shorten it with a plug-in first",
                own.name, own.declared
            ));
        };
        bytes = bytes.saturating_add(key_bytes(sql_type));
        if !matches!(
            sql_type,
            SqlType::VarChar(_) | SqlType::NVarChar(_) | SqlType::VarBinary(_) | SqlType::HierarchyId
        ) {
            always = always.saturating_add(key_bytes(sql_type));
        }
        if !own.not_null {
            nullable.push(own.name.clone());
        }
        resolved.columns.push(IndexColumn { name: own.name.clone(), descending: column.descending });
    }
    if always > KEY_BYTES {
        return refuse(format!("its columns are {always} bytes long, and SQL Server allows {KEY_BYTES}"));
    }
    if bytes > KEY_BYTES {
        tracing::warn!(
            index = wanted.name,
            table,
            bytes,
            "its columns may hold more than the {KEY_BYTES} bytes an index of SQL Server takes: a row with more will be refused"
        );
    }
    Ok((resolved, nullable))
}

fn agree(found: &Found, wanted: &IndexDef, nullable: &[&str]) -> bool {
    let columns = |index: &IndexDef| {
        index.columns.iter().map(|column| (fold(&column.name), column.descending)).collect::<Vec<_>>()
    };
    found.def.unique == wanted.unique
        && columns(&found.def) == columns(wanted)
        && found.included.is_empty()
        && filter_agrees(found, wanted, nullable)
}

/// Whether an index is over all rows that ours would be over. One without a filter, made by hand or on Babelfish, which shows
/// none, is left as it is.
fn filter_agrees(found: &Found, wanted: &IndexDef, nullable: &[&str]) -> bool {
    let Some(filter) = &found.filter else { return true };
    let tests: Vec<String> = nullable.iter().map(|name| format!("[{}] IS NOT NULL", name.replace(']', "]]"))).collect();
    wanted.unique && fold(filter) == fold(&format!("({})", tests.join(" AND ")))
}

/// Drops an index. Whether it was there.
pub(in crate::store::sqlserver) async fn drop(conn: &mut Conn, schema: &str, table: &str, name: &str) -> Result<bool> {
    let found = find(conn, schema, table).await?;
    match found.into_iter().find(|found| is_plain(found) && same(&found.def.name, name)) {
        Some(found) => {
            conn.run(&found.drop(schema, table))
                .await
                .map_err(|error| refused(error, &format!("index {name} of table {table}")))?;
            Ok(true)
        }
        None => Ok(false),
    }
}

/// Every statement of this file, for the golden files ([`crate::store::sqlserver::golden`]).
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    use crate::store::sqlserver::golden::sample;
    let index = |name: &str, columns: &[(&str, bool)], unique| IndexDef {
        name: name.into(),
        columns: columns.iter().map(|&(name, descending)| IndexColumn { name: name.into(), descending }).collect(),
        unique,
    };
    let plain = index("ix_name", &[("Name", false), ("amount", true)], false);
    let unique = index("ix_one", &[("amount", false), ("Name", false)], true);
    let found = |def: &IndexDef, kind, is_constraint| Found {
        def: def.clone(),
        kind,
        is_constraint,
        included: if is_constraint { Vec::new() } else { vec!["registered".into()] },
        filter: (!is_constraint).then(|| "([amount] IS NOT NULL)".into()),
    };
    let again = |found: Found| found.create("dbo", "contact").expect("made of columns");
    vec![
        ("indexes", INDEXES.to_owned()),
        ("create_index", create_index("dbo", "contact", &plain, &["amount"], false)),
        ("create_index_online", create_index("dbo", "contact", &plain, &[], true)),
        ("create_index_unique", create_index("dbo", "contact", &unique, &["amount", "Name"], false)),
        ("create_index_unique_not_null", create_index("dbo", "contact", &unique, &[], false)),
        (
            "create_index_nasty_names",
            create_index(
                "dbo",
                sample::NASTY[1],
                &index(sample::NASTY[0], &[(sample::NASTY[2], true)], true),
                &[sample::NASTY[2]],
                false,
            ),
        ),
        ("replace_index", replace_index("dbo", "contact", "IX_name", &plain, &[])),
        ("drop_index", drop_index("dbo", "contact", sample::NASTY[0])),
        ("index_again", again(found(&plain, 2, false))),
        ("index_again_clustered", again(found(&unique, 1, false))),
        ("constraint_again", again(found(&unique, 2, true))),
        ("drop_constraint", found(&unique, 2, true).drop("dbo", "contact")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, declared: &str, not_null: bool) -> Column {
        Column {
            name: name.into(),
            declared: declared.into(),
            sql_type: declared.parse().ok(),
            not_null,
            has_default: false,
            key_place: 0,
            collation: None,
            is_generated: false,
        }
    }

    fn index(columns: &[&str], unique: bool) -> IndexDef {
        let columns = columns.iter().map(|&name| IndexColumn { name: name.into(), descending: false }).collect();
        IndexDef { name: "ix".into(), columns, unique }
    }

    #[test]
    fn columns_that_no_index_can_have_are_refused_in_a_sentence() {
        let there = [
            column("a", "nvarchar(max)", false),
            column("b", "ntext", true),
            column("c", "nchar(851)", true),
            column("d", "nvarchar(4000)", true),
            column("e", "int", true),
        ];
        for (columns, words) in [
            (vec!["a"], "nvarchar(max)"),
            (vec!["b"], "ntext"),
            (vec!["c"], "1702 bytes"),
            (vec!["e", "E"], "twice"),
            (vec!["f"], "no column f"),
            (vec![], "no columns"),
        ] {
            let refused = resolve("t", &there, &index(&columns, false)).unwrap_err();
            assert_eq!(refused.kind, StoreErrorKind::Schema);
            assert!(refused.message.contains(words), "{refused}");
        }
        resolve("t", &there, &index(&["d", "e"], true)).unwrap();
    }

    #[test]
    fn a_unique_index_of_ours_is_known_again_by_its_filter() {
        let there = [column("a", "int", false), column("b]", "int", false), column("c", "int", true)];
        let (wanted, nullable) = resolve("t", &there, &index(&["A", "b]", "c"], true)).unwrap();
        let nullable: Vec<&str> = nullable.iter().map(String::as_str).collect();
        assert_eq!(nullable, ["a", "b]"]);
        let mut found = Found { def: wanted.clone(), kind: 2, is_constraint: false, included: vec![], filter: None };
        assert!(agree(&found, &wanted, &nullable));
        found.filter = Some("([a] IS NOT NULL AND [b]]] IS NOT NULL)".into());
        assert!(agree(&found, &wanted, &nullable));
        found.filter = Some("([a]>(7))".into());
        assert!(!agree(&found, &wanted, &nullable));
        assert!(found.uses("A") && found.uses("b]") && !found.uses("d"));
    }

    #[test]
    fn babelfishs_names_are_read_back() {
        assert_eq!(plain_name("T Two", "ix3t two4b2183e3ddd63a720f62f5d71d6e3357"), "ix3");
        for own in ["ix3", "4b2183e3ddd63a720f62f5d71d6e3357", "t two4b2183e3ddd63a720f62f5d71d6e3357", "🙂"] {
            assert_eq!(plain_name("T Two", own), own);
        }
    }
}
