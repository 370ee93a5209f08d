//! What taking over one database of the vendor's package would do. Reads the catalogue and their metadata table; changes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use super::create::{for_administrator_to_let_in, text, value};
use super::found::OWN_SCHEMA;
use crate::protocol::table_name::fold;
use crate::store::sqlserver::connection::pool::{Lease, Pool};
use crate::store::sqlserver::errors::Result;
use crate::store::sqlserver::mirror::side_tables::side_table_names;
use crate::store::sqlserver::schema::ident::quote;
use crate::store::takeover::{Takeover, TakeoverTable};

/// What the vendor's metadata tables end with.
const SUFFIX: &str = "_mirroring";

/// Metadata tables of the schema `@P1`, and whether one has our column of hashes already.
pub(in crate::store::sqlserver) const METADATA_TABLES: &str = "SELECT CAST(t.name AS nvarchar(128)), \
     CAST((SELECT COUNT(*) FROM sys.columns c WHERE c.object_id = t.object_id AND LOWER(c.name) = N'speil_hash') AS int) \
     FROM sys.tables t WHERE SCHEMA_NAME(t.schema_id) = @P1 AND LOWER(t.name) LIKE N'%[_]mirroring' \
     AND EXISTS (SELECT 1 FROM sys.columns c WHERE c.object_id = t.object_id AND LOWER(c.name) = N'tablename') \
     AND EXISTS (SELECT 1 FROM sys.columns c WHERE c.object_id = t.object_id AND LOWER(c.name) = N'lsn') ORDER BY t.name";

/// Every table of the schema `@P1`: rows as the database counts them, columns that no mirror has, where the key's columns are.
pub(in crate::store::sqlserver) const TABLES: &str = "SELECT CAST(t.name AS nvarchar(128)), \
     CAST((SELECT SUM(p.rows) FROM sys.partitions p WHERE p.object_id = t.object_id AND p.index_id IN (0, 1)) AS bigint), \
     CAST((SELECT COUNT(*) FROM sys.columns c WHERE c.object_id = t.object_id AND (c.is_computed = 1 OR c.is_identity = 1)) AS int), \
     CAST((SELECT COUNT(*) FROM sys.index_columns k JOIN sys.indexes i ON i.object_id = k.object_id AND i.index_id = k.index_id \
     WHERE k.object_id = t.object_id AND i.is_primary_key = 1) AS int) \
     FROM sys.tables t WHERE SCHEMA_NAME(t.schema_id) = @P1 ORDER BY t.name";

/// What the login may do there: make tables, change the schema, write rows. NULL: the server cannot tell.
pub(in crate::store::sqlserver) const PERMISSIONS: &str = "SELECT CAST(HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE TABLE') AS int), \
     CAST(HAS_PERMS_BY_NAME(QUOTENAME(@P1), N'SCHEMA', N'ALTER') AS int), \
     CAST(HAS_PERMS_BY_NAME(QUOTENAME(@P1), N'SCHEMA', N'INSERT') AS int), \
     CAST(HAS_PERMS_BY_NAME(QUOTENAME(@P1), N'SCHEMA', N'DELETE') AS int), CAST(USER_NAME() AS nvarchar(128))";

/// What a metadata table lists and is not ours yet.
pub(in crate::store::sqlserver) fn listed(schema: &str, metadata: &str, has_hash: bool) -> String {
    let pending = if has_hash { " WHERE speil_hash IS NULL" } else { "" };
    format!(
        "SELECT CAST(tablename AS nvarchar(4000)), CAST(LSN AS bigint) FROM {}.{}{pending}",
        quote(schema),
        quote(metadata)
    )
}

/// A table as the catalogue has it.
struct There {
    name: String,
    rows: Option<u64>,
    special: i32,
    key: i32,
}

/// Looks at one database; nothing if no mirror of the vendor's package waits there.
pub(in crate::store::sqlserver) async fn preview(
    pool: &Arc<Pool>,
    database: &str,
    place: String,
    schema: Option<&str>,
) -> Result<Vec<Takeover>> {
    let mut lease = pool.lease(database).await?;
    let schema = if let Some(schema) = schema {
        schema.to_owned()
    } else {
        let rows = lease.query(OWN_SCHEMA, &[]).await?;
        rows.first().map_or_else(|| Ok(String::new()), |row| text(row, 0))?
    };
    let mut found = Vec::new();
    let mut metadata = Vec::new();
    for row in &lease.query(METADATA_TABLES, &[&schema.as_str()]).await? {
        metadata.push((text(row, 0)?, value::<i32>(row, 1)? != Some(0)));
    }
    if !metadata.is_empty() {
        let tables = tables(&mut lease, &schema).await?;
        let trouble = trouble(&mut lease, &schema).await?;
        for (name, has_hash) in &metadata {
            let rows = lease.query(&listed(&schema, name, *has_hash), &[]).await?;
            let mut waiting = Vec::with_capacity(rows.len());
            for row in &rows {
                waiting.push((text(row, 0)?.trim_end().to_owned(), value::<i64>(row, 1)?));
            }
            if waiting.is_empty() && *has_hash {
                continue;
            }
            let mut takeover = judge(name, *has_hash, &waiting, &tables);
            takeover.place.clone_from(&place);
            takeover.trouble.clone_from(&trouble);
            found.push(takeover);
        }
    }
    lease.finish();
    Ok(found)
}

