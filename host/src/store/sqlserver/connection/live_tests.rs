//! What only a real server can show about connections. Run when `SPEIL_TEST_SQLSERVER` holds a connection string of an
//! administrator; otherwise each says that it was skipped.

use std::sync::Arc;
use std::time::Duration;

use super::connection_string::Target;
use super::pool::{Limits, Pool};
use crate::store::StoreErrorKind;
use crate::store::sqlserver::live_server::{server, skipped};

fn target(text: &str) -> Arc<Target> {
    Arc::new(Target::parse(text).expect("SPEIL_TEST_SQLSERVER is a connection string"))
}

fn pool(text: &str, limits: Limits) -> Arc<Pool> {
    Pool::new(target(text), limits)
}

async fn spid(lease: &mut super::pool::Lease) -> i16 {
    let rows = lease.query("SELECT CAST(@@SPID AS smallint)", &[]).await.expect("a session has a number");
    rows[0].get::<i16, _>(0).expect("not null")
}

#[tokio::test]
async fn connections_are_used_again_for_their_database_alone() {
    let Some(text) = server("connections_are_used_again_for_their_database_alone") else { return };
    let pool = pool(&text, Limits { connections: 2, ..Limits::default() });
    let mut first = pool.lease("master").await.expect("a connection");
    let one = spid(&mut first).await;
    first.finish();
    let mut again = pool.lease("master").await.expect("a connection");
    assert_eq!(spid(&mut again).await, one, "the same session");
    again.finish();
    let mut other = pool.lease("tempdb").await.expect("a connection");
    assert_ne!(spid(&mut other).await, one);
    let rows = other.query("SELECT DB_NAME()", &[]).await.expect("its name");
    assert_eq!(rows[0].get::<&str, _>(0), Some("tempdb"));
    other.finish();
    assert_eq!((pool.counters().open, pool.counters().idle, pool.counters().opened), (2, 2, 2));
    // Room for a third is made by closing the one longest unused.
    let third = pool.lease("msdb").await.expect("a connection");
    assert_eq!((pool.counters().open, pool.counters().idle), (2, 1));
    let mut tempdb = pool.lease("tempdb").await.expect("the idle one");
    assert_eq!(pool.counters().opened, 3, "tempdb's was not the one closed");
    spid(&mut tempdb).await;
    drop((third, tempdb));
    assert_eq!((pool.counters().open, pool.counters().discarded), (0, 2));
}

#[tokio::test]
async fn whoever_waits_gets_the_next_or_a_sentence() {
    let Some(text) = server("whoever_waits_gets_the_next_or_a_sentence") else { return };
    let wait = Duration::from_millis(50);
    let pool = pool(&text, Limits { connections: 1, wait, ..Limits::default() });
    let only = pool.lease("master").await.expect("a connection");
    let error = pool.lease("master").await.err().expect("none is free");
    assert_eq!(error.kind, StoreErrorKind::Transient);
    assert!(error.message.starts_with("all 1 connections to SQL Server "), "{error}");
    assert_eq!((pool.counters().waited, pool.counters().gave_up, pool.counters().waiting), (1, 1, 0));
    let (waiting, ()) = tokio::join!(pool.lease("tempdb"), async { only.finish() });
    waiting.expect("it came free").finish();
    pool.close();
    assert_eq!(pool.counters().open, 0);
    assert!(pool.lease("master").await.is_err(), "closed");
}

