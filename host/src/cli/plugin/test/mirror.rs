//! The mirror a fixture runs on: SQLite, made of the fixture's tables, gone afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use toml::{Table, Value};

use crate::plugins::trial::{Fixture, Query, table};
use crate::protocol::context_id::ContextId;
use crate::protocol::lsn::Lsn;
use crate::protocol::table_def::TableDef;
use crate::store::guest::Bounds;
use crate::store::history::OpCounts;
use crate::store::sqlite::{SqliteSettings, SqliteStore};
use crate::store::{GuestPowers, GuestRows, GuestValue, MirrorDb, RowChanges, SchemaHash, Store, StoreError, Turn};

/// How long a query of the fixture's own may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Keys of `wasi:keyvalue` that are compared.
const KEYS: usize = 1_000;

pub(super) struct Mirror {
    db: Arc<dyn MirrorDb>,
    store: SqliteStore,
    plugin: String,
    /// Dropped last.
    _folder: tempfile::TempDir,
}

impl Mirror {
    /// Makes it.
    pub(super) async fn of(fixture: &Fixture, tenant: &ContextId, plugin: &str) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder can be made: {error}"))?;
        let store = SqliteStore::open(SqliteSettings::new(folder.path())).map_err(sentence)?;
        let db = store.open(tenant, None).await.map_err(sentence)?;
        for text in &fixture.tables {
            let def = text.define()?;
            fill(&*db, &def, &text.rows).await?;
        }
        let values = fixture.keyvalue.iter().map(|(key, text)| (key.clone(), Some(text.clone().into_bytes())));
        let values: Vec<_> = values.collect();
        if !values.is_empty() {
            db.guest_values(plugin).put(values).await.map_err(|error| format!("[keyvalue]: {error}"))?;
        }
        Ok(Self { db, store, plugin: plugin.to_owned(), _folder: folder })
    }

    pub(super) fn db(&self) -> Arc<dyn MirrorDb> {
        self.db.clone()
    }

    /// What `wasi:keyvalue` holds.
    pub(super) async fn values(&self) -> Result<BTreeMap<String, String>, String> {
        let values = self.db.guest_values(&self.plugin);
        let failed = |error| format!("what the plug-in keeps cannot be read: {error}");
        let keys = values.keys(0, KEYS).await.map_err(failed)?;
        let found = values.get(keys.clone()).await.map_err(failed)?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(keys.into_iter().zip(found).filter_map(|(key, value)| Some((key, text(value?)))).collect())
    }

    /// The fixture's queries, with the plug-in's own eyes.
    pub(super) async fn queries(&self, wanted: &[Query]) -> Result<Vec<Query>, String> {
        let database = self.db.guest(GuestPowers::of(&self.plugin, false, std::iter::empty()));
        let mut answered = Vec::with_capacity(wanted.len());
        for Query { sql, .. } in wanted {
            let bounds = Bounds { rows: Bounds::MOST_ROWS, until: Instant::now() + PATIENCE };
            let rows = database.query(sql.clone(), Vec::new(), bounds).await;
            let rows = rows.map_err(|error| format!("[[expect.query]] {sql:?}: {error}"))?;
            answered.push(Query { sql: sql.clone(), rows: as_tables(rows) });
        }
        Ok(answered)
    }

    pub(super) async fn close(self) {
        drop(self.db);
        self.store.close().await;
    }
}

async fn fill(db: &dyn MirrorDb, def: &TableDef, rows: &[Table]) -> Result<(), String> {
    let hash = SchemaHash(def.digest());
    let ticket = db.ticket().await.map_err(sentence)?;
    let turn = Turn { table: def.name.clone(), ticket };
    db.create_table(&turn, def, hash).await.map_err(sentence)?;
    let batches = table::batches(def, rows, &[])?;
    let mut writer = db.begin(&turn, def, hash).await.map_err(sentence)?;
    for batch in batches {
        let upserts = (0..u32::try_from(batch.len()).unwrap_or(u32::MAX)).collect();
        let changes = RowChanges { batch: Arc::new(batch), deletes: Vec::new(), upserts };
        writer.apply(changes).await.map_err(sentence)?;
    }
    writer.commit(Lsn(1), OpCounts::default()).await.map_err(sentence)?;
    Ok(())
}

fn as_tables(rows: GuestRows) -> Vec<Table> {
    let value = |value: GuestValue| {
        Some(match value {
            GuestValue::Null => return None,
            GuestValue::Integer(number) => Value::Integer(number),
            GuestValue::Real(number) => Value::Float(number),
            GuestValue::Decimal(text) | GuestValue::Text(text) | GuestValue::Timestamp(text) => Value::String(text),
            GuestValue::Binary(bytes) => Value::String(STANDARD.encode(bytes)),
        })
    };
    let columns = rows.columns;
    let row = |row: Vec<GuestValue>| {
        columns.iter().cloned().zip(row).filter_map(|(name, one)| Some((name, value(one)?))).collect()
    };
    rows.rows.into_iter().map(row).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn sentence(error: StoreError) -> String {
    format!("the fixture's mirror: {error}")
}
