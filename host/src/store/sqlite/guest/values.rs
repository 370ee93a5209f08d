//! `speil_values`: what plug-ins keep between calls.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::super::errors::Result as StoreResult;
use super::super::session::{Durability, Session};
use super::super::tables::Work;
use crate::store::guest::{GuestError, GuestValues};
use crate::store::rules::guests::{self, store_failed};

/// One plug-in's. See [`GuestValues`].
pub(in crate::store::sqlite) struct SqliteValues {
    session: Arc<Session>,
    plugin: String,
}

impl SqliteValues {
    pub fn new(session: Arc<Session>, plugin: &str) -> Self {
        Self { session, plugin: plugin.into() }
    }

    fn id(&self, key: &str) -> String {
        format!("{}/{key}", self.plugin)
    }

    /// Writes inside one transaction, which is taken back when the plug-in would hold too much afterwards.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Work<'_>, &str) -> StoreResult<Result<T, GuestError>> + Send + 'static,
    ) -> Result<T, GuestError> {
        let plugin = self.plugin.clone();
        let done = self.session.write(Durability::Full, move |all| {
            all.db.execute_batch("SAVEPOINT guest_values")?;
            let result = match work(all, &plugin)? {
                Ok(value) => holds_little(all, &plugin)?.map(|()| value),
                Err(error) => Err(error),
            };
            if result.is_err() {
                all.db.execute_batch("ROLLBACK TO guest_values")?;
            }
            all.db.execute_batch("RELEASE guest_values")?;
            Ok(result)
        });
        done.await.map_err(store_failed)?
    }
}

fn holds_little(work: &Work<'_>, plugin: &str) -> StoreResult<Result<(), GuestError>> {
    let (keys, bytes): (i64, i64) = work
        .db
        .prepare_cached(
            "SELECT count(*), coalesce(sum(length(value) + length(CAST(name AS BLOB))), 0) FROM speil_values
             WHERE id >= ?1 || '/' AND id < ?1 || '0'",
        )?
        .query_row([plugin], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(guests::holds_little(keys, bytes))
}

fn set(work: &Work<'_>, plugin: &str, key: &str, value: &[u8]) -> StoreResult<()> {
    work.db
        .prepare_cached(
            "INSERT INTO speil_values (id, plugin, name, value) VALUES (?1 || '/' || ?2, ?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET value = excluded.value",
        )?
        .execute(params![plugin, key, value])?;
    Ok(())
}

fn get(work: &Work<'_>, id: &str) -> StoreResult<Option<Vec<u8>>> {
    let mut found = work.db.prepare_cached("SELECT value FROM speil_values WHERE id = ?1")?;
    let value = found
        .query_row([id], |row| {
            Ok(match row.get_ref(0)? {
                rusqlite::types::ValueRef::Blob(bytes) | rusqlite::types::ValueRef::Text(bytes) => Some(bytes.to_vec()),
                _ => None,
            })
        })
        .optional()?;
    Ok(value.flatten())
}

#[async_trait]
impl GuestValues for SqliteValues {
    async fn get(&self, keys: Vec<String>) -> Result<Vec<Option<Vec<u8>>>, GuestError> {
        let ids: Vec<String> = keys.iter().map(|key| self.id(key)).collect();
        self.session
            .read(move |work| ids.iter().map(|id| get(work, id)).collect::<StoreResult<Vec<_>>>())
            .await
            .map_err(store_failed)
    }

    async fn put(&self, changes: Vec<(String, Option<Vec<u8>>)>) -> Result<(), GuestError> {
        self.write(move |work, plugin| {
            for (key, value) in &changes {
                if let Some(value) = value {
                    set(work, plugin, key, value)?;
                } else {
                    let mut delete = work.db.prepare_cached("DELETE FROM speil_values WHERE id = ?1 || '/' || ?2")?;
                    delete.execute([plugin, key])?;
                }
            }
            Ok(Ok(()))
        })
        .await
    }

    async fn increment(&self, key: String, by: u64) -> Result<u64, GuestError> {
        let id = self.id(&key);
        self.write(move |work, plugin| {
            let sum = match guests::sum(get(work, &id)?.as_deref(), by) {
                Ok(sum) => sum,
                Err(error) => return Ok(Err(error)),
            };
            set(work, plugin, &key, sum.to_string().as_bytes())?;
            Ok(Ok(sum))
        })
        .await
    }

    async fn keys(&self, skip: u64, most: usize) -> Result<Vec<String>, GuestError> {
        let plugin = self.plugin.clone();
        let (skip, most) = (i64::try_from(skip).unwrap_or(i64::MAX), i64::try_from(most).unwrap_or(i64::MAX));
        self.session
            .read(move |work| {
                let mut names = work.db.prepare_cached(
                    "SELECT name FROM speil_values WHERE id >= ?1 || '/' AND id < ?1 || '0' ORDER BY id LIMIT ?2 OFFSET ?3",
                )?;
                let names = names.query_map(params![plugin, most, skip], |row| row.get(0))?;
                Ok(names.collect::<rusqlite::Result<Vec<String>>>()?)
            })
            .await
            .map_err(store_failed)
    }
}
