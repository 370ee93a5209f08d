//! `speil_values`: what plug-ins keep between calls. Written by the host's own connections; the plug-in gives no SQL.

use std::sync::Arc;

use async_trait::async_trait;
use rsa::sha2::{Digest, Sha256};
use tiberius::{ColumnData, ToSql};

use crate::store::guest::{GuestError, GuestValues};
use crate::store::rules::guests::{self, store_failed};
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::Result as StoreResult;
use crate::store::sqlserver::mirror::session::{Session, attempt};
use crate::store::sqlserver::mirror::statement::{Cells, Statement};

/// One plug-in's. See [`GuestValues`].
pub(in crate::store::sqlserver) struct SqlServerValues {
    session: Arc<Session>,
    plugin: String,
}

/// A value that comes and goes as bytes.
struct Bytes<'a>(&'a [u8]);

impl ToSql for Bytes<'_> {
    fn to_sql(&self) -> ColumnData<'_> {
        ColumnData::Binary(Some(self.0.into()))
    }
}

/// What a key's row is found by.
fn id(plugin: &str, key: &str) -> String {
    digest(&format!("{plugin}/{key}"))
}

fn digest(text: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut out, byte| {
        write!(out, "{byte:02x}").expect("writing to a string cannot fail");
        out
    })
}

fn select(table: &str, ids: &[String]) -> Statement {
    let mut statement = Statement::new();
    let ids: Vec<String> = ids.iter().map(|id| statement.text(id.as_str())).collect();
    statement.then(format!("SELECT id, value FROM {table} WHERE id IN ({})", ids.join(", ")));
    statement
}

/// Its parameters: id, plug-in, key, value.
fn set(table: &str) -> String {
    format!(
        "UPDATE {table} SET value = @P4 WHERE id = @P1;\nINSERT INTO {table} (id, plugin, name, value) SELECT @P1, @P2, @P3, @P4 \
         WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE id = @P1);"
    )
}

fn delete(table: &str, ids: &[String]) -> Statement {
    let mut statement = Statement::new();
    let ids: Vec<String> = ids.iter().map(|id| statement.text(id.as_str())).collect();
    statement.then(format!("DELETE FROM {table} WHERE id IN ({})", ids.join(", ")));
    statement
}

/// Keys, and bytes of keys and values.
fn held(table: &str, plugin: &str) -> Statement {
    let mut statement = Statement::new();
    let plugin = statement.text(plugin);
    statement.then(format!(
        "SELECT COUNT_BIG(*), COALESCE(SUM(CAST(DATALENGTH(value) AS bigint) + LEN(name)), 0) FROM {table} WHERE plugin = {plugin}"
    ));
    statement
}

fn names(table: &str, plugin: &str, skip: i64, most: i64) -> Statement {
    let mut statement = Statement::new();
    let (plugin, skip, most) = (statement.text(plugin), statement.integer(skip), statement.integer(most));
    statement.then(format!(
        "SELECT name FROM {table} WHERE plugin = {plugin} ORDER BY name OFFSET {skip} ROWS FETCH NEXT {most} ROWS ONLY"
    ));
    statement
}

async fn read(conn: &mut Conn, table: &str, ids: &[String]) -> StoreResult<Vec<Option<Vec<u8>>>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = select(table, ids).rows(conn).await?;
    let of = |id: &String| rows.iter().find(|row| row.text(0) == Some(id.as_str())).and_then(|row| row.bytes(1));
    Ok(ids.iter().map(|id| of(id).map(<[u8]>::to_vec)).collect())
}

impl SqlServerValues {
    pub fn new(session: Arc<Session>, plugin: &str) -> Self {
        Self { session, plugin: plugin.into() }
    }

    /// The lock that this plug-in's writers queue for: an increment reads before it writes.
    fn lock(&self) -> String {
        format!("speil:values:{}", digest(&self.plugin))
    }

