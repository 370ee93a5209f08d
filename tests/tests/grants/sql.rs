//! Hostile SQL on SQLite, against the store itself: what a statement cannot do, whatever it says.

use std::time::{Duration, Instant};

use speil::store::guest::{Bounds, GuestError, GuestRows, GuestValue};
use speil::store::{GuestDatabase, GuestPowers};

use super::Mirrored;

fn guest(mirrored: &Mirrored, plugin: &str, write: bool) -> Box<dyn GuestDatabase> {
    mirrored.db.guest(GuestPowers::of(plugin, write, ["a", "a-b"].into_iter()))
}

fn until() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

async fn ask(guest: &dyn GuestDatabase, sql: &str) -> Result<GuestRows, GuestError> {
    guest.query(sql.into(), vec![], Bounds { rows: 100, until: until() }).await
}

async fn write(guest: &dyn GuestDatabase, sql: &str) -> Result<u64, GuestError> {
    guest.execute(sql.into(), vec![vec![]], until()).await
}

fn first(rows: &GuestRows) -> String {
    format!("{:?}", rows.rows.first().and_then(|row| row.first()))
}

/// Everything a reader may do, done.
#[tokio::test]
async fn mirrored_tables_are_read_in_every_ordinary_way() {
    let mirrored = Mirrored::new().await;
    let guest = guest(&mirrored, "a", false);
    for (sql, answer) in [
        ("SELECT count(*) FROM sale", "Some(Integer(3))"),
        ("SELECT sum(age) FROM sale s JOIN (SELECT id FROM sale) USING (id)", "Some(Integer(60))"),
        ("WITH big AS (SELECT id FROM sale WHERE age > 10) SELECT count(*) FROM big", "Some(Integer(2))"),
        (
            "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 9) SELECT max(x) FROM n",
            "Some(Integer(9))",
        ),
        ("SELECT id FROM SALE ORDER BY age DESC LIMIT 1", "Some(Integer(3))"),
        ("SELECT row_number() OVER (ORDER BY age) FROM sale", "Some(Integer(1))"),
        ("SELECT value FROM json_each('[7]')", "Some(Integer(7))"),
        ("SELECT name FROM main.sale -- a comment\n;", "Some(Text(\"one\"))"),
        ("VALUES (1.5)", "Some(Real(1.5))"),
        ("SELECT date('2020-01-31', '+1 day')", "Some(Text(\"2020-02-01\"))"),
    ] {
        let rows = ask(&*guest, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(first(&rows), answer, "{sql}");
    }
    let rows = guest
        .query(
            "SELECT ?1, ?2, ?3, ?4, ?5, typeof(?6)".into(),
            vec![
                GuestValue::Null,
                GuestValue::Decimal("-12.50".into()),
                GuestValue::Text("it's \"x\"; --".into()),
                GuestValue::Binary(vec![0, 255]),
                GuestValue::Decimal("123456789012345678.90".into()),
                GuestValue::Decimal("7.00".into()),
            ],
            Bounds { rows: 1, until: until() },
        )
        .await
        .unwrap();
    insta::assert_snapshot!(format!("{:?}", rows.rows[0]), @r#"[Null, Real(-12.5), Text("it's \"x\"; --"), Binary([0, 255]), Text("123456789012345678.90"), Text("real")]"#);
}

/// What must fail for a reader and for a writer alike. Each is one case; each leaves the connection usable.
const FORBIDDEN: [&str; 67] = [
    // Other tables, in every disguise.
    "SELECT * FROM Cust1_mirroring",
    "SELECT * FROM \"cust1_MIRRORING\"",
    "SELECT count(*) FROM Cust1_mirroring",
    "SELECT 1 FROM Cust1_mirroring LIMIT 1",
    "SELECT (SELECT LSN FROM Cust1_mirroring)",
    "SELECT id FROM sale WHERE EXISTS (SELECT 1 FROM Cust1_mirroring)",
    "WITH sale AS (SELECT * FROM Cust1_mirroring) SELECT * FROM sale",
    "WITH x AS (SELECT count(*) FROM secret) SELECT * FROM x",
    "SELECT id FROM sale UNION SELECT word FROM secret",
    "SELECT id FROM sale ORDER BY (SELECT word FROM secret)",
    "SELECT * FROM /* sale */ secret",
    "SELECT * FROM by_hand",
    "SELECT count(*) FROM by_hand",
    "SELECT * FROM speil_meta",
    "SELECT * FROM speil_events",
    "SELECT * FROM speil_values",
    "SELECT cells FROM speil_quarantine",
    "SELECT * FROM speil_tables",
    // What the database knows of itself.
    "SELECT * FROM sqlite_schema",
    "SELECT name FROM sqlite_master",
    "SELECT count(*) FROM sqlite_master",
    "SELECT * FROM sqlite_temp_schema",
    "SELECT * FROM sqlite_sequence",
    "SELECT * FROM pragma_table_list",
    "SELECT count(*) FROM pragma_table_list",
    "SELECT * FROM pragma_table_info('secret')",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM dbstat",
    "SELECT count(*) FROM dbstat",
    // Settings, files, other databases, extensions.
    "PRAGMA table_list",
    "PRAGMA writable_schema = ON",
    "PRAGMA trusted_schema = ON",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA database_list",
    "PRAGMA schema_version = 1",
    "ATTACH 'other.db' AS other",
    "ATTACH ':memory:' AS other",
    "DETACH main",
    "VACUUM",
    "VACUUM INTO 'copy.db'",
    "SELECT load_extension('evil')",
    "SELECT load_extension('evil', 'entry') FROM sale",
    "SELECT fts3_tokenizer('simple')",
    "SELECT fts3_tokenizer('x', X'41414141')",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('x', 'y')",
    "SELECT sqlite_rename_table('main', 'table', 'x', 'y', 'z', 'w', 0)",
    "SELECT * FROM sale WHERE name MATCH 'x'",
    "EXPLAIN SELECT * FROM secret",
    // Transactions.
    "BEGIN",
    "BEGIN EXCLUSIVE",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT x",
    "RELEASE x",
    // More than one statement, or none.
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE sale",
    "SELECT 1 /* ; */; ATTACH 'x' AS y",
    "-- nothing\n",
    "",
    ";",
    // Where a text would do for a name.
    "SELECT \"nothing\"",
    // Mirrored tables are not written.
    "UPDATE sale SET age = 0",
    "DELETE FROM sale",
    "INSERT INTO sale (id, age) VALUES (9, 9)",
    "DELETE FROM sale RETURNING id",
    "REPLACE INTO sale (id, age) VALUES (1, 9)",
];

/// What only a writer could try.
const FORBIDDEN_WRITES: [&str; 46] = [
    "DROP TABLE sale",
    "ALTER TABLE sale ADD COLUMN x",
    "ALTER TABLE sale RENAME TO plugin_a_sale",
    "CREATE INDEX plugin_a_i ON sale (age)",
    "CREATE UNIQUE INDEX plugin_a_i ON sale (age)",
    "CREATE TRIGGER plugin_a_t AFTER INSERT ON sale BEGIN SELECT 1; END",
    "CREATE TRIGGER plugin_a_t AFTER INSERT ON plugin_a_own BEGIN DELETE FROM sale; END",
    "CREATE TEMP TRIGGER plugin_a_t AFTER INSERT ON sale BEGIN DELETE FROM sale; END",
    "CREATE TABLE other (x)",
    "CREATE TABLE speil_x (x)",
    "CREATE TABLE plugin_a_ (x)",
    "CREATE TABLE plugin_a_b_x (x)",
    "CREATE TABLE plugin_a_mirroring (tablename, LSN)",
    "CREATE TEMP TABLE plugin_a_t (x)",
    "CREATE TABLE temp.plugin_a_t (x)",
    "CREATE TEMP VIEW sale AS SELECT 1",
    "CREATE VIEW sale_view AS SELECT 1",
    "CREATE VIRTUAL TABLE plugin_a_v USING fts5 (x)",
    "CREATE VIRTUAL TABLE plugin_a_v USING dbstat",
    "CREATE TABLE plugin_a_copy AS SELECT * FROM secret",
    "CREATE TABLE plugin_a_copy AS SELECT * FROM sqlite_schema",
    "CREATE TABLE plugin_a_copy AS SELECT name FROM sqlite_master",
    "CREATE TABLE plugin_a_copy AS SELECT * FROM Cust1_mirroring",
    "INSERT INTO plugin_a_own SELECT word FROM secret",
    "INSERT INTO plugin_a_own SELECT LSN FROM Cust1_mirroring",
    "UPDATE plugin_a_own SET x = (SELECT word FROM secret)",
    "ALTER TABLE plugin_a_own RENAME TO other",
    "ALTER TABLE plugin_a_own RENAME TO speil_other",
    "ALTER TABLE plugin_a_own RENAME TO plugin_a_mirroring",
    "ALTER TABLE plugin_a_own RENAME TO plugin_a_b_own",
    "UPDATE sqlite_schema SET sql = 'x'",
    "INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 0, '')",
    "DELETE FROM sqlite_master",
    "UPDATE sqlite_sequence SET seq = 0",
    "UPDATE Cust1_mirroring SET LSN = 99",
    "DELETE FROM speil_events",
    "DROP TABLE Cust1_mirroring",
    "DROP TABLE secret",
    "DROP VIEW by_hand",
    "ANALYZE",
    "REINDEX",
    "INSERT INTO plugin_a_own VALUES (1); COMMIT",
    "INSERT INTO plugin_a_own VALUES (1) RETURNING x",
    "INSERT INTO plugin_a_own VALUES (load_extension('x'))",
    "INSERT INTO plugin_a_b_own VALUES (1)",
    "SELECT 1",
];

#[tokio::test]
async fn a_reader_gets_at_nothing_else() {
    let mirrored = Mirrored::new().await;
    let guest = guest(&mirrored, "a", false);
    for sql in FORBIDDEN {
        let error = ask(&*guest, sql).await.map(|rows| first(&rows)).expect_err(sql);
        assert!(matches!(error, GuestError::Denied(_) | GuestError::Invalid(_)), "{sql}: {error:?}");
        assert!(!error.to_string().contains("hidden"), "{sql}: {error}");
    }
    for sql in FORBIDDEN_WRITES.iter().chain(&FORBIDDEN[61..]) {
        let error = write(&*guest, sql).await.expect_err(sql);
        assert!(error.to_string().contains("database = \"write\""), "{sql}: {error}");
    }
    assert_eq!(ask(&*guest, "SELECT count(*) FROM sale").await.unwrap().rows, [[GuestValue::Integer(3)]]);
    let files = std::fs::read_dir(mirrored.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(files.map(|name| name.into_string().unwrap()).all(|name| name.starts_with("Cust1.db")));
}

#[tokio::test]
async fn a_writer_changes_nothing_but_its_own() {
    let mirrored = Mirrored::new().await;
    let own = guest(&mirrored, "a", true);
    let other = guest(&mirrored, "a-b", true);
    write(&*own, "CREATE TABLE plugin_a_own (x)").await.unwrap();
    write(&*other, "CREATE TABLE plugin_a_b_own (x)").await.unwrap();
    let schema =
        "SELECT group_concat(type || name || coalesce(sql, ''), '|') FROM (SELECT * FROM sqlite_schema ORDER BY name)";
    let before: String = mirrored.file().query_row(schema, [], |row| row.get(0)).unwrap();
    for sql in FORBIDDEN.iter().chain(&FORBIDDEN_WRITES) {
        // An EXPLAIN and a VALUES read; the rest of the list is for both.
        let error = write(&*own, sql).await.expect_err(sql);
        assert!(matches!(error, GuestError::Denied(_) | GuestError::Invalid(_)), "{sql}: {error:?}");
        assert!(!error.to_string().contains("hidden"), "{sql}: {error}");
        assert_eq!(mirrored.number("SELECT count(*) FROM plugin_a_own"), 0, "{sql}");
    }
    let after: String = mirrored.file().query_row(schema, [], |row| row.get(0)).unwrap();
    assert_eq!(before, after);
    assert_eq!(mirrored.number("SELECT sum(age) FROM sale"), 60);
    // The other plug-in's table is not read either.
    assert!(ask(&*own, "SELECT * FROM plugin_a_b_own").await.is_err());
    // And the host goes on.
    mirrored.db.ticket().await.unwrap();
}

#[tokio::test]
async fn what_is_refused_says_why() {
    let mirrored = Mirrored::new().await;
    let guest = guest(&mirrored, "a", true);
    let mut all = Vec::new();
    for sql in [
        "SELECT * FROM secret",
        "PRAGMA table_list",
        "SELECT load_extension('x')",
        "SELECT nowhere FROM sale",
        "SELECT 1; SELECT 2",
        "SELECT ?1",
    ] {
        all.push(ask(&*guest, sql).await.unwrap_err());
    }
    for sql in [
        "DELETE FROM sale",
        "CREATE TABLE other (x)",
        "BEGIN",
        "CREATE TEMP TABLE t (x)",
        "CREATE TRIGGER t AFTER INSERT ON sale BEGIN SELECT 1; END",
        "SELECT 1",
    ] {
        all.push(write(&*guest, sql).await.unwrap_err());
    }
    let all: Vec<String> = all.into_iter().map(|error| format!("{error:?}")).collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    Denied("it may not read \"secret\": a plug-in reads the mirrored tables and its own, whose names begin with plugin_a_")
    Denied("it may not use PRAGMA")
    Denied("it may not use the function \"load_extension\", which is not one of those offered to plug-ins")
    Invalid("no such column: nowhere")
    Invalid("there is more than one statement; give them one at a time")
    Invalid("the statement has 1 parameters, and 0 were given")
    Denied("it may not write \"sale\": a plug-in writes only what is its own, with names that begin with plugin_a_")
    Denied("it may not make the table \"other\": a plug-in writes only what is its own, with names that begin with plugin_a_")
    Denied("it may not begin or end a transaction: every statement is one of its own")
    Denied("it may not make or drop anything temporary: it would be gone with the call")
    Denied("it may not make or drop a trigger")
    Invalid("this is no statement that writes; `query` runs those that read")
    "#);
}

#[tokio::test]
async fn a_writer_has_tables_indexes_and_views_of_its_own() {
    let mirrored = Mirrored::new().await;
    let guest = guest(&mirrored, "a", true);
    for (sql, changed) in [
        ("CREATE TABLE plugin_a_total (day text PRIMARY KEY, amount int UNIQUE, id INTEGER)", 0),
        ("CREATE TABLE IF NOT EXISTS plugin_a_total (day text)", 0),
        ("CREATE TABLE plugin_a_auto (id INTEGER PRIMARY KEY AUTOINCREMENT, x text NOT NULL)", 0),
        ("INSERT INTO plugin_a_auto (x) VALUES ('a'), ('b')", 2),
        ("CREATE INDEX plugin_a_by_amount ON plugin_a_total (amount) WHERE amount > 0", 0),
        ("INSERT INTO plugin_a_total SELECT 'all', sum(age), 1 FROM sale", 1),
        (
            "INSERT INTO plugin_a_total VALUES ('all', 2, 2) ON CONFLICT (day) DO UPDATE SET amount = excluded.amount + 5",
            1,
        ),
        ("CREATE VIEW plugin_a_shown AS SELECT name, amount FROM sale, plugin_a_total", 0),
        ("CREATE TABLE plugin_a_copy AS SELECT id, age FROM sale WHERE age > 10", 0),
        ("ALTER TABLE plugin_a_copy RENAME TO plugin_a_copied", 0),
        ("ALTER TABLE plugin_a_copied ADD COLUMN note text NOT NULL DEFAULT 'none'", 0),
        ("ALTER TABLE plugin_a_copied RENAME COLUMN note TO remark", 0),
        ("ALTER TABLE plugin_a_copied DROP COLUMN remark", 0),
        ("UPDATE plugin_a_copied SET age = age + 1", 2),
        ("DELETE FROM plugin_a_copied WHERE id = 2", 1),
        ("DROP INDEX plugin_a_by_amount", 0),
        ("DROP TABLE plugin_a_auto", 0),
        ("DROP TABLE IF EXISTS plugin_a_nothing", 0),
    ] {
        match write(&*guest, sql).await {
            Ok(count) => assert!(count == changed || sql.starts_with("CREATE TABLE plugin_a_copy"), "{sql}: {count}"),
            // SQLite compiles a statement that finds nothing to do to nothing.
            Err(GuestError::Invalid(_)) if sql.contains("IF ") => {}
            Err(error) => panic!("{sql}: {error:?}"),
        }
    }
    let rows = ask(&*guest, "SELECT name, amount FROM plugin_a_shown ORDER BY name").await.unwrap();
    assert_eq!(rows.rows.len(), 3);
    assert_eq!(rows.rows[1], [GuestValue::Text("one".into()), GuestValue::Integer(7)]);
    write(&*guest, "DROP VIEW plugin_a_shown").await.unwrap();
    // A view over what it may not read can be made, and never read.
    write(&*guest, "CREATE VIEW plugin_a_peek AS SELECT word FROM secret").await.unwrap();
    assert!(matches!(ask(&*guest, "SELECT * FROM plugin_a_peek").await, Err(GuestError::Denied(_))));
    assert!(matches!(ask(&*guest, "SELECT count(*) FROM plugin_a_peek").await, Err(GuestError::Denied(_))));
}

#[tokio::test]
async fn many_rows_are_written_together_or_not_at_all() {
    let mirrored = Mirrored::new().await;
    let guest = guest(&mirrored, "a", true);
    write(&*guest, "CREATE TABLE plugin_a_t (x int PRIMARY KEY)").await.unwrap();
    let insert = |numbers: &[i64]| {
        let lists = numbers.iter().map(|number| vec![GuestValue::Integer(*number)]).collect();
        guest.execute("INSERT INTO plugin_a_t VALUES (?1)".into(), lists, until())
    };
    assert_eq!(insert(&[1, 2, 3]).await, Ok(3));
    let twice = insert(&[4, 5, 1]).await.unwrap_err();
    assert!(matches!(twice, GuestError::Constraint(_)), "{twice:?}");
    assert_eq!(mirrored.number("SELECT count(*) FROM plugin_a_t"), 3);
    assert!(matches!(insert(&vec![7; 10_001]).await, Err(GuestError::Limit(_))));
}

#[tokio::test]
async fn answers_are_bounded() {
    let mirrored = Mirrored::new().await;
    let guest = guest(&mirrored, "a", false);
    let endless = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    let rows = ask(&*guest, endless).await.unwrap();
    assert!(rows.truncated && rows.rows.len() == 100, "what was asked for, and no more is worked out");
    let all = Bounds { rows: usize::MAX, until: until() };
    let error = guest.query(endless.into(), vec![], all).await.unwrap_err();
    assert!(error.to_string().contains("more than 10000 rows"), "{error}");
    let wide = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT randomblob(1000000) FROM n";
    let error = ask(&*guest, wide).await.unwrap_err();
    assert!(error.to_string().contains("larger than 8 MiB"), "{error}");
    for sql in ["SELECT zeroblob(100000000)", "SELECT printf('%100000000d', 1)", "SELECT hex(zeroblob(15000000))"] {
        assert!(matches!(ask(&*guest, sql).await, Err(GuestError::Limit(_))), "{sql}");
    }
    let long = format!("SELECT 1 -- {}", "x".repeat(300_000));
    assert!(matches!(ask(&*guest, &long).await, Err(GuestError::Limit(_))));
    let deep = format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(ask(&*guest, &deep).await.is_err());
}

#[tokio::test]
async fn a_statement_without_an_end_is_interrupted_and_the_mirror_goes_on() {
    let mirrored = Mirrored::new().await;
    let guest = guest(&mirrored, "a", true);
    write(&*guest, "CREATE TABLE plugin_a_t (x)").await.unwrap();
    let endless = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n)";
    let soon = || Instant::now() + Duration::from_millis(200);
    for sql in [format!("{endless} SELECT max(x) FROM n"), format!("{endless} SELECT x FROM n ORDER BY x DESC")] {
        let begun = Instant::now();
        let error = guest.query(sql.clone(), vec![], Bounds { rows: 1, until: soon() }).await.unwrap_err();
        assert!(matches!(error, GuestError::Limit(_)), "{sql}: {error:?}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{sql}");
    }
    let error = guest.execute(format!("INSERT INTO plugin_a_t {endless} SELECT x FROM n"), vec![vec![]], soon()).await;
    assert!(matches!(error, Err(GuestError::Limit(_))), "{error:?}");
    assert_eq!(mirrored.number("SELECT count(*) FROM plugin_a_t"), 0);
    // Given up by whoever asked: it ends all the same, and lets the writer go.
    let abandoned = guest.execute(format!("INSERT INTO plugin_a_t {endless} SELECT x FROM n"), vec![vec![]], until());
    assert!(tokio::time::timeout(Duration::from_millis(200), abandoned).await.is_err());
    mirrored.db.ticket().await.unwrap();
    assert_eq!(write(&*guest, "INSERT INTO plugin_a_t VALUES (1)").await, Ok(1));
}

#[tokio::test]
async fn there_are_only_so_many_tables() {
    let mirrored = Mirrored::new().await;
    let guest = guest(&mirrored, "a", true);
    for number in 0..Bounds::OBJECTS {
        write(&*guest, &format!("CREATE TABLE plugin_a_{number} (x)")).await.unwrap();
    }
    let error = write(&*guest, "CREATE TABLE plugin_a_more (x)").await.unwrap_err();
    assert!(matches!(&error, GuestError::Limit(text) if text.contains("at most 256")), "{error:?}");
    write(&*guest, "DROP TABLE plugin_a_7").await.unwrap();
    write(&*guest, "CREATE TABLE plugin_a_more (x)").await.unwrap();
}

#[tokio::test]
async fn a_mirrored_table_with_a_plug_in_s_prefix_is_the_host_s() {
    let mirrored = Mirrored::new().await;
    let guest = guest(&mirrored, "a", true);
    mirrored.by_hand(
        "CREATE TABLE plugin_a_mirrored (id int);
         INSERT INTO Cust1_mirroring (tablename, LSN, speil_hash) VALUES ('PLUGIN_A_Mirrored', 1, hex(zeroblob(32)));",
    );
    assert!(matches!(write(&*guest, "DELETE FROM plugin_a_mirrored").await, Err(GuestError::Denied(_))));
    assert!(matches!(write(&*guest, "DROP TABLE plugin_a_mirrored").await, Err(GuestError::Denied(_))));
    assert!(ask(&*guest, "SELECT * FROM plugin_a_mirrored").await.is_ok());
}

#[tokio::test]
async fn a_dropped_metadata_table_leaves_nothing_to_read() {
    let mirrored = Mirrored::new().await;
    let guest = guest(&mirrored, "a", false);
    mirrored.by_hand("DROP TABLE Cust1_mirroring");
    assert!(matches!(ask(&*guest, "SELECT * FROM sale").await, Err(GuestError::Denied(_))));
}
