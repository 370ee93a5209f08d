//! SQLite against what every store promises, and what is SQLite's alone: files, their names, how many are open, damage.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::types::ValueRef;
use speil::protocol::context_id::ContextId;
use speil::store::sqlite::{SqliteSettings, SqliteStore};
use speil::store::{Connection, Store, StoreErrorKind};
use speil_tests::store_conformance::StoreFactory;
use speil_tests::store_conformance::kit::*;

speil_tests::store_conformance!(crate::SqliteFactory::fresh);

/// A folder of mirrors that goes with the test.
pub struct SqliteFactory {
    folder: tempfile::TempDir,
}

impl SqliteFactory {
    pub fn fresh() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn directory(&self) -> &Path {
        self.folder.path()
    }

    fn settings(&self) -> SqliteSettings {
        SqliteSettings { busy_timeout: Duration::from_secs(5), ..SqliteSettings::new(self.directory()) }
    }

    /// Another program's connection to a tenant of a plain name.
    fn connect(&self, tenant: &ContextId) -> rusqlite::Connection {
        let db = rusqlite::Connection::open(self.directory().join(format!("{tenant}.db"))).expect("the file opens");
        db.busy_timeout(Duration::from_secs(5)).expect("a time-out can be set");
        db
    }
}

#[async_trait]
impl StoreFactory for SqliteFactory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(sqlite(self.settings()))
    }

    async fn by_hand(&self, tenant: &ContextId, statements: &str) {
        self.connect(tenant).execute_batch(statements).unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    async fn query(&self, tenant: &ContextId, query: &str) -> Vec<Vec<Option<String>>> {
        let db = self.connect(tenant);
        let mut statement = db.prepare(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            (0..columns)
                .map(|i| {
                    Ok(match row.get_ref(i)? {
                        ValueRef::Null => None,
                        ValueRef::Integer(value) => Some(value.to_string()),
                        ValueRef::Real(value) => Some(value.to_string()),
                        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                            Some(String::from_utf8_lossy(bytes).into_owned())
                        }
                    })
                })
                .collect()
        });
        rows.and_then(Iterator::collect).unwrap_or_else(|error| panic!("{query}: {error}"))
    }

    async fn reader(&self, tenant: &ContextId, query: &str) -> Box<dyn Send> {
        let db = self.connect(tenant);
        db.execute_batch("BEGIN").expect("a transaction begins");
        db.query_row(query, [], |_| Ok(())).unwrap_or_else(|error| panic!("{query}: {error}"));
        Box::new(db)
    }
}

fn sqlite(settings: SqliteSettings) -> SqliteStore {
    SqliteStore::open(settings).expect("a store opens nothing yet")
}

fn connection(text: &str) -> Connection {
    Connection(text.to_owned())
}

#[tokio::test]
async fn an_ordinary_tenants_file_has_its_name() {
    let f = SqliteFactory::fresh();
    let db = with_three(&f).await;
    assert_eq!(PathBuf::from(db.place()), f.directory().join("Cust10195.db"));
    assert!(f.directory().join("Cust10195.db").is_file());
}

