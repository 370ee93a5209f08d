//! What no plug-in's statement can do, whatever it says, on a server that has users without a login. Where `SPEIL_TEST_SQLSERVER` names
//! none, or one that lacks them, the test says so and counts for nothing.

use std::time::{Duration, Instant};

use super::live::Place;
use crate::protocol::sql_type::SqlType;
use crate::store::guest::{Bounds, GuestDatabase, GuestError, GuestPowers, GuestRows, GuestValue};
use crate::store::sqlserver::golden::sample::{column, table};
use crate::store::sqlserver::live_server::skipped;
use crate::store::{SchemaHash, Turn};

/// For a reader and a writer alike. Each leaves the plug-in usable.
const FORBIDDEN: &[&str] = &[
    // Other tables, in every disguise.
    "SELECT * FROM Cust1_mirroring",
    "SELECT * FROM dbo.[cust1_MIRRORING]",
    "SELECT COUNT(*) FROM dbo.Cust1_mirroring",
    "SELECT id FROM sale WHERE EXISTS (SELECT 1 FROM dbo.Cust1_mirroring)",
    "WITH sale AS (SELECT * FROM dbo.secret) SELECT * FROM sale",
    "SELECT age FROM sale UNION SELECT LEN(word) FROM dbo.secret",
    "SELECT * FROM /* sale */ dbo.secret",
    "SELECT * FROM dbo.secret -- sale",
    "SELECT * FROM dbo.by_hand",
    "SELECT * FROM speil_meta",
    "SELECT * FROM dbo.speil_events",
    "SELECT * FROM dbo.speil_values",
    "SELECT * FROM dbo.speil_tables",
    "SELECT TOP (1) word FROM dbo.secret WITH (NOLOCK)",
    "DECLARE @x nvarchar(99); SELECT @x = word FROM dbo.secret; SELECT @x",
    "EXEC('SELECT word FROM dbo.secret')",
    "EXEC sp_executesql N'EXEC sp_executesql N''SELECT word FROM dbo.secret'''",
    "SELECT word INTO #t FROM dbo.secret; SELECT * FROM #t",
    // Other databases.
    "SELECT * FROM master.dbo.sysobjects AS o JOIN msdb.dbo.sysjobs AS j ON o.id = 1",
    "SELECT * FROM msdb.dbo.backupset",
    "SELECT name FROM model.sys.tables",
    "USE master; SELECT 1",
    "USE tempdb; SELECT 1",
    "EXEC msdb.dbo.sp_start_job N'x'",
    // The server, its files and its network.
    "EXEC xp_cmdshell 'whoami'",
    "EXEC master..xp_cmdshell 'whoami'",
    "EXEC sys.xp_regwrite N'HKEY_LOCAL_MACHINE', N'x', N'y', N'REG_SZ', N'z'",
    "EXEC sp_configure 'show advanced options', 1; RECONFIGURE; SELECT 1",
    "EXEC sp_addlinkedserver N'x'; SELECT 1",
    "EXEC sp_OACreate 'x', 1",
    "SELECT * FROM OPENROWSET(BULK '/etc/passwd', SINGLE_CLOB) AS f",
    "SELECT * FROM OPENROWSET('SQLNCLI', 'Server=x;', 'SELECT 1') AS f",
    "SELECT * FROM OPENDATASOURCE('SQLNCLI', 'Data Source=x').a.b.c",
    "SELECT * FROM OPENQUERY(other, 'SELECT 1')",
    "BULK INSERT sale FROM '/etc/passwd'",
    "BACKUP DATABASE tempdb TO DISK = 'x'",
    "RESTORE DATABASE x FROM DISK = 'x'",
    "KILL 51",
    "SHUTDOWN WITH NOWAIT",
    "CHECKPOINT; SELECT 1",
    "DBCC FREEPROCCACHE",
    "CREATE DATABASE other",
    "CREATE LOGIN x WITH PASSWORD = N'Aa1!Aa1!Aa1!'",
    "RAISERROR (N'x', 16, 1) WITH LOG",
    "SELECT * FROM sys.dm_exec_sessions AS s CROSS APPLY sys.dm_exec_input_buffer(s.session_id, NULL)",
    "SELECT * FROM sys.dm_exec_query_stats",
    "SELECT * FROM sys.dm_tran_locks",
    // Who one is.
    "REVERT; SELECT word FROM dbo.secret",
    "REVERT WITH COOKIE = 0x00; SELECT word FROM dbo.secret",
    "EXECUTE AS USER = 'dbo'; SELECT word FROM dbo.secret",
    "EXECUTE AS LOGIN = 'sa'; SELECT word FROM dbo.secret",
    "EXECUTE AS CALLER; SELECT word FROM dbo.secret",
    "SETUSER; SELECT word FROM dbo.secret",
    "EXECUTE ('SELECT word FROM dbo.secret') AS USER = 'dbo'",
    "ALTER ROLE db_owner ADD MEMBER speil_plugin_a",
    "EXEC sp_addrolemember 'db_owner', 'speil_plugin_a'",
    "GRANT SELECT ON dbo.secret TO speil_plugin_a",
    "GRANT CONTROL ON SCHEMA::dbo TO speil_plugin_a",
    "ALTER AUTHORIZATION ON SCHEMA::dbo TO speil_plugin_a",
    "ALTER USER speil_plugin_a WITH DEFAULT_SCHEMA = dbo",
    "CREATE USER x WITHOUT LOGIN",
    "EXEC sp_setapprole 'x', 'y'",
    // Transactions.
    "COMMIT TRANSACTION",
    "ROLLBACK TRANSACTION",
    "BEGIN TRANSACTION; SELECT 1",
    "COMMIT TRANSACTION; BEGIN TRANSACTION; SELECT 1",
    "ROLLBACK TRANSACTION; BEGIN TRANSACTION; SELECT 1",
    // More than one answer, or none.
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE dbo.sale",
    "-- nothing",
    "",
    ";",
    // Mirrored tables are not written.
    "UPDATE sale SET age = 0",
    "DELETE FROM dbo.sale",
    "INSERT INTO dbo.sale (id, age) VALUES (9, 9)",
    "DELETE FROM sale OUTPUT deleted.id",
    "MERGE dbo.sale AS s USING (SELECT 1 AS id) AS n ON s.id = n.id WHEN MATCHED THEN DELETE;",
    "TRUNCATE TABLE dbo.sale",
    "UPDATE s SET age = 0 FROM dbo.sale AS s",
    "DROP TABLE dbo.sale",
];

