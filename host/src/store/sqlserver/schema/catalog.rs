//! What is really in the database, whoever made it, in whatever collation. Names are cast to what they are in SQL Server already:
//! Babelfish would else send them in a code page that has not every letter.

use tiberius::{FromSql, Row};

use super::ddl::count_rows;
use super::ident::same;
use super::types::is_stored_as;
use crate::protocol::sql_type::SqlType;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::fold;
use crate::store::records::ActualColumn;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::{Result, sql_error};
use crate::store::{ActualTable, StoreError, StoreErrorKind};

/// Something that has a name in the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sqlserver) struct Object {
    pub id: i32,
    /// As the catalogue spells it.
    pub name: String,
    /// `USER_TABLE`, `VIEW`, `SYNONYM`, ...: SQL Server's word for it.
    pub kind: String,
}

impl Object {
    /// What `kind` is of a table.
    pub const TABLE: &str = "USER_TABLE";

    pub fn is_table(&self) -> bool {
        self.kind == Self::TABLE
    }
}

/// A column as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sqlserver) struct Column {
    pub name: String,
    /// As it would be declared: `nvarchar(40)`.
    pub declared: String,
    /// `None` when it is none of SQL Server's own types.
    pub sql_type: Option<SqlType>,
    pub not_null: bool,
    pub has_default: bool,
    /// Place in the primary key, from 1; 0 outside it.
    pub key_place: i32,
    pub collation: Option<String>,
    /// Computed, an identity, a real `rowversion` or one that the server fills for a temporal table: nobody can write it.
    pub is_generated: bool,
}

/// What kind of server this is, as far as statements differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlserver) struct Server {
    /// A PostgreSQL that speaks the protocol, and lacks some statements.
    pub is_babelfish: bool,
    /// Whether indexes can be made while others write to the table.
    pub builds_online: bool,
}

/// `EngineEdition` and whether it is Babelfish.
pub(in crate::store::sqlserver) const SERVER: &str =
    "SELECT CAST(SERVERPROPERTY('EngineEdition') AS int), CAST(SERVERPROPERTY('Babelfish') AS int)";

/// Asks what kind of server this is.
pub(in crate::store::sqlserver) async fn server(conn: &mut Conn) -> Result<Server> {
    let rows = conn.query(SERVER, &[]).await?;
    let row = rows.first().ok_or_else(|| unexpected("the server does not say what it is"))?;
    let edition: Option<i32> = optional(row, 0)?;
    let babelfish: Option<i32> = optional(row, 1)?;
    let is_babelfish = babelfish == Some(1);
    // Enterprise and Developer, Azure SQL Database, Azure SQL Managed Instance.
    Ok(Server { is_babelfish, builds_online: !is_babelfish && matches!(edition, Some(3 | 5 | 8)) })
}

/// Whatever in a schema might have a name: how collations compare names differs from how we do, so candidates come wide and
/// [`find_object`] picks.
pub(in crate::store::sqlserver) const FIND_OBJECT: &str = "\
SELECT o.object_id, CAST(o.name AS nvarchar(128)), o.type_desc
FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name = @P1
  AND (o.name = @P2 OR LOWER(o.name) = @P3 OR o.name COLLATE Latin1_General_BIN2 LIKE N'%[^ -~]%')";

/// Finds whatever has a name, case aside: the same spelling first, then a table.
pub(in crate::store::sqlserver) async fn find_object(
    conn: &mut Conn,
    schema: &str,
    name: &str,
) -> Result<Option<Object>> {
    let folded = fold(name);
    let rows = conn.query(FIND_OBJECT, &[&schema, &name, &folded.as_str()]).await?;
    let mut found = Vec::new();
    for row in &rows {
        let object = Object { id: required(row, 0)?, name: text(row, 1)?, kind: text(row, 2)? };
        if same(&object.name, name) {
            found.push(object);
        }
    }
    // A database that tells names apart by case may have several.
    found.sort_by_key(|object| (object.name != name, !object.is_table()));
    Ok(found.into_iter().next())
}

/// All tables of a schema.
#[cfg(test)]
pub(in crate::store::sqlserver) const TABLES: &str = "\
SELECT o.object_id, CAST(o.name AS nvarchar(128))
FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id
WHERE s.name = @P1 AND o.type = 'U' ORDER BY o.name";

/// All tables of a schema, with their object ids.
#[cfg(test)]
pub(in crate::store::sqlserver) async fn tables(conn: &mut Conn, schema: &str) -> Result<Vec<(i32, String)>> {
    let rows = conn.query(TABLES, &[&schema]).await?;
    rows.iter().map(|row| Ok((required(row, 0)?, text(row, 1)?))).collect()
}