    /// Writes in one transaction, which is taken back when the plug-in would hold too much afterwards.
    async fn write(&self, changes: &[(&str, Option<&[u8]>)]) -> StoreResult<Result<(), GuestError>> {
        let mut tx = self.session.begin_alone(&self.lock()).await?;
        self.change(&mut tx, changes).await?;
        let rows = held(&self.session.names().values, &self.plugin).rows(&mut tx).await?;
        let number = |column| rows.first().and_then(|row| row.integer(column)).unwrap_or(i64::MAX);
        let refused = guests::holds_little(number(0), number(1));
        if refused.is_ok() { tx.commit().await } else { tx.rollback().await }?;
        Ok(refused)
    }

    async fn change(&self, conn: &mut Conn, changes: &[(&str, Option<&[u8]>)]) -> StoreResult<()> {
        let table = self.session.names().values;
        let text = set(&table);
        for (key, value) in changes {
            let id = id(&self.plugin, key);
            if let Some(value) = value {
                conn.exec(&text, &[&id.as_str(), &self.plugin.as_str(), key, &Bytes(value)]).await?;
            } else {
                delete(&table, &[id]).exec(conn).await?;
            }
        }
        Ok(())
    }

    async fn add(&self, key: &str, by: u64) -> StoreResult<Result<u64, GuestError>> {
        let mut tx = self.session.begin_alone(&self.lock()).await?;
        let names = self.session.names();
        let there = read(&mut tx, &names.values, &[id(&self.plugin, key)]).await?.pop().flatten();
        let sum = match guests::sum(there.as_deref(), by) {
            Ok(sum) => sum,
            Err(error) => {
                tx.rollback().await?;
                return Ok(Err(error));
            }
        };
        self.change(&mut tx, &[(key, Some(sum.to_string().as_bytes()))]).await?;
        let rows = held(&names.values, &self.plugin).rows(&mut tx).await?;
        let number = |column| rows.first().and_then(|row| row.integer(column)).unwrap_or(i64::MAX);
        if let Err(refused) = guests::holds_little(number(0), number(1)) {
            tx.rollback().await?;
            return Ok(Err(refused));
        }
        // Not tried again when the answer is lost: it might be counted twice.
        Ok(tx.commit().await.map(|()| sum).map_err(store_failed))
    }
}

#[async_trait]
impl GuestValues for SqlServerValues {
    async fn get(&self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, GuestError> {
        let ids: Vec<String> = keys.iter().map(|key| id(&self.plugin, key)).collect();
        let read = attempt!(&self.session, {
            let mut lease = self.session.reader().await?;
            let values = read(&mut lease, &self.session.names().values, &ids).await?;
            lease.finish();
            Ok::<_, crate::store::StoreError>(values)
        });
        read.map_err(store_failed)
    }

    async fn put(&self, changes: Vec<(String, Option<Vec<u8>>)>) -> Result<(), GuestError> {
        let changes: Vec<(&str, Option<&[u8]>)> =
            changes.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
        attempt!(&self.session, self.write(&changes).await).map_err(store_failed)?
    }

    async fn increment(&self, key: String, by: u64) -> Result<u64, GuestError> {
        attempt!(&self.session, self.add(&key, by).await).map_err(store_failed)?
    }

    async fn keys(&self, skip: u64, most: usize) -> Result<Vec<String>, GuestError> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let (skip, most) = (i64::try_from(skip).unwrap_or(i64::MAX), i64::try_from(most).unwrap_or(i64::MAX));
        let rows = attempt!(&self.session, {
            let mut lease = self.session.reader().await?;
            let statement = names(&self.session.names().values, &self.plugin, skip, most);
            let rows = statement.rows(&mut lease).await?;
            lease.finish();
            Ok::<Vec<Cells>, crate::store::StoreError>(rows)
        });
        Ok(rows.map_err(store_failed)?.iter().filter_map(|row| row.owned(0)).collect())
    }
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let table = crate::store::sqlserver::mirror::session::Names::sample().values;
    let ids = [id("sales", "a"), id("sales", "b")];
    vec![
        ("read", select(&table, &ids).sql().to_owned()),
        ("set", set(&table)),
        ("delete", delete(&table, &ids[..1]).sql().to_owned()),
        ("held", held(&table, "sales").sql().to_owned()),
        ("names", names(&table, "sales", 1_000, 1_000).sql().to_owned()),
    ]
}
