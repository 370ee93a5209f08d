//! What a plug-in is granted, bent: `tests/guests/powers` with scripts that mean harm, in a tenant's mirror beside another
//! tenant's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use speil::plugins::Function;
use speil::protocol::context_id::ContextId;
use speil::protocol::names::Operation;
use speil::protocol::table_def::TableDef;
use speil::protocol::table_name::TableName;
use speil::store::sqlite::{SqliteSettings, SqliteStore};
use speil::store::{MirrorDb, SchemaHash, Store, Turn};
use speil_test_guests::POWERS;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{Hosted, NEIGHBOUR, VICTIM, begin, beside, call_hook, hosted, short};
use crate::held;
use crate::plugins::{Lines, folder, person, told};

/// A name and the lines of a script. `PORT`, `OTHER`, `FOLDER` and `DEEP` are filled in.
type Case = (&'static str, &'static [&'static str]);

const SQL: [Case; 18] = [
    ("several statements", &["execute DELETE FROM sale; DROP TABLE sale", "query SELECT 1; SELECT word FROM secret"]),
    (
        "hidden in comments",
        &[
            "query SELECT id FROM sale /* ; */; DROP TABLE sale --",
            "query SELECT 1 FROM /* sale */ secret",
            "execute /* INSERT INTO plugin_powers_t */ DELETE FROM sale",
        ],
    ),
    (
        "another tenant's file attached",
        &[
            "execute ATTACH 'FOLDER/Cust2.db' AS other",
            "query ATTACH 'FOLDER/Cust2.db' AS other",
            "query SELECT * FROM other.sale",
            "execute ATTACH ':memory:' AS other",
        ],
    ),
    (
        "the mirror copied out",
        &["execute VACUUM INTO 'FOLDER/copy.db'", "query SELECT writefile('FOLDER/copy.db', 'x')"],
    ),
    ("metadata read", &["query SELECT * FROM Cust1_mirroring", "query SELECT * FROM speil_events"]),
    (
        "metadata written",
        &[
            "execute UPDATE Cust1_mirroring SET LSN = 99",
            "execute DELETE FROM speil_tables",
            "execute DROP TABLE Cust1_mirroring",
        ],
    ),
    ("mirrored rows written", &["execute UPDATE sale SET age = 0", "execute INSERT INTO sale (id, age) VALUES (9, 9)"]),
    ("an administrator's table read", &["query SELECT word FROM secret", "query SELECT * FROM by_hand"]),
    (
        "a view over what it may not read",
        &["execute CREATE VIEW plugin_powers_v AS SELECT word FROM secret", "query SELECT * FROM plugin_powers_v"],
    ),
    (
        "a view over what it may not write",
        &["execute CREATE VIEW plugin_powers_w AS SELECT * FROM sale", "execute DELETE FROM plugin_powers_w"],
    ),
    (
        "a trigger on what is not its own",
        &["execute CREATE TRIGGER plugin_powers_x AFTER INSERT ON sale BEGIN DELETE FROM sale; END"],
    ),
    (
        "a trigger of its own that reaches further",
        &[
            "execute CREATE TABLE plugin_powers_t (x)",
            "execute CREATE TRIGGER plugin_powers_y AFTER INSERT ON plugin_powers_t BEGIN DELETE FROM sale; END",
            "execute INSERT INTO plugin_powers_t VALUES (1)",
            "execute CREATE TEMP TRIGGER plugin_powers_z AFTER INSERT ON plugin_powers_t BEGIN DELETE FROM sale; END",
        ],
    ),
    (
        "a name that is nearly its own",
        &[
            "execute CREATE TABLE plugin_powersx (x)",
            "execute CREATE TABLE plugin_other_t (x)",
            "execute ALTER TABLE sale RENAME TO plugin_powers_sale",
            "execute CREATE TABLE plugin_powers_copy AS SELECT * FROM secret",
        ],
    ),
    (
        "an unfinished transaction",
        &["execute BEGIN IMMEDIATE", "execute SAVEPOINT x", "execute COMMIT", "execute ROLLBACK"],
    ),
    (
        "settings of the database",
        &[
            "execute PRAGMA writable_schema = ON",
            "query PRAGMA journal_mode = DELETE",
            "execute PRAGMA max_page_count = 1",
            "query SELECT load_extension('evil')",
        ],
    ),
    (
        "its own schema rewritten",
        &["execute UPDATE sqlite_schema SET sql = '' WHERE name = 'sale'", "query SELECT sql FROM sqlite_schema"],
    ),
    ("a text of a gigabyte", &["query SELECT length(replace(hex(zeroblob(500000000)), '0', 'xxxx'))"]),
    ("brackets in brackets", &["query SELECT DEEP"]),
];

const VALUES: [Case; 4] = [
    ("another plug-in's bucket", &["open kind", "open ../kind", "open speil_values"]),
    ("a value that is too large", &["set big *1048577"]),
    (
        "keys of every shape",
        &["set  empty", "get ' OR 1=1 --", "set ' OR 1=1 -- x", "get x' UNION SELECT word FROM secret --"],
    ),
    ("another tenant's value", &["get theirs", "keys"]),
];

const HTTP: [Case; 9] = [
    ("a host that is not listed", &["http GET http://127.0.0.1:OTHER/", "http GET https://evil.example/"]),
    ("a listed host's other port", &["http GET http://127.0.0.1:1/"]),
    (
        "an address in disguise",
        &[
            "http GET http://2130706433:OTHER/",
            "http GET http://0x7f.1:OTHER/",
            "http GET http://[::ffff:127.0.0.1]:OTHER/",
        ],
    ),
    ("a user that looks like the host", &["http GET http://127.0.0.1:PORT@127.0.0.1:OTHER/"]),
    ("a redirect out of the list", &["follow http://127.0.0.1:PORT/"]),
    ("a name of a private address", &["http GET http://localhost:PORT/"]),
    ("a cloud's metadata service", &["http GET http://169.254.169.254/latest/meta-data/"]),
    ("a tunnel", &["http CONNECT http://127.0.0.1:PORT/", "http TRACE http://127.0.0.1:PORT/"]),
    (
        "more requests than allowed",
        &["http GET http://127.0.0.1:PORT/", "http GET http://127.0.0.1:PORT/", "http GET http://127.0.0.1:PORT/"],
    ),
];

const FILES: [Case; 2] = [
    (
        "around a granted folder",
        &[
            "read /data/../secret.txt",
            "read /data/link.txt",
            "list /data/..",
            "write /data/../new.txt",
            "read FOLDER/secret.txt",
        ],
    ),
    ("a granted folder written that is only read", &["write /data/new.txt", "read /data/a.txt"]),
];

pub const COUNT: usize = SQL.len() + VALUES.len() + HTTP.len() + FILES.len();

/// Mirrors of both tenants in one folder, each with a word that only an administrator may read.
struct Mirrors {
    folder: tempfile::TempDir,
    victim: Arc<dyn MirrorDb>,
    neighbour: Arc<dyn MirrorDb>,
}

async fn mirrors() -> Mirrors {
    let folder = folder(&[]);
    let store = SqliteStore::open(SqliteSettings::new(folder.path())).expect("a store");
    let mut both = Vec::new();
    for tenant in [VICTIM, NEIGHBOUR] {
        let db = store.open(&ContextId::new(tenant).expect("a tenant"), None).await.expect("a mirror");
        let sale = TableDef { name: TableName::new("sale").expect("a name"), ..(*person()).clone() };
        let turn = Turn { table: sale.name.clone(), ticket: db.ticket().await.expect("a ticket") };
        db.create_table(&turn, &sale, SchemaHash([7; 32])).await.expect("a table");
        let file = rusqlite::Connection::open(folder.path().join(format!("{tenant}.db"))).expect("its file");
        file.execute_batch(
            "INSERT INTO sale (id, name, age) VALUES (1, 'one', 10), (2, 'two', 20);
             CREATE TABLE secret (word text);
             INSERT INTO secret VALUES ('hidden');
             CREATE VIEW by_hand AS SELECT word FROM secret;",
        )
        .expect("statements of an administrator's");
        both.push(db);
    }
    let neighbour = both.remove(1);
    Mirrors { folder, victim: both.remove(0), neighbour }
}

impl Mirrors {
    /// All that counts of both mirrors, as one text.
    fn digest(&self) -> String {
        let mut all = String::new();
        for tenant in [VICTIM, NEIGHBOUR] {
            let file = rusqlite::Connection::open(self.folder.path().join(format!("{tenant}.db"))).expect("its file");
            let sql = format!(
                "SELECT (SELECT count(*) || ' rows, ages ' || sum(age) FROM sale) || ', ' || (SELECT word FROM secret) \
                 || ', LSN ' || (SELECT max(LSN) FROM {tenant}_mirroring)"
            );
            all += &file.query_row(&sql, [], |row| row.get::<_, String>(0)).expect("whole");
            all += "\n";
        }
        all
    }
}

/// A server that answers every request with this; how many there were.
async fn server(answer: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).await.is_ok() {
                // Whoever has gone away does not hear it.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    (port, seen)
}

/// Runs a script of the victim's with these lines below `[grants]` and after.
async fn run(sidecar: &str, script: &str, mirror: Option<&Arc<dyn MirrorDb>>) -> String {
    let sidecar = format!(
        "tenants = [\"{VICTIM}\"]\n[config]\nscript = '''\n{script}\n'''\n[grants]\ndatabase = \"write\"\nkeyvalue = true\n{sidecar}\n"
    );
    let Hosted { host, .. } = hosted(&[("powers.wasm", POWERS), ("powers.toml", sidecar.as_bytes())]);
    beside(&host, async {
        let lines = Lines::listen();
        let mut call = begin(&host, VICTIM, Operation::ReplicationCompleted);
        if let Some(mirror) = mirror {
            call.attach(mirror.clone());
        }
        call_hook(&mut *call, Function::ReplicationCompleted).await.expect("it is only told");
        let mut all: Vec<String> = lines.take().iter().map(|line| short(&line.replacen(" powers ", " ", 1))).collect();
        all.extend(told(&call.take_events()));
        all.join("\n  ")
    })
    .await
}

async fn on_mirrors(cases: &[Case]) -> Vec<String> {
    let mut all = Vec::new();
    for (name, script) in cases {
        let mirrors = mirrors().await;
        let whole = mirrors.digest();
        let folder = mirrors.folder.path().display().to_string();
        let deep = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
        let script = script.join("\n").replace("FOLDER", &folder).replace("DEEP", &deep);
        if script.contains("theirs") {
            // Kept by the same plug-in in the neighbour's mirror.
            let kept = run("http = []", "set theirs hidden", Some(&mirrors.neighbour)).await;
            assert!(kept.ends_with("set"), "{kept}");
        }
        let came = run("http = []", &script, Some(&mirrors.victim)).await;
        assert_eq!(mirrors.digest(), whole, "{name}: {came}");
        assert!(!came.contains("hidden") && !mirrors.folder.path().join("copy.db").exists(), "{name}: {came}");
        // The mirror is not locked either.
        mirrors.victim.ticket().await.expect("a ticket");
        all.push(format!("{name}:\n  {}", came.replace(&folder, "FOLDER")));
    }
    all
}

#[tokio::test]
async fn sql_that_means_more_than_it_says() {
    held!("sql", on_mirrors(&SQL).await);
}

#[tokio::test]
async fn values_of_others() {
    held!("keyvalue", on_mirrors(&VALUES).await);
}

#[tokio::test]
async fn requests_to_where_it_may_not() {
    let mut all = Vec::new();
    for (name, script) in &HTTP {
        let (other, reached) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into()).await;
        let location = format!("location: http://127.0.0.1:{other}/x\r\n");
        let (port, _) =
            server(format!("HTTP/1.1 302 Found\r\n{location}content-length: 0\r\nconnection: close\r\n\r\n")).await;
        let fill = |text: &str| text.replace("PORT", &port.to_string()).replace("OTHER", &other.to_string());
        let granted = format!("http = [\"127.0.0.1:{port}\", \"localhost:{port}\"]\n[limits]\nhttp_requests = 2");
        let came = run(&granted, &fill(&script.join("\n")), None).await;
        assert_eq!(reached.load(Ordering::SeqCst), 0, "{name}: {came}");
        let came = came.replace(&port.to_string(), "PORT").replace(&other.to_string(), "OTHER");
        all.push(format!("{name}:\n  {came}"));
    }
    held!("http", all);
}

#[cfg(unix)]
#[tokio::test]
async fn files_outside_of_a_granted_folder() {
    let mut all = Vec::new();
    for (name, script) in &FILES {
        let around = folder(&[("secret.txt", b"hidden")]);
        let inside = around.path().join("inside");
        std::fs::create_dir(&inside).expect("made");
        std::fs::write(inside.join("a.txt"), "granted").expect("written");
        std::os::unix::fs::symlink(around.path().join("secret.txt"), inside.join("link.txt")).expect("linked");
        let path = around.path().display().to_string();
        let granted = format!("http = []\nfolders = [{{ host = '{}', guest = \"/data\" }}]", inside.display());
        let came = run(&granted, &script.join("\n").replace("FOLDER", &path), None).await;
        assert!(!came.contains("hidden") && std::fs::read_dir(&inside).expect("there").count() == 2, "{name}: {came}");
        assert!(!around.path().join("new.txt").exists(), "{name}: {came}");
        all.push(format!("{name}:\n  {}", came.replace(&path, "FOLDER")));
    }
    held!("folders", all);
}
