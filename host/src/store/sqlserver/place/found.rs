//! Which databases on the server are mirrors.

use std::sync::Arc;

use super::create::{text, value};
use crate::store::sqlserver::connection::pool::Pool;
use crate::store::sqlserver::errors::Result;
use crate::store::sqlserver::schema::ident::quote;

/// Every database but the server's own, as `master` shows them to this login. The server's own have the numbers 1 to 4, except on
/// Azure SQL, so they are told by name.
pub(in crate::store::sqlserver) const DATABASES: &str = "SELECT CAST(d.name AS nvarchar(128)), CAST(d.state AS int), \
     CAST(d.state_desc AS nvarchar(60)), CAST(HAS_DBACCESS(d.name) AS int), \
     CAST(d.is_read_committed_snapshot_on AS int), CAST(d.compatibility_level AS int) \
     FROM sys.databases d WHERE d.name NOT IN (N'master', N'tempdb', N'model', N'msdb') ORDER BY d.name";

/// A database as `master` shows it.
#[derive(Debug, Clone)]
pub(in crate::store::sqlserver) struct Database {
    pub name: String,
    /// `None` when it can be opened as far as can be seen from outside; else what it is.
    pub closed: Option<String>,
    pub has_snapshot: bool,
    pub compatibility: i32,
}

/// All databases that might be mirrors.
pub(in crate::store::sqlserver) async fn databases(pool: &Arc<Pool>) -> Result<Vec<Database>> {
    let mut lease = pool.lease("master").await?;
    let rows = lease.query(DATABASES, &[]).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let closed = match (value::<i32>(row, 1)?.unwrap_or(0), value::<i32>(row, 3)?) {
            (0, Some(0)) => Some("closed to this login".to_owned()),
            (0, _) => None,
            _ => Some(text(row, 2)?),
        };
        found.push(Database {
            name: text(row, 0)?,
            closed,
            has_snapshot: value::<i32>(row, 4)? != Some(0),
            compatibility: value::<i32>(row, 5)?.unwrap_or(0),
        });
    }
    lease.finish();
    Ok(found)
}

/// The login's own schema in the database it is connected to.
pub(in crate::store::sqlserver) const OWN_SCHEMA: &str = "SELECT CAST(SCHEMA_NAME() AS nvarchar(128))";

/// Whether our table of identity is there; `@P1` is its quoted name.
pub(in crate::store::sqlserver) const HAS_TABLE: &str = "SELECT CAST(OBJECT_ID(@P1, N'U') AS int)";

/// Whose mirror a database is, as it stands in it.
pub(in crate::store::sqlserver) fn stored_tenant(schema: &str) -> String {
    format!("SELECT CAST(value AS nvarchar(4000)) FROM {}.[speil_meta] WHERE name = N'tenant'", quote(schema))
}

/// Whose mirror the database is; `None` if it is none of ours.
pub(in crate::store::sqlserver) async fn tenant_of(
    pool: &Arc<Pool>,
    database: &str,
    schema: Option<&str>,
) -> Result<Option<String>> {
    let mut lease = pool.lease(database).await?;
    let schema = if let Some(schema) = schema {
        schema.to_owned()
    } else {
        let rows = lease.query(OWN_SCHEMA, &[]).await?;
        rows.first().map_or_else(|| Ok(String::new()), |row| text(row, 0))?
    };
    let name = format!("{}.[speil_meta]", quote(&schema));
    let rows = lease.query(HAS_TABLE, &[&name.as_str()]).await?;
    let is_there = match rows.first() {
        Some(row) => value::<i32>(row, 0)?.is_some(),
        None => false,
    };
    let tenant = if is_there {
        let rows = lease.query(&stored_tenant(&schema), &[]).await?;
        rows.first().map(|row| text(row, 0)).transpose()?
    } else {
        None
    };
    lease.finish();
    Ok(tenant)
}

#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    vec![
        ("databases", DATABASES.to_owned()),
        ("own_schema", OWN_SCHEMA.to_owned()),
        ("has_table", HAS_TABLE.to_owned()),
        ("stored_tenant", stored_tenant("d]bo")),
    ]
}
