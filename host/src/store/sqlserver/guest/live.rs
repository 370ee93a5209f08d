//! Plug-ins' statements and values on a real server, when `SPEIL_TEST_SQLSERVER` names one. The statements run as the test's own
//! login here: how they are run does not depend on whom they run as, and the server at hand knows no `EXECUTE AS USER`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::run::Guarded;
use super::told::Trouble;
use crate::protocol::context_id::ContextId;
use crate::store::guest::{Bounds, GuestError, GuestPowers, GuestRows, GuestValue};
use crate::store::sqlserver::connection::connection_string::Target;
use crate::store::sqlserver::connection::login::Connector;
use crate::store::sqlserver::connection::pool::Pool;
use crate::store::sqlserver::live_server::{server, skipped};
use crate::store::sqlserver::mirror::statement::Statement;
use crate::store::sqlserver::{SqlServerSettings, SqlServerStore};
use crate::store::{MirrorDb, Store as _};

/// A mirror of this test's own, dropped at its end.
pub(in crate::store::sqlserver) struct Place {
    connection: String,
    database: String,
    pub mirror: Arc<dyn MirrorDb>,
    pub is_babelfish: bool,
}

impl Place {
    /// `None`, and a line that cannot be overlooked, when no server is named.
    pub async fn new(test: &str) -> Option<Self> {
        Self::in_schema(test, None).await
    }

    /// The same with a schema configured.
    pub async fn in_schema(test: &str, schema: Option<&str>) -> Option<Self> {
        let connection = server(test)?;
        let prefix = format!("t_guest_{test}_{:08x}_", rand::random::<u32>());
        let database = format!("{prefix}[contextId]");
        let schema = schema.map(str::to_owned);
        let settings = SqlServerSettings { database, schema, ..SqlServerSettings::new(&connection) };
        let store = SqlServerStore::open(settings).expect("a store");
        let mirror = store.open(&ContextId::new("Cust1").expect("a tenant"), None).await.expect("a mirror");
        let mut place = Self { connection, database: format!("{prefix}Cust1"), mirror, is_babelfish: false };
        let mut lease = place.pool().lease("master").await.expect("a connection");
        let rows = lease.ask("SELECT CAST(SERVERPROPERTY('Babelfish') AS int)").await.expect("an answer");
        place.is_babelfish = rows.first().and_then(|row| row.get::<i32, _>(0)) == Some(1);
        Some(place)
    }

    fn pool(&self) -> Arc<Pool> {
        let target = Target::parse(&self.connection).expect("a connection string");
        Pool::new(Arc::new(target), 2)
    }

    /// A connection as the test's own login, with a schema for own tables.
    async fn guarded(&self) -> Guarded {
        let mut lease = self.pool().lease(&self.database).await.expect("a connection");
        lease
            .run("IF SCHEMA_ID(N'speil_plugin_a') IS NULL EXEC(N'CREATE SCHEMA [speil_plugin_a]')")
            .await
            .expect("a schema");
        Guarded::over(lease, "speil_plugin_a".into(), GuestPowers::of("a", true, ["a"].into_iter()))
    }

    /// An administrator's statement; its first number, if it answers one.
    pub async fn by_hand(&self, sql: &str) -> Option<i64> {
        let mut lease = self.pool().lease(&self.database).await.expect("a connection");
        let rows = Statement::of(sql).rows(&mut lease).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.first().and_then(|row| row.integer(0))
    }

    /// What this server answers to making a user without a login and becoming it, if it is a Babelfish that refuses: the real
    /// server does both, and a test that finds otherwise fails.
    pub async fn lacks_users(&self) -> Option<String> {
        let mut lease = self.pool().lease(&self.database).await.expect("a connection");
        let probe =
            "CREATE USER speil_probe WITHOUT LOGIN; EXECUTE AS USER = 'speil_probe'; REVERT; DROP USER speil_probe";
        lease.run(probe).await.err().filter(|_| self.is_babelfish).map(|error| error.to_string())
    }