/// What only a writer could try.
const FORBIDDEN_WRITES: &[&str] = &[
    "ALTER TABLE dbo.sale ADD x int",
    "EXEC sp_rename 'dbo.sale', 'plugin_a_sale'",
    "ALTER SCHEMA speil_plugin_a TRANSFER dbo.sale",
    "CREATE INDEX plugin_a_i ON dbo.sale (age)",
    "CREATE STATISTICS plugin_a_s ON dbo.sale (age)",
    "CREATE TRIGGER plugin_a_tr ON dbo.sale AFTER INSERT AS SELECT 1",
    "CREATE TRIGGER plugin_a_tr ON plugin_a_own AFTER INSERT AS DELETE FROM dbo.sale",
    "CREATE TRIGGER plugin_a_tr ON plugin_a_own WITH EXECUTE AS 'dbo' AFTER INSERT AS SELECT 1",
    "CREATE TRIGGER plugin_a_tr ON DATABASE FOR CREATE_TABLE AS SELECT 1",
    "CREATE TABLE other (x int)",
    "CREATE TABLE dbo.plugin_a_t (x int)",
    "CREATE TABLE speil_x (x int)",
    "CREATE TABLE plugin_a_ (x int)",
    "CREATE TABLE plugin_a_b_x (x int)",
    "CREATE TABLE plugin_a_mirroring (tablename int, LSN int)",
    "CREATE TABLE plugin_a_fk (x int REFERENCES dbo.sale (id))",
    "CREATE VIEW sale_view AS SELECT 1 AS x",
    "CREATE VIEW plugin_a_bound WITH SCHEMABINDING AS SELECT id FROM dbo.sale",
    "CREATE PROCEDURE plugin_a_p AS SELECT 1",
    "CREATE FUNCTION plugin_a_f() RETURNS int AS BEGIN RETURN 1 END",
    "CREATE SYNONYM plugin_a_s FOR dbo.secret",
    "CREATE SEQUENCE plugin_a_q AS int",
    "CREATE TYPE plugin_a_y FROM int",
    "CREATE ASSEMBLY plugin_a_z FROM 0x4D5A",
    "CREATE SCHEMA other",
    "SELECT * INTO plugin_a_copy FROM dbo.secret",
    "SELECT * INTO plugin_a_copy FROM dbo.Cust1_mirroring",
    "INSERT INTO plugin_a_own SELECT LEN(word) FROM dbo.secret",
    "INSERT INTO plugin_a_own EXEC('SELECT LEN(word) FROM dbo.secret')",
    "UPDATE plugin_a_own SET x = (SELECT LEN(word) FROM dbo.secret)",
    "EXEC sp_rename 'plugin_a_own', 'other'",
    "EXEC sp_rename 'plugin_a_own', 'plugin_a_mirroring'",
    "ALTER SCHEMA dbo TRANSFER speil_plugin_a.plugin_a_own",
    "UPDATE dbo.Cust1_mirroring SET LSN = 99",
    "DELETE FROM dbo.speil_events",
    "DROP TABLE dbo.Cust1_mirroring",
    "DROP VIEW dbo.by_hand",
    "DENY SELECT ON dbo.sale TO public",
    "INSERT INTO plugin_a_own VALUES (1); INSERT INTO plugin_a_own VALUES (2)",
    "BEGIN TRANSACTION; INSERT INTO plugin_a_own VALUES (1)",
    "INSERT INTO plugin_a_own VALUES (1); ROLLBACK TRANSACTION; BEGIN TRANSACTION",
    "INSERT INTO speil_plugin_a_b.plugin_a_b_own VALUES (1)",
    "SELECT 1",
];

