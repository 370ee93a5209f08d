//! Emptying one of our tables.
//!
//! TRUNCATE costs the same however many rows there are, but takes the table from every reader until the transaction ends, those
//! of a row-versioned database too. So small tables are emptied row by row, which no reader notices.

use super::statement::Statement;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::Result;
use crate::store::sqlserver::schema::catalog::Object;
use crate::store::sqlserver::schema::ddl;

/// Up to so many rows are deleted one by one: well below a second's work.
const SMALL: u64 = 50_000;

/// Empties a table. `rows` is how many we believe it has. Returns how many it had.
pub(in crate::store::sqlserver) async fn empty(
    conn: &mut Conn,
    schema: &str,
    table: &Object,
    rows: Option<u64>,
) -> Result<u64> {
    if rows.is_none_or(|rows| rows > SMALL) {
        let name = crate::store::sqlserver::schema::ident::qualified(schema, &table.name);
        let answers = may_truncate(&name, table.id).rows(conn).await?;
        let answer = answers.first();
        let is_big = answer.is_some_and(|row| row.count(1) > SMALL);
        if is_big && answer.and_then(|row| row.integer(0)) == Some(1) {
            conn.run(&ddl::truncate(schema, &table.name)).await?;
            return Ok(answer.map_or(0, |row| row.count(1)));
        }
    }
    let deleted = conn.exec(&ddl::delete_all(schema, &table.name), &[]).await?;
    // Triggers of somebody else's say what they did before the statement does.
    Ok(deleted.last().copied().unwrap_or(0))
}

/// Whether nothing forbids TRUNCATE (foreign keys, views with an index, replication, change capture, history tables, missing
/// permission): an error would cost the transaction. And how many rows there are.
fn may_truncate(qualified: &str, id: i32) -> Statement {
    let mut statement = Statement::new();
    let (name, id) = (statement.text(qualified), statement.integer(i64::from(id)));
    statement.then(format!(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM sys.foreign_keys f WHERE f.referenced_object_id = {id}) \
         OR EXISTS (SELECT 1 FROM sys.sql_expression_dependencies d JOIN sys.indexes i ON i.object_id = d.referencing_id \
         WHERE d.referenced_id = {id}) \
         OR EXISTS (SELECT 1 FROM sys.tables t WHERE t.object_id = {id} AND (t.is_published = 1 OR t.is_tracked_by_cdc = 1 \
         OR t.is_replicated = 1 OR t.temporal_type <> 0)) \
         OR COALESCE(HAS_PERMS_BY_NAME({name}, N'OBJECT', N'ALTER'), 0) = 0 THEN 0 ELSE 1 END, \
         (SELECT COUNT_BIG(*) FROM {qualified})"
    ));
    statement
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    vec![("may_truncate", may_truncate("[dbo].[contact]", 17).sql().to_owned())]
}
