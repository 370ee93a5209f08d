//! A mirror with something in it, and the guest that tries things on it.

mod calls;
mod files;
mod http;
mod keyvalue;
mod reload;
mod sidecar;
mod sql;
mod sql_guest;

use std::sync::Arc;

use speil::plugins::{CallHooks, PluginHost};
use speil::protocol::context_id::ContextId;
use speil::protocol::names::Operation;
use speil::protocol::table_def::TableDef;
use speil::protocol::table_name::TableName;
use speil::store::sqlite::{SqliteSettings, SqliteStore};
use speil::store::{MirrorDb, SchemaHash, Store, Turn};

use crate::plugins::{Lines, begin, host};

/// The mirror of `Cust1` with an empty `person` and 3 rows in `sale` (`id`, `amount`), and an administrator's own `secret`.
pub struct Mirrored {
    pub folder: tempfile::TempDir,
    pub db: Arc<dyn MirrorDb>,
}

impl Mirrored {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = SqliteStore::open(SqliteSettings::new(folder.path())).expect("a store");
        let db = store.open(&ContextId::new("Cust1").expect("a tenant"), None).await.expect("a mirror");
        let sale = TableDef { name: TableName::new("sale").expect("a name"), ..(*crate::plugins::person()).clone() };
        for def in [(*crate::plugins::person()).clone(), sale] {
            let turn = Turn { table: def.name.clone(), ticket: db.ticket().await.expect("a ticket") };
            db.create_table(&turn, &def, SchemaHash([7; 32])).await.expect("a table");
        }
        let mirrored = Self { folder, db };
        mirrored.by_hand(
            "INSERT INTO sale (id, name, age) VALUES (1, 'one', 10), (2, 'two', 20), (3, NULL, 30);
             CREATE TABLE secret (word text);
             INSERT INTO secret VALUES ('hidden');
             CREATE VIEW by_hand AS SELECT word FROM secret;",
        );
        mirrored
    }

    pub fn file(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("Cust1.db")).expect("the mirror's file")
    }

    pub fn by_hand(&self, sql: &str) {
        self.file().execute_batch(sql).expect("statements of an administrator's");
    }

    /// What a query of an administrator's answers: one number.
    pub fn number(&self, sql: &str) -> i64 {
        self.file().query_row(sql, [], |row| row.get(0)).expect("a number")
    }
}

/// The guest `powers`, with this below its `[config]` and this script.
pub fn powers(sidecar: &str, script: &str) -> PluginHost {
    let config = format!("[config]\nscript = '''\n{script}\n'''\n{sidecar}\n");
    host(&[("powers.wasm", speil_test_guests::POWERS), ("powers.toml", config.as_bytes())])
}

/// All of the grants that `powers` needs to load, with these three.
pub fn grants(database: &str, http: &str) -> String {
    format!("[grants]\ndatabase = \"{database}\"\nhttp = [{http}]\nkeyvalue = true\n")
}

/// Runs the script in `replication-completed` of a call of `Cust1`: the answers, and the failures told.
pub async fn run(host: &PluginHost, mirror: Option<&Mirrored>) -> String {
    let lines = Lines::listen();
    let mut call = begin(host, Operation::ReplicationCompleted);
    if let Some(mirror) = mirror {
        call.attach(mirror.db.clone());
    }
    answers(&lines, &mut *call).await
}

pub async fn answers(lines: &Lines, call: &mut dyn CallHooks) -> String {
    call.replication_completed(&[]).await;
    let mut all: Vec<String> =
        lines.take().into_iter().map(|line| line.replacen(" powers ", " ", 1).replacen("INFO ", "", 1)).collect();
    all.extend(crate::plugins::told(&call.take_events()));
    all.join("\n")
}