async fn ask(guest: &dyn GuestDatabase, sql: &str) -> Result<GuestRows, GuestError> {
    let until = Instant::now() + Duration::from_mins(1);
    guest.query(sql.into(), vec![], Bounds { rows: 100, until }).await
}

async fn write(guest: &dyn GuestDatabase, sql: &str) -> Result<u64, GuestError> {
    guest.execute(sql.into(), vec![vec![]], Instant::now() + Duration::from_mins(1)).await
}

/// A mirror with `sale` (three rows), and an administrator's `secret` and `by_hand`. `None` where it cannot be shown.
async fn mirrored(test: &str) -> Option<Place> {
    let place = Place::new(test).await?;
    if let Some(answer) = place.lacks_users().await {
        skipped(test, &format!("this server has no users without a login, or nobody can become one: {answer}"));
        place.done().await;
        return None;
    }
    let def = table("sale", vec![column("id", SqlType::Int, false), column("age", SqlType::Int, true)]);
    let turn = Turn { table: def.name.clone(), ticket: place.mirror.ticket().await.expect("a ticket") };
    place.mirror.create_table(&turn, &def, SchemaHash([7; 32])).await.expect("a table");
    place.by_hand("INSERT INTO dbo.sale (id, age) VALUES (1, 10), (2, 20), (3, 30)").await;
    place.by_hand("CREATE TABLE dbo.secret (word nvarchar(20))").await;
    place.by_hand("INSERT INTO dbo.secret VALUES (N'hidden')").await;
    place.by_hand("CREATE VIEW dbo.by_hand AS SELECT word FROM dbo.secret").await;
    Some(place)
}

fn guest(place: &Place, plugin: &str, write: bool) -> Box<dyn GuestDatabase> {
    place.mirror.guest(GuestPowers::of(plugin, write, ["a", "a-b"].into_iter()))
}