async fn tables(lease: &mut Lease, schema: &str) -> Result<Vec<There>> {
    let rows = lease.query(TABLES, &[&schema]).await?;
    let mut tables = Vec::with_capacity(rows.len());
    for row in &rows {
        tables.push(There {
            name: text(row, 0)?,
            rows: value::<i64>(row, 1)?.and_then(|rows| u64::try_from(rows).ok()),
            special: value::<i32>(row, 2)?.unwrap_or(0),
            key: value::<i32>(row, 3)?.unwrap_or(0),
        });
    }
    Ok(tables)
}

/// What the login lacks.
async fn trouble(lease: &mut Lease, schema: &str) -> Result<Option<String>> {
    let rows = lease.query(PERMISSIONS, &[&schema]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let mut lacking = Vec::new();
    for (column, what) in ["make tables", "change the schema", "write rows", "delete rows"].into_iter().enumerate() {
        if value::<i32>(row, column)? == Some(0) {
            lacking.push(what);
        }
    }
    let user = text(row, 4)?;
    Ok((!lacking.is_empty()).then(|| {
        format!(
            "the user {user} may not {} in schema {schema}; an administrator must run, in this database: {}",
            lacking.join(", "),
            for_administrator_to_let_in(&user)
        )
    }))
}

/// From what is there to what would happen.
fn judge(metadata: &str, has_hash: bool, waiting: &[(String, Option<i64>)], tables: &[There]) -> Takeover {
    let by_name: HashMap<String, &There> = tables.iter().map(|there| (fold(&there.name), there)).collect();
    let judged = waiting
        .iter()
        .map(|(name, lsn)| {
            let there = by_name.get(&fold(name)).copied();
            TakeoverTable {
                table: name.clone(),
                lsn: *lsn,
                rows: there.and_then(|there| there.rows),
                refill: refill(*lsn, there),
            }
        })
        .collect();
    let listed: Vec<String> = waiting.iter().map(|(name, _)| fold(name)).collect();
    let is_ours = |name: &str| name.starts_with("speil_") || name.ends_with(SUFFIX);
    let not_ours = tables.iter().filter(|there| {
        let name = fold(&there.name);
        !is_ours(&name) && !listed.contains(&name)
    });
    let mut adds = Vec::new();
    if !has_hash {
        let columns = ["speil_hash", "speil_kind", "speil_fill", "speil_ticket", "speil_definition"];
        adds.push(format!("columns {} in {metadata}", columns.join(", ")));
    }
    let missing: Vec<&str> = side_table_names().filter(|name| !by_name.contains_key(*name)).collect();
    if !missing.is_empty() {
        adds.push(format!("tables {}", missing.join(", ")));
    }
    Takeover {
        tenant: metadata[..metadata.len() - SUFFIX.len()].to_owned(),
        tables: judged,
        // With a hash the others are ours already.
        not_ours: if has_hash { Vec::new() } else { not_ours.map(|there| there.name.clone()).collect() },
        adds,
        ..Takeover::default()
    }
}

fn refill(lsn: Option<i64>, there: Option<&There>) -> Option<String> {
    let Some(there) = there else { return Some("there is no such table".into()) };
    match lsn {
        None => return Some("it has no LSN".into()),
        Some(lsn) if lsn < 0 => return Some(format!("its LSN is {lsn}")),
        Some(_) => {}
    }
    if there.special > 0 {
        return Some("it has identity or computed columns, which cannot be written".into());
    }
    (there.key == 0).then(|| "it has no primary key".into())
}

#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    vec![
        ("metadata_tables", METADATA_TABLES.to_owned()),
        ("tables", TABLES.to_owned()),
        ("permissions", PERMISSIONS.to_owned()),
        ("listed", listed("d]bo", "Cust]1_mirroring", false)),
        ("listed_where_not_ours", listed("d]bo", "Cust]1_mirroring", true)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there(name: &str, special: i32, key: i32) -> There {
        There { name: name.into(), rows: Some(10), special, key }
    }

    #[test]
    fn what_the_mirror_alone_shows_is_told() {
        let tables = [
            there("contact", 0, 1),
            there("PERSON", 0, 1),
            there("identity", 1, 1),
            there("keyless", 0, 0),
            there("MyReport", 0, 1),
            there("Cust1_mirroring", 0, 1),
        ];
        let waiting =
            [("contact", Some(7)), ("person", None), ("identity", Some(7)), ("keyless", Some(7)), ("gone", Some(7))]
                .map(|(name, lsn)| (name.to_owned(), lsn));
        let takeover = judge("Cust1_mirroring", false, &waiting, &tables);
        assert_eq!((takeover.tenant.as_str(), takeover.kept()), ("Cust1", 1));
        let why: Vec<_> = takeover.tables.iter().map(|table| table.refill.as_deref().unwrap_or("kept")).collect();
        assert_eq!(
            why,
            [
                "kept",
                "it has no LSN",
                "it has identity or computed columns, which cannot be written",
                "it has no primary key",
                "there is no such table"
            ]
        );
        assert_eq!(takeover.not_ours, ["MyReport"]);
        assert_eq!(takeover.adds.len(), 2);
        assert!(takeover.adds[1].ends_with("speil_events, speil_values, speil_quarantine"), "{:?}", takeover.adds);
        let half = judge("Cust1_mirroring", true, &waiting[..1], &tables);
        assert!(half.not_ours.is_empty() && half.adds.len() == 1);
    }

    #[test]
    fn names_stay_names() {
        assert_eq!(
            listed("d;bo", "x'_mirroring", true),
            "SELECT CAST(tablename AS nvarchar(4000)), CAST(LSN AS bigint) FROM [d;bo].[x'_mirroring] WHERE speil_hash IS NULL"
        );
    }
}