/// A table's columns. An alias type shows as the type it stands for.
pub(in crate::store::sqlserver) const COLUMNS: &str = "\
SELECT CAST(c.name AS nvarchar(128)), CASE WHEN t.is_user_defined = 1 THEN TYPE_NAME(c.system_type_id) ELSE t.name END,
  CAST(c.max_length AS int), CAST(c.[precision] AS int), CAST(c.scale AS int), c.collation_name,
  CAST(c.is_nullable AS int), CAST(CASE WHEN c.default_object_id <> 0 THEN 1 ELSE 0 END AS int),
  CAST(CASE WHEN c.is_computed = 1 OR c.is_identity = 1 THEN 1 ELSE 0 END AS int), CAST(k.key_ordinal AS int)
FROM sys.objects AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
JOIN sys.columns AS c ON c.object_id = o.object_id
JOIN sys.types AS t ON t.user_type_id = c.user_type_id
LEFT JOIN (
  SELECT ic.object_id, ic.column_id, ic.key_ordinal
  FROM sys.indexes AS i JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
  WHERE i.is_primary_key = 1
) AS k ON k.object_id = c.object_id AND k.column_id = c.column_id
WHERE s.name = @P1 AND o.name = @P2
ORDER BY c.column_id";

/// A table's columns; empty when there is no such table. `table` as the catalogue spells it.
pub(in crate::store::sqlserver) async fn columns(conn: &mut Conn, schema: &str, table: &str) -> Result<Vec<Column>> {
    let rows = conn.query(COLUMNS, &[&schema, &table]).await?;
    rows.iter().map(column).collect()
}

fn column(row: &Row) -> Result<Column> {
    let name: Option<&str> = optional(row, 1)?;
    let declared = declared(name.unwrap_or("unknown"), required(row, 2)?, required(row, 3)?, required(row, 4)?);
    let sql_type: Option<SqlType> = declared.parse().ok();
    let flag = |at| Ok::<_, StoreError>(required::<i32>(row, at)? != 0);
    Ok(Column {
        name: text(row, 0)?,
        sql_type,
        not_null: !flag(6)?,
        has_default: flag(7)?,
        key_place: optional(row, 9)?.unwrap_or(0),
        collation: optional::<&str>(row, 5)?.map(str::to_owned),
        is_generated: flag(8)? || sql_type == Some(SqlType::RowVersion),
        declared,
    })
}

/// A type as it would be declared, from what the catalogue says of it: lengths in bytes, -1 for (max).
fn declared(name: &str, max_length: i32, precision: i32, scale: i32) -> String {
    match name {
        "char" | "varchar" | "binary" | "varbinary" | "nvarchar" | "nchar" if max_length == -1 => {
            format!("{name}(max)")
        }
        "char" | "varchar" | "binary" | "varbinary" => format!("{name}({max_length})"),
        "nchar" | "nvarchar" => format!("{name}({})", max_length / 2),
        "decimal" | "numeric" => format!("decimal({precision},{scale})"),
        "time" | "datetime2" | "datetimeoffset" => format!("{name}({scale})"),
        "timestamp" => "rowversion".to_owned(),
        "sysname" => "nvarchar(128)".to_owned(),
        _ => name.to_owned(),
    }
}

/// A table in the trait's terms; `table` as the catalogue spells it. `known`, the stored definition, tells what the catalogue
/// does not: which source type a column stands for where the mirror has another ([`super::types`]), the order of columns (added
/// ones are always last in SQL Server), and how a name is spelled (Babelfish keeps lower case only).
pub(in crate::store::sqlserver) async fn describe(
    conn: &mut Conn,
    schema: &str,
    table: &str,
    known: Option<&TableDef>,
) -> Result<ActualTable> {
    Ok(actual(columns(conn, schema, table).await?, known))
}

fn actual(mut columns: Vec<Column>, known: Option<&TableDef>) -> ActualTable {
    let own = |name: &str| known.and_then(|def| Some((def, def.column_index(name)?)));
    columns.sort_by_key(|column| own(&column.name).map_or(usize::MAX, |(_, at)| at));
    let mut key = Vec::new();
    let columns = columns
        .into_iter()
        .map(|column| {
            let own = own(&column.name).map(|(def, at)| &def.columns[at]);
            let name = own.map_or(column.name, |own| own.name.clone());
            if column.key_place > 0 {
                key.push((column.key_place, name.clone()));
            }
            let sql_type = match (column.sql_type, own) {
                (Some(there), Some(own)) if is_stored_as(own.sql_type, there) => Some(own.sql_type),
                // What cannot be written cannot be mirrored into: a table that has it is made anew rather than taken over.
                (there, _) => there.filter(|_| !column.is_generated),
            };
            ActualColumn { name, sql_type, nullable: !column.not_null }
        })
        .collect();
    key.sort();
    ActualTable { columns, key: key.into_iter().map(|(_, name)| name).collect() }
}