#[tokio::test]
async fn a_reader_gets_at_nothing_else() {
    let Some(place) = mirrored("reader").await else { return };
    let guest = guest(&place, "a", false);
    for sql in FORBIDDEN {
        let error = ask(&*guest, sql).await.expect_err(sql);
        assert!(!error.to_string().contains("hidden"), "{sql}: {error}");
        assert!(matches!(error, GuestError::Denied(_) | GuestError::Invalid(_)), "{sql}: {error:?}");
    }
    for sql in FORBIDDEN_WRITES {
        let error = write(&*guest, sql).await.expect_err(sql);
        assert!(error.to_string().contains("database = \"write\""), "{sql}: {error}");
        assert!(ask(&*guest, sql).await.is_err() || *sql == "SELECT 1", "{sql}");
    }
    assert_eq!(ask(&*guest, "SELECT SUM(age) FROM sale").await.unwrap().rows, [[GuestValue::Integer(60)]]);
    place.done().await;
}

#[tokio::test]
async fn a_writer_changes_nothing_but_its_own() {
    let Some(place) = mirrored("writer").await else { return };
    let (own, other) = (guest(&place, "a", true), guest(&place, "a-b", true));
    write(&*own, "CREATE TABLE plugin_a_own (x int)").await.unwrap();
    write(&*other, "CREATE TABLE plugin_a_b_own (x int)").await.unwrap();
    let objects = "SELECT CHECKSUM_AGG(CHECKSUM(name, type, schema_id)) FROM sys.objects";
    let before = place.by_hand(objects).await;
    for sql in FORBIDDEN.iter().chain(FORBIDDEN_WRITES) {
        let error = write(&*own, sql).await.expect_err(sql);
        assert!(!error.to_string().contains("hidden"), "{sql}: {error}");
        assert!(matches!(error, GuestError::Denied(_) | GuestError::Invalid(_)), "{sql}: {error:?}");
        assert_eq!(place.by_hand("SELECT COUNT(*) FROM speil_plugin_a.plugin_a_own").await, Some(0), "{sql}");
    }
    assert_eq!(place.by_hand(objects).await, before);
    assert_eq!(place.by_hand("SELECT SUM(age) FROM dbo.sale").await, Some(60));
    assert!(ask(&*own, "SELECT * FROM speil_plugin_a_b.plugin_a_b_own").await.is_err());
    // A view over what it may not read can be made, and never read.
    write(&*own, "CREATE VIEW plugin_a_peek AS SELECT word FROM dbo.secret").await.unwrap();
    assert!(matches!(ask(&*own, "SELECT * FROM plugin_a_peek").await, Err(GuestError::Denied(_))));
    // A table that is made anew is granted anew, also while the plug-in is connected.
    ask(&*own, "SELECT COUNT(*) FROM sale").await.unwrap();
    place.by_hand("DROP TABLE dbo.sale; CREATE TABLE dbo.sale (id int NOT NULL PRIMARY KEY, age int)").await;
    assert_eq!(ask(&*own, "SELECT COUNT(*) FROM sale").await.unwrap().rows, [[GuestValue::Integer(0)]]);
    place.done().await;
}

#[tokio::test]
async fn a_statement_without_an_end_is_interrupted() {
    let Some(place) = mirrored("endless").await else { return };
    let guest = guest(&place, "a", true);
    for sql in ["WAITFOR DELAY '00:10:00'; SELECT 1", "WHILE 1 = 1 SET NOCOUNT ON; SELECT 1"] {
        let until = Instant::now() + Duration::from_secs(2);
        let error = guest.query(sql.into(), vec![], Bounds { rows: 1, until }).await.unwrap_err();
        assert!(matches!(error, GuestError::Limit(_)), "{sql}: {error:?}");
        assert_eq!(ask(&*guest, "SELECT COUNT(*) FROM sale").await.unwrap().rows, [[GuestValue::Integer(3)]]);
    }
    place.done().await;
}