    async fn ask(&self, sql: &str, parameters: &[GuestValue]) -> Result<GuestRows, GuestError> {
        let bounds = Bounds { rows: 100, until: Instant::now() };
        self.guarded().await.query(sql, parameters, bounds).await.map_err(Trouble::told)
    }

    async fn write(&self, sql: &str, lists: &[Vec<GuestValue>]) -> Result<u64, GuestError> {
        self.guarded().await.execute(sql, lists).await.map_err(Trouble::told)
    }

    async fn count(&self) -> GuestValue {
        let rows = self.ask("SELECT COUNT(*) FROM speil_plugin_a.plugin_a_t", &[]).await.expect("a count");
        rows.rows[0][0].clone()
    }

    pub async fn done(self) {
        drop(self.mirror);
        let target = Target::parse(&self.connection).expect("a connection string");
        let mut master = Connector::new(Arc::new(target), None).open(Some("master")).await.expect("a connection");
        // Connections that were just closed may still be at their end there.
        let mut left = 20;
        while let Err(error) = master.run(&format!("DROP DATABASE [{}]", self.database)).await {
            left -= 1;
            if left == 0 || master.is_busy() {
                eprintln!("a test's database stays: {error}");
                break;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

#[tokio::test]
async fn values_come_back_as_they_went() {
    let Some(place) = Place::new("values").await else { return };
    let parameters = vec![
        GuestValue::Integer(i64::MIN),
        GuestValue::Real(0.1),
        GuestValue::Decimal("-12.3400".into()),
        GuestValue::Text("it's \"x\"; -- æ".into()),
        GuestValue::Text("long ".repeat(2_000)),
        GuestValue::Timestamp("2020-05-18 10:40:43.123".into()),
        GuestValue::Binary(vec![0, 255]),
        GuestValue::Binary(vec![7; 20_000]),
    ];
    match place.ask("SELECT @P1", &[GuestValue::Null]).await {
        Ok(rows) => assert_eq!(rows.rows, [[GuestValue::Null]]),
        Err(error) if place.is_babelfish && error.to_string().contains("0x1F") => {
            skipped(
                "values_come_back_as_they_went, NULL",
                "this server takes no parameter that is NULL without a type",
            );
        }
        Err(error) => panic!("{error}"),
    }
    let rows = place.ask("SELECT @P1, @P2, @P3, @P4, @P5, @P6, @P7, @P8", &parameters).await.unwrap();
    let mut expected = parameters.clone();
    // The column is a datetime2(7), which shows all of its digits.
    expected[5] = GuestValue::Timestamp("2020-05-18 10:40:43.1230000".into());
    assert_eq!(rows.rows, [expected]);
    let rows = place.ask("SELECT CAST(1.5 AS money) AS m, CAST('2020-02-29' AS date) AS d", &[]).await.unwrap();
    assert_eq!(rows.columns, ["m", "d"]);
    let expected = [GuestValue::Decimal("1.5000".into()), GuestValue::Timestamp("2020-02-29".into())];
    assert_eq!(rows.rows, [expected]);
    place.done().await;
}

#[tokio::test]
async fn a_statement_stays_inside_its_transaction() {
    let Some(place) = Place::new("inside").await else { return };
    let none = [vec![]];
    place.write("CREATE TABLE speil_plugin_a.plugin_a_t (x int PRIMARY KEY)", &none).await.unwrap();
    let numbers: Vec<Vec<GuestValue>> = (1..=3).map(|number| vec![GuestValue::Integer(number)]).collect();
    let insert = "INSERT INTO speil_plugin_a.plugin_a_t VALUES (@P1)";
    assert_eq!(place.write(insert, &numbers).await, Ok(3));
    let twice = [vec![GuestValue::Integer(4)], vec![GuestValue::Integer(1)]];
    let error = place.write(insert, &twice).await.unwrap_err();
    assert!(matches!(error, GuestError::Constraint(_)), "{error:?}");
    assert_eq!(place.count().await, GuestValue::Integer(3));
    for sql in [
        "INSERT INTO speil_plugin_a.plugin_a_t VALUES (10); ROLLBACK TRANSACTION",
        "ROLLBACK TRANSACTION; BEGIN TRANSACTION; INSERT INTO speil_plugin_a.plugin_a_t VALUES (11)",
        "BEGIN TRANSACTION; INSERT INTO speil_plugin_a.plugin_a_t VALUES (12)",
        "COMMIT TRANSACTION",
        "COMMIT TRANSACTION; BEGIN TRANSACTION",
    ] {
        let error = place.write(sql, &none).await.expect_err(sql);
        assert!(matches!(error, GuestError::Denied(_) | GuestError::Invalid(_)), "{sql}: {error:?}");
        assert_eq!(place.count().await, GuestValue::Integer(3), "{sql}");
        let error = place.ask(sql, &[]).await.expect_err(sql);
        assert!(matches!(error, GuestError::Denied(_) | GuestError::Invalid(_)), "{sql}: {error:?}");
        assert_eq!(place.count().await, GuestValue::Integer(3), "{sql}");
    }
    // What a query writes is taken back.
    place.ask("DELETE FROM speil_plugin_a.plugin_a_t; SELECT 1", &[]).await.unwrap();
    assert_eq!(place.count().await, GuestValue::Integer(3));
    for (sql, why) in [
        ("SELECT 1", "no statement that writes"),
        ("CREATE TABLE speil_plugin_a.other (x int)", "names that begin with plugin_a_"),
    ] {
        let error = place.write(sql, &none).await.expect_err(sql);
        assert!(error.to_string().contains(why), "{sql}: {error}");
    }
    place.done().await;
}

#[tokio::test]
async fn a_server_without_such_users_says_so() {
    let Some(place) = Place::new("without").await else { return };
    if place.lacks_users().await.is_none() {
        skipped("without", "this server has EXECUTE AS USER");
        return place.done().await;
    }
    let guest = place.mirror.guest(GuestPowers::of("a", true, ["a"].into_iter()));
    let bounds = Bounds { rows: 1, until: Instant::now() + Duration::from_mins(1) };
    let error = guest.query("SELECT 1".into(), vec![], bounds).await.unwrap_err();
    assert!(matches!(&error, GuestError::Unavailable(text) if text.contains("Babelfish")), "{error:?}");
    place.done().await;
}

#[tokio::test]
async fn small_values_are_kept_per_plug_in() {
    let Some(place) = Place::new("small").await else { return };
    let (one, other) = (place.mirror.guest_values("one"), place.mirror.guest_values("other"));
    let some = |text: &str| Some(text.as_bytes().to_vec());
    one.put(vec![("a".into(), some("1")), ("a ".into(), some("2")), ("A".into(), some(""))]).await.unwrap();
    other.put(vec![("a".into(), some("theirs"))]).await.unwrap();
    let keys = ["a", "a ", "A", "b"].map(str::to_owned).to_vec();
    assert_eq!(one.get(keys).await.unwrap(), [some("1"), some("2"), some(""), None]);
    assert_eq!(one.increment("n".into(), 5).await, Ok(5));
    assert_eq!(one.increment("n".into(), 5).await, Ok(10));
    assert!(matches!(one.increment("A".into(), 1).await, Err(GuestError::Invalid(_))));
    assert_eq!(one.keys(1, 2).await.unwrap().len(), 2);
    one.put(vec![("a".into(), None), ("n".into(), some("x"))]).await.unwrap();
    assert_eq!(one.get(vec!["a".into(), "n".into()]).await.unwrap(), [None, some("x")]);
    assert_eq!(other.get(vec!["a".into()]).await.unwrap(), [some("theirs")]);
    // Too much is refused, and nothing of it is kept.
    let large: Vec<_> = (0..17).map(|number| (format!("k{number}"), Some(vec![7; 1 << 20]))).collect();
    assert!(matches!(one.put(large).await, Err(GuestError::Limit(_))));
    assert_eq!(one.get(vec!["k0".into(), "n".into()]).await.unwrap(), [None, some("x")]);
    place.done().await;
}