#[tokio::test]
async fn what_a_lease_left_behind_is_gone_for_the_next() {
    let Some(text) = server("what_a_lease_left_behind_is_gone_for_the_next") else { return };
    let pool = pool(&text, Limits { connections: 1, ..Limits::default() });
    let mut lease = pool.lease("tempdb").await.expect("a connection");
    let one = spid(&mut lease).await;
    lease.run("CREATE TABLE #speil_left (a int); SET LOCK_TIMEOUT 5").await.expect("made");
    lease.made_temporary("#speil_left");
    lease.finish();
    let mut next = pool.lease("tempdb").await.expect("a connection");
    assert_eq!(spid(&mut next).await, one);
    let rows = next.query("SELECT OBJECT_ID(N'tempdb..#speil_left'), @@LOCK_TIMEOUT", &[]).await.expect("looked");
    assert_eq!(rows[0].get::<i32, _>(0), None, "the temporary table is gone");
    assert_eq!(rows[0].get::<i32, _>(1), Some(-1), "the setting is as at login");
    // An open transaction is none of the next one's business.
    next.run("BEGIN TRANSACTION").await.expect("begun");
    next.finish();
    let mut fresh = pool.lease("tempdb").await.expect("a connection");
    let rows = fresh.query("SELECT @@TRANCOUNT", &[]).await.expect("counted");
    assert_eq!(rows[0].get::<i32, _>(0), Some(0));
    assert_eq!((pool.counters().discarded, pool.counters().opened), (1, 2));
    // Nor is another database.
    fresh.run("USE master").await.expect("used");
    fresh.finish();
    let mut fresh = pool.lease("tempdb").await.expect("a connection");
    let rows = fresh.query("SELECT DB_NAME()", &[]).await.expect("its name");
    assert_eq!(rows[0].get::<&str, _>(0), Some("tempdb"));
    fresh.finish();
}

#[tokio::test]
async fn a_command_given_up_half_way_costs_the_connection_and_an_error_does_not() {
    let Some(text) = server("a_command_given_up_half_way_costs_the_connection_and_an_error_does_not") else { return };
    let pool = pool(&text, Limits { connections: 1, ..Limits::default() });
    let mut lease = pool.lease("master").await.expect("a connection");
    let error = lease.query("SELECT * FROM dbo.speil_there_is_no_such_table", &[]).await.expect_err("no such table");
    assert_eq!(error.kind, StoreErrorKind::UnknownTable, "{error}");
    assert!(!lease.is_busy(), "the answer was read to the end");
    let begun = tokio::time::timeout(Duration::ZERO, lease.query("SELECT COUNT(*) FROM sys.objects", &[])).await;
    assert!(begun.is_err(), "given up before the answer");
    assert!(lease.is_busy());
    lease.finish();
    assert_eq!((pool.counters().open, pool.counters().discarded), (0, 1));
    pool.lease("master").await.expect("a new one").finish();
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let Some(text) = server("a_server_that_says_nothing_is_given_up") else { return };
    let pool = pool(&text, Limits { connections: 2, ..Limits::default() });
    let mut holder = pool.lease("tempdb").await.expect("a connection");
    holder.run("BEGIN TRANSACTION").await.expect("begun");
    let lock =
        "EXEC sp_getapplock @Resource = N'speil_conn_test', @LockMode = N'Exclusive', @LockOwner = N'Transaction'";
    holder.run(lock).await.expect("locked");
    let mut waiter = pool.lease("tempdb").await.expect("a connection");
    waiter.set_patience(Some(Duration::from_millis(100)));
    waiter.run("BEGIN TRANSACTION").await.expect("begun");
    let error = waiter.run(lock).await.expect_err("the lock is held");
    assert_eq!(error.kind, StoreErrorKind::Transient);
    assert!(error.message.contains("said nothing for 0.1 seconds"), "{error}");
    assert!(waiter.is_busy());
    waiter.finish();
    holder.run("ROLLBACK TRANSACTION").await.expect("the other's connection is sound");
    holder.finish();
    assert_eq!(pool.counters().idle, 1);
}

#[tokio::test]
async fn wrong_passwords_databases_and_ports_have_their_sentences() {
    let Some(text) = server("wrong_passwords_databases_and_ports_have_their_sentences") else { return };
    // A user that is not there, since some servers on loopback look at no password.
    let secret = "Wr0ng-and-secret";
    let wrong = pool(&format!("{text};User ID=t_conn_nobody;Password={secret}"), Limits::default());
    let error = wrong.lease("master").await.err().expect("no such login");
    assert_eq!(error.kind, StoreErrorKind::Environment, "{error}");
    assert!(!format!("{error} {error:?}").contains(secret));
    let missing = pool(&text, Limits::default()).lease("t_conn_there_is_none").await.err().expect("no such database");
    assert_eq!(missing.kind, StoreErrorKind::Environment, "{missing}");
    assert!(missing.message.contains("database t_conn_there_is_none: "), "{missing}");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
    let refused = pool(&format!("{text};Server=127.0.0.1,{closed}"), Limits::default());
    let error = refused.lease("master").await.err().expect("nobody there");
    assert_eq!(error.kind, StoreErrorKind::Transient, "{error}");
    assert!(error.message.contains(&format!("127.0.0.1 does not answer at port {closed}")), "{error}");
}