#[tokio::test]
async fn no_strange_name_leaves_the_folder() {
    let f = SqliteFactory::fresh();
    let store = f.store();
    for name in ["../escaped", "/etc/passwd", "a/../../b", "..\\c", "C:\\d", "e:stream"] {
        let db = store.open(&tenant(name), None).await.unwrap();
        assert_eq!(Path::new(&db.place()).parent(), Some(f.directory()), "{name}");
    }
    assert_eq!(
        std::fs::read_dir(f.directory()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count(),
        0
    );
}

#[tokio::test]
async fn a_name_that_differs_by_case_is_refused_and_told_why() {
    let f = SqliteFactory::fresh();
    let store = f.store();
    store.open(&tenant("Cust1"), None).await.unwrap();
    let error = store.open(&tenant("CUST1"), None).await.err().expect("it is refused");
    assert_eq!(error.kind, StoreErrorKind::Connection);
    assert!(error.message.contains("CUST1") && error.message.contains("case"), "{error}");
    assert!(!f.directory().join("CUST1.db").exists() || f.directory().join("cust1.db").exists());
    // In a folder of its own it may be.
    store.open(&tenant("CUST1"), Some(&connection("other/"))).await.unwrap();
}

#[tokio::test]
async fn a_plug_in_may_place_a_mirror_in_a_folder_below() {
    let f = SqliteFactory::fresh();
    let store = f.store();
    let db = store.open(&cust(), Some(&connection("north/oslo/main.db"))).await.unwrap();
    assert_eq!(PathBuf::from(db.place()), f.directory().join("north").join("oslo").join("main.db"));
    let found = store.list().await.unwrap();
    assert_eq!(found.iter().map(|mirror| mirror.name.as_str()).collect::<Vec<_>>(), ["Cust10195"]);
    assert!(store.open_existing(&cust(), Some(&connection("north/nothing.db"))).await.unwrap().is_none());
    assert!(!f.directory().join("north").join("nothing.db").exists());
}

#[tokio::test]
async fn a_plug_in_cannot_place_a_mirror_elsewhere() {
    let f = SqliteFactory::fresh();
    let store = f.store();
    for place in
        ["../x.db", "/tmp/x.db", "a/../../x.db", "C:\\x.db", "x.db:stream", "NUL", "a//b", "", "\\\\host\\share\\x"]
    {
        let error =
            store.open(&cust(), Some(&connection(place))).await.err().unwrap_or_else(|| panic!("{place} was allowed"));
        assert_eq!(error.kind, StoreErrorKind::Connection, "{place}");
    }
    assert!(store.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn two_tenants_sent_to_one_file_do_not_meet() {
    let f = SqliteFactory::fresh();
    let store = f.store();
    let one = store.open(&tenant("Cust1"), Some(&connection("shared.db"))).await.unwrap();
    one.create_table(&turn("contact", 1), &contact(), hash(1)).await.unwrap();
    for other in ["Cust2", "CUST1"] {
        let error = store.open(&tenant(other), Some(&connection("shared.db"))).await.err().expect("it is refused");
        assert_eq!(error.kind, StoreErrorKind::Connection);
        assert!(error.message.contains("Cust1"), "{error}");
    }
    assert_eq!(one.tables().await.unwrap().len(), 1);
}

#[tokio::test]
async fn another_tenants_metadata_table_is_enough_to_refuse_a_file() {
    let f = SqliteFactory::fresh();
    f.by_hand(&tenant("Cust1"), r#"CREATE TABLE "Cust2_mirroring" (tablename text, LSN bigint);"#).await;
    let error = f.store().open(&tenant("Cust1"), None).await.err().expect("it is refused");
    assert_eq!(error.kind, StoreErrorKind::Connection);
    assert_eq!(f.query(&tenant("Cust1"), "SELECT name FROM sqlite_schema").await.len(), 1, "nothing was written");
}

#[tokio::test]
async fn a_file_written_by_a_later_version_is_left_alone() {
    let f = SqliteFactory::fresh();
    drop(with_three(&f).await);
    f.by_hand(&cust(), "UPDATE speil_meta SET value = 99 WHERE name = 'format';").await;
    let error = f.store().open(&cust(), None).await.err().expect("it is refused");
    assert_eq!(error.kind, StoreErrorKind::Connection);
    assert!(error.message.contains("later version"), "{error}");
}

#[tokio::test]
async fn files_that_are_no_database_say_so_and_hide_no_other() {
    let f = SqliteFactory::fresh();
    f.store().open(&tenant("Good"), None).await.unwrap();
    std::fs::write(f.directory().join("Garbage.db"), vec![0x5a; 9_000]).unwrap();
    std::fs::write(f.directory().join("Empty.db"), b"").unwrap();
    std::fs::write(f.directory().join("notes.txt"), b"not looked at").unwrap();
    let mut damaged = std::fs::read(f.directory().join("Good.db")).unwrap();
    assert!(damaged.len() > 4_096, "the file has pages");
    damaged[100..4_096].fill(0xff);
    std::fs::write(f.directory().join("Damaged.db"), damaged).unwrap();
    let store = f.store();
    let found = store.list().await.unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|mirror| (mirror.name.as_str(), mirror.mirror.as_ref().err().map(|error| error.kind)))
        .collect();
    let corrupt = Some(StoreErrorKind::Corrupt);
    assert_eq!(seen, [("Damaged", corrupt), ("Garbage", corrupt), ("Good", None)]);
    for name in ["Garbage", "Damaged"] {
        let error = store.open(&tenant(name), None).await.err().expect("it cannot be opened");
        assert_eq!(error.kind, StoreErrorKind::Corrupt);
        assert!(error.message.contains(name) && error.message.contains("backup"), "{error}");
    }
    store.open(&tenant("Empty"), None).await.unwrap();
}

#[tokio::test]
async fn only_so_many_mirrors_have_files_open() {
    let f = SqliteFactory::fresh();
    let store = sqlite(SqliteSettings { max_open: 3, ..f.settings() });
    let mut mirrors = Vec::new();
    for number in 0..10 {
        let db = store.open(&tenant(&format!("Cust{number}")), None).await.unwrap();
        db.create_table(&turn("contact", 1), &contact(), hash(1)).await.unwrap();
        mirrors.push(db);
        assert!(store.open_now() <= 3);
    }
    for round in 1..3 {
        for db in &mirrors {
            put(db, &contact(), round, &[person(round, "x")], round).await.unwrap();
            assert_eq!(rows_of(db, &contact()).await.len(), usize::try_from(round).unwrap());
            assert!(store.open_now() <= 3);
        }
    }
    let logs = std::fs::read_dir(f.directory()).unwrap();
    let open = logs.filter(|entry| entry.as_ref().unwrap().path().to_string_lossy().ends_with("-wal")).count();
    assert!(open <= 3, "{open} logs are left: closing folds them into the file");
    store.close().await;
    assert_eq!(store.open_now(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_in_use_is_not_closed_for_another() {
    let f = SqliteFactory::fresh();
    let store = Arc::new(sqlite(SqliteSettings { max_open: 1, ..f.settings() }));
    let one = store.open(&tenant("Cust1"), None).await.unwrap();
    one.create_table(&turn("contact", 1), &contact(), hash(1)).await.unwrap();
    let mut writer = one.begin(&turn("contact", 1), &contact(), hash(1)).await.unwrap();
    let other = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.open(&tenant("Cust2"), None).await.map(drop) })
    };
    writer.apply(changes(&contact(), &[(Insert, person(1, "Ada"))])).await.unwrap();
    assert!(!other.is_finished());
    writer.commit(speil::protocol::lsn::Lsn(10), counts(1, 0, 0, 1)).await.unwrap();
    other.await.unwrap().unwrap();
    assert_eq!(store.open_now(), 1);
    assert_eq!(rows_of(&one, &contact()).await, [person(1, "Ada")]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_backup_put_in_the_files_place_is_what_is_mirrored_from_then_on() {
    let f = SqliteFactory::fresh();
    let store = f.store();
    let db = store.open(&cust(), None).await.unwrap();
    db.create_table(&turn("contact", 1), &contact(), hash(1)).await.unwrap();
    put(&db, &contact(), 1, &three(), 100).await.unwrap();
    let backup = f.directory().join("backup");
    f.by_hand(&cust(), &format!("VACUUM INTO '{}';", backup.display())).await;
    put(&db, &contact(), 1, &[person(4, "Di")], 110).await.unwrap();
    let file = f.directory().join("Cust10195.db");
    std::fs::remove_file(&file).unwrap();
    for log in ["Cust10195.db-wal", "Cust10195.db-shm"] {
        std::fs::remove_file(f.directory().join(log)).unwrap();
    }
    std::fs::rename(backup, file).unwrap();
    let db = store.open(&cust(), None).await.unwrap();
    assert_eq!((rows_of(&db, &contact()).await, lsn_of(&db, "contact").await), (three(), 100));
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_removed_under_us_is_made_anew_only_when_a_mirror_is_asked_for() {
    let f = SqliteFactory::fresh();
    let store = f.store();
    let db = store.open(&cust(), None).await.unwrap();
    db.create_table(&turn("contact", 1), &contact(), hash(1)).await.unwrap();
    for file in ["Cust10195.db", "Cust10195.db-wal", "Cust10195.db-shm"] {
        std::fs::remove_file(f.directory().join(file)).unwrap();
    }
    assert_eq!(kind(db.tables().await), StoreErrorKind::Environment);
    assert!(store.open_existing(&cust(), None).await.unwrap().is_none());
    assert!(!f.directory().join("Cust10195.db").exists());
    let db = store.open(&cust(), None).await.unwrap();
    assert!(db.tables().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_file_locked_by_another_program_is_a_passing_trouble() {
    let f = SqliteFactory::fresh();
    drop(with_three(&f).await);
    let store = sqlite(SqliteSettings { busy_timeout: Duration::from_millis(20), ..f.settings() });
    let db = store.open(&cust(), None).await.unwrap();
    let other = f.connect(&cust());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = put(&db, &contact(), 2, &[person(4, "Di")], 110).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Transient);
    assert!(error.message.contains("Cust10195.db"), "{error}");
    assert_eq!(rows_of(&db, &contact()).await, three(), "reading goes on");
    drop(other);
    put(&db, &contact(), 2, &[person(4, "Di")], 110).await.unwrap();
}

#[tokio::test]
async fn the_check_says_where_and_what_is_wrong() {
    let f = SqliteFactory::fresh();
    let below = f.directory().join("not").join("there");
    let sentence = sqlite(SqliteSettings::new(&below)).check().await.unwrap();
    assert!(sentence.contains("there"), "{sentence}");
    assert_eq!(std::fs::read_dir(f.directory()).unwrap().count(), 0);
    let file = f.directory().join("file");
    std::fs::write(&file, b"in the way").unwrap();
    let error = sqlite(SqliteSettings::new(file.join("mirrors"))).check().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Environment);
}

#[tokio::test]
async fn dates_and_types_read_well_in_any_tool() {
    let f = SqliteFactory::fresh();
    let db = open(&f).await;
    let mut def = contact();
    def.columns.push(column("registered", speil::protocol::sql_type::SqlType::DateTime, true));
    db.create_table(&turn("contact", 1), &def, hash(1)).await.unwrap();
    let ticks = speil::protocol::datetime::ticks_from_civil(2020, 5, 18, 10, 40, 43, 0).unwrap();
    let row = vec![Integer(1), text("Ada"), money(12_345), speil::protocol::columns::OwnedValue::Timestamp(ticks)];
    put(&db, &def, 1, &[row], 10).await.unwrap();
    let seen = f.query(&cust(), "SELECT contact_id, name, amount, registered FROM contact").await;
    let expected = ["1", "Ada", "1.2345", "2020-05-18 10:40:43"].map(|text| Some(text.to_owned()));
    assert_eq!(seen, [expected]);
    let types = f.query(&cust(), "SELECT type FROM pragma_table_info('contact')").await;
    let expected = ["INTEGER", "nvarchar(200)", "money blob", "datetime"].map(|text| [Some(text.to_owned())]);
    assert_eq!(types, expected);
    let plan = f.query(&cust(), "EXPLAIN QUERY PLAN SELECT * FROM contact WHERE contact_id = 1").await;
    assert!(plan[0].iter().flatten().any(|text| text.contains("INTEGER PRIMARY KEY")), "{plan:?}");
}

#[tokio::test]
async fn a_row_of_ours_names_no_other_table_than_the_one_it_spells() {
    let f = SqliteFactory::fresh();
    let db = with_three(&f).await;
    let hash = "07".repeat(32);
    let script = format!(
        "CREATE TABLE person (mine int); INSERT INTO person VALUES (1);
         INSERT INTO Cust10195_mirroring (tablename, LSN, speil_hash, speil_kind) VALUES (' person', 5, '{hash}', 'mirrored'),
            ('person ', 5, '{hash}', 'mirrored'), ('contact ', -1, '{hash}', 'mirrored'), ('contact  ', -1, NULL, NULL);"
    );
    f.by_hand(&cust(), &script).await;
    let listed: Vec<_> = db.tables().await.unwrap().into_iter().map(|one| (one.table.to_string(), one.lsn.0)).collect();
    assert_eq!(listed, [("contact".to_owned(), 100)]);
    assert_eq!(lsn_of(&db, "contact").await, 100);
    assert!(db.table(&named("person")).await.unwrap().is_none());
    assert_eq!(kind(db.wipe(&turn("person", 2)).await), StoreErrorKind::UnknownTable);
    assert_eq!(
        kind(db.create_table(&turn("person", 2), &simple("person"), speil::store::SchemaHash([7; 32])).await),
        StoreErrorKind::Foreign
    );
    db.drop_table(&turn("person", 2)).await.unwrap();
    assert_eq!(f.query(&cust(), "SELECT mine FROM person").await, [[Some("1".to_owned())]]);
}

#[tokio::test]
async fn a_table_made_from_our_own_sql_after_a_hard_reset_is_not_ours() {
    let f = SqliteFactory::fresh();
    let db = with_three(&f).await;
    let sql = f.query(&cust(), "SELECT sql FROM sqlite_schema WHERE name = 'contact'").await;
    f.by_hand(&cust(), "DELETE FROM Cust10195_mirroring; DROP TABLE contact;").await;
    db.confirm_tables(speil::store::Ticket(2), &[named("person")]).await.unwrap();
    f.by_hand(&cust(), sql[0][0].as_deref().expect("the table is there")).await;
    assert_eq!(kind(db.create_table(&turn("contact", 3), &contact(), hash(1)).await), StoreErrorKind::Foreign);
}