/// The columns of `def` as the catalogue spells them, in the order of `def`: what statements must say in a database that tells
/// names apart by case. `None`: one of them is not there.
#[cfg(test)]
pub(in crate::store::sqlserver) fn spelled(there: &[Column], def: &TableDef) -> Option<Vec<String>> {
    def.columns
        .iter()
        .map(|column| there.iter().find(|found| same(&found.name, &column.name)).map(|found| found.name.clone()))
        .collect()
}

/// How many rows a table has.
pub(in crate::store::sqlserver) async fn count(conn: &mut Conn, schema: &str, table: &str) -> Result<u64> {
    let rows = conn.query(&count_rows(schema, table), &[]).await?;
    let row = rows.first().ok_or_else(|| unexpected("the server does not count rows"))?;
    Ok(required::<i64>(row, 0)?.unsigned_abs())
}

/// A value that the catalogue always has.
pub(in crate::store::sqlserver) fn required<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T> {
    optional(row, at)?.ok_or_else(|| unexpected("the server's catalogue has a NULL where none belongs"))
}

/// A value that may be NULL.
pub(in crate::store::sqlserver) fn optional<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<Option<T>> {
    row.try_get(at).map_err(sql_error)
}

/// A text that the catalogue always has.
pub(in crate::store::sqlserver) fn text(row: &Row, at: usize) -> Result<String> {
    required::<&str>(row, at).map(str::to_owned)
}

fn unexpected(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, message)
}

/// Every statement of this file, for the golden files ([`crate::store::sqlserver::golden`]).
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    [("server", SERVER), ("find_object", FIND_OBJECT), ("tables", TABLES), ("columns", COLUMNS)]
        .map(|(name, sql)| (name, sql.to_owned()))
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::sql_type::Length;
    use crate::store::sqlserver::golden::sample;

    fn there(name: &str, declared: &str, key_place: i32) -> Column {
        Column {
            name: name.into(),
            declared: declared.into(),
            sql_type: declared.parse().ok(),
            not_null: key_place > 0,
            has_default: false,
            key_place,
            collation: None,
            is_generated: false,
        }
    }

    #[test]
    fn types_are_put_together_from_what_the_catalogue_says() {
        for (parts, expected) in [
            (("nvarchar", 80, 0, 0), "nvarchar(40)"),
            (("nvarchar", -1, 0, 0), "nvarchar(max)"),
            (("varbinary", -1, 0, 0), "varbinary(max)"),
            (("numeric", 9, 18, 2), "decimal(18,2)"),
            (("datetime2", 8, 27, 7), "datetime2(7)"),
            (("float", 8, 53, 0), "float"),
            (("real", 4, 24, 0), "real"),
            (("timestamp", 8, 0, 0), "rowversion"),
            (("sysname", 256, 0, 0), "nvarchar(128)"),
            (("ntext", 16, 0, 0), "ntext"),
        ] {
            let (name, length, precision, scale) = parts;
            let written = declared(name, length, precision, scale);
            assert_eq!(written, expected);
            assert_eq!(written.parse::<SqlType>().unwrap().to_string(), expected);
        }
        assert!(declared("vector", 80, 0, 0).parse::<SqlType>().is_err());
    }

    #[test]
    fn what_is_known_tells_type_order_and_spelling() {
        let known = sample::contact();
        let mut columns = vec![there("more", "int", 0)];
        columns.extend(known.columns.iter().rev().map(|column| {
            let own = super::super::types::render(column.sql_type);
            there(&column.name.to_lowercase(), &own, i32::from(column.name == "contact_id"))
        }));
        let described = actual(columns, Some(&known));
        let names: Vec<&str> = described.columns.iter().map(|column| column.name.as_str()).collect();
        let expected: Vec<&str> = known.columns.iter().map(|column| column.name.as_str()).chain(["more"]).collect();
        assert_eq!(names, expected);
        for (described, known) in described.columns.iter().zip(&known.columns) {
            assert_eq!(described.sql_type, Some(known.sql_type));
        }
        assert_eq!(described.key, ["contact_id"]);
        let columns = [there("NAME", "int", 0), there("Id", "int", 1)];
        let two = sample::table(
            "t",
            vec![sample::column("id", SqlType::Int, false), sample::column("name", SqlType::Int, true)],
        );
        assert_eq!(spelled(&columns, &two).unwrap(), ["Id", "NAME"]);
        assert_eq!(spelled(&columns, &known), None);
    }

    #[test]
    fn what_nobody_can_write_has_no_type_of_ours() {
        let mut version = there("v", "rowversion", 0);
        version.is_generated = true;
        assert_eq!(actual(vec![version], None).columns[0].sql_type, None);
        let plain = actual(vec![there("v", "nvarchar(max)", 0)], None);
        assert_eq!(plain.columns[0].sql_type, Some(SqlType::NVarChar(Length::Max)));
    }
}