#[tokio::test]
async fn many_callers_share_few_connections() {
    let Some(text) = server("many_callers_share_few_connections") else { return };
    let pool = pool(&text, Limits { connections: 3, ..Limits::default() });
    let callers = (0..40).map(|caller: usize| {
        let pool = Arc::clone(&pool);
        tokio::spawn(async move {
            let database = ["master", "tempdb", "msdb"][caller % 3];
            let mut lease = pool.lease(database).await.expect("in its turn");
            assert!(pool.counters().open <= 3, "{:?}", pool.counters());
            let rows = lease.query("SELECT DB_NAME()", &[]).await.expect("its name");
            assert_eq!(rows[0].get::<&str, _>(0), Some(database));
            // Every fifth caller breaks off.
            if !caller.is_multiple_of(5) {
                lease.finish();
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("no caller failed");
    }
    let counters = pool.counters();
    assert_eq!((counters.waiting, counters.gave_up, counters.discarded), (0, 0, 8), "{counters:?}");
    assert_eq!(counters.open, counters.idle);
}

#[tokio::test]
async fn connections_are_encrypted_and_certificates_looked_at() {
    const NAME: &str = "connections_are_encrypted_and_certificates_looked_at";
    let Some(text) = server(NAME) else { return };
    let open = async |more: &str| {
        let pool = pool(&format!("{text};{more}"), Limits::default());
        pool.lease("master").await
    };
    match open("Encrypt=true;TrustServerCertificate=true").await {
        Ok(mut lease) => {
            spid(&mut lease).await;
            lease.finish();
        }
        Err(error) => {
            assert!(error.message.contains("offers no encryption"), "{error}");
            skipped(NAME, "the test server has no TLS");
            return;
        }
    }
    // Whether the certificate is good depends on the server; if it is not, that is what people read.
    if let Err(error) = open("Encrypt=true;TrustServerCertificate=false").await {
        assert_eq!(error.kind, StoreErrorKind::Environment, "{error}");
        assert!(error.message.contains("no encrypted connection comes about"), "{error}");
        assert!(error.message.contains("`Server Certificate=file.pem`"), "{error}");
    }
    let other = "Encrypt=true;TrustServerCertificate=false;HostNameInCertificate=other.example.com";
    let error = open(other).await.err().expect("not its name");
    assert_eq!(error.kind, StoreErrorKind::Environment, "{error}");
}

#[tokio::test]
async fn what_comes_again_is_kept_ready_and_made_again_when_the_server_forgets_it() {
    let Some(text) = server("what_comes_again_is_kept_ready_and_made_again_when_the_server_forgets_it") else { return };
    let pool = pool(&text, Limits::default());
    let mut lease = pool.lease("master").await.expect("a connection");
    let given = ["N'it''s'".to_owned(), "-7".to_owned()];
    let (declared, sql) = ("@P1 nvarchar(4000), @P2 bigint", "SELECT @P2, @P1;");
    let mut called = Vec::new();
    for _ in 0..5 {
        let call = lease.ready(declared, sql, &given).await.expect("an answer");
        if let Some(call) = &call {
            let rows = lease.ask(call).await.expect("a row");
            assert_eq!((rows[0].get::<i64, _>(0), rows[0].get::<&str, _>(1)), (Some(-7), Some("it's")));
        }
        called.push(call);
    }
    assert!(called[..2].iter().all(Option::is_none) && called[2].is_some(), "{called:?}");
    assert_eq!(called[2], called[4]);
    let number: i32 =
        called[4].as_deref().and_then(|call| call.split([' ', ',']).nth(2)?.parse().ok()).expect("a number");
    lease.run(&format!("EXEC sp_unprepare {number}")).await.expect("it is there");
    let error = lease.ask(called[4].as_deref().unwrap_or_default()).await.expect_err("it is gone");
    assert_eq!(error.kind, StoreErrorKind::Transient, "{error}");
    // From then on by the text, until it has come often enough again.
    assert_eq!(lease.ready(declared, sql, &given).await.expect("an answer"), None);
    lease.finish();
}
